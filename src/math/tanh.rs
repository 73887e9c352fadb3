//! The hyperbolic tangent.

use super::{exp::exp_above, polynomial};
use crate::simd::Simd;

/// Minimax coefficients of `(tanh(√z) / √z − 1) / z` on 0 … 0.625²: 4 · 10⁻⁹ off.
const TANH: [f32; 5] = [-0.333_332_84, 0.133_314_85, -0.053_743_005, 0.020_649_103, -0.005_715_499];

/// `tanh x`, at most 2 ulp off.
///
/// ```
/// use kernlet::{math, simd::Scalar};
/// assert_eq!(math::tanh(Scalar::strict(), 10.0), 1.0);
/// assert_eq!(math::tanh(Scalar::strict(), -1e-30), -1e-30);
/// ```
#[inline(always)]
pub fn tanh<S: Simd>(s: S, x: S::V) -> S::V {
    const FAR: f32 = 0.625;
    let a = s.abs(x);
    // A lane alone computes only what it needs.
    if S::LANES == 1 {
        let mut lane = [0.0];
        s.store_first(a, &mut lane);
        let [lane] = lane;
        return if lane > FAR { far(s, x, a) } else { near(s, x, a) };
    }
    s.select_gt(a, s.splat(FAR), far(s, x, a), near(s, x, a))
}

/// `tanh x` for `a = |x|` up to 0.625.
#[inline(always)]
fn near<S: Simd>(s: S, x: S::V, a: S::V) -> S::V {
    let z = s.mul(x, x);
    let near = s.mul_add(s.mul(z, x), polynomial(s, z, TANH), x);
    // So near 0 that it is x, also where x is −0.
    s.select_gt(a, s.splat(1e-4), near, x)
}

/// `tanh x` for `a = |x|` from 0.625: `1 − 2 / (e²ᵃ + 1)`; an overflow of e²ᵃ gives 1.
#[inline(always)]
fn far<S: Simd>(s: S, x: S::V, a: S::V) -> S::V {
    let one = s.splat(1.0);
    let far = s.sub(one, s.div(s.splat(2.0), s.add(exp_above(s, s.add(a, a)), one)));
    s.select_gt(s.splat(0.0), x, s.neg(far), far)
}
