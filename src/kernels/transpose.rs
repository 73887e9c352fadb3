//! A copy of a matrix with its axes exchanged.
#![allow(unsafe_code)]

use crate::simd::{Kernel, Simd};

/// A matrix to copy: `to[j][i] = from[i][j]`.
pub(super) struct Transpose {
    pub from: *const f32,
    /// How far apart the rows of `from` are.
    pub stride: usize,
    pub rows: usize,
    pub columns: usize,
    pub to: *mut f32,
    /// How far apart the rows of `to` are.
    pub to_stride: usize,
}

impl Transpose {
    /// The copy as a kernel.
    ///
    /// # Safety
    /// The rows of `from` are valid for reading `columns` elements, those of `to` for writing `rows`.
    pub(super) unsafe fn vouched(self) -> Vouched {
        Vouched(self)
    }
}

/// A [`Transpose`] whose maker vouches for its pointers.
pub(super) struct Vouched(Transpose);

impl Kernel for Vouched {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Transpose { from, stride, rows, columns, to, to_stride } = self.0;
        // SAFETY: the maker vouches.
        unsafe { transpose(s, from, stride, rows, columns, to, to_stride) }
    }
}

/// `to[j][i] = from[i][j]` for `rows` rows of `from`, `stride` apart, and those of `to`, `to_stride` apart.
///
/// # Safety
/// The rows of `from` are valid for reading `columns` elements, those of `to` for writing `rows`.
#[inline(always)]
pub(super) unsafe fn transpose<S: Simd>(
    s: S,
    from: *const f32,
    stride: usize,
    rows: usize,
    columns: usize,
    to: *mut f32,
    to_stride: usize,
) {
    let whole = if S::LANES == 1 { [0; 2] } else { [rows / S::LANES * S::LANES, columns / S::LANES * S::LANES] };
    let mut i = 0;
    while i < rows {
        let mut j = 0;
        while j < columns {
            // SAFETY: `i` and `j` stay inside, with a whole block where one is copied.
            unsafe {
                if i < whole[0] && j < whole[1] {
                    // Blocks read a few elements of many rows, which no prefetcher foresees.
                    for ahead in S::LANES..2 * S::LANES {
                        s.prefetch(from.wrapping_add((i + ahead) * stride + j));
                    }
                    s.transpose_ptr(from.add(i * stride + j), stride, to.add(j * to_stride + i), to_stride);
                    j += S::LANES;
                } else {
                    let block = if i < whole[0] { S::LANES } else { 1 };
                    for i in i..i + block {
                        *to.add(j * to_stride + i) = *from.add(i * stride + j);
                    }
                    j += 1;
                }
            }
        }
        i += if i < whole[0] { S::LANES } else { 1 };
    }
}
