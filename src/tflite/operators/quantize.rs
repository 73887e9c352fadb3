//! QUANTIZE, DEQUANTIZE and CAST.

use super::{
    Emitter, Error, Found, How, Memory, Node, PIECE, Tensor, Type, Words, as_i8, code, emit_output, float, kind,
    output, quantized,
};
use crate::kernels::int8::{Multiplier, quantize};

pub(super) const fn emit(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, y) = (tri!(node.input(0)), tri!(node.output(0)));
    tri!(node.equal(y.dims.len(), x.dims.len(), "an output as long as the input"));
    if node.operator.code() == code::CAST {
        return emit_cast(node, out);
    }
    let step = match (node.operator.code(), x.kind, y.kind) {
        (code::QUANTIZE, Type::FLOAT32, Type::INT8) => kind::QUANTIZE,
        (code::QUANTIZE, Type::INT8, Type::INT8) => kind::REQUANTIZE,
        (code::DEQUANTIZE, Type::INT8, Type::FLOAT32) => kind::DEQUANTIZE,
        (code::QUANTIZE, Type::FLOAT32, Type::INT16) => kind::QUANTIZE_WIDE,
        (code::DEQUANTIZE, Type::INT16, Type::FLOAT32) => kind::DEQUANTIZE_WIDE,
        (code::QUANTIZE, Type::INT8 | Type::INT16 | Type::INT32, Type::INT8 | Type::INT16 | Type::INT32) => {
            kind::REQUANTIZE_WIDE
        }
        (code::QUANTIZE, Type::FLOAT32 | Type::INT8 | Type::INT16 | Type::INT32, other) => {
            return Err(node.fail("to int8, int16 or int32", Found::Type(other)));
        }
        (code::QUANTIZE, other, _) => return Err(node.fail("from float32, int8, int16 or int32", Found::Type(other))),
        (_, Type::INT8 | Type::INT16, other) => return Err(node.fail("to float32", Found::Type(other))),
        (_, other, _) => return Err(node.fail("from int8 or int16", Found::Type(other))),
    };
    out.begin(step, node.index);
    tri!(out.tensor(&x));
    tri!(out.tensor(&y));
    match step {
        kind::REQUANTIZE => {
            let (from, to) = (tri!(quantized(node, &x)), tri!(quantized(node, &y)));
            out.int(from.zero_point as i32);
            emit_output(out, to.zero_point, [i8::MIN, i8::MAX]);
            out.multiplier(Multiplier::from_real(from.scale as f64 / to.scale as f64));
        }
        kind::REQUANTIZE_WIDE => {
            let (from, to) = (tri!(wide(node, &x)), tri!(wide(node, &y)));
            out.int(from);
            out.int(to);
            out.word(x.kind.code() as u32);
            out.word(y.kind.code() as u32);
            out.multiplier(Multiplier::from_real(x.scale() as f64 / y.scale() as f64));
        }
        kind::QUANTIZE_WIDE | kind::DEQUANTIZE_WIDE => {
            let of = if step == kind::QUANTIZE_WIDE { &y } else { &x };
            let zero_point = tri!(wide(node, of));
            out.word(of.scale().to_bits());
            out.int(zero_point);
        }
        _ => {
            let of = tri!(quantized(node, if step == kind::QUANTIZE { &y } else { &x }));
            out.word(of.scale.to_bits());
            out.int(of.zero_point as i32);
        }
    }
    out.end();
    Ok(())
}

pub(super) fn run_quantize(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let (scale, zero_point) = (words.float()?, words.byte()?);
    let (sources, y) = memory.output(y)?;
    for (x, y) in sources.words(x)?.chunks(PIECE).zip(y.chunks_mut(PIECE)) {
        let mut piece = [0.0; PIECE];
        let x = float::load(x, &mut piece);
        quantize::quantize_into(how.level, scale, zero_point, x, as_i8(y))?;
    }
    Ok(())
}

pub(super) fn run_dequantize(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let (scale, zero_point) = (words.float()?, words.byte()?);
    let (sources, y) = memory.output(y)?;
    for (x, y) in sources.i8(x)?.chunks(PIECE).zip(y.as_chunks_mut().0.chunks_mut(PIECE)) {
        let mut piece = [0.0; PIECE];
        let numbers = piece.get_mut(..x.len()).ok_or(Error::Program)?;
        quantize::dequantize_into(how.level, scale, zero_point, x, numbers)?;
        float::store(numbers, y);
    }
    Ok(())
}

pub(super) fn run_requantize(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let zero_point = words.byte()?;
    let output = output(how, &mut words)?;
    let multiplier = words.multiplier()?;
    let (sources, y) = memory.output(y)?;
    Ok(quantize::requantize_into(how.level, zero_point, multiplier, output, sources.i8(x)?, as_i8(y))?)
}

/// The zero point of integers of any size, which have one positive scale.
const fn wide(node: &Node<'_>, tensor: &Tensor<'_>) -> Result<i32, Error> {
    tri!(node.equal(tensor.scales.len(), 1, "one scale"));
    let (scale, zero_point) = (tensor.scale(), tensor.zero_point());
    let fits = match tensor.kind {
        Type::INT8 => zero_point == zero_point as i8 as i32,
        _ => zero_point == zero_point as i16 as i32,
    };
    if scale > 0.0 && scale < f32::INFINITY && fits {
        Ok(zero_point)
    } else {
        Err(node.fail("a positive scale, and a zero point of 16 bits", Found::Number(zero_point as i64)))
    }
}

