//! Operators that only move elements: reshaping, joining, cutting, padding, transposing.
//!
//! Each becomes copies of boxes: nested loops with a step in bytes in the source and one in the destination
//! for each. Axes that are contiguous in both are joined, so that most copies are of long rows.

use super::{Emitter, Error, Found, Memory, Node, Tensor, Type, Words, code, kind};
use crate::shape::MAX_RANK;

/// The most loops of a copy.
const LOOPS: usize = 8;

/// The greatest step and block: products of two do not overflow.
const MOST: i32 = 1 << 20;

/// Whether an operator is one of these.
pub(super) const fn knows(node: &Node<'_>) -> bool {
    matches!(
        node.operator.code(),
        code::RESHAPE
            | code::SQUEEZE
            | code::EXPAND_DIMS
            | code::CONCATENATION
            | code::PACK
            | code::UNPACK
            | code::SPLIT
            | code::SPLIT_V
            | code::SLICE
            | code::STRIDED_SLICE
            | code::TRANSPOSE
            | code::REVERSE_V2
            | code::PAD
            | code::PADV2
            | code::MIRROR_PAD
            | code::BROADCAST_TO
            | code::SHAPE
            | code::FILL
            | code::ZEROS_LIKE
            | code::SPACE_TO_DEPTH
            | code::DEPTH_TO_SPACE
            | code::SPACE_TO_BATCH_ND
            | code::BATCH_TO_SPACE_ND
    )
}

pub(super) const fn emit(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    match node.operator.code() {
        code::CONCATENATION => emit_concatenation(node, out),
        code::PACK => emit_pack(node, out),
        code::UNPACK => emit_unpack(node, out),
        code::SPLIT | code::SPLIT_V => emit_split(node, out),
        code::SLICE => emit_slice(node, out),
        code::STRIDED_SLICE => emit_strided_slice(node, out),
        code::TRANSPOSE => emit_transpose(node, out),
        code::REVERSE_V2 => emit_reverse(node, out),
        code::PAD | code::PADV2 => emit_pad(node, out),
        code::MIRROR_PAD => emit_mirror_pad(node, out),
        code::BROADCAST_TO => emit_broadcast(node, out),
        code::SHAPE => emit_shape(node, out),
        code::FILL => emit_fill_operator(node, out),
        code::ZEROS_LIKE => emit_fill(node, out, &tri!(node.output(0)), 0),
        code::SPACE_TO_DEPTH | code::DEPTH_TO_SPACE => emit_depth(node, out),
        code::SPACE_TO_BATCH_ND | code::BATCH_TO_SPACE_ND => emit_batch(node, out),
        _ => emit_reshape(node, out),
    }
}

/// A copy under way: loops from the outermost to the innermost.
struct Copy {
    counts: [usize; LOOPS],
    from: [i64; LOOPS],
    to: [i64; LOOPS],
    loops: usize,
    /// Where the first element lies.
    from_start: i64,
    to_start: i64,
}

impl Copy {
    const fn new() -> Self {
        Self { counts: [0; LOOPS], from: [0; LOOPS], to: [0; LOOPS], loops: 0, from_start: 0, to_start: 0 }
    }

    /// Adds a loop inside those before, with steps in elements. A loop of one round is left out, and one that the loop
    /// before it merely continues is merged with that.
    const fn add(&mut self, count: usize, from: i64, to: i64) {
        if count == 1 {
            return;
        }
        if self.loops > 0 {
            let last = self.loops - 1;
            if self.from[last] == from * count as i64 && self.to[last] == to * count as i64 {
                self.counts[last] *= count;
                (self.from[last], self.to[last]) = (from, to);
                return;
            }
        }
        if self.loops < LOOPS {
            self.counts[self.loops] = count;
            (self.from[self.loops], self.to[self.loops]) = (from, to);
        }
        self.loops += 1;
    }

