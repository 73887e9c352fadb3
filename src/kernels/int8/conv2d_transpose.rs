//! Transposed convolution of eight-bit integers.
//!
//! Every input pixel adds its window to the sums of the output. With stride `S` and padding `P`:
//!
//! ```text
//! sum[n][h·S − P + kh][w·S − P + kw][co] += Σ_ci (x[n][h][w][ci] − zₓ) · w[co][kh][kw][ci]
//! ```
//!
//! Sums begin at the bias and are rescaled as in [`conv2d`](super::conv2d). `w` is
//! `[out_channels][kh][kw][in_channels]`. The shape is the `f32` kernel's [`Conv2dTranspose`], of one group.

use super::{
    Filter, ShapeError, check_batch,
    product::{Layer, product},
    rows::{Axis, Gathered},
};
use crate::{kernels::conv2d_transpose::Conv2dTranspose, simd::Level};

const NAME: &str = "int8 conv2d_transpose";

/// The adjoint of a convolution, rescaled. Each output gathers its inputs, so that no sum is kept in memory.
///
/// # Errors
/// If the descriptor is not valid or has several groups, or a slice has the wrong length; nothing is
/// written then.
///
/// ```
/// use kernlet::kernels::{conv2d_transpose::Conv2dTranspose, int8::{Filter, Multiplier, Output, conv2d_transpose}};
/// use kernlet::simd::Level;
/// let up = Conv2dTranspose::new(1, 2, 1, 1, [1, 3]).with_stride([1, 2]);
/// let multipliers = [Multiplier::from_real(1.0)];
/// let filter = Filter::new(&[1, 2, 3], &multipliers, Output::new(0));
/// let mut y = [99; 5];
/// conv2d_transpose::forward_into(Level::detect(), &up, 1, &[1, 10], &filter, &mut y)?;
/// assert_eq!(y, [1, 2, 13, 20, 30]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(
    level: Level,
    conv: &Conv2dTranspose,
    batch: usize,
    x: &[i8],
    filter: &Filter<'_>,
    y: &mut [i8],
) -> Result<(), ShapeError> {
    conv.validate()?;
    if conv.groups != 1 {
        return Err(ShapeError::new(NAME, "groups", 1, conv.groups));
    }
    check_batch(NAME, "x", x, batch, conv.x_len())?;
    filter.check(NAME, conv.w_len(), conv.out_channels)?;
    check_batch(NAME, "y", y, batch, conv.y_len())?;
    let layer = Layer {
        filter,
        first_channel: 0,
        channels: conv.out_channels,
        terms: conv.kernel[0] * conv.kernel[1] * conv.in_channels,
        all_channels: conv.out_channels,
    };
    let axis = |size, axis: usize, before| Axis {
        size,
        kernel: conv.kernel[axis],
        stride: conv.stride[axis],
        dilation: conv.dilation[axis],
        before,
    };
    let windows = Gathered {
        x,
        rows: axis(conv.height, 0, conv.padding[0]),
        columns: axis(conv.width, 1, conv.padding[2]),
        channels: conv.in_channels,
        output: [conv.out_height(), conv.out_width()],
        zero_point: filter.input_zero_point,
    };
    product(level, &layer, &windows, batch * conv.out_height() * conv.out_width(), y);
    Ok(())
}
