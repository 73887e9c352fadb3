//! A number of units that is not whole.
//~ network `Wrong`, layer 0 `fc1`: units: expected a whole number, found `2.5`
kernlet::network! {
    struct Wrong([8]) { fc1: dense(2.5) }
}

fn main() {}
