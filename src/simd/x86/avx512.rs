//! Sixteen lanes: AVX-512F.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86")]
use core::arch::x86::*;
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::*;

use crate::simd::{Kernel, Simd, sealed::Sealed};

/// The token of AVX-512: holding one proves that the processor has AVX-512F, AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx512<const FUSED: bool>(());

impl<const FUSED: bool> Avx512<FUSED> {
    /// Runs a kernel compiled for AVX-512.
    ///
    /// # Safety
    /// The processor has AVX-512F, AVX2 and FMA.
    #[target_feature(enable = "avx512f,avx2,fma")]
    pub(crate) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
        kernel.run(Self(()))
    }
}

impl<const FUSED: bool> Sealed for Avx512<FUSED> {}

/// A safe operation of the token by an intrinsic.
macro_rules! by {
    ($($name:ident($($arg:ident: $type:ty),*) = $intrinsic:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($arg: $type),*) -> __m512 {
            // SAFETY: the token proves the instruction set, and the intrinsic touches no memory.
            unsafe { $intrinsic }
        }
    )*};
}

impl<const FUSED: bool> Simd for Avx512<FUSED> {
    type V = __m512;
    const LANES: usize = 16;
    // 32 registers: 24 sums, four weights, an input and, in `Strict`, a product.
    const TILE: usize = 24;
    const FUSED: bool = FUSED;

    by! {
        splat(x: f32) = _mm512_set1_ps(x);
        add(a: __m512, b: __m512) = _mm512_add_ps(a, b);
        sub(a: __m512, b: __m512) = _mm512_sub_ps(a, b);
        mul(a: __m512, b: __m512) = _mm512_mul_ps(a, b);
        div(a: __m512, b: __m512) = _mm512_div_ps(a, b);
        sqrt(a: __m512) = _mm512_sqrt_ps(a);
        mul_add(a: __m512, b: __m512, c: __m512) =
            if FUSED { _mm512_fmadd_ps(a, b, c) } else { _mm512_add_ps(_mm512_mul_ps(a, b), c) };
        select_gt(a: __m512, b: __m512, yes: __m512, no: __m512) = _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b), no, yes);
        select_nan(a: __m512, yes: __m512, no: __m512) = _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, a), no, yes);
        max(a: __m512, b: __m512) = _mm512_max_ps(a, b);
        min(a: __m512, b: __m512) = _mm512_min_ps(a, b);
        and_bits(a: __m512, mask: u32) = bits(_mm512_and_si512(ints(a), _mm512_set1_epi32(mask.cast_signed())));
        or_bits(a: __m512, mask: u32) = bits(_mm512_or_si512(ints(a), _mm512_set1_epi32(mask.cast_signed())));
        xor_bits(a: __m512, mask: u32) = bits(_mm512_xor_si512(ints(a), _mm512_set1_epi32(mask.cast_signed())));
        shl23(a: __m512) = bits(_mm512_slli_epi32::<23>(ints(a)));
        shr23(a: __m512) = bits(_mm512_srli_epi32::<23>(ints(a)));
    }

    #[inline(always)]
    fn load(self, x: &[f32]) -> __m512 {
        let x = &x[..16];
        // SAFETY: the slice has 16 elements.
        unsafe { self.load_ptr(x.as_ptr()) }
    }
    #[inline(always)]
    fn store(self, v: __m512, x: &mut [f32]) {
        let x = &mut x[..16];
        // SAFETY: the slice has 16 elements.
        unsafe { self.store_ptr(v, x.as_mut_ptr()) }
    }
    #[inline(always)]
    fn load_first(self, x: &[f32]) -> __m512 {
        // SAFETY: at most the slice's own length is read.
        unsafe { self.load_ptr_first(x.as_ptr(), x.len().min(16)) }
    }
    #[inline(always)]
    fn store_first(self, v: __m512, x: &mut [f32]) {
        // SAFETY: at most the slice's own length is written.
        unsafe { self.store_ptr_first(v, x.as_mut_ptr(), x.len().min(16)) }
    }
    #[inline(always)]
    fn nonzero_bits(self, a: __m512) -> u32 {
        // SAFETY: the token proves the instruction set, and the intrinsic touches no memory.
        unsafe { u32::from(_mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(a, _mm512_setzero_ps())) }
    }
    #[inline(always)]
    fn prefetch(self, x: *const f32) {
        super::prefetch(x);
    }
    #[inline(always)]
    unsafe fn transpose_ptr(self, from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
        for i in [0, 8] {
            for j in [0, 8] {
                // SAFETY: the caller vouches for the rows; the token proves AVX2 too.
                unsafe {
                    let (from, to) = (from.add(i * from_stride + j), to.add(j * to_stride + i));
                    super::transpose8(from, from_stride, to, to_stride);
                }
            }
        }
    }
    #[inline(always)]
    unsafe fn load_ptr(self, x: *const f32) -> __m512 {
        // SAFETY: the caller vouches for the elements, the token for the instruction set.
        unsafe { _mm512_loadu_ps(x) }
    }
    #[inline(always)]
    unsafe fn store_ptr(self, v: __m512, x: *mut f32) {
        // SAFETY: the caller vouches for the elements, the token for the instruction set.
        unsafe { _mm512_storeu_ps(x, v) }
    }
    #[inline(always)]
    unsafe fn load_ptr_first(self, x: *const f32, n: usize) -> __m512 {
        // SAFETY: masked lanes are not touched; the caller vouches for the others.
        unsafe { _mm512_maskz_loadu_ps(mask(n), x) }
    }
    #[inline(always)]
    unsafe fn store_ptr_first(self, v: __m512, x: *mut f32, n: usize) {
        // SAFETY: masked lanes are not touched; the caller vouches for the others.
        unsafe { _mm512_mask_storeu_ps(x, mask(n), v) }
    }
}

#[inline(always)]
fn ints(v: __m512) -> __m512i {
    // SAFETY: a cast of registers is always sound; no instruction is emitted.
    unsafe { _mm512_castps_si512(v) }
}

#[inline(always)]
fn bits(v: __m512i) -> __m512 {
    // SAFETY: a cast of registers is always sound; no instruction is emitted.
    unsafe { _mm512_castsi512_ps(v) }
}

/// The mask of the first `n` of sixteen lanes.
#[inline(always)]
const fn mask(n: usize) -> __mmask16 {
    if n >= 16 { u16::MAX } else { (1 << n) - 1 }
}
