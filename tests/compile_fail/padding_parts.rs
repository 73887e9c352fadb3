//! Padding that is not whole.
//~ network `Wrong`, layer 0 `c`: padding: expected `valid`, `same` or `[top, bottom, left, right]`, found `[0.5, 0.5, 0.5, 0.5]`
kernlet::network! {
    struct Wrong([8, 8, 3]) { c: conv2d(4, 3x3, padding: [0.5, 0.5, 0.5, 0.5]) }
}

fn main() {}
