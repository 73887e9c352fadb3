//! Recurrent layers over `[time, channels]`, in one direction or in both: the kernels of [`crate::kernels::recurrent`].
//!
//! In training the auxiliary place holds what each direction keeps, one after the other. Every sequence begins with a state
//! of zeros, or with the one that it has carried over; a gradient goes no further back than to that.

use core::{marker::PhantomData, ops::Range};

use super::{BackwardPass, Context, Declared, ForwardPass, Kind, ShapeError, Spec, StepPass, WeightPass, rows};
use crate::{
    kernels::recurrent::{self as kernels, Backward, Cell, Forward, SequenceError, Sequences, Weights},
    nn::declare::{Auxiliary, Carries, Init, LayerTensor, Scratch, Settings, Streaming, Value},
    parallel,
    shape::Dims,
    simd::HAS_VECTORS,
};

/// A recurrent layer of a cell.
#[derive(Debug)]
pub struct Recurrent<C>(PhantomData<C>);

/// The simple recurrent layer.
pub type SimpleRnn = Recurrent<kernels::SimpleRnn>;
/// The gated recurrent unit, as Keras has it by default.
pub type Gru = Recurrent<kernels::Gru>;
/// The gated recurrent unit that resets before the product.
pub type GruResetBefore = Recurrent<kernels::GruResetBefore>;
/// The long short-term memory.
pub type Lstm = Recurrent<kernels::Lstm>;

/// Sequences that a thread works on at a time: as many as fill the rows of a product. Without vectors one by one.
const AT_A_TIME: usize = if HAS_VECTORS { 32 } else { 1 };

const OPTIONS: &[&str] = &["sequences", "bidirectional", "backwards", "bias"];

/// The names of a direction's tensors: Keras' for one, and those of its `Bidirectional`'s two layers.
const NAMES: [[&str; 3]; 3] = [
    ["kernel", "recurrent_kernel", "bias"],
    ["forward_kernel", "forward_recurrent_kernel", "forward_bias"],
    ["backward_kernel", "backward_recurrent_kernel", "backward_bias"],
];

impl<C: Cell> Recurrent<C> {
    /// Units by position.
    pub const fn declare(context: Context<'_>) -> Declared {
        let context = context.expect(usage::<C>(), 1, OPTIONS);
        let [steps, inputs] = context.sequence();
        let units = context.size(0, "units");
        let (sequences, both) = (context.has_flag("sequences"), context.has_flag("bidirectional"));
        let (backwards, bias) = (context.has_flag("backwards"), context.switch("bias", true));
        if both && backwards {
            context.message().text("`bidirectional` runs backwards too: leave out `backwards`").fail();
        }
        let settings =
            Settings::of(&[steps, inputs, units, sequences as usize, both as usize, backwards as usize, bias as usize]);
        let [first, second] = shapes::<C>(&settings);
        context.check(first.validate());
        let directions = if both { 2 } else { 1 };
        let mut need = kernels::infer_scratch_len(&first, AT_A_TIME);
        let mut batch = 1;
        while batch < AT_A_TIME {
            let len = kernels::infer_scratch_len(&first, batch);
            need = if len > need { len } else { need };
            batch += 1;
        }
        let states = AT_A_TIME * first.state_len();
        let spec = Spec {
            settings,
            reads_input: true,
            by_piece: false,
            auxiliary: Auxiliary::PerSample(directions * first.kept_len() * size_of::<f32>()),
            scratch: Scratch {
                forward: states + need,
                backward: states + kernels::backward_scratch_len(&first, AT_A_TIME),
                weights: 0,
            },
            // The gradients of the gates, which those of the weights are made of, are backward's.
            sums: true,
            streaming: if both || backwards { Streaming::No } else { Streaming::State(first.state_len()) },
            ends: true,
            carries: if both || backwards { Carries::Never } else { Carries::State(first.state_len()) },
            ..Spec::NEW
        };
        let columns = first.columns;
        let output = if sequences { Dims::new(&[steps, columns]) } else { Dims::new(&[columns]) };
        let macs = directions * steps * units * C::GATES * (inputs + units);
        let mut declared = Declared::new(&context, output, spec);
        declared.layer.over_batch = false;
        if both {
            declared = tensors::<C>(declared, &first, NAMES[1], bias);
            declared = tensors::<C>(declared, &second, NAMES[2], bias);
        } else {
            declared = tensors::<C>(declared, &first, NAMES[0], bias);
        }
        let word = if sequences { "yes" } else { "no" };
        let direction = if both {
            "both"
        } else if backwards {
            "backwards"
        } else {
            "forwards"
        };
        if C::GATES == 3 && C::BIASES == 1 {
            declared = declared.attribute("reset", Value::Word("before"));
        }
        declared.attribute("sequences", Value::Word(word)).attribute("direction", Value::Word(direction)).macs(macs)
    }
}

