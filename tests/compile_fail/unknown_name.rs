//! A shortcut from a layer that does not exist.
//~ network `Wrong`, layer 1 `add`: no earlier layer is named `entri`
kernlet::network! {
    struct Wrong([4]) { entry: dense(4), add(entri) }
}

fn main() {}
