//! A layer that does not exist.
//~ network `Wrong`, layer 0 `fc1`: `dens` is no kind of layer; did you mean `dense`?
kernlet::network! {
    struct Wrong([8]) { fc1: dens(16) }
}

fn main() {
    let _ = Wrong::PARAMETERS;
}
