//! The naive twins of [`kernels::prelu`](crate::kernels::prelu): the same bits.

use super::mul_add;
use crate::simd::Rounding;

/// [`forward_into`](crate::kernels::prelu::forward_into) for one element.
///
/// ```
/// assert_eq!(kernlet::kernels::reference::prelu::forward(-2.0, 0.5), -1.0);
/// ```
pub fn forward(x: f32, slope: f32) -> f32 {
    if x > 0.0 { x } else { x * slope }
}

/// The gradient with respect to one element of the input.
///
/// ```
/// assert_eq!(kernlet::kernels::reference::prelu::backward(-2.0, 0.5, 3.0), 1.5);
/// ```
pub fn backward(x: f32, slope: f32, dy: f32) -> f32 {
    if x > 0.0 { dy } else { dy * slope }
}

/// The gradient with respect to one slope, after one more row.
///
/// ```
/// use kernlet::{kernels::reference::prelu, simd::Rounding};
/// assert_eq!(prelu::backward_slope(Rounding::Strict, -2.0, 3.0, 1.0), -5.0);
/// ```
pub fn backward_slope(rounding: Rounding, x: f32, dy: f32, sum: f32) -> f32 {
    if x > 0.0 { sum } else { mul_add(rounding, dy, x, sum) }
}
