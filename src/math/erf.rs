//! The error function and the normal distribution.

use core::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use super::{exp, polynomial};
use crate::simd::Simd;

/// Minimax coefficients of `erf(√z) / √z − 2/√π` on 0 … 1: 1 · 10⁻⁹ off.
const ERF: [f32; 7] =
    [-1.181_857_3e-9, -0.376_126_26, 0.112_835_82, -0.026_853_519, 0.005_187_534, -8.001_42e-4, 7.819_595e-5];

/// Minimax coefficients of `erfc(a) eᵃ² / t` in `t − 0.75`, t = 1 / (1 + 0.4 a), a in 0 … 10.2:
/// 1 · 10⁻⁸ off. About the middle no two terms are large and opposite, as they are about 0.
const ERFC: [f32; 10] = [
    0.637_073_46,
    1.118_197_3,
    1.182_219_1,
    0.630_321_44,
    -0.039_795_786,
    -0.214_886_49,
    -0.001_248_817_3,
    0.090_122_275,
    -0.001_795_511_7,
    -0.029_702_295,
];

/// `erfc(a) eᵃ²` for a ≥ 0.
#[inline(always)]
fn scaled_erfc<S: Simd>(s: S, a: S::V) -> S::V {
    let t = s.div(s.splat(1.0), s.mul_add(a, s.splat(0.4), s.splat(1.0)));
    s.mul(t, polynomial(s, s.sub(t, s.splat(0.75)), ERFC))
}

/// The error function `2/√π ∫₀ˣ e^(−t²) dt`, at most 3 ulp off.
///
/// ```
/// use kernlet::{math, simd::Scalar};
/// assert_eq!(math::erf(Scalar::strict(), 0.5), 0.520_499_9);
/// assert_eq!(math::erf(Scalar::strict(), f32::NEG_INFINITY), -1.0);
/// ```
#[inline(always)]
pub fn erf<S: Simd>(s: S, x: S::V) -> S::V {
    let one = s.splat(1.0);
    let a = s.abs(x);
    let z = s.mul(x, x);
    // The leading term is added to x itself, of which 2/√π − 1 keeps more digits.
    let near = s.mul_add(s.add(polynomial(s, z, ERF), s.splat(FRAC_2_SQRT_PI - 1.0)), x, x);
    let far = s.sub(one, s.mul(exp(s, s.neg(z)), scaled_erfc(s, a)));
    let far = s.select_gt(s.splat(0.0), x, s.neg(far), far);
    s.select_gt(a, one, far, near)
}

/// The standard normal distribution's Φ(x), and its density φ(x) from the same exponential.
///
/// # Numerics
/// Above 0 Φ is at most 5 ulp off; below, and for φ, it is x² + 6 ulp, since x² is rounded.
///
/// ```
/// use kernlet::{math, simd::Scalar};
/// let (cdf, density) = math::normal_cdf_and_density(Scalar::strict(), 0.0);
/// assert_eq!((cdf, density), (0.5, 0.398_942_3));
/// ```
#[inline(always)]
pub fn normal_cdf_and_density<S: Simd>(s: S, x: S::V) -> (S::V, S::V) {
    let half = s.splat(0.5);
    let e = exp(s, s.mul(s.mul(x, x), s.splat(-0.5)));
    let tail = s.mul(e, s.mul(half, scaled_erfc(s, s.mul(s.abs(x), s.splat(FRAC_1_SQRT_2)))));
    let cdf = s.select_gt(x, s.splat(0.0), s.sub(s.splat(1.0), tail), tail);
    (cdf, s.mul(e, s.splat(0.398_942_3)))
}

/// The standard normal distribution function Φ(x) = ½ (1 + erf(x / √2)).
///
/// ```
/// use kernlet::{math, simd::Scalar};
/// assert_eq!(math::normal_cdf(Scalar::strict(), 0.0), 0.5);
/// ```
#[inline(always)]
pub fn normal_cdf<S: Simd>(s: S, x: S::V) -> S::V {
    normal_cdf_and_density(s, x).0
}
