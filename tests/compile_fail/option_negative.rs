//! A stride below 0.
//~ network `Wrong`, layer 0 `c`: stride: expected a size such as `3x3`, or `3` for both sides, found `-1`
kernlet::network! {
    struct Wrong([8, 8, 3]) { c: conv2d(4, 3x3, stride: -1) }
}

fn main() {}
