//! The only door to vectors.
//!
//! A [`Level`] names an instruction set and a [`Rounding`]. It is found once
//! ([`Level::detect`]), is `Copy`, and is passed down; there is no global state.
//! A kernel is written once over [`Simd`], a token whose existence proves that
//! the instruction set is there, and is entered through [`Level::dispatch`]:
//! one function per kernel and level is compiled with that instruction set.
//!
//! # Numerics
//!
//! Every operation of [`Simd`] acts lane by lane and is correctly rounded
//! (IEEE 754), so a result does not depend on the number of lanes. The one that
//! depends on the rounding is [`Simd::mul_add`]. Sums over lanes go through
//! [`reduce`], which has 16 virtual lanes whatever the real width.
#![allow(unsafe_code)]

#[cfg(all(feature = "int8", kernlet_arm = "dsp", not(kernlet_no_dsp)))]
#[path = "arm/mod.rs"]
pub(crate) mod tile;
#[cfg(all(feature = "int8", not(all(kernlet_arm = "dsp", not(kernlet_no_dsp)))))]
pub(crate) mod tile;

#[cfg(all(
    feature = "int8",
    any(
        all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"),
        all(target_arch = "aarch64", target_feature = "neon"),
        all(target_arch = "wasm32", target_feature = "simd128")
    )
))]
mod four;
#[cfg(feature = "int8")]
pub(crate) mod integers;
mod level;
mod portable;
pub mod reduce;
#[cfg(feature = "int8")]
pub(crate) mod rescale;
mod scalar;
#[cfg(feature = "int8")]
pub(crate) mod taps;
// A build without SSE2 (`x86_64-unknown-none`) passes floats in integer registers, and LLVM
// cannot compile wider vectors in it.
#[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"))]
mod x86;

pub use level::{InstructionSet, Kernel, Level, ParseLevelError, Rounding};
pub(crate) use portable::HAS_VECTORS;
pub use scalar::Scalar;

mod sealed {
    /// Only this crate implements [`super::Simd`]: a token vouches for an instruction set.
    pub trait Sealed {}
}

