//! A moving average that never moves.
//~ network `Wrong`, layer 0 `batch_norm`: momentum: expected at least 0.0 and less than 1.0
kernlet::network! {
    struct Wrong([4]) { batch_norm(momentum: 1.0) }
}

fn main() {}
