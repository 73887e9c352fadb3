//! UNIDIRECTIONAL_SEQUENCE_LSTM of integers and of floats.

use super::{
    Emitter, Error, Found, How, Memory, Node, Output, Place, Tensor, Type, Words, as_i8, float, kind, quantized,
};
use crate::kernels::{
    div,
    int8::{
        Filter, Multiplier,
        lstm::{self, Gate, Lstm, State},
    },
};

/// Where the inputs lie in the operator's list.
const INPUT_WEIGHTS: usize = 1;
const RECURRENT_WEIGHTS: usize = 5;
const BIASES: usize = 12;
const HIDDEN: usize = 18;
const CELL: usize = 19;

const GATES: usize = 4;

/// A gate's sums have a scale of 2⁻¹².
const GATE_SCALE: f64 = 1.0 / 4096.0;

pub(super) const fn scratch(node: &Node<'_>) -> Result<usize, Error> {
    let cells = tri!(node.input(RECURRENT_WEIGHTS)).axis(1);
    let is_float = tri!(node.input(0)).kind.is(Type::FLOAT32);
    Ok(GATES * cells * if is_float { size_of::<f32>() } else { size_of::<i16>() })
}

pub(super) const fn emit(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    const OMITTED: [usize; 9] = [9, 10, 11, 16, 17, 20, 21, 22, 23];
    let (x, y) = (tri!(node.input(0)), tri!(node.output(0)));
    let (hidden, cell) = (tri!(node.input(HIDDEN)), tri!(node.input(CELL)));
    let mut i = 0;
    while i < OMITTED.len() {
        if tri!(node.optional(OMITTED[i])).is_some() {
            return Err(node.fail("no peepholes, projection or normalization", Found::Number(OMITTED[i] as i64)));
        }
        i += 1;
    }
    tri!(node.equal(tri!(node.byte(0)) as usize, 4, "the activation TANH"));
    if !hidden.variable || !cell.variable {
        return Err(node.fail("a state of variables", Found::Other));
    }
    if !x.kind.is(Type::FLOAT32) {
        tri!(quantized(node, &x));
        tri!(quantized(node, &hidden));
        tri!(quantized(node, &y));
        tri!(node.expect(&cell, Type::INT16, "a cell of int16"));
    }
    tri!(node.equal(x.dims.rank(), 3, "three axes"));
    let is_time_major = tri!(node.byte(3)) != 0;
    let batch = x.axis(if is_time_major { 1 } else { 0 });
    let (inputs, cells) = (x.axis(2), tri!(node.input(RECURRENT_WEIGHTS)).axis(1));
    tri!(node.equal(hidden.dims.len(), batch * cells, "a state for each sequence"));
    tri!(node.equal(cell.dims.len(), batch * cells, "a cell for each sequence"));
    tri!(node.equal(y.dims.len(), x.axis(0) * x.axis(1) * cells, "an output for each step"));
    let (clip, projection_clip) = (tri!(node.float(1, 0.0)), tri!(node.float(2, 0.0)));
    if clip < 0.0 || clip.is_nan() || projection_clip != 0.0 {
        return Err(node.fail("a cell that is clipped at a positive number or not at all", Found::Other));
    }
    out.add_macs((x.axis(0) * x.axis(1)) as u64 * (GATES * cells * (inputs + cells)) as u64);
    let sizes = [batch, inputs, cells, is_time_major as usize];
    if x.kind.is(Type::FLOAT32) {
        tri!(node.expect(&hidden, Type::FLOAT32, "float32, as the input"));
        tri!(node.expect(&cell, Type::FLOAT32, "float32, as the input"));
        tri!(node.expect(&y, Type::FLOAT32, "float32, as the input"));
        return emit_float(node, out, [&x, &y, &hidden, &cell], sizes, clip);
    }
    let (from, state) = (tri!(quantized(node, &x)), tri!(quantized(node, &hidden)));
    let power = match power_of_two(cell.scale()) {
        Some(power) if power >= -15 && power <= 0 => power,
        _ => return Err(node.fail("a cell whose scale is a power of two", Found::Other)),
    };
    out.begin(kind::LSTM, node.index);
    tri!(out.tensor(&x));
    tri!(out.tensor(&y));
    tri!(out.tensor(&hidden));
    tri!(out.tensor(&cell));
    out.scratch(node.index);
    out.sizes(&sizes);
    out.int(power);
    out.word(state.scale.to_bits());
    out.word(clip.to_bits());
    out.int(state.zero_point as i32);
    out.int(from.zero_point as i32);
    let mut gate = 0;
    while gate < GATES {
        let weights = tri!(node.input(INPUT_WEIGHTS + gate));
        let bias = tri!(node.optional(BIASES + gate));
        tri!(emit_product(node, out, &weights, bias, [cells, inputs], from.scale));
        let weights = tri!(node.input(RECURRENT_WEIGHTS + gate));
        tri!(emit_product(node, out, &weights, None, [cells, cells], state.scale));
        gate += 1;
    }
    out.end();
    Ok(())
}

