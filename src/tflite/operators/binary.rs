//! ADD, SUB, MUL, DIV, MAXIMUM, MINIMUM, SQUARED_DIFFERENCE; FLOOR_DIV and FLOOR_MOD of floats.

use super::{
    Emitter, Error, Found, How, Memory, Node, Output, PIECE, Place, Tensor, Type, Words, activation, as_i8, code,
    convolution::{emit_float_range, emit_open_range},
    emit_output, float, kind, output, quantized,
};
use crate::{
    kernels::{
        ShapeError,
        int8::{Activation, Broadcast, Multiplier, add, add::Sum, div, div::Quotient, minmax, mul, mul::Product},
    },
    shape::{Dims, MAX_RANK},
};

pub(super) const fn emit(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (a, b, y) = (tri!(node.input(0)), tri!(node.input(1)), tri!(node.output(0)));
    let operation = node.operator.code();
    // The others have none, and their floats may be infinite.
    let has_activation = matches!(operation, code::ADD | code::SUB | code::MUL | code::DIV);
    let activation = if has_activation { tri!(activation(node, 0)) } else { Activation::None };
    tri!(check_shapes(node, &a, &b, &y));
    if matches!(operation, code::FLOOR_DIV | code::FLOOR_MOD) {
        tri!(node.expect(&a, Type::FLOAT32, "float32"));
    }
    if a.kind.is(Type::FLOAT32) || a.kind.is(Type::INT32) {
        tri!(node.expect(&b, a.kind, "operands of one type"));
        tri!(node.expect(&y, a.kind, "an output of the operands' type"));
        out.begin(kind::FLOAT_BINARY, node.index);
        tri!(emit_places(out, &a, &b, &y));
        out.word(operation);
        out.word(a.kind.is(Type::INT32) as u32);
        // A sum of integers is not held to the activation's range, as the source has it.
        let is_free = operation == code::ADD && a.kind.is(Type::INT32);
        if is_free || !has_activation {
            emit_open_range(out, Activation::None);
        } else {
            emit_float_range(out, activation);
        }
        out.end();
        return Ok(());
    }
    let (left, right, to) = (tri!(quantized(node, &a)), tri!(quantized(node, &b)), tri!(quantized(node, &y)));
    let (scales, zero_points) = ([left.scale, right.scale], [left.zero_point, right.zero_point]);
    let range = activation.range(to.scale, to.zero_point);
    let output = Output::new(to.zero_point).with_range(range);
    match operation {
        code::ADD | code::SUB => {
            out.begin(kind::ADD, node.index);
            tri!(emit_places(out, &a, &b, &y));
            out.word((operation == code::SUB) as u32);
            let sum = Sum::new(scales, zero_points, to.scale, output);
            emit_output(out, to.zero_point, range);
            out.int(zero_points[0] as i32);
            out.int(zero_points[1] as i32);
            out.multiplier(sum.multipliers[0]);
            out.multiplier(sum.multipliers[1]);
            out.multiplier(sum.multiplier);
        }
        code::MUL => {
            out.begin(kind::MUL, node.index);
            tri!(emit_places(out, &a, &b, &y));
            let product = Product::new(scales, zero_points, to.scale, output);
            emit_output(out, to.zero_point, range);
            out.int(zero_points[0] as i32);
            out.int(zero_points[1] as i32);
            out.multiplier(product.multiplier);
        }
        code::DIV => {
            out.begin(kind::DIV, node.index);
            tri!(emit_places(out, &a, &b, &y));
            emit_output(out, to.zero_point, range);
            out.int(zero_points[0] as i32);
            out.int(zero_points[1] as i32);
            out.multiplier(Quotient::new(scales, zero_points, to.scale, output).multiplier);
        }
        code::SQUARED_DIFFERENCE => {
            out.begin(kind::SQUARED_DIFFERENCE, node.index);
            tri!(emit_places(out, &a, &b, &y));
            emit_output(out, to.zero_point, range);
            out.int(zero_points[0] as i32);
            out.int(zero_points[1] as i32);
            let largest = if left.scale > right.scale { left.scale } else { right.scale };
            let twice = 2.0 * largest as f64;
            out.multiplier(Multiplier::from_real(left.scale as f64 / twice));
            out.multiplier(Multiplier::from_real(right.scale as f64 / twice));
            let unit = (1_u32 << (2 * SQUARED_LEFT)) as f64;
            out.multiplier(Multiplier::from_real(twice * twice / (unit * to.scale as f64)));
        }
        code::MAXIMUM | code::MINIMUM => {
            out.begin(kind::MINMAX, node.index);
            tri!(emit_places(out, &a, &b, &y));
            out.word((operation == code::MAXIMUM) as u32);
        }
        _ => return Err(node.fail("float32", Found::Type(a.kind))),
    }
    out.end();
    Ok(())
}

