//! An ε that is 0 as an `f32`.
//~ network `Wrong`, layer 0 `norm`: epsilon: expected more than 0.0 and less than 1.0, as an f32
kernlet::network! {
    struct Wrong([4]) { norm: batch_norm(epsilon: 1e-50) }
}

fn main() {}
