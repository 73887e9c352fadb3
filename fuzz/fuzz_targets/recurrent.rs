//! Recurrent layers against their naive twins, to the bit: a training step, inference, and one step after the other.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use kernlet::{
    kernels::{recurrent::*, reference::recurrent as twin},
    simd::{Level, Rounding},
};
use kernlet_fuzz::{Numbers, same, size};
use libfuzzer_sys::fuzz_target;

#[derive(Debug)]
struct Case {
    cell: u8,
    sizes: [usize; 3],
    batch: usize,
    lengths: Option<Vec<u32>>,
    sequences: bool,
    reverse: bool,
    zeros: bool,
    columns: [usize; 2],
    bias: bool,
    numbers: Numbers,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let most = if u.ratio(1, 16)? { 40 } else { 9 };
        let (steps, batch) = (size(u, 0, 6)?, size(u, 0, 5)?);
        let lengths = (0..batch).map(|_| u.int_in_range(0..=steps as u32 + 1)).collect::<Result<_>>()?;
        Ok(Self {
            cell: u.arbitrary()?,
            sizes: [steps, size(u, 0, most)?, size(u, 0, most)?],
            batch,
            lengths: if u.arbitrary()? { Some(lengths) } else { None },
            sequences: u.arbitrary()?,
            reverse: u.arbitrary()?,
            zeros: u.arbitrary()?,
            columns: [size(u, 0, 3)?, size(u, 0, 3)?],
            bias: u.arbitrary()?,
            numbers: u.arbitrary()?,
        })
    }
}

/// Everything that a training step writes.
struct Results {
    y: Vec<f32>,
    state: Vec<f32>,
    kept: Vec<f32>,
    gates: Vec<f32>,
    dstate: Vec<f32>,
    dx: Vec<f32>,
    weights: [Vec<f32>; 3],
}

impl Results {
    fn new<C: Cell>(shape: &Recurrent<C>, batch: usize, numbers: &Numbers) -> Self {
        let weights = [(10, shape.kernel_len()), (11, shape.recurrent_len()), (12, shape.bias_len())];
        Self {
            y: vec![f32::NAN; batch * shape.y_len()],
            state: numbers.take(4, batch * shape.state_len()),
            kept: vec![f32::NAN; batch * shape.kept_len()],
            gates: Vec::new(),
            dstate: numbers.take(6, batch * shape.state_len()),
            dx: vec![f32::NAN; batch * shape.x_len()],
            weights: weights.map(|(stream, len)| numbers.take(stream, len)),
        }
    }
}

