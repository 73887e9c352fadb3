//! The twins of [`pool2d`](crate::kernels::int8::pool2d) and [`mean`](crate::kernels::int8::mean).

use super::output;
use crate::kernels::{int8::mean::Mean, pool2d::Pool2d, reference::pool2d::each_tap};

/// See [`int8::pool2d::average_forward_into`](crate::kernels::int8::pool2d::average_forward_into).
///
/// ```
/// use kernlet::kernels::{pool2d::Pool2d, reference::int8::pool2d};
/// let mut y = [0];
/// pool2d::average(&Pool2d::new(1, 2, 1, [1, 2]), 1, [-128, 127], &[1, 2], &mut y);
/// assert_eq!(y, [2]);
/// ```
pub fn average(pool: &Pool2d, batch: usize, range: [i8; 2], x: &[i8], y: &mut [i8]) {
    for (i, y) in y.iter_mut().enumerate() {
        let (mut sum, mut count) = (0_i64, 0);
        each_tap(pool, batch, |to, from, _| {
            if to == i {
                (sum, count) = (sum + i64::from(x[from]), count + 1);
            }
        });
        let mean = (if sum > 0 { sum + count / 2 } else { sum - count / 2 }) / count;
        *y = mean.max(i64::from(range[0])).min(i64::from(range[1])) as i8;
    }
}

/// See [`int8::pool2d::max_forward_into`](crate::kernels::int8::pool2d::max_forward_into).
///
/// ```
/// use kernlet::kernels::{pool2d::Pool2d, reference::int8::pool2d};
/// let mut y = [0];
/// pool2d::max(&Pool2d::new(1, 2, 1, [1, 2]), 1, [-128, 127], &[1, 2], &mut y);
/// assert_eq!(y, [2]);
/// ```
pub fn max(pool: &Pool2d, batch: usize, range: [i8; 2], x: &[i8], y: &mut [i8]) {
    y.fill(i8::MIN);
    each_tap(pool, batch, |to, from, _| y[to] = y[to].max(x[from]));
    for y in y {
        *y = (*y).max(range[0]).min(range[1]);
    }
}

/// See [`int8::mean::forward_into`](crate::kernels::int8::mean::forward_into).
///
/// ```
/// use kernlet::kernels::{int8::{Multiplier, Output, mean::Mean}, reference::int8::pool2d};
/// let mut y = [0];
/// pool2d::mean(&Mean::new(2, 1, Multiplier::from_real(1.0), Output::new(0)), &[1, 3], &mut y);
/// assert_eq!(y, [2]);
/// ```
pub fn mean(mean: &Mean, x: &[i8], y: &mut [i8]) {
    for (i, y) in y.iter_mut().enumerate() {
        let (outer, inner) = (i / mean.inner, i % mean.inner);
        let column = (0..mean.count).map(|k| i32::from(x[(outer * mean.count + k) * mean.inner + inner]));
        let sum = column.map(|x| x - i32::from(mean.input_zero_point)).sum();
        *y = output(&mean.output, sum, mean.multiplier);
    }
}
