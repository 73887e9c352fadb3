//! Recurrent layers against their naive twins, bit by bit, at every level; and what holds for every cell: pieces of a
//! batch, pieces of a sequence, single steps, and steps beyond an end.

use kernlet::{
    kernels::{recurrent::*, reference},
    random::Stream,
    simd::Level,
};
use proptest::prelude::*;

fn values(seed: u64, len: usize) -> Vec<f32> {
    let stream = Stream::new(seed, 5);
    (0..len).map(|i| 2.0 * stream.f32_at(i as u64) - 1.0).collect()
}

#[track_caller]
fn assert_bits(what: &str, level: Level, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(found.to_bits() == expected.to_bits(), "{level}: {what}[{i}] = {found:e}, expected {expected:e}");
    }
}

/// Random weights and data of a layer.
struct Data {
    kernel: Vec<f32>,
    recurrent: Vec<f32>,
    bias: Option<Vec<f32>>,
    x: Vec<f32>,
    state: Vec<f32>,
    dy: Vec<f32>,
    dstate: Vec<f32>,
}

impl Data {
    fn new<C: Cell>(shape: &Recurrent<C>, batch: usize, with_bias: bool, seed: u64) -> Self {
        Self {
            kernel: values(seed, shape.kernel_len()),
            recurrent: values(seed + 1, shape.recurrent_len()),
            bias: with_bias.then(|| values(seed + 2, shape.bias_len())),
            x: values(seed + 3, batch * shape.x_len()),
            state: values(seed + 4, batch * shape.state_len()),
            dy: values(seed + 5, batch * shape.y_len()),
            dstate: values(seed + 6, batch * shape.state_len()),
        }
    }

    fn weights(&self) -> Weights<'_> {
        Weights { kernel: &self.kernel, recurrent: &self.recurrent, bias: self.bias.as_deref() }
    }
}

/// All results of a training step.
#[derive(Clone)]
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
    fn nan<C: Cell>(shape: &Recurrent<C>, batch: usize, data: &Data) -> Self {
        Self {
            y: vec![f32::NAN; batch * shape.y_len()],
            state: data.state.clone(),
            kept: vec![f32::NAN; batch * shape.kept_len()],
            gates: Vec::new(),
            dstate: data.dstate.clone(),
            dx: vec![f32::NAN; batch * shape.x_len()],
            weights: [shape.kernel_len(), shape.recurrent_len(), shape.bias_len()].map(|len| values(99, len)),
        }
    }

    #[track_caller]
    fn assert_same(&self, level: Level, expected: &Self) {
        assert_bits("y", level, &self.y, &expected.y);
        assert_bits("state", level, &self.state, &expected.state);
        assert_bits("kept", level, &self.kept, &expected.kept);
        assert_bits("gates", level, &self.gates, &expected.gates);
        assert_bits("dstate", level, &self.dstate, &expected.dstate);
        assert_bits("dx", level, &self.dx, &expected.dx);
        for (i, name) in ["dkernel", "drecurrent", "dbias"].into_iter().enumerate() {
            assert_bits(name, level, &self.weights[i], &expected.weights[i]);
        }
    }
}

fn kernels<C: Cell>(level: Level, shape: &Recurrent<C>, sequences: Sequences, data: &Data) -> Results {
    let mut to = Results::nan(shape, sequences.batch, data);
    let weights = data.weights();
    let of = Forward { x: &data.x, weights };
    forward_into(level, shape, sequences, of, &mut to.y, &mut to.state, &mut to.kept).unwrap();
    to.gates = to.kept.clone();
    let mut scratch = vec![f32::NAN; backward_scratch_len(shape, sequences.batch)];
    let of = Backward { recurrent: &data.recurrent, dy: &data.dy };
    backward_in_place(level, shape, sequences, of, &mut to.dstate, &mut to.gates, &mut scratch).unwrap();
    backward_input_into(level, shape, sequences, &data.kernel, &to.gates, &mut to.dx, &mut scratch).unwrap();
    let [dkernel, drecurrent, dbias] = &mut to.weights;
    let columns = shape.units * C::GATES;
    for (start, end) in [(0, shape.inputs / 3), (shape.inputs / 3, shape.inputs)] {
        let rows = &mut dkernel[start * columns..end * columns];
        backward_kernel_acc(level, shape, sequences, &data.x, &to.gates, start..end, rows).unwrap();
    }
    for (start, end) in [(0, shape.units / 2), (shape.units / 2, shape.units)] {
        let rows = &mut drecurrent[start * columns..end * columns];
        backward_recurrent_acc(level, shape, sequences, &to.gates, start..end, rows).unwrap();
    }
    backward_bias_acc(level, shape, sequences, &to.gates, 0..C::BIASES, dbias).unwrap();
    to
}