/// The output's shape must be that of the operands together.
pub(super) const fn check_shapes(node: &Node<'_>, a: &Tensor<'_>, b: &Tensor<'_>, y: &Tensor<'_>) -> Result<(), Error> {
    let mut i = 1;
    while i <= MAX_RANK {
        let (m, n, of) = (from_end(a, i), from_end(b, i), from_end(y, i));
        if m != n && m != 1 && n != 1 {
            return Err(node.fail("operands of one shape, or with axes of 1", Found::Number(n as i64)));
        }
        tri!(node.equal(of, if m == 1 { n } else { m }, "an output of the operands' shape"));
        i += 1;
    }
    Ok(())
}

/// The size of axis `i`, counted from the last, which is axis 1; 1 before the first.
const fn from_end(tensor: &Tensor<'_>, i: usize) -> usize {
    let sizes = tensor.dims.as_slice();
    if i <= sizes.len() { sizes[sizes.len() - i] } else { 1 }
}

/// The places, and the shapes where they differ.
pub(super) const fn emit_places(
    out: &mut Emitter<'_, '_>,
    a: &Tensor<'_>,
    b: &Tensor<'_>,
    y: &Tensor<'_>,
) -> Result<(), Error> {
    tri!(out.tensor(a));
    tri!(out.tensor(b));
    tri!(out.tensor(y));
    let same = a.dims.len() == y.dims.len() && b.dims.len() == y.dims.len();
    out.size(!same as usize);
    if !same {
        emit_dims(out, a.dims);
        emit_dims(out, b.dims);
    }
    Ok(())
}

const fn emit_dims(out: &mut Emitter<'_, '_>, dims: Dims) {
    let sizes = dims.as_slice();
    out.size(sizes.len());
    out.sizes(sizes);
}

/// Whether both operands are as long as the output: then it may overwrite one.
pub(super) const fn is_elementwise(node: &Node<'_>) -> bool {
    match (node.input(0), node.input(1), node.output(0)) {
        (Ok(a), Ok(b), Ok(y)) => a.bytes() == y.bytes() && b.bytes() == y.bytes(),
        _ => false,
    }
}

/// The places of the operands and of the output, and how they are joined.
struct Operands {
    a: Place,
    b: Place,
    y: Place,
    /// `None` where all have one shape.
    broadcast: Option<Broadcast>,
}

impl Operands {
    fn read(words: &mut Words<'_>) -> Result<Self, Error> {
        let [a, b, y] = [words.place()?, words.place()?, words.place()?];
        let broadcast = if words.size()? == 0 { None } else { Some(Broadcast::new(&dims(words)?, &dims(words)?)?) };
        Ok(Self { a, b, y, broadcast })
    }

    /// Calls `f` with a descriptor, operands and output: all at once, or in pieces where the output
    /// overwrites an operand.
    fn each(
        &self,
        memory: &mut Memory<'_>,
        mut f: impl FnMut(&Broadcast, &[i8], &[i8], &mut [i8]) -> Result<(), ShapeError>,
    ) -> Result<(), Error> {
        let Self { a, b, y, broadcast } = self;
        if !a.overlaps(*y) && !b.overlaps(*y) {
            let (sources, output) = memory.output(*y)?;
            let same = Broadcast::same(y.len());
            return Ok(f(broadcast.as_ref().unwrap_or(&same), sources.i8(*a)?, sources.i8(*b)?, as_i8(output))?);
        }
        if a.len() != y.len() || b.len() != y.len() {
            return Err(Error::Program);
        }
        let mut at = 0;
        while at < y.len() {
            let len = PIECE.min(y.len() - at);
            let (mut left, mut right) = ([0; PIECE], [0; PIECE]);
            let left = memory.copy(a.part(at, len), &mut left)?;
            let right = memory.copy(b.part(at, len), &mut right)?;
            let (_, output) = memory.output(y.part(at, len))?;
            let [left, right] = [left, right].map(|bytes| &*as_i8(bytes));
            f(&Broadcast::same(len), left, right, as_i8(output))?;
            at += len;
        }
        Ok(())
    }
}

