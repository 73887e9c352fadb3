//! Batch normalisation. Parameters are the rows gamma, beta, moving mean and moving variance;
//! the auxiliary place holds the batch's mean and variance, then the sums that are the
//! gradients of gamma and beta.
//!
//! Without noise (in inference, and where the layer is frozen) the moving averages stand for the batch's.

use super::{
    BackwardPass, Context, Declared, ForwardPass, Kind, Node, ShapeError, Spec, WeightPass, copy, last_axis, wrong,
};
use crate::{
    kernels::batch_norm::{self, MOMENTUM},
    nn::declare::{Auxiliary, Init, LayerTensor, Scratch, Settings, Streaming, Value},
};

/// Batch normalisation over all axes but the last.
#[derive(Debug)]
pub struct BatchNorm;

/// Keras' default.
const EPSILON: f64 = 1e-3;

const NAME: &str = "batch_norm";

impl BatchNorm {
    /// No arguments by position.
    pub const fn declare(context: Context<'_>) -> Declared {
        let context = context.expect("batch_norm(epsilon: 1e-3, momentum: 0.99)", 0, &["epsilon", "momentum"]);
        let input = context.input();
        let channels = last_axis(&input);
        let (epsilon, momentum) =
            (context.option_number("epsilon", EPSILON), context.option_number("momentum", MOMENTUM));
        if !(epsilon as f32 > 0.0 && (epsilon as f32) < 1.0) {
            context.message().text("epsilon: expected more than 0.0 and less than 1.0, as an f32").fail();
        }
        if !(momentum >= 0.0 && momentum < 1.0) {
            context.message().text("momentum: expected at least 0.0 and less than 1.0").fail();
        }
        let spec = Spec {
            settings: Settings::of(&[channels]).with_values([epsilon as f32, (1.0 - momentum) as f32]),
            reads_input: true,
            by_piece: false,
            auxiliary: Auxiliary::Fixed(4 * channels),
            scratch: Scratch { forward: 0, backward: batch_norm::backward_scratch_len(channels), weights: 0 },
            sums: true,
            streaming: Streaming::EachStep,
            ..Spec::NEW
        };
        Declared::new(&context, input, spec)
            .tensor(LayerTensor::new("gamma", &[channels], Init::Ones))
            .tensor(LayerTensor::new("beta", &[channels], Init::Zeros))
            .tensor(LayerTensor::new("moving_mean", &[channels], Init::Zeros).moves())
            .tensor(LayerTensor::new("moving_variance", &[channels], Init::Ones).moves())
            .attribute("epsilon", Value::Number(epsilon))
            .attribute("momentum", Value::Number(momentum))
    }
}

/// Four numbers for each channel.
fn quarters<'a>(node: &Node, rows: &'a [f32]) -> Result<[&'a [f32]; 4], ShapeError> {
    let mut parts = rows.chunks_exact((node.row_len as usize).max(1));
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(a), Some(b), Some(c), Some(d)) => Ok([a, b, c, d]),
        _ => Err(wrong(NAME, node)),
    }
}

impl Kind for BatchNorm {
    fn forward(pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        let (channels, [epsilon, _]) = (pass.node.row_len as usize, pass.node.settings.values);
        let failed = wrong(NAME, pass.node);
        let [gamma, beta, moving_mean, moving_variance] = quarters(pass.node, pass.parameters)?;
        let (mean, variance) = if pass.noise.is_some() {
            let (mean, rest) = pass.auxiliary.split_at_mut_checked(channels).ok_or(failed)?;
            let variance = rest.get_mut(..channels).ok_or(failed)?;
            batch_norm::statistics_into(pass.level, channels, pass.x, mean, variance)?;
            (&*mean, &*variance)
        } else {
            (moving_mean, moving_variance)
        };
        let operands = batch_norm::Forward { mean, variance, gamma, beta, epsilon };
        batch_norm::forward_into(pass.level, channels, operands, pass.x, pass.y)
    }

    /// To the input where it is wanted (`dx` is not empty), and always to the auxiliary sums.
    fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        let (channels, [epsilon, _]) = (pass.node.row_len as usize, pass.node.settings.values);
        let failed = wrong(NAME, pass.node);
        let [gamma, _, _, moving_variance] = quarters(pass.node, pass.parameters)?;
        let dx = if pass.dx.is_empty() { None } else { Some(pass.dx) };
        if pass.noise.is_none() {
            let Some(dx) = dx else { return Ok(()) };
            copy(pass.dy, dx)?;
            return batch_norm::backward_frozen_in_place(pass.level, channels, epsilon, moving_variance, gamma, dx);
        }
        let (statistics, sums) = pass.auxiliary.split_at_mut_checked(2 * channels).ok_or(failed)?;
        let (mean, variance) = statistics.split_at_checked(channels).ok_or(failed)?;
        sums.fill(0.0);
        let (dgamma, dbeta) = sums.split_at_mut_checked(channels).ok_or(failed)?;
        let need = batch_norm::backward_scratch_len(channels);
        let scratch = pass.scratch.get_mut(..need).ok_or(failed)?;
        let operands = batch_norm::Backward { x: pass.x, mean, variance, gamma, epsilon, dy: pass.dy };
        batch_norm::backward_into(pass.level, channels, operands, dx, dgamma, dbeta, scratch)
    }

    /// The sums that backward left; the averages get the change that takes them towards the batch's.
    fn weights(pass: WeightPass<'_>) -> Result<(), ShapeError> {
        let (channels, [_, part]) = (pass.node.row_len as usize, pass.node.settings.values);
        let [mean, variance, dgamma, dbeta] = quarters(pass.node, pass.auxiliary)?;
        let [.., moving_mean, moving_variance] = quarters(pass.node, pass.parameters)?;
        let part = pass.share * part;
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
                    _ => return Err(wrong(NAME, pass.node)),
                };
            }
        }
        Ok(())
    }
}
