//! The exponential function and what is made of it.

use super::polynomial;
use crate::simd::Simd;

/// 1.5 · 2²³: a float so large that adding it rounds to an integer, which then lies in its low bits.
const ROUND: f32 = 12_582_912.0;

/// ln 2 in two parts; the first has so few bits that its product with an exponent is exact.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// Minimax coefficients of `(eʳ − 1 − r) / r²` on ±ln 2 / 2, relative to eʳ: 1 · 10⁻¹⁰ off.
const EXP: [f32; 6] = [0.5, 0.166_666_66, 0.041_666_463, 0.008_333_571, 0.001_393_508_4, 1.973_946e-4];

/// Below these the result is 0, above them ∞. NaN passes both bounds.
const BOUNDS: [f32; 2] = [-104.0, 89.0];

#[inline(always)]
fn not_below<S: Simd>(s: S, x: S::V) -> S::V {
    s.max(s.splat(BOUNDS[0]), x)
}

#[inline(always)]
fn not_above<S: Simd>(s: S, x: S::V) -> S::V {
    s.min(s.splat(BOUNDS[1]), x)
}

/// `eˣ = 2ⁿ (1 + q)`: n and q, where x is not beyond [`BOUNDS`].
#[inline(always)]
fn reduced<S: Simd>(s: S, x: S::V) -> (S::V, S::V) {
    // eˣ = 2ⁿ eʳ with |r| ≤ ln 2 / 2.
    let round = s.splat(ROUND);
    let n = s.sub(s.mul_add(x, s.splat(core::f32::consts::LOG2_E), round), round);
    let r = s.mul_add(n, s.splat(-LN_2[0]), x);
    let r = s.mul_add(n, s.splat(-LN_2[1]), r);
    (n, s.mul_add(s.mul(r, r), polynomial(s, r, EXP), r))
}

/// `2ⁿ` in two factors, of which each is a float: n may be below the smallest exponent, or 128.
#[inline(always)]
fn factors<S: Simd>(s: S, n: S::V) -> [S::V; 2] {
    let round = s.splat(ROUND);
    let half = s.sub(s.mul_add(n, s.splat(0.5), round), round);
    [two_to(s, half), two_to(s, s.sub(n, half))]
}

/// `eˣ`, at most 1 ulp off.
///
/// ```
/// use kernlet::{math, simd::Scalar};
/// assert_eq!(math::exp(Scalar::strict(), 1.0), core::f32::consts::E);
/// assert_eq!(math::exp(Scalar::strict(), f32::NEG_INFINITY), 0.0);
/// ```
#[inline(always)]
pub fn exp<S: Simd>(s: S, x: S::V) -> S::V {
    within_bounds(s, not_above(s, not_below(s, x)))
}

/// [`exp`] of what is at least 0.
#[inline(always)]
pub(super) fn exp_above<S: Simd>(s: S, x: S::V) -> S::V {
    within_bounds(s, not_above(s, x))
}

/// [`exp`] of what is at most 0.
#[inline(always)]
fn exp_below<S: Simd>(s: S, x: S::V) -> S::V {
    within_bounds(s, not_below(s, x))
}

#[inline(always)]
fn within_bounds<S: Simd>(s: S, x: S::V) -> S::V {
    let (n, q) = reduced(s, x);
    let [first, second] = factors(s, n);
    // The first product is exact, so the second is where a subnormal result is rounded, once.
    s.mul(s.mul(s.add(s.splat(1.0), q), first), second)
}

/// `eˣ − 1`, at most 3 ulp off, also near 0, where the difference would have lost its digits.
///
/// ```
/// use kernlet::{math, simd::Scalar};
/// assert_eq!(math::exp_m1(Scalar::strict(), 1e-20), 1e-20);
/// assert_eq!(math::exp_m1(Scalar::strict(), f32::NEG_INFINITY), -1.0);
/// ```
#[inline(always)]
pub fn exp_m1<S: Simd>(s: S, x: S::V) -> S::V {
    let one = s.splat(1.0);
    let (n, q) = reduced(s, not_above(s, not_below(s, x)));
    let [first, second] = factors(s, n);
    let large = s.sub(s.mul(s.mul(s.add(one, q), first), second), one);
    // 2ⁿ (1 + q) − 1, of which 2ⁿ − 1 is exact where it matters.
    let power = s.mul(first, second);
    let small = s.mul_add(q, power, s.sub(power, one));
    // So near 0 that it is x, also where x is −0.
    let small = s.select_gt(s.abs(x), s.splat(1e-10), small, s.select_nan(x, small, x));
    s.select_gt(x, s.splat(5.0), large, small)
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
    let e = exp_below(s, s.neg(s.abs(x)));
    s.div(s.select_gt(s.splat(0.0), x, e, one), s.add(one, e))
}

/// `ln(1 + eˣ)`, at most 3 ulp off: ReLU with a soft corner.
///
/// ```
/// use kernlet::{math, simd::Scalar};
/// assert_eq!(math::softplus(Scalar::strict(), 0.0), core::f32::consts::LN_2);
/// assert_eq!(math::softplus(Scalar::strict(), 100.0), 100.0);
/// ```
#[inline(always)]
pub fn softplus<S: Simd>(s: S, x: S::V) -> S::V {
    let rest = super::ln_1p(s, exp_below(s, s.neg(s.abs(x))));
    s.add(s.max(s.splat(0.0), x), rest)
}