    const fn emit(
        &self,
        node: &Node<'_>,
        out: &mut Emitter<'_, '_>,
        x: &Tensor<'_>,
        y: &Tensor<'_>,
    ) -> Result<(), Error> {
        tri!(node.expect(y, x.kind, "an output of the input's type"));
        let Some(size) = x.kind.size() else { return Err(node.fail("elements of whole bytes", Found::Type(x.kind))) };
        if self.loops > LOOPS {
            return Err(node.fail("fewer axes", Found::Number(self.loops as i64)));
        }
        let mut i = 0;
        while i < self.loops {
            if self.counts[i] == 0 {
                return Ok(());
            }
            i += 1;
        }
        out.begin(kind::MOVE, node.index);
        tri!(out.tensor(x));
        tri!(out.tensor(y));
        // The innermost loop is a run of bytes where it goes on in both.
        let (mut loops, mut run) = (self.loops, size);
        if loops > 0 && self.from[loops - 1] == 1 && self.to[loops - 1] == 1 {
            loops -= 1;
            run *= self.counts[loops];
        }
        out.size(run);
        out.int((self.from_start * size as i64) as i32);
        out.int((self.to_start * size as i64) as i32);
        let mut i = 0;
        while i < loops {
            out.size(self.counts[i]);
            out.int((self.from[i] * size as i64) as i32);
            out.int((self.to[i] * size as i64) as i32);
            i += 1;
        }
        out.end();
        Ok(())
    }
}

pub(super) fn run(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let run = words.size()?;
    let (mut from, mut to) = (words.int()?, words.int()?);
    let (mut counts, mut steps, mut loops) = ([0_u32; LOOPS], [[0_i32; 2]; LOOPS], 0);
    while !words.0.is_empty() {
        let (Some(count), Some(step)) = (counts.get_mut(loops), steps.get_mut(loops)) else {
            return Err(Error::Program);
        };
        (*count, *step) = (words.word()?, [words.int()?, words.int()?]);
        loops += 1;
    }
    let (sources, y) = memory.output(y)?;
    let x = sources.bytes(x)?;
    let mut index = [0_u32; LOOPS];
    loop {
        let source = usize::try_from(from).ok().and_then(|at| x.get(at..)?.get(..run));
        let target = usize::try_from(to).ok().and_then(|at| y.get_mut(at..)?.get_mut(..run));
        match (source, target) {
            (Some([source]), Some([target])) => *target = *source,
            (Some(source), Some(target)) if source.len() == target.len() => target.copy_from_slice(source),
            _ => return Err(Error::Program),
        }
        // The next place, the innermost loop first.
        let mut level = loops;
        loop {
            let Some(inner) = level.checked_sub(1) else { return Ok(()) };
            level = inner;
            let (Some(index), Some(&count), Some(&[from_step, to_step])) =
                (index.get_mut(level), counts.get(level), steps.get(level))
            else {
                return Err(Error::Program);
            };
            *index += 1;
            (from, to) = (from.wrapping_add(from_step), to.wrapping_add(to_step));
            if *index < count {
                break;
            }
            let back = (*index).cast_signed();
            (from, to) = (from.wrapping_sub(from_step.wrapping_mul(back)), to.wrapping_sub(to_step.wrapping_mul(back)));
            *index = 0;
        }
    }
}

/// The elements of the axes `[from, end)` of a shape.
const fn elements(tensor: &Tensor<'_>, from: usize, end: usize) -> usize {
    let (mut product, mut i) = (1, from);
    while i < end {
        product *= tensor.axis(i);
        i += 1;
    }
    product
}

/// How far in elements a step along axis `i` goes.
const fn step(tensor: &Tensor<'_>, i: usize) -> i64 {
    elements(tensor, i + 1, tensor.dims.rank()) as i64
}

/// An axis that may be counted from the end, below `rank`.
pub(super) const fn axis(node: &Node<'_>, axis: i32, rank: usize) -> Result<usize, Error> {
    let found = axis as i64;
    let axis = if found < 0 { found + rank as i64 } else { found };
    if axis >= 0 && axis < rank as i64 {
        Ok(axis as usize)
    } else {
        Err(node.fail("an axis that there is", Found::Number(found)))
    }
}

