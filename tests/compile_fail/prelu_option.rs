//! An option that there is not.
//~ network `Small`, layer 1 `prelu`: 
kernlet::network! { struct Small([8]) { dense(4), prelu(slopes: 0.25) } }

fn main() {}