/// How the cell's layer is written.
const fn usage<C: Cell>() -> &'static str {
    match (C::GATES, C::BIASES) {
        (1, _) => "simple_rnn(units, sequences, bidirectional, backwards, bias: no)",
        (3, 2) => "gru(units, sequences, bidirectional, backwards, bias: no)",
        (3, _) => "gru_reset_before(units, sequences, bidirectional, backwards, bias: no)",
        _ => "lstm(units, sequences, bidirectional, backwards, bias: no)",
    }
}

/// A direction's tensors.
const fn tensors<C: Cell>(
    declared: Declared,
    shape: &kernels::Recurrent<C>,
    [kernel, recurrent, bias]: [&'static str; 3],
    has_bias: bool,
) -> Declared {
    let columns = shape.units * C::GATES;
    let declared = declared
        .tensor(LayerTensor::new(kernel, &[shape.inputs, columns], Init::GlorotUniform).decays())
        .tensor(LayerTensor::new(recurrent, &[shape.units, columns], Init::Orthogonal).decays());
    if !has_bias {
        return declared;
    }
    let init = if C::STATES > 1 { Init::ForgetGate } else { Init::Zeros };
    if C::BIASES > 1 {
        declared.tensor(LayerTensor::new(bias, &[C::BIASES, columns], init))
    } else {
        declared.tensor(LayerTensor::new(bias, &[columns], init))
    }
}

/// The shapes of both directions; the second is not there if the layer has one.
#[inline]
const fn shapes<C: Cell>(settings: &Settings) -> [kernels::Recurrent<C>; 2] {
    let units = settings.size::<2>();
    let mut shape = kernels::Recurrent::new(settings.size::<0>(), settings.size::<1>(), units);
    shape.sequences = settings.size::<3>() > 0;
    shape.reverse = settings.size::<5>() > 0;
    if settings.size::<4>() == 0 {
        return [shape, shape];
    }
    shape = shape.with_zeros_after_end().with_columns(0, 2 * units);
    [shape, shape.in_reverse().with_columns(units, 2 * units)]
}

/// One direction with its place among the parameters and in the auxiliary memory.
struct Direction<C> {
    shape: kernels::Recurrent<C>,
    /// Its first row of parameters.
    first_row: usize,
    /// Whether it is the second one.
    is_second: bool,
    has_bias: bool,
}

impl<C: Cell> Direction<C> {
    fn all(settings: &Settings) -> impl Iterator<Item = Self> {
        let (has_bias, both) = (settings.size::<6>() > 0, settings.size::<4>() > 0);
        let directions = shapes::<C>(settings).into_iter().zip([false, true]).take(if both { 2 } else { 1 });
        directions.map(move |(shape, is_second)| {
            let direction = Self { shape, first_row: 0, is_second, has_bias };
            Self { first_row: if is_second { direction.row_count() } else { 0 }, ..direction }
        })
    }

    /// Rows of its parameters.
    fn row_count(&self) -> usize {
        self.shape.inputs + self.shape.units + if self.has_bias { C::BIASES } else { 0 }
    }

    fn weights<'a>(&self, parameters: &'a [f32]) -> Result<Weights<'a>, ShapeError> {
        let wrong = ShapeError::new(C::NAME, "parameters", self.row_count(), parameters.len());
        let start = self.first_row * self.shape.units * C::GATES;
        let rest = parameters.get(start..).ok_or(wrong)?;
        let (kernel, rest) = rest.split_at_checked(self.shape.kernel_len()).ok_or(wrong)?;
        let (recurrent, rest) = rest.split_at_checked(self.shape.recurrent_len()).ok_or(wrong)?;
        let bias = if self.has_bias { Some(rest.get(..self.shape.bias_len()).ok_or(wrong)?) } else { None };
        Ok(Weights { kernel, recurrent, bias })
    }

    /// Its part of what all samples keep.
    fn kept(&self, samples: usize) -> Range<usize> {
        let len = samples * self.shape.kept_len();
        if self.is_second { len..2 * len } else { 0..len }
    }
}

