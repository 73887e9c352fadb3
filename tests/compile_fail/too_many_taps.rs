//! A maximum of more taps than a byte can name.
//~ network `Wrong`, layer 0 `pool`: a window of 17x17 has 289 taps
kernlet::network! {
    struct Wrong([20, 20, 3]) { pool: max_pool2d(17x17), dense(2) }
}

fn main() {}