fn twins<C: Cell>(level: Level, shape: &Recurrent<C>, sequences: Sequences, data: &Data) -> Results {
    let (mut to, rounding) = (Results::nan(shape, sequences.batch, data), level.rounding());
    let outputs = (&mut to.y[..], &mut to.state[..], &mut to.kept[..]);
    reference::recurrent::forward(rounding, shape, sequences, &data.weights(), &data.x, outputs);
    to.gates = to.kept.clone();
    let (recurrent, gates) = (&data.recurrent, &mut to.gates);
    reference::recurrent::backward(rounding, shape, sequences, recurrent, &data.dy, &mut to.dstate, gates);
    to.dx.fill(0.0);
    reference::recurrent::backward_input(rounding, shape, sequences, &data.kernel, gates, &mut to.dx);
    let [dkernel, drecurrent, dbias] = &mut to.weights;
    let weights = (&mut dkernel[..], &mut drecurrent[..], &mut dbias[..]);
    reference::recurrent::backward_weights(rounding, shape, sequences, &data.x, gates, weights);
    to
}

/// Inference in one call and, forwards, step by step.
fn check_inference<C: Cell>(level: Level, shape: &Recurrent<C>, sequences: Sequences, data: &Data, trained: &Results) {
    let (mut y, mut state) = (vec![f32::NAN; trained.y.len()], data.state.clone());
    let mut scratch = vec![f32::NAN; infer_scratch_len(shape, sequences.batch)];
    let of = Forward { x: &data.x, weights: data.weights() };
    infer_into(level, shape, sequences, of, &mut y, &mut state, &mut scratch).unwrap();
    // Columns of another layer are not written.
    assert_bits("inferred y", level, &y, &trained.y);
    assert_bits("inferred state", level, &state, &trained.state);
    for n in 0..if shape.reverse { 0 } else { sequences.batch } {
        let mut state = data.state[n * shape.state_len()..][..shape.state_len()].to_vec();
        let mut scratch = vec![f32::NAN; step_scratch_len(shape)];
        for step in 0..sequences.lengths.map_or(shape.steps, |lengths| lengths[n] as usize) {
            let at = n * shape.steps + step;
            let x = &data.x[at * shape.inputs..][..shape.inputs];
            step_in_place(level, shape, Forward { x, weights: data.weights() }, &mut state, &mut scratch).unwrap();
            if shape.sequences {
                let y = &trained.y[at * shape.columns + shape.first_column..][..shape.units];
                assert_bits("streamed y", level, &state[..shape.units], y);
            }
        }
        assert_bits("streamed state", level, &state, &trained.state[n * state.len()..][..state.len()]);
    }
}

/// A batch cut in two: results of its parts, joined.
fn in_pieces<C: Cell>(level: Level, shape: &Recurrent<C>, sequences: Sequences, data: &Data) -> Results {
    let cut = sequences.batch / 2;
    let mut joined = Results::nan(shape, 0, &Data::new(shape, 0, false, 0));
    for range in [0..cut, cut..sequences.batch] {
        let part = |all: &[f32], len: usize| all[range.start * len..range.end * len].to_vec();
        let piece = Data {
            kernel: data.kernel.clone(),
            recurrent: data.recurrent.clone(),
            bias: data.bias.clone(),
            x: part(&data.x, shape.x_len()),
            state: part(&data.state, shape.state_len()),
            dy: part(&data.dy, shape.y_len()),
            dstate: part(&data.dstate, shape.state_len()),
        };
        let lengths = sequences.lengths.map(|lengths| &lengths[range.clone()]);
        let sequences = Sequences::new(range.len());
        let sequences = lengths.map_or(sequences, |lengths| sequences.with_lengths(lengths));
        let mut found = kernels(level, shape, sequences, &piece);
        joined.y.append(&mut found.y);
        joined.state.append(&mut found.state);
        joined.kept.append(&mut found.kept);
        joined.gates.append(&mut found.gates);
        joined.dstate.append(&mut found.dstate);
        joined.dx.append(&mut found.dx);
        let x = &piece.x;
        let [dkernel, drecurrent, dbias] = &mut joined.weights;
        let gates = &joined.gates[range.start * shape.kept_len()..];
        backward_kernel_acc(level, shape, sequences, x, gates, 0..shape.inputs, dkernel).unwrap();
        backward_recurrent_acc(level, shape, sequences, gates, 0..shape.units, drecurrent).unwrap();
        backward_bias_acc(level, shape, sequences, gates, 0..C::BIASES, dbias).unwrap();
    }
    joined
}

