//! Layer normalisation and that by the root of the mean square, over the last axis: the kernels of
//! [`crate::kernels::layer_norm`] and [`crate::kernels::rms_norm`].
//!
//! In training the auxiliary place holds each row's statistics.

use super::{BackwardPass, Context, Declared, ForwardPass, Kind, ShapeError, Spec, WeightPass, last_axis, rows, wrong};
use crate::{
    kernels::{
        layer_norm::{self, Backward, Forward},
        rms_norm,
    },
    nn::declare::{Auxiliary, Init, LayerTensor, Scratch, Settings, Streaming, Value},
    parallel,
};

/// Each row by its own mean and variance.
#[derive(Debug)]
pub struct LayerNorm;

/// Each row by the root of its mean square.
#[derive(Debug)]
pub struct RmsNorm;

/// Rows whose statistics inference holds at a time.
const AT_A_TIME: usize = 16;

/// `factors` is Keras' name of the tensor that it scales by.
const fn declare(context: &Context<'_>, factors: &'static str, statistics: usize, default: f64) -> Declared {
    let input = context.input();
    let channels = last_axis(&input);
    if channels == 1 {
        context.message().text("normalises over one number, which leaves nothing of it, input ").dims(&input).fail();
    }
    let epsilon = context.option_number("epsilon", default);
    if !(epsilon as f32 > 0.0 && (epsilon as f32) < 1.0) {
        context.message().text("epsilon: expected more than 0.0 and less than 1.0, as an f32").fail();
    }
    let count = input.len() / channels;
    let spec = Spec {
        settings: Settings::of(&[channels, count * statistics, statistics]).with_values([epsilon as f32, 0.0]),
        reads_input: true,
        by_piece: false,
        auxiliary: Auxiliary::PerSample(count * statistics * size_of::<f32>()),
        scratch: Scratch { forward: AT_A_TIME * statistics, backward: 0, weights: 0 },
        streaming: Streaming::EachStep,
        ..Spec::NEW
    };
    Declared::new(context, input, spec)
        .tensor(LayerTensor::new(factors, &[channels], Init::Ones))
        .attribute("epsilon", Value::Number(epsilon))
}

impl LayerNorm {
    /// No arguments by position.
    pub const fn declare(context: Context<'_>) -> Declared {
        let context = context.expect("layer_norm(epsilon: 1e-3)", 0, &["epsilon"]);
        let declared = declare(&context, "gamma", 2, 1e-3);
        let channels = last_axis(&context.input());
        declared.tensor(LayerTensor::new("beta", &[channels], Init::Zeros))
    }
}

impl RmsNorm {
    /// No arguments by position.
    pub const fn declare(context: Context<'_>) -> Declared {
        declare(&context.expect("rms_norm(epsilon: 1e-6)", 0, &["epsilon"]), "scale", 1, 1e-6)
    }
}

/// Runs `f(x, y, statistics)` on samples in training, and on a few rows at a time in inference, which keeps nothing.
fn forward(
    pass: ForwardPass<'_>,
    f: &(impl Fn(&[f32], &mut [f32], &mut [f32]) -> Result<(), ShapeError> + Sync),
) -> Result<(), ShapeError> {
    let settings = &pass.node.settings;
    let (channels, each, statistics) = (settings.size::<0>(), settings.size::<1>(), settings.size::<2>());
    let (x, input) = (pass.x, pass.node.input as usize);
    if pass.auxiliary.is_empty() {
        return parallel::for_rows_with_scratch(
            pass.threads,
            pass.samples,
            pass.y,
            pass.scratch,
            &|samples, y, scratch| {
                let x = rows(x, samples, input)?.chunks((AT_A_TIME * channels).max(1));
                for (x, y) in x.zip(y.chunks_mut((AT_A_TIME * channels).max(1))) {
                    let count = crate::kernels::div(x.len(), channels) * statistics;
                    let found = scratch.len();
                    let wrong = ShapeError::new("layer_norm", "scratch", count, found);
                    f(x, y, scratch.get_mut(..count).ok_or(wrong)?)?;
                }
                Ok(())
            },
        );
    }
    let (len, failed) = (pass.samples * each, wrong("layer_norm", pass.node));
    let auxiliary = pass.auxiliary.get_mut(..len).ok_or(failed)?;
    parallel::for_rows2(
        pass.threads,
        pass.samples,
        pass.y,
        auxiliary,
        &|samples, y: &mut [f32], statistics: &mut [f32]| f(rows(x, samples, input)?, y, statistics),
    )
}

