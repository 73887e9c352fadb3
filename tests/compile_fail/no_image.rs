//! A convolution after a dense layer.
//~ network `Wrong`, layer 1 `conv1`: expected an input of height x width x channels, found 16
kernlet::network! {
    struct Wrong([8, 8, 3]) { fc1: dense(16), conv1: conv2d(8, 3x3) }
}

fn main() {
    let _ = Wrong::PARAMETERS;
}
