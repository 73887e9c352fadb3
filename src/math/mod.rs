//! Elementary functions, written once over [`Simd`], with stated error bounds.
//!
//! An error of `k ulp` means: at most `k` times the distance between the two
//! floats around the exact value. Each bound holds for both roundings and is
//! tested over the whole range against `f64`. NaN gives NaN everywhere, and
//! subnormal results are as exact as they can be.
//!
//! | function | error | limits |
//! |---|---|---|
//! | [`exp`] | 1 ulp | ∞ from 88.73, 0 below −103.98 |
//! | [`exp_m1`] | 3 ulp | ∞ from 88.73, −1 below −17.4 |
//! | [`ln`] | 1 ulp | −∞ at ±0, NaN below |
//! | [`ln_1p`] | 2 ulp | on `[0, 1]` only |
//! | [`softplus`] | 3 ulp | x from 17.4, 0 below −103.98 |
//! | [`sigmoid`] | 3 ulp | 1 from 17.4, 0 below −103.98 |
//! | [`tanh`] | 2 ulp | ±1 from ±9.02 |
//! | [`erf`] | 3 ulp | ±1 from ±3.92 |
//! | [`normal_cdf`] | 5 ulp above 0, x² + 6 ulp below | 1 from 5.42, 0 below −14.3 |
//!
//! These take a vector, inside a [`Kernel`](crate::simd::Kernel). For whole slices a call is one line:
//! [`kernels::elementwise`](mod@crate::kernels::elementwise), as `elementwise::exp_in_place(level, &mut x)`, and
//! [`kernels::activation`](mod@crate::kernels::activation) for sigmoid and tanh.
//!
//! Functions of single numbers that no kernel needs (powers, angles) come from
//! `libm`, with and without `std`, so that they have the same bits in both.

mod erf;
mod exp;
mod ln;
mod tanh;

pub use erf::{erf, normal_cdf, normal_cdf_and_density};
pub use exp::{exp, exp_m1, sigmoid, softplus};
pub use ln::{ln, ln_1p};
pub use tanh::tanh;

use crate::simd::Simd;

/// `c[0] + c[1] x + c[2] x² …` by Horner's rule.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(s: S, x: S::V, c: [f32; N]) -> S::V {
    let mut sum = s.splat(c[N - 1]);
    for &c in c[..N - 1].iter().rev() {
        sum = s.mul_add(sum, x, s.splat(c));
    }
    sum
}
