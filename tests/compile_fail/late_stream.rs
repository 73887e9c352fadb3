//! A window that takes later steps, in a stream.
//~ network `Late`, layer 0 `a`: cannot run step by step: it takes later steps
kernlet::network! {
    struct Late([8, 3]) { a: conv1d(4, 3, padding: same) }
}

fn main() {
    let _ = [0.0_f32; kernlet::nn::stream_len::<Late>()];
}
