//! SOFTMAX and LOG_SOFTMAX.

use super::{Emitter, Error, Found, How, Memory, Node, Type, Words, as_i8, code, float, kind, quantized};
use crate::kernels::int8::{log_softmax, log_softmax::LogSoftmax, softmax, softmax::Softmax};

pub(super) const fn emit(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, y) = (tri!(node.input(0)), tri!(node.output(0)));
    let is_log = node.operator.code() == code::LOG_SOFTMAX;
    tri!(node.equal(y.dims.len(), x.dims.len(), "an output as long as the input"));
    let classes = match x.dims.as_slice() {
        [.., classes] if *classes > 0 => *classes,
        _ => return Err(node.fail("classes", Found::Number(0))),
    };
    let beta = if is_log { 1.0 } else { tri!(node.float(0, 0.0)) };
    if x.kind.is(Type::FLOAT32) {
        tri!(node.expect(&y, Type::FLOAT32, "float32"));
        out.begin(kind::FLOAT_SOFTMAX, node.index);
        tri!(out.tensor(&x));
        tri!(out.tensor(&y));
        out.size(classes);
        out.size(is_log as usize);
        out.word(beta.to_bits());
    } else {
        let from = tri!(quantized(node, &x));
        if is_log {
            let to = tri!(quantized(node, &y));
            if to.zero_point != 127 || to.scale != 16.0 / 256.0 {
                return Err(
                    node.fail("an output of scale 1/16 and zero point 127", Found::Number(to.zero_point as i64))
                );
            }
            out.begin(kind::LOG_SOFTMAX, node.index);
            tri!(out.tensor(&x));
            tri!(out.tensor(&y));
            out.size(classes);
            out.multiplier(LogSoftmax::new(classes, from.scale).multiplier());
            out.end();
            return Ok(());
        }
        if y.kind.is(Type::INT16) {
            if !(y.scale() == 1.0 / 65536.0 && y.zero_point() == -32768 && beta > 0.0 && beta < f32::INFINITY) {
                let expected = "an output of scale 1/65536 and zero point -32768, and a positive beta";
                return Err(node.fail(expected, Found::Number(y.zero_point() as i64)));
            }
            out.begin(kind::SOFTMAX_WIDE, node.index);
            tri!(out.tensor(&x));
            tri!(out.tensor(&y));
            out.size(classes);
            out.multiplier(Softmax::new(classes, from.scale, beta).multiplier());
            out.end();
            return Ok(());
        }
        let to = tri!(quantized(node, &y));
        if to.zero_point != -128 || to.scale != 1.0 / 256.0 {
            return Err(node.fail("an output of scale 1/256 and zero point -128", Found::Number(to.zero_point as i64)));
        }
        if !(beta > 0.0 && beta < f32::INFINITY) {
            return Err(node.fail("a positive beta", Found::Other));
        }
        out.begin(kind::SOFTMAX, node.index);
        tri!(out.tensor(&x));
        tri!(out.tensor(&y));
        let softmax = Softmax::new(classes, from.scale, beta);
        out.size(classes);
        out.multiplier(softmax.multiplier());
    }
    out.end();
    Ok(())
}

pub(super) fn run(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let softmax = Softmax::from_multiplier(words.size()?, words.multiplier()?);
    let (sources, y) = memory.output(y)?;
    Ok(softmax::forward_into(how.level, &softmax, sources.i8(x)?, as_i8(y))?)
}

/// Probabilities of 16 bits.
pub(super) fn run_wide(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let softmax = Softmax::from_multiplier(words.size()?, words.multiplier()?);
    let (sources, y) = memory.output(y)?;
    Ok(softmax::forward_wide_into(how.level, &softmax, sources.i8(x)?, y.as_chunks_mut().0)?)
}

pub(super) fn run_log(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let softmax = LogSoftmax::from_multiplier(words.size()?, words.multiplier()?);
    let (sources, y) = memory.output(y)?;
    Ok(log_softmax::forward_into(how.level, &softmax, sources.i8(x)?, as_i8(y))?)
}

pub(super) fn run_float(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let [classes, is_log] = words.sizes()?;
    let beta = words.float()?;
    let (sources, y) = memory.output(y)?;
    float::softmax(classes, is_log != 0, beta, sources.words(x)?, y.as_chunks_mut().0)
}
