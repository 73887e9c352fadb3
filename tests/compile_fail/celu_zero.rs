//! A division by zero.
//~ network `Small`, layer 1 `celu`: alpha: expected more than 0.0
kernlet::network! { struct Small([8]) { dense(4), celu(0.0) } }

fn main() {}
