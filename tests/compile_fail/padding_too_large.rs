//! A padding as large as its window.
//~ network `Wrong`, layer 0 `pool`: pool2d:
kernlet::network! {
    struct Wrong([8, 8, 3]) { pool: max_pool2d(2x2, padding: [2, 0, 0, 0]), dense(2) }
}

fn main() {}