/// Element `i` of a constant of integers.
pub(super) const fn constant(node: &Node<'_>, tensor: &Tensor<'_>, i: usize) -> Result<i32, Error> {
    match tensor.constant(i) {
        Some(value) => Ok(value),
        None => Err(node.fail("a constant of int32 or int64", Found::Type(tensor.kind))),
    }
}

const fn emit_reshape(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, y) = (tri!(node.input(0)), tri!(node.output(0)));
    tri!(node.equal(y.dims.len(), x.dims.len(), "an output as long as the input"));
    tri!(node.expect(&y, x.kind, "an output of the input's type"));
    if x.kind.size().is_none() {
        return Err(node.fail("elements of whole bytes", Found::Type(x.kind)));
    }
    // The output has the input's place, unless that is a variable's.
    if tri!(out.place_of(&x)).is(tri!(out.place_of(&y))) {
        return Ok(());
    }
    let mut copy = Copy::new();
    copy.add(x.dims.len(), 1, 1);
    copy.emit(node, out, &x, &y)
}

/// Copies `x` to where `y` has index `at` along `axis`, in which `x` has `len` and `y` has `whole` elements.
const fn emit_part(
    node: &Node<'_>,
    out: &mut Emitter<'_, '_>,
    [x, y]: [&Tensor<'_>; 2],
    [outer, len, inner]: [usize; 3],
    [from_whole, from]: [usize; 2],
    [to_whole, to]: [usize; 2],
) -> Result<(), Error> {
    let mut copy = Copy::new();
    copy.add(outer, (from_whole * inner) as i64, (to_whole * inner) as i64);
    copy.add(len * inner, 1, 1);
    (copy.from_start, copy.to_start) = ((from * inner) as i64, (to * inner) as i64);
    copy.emit(node, out, x, y)
}

const fn emit_concatenation(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let y = tri!(node.output(0));
    let rank = y.dims.rank();
    if tri!(node.byte(1)) != 0 {
        return Err(node.fail("no activation", Found::Number(tri!(node.byte(1)) as i64)));
    }
    let axis = tri!(axis(node, tri!(node.int(0, 0)), rank));
    let (outer, inner) = (elements(&y, 0, axis), elements(&y, axis + 1, rank));
    let (mut at, mut i) = (0, 0);
    while i < node.inputs() {
        let x = tri!(node.input(i));
        let len = x.axis(axis);
        tri!(node.equal(x.dims.rank(), rank, "inputs with the output's axes"));
        tri!(node.equal(x.dims.len(), outer * len * inner, "inputs of one shape but for the axis"));
        if at + len > y.axis(axis) {
            return Err(node.fail("an output with room for all inputs", Found::Number(y.axis(axis) as i64)));
        }
        tri!(emit_part(node, out, [&x, &y], [outer, len, inner], [len, 0], [y.axis(axis), at]));
        at += len;
        i += 1;
    }
    node.equal(at, y.axis(axis), "an output as long as all inputs")
}

const fn emit_pack(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let y = tri!(node.output(0));
    let rank = y.dims.rank();
    let axis = tri!(axis(node, tri!(node.int(1, 0)), rank));
    let (outer, count, inner) = (elements(&y, 0, axis), y.axis(axis), elements(&y, axis + 1, rank));
    tri!(node.equal(count, node.inputs(), "an output for each input"));
    let mut i = 0;
    while i < count {
        let x = tri!(node.input(i));
        tri!(node.equal(x.dims.len(), outer * inner, "inputs of the output's shape without the axis"));
        tri!(emit_part(node, out, [&x, &y], [outer, 1, inner], [1, 0], [count, i]));
        i += 1;
    }
    Ok(())
}

const fn emit_unpack(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let x = tri!(node.input(0));
    let rank = x.dims.rank();
    let axis = tri!(axis(node, tri!(node.int(1, 0)), rank));
    let (outer, count, inner) = (elements(&x, 0, axis), x.axis(axis), elements(&x, axis + 1, rank));
    tri!(node.equal(count, node.outputs(), "an output for each part"));
    let mut i = 0;
    while i < count {
        let y = tri!(node.output(i));
        tri!(node.equal(y.dims.len(), outer * inner, "outputs of the input's shape without the axis"));
        tri!(emit_part(node, out, [&x, &y], [outer, 1, inner], [count, i], [1, 0]));
        i += 1;
    }
    Ok(())
}

const fn emit_split(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    // SPLIT has the axis first, SPLIT_V last.
    let is_even = node.operator.code() == code::SPLIT;
    let x = tri!(node.input(if is_even { 1 } else { 0 }));
    let rank = x.dims.rank();
    let which = tri!(constant(node, &tri!(node.input(if is_even { 0 } else { 2 })), 0));
    let axis = tri!(axis(node, which, rank));
    let (outer, whole, inner) = (elements(&x, 0, axis), x.axis(axis), elements(&x, axis + 1, rank));
    let (mut at, mut i) = (0, 0);
    while i < node.outputs() {
        let y = tri!(node.output(i));
        let len = y.axis(axis);
        tri!(node.equal(y.dims.len(), outer * len * inner, "outputs of the input's shape but for the axis"));
        if at + len > whole {
            return Err(node.fail("an input with elements for all outputs", Found::Number(whole as i64)));
        }
        tri!(emit_part(node, out, [&x, &y], [outer, len, inner], [whole, at], [len, 0]));
        at += len;
        i += 1;
    }
    node.equal(at, whole, "an input as long as all outputs")
}

const fn emit_slice(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, begins, y) = (tri!(node.input(0)), tri!(node.input(1)), tri!(node.output(0)));
    let rank = x.dims.rank();
    tri!(node.equal(y.dims.rank(), rank, "an output with the input's axes"));
    let (mut copy, mut i) = (Copy::new(), 0);
    while i < rank {
        let begin = tri!(constant(node, &begins, i));
        if begin < 0 || begin as i64 + y.axis(i) as i64 > x.axis(i) as i64 {
            return Err(node.fail("a part inside the input", Found::Number(begin as i64)));
        }
        copy.from_start += begin as i64 * step(&x, i);
        copy.add(y.axis(i), step(&x, i), step(&y, i));
        i += 1;
    }
    copy.emit(node, out, &x, &y)
}

