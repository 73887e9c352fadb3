//! ADD_N and CUMSUM: sums of many terms.
//!
//! Integers are shifted left by 20 bits and halved as those of ADD are, so that a sum of a few thousand fits.

use super::{
    Emitter, Error, Found, How, Memory, Node, Place, Type, Words, code, emit_output, kind,
    movement::{axis, constant},
    output, quantized,
};
use crate::kernels::int8::Multiplier;

/// Bits that a term is shifted by before it is halved.
const LEFT: u32 = 20;

pub(super) const fn emit(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    if node.operator.code() == code::ADD_N { emit_add_n(node, out) } else { emit_cumsum(node, out) }
}

/// Writes what terms become.
const fn emit_scales(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, y) = (tri!(node.input(0)), tri!(node.output(0)));
    let is_float = x.kind.is(Type::FLOAT32);
    out.word(is_float as u32);
    if is_float {
        return node.expect(&y, Type::FLOAT32, "float32, as the input");
    }
    let (from, to) = (tri!(quantized(node, &x)), tri!(quantized(node, &y)));
    emit_output(out, to.zero_point, [i8::MIN, i8::MAX]);
    out.int(from.zero_point as i32);
    let real = 2.0 * from.scale as f64 / ((1_u32 << LEFT) as f64 * to.scale as f64);
    out.multiplier(Multiplier::from_real(real));
    Ok(())
}

/// How terms are added up.
#[derive(Clone, Copy)]
enum Terms {
    Floats,
    Integers { output: super::Output, zero_point: i32, half: Multiplier, multiplier: Multiplier, how: How },
}

impl Terms {
    fn read(how: How, words: &mut Words<'_>) -> Result<Self, Error> {
        if words.word()? != 0 {
            return Ok(Self::Floats);
        }
        let output = output(how, words)?;
        let half = Multiplier::from_real(0.5);
        Ok(Self::Integers { output, zero_point: i32::from(words.byte()?), half, multiplier: words.multiplier()?, how })
    }

    /// The bytes of an element.
    const fn size(&self) -> usize {
        match self {
            Self::Floats => 4,
            Self::Integers { .. } => 1,
        }
    }

    /// The bits of an empty sum. That of integers is less by a zero point, as the source has it.
    fn start(&self) -> u32 {
        match *self {
            Self::Floats => 0.0_f32.to_bits(),
            Self::Integers { zero_point, half, how, .. } => {
                half.rescale(-zero_point << LEFT, how.rescaling).cast_unsigned()
            }
        }
    }

    /// The bits of `sum` and the term at byte `at` of `x`.
    fn add(&self, sum: u32, x: &[u8], at: usize) -> u32 {
        let bytes = x.get(at..).unwrap_or_default();
        match *self {
            Self::Floats => {
                let x = bytes.first_chunk().map_or(0.0, |&x| f32::from_le_bytes(x));
                (f32::from_bits(sum) + x).to_bits()
            }
            Self::Integers { zero_point, half, how, .. } => {
                let x = i32::from(bytes.first().copied().unwrap_or_default().cast_signed());
                sum.wrapping_add(half.rescale((x - zero_point) << LEFT, how.rescaling).cast_unsigned())
            }
        }
    }

    /// Writes a sum at byte `at` of `y`.
    fn set(&self, sum: u32, y: &mut [u8], at: usize) -> Result<(), Error> {
        let y = y.get_mut(at..).ok_or(Error::Program)?;
        match *self {
            Self::Floats => *y.first_chunk_mut().ok_or(Error::Program)? = sum.to_le_bytes(),
            Self::Integers { output, multiplier, .. } => {
                *y.first_mut().ok_or(Error::Program)? = output.of(sum.cast_signed(), multiplier).cast_unsigned();
            }
        }
        Ok(())
    }
}

const fn emit_add_n(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, y) = (tri!(node.input(0)), tri!(node.output(0)));
    tri!(node.equal(y.dims.len(), x.dims.len(), "an output as long as the input"));
    out.begin(kind::ADD_N, node.index);
    tri!(out.tensor(&y));
    tri!(emit_scales(node, out));
    let mut i = 0;
    while i < node.inputs() {
        let term = tri!(node.input(i));
        tri!(node.expect(&term, x.kind, "terms of one type"));
        if !term.same_shape(&x) {
            return Err(node.fail("terms of one shape", Found::Number(term.dims.len() as i64)));
        }
        if term.scale() != x.scale() || term.zero_point() != x.zero_point() {
            return Err(node.fail("terms of one scale and zero point", Found::Number(term.zero_point() as i64)));
        }
        tri!(out.tensor(&term));
        i += 1;
    }
    out.end();
    Ok(())
}

pub(super) fn run_add_n(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let y = words.place()?;
    let terms = Terms::read(how, &mut words)?;
    let (sources, y) = memory.output(y)?;
    for at in (0..y.len()).step_by(terms.size()) {
        let (mut sum, mut places) = (terms.start(), words);
        while !places.0.is_empty() {
            let place: Place = places.place()?;
            sum = terms.add(sum, sources.bytes(place)?, at);
        }
        terms.set(sum, y, at)?;
    }
    Ok(())
}

const fn emit_cumsum(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, y) = (tri!(node.input(0)), tri!(node.output(0)));
    let rank = x.dims.rank();
    let which = tri!(axis(node, tri!(constant(node, &tri!(node.input(1)), 0)), rank));
    tri!(node.equal(y.dims.len(), x.dims.len(), "an output as long as the input"));
    let (mut inner, mut i) = (1, which + 1);
    while i < rank {
        inner *= x.axis(i);
        i += 1;
    }
    out.begin(kind::CUMSUM, node.index);
    tri!(out.tensor(&x));
    tri!(out.tensor(&y));
    out.sizes(&[x.axis(which), inner, tri!(node.byte(0)) as usize, tri!(node.byte(1)) as usize]);
    tri!(emit_scales(node, out));
    out.end();
    Ok(())
}

pub(super) fn run_cumsum(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let [count, inner, is_exclusive, is_reversed] = words.sizes()?;
    let terms = Terms::read(how, &mut words)?;
    let (sources, y) = memory.output(y)?;
    let (x, row) = (sources.bytes(x)?, inner * terms.size());
    let block = row.saturating_mul(count);
    if block == 0 {
        return if y.is_empty() { Ok(()) } else { Err(Error::Program) };
    }
    for (x, y) in x.chunks_exact(block).zip(y.chunks_exact_mut(block)) {
        for column in (0..row).step_by(terms.size()) {
            let mut sum = terms.start();
            for i in 0..count {
                let at = column + row * if is_reversed != 0 { count - 1 - i } else { i };
                if is_exclusive != 0 {
                    terms.set(sum, y, at)?;
                }
                sum = terms.add(sum, x, at);
                if is_exclusive == 0 {
                    terms.set(sum, y, at)?;
                }
            }
        }
    }
    Ok(())
}
