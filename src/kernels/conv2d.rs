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

use core::ops::Range;

use super::{
    ShapeError, check, check_batch,
    convolution::{self, Adjoint, Gradient, Sizes, Window},
    tile::sum_rows,
};
use crate::{
    shape::{self, Padding},
    simd::Level,
};

#[cfg(feature = "rayon")]
pub(crate) use super::epilogue::Backward;
pub use super::epilogue::{Epilogue, Forward};

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
        macro_rules! check {
            ($e:expr) => {
                if let Err(error) = $e {
                    return Err(error);
                }
            };
        }
        let sizes = Sizes {
            size: [self.height, self.width],
            channels: [self.in_channels, self.out_channels],
            kernel: self.kernel,
            stride: self.stride,
            dilation: self.dilation,
            groups: self.groups,
        };
        check!(sizes.validate(NAME));
        let [top, bottom, left, right] = self.padding;
        let ([kh, kw], [down, across]) = (self.kernel, self.dilation);
        check!(convolution::fits(NAME, "padded height", self.height, [top, bottom], kh, down));
        check!(convolution::fits(NAME, "padded width", self.width, [left, right], kw, across));
        check!(convolution::product(NAME, "x", [self.height, self.width, self.in_channels, 1]));
        check!(convolution::product(NAME, "y", [self.out_height(), self.out_width(), self.out_channels, 1]));
        convolution::product(NAME, "w", [kh, kw, self.in_channels, self.out_channels])
    }

    /// Rows of the output.
    pub const fn out_height(&self) -> usize {
        let padding = self.padding[0] + self.padding[1];
        shape::window_count(self.height, padding, self.kernel[0], self.stride[0], self.dilation[0])
    }

    /// Columns of the output.
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

    const fn window(&self) -> Window {
        Window {
            input: [self.height, self.width],
            output: [self.out_height(), self.out_width()],
            in_channels: self.in_channels,
            out_channels: self.out_channels,
            kernel: self.kernel,
            stride: self.stride,
            dilation: self.dilation,
            before: [self.padding[0], self.padding[2]],
            groups: self.groups,
        }
    }

    /// The door of everything that reads images and the gradients of outputs.
    fn check_images(&self, batch: usize, x: &[f32], dy: &[f32]) -> Result<(), ShapeError> {
        self.validate()?;
        check_batch(NAME, "x", x, batch, self.x_len())?;
        check_batch(NAME, "dy", dy, batch, self.y_len())
    }
}

/// `y = x ⋆ w + b`, then the epilogue.
///
/// # Errors
/// If the descriptor is not valid or a slice has the wrong length; nothing is written then.
///
/// # Numerics
/// Each output starts at its bias (0 without one) and adds its terms (kh, kw, ci) in ascending order.
///
/// ```
/// use kernlet::{kernels::conv2d::{self, Conv2d, Epilogue}, simd::Level};
/// let conv = Conv2d::new(3, 3, 1, 2, [2, 2]);
/// let x = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
/// let w = [1.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0, -1.0]; // [2][2][1][2]
/// let mut y = [f32::NAN; 8];
/// let operands = conv2d::Forward { x: &x, w: &w, b: Some(&[0.5, 0.0]), epilogue: Epilogue::Relu };
/// conv2d::forward_into(Level::detect(), &conv, 1, operands, &mut y)?;
/// assert_eq!(y, [4.5, 0.0, 6.5, 0.0, 10.5, 0.0, 12.5, 0.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(
    level: Level,
    conv: &Conv2d,
    batch: usize,
    operands: Forward<'_>,
    y: &mut [f32],
) -> Result<(), ShapeError> {
    conv.validate()?;
    check_batch(NAME, "x", operands.x, batch, conv.x_len())?;
    check(NAME, "w", operands.w, conv.w_len())?;
    if let Some(b) = operands.b {
        check(NAME, "b", b, conv.b_len())?;
    }
    check_batch(NAME, "y", y, batch, conv.y_len())?;
    convolution::forward(level, &conv.window(), batch, operands, y);
    Ok(())
}

/// The length of the scratch of [`backward_input_into`]: a panel of transposed
/// weights, at most 8192 elements and never more than the weights of a group.
///
/// ```
/// use kernlet::kernels::conv2d::{Conv2d, backward_input_scratch_len};
/// assert_eq!(backward_input_scratch_len(&Conv2d::new(28, 28, 4, 8, [3, 3])), 9 * 8 * 4);
/// assert_eq!(backward_input_scratch_len(&Conv2d::new(28, 28, 512, 512, [3, 3])), 8192);
/// ```
pub const fn backward_input_scratch_len(conv: &Conv2d) -> usize {
    // Only the window's part that the panel goes by: a descriptor that is not valid has no output.
    convolution::panel_len(&Window {
        kernel: conv.kernel,
        groups: conv.groups,
        ..Window::pixel(conv.in_channels, conv.out_channels)
    })
}

