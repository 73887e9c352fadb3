//! Integers of AVX-512 with VNNI, which multiplies four bytes at once, and of AVX2, which multiplies two numbers of 16 bits.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86")]
use core::arch::x86::*;
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::*;

use crate::simd::{
    integers::{IntegerKernel, Integers, Scales, pack_pairs, put_pairs},
    taps::Placing,
};

/// The token of AVX-512 with VNNI, BW and VL.
#[derive(Clone, Copy)]
pub(in crate::simd) struct Vnni(());

impl Vnni {
    /// Runs a kernel compiled for it.
    ///
    /// # Safety
    /// The processor has AVX-512F, BW, VL and VNNI, and AVX2.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2")]
    pub(in crate::simd) unsafe fn run<K: IntegerKernel>(kernel: K) {
        kernel.run(Self(()));
    }
}

impl Integers for Vnni {
    type V = __m512i;
    const LANES: usize = 16;
    const TERMS: usize = 4;
    // The instruction takes one factor without a sign.
    const ADDED: i32 = 128;
    // 32 registers: 24 sums, four weights and an input.
    const VECTORS: usize = 4;
    // What adds 128 broadcasts, too.
    const DIRECT: bool = true;

    #[inline(always)]
    fn splat(self, x: i32) -> __m512i {
        // SAFETY: the token proves the instruction set.
        unsafe { _mm512_set1_epi32(x) }
    }
    #[inline(always)]
    unsafe fn group(self, x: *const i8) -> __m512i {
        // SAFETY: the caller vouches for four elements, the token for the instruction set.
        unsafe { _mm512_xor_si512(_mm512_set1_epi32(x.cast::<i32>().read_unaligned()), _mm512_set1_epi8(-128)) }
    }
    #[inline(always)]
    unsafe fn load(self, x: *const i32) -> __m512i {
        // SAFETY: the caller vouches for the elements, the token for the instruction set.
        unsafe { _mm512_loadu_si512(x.cast()) }
    }
    #[inline(always)]
    unsafe fn store(self, v: __m512i, x: *mut i32) {
        // SAFETY: the caller vouches for the elements, the token for the instruction set.
        unsafe { _mm512_storeu_si512(x.cast(), v) }
    }
    #[inline(always)]
    fn dot(self, sum: __m512i, x: __m512i, w: __m512i) -> __m512i {
        // SAFETY: the token proves the instruction set.
        unsafe { _mm512_dpbusd_epi32(sum, x, w) }
    }

