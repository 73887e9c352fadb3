//! The naive twin of [`kernels::conv2d`](crate::kernels::conv2d). Slices are indexed as they come:
//! a wrong length panics.

use super::mul_add;
use crate::{
    kernels::conv2d::{Conv2d, Forward},
    simd::Rounding,
};

/// What output position `o` reads at tap `k`, or `None` in the padding.
fn source(o: usize, k: usize, stride: usize, dilation: usize, before: usize, size: usize) -> Option<usize> {
    (o * stride + k * dilation).checked_sub(before).filter(|&i| i < size)
}

impl Conv2d {
    /// Calls `f(output pixel, input pixel, kh, kw)` for all pixels of an image that a tap joins,
    /// in ascending order of (oh, ow, kh, kw).
    fn each_tap(&self, mut f: impl FnMut(usize, usize, usize, usize)) {
        let [kh, kw] = self.kernel;
        for oh in 0..self.out_height() {
            for ow in 0..self.out_width() {
                for h in 0..kh {
                    for v in 0..kw {
                        let row = source(oh, h, self.stride[0], self.dilation[0], self.padding[0], self.height);
                        let column = source(ow, v, self.stride[1], self.dilation[1], self.padding[2], self.width);
                        if let (Some(row), Some(column)) = (row, column) {
                            f(oh * self.out_width() + ow, row * self.width + column, h, v);
                        }
                    }
                }
            }
        }
    }
}

/// See [`kernels::conv2d::forward_into`](crate::kernels::conv2d::forward_into).
///
/// # Panics
/// If a slice is too short.
///
/// ```
/// use kernlet::{kernels::{conv2d::{Conv2d, Epilogue, Forward}, reference}, simd::Rounding};
/// let mut y = [0.0; 2];
/// let conv = Conv2d::new(1, 3, 1, 1, [1, 2]);
/// let operands = Forward { x: &[1.0, 2.0, 3.0], w: &[1.0, 10.0], b: None, epilogue: Epilogue::None };
/// reference::conv2d::forward(Rounding::Strict, &conv, 1, operands, &mut y);
/// assert_eq!(y, [21.0, 32.0]);
/// ```
pub fn forward(rounding: Rounding, conv: &Conv2d, batch: usize, operands: Forward<'_>, y: &mut [f32]) {
    let Forward { x, w, b, epilogue } = operands;
    let (ci, co) = (conv.in_channels / conv.groups, conv.out_channels / conv.groups);
    for n in 0..batch {
        let x = &x[n * conv.x_len()..];
        let y = &mut y[n * conv.y_len()..][..conv.y_len()];
        for (i, y) in y.iter_mut().enumerate() {
            *y = b.map_or(0.0, |b| b[i % conv.out_channels]);
        }
        conv.each_tap(|out, pixel, h, v| {
            for o in 0..conv.out_channels {
                for i in 0..ci {
                    let x = x[pixel * conv.in_channels + o / co * ci + i];
                    let w = w[((h * conv.kernel[1] + v) * ci + i) * conv.out_channels + o];
                    let y = &mut y[out * conv.out_channels + o];
                    *y = mul_add(rounding, x, w, *y);
                }
            }
        });
        for y in y {
            *y = epilogue.apply(*y);
        }
    }
}

/// See [`kernels::conv2d::backward_input_into`](crate::kernels::conv2d::backward_input_into).
///
/// # Panics
/// If a slice is too short.
///
/// ```
/// use kernlet::{kernels::{conv2d::Conv2d, reference}, simd::Rounding};
/// let mut dx = [0.0; 3];
/// let conv = Conv2d::new(1, 3, 1, 1, [1, 2]);
/// reference::conv2d::backward_input(Rounding::Strict, &conv, 1, &[1.0, 10.0], &[2.0, 3.0], &mut dx);
/// assert_eq!(dx, [2.0, 23.0, 30.0]);
/// ```
pub fn backward_input(rounding: Rounding, conv: &Conv2d, batch: usize, w: &[f32], dy: &[f32], dx: &mut [f32]) {
    let (ci, co) = (conv.in_channels / conv.groups, conv.out_channels / conv.groups);
    for n in 0..batch {
        let dy = &dy[n * conv.y_len()..];
        let dx = &mut dx[n * conv.x_len()..][..conv.x_len()];
        dx.fill(0.0);
        // A pixel of dx meets taps in descending order as outputs ascend, hence one tap at a time.
        for tap in 0..conv.kernel[0] * conv.kernel[1] {
            conv.each_tap(|out, pixel, h, v| {
                if h * conv.kernel[1] + v != tap {
                    return;
                }
                for i in 0..conv.in_channels {
                    for o in 0..co {
                        let o = i / ci * co + o;
                        let w = w[(tap * ci + i % ci) * conv.out_channels + o];
                        let dx = &mut dx[pixel * conv.in_channels + i];
                        *dx = mul_add(rounding, dy[out * conv.out_channels + o], w, *dx);
                    }
                }
            });
        }
    }
}

/// See [`kernels::conv2d::backward_weight_acc`](crate::kernels::conv2d::backward_weight_acc), all rows.
///
/// # Panics
/// If a slice is too short.
///
/// ```
/// use kernlet::{kernels::{conv2d::Conv2d, reference}, simd::Rounding};
/// let mut dw = [1.0, 1.0];
/// let conv = Conv2d::new(1, 3, 1, 1, [1, 2]);
/// reference::conv2d::backward_weight(Rounding::Strict, &conv, 1, &[1.0, 2.0, 3.0], &[1.0, 10.0], &mut dw);
/// assert_eq!(dw, [22.0, 33.0]);
/// ```
pub fn backward_weight(rounding: Rounding, conv: &Conv2d, batch: usize, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let (ci, co) = (conv.in_channels / conv.groups, conv.out_channels / conv.groups);
    for n in 0..batch {
        let (x, dy) = (&x[n * conv.x_len()..], &dy[n * conv.y_len()..]);
        conv.each_tap(|out, pixel, h, v| {
            for i in 0..ci {
                for o in 0..conv.out_channels {
                    let x = x[pixel * conv.in_channels + o / co * ci + i];
                    let dw = &mut dw[((h * conv.kernel[1] + v) * ci + i) * conv.out_channels + o];
                    *dw = mul_add(rounding, x, dy[out * conv.out_channels + o], *dw);
                }
            }
        });
    }
}

/// See [`kernels::conv2d::backward_bias_acc`](crate::kernels::conv2d::backward_bias_acc).
///
/// ```
/// let mut db = [1.0, 1.0];
/// kernlet::kernels::reference::conv2d::backward_bias(&[1.0, 10.0, 2.0, 20.0], &mut db);
/// assert_eq!(db, [4.0, 31.0]);
/// ```
pub fn backward_bias(dy: &[f32], db: &mut [f32]) {
    if db.is_empty() {
        return;
    }
    for pixel in dy.chunks_exact(db.len()) {
        for (db, dy) in db.iter_mut().zip(pixel) {
            *db += dy;
        }
    }
}
