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

use core::ops::Range;

use super::{Filter, ShapeError, check_batch, div_ceil};
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
    let _ = level;
    for (x, y) in x.chunks_exact(conv.x_len()).zip(y.chunks_exact_mut(conv.y_len())) {
        image(conv, x, filter, y);
    }
    Ok(())
}

/// The taps of a window, `dilation` apart, that lie inside an axis of `size` elements. The window begins
/// at `at`, counted from `before` elements of padding.
#[inline(always)]
pub(super) fn inside(at: usize, before: usize, size: usize, kernel: usize, dilation: usize) -> Range<usize> {
    let first = div_ceil(before.saturating_sub(at), dilation).min(kernel);
    let end = div_ceil((size + before).saturating_sub(at), dilation).min(kernel);
    first..end
}

/// The windows of an image: `f(output pixel, rows of taps, columns of taps, first row, first column)`.
fn image(conv: &Conv2d, x: &[i8], filter: &Filter<'_>, y: &mut [i8]) {
    let [kernel_height, kernel_width] = conv.kernel;
    let (terms, pixels) = (conv.w_rows(), y.chunks_exact_mut(conv.out_channels));
    let (inputs, outputs) = (super::div(conv.in_channels, conv.groups), super::div(conv.out_channels, conv.groups));
    let zero_point = i32::from(filter.input_zero_point);
    let (mut row, mut column) = (0, 0);
    for y in pixels {
        let (top, left) = (row * conv.stride[0], column * conv.stride[1]);
        let rows = inside(top, conv.padding[0], conv.height, kernel_height, conv.dilation[0]);
        let columns = inside(left, conv.padding[2], conv.width, kernel_width, conv.dilation[1]);
        let (mut channel, mut first) = (0, 0);
        for y in y.chunks_exact_mut(outputs) {
            for y in y {
                let w = filter.w.get(channel * terms..).unwrap_or_default();
                let mut sum = filter.bias(channel);
                for h in rows.clone() {
                    for v in columns.clone() {
                        let pixel = (top + h * conv.dilation[0] - conv.padding[0]) * conv.width
                            + (left + v * conv.dilation[1] - conv.padding[2]);
                        let x = x.get(pixel * conv.in_channels + first..).unwrap_or_default();
                        let w = w.get((h * kernel_width + v) * inputs..).unwrap_or_default();
                        for (&x, &w) in x.iter().zip(w).take(inputs) {
                            sum = sum.wrapping_add((i32::from(x) - zero_point) * i32::from(w));
                        }
                    }
                }
                *y = filter.output.of(sum, filter.multiplier(channel));
                channel += 1;
            }
            first += inputs;
        }
        column += 1;
        if column == conv.out_width() {
            (row, column) = (row + 1, 0);
        }
    }
}
