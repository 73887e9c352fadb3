//! Groups that do not divide the channels.
//~ network `Wrong`, layer 0 `conv1`: 2 groups must divide 3 input channels and 8 filters
kernlet::network! {
    struct Wrong([8, 8, 3]) { conv1: conv2d(8, 3x3, groups: 2) }
}

fn main() {
    let _ = Wrong::PARAMETERS;
}