const fn bit(mask: i32, i: usize) -> bool {
    mask >> i & 1 != 0
}

const fn emit_strided_slice(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, y) = (tri!(node.input(0)), tri!(node.output(0)));
    let (begins, ends, steps) = (tri!(node.input(1)), tri!(node.input(2)), tri!(node.input(3)));
    let rank = x.dims.rank();
    let (begin_mask, end_mask, shrink) = (tri!(node.int(0, 0)), tri!(node.int(1, 0)), tri!(node.int(4, 0)));
    if tri!(node.int(2, 0)) != 0 || tri!(node.int(3, 0)) != 0 {
        return Err(node.fail("neither ellipsis nor new axes", Found::Number(tri!(node.int(3, 0)) as i64)));
    }
    let given = begins.dims.len();
    if given > rank {
        return Err(node.fail("at most a part of each axis", Found::Number(given as i64)));
    }
    let (mut copy, mut i, mut product) = (Copy::new(), 0, 1);
    let mut counts = [1; MAX_RANK];
    while i < rank {
        let size = x.axis(i) as i64;
        let (first, count) = if i < given {
            let by = tri!(constant(node, &steps, i));
            if by == 0 || by < -MOST || by > MOST {
                return Err(node.fail("steps other than 0", Found::Number(by as i64)));
            }
            let place = tri!(constant(node, &begins, i)) as i64;
            if bit(shrink, i) {
                (tri!(axis(node, place as i32, x.axis(i))) as i64, 1)
            } else {
                let (low, high) = if by > 0 { (0, size) } else { (-1, size - 1) };
                let first = bound(place, size, bit(begin_mask, i), if by > 0 { low } else { high }, low, high);
                let end = tri!(constant(node, &ends, i)) as i64;
                let end = bound(end, size, bit(end_mask, i), if by > 0 { high } else { low }, low, high);
                let span = if by > 0 { end - first } else { first - end };
                let width = if by > 0 { by as i64 } else { -(by as i64) };
                (first, if span > 0 { (span + width - 1) / width } else { 0 })
            }
        } else {
            (0, size)
        };
        if i < MAX_RANK {
            counts[i] = count as usize;
        }
        product *= count as usize;
        copy.from_start += first * step(&x, i);
        i += 1;
    }
    tri!(node.equal(y.dims.len(), product, "an output of the part's size"));
    let mut i = 0;
    let mut left = product as i64;
    while i < rank && i < MAX_RANK && product > 0 {
        left /= counts[i] as i64;
        let by = if i < given && !bit(shrink, i) { tri!(constant(node, &steps, i)) as i64 } else { 1 };
        copy.add(counts[i], by * step(&x, i), left);
        i += 1;
    }
    if product > 0 { copy.emit(node, out, &x, &y) } else { Ok(()) }
}

