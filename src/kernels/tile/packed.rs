//! A contraction whose `A` is copied panel by panel.

use super::{Axis, Contraction, Nest, Start};
use crate::simd::{Kernel, Level, Simd};

/// Rows of a packed panel: a multiple of every tile's height and of every vector's length.
const PACKED_ROWS: usize = 48;

/// Terms of a packed panel: 24 KiB with its rows.
pub(in crate::kernels) const PACKED_TERMS: usize = 128;

/// Runs the weight gradient with `A` copied panel by panel.
///
/// Its terms are whole inputs apart, for large layers always in the same sets of the cache, which then holds a few of them
/// only; in a panel they stand side by side.
///
/// # Safety
/// As for [`Contraction::vouched`]; one axis of rows one element apart in `A`, one of `terms`.
pub(in crate::kernels) unsafe fn packed(level: Level, job: &Contraction, terms: usize) {
    let mut panel = Panel([0.0; PACKED_ROWS * PACKED_TERMS]);
    let (stride, outputs) = (job.terms.0[2].a as usize, job.terms.0[2].other);
    let mut term = 0;
    while term < terms {
        let count = PACKED_TERMS.min(terms - term);
        let mut row = 0;
        while row < job.row_count {
            let rows = PACKED_ROWS.min(job.row_count - row);
            let from = job.a.wrapping_add(term * stride + row);
            let to = panel.0.as_mut_ptr();
            let part = Contraction {
                rows: Nest::line(Axis::new(rows, 1, outputs)),
                row_count: rows,
                terms: Nest::line(Axis::new(count, PACKED_ROWS as isize, outputs)),
                a: to.cast_const(),
                b: job.b.wrapping_offset(term as isize * outputs),
                c: job.c.wrapping_offset(row as isize * outputs),
                start: if term == 0 { job.start } else { Start::Continue },
                ..*job
            };
            // SAFETY: a part of the job, whose maker vouches for all of it, and at most a panel.
            unsafe {
                level.dispatch(CopyRows { from, stride, rows: count, columns: rows, to }.vouched());
                level.dispatch(part.vouched::<false>());
            }
            row += rows;
        }
        term += count;
    }
}

/// A panel at a cache line.
#[repr(align(64))]
struct Panel([f32; PACKED_ROWS * PACKED_TERMS]);

/// Rows to copy into a panel.
struct CopyRows {
    from: *const f32,
    stride: usize,
    rows: usize,
    columns: usize,
    to: *mut f32,
}

impl CopyRows {
    /// The copy as a kernel.
    ///
    /// # Safety
    /// The rows of `from` are valid for reading `columns` elements, `to` for writing rows of a panel.
    unsafe fn vouched(self) -> VouchedCopy {
        VouchedCopy(self)
    }
}

/// A [`CopyRows`] whose maker vouches for its pointers.
struct VouchedCopy(CopyRows);

impl Kernel for VouchedCopy {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let CopyRows { from, stride, rows, columns, to } = self.0;
        for row in 0..rows {
            let (from, to) = (from.wrapping_add(row * stride), to.wrapping_add(row * PACKED_ROWS));
            let mut column = 0;
            while column < columns {
                let len = S::LANES.min(columns - column);
                let (from, to) = (from.wrapping_add(column), to.wrapping_add(column));
                // SAFETY: `len` elements are left of both rows.
                unsafe {
                    if len == S::LANES {
                        s.store_ptr(s.load_ptr(from), to);
                    } else {
                        s.store_ptr_first(s.load_ptr_first(from, len), to, len);
                    }
                }
                column += len;
            }
        }
    }
}
