//! A window that is no size.
//~ network `Wrong`, layer 0 `c`: window: expected a size such as `3x3`, or `3` for both sides, found `KxK`
kernlet::network! {
    struct Wrong([8, 8, 3]) { c: conv2d(4, KxK) }
}

fn main() {}
