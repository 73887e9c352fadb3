//! The naive twin of [`kernels::conv2d_transpose`](crate::kernels::conv2d_transpose). Slices are
//! indexed as they come: a wrong length panics.

use super::conv2d;
use crate::{
    kernels::{
        Epilogue,
        conv2d_transpose::{Conv2dTranspose, Forward},
    },
    simd::Rounding,
};

/// See [`kernels::conv2d_transpose::forward_into`](crate::kernels::conv2d_transpose::forward_into).
///
/// # Panics
/// If a slice is too short.
///
/// ```
/// use kernlet::{kernels::{conv2d::Epilogue, conv2d_transpose::Conv2dTranspose, reference}, simd::Rounding};
/// let mut y = [0.0; 3];
/// let up = Conv2dTranspose::new(1, 2, 1, 1, [1, 2]);
/// reference::conv2d_transpose::forward(Rounding::Strict, &up, 1, conv2d_transpose::Forward { x: &[1.0, 10.0], w: &[2.0, 3.0], b: None, epilogue: Epilogue::None }, &mut y);
/// assert_eq!(y, [2.0, 23.0, 30.0]);
/// ```
pub fn forward(rounding: Rounding, conv: &Conv2dTranspose, batch: usize, operands: Forward<'_>, y: &mut [f32]) {
    let Forward { x, w, b, epilogue } = operands;
    conv2d::adjoint(rounding, &conv.adjoint(), batch, w, x, |channel| b.map_or(0.0, |b| b[channel]), y);
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
    conv2d::forward(rounding, &conv.adjoint(), batch, Forward { x: dy, w, b: None, epilogue: Epilogue::None }, dx);
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
    conv2d::backward_weight(rounding, &conv.adjoint(), batch, dy, x, dw);
}

/// See [`kernels::conv2d_transpose::backward_bias_acc`](crate::kernels::conv2d_transpose::backward_bias_acc).
///
/// ```
/// let mut db = [1.0];
/// kernlet::kernels::reference::conv2d_transpose::backward_bias(&[1.0, 2.0, 3.0], &mut db);
/// assert_eq!(db, [7.0]);
/// ```
pub fn backward_bias(dy: &[f32], db: &mut [f32]) {
    conv2d::backward_bias(dy, db);
}
