//! An addition of as many numbers in other axes.
//~ network `Wrong`, layer 2 `add`: adds `a` of shape 4x4x1 to an input of shape 2x2x4
kernlet::network! {
    struct Wrong([4, 4, 1]) { a: conv2d(1, 1x1), b: conv2d(4, 2x2, stride: 2), add(a) }
}

fn main() {}