/// A token for an instruction set and a rounding, with the operations of its vectors.
///
/// A value can only be obtained inside [`Kernel::run`] (or as [`Scalar`], which needs
/// nothing), so whoever holds one may use its instructions.
///
/// ```
/// use kernlet::simd::{Kernel, Level, Simd};
/// struct Twice<'a>(&'a mut [f32]);
/// impl Kernel for Twice<'_> {
///     type Output = ();
///     #[inline(always)]
///     fn run<S: Simd>(self, s: S) {
///         let mut chunks = self.0.chunks_exact_mut(S::LANES);
///         for chunk in &mut chunks {
///             let v = s.load(chunk);
///             s.store(s.add(v, v), chunk);
///         }
///         let rest = chunks.into_remainder();
///         let v = s.load_first(rest);
///         s.store_first(s.add(v, v), rest);
///     }
/// }
/// let mut x = [1.0; 37];
/// Level::detect().dispatch(Twice(&mut x));
/// assert_eq!(x, [2.0; 37]);
/// ```
pub trait Simd: sealed::Sealed + Copy + Send + Sync + 'static {
    /// A vector of [`Self::LANES`] `f32`.
    type V: Copy;

    /// How many `f32` a vector holds: a power of two, 16 at most.
    const LANES: usize;

    /// How many vectors a register tile may hold: the number of registers less
    /// what the operands need.
    const TILE: usize;

    /// Whether [`mul_add`](Self::mul_add) rounds once.
    const FUSED: bool;

    /// All lanes `x`.
    fn splat(self, x: f32) -> Self::V;

    /// The first [`Self::LANES`] elements of `x`.
    ///
    /// # Panics
    /// If `x.len() < Self::LANES`.
    fn load(self, x: &[f32]) -> Self::V;

    /// Writes `v` to the first [`Self::LANES`] elements of `x`.
    ///
    /// # Panics
    /// If `x.len() < Self::LANES`.
    fn store(self, v: Self::V, x: &mut [f32]);

    /// The first `min(x.len(), LANES)` elements of `x`, the other lanes 0.
    fn load_first(self, x: &[f32]) -> Self::V;

    /// Writes the first `min(x.len(), LANES)` lanes of `v` to `x`.
    fn store_first(self, v: Self::V, x: &mut [f32]);

    /// [`load`](Self::load) without the check.
    ///
    /// # Safety
    /// `x` is valid for reading `LANES` elements.
    unsafe fn load_ptr(self, x: *const f32) -> Self::V;

    /// [`store`](Self::store) without the check.
    ///
    /// # Safety
    /// `x` is valid for writing `LANES` elements.
    unsafe fn store_ptr(self, v: Self::V, x: *mut f32);

    /// The first `n` elements at `x`, the other lanes 0.
    ///
    /// # Safety
    /// `n <= LANES`, and `x` is valid for reading `n` elements.
    unsafe fn load_ptr_first(self, x: *const f32, n: usize) -> Self::V;

    /// Writes the first `n` lanes of `v` to `x`.
    ///
    /// # Safety
    /// `n <= LANES`, and `x` is valid for writing `n` elements.
    unsafe fn store_ptr_first(self, v: Self::V, x: *mut f32, n: usize);

    /// `a + b`.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a · b`.
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`.
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// The square root.
    fn sqrt(self, a: Self::V) -> Self::V;
    /// `a · b + c`, rounded as the level says.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `yes` where `a > b`, `no` elsewhere (also where one is NaN).
    fn select_gt(self, a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V;
    /// `yes` where `a` is NaN, `no` elsewhere.
    fn select_nan(self, a: Self::V, yes: Self::V, no: Self::V) -> Self::V;
    /// `a` where `a > b`, else `b`: so `b` where one is NaN, or both are zeros.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a` where `a < b`, else `b`: so `b` where one is NaN, or both are zeros.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// The bits of each lane `&` a mask.
    fn and_bits(self, a: Self::V, mask: u32) -> Self::V;
    /// The bits of each lane `|` a mask.
    fn or_bits(self, a: Self::V, mask: u32) -> Self::V;
    /// The bits of each lane `^` a mask.
    fn xor_bits(self, a: Self::V, mask: u32) -> Self::V;
    /// The bits of each lane shifted left by 23: an integer becomes an exponent.
    fn shl23(self, a: Self::V) -> Self::V;
    /// The bits of each lane shifted right by 23, zeros from the left.
    fn shr23(self, a: Self::V) -> Self::V;

    /// Bit `i`: lane `i` is neither 0 nor −0 (a NaN is not).
    #[inline(always)]
    fn nonzero_bits(self, a: Self::V) -> u32 {
        let mut lanes = [0.0_f32; 16];
        self.store(a, &mut lanes);
        lanes.iter().rev().fold(0, |bits, &lane| bits << 1 | u32::from(lane != 0.0))
    }

    /// Asks for the cache line of `x`, wherever it points; nothing without such an instruction.
    #[inline(always)]
    fn prefetch(self, x: *const f32) {
        let _ = x;
    }

    /// Copies a block of [`Self::LANES`] × [`Self::LANES`] transposed: `to[j][i] = from[i][j]`, the
    /// rows of each `stride` elements apart.
    ///
    /// # Safety
    /// Every row is valid for reading or writing `LANES` elements, and `to` overlaps nothing of `from`.
    #[inline(always)]
    unsafe fn transpose_ptr(self, from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
        for i in 0..Self::LANES {
            for j in 0..Self::LANES {
                // SAFETY: the caller vouches for the rows.
                unsafe { *to.add(j * to_stride + i) = *from.add(i * from_stride + j) };
            }
        }
    }

    /// The absolute value.
    #[inline(always)]
    fn abs(self, a: Self::V) -> Self::V {
        self.and_bits(a, 0x7FFF_FFFF)
    }

    /// The negated value.
    #[inline(always)]
    fn neg(self, a: Self::V) -> Self::V {
        self.xor_bits(a, 0x8000_0000)
    }
}
