//! Two-dimensional convolution (cross-correlation), forward and backward.
//!
//! # Formula
//!
//! With stride `S`, dilation `D` and padding `P`, for image `n` and group `g`:
//!
//! ```text
//! y[n][oh][ow][co] = b[co] + Σ_kh Σ_kw Σ_ci x[n][oh·S − P + kh·D][ow·S − P + kw·D][ci] · w[kh][kw][ci][co]
//! ```
//!
//! where taps that fall into the padding are left out. `x` is `[n][height][width][in_channels]`,
//! `y` is `[n][out_height][out_width][out_channels]`, `w` is
//! `[kh][kw][in_channels / groups][out_channels]`, `b` is `[out_channels]`.
//! A depthwise convolution with multiplier `m` has `groups = in_channels` and
//! `out_channels = in_channels · m`; Keras' depthwise weights `[kh][kw][ci][m]` are the same memory.
//!
//! # Numerics
//!
//! Every output is one chain of multiply-adds, so bits depend only on the rounding:
//!
//! | output | starts at | terms in ascending |
//! |---|---|---|
//! | `y` | the bias, 0 without one | (kh, kw, ci), then the epilogue |
//! | `dx` | 0 | (kh, kw, co) |
//! | `dw` | what `dw` holds | (n, oh, ow) |
//! | `db` | what `db` holds | (n, oh, ow) |
//!
//! Since `dw` and `db` continue, a batch worked through in pieces gives the same bits.

mod backward;
mod depthwise;
mod forward;
mod taps;
mod zeros;

use super::{ShapeError, div};
use crate::{
    shape::{self, Padding},
    simd::HAS_VECTORS,
};

#[cfg(feature = "rayon")]
pub(crate) use super::epilogue::Backward;
pub use super::epilogue::{Epilogue, Forward};
#[cfg(feature = "rayon")]
pub(crate) use backward::backward_weight_on;
pub(super) use backward::{Adjoint, input_gradient, sum_rows, weight_gradient};
pub use backward::{backward_bias_acc, backward_input_into, backward_input_scratch_len, backward_weight_acc};
pub(super) use forward::contract;
pub use forward::forward_into;

/// The shape of a convolution of one image.
///
/// ```
/// use kernlet::{kernels::conv2d::Conv2d, shape::Padding};
/// let conv = Conv2d::new(28, 28, 1, 32, [3, 3]);
/// assert_eq!((conv.out_height(), conv.out_width()), (26, 26));
/// let conv = conv.with_stride([2, 2]).with_padding(Padding::Same);
/// assert_eq!((conv.out_height(), conv.out_width()), (14, 14));
/// assert_eq!(conv.w_len(), 3 * 3 * 1 * 32);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Conv2d {
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Rows and columns of the window.
    pub kernel: [usize; 2],
    /// Rows and columns between windows.
    pub stride: [usize; 2],
    /// Rows and columns between the taps of a window.
    pub dilation: [usize; 2],
    /// Rows above and below, columns on the left and right.
    pub padding: [usize; 4],
    /// Whether the padding is Keras' `same` and follows stride and dilation.
    pub(super) same: bool,
    /// Parts that the channels are divided into; an output channel sees the inputs of its part.
    pub groups: usize,
}

const NAME: &str = "conv2d";

impl Conv2d {
    /// Stride 1, dilation 1, no padding, one group.
    ///
    /// See [`Conv2d`] for an example.
    pub const fn new(height: usize, width: usize, in_channels: usize, out_channels: usize, kernel: [usize; 2]) -> Self {
        Self {
            height,
            width,
            in_channels,
            out_channels,
            kernel,
            stride: [1; 2],
            dilation: [1; 2],
            padding: [0; 4],
            same: false,
            groups: 1,
        }
    }

    /// The same with another stride.
    ///
    /// See [`Conv2d`] for an example.
    pub const fn with_stride(self, stride: [usize; 2]) -> Self {
        Self { stride, ..self }.resolved()
    }

    /// The same with another dilation.
    ///
    /// ```
    /// use kernlet::kernels::conv2d::Conv2d;
    /// assert_eq!(Conv2d::new(9, 9, 1, 1, [3, 3]).with_dilation([2, 2]).out_height(), 5);
    /// ```
    pub const fn with_dilation(self, dilation: [usize; 2]) -> Self {
        Self { dilation, ..self }.resolved()
    }