/// Runs `f(x, statistics, dy, dx)` on samples.
fn backward(
    pass: BackwardPass<'_>,
    f: &(impl Fn(&[f32], &[f32], &[f32], &mut [f32]) -> Result<(), ShapeError> + Sync),
) -> Result<(), ShapeError> {
    let (each, input) = (pass.node.settings.size::<1>(), pass.node.input as usize);
    let (x, statistics, dy) = (pass.x, &*pass.auxiliary, &*pass.dy);
    parallel::for_rows(pass.threads, pass.samples, pass.dx, &|samples, dx: &mut [f32]| {
        let statistics = rows(statistics, samples.clone(), each)?;
        f(rows(x, samples.clone(), input)?, statistics, rows(dy, samples, input)?, dx)
    })
}

impl Kind for LayerNorm {
    fn forward(pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        let (level, channels, epsilon) = (pass.level, pass.node.settings.size::<0>(), pass.node.settings.values[0]);
        let (gamma, beta) = pass.parameters.split_at_checked(channels).ok_or(wrong("layer_norm", pass.node))?;
        forward(pass, &|x, y, statistics| {
            layer_norm::forward_into(level, channels, epsilon, Forward { x, gamma, beta }, y, statistics)
        })
    }

    fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        let (level, channels) = (pass.level, pass.node.settings.size::<0>());
        let (gamma, _) = pass.parameters.split_at_checked(channels).ok_or(wrong("layer_norm", pass.node))?;
        backward(pass, &|x, statistics, dy, dx| {
            layer_norm::backward_input_into(level, channels, Backward { x, statistics, gamma, dy }, dx)
        })
    }

    /// A row of γ, then one of β: asked for alone or together.
    fn weights(pass: WeightPass<'_>) -> Result<(), ShapeError> {
        let (channels, failed) = (pass.node.settings.size::<0>(), wrong("layer_norm", pass.node));
        if pass.is_first {
            pass.gradient.fill(0.0);
        }
        let statistics = pass.auxiliary.get(..pass.samples * pass.node.settings.size::<1>()).ok_or(failed)?;
        let of = Backward { x: pass.x, statistics, gamma: &[], dy: pass.dy };
        let of_gamma = if pass.rows.contains(&0) { channels } else { 0 };
        let (dgamma, dbeta) = pass.gradient.split_at_mut_checked(of_gamma).ok_or(failed)?;
        layer_norm::backward_weight_acc(pass.level, channels, of, dgamma, dbeta)
    }
}

impl Kind for RmsNorm {
    fn forward(pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        let (level, epsilon, gamma) = (pass.level, pass.node.settings.values[0], pass.parameters);
        forward(pass, &|x, y, statistics| rms_norm::forward_into(level, epsilon, x, gamma, y, statistics))
    }

    fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        let (level, gamma) = (pass.level, pass.parameters);
        backward(pass, &|x, statistics, dy, dx| {
            rms_norm::backward_input_into(level, rms_norm::Backward { x, statistics, gamma, dy }, dx)
        })
    }

    fn weights(pass: WeightPass<'_>) -> Result<(), ShapeError> {
        if pass.is_first {
            pass.gradient.fill(0.0);
        }
        let len = pass.samples * pass.node.settings.size::<1>();
        let statistics = pass.auxiliary.get(..len).ok_or(wrong("rms_norm", pass.node))?;
        let of = rms_norm::Backward { x: pass.x, statistics, gamma: &[], dy: pass.dy };
        rms_norm::backward_weight_acc(pass.level, of, pass.gradient)
    }
}
