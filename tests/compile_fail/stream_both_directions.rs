//! A layer that runs backwards too, in a stream.
//~ network `Both`, layer 1 `state`: cannot run step by step: it takes later steps
kernlet::network! {
    struct Both([8, 3]) { a: conv1d(4, 3, padding: causal), state: lstm(4, bidirectional) }
}

fn main() {
    let _ = [0.0_f32; kernlet::nn::stream_len::<Both>()];
}
