//! A copy of a matrix with its axes exchanged.
#![allow(unsafe_code)]

use crate::simd::Simd;

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
