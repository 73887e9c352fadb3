//! A window larger than its input.
//~ network `Wrong`, layer 2 `conv2`: a window of 5x5 does not fit its input 4x4x8
kernlet::network! {
    struct Wrong([6, 6, 1]) { conv1: conv2d(8, 3x3), relu, conv2: conv2d(8, 5x5) }
}

fn main() {
    let _ = Wrong::PARAMETERS;
}