    /// The same with another padding; [`Padding::Same`] goes by the stride and the dilation, whether
    /// these are set before or after.
    ///
    /// See [`Conv2d`] for an example.
    pub const fn with_padding(self, padding: Padding) -> Self {
        let same = matches!(padding, Padding::Same);
        let padding = padding.resolve([self.height, self.width], self.kernel, self.stride, self.dilation);
        Self { padding, same, ..self }
    }

    const fn resolved(self) -> Self {
        if self.same { self.with_padding(Padding::Same) } else { self }
    }

    /// The same with another number of groups.
    ///
    /// ```
    /// use kernlet::kernels::conv2d::Conv2d;
    /// assert_eq!(Conv2d::new(9, 9, 8, 16, [3, 3]).with_groups(8).w_len(), 3 * 3 * 1 * 16);
    /// ```
    pub const fn with_groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// Whether the descriptor describes a convolution: sizes, strides, dilations and groups are
    /// at least 1, the groups divide both channel counts, the window fits into the padded image,
    /// and no length overflows.
    ///
    /// # Errors
    /// The first size that is wrong.
    ///
    /// ```
    /// use kernlet::kernels::conv2d::Conv2d;
    /// assert!(Conv2d::new(28, 28, 1, 32, [3, 3]).validate().is_ok());
    /// let error = Conv2d::new(2, 28, 1, 32, [3, 3]).validate().unwrap_err();
    /// assert_eq!(error.to_string(), "conv2d: padded height: expected at least 3, found 2");
    /// ```
    pub const fn validate(&self) -> Result<(), ShapeError> {
        const fn positive(argument: &'static str, size: usize) -> Result<(), ShapeError> {
            if size > 0 { Ok(()) } else { Err(ShapeError::at_least(NAME, argument, 1, 0)) }
        }
        // With steps in this limit no place along an axis overflows.
        const fn step(argument: &'static str, step: usize) -> Result<(), ShapeError> {
            const MOST: usize = isize::MAX as usize / 4;
            if step > MOST { Err(ShapeError::at_most(NAME, argument, MOST, step)) } else { positive(argument, step) }
        }
        macro_rules! check {
            ($e:expr) => {
                if let Err(error) = $e {
                    return Err(error);
                }
            };
        }
        check!(positive("height", self.height));
        check!(positive("width", self.width));
        check!(positive("in_channels", self.in_channels));
        check!(positive("out_channels", self.out_channels));
        check!(positive("kernel rows", self.kernel[0]));
        check!(positive("kernel columns", self.kernel[1]));
        check!(step("stride of rows", self.stride[0]));
        check!(step("stride of columns", self.stride[1]));
        check!(step("dilation of rows", self.dilation[0]));
        check!(step("dilation of columns", self.dilation[1]));
        check!(positive("groups", self.groups));
        if !self.in_channels.is_multiple_of(self.groups) {
            return Err(ShapeError::multiple_of(NAME, "in_channels", self.groups, self.in_channels));
        }
        if !self.out_channels.is_multiple_of(self.groups) {
            return Err(ShapeError::multiple_of(NAME, "out_channels", self.groups, self.out_channels));
        }
        check!(fits("padded height", self.height, self.padding[0], self.padding[1], self.kernel[0], self.dilation[0]));
        check!(fits("padded width", self.width, self.padding[2], self.padding[3], self.kernel[1], self.dilation[1]));
        check!(product("x", [self.height, self.width, self.in_channels, 1]));
        check!(product("y", [self.out_height(), self.out_width(), self.out_channels, 1]));
        check!(product("w", [self.kernel[0], self.kernel[1], self.in_channels, self.out_channels]));
        Ok(())
    }

    /// Rows of the output.
    ///
    /// See [`Conv2d`] for an example.
    pub const fn out_height(&self) -> usize {
        let padding = self.padding[0] + self.padding[1];
        shape::window_count(self.height, padding, self.kernel[0], self.stride[0], self.dilation[0])
    }