/// Integers of 8, 16 and 32 bits to each other.
pub(super) fn run_requantize_wide(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let zero_points = [words.int()?, words.int()?];
    let (from, to) = (Type::new(words.byte()?.cast_unsigned()), Type::new(words.byte()?.cast_unsigned()));
    let multiplier = words.multiplier()?;
    let (sources, y) = memory.output(y)?;
    let (Some(from_size), Some(to_size)) = (from.size(), to.size()) else { return Err(Error::Program) };
    for (x, y) in sources.bytes(x)?.chunks_exact(from_size).zip(y.chunks_exact_mut(to_size)) {
        let x = match *x {
            [a] => i32::from(a.cast_signed()),
            [a, b] => i32::from(i16::from_le_bytes([a, b])),
            [a, b, c, d] => i32::from_le_bytes([a, b, c, d]),
            _ => return Err(Error::Program),
        };
        let rescaled = multiplier.rescale(x.wrapping_sub(zero_points[0]), how.rescaling);
        let result = rescaled.wrapping_add(zero_points[1]);
        match y {
            [y] => *y = (result.clamp(-128, 127) as i8).cast_unsigned(),
            [_, _] => y.copy_from_slice(&(result.clamp(i16::MIN.into(), i16::MAX.into()) as i16).to_le_bytes()),
            _ => y.copy_from_slice(&result.to_le_bytes()),
        }
    }
    Ok(())
}

/// Floats to integers of 16 bits.
pub(super) fn run_quantize_wide(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let (scale, zero_point) = (words.float()?, words.int()?);
    let (sources, y) = memory.output(y)?;
    for (&x, y) in sources.words(x)?.iter().zip(y.as_chunks_mut().0) {
        let q = (libm::roundf(f32::from_le_bytes(x) / scale) as i32).saturating_add(zero_point);
        *y = (q.clamp(i16::MIN.into(), i16::MAX.into()) as i16).to_le_bytes();
    }
    Ok(())
}

/// Integers of 16 bits to floats.
pub(super) fn run_dequantize_wide(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let (scale, zero_point) = (words.float()?, words.int()?);
    let (sources, y) = memory.output(y)?;
    for (&x, y) in sources.bytes(x)?.as_chunks().0.iter().zip(y.as_chunks_mut().0) {
        *y = (scale * (i32::from(i16::from_le_bytes(x)).wrapping_sub(zero_point)) as f32).to_le_bytes();
    }
    Ok(())
}

/// The types that CAST goes between.
const CASTS: [Type; 5] = [Type::FLOAT32, Type::INT32, Type::INT8, Type::INT16, Type::BOOL];

const fn emit_cast(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, y) = (tri!(node.input(0)), tri!(node.output(0)));
    let mut i = 0;
    let (mut from, mut to) = (false, false);
    while i < CASTS.len() {
        from |= x.kind.is(CASTS[i]);
        to |= y.kind.is(CASTS[i]);
        i += 1;
    }
    if !from || !to {
        let found = if from { y.kind } else { x.kind };
        return Err(node.fail("float32, int32, int16, int8 or bool", Found::Type(found)));
    }
    out.begin(kind::CAST, node.index);
    tri!(out.tensor(&x));
    tri!(out.tensor(&y));
    out.word(x.kind.code() as u32);
    out.word(y.kind.code() as u32);
    out.end();
    Ok(())
}

pub(super) fn run_cast(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let (from, to) = (Type::new(words.byte()?.cast_unsigned()), Type::new(words.byte()?.cast_unsigned()));
    let (sources, y) = memory.output(y)?;
    let x = sources.bytes(x)?;
    let (Some(from_size), Some(to_size)) = (from.size(), to.size()) else { return Err(Error::Program) };
    for (x, y) in x.chunks_exact(from_size).zip(y.chunks_exact_mut(to_size)) {
        // Every integer of these types is a double, and so is every float.
        let number = match (from, x) {
            (Type::FLOAT32, &[a, b, c, d]) => f64::from(f32::from_le_bytes([a, b, c, d])),
            (Type::INT32, &[a, b, c, d]) => f64::from(i32::from_le_bytes([a, b, c, d])),
            (Type::INT16, &[a, b]) => f64::from(i16::from_le_bytes([a, b])),
            (Type::INT8, &[a]) => f64::from(a.cast_signed()),
            (_, &[a]) => f64::from(u8::from(a != 0)),
            _ => return Err(Error::Program),
        };
        // Of integers the low bits are kept, floats are held.
        let whole = number as i32;
        let (byte, short) = match from {
            Type::FLOAT32 => (number as i8, number as i16),
            _ => (whole as i8, whole as i16),
        };
        match (to, y) {
            (Type::FLOAT32, y) => y.copy_from_slice(&(number as f32).to_le_bytes()),
            (Type::INT32, y) => y.copy_from_slice(&whole.to_le_bytes()),
            (Type::INT16, y) => y.copy_from_slice(&short.to_le_bytes()),
            (Type::INT8, [y]) => *y = byte.cast_unsigned(),
            (_, [y]) => *y = u8::from(number != 0.0),
            _ => return Err(Error::Program),
        }
    }
    Ok(())
}
