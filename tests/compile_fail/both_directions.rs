//! A direction that is there already.
//~ network `Wrong`, layer 0 `state`: `bidirectional` runs backwards too: leave out `backwards`
kernlet::network! {
    struct Wrong([8, 3]) { state: gru(4, bidirectional, backwards) }
}

fn main() {
    let _ = Wrong::PARAMETERS;
}
