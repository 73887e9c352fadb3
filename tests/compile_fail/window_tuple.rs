//! A window as a tuple.
//~ network `Wrong`, layer 0 `c`: window: expected a size such as `3x3`, or `3` for both sides, found `(3, 3)`
kernlet::network! {
    struct Wrong([8, 8, 3]) { c: conv2d(8, (3, 3)) }
}

fn main() {}
