//! ADD_N and CUMSUM: sums of many terms.

use super::{
    Emitter, Error, Found, How, Memory, Node, Output, Type, Words, as_i8, code, emit_output, kind,
    movement::{axis, constant},
    output, quantized,
};
use crate::kernels::int8::sums::{self, Cumsum, Terms};

pub(super) const fn emit(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    if node.operator.code() == code::ADD_N { emit_add_n(node, out) } else { emit_cumsum(node, out) }
}

/// Writes how terms become outputs.
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
    let output = Output::new(to.zero_point);
    out.multiplier(Terms::new(from.scale, from.zero_point, to.scale, output).multiplier);
    Ok(())
}

/// The words of a place.
const PLACE: usize = 2;

/// How integers are added up; `None` for floats.
fn terms(how: How, words: &mut Words<'_>) -> Result<Option<Terms>, Error> {
    if words.word()? != 0 {
        return Ok(None);
    }
    let output = output(how, words)?;
    Ok(Some(Terms { zero_point: words.byte()?, multiplier: words.multiplier()?, output }))
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
    let terms = terms(how, &mut words)?;
    let (sources, y) = memory.output(y)?;
    // A place that cannot be read is empty: its length is refused.
    let places = words.0.chunks(PLACE).map(|words| Words(words).place());
    let inputs = places.map(|place| place.and_then(|place| sources.bytes(place)).unwrap_or_default());
    if let Some(terms) = terms {
        return Ok(sums::add_n_into(how.level, &terms, inputs.map(bytemuck::must_cast_slice), as_i8(y))?);
    }
    for (i, y) in y.as_chunks_mut().0.iter_mut().enumerate() {
        let terms = inputs.clone().map(|x| x.as_chunks().0.get(i).map_or(0.0, |&x| f32::from_le_bytes(x)));
        *y = terms.fold(0.0, |sum, x| sum + x).to_le_bytes();
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
    let terms = terms(how, &mut words)?;
    let (sources, y) = memory.output(y)?;
    let (is_exclusive, is_reversed) = (is_exclusive != 0, is_reversed != 0);
    if let Some(terms) = terms {
        let shape = Cumsum::new(count, inner).with_exclusive(is_exclusive).with_reversed(is_reversed);
        let outer = crate::kernels::div(y.len(), count.saturating_mul(inner));
        return Ok(sums::cumsum_into(how.level, &shape, outer, &terms, sources.i8(x)?, as_i8(y))?);
    }
    let (x, y) = (sources.words(x)?, y.as_chunks_mut().0);
    let block = count.saturating_mul(inner).max(1);
    for (x, y) in x.chunks_exact(block).zip(y.chunks_exact_mut(block)) {
        for column in 0..inner {
            let mut sum = 0.0_f32;
            for i in 0..count {
                let at = column + inner * if is_reversed { count - 1 - i } else { i };
                let (Some(&x), Some(y)) = (x.get(at), y.get_mut(at)) else { return Err(Error::Program) };
                let next = sum + f32::from_le_bytes(x);
                *y = if is_exclusive { sum } else { next }.to_le_bytes();
                sum = next;
            }
        }
    }
    Ok(())
}
