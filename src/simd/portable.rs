//! Four lanes of `wide`, chosen when the crate is built: SSE2, NEON or simd128.
//!
//! Two traps of `wide` are kept out here: `mul_add` is fused only where the
//! build has the instruction, so it is used only for `Fused`, which a level
//! grants only there; and `reduce_add` sums in an order that differs between
//! builds, so it is not used at all. `max` and `min` go through a comparison,
//! since each target's own instruction treats NaN and −0 in its own way.
#![allow(unsafe_code)]

use wide::{f32x4, u32x4};

use super::{Simd, sealed::Sealed};

/// Whether this build has four-lane instructions; without them [`super::Scalar`] is faster
/// than arrays of four.
pub(crate) const HAS_VECTORS: bool = cfg!(any(
    target_feature = "sse2",
    all(target_feature = "neon", target_arch = "aarch64"),
    target_feature = "simd128"
));

/// Whether `f32x4::mul_add` is fused in this build.
pub(super) const HAS_FUSED: bool = cfg!(any(
    all(target_feature = "sse2", target_feature = "fma"),
    all(target_feature = "neon", target_arch = "aarch64")
));

/// The token of `wide`'s four lanes.
#[derive(Clone, Copy)]
pub(super) struct Portable<const FUSED: bool>(());

impl<const FUSED: bool> Portable<FUSED> {
    #[inline(always)]
    pub(super) const fn new() -> Self {
        Self(())
    }
}

#[inline(always)]
fn bits(v: f32x4) -> u32x4 {
    bytemuck::cast(v)
}

#[inline(always)]
fn floats(v: u32x4) -> f32x4 {
    bytemuck::cast(v)
}

impl<const FUSED: bool> Sealed for Portable<FUSED> {}

impl<const FUSED: bool> Simd for Portable<FUSED> {
    type V = f32x4;
    const LANES: usize = 4;
    // NEON has 32 registers, SSE2 16, of which a host of simd128 keeps some for itself.
    const TILE: usize = if cfg!(target_arch = "aarch64") {
        24
    } else if cfg!(target_arch = "wasm32") {
        8
    } else {
        12
    };
    const FUSED: bool = FUSED;

    #[inline(always)]
    fn splat(self, x: f32) -> f32x4 {
        f32x4::splat(x)
    }
    #[inline(always)]
    fn load(self, x: &[f32]) -> f32x4 {
        f32x4::new([x[0], x[1], x[2], x[3]])
    }
    #[inline(always)]
    fn store(self, v: f32x4, x: &mut [f32]) {
        x[..4].copy_from_slice(&v.to_array());
    }
    #[inline(always)]
    fn load_first(self, x: &[f32]) -> f32x4 {
        let mut lanes = [0.0; 4];
        for (lane, &x) in lanes.iter_mut().zip(x) {
            *lane = x;
        }
        f32x4::new(lanes)
    }
    #[inline(always)]
    fn store_first(self, v: f32x4, x: &mut [f32]) {
        for (x, lane) in x.iter_mut().zip(v.to_array()) {
            *x = lane;
        }
    }
    #[inline(always)]
    unsafe fn load_ptr(self, x: *const f32) -> f32x4 {
        // SAFETY: the caller vouches for four elements; `f32x4` is plain data.
        unsafe { x.cast::<f32x4>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store_ptr(self, v: f32x4, x: *mut f32) {
        // SAFETY: the caller vouches for four elements.
        unsafe { x.cast::<f32x4>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn load_ptr_first(self, x: *const f32, n: usize) -> f32x4 {
        // Whole cases instead of a loop over lanes: this is in the inner loop of the last columns.
        // SAFETY: the caller vouches for `n` elements.
        unsafe {
            match n {
                0 => f32x4::ZERO,
                1 => f32x4::new([*x, 0.0, 0.0, 0.0]),
                2 => f32x4::new([*x, *x.add(1), 0.0, 0.0]),
                3 => f32x4::new([*x, *x.add(1), *x.add(2), 0.0]),
                _ => self.load_ptr(x),
            }
        }
    }
    #[inline(always)]
    unsafe fn store_ptr_first(self, v: f32x4, x: *mut f32, n: usize) {
        // SAFETY: the caller vouches for `n` elements.
        self.store_first(v, unsafe { core::slice::from_raw_parts_mut(x, n) });
    }
    #[inline(always)]
    fn add(self, a: f32x4, b: f32x4) -> f32x4 {
        a + b
    }
    #[inline(always)]
    fn sub(self, a: f32x4, b: f32x4) -> f32x4 {
        a - b
    }
    #[inline(always)]
    fn mul(self, a: f32x4, b: f32x4) -> f32x4 {
        a * b
    }
    #[inline(always)]
    fn div(self, a: f32x4, b: f32x4) -> f32x4 {
        a / b
    }
    #[inline(always)]
    fn sqrt(self, a: f32x4) -> f32x4 {
        a.sqrt()
    }
    #[inline(always)]
    fn mul_add(self, a: f32x4, b: f32x4, c: f32x4) -> f32x4 {
        if FUSED { a.mul_add(b, c) } else { a * b + c }
    }
    #[inline(always)]
    fn select_gt(self, a: f32x4, b: f32x4, yes: f32x4, no: f32x4) -> f32x4 {
        a.simd_gt(b).select(yes, no)
    }
    #[inline(always)]
    fn select_nan(self, a: f32x4, yes: f32x4, no: f32x4) -> f32x4 {
        // A number is equal to itself.
        a.simd_eq(a).select(no, yes)
    }
    #[inline(always)]
    fn max(self, a: f32x4, b: f32x4) -> f32x4 {
        a.simd_gt(b).select(a, b)
    }
    #[inline(always)]
    fn min(self, a: f32x4, b: f32x4) -> f32x4 {
        a.simd_lt(b).select(a, b)
    }
    #[inline(always)]
    fn and_bits(self, a: f32x4, mask: u32) -> f32x4 {
        floats(bits(a) & u32x4::splat(mask))
    }
    #[inline(always)]
    fn or_bits(self, a: f32x4, mask: u32) -> f32x4 {
        floats(bits(a) | u32x4::splat(mask))
    }
    #[inline(always)]
    fn xor_bits(self, a: f32x4, mask: u32) -> f32x4 {
        floats(bits(a) ^ u32x4::splat(mask))
    }
    #[inline(always)]
    fn shl23(self, a: f32x4) -> f32x4 {
        floats(bits(a) << 23_i32)
    }
    #[inline(always)]
    fn shr23(self, a: f32x4) -> f32x4 {
        floats(bits(a) >> 23_i32)
    }
}
