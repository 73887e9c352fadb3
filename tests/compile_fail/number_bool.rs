//! A rate that is no number.
//~ network `Wrong`, layer 0 `dropout`: rate: expected a number, found `true`
kernlet::network! {
    struct Wrong([8]) { dropout(true) }
}

fn main() {}
