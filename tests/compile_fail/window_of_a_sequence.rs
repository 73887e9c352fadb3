//! A window that is longer than its sequence.
//~ network `Wrong`, layer 0 `conv1`: a window of 9 steps does not fit its input 8x3
kernlet::network! {
    struct Wrong([8, 3]) { conv1: conv1d(8, 9) }
}

fn main() {
    let _ = Wrong::PARAMETERS;
}
