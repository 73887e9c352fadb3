//! Batch normalisation. Parameters are the rows gamma, beta, moving mean and moving variance;
//! the auxiliary place holds the batch's mean and variance, then the sums that are the
//! gradients of gamma and beta.
//!
//! Without noise (in inference, and where the layer is frozen) the moving averages stand for the batch's.

use super::{BackwardPass, ForwardPass, ShapeError, WeightPass, wrong};
use crate::{
    kernels::batch_norm::{self, EPSILON, MOMENTUM},
    nn::layer::Layer,
};

/// Four numbers for each channel.
fn quarters<'a>(layer: &Layer, rows: &'a [f32]) -> Result<[&'a [f32]; 4], ShapeError> {
    let mut parts = rows.chunks_exact(layer.row_len.max(1));
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(a), Some(b), Some(c), Some(d)) => Ok([a, b, c, d]),
        _ => Err(wrong(layer)),
    }
}

pub fn forward(pass: ForwardPass<'_>) -> Result<(), ShapeError> {
    let channels = pass.layer.row_len;
    let [gamma, beta, moving_mean, moving_variance] = quarters(pass.layer, pass.parameters)?;
    let (mean, variance) = if pass.noise.is_some() {
        let (mean, rest) = pass.aux.split_at_mut_checked(channels).ok_or(wrong(pass.layer))?;
        let variance = rest.get_mut(..channels).ok_or(wrong(pass.layer))?;
        batch_norm::statistics_into(pass.level, channels, pass.x, mean, variance)?;
        (&*mean, &*variance)
    } else {
        (moving_mean, moving_variance)
    };
    batch_norm::forward_into(pass.level, channels, EPSILON, pass.x, mean, variance, gamma, beta, pass.y)
}

/// To the input where it is wanted (`dx` is not empty), and always to the auxiliary sums.
pub fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
    let channels = pass.layer.row_len;
    let [gamma, _, _, moving_variance] = quarters(pass.layer, pass.parameters)?;
    let dx = if pass.dx.is_empty() { None } else { Some(pass.dx) };
    if pass.noise.is_none() {
        let Some(dx) = dx else { return Ok(()) };
        super::copy(pass.dy, dx)?;
        return batch_norm::backward_frozen_in_place(pass.level, channels, EPSILON, moving_variance, gamma, dx);
    }
    let (statistics, sums) = pass.aux.split_at_mut_checked(2 * channels).ok_or(wrong(pass.layer))?;
    let (mean, variance) = statistics.split_at_checked(channels).ok_or(wrong(pass.layer))?;
    sums.fill(0.0);
    let (dgamma, dbeta) = sums.split_at_mut_checked(channels).ok_or(wrong(pass.layer))?;
    let need = batch_norm::backward_scratch_len(channels);
    let scratch = pass.scratch.get_mut(..need).ok_or(wrong(pass.layer))?;
    batch_norm::backward_into(
        pass.level, channels, EPSILON, pass.x, mean, variance, gamma, pass.dy, dx, dgamma, dbeta, scratch,
    )
}

/// The sums that backward left; the averages get the change that takes them towards the batch's.
pub fn weights(pass: WeightPass<'_>) -> Result<(), ShapeError> {
    let channels = pass.layer.row_len;
    let statistics = quarters(pass.layer, pass.aux)?;
    let parameters = quarters(pass.layer, pass.parameters)?;
    let [mean, variance, dgamma, dbeta] = statistics;
    let [.., moving_mean, moving_variance] = parameters;
    let part = pass.share * (1.0 - MOMENTUM) as f32;
    if pass.is_first {
        pass.gradient.fill(0.0);
    }
    for (row, gradient) in pass.rows.zip(pass.gradient.chunks_exact_mut(channels.max(1))) {
        let sums = if row == 0 { dgamma } else { dbeta };
        let (batch, moving) = if row == 2 { (mean, moving_mean) } else { (variance, moving_variance) };
        for (i, g) in gradient.iter_mut().enumerate() {
            *g += match (row, sums.get(i), batch.get(i), moving.get(i)) {
                (0 | 1, Some(sum), ..) => *sum,
                (_, _, Some(batch), Some(moving)) => part * (moving - batch),
                _ => return Err(wrong(pass.layer)),
            };
        }
    }
    Ok(())
}
