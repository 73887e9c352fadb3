//! The naive twins of [`kernels::recurrent`](crate::kernels::recurrent): the same bits, one sequence, one step, one unit
//! at a time. Slices are indexed as they come: a wrong length panics.
//!
//! A row of a step holds, each `units` long: the gates in their order (the GRU that resets afterwards: z, r, the
//! state's part of the candidate, the candidate; the one that resets before: z, r, the candidate, r ∘ h), then the state before the step.

use super::mul_add;
use crate::{
    kernels::recurrent::{Cell, Recurrent, Sequences, Weights},
    math,
    simd::{Rounding, Scalar},
};

/// Which cell: what its numbers of gates, states and biases say.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Simple,
    GruAfter,
    GruBefore,
    Lstm,
}

const fn kind<C: Cell>() -> Kind {
    match (C::GATES, C::BIASES) {
        (1, _) => Kind::Simple,
        (3, 2) => Kind::GruAfter,
        (3, _) => Kind::GruBefore,
        _ => Kind::Lstm,
    }
}

/// Slots of a step's row.
const fn slots<C: Cell>() -> usize {
    if C::GATES == 1 { 1 } else { 4 }
}

fn sigmoid(rounding: Rounding, x: f32) -> f32 {
    match rounding {
        Rounding::Strict => math::sigmoid(Scalar::<false>::new(), x),
        Rounding::Fused => math::sigmoid(Scalar::<true>::new(), x),
    }
}

fn tanh(rounding: Rounding, x: f32) -> f32 {
    match rounding {
        Rounding::Strict => math::tanh(Scalar::<false>::new(), x),
        Rounding::Fused => math::tanh(Scalar::<true>::new(), x),
    }
}

fn sigmoid_slope(y: f32, dy: f32) -> f32 {
    dy * (y * (1.0 - y))
}

fn tanh_slope(y: f32, dy: f32) -> f32 {
    dy * ((1.0 - y) * (1.0 + y))
}

/// How many steps sequence `n` has.
fn length<C>(shape: &Recurrent<C>, sequences: &Sequences<'_>, n: usize) -> usize {
    sequences.lengths.map_or(shape.steps, |lengths| lengths[n] as usize)
}

/// The steps of a sequence in the order of computation.
fn order<C>(shape: &Recurrent<C>, length: usize) -> impl DoubleEndedIterator<Item = usize> + use<C> {
    let reverse = shape.reverse;
    (0..length).map(move |i| if reverse { length - 1 - i } else { i })
}

/// `sum + Σ values[i] · w[i][column]`.
fn chain(rounding: Rounding, sum: f32, values: &[f32], w: &[f32], columns: usize, column: usize) -> f32 {
    values.iter().enumerate().fold(sum, |sum, (i, &x)| mul_add(rounding, x, w[i * columns + column], sum))
}

/// See [`kernels::recurrent::forward_into`](crate::kernels::recurrent::forward_into); `state` and `kept` as there.
///
/// ```
/// use kernlet::{kernels::{recurrent::{Recurrent, Sequences, SimpleRnn, Weights}, reference}, simd::Rounding};
/// let rnn = Recurrent::<SimpleRnn>::new(2, 1, 1).with_sequences();
/// let weights = Weights { kernel: &[100.0], recurrent: &[100.0], bias: None };
/// let (mut y, mut state, mut kept) = ([f32::NAN; 2], [0.0], [f32::NAN; 4]);
/// let to = (&mut y[..], &mut state[..], &mut kept[..]);
/// reference::recurrent::forward(Rounding::Strict, &rnn, Sequences::new(1), &weights, &[1.0, -1.0], to);
/// assert_eq!(y, [1.0, 0.0]);
/// ```
pub fn forward<C: Cell>(
    rounding: Rounding,
    shape: &Recurrent<C>,
    sequences: Sequences<'_>,
    weights: &Weights<'_>,
    x: &[f32],
    (y, state, kept): (&mut [f32], &mut [f32], &mut [f32]),
) {
    let (units, row) = (shape.units, (slots::<C>() + C::STATES) * shape.units);
    for n in 0..sequences.batch {
        let state = &mut state[n * shape.state_len()..][..shape.state_len()];
        let length = length(shape, &sequences, n);
        for step in order(shape, length) {
            let at = n * shape.steps + step;
            let kept = &mut kept[at * row..][..row];
            step_forward(rounding, shape, weights, &x[at * shape.inputs..][..shape.inputs], state, kept);
            if shape.sequences {
                y[at * shape.columns + shape.first_column..][..units].copy_from_slice(&state[..units]);
            }
        }
        if !shape.sequences {
            y[n * shape.columns + shape.first_column..][..units].copy_from_slice(&state[..units]);
            continue;
        }
        for step in length..shape.steps {
            let y = &mut y[(n * shape.steps + step) * shape.columns + shape.first_column..][..units];
            if shape.reverse || shape.zeros_after_end { y.fill(0.0) } else { y.copy_from_slice(&state[..units]) }
        }
    }
}

