//! Layer normalisation: each row, the last axis, by its own mean and variance (Ba, Kiros, Hinton: *Layer
//! Normalization*, 2016).
//!
//! ```text
//! mean      m = Σ x / n,    variance v = Σ (x − m)² / n          over the n channels of a row
//! forward:  y = γ x̂ + β,    x̂ = (x − m) r,   r = 1 / √(v + ε)
//! backward: g = γ dy,   dx = r (g − Σ g / n − x̂ Σ g x̂ / n),   dγ += dy x̂,   dβ += dy
//! ```
//!
//! `x`, `y` and their gradients are `[rows][channels]`; γ and β are `[channels]`; `statistics` is `[rows][2]`: `m` and
//! `r`, which backward reads. Keras' default ε is [`EPSILON`].
//!
//! # Numerics
//!
//! Sums over a row have the 16 virtual lanes of [`reduce`](crate::simd::reduce), each term rounded before it is added;
//! the mean is taken off before squaring. `dγ` and `dβ` continue over rows in ascending order. NaN or infinity makes its own
//! row NaN, and no other.

use super::{ShapeError, check, row_norm};
use crate::simd::Level;

const NAME: &str = "layer_norm";

/// Keras' default ε.
///
/// ```
/// assert_eq!(kernlet::kernels::layer_norm::EPSILON, 1e-3);
/// ```
pub const EPSILON: f32 = 1e-3;

/// What the forward pass reads.
#[derive(Clone, Copy, Debug)]
pub struct Forward<'a> {
    /// The input.
    pub x: &'a [f32],
    /// The factor of each channel.
    pub gamma: &'a [f32],
    /// What is added to each channel.
    pub beta: &'a [f32],
}

/// `y = γ (x − m) r + β`, and `m` and `r` of each row for the backward pass.
///
/// # Errors
/// [`ShapeError`] if `x` is not whole rows of `channels` or another length does not fit; nothing is written then.
///
/// ```
/// use kernlet::{kernels::layer_norm::{Forward, forward_into}, simd::Level};
/// let (mut y, mut statistics) = ([f32::NAN; 2], [f32::NAN; 2]);
/// let of = Forward { x: &[1.0, 5.0], gamma: &[1.0, 1.0], beta: &[0.0, 10.0] };
/// forward_into(Level::detect(), 2, 0.0, of, &mut y, &mut statistics)?;
/// assert_eq!((y, statistics), ([-1.0, 11.0], [3.0, 0.5]));
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(
    level: Level,
    channels: usize,
    epsilon: f32,
    of: Forward<'_>,
    y: &mut [f32],
    statistics: &mut [f32],
) -> Result<(), ShapeError> {
    let rows = row_norm::check_rows(NAME, of.x, channels)?;
    check(NAME, "gamma", of.gamma, channels)?;
    check(NAME, "beta", of.beta, channels)?;
    check(NAME, "y", y, of.x.len())?;
    check(NAME, "statistics", statistics, rows * 2)?;
    let Forward { x, gamma, beta } = of;
    level.dispatch(row_norm::Forward::<true> { channels, epsilon, x, gamma, beta, y, statistics });
    Ok(())
}

/// What the backward pass reads.
#[derive(Clone, Copy, Debug)]
pub struct Backward<'a> {
    /// The forward pass's input.
    pub x: &'a [f32],
    /// What it wrote about each row.
    pub statistics: &'a [f32],
    /// The factor of each channel.
    pub gamma: &'a [f32],
    /// The gradient with respect to the output.
    pub dy: &'a [f32],
}

impl Backward<'_> {
    fn check(&self, channels: usize) -> Result<(), ShapeError> {
        let rows = row_norm::check_rows(NAME, self.x, channels)?;
        check(NAME, "statistics", self.statistics, rows * 2)?;
        check(NAME, "dy", self.dy, self.x.len())
    }
}

/// The gradient with respect to the input.
///
/// # Errors
/// [`ShapeError`] if `x` is not whole rows of `channels` or another length does not fit; nothing is written then.
///
/// ```
/// use kernlet::{kernels::layer_norm::{Backward, backward_input_into}, simd::Level};
/// let mut dx = [f32::NAN; 2];
/// let of = Backward { x: &[1.0, 5.0], statistics: &[3.0, 0.5], gamma: &[1.0, 1.0], dy: &[0.0, 6.0] };
/// backward_input_into(Level::detect(), 2, of, &mut dx)?;
/// assert_eq!(dx, [0.0, 0.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_input_into(level: Level, channels: usize, of: Backward<'_>, dx: &mut [f32]) -> Result<(), ShapeError> {
    of.check(channels)?;
    check(NAME, "gamma", of.gamma, channels)?;
    check(NAME, "dx", dx, of.x.len())?;
    let Backward { x, statistics, gamma, dy } = of;
    level.dispatch(row_norm::InputGradient::<true>(row_norm::Backward { channels, x, statistics, gamma, dy }, dx));
    Ok(())
}

/// Adds to the gradients of γ and β; either may be empty, and is left out then. `gamma` is not read.
///
/// # Errors
/// [`ShapeError`] if `x` is not whole rows of `channels` or another length does not fit; nothing is written then.
///
/// ```
/// use kernlet::{kernels::layer_norm::{Backward, backward_weight_acc}, simd::Level};
/// let (mut dgamma, mut dbeta) = ([0.0; 2], [1.0; 2]);
/// let of = Backward { x: &[1.0, 5.0], statistics: &[3.0, 0.5], gamma: &[], dy: &[0.0, 6.0] };
/// backward_weight_acc(Level::detect(), 2, of, &mut dgamma, &mut dbeta)?;
/// assert_eq!((dgamma, dbeta), ([0.0, 6.0], [1.0, 7.0]));
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_weight_acc(
    level: Level,
    channels: usize,
    of: Backward<'_>,
    dgamma: &mut [f32],
    dbeta: &mut [f32],
) -> Result<(), ShapeError> {
    of.check(channels)?;
    for (argument, slice) in [("dgamma", &dgamma), ("dbeta", &dbeta)] {
        if !slice.is_empty() {
            check(NAME, argument, slice, channels)?;
        }
    }
    let Backward { x, statistics, gamma, dy } = of;
    let of = row_norm::Backward { channels, x, statistics, gamma, dy };
    level.dispatch(row_norm::WeightGradient::<true> { of, dgamma, dbeta });
    Ok(())
}
