//! An option's number as a string.
//~ network `Wrong`, layer 0 `batch_norm`: epsilon: expected a number, found `"1e-3"`
kernlet::network! {
    struct Wrong([8]) { batch_norm(epsilon: "1e-3") }
}

fn main() {}