/// A place along an axis: the default if masked, counted from the end if negative, clamped to a range.
const fn bound(place: i64, size: i64, masked: bool, default: i64, low: i64, high: i64) -> i64 {
    let place = if place < 0 { place + size } else { place };
    if masked {
        default
    } else if place < low {
        low
    } else if place > high {
        high
    } else {
        place
    }
}

const fn emit_transpose(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, order, y) = (tri!(node.input(0)), tri!(node.input(1)), tri!(node.output(0)));
    let rank = x.dims.rank();
    tri!(node.equal(y.dims.rank(), rank, "an output with the input's axes"));
    tri!(node.equal(order.dims.len(), rank, "a place for each axis"));
    let (mut copy, mut seen, mut i) = (Copy::new(), 0_u32, 0);
    while i < rank {
        let from = tri!(axis(node, tri!(constant(node, &order, i)), rank));
        seen |= 1 << from;
        tri!(node.equal(y.axis(i), x.axis(from), "an output of the transposed shape"));
        copy.add(y.axis(i), step(&x, from), step(&y, i));
        i += 1;
    }
    tri!(node.equal(seen as usize, (1 << rank) - 1, "every axis once"));
    copy.emit(node, out, &x, &y)
}

const fn emit_reverse(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, axes, y) = (tri!(node.input(0)), tri!(node.input(1)), tri!(node.output(0)));
    let (rank, mut reversed, mut i) = (x.dims.rank(), 0_u32, 0);
    if !x.same_shape(&y) {
        return Err(node.fail("an output of the input's shape", Found::Number(y.dims.len() as i64)));
    }
    while i < axes.dims.len() {
        reversed |= 1 << tri!(axis(node, tri!(constant(node, &axes, i)), rank));
        i += 1;
    }
    let (mut copy, mut i) = (Copy::new(), 0);
    while i < rank {
        let (by, size) = (step(&x, i), x.axis(i) as i64);
        if reversed >> i & 1 != 0 {
            copy.from_start += by * (size - 1);
            copy.add(x.axis(i), -by, by);
        } else {
            copy.add(x.axis(i), by, by);
        }
        i += 1;
    }
    copy.emit(node, out, &x, &y)
}

/// Fills a tensor with elements of these bytes; those of more than four bytes repeat the first.
const fn emit_fill(node: &Node<'_>, out: &mut Emitter<'_, '_>, y: &Tensor<'_>, value: u32) -> Result<(), Error> {
    let Some(size) = y.kind.size() else { return Err(node.fail("elements of whole bytes", Found::Type(y.kind))) };
    out.begin(kind::FILL, node.index);
    tri!(out.tensor(y));
    out.size(size);
    out.word(value);
    out.end();
    Ok(())
}

