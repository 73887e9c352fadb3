//! SVDF: a layer whose filters look at time and features separately (R. Alvarez and H.-J. Park, *End-to-End Streaming
//! Keyword Spotting*, 2019). Its state survives an invocation.
//!
//! ```text
//! state[f] = state[f][1..], rescale((x − zₓ) · features[f])
//! y[u] = clamp(rescale(b[u] + Σ_{f of unit u} state[f] · time[f]) + z_y)
//! ```

use super::{
    Emitter, Error, Found, How, Memory, Node, Type, Words, activation, as_i8, emit_output, float, kind, output,
    quantized,
};
use crate::kernels::{
    div,
    int8::{Activation, Multiplier},
};

const STATE: usize = 4;

/// The sums of a batch's filters.
pub(super) const fn scratch(node: &Node<'_>) -> Result<usize, Error> {
    Ok(tri!(node.input(1)).axis(0) * size_of::<i32>())
}

pub(super) const fn emit(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, y) = (tri!(node.input(0)), tri!(node.output(0)));
    let (features, time) = (tri!(node.input(1)), tri!(node.input(2)));
    let (bias, state) = (tri!(node.optional(3)), tri!(node.input(STATE)));
    let rank = tri!(node.count(0, 0, "a rank of 1 or more"));
    let (filters, inputs, memory) = (features.axis(0), features.axis(1), time.axis(1));
    let (batch, units) = (x.axis(0), div(filters, rank));
    tri!(node.equal(units * rank, filters, "filters that the rank divides"));
    tri!(node.equal(x.dims.len(), batch * inputs, "as many inputs as the filters have features"));
    tri!(node.equal(time.dims.len(), filters * memory, "times for each filter"));
    tri!(node.equal(state.dims.len(), batch * filters * memory, "a state for each filter and time"));
    tri!(node.equal(y.dims.len(), batch * units, "an output for each unit"));
    if !state.variable {
        return Err(node.fail("a state that is a variable", Found::Number(state.index as i64)));
    }
    let is_float = x.kind.is(Type::FLOAT32);
    let activation = tri!(activation(node, 1));
    if is_float {
        tri!(node.expect(&features, Type::FLOAT32, "float32, as the input"));
        tri!(node.expect(&time, Type::FLOAT32, "float32, as the input"));
        tri!(node.expect(&state, Type::FLOAT32, "float32, as the input"));
        tri!(node.expect(&y, Type::FLOAT32, "float32, as the input"));
    } else {
        tri!(node.expect(&time, Type::INT16, "weights in time of int16"));
        tri!(node.expect(&state, Type::INT16, "a state of int16"));
        if !matches!(activation, Activation::Relu) {
            return Err(node.fail("the activation RELU", Found::Other));
        }
    }
    out.add_parameters(&features);
    out.add_parameters(&time);
    if let Some(bias) = &bias {
        tri!(node.expect(bias, if is_float { Type::FLOAT32 } else { Type::INT32 }, "biases of the sums' type"));
        tri!(node.equal(bias.dims.len(), units, "a bias for each unit"));
        out.add_parameters(bias);
    }
    out.add_macs(batch as u64 * filters as u64 * (inputs + memory) as u64);
    out.begin(if is_float { kind::FLOAT_SVDF } else { kind::SVDF }, node.index);
    tri!(out.tensor(&x));
    tri!(out.tensor(&features));
    tri!(out.tensor(&time));
    tri!(out.optional(&bias));
    tri!(out.tensor(&y));
    tri!(out.tensor(&state));
    out.scratch(node.index);
    out.sizes(&[inputs, filters, memory, rank]);
    if is_float {
        super::convolution::emit_open_range(out, activation);
    } else {
        let (from, to, by) = (tri!(quantized(node, &x)), tri!(quantized(node, &y)), tri!(quantized(node, &features)));
        out.int(from.zero_point as i32);
        emit_output(out, to.zero_point, [i8::MIN, i8::MAX]);
        let (middle, time) = (state.scale() as f64, time.scale() as f64);
        out.multiplier(Multiplier::from_real(from.scale as f64 * by.scale as f64 / middle));
        out.multiplier(Multiplier::from_real(middle * time / to.scale as f64));
    }
    out.end();
    Ok(())
}

fn i16_at(bytes: &[[u8; 2]], at: usize) -> i32 {
    bytes.get(at).map_or(0, |&bytes| i32::from(i16::from_le_bytes(bytes)))
}

