//! A residual addition of two shapes.
//~ network `Wrong`, layer 2 `add`: adds `entry` of shape 6x6x8 to an input of shape 4x4x8
kernlet::network! {
    struct Wrong([8, 8, 3]) { entry: conv2d(8, 3x3), body: conv2d(8, 3x3), add(entry) }
}

fn main() {
    let _ = Wrong::PARAMETERS;
}
