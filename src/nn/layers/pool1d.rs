//! Pooling over `[time, channels]`: a two-dimensional one of one row.

use super::{
    AvgPool2d, BackwardPass, Context, Declared, ForwardPass, GlobalAvgPool2d, Kind, MaxPool2d, ShapeError, Spec,
    StepPass, conv1d, max_pool2d, window,
};
use crate::{
    kernels::{
        conv1d::Padding1d,
        pool1d::Pool1d,
        pool2d::{self, Pool2d},
    },
    nn::declare::{Settings, Streaming, Value},
    shape::Dims,
};

/// The maximum of each window.
#[derive(Debug)]
pub struct MaxPool1d;

/// The mean of each window.
#[derive(Debug)]
pub struct AvgPool1d;

/// The mean of each channel over all steps.
#[derive(Debug)]
pub struct GlobalAvgPool1d;

/// A pooling with a window by position, stride and padding by name.
const fn declare(context: Context<'_>, usage: &'static str) -> (Declared, Pool1d) {
    let context = context.expect(usage, 1, &["stride", "padding"]);
    let [steps, channels] = context.sequence();
    let kernel = context.size(0, "steps of the window");
    let stride = context.option_steps("stride", kernel);
    let (padding, word) = conv1d::padding(&context);
    if matches!(padding, Padding1d::Causal) {
        context.message().text("padding: expected `valid` or `same`, found `causal`").fail();
    }
    let pool = Pool1d::new(steps, channels, kernel).with_stride(stride).with_padding(padding);
    conv1d::fits(&context, kernel, pool.out_steps());
    context.check(pool.validate());
    let streaming = match padding {
        Padding1d::Valid => window::state(kernel, channels),
        _ => Streaming::No,
    };
    let spec = Spec { settings: max_pool2d::settings(&pool.as_pool2d()), streaming, ..Spec::NEW };
    let declared = Declared::new(&context, Dims::new(&[pool.out_steps(), channels]), spec)
        .sizes("window", &[kernel])
        .sizes("stride", &[stride])
        .attribute("padding", Value::Word(word));
    (declared, pool)
}

impl MaxPool1d {
    /// The window by position.
    pub const fn declare(context: Context<'_>) -> Declared {
        let (declared, pool) = declare(context, "max_pool1d(2, stride: 2, padding: same)");
        max_pool2d::with_places(declared, &pool.as_pool2d())
    }
}

impl AvgPool1d {
    /// The window by position.
    pub const fn declare(context: Context<'_>) -> Declared {
        declare(context, "avg_pool1d(2, stride: 2, padding: same)").0
    }
}

impl GlobalAvgPool1d {
    /// No arguments.
    pub const fn declare(context: Context<'_>) -> Declared {
        let context = context.expect("global_avg_pool1d", 0, &[]);
        let [steps, channels] = context.sequence();
        context.check(Pool2d::global(steps, channels).validate());
        // How many steps there were, and the sum of each channel.
        let streaming = Streaming::State(1 + channels);
        let spec = Spec { settings: Settings::of(&[steps, channels]), streaming, ends: true, ..Spec::NEW };
        Declared::new(&context, Dims::new(&[channels]), spec)
    }
}

/// The steps of a window that is full, and its shape.
fn full<'a>(state: &'a mut [f32], x: &'a [f32], whole: &Pool2d) -> Result<Option<(&'a [f32], Pool2d)>, ShapeError> {
    let kernel = whole.kernel[1];
    let steps = window::advance(state, x, kernel, 0, whole.stride[1])?;
    Ok(steps.map(|steps| (steps, Pool2d::new(1, kernel, whole.channels, whole.kernel))))
}

macro_rules! as_of_images {
    ($($kind:ident $image:ident $step:expr;)*) => {$(
        impl Kind for $kind {
            fn forward(pass: ForwardPass<'_>) -> Result<(), ShapeError> {
                $image::forward(pass)
            }

            fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
                $image::backward(pass)
            }

            fn step(pass: StepPass<'_>) -> Result<bool, ShapeError> {
                $step(pass)
            }
        }
    )*};
}

as_of_images! {
    MaxPool1d MaxPool2d |pass: StepPass<'_>| {
        let whole = max_pool2d::shape(&pass.node.settings);
        let Some((x, pool)) = full(pass.state, pass.x, &whole)? else { return Ok(false) };
        pool2d::max_forward_into(pass.level, &pool, 1, x, pass.y, None).map(|()| true)
    };
    AvgPool1d AvgPool2d |pass: StepPass<'_>| {
        let whole = max_pool2d::shape(&pass.node.settings);
        let Some((x, pool)) = full(pass.state, pass.x, &whole)? else { return Ok(false) };
        pool2d::average_forward_into(pass.level, &pool, 1, x, pass.y).map(|()| true)
    };
}

/// The mean of the steps that a sequence has.
impl Kind for GlobalAvgPool1d {
    fn forward(pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        if pass.lengths.is_empty() {
            return GlobalAvgPool2d::forward(pass);
        }
        let (level, settings) = (pass.level, &pass.node.settings);
        let (steps, channels) = (settings.size::<0>(), settings.size::<1>());
        let samples = pass.x.chunks_exact((steps * channels).max(1)).zip(pass.y.chunks_exact_mut(channels.max(1)));
        for ((x, y), &length) in samples.zip(pass.lengths) {
            let x = x.get(..length as usize * channels).unwrap_or(x);
            pool2d::global_average_forward_into(level, length as usize, channels, 1, x, y)?;
        }
        Ok(())
    }

    fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        if pass.lengths.is_empty() {
            return GlobalAvgPool2d::backward(pass);
        }
        let (level, settings) = (pass.level, &pass.node.settings);
        let (steps, channels) = (settings.size::<0>(), settings.size::<1>());
        let samples = pass.dx.chunks_exact_mut((steps * channels).max(1)).zip(pass.dy.chunks_exact(channels.max(1)));
        for ((dx, dy), &length) in samples.zip(pass.lengths) {
            let middle = (length as usize * channels).min(dx.len());
            let (dx, rest) = dx.split_at_mut(middle);
            rest.fill(0.0);
            pool2d::global_average_backward_into(level, length as usize, channels, 1, dy, dx)?;
        }
        Ok(())
    }

    fn step(pass: StepPass<'_>) -> Result<bool, ShapeError> {
        let Some((count, sums)) = pass.state.split_first_mut() else { return Ok(false) };
        *count += 1.0;
        for ((sum, x), y) in sums.iter_mut().zip(pass.x).zip(pass.y) {
            *sum += x;
            *y = *sum / *count;
        }
        Ok(true)
    }
}
