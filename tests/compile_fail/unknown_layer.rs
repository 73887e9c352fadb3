//! A layer that does not exist.
//~ network!: `dens(16)` is no layer
kernlet::network! {
    struct Wrong([8]) { fc1: dens(16) }
}

fn main() {
    let _ = Wrong::PARAMETERS;
}
