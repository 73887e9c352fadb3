//! A branch in a stream.
//~ network `Branch`, layer 2 `add`: cannot run step by step: it does not read the layer before it alone
kernlet::network! {
    struct Branch([8, 3]) { a: conv1d(4, 3, padding: causal), b: conv1d(4, 3, padding: causal), add(a) }
}

fn main() {
    let _ = [0.0_f32; kernlet::nn::stream_len::<Branch>()];
}
