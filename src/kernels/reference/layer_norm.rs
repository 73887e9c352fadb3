//! The naive twins of [`kernels::layer_norm`](crate::kernels::layer_norm) and
//! [`kernels::rms_norm`](crate::kernels::rms_norm): the same bits, one row. Slices are indexed as they come: a wrong
//! length panics.

use super::mul_add;
use crate::simd::{
    Rounding,
    reduce::{VIRTUAL_LANES, fold},
};

/// The mean of terms, summed in 16 virtual lanes.
fn mean(len: usize, term: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0; VIRTUAL_LANES];
    (0..len).for_each(|i| lanes[i % VIRTUAL_LANES] += term(i));
    fold(lanes) / len as f32
}

/// Mean and `1 / √(variance + ε)` of a row.
///
/// ```
/// assert_eq!(kernlet::kernels::reference::layer_norm::statistics(0.0, &[1.0, 5.0]), (3.0, 0.5));
/// ```
pub fn statistics(epsilon: f32, x: &[f32]) -> (f32, f32) {
    let m = mean(x.len(), |i| x[i]);
    let variance = mean(x.len(), |i| (x[i] - m) * (x[i] - m));
    (m, 1.0 / libm::sqrtf(variance + epsilon))
}

/// `1 / √(mean square + ε)` of a row, beside the 0 that is taken off.
///
/// ```
/// assert_eq!(kernlet::kernels::reference::layer_norm::root_mean_square(0.0, &[2.0, -2.0]), (0.0, 0.5));
/// ```
pub fn root_mean_square(epsilon: f32, x: &[f32]) -> (f32, f32) {
    (0.0, 1.0 / libm::sqrtf(mean(x.len(), |i| x[i] * x[i]) + epsilon))
}

/// A row's output from its statistics; `beta` may be empty.
///
/// ```
/// use kernlet::{kernels::reference::layer_norm::forward, simd::Rounding};
/// let mut y = [0.0; 2];
/// forward(Rounding::Strict, &[1.0, 5.0], (3.0, 0.5), &[1.0; 2], &[0.0, 10.0], &mut y);
/// assert_eq!(y, [-1.0, 11.0]);
/// ```
pub fn forward(rounding: Rounding, x: &[f32], (m, r): (f32, f32), gamma: &[f32], beta: &[f32], y: &mut [f32]) {
    for i in 0..x.len() {
        let normal = (x[i] - m) * r;
        y[i] = if beta.is_empty() { normal * gamma[i] } else { mul_add(rounding, normal, gamma[i], beta[i]) };
    }
}

/// A row's gradients from its statistics: overwrites `dx`, adds to `dgamma` and to `dbeta`, which is empty without a mean.
///
/// ```
/// use kernlet::{kernels::reference::layer_norm::backward, simd::Rounding};
/// let (mut dx, mut dgamma, mut dbeta) = ([0.0; 2], [0.0; 2], [0.0; 2]);
/// let to = (&mut dx[..], &mut dgamma[..], &mut dbeta[..]);
/// backward(Rounding::Strict, &[1.0, 5.0], (3.0, 0.5), &[1.0; 2], &[0.0, 6.0], to);
/// assert_eq!((dx, dgamma, dbeta), ([0.0, 0.0], [0.0, 6.0], [0.0, 6.0]));
/// ```
pub fn backward(
    rounding: Rounding,
    x: &[f32],
    (m, r): (f32, f32),
    gamma: &[f32],
    dy: &[f32],
    (dx, dgamma, dbeta): (&mut [f32], &mut [f32], &mut [f32]),
) {
    let normal = |i: usize| (x[i] - m) * r;
    let g = |i: usize| dy[i] * gamma[i];
    let of_gradient = if dbeta.is_empty() { 0.0 } else { mean(x.len(), g) };
    let with_input = mean(x.len(), |i| g(i) * normal(i));
    for i in 0..x.len() {
        let rest = if dbeta.is_empty() { g(i) } else { g(i) - of_gradient };
        dx[i] = r * (rest - normal(i) * with_input);
        dgamma[i] = mul_add(rounding, dy[i], normal(i), dgamma[i]);
        if let Some(dbeta) = dbeta.get_mut(i) {
            *dbeta += dy[i];
        }
    }
}
