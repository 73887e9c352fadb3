//! Indices that are no numbers.
//~ network `Wrong`, layer 0 `fc1`: the network's input is a list of whole numbers, which an `embedding` reads
kernlet::network! {
    struct Wrong([u16; 8]) { fc1: dense(4) }
}

fn main() {
    let _ = Wrong::PARAMETERS;
}
