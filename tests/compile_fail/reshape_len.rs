//! Other axes for other numbers.
//~ network `Wrong`, layer 0 `reshape`: 4x4x2 cannot be read as 5x6
kernlet::network! {
    struct Wrong([4, 4, 2]) { reshape([5, 6]) }
}

fn main() {}
