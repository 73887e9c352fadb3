//! Networks of sequences: trained with lengths, over kinds of layers that the zoo lacks, and with states that go on from
//! batch to batch; then streamed, one step at a time.

use kernlet::{
    nn::{Error, MeanSquaredError, Model, Network, Stream, Training, stream_len},
    optim::Adam,
    random::Stream as Noise,
    shape::Shape,
    simd::Level,
    snapshot,
};

kernlet::network! {
    /// Lists of numbers that end before their last place.
    pub struct Words([u16; 8]) {
        words: embedding(20, 6), norm: layer_norm,
        both: lstm(3, sequences, bidirectional), conv1d(5, 2, padding: causal, dilation: 2), far: celu(1.5),
        gate: conv1d(5, 1, from: both), sigmoid, multiply(far), both2: gru(4, bidirectional), out: dense(3), softmax,
    }
}

kernlet::network! {
    /// What takes all steps of a sequence.
    pub struct Waves([12, 3]) {
        entry: conv1d(8, 3, padding: causal, dilation: 2), prelu(slope: 0.25),
        deep: depthwise_conv1d(3, multiplier: 2, padding: same), softplus,
        narrow: conv1d(8, 2, groups: 2, padding: same), mish, concat(entry), rms_norm,
        max_pool1d(2), back: simple_rnn(6, sequences, backwards), clip(-0.9, 0.9),
        avg_pool1d(3, stride: 2, padding: same), slopes: prelu(elements), flatten, out: dense(3), softmax,
    }
}

kernlet::network! {
    /// Pieces of sequences that go on, and can be streamed.
    pub struct Pieces([6, 3]) {
        near: conv1d(5, 1), selu, norm: rms_norm,
        first: gru_reset_before(5, sequences), second: lstm(4, sequences), third: simple_rnn(3, sequences, bias: no),
        hard_swish, out: conv1d(2, 1),
    }
}

kernlet::network! {
    /// An output now and then.
    pub struct Flow([16, 3]) {
        far: conv1d(5, 3, padding: causal, dilation: 2), hard_sigmoid,
        deep: depthwise_conv1d(2), norm: batch_norm, gelu_tanh, max_pool1d(2),
        wide: conv1d(4, 2, stride: 2, padding: causal), elu(1.0), state: gru(3, sequences), layer_norm,
    }
}

const BATCH: usize = 3;
const WORDS: Training<Words, Adam> = Training::new(Adam::new(0.02)).batch(BATCH).seed(5);
const WAVES: Training<Waves, Adam> = Training::new(Adam::new(0.02)).batch(BATCH).seed(6);
const PIECES: Training<Pieces, Adam, MeanSquaredError> =
    Training::new(Adam::new(0.02)).loss(MeanSquaredError).batch(BATCH).seed(7).stateful();

/// The longest of the memories.
const MEMORY: usize = {
    let lens =
        [WORDS.memory_len(), WAVES.memory_len(), PIECES.memory_len(), stream_len::<Pieces>(), stream_len::<Flow>()];
    let (mut most, mut i) = (0, 0);
    while i < lens.len() {
        most = if lens[i] > most { lens[i] } else { most };
        i += 1;
    }
    most
};

/// The memory of all of them in turn.
pub struct Workspace {
    words: Model<Words>,
    waves: Model<Waves>,
    pieces: Model<Pieces>,
    flow: Model<Flow>,
    memory: [f32; MEMORY],
}

fn noise<const N: usize>(seed: u64) -> [f32; N] {
    let (mut x, stream) = ([0.0; N], Noise::new(11, seed));
    for (i, x) in (0..).zip(&mut x) {
        *x = 2.0 * stream.f32_at(i) - 1.0;
    }
    x
}

/// What a network gives while it is streamed, and how often.
fn streamed<N: Network>(
    level: Level,
    model: &Model<N>,
    memory: &mut [f32],
    mix: &mut impl FnMut(&[f32]),
) -> Result<(), Error> {
    let mut stream = Stream::<N>::new(level, model.parameters(), memory)?;
    for (at, step) in (0_u16..).zip(noise::<{ 20 * 3 }>(40).chunks_exact(3)) {
        if at == 7 {
            stream.reset();
        }
        if let Some(output) = stream.step(step)? {
            mix(&[f32::from(at)]);
            mix(output);
        }
    }
    Ok(())
}

impl Workspace {
    pub const fn new() -> Self {
        Self {
            words: Model::zeroed(),
            waves: Model::zeroed(),
            pieces: Model::zeroed(),
            flow: Model::zeroed(),
            memory: [0.0; MEMORY],
        }
    }

    /// A few steps of each, and the fingerprint of parameters, states and outputs.
    pub fn parity(&mut self, level: Level) -> Result<u64, Error> {
        let Self { words, waves, pieces, flow, memory } = self;
        let mut sum = 0_u64;
        let mut mix = |x: &[f32]| sum = sum.rotate_left(7) ^ snapshot::fingerprint(x);
        words.initialize(1);
        waves.initialize(2);
        pieces.initialize(3);
        flow.initialize(4);

        let mut trainer = WORDS.level(level).start(words, memory)?;
        for step in 0..3_u64 {
            let (mut ids, stream) = ([0_u16; BATCH * 8], Noise::new(10, step));
            for (i, id) in (0..).zip(&mut ids) {
                *id = stream.below_at(i, 20) as u16;
            }
            let lengths = [8, 1 + stream.below_at(90, 8), 1 + stream.below_at(91, 8)];
            mix(&[trainer.step_with_lengths(&ids, &lengths, &[0, 1, 2])?.loss]);
        }
        mix(words.parameters());

        let mut trainer = WAVES.level(level).start(waves, memory)?;
        for step in 0..3 {
            mix(&[trainer.step(&noise::<{ BATCH * <Waves as Network>::Input::LEN }>(step), &[2, 0, 1])?.loss]);
        }
        mix(waves.parameters());

        let mut trainer = PIECES.level(level).start(pieces, memory)?;
        for step in 10..13 {
            let inputs = noise::<{ BATCH * <Pieces as Network>::Input::LEN }>(step);
            mix(&[trainer.step(&inputs, &noise::<{ BATCH * <Pieces as Network>::Output::LEN }>(step + 20))?.loss]);
        }
        mix(trainer.states());
        mix(pieces.parameters());
        streamed(level, pieces, memory, &mut mix)?;
        streamed(level, flow, memory, &mut mix)?;
        Ok(sum)
    }
}
