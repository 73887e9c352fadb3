//! Numbers that are no indices.
//~ network `Wrong`, layer 0 `words`: reads whole numbers: write the network's input as in `[u16; 40]`
kernlet::network! {
    struct Wrong([8]) { words: embedding(10, 4) }
}

fn main() {
    let _ = Wrong::PARAMETERS;
}
