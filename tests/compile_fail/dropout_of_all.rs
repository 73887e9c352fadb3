//! A rate that `f32` and the kernel round to 1.
//~ network `Wrong`, layer 0 `dropout`: a dropout rate is at least 0.0 and less than 1.0, by 2^-17 or more
kernlet::network! {
    struct Wrong([4]) { dropout(0.999999) }
}

fn main() {}
