//! Pooling over `[time, channels]`: a two-dimensional one of one row.

use super::{
    AvgPool2d, BackwardPass, Context, Declared, ForwardPass, GlobalAvgPool2d, Kind, MaxPool2d, ShapeError, Spec,
    conv1d, max_pool2d,
};
use crate::{
    kernels::pool1d::Pool1d,
    nn::declare::{Settings, Value},
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
    let [_, stride] = context.option_pair("stride", [1, kernel]);
    let (padding, word) = conv1d::padding(&context);
    let pool = Pool1d::new(steps, channels, kernel).with_stride(stride).with_padding(padding);
    conv1d::fits(&context, kernel, pool.out_steps());
    context.check(pool.validate());
    let spec = Spec { settings: max_pool2d::settings(&pool.as_pool2d()), ..Spec::NEW };
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
        let spec = Spec { settings: Settings::of(&[steps, channels]), ..Spec::NEW };
        Declared::new(&context, Dims::new(&[channels]), spec)
    }
}

macro_rules! as_of_images {
    ($($kind:ident $image:ident;)*) => {$(
        impl Kind for $kind {
            fn forward(pass: ForwardPass<'_>) -> Result<(), ShapeError> {
                $image::forward(pass)
            }

            fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
                $image::backward(pass)
            }
        }
    )*};
}

as_of_images! {
    MaxPool1d MaxPool2d;
    AvgPool1d AvgPool2d;
    GlobalAvgPool1d GlobalAvgPool2d;
}