    #[inline(always)]
    unsafe fn put(self, x: *const i8, n: usize, row: *mut i32, at: usize) {
        let row = row.cast::<i8>().wrapping_add(at);
        // SAFETY: the caller vouches for the elements; what is masked is not touched.
        unsafe {
            if n < 4 {
                // A mask takes longer.
                for i in 0..n {
                    *row.add(i) = *x.add(i) ^ i8::MIN;
                }
                return;
            }
            let added = _mm512_set1_epi8(-128);
            let mut i = 0;
            while i + 64 <= n {
                let v = _mm512_xor_si512(_mm512_loadu_si512(x.add(i).cast()), added);
                _mm512_storeu_si512(row.add(i).cast(), v);
                i += 64;
            }
            if i < n {
                let mask = first_bytes(n - i);
                let v = _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, x.add(i)), added);
                _mm512_mask_storeu_epi8(row.add(i), mask, v);
            }
        }
    }

    #[inline(always)]
    unsafe fn pack(self, w: *const i8, stride: usize, channels: usize, n: usize, groups: *mut i32, step: usize) {
        let whole = n / 4;
        let mut group = 0;
        // SAFETY: the caller vouches for the weights of the channels that are there, and for the groups.
        unsafe {
            if channels == 16 {
                while group + 16 <= whole {
                    transpose(w.add(4 * group), stride, groups.add(group * step), step);
                    group += 16;
                }
            }
            while group < n.div_ceil(4) {
                let to = groups.add(group * step);
                let len = (n - 4 * group).min(4);
                for lane in 0..16 {
                    let mut bytes = [0_u8; 4];
                    if lane < channels {
                        let from = w.wrapping_add(lane * stride + 4 * group).cast::<u8>();
                        if len == 4 {
                            bytes = from.cast::<[u8; 4]>().read();
                        } else {
                            for (i, byte) in bytes.iter_mut().enumerate().take(len) {
                                *byte = *from.add(i);
                            }
                        }
                    }
                    *to.add(lane) = i32::from_le_bytes(bytes);
                }
                group += 1;
            }
        }
    }

    #[inline(always)]
    unsafe fn across(self, rows: [*const i8; 4], added: i32) -> __m512i {
        // SAFETY: the caller vouches for the rows, the token for the instruction set.
        unsafe {
            let [a, b, c, d] = rows.map(|row| _mm_loadu_si128(row.cast()));
            let all = _mm512_inserti32x4::<1>(_mm512_castsi128_si512(a), b);
            let all = _mm512_inserti32x4::<3>(_mm512_inserti32x4::<2>(all, c), d);
            // Four elements of each row beside each other, and then one.
            let words = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
            let bytes = _mm512_set4_epi32(0x0F0B_0703, 0x0E0A_0602, 0x0D09_0501, 0x0C08_0400);
            let groups = _mm512_shuffle_epi8(_mm512_permutexvar_epi32(words, all), bytes);
            if added == 0 { groups } else { _mm512_xor_si512(groups, _mm512_set1_epi8(-128)) }
        }
    }

    #[inline(always)]
    unsafe fn four_dots(self, x: *const i8, w: *const i8, stride: usize, n: usize) -> ([i32; 4], [i32; 4]) {
        // SAFETY: the caller vouches for the elements; what is masked is not touched.
        unsafe {
            let (added, ones) = (_mm512_set1_epi8(-128), _mm512_set1_epi8(1));
            let mut sums = [_mm512_setzero_si512(); 4];
            let mut weights = sums;
            let mut i = 0;
            while i + 64 <= n {
                let x = _mm512_xor_si512(_mm512_loadu_si512(x.add(i).cast()), added);
                for (row, (sum, weight)) in sums.iter_mut().zip(&mut weights).enumerate() {
                    let w = _mm512_loadu_si512(w.add(row * stride + i).cast());
                    *sum = _mm512_dpbusd_epi32(*sum, x, w);
                    *weight = _mm512_dpbusd_epi32(*weight, ones, w);
                }
                i += 64;
            }
            if i < n {
                let mask = first_bytes(n - i);
                let x = _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, x.add(i)), added);
                for (row, (sum, weight)) in sums.iter_mut().zip(&mut weights).enumerate() {
                    let w = _mm512_maskz_loadu_epi8(mask, w.add(row * stride + i));
                    *sum = _mm512_dpbusd_epi32(*sum, x, w);
                    *weight = _mm512_dpbusd_epi32(*weight, ones, w);
                }
            }
            (sums.map(|v| _mm512_reduce_add_epi32(v)), weights.map(|v| _mm512_reduce_add_epi32(v)))
        }
    }

    #[inline(always)]
    unsafe fn place(self, sums: __m512i, scales: &Scales, placing: Placing, y: *mut i8, n: usize) {
        // SAFETY: the caller vouches for the outputs, the token for the instruction set.
        unsafe {
            let [mantissa, left, right] =
                [&scales.mantissas, &scales.left, &scales.right].map(|x| _mm512_load_si512(x.as_ptr().cast()));
            let x = _mm512_sllv_epi32(sums, left);
            let half = _mm512_set1_epi64(1 << 30);
            let even = _mm512_add_epi64(_mm512_mul_epi32(x, mantissa), half);
            let odd = _mm512_mul_epi32(_mm512_srli_epi64::<32>(x), _mm512_srli_epi64::<32>(mantissa));
            let odd = _mm512_add_epi64(odd, half);
            let high = _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64::<31>(even), _mm512_slli_epi64::<1>(odd));
            let one = _mm512_set1_epi32(1);
            let towards = _mm512_add_epi32(high, _mm512_srai_epi32::<31>(high));
            let shifted = _mm512_srav_epi32(towards, _mm512_sub_epi32(right, one));
            let shifted = _mm512_srai_epi32::<1>(_mm512_add_epi32(shifted, one));
            let rescaled = _mm512_mask_blend_epi32(_mm512_test_epi32_mask(right, right), high, shifted);
            // Held in 16 bits and then in 8, which no zero point brings out of them.
            let words = _mm512_cvtsepi32_epi16(rescaled);
            let placed = _mm256_adds_epi16(words, _mm256_set1_epi16(i16::from(placing.zero_point)));
            let [least, most] = placing.range.map(|q| _mm_set1_epi8(q));
            let held = _mm_min_epi8(_mm_max_epi8(_mm256_cvtsepi16_epi8(placed), least), most);
            if n >= 16 {
                _mm_storeu_si128(y.cast(), held);
            } else {
                _mm_mask_storeu_epi8(y, (1 << n) - 1, held);
            }
        }
    }
}

/// The mask of the first `n` of 64 bytes.
#[inline(always)]
const fn first_bytes(n: usize) -> u64 {
    if n >= 64 { u64::MAX } else { (1 << n) - 1 }
}

/// Copies 16 × 16 words transposed: the rows of `from` are `stride` bytes apart, those of `to` `step` words.
///
/// # Safety
/// The rows of both are valid for 16 words, and the processor has AVX2.
#[inline(always)]
unsafe fn transpose(from: *const i8, stride: usize, to: *mut i32, step: usize) {
    for half in [0, 8] {
        for column in [0, 8] {
            // SAFETY: the caller vouches for the rows. Words of any bits are moved, never computed with.
            unsafe {
                let rows = from.add(half * stride + 4 * column);
                super::transpose8_bytes(rows, stride, to.add(column * step + half), step);
            }
        }
    }
}

/// The token of AVX2.
#[derive(Clone, Copy)]
pub(in crate::simd) struct Avx2(());

impl Avx2 {
    /// Runs a kernel compiled for it.
    ///
    /// # Safety
    /// The processor has AVX2.
    #[target_feature(enable = "avx2")]
    pub(in crate::simd) unsafe fn run<K: IntegerKernel>(kernel: K) {
        kernel.run(Self(()));
    }
}

