//! A pooling has no causal padding.
//~ network `Wrong`, layer 0 `pool`: padding: expected `valid` or `same`, found `causal`
kernlet::network! {
    struct Wrong([8, 3]) { pool: max_pool1d(2, padding: causal) }
}

fn main() {}
