//! Inverted dropout: which elements fall out depends on the seed, the step, the layer and the
//! element's index in the batch alone.

use super::{BackwardPass, Context, Declared, ForwardPass, Kind, ShapeError, Spec, copy, forward_samples};
use crate::{
    nn::declare::{InPlace, Settings, Streaming, Value},
    parallel,
    random::Stream,
};

/// Inverted dropout.
#[derive(Debug)]
pub struct Dropout;

impl Dropout {
    /// The rate by position.
    pub const fn declare(context: Context<'_>) -> Declared {
        let context = context.expect("dropout(0.5)", 1, &[]);
        let rate = context.number(0, "rate");
        // The kernel rounds the rate to a multiple of 2⁻¹⁶: at 1 nothing is left.
        if !(rate >= 0.0 && rate * 65536.0 + 0.5 < 65536.0) {
            context.message().text("a dropout rate is at least 0.0 and less than 1.0, by 2^-17 or more").fail();
        }
        let spec = Spec {
            settings: Settings::value(rate as f32),
            in_place: InPlace::Yes,
            gradient_in_place: true,
            drops: true,
            is_noise: true,
            streaming: Streaming::EachStep,
            ..Spec::NEW
        };
        Declared::new(&context, context.input(), spec).attribute("rate", Value::Number(rate))
    }
}

impl Kind for Dropout {
    fn forward(mut pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        let (level, rate, len) = (pass.level, pass.node.settings.values[0], pass.node.input as usize);
        let noise = pass.noise;
        forward_samples(&mut pass, &|samples, x, y| {
            copy(x, y)?;
            if let Some(noise) = noise {
                let first = noise.first.wrapping_add((samples.start * len) as u64);
                (noise.drop_out)(level, rate, Stream::new(noise.seed, noise.stream), first, y);
            }
            Ok(())
        })
    }

    fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        let (rate, len) = (pass.node.settings.values[0], pass.node.input as usize);
        let Some(noise) = pass.noise else { return Ok(()) };
        parallel::for_rows(pass.threads, pass.samples, pass.dy, &|samples, dy: &mut [f32]| {
            let first = noise.first.wrapping_add((samples.start * len) as u64);
            (noise.drop_out)(pass.level, rate, Stream::new(noise.seed, noise.stream), first, dy);
            Ok(())
        })
    }
}
