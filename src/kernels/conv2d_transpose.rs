//! Transposed convolution, forward and backward: the adjoint of [`conv2d`].
//!
//! # Formula
//!
//! Every input pixel adds its window to the output. With stride `S`, dilation `D` and padding `P`:
//!
//! ```text
//! y[n][h·S − P + kh·D][w·S − P + kw·D][co] += Σ_ci x[n][h][w][ci] · w[kh][kw][co][ci]
//! ```
//!
//! `x` is `[n][height][width][in_channels]`, `y` is `[n][out_height][out_width][out_channels]`, `b`
//! is `[out_channels]`, and `w` is Keras' `[kh][kw][out_channels / groups][in_channels]`.
//!
//! # Numerics
//!
//! Every output is one chain, so bits depend only on the rounding: `y` starts at the bias (0
//! without one), terms (kh, kw, ci) ascending, then the epilogue; `dx` starts at 0, terms (kh, kw,
//! co) ascending; `dw` continues, terms (n, h, w) ascending; `db` continues, terms (n, oh, ow).

use core::ops::Range;

use super::{
    ShapeError, check, check_batch,
    conv2d::{self, Conv2d},
};
use crate::{
    shape::{Padding, span, transposed_size},
    simd::Level,
};

pub use super::epilogue::{Epilogue, Forward};

const NAME: &str = "conv2d_transpose";

/// The shape of a transposed convolution of one image.
///
/// ```
/// use kernlet::{kernels::conv2d_transpose::Conv2dTranspose, shape::Padding};
/// let up = Conv2dTranspose::new(7, 7, 64, 32, [3, 3]).with_stride([2, 2]);
/// assert_eq!(up.out_height(), 15);
/// assert_eq!(up.with_padding(Padding::Same).out_height(), 14);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Conv2dTranspose {
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
    /// Rows and columns between windows in the output.
    pub stride: [usize; 2],
    /// Rows and columns between the taps of a window.
    pub dilation: [usize; 2],
    /// Rows cut off above and below, columns on the left and right.
    pub padding: [usize; 4],
    /// Rows added below and columns added on the right, fewer than the stride.
    pub output_padding: [usize; 2],
    /// Parts that the channels are divided into.
    pub groups: usize,
}