/// `dx = ∂E/∂x`: overwrites the gradient of the input.
///
/// `scratch` may hold anything and has [`backward_input_scratch_len`] elements.
///
/// # Errors
/// If the descriptor is not valid or a slice has the wrong length; nothing is written then.
///
/// # Numerics
/// Each gradient starts at 0 and adds its terms (kh, kw, co) in ascending order.
///
/// ```
/// use kernlet::{kernels::conv2d::{self, Conv2d}, simd::Level};
/// let conv = Conv2d::new(1, 3, 1, 1, [1, 2]);
/// let mut dx = [f32::NAN; 3];
/// let mut scratch = [f32::NAN; conv2d::backward_input_scratch_len(&Conv2d::new(1, 3, 1, 1, [1, 2]))];
/// conv2d::backward_input_into(Level::detect(), &conv, 1, &[1.0, 10.0], &[2.0, 3.0], &mut dx, &mut scratch)?;
/// assert_eq!(dx, [2.0, 23.0, 30.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_input_into(
    level: Level,
    conv: &Conv2d,
    batch: usize,
    w: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), ShapeError> {
    conv.validate()?;
    check(NAME, "w", w, conv.w_len())?;
    check_batch(NAME, "dy", dy, batch, conv.y_len())?;
    check_batch(NAME, "dx", dx, batch, conv.x_len())?;
    check(NAME, "scratch", scratch, backward_input_scratch_len(conv))?;
    let of = Adjoint { conv: &conv.window(), batch, w, dy, bias: None, epilogue: Epilogue::None, dx, scratch };
    convolution::input_gradient(level, of);
    Ok(())
}

/// `dw += ∂E/∂w`: adds to some rows of the gradient of the weights.
///
/// `rows` are rows of the matrix `[kh · kw · in_channels / groups][out_channels]` that the weights
/// are, and `dw_rows` holds these rows alone, so that threads can divide them, or an update can be
/// made with a gradient of a few rows.
///
/// # Errors
/// If the descriptor is not valid, `rows` are not inside the matrix or a slice has the wrong
/// length; nothing is written then.
///
/// # Numerics
/// Each gradient continues from `dw_rows` and adds its terms (n, oh, ow) in ascending order.
///
/// ```
/// use kernlet::{kernels::conv2d::{self, Conv2d}, simd::Level};
/// let conv = Conv2d::new(1, 3, 1, 1, [1, 2]);
/// let mut dw = [1.0, 1.0];
/// conv2d::backward_weight_acc(Level::detect(), &conv, 1, &[1.0, 2.0, 3.0], &[1.0, 10.0], 0..2, &mut dw)?;
/// assert_eq!(dw, [22.0, 33.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_weight_acc(
    level: Level,
    conv: &Conv2d,
    batch: usize,
    x: &[f32],
    dy: &[f32],
    rows: Range<usize>,
    dw_rows: &mut [f32],
) -> Result<(), ShapeError> {
    conv.check_images(batch, x, dy)?;
    if rows.end > conv.w_rows() || rows.start > rows.end {
        return Err(ShapeError::at_most(NAME, "rows", conv.w_rows(), rows.end.max(rows.start)));
    }
    check(NAME, "dw_rows", dw_rows, (rows.end - rows.start) * conv.out_channels)?;
    convolution::weight_gradient(level, Gradient { conv: &conv.window(), batch, x, dy }, rows, dw_rows);
    Ok(())
}

/// The gradients of all weights and of the bias, which continue, on threads.
///
/// # Errors
/// As for [`backward_weight_acc`] and [`backward_bias_acc`].
#[cfg(feature = "rayon")]
pub(crate) fn backward_weight_on(
    level: Level,
    threads: usize,
    conv: &Conv2d,
    batch: usize,
    operands: Backward<'_>,
    dw: &mut [f32],
    db: &mut [f32],
) -> Result<(), ShapeError> {
    let Backward { x, dy } = operands;
    conv.check_images(batch, x, dy)?;
    check(NAME, "dw", dw, conv.w_len())?;
    check(NAME, "db", db, conv.b_len())?;
    convolution::parameter_gradients(level, threads, Gradient { conv: &conv.window(), batch, x, dy }, dw, db);
    Ok(())
}

/// `db += ∂E/∂b`: adds to the gradient of the bias.
///
/// # Errors
/// If the descriptor is not valid or a slice has the wrong length; nothing is written then.
///
/// # Numerics
/// Each gradient continues from `db` and adds its terms (n, oh, ow) in ascending order.
///
/// ```
/// use kernlet::{kernels::conv2d::{self, Conv2d}, simd::Level};
/// let mut db = [1.0, 1.0];
/// let conv = Conv2d::new(1, 3, 1, 2, [1, 2]);
/// conv2d::backward_bias_acc(Level::detect(), &conv, 1, &[1.0, 10.0, 2.0, 20.0], &mut db)?;
/// assert_eq!(db, [4.0, 31.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_bias_acc(
    level: Level,
    conv: &Conv2d,
    batch: usize,
    dy: &[f32],
    db: &mut [f32],
) -> Result<(), ShapeError> {
    conv.validate()?;
    check_batch(NAME, "dy", dy, batch, conv.y_len())?;
    check(NAME, "db", db, conv.b_len())?;
    sum_rows(level, dy, db);
    Ok(())
}