/// The sizes of a shape, with axes of 1 before the first.
fn dims(words: &mut Words<'_>) -> Result<[usize; MAX_RANK], Error> {
    let rank = words.size()?;
    let mut sizes = [1; MAX_RANK];
    let start = MAX_RANK.checked_sub(rank).ok_or(Error::Program)?;
    for size in sizes.iter_mut().skip(start) {
        *size = words.size()?;
    }
    Ok(sizes)
}

pub(super) fn run_add(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let operands = Operands::read(&mut words)?;
    let subtracts = words.size()? != 0;
    let output = output(how, &mut words)?;
    let zero_points = [words.byte()?, words.byte()?];
    let multipliers = [words.multiplier()?, words.multiplier()?];
    let sum = Sum { zero_points, multipliers, multiplier: words.multiplier()?, output };
    operands.each(memory, |shape, a, b, y| {
        if subtracts {
            add::sub_into(how.level, shape, &sum, a, b, y)
        } else {
            add::add_into(how.level, shape, &sum, a, b, y)
        }
    })
}

pub(super) fn run_mul(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let operands = Operands::read(&mut words)?;
    let output = output(how, &mut words)?;
    let product = Product { zero_points: [words.byte()?, words.byte()?], multiplier: words.multiplier()?, output };
    operands.each(memory, |shape, a, b, y| mul::mul_into(how.level, shape, &product, a, b, y))
}

/// Bits that the operands of SQUARED_DIFFERENCE are shifted by before they are rescaled.
const SQUARED_LEFT: u32 = 7;

/// The square of the difference of two integers, each shifted left and rescaled to twice the larger scale.
pub(super) fn run_squared_difference(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let mut behind = words;
    Pairs::read(&mut behind, 1, 1)?;
    let output = output(how, &mut behind)?;
    let zero_points = [behind.byte()?, behind.byte()?];
    let multipliers = [behind.multiplier()?, behind.multiplier()?, behind.multiplier()?];
    let [a_scale, b_scale, multiplier] = multipliers;
    let scaled = |x: u8, zero: i8, scale: Multiplier| {
        scale.rescale((i32::from(x.cast_signed()) - i32::from(zero)) << SQUARED_LEFT, how.rescaling)
    };
    Pairs::read(&mut words, 1, 1)?.each(memory, |[a]: [u8; 1], [b]: [u8; 1]| {
        let difference = scaled(a, zero_points[0], a_scale) - scaled(b, zero_points[1], b_scale);
        Ok([output.of(difference.wrapping_mul(difference), multiplier).cast_unsigned()])
    })
}

pub(super) fn run_div(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let operands = Operands::read(&mut words)?;
    let output = output(how, &mut words)?;
    let quotient = Quotient { zero_points: [words.byte()?, words.byte()?], multiplier: words.multiplier()?, output };
    operands.each(memory, |shape, a, b, y| div::div_into(how.level, shape, &quotient, a, b, y))
}

pub(super) fn run_minmax(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let operands = Operands::read(&mut words)?;
    let is_maximum = words.size()? != 0;
    operands.each(memory, |shape, a, b, y| match is_maximum {
        true => minmax::maximum_into(how.level, shape, a, b, y),
        false => minmax::minimum_into(how.level, shape, a, b, y),
    })
}

