//! ARG_MAX, ARG_MIN, GATHER and GATHER_ND.

use super::{
    Emitter, Error, Found, Memory, Node, Type, Words, code, kind,
    movement::{axis, constant},
};
use crate::{
    kernels::int8::gather_nd::{self, GatherNd},
    shape::MAX_RANK,
};

pub(super) const fn emit(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    match node.operator.code() {
        code::GATHER => emit_gather(node, out),
        code::GATHER_ND => emit_gather_nd(node, out),
        _ => emit_argument(node, out),
    }
}

const fn emit_argument(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, y) = (tri!(node.input(0)), tri!(node.output(0)));
    let rank = x.dims.rank();
    let which = tri!(axis(node, tri!(constant(node, &tri!(node.input(1)), 0)), rank));
    tri!(node.expect(&y, Type::INT32, "an output of int32"));
    if !x.kind.is(Type::INT8) && !x.kind.is(Type::FLOAT32) {
        return Err(node.fail("int8 or float32", Found::Type(x.kind)));
    }
    let (mut inner, mut outer, mut i) = (1, 1, 0);
    while i < rank {
        if i < which {
            outer *= x.axis(i);
        } else if i > which {
            inner *= x.axis(i);
        }
        i += 1;
    }
    tri!(node.equal(y.dims.len(), outer * inner, "an index for each row"));
    out.begin(kind::ARGUMENT, node.index);
    tri!(out.tensor(&x));
    tri!(out.tensor(&y));
    out.sizes(&[x.axis(which), inner]);
    out.word(x.kind.is(Type::FLOAT32) as u32);
    out.word((node.operator.code() == code::ARG_MAX) as u32);
    out.end();
    Ok(())
}

pub(super) fn run_argument(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let [count, inner, is_float, is_maximum] = words.sizes()?;
    let (sources, y) = memory.output(y)?;
    let x = sources.bytes(x)?;
    let number = |at: usize| -> Option<f32> {
        if is_float == 0 {
            return x.get(at).map(|&x| f32::from(x.cast_signed()));
        }
        x.get(4 * at..)?.first_chunk().map(|&x| f32::from_le_bytes(x))
    };
    for (row, y) in y.as_chunks_mut().0.iter_mut().enumerate() {
        let first = crate::kernels::div(row, inner) * inner * count + crate::kernels::rem(row, inner);
        let (mut best, mut found) = (0, number(first).ok_or(Error::Program)?);
        for i in 1..count {
            let x = number(first + i * inner).ok_or(Error::Program)?;
            // The first of equals.
            if if is_maximum != 0 { x > found } else { x < found } {
                (best, found) = (i, x);
            }
        }
        *y = (best as u32).to_le_bytes();
    }
    Ok(())
}

const fn emit_gather(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, places, y) = (tri!(node.input(0)), tri!(node.input(1)), tri!(node.output(0)));
    let rank = x.dims.rank();
    tri!(node.expect(&places, Type::INT32, "indices of int32"));
    tri!(node.expect(&y, x.kind, "an output of the input's type"));
    let which = tri!(axis(node, tri!(node.int(0, 0)), rank));
    let Some(size) = x.kind.size() else { return Err(node.fail("elements of whole bytes", Found::Type(x.kind))) };
    // Axes that indices and input have in common.
    let batches = tri!(node.int(1, 0)) as i64;
    let batches = if batches < 0 { batches + places.dims.rank() as i64 } else { batches };
    if batches < 0 || batches > which as i64 || batches > places.dims.rank() as i64 {
        return Err(node.fail("axes of batches before the axis", Found::Number(batches)));
    }
    let (mut inner, mut outer, mut batch, mut i) = (size, 1, 1, 0);
    while i < rank {
        if i < batches as usize {
            tri!(node.equal(places.axis(i), x.axis(i), "indices for each batch"));
            batch *= x.axis(i);
        } else if i < which {
            outer *= x.axis(i);
        } else if i > which {
            inner *= x.axis(i);
        }
        i += 1;
    }
    let rows = match places.dims.len().checked_mul(outer) {
        Some(rows) if rows.checked_mul(inner).is_some() => rows,
        _ => return Err(node.fail("fewer indices", Found::Number(places.dims.len() as i64))),
    };
    tri!(node.equal(y.bytes(), rows * inner, "a row for each index"));
    out.begin(kind::GATHER, node.index);
    tri!(out.tensor(&x));
    tri!(out.tensor(&places));
    tri!(out.tensor(&y));
    out.sizes(&[x.axis(which), inner, batch, outer]);
    out.end();
    Ok(())
}