impl Conv2dTranspose {
    /// Stride 1, dilation 1, nothing cut off or added, one group.
    ///
    /// See [`Conv2dTranspose`] for an example.
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
            output_padding: [0; 2],
            groups: 1,
        }
    }

    /// The same with another stride.
    ///
    /// See [`Conv2dTranspose`] for an example.
    pub const fn with_stride(self, stride: [usize; 2]) -> Self {
        Self { stride, ..self }
    }

    /// The same with another dilation.
    ///
    /// ```
    /// use kernlet::kernels::conv2d_transpose::Conv2dTranspose;
    /// assert_eq!(Conv2dTranspose::new(5, 5, 1, 1, [3, 3]).with_dilation([2, 2]).out_height(), 9);
    /// ```
    pub const fn with_dilation(self, dilation: [usize; 2]) -> Self {
        Self { dilation, ..self }
    }

    /// The same with the output size of Keras for that padding, resolved with the stride and the
    /// dilation set so far, so to be called last: [`Padding::Same`] gives `size · stride`,
    /// [`Padding::Valid`] the whole of what the windows cover, but at least `size · stride`.
    ///
    /// See [`Conv2dTranspose`] for an example.
    pub const fn with_padding(self, padding: Padding) -> Self {
        let mut all = [0; 4];
        let mut output_padding = [0; 2];
        if let Padding::Explicit { top, bottom, left, right } = padding {
            all = [top, bottom, left, right];
        } else {
            let mut axis = 0;
            while axis < 2 {
                let span = span(self.kernel[axis], self.dilation[axis]);
                output_padding[axis] = self.stride[axis].saturating_sub(span);
                if let Padding::Same = padding {
                    let total = span.saturating_sub(self.stride[axis]);
                    all[2 * axis] = total / 2;
                    all[2 * axis + 1] = total - total / 2;
                }
                axis += 1;
            }
        }
        Self { padding: all, output_padding, ..self }
    }

    /// The same with other rows below and columns on the right, which choose among the output
    /// sizes that a convolution of this stride maps to the same input size.
    ///
    /// ```
    /// use kernlet::kernels::conv2d_transpose::Conv2dTranspose;
    /// let up = Conv2dTranspose::new(7, 7, 1, 1, [3, 3]).with_stride([2, 2]).with_output_padding([1, 1]);
    /// assert_eq!(up.out_height(), 16);
    /// ```
    pub const fn with_output_padding(self, output_padding: [usize; 2]) -> Self {
        Self { output_padding, ..self }
    }

    /// The same with another number of groups.
    ///
    /// ```
    /// use kernlet::kernels::conv2d_transpose::Conv2dTranspose;
    /// assert_eq!(Conv2dTranspose::new(7, 7, 8, 4, [3, 3]).with_groups(4).w_len(), 3 * 3 * 1 * 8);
    /// ```
    pub const fn with_groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// Whether the descriptor describes a transposed convolution: sizes, strides, dilations and
    /// groups are at least 1, the groups divide both channel counts, something is left of the
    /// output, less is added to it than a stride, and no length overflows.
    ///
    /// # Errors
    /// The first size that is wrong.
    ///
    /// ```
    /// use kernlet::kernels::conv2d_transpose::Conv2dTranspose;
    /// assert!(Conv2dTranspose::new(7, 7, 64, 32, [3, 3]).validate().is_ok());
    /// assert!(Conv2dTranspose::new(7, 7, 64, 32, [0, 3]).validate().is_err());
    /// ```
    pub const fn validate(&self) -> Result<(), ShapeError> {
        let mut axis = 0;
        while axis < 2 {
            let size = if axis == 0 { self.height } else { self.width };
            if size == 0 {
                return Err(ShapeError::at_least(NAME, if axis == 0 { "height" } else { "width" }, 1, 0));
            }
            // Bounds that make the output size computable; the adjoint checks the rest.
            let small = isize::MAX as usize / 8;
            let covered = match size.checked_mul(self.stride[axis]) {
                Some(len) if len <= small => len,
                _ => return Err(ShapeError::at_most(NAME, "size · stride", small, usize::MAX)),
            };
            match self.kernel[axis].checked_mul(self.dilation[axis]) {
                Some(len) if len <= small => {}
                _ => return Err(ShapeError::at_most(NAME, "kernel · dilation", small, usize::MAX)),
            }
            let (before, after) = (self.padding[2 * axis], self.padding[2 * axis + 1]);
            if before > small || after > small {
                return Err(ShapeError::at_most(NAME, "padding", small, usize::MAX));
            }
            if self.output_padding[axis] > 0 && self.output_padding[axis] >= self.stride[axis] {
                let most = self.stride[axis].saturating_sub(1);
                return Err(ShapeError::at_most(NAME, "output_padding", most, self.output_padding[axis]));
            }
            let whole = covered + span(self.kernel[axis], self.dilation[axis]);
            if self.stride[axis] > 0 && self.out_size(axis) == 0 {
                return Err(ShapeError::at_most(
                    NAME,
                    "padding",
                    (whole - self.stride[axis]).saturating_sub(1),
                    before + after,
                ));
            }
            axis += 1;
        }
        match self.adjoint().validate() {
            Ok(()) => Ok(()),
            Err(error) => Err(error.of(NAME)),
        }
    }

    const fn out_size(&self, axis: usize) -> usize {
        let size = if axis == 0 { self.height } else { self.width };
        let padding = self.padding[2 * axis] + self.padding[2 * axis + 1];
        let whole = transposed_size(size, 0, self.kernel[axis], self.stride[axis], self.dilation[axis]);
        (whole + self.output_padding[axis]).saturating_sub(padding)
    }

    /// Rows of the output.
    ///
    /// See [`Conv2dTranspose`] for an example.
    pub const fn out_height(&self) -> usize {
        self.out_size(0)
    }

    /// Columns of the output.
    ///
    /// See [`Conv2dTranspose`] for an example.
    pub const fn out_width(&self) -> usize {
        self.out_size(1)
    }

    /// The length of `x` per image.
    ///
    /// ```
    /// use kernlet::kernels::conv2d_transpose::Conv2dTranspose;
    /// assert_eq!(Conv2dTranspose::new(7, 7, 64, 32, [3, 3]).x_len(), 7 * 7 * 64);
    /// ```
    pub const fn x_len(&self) -> usize {
        self.height * self.width * self.in_channels
    }

    /// The length of `y` per image.
    ///
    /// ```
    /// use kernlet::kernels::conv2d_transpose::Conv2dTranspose;
    /// assert_eq!(Conv2dTranspose::new(7, 7, 64, 32, [3, 3]).y_len(), 9 * 9 * 32);
    /// ```
    pub const fn y_len(&self) -> usize {
        self.out_height() * self.out_width() * self.out_channels
    }

    /// The length of `w`.
    ///
    /// See [`with_groups`](Self::with_groups) for an example.
    pub const fn w_len(&self) -> usize {
        self.w_rows() * self.in_channels
    }

    /// The rows of `w` as a matrix `[kh · kw · out_channels / groups][in_channels]`; 0 without groups.
    ///
    /// ```
    /// use kernlet::kernels::conv2d_transpose::Conv2dTranspose;
    /// assert_eq!(Conv2dTranspose::new(7, 7, 64, 32, [3, 3]).w_rows(), 9 * 32);
    /// ```
    pub const fn w_rows(&self) -> usize {
        self.adjoint().w_rows()
    }

    /// The length of `b`.
    ///
    /// ```
    /// use kernlet::kernels::conv2d_transpose::Conv2dTranspose;
    /// assert_eq!(Conv2dTranspose::new(7, 7, 64, 32, [3, 3]).b_len(), 32);
    /// ```
    pub const fn b_len(&self) -> usize {
        self.out_channels
    }

    /// The convolution whose input gradient this is.
    ///
    /// ```
    /// use kernlet::kernels::conv2d_transpose::Conv2dTranspose;
    /// let conv = Conv2dTranspose::new(7, 7, 64, 32, [3, 3]).adjoint();
    /// assert_eq!((conv.height, conv.in_channels, conv.out_height(), conv.out_channels), (9, 32, 7, 64));
    /// ```
    pub const fn adjoint(&self) -> Conv2d {
        Conv2d {
            height: self.out_height(),
            width: self.out_width(),
            in_channels: self.out_channels,
            out_channels: self.in_channels,
            kernel: self.kernel,
            stride: self.stride,
            dilation: self.dilation,
            padding: self.padding,
            same: false,
            groups: self.groups,
        }
    }
}

