//! MEAN, SUM, REDUCE_MAX and REDUCE_MIN.

use super::{
    Emitter, Error, Found, How, Memory, Node, Tensor, Type, Words, as_i8, code, emit_output, float, kind,
    movement::{axis, constant},
    output, quantized,
};
use crate::kernels::int8::{Multiplier, mean, mean::Mean};

/// The axes of an input: one or two groups that are joined, and those before, between and after them.
#[derive(Clone, Copy)]
struct Split {
    outer: usize,
    first: usize,
    middle: usize,
    second: usize,
    inner: usize,
}

impl Split {
    const fn sizes(&self) -> [usize; 5] {
        [self.outer, self.first, self.middle, self.second, self.inner]
    }

    /// How many elements are joined.
    const fn count(&self) -> usize {
        self.first * self.second
    }

    fn read(words: &mut Words<'_>) -> Result<Self, Error> {
        let [outer, first, middle, second, inner] = words.sizes()?;
        Ok(Self { outer, first, middle, second, inner })
    }

    /// Calls `f` with the index of each output and the places of the inputs that it joins, in their order.
    fn each(
        &self,
        mut f: impl FnMut(usize, &mut dyn Iterator<Item = usize>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let &Self { outer, first, middle, second, inner } = self;
        let mut output = 0;
        for block in 0..outer {
            for between in 0..middle {
                for column in 0..inner {
                    let place =
                        |i: usize, j: usize| (((block * first + i) * middle + between) * second + j) * inner + column;
                    f(output, &mut (0..first).flat_map(|i| (0..second).map(move |j| place(i, j))))?;
                    output += 1;
                }
            }
        }
        Ok(())
    }
}

const fn split(node: &Node<'_>, x: &Tensor<'_>) -> Result<Split, Error> {
    let axes = tri!(node.input(1));
    let (rank, mut joined, mut i) = (x.dims.rank(), 0_u32, 0);
    while i < axes.dims.len() {
        joined |= 1 << tri!(axis(node, tri!(constant(node, &axes, i)), rank));
        i += 1;
    }
    // Which of the five parts the last axis belonged to; axes of one element belong to any.
    let (mut sizes, mut part, mut i) = ([1; 5], 0, 0);
    while i < rank {
        let size = x.axis(i);
        if size != 1 {
            if (part % 2 == 1) != (joined >> i & 1 != 0) {
                part += 1;
            }
            if part > 4 {
                return Err(node.fail("axes in at most two groups", Found::Number(i as i64)));
            }
            sizes[part] *= size;
        }
        i += 1;
    }
    let [outer, first, middle, second, inner] = sizes;
    // With one group, what is behind it is the innermost.
    let split = if part < 3 {
        Split { outer, first, middle: 1, second: 1, inner: middle }
    } else {
        Split { outer, first, middle, second, inner }
    };
    if split.count() == 0 {
        return Err(node.fail("axes with elements", Found::Number(0)));
    }
    Ok(split)
}

pub(super) const fn emit(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, y) = (tri!(node.input(0)), tri!(node.output(0)));
    let split = tri!(split(node, &x));
    tri!(node.equal(y.dims.len(), split.outer * split.middle * split.inner, "an output without the axes"));
    let operation = node.operator.code();
    if x.kind.is(Type::FLOAT32) {
        tri!(node.expect(&y, Type::FLOAT32, "float32"));
        out.begin(kind::FLOAT_REDUCE, node.index);
        tri!(out.tensor(&x));
        tri!(out.tensor(&y));
        out.sizes(&split.sizes());
        out.word(operation);
        out.end();
        return Ok(());
    }
    let (from, to) = (tri!(quantized(node, &x)), tri!(quantized(node, &y)));
    let ratio = Multiplier::from_real(from.scale as f64 / to.scale as f64);
    // A kernel has means of one group of axes; other sums are rare.
    let step = match operation {
        code::MEAN if split.middle == 1 && split.second == 1 => kind::MEAN,
        code::MEAN | code::SUM => kind::SUM,
        _ => kind::EXTREME,
    };
    out.begin(step, node.index);
    tri!(out.tensor(&x));
    tri!(out.tensor(&y));
    out.sizes(&split.sizes());
    if step == kind::EXTREME {
        out.word((operation == code::REDUCE_MAX) as u32);
    } else {
        out.int(from.zero_point as i32);
        emit_output(out, to.zero_point, [i8::MIN, i8::MAX]);
        out.multiplier(if operation == code::MEAN { ratio.over(split.count()) } else { ratio });
    }
    out.end();
    Ok(())
}

pub(super) fn run_mean(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let Split { outer, first, inner, .. } = Split::read(&mut words)?;
    let input_zero_point = words.byte()?;
    let output = output(how, &mut words)?;
    let mean = Mean { count: first, inner, multiplier: words.multiplier()?, input_zero_point, output };
    let (sources, y) = memory.output(y)?;
    Ok(mean::forward_into(how.level, &mean, outer, sources.i8(x)?, as_i8(y))?)
}

/// The same for any axes; a sum is a mean without the division.
pub(super) fn run_sum(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let split = Split::read(&mut words)?;
    let zero_point = i32::from(words.byte()?);
    let output = output(how, &mut words)?;
    let multiplier = words.multiplier()?;
    let (sources, y) = memory.output(y)?;
    let (x, y) = (sources.i8(x)?, as_i8(y));
    split.each(|at, places| {
        let sum = places.fold(0_i32, |sum, place| sum.wrapping_add(element(x, place) - zero_point));
        *y.get_mut(at).ok_or(Error::Program)? = output.of(sum, multiplier);
        Ok(())
    })
}

fn element(x: &[i8], place: usize) -> i32 {
    x.get(place).map_or(0, |&x| i32::from(x))
}

pub(super) fn run_extreme(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let split = Split::read(&mut words)?;
    let is_maximum = words.size()? != 0;
    let (sources, y) = memory.output(y)?;
    let (x, y) = (sources.i8(x)?, as_i8(y));
    split.each(|at, places| {
        let elements = places.map(|place| element(x, place));
        let found = if is_maximum { elements.max() } else { elements.min() };
        *y.get_mut(at).ok_or(Error::Program)? = found.unwrap_or(0) as i8;
        Ok(())
    })
}

pub(super) fn run_float(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let split = Split::read(&mut words)?;
    let operation = words.word()?;
    let (sources, y) = memory.output(y)?;
    let (x, y) = (sources.words(x)?, y.as_chunks_mut().0);
    split.each(|at, places| {
        let numbers = places.map(|place| float::number(x.get(place)));
        let result = match operation {
            code::MEAN => numbers.fold(0.0, |sum, x| sum + x) / split.count() as f32,
            code::SUM => numbers.fold(0.0, |sum, x| sum + x),
            code::REDUCE_MAX => numbers.fold(f32::MIN, |most, x| if x > most { x } else { most }),
            _ => numbers.fold(f32::MAX, |least, x| if x < least { x } else { least }),
        };
        *y.get_mut(at).ok_or(Error::Program)? = result.to_le_bytes();
        Ok(())
    })
}
