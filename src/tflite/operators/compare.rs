//! EQUAL, GREATER and their like, LOGICAL_AND, LOGICAL_OR, LOGICAL_NOT, and SELECT_V2, which chooses by their output.
//!
//! Integers of two scales are compared as TensorFlow Lite Micro does it: each minus its zero point, shifted left by 8
//! and rescaled by its scale.

use super::{Emitter, Error, Found, How, Memory, Node, Tensor, Type, Words, binary, code, kind, quantized};
use crate::{kernels::int8::Multiplier, shape::MAX_RANK};

/// Bits that integers are shifted by before they are rescaled.
const LEFT: u32 = 8;

/// Whether an operator is one of these.
pub(super) const fn knows(node: &Node<'_>) -> bool {
    matches!(
        node.operator.code(),
        code::EQUAL
            | code::NOT_EQUAL
            | code::GREATER
            | code::GREATER_EQUAL
            | code::LESS
            | code::LESS_EQUAL
            | code::LOGICAL_AND
            | code::LOGICAL_OR
            | code::LOGICAL_NOT
            | code::SELECT_V2
    )
}

/// Whether an operator combines two booleans, or inverts one.
const fn is_logical(operation: u32) -> bool {
    matches!(operation, code::LOGICAL_AND | code::LOGICAL_OR | code::LOGICAL_NOT)
}

pub(super) const fn emit(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let operation = node.operator.code();
    if operation == code::SELECT_V2 {
        return emit_select(node, out);
    }
    // The one operand of NOT takes the place of both.
    let second = if operation == code::LOGICAL_NOT { 0 } else { 1 };
    let (a, b, y) = (tri!(node.input(0)), tri!(node.input(second)), tri!(node.output(0)));
    tri!(binary::check_shapes(node, &a, &b, &y));
    tri!(node.expect(&b, a.kind, "operands of one type"));
    tri!(node.expect(&y, Type::BOOL, "an output of BOOL"));
    if is_logical(operation) {
        tri!(node.expect(&a, Type::BOOL, "BOOL"));
    }
    let only_equal = matches!(operation, code::EQUAL | code::NOT_EQUAL) || is_logical(operation);
    match a.kind {
        Type::FLOAT32 | Type::INT32 | Type::INT8 => {}
        Type::BOOL if only_equal => {}
        other => return Err(node.fail("float32, int32 or int8", Found::Type(other))),
    }
    out.begin(kind::COMPARE, node.index);
    tri!(binary::emit_places(out, &a, &b, &y));
    out.word(operation);
    out.word(a.kind.code() as u32);
    if a.kind.is(Type::INT8) {
        tri!(emit_scaled(node, out, &a));
        tri!(emit_scaled(node, out, &b));
    }
    out.end();
    Ok(())
}

/// The zero point and the scale of an operand of integers.
const fn emit_scaled(node: &Node<'_>, out: &mut Emitter<'_, '_>, tensor: &Tensor<'_>) -> Result<(), Error> {
    let of = tri!(quantized(node, tensor));
    if of.scale >= 1.0 {
        return Err(node.fail("scales below 1", Found::Other));
    }
    out.int(of.zero_point as i32);
    out.multiplier(Multiplier::from_real(of.scale as f64));
    Ok(())
}