pub(super) fn run_fill(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let y = words.place()?;
    let (size, value) = (words.size()?, words.word()?.to_le_bytes());
    let (_, y) = memory.output(y)?;
    let [byte, ..] = value;
    match size {
        2 | 4 => {
            for y in y.chunks_exact_mut(size) {
                for (y, byte) in y.iter_mut().zip(value) {
                    *y = byte;
                }
            }
        }
        _ => y.fill(byte),
    }
    Ok(())
}

/// Writes elements that are known beforehand.
pub(super) fn run_data(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let y = words.place()?;
    let (_, y) = memory.output(y)?;
    for (y, word) in y.as_chunks_mut().0.iter_mut().zip(words.0) {
        *y = word.to_le_bytes();
    }
    Ok(())
}

/// Elements before and after axis `i`.
const fn margins(node: &Node<'_>, pads: &Tensor<'_>, i: usize) -> Result<[usize; 2], Error> {
    let (before, after) = (tri!(constant(node, pads, 2 * i)), tri!(constant(node, pads, 2 * i + 1)));
    if before < 0 || after < 0 || before > MOST || after > MOST {
        return Err(node.fail("padding from 0 to 2^20", Found::Number(before as i64)));
    }
    Ok([before as usize, after as usize])
}

const fn emit_pad(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, pads, y) = (tri!(node.input(0)), tri!(node.input(1)), tri!(node.output(0)));
    let rank = x.dims.rank();
    tri!(node.equal(y.dims.rank(), rank, "an output with the input's axes"));
    tri!(node.equal(pads.dims.len(), 2 * rank, "two margins for each axis"));
    let value = match tri!(node.optional(2)) {
        Some(value) => match value.data {
            Some(data) if value.kind.is(Type::INT8) && data.len() == 1 => data.bytes()[0] as u32,
            Some(data) if data.len() == 4 => match data.words().int(0) {
                Some(word) => word as u32,
                None => 0,
            },
            _ => return Err(node.fail("a constant of one element", Found::Type(value.kind))),
        },
        None if y.kind.is(Type::INT8) => y.zero_point() as u8 as u32,
        None => 0,
    };
    let (mut copy, mut i) = (Copy::new(), 0);
    while i < rank {
        let [before, after] = tri!(margins(node, &pads, i));
        tri!(node.equal(y.axis(i), before + x.axis(i) + after, "an output of the padded size"));
        copy.to_start += before as i64 * step(&y, i);
        copy.add(x.axis(i), step(&x, i), step(&y, i));
        i += 1;
    }
    tri!(emit_fill(node, out, &y, value));
    copy.emit(node, out, &x, &y)
}

const fn emit_mirror_pad(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, pads, y) = (tri!(node.input(0)), tri!(node.input(1)), tri!(node.output(0)));
    let rank = x.dims.rank();
    tri!(node.equal(y.dims.rank(), rank, "an output with the input's axes"));
    tri!(node.equal(pads.dims.len(), 2 * rank, "two margins for each axis"));
    // 0 leaves the edge out, 1 repeats it.
    let repeats = tri!(node.byte(0)) as usize & 1;
    // Each axis has three parts: in front, the input itself, behind.
    let (mut part, parts) = (0, 3_usize.pow(rank as u32));
    while part < parts {
        let (mut copy, mut rest, mut i) = (Copy::new(), part, 0);
        while i < rank {
            let [before, after] = tri!(margins(node, &pads, i));
            let size = x.axis(i);
            tri!(node.equal(y.axis(i), before + size + after, "an output of the padded size"));
            if before + 1 > size + repeats || after + 1 > size + repeats {
                return Err(node.fail("margins no longer than what they mirror", Found::Number(before as i64)));
            }
            let (count, from, by, to) = match rest % 3 {
                0 => (before, before - repeats * (before > 0) as usize, -1, 0),
                1 => (size, 0, 1, before),
                _ => (after, (size + repeats).saturating_sub(2), -1, before + size),
            };
            copy.from_start += from as i64 * step(&x, i);
            copy.to_start += to as i64 * step(&y, i);
            if count == 1 {
                copy.add(1, 0, 0);
            } else {
                copy.add(count, by * step(&x, i), step(&y, i));
            }
            (rest, i) = (rest / 3, i + 1);
        }
        tri!(copy.emit(node, out, &x, &y));
        part += 1;
    }
    Ok(())
}