fn check<C: Cell>(case: &Case) {
    let [steps, inputs, units] = case.sizes;
    let [before, after] = case.columns;
    let mut shape = Recurrent::<C>::new(steps, inputs, units).with_columns(before, before + units + after);
    (shape.sequences, shape.reverse, shape.zeros_after_end) = (case.sequences, case.reverse, case.zeros);
    if shape.validate().is_err() {
        return;
    }
    let (batch, numbers) = (case.batch, &case.numbers);
    let sequences = Sequences::new(batch);
    let sequences = case.lengths.as_ref().map_or(sequences, |lengths| sequences.with_lengths(lengths));
    let [kernel, recurrent] =
        [(1, shape.kernel_len()), (2, shape.recurrent_len())].map(|(s, len)| numbers.take(s, len));
    let bias = case.bias.then(|| numbers.take(3, shape.bias_len()));
    let weights = Weights { kernel: &kernel, recurrent: &recurrent, bias: bias.as_deref() };
    let (mut x, dy) = (numbers.take(0, batch * shape.x_len()), numbers.take(5, batch * shape.y_len()));
    let refused = case.lengths.iter().flatten().any(|&length| length == 0 || length as usize > steps);
    if !refused {
        // What lies beyond an end is not read.
        for (n, &length) in case.lengths.iter().flatten().enumerate() {
            x[(n * steps + length as usize) * inputs..(n + 1) * steps * inputs].fill(f32::NAN);
        }
    }

    let twins = [Rounding::Strict, Rounding::Fused].map(|rounding| {
        let mut to = Results::new(&shape, batch, numbers);
        if refused {
            return to;
        }
        twin::forward(rounding, &shape, sequences, &weights, &x, (&mut to.y, &mut to.state, &mut to.kept));
        to.gates = to.kept.clone();
        twin::backward(rounding, &shape, sequences, &recurrent, &dy, &mut to.dstate, &mut to.gates);
        to.dx.fill(0.0);
        twin::backward_input(rounding, &shape, sequences, &kernel, &to.gates, &mut to.dx);
        let [dkernel, drecurrent, dbias] = &mut to.weights;
        twin::backward_weights(rounding, &shape, sequences, &x, &to.gates, (dkernel, drecurrent, dbias));
        to
    });
    for level in Level::all() {
        let expected = &twins[usize::from(level.rounding() == Rounding::Fused)];
        let mut to = Results::new(&shape, batch, numbers);
        let of = Forward { x: &x, weights };
        let done = forward_into(level, &shape, sequences, of, &mut to.y, &mut to.state, &mut to.kept);
        assert_eq!(done.is_err(), refused, "{done:?}");
        if refused {
            same("nothing is written", level, &to.y, &expected.y);
            continue;
        }
        same("y", level, &to.y, &expected.y);
        same("state", level, &to.state, &expected.state);
        same("kept", level, &to.kept, &expected.kept);

        let mut scratch = vec![f32::NAN; backward_scratch_len(&shape, batch)];
        let of = Backward { recurrent: &recurrent, dy: &dy };
        backward_in_place(level, &shape, sequences, of, &mut to.dstate, &mut to.kept, &mut scratch).unwrap();
        same("dstate", level, &to.dstate, &expected.dstate);
        same("gates", level, &to.kept, &expected.gates);
        backward_input_into(level, &shape, sequences, &kernel, &to.kept, &mut to.dx, &mut scratch).unwrap();
        same("dx", level, &to.dx, &expected.dx);
        let [dkernel, drecurrent, dbias] = &mut to.weights;
        backward_kernel_acc(level, &shape, sequences, &x, &to.kept, 0..inputs, dkernel).unwrap();
        same("dkernel", level, dkernel, &expected.weights[0]);
        backward_recurrent_acc(level, &shape, sequences, &to.kept, 0..units, drecurrent).unwrap();
        same("drecurrent", level, drecurrent, &expected.weights[1]);
        backward_bias_acc(level, &shape, sequences, &to.kept, 0..C::BIASES, dbias).unwrap();
        same("dbias", level, dbias, &expected.weights[2]);

        let mut to = Results::new(&shape, batch, numbers);
        let mut scratch = vec![f32::NAN; infer_scratch_len(&shape, batch)];
        infer_into(level, &shape, sequences, Forward { x: &x, weights }, &mut to.y, &mut to.state, &mut scratch)
            .unwrap();
        same("inferred y", level, &to.y, &expected.y);
        same("inferred state", level, &to.state, &expected.state);
        for n in 0..if shape.reverse { 0 } else { batch } {
            let of_state = n * shape.state_len()..(n + 1) * shape.state_len();
            let mut state = numbers.take(4, batch * shape.state_len())[of_state.clone()].to_vec();
            let mut scratch = vec![f32::NAN; step_scratch_len(&shape)];
            for step in 0..case.lengths.as_ref().map_or(steps, |lengths| lengths[n] as usize) {
                let x = &x[(n * steps + step) * inputs..][..inputs];
                step_in_place(level, &shape, Forward { x, weights }, &mut state, &mut scratch).unwrap();
            }
            same("streamed state", level, &state, &expected.state[of_state]);
        }
    }
}

fuzz_target!(|case: Case| match case.cell % 4 {
    0 => check::<SimpleRnn>(&case),
    1 => check::<Gru>(&case),
    2 => check::<GruResetBefore>(&case),
    _ => check::<Lstm>(&case),
});
