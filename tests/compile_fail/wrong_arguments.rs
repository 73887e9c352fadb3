//! Arguments of another form.
//~ network `Wrong`, layer 0 `c`: expected `conv2d(filters, 3x3
//~ found `conv2d(4)`
kernlet::network! {
    struct Wrong([8, 8, 3]) { c: conv2d(4) }
}

fn main() {}