const fn emit_broadcast(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, y) = (tri!(node.input(0)), tri!(node.output(0)));
    let (rank, whole) = (x.dims.rank(), y.dims.rank());
    if rank > whole {
        return Err(node.fail("an output with the input's axes, or more", Found::Number(whole as i64)));
    }
    let (mut copy, mut i) = (Copy::new(), 0);
    while i < whole {
        let own = i + rank >= whole;
        let from = (i + rank).saturating_sub(whole);
        let size = if own { x.axis(from) } else { 1 };
        if size != y.axis(i) && size != 1 {
            return Err(node.fail("axes of the output's size, or of 1", Found::Number(size as i64)));
        }
        copy.add(y.axis(i), if size == 1 { 0 } else { step(&x, from) }, step(&y, i));
        i += 1;
    }
    copy.emit(node, out, &x, &y)
}

const fn emit_shape(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, y) = (tri!(node.input(0)), tri!(node.output(0)));
    tri!(node.expect(&y, Type::INT32, "an output of int32"));
    tri!(node.equal(y.dims.len(), x.dims.rank(), "a number for each axis"));
    out.begin(kind::DATA, node.index);
    tri!(out.tensor(&y));
    out.sizes(x.dims.as_slice());
    out.end();
    Ok(())
}

const fn emit_fill_operator(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (value, y) = (tri!(node.input(1)), tri!(node.output(0)));
    tri!(node.equal(value.dims.len(), 1, "one element to fill with"));
    let mut copy = Copy::new();
    copy.add(y.dims.len(), 0, 1);
    copy.emit(node, out, &value, &y)
}

const fn emit_depth(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, y) = (tri!(node.input(0)), tri!(node.output(0)));
    tri!(node.equal(x.dims.rank(), 4, "four axes"));
    tri!(node.equal(y.dims.rank(), 4, "four axes"));
    let block = tri!(node.count(0, 0, "a block of 1 or more"));
    let gathers = node.operator.code() == code::SPACE_TO_DEPTH;
    // The deep one has a block of the flat one's pixels in each of its own.
    let (flat, deep) = if gathers { (&x, &y) } else { (&y, &x) };
    let area = match block.checked_mul(block) {
        Some(area) if block <= MOST as usize => area,
        _ => return Err(node.fail("a smaller block", Found::Number(block as i64))),
    };
    let channels = flat.axis(3);
    tri!(node.equal(deep.axis(0), flat.axis(0), "an output of the size that follows"));
    tri!(node.equal(flat.axis(1), deep.axis(1).saturating_mul(block), "an output of the size that follows"));
    tri!(node.equal(flat.axis(2), deep.axis(2).saturating_mul(block), "an output of the size that follows"));
    tri!(node.equal(deep.axis(3), channels.saturating_mul(area), "an output of the size that follows"));
    let (row, pixel) = (step(flat, 1), step(flat, 2));
    let side = block as i64;
    let loops = [
        (deep.axis(0), step(flat, 0), step(deep, 0)),
        (deep.axis(1), row * side, step(deep, 1)),
        (deep.axis(2), pixel * side, step(deep, 2)),
        (block, row, channels as i64 * side),
        (block, pixel, channels as i64),
        (channels, 1, 1),
    ];
    let (mut copy, mut i) = (Copy::new(), 0);
    while i < loops.len() {
        let (count, flat, deep) = loops[i];
        if gathers {
            copy.add(count, flat, deep)
        } else {
            copy.add(count, deep, flat)
        }
        i += 1;
    }
    copy.emit(node, out, &x, &y)
}

/// Block sizes and margins (padding or cropping) of two axes; the second has a block of 1 where there is only one axis.
struct Blocks {
    sizes: [usize; 2],
    margins: [[usize; 2]; 2],
}

