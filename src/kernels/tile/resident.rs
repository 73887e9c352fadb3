//! Rows of few terms: a panel's part of `B` stays in registers over all rows.
//!
//! A window of 3 × 3 over one channel, or channel by channel, has nine terms. A tile would load them again for every few
//! rows; here a row costs its own elements of `A`, its multiply-adds and its store.

use super::{Contraction, Cursor, Offsets, Place, add_products, finish, load, places, start};
use crate::simd::Simd;

/// All rows of `NV` vectors of columns, `MR` at a time, of a job with `TERMS` terms; returns the place after them.
#[inline(always)]
pub(super) unsafe fn rows<S: Simd, const TERMS: usize, const MR: usize, const NV: usize, const BY_CHANNEL: bool>(
    s: S,
    job: &Contraction,
    list: &[Offsets; TERMS],
    mut at: Place,
) -> Cursor {
    let mut b = [[s.splat(0.0); NV]; TERMS];
    for (row, &(_, in_b)) in b.iter_mut().zip(list) {
        for (v, b) in row.iter_mut().enumerate() {
            // SAFETY: the caller vouches for every term.
            *b = unsafe { load::<S, false>(s, job.b.wrapping_add(at.column).wrapping_offset(in_b), v, 0) };
        }
    }
    while at.count > 0 {
        let rows = at.count.min(MR);
        let (a, c) = places::<MR, BY_CHANNEL>(job, &mut at, rows);
        // SAFETY: the caller vouches for every row and term.
        unsafe {
            let mut acc = start::<S, MR, NV, false>(s, job.start, at.column, &c, 0);
            for (b, &(in_a, _)) in b.iter().zip(list) {
                add_products::<S, MR, NV, false, BY_CHANNEL>(s, &a, in_a, b, 0, &mut acc);
            }
            finish::<S, MR, NV, false>(s, acc, job.epilogue, &c, 0);
        }
    }
    at.cursor
}
