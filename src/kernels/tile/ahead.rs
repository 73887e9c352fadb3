//! Asking for memory before it is read.

use crate::{kernels::div_ceil, simd::Simd};

/// Memory to ask for between tiles, so that it is in the cache when it is read: what the processor's
/// own prefetching, which ends with a page, does not see in time. Nothing depends on it but time.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Ahead {
    at: [*const f32; 2],
    /// Cache lines for each tile.
    lines: [usize; 2],
}

impl Ahead {
    pub(in crate::kernels) const NONE: Self = Self { at: [core::ptr::null(); 2], lines: [0; 2] };

    /// Two ranges, as their beginning and their number of elements, in equal parts over so many tiles.
    pub(in crate::kernels) const fn over(tiles: usize, ranges: [(*const f32, usize); 2]) -> Self {
        /// More than a processor can wait for at a time would make the tile wait.
        const MOST: usize = 64;
        const fn lines(len: usize, tiles: usize) -> usize {
            let lines = div_ceil(len / LINE, tiles);
            if lines < MOST { lines } else { MOST }
        }
        let [(first, first_len), (second, second_len)] = ranges;
        Self { at: [first, second], lines: [lines(first_len, tiles), lines(second_len, tiles)] }
    }

    #[inline(always)]
    pub(super) fn ask<S: Simd>(&mut self, s: S) {
        for (at, &lines) in self.at.iter_mut().zip(&self.lines) {
            for _ in 0..lines {
                s.prefetch(*at);
                *at = at.wrapping_add(LINE);
            }
        }
    }
}

/// Elements of a cache line.
const LINE: usize = 16;
