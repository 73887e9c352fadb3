//! An option without its value.
//~ network `Wrong`, layer 0 `c`: `stride` is given without a value; it is written `conv2d(filters, 3x3, stride: 2
kernlet::network! {
    struct Wrong([8, 8, 3]) { c: conv2d(4, 3x3, stride) }
}

fn main() {}