/// The same for floats.
const fn emit_float(
    node: &Node<'_>,
    out: &mut Emitter<'_, '_>,
    tensors: [&Tensor<'_>; 4],
    sizes: [usize; 4],
    clip: f32,
) -> Result<(), Error> {
    let [_, inputs, cells, _] = sizes;
    out.begin(kind::FLOAT_LSTM, node.index);
    let mut i = 0;
    while i < tensors.len() {
        tri!(out.tensor(tensors[i]));
        i += 1;
    }
    out.scratch(node.index);
    out.sizes(&sizes);
    out.word(clip.to_bits());
    let mut gate = 0;
    while gate < GATES {
        let (w, u) = (tri!(node.input(INPUT_WEIGHTS + gate)), tri!(node.input(RECURRENT_WEIGHTS + gate)));
        let bias = tri!(node.optional(BIASES + gate));
        tri!(node.expect(&w, Type::FLOAT32, "float32, as the input"));
        tri!(node.expect(&u, Type::FLOAT32, "float32, as the input"));
        tri!(node.equal(w.dims.len(), cells * inputs, "weights from each input to each cell"));
        tri!(node.equal(u.dims.len(), cells * cells, "weights from each input to each cell"));
        out.add_parameters(&w);
        out.add_parameters(&u);
        if let Some(bias) = &bias {
            tri!(node.expect(bias, Type::FLOAT32, "float32, as the input"));
            tri!(node.equal(bias.dims.len(), cells, "a bias for each cell"));
            out.add_parameters(bias);
        }
        tri!(out.tensor(&w));
        tri!(out.tensor(&u));
        tri!(out.optional(&bias));
        gate += 1;
    }
    out.end();
    Ok(())
}

/// The exponent of a power of two.
const fn power_of_two(scale: f32) -> Option<i32> {
    let bits = scale.to_bits();
    if bits & 0x807F_FFFF == 0 { Some((bits >> 23) as i32 - 127) } else { None }
}

const fn emit_product(
    node: &Node<'_>,
    out: &mut Emitter<'_, '_>,
    weights: &Tensor<'_>,
    bias: Option<Tensor<'_>>,
    [rows, columns]: [usize; 2],
    scale: f32,
) -> Result<(), Error> {
    let of = tri!(quantized(node, weights));
    if of.zero_point != 0 {
        return Err(node.fail("weights of zero point 0", Found::Number(of.zero_point as i64)));
    }
    tri!(node.equal(weights.dims.len(), rows * columns, "weights from each input to each cell"));
    if let Some(bias) = &bias {
        tri!(node.expect(bias, Type::INT32, "int32 biases"));
        tri!(node.equal(bias.dims.len(), rows, "a bias for each cell"));
    }
    out.add_parameters(weights);
    if let Some(bias) = &bias {
        out.add_parameters(bias);
    }
    tri!(out.tensor(weights));
    tri!(out.optional(&bias));
    out.multiplier(Multiplier::from_real(scale as f64 * of.scale as f64 / GATE_SCALE));
    Ok(())
}

/// A product's words.
struct Product<'w> {
    w: Place,
    b: Place,
    multipliers: &'w [Multiplier],
}

fn product<'w>(words: &mut Words<'w>) -> Result<Product<'w>, Error> {
    let (w, b) = (words.place()?, words.place()?);
    Ok(Product { w, b, multipliers: Words(words.take(2)?).multipliers()? })
}

