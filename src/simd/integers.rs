//! Vectors of integers: sums of products of bytes, and how sums become bytes again.
//!
//! A companion of [`Simd`](super::Simd) for [`kernels::int8`](crate::kernels::int8) alone. Inputs and weights come in
//! groups of 32 bits, of four bytes or of two numbers of 16 bits, whichever the instruction set multiplies and
//! adds at once; a group of inputs is the same in all lanes, and each lane has the weights of a channel of its own.
//! Integers associate, so all give the same sums.
#![allow(unsafe_code)]
// Entered where there are vectors of integers.
#![cfg_attr(
    not(any(
        target_feature = "sse2",
        target_feature = "simd128",
        all(target_feature = "neon", target_arch = "aarch64")
    )),
    allow(dead_code)
)]

use super::{Level, rescale::scaled, taps::Placing};

/// What a vector of sums is rescaled by, a channel in each lane: 16 of each, of which a vector reads the first.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(crate) struct Scales {
    pub(crate) mantissas: [i32; 16],
    /// Shifts to the left before the product.
    pub(crate) left: [i32; 16],
    /// Shifts to the right after it.
    pub(crate) right: [i32; 16],
}

/// A token for an instruction set with vectors of integers.
pub(crate) trait Integers: Copy {
    /// A vector of [`Self::LANES`] `i32`.
    type V: Copy;

    /// [`Scales`] in the form that [`Self::place`] takes.
    type Scaling: Copy;

    /// How many `i32` a vector holds: 16 at most.
    const LANES: usize;

    /// How many terms a group has: 4 bytes, or 2 numbers of 16 bits.
    const TERMS: usize;

    /// What is added to each input as it is put into a group.
    const ADDED: i32;

    /// The most vectors of channels of six rows that registers hold: 4 or 2.
    const VECTORS: usize;

    /// Whether inputs are read as they lie, without being put into groups: where it costs no more than a group.
    const DIRECT: bool = false;

    /// All lanes `x`.
    fn splat(self, x: i32) -> Self::V;

    /// [`Self::ADDED`] for each term of a group, which [`Self::group`] takes: a value that the compiler does not know, since what it
    /// makes of one that it knows takes an instruction more for each group.
    #[inline(always)]
    fn added(self) -> Self::V {
        self.splat(0)
    }

    /// All lanes the group of the inputs at `x`, with [`Self::DIRECT`].
    ///
    /// # Safety
    /// `x` is valid for reading `TERMS` elements.
    #[inline(always)]
    unsafe fn group(self, x: *const i8, added: Self::V) -> Self::V {
        let _ = (x, added);
        self.splat(0)
    }

    /// # Safety
    /// `x` is valid for reading `LANES` elements.
    unsafe fn load(self, x: *const i32) -> Self::V;

    /// Says that `x` will be read, wherever it leads: processors look ahead by themselves, but not past a page.
    #[inline(always)]
    fn prefetch(self, x: *const i8) {
        let _ = x;
    }

    /// # Safety
    /// `x` is valid for writing `LANES` elements.
    unsafe fn store(self, v: Self::V, x: *mut i32);

    /// The larger of each two bytes: a vector holds four in a lane.
    fn max_bytes(self, a: Self::V, b: Self::V) -> Self::V;

    /// The smaller of each two bytes.
    fn min_bytes(self, a: Self::V, b: Self::V) -> Self::V;

    /// The sum of `sum` and, lane by lane, of the products of a group.
    fn dot(self, sum: Self::V, x: Self::V, w: Self::V) -> Self::V;

    /// Puts inputs into groups of a row, from the term `at` on.
    ///
    /// # Safety
    /// `x` is valid for reading `n` elements, `row` for writing the groups of `at + n` terms.
    unsafe fn put(self, x: *const i8, n: usize, row: *mut i32, at: usize);

    /// Puts the weights of [`Self::LANES`] channels into groups: `groups[g * step + lane]`.
    ///
    /// # Safety
    /// Each of the first `channels` rows of `w`, `stride` apart, is valid for reading `n` elements, `groups` for writing `LANES`
    /// in each of `⌈n / TERMS⌉` steps. Groups of channels that are not there, and terms beyond the last, become 0.
    unsafe fn pack(self, w: *const i8, stride: usize, channels: usize, n: usize, groups: *mut i32, step: usize);

    /// Groups across rows: each lane has its own element of the first [`Self::TERMS`] rows, `added` to each as
    /// [`Self::ADDED`] is to inputs, or 0 to weights.
    ///
    /// # Safety
    /// Each of these rows is valid for reading [`Self::LANES`] elements.
    #[inline(always)]
    unsafe fn across(self, rows: [*const i8; 4], added: i32) -> Self::V {
        let _ = added;
        let mut lanes = [0; 16];
        for (i, lane) in lanes.iter_mut().enumerate().take(Self::LANES) {
            // SAFETY: the caller vouches for the elements.
            let [first, second] = unsafe { [*rows[0].add(i), *rows[1].add(i)] };
            *lane = (i32::from(first) & 0xFFFF) | i32::from(second) << 16;
        }
        // SAFETY: there are 16 lanes.
        unsafe { self.load(lanes.as_ptr()) }
    }

