//! A convolution over `[time, channels]` of each channel by itself.

use super::{BackwardPass, Context, Conv2d, Declared, ForwardPass, Kind, ShapeError, StepPass, WeightPass, conv1d};
use crate::kernels;

/// 1-D convolution of each channel by itself.
#[derive(Debug)]
pub struct DepthwiseConv1d;

const USAGE: &str = "depthwise_conv1d(5, multiplier: 2, stride: 2, padding: causal, dilation: 2, bias: no)";

impl DepthwiseConv1d {
    /// The window by position.
    pub const fn declare(context: Context<'_>) -> Declared {
        let context = context.expect(USAGE, 1, &["multiplier", "stride", "padding", "dilation", "bias"]);
        let [steps, c] = context.sequence();
        let multiplier = context.option_size("multiplier", 1);
        if multiplier == 0 {
            context.message().text("multiplier 0; expected at least 1").fail();
        }
        let kernel = context.size(0, "steps of the window");
        let shape = kernels::conv1d::Conv1d::new(steps, c, c * multiplier, kernel).with_groups(c);
        conv1d::declare(context, shape, &[kernel, c, multiplier])
    }
}

impl Kind for DepthwiseConv1d {
    fn step(pass: StepPass<'_>) -> Result<bool, ShapeError> {
        conv1d::step(pass)
    }

    fn forward(pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        Conv2d::forward(pass)
    }

    fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        Conv2d::backward(pass)
    }

    fn weights(pass: WeightPass<'_>) -> Result<(), ShapeError> {
        Conv2d::weights(pass)
    }
}
