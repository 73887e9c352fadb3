//! AVX2 and AVX-512 newtypes; detected at run time under `std`, else by what the build enables.

mod avx2;
mod avx512;

pub(super) use avx2::Avx2;
pub(super) use avx512::Avx512;

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
