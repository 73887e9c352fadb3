//! An axis that should be found out.
//~ network `Wrong`, layer 0 `reshape`: axes: expected 1 to 4 sizes in brackets, found `[4, -1]`
kernlet::network! {
    struct Wrong([8]) { reshape([4, -1]) }
}

fn main() {}
