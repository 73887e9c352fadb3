//! A number as a string.
//~ network `Wrong`, layer 0 `state`: units: expected a number, found `"4"`
kernlet::network! {
    struct Wrong([8, 3]) { state: gru("4") }
}

fn main() {}
