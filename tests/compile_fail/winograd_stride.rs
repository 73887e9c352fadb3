//! Winograd's algorithm moves by one pixel.
//~ network `Wrong`, layer 0 `conv1`: winograd
kernlet::network! {
    struct Wrong([8, 8, 3]) { conv1: conv2d(8, 3x3, winograd, stride: 2) }
}

fn main() {}
