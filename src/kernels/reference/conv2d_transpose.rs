//! The naive twin of [`kernels::conv2d_transpose`](crate::kernels::conv2d_transpose). Slices are
//! indexed as they come: a wrong length panics.

use super::mul_add;
use crate::{
    kernels::conv2d_transpose::{Conv2dTranspose, Forward},
    simd::Rounding,
};

/// Where along an axis tap `k` of input position `i` falls, or `None` where that is cut off.
fn target(conv: &Conv2dTranspose, axis: usize, i: usize, k: usize) -> Option<usize> {
    let size = [conv.out_height(), conv.out_width()][axis];
    (i * conv.stride[axis] + k * conv.dilation[axis]).checked_sub(conv.padding[2 * axis]).filter(|&o| o < size)
}

impl Conv2dTranspose {
    /// Calls `f(input pixel, output pixel, tap)` for all pixels of an image that a tap joins, in ascending
    /// order of (tap, input pixel).
    fn each_tap(&self, mut f: impl FnMut(usize, usize, usize)) {
        let [kh, kw] = self.kernel;
        for (h, v) in (0..kh).flat_map(|h| (0..kw).map(move |v| (h, v))) {
            for row in 0..self.height {
                for column in 0..self.width {
                    if let (Some(oh), Some(ow)) = (target(self, 0, row, h), target(self, 1, column, v)) {
                        f(row * self.width + column, oh * self.out_width() + ow, h * kw + v);
                    }
                }
            }
        }
    }

    /// Channels of a group, in and out.
    fn group_channels(&self) -> (usize, usize) {
        (self.in_channels / self.groups, self.out_channels / self.groups)
    }

    /// Which weight joins input channel `i` and output channel `o` of its group.
    fn weight(&self, tap: usize, i: usize, o: usize) -> usize {
        let (_, out) = self.group_channels();
        (tap * out + o % out) * self.in_channels + i
    }
}

/// See [`kernels::conv2d_transpose::forward_into`](crate::kernels::conv2d_transpose::forward_into).
///
/// # Panics
/// If a slice is too short.
///
/// ```
/// use kernlet::{kernels::{conv2d_transpose::{Conv2dTranspose, Epilogue, Forward}, reference}, simd::Rounding};
/// let mut y = [0.0; 3];
/// let up = Conv2dTranspose::new(1, 2, 1, 1, [1, 2]);
/// let operands = Forward { x: &[1.0, 10.0], w: &[2.0, 3.0], b: None, epilogue: Epilogue::None };
/// reference::conv2d_transpose::forward(Rounding::Strict, &up, 1, operands, &mut y);
/// assert_eq!(y, [2.0, 23.0, 30.0]);
/// ```
pub fn forward(rounding: Rounding, conv: &Conv2dTranspose, batch: usize, operands: Forward<'_>, y: &mut [f32]) {
    let Forward { x, w, b, epilogue } = operands;
    let (ci, co) = conv.group_channels();
    for n in 0..batch {
        let x = &x[n * conv.x_len()..];
        let y = &mut y[n * conv.y_len()..][..conv.y_len()];
        for (o, y) in y.iter_mut().enumerate() {
            *y = b.map_or(0.0, |b| b[o % conv.out_channels]);
        }
        // At most one input pixel meets an output at a tap, so each chain ascends.
        conv.each_tap(|pixel, out, tap| {
            for o in 0..conv.out_channels {
                for i in o / co * ci..(o / co + 1) * ci {
                    let y = &mut y[out * conv.out_channels + o];
                    *y = mul_add(rounding, x[pixel * conv.in_channels + i], w[conv.weight(tap, i, o)], *y);
                }
            }
        });
    }
    for y in y {
        *y = epilogue.apply(*y);
    }
}

/// See [`kernels::conv2d_transpose::backward_input_into`](crate::kernels::conv2d_transpose::backward_input_into).
///
/// # Panics
/// If a slice is too short.
///
/// ```
/// use kernlet::{kernels::{conv2d_transpose::Conv2dTranspose, reference}, simd::Rounding};
/// let mut dx = [0.0; 2];
/// let up = Conv2dTranspose::new(1, 2, 1, 1, [1, 2]);
/// reference::conv2d_transpose::backward_input(Rounding::Strict, &up, 1, &[2.0, 3.0], &[1.0, 10.0, 100.0], &mut dx);
/// assert_eq!(dx, [32.0, 320.0]);
/// ```
pub fn backward_input(rounding: Rounding, conv: &Conv2dTranspose, batch: usize, w: &[f32], dy: &[f32], dx: &mut [f32]) {
    let (ci, co) = conv.group_channels();
    dx[..batch * conv.x_len()].fill(0.0);
    for n in 0..batch {
        let dy = &dy[n * conv.y_len()..];
        let dx = &mut dx[n * conv.x_len()..];
        conv.each_tap(|pixel, out, tap| {
            for i in 0..conv.in_channels {
                for o in i / ci * co..(i / ci + 1) * co {
                    let dx = &mut dx[pixel * conv.in_channels + i];
                    *dx = mul_add(rounding, dy[out * conv.out_channels + o], w[conv.weight(tap, i, o)], *dx);
                }
            }
        });
    }
}

/// See [`kernels::conv2d_transpose::backward_weight_acc`](crate::kernels::conv2d_transpose::backward_weight_acc), all rows.
///
/// # Panics
/// If a slice is too short.
///
/// ```
/// use kernlet::{kernels::{conv2d_transpose::Conv2dTranspose, reference}, simd::Rounding};
/// let mut dw = [0.0; 2];
/// let up = Conv2dTranspose::new(1, 2, 1, 1, [1, 2]);
/// let (x, dy) = ([1.0, 10.0], [1.0, 2.0, 3.0]);
/// reference::conv2d_transpose::backward_weight(Rounding::Strict, &up, 1, &x, &dy, &mut dw);
/// assert_eq!(dw, [21.0, 32.0]);
/// ```
pub fn backward_weight(
    rounding: Rounding,
    conv: &Conv2dTranspose,
    batch: usize,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
) {
    let (ci, co) = conv.group_channels();
    for n in 0..batch {
        let (x, dy) = (&x[n * conv.x_len()..], &dy[n * conv.y_len()..]);
        conv.each_tap(|pixel, out, tap| {
            for i in 0..conv.in_channels {
                for o in i / ci * co..(i / ci + 1) * co {
                    let dw = &mut dw[conv.weight(tap, i, o)];
                    *dw = mul_add(rounding, x[pixel * conv.in_channels + i], dy[out * conv.out_channels + o], *dw);
                }
            }
        });
    }
}

/// See [`kernels::conv2d_transpose::backward_bias_acc`](crate::kernels::conv2d_transpose::backward_bias_acc).
///
/// ```
/// let mut db = [1.0];
/// kernlet::kernels::reference::conv2d_transpose::backward_bias(&[1.0, 2.0, 3.0], &mut db);
/// assert_eq!(db, [7.0]);
/// ```
pub fn backward_bias(dy: &[f32], db: &mut [f32]) {
    super::conv2d::backward_bias(dy, db);
}