    /// Columns of the output.
    ///
    /// See [`Conv2d`] for an example.
    pub const fn out_width(&self) -> usize {
        let padding = self.padding[2] + self.padding[3];
        shape::window_count(self.width, padding, self.kernel[1], self.stride[1], self.dilation[1])
    }

    /// The length of `x` per image.
    ///
    /// ```
    /// assert_eq!(kernlet::kernels::conv2d::Conv2d::new(28, 28, 3, 32, [3, 3]).x_len(), 2352);
    /// ```
    pub const fn x_len(&self) -> usize {
        self.height * self.width * self.in_channels
    }

    /// The length of `y` per image.
    ///
    /// ```
    /// assert_eq!(kernlet::kernels::conv2d::Conv2d::new(28, 28, 1, 32, [3, 3]).y_len(), 26 * 26 * 32);
    /// ```
    pub const fn y_len(&self) -> usize {
        self.out_height() * self.out_width() * self.out_channels
    }

    /// The length of `w`.
    ///
    /// See [`Conv2d`] for an example.
    pub const fn w_len(&self) -> usize {
        self.w_rows() * self.out_channels
    }

    /// The rows of `w` as a matrix `[kh · kw · in_channels / groups][out_channels]`; 0 without groups.
    ///
    /// ```
    /// assert_eq!(kernlet::kernels::conv2d::Conv2d::new(28, 28, 3, 32, [3, 3]).w_rows(), 27);
    /// ```
    pub const fn w_rows(&self) -> usize {
        match self.in_channels.checked_div(self.groups) {
            Some(channels) => self.kernel[0] * self.kernel[1] * channels,
            None => 0,
        }
    }

    /// The length of `b`.
    ///
    /// ```
    /// assert_eq!(kernlet::kernels::conv2d::Conv2d::new(28, 28, 3, 32, [3, 3]).b_len(), 32);
    /// ```
    pub const fn b_len(&self) -> usize {
        self.out_channels
    }

    const fn rows(&self) -> taps::Axis {
        taps::Axis {
            input: self.height,
            output: self.out_height(),
            kernel: self.kernel[0],
            stride: self.stride[0],
            dilation: self.dilation[0],
            before: self.padding[0],
        }
    }

    const fn columns(&self) -> taps::Axis {
        taps::Axis {
            input: self.width,
            output: self.out_width(),
            kernel: self.kernel[1],
            stride: self.stride[1],
            dilation: self.dilation[1],
            before: self.padding[2],
        }
    }

    /// How many images stay in the cache while borders and pieces of terms come back to them.
    const fn resident_images(&self) -> usize {
        const ELEMENTS: usize = 5 << 15;
        const PIXELS: usize = 512;
        let longest = if self.x_len() > self.y_len() { self.x_len() } else { self.y_len() };
        let pixels = self.height * self.width;
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

/// Whether a dilated window fits into a padded axis, computed without overflow.
const fn fits(
    argument: &'static str,
    size: usize,
    before: usize,
    after: usize,
    kernel: usize,
    dilation: usize,
) -> Result<(), ShapeError> {
    let overflow = Err(ShapeError::at_most(NAME, argument, isize::MAX as usize / 2, usize::MAX));
    let Some(padded) = size.checked_add(before) else { return overflow };
    let Some(padded) = padded.checked_add(after) else { return overflow };
    let Some(reach) = (kernel - 1).checked_mul(dilation) else {
        return Err(ShapeError::at_least(NAME, argument, usize::MAX, padded));
    };
    if padded > isize::MAX as usize / 2 {
        return overflow;
    }
    if reach >= padded { Err(ShapeError::at_least(NAME, argument, reach.saturating_add(1), padded)) } else { Ok(()) }
}

/// Whether a product of sizes is a length that a slice of `f32` could have.
const fn product(argument: &'static str, sizes: [usize; 4]) -> Result<(), ShapeError> {
    const MOST: usize = isize::MAX as usize / size_of::<f32>();
    let mut len = 1_usize;
    let mut i = 0;
    while i < sizes.len() {
        len = match len.checked_mul(sizes[i]) {
            Some(len) if len <= MOST => len,
            _ => return Err(ShapeError::at_most(NAME, argument, MOST, usize::MAX)),
        };
        i += 1;
    }
    Ok(())
}
