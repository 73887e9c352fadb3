//! The kernels of sequences and of sound: what their bits depend on, in little memory.

use kernlet::{
    audio::Features,
    kernels::{
        embedding::{self, Embedding},
        layer_norm, recurrent,
        recurrent::{Backward, Cell, Forward, Gru, GruResetBefore, Lstm, Recurrent, Sequences, SimpleRnn, Weights},
        rms_norm,
    },
    random::Stream,
    simd::Level,
    snapshot,
};

const BATCH: usize = 2;
const STEPS: usize = 4;
const INPUTS: usize = 5;
const UNITS: usize = 7;
const LENGTHS: [u32; BATCH] = [4, 2];

/// The first `len` elements.
fn first(x: &mut [f32], len: usize) -> &mut [f32] {
    x.get_mut(..len).unwrap_or_default()
}

fn noise(seed: u64, to: &mut [f32]) {
    let stream = Stream::new(9, seed);
    for (i, x) in (0..).zip(to) {
        *x = 2.0 * stream.f32_at(i) - 1.0;
    }
}

/// A training step of a cell: outputs and all gradients.
fn recurrent<C: Cell>(level: Level, reverse: bool, mix: &mut impl FnMut(&[f32])) -> Option<()> {
    const MOST: usize = 4 * UNITS;
    let shape = &Recurrent::<C>::new(STEPS, INPUTS, UNITS).with_sequences();
    let shape = &if reverse { shape.in_reverse() } else { *shape };
    let sequences = Sequences::new(BATCH).with_lengths(&LENGTHS);
    let (mut kernel, mut recurrent, mut bias) = ([0.0; INPUTS * MOST], [0.0; UNITS * MOST], [0.0; 6 * UNITS]);
    let (mut x, mut y, mut state) =
        ([0.0; BATCH * STEPS * INPUTS], [0.0; BATCH * STEPS * UNITS], [0.0; BATCH * 2 * UNITS]);
    noise(1, &mut kernel);
    noise(2, &mut recurrent);
    noise(3, &mut bias);
    noise(4, &mut x);
    noise(5, &mut state);
    let mut kept = [0.0; BATCH * STEPS * 6 * UNITS];
    let mut scratch = [0.0; MOST * UNITS + BATCH * UNITS];
    let (kernel, recurrent) = (first(&mut kernel, shape.kernel_len()), first(&mut recurrent, shape.recurrent_len()));
    let (bias, state) = (first(&mut bias, shape.bias_len()), first(&mut state, BATCH * shape.state_len()));
    let kept = first(&mut kept, BATCH * shape.kept_len());
    let scratch = first(&mut scratch, recurrent::backward_scratch_len(shape, BATCH));
    let of = Forward { x: &x, weights: Weights { kernel, recurrent, bias: Some(bias) } };
    recurrent::forward_into(level, shape, sequences, of, &mut y, state, kept).ok()?;
    mix(&y);
    mix(state);
    let of = Backward { recurrent, dy: &y };
    recurrent::backward_in_place(level, shape, sequences, of, state, kept, scratch).ok()?;
    mix(state);
    let mut dx = [0.0; BATCH * STEPS * INPUTS];
    recurrent::backward_input_into(level, shape, sequences, kernel, kept, &mut dx, scratch).ok()?;
    mix(&dx);
    // The gradients are added to the weights.
    recurrent::backward_kernel_acc(level, shape, sequences, &x, kept, 0..INPUTS, kernel).ok()?;
    recurrent::backward_recurrent_acc(level, shape, sequences, kept, 0..UNITS, recurrent).ok()?;
    recurrent::backward_bias_acc(level, shape, sequences, kept, 0..C::BIASES, bias).ok()?;
    [kernel, recurrent, bias].into_iter().for_each(|gradient| mix(gradient));
    Some(())
}

/// Both normalisations of rows, and an embedding.
fn rows(level: Level, mix: &mut impl FnMut(&[f32])) -> Option<()> {
    const CHANNELS: usize = 21;
    let (mut x, mut gamma, mut beta) = ([0.0; 2 * CHANNELS], [0.0; CHANNELS], [0.0; CHANNELS]);
    noise(6, &mut x);
    noise(7, &mut gamma);
    noise(8, &mut beta);
    let (mut y, mut dx, mut statistics) = ([0.0; 2 * CHANNELS], [0.0; 2 * CHANNELS], [0.0; 4]);
    let of = layer_norm::Forward { x: &x, gamma: &gamma, beta: &beta };
    layer_norm::forward_into(level, CHANNELS, 1e-3, of, &mut y, &mut statistics).ok()?;
    let (mut dgamma, mut dbeta) = (gamma, beta);
    let of = layer_norm::Backward { x: &x, statistics: &statistics, gamma: &gamma, dy: &y };
    layer_norm::backward_input_into(level, CHANNELS, of, &mut dx).ok()?;
    layer_norm::backward_weight_acc(level, CHANNELS, of, &mut dgamma, &mut dbeta).ok()?;
    [&y[..], &dx, &dgamma, &dbeta].into_iter().for_each(&mut *mix);
    let statistics = first(&mut statistics, 2);
    rms_norm::forward_into(level, 1e-6, &x, &gamma, &mut y, statistics).ok()?;
    let of = rms_norm::Backward { x: &x, statistics, gamma: &gamma, dy: &y };
    rms_norm::backward_input_into(level, of, &mut dx).ok()?;
    rms_norm::backward_weight_acc(level, of, &mut dgamma).ok()?;
    [&y[..], &dx, &dgamma].into_iter().for_each(&mut *mix);
    let shape = Embedding::new(3, CHANNELS);
    let (mut table, mut rows) = ([0.0; 3 * CHANNELS], [0.0; 4 * CHANNELS]);
    noise(9, &mut table);
    embedding::forward_into(&shape, &[2_u16, 0, 2, 1], &table, &mut rows).ok()?;
    embedding::backward_acc(level, &shape, &[2_u16, 0, 2, 1], &rows, 0..3, &mut table).ok()?;
    mix(&table);
    Some(())
}

const SOUND: Features = Features::new(8000, 48, 32).with_bands(8, 100.0, 3800.0).with_coefficients(5);
static TABLES: [f32; SOUND.tables_len()] = SOUND.tables();

/// Cepstral coefficients of noise.
fn sound(mix: &mut impl FnMut(&[f32])) -> Option<()> {
    let (mut frame, mut row, mut scratch) = ([0.0; 48], [0.0; 5], [0.0; SOUND.scratch_len()]);
    noise(10, &mut frame);
    SOUND.frame_into(&TABLES, &frame, &mut row, &mut scratch).ok()?;
    mix(&TABLES);
    mix(&row);
    Some(())
}

/// The fingerprint of everything; 0 if something was refused.
pub fn fingerprint(level: Level) -> u64 {
    let mut sum = 0_u64;
    let mut mix = |x: &[f32]| sum = sum.rotate_left(7) ^ snapshot::fingerprint(x);
    let done = recurrent::<SimpleRnn>(level, false, &mut mix)
        .and_then(|()| recurrent::<Gru>(level, false, &mut mix))
        .and_then(|()| recurrent::<GruResetBefore>(level, true, &mut mix))
        .and_then(|()| recurrent::<Lstm>(level, true, &mut mix))
        .and_then(|()| rows(level, &mut mix))
        .and_then(|()| sound(&mut mix));
    if done.is_some() { sum } else { 0 }
}
