//! AVX2 and AVX-512 newtypes; detected at run time under `std`, else by what the build enables.

#![allow(unsafe_code)]

mod avx2;
mod avx512;
#[cfg(feature = "int8")]
pub(super) mod integers;

pub(super) use avx2::Avx2;
pub(super) use avx512::Avx512;

#[cfg(target_arch = "x86")]
use core::arch::x86::*;
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::*;

/// Asks for the cache line of `x`.
#[inline(always)]
fn prefetch(x: *const f32) {
    // SAFETY: a prefetch reads nothing, and SSE, which has it, comes before AVX2.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(x.cast()) }
}

/// Copies a block of 8 × 8 transposed.
///
/// # Safety
/// The processor has AVX2; each of the eight rows on both sides is valid for 8 elements.
#[inline(always)]
unsafe fn transpose8(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
    // SAFETY: the caller vouches for the rows and for AVX2.
    unsafe {
        // Rows i and i + 4 side by side, first their columns 0–3, then 4–7.
        let halves = |i: usize, column: usize| {
            let low = _mm256_castps128_ps256(_mm_loadu_ps(from.add(i * from_stride + column)));
            _mm256_insertf128_ps::<1>(low, _mm_loadu_ps(from.add((i + 4) * from_stride + column)))
        };
        for column in [0, 4] {
            let (a, b, c, d) = (halves(0, column), halves(1, column), halves(2, column), halves(3, column));
            let (ab0, ab2) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let (cd0, cd2) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            let rows = [
                _mm256_shuffle_ps::<0b01_00_01_00>(ab0, cd0),
                _mm256_shuffle_ps::<0b11_10_11_10>(ab0, cd0),
                _mm256_shuffle_ps::<0b01_00_01_00>(ab2, cd2),
                _mm256_shuffle_ps::<0b11_10_11_10>(ab2, cd2),
            ];
            for (j, row) in rows.into_iter().enumerate() {
                _mm256_storeu_ps(to.add((column + j) * to_stride), row);
            }
        }
    }
}

/// Whether the processor has VNNI for 512 bits, and what AVX-512 has for bytes.
#[cfg(feature = "int8")]
#[inline]
pub(super) fn has_vnni() -> bool {
    #[cfg(feature = "std")]
    {
        has_avx512()
            && std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("avx512vl")
            && std::is_x86_feature_detected!("avx512vnni")
    }
    #[cfg(not(feature = "std"))]
    {
        has_avx512()
            && cfg!(all(target_feature = "avx512bw", target_feature = "avx512vl", target_feature = "avx512vnni"))
    }
}

/// Whether the processor has AVX2 and FMA.
#[inline]
pub(super) fn has_avx2() -> bool {
    #[cfg(feature = "std")]
    {
        std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma")
    }
    #[cfg(not(feature = "std"))]
    {
        cfg!(all(target_feature = "avx2", target_feature = "fma"))
    }
}

/// Whether the processor has AVX-512F beside AVX2 and FMA.
#[inline]
pub(super) fn has_avx512() -> bool {
    #[cfg(feature = "std")]
    {
        has_avx2() && std::is_x86_feature_detected!("avx512f")
    }
    #[cfg(not(feature = "std"))]
    {
        has_avx2() && cfg!(target_feature = "avx512f")
    }
}
