//! The same over rows.
//~ network `Wrong`, layer 0 `rms_norm`: epsilon: expected more than 0.0 and less than 1.0, as an f32
kernlet::network! {
    struct Wrong([4]) { rms_norm(epsilon: 1.0) }
}

fn main() {}
