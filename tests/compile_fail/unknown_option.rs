//! An option that the kind does not have.
//~ network `Wrong`, layer 0 `c`: `strid` is no option of `conv2d`; did you mean `stride`?
//~ conv2d(filters, 3x3, stride: 2
kernlet::network! {
    struct Wrong([8, 8, 3]) { c: conv2d(4, 3x3, strid: 2) }
}

fn main() {}
