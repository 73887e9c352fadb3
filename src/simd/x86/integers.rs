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

/// [`Scales`] for products of 64 bits, of the even lanes and of the odd.
#[derive(Clone, Copy)]
pub(in crate::simd) struct Wide {
    scales: Scales,
    /// Whether each lane is shifted to the right: the way for all others is longer.
    is_usual: bool,
    mantissas: [__m512i; 2],
    /// What rounds the product, twice at once.
    halves: [__m512i; 2],
    /// To the right: the outputs of the even lanes come to the lower half, those of the odd to the upper.
    shifts: [__m512i; 2],
}

impl Vnni {
    /// Rescaled sums of lanes that are usual. `POSITIVE` leaves it open whether a negative half goes up or down.
    ///
    /// With the product `p`, the high half is `h = ⌊(p + 2³⁰) / 2³¹⌋`, and what `right` makes of it `⌊(h − (h < 0) + 2^(right−1)) / 2^right⌋`.
    /// Quotients of quotients are one: `⌊(p + 2³⁰ + 2^(30+right) − (p < 0) · 2³¹) / 2^(31+right)⌋`. (Where `p` is
    /// negative and `h` is not, both are 0.)
    ///
    /// # Safety
    /// The processor has AVX-512F.
    #[inline(always)]
    unsafe fn rescaled<const POSITIVE: bool>(sums: __m512i, scaling: &Wide) -> __m512i {
        let Wide { mantissas, halves, shifts, .. } = scaling;
        // SAFETY: the caller vouches for the instruction set.
        unsafe {
            // Of the even lanes and of the odd: a product reads the even.
            let mut of_half = [sums, _mm512_srli_epi64::<32>(sums)];
            for (i, half) in of_half.iter_mut().enumerate() {
                let product = _mm512_mul_epi32(*half, mantissas[i]);
                let mut sum = _mm512_add_epi64(product, halves[i]);
                if !POSITIVE {
                    let negative = _mm512_cmplt_epi64_mask(product, _mm512_setzero_si512());
                    sum = _mm512_mask_sub_epi64(sum, negative, sum, _mm512_set1_epi64(1 << 31));
                }
                *half = _mm512_srav_epi64(sum, shifts[i]);
            }
            _mm512_mask_blend_epi32(0xAAAA, of_half[0], of_half[1])
        }
    }

    /// Rescaled sums of some rows: what a vector of channels needs is read once for all of them.
    ///
    /// # Safety
    /// As [`Self::rescaled`].
    #[inline(always)]
    unsafe fn rescale_rows<const POSITIVE: bool, const NV: usize, const ROWS: usize>(
        sums: &[[__m512i; NV]; ROWS],
        scaling: &[Wide; NV],
        rescaled: &mut [[__m512i; NV]; ROWS],
    ) {
        // Written out, so that all stays in registers; closures would be compiled for themselves, without the instruction set.
        macro_rules! channels {
            ($($v:literal)*) => {$(
                if $v < NV {
                    for (rescaled, sums) in rescaled.iter_mut().zip(sums) {
                        // SAFETY: the caller vouches for the instruction set.
                        rescaled[$v % NV] = unsafe { Self::rescaled::<POSITIVE>(sums[$v % NV], &scaling[$v % NV]) };
                    }
                }
            )*};
        }
        const { assert!(NV <= 4) };
        channels!(0 1 2 3);
    }

    /// Rescaled sums of any lanes.
    ///
    /// # Safety
    /// As [`Self::rescaled`].
    #[inline(always)]
    unsafe fn rescaled_unusual(sums: __m512i, scales: &Scales) -> __m512i {
        // SAFETY: the caller vouches for the instruction set; there are 16 of each.
        unsafe {
            let mantissa = _mm512_load_si512(scales.mantissas.as_ptr().cast());
            let left = _mm512_load_si512(scales.left.as_ptr().cast());
            let right = _mm512_load_si512(scales.right.as_ptr().cast());
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
            _mm512_mask_blend_epi32(_mm512_test_epi32_mask(right, right), high, shifted)
        }
    }
}

