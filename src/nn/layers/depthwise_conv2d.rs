//! A convolution of each channel by itself: a convolution with as many groups as channels.

use super::{BackwardPass, Context, Conv2d, Declared, ForwardPass, Kind, ShapeError, WeightPass, conv2d};
use crate::kernels;

/// 2-D convolution of each channel by itself.
#[derive(Debug)]
pub struct DepthwiseConv2d;

const USAGE: &str = "depthwise_conv2d(3x3, multiplier: 2, stride: 2, padding: same, dilation: 2, bias: no)";

impl DepthwiseConv2d {
    /// The window by position.
    pub const fn declare(context: Context<'_>) -> Declared {
        let context = context.expect(USAGE, 1, &["multiplier", "stride", "padding", "dilation", "bias"]);
        let [h, w, c] = context.image();
        let multiplier = context.option_size("multiplier", 1);
        if multiplier == 0 {
            context.message().text("multiplier 0; expected at least 1").fail();
        }
        let kernel = context.pair(0, "window");
        let shape = kernels::conv2d::Conv2d::new(h, w, c, c * multiplier, kernel).with_groups(c);
        conv2d::declare(context, shape, &[kernel[0], kernel[1], c, multiplier])
    }
}

impl Kind for DepthwiseConv2d {
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