    /// Four sums of products of a row with a row of weights each, and of these weights alone; without `WEIGHTS`, zeros for these.
    ///
    /// # Safety
    /// `x` and the four rows of `w`, `stride` apart, are valid for reading `n` elements.
    unsafe fn four_dots<const WEIGHTS: bool>(
        self,
        x: *const i8,
        w: *const i8,
        stride: usize,
        n: usize,
    ) -> ([i32; 4], [i32; 4]);

    /// What takes sums to outputs.
    fn scaling(self, scales: &Scales) -> Self::Scaling;

    /// Writes the first `n` outputs of a vector of sums, rounded twice.
    ///
    /// # Safety
    /// `n <= LANES`, and `y` is valid for writing `n` elements.
    unsafe fn place_vector(self, sums: Self::V, scaling: &Self::Scaling, placing: Placing, y: *mut i8, n: usize);

    /// [`Self::place_vector`] of neighbouring vectors, of which the first `n` outputs are written; those of one row after
    /// the other, `stride` elements apart.
    ///
    /// # Safety
    /// `n <= NV · LANES`, and `y` is valid for writing `n` elements in each row.
    #[inline(always)]
    unsafe fn place<const NV: usize, const ROWS: usize>(
        self,
        sums: &[[Self::V; NV]; ROWS],
        scaling: &[Self::Scaling; NV],
        placing: Placing,
        y: *mut i8,
        stride: usize,
        n: usize,
    ) {
        for (row, sums) in sums.iter().enumerate() {
            for (v, (&sums, scaling)) in sums.iter().zip(scaling).enumerate() {
                let at = v * Self::LANES;
                let (y, n) = (y.wrapping_add(row * stride + at), n.saturating_sub(at).min(Self::LANES));
                // SAFETY: the caller vouches for the outputs.
                unsafe { self.place_vector(sums, scaling, placing, y, n) };
            }
        }
    }
}

/// The outputs of some sums, one after the other.
///
/// # Safety
/// `y` is valid for writing as many elements as there are sums.
// Once, and not in every loop of every layer.
#[inline(never)]
pub(super) unsafe fn place_lanes(sums: &[i32], scales: &Scales, placing: Placing, y: *mut i8) {
    let Placing { zero_point, range: [least, most] } = placing;
    let shifts = scales.left.iter().zip(&scales.right);
    for (i, ((&sum, &mantissa), (&left, &right))) in sums.iter().zip(&scales.mantissas).zip(shifts).enumerate() {
        let rescaled = scaled(sum.wrapping_shl(left as u32), mantissa, right as u32);
        let placed = rescaled.saturating_add(i32::from(zero_point));
        let held = placed.max(i32::from(least)).min(i32::from(most));
        // SAFETY: the caller vouches for so many elements.
        unsafe { *y.add(i) = held as i8 };
    }
}

/// An algorithm over [`Integers`], entered at a [`Level`].
pub(crate) trait IntegerKernel {
    /// Runs the algorithm.
    fn run<S: Integers>(self, s: S);
}

impl Level {
    /// Runs a kernel with the integer vectors of this level, or says that it has none.
    #[inline]
    pub(crate) fn dispatch_integers<K: IntegerKernel>(self, kernel: K) -> bool {
        #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"))]
        {
            use super::{
                InstructionSet,
                x86::{has_vnni, integers},
            };
            match self.instruction_set() {
                // SAFETY: the processor was asked.
                InstructionSet::Avx512 if has_vnni() => unsafe { integers::Vnni::run(kernel) },
                // SAFETY: a level of AVX2 or AVX-512 is only made where there is AVX2.
                InstructionSet::Avx512 | InstructionSet::Avx2 => unsafe { integers::Avx2::run(kernel) },
                InstructionSet::Portable => super::four::Four::run(kernel),
            }
            true
        }
        #[cfg(any(
            all(target_arch = "aarch64", target_feature = "neon"),
            all(target_arch = "wasm32", target_feature = "simd128")
        ))]
        {
            super::four::Four::run(kernel);
            true
        }
        #[cfg(not(any(
            all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"),
            all(target_arch = "aarch64", target_feature = "neon"),
            all(target_arch = "wasm32", target_feature = "simd128")
        )))]
        {
            let _ = kernel;
            false
        }
    }
}

/// The groups of two terms of 16 bits that `put` makes of inputs.
///
/// # Safety
/// As [`Integers::put`].
#[inline(always)]
pub(super) unsafe fn put_pairs(x: *const i8, n: usize, row: *mut i32, at: usize) {
    let row = row.cast::<i16>().wrapping_add(at);
    for i in 0..n {
        // SAFETY: the caller vouches for the elements.
        unsafe { *row.add(i) = i16::from(*x.add(i)) };
    }
}

/// The groups of two weights of 16 bits that `pack` makes.
///
/// # Safety
/// As [`Integers::pack`].
#[inline(always)]
pub(super) unsafe fn pack_pairs(
    lanes: usize,
    w: *const i8,
    stride: usize,
    channels: usize,
    n: usize,
    groups: *mut i32,
    step: usize,
) {
    for lane in 0..lanes {
        for group in 0..n.div_ceil(2) {
            // SAFETY: the caller vouches for the weights of the channels that are there, and for the groups.
            unsafe {
                let w = w.wrapping_add(lane * stride + 2 * group);
                let there = lane < channels;
                let first = if there { i32::from(*w) } else { 0 };
                let second = if there && 2 * group + 1 < n { i32::from(*w.add(1)) } else { 0 };
                *groups.add(group * step + lane) = (first & 0xFFFF) | second << 16;
            }
        }
    }
}