/// Operands of four bytes: floats, or the integers that sizes are computed with.
pub(super) fn run_float(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let pairs = Pairs::read(&mut words, 4, 4)?;
    let (operation, is_integer) = (words.word()?, words.size()? != 0);
    let range = [words.float()?, words.float()?];
    pairs.each(memory, |a, b| {
        Ok(if is_integer {
            let [least, most] = range.map(|bound| bound as i32);
            let result = integers(operation, i32::from_le_bytes(a), i32::from_le_bytes(b))?;
            result.max(least).min(most).to_le_bytes()
        } else {
            floats(operation, f32::from_le_bytes(a), f32::from_le_bytes(b), range)?.to_le_bytes()
        })
    })
}

/// Operands that are joined one element after the other, so that the output may overwrite one.
pub(super) struct Pairs {
    places: [Place; 3],
    /// The sizes of the output, the innermost axis first.
    counts: [usize; MAX_RANK],
    /// How many bytes a step along each of these axes takes, in either operand.
    strides: [[usize; MAX_RANK]; 2],
}

impl Pairs {
    /// Operands of `size` bytes per element, an output of `to_size`.
    pub(super) fn read(words: &mut Words<'_>, size: usize, to_size: usize) -> Result<Self, Error> {
        let places = [words.place()?, words.place()?, words.place()?];
        let (mut counts, mut strides) = ([1; MAX_RANK], [[0; MAX_RANK]; 2]);
        if words.size()? == 0 {
            counts[0] = crate::kernels::div(places[2].len(), to_size);
            (strides[0][0], strides[1][0]) = (size, size);
        } else {
            let mut steps = [size; 2];
            let shapes = [dims(words)?, dims(words)?];
            for (axis, count) in counts.iter_mut().enumerate() {
                for ((strides, step), shape) in strides.iter_mut().zip(&mut steps).zip(&shapes) {
                    let size = shape.iter().rev().nth(axis).copied().unwrap_or(1);
                    if size != 1
                        && let Some(stride) = strides.get_mut(axis)
                    {
                        (*stride, *count) = (*step, size);
                    }
                    *step *= size;
                }
            }
        }
        Ok(Self { places, counts, strides })
    }

    pub(super) fn each<const N: usize, const M: usize>(
        &self,
        memory: &mut Memory<'_>,
        f: impl Fn([u8; N], [u8; N]) -> Result<[u8; M], Error>,
    ) -> Result<(), Error> {
        let [a, b, y] = self.places;
        let mut index = [0; MAX_RANK];
        for at in 0..y.len() / M {
            let [m, n] = self.strides.map(|strides| strides.iter().zip(&index).map(|(s, i)| s * i).sum());
            let result = f(memory.element(a, m)?, memory.element(b, n)?)?;
            memory.set_element(y, M * at, result)?;
            for (index, &count) in index.iter_mut().zip(&self.counts) {
                *index += 1;
                if *index < count {
                    break;
                }
                *index = 0;
            }
        }
        Ok(())
    }
}

fn floats(operation: u32, a: f32, b: f32, [least, most]: [f32; 2]) -> Result<f32, Error> {
    let result = match operation {
        code::ADD => a + b,
        code::SUB => a - b,
        code::MUL => a * b,
        code::DIV => a / b,
        code::MAXIMUM => {
            if a > b {
                a
            } else {
                b
            }
        }
        code::MINIMUM => {
            if a < b {
                a
            } else {
                b
            }
        }
        code::SQUARED_DIFFERENCE => (a - b) * (a - b),
        code::FLOOR_DIV => libm::floor(f64::from(a) / f64::from(b)) as f32,
        code::FLOOR_MOD => {
            let rest = libm::fmodf(a, b);
            if rest != 0.0 && (b < 0.0) != (rest < 0.0) { rest + b } else { rest }
        }
        _ => return Err(Error::Program),
    };
    Ok(float::clamp(result, least, most))
}

fn integers(operation: u32, a: i32, b: i32) -> Result<i32, Error> {
    Ok(match operation {
        code::ADD => a.wrapping_add(b),
        code::SUB => a.wrapping_sub(b),
        code::MUL => a.wrapping_mul(b),
        code::DIV => a.checked_div(b).unwrap_or(0),
        code::MAXIMUM => a.max(b),
        code::MINIMUM => a.min(b),
        code::SQUARED_DIFFERENCE => a.wrapping_sub(b).wrapping_mul(a.wrapping_sub(b)),
        _ => return Err(Error::Program),
    })
}
