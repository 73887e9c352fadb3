//! A window over time as a list.
//~ network `Wrong`, layer 0 `c`: steps of the window: expected a number, found `[3]`
kernlet::network! {
    struct Wrong([8, 3]) { c: conv1d(4, [3]) }
}

fn main() {}