impl Integers for Vnni {
    type V = __m512i;
    type Scaling = Wide;
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
    fn added(self) -> __m512i {
        // SAFETY: the token proves the instruction set.
        core::hint::black_box(unsafe { _mm512_set1_epi8(-128) })
    }
    #[inline(always)]
    unsafe fn group(self, x: *const i8, added: __m512i) -> __m512i {
        // SAFETY: the caller vouches for four elements, the token for the instruction set.
        unsafe { _mm512_xor_si512(_mm512_set1_epi32(x.cast::<i32>().read_unaligned()), added) }
    }
    #[inline(always)]
    unsafe fn load(self, x: *const i32) -> __m512i {
        // SAFETY: the caller vouches for the elements, the token for the instruction set.
        unsafe { _mm512_loadu_si512(x.cast()) }
    }
    #[inline(always)]
    fn prefetch(self, x: *const i8) {
        // SAFETY: the token proves the instruction set; an address that is not there is passed over.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(x) };
    }
    #[inline(always)]
    unsafe fn store(self, v: __m512i, x: *mut i32) {
        // SAFETY: the caller vouches for the elements, the token for the instruction set.
        unsafe { _mm512_storeu_si512(x.cast(), v) }
    }
    #[inline(always)]
    fn max_bytes(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token proves the instruction set.
        unsafe { _mm512_max_epi8(a, b) }
    }
    #[inline(always)]
    fn min_bytes(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token proves the instruction set.
        unsafe { _mm512_min_epi8(a, b) }
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
    unsafe fn four_dots<const WEIGHTS: bool>(
        self,
        x: *const i8,
        w: *const i8,
        stride: usize,
        n: usize,
    ) -> ([i32; 4], [i32; 4]) {
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
                    if WEIGHTS {
                        *weight = _mm512_dpbusd_epi32(*weight, ones, w);
                    }
                }
                i += 64;
            }
            if i < n {
                let mask = first_bytes(n - i);
                let x = _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, x.add(i)), added);
                for (row, (sum, weight)) in sums.iter_mut().zip(&mut weights).enumerate() {
                    let w = _mm512_maskz_loadu_epi8(mask, w.add(row * stride + i));
                    *sum = _mm512_dpbusd_epi32(*sum, x, w);
                    if WEIGHTS {
                        *weight = _mm512_dpbusd_epi32(*weight, ones, w);
                    }
                }
            }
            (sums.map(|v| _mm512_reduce_add_epi32(v)), weights.map(|v| _mm512_reduce_add_epi32(v)))
        }
    }

    #[inline(always)]
    fn scaling(self, scales: &Scales) -> Wide {
        let mut wide = [[[0_i64; 8]; 2]; 3];
        for lane in 0..16 {
            let (half, i, right) = (lane % 2, lane / 2, scales.right[lane]);
            wide[0][half][i] = i64::from(scales.mantissas[lane]);
            wide[1][half][i] = (1 << 30) + (1 << (30 + right));
            wide[2][half][i] = i64::from(right) + if half == 0 { 31 } else { -1 };
        }
        // SAFETY: arrays of integers are as long as vectors, and any bits will do; the token proves the instruction set.
        unsafe {
            let [mantissas, halves, shifts] =
                wide.map(|each| each.map(|each| _mm512_loadu_si512(each.as_ptr().cast())));
            let is_usual = scales.right.iter().all(|&right| right > 0);
            Wide { scales: *scales, is_usual, mantissas, halves, shifts }
        }
    }

    #[inline(always)]
    unsafe fn place_vector(self, sums: __m512i, scaling: &Wide, placing: Placing, y: *mut i8, n: usize) {
        // SAFETY: the caller vouches for the outputs.
        unsafe { self.place(&[[sums]], core::array::from_ref(scaling), placing, y, 0, n) };
    }

    #[inline(always)]
    unsafe fn place<const NV: usize, const ROWS: usize>(
        self,
        sums: &[[__m512i; NV]; ROWS],
        scaling: &[Wide; NV],
        placing: Placing,
        y: *mut i8,
        stride: usize,
        n: usize,
    ) {
        let Placing { zero_point, range: [least, most] } = placing;
        // SAFETY: the caller vouches for the outputs, the token for the instruction set.
        unsafe {
            let mut rescaled = [[_mm512_setzero_si512(); NV]; ROWS];
            if !scaling.iter().fold(true, |all, scaling| all & scaling.is_usual) {
                for (rescaled, sums) in rescaled.iter_mut().zip(sums) {
                    for (v, scaling) in scaling.iter().enumerate() {
                        rescaled[v] = Self::rescaled_unusual(sums[v], &scaling.scales);
                    }
                }
            } else if least >= zero_point {
                // What the range holds above the zero point never shows how negative numbers were rounded.
                Self::rescale_rows::<true, NV, ROWS>(sums, scaling, &mut rescaled);
            } else {
                Self::rescale_rows::<false, NV, ROWS>(sums, scaling, &mut rescaled);
            }
            let zero_point = _mm512_set1_epi16(i16::from(zero_point));
            for (row, rescaled) in rescaled.iter().enumerate() {
                // Held in 16 bits and then in 8, which no zero point brings out of them. Four vectors make one; fewer, part of it.
                let low = _mm512_adds_epi16(_mm512_packs_epi32(rescaled[0], rescaled[1 % NV]), zero_point);
                let high = _mm512_adds_epi16(_mm512_packs_epi32(rescaled[2 % NV], rescaled[3 % NV]), zero_point);
                // Packed in pieces of four.
                let order = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
                let placed = _mm512_permutexvar_epi32(order, _mm512_packs_epi16(low, high));
                let held = _mm512_min_epi8(_mm512_max_epi8(placed, _mm512_set1_epi8(least)), _mm512_set1_epi8(most));
                let y = y.wrapping_add(row * stride);
                match n {
                    64 => _mm512_storeu_si512(y.cast(), held),
                    32 => _mm256_storeu_si256(y.cast(), _mm512_castsi512_si256(held)),
                    16 => _mm_storeu_si128(y.cast(), _mm512_castsi512_si128(held)),
                    _ => _mm512_mask_storeu_epi8(y, first_bytes(n), held),
                }
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
/// The rows of both are valid for 16 words, and the processor has AVX-512F.
#[inline(always)]
unsafe fn transpose(from: *const i8, stride: usize, to: *mut i32, step: usize) {
    // SAFETY: the caller vouches for the rows and for the instruction set.
    unsafe {
        let mut fours = [[_mm512_setzero_si512(); 4]; 4];
        // Of four rows each: word `c` of every piece of four words, from all four.
        for (i, four) in fours.iter_mut().enumerate() {
            let row = from.add(4 * i * stride);
            let a = _mm512_loadu_si512(row.cast());
            let b = _mm512_loadu_si512(row.add(stride).cast());
            let c = _mm512_loadu_si512(row.add(2 * stride).cast());
            let d = _mm512_loadu_si512(row.add(3 * stride).cast());
            let (low, high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
            let (low_too, high_too) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
            *four = [
                _mm512_unpacklo_epi64(low, low_too),
                _mm512_unpackhi_epi64(low, low_too),
                _mm512_unpacklo_epi64(high, high_too),
                _mm512_unpackhi_epi64(high, high_too),
            ];
        }
        let [p, q, r, t] = fours;
        for c in 0..4 {
            // The pieces of four words transposed.
            let front = _mm512_shuffle_i32x4::<0x44>(p[c], q[c]);
            let front_too = _mm512_shuffle_i32x4::<0x44>(r[c], t[c]);
            let back = _mm512_shuffle_i32x4::<0xEE>(p[c], q[c]);
            let back_too = _mm512_shuffle_i32x4::<0xEE>(r[c], t[c]);
            let columns = [
                _mm512_shuffle_i32x4::<0x88>(front, front_too),
                _mm512_shuffle_i32x4::<0xDD>(front, front_too),
                _mm512_shuffle_i32x4::<0x88>(back, back_too),
                _mm512_shuffle_i32x4::<0xDD>(back, back_too),
            ];
            for (piece, column) in columns.into_iter().enumerate() {
                _mm512_storeu_si512(to.add((4 * piece + c) * step).cast(), column);
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
    type Scaling = Scales;
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
    fn prefetch(self, x: *const i8) {
        // SAFETY: the token proves the instruction set; an address that is not there is passed over.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(x) };
    }
    #[inline(always)]
    unsafe fn store(self, v: __m256i, x: *mut i32) {
        // SAFETY: the caller vouches for the elements, the token for the instruction set.
        unsafe { _mm256_storeu_si256(x.cast(), v) }
    }
    #[inline(always)]
    fn max_bytes(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the token proves the instruction set.
        unsafe { _mm256_max_epi8(a, b) }
    }
    #[inline(always)]
    fn min_bytes(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the token proves the instruction set.
        unsafe { _mm256_min_epi8(a, b) }
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
    unsafe fn four_dots<const WEIGHTS: bool>(
        self,
        x: *const i8,
        w: *const i8,
        stride: usize,
        n: usize,
    ) -> ([i32; 4], [i32; 4]) {
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
                    if WEIGHTS {
                        *weight = _mm256_add_epi32(*weight, _mm256_madd_epi16(ones, w));
                    }
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
    fn scaling(self, scales: &Scales) -> Scales {
        *scales
    }

    #[inline(always)]
    unsafe fn place_vector(self, sums: __m256i, scales: &Scales, placing: Placing, y: *mut i8, n: usize) {
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
            if n == 8 {
                _mm_storel_epi64(y.cast(), bytes);
            } else {
                let mut lanes = [0_i8; 16];
                _mm_storeu_si128(lanes.as_mut_ptr().cast(), bytes);
                core::ptr::copy_nonoverlapping(lanes.as_ptr(), y, n);
            }
        }
    }
}
