//! The mean of each channel over all pixels.

use super::{BackwardPass, Context, Declared, ForwardPass, Kind, ShapeError, Spec, forward_samples, rows};
use crate::{
    kernels::pool2d::{self, Pool2d},
    nn::declare::Settings,
    parallel,
    shape::Dims,
};

/// The mean of each channel.
#[derive(Debug)]
pub struct GlobalAvgPool2d;

impl GlobalAvgPool2d {
    /// No arguments.
    pub const fn declare(context: Context<'_>) -> Declared {
        let context = context.expect("global_avg_pool2d", 0, &[]);
        let [h, w, c] = context.image();
        context.check(Pool2d::global(h * w, c).validate());
        let spec = Spec { settings: Settings::of(&[h * w, c]), ..Spec::NEW };
        Declared::new(&context, Dims::new(&[c]), spec)
    }
}

impl Kind for GlobalAvgPool2d {
    fn forward(mut pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        let (level, settings) = (pass.level, &pass.node.settings);
        let (pixels, channels) = (settings.size::<0>(), settings.size::<1>());
        forward_samples(&mut pass, &|samples, x, y| {
            pool2d::global_average_forward_into(level, pixels, channels, samples.len(), x, y)
        })
    }

    fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        let (level, settings) = (pass.level, &pass.node.settings);
        let (pixels, channels) = (settings.size::<0>(), settings.size::<1>());
        let dy = &*pass.dy;
        parallel::for_rows(pass.threads, pass.samples, pass.dx, &|samples, dx: &mut [f32]| {
            let dy = rows(dy, samples.clone(), channels)?;
            pool2d::global_average_backward_into(level, pixels, channels, samples.len(), dy, dx)
        })
    }
}
