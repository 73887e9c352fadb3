//! Two layers with parameters and one name.
//~ network `Wrong`, layer 2 `dense`: layer 0 has this name too
kernlet::network! {
    struct Wrong([8]) { dense(16), relu, dense(3) }
}

fn main() {
    let _ = Wrong::PARAMETERS;
}
