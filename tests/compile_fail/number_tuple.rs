//! A number of units as a tuple.
//~ network `Wrong`, layer 0 `fc1`: units: expected a number, found `(3, 3)`
kernlet::network! {
    struct Wrong([8]) { fc1: dense((3, 3)) }
}

fn main() {}