pub(super) fn run(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    // The words of the places come first, then those that say what is done.
    let mut behind = words;
    binary::Pairs::read(&mut behind, 1, 1)?;
    let (operation, of) = (behind.word()?, Type::new(behind.word()? as u8));
    let decide = |order: Option<core::cmp::Ordering>| {
        use core::cmp::Ordering::{Equal, Greater, Less};
        match operation {
            code::EQUAL => order == Some(Equal),
            code::NOT_EQUAL => order != Some(Equal),
            code::GREATER => order == Some(Greater),
            code::GREATER_EQUAL => matches!(order, Some(Greater | Equal)),
            code::LESS => order == Some(Less),
            _ => matches!(order, Some(Less | Equal)),
        }
    };
    match of {
        Type::FLOAT32 => binary::Pairs::read(&mut words, 4, 1)?.each(memory, |a: [u8; 4], b| {
            let order = f32::from_le_bytes(a).partial_cmp(&f32::from_le_bytes(b));
            Ok([u8::from(decide(order))])
        }),
        Type::INT32 => binary::Pairs::read(&mut words, 4, 1)?.each(memory, |a: [u8; 4], b| {
            Ok([u8::from(decide(Some(i32::from_le_bytes(a).cmp(&i32::from_le_bytes(b)))))])
        }),
        Type::INT8 => {
            let (a_zero, a_scale) = (behind.byte()?, behind.multiplier()?);
            let (b_zero, b_scale) = (behind.byte()?, behind.multiplier()?);
            let scaled = |x: u8, zero: i8, scale: Multiplier| {
                scale.rescale((i32::from(x.cast_signed()) - i32::from(zero)) << LEFT, how.rescaling)
            };
            binary::Pairs::read(&mut words, 1, 1)?.each(memory, |[a]: [u8; 1], [b]: [u8; 1]| {
                Ok([u8::from(decide(Some(scaled(a, a_zero, a_scale).cmp(&scaled(b, b_zero, b_scale)))))])
            })
        }
        _ => binary::Pairs::read(&mut words, 1, 1)?.each(memory, |[a]: [u8; 1], [b]: [u8; 1]| {
            let (a, b) = (a != 0, b != 0);
            Ok([u8::from(match operation {
                code::LOGICAL_AND => a && b,
                code::LOGICAL_OR => a || b,
                code::LOGICAL_NOT => !a,
                _ => decide(Some(a.cmp(&b))),
            })])
        }),
    }
}

/// How far each step along the output's axes goes in an operand of other sizes, in elements; 0 where an axis repeats.
const fn strides(node: &Node<'_>, x: &Tensor<'_>, y: &Tensor<'_>) -> Result<[usize; MAX_RANK], Error> {
    let (from, to) = (x.dims.as_slice(), y.dims.as_slice());
    let (mut strides, mut step, mut i) = ([0; MAX_RANK], 1, 0);
    while i < from.len() {
        let size = from[from.len() - 1 - i];
        let fits = i < to.len() && (size == 1 || size == to[to.len() - 1 - i]);
        if !fits {
            return Err(node.fail("operands whose axes are the output's, or 1", Found::Number(size as i64)));
        }
        if size != 1 && i < MAX_RANK {
            strides[i] = step;
        }
        step *= size;
        i += 1;
    }
    Ok(strides)
}

const fn emit_select(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (c, a, b, y) = (tri!(node.input(0)), tri!(node.input(1)), tri!(node.input(2)), tri!(node.output(0)));
    tri!(node.expect(&c, Type::BOOL, "a condition of BOOL"));
    tri!(node.expect(&b, a.kind, "operands of one type"));
    tri!(node.expect(&y, a.kind, "an output of the operands' type"));
    let Some(size) = a.kind.size() else { return Err(node.fail("elements of whole bytes", Found::Type(a.kind))) };
    out.begin(kind::SELECT, node.index);
    tri!(out.tensor(&c));
    tri!(out.tensor(&a));
    tri!(out.tensor(&b));
    tri!(out.tensor(&y));
    out.size(size);
    let mut i = 0;
    while i < MAX_RANK {
        let sizes = y.dims.as_slice();
        out.size(if i < sizes.len() { sizes[sizes.len() - 1 - i] } else { 1 });
        i += 1;
    }
    out.sizes(&tri!(strides(node, &c, &y)));
    out.sizes(&tri!(strides(node, &a, &y)));
    out.sizes(&tri!(strides(node, &b, &y)));
    out.end();
    Ok(())
}

pub(super) fn run_select(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [c, a, b, y] = [words.place()?, words.place()?, words.place()?, words.place()?];
    let size = words.size()?;
    let counts = words.sizes::<MAX_RANK>()?;
    let strides = [words.sizes::<MAX_RANK>()?, words.sizes()?, words.sizes()?];
    let (sources, y) = memory.output(y)?;
    let (c, a, b) = (sources.bytes(c)?, sources.bytes(a)?, sources.bytes(b)?);
    let mut index = [0; MAX_RANK];
    for y in y.chunks_exact_mut(size.max(1)) {
        let [at_c, at_a, at_b] =
            strides.map(|strides| strides.iter().zip(&index).map(|(stride, i)| stride * i).sum::<usize>());
        let from = if c.get(at_c).ok_or(Error::Program)? == &0 { (b, at_b) } else { (a, at_a) };
        let at = from.1 * size;
        y.copy_from_slice(from.0.get(at..at + size).ok_or(Error::Program)?);
        for (index, &count) in index.iter_mut().zip(&counts) {
            *index += 1;
            if *index < count {
                break;
            }
            *index = 0;
        }
    }
    Ok(())
}
