//! Integers in four lanes, chosen when the crate is built: SSE2, NEON or simd128. All multiply numbers of 16 bits.
#![allow(unsafe_code)]

use super::{
    integers::{IntegerKernel, Integers, Scales, pack_pairs, place_lanes, put_pairs},
    taps::Placing,
};

/// The token of four lanes.
#[derive(Clone, Copy)]
pub(super) struct Four(());

impl Four {
    /// Runs a kernel.
    #[inline]
    pub(super) fn run<K: IntegerKernel>(kernel: K) {
        kernel.run(Self(()));
    }
}

#[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"))]
mod vectors {
    #[cfg(target_arch = "x86")]
    use core::arch::x86::*;
    #[cfg(target_arch = "x86_64")]
    use core::arch::x86_64::*;

    pub(super) type V = __m128i;

    // 16 registers: 12 sums, two weights, an input and a product.
    pub(super) const VECTORS: usize = 2;

    #[inline(always)]
    pub(super) fn splat(x: i32) -> V {
        // SAFETY: the build has SSE2.
        unsafe { _mm_set1_epi32(x) }
    }

    /// Without a sign, as SSE2 compares bytes: 128 more or less.
    #[inline(always)]
    pub(super) fn max_bytes(a: V, b: V) -> V {
        // SAFETY: the build has SSE2.
        unsafe {
            let sign = _mm_set1_epi8(-128);
            _mm_xor_si128(_mm_max_epu8(_mm_xor_si128(a, sign), _mm_xor_si128(b, sign)), sign)
        }
    }

    #[inline(always)]
    pub(super) fn min_bytes(a: V, b: V) -> V {
        // SAFETY: the build has SSE2.
        unsafe {
            let sign = _mm_set1_epi8(-128);
            _mm_xor_si128(_mm_min_epu8(_mm_xor_si128(a, sign), _mm_xor_si128(b, sign)), sign)
        }
    }

    #[inline(always)]
    pub(super) fn dot(sum: V, x: V, w: V) -> V {
        // SAFETY: the build has SSE2.
        unsafe { _mm_add_epi32(sum, _mm_madd_epi16(x, w)) }
    }

