//! Depthwise convolution of eight-bit integers: each input channel has outputs of its own.
//!
//! ```text
//! sum = b[co] + Σ_kh Σ_kw (x[n][oh·S − P + kh·D][ow·S − P + kw·D][co / m] − zₓ) · w[kh][kw][co]
//! ```
//!
//! with the multiplier `m = out_channels / in_channels`; the rest is as in [`conv2d`](super::conv2d). `w` is
//! `[kh][kw][out_channels]`. The shape is a [`Conv2d`] of `groups = in_channels`.

use super::{Filter, ShapeError, check_batch, conv2d::inside, div};
use crate::{kernels::conv2d::Conv2d, simd::Level};

const NAME: &str = "int8 depthwise_conv2d";

/// `y = x ⋆ w + b` channel by channel, rescaled.
///
/// # Errors
/// If the descriptor is not valid, its groups are not its input channels, or a slice has the wrong length;
/// nothing is written then.
///
/// ```
/// use kernlet::kernels::{conv2d::Conv2d, int8::{Filter, Multiplier, Output, depthwise_conv2d}};
/// use kernlet::simd::Level;
/// let conv = Conv2d::new(1, 3, 2, 2, [1, 2]).with_groups(2);
/// let x = [1, 10, 2, 20, 3, 30]; // [1][3][2]
/// let multipliers = [Multiplier::from_real(1.0)];
/// let filter = Filter::new(&[1, 1, 1, 2], &multipliers, Output::new(0));
/// let mut y = [99; 4];
/// depthwise_conv2d::forward_into(Level::detect(), &conv, 1, &x, &filter, &mut y)?;
/// assert_eq!(y, [3, 50, 5, 80]);
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
    if conv.groups != conv.in_channels {
        return Err(ShapeError::new(NAME, "groups", conv.in_channels, conv.groups));
    }
    check_batch(NAME, "x", x, batch, conv.x_len())?;
    filter.check(NAME, conv.w_len(), conv.out_channels)?;
    check_batch(NAME, "y", y, batch, conv.y_len())?;
    let _ = level;
    for (x, y) in x.chunks_exact(conv.x_len()).zip(y.chunks_exact_mut(conv.y_len())) {
        image(conv, x, filter, y);
    }
    Ok(())
}

fn image(conv: &Conv2d, x: &[i8], filter: &Filter<'_>, y: &mut [i8]) {
    let [kernel_height, kernel_width] = conv.kernel;
    let outputs = div(conv.out_channels, conv.in_channels);
    let zero_point = i32::from(filter.input_zero_point);
    let (mut row, mut column) = (0, 0);
    for y in y.chunks_exact_mut(conv.out_channels) {
        let (top, left) = (row * conv.stride[0], column * conv.stride[1]);
        let rows = inside(top, conv.padding[0], conv.height, kernel_height, conv.dilation[0]);
        let columns = inside(left, conv.padding[2], conv.width, kernel_width, conv.dilation[1]);
        let mut channel = 0;
        for (from, y) in y.chunks_exact_mut(outputs).enumerate() {
            for y in y {
                let mut sum = filter.bias(channel);
                for h in rows.clone() {
                    for v in columns.clone() {
                        let pixel = (top + h * conv.dilation[0] - conv.padding[0]) * conv.width
                            + (left + v * conv.dilation[1] - conv.padding[2]);
                        let x = x.get(pixel * conv.in_channels + from).copied().unwrap_or_default();
                        let w = filter.w.get((h * kernel_width + v) * conv.out_channels + channel);
                        let w = w.copied().unwrap_or_default();
                        sum = sum.wrapping_add((i32::from(x) - zero_point) * i32::from(w));
                    }
                }
                *y = filter.output.of(sum, filter.multiplier(channel));
                channel += 1;
            }
        }
        column += 1;
        if column == conv.out_width() {
            (row, column) = (row + 1, 0);
        }
    }
}
