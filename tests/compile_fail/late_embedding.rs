//! An embedding of what is no list of whole numbers.
//~ network `Wrong`, layer 1 `embedding`: expected the network's input, a list of whole numbers
kernlet::network! {
    struct Wrong([4]) { dense(4), embedding(10, 2) }
}

fn main() {}