    /// Eight bytes as numbers of 16 bits.
    ///
    /// # Safety
    /// `x` is valid for reading eight elements.
    #[inline(always)]
    pub(super) unsafe fn widened(x: *const i8) -> V {
        // SAFETY: the caller vouches for the elements; the build has SSE2.
        unsafe {
            let bytes = _mm_loadl_epi64(x.cast());
            _mm_srai_epi16::<8>(_mm_unpacklo_epi8(bytes, bytes))
        }
    }
}

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod vectors {
    use core::arch::aarch64::*;

    pub(super) type V = int32x4_t;

    // 32 registers: 24 sums, four weights and an input.
    pub(super) const VECTORS: usize = 4;

    #[inline(always)]
    pub(super) fn splat(x: i32) -> V {
        // SAFETY: the build has NEON.
        unsafe { vdupq_n_s32(x) }
    }

    #[inline(always)]
    pub(super) fn max_bytes(a: V, b: V) -> V {
        // SAFETY: the build has NEON.
        unsafe { vreinterpretq_s32_s8(vmaxq_s8(vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b))) }
    }

    #[inline(always)]
    pub(super) fn min_bytes(a: V, b: V) -> V {
        // SAFETY: the build has NEON.
        unsafe { vreinterpretq_s32_s8(vminq_s8(vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b))) }
    }

    /// The halves of each lane apart: what a factor has to be made of is the same for all that it meets.
    #[inline(always)]
    pub(super) fn dot(sum: V, x: V, w: V) -> V {
        // SAFETY: the build has NEON.
        unsafe {
            let sum = vmlal_s16(sum, vmovn_s32(x), vmovn_s32(w));
            vmlal_s16(sum, vshrn_n_s32::<16>(x), vshrn_n_s32::<16>(w))
        }
    }

    /// Eight bytes as numbers of 16 bits.
    ///
    /// # Safety
    /// `x` is valid for reading eight elements.
    #[inline(always)]
    pub(super) unsafe fn widened(x: *const i8) -> V {
        // SAFETY: the caller vouches for the elements; the build has NEON.
        unsafe { vreinterpretq_s32_s16(vmovl_s8(vld1_s8(x))) }
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod vectors {
    use core::arch::wasm32::*;

    pub(super) type V = v128;

    // A host has 16 registers, and keeps some for itself.
    pub(super) const VECTORS: usize = 2;

    #[inline(always)]
    pub(super) fn splat(x: i32) -> V {
        i32x4_splat(x)
    }

    #[inline(always)]
    pub(super) fn max_bytes(a: V, b: V) -> V {
        i8x16_max(a, b)
    }

    #[inline(always)]
    pub(super) fn min_bytes(a: V, b: V) -> V {
        i8x16_min(a, b)
    }

    #[inline(always)]
    pub(super) fn dot(sum: V, x: V, w: V) -> V {
        i32x4_add(sum, i32x4_dot_i16x8(x, w))
    }

    /// Eight bytes as numbers of 16 bits.
    ///
    /// # Safety
    /// `x` is valid for reading eight elements.
    #[inline(always)]
    pub(super) unsafe fn widened(x: *const i8) -> V {
        // SAFETY: the caller vouches for the elements.
        unsafe { i16x8_load_extend_i8x8(x) }
    }
}

use vectors::{V, dot, max_bytes, min_bytes, splat, widened};

impl Integers for Four {
    type V = V;
    type Scaling = Scales;
    const LANES: usize = 4;
    const TERMS: usize = 2;
    const ADDED: i32 = 0;
    const VECTORS: usize = vectors::VECTORS;

    #[inline(always)]
    fn splat(self, x: i32) -> V {
        splat(x)
    }
    #[inline(always)]
    unsafe fn load(self, x: *const i32) -> V {
        // SAFETY: the caller vouches for four elements; a vector is plain data.
        unsafe { x.cast::<V>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(self, v: V, x: *mut i32) {
        // SAFETY: the caller vouches for four elements.
        unsafe { x.cast::<V>().write_unaligned(v) }
    }
    #[inline(always)]
    fn max_bytes(self, a: V, b: V) -> V {
        max_bytes(a, b)
    }
    #[inline(always)]
    fn min_bytes(self, a: V, b: V) -> V {
        min_bytes(a, b)
    }
    #[inline(always)]
    fn dot(self, sum: V, x: V, w: V) -> V {
        dot(sum, x, w)
    }
    #[inline(always)]
    unsafe fn put(self, x: *const i8, n: usize, row: *mut i32, at: usize) {
        // SAFETY: the caller vouches.
        unsafe { put_pairs(x, n, row, at) }
    }
    #[inline(always)]
    unsafe fn pack(self, w: *const i8, stride: usize, channels: usize, n: usize, groups: *mut i32, step: usize) {
        // SAFETY: the caller vouches.
        unsafe { pack_pairs(Self::LANES, w, stride, channels, n, groups, step) }
    }

    #[inline(always)]
    unsafe fn four_dots<const WEIGHTS: bool>(
        self,
        x: *const i8,
        w: *const i8,
        stride: usize,
        n: usize,
    ) -> ([i32; 4], [i32; 4]) {
        // SAFETY: the caller vouches for the elements.
        unsafe {
            let ones = splat(0x1_0001);
            let mut sums = [splat(0); 4];
            let mut weights = sums;
            let mut i = 0;
            while i + 8 <= n {
                let x = widened(x.add(i));
                for (row, (sum, weight)) in sums.iter_mut().zip(&mut weights).enumerate() {
                    let w = widened(w.add(row * stride + i));
                    *sum = dot(*sum, x, w);
                    if WEIGHTS {
                        *weight = dot(*weight, ones, w);
                    }
                }
                i += 8;
            }
            let mut results = ([0; 4], [0; 4]);
            for row in 0..4 {
                let mut lanes = [[0; 4]; 2];
                self.store(sums[row], lanes[0].as_mut_ptr());
                self.store(weights[row], lanes[1].as_mut_ptr());
                let [mut sum, mut weight] = lanes.map(|lanes| lanes.iter().fold(0_i32, |sum, &x| sum.wrapping_add(x)));
                for i in i..n {
                    let w = i32::from(*w.add(row * stride + i));
                    sum = sum.wrapping_add(i32::from(*x.add(i)) * w);
                    weight = weight.wrapping_add(w);
                }
                (results.0[row], results.1[row]) = (sum, weight);
            }
            results
        }
    }

    #[inline(always)]
    fn scaling(self, scales: &Scales) -> Scales {
        *scales
    }

    #[inline(always)]
    unsafe fn place_vector(self, sums: V, scales: &Scales, placing: Placing, y: *mut i8, n: usize) {
        let mut lanes = [0; 4];
        // SAFETY: there are four places, and the caller vouches for `n` elements.
        unsafe {
            self.store(sums, lanes.as_mut_ptr());
            place_lanes(lanes.get(..n).unwrap_or(&lanes), scales, placing, y);
        }
    }
}
