//! The naive twin of [`kernels::dense`](crate::kernels::dense). Slices are indexed as they come:
//! a wrong length panics.

use super::mul_add;
use crate::{
    kernels::dense::{Dense, Forward},
    simd::Rounding,
};

/// See [`kernels::dense::forward_into`](crate::kernels::dense::forward_into).
///
/// # Panics
/// If a slice is too short.
///
/// ```
/// use kernlet::{kernels::{dense::{Dense, Epilogue, Forward}, reference}, simd::Rounding};
/// let mut y = [0.0; 2];
/// let w = [1.0, 4.0, 2.0, 5.0, 3.0, 6.0];
/// let operands = Forward { x: &[1.0, 1.0, 2.0], w: &w, b: None, epilogue: Epilogue::None };
/// reference::dense::forward(Rounding::Strict, &Dense::new(3, 2), 1, operands, &mut y);
/// assert_eq!(y, [9.0, 21.0]);
/// ```
pub fn forward(rounding: Rounding, dense: &Dense, batch: usize, operands: Forward<'_>, y: &mut [f32]) {
    let Forward { x, w, b, epilogue } = operands;
    for n in 0..batch {
        for o in 0..dense.outputs {
            let mut sum = b.map_or(0.0, |b| b[o]);
            for i in 0..dense.inputs {
                sum = mul_add(rounding, x[n * dense.inputs + i], w[i * dense.outputs + o], sum);
            }
            y[n * dense.outputs + o] = epilogue.apply(sum);
        }
    }
}

/// See [`kernels::dense::backward_input_into`](crate::kernels::dense::backward_input_into).
///
/// # Panics
/// If a slice is too short.
///
/// ```
/// use kernlet::{kernels::{dense::Dense, reference}, simd::Rounding};
/// let mut dx = [0.0; 3];
/// let w = [1.0, 4.0, 2.0, 5.0, 3.0, 6.0];
/// reference::dense::backward_input(Rounding::Strict, &Dense::new(3, 2), 1, &w, &[1.0, 10.0], &mut dx);
/// assert_eq!(dx, [41.0, 52.0, 63.0]);
/// ```
pub fn backward_input(rounding: Rounding, dense: &Dense, batch: usize, w: &[f32], dy: &[f32], dx: &mut [f32]) {
    for n in 0..batch {
        for i in 0..dense.inputs {
            let mut sum = 0.0;
            for o in 0..dense.outputs {
                sum = mul_add(rounding, dy[n * dense.outputs + o], w[i * dense.outputs + o], sum);
            }
            dx[n * dense.inputs + i] = sum;
        }
    }
}

/// See [`kernels::dense::backward_weight_acc`](crate::kernels::dense::backward_weight_acc), all rows.
///
/// # Panics
/// If a slice is too short.
///
/// ```
/// use kernlet::{kernels::{dense::Dense, reference}, simd::Rounding};
/// let mut dw = [1.0; 6];
/// reference::dense::backward_weight(Rounding::Strict, &Dense::new(3, 2), 1, &[1.0, 2.0, 3.0], &[1.0, 10.0], &mut dw);
/// assert_eq!(dw, [2.0, 11.0, 3.0, 21.0, 4.0, 31.0]);
/// ```
pub fn backward_weight(rounding: Rounding, dense: &Dense, batch: usize, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    for i in 0..dense.inputs {
        for o in 0..dense.outputs {
            let dw = &mut dw[i * dense.outputs + o];
            for n in 0..batch {
                *dw = mul_add(rounding, x[n * dense.inputs + i], dy[n * dense.outputs + o], *dw);
            }
        }
    }
}

/// See [`kernels::dense::backward_bias_acc`](crate::kernels::dense::backward_bias_acc).
///
/// ```
/// let mut db = [1.0, 1.0];
/// kernlet::kernels::reference::dense::backward_bias(&[1.0, 2.0, 3.0, 4.0], &mut db);
/// assert_eq!(db, [5.0, 7.0]);
/// ```
pub fn backward_bias(dy: &[f32], db: &mut [f32]) {
    super::conv2d::backward_bias(dy, db);
}
