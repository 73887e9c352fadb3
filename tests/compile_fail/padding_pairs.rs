//! Padding as pairs.
//~ network `Wrong`, layer 0 `c`: padding: expected `valid`, `same` or `[top, bottom, left, right]`, found `[(1, 1), (1, 1)]`
kernlet::network! {
    struct Wrong([8, 8, 3]) { c: conv2d(8, 3x3, padding: [(1, 1), (1, 1)]) }
}

fn main() {}
