//! Transposed convolution, forward and backward: the adjoint of [`conv2d`](super::conv2d).
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
    convolution::{self, Adjoint, Gradient, Sizes, Window},
    tile::sum_rows,
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
    /// Rows added below and columns added on the right: fewer than the stride, or than the dilation
    /// where that is larger. Those that no window reaches hold the bias.
    pub output_padding: [usize; 2],
    /// Parts that the channels are divided into.
    pub groups: usize,
    /// The padding that follows kernel, stride and dilation, if it is one of Keras' words.
    follows: Option<Padding>,
    /// Whether what is added to the output was given.
    adds: bool,
}

impl Conv2dTranspose {
    /// Stride 1, dilation 1, nothing cut off or added, one group.
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
            follows: None,
            adds: false,
        }
    }

    /// The same with another stride.
    pub const fn with_stride(self, stride: [usize; 2]) -> Self {
        Self { stride, ..self }.resolved()
    }

    /// The same with another dilation.
    ///
    /// ```
    /// use kernlet::kernels::conv2d_transpose::Conv2dTranspose;
    /// assert_eq!(Conv2dTranspose::new(5, 5, 1, 1, [3, 3]).with_dilation([2, 2]).out_height(), 9);
    /// ```
    pub const fn with_dilation(self, dilation: [usize; 2]) -> Self {
        Self { dilation, ..self }.resolved()
    }

    /// The same with the output size of Keras for that padding, whether stride and dilation are set
    /// before or after: [`Padding::Same`] gives `size · stride`, [`Padding::Valid`] the whole of what
    /// the windows cover, but at least `size · stride`.
    ///
    /// ```
    /// use kernlet::{kernels::conv2d_transpose::Conv2dTranspose, shape::Padding};
    /// let up = Conv2dTranspose::new(7, 7, 1, 1, [3, 3]);
    /// let (first, last) = (up.with_padding(Padding::Same).with_stride([2, 2]), up.with_stride([2, 2]));
    /// assert_eq!(first, last.with_padding(Padding::Same));
    /// assert_eq!((first.out_height(), last.out_height()), (14, 15));
    /// ```
    pub const fn with_padding(self, padding: Padding) -> Self {
        if let Padding::Explicit { top, bottom, left, right } = padding {
            return Self { padding: [top, bottom, left, right], follows: None, ..self };
        }
        Self { follows: Some(padding), ..self }.resolved()
    }

    /// The same with what follows from the other sizes.
    const fn resolved(self) -> Self {
        let Some(follows) = self.follows else { return self };
        let mut all = [0; 4];
        let mut output_padding = [0; 2];
        let mut axis = 0;
        while axis < 2 {
            let span = span(self.kernel[axis], self.dilation[axis]);
            output_padding[axis] = self.stride[axis].saturating_sub(span);
            if let Padding::Same = follows {
                let total = span.saturating_sub(self.stride[axis]);
                all[2 * axis] = total / 2;
                all[2 * axis + 1] = total - total / 2;
            }
            axis += 1;
        }
        if self.adds {
            output_padding = self.output_padding;
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
        Self { output_padding, adds: true, ..self }
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
    /// output, less is added to it than the larger of stride and dilation, and no length overflows.
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
        check!(self.validate_axis(0));
        check!(self.validate_axis(1));
        let [kh, kw] = self.kernel;
        check!(convolution::product(NAME, "x", [self.height, self.width, self.in_channels, 1]));
        check!(convolution::product(NAME, "y", [self.out_height(), self.out_width(), self.out_channels, 1]));
        convolution::product(NAME, "w", [kh, kw, self.out_channels, self.in_channels])
    }

    /// What is asked of one axis whose sizes are at least 1.
    const fn validate_axis(&self, axis: usize) -> Result<(), ShapeError> {
        /// Sums of a few such sizes do not overflow.
        const MOST: usize = isize::MAX as usize / 8;
        let (size, step, dilation) = ([self.height, self.width][axis], self.stride[axis], self.dilation[axis]);
        match size.checked_mul(step) {
            Some(len) if len <= MOST => {}
            _ => return Err(ShapeError::at_most(NAME, "size · stride", MOST, usize::MAX)),
        }
        match self.kernel[axis].checked_mul(dilation) {
            Some(len) if len <= MOST => {}
            _ => return Err(ShapeError::at_most(NAME, "kernel · dilation", MOST, usize::MAX)),
        }
        let (before, after) = (self.padding[2 * axis], self.padding[2 * axis + 1]);
        if before > MOST || after > MOST {
            return Err(ShapeError::at_most(NAME, "padding", MOST, if before > after { before } else { after }));
        }
        let most = if step > dilation { step } else { dilation } - 1;
        if self.output_padding[axis] > most {
            return Err(ShapeError::at_most(NAME, "output_padding", most, self.output_padding[axis]));
        }
        if self.out_size(axis) == 0 {
            let whole = transposed_size(size, 0, self.kernel[axis], step, dilation) + self.output_padding[axis];
            return Err(ShapeError::at_most(NAME, "padding", whole - 1, before + after));
        }
        Ok(())
    }

    const fn out_size(&self, axis: usize) -> usize {
        let size = if axis == 0 { self.height } else { self.width };
        let padding = self.padding[2 * axis] + self.padding[2 * axis + 1];
        let whole = transposed_size(size, 0, self.kernel[axis], self.stride[axis], self.dilation[axis]);
        (whole + self.output_padding[axis]).saturating_sub(padding)
    }

    /// Rows of the output.
    pub const fn out_height(&self) -> usize {
        self.out_size(0)
    }

    /// Columns of the output.
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
        match self.out_channels.checked_div(self.groups) {
            Some(channels) => self.kernel[0] * self.kernel[1] * channels,
            None => 0,
        }
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

    /// The window of the convolution whose input gradient this is.
    const fn window(&self) -> Window {
        Window {
            input: [self.out_height(), self.out_width()],
            output: [self.height, self.width],
            in_channels: self.out_channels,
            out_channels: self.in_channels,
            kernel: self.kernel,
            stride: self.stride,
            dilation: self.dilation,
            before: [self.padding[0], self.padding[2]],
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
    convolution::panel_len(&conv.window())
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
    let of = Adjoint { conv: &conv.window(), batch, w, dy: x, bias: b, epilogue, dx: y, scratch };
    convolution::input_gradient(level, of);
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
    let operands = Forward { x: dy, w, b: None, epilogue: Epilogue::None };
    convolution::forward(level, &conv.window(), batch, operands, dx);
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
    convolution::weight_gradient(level, Gradient { conv: &conv.window(), batch, x: dy, dy: x }, rows, dw_rows);
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
    sum_rows(level, dy, db);
    Ok(())
}