const fn blocks(node: &Node<'_>, rank: usize) -> Result<Blocks, Error> {
    let (sizes, pads) = (tri!(node.input(1)), tri!(node.input(2)));
    let mut blocks = Blocks { sizes: [1; 2], margins: [[0; 2]; 2] };
    tri!(node.equal(sizes.dims.len(), rank - 2, "a block for each axis between batch and channels"));
    let mut i = 0;
    while i + 2 < rank && i < 2 {
        let size = tri!(constant(node, &sizes, i));
        if size < 1 || size > MOST {
            return Err(node.fail("blocks of 1 or more", Found::Number(size as i64)));
        }
        blocks.sizes[i] = size as usize;
        blocks.margins[i] = tri!(margins(node, &pads, i));
        i += 1;
    }
    Ok(blocks)
}

const fn emit_batch(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, y) = (tri!(node.input(0)), tri!(node.output(0)));
    let rank = x.dims.rank();
    if rank != 3 && rank != 4 {
        return Err(node.fail("three or four axes", Found::Number(rank as i64)));
    }
    tri!(node.equal(y.dims.rank(), rank, "an output with the input's axes"));
    let Blocks { sizes, margins } = tri!(blocks(node, rank));
    let scatters = node.operator.code() == code::SPACE_TO_BATCH_ND;
    // The deep one has a block of the flat one's pixels in as many batches.
    let (flat, deep) = if scatters { (&x, &y) } else { (&y, &x) };
    let (images, area) = (flat.axis(0), sizes[0].saturating_mul(sizes[1]));
    tri!(node.equal(deep.axis(0), images.saturating_mul(area), "an output of the size that follows"));
    tri!(node.equal(deep.axis(rank - 1), flat.axis(rank - 1), "an output of the size that follows"));
    let mut i = 0;
    while i < rank - 2 {
        let [before, after] = margins[i];
        let whole = before + flat.axis(i + 1) + after;
        tri!(node.equal(whole, deep.axis(i + 1).saturating_mul(sizes[i]), "an output of the size that follows"));
        i += 1;
    }
    if scatters && (margins[0][0] + margins[0][1] + margins[1][0] + margins[1][1]) > 0 {
        let zero = if y.kind.is(Type::INT8) { y.zero_point() as u8 as u32 } else { 0 };
        tri!(emit_fill(node, out, &y, zero));
    }
    let mut at = 0;
    while at < area {
        let place = [at / sizes[1], at % sizes[1]];
        let mut copy = Copy::new();
        let (mut flat_start, mut deep_start) = (0, (at * images) as i64 * step(deep, 0));
        copy.add_of(scatters, images, step(flat, 0), step(deep, 0));
        let mut i = 0;
        while i < rank - 2 {
            // Pixels place + n · size of the whole that are inside the margins.
            let (before, size) = (margins[i][0], sizes[i]);
            let first = before.saturating_sub(place[i]).div_ceil(size);
            let end = (before + flat.axis(i + 1)).saturating_sub(place[i]).div_ceil(size);
            flat_start += (place[i] + first * size) as i64 * step(flat, i + 1) - before as i64 * step(flat, i + 1);
            deep_start += first as i64 * step(deep, i + 1);
            let count = end.saturating_sub(first);
            copy.add_of(scatters, count, step(flat, i + 1) * size as i64, step(deep, i + 1));
            i += 1;
        }
        copy.add(flat.axis(rank - 1), 1, 1);
        (copy.from_start, copy.to_start) = if scatters { (flat_start, deep_start) } else { (deep_start, flat_start) };
        tri!(copy.emit(node, out, &x, &y));
        at += 1;
    }
    Ok(())
}

impl Copy {
    /// A loop with steps in the flat and in the deep tensor.
    const fn add_of(&mut self, scatters: bool, count: usize, flat: i64, deep: i64) {
        if scatters { self.add(count, flat, deep) } else { self.add(count, deep, flat) }
    }
}