pub(super) fn run_gather(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, places, y] = [words.place()?, words.place()?, words.place()?];
    let [count, inner, batch, outer] = words.sizes()?;
    let (sources, y) = memory.output(y)?;
    let (x, places) = (sources.bytes(x)?, sources.words(places)?);
    if count == 0 || inner == 0 || places.is_empty() {
        return if y.is_empty() { Ok(()) } else { Err(Error::Program) };
    }
    let columns = crate::kernels::div(places.len(), batch);
    if columns == 0 || outer == 0 {
        return Err(Error::Program);
    }
    let blocks = x.chunks_exact(count.saturating_mul(inner)).zip(y.chunks_exact_mut(columns.saturating_mul(inner)));
    for (block, (x, y)) in blocks.enumerate() {
        let places = places.chunks_exact(columns).nth(crate::kernels::div(block, outer)).unwrap_or_default();
        for (&place, y) in places.iter().zip(y.chunks_exact_mut(inner)) {
            // An index that there is not gives zeros.
            let row = usize::try_from(i32::from_le_bytes(place)).ok().and_then(|row| x.chunks_exact(inner).nth(row));
            match row {
                Some(row) if row.len() == y.len() => y.copy_from_slice(row),
                _ => y.fill(0),
            }
        }
    }
    Ok(())
}

const fn emit_gather_nd(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, places, y) = (tri!(node.input(0)), tri!(node.input(1)), tri!(node.output(0)));
    tri!(node.expect(&places, Type::INT32, "indices of int32"));
    tri!(node.expect(&y, x.kind, "an output of the input's type"));
    let Some(size) = x.kind.size() else { return Err(node.fail("elements of whole bytes", Found::Type(x.kind))) };
    let axes = match places.dims.as_slice() {
        [.., axes] if *axes > 0 && *axes <= x.dims.rank() => *axes,
        _ => return Err(node.fail("indices into axes that there are", Found::Number(places.dims.len() as i64))),
    };
    let (mut inner, mut i) = (size, axes);
    while i < x.dims.rank() {
        inner *= x.axis(i);
        i += 1;
    }
    let rows = crate::kernels::div(places.dims.len(), axes);
    match rows.checked_mul(inner) {
        Some(bytes) => tri!(node.equal(y.bytes(), bytes, "a row for each index")),
        None => return Err(node.fail("fewer indices", Found::Number(rows as i64))),
    }
    out.begin(kind::GATHER_ND, node.index);
    tri!(out.tensor(&x));
    tri!(out.tensor(&places));
    tri!(out.tensor(&y));
    out.size(inner);
    let mut i = 0;
    while i < axes {
        out.size(x.axis(i));
        i += 1;
    }
    out.end();
    Ok(())
}

pub(super) fn run_gather_nd(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, places, y] = [words.place()?, words.place()?, words.place()?];
    let inner = words.size()?;
    let axes = words.0.len();
    let mut sizes = [1; MAX_RANK];
    for size in sizes.get_mut(..axes).ok_or(Error::Program)? {
        *size = words.size()?;
    }
    let shape = GatherNd::new(sizes.get(..axes).unwrap_or_default(), inner)?;
    let (sources, y) = memory.output(y)?;
    Ok(gather_nd::gather_nd_into(&shape, sources.bytes(x)?, sources.words(places)?, y)?)
}
