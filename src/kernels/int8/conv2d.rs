//! Two-dimensional convolution of eight-bit integers.
//!
//! ```text
//! sum = b[co] + Σ_kh Σ_kw Σ_ci (x[n][oh·S − P + kh·D][ow·S − P + kw·D][ci] − zₓ) · w[co][kh][kw][ci]
//! y[n][oh][ow][co] = clamp(rescale(sum, m[co]) + z_y)
//! ```
//!
//! Taps that fall into the padding are left out. `x` is `[n][height][width][in_channels]`, `y` is
//! `[n][out_height][out_width][out_channels]`, `w` is `[out_channels][kh][kw][in_channels / groups]`
//! (OHWI). The shape is that of the `f32` kernel, [`Conv2d`].

use super::{
    Filter, ShapeError, check_batch, div,
    product::{Layer, product},
    rows::{Axis, Matrix, Windows},
};
use crate::{kernels::conv2d::Conv2d, simd::Level};

const NAME: &str = "int8 conv2d";

/// `y = x ⋆ w + b`, rescaled.
///
/// # Errors
/// If the descriptor is not valid or a slice has the wrong length; nothing is written then.
///
/// ```
/// use kernlet::kernels::{conv2d::Conv2d, int8::{Filter, Multiplier, Output, conv2d}};
/// use kernlet::simd::Level;
/// let conv = Conv2d::new(3, 3, 1, 2, [2, 2]);
/// let x = [0, 1, 2, 3, 4, 5, 6, 7, 8];
/// let w = [1, 0, 0, 1, -1, 0, 0, -1]; // [2][2][2][1]
/// let multipliers = [Multiplier::from_real(1.0)];
/// let filter = Filter::new(&w, &multipliers, Output::new(0));
/// let mut y = [99; 8];
/// conv2d::forward_into(Level::detect(), &conv, 1, &x, &filter, &mut y)?;
/// assert_eq!(y, [4, -4, 6, -6, 10, -10, 12, -12]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(
    level: Level,
    conv: &Conv2d,
    batch: usize,
    x: &[i8],
    filter: &Filter<'_>,
    y: &mut [i8],
) -> Result<(), ShapeError> {
    conv.validate()?;
    check_batch(NAME, "x", x, batch, conv.x_len())?;
    filter.check(NAME, conv.w_len(), conv.out_channels)?;
    check_batch(NAME, "y", y, batch, conv.y_len())?;
    let pixels = batch * conv.out_height() * conv.out_width();
    let (inputs, outputs) = (div(conv.in_channels, conv.groups), div(conv.out_channels, conv.groups));
    for group in 0..conv.groups {
        let layer = Layer {
            filter,
            first_channel: group * outputs,
            channels: outputs,
            terms: conv.w_rows(),
            all_channels: conv.out_channels,
        };
        if is_matrix(conv) {
            product(level, &layer, &Matrix { x, columns: conv.in_channels }, pixels, y);
            continue;
        }
        let windows = Windows {
            x,
            rows: axis(conv, 0),
            columns: axis(conv, 1),
            channels: conv.in_channels,
            taken: group * inputs..(group + 1) * inputs,
            output: [conv.out_height(), conv.out_width()],
            zero_point: filter.input_zero_point,
        };
        product(level, &layer, &windows, pixels, y);
    }
    Ok(())
}

/// Whether each output pixel reads one pixel, in the order of the image.
const fn is_matrix(conv: &Conv2d) -> bool {
    matches!((conv.kernel, conv.stride, conv.padding, conv.groups), ([1, 1], [1, 1], [0, 0, 0, 0], 1))
}

/// The windows along rows (0) or columns (1).
pub(super) const fn axis(conv: &Conv2d, which: usize) -> Axis {
    let down = which == 0;
    Axis {
        size: if down { conv.height } else { conv.width },
        kernel: conv.kernel[if down { 0 } else { 1 }],
        stride: conv.stride[if down { 0 } else { 1 }],
        dilation: conv.dilation[if down { 0 } else { 1 }],
        before: conv.padding[if down { 0 } else { 2 }],
    }
}