pub(super) fn run(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let x = words.place()?;
    let places = [words.place()?, words.place()?, words.place()?, words.place()?];
    let [batch, inputs, cells, is_time_major] = words.sizes()?;
    let power = words.int()?;
    let (scale, clip, zero_point) = (words.float()?, words.float()?, words.byte()?);
    let input_zero_point = words.byte()?;
    let (sources, [y, hidden, cell, scratch]) = memory.outputs(places)?;
    let mut filter = |input_zero_point| {
        let Product { w, b, multipliers } = product(&mut words)?;
        let output = Output::new(0).with_rescaling(how.rescaling);
        let filter = Filter::new(sources.i8(w)?, multipliers, output).with_input_zero_point(input_zero_point);
        Ok::<_, Error>(match sources.bias(b)? {
            Some(b) => filter.with_bias(b),
            None => filter,
        })
    };
    let mut gate = || Ok::<_, Error>(Gate { input: filter(input_zero_point)?, recurrent: filter(zero_point)? });
    let gates = [gate()?, gate()?, gate()?, gate()?];
    let mut lstm =
        Lstm::new(inputs, cells, gates, power, [scale, clip], zero_point).with_time_major(is_time_major != 0);
    lstm.hidden.rescaling = how.rescaling;
    let (Ok(cell), Ok(scratch)) = (bytemuck::try_cast_slice_mut(cell), bytemuck::try_cast_slice_mut(scratch)) else {
        return Err(Error::Program);
    };
    let state = State { hidden: as_i8(hidden), cell };
    Ok(lstm::forward_into(how.level, &lstm, batch, sources.i8(x)?, as_i8(y), state, scratch)?)
}

pub(super) fn run_float(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let x = words.place()?;
    let places = [words.place()?, words.place()?, words.place()?, words.place()?];
    let [batch, inputs, cells, is_time_major] = words.sizes()?;
    let clip = words.float()?;
    let (sources, [y, hidden, cell, gates]) = memory.outputs(places)?;
    let x = sources.words(x)?;
    let ((y, _), (hidden, _)) = (y.as_chunks_mut(), hidden.as_chunks_mut::<4>());
    let ((cell, _), (gates, _)) = (cell.as_chunks_mut(), gates.as_chunks_mut());
    if batch == 0 || inputs == 0 || cells == 0 {
        return Err(Error::Program);
    }
    let steps = div(x.len(), batch * inputs);
    let number = |bytes: &[u8; 4]| f32::from_le_bytes(*bytes);
    for step in 0..steps {
        let states = hidden.chunks_exact_mut(cells).zip(cell.chunks_exact_mut(cells));
        for (sequence, (hidden, cell)) in states.enumerate().take(batch) {
            let row = if is_time_major != 0 { step * batch + sequence } else { sequence * steps + step };
            let x = x.chunks_exact(inputs).nth(row).ok_or(Error::Program)?;
            let mut parameters = words;
            for (gate, sums) in gates.chunks_exact_mut(cells).enumerate().take(GATES) {
                let (w, u) = (sources.words(parameters.place()?)?, sources.words(parameters.place()?)?);
                let b = sources.bias(parameters.place()?)?;
                let rows = w.chunks_exact(inputs).zip(u.chunks_exact(cells));
                for (i, ((w, u), sum)) in rows.zip(sums).enumerate() {
                    let total = float::product(x, w, 0.0) + float::bias(b, i) + float::product(hidden, u, 0.0);
                    let is_cell = gate == 2;
                    *sum = if is_cell { libm::tanhf(total) } else { float::logistic(total) }.to_le_bytes();
                }
            }
            let y = y.chunks_exact_mut(cells).nth(row).ok_or(Error::Program)?;
            let mut parts = gates.chunks_exact(cells);
            let mut part = || parts.next().unwrap_or_default().iter().map(number);
            let gates = part().zip(part()).zip(part()).zip(part());
            for ((((((input, forget), new), output), cell), hidden), y) in gates.zip(cell).zip(hidden).zip(y) {
                let value = forget * number(cell) + input * new;
                let value = if clip > 0.0 { float::clamp(value, -clip, clip) } else { value };
                *cell = value.to_le_bytes();
                *hidden = (output * libm::tanhf(value)).to_le_bytes();
                *y = *hidden;
            }
        }
    }
    Ok(())
}
