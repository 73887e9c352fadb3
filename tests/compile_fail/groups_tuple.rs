//! A number as a tuple.
//~ network `Wrong`, layer 0 `c`: groups: expected a number, found `(2, 2)`
kernlet::network! {
    struct Wrong([8, 8, 3]) { c: conv2d(8, 3x3, groups: (2, 2)) }
}

fn main() {}