/// The length of the scratch of [`forward_into`]: a panel of transposed weights, at most 8192
/// elements and never more than the weights of a group.
///
/// ```
/// use kernlet::kernels::conv2d_transpose::{Conv2dTranspose, forward_scratch_len};
/// assert_eq!(forward_scratch_len(&Conv2dTranspose::new(7, 7, 8, 4, [2, 2])), 4 * 8 * 4);
/// ```
pub const fn forward_scratch_len(conv: &Conv2dTranspose) -> usize {
    conv2d::backward_input_scratch_len(&conv.adjoint())
}

/// The transposed convolution of `x` plus `b`, then the epilogue.
///
/// `scratch` may hold anything and has [`forward_scratch_len`] elements.
///
/// # Errors
/// If the descriptor is not valid or a slice has the wrong length; nothing is written then.
///
/// # Numerics
/// Each output starts at its bias (0 without one) and adds its terms (kh, kw, ci) in ascending order.
///
/// ```
/// use kernlet::{kernels::{conv2d::Epilogue, conv2d_transpose::{self, Conv2dTranspose}}, simd::Level};
/// let up = Conv2dTranspose::new(1, 2, 1, 1, [1, 2]);
/// let (mut y, mut scratch) = ([f32::NAN; 3], [f32::NAN; 2]);
/// let (x, w, b) = ([1.0, 10.0], [2.0, 3.0], [0.5]);
/// conv2d_transpose::forward_into(Level::detect(), &up, 1, conv2d_transpose::Forward { x: &x, w: &w, b: Some(&b), epilogue: Epilogue::None }, &mut y, &mut scratch)?;
/// assert_eq!(y, [2.5, 23.5, 30.5]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(
    level: Level,
    conv: &Conv2dTranspose,
    batch: usize,
    operands: Forward<'_>,
    y: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), ShapeError> {
    let Forward { x, w, b, epilogue } = operands;
    conv.validate()?;
    check_batch(NAME, "x", x, batch, conv.x_len())?;
    check(NAME, "w", w, conv.w_len())?;
    if let Some(b) = b {
        check(NAME, "b", b, conv.b_len())?;
    }
    check_batch(NAME, "y", y, batch, conv.y_len())?;
    check(NAME, "scratch", scratch, forward_scratch_len(conv))?;
    let adjoint = conv2d::Adjoint { conv: &conv.adjoint(), batch, w, dy: x, bias: b, epilogue, dx: y, scratch };
    conv2d::input_gradient(level, adjoint);
    Ok(())
}

