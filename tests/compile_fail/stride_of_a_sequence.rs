//! Time has one axis.
//~ network `Wrong`, layer 0 `conv1`: stride: expected a number of steps, found 2x1
kernlet::network! {
    struct Wrong([8, 3]) { conv1: conv1d(8, 3, stride: 2x1) }
}

fn main() {}
