//! A window below 0.
//~ network `Wrong`, layer 0 `pool`: window: expected a size such as `3x3`, or `3` for both sides, found `- 2`
kernlet::network! {
    struct Wrong([8, 8, 3]) { pool: max_pool2d(-2, stride: 1) }
}

fn main() {}