fn check<C: Cell>(shape: &Recurrent<C>, sequences: Sequences, with_bias: bool, seed: u64) {
    let mut data = Data::new(shape, sequences.batch, with_bias, seed);
    if let Some(lengths) = sequences.lengths {
        // What lies beyond an end is never read.
        for (n, &length) in lengths.iter().enumerate() {
            data.x[(n * shape.steps + length as usize) * shape.inputs..(n + 1) * shape.x_len()].fill(f32::NAN);
        }
    }
    for level in Level::all() {
        let found = kernels(level, shape, sequences, &data);
        found.assert_same(level, &twins(level, shape, sequences, &data));
        check_inference(level, shape, sequences, &data, &found);
        in_pieces(level, shape, sequences, &data).assert_same(level, &found);
    }
}

fn check_cells(base: Recurrent<Lstm>, batch: usize, lengths: Option<&[u32]>, with_bias: bool, seed: u64) {
    fn cell<C: Cell>(base: &Recurrent<Lstm>) -> Recurrent<C> {
        let mut shape = Recurrent::new(base.steps, base.inputs, base.units);
        (shape.sequences, shape.reverse, shape.zeros_after_end) = (base.sequences, base.reverse, base.zeros_after_end);
        (shape.first_column, shape.columns) = (base.first_column, base.columns);
        shape
    }
    let all = Sequences::new(batch);
    let sequences = lengths.map_or(all, |lengths| all.with_lengths(lengths));
    check(&cell::<SimpleRnn>(&base), sequences, with_bias, seed);
    check(&cell::<Gru>(&base), sequences, with_bias, seed);
    check(&cell::<GruResetBefore>(&base), sequences, with_bias, seed);
    check(&cell::<Lstm>(&base), sequences, with_bias, seed);
}

