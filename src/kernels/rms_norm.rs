//! Normalisation by the root of the mean square of each row, the last axis (Zhang, Sennrich: *Root Mean Square Layer
//! Normalization*, 2019).
//!
//! ```text
//! forward:  y = γ x̂,    x̂ = x r,   r = 1 / √(Σ x² / n + ε)       over the n channels of a row
//! backward: g = γ dy,   dx = r (g − x̂ Σ g x̂ / n),   dγ += dy x̂
//! ```
//!
//! `x`, `y` and their gradients are `[rows][channels]`; γ is `[channels]`; `statistics` is `[rows]`: `r`, which backward
//! reads. Keras' default ε is [`EPSILON`].
//!
//! # Numerics
//!
//! As [`layer_norm`](super::layer_norm).

use super::{ShapeError, check, row_norm};
use crate::simd::Level;

const NAME: &str = "rms_norm";

/// Keras' default ε.
///
/// ```
/// assert_eq!(kernlet::kernels::rms_norm::EPSILON, 1e-6);
/// ```
pub const EPSILON: f32 = 1e-6;

/// `y = γ x r`, and `r` of each row for the backward pass.
///
/// # Errors
/// [`ShapeError`] if `x` is not whole rows of as many channels as `gamma` has, or another length does not fit; nothing is
/// written then.
///
/// ```
/// use kernlet::{kernels::rms_norm::forward_into, simd::Level};
/// let (mut y, mut statistics) = ([f32::NAN; 2], [f32::NAN]);
/// forward_into(Level::detect(), 0.0, &[2.0, -2.0], &[1.0, 3.0], &mut y, &mut statistics)?;
/// assert_eq!((y, statistics), ([1.0, -3.0], [0.5]));
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(
    level: Level,
    epsilon: f32,
    x: &[f32],
    gamma: &[f32],
    y: &mut [f32],
    statistics: &mut [f32],
) -> Result<(), ShapeError> {
    let channels = gamma.len();
    let rows = row_norm::check_rows(NAME, x, channels)?;
    check(NAME, "y", y, x.len())?;
    check(NAME, "statistics", statistics, rows)?;
    level.dispatch(row_norm::Forward::<false> { channels, epsilon, x, gamma, beta: &[], y, statistics });
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
        check(NAME, "statistics", self.statistics, rows)?;
        check(NAME, "dy", self.dy, self.x.len())
    }
}

/// The gradient with respect to the input.
///
/// # Errors
/// [`ShapeError`] if `x` is not whole rows of as many channels as `gamma` has, or another length does not fit; nothing is
/// written then.
///
/// ```
/// use kernlet::{kernels::rms_norm::{Backward, backward_input_into}, simd::Level};
/// let mut dx = [f32::NAN; 2];
/// let of = Backward { x: &[2.0, -2.0], statistics: &[0.5], gamma: &[1.0, 1.0], dy: &[4.0, 0.0] };
/// backward_input_into(Level::detect(), of, &mut dx)?;
/// assert_eq!(dx, [1.0, 1.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_input_into(level: Level, of: Backward<'_>, dx: &mut [f32]) -> Result<(), ShapeError> {
    let Backward { x, statistics, gamma, dy } = of;
    let channels = gamma.len();
    of.check(channels)?;
    check(NAME, "dx", dx, x.len())?;
    level.dispatch(row_norm::InputGradient::<false>(row_norm::Backward { channels, x, statistics, gamma, dy }, dx));
    Ok(())
}

/// Adds to the gradient of γ, whose values are not read.
///
/// # Errors
/// [`ShapeError`] if `x` is not whole rows of as many channels as `dgamma` has, or another length does not fit; nothing is
/// written then.
///
/// ```
/// use kernlet::{kernels::rms_norm::{Backward, backward_weight_acc}, simd::Level};
/// let mut dgamma = [1.0; 2];
/// let of = Backward { x: &[2.0, -2.0], statistics: &[0.5], gamma: &[], dy: &[4.0, 0.0] };
/// backward_weight_acc(Level::detect(), of, &mut dgamma)?;
/// assert_eq!(dgamma, [5.0, 1.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_weight_acc(level: Level, of: Backward<'_>, dgamma: &mut [f32]) -> Result<(), ShapeError> {
    let Backward { x, statistics, gamma, dy } = of;
    let channels = dgamma.len();
    of.check(channels)?;
    let of = row_norm::Backward { channels, x, statistics, gamma, dy };
    level.dispatch(row_norm::WeightGradient::<false> { of, dgamma, dbeta: &mut [] });
    Ok(())
}
