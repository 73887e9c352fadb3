//! Logarithms.

use core::f32::consts::FRAC_1_SQRT_2;

use super::polynomial;
use crate::simd::Simd;

/// Minimax coefficients of `(ln(1 + f) − f + f²/2) / f³` on √½ − 1 … √2 − 1: 6 · 10⁻⁹ off.
const LN: [f32; 8] =
    [0.333_333_3, -0.250_008_2, 0.200_012_42, -0.166_234_1, 0.142_015_8, -0.131_596_1, 0.127_622_17, -0.076_364_39];

/// ln 2 in two parts; the first has so few bits that its product with an exponent is exact.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// `ln x`, at most 1 ulp off.
///
/// ```
/// use kernlet::{math, simd::Scalar};
/// assert_eq!(math::ln(Scalar::strict(), 1.0), 0.0);
/// assert_eq!(math::ln(Scalar::strict(), 0.0), f32::NEG_INFINITY);
/// assert!(math::ln(Scalar::strict(), -1.0).is_nan());
/// ```
#[inline(always)]
pub fn ln<S: Simd>(s: S, x: S::V) -> S::V {
    let (zero, one) = (s.splat(0.0), s.splat(1.0));
    // A subnormal is lifted by 2²⁴ first.
    let smallest = s.splat(f32::MIN_POSITIVE);
    let lifted = s.select_gt(smallest, x, s.mul(x, s.splat(16_777_216.0)), x);
    // x = 2ⁿ m with m in √½ … √2; n + 127 becomes a float as the low bits of 2²³.
    let n = s.sub(s.or_bits(s.shr23(lifted), 0x4B00_0000), s.splat(8_388_608.0 + 126.0));
    let n = s.sub(n, s.select_gt(smallest, x, s.splat(24.0), zero));
    let m = s.or_bits(s.and_bits(lifted, 0x007F_FFFF), 0x3F00_0000);
    let low = s.splat(FRAC_1_SQRT_2);
    let n = s.sub(n, s.select_gt(low, m, one, zero));
    let m = s.add(m, s.select_gt(low, m, m, zero));
    let f = s.sub(m, one);
    let square = s.mul(f, f);
    // The small terms first, f and the large part of n · ln 2 last.
    let cubic = s.mul(s.mul(square, f), polynomial(s, f, LN));
    let small = s.mul_add(n, s.splat(LN_2[1]), cubic);
    let small = s.mul_add(square, s.splat(-0.5), small);
    let y = s.mul_add(n, s.splat(LN_2[0]), s.add(f, small));
    let y = s.select_gt(x, s.splat(f32::MAX), x, y);
    // 0 gives −∞, a negative number NaN, and NaN stays.
    let low = s.select_gt(zero, x, s.splat(f32::NAN), s.add(s.splat(f32::NEG_INFINITY), x));
    s.select_gt(x, zero, y, low)
}

/// `ln(1 + x)` for x in `[0, 1]`, at most 2 ulp off.
///
/// ```
/// use kernlet::{math, simd::Scalar};
/// assert_eq!(math::ln_1p(Scalar::strict(), 1e-20), 1e-20);
/// assert_eq!(math::ln_1p(Scalar::strict(), 1.0), core::f32::consts::LN_2);
/// ```
#[inline(always)]
pub fn ln_1p<S: Simd>(s: S, x: S::V) -> S::V {
    // What rounding takes off 1 + x is added to first order; the differences are exact.
    let sum = s.add(s.splat(1.0), x);
    let lost = s.sub(x, s.sub(sum, s.splat(1.0)));
    s.add(ln(s, sum), s.div(lost, sum))
}