/// Moves the elements of each row one place to the front; the last place is left to be written.
fn shift<T: Copy>(state: &mut [T], memory: usize) {
    for row in state.chunks_exact_mut(memory.max(1)) {
        row.copy_within(1.., 0);
    }
}

pub(super) fn run(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, features, time, bias] = [words.place()?, words.place()?, words.place()?, words.place()?];
    let places = [words.place()?, words.place()?, words.place()?];
    let [inputs, filters, times, rank] = words.sizes()?;
    let zero_point = i32::from(words.byte()?);
    let output = output(how, &mut words)?;
    let [to_state, to_output] = [words.multiplier()?, words.multiplier()?];
    let (sources, [y, state, sums]) = memory.outputs(places)?;
    let (x, features, bias) = (sources.i8(x)?, sources.i8(features)?, sources.bias(bias)?);
    let (time, _) = sources.bytes(time)?.as_chunks();
    let ((state, _), (sums, _)) = (state.as_chunks_mut::<2>(), sums.as_chunks_mut::<4>());
    if inputs == 0 || times == 0 || filters == 0 || rank == 0 {
        return Err(Error::Program);
    }
    shift(state, times);
    let sequences = x.chunks_exact(inputs).zip(state.chunks_exact_mut(filters * times));
    for ((x, state), y) in sequences.zip(as_i8(y).chunks_exact_mut(div(filters, rank))) {
        let rows = state.chunks_exact_mut(times).zip(features.chunks_exact(inputs)).zip(&mut *sums);
        for (filter, ((row, features), sum)) in rows.enumerate() {
            let products = x.iter().zip(features).map(|(&x, &w)| (i32::from(x) - zero_point) * i32::from(w));
            let seen = to_state.rescale(products.fold(0_i32, i32::wrapping_add), how.rescaling);
            if let Some(last) = row.last_mut() {
                *last = (seen.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16).to_le_bytes();
            }
            let products = (0..times).map(|i| i16_at(row, i).wrapping_mul(i16_at(time, filter * times + i)));
            *sum = products.fold(0_i32, i32::wrapping_add).to_le_bytes();
        }
        for ((unit, y), sums) in y.iter_mut().enumerate().zip(sums.chunks_exact(rank)) {
            let bias = bias.and_then(|bias| bias.get(unit)).map_or(0, |&bias| i32::from_le_bytes(bias));
            let sum = sums.iter().fold(bias, |sum, &part| sum.wrapping_add(i32::from_le_bytes(part)));
            *y = output.of(sum, to_output);
        }
    }
    Ok(())
}

pub(super) fn run_float(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, features, time, bias] = [words.place()?, words.place()?, words.place()?, words.place()?];
    let places = [words.place()?, words.place()?, words.place()?];
    let [inputs, filters, times, rank] = words.sizes()?;
    let [least, most] = [words.float()?, words.float()?];
    let (sources, [y, state, sums]) = memory.outputs(places)?;
    let (x, features, time) = (sources.words(x)?, sources.words(features)?, sources.words(time)?);
    let bias = sources.bias(bias)?;
    let ((state, _), (sums, _), (y, _)) = (state.as_chunks_mut(), sums.as_chunks_mut(), y.as_chunks_mut());
    if inputs == 0 || times == 0 || filters == 0 || rank == 0 {
        return Err(Error::Program);
    }
    shift::<[u8; 4]>(state, times);
    let sequences = x.chunks_exact(inputs).zip(state.chunks_exact_mut(filters * times));
    for ((x, state), y) in sequences.zip(y.chunks_exact_mut(div(filters, rank))) {
        let rows = state.chunks_exact_mut(times).zip(features.chunks_exact(inputs)).zip(time.chunks_exact(times));
        for (((row, features), time), sum) in rows.zip(&mut *sums) {
            if let Some(last) = row.last_mut() {
                *last = float::product(features, x, 0.0).to_le_bytes();
            }
            *sum = float::product(time, row, 0.0).to_le_bytes();
        }
        for ((unit, y), sums) in y.iter_mut().enumerate().zip(sums.chunks_exact(rank)) {
            let sum = sums.iter().fold(float::bias(bias, unit), |sum, part| sum + float::number(Some(part)));
            *y = float::clamp(sum, least, most).to_le_bytes();
        }
    }
    Ok(())
}