fn step_forward<C: Cell>(
    rounding: Rounding,
    shape: &Recurrent<C>,
    weights: &Weights<'_>,
    x: &[f32],
    state: &mut [f32],
    kept: &mut [f32],
) {
    let (units, columns) = (shape.units, shape.units * C::GATES);
    let (slots, before) = kept.split_at_mut(slots::<C>() * units);
    before.copy_from_slice(state);
    let h = &before[..units];
    let bias = |i: usize| weights.bias.map_or(0.0, |bias| bias[i]);
    let input = |column: usize| chain(rounding, bias(column), x, weights.kernel, columns, column);
    let all = |column: usize| chain(rounding, input(column), h, weights.recurrent, columns, column);
    // The GRU's other slot must be known for all units before it is multiplied.
    if kind::<C>() == Kind::GruBefore {
        for u in 0..units {
            slots[3 * units + u] = sigmoid(rounding, all(units + u)) * h[u];
        }
    }
    for u in 0..units {
        let at = |gate: usize| gate * units + u;
        match kind::<C>() {
            Kind::Simple => {
                slots[u] = tanh(rounding, all(u));
                state[u] = slots[u];
            }
            Kind::Lstm => {
                let [i, f, o] = [0, 1, 3].map(|gate| sigmoid(rounding, all(at(gate))));
                let g = tanh(rounding, all(at(2)));
                let c = mul_add(rounding, f, before[at(1)], i * g);
                [0, 1, 2, 3].into_iter().zip([i, f, g, o]).for_each(|(gate, value)| slots[at(gate)] = value);
                (state[u], state[at(1)]) = (o * tanh(rounding, c), c);
            }
            Kind::GruAfter => {
                let [z, r] = [0, 1].map(|gate| sigmoid(rounding, all(at(gate)) + bias(columns + at(gate))));
                let inner = chain(rounding, bias(columns + at(2)), h, weights.recurrent, columns, at(2));
                let candidate = tanh(rounding, mul_add(rounding, r, inner, input(at(2))));
                [0, 1, 2, 3].into_iter().zip([z, r, inner, candidate]).for_each(|(slot, x)| slots[at(slot)] = x);
                state[u] = mul_add(rounding, z, h[u], (1.0 - z) * candidate);
            }
            Kind::GruBefore => {
                let [z, r] = [0, 1].map(|gate| sigmoid(rounding, all(at(gate))));
                let reset = &slots[3 * units..];
                let candidate = chain(rounding, input(at(2)), reset, weights.recurrent, columns, at(2));
                let candidate = tanh(rounding, candidate);
                [0, 1, 2].into_iter().zip([z, r, candidate]).for_each(|(slot, x)| slots[at(slot)] = x);
                state[u] = mul_add(rounding, z, h[u], (1.0 - z) * candidate);
            }
        }
    }
}

