//! The loops of a convolution, over operands that its door has checked: forward, the gradient of the
//! input, the gradient of the weights.
//!
//! A convolution, its transpose and a dense layer's input gradient are the same three loops. Each
//! operation states its shape as a [`Window`] and calls them:
//!
//! | operation | forward | input gradient | weight gradient |
//! |---|---|---|---|
//! | convolution | [`forward()`] | [`input_gradient()`] | [`weight_gradient()`] |
//! | transposed | [`input_gradient()`] | [`forward()`] | [`weight_gradient()`], `x` and `dy` exchanged |
//! | dense | | [`input_gradient()`] of one pixel | |
//!
//! Each first asks whether most of what it would multiply is zero ([`sparse`]); a depthwise
//! convolution has loops of its own ([`depthwise`]), where vectors go along the channels.

mod depthwise;
mod forward;
mod input_gradient;
mod sparse;
mod taps;
#[cfg(feature = "rayon")]
mod threads;
mod validate;
mod weight_gradient;

pub(super) use forward::forward;
pub(super) use input_gradient::{Adjoint, input_gradient, panel_len};
#[cfg(feature = "rayon")]
pub(super) use threads::parameter_gradients;
pub(super) use validate::{Sizes, fits, product};
pub(super) use weight_gradient::{Gradient, weight_gradient};

use super::div;
use crate::simd::HAS_VECTORS;

/// A window that slides over images: what is left of a shape descriptor once it has been checked.
#[derive(Clone, Copy)]
pub(super) struct Window {
    /// Rows and columns of the input.
    pub input: [usize; 2],
    /// Rows and columns of the output. A transposed convolution may have more of them than the
    /// window has positions; these see no tap.
    pub output: [usize; 2],
    pub in_channels: usize,
    pub out_channels: usize,
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    /// Rows above, columns on the left.
    pub before: [usize; 2],
    pub groups: usize,
}

impl Window {
    /// A window of one pixel: a dense layer.
    pub(super) const fn pixel(inputs: usize, outputs: usize) -> Self {
        Self {
            input: [1; 2],
            output: [1; 2],
            in_channels: inputs,
            out_channels: outputs,
            kernel: [1; 2],
            stride: [1; 2],
            dilation: [1; 2],
            before: [0; 2],
            groups: 1,
        }
    }

    /// The length of `x` per image.
    const fn x_len(&self) -> usize {
        self.input[0] * self.input[1] * self.in_channels
    }

    /// The length of `y` per image.
    const fn y_len(&self) -> usize {
        self.output[0] * self.output[1] * self.out_channels
    }

    const fn axis(&self, axis: usize) -> taps::Axis {
        taps::Axis {
            input: self.input[axis],
            output: self.output[axis],
            kernel: self.kernel[axis],
            stride: self.stride[axis],
            dilation: self.dilation[axis],
            before: self.before[axis],
        }
    }

    const fn rows(&self) -> taps::Axis {
        self.axis(0)
    }

    const fn columns(&self) -> taps::Axis {
        self.axis(1)
    }

    /// Whether every window lies inside the image, so that all taps see the same pixels.
    const fn is_inside(&self) -> bool {
        let (rows, columns) = (self.rows(), self.columns());
        rows.is_inside() && columns.is_inside()
    }

    /// How many images stay in the cache while borders and pieces of terms come back to them.
    const fn resident_images(&self) -> usize {
        const ELEMENTS: usize = 5 << 15;
        const PIXELS: usize = 512;
        let longest = if self.x_len() > self.y_len() { self.x_len() } else { self.y_len() };
        let pixels = self.input[0] * self.input[1];
        let (by_elements, by_pixels) = (div(ELEMENTS, longest), div(PIXELS, pixels));
        let images = if by_elements > by_pixels { by_elements } else { by_pixels };
        if images > 0 { images } else { 1 }
    }

    /// Whether each channel is a group with one output, so that vectors go along the channels.
    /// Without vectors it is a group like any other, and firmware has one tile less: 5 KB of flash
    /// in a forward pass.
    const fn is_by_channel(&self) -> bool {
        HAS_VECTORS && self.groups == self.in_channels && self.groups == self.out_channels && self.groups > 1
    }

    /// Input and output channels of a group.
    const fn group_channels(&self) -> (usize, usize) {
        (div(self.in_channels, self.groups), div(self.out_channels, self.groups))
    }
}