fn shapes() -> impl Strategy<Value = Recurrent<Lstm>> {
    let sizes = (1..9_usize, 1..40_usize, prop_oneof![1..7_usize, 14..40_usize]);
    (sizes, any::<[bool; 4]>(), 0..3_usize).prop_map(
        |((steps, inputs, units), [sequences, reverse, zeros, beside], at)| {
            let mut shape = Recurrent::new(steps, inputs, units);
            (shape.sequences, shape.reverse, shape.zeros_after_end) = (sequences, reverse, zeros);
            if beside { shape.with_columns(at, units + 2) } else { shape }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_shapes(
        shape in shapes(), batch in 0..8_usize, unequal: bool, with_bias: bool, seed in 0..1000_u64,
    ) {
        let stream = Stream::new(seed, 1);
        let lengths: Vec<u32> = (0..batch).map(|n| 1 + stream.below_at(n as u64, shape.steps as u32)).collect();
        check_cells(shape, batch, unequal.then_some(&lengths), with_bias, seed);
    }
}

#[test]
fn sizes_around_the_lanes() {
    for units in [1, 4, 15, 16, 17, 31, 33, 64, 130] {
        check_cells(Recurrent::new(3, units.min(70) + 1, units).with_sequences(), 5, None, true, units as u64);
    }
}

/// Panels of inputs, blocks of terms, and chunks of steps in inference, of which the last is not full.
#[test]
fn several_panels_blocks_and_chunks() {
    check_cells(Recurrent::new(37, 150, 20).with_sequences(), 16, None, true, 3);
    check_cells(Recurrent::new(21, 3, 20).in_reverse(), 1, None, true, 4);
}

/// A sequence in two pieces with its state carried over is the whole sequence; its gradient, cut, is not.
#[test]
fn a_state_is_carried_over() {
    fn check<C: Cell>() {
        let (whole, half) =
            (Recurrent::<C>::new(6, 2, 5).with_sequences(), Recurrent::<C>::new(3, 2, 5).with_sequences());
        let data = Data::new(&whole, 1, true, 8);
        for level in Level::all() {
            let expected = kernels(level, &whole, Sequences::new(1), &data);
            let (mut state, mut ys) = (data.state.clone(), Vec::new());
            for x in data.x.chunks(half.x_len()) {
                let (mut y, mut kept) = (vec![f32::NAN; half.y_len()], vec![f32::NAN; half.kept_len()]);
                let of = Forward { x, weights: data.weights() };
                forward_into(level, &half, Sequences::new(1), of, &mut y, &mut state, &mut kept).unwrap();
                ys.append(&mut y);
            }
            assert_bits("y", level, &ys, &expected.y);
            assert_bits("state", level, &state, &expected.state);
        }
    }
    check::<SimpleRnn>();
    check::<Gru>();
    check::<GruResetBefore>();
    check::<Lstm>();
}

/// Two directions share the rows of their outputs, and their shares of the input's gradient are added.
#[test]
fn two_directions() {
    let there = Recurrent::<Gru>::new(4, 3, 5).with_sequences().with_zeros_after_end().with_columns(0, 10);
    let back = there.in_reverse().with_columns(5, 10);
    let sequences = Sequences::new(2).with_lengths(&[4, 2]);
    let data = Data::new(&there, 2, true, 4);
    for level in Level::all() {
        let results = [kernels(level, &there, sequences, &data), kernels(level, &back, sequences, &data)];
        let mut y = vec![f32::NAN; 2 * there.y_len()];
        for (shape, result) in [there, back].iter().zip(&results) {
            let (mut state, mut kept) = (data.state.clone(), result.kept.clone());
            let of = Forward { x: &data.x, weights: data.weights() };
            forward_into(level, shape, sequences, of, &mut y, &mut state, &mut kept).unwrap();
        }
        let joined: Vec<f32> = (0..y.len()).map(|i| results[usize::from(i % 10 >= 5)].y[i]).collect();
        assert_bits("y", level, &y, &joined);
        let (mut dx, mut scratch) = (results[0].dx.clone(), vec![f32::NAN; backward_scratch_len(&back, 2)]);
        let gates = &results[1].gates;
        backward_input_acc(level, &back, sequences, &data.kernel, gates, &mut dx, &mut scratch).unwrap();
        let mut expected = results[0].dx.clone();
        reference::recurrent::backward_input(level.rounding(), &back, sequences, &data.kernel, gates, &mut expected);
        assert_bits("dx", level, &dx, &expected);
    }
}

#[test]
fn wrong_sizes_are_errors() {
    let level = Level::detect();
    let shape = Recurrent::<Lstm>::new(3, 2, 4);
    let data = Data::new(&shape, 2, true, 1);
    let run = |sequences: Sequences, x: &[f32], bias: &[f32]| {
        let (mut y, mut state, mut kept) = ([7.0; 8], [7.0; 16], [7.0; 144]);
        let weights = Weights { bias: Some(bias), ..data.weights() };
        let result = forward_into(level, &shape, sequences, Forward { x, weights }, &mut y, &mut state, &mut kept);
        if result.is_err() {
            assert!(y.iter().chain(&state).chain(&kept).all(|x| *x == 7.0));
        }
        result.map_err(|error| error.to_string())
    };
    let bias = &values(0, 16);
    assert_eq!(run(Sequences::new(2), &data.x, bias), Ok(()));
    assert_eq!(run(Sequences::new(2), &data.x[1..], bias).unwrap_err(), "lstm: x: expected 12, found 11");
    assert_eq!(run(Sequences::new(2), &data.x, &bias[..4]).unwrap_err(), "lstm: bias: expected 16, found 4");
    assert_eq!(
        run(Sequences::new(usize::MAX), &data.x, bias).unwrap_err(),
        "lstm: x: expected at most 12, found 18446744073709551615"
    );
    let lengths = |lengths: &[u32]| run(Sequences::new(2).with_lengths(lengths), &data.x, bias).unwrap_err();
    assert_eq!(lengths(&[3]), "lstm: lengths: expected 2, found 1");
    assert_eq!(lengths(&[3, 0]), "sequence 1: length 0 is not within 1 and the number of steps, 3");
    assert_eq!(lengths(&[4, 3]), "sequence 0: length 4 is not within 1 and the number of steps, 3");
    for wrong in [
        Recurrent::<Gru>::new(1, 0, 1),
        Recurrent::new(1, 1, 0),
        Recurrent::new(usize::MAX, 1, 1),
        Recurrent::new(1, usize::MAX / 2, 1),
        Recurrent::new(1, 1, 2).with_columns(1, 2),
        Recurrent::new(1, 1, 2).with_columns(usize::MAX, 2),
    ] {
        assert!(wrong.validate().is_err(), "{wrong:?}");
    }
    let mut rows = [0.0; 16];
    let kept = vec![0.0; 2 * shape.kept_len()];
    let error = backward_kernel_acc(level, &shape, Sequences::new(2), &data.x, &kept, 1..3, &mut rows);
    assert_eq!(error.unwrap_err().to_string(), "lstm: rows: expected at most 2, found 3");
}
