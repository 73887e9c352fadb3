//! The naive twins of [`kernels::pool2d`](crate::kernels::pool2d): the same bits. Slices are indexed
//! as they come: a wrong length panics.

use crate::kernels::pool2d::Pool2d;

/// Calls `f(output index, input index, tap)` for all that a window joins, windows and taps in ascending order.
///
/// ```
/// use kernlet::kernels::{pool2d::Pool2d, reference::pool2d::each_tap};
/// let mut count = 0;
/// each_tap(&Pool2d::new(4, 4, 3, [2, 2]), 5, |_, _, _| count += 1);
/// assert_eq!(count, 5 * 4 * 4 * 3);
/// ```
pub fn each_tap(pool: &Pool2d, batch: usize, mut f: impl FnMut(usize, usize, usize)) {
    let [kernel_height, kernel_width] = pool.kernel;
    for n in 0..batch {
        for oh in 0..pool.out_height() {
            for ow in 0..pool.out_width() {
                for kh in 0..kernel_height {
                    for kw in 0..kernel_width {
                        let row = (oh * pool.stride[0] + kh * pool.dilation[0]).checked_sub(pool.padding[0]);
                        let column = (ow * pool.stride[1] + kw * pool.dilation[1]).checked_sub(pool.padding[2]);
                        let (Some(row), Some(column)) = (row, column) else { continue };
                        if row >= pool.height || column >= pool.width {
                            continue;
                        }
                        for c in 0..pool.channels {
                            let y = n * pool.y_len() + (oh * pool.out_width() + ow) * pool.channels + c;
                            let x = n * pool.x_len() + (row * pool.width + column) * pool.channels + c;
                            f(y, x, kh * kernel_width + kw);
                        }
                    }
                }
            }
        }
    }
}

/// [`max_forward_into`](crate::kernels::pool2d::max_forward_into), with [`usize::MAX`] for a window in the padding.
///
/// ```
/// use kernlet::kernels::{pool2d::Pool2d, reference::pool2d};
/// let (mut y, mut argmax) = ([0.0], [0]);
/// pool2d::max_forward(&Pool2d::new(1, 2, 1, [1, 2]), 1, &[1.0, 2.0], &mut y, &mut argmax);
/// assert_eq!((y, argmax), ([2.0], [1]));
/// ```
pub fn max_forward(pool: &Pool2d, batch: usize, x: &[f32], y: &mut [f32], argmax: &mut [usize]) {
    argmax.fill(usize::MAX);
    y.fill(f32::NEG_INFINITY);
    each_tap(pool, batch, |to, from, tap| {
        if argmax[to] == usize::MAX || x[from] > y[to] || x[from].is_nan() {
            (y[to], argmax[to]) = (x[from], tap);
        }
    });
}

/// [`max_backward_into`](crate::kernels::pool2d::max_backward_into).
///
/// ```
/// use kernlet::kernels::{pool2d::Pool2d, reference::pool2d};
/// let mut dx = [0.0; 2];
/// pool2d::max_backward(&Pool2d::new(1, 2, 1, [1, 2]), 1, &[1], &[5.0], &mut dx);
/// assert_eq!(dx, [0.0, 5.0]);
/// ```
pub fn max_backward(pool: &Pool2d, batch: usize, argmax: &[usize], dy: &[f32], dx: &mut [f32]) {
    dx.fill(0.0);
    each_tap(pool, batch, |from, to, tap| dx[to] += if argmax[from] == tap { dy[from] } else { 0.0 });
}

/// What the sum of an output is divided by.
fn count(pool: &Pool2d, output: usize) -> f32 {
    if pool.padding_counted {
        return (pool.kernel[0] * pool.kernel[1]) as f32;
    }
    let pixel = output / pool.channels;
    let (oh, ow) = (pixel / pool.out_width() % pool.out_height(), pixel % pool.out_width());
    let inside = |axis: usize, at: usize, size: usize| {
        let padding = pool.padding[2 * axis];
        let places = (0..pool.kernel[axis]).map(|k| at * pool.stride[axis] + k * pool.dilation[axis]);
        places.filter(|at| (padding..padding + size).contains(at)).count()
    };
    (inside(0, oh, pool.height) * inside(1, ow, pool.width)).max(1) as f32
}

/// [`average_forward_into`](crate::kernels::pool2d::average_forward_into).
///
/// ```
/// use kernlet::kernels::{pool2d::Pool2d, reference::pool2d};
/// let mut y = [0.0];
/// pool2d::average_forward(&Pool2d::new(1, 2, 1, [1, 2]), 1, &[1.0, 2.0], &mut y);
/// assert_eq!(y, [1.5]);
/// ```
pub fn average_forward(pool: &Pool2d, batch: usize, x: &[f32], y: &mut [f32]) {
    y.fill(0.0);
    each_tap(pool, batch, |to, from, _| y[to] += x[from]);
    for (i, y) in y.iter_mut().enumerate() {
        *y /= count(pool, i);
    }
}

/// [`average_backward_into`](crate::kernels::pool2d::average_backward_into).
///
/// ```
/// use kernlet::kernels::{pool2d::Pool2d, reference::pool2d};
/// let mut dx = [0.0; 2];
/// pool2d::average_backward(&Pool2d::new(1, 2, 1, [1, 2]), 1, &[1.0], &mut dx);
/// assert_eq!(dx, [0.5; 2]);
/// ```
pub fn average_backward(pool: &Pool2d, batch: usize, dy: &[f32], dx: &mut [f32]) {
    dx.fill(0.0);
    each_tap(pool, batch, |from, to, _| dx[to] += dy[from] / count(pool, from));
}