/// Some of the sequences.
fn some<'a>(lengths: &'a [u32], samples: Range<usize>) -> Sequences<'a> {
    let sequences = Sequences::new(samples.len());
    match lengths.get(samples) {
        Some(lengths) if !lengths.is_empty() => sequences.with_lengths(lengths),
        _ => sequences,
    }
}

/// The samples, at most [`AT_A_TIME`] together.
fn groups(samples: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    samples.clone().step_by(AT_A_TIME).map(move |first| first..samples.end.min(first + AT_A_TIME))
}

fn narrow(error: SequenceError, name: &'static str) -> ShapeError {
    match error {
        SequenceError::Shape(error) => error,
        SequenceError::Length { length: 0, steps, .. } => ShapeError::at_most(name, "length", steps, 0),
        SequenceError::Length { length, steps, .. } => ShapeError::at_most(name, "length", steps, length as usize),
    }
}

/// So many elements from the front.
fn take<'a>(from: &mut &'a mut [f32], len: usize) -> Result<&'a mut [f32], ShapeError> {
    let found = from.len();
    let (taken, rest) = core::mem::take(from).split_at_mut_checked(len).ok_or(ShapeError::new(
        "recurrent",
        "memory of a layer",
        len,
        found,
    ))?;
    *from = rest;
    Ok(taken)
}

impl<C: Cell> Kind for Recurrent<C> {
    fn forward(pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        let level = pass.level;
        for direction in Direction::<C>::all(&pass.node.settings) {
            let (shape, weights) = (&direction.shape, direction.weights(pass.parameters)?);
            let (trains, carries) = (!pass.auxiliary.is_empty(), !pass.carried.is_empty());
            let place = if trains { direction.kept(pass.samples) } else { 0..0 };
            let found = pass.auxiliary.len();
            let wrong = ShapeError::new(C::NAME, "auxiliary", place.end, found);
            let kept = pass.auxiliary.get_mut(place).ok_or(wrong)?;
            let (x, lengths) = (pass.x, pass.lengths);
            let run = |samples: Range<usize>, [y, kept, carried]: [&mut [f32]; 3], scratch: &mut [f32]| {
                let (mut y, mut kept, mut carried) = (y, kept, carried);
                for group in groups(samples) {
                    let of = Forward { x: rows(x, group.clone(), shape.x_len())?, weights };
                    let (sequences, count) = (some(lengths, group.clone()), group.len());
                    let mut scratch = &mut *scratch;
                    let own = take(&mut scratch, count * shape.state_len())?;
                    let state = if carries { take(&mut carried, count * shape.state_len())? } else { own };
                    if !carries {
                        state.fill(0.0);
                    }
                    let y = take(&mut y, count * shape.y_len())?;
                    if trains {
                        let kept = take(&mut kept, count * shape.kept_len())?;
                        kernels::forward_into(level, shape, sequences, of, y, state, kept)
                    } else {
                        let scratch = take(&mut scratch, kernels::infer_scratch_len(shape, count))?;
                        kernels::infer_into(level, shape, sequences, of, y, state, scratch)
                    }
                    .map_err(|error| narrow(error, C::NAME))?;
                }
                Ok(())
            };
            let slices = [&mut *pass.y, kept, &mut *pass.carried];
            parallel::for_rows3_with_scratch(pass.threads, pass.samples, slices, &mut *pass.scratch, &run)?;
        }
        Ok(())
    }

    fn step(pass: StepPass<'_>) -> Result<bool, ShapeError> {
        for direction in Direction::<C>::all(&pass.node.settings).take(1) {
            let (shape, found) = (&direction.shape, pass.scratch.len());
            let need = kernels::step_scratch_len(shape);
            let scratch = pass.scratch.get_mut(..need).ok_or(ShapeError::new(C::NAME, "scratch", need, found))?;
            let of = Forward { x: pass.x, weights: direction.weights(pass.parameters)? };
            kernels::step_in_place(pass.level, shape, of, pass.state, scratch)
                .map_err(|error| narrow(error, C::NAME))?;
            pass.y.iter_mut().zip(&*pass.state).for_each(|(y, h)| *y = *h);
        }
        Ok(true)
    }

    fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        let level = pass.level;
        let (lengths, dy) = (pass.lengths, &*pass.dy);
        for direction in Direction::<C>::all(&pass.node.settings) {
            let (shape, weights) = (&direction.shape, direction.weights(pass.parameters)?);
            let (place, found) = (direction.kept(pass.samples), pass.auxiliary.len());
            let wrong = ShapeError::new(C::NAME, "auxiliary", place.end, found);
            let kept = pass.auxiliary.get_mut(place).ok_or(wrong)?;
            let run = |samples: Range<usize>, dx: &mut [f32], kept: &mut [f32], scratch: &mut [f32]| {
                let (mut dx, mut kept) = (dx, kept);
                for group in groups(samples) {
                    let of = Backward { recurrent: weights.recurrent, dy: rows(dy, group.clone(), shape.y_len())? };
                    let (sequences, count) = (some(lengths, group.clone()), group.len());
                    let mut scratch = &mut *scratch;
                    let dstate = take(&mut scratch, count * shape.state_len())?;
                    dstate.fill(0.0);
                    let scratch = take(&mut scratch, kernels::backward_scratch_len(shape, count))?;
                    let kept = take(&mut kept, count * shape.kept_len())?;
                    kernels::backward_in_place(level, shape, sequences, of, dstate, kept, scratch)
                        .map_err(|error| narrow(error, C::NAME))?;
                    if dx.is_empty() {
                        continue;
                    }
                    let dx = take(&mut dx, count * shape.x_len())?;
                    if direction.is_second {
                        kernels::backward_input_acc(level, shape, sequences, weights.kernel, kept, dx, scratch)
                    } else {
                        kernels::backward_input_into(level, shape, sequences, weights.kernel, kept, dx, scratch)
                    }
                    .map_err(|error| narrow(error, C::NAME))?;
                }
                Ok(())
            };
            let dx = &mut *pass.dx;
            parallel::for_rows2_with_scratch(pass.threads, pass.samples, dx, kept, &mut *pass.scratch, &run)?;
        }
        Ok(())
    }

    fn weights(pass: WeightPass<'_>) -> Result<(), ShapeError> {
        let (level, start, row_len) = (pass.level, pass.rows.start, pass.node.row_len as usize);
        let (samples, x, is_first) = (pass.samples, pass.x, pass.is_first);
        let sequences = some(pass.lengths, 0..samples);
        let auxiliary = pass.auxiliary;
        let all = &pass.node.settings;
        parallel::for_rows(pass.threads, pass.rows.len(), pass.gradient, &|part, gradient: &mut [f32]| {
            if is_first {
                gradient.fill(0.0);
            }
            let asked = part.start + start..part.end + start;
            for direction in Direction::<C>::all(all) {
                let shape = &direction.shape;
                let place = direction.kept(samples);
                let wrong = ShapeError::new(C::NAME, "auxiliary", place.end, auxiliary.len());
                let kept = auxiliary.get(place).ok_or(wrong)?;
                let mut at = direction.first_row;
                // Of each tensor the rows that are asked for, and where they lie in `gradient`.
                let mut next = |count: usize| {
                    let [first, end] = [asked.start, asked.end].map(|asked| asked.max(at).min(at + count));
                    let place = (first - asked.start.min(first)) * row_len..(end - asked.start.min(end)) * row_len;
                    let rows = first - at..end - at;
                    at += count;
                    (rows, place)
                };
                let (of_kernel, kernel) = next(shape.inputs);
                let (of_recurrent, recurrent) = next(shape.units);
                let (of_bias, bias) = next(if direction.has_bias { C::BIASES } else { 0 });
                let result = (|| {
                    if !of_kernel.is_empty() {
                        let to = gradient.get_mut(kernel).unwrap_or_default();
                        kernels::backward_kernel_acc(level, shape, sequences, x, kept, of_kernel, to)?;
                    }
                    if !of_recurrent.is_empty() {
                        let to = gradient.get_mut(recurrent).unwrap_or_default();
                        kernels::backward_recurrent_acc(level, shape, sequences, kept, of_recurrent, to)?;
                    }
                    if !of_bias.is_empty() {
                        let to = gradient.get_mut(bias).unwrap_or_default();
                        kernels::backward_bias_acc(level, shape, sequences, kept, of_bias, to)?;
                    }
                    Ok(())
                })();
                result.map_err(|error| narrow(error, C::NAME))?;
            }
            Ok(())
        })
    }
}