/// See [`kernels::recurrent::backward_in_place`](crate::kernels::recurrent::backward_in_place).
///
/// ```
/// use kernlet::{kernels::{recurrent::{Recurrent, Sequences, SimpleRnn}, reference}, simd::Rounding};
/// let (rnn, mut dstate, mut kept) = (Recurrent::<SimpleRnn>::new(2, 1, 1), [0.0], [0.0; 4]);
/// reference::recurrent::backward(Rounding::Strict, &rnn, Sequences::new(1), &[2.0], &[1.0], &mut dstate, &mut kept);
/// assert_eq!((dstate, kept), ([4.0], [2.0, 0.0, 1.0, 0.0]));
/// ```
pub fn backward<C: Cell>(
    rounding: Rounding,
    shape: &Recurrent<C>,
    sequences: Sequences<'_>,
    recurrent: &[f32],
    dy: &[f32],
    dstate: &mut [f32],
    kept: &mut [f32],
) {
    let (units, row) = (shape.units, (slots::<C>() + C::STATES) * shape.units);
    for n in 0..sequences.batch {
        let dstate = &mut dstate[n * shape.state_len()..][..shape.state_len()];
        let length = length(shape, &sequences, n);
        let add = |dstate: &mut [f32], row: usize| {
            let dy = &dy[row * shape.columns + shape.first_column..][..units];
            dstate.iter_mut().zip(dy).for_each(|(to, dy)| *to += dy);
        };
        if !shape.sequences {
            add(dstate, n);
        } else if !shape.reverse && !shape.zeros_after_end {
            (length..shape.steps).rev().for_each(|step| add(dstate, n * shape.steps + step));
        }
        for step in order(shape, length).rev() {
            let at = n * shape.steps + step;
            if shape.sequences {
                add(dstate, at);
            }
            step_backward(rounding, shape, recurrent, dstate, &mut kept[at * row..][..row]);
        }
    }
}

/// `sum + Σ gates[j] · w[unit][first + j]`.
fn transposed_chain(rounding: Rounding, sum: f32, gates: &[f32], w: &[f32]) -> f32 {
    gates.iter().zip(w).fold(sum, |sum, (&gate, &w)| mul_add(rounding, gate, w, sum))
}

fn step_backward<C: Cell>(
    rounding: Rounding,
    shape: &Recurrent<C>,
    recurrent: &[f32],
    dstate: &mut [f32],
    kept: &mut [f32],
) {
    let (units, columns) = (shape.units, shape.units * C::GATES);
    let (slots, before) = kept.split_at_mut(slots::<C>() * units);
    for u in 0..units {
        let at = |gate: usize| gate * units + u;
        let dh = dstate[u];
        match kind::<C>() {
            Kind::Simple => {
                slots[u] = tanh_slope(slots[u], dh);
                dstate[u] = 0.0;
            }
            Kind::Lstm => {
                let [i, f, g, o] = [0, 1, 2, 3].map(|gate| slots[at(gate)]);
                let t = tanh(rounding, mul_add(rounding, f, before[at(1)], i * g));
                let dc = dstate[at(1)] + tanh_slope(t, dh * o);
                slots[at(0)] = sigmoid_slope(i, dc * g);
                slots[at(1)] = sigmoid_slope(f, dc * before[at(1)]);
                slots[at(2)] = tanh_slope(g, dc * i);
                slots[at(3)] = sigmoid_slope(o, dh * t);
                (dstate[u], dstate[at(1)]) = (0.0, dc * f);
            }
            Kind::GruAfter | Kind::GruBefore => {
                let of_candidate = if kind::<C>() == Kind::GruAfter { 3 } else { 2 };
                let (z, candidate) = (slots[at(0)], slots[at(of_candidate)]);
                slots[at(0)] = sigmoid_slope(z, dh * (before[u] - candidate));
                dstate[u] = dh * z;
                let sum = tanh_slope(candidate, dh * (1.0 - z));
                if kind::<C>() == Kind::GruAfter {
                    let (r, inner) = (slots[at(1)], slots[at(2)]);
                    slots[at(1)] = sigmoid_slope(r, sum * inner);
                    slots[at(2)] = sum * r;
                }
                slots[at(of_candidate)] = sum;
            }
        }
    }
    let mut gates = C::GATES;
    if kind::<C>() == Kind::GruBefore {
        for u in 0..units {
            let w = &recurrent[u * columns + 2 * units..];
            let product = transposed_chain(rounding, 0.0, &slots[2 * units..3 * units], w);
            let r = slots[units + u];
            slots[units + u] = sigmoid_slope(r, product * before[u]);
            dstate[u] = mul_add(rounding, product, r, dstate[u]);
        }
        gates = 2;
    }
    for (u, to) in dstate[..units].iter_mut().enumerate() {
        *to = transposed_chain(rounding, *to, &slots[..gates * units], &recurrent[u * columns..]);
    }
}

