//! Taps that lie on each other.
//~ network `Wrong`, layer 0 `c`: dilation 0; expected at least 1
kernlet::network! {
    struct Wrong([8, 8, 3]) { c: conv2d(4, 3x3, dilation: 0) }
}

fn main() {}