/// `dx = ∂E/∂x`: overwrites the gradient of the input.
///
/// # Errors
/// If the descriptor is not valid or a slice has the wrong length; nothing is written then.
///
/// # Numerics
/// Each gradient starts at 0 and adds its terms (kh, kw, co) in ascending order.
///
/// ```
/// use kernlet::{kernels::conv2d_transpose::{self, Conv2dTranspose}, simd::Level};
/// let up = Conv2dTranspose::new(1, 2, 1, 1, [1, 2]);
/// let mut dx = [f32::NAN; 2];
/// conv2d_transpose::backward_input_into(Level::detect(), &up, 1, &[2.0, 3.0], &[1.0, 10.0, 100.0], &mut dx)?;
/// assert_eq!(dx, [32.0, 320.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_input_into(
    level: Level,
    conv: &Conv2dTranspose,
    batch: usize,
    w: &[f32],
    dy: &[f32],
    dx: &mut [f32],
) -> Result<(), ShapeError> {
    conv.validate()?;
    check(NAME, "w", w, conv.w_len())?;
    check_batch(NAME, "dy", dy, batch, conv.y_len())?;
    check_batch(NAME, "dx", dx, batch, conv.x_len())?;
    conv2d::contract(level, &conv.adjoint(), batch, Forward { x: dy, w, b: None, epilogue: Epilogue::None }, dx);
    Ok(())
}

/// `dw += ∂E/∂w`: adds to some rows of the gradient of the weights.
///
/// `rows` are rows of the matrix `[kh · kw · out_channels / groups][in_channels]` that the weights
/// are, and `dw_rows` holds these rows alone.
///
/// # Errors
/// If the descriptor is not valid, `rows` are not inside the matrix or a slice has the wrong
/// length; nothing is written then.
///
/// # Numerics
/// Each gradient continues from `dw_rows` and adds its terms (n, h, w) in ascending order.
///
/// ```
/// use kernlet::{kernels::conv2d_transpose::{self, Conv2dTranspose}, simd::Level};
/// let up = Conv2dTranspose::new(1, 2, 1, 1, [1, 2]);
/// let mut dw = [0.0; 2];
/// let (x, dy) = ([1.0, 10.0], [1.0, 2.0, 3.0]);
/// conv2d_transpose::backward_weight_acc(Level::detect(), &up, 1, &x, &dy, 0..2, &mut dw)?;
/// assert_eq!(dw, [21.0, 32.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_weight_acc(
    level: Level,
    conv: &Conv2dTranspose,
    batch: usize,
    x: &[f32],
    dy: &[f32],
    rows: Range<usize>,
    dw_rows: &mut [f32],
) -> Result<(), ShapeError> {
    conv.validate()?;
    check_batch(NAME, "x", x, batch, conv.x_len())?;
    check_batch(NAME, "dy", dy, batch, conv.y_len())?;
    if rows.end > conv.w_rows() || rows.start > rows.end {
        return Err(ShapeError::at_most(NAME, "rows", conv.w_rows(), rows.end.max(rows.start)));
    }
    check(NAME, "dw_rows", dw_rows, (rows.end - rows.start) * conv.in_channels)?;
    conv2d::weight_gradient(level, &conv.adjoint(), batch, dy, x, rows, dw_rows);
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
/// use kernlet::{kernels::conv2d_transpose::{self, Conv2dTranspose}, simd::Level};
/// let up = Conv2dTranspose::new(1, 2, 1, 1, [1, 2]);
/// let mut db = [1.0];
/// conv2d_transpose::backward_bias_acc(Level::detect(), &up, 1, &[1.0, 2.0, 3.0], &mut db)?;
/// assert_eq!(db, [7.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_bias_acc(
    level: Level,
    conv: &Conv2dTranspose,
    batch: usize,
    dy: &[f32],
    db: &mut [f32],
) -> Result<(), ShapeError> {
    conv.validate()?;
    check_batch(NAME, "dy", dy, batch, conv.y_len())?;
    check(NAME, "db", db, conv.b_len())?;
    conv2d::sum_rows(level, dy, db);
    Ok(())
}
