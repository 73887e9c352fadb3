//! The twins of [`conv2d`](crate::kernels::int8::conv2d), [`depthwise_conv2d`](crate::kernels::int8::depthwise_conv2d),
//! [`conv2d_transpose`](crate::kernels::int8::conv2d_transpose) and [`dense`](crate::kernels::int8::dense).

use super::sum;
use crate::kernels::{conv2d::Conv2d, conv2d_transpose::Conv2dTranspose, dense::Dense, int8::Filter};

/// The taps of an output pixel that lie inside the image, each with its pixel.
fn taps(conv: &Conv2d, oh: usize, ow: usize) -> impl Iterator<Item = (usize, usize)> + Clone {
    let conv = *conv;
    let source = move |at: usize, tap: usize, axis: usize, size: usize| {
        (at * conv.stride[axis] + tap * conv.dilation[axis]).checked_sub(conv.padding[2 * axis]).filter(|&i| i < size)
    };
    (0..conv.kernel[0] * conv.kernel[1]).filter_map(move |tap| {
        let row = source(oh, tap / conv.kernel[1], 0, conv.height)?;
        let column = source(ow, tap % conv.kernel[1], 1, conv.width)?;
        Some((tap, row * conv.width + column))
    })
}

/// Calls `f` with the index, image, row, column and channel of each output.
fn each_output(
    y: &mut [i8],
    [height, width, channels]: [usize; 3],
    mut f: impl FnMut(usize, usize, usize, usize) -> i8,
) {
    for (i, y) in y.iter_mut().enumerate() {
        let (pixel, channel) = (i / channels, i % channels);
        *y = f(pixel / (height * width), pixel / width % height, pixel % width, channel);
    }
}

/// See [`int8::conv2d::forward_into`](crate::kernels::int8::conv2d::forward_into).
///
/// ```
/// use kernlet::kernels::{conv2d::Conv2d, int8::{Filter, Multiplier, Output}, reference::int8::convolution};
/// let multipliers = [Multiplier::from_real(1.0)];
/// let filter = Filter::new(&[1, 10], &multipliers, Output::new(0));
/// let mut y = [0; 2];
/// convolution::conv2d(&Conv2d::new(1, 3, 1, 1, [1, 2]), 1, &[1, 2, 3], &filter, &mut y);
/// assert_eq!(y, [21, 32]);
/// ```
pub fn conv2d(conv: &Conv2d, batch: usize, x: &[i8], filter: &Filter<'_>, y: &mut [i8]) {
    let (inputs, outputs) = (conv.in_channels / conv.groups, conv.out_channels / conv.groups);
    let y = &mut y[..batch * conv.y_len()];
    each_output(y, [conv.out_height(), conv.out_width(), conv.out_channels], |n, oh, ow, channel| {
        let w = &filter.w[channel * conv.w_rows()..];
        let terms = taps(conv, oh, ow).flat_map(|(tap, pixel)| {
            let x = &x[n * conv.x_len() + pixel * conv.in_channels + channel / outputs * inputs..];
            (0..inputs).map(move |i| (x[i], w[tap * inputs + i]))
        });
        sum(filter, channel, terms)
    });
}

/// See [`int8::depthwise_conv2d::forward_into`](crate::kernels::int8::depthwise_conv2d::forward_into).
///
/// ```
/// use kernlet::kernels::{conv2d::Conv2d, int8::{Filter, Multiplier, Output}, reference::int8::convolution};
/// let multipliers = [Multiplier::from_real(1.0)];
/// let filter = Filter::new(&[1, 2], &multipliers, Output::new(0));
/// let mut y = [0; 2];
/// convolution::depthwise_conv2d(&Conv2d::new(1, 1, 2, 2, [1, 1]).with_groups(2), 1, &[3, 5], &filter, &mut y);
/// assert_eq!(y, [3, 10]);
/// ```
pub fn depthwise_conv2d(conv: &Conv2d, batch: usize, x: &[i8], filter: &Filter<'_>, y: &mut [i8]) {
    let multiplier = conv.out_channels / conv.in_channels;
    let y = &mut y[..batch * conv.y_len()];
    each_output(y, [conv.out_height(), conv.out_width(), conv.out_channels], |n, oh, ow, channel| {
        let terms = taps(conv, oh, ow).map(|(tap, pixel)| {
            let x = x[n * conv.x_len() + pixel * conv.in_channels + channel / multiplier];
            (x, filter.w[tap * conv.out_channels + channel])
        });
        sum(filter, channel, terms)
    });
}

/// See [`int8::conv2d_transpose::forward_into`](crate::kernels::int8::conv2d_transpose::forward_into).
///
/// ```
/// use kernlet::kernels::{conv2d_transpose::Conv2dTranspose, int8::{Filter, Multiplier, Output}};
/// use kernlet::kernels::reference::int8::convolution;
/// let multipliers = [Multiplier::from_real(1.0)];
/// let filter = Filter::new(&[1, 10], &multipliers, Output::new(0));
/// let mut y = [0; 3];
/// convolution::conv2d_transpose(&Conv2dTranspose::new(1, 2, 1, 1, [1, 2]), 1, &[1, 2], &filter, &mut y);
/// assert_eq!(y, [1, 12, 20]);
/// ```
pub fn conv2d_transpose(conv: &Conv2dTranspose, batch: usize, x: &[i8], filter: &Filter<'_>, y: &mut [i8]) {
    let y = &mut y[..batch * conv.y_len()];
    let [kernel_height, kernel_width] = conv.kernel;
    each_output(y, [conv.out_height(), conv.out_width(), conv.out_channels], |n, oh, ow, channel| {
        let w = &filter.w[channel * kernel_height * kernel_width * conv.in_channels..];
        // The tap along an axis that joins an input with this output.
        let tap = |at: usize, from: usize, axis: usize| {
            let offset = (at + conv.padding[2 * axis]).checked_sub(from * conv.stride[axis])?;
            let tap = offset / conv.dilation[axis];
            (offset % conv.dilation[axis] == 0 && tap < conv.kernel[axis]).then_some(tap)
        };
        let terms = (0..conv.height * conv.width).flat_map(|pixel| {
            let taps = tap(oh, pixel / conv.width, 0).zip(tap(ow, pixel % conv.width, 1));
            let x = &x[n * conv.x_len() + pixel * conv.in_channels..];
            let inputs = taps.map_or(0, |_| conv.in_channels);
            let (kh, kw) = taps.unwrap_or_default();
            (0..inputs).map(move |i| (x[i], w[(kh * kernel_width + kw) * conv.in_channels + i]))
        });
        sum(filter, channel, terms)
    });
}

/// See [`int8::dense::forward_into`](crate::kernels::int8::dense::forward_into).
///
/// ```
/// use kernlet::kernels::{dense::Dense, int8::{Filter, Multiplier, Output}, reference::int8::convolution};
/// let multipliers = [Multiplier::from_real(1.0)];
/// let mut y = [0];
/// convolution::dense(&Dense::new(2, 1), 1, &[1, 2], &Filter::new(&[1, 10], &multipliers, Output::new(0)), &mut y);
/// assert_eq!(y, [21]);
/// ```
pub fn dense(dense: &Dense, batch: usize, x: &[i8], filter: &Filter<'_>, y: &mut [i8]) {
    let y = &mut y[..batch * dense.outputs];
    each_output(y, [1, 1, dense.outputs.max(1)], |n, _, _, channel| {
        let (x, w) = (&x[n * dense.inputs..][..dense.inputs], &filter.w[channel * dense.inputs..]);
        sum(filter, channel, x.iter().copied().zip(w.iter().copied()))
    });
}
