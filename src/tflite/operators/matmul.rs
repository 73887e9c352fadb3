//! BATCH_MATMUL: products of matrices that both come from operators.

use super::{Emitter, Error, Found, How, Memory, Node, Output, Tensor, Type, Words, kind, quantized};
use crate::{kernels::int8::Multiplier, shape::MAX_RANK};

/// Axes before those of the matrices.
const BATCHES: usize = MAX_RANK - 2;

/// The size of an axis counted from the last, 1 beyond the first.
const fn from_end(x: &Tensor<'_>, i: usize) -> usize {
    let sizes = x.dims.as_slice();
    if i < sizes.len() { sizes[sizes.len() - 1 - i] } else { 1 }
}

/// The strides of rows and columns of a matrix, transposed or not.
const fn steps(x: &Tensor<'_>, transposed: bool) -> [usize; 2] {
    let columns = from_end(x, 0);
    if transposed { [1, columns] } else { [columns, 1] }
}

pub(super) const fn emit(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (a, b, y) = (tri!(node.input(0)), tri!(node.input(1)), tri!(node.output(0)));
    let (a_turned, b_turned) = (tri!(node.byte(0)) != 0, tri!(node.byte(1)) != 0);
    if a.dims.rank() < 2 || b.dims.rank() < 2 {
        return Err(node.fail("matrices", Found::Number(a.dims.rank() as i64)));
    }
    let (rows, inner) = (from_end(&a, !a_turned as usize), from_end(&a, a_turned as usize));
    let (terms, columns) = (from_end(&b, !b_turned as usize), from_end(&b, b_turned as usize));
    tri!(node.equal(terms, inner, "as many rows of the second as the first has columns"));
    tri!(node.equal(from_end(&y, 1), rows, "an output of as many rows as the first"));
    tri!(node.equal(from_end(&y, 0), columns, "an output of as many columns as the second"));
    let is_float = a.kind.is(Type::FLOAT32);
    out.begin(kind::MATMUL, node.index);
    tri!(out.tensor(&a));
    tri!(out.tensor(&b));
    tri!(out.tensor(&y));
    out.sizes(&[rows, inner, columns]);
    out.sizes(&steps(&a, a_turned));
    out.sizes(&steps(&b, b_turned));
    let (mut batches, mut a_step, mut b_step, mut i) = (1, rows * inner, inner * columns, 0);
    while i < BATCHES {
        let (m, n, of) = (from_end(&a, i + 2), from_end(&b, i + 2), from_end(&y, i + 2));
        if m != n && m != 1 && n != 1 {
            return Err(node.fail("batches of one size, or of 1", Found::Number(n as i64)));
        }
        tri!(node.equal(of, if m == 1 { n } else { m }, "an output for each batch"));
        out.sizes(&[of, if m == 1 { 0 } else { a_step }, if n == 1 { 0 } else { b_step }]);
        (a_step, b_step, batches) = (a_step * m, b_step * n, batches * of);
        i += 1;
    }
    out.add_macs((batches as u64).saturating_mul((rows * columns) as u64).saturating_mul(inner as u64));
    out.word(is_float as u32);
    if is_float {
        tri!(node.expect(&b, Type::FLOAT32, "float32, as the first"));
        tri!(node.expect(&y, Type::FLOAT32, "float32, as the first"));
    } else {
        let (left, right, to) = (tri!(quantized(node, &a)), tri!(quantized(node, &b)), tri!(quantized(node, &y)));
        out.int(left.zero_point as i32);
        out.int(right.zero_point as i32);
        out.int(to.zero_point as i32);
        out.multiplier(Multiplier::from_real(left.scale as f64 * right.scale as f64 / to.scale as f64));
    }
    out.end();
    Ok(())
}

/// The elements of an operand to be multiplied: a row of the first, or a column of the second.
#[derive(Clone, Copy)]
struct Line {
    at: usize,
    step: usize,
}

impl Line {
    fn places(self, count: usize) -> impl Iterator<Item = usize> {
        (0..count).map(move |i| self.at + i * self.step)
    }
}

pub(super) fn run(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [a, b, y] = [words.place()?, words.place()?, words.place()?];
    let [rows, inner, columns] = words.sizes()?;
    let [a_row, a_inner, b_inner, b_column] = words.sizes()?;
    let mut batches = [[0; 3]; BATCHES];
    for batch in &mut batches {
        *batch = words.sizes()?;
    }
    let is_float = words.word()? != 0;
    let (sources, y) = memory.output(y)?;
    let (a, b) = (sources.bytes(a)?, sources.bytes(b)?);
    let (mut index, mut starts) = ([0; BATCHES], [0; 2]);
    let size = rows.saturating_mul(columns);
    if size == 0 {
        return Ok(());
    }
    let mut each = |product: &dyn Fn(Line, Line, &mut [u8]), bytes: usize| {
        for y in y.chunks_exact_mut(size.saturating_mul(bytes)) {
            for (i, y) in y.chunks_exact_mut(columns.saturating_mul(bytes)).enumerate() {
                for (j, y) in y.chunks_exact_mut(bytes).enumerate() {
                    let row = Line { at: starts[0] + i * a_row, step: a_inner };
                    product(row, Line { at: starts[1] + j * b_column, step: b_inner }, y);
                }
            }
            for (index, [count, a_step, b_step]) in index.iter_mut().zip(&batches) {
                *index += 1;
                starts = [starts[0] + a_step, starts[1] + b_step];
                if *index < *count {
                    break;
                }
                *index = 0;
                starts = [starts[0] - count * a_step, starts[1] - count * b_step];
            }
        }
    };
    if is_float {
        let number =
            |x: &[u8], at: usize| x.get(4 * at..).and_then(|x| x.first_chunk()).map_or(0.0, |&x| f32::from_le_bytes(x));
        each(
            &|row, column, y| {
                let pairs = row.places(inner).zip(column.places(inner));
                let sum = pairs.fold(0.0, |sum, (i, j)| sum + number(a, i) * number(b, j));
                y.copy_from_slice(&sum.to_le_bytes());
            },
            4,
        );
        return Ok(());
    }
    let zero_points = [i32::from(words.byte()?), i32::from(words.byte()?)];
    let output = Output::new(words.byte()?).with_rescaling(how.rescaling);
    let multiplier = words.multiplier()?;
    let number = |x: &[u8], at: usize| i32::from(x.get(at).copied().unwrap_or_default().cast_signed());
    each(
        &|row, column, y| {
            let pairs = row.places(inner).zip(column.places(inner));
            let sum = pairs.fold(0_i32, |sum, (i, j)| {
                sum.wrapping_add((number(a, i) - zero_points[0]) * (number(b, j) - zero_points[1]))
            });
            y.fill(output.of(sum, multiplier).cast_unsigned());
        },
        1,
    );
    Ok(())
}
