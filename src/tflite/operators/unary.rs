//! Functions of one element: LOGISTIC, TANH, RELU …, HARD_SWISH, and those that become a table.

use super::{
    Emitter, Error, Found, How, Memory, Node, Place, Type, Words, as_i8, binary, code, emit_output, float, kind,
    output, quantized, table,
};
use crate::kernels::int8::{
    Multiplier, hard_swish, hard_swish::HardSwish, leaky_relu, leaky_relu::LeakyRelu, logistic, logistic::Input, relu,
    tanh,
};

/// Whether an operator is one of these.
pub(super) const fn knows(node: &Node<'_>) -> bool {
    matches!(
        node.operator.code(),
        code::LOGISTIC
            | code::TANH
            | code::RELU
            | code::RELU6
            | code::RELU_N1_TO_1
            | code::LEAKY_RELU
            | code::HARD_SWISH
            | code::PRELU
    ) || float::is_function(node.operator.code())
}

pub(super) const fn emit(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, y) = (tri!(node.input(0)), tri!(node.output(0)));
    tri!(node.equal(y.dims.len(), x.dims.len(), "an output as long as the input"));
    let operation = node.operator.code();
    if x.kind.is(Type::FLOAT32) {
        return emit_float(node, out);
    }
    let (from, to) = (tri!(quantized(node, &x)), tri!(quantized(node, &y)));
    let (scales, zero_points) = ([from.scale, to.scale], [from.zero_point, to.zero_point]);
    match operation {
        code::LOGISTIC | code::TANH => {
            let (step, scale, zero_point) =
                if operation == code::TANH { (kind::TANH, 128.0, 0) } else { (kind::LOGISTIC, 256.0, -128) };
            if to.scale != 1.0 / scale || to.zero_point != zero_point {
                let expected = "an output of scale 1/256 and zero point -128, of TANH 1/128 and 0";
                return Err(node.fail(expected, Found::Number(to.zero_point as i64)));
            }
            out.begin(step, node.index);
            tri!(emit_places(node, out));
            out.int(from.zero_point as i32);
            out.multiplier(Input::new(from.scale, from.zero_point).multiplier());
        }
        code::RELU | code::RELU6 | code::RELU_N1_TO_1 => {
            out.begin(kind::RELU, node.index);
            tri!(emit_places(node, out));
            tri!(emit_relu(node, out, operation));
        }
        code::LEAKY_RELU => {
            let alpha = tri!(node.float(0, 0.0));
            if !(alpha >= 0.0 && alpha < f32::INFINITY) {
                return Err(node.fail("a slope that is no negative number", Found::Other));
            }
            let leaky = LeakyRelu::new(from.scale, to.scale, alpha, super::Output::new(to.zero_point));
            out.begin(kind::LEAKY_RELU, node.index);
            tri!(emit_places(node, out));
            out.int(from.zero_point as i32);
            emit_output(out, to.zero_point, [i8::MIN, i8::MAX]);
            out.multiplier(leaky.positive);
            out.multiplier(leaky.negative);
        }
        code::HARD_SWISH => {
            out.begin(kind::HARD_SWISH, node.index);
            tri!(emit_places(node, out));
            let hard_swish = HardSwish::new(scales, zero_points);
            out.int(zero_points[0] as i32);
            out.int(zero_points[1] as i32);
            let parts = hard_swish.parts();
            let mut i = 0;
            while i < parts.len() {
                out.int(parts[i]);
                i += 1;
            }
        }
        code::PRELU => return emit_prelu(node, out),
        _ => return table::emit(node, out),
    }
    out.end();
    Ok(())
}

const fn emit_places(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    tri!(out.tensor(&tri!(node.input(0))));
    out.tensor(&tri!(node.output(0)))
}

/// RELU rescales, the others only clamp to a range.
const fn emit_relu(node: &Node<'_>, out: &mut Emitter<'_, '_>, operation: u32) -> Result<(), Error> {
    use crate::kernels::int8::Activation;
    let (from, to) = (tri!(quantized(node, &tri!(node.input(0)))), tri!(quantized(node, &tri!(node.output(0)))));
    let activation = match operation {
        code::RELU => Activation::Relu,
        code::RELU6 => Activation::Relu6,
        _ => Activation::ReluN1To1,
    };
    out.word((operation == code::RELU) as u32);
    out.int(from.zero_point as i32);
    let of = if operation == code::RELU { to } else { from };
    emit_output(out, to.zero_point, activation.range(of.scale, of.zero_point));
    out.multiplier(Multiplier::from_real(from.scale as f64 / to.scale as f64));
    Ok(())
}

/// Calls `f` with input and output, or with the output alone where it overwrites its input.
pub(super) fn each(x: Place, y: Place, memory: &mut Memory<'_>, f: impl FnOnce(&mut [i8])) -> Result<(), Error> {
    if x.len() != y.len() {
        return Err(Error::Program);
    }
    if !x.overlaps(y) {
        let (sources, output) = memory.output(y)?;
        let source = sources.bytes(x)?;
        if source.len() != output.len() {
            return Err(Error::Program);
        }
        output.copy_from_slice(source);
    } else if x != y {
        return Err(Error::Program);
    }
    let (_, output) = memory.output(y)?;
    f(as_i8(output));
    Ok(())
}

