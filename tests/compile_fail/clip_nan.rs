//! A range that begins nowhere.
//~ network `Small`, layer 1 `clip`: a range to clip to goes from a number to a larger one
kernlet::network! { struct Small([8]) { dense(4), clip(f64::NAN, 1.0) } }

fn main() {}
