//! A recurrent layer reads a sequence.
//~ network `Wrong`, layer 0 `gru`: expected an input of time x channels, found 4x4x2
kernlet::network! {
    struct Wrong([4, 4, 2]) { gru(8) }
}

fn main() {}