impl Integers for Avx2 {
    type V = __m256i;
    const LANES: usize = 8;
    const TERMS: usize = 2;
    const ADDED: i32 = 0;
    // 16 registers: 12 sums, two weights, an input and a product.
    const VECTORS: usize = 2;

    #[inline(always)]
    fn splat(self, x: i32) -> __m256i {
        // SAFETY: the token proves the instruction set.
        unsafe { _mm256_set1_epi32(x) }
    }
    #[inline(always)]
    unsafe fn load(self, x: *const i32) -> __m256i {
        // SAFETY: the caller vouches for the elements, the token for the instruction set.
        unsafe { _mm256_loadu_si256(x.cast()) }
    }
    #[inline(always)]
    unsafe fn store(self, v: __m256i, x: *mut i32) {
        // SAFETY: the caller vouches for the elements, the token for the instruction set.
        unsafe { _mm256_storeu_si256(x.cast(), v) }
    }
    #[inline(always)]
    fn dot(self, sum: __m256i, x: __m256i, w: __m256i) -> __m256i {
        // SAFETY: the token proves the instruction set.
        unsafe { _mm256_add_epi32(sum, _mm256_madd_epi16(x, w)) }
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
    unsafe fn across(self, rows: [*const i8; 4], _: i32) -> __m256i {
        // SAFETY: the caller vouches for the rows, the token for the instruction set.
        unsafe {
            let [a, b, ..] = rows.map(|row| _mm_loadl_epi64(row.cast()));
            _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(a, b))
        }
    }

    #[inline(always)]
    unsafe fn four_dots(self, x: *const i8, w: *const i8, stride: usize, n: usize) -> ([i32; 4], [i32; 4]) {
        // SAFETY: the caller vouches for the elements.
        unsafe {
            let widened = |x: *const i8| _mm256_cvtepi8_epi16(_mm_loadu_si128(x.cast()));
            let ones = _mm256_set1_epi16(1);
            let mut sums = [_mm256_setzero_si256(); 4];
            let mut weights = sums;
            let mut i = 0;
            while i + 16 <= n {
                let x = widened(x.add(i));
                for (row, (sum, weight)) in sums.iter_mut().zip(&mut weights).enumerate() {
                    let w = widened(w.add(row * stride + i));
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(x, w));
                    *weight = _mm256_add_epi32(*weight, _mm256_madd_epi16(ones, w));
                }
                i += 16;
            }
            let mut lanes = [[0; 8]; 2];
            let mut results = ([0; 4], [0; 4]);
            for row in 0..4 {
                _mm256_storeu_si256(lanes[0].as_mut_ptr().cast(), sums[row]);
                _mm256_storeu_si256(lanes[1].as_mut_ptr().cast(), weights[row]);
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
    unsafe fn place(self, sums: __m256i, scales: &Scales, placing: Placing, y: *mut i8, n: usize) {
        // SAFETY: the caller vouches for the outputs, the token for the instruction set.
        unsafe {
            let [mantissa, left, right] =
                [&scales.mantissas, &scales.left, &scales.right].map(|x| _mm256_load_si256(x.as_ptr().cast()));
            let x = _mm256_sllv_epi32(sums, left);
            let half = _mm256_set1_epi64x(1 << 30);
            let even = _mm256_add_epi64(_mm256_mul_epi32(x, mantissa), half);
            let odd = _mm256_mul_epi32(_mm256_srli_epi64::<32>(x), _mm256_srli_epi64::<32>(mantissa));
            let odd = _mm256_add_epi64(odd, half);
            let high = _mm256_blend_epi32::<0xAA>(_mm256_srli_epi64::<31>(even), _mm256_slli_epi64::<1>(odd));
            let (one, none) = (_mm256_set1_epi32(1), _mm256_setzero_si256());
            let towards = _mm256_add_epi32(high, _mm256_srai_epi32::<31>(high));
            let shifted = _mm256_srav_epi32(towards, _mm256_sub_epi32(right, one));
            let shifted = _mm256_srai_epi32::<1>(_mm256_add_epi32(shifted, one));
            let rescaled = _mm256_blendv_epi8(shifted, high, _mm256_cmpeq_epi32(right, none));
            let [least, most] = placing.range.map(|q| _mm256_set1_epi32(i32::from(q) - i32::from(placing.zero_point)));
            let held = _mm256_min_epi32(_mm256_max_epi32(rescaled, least), most);
            let placed = _mm256_add_epi32(held, _mm256_set1_epi32(i32::from(placing.zero_point)));
            let words = _mm256_packs_epi32(placed, placed);
            let words = _mm256_permute4x64_epi64::<0b00_00_10_00>(words);
            let bytes = _mm256_castsi256_si128(_mm256_packs_epi16(words, words));
            let mut lanes = [0_i8; 16];
            _mm_storeu_si128(lanes.as_mut_ptr().cast(), bytes);
            core::ptr::copy_nonoverlapping(lanes.as_ptr(), y, n);
        }
    }
}