pub(super) fn run_logistic(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let input = Input::from_multiplier(words.byte()?, words.multiplier()?).with_rescaling(how.rescaling);
    each(x, y, memory, |y| logistic::forward_in_place(how.level, &input, y))
}

pub(super) fn run_tanh(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let input = Input::from_multiplier(words.byte()?, words.multiplier()?).with_rescaling(how.rescaling);
    each(x, y, memory, |y| tanh::forward_in_place(how.level, &input, y))
}

pub(super) fn run_relu(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let rescales = words.size()? != 0;
    let zero_point = words.byte()?;
    let output = output(how, &mut words)?;
    let multiplier = words.multiplier()?;
    each(x, y, memory, |y| match rescales {
        true => relu::relu_in_place(how.level, zero_point, multiplier, output, y),
        false => relu::clamp_in_place(how.level, output.range, y),
    })
}

pub(super) fn run_leaky_relu(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let input_zero_point = words.byte()?;
    let output = output(how, &mut words)?;
    let leaky = LeakyRelu { input_zero_point, output, positive: words.multiplier()?, negative: words.multiplier()? };
    each(x, y, memory, |y| leaky_relu::forward_in_place(how.level, &leaky, y))
}

pub(super) fn run_hard_swish(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let zero_points = [words.byte()?, words.byte()?];
    let parts = [words.int()?, words.int()?, words.int()?, words.int()?];
    let hard_swish = HardSwish::from_parts(zero_points, parts);
    each(x, y, memory, |y| hard_swish::forward_in_place(how.level, &hard_swish, y))
}

const fn emit_float(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    tri!(node.expect(&tri!(node.output(0)), Type::FLOAT32, "float32"));
    if node.operator.code() == code::PRELU {
        return emit_prelu(node, out);
    }
    out.begin(kind::FLOAT_UNARY, node.index);
    tri!(emit_places(node, out));
    out.word(node.operator.code());
    let alpha = if node.operator.code() == code::LEAKY_RELU { tri!(node.float(0, 0.0)) } else { 0.0 };
    out.word(alpha.to_bits());
    out.end();
    Ok(())
}

pub(super) fn run_float(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let (operation, alpha) = (words.word()?, words.float()?);
    // One element after the other, so that the output may be the input.
    for at in (0..y.len()).step_by(4) {
        let result = float::function(operation, alpha, f32::from_le_bytes(memory.element(x, at)?))?;
        memory.set_element(y, at, result.to_le_bytes())?;
    }
    Ok(())
}

/// The slopes of PRELU are repeated along the axes that they do not have.
const fn emit_prelu(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, slopes, y) = (tri!(node.input(0)), tri!(node.input(1)), tri!(node.output(0)));
    tri!(binary::check_shapes(node, &x, &slopes, &y));
    let float = x.kind.is(Type::FLOAT32);
    out.begin(if float { kind::FLOAT_PRELU } else { kind::PRELU }, node.index);
    tri!(binary::emit_places(out, &x, &slopes, &y));
    if float {
        tri!(node.expect(&slopes, Type::FLOAT32, "slopes of float32"));
    } else {
        let (from, by) = (tri!(quantized(node, &x)), tri!(quantized(node, &slopes)));
        let to = tri!(quantized(node, &y));
        out.int(from.zero_point as i32);
        out.int(by.zero_point as i32);
        emit_output(out, to.zero_point, [i8::MIN, i8::MAX]);
        out.multiplier(Multiplier::from_real(from.scale as f64 / to.scale as f64));
        out.multiplier(Multiplier::from_real(from.scale as f64 * by.scale as f64 / to.scale as f64));
    }
    out.end();
    Ok(())
}

pub(super) fn run_prelu(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let pairs = binary::Pairs::read(&mut words, 1, 1)?;
    let zero_points = [words.byte()?, words.byte()?].map(i32::from);
    let output = output(how, &mut words)?;
    let [positive, negative] = [words.multiplier()?, words.multiplier()?];
    pairs.each(memory, |[x], [slope]| {
        let x = i32::from(x.cast_signed()) - zero_points[0];
        let slope = i32::from(slope.cast_signed()) - zero_points[1];
        let y = if x >= 0 { output.of(x, positive) } else { output.of(x * slope, negative) };
        Ok([y.cast_unsigned()])
    })
}

pub(super) fn run_float_prelu(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    binary::Pairs::read(&mut words, 4, 4)?.each(memory, |x, slope| {
        let (x, slope) = (f32::from_le_bytes(x), f32::from_le_bytes(slope));
        Ok(if x >= 0.0 { x } else { x * slope }.to_le_bytes())
    })
}
