//! One lane: for targets without vectors, and the oracle of the others.
#![allow(unsafe_code)]

use super::{Simd, sealed::Sealed};

/// The token of plain `f32` arithmetic, which every target has.
///
/// ```
/// use kernlet::simd::{Scalar, Simd};
/// let s = Scalar::strict();
/// assert_eq!(s.mul_add(2.0, 3.0, 4.0), 10.0);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Scalar<const FUSED: bool = false>(());

impl Scalar<false> {
    /// One lane, multiply and add rounded each.
    #[inline(always)]
    pub const fn strict() -> Self {
        Self(())
    }
}

impl<const FUSED: bool> Scalar<FUSED> {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self(())
    }
}

impl<const FUSED: bool> Sealed for Scalar<FUSED> {}

impl<const FUSED: bool> Simd for Scalar<FUSED> {
    type V = f32;
    const LANES: usize = 1;
    // 32 single registers: 16 sums, 4 weights, 4 inputs and a product leave room.
    const TILE: usize = 16;
    const FUSED: bool = FUSED;

    #[inline(always)]
    fn splat(self, x: f32) -> f32 {
        x
    }
    #[inline(always)]
    fn load(self, x: &[f32]) -> f32 {
        x[0]
    }
    #[inline(always)]
    fn store(self, v: f32, x: &mut [f32]) {
        x[0] = v;
    }
    #[inline(always)]
    fn load_first(self, x: &[f32]) -> f32 {
        x.first().copied().unwrap_or(0.0)
    }
    #[inline(always)]
    fn store_first(self, v: f32, x: &mut [f32]) {
        if let Some(x) = x.first_mut() {
            *x = v;
        }
    }
    #[inline(always)]
    unsafe fn load_ptr(self, x: *const f32) -> f32 {
        // SAFETY: the caller vouches for one element.
        unsafe { *x }
    }
    #[inline(always)]
    unsafe fn store_ptr(self, v: f32, x: *mut f32) {
        // SAFETY: the caller vouches for one element.
        unsafe { *x = v }
    }
    #[inline(always)]
    unsafe fn load_ptr_first(self, x: *const f32, n: usize) -> f32 {
        // SAFETY: the caller vouches for `n` elements.
        if n > 0 { unsafe { *x } } else { 0.0 }
    }
    #[inline(always)]
    unsafe fn store_ptr_first(self, v: f32, x: *mut f32, n: usize) {
        if n > 0 {
            // SAFETY: the caller vouches for `n` elements.
            unsafe { *x = v }
        }
    }
    #[inline(always)]
    fn add(self, a: f32, b: f32) -> f32 {
        a + b
    }
    #[inline(always)]
    fn sub(self, a: f32, b: f32) -> f32 {
        a - b
    }
    #[inline(always)]
    fn mul(self, a: f32, b: f32) -> f32 {
        a * b
    }
    #[inline(always)]
    fn div(self, a: f32, b: f32) -> f32 {
        a / b
    }
    #[inline(always)]
    fn sqrt(self, a: f32) -> f32 {
        libm::sqrtf(a)
    }
    #[inline(always)]
    fn mul_add(self, a: f32, b: f32, c: f32) -> f32 {
        if FUSED { libm::fmaf(a, b, c) } else { a * b + c }
    }
    #[inline(always)]
    fn select_gt(self, a: f32, b: f32, yes: f32, no: f32) -> f32 {
        if a > b { yes } else { no }
    }
    #[inline(always)]
    fn select_nan(self, a: f32, yes: f32, no: f32) -> f32 {
        if a.is_nan() { yes } else { no }
    }
    #[inline(always)]
    fn max(self, a: f32, b: f32) -> f32 {
        if a > b { a } else { b }
    }
    #[inline(always)]
    fn min(self, a: f32, b: f32) -> f32 {
        if a < b { a } else { b }
    }
    #[inline(always)]
    fn and_bits(self, a: f32, mask: u32) -> f32 {
        f32::from_bits(a.to_bits() & mask)
    }
    #[inline(always)]
    fn or_bits(self, a: f32, mask: u32) -> f32 {
        f32::from_bits(a.to_bits() | mask)
    }
    #[inline(always)]
    fn xor_bits(self, a: f32, mask: u32) -> f32 {
        f32::from_bits(a.to_bits() ^ mask)
    }
    #[inline(always)]
    fn shl23(self, a: f32) -> f32 {
        f32::from_bits(a.to_bits() << 23)
    }
    #[inline(always)]
    fn shr23(self, a: f32) -> f32 {
        f32::from_bits(a.to_bits() >> 23)
    }
}
