//! Winograd's algorithm is for one window.
//~ network `Wrong`, layer 0 `conv1`: winograd
kernlet::network! {
    struct Wrong([8, 8, 3]) { conv1: conv2d(8, 5x5, winograd) }
}

fn main() {}
