//! A normalisation that leaves nothing.
//~ network `Small`, layer 1 `layer_norm`: normalises over one number, which leaves nothing of it, input 5x1
kernlet::network! { struct Small([7, 3]) { conv1d(1, 3), layer_norm } }

fn main() {}
