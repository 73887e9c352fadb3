//! The exponential function and what is made of it.

use super::polynomial;
use crate::simd::Simd;

/// 1.5 · 2²³: a float so large that adding it rounds to an integer, which then lies in its low bits.
const ROUND: f32 = 12_582_912.0;

/// ln 2 in two parts; the first has so few bits that its product with an exponent is exact.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// Minimax coefficients of `(eʳ − 1 − r) / r²` on ±ln 2 / 2, relative to eʳ: 1 · 10⁻¹⁰ off.
const EXP: [f32; 6] = [0.5, 0.166_666_66, 0.041_666_463, 0.008_333_571, 0.001_393_508_4, 1.973_946e-4];

/// `eˣ`, at most 1 ulp off.
///
/// ```
/// use kernlet::{math, simd::Scalar};
/// assert_eq!(math::exp(Scalar::strict(), 1.0), core::f32::consts::E);
/// assert_eq!(math::exp(Scalar::strict(), f32::NEG_INFINITY), 0.0);
/// ```
#[inline(always)]
pub fn exp<S: Simd>(s: S, x: S::V) -> S::V {
    // Beyond these the result is 0 or ∞; NaN passes both.
    let x = s.min(s.splat(89.0), s.max(s.splat(-104.0), x));
    // eˣ = 2ⁿ eʳ with |r| ≤ ln 2 / 2.
    let round = s.splat(ROUND);
    let n = s.sub(s.mul_add(x, s.splat(core::f32::consts::LOG2_E), round), round);
    let r = s.mul_add(n, s.splat(-LN_2[0]), x);
    let r = s.mul_add(n, s.splat(-LN_2[1]), r);
    let square = s.mul(r, r);
    let p = s.add(s.splat(1.0), s.mul_add(square, polynomial(s, r, EXP), r));
    // 2ⁿ in two factors: n may be below the smallest exponent, or 128. The first product
    // is exact, so the second is where a subnormal result is rounded, once.
    let half = s.sub(s.mul_add(n, s.splat(0.5), round), round);
    s.mul(s.mul(p, two_to(s, half)), two_to(s, s.sub(n, half)))
}

/// `2ⁿ` for an integer n in −126 ..= 127.
#[inline(always)]
fn two_to<S: Simd>(s: S, n: S::V) -> S::V {
    s.shl23(s.add(n, s.splat(ROUND + 127.0)))
}

/// The logistic function `1 / (1 + e⁻ˣ)`, at most 3 ulp off.
///
/// ```
/// use kernlet::{math, simd::Scalar};
/// assert_eq!(math::sigmoid(Scalar::strict(), 0.0), 0.5);
/// assert_eq!(math::sigmoid(Scalar::strict(), 100.0), 1.0);
/// ```
#[inline(always)]
pub fn sigmoid<S: Simd>(s: S, x: S::V) -> S::V {
    let one = s.splat(1.0);
    // On the negative side e^x / (1 + e^x), which keeps its digits where e^−x overflows.
    let e = exp(s, s.neg(s.abs(x)));
    s.div(s.select_gt(s.splat(0.0), x, e, one), s.add(one, e))
}
