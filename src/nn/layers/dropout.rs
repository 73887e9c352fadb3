//! Inverted dropout: which elements fall out depends on the seed, the step, the layer and the
//! element's index in the batch alone.

use super::{BackwardPass, ForwardPass, ShapeError, value};
use crate::{
    kernels::dropout,
    nn::{
        layer::{Kind, Layer},
        pass::Drop,
    },
    parallel,
    random::Stream,
    simd::Level,
};

pub use super::no_weights as weights;

pub fn forward(mut pass: ForwardPass<'_>) -> Result<(), ShapeError> {
    let (level, rate, len) = (pass.level, value(pass.layer)?, pass.layer.input.len());
    let noise = pass.noise;
    super::forward_images(&mut pass, &|images, x, y| {
        super::copy(x, y)?;
        if let Some(noise) = noise {
            let first = noise.first.wrapping_add((images.start * len) as u64);
            (noise.drop)(level, rate, Stream::new(noise.seed, noise.stream), first, y);
        }
        Ok(())
    })
}

pub fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
    let (rate, len) = (value(pass.layer)?, pass.layer.input.len());
    let Some(noise) = pass.noise else { return Ok(()) };
    parallel::for_rows(pass.threads, pass.images, pass.dy, &|images, dy: &mut [f32]| {
        let first = noise.first.wrapping_add((images.start * len) as u64);
        (noise.drop)(pass.level, rate, Stream::new(noise.seed, noise.stream), first, dy);
        Ok(())
    })
}

/// What the noise of a network's training brings along.
pub(in crate::nn) const fn drop_of(layers: &[Layer]) -> Drop {
    let mut i = 0;
    while i < layers.len() {
        if matches!(layers[i].kind, Kind::Dropout) {
            return dropout::in_place;
        }
        i += 1;
    }
    nothing
}

fn nothing(_: Level, _: f32, _: Stream, _: u64, _: &mut [f32]) {}
