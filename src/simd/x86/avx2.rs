//! Eight lanes: AVX2 with FMA.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86")]
use core::arch::x86::*;
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::*;

use crate::simd::{Kernel, Simd, sealed::Sealed};

/// The token of AVX2: holding one proves that the processor has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2<const FUSED: bool>(());

impl<const FUSED: bool> Avx2<FUSED> {
    /// Runs a kernel compiled for AVX2.
    ///
    /// # Safety
    /// The processor has AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    pub(crate) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
        kernel.run(Self(()))
    }
}

impl<const FUSED: bool> Sealed for Avx2<FUSED> {}

/// A safe operation of the token by an intrinsic.
macro_rules! by {
    ($($name:ident($($arg:ident: $type:ty),*) = $intrinsic:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($arg: $type),*) -> __m256 {
            // SAFETY: the token proves the instruction set, and the intrinsic touches no memory.
            unsafe { $intrinsic }
        }
    )*};
}

impl<const FUSED: bool> Simd for Avx2<FUSED> {
    type V = __m256;
    const LANES: usize = 8;
    // 16 registers: 12 sums, two weights, an input and, in `Strict`, a product.
    const TILE: usize = 12;
    const FUSED: bool = FUSED;

    by! {
        splat(x: f32) = _mm256_set1_ps(x);
        add(a: __m256, b: __m256) = _mm256_add_ps(a, b);
        sub(a: __m256, b: __m256) = _mm256_sub_ps(a, b);
        mul(a: __m256, b: __m256) = _mm256_mul_ps(a, b);
        div(a: __m256, b: __m256) = _mm256_div_ps(a, b);
        sqrt(a: __m256) = _mm256_sqrt_ps(a);
        mul_add(a: __m256, b: __m256, c: __m256) =
            if FUSED { _mm256_fmadd_ps(a, b, c) } else { _mm256_add_ps(_mm256_mul_ps(a, b), c) };
        select_gt(a: __m256, b: __m256, yes: __m256, no: __m256) = _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_GT_OQ>(a, b));
        select_nan(a: __m256, yes: __m256, no: __m256) = _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a));
        max(a: __m256, b: __m256) = _mm256_max_ps(a, b);
        min(a: __m256, b: __m256) = _mm256_min_ps(a, b);
        and_bits(a: __m256, mask: u32) = bits(_mm256_and_si256(ints(a), _mm256_set1_epi32(mask.cast_signed())));
        or_bits(a: __m256, mask: u32) = bits(_mm256_or_si256(ints(a), _mm256_set1_epi32(mask.cast_signed())));
        xor_bits(a: __m256, mask: u32) = bits(_mm256_xor_si256(ints(a), _mm256_set1_epi32(mask.cast_signed())));
        shl23(a: __m256) = bits(_mm256_slli_epi32::<23>(ints(a)));
        shr23(a: __m256) = bits(_mm256_srli_epi32::<23>(ints(a)));
    }

    #[inline(always)]
    fn load(self, x: &[f32]) -> __m256 {
        let x = &x[..8];
        // SAFETY: the slice has 8 elements.
        unsafe { self.load_ptr(x.as_ptr()) }
    }
    #[inline(always)]
    fn store(self, v: __m256, x: &mut [f32]) {
        let x = &mut x[..8];
        // SAFETY: the slice has 8 elements.
        unsafe { self.store_ptr(v, x.as_mut_ptr()) }
    }
    #[inline(always)]
    fn load_first(self, x: &[f32]) -> __m256 {
        // SAFETY: at most the slice's own length is read.
        unsafe { self.load_ptr_first(x.as_ptr(), x.len().min(8)) }
    }
    #[inline(always)]
    fn store_first(self, v: __m256, x: &mut [f32]) {
        // SAFETY: at most the slice's own length is written.
        unsafe { self.store_ptr_first(v, x.as_mut_ptr(), x.len().min(8)) }
    }
    #[inline(always)]
    fn nonzero_bits(self, a: __m256) -> u32 {
        // SAFETY: the token proves the instruction set, and the intrinsics touch no memory.
        unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(a, _mm256_setzero_ps())).cast_unsigned() }
    }
    #[inline(always)]
    fn prefetch(self, x: *const f32) {
        super::prefetch(x);
    }
    #[inline(always)]
    unsafe fn transpose_ptr(self, from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
        // SAFETY: the caller vouches for the rows, the token for the instruction set.
        unsafe { super::transpose8(from, from_stride, to, to_stride) }
    }
    #[inline(always)]
    unsafe fn load_ptr(self, x: *const f32) -> __m256 {
        // SAFETY: the caller vouches for the elements, the token for the instruction set.
        unsafe { _mm256_loadu_ps(x) }
    }
    #[inline(always)]
    unsafe fn store_ptr(self, v: __m256, x: *mut f32) {
        // SAFETY: the caller vouches for the elements, the token for the instruction set.
        unsafe { _mm256_storeu_ps(x, v) }
    }
    #[inline(always)]
    unsafe fn load_ptr_first(self, x: *const f32, n: usize) -> __m256 {
        // SAFETY: masked lanes are not touched; the caller vouches for the others.
        unsafe { _mm256_maskload_ps(x, mask(n)) }
    }
    #[inline(always)]
    unsafe fn store_ptr_first(self, v: __m256, x: *mut f32, n: usize) {
        // SAFETY: masked lanes are not touched; the caller vouches for the others.
        unsafe { _mm256_maskstore_ps(x, mask(n), v) }
    }
}

#[inline(always)]
fn ints(v: __m256) -> __m256i {
    // SAFETY: a cast of registers is always sound; no instruction is emitted.
    unsafe { _mm256_castps_si256(v) }
}

#[inline(always)]
fn bits(v: __m256i) -> __m256 {
    // SAFETY: a cast of registers is always sound; no instruction is emitted.
    unsafe { _mm256_castsi256_ps(v) }
}

/// Sliding over these eight ones and eight zeros gives the mask of the first `n` lanes.
static MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

/// The mask of the first `n` of eight lanes.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn mask(n: usize) -> __m256i {
    let at = 8 - n.min(8);
    // SAFETY: `at + 8 <= 16`.
    unsafe { _mm256_loadu_si256(MASKS.as_ptr().add(at).cast()) }
}