/// Calls back with every step that a sequence has, in ascending order: its sequence, its number, and what was kept of it.
fn each_step<C: Cell>(
    shape: &Recurrent<C>,
    sequences: Sequences<'_>,
    kept: &[f32],
    mut each: impl FnMut(usize, &[f32], &[f32]),
) {
    let row = (slots::<C>() + C::STATES) * shape.units;
    for n in 0..sequences.batch {
        for step in 0..length(shape, &sequences, n) {
            let at = n * shape.steps + step;
            let (slots, before) = kept[at * row..][..row].split_at(slots::<C>() * shape.units);
            each(at, slots, before);
        }
    }
}

/// Which slot holds the gradient of a column's sum, of the input's or of the state's share.
fn slot_of<C: Cell>(units: usize, column: usize, of_input: bool) -> usize {
    if kind::<C>() == Kind::GruAfter && of_input && column >= 2 * units { column + units } else { column }
}

/// See [`kernels::recurrent::backward_input_into`](crate::kernels::recurrent::backward_input_into) and its `_acc`: adds to `dx`.
///
/// ```
/// use kernlet::{kernels::{recurrent::{Recurrent, Sequences, SimpleRnn}, reference}, simd::Rounding};
/// let (rnn, mut dx) = (Recurrent::<SimpleRnn>::new(2, 1, 1), [0.0; 2]);
/// reference::recurrent::backward_input(Rounding::Strict, &rnn, Sequences::new(1), &[5.0], &[2.0, 0.0, 1.0, 0.0], &mut dx);
/// assert_eq!(dx, [10.0, 5.0]);
/// ```
pub fn backward_input<C: Cell>(
    rounding: Rounding,
    shape: &Recurrent<C>,
    sequences: Sequences<'_>,
    kernel: &[f32],
    kept: &[f32],
    dx: &mut [f32],
) {
    let columns = shape.units * C::GATES;
    each_step(shape, sequences, kept, |at, slots, _| {
        for (i, dx) in dx[at * shape.inputs..][..shape.inputs].iter_mut().enumerate() {
            for column in 0..columns {
                let gate = slots[slot_of::<C>(shape.units, column, true)];
                *dx = mul_add(rounding, gate, kernel[i * columns + column], *dx);
            }
        }
    });
}

/// Adds to the gradients of kernel, recurrent kernel and bias what their kernels add.
///
/// ```
/// use kernlet::{kernels::{recurrent::{Recurrent, Sequences, SimpleRnn}, reference}, simd::Rounding};
/// let (rnn, kept) = (Recurrent::<SimpleRnn>::new(2, 1, 1), [2.0, 0.0, 1.0, 7.0]);
/// let (mut dkernel, mut drecurrent, mut dbias) = ([0.0], [0.0], [0.0]);
/// let to = (&mut dkernel[..], &mut drecurrent[..], &mut dbias[..]);
/// reference::recurrent::backward_weights(Rounding::Strict, &rnn, Sequences::new(1), &[3.0, 4.0], &kept, to);
/// assert_eq!((dkernel, drecurrent, dbias), ([10.0], [7.0], [3.0]));
/// ```
pub fn backward_weights<C: Cell>(
    rounding: Rounding,
    shape: &Recurrent<C>,
    sequences: Sequences<'_>,
    x: &[f32],
    kept: &[f32],
    (dkernel, drecurrent, dbias): (&mut [f32], &mut [f32], &mut [f32]),
) {
    let (units, columns) = (shape.units, shape.units * C::GATES);
    each_step(shape, sequences, kept, |at, slots, before| {
        for column in 0..columns {
            let of_input = slots[slot_of::<C>(units, column, true)];
            let of_state = slots[slot_of::<C>(units, column, false)];
            for (i, &x) in x[at * shape.inputs..][..shape.inputs].iter().enumerate() {
                let to = &mut dkernel[i * columns + column];
                *to = mul_add(rounding, x, of_input, *to);
            }
            let reset = kind::<C>() == Kind::GruBefore && column >= 2 * units;
            let values = if reset { &slots[3 * units..] } else { before };
            for (u, &value) in values[..units].iter().enumerate() {
                let to = &mut drecurrent[u * columns + column];
                *to = mul_add(rounding, value, of_state, *to);
            }
            dbias[column] += of_input;
            if C::BIASES > 1 {
                dbias[columns + column] += of_state;
            }
        }
    });
}
