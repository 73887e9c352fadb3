//! A switch with a value, as if it could be off.
//~ network `Wrong`, layer 0 `state`: `sequences` takes no value: leave it out or write `gru(units, sequences,
kernlet::network! {
    struct Wrong([8, 3]) { state: gru(4, sequences: no) }
}

fn main() {}
