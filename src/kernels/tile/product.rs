//! Products of small matrices.
//!
//! Both operands stay in the cache and every term fits one block, so what a call costs besides its multiply-adds is what
//! counts: there are no nests here, no cuts and no cursors. Each sum is the same chain as in [`super`].

use core::cmp::min;

use super::{Epilogue, Start, add_term, finish, start};
use crate::simd::{Kernel, Simd};

/// `C = start + A · B` of row-major matrices without gaps.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Product {
    pub rows: usize,
    pub terms: usize,
    pub columns: usize,
    pub a: *const f32,
    pub b: *const f32,
    pub c: *mut f32,
    pub start: Start,
    /// What happens to the results.
    pub epilogue: Epilogue,
}

impl Product {
    /// Whether a product of these sizes is small: elements of both factors together. With fewer
    /// rows than a tile has, most of a tile would be repetition.
    pub(in crate::kernels) const fn is_small(rows: usize, terms: usize, columns: usize) -> bool {
        rows >= 4 && terms * (rows + columns) <= 1 << 13
    }

    /// The product as a kernel.
    ///
    /// # Safety
    /// `a`, `b` and `c` have `rows · terms`, `terms · columns` and `rows · columns` elements, a bias
    /// has `columns`; `c` overlaps nothing that is read.
    #[inline(always)]
    pub(in crate::kernels) unsafe fn vouched(self) -> Vouched {
        Vouched(self)
    }
}

/// A [`Product`] whose maker vouches for its pointers.
pub(in crate::kernels) struct Vouched(Product);

impl Kernel for Vouched {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let job = &self.0;
        let mut column = 0;
        while column < job.columns {
            let vectors = (job.columns - column) / S::LANES;
            // SAFETY: the maker vouches for the lengths; a panel ends inside the columns.
            let width = unsafe {
                match vectors {
                    0 => panel::<S, 8, 1, true>(s, job, column),
                    1 => panel::<S, 8, 1, false>(s, job, column),
                    _ if S::TILE >= 24 => panel::<S, 8, 2, false>(s, job, column),
                    _ => panel::<S, 4, 2, false>(s, job, column),
                }
            };
            column += width;
        }
    }
}

/// All rows of `NV` vectors of columns; returns how many columns these are.
#[inline(always)]
unsafe fn panel<S: Simd, const MR: usize, const NV: usize, const MASKED: bool>(
    s: S,
    job: &Product,
    column: usize,
) -> usize {
    let last = job.columns - column;
    let mut row = 0;
    while row < job.rows {
        // A tile that is not full repeats the last row.
        let mut a = [job.a; MR];
        let mut c = [job.c; MR];
        for m in 0..MR {
            let row = min(row + m, job.rows - 1);
            a[m] = job.a.wrapping_add(row * job.terms);
            c[m] = job.c.wrapping_add(row * job.columns + column);
        }
        // SAFETY: the rows, terms and columns are inside the matrices.
        unsafe {
            let mut acc = start::<S, MR, NV, MASKED>(s, job.start, column, &c, last);
            let mut b = job.b.wrapping_add(column);
            for term in 0..job.terms as isize {
                add_term::<S, MR, NV, MASKED, false>(s, &a, term, b, last, &mut acc);
                b = b.wrapping_add(job.columns);
            }
            finish::<S, MR, NV, MASKED>(s, acc, job.epilogue, &c, last);
        }
        row += MR;
    }
    NV * S::LANES
}
