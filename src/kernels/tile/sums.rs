//! Sums of a matrix's rows: the gradient of a bias.

use core::ops::Range;

use super::{Ahead, Axis, Contraction, Nest, Start};
use crate::{
    kernels::{Epilogue, div},
    simd::Level,
};

/// Adds the rows of a matrix, each as long as `sum`, in ascending order.
pub(in crate::kernels) fn sum_rows(level: Level, rows: &[f32], sum: &mut [f32]) {
    // SAFETY: all columns, borrowed here.
    unsafe { sum_columns(level, rows, sum.len(), 0..sum.len(), sum.as_mut_ptr()) }
}

/// Adds some columns of the rows of a matrix, in ascending order.
///
/// # Safety
/// `sum` is valid for reading and writing these columns, and nobody else does either; they are below `len`, the length of
/// a row.
pub(in crate::kernels) unsafe fn sum_columns(
    level: Level,
    rows: &[f32],
    len: usize,
    columns: Range<usize>,
    sum: *mut f32,
) {
    // A product with 1 is exact, so this is a sum in either rounding.
    static ONE: f32 = 1.0;
    if columns.is_empty() {
        return;
    }
    let job = Contraction {
        rows: Nest::line(Axis::ONE),
        first_row: 0,
        row_count: 1,
        terms: Nest::line(Axis::new(div(rows.len(), len), 0, len as isize)),
        columns: columns.len(),
        a: &raw const ONE,
        b: rows.as_ptr().wrapping_add(columns.start),
        c: sum.wrapping_add(columns.start),
        start: Start::Continue,
        epilogue: Epilogue::None,
        ahead: Ahead::NONE,
    };
    // SAFETY: columns of whole rows are read, one row of them is written, as the caller vouches; `ONE` is read at step 0.
    level.dispatch(unsafe { job.vouched::<false>() });
}
