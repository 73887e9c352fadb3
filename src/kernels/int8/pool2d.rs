//! Average and max pooling of eight-bit integers.
//!
//! `x` is `[n][height][width][channels]`, `y` is `[n][out_height][out_width][channels]`; both have the same scale
//! and zero point, so nothing is rescaled. The padding enters neither a maximum nor an average. The
//! shape is that of the `f32` kernels, [`Pool2d`].

use core::ops::Range;

use super::{ShapeError, check_batch, output::clamp, rows::Axis};
use crate::{kernels::pool2d::Pool2d, simd::Level};

const NAME: &str = "int8 pool2d";

/// The average of each window over its elements inside the image.
///
/// # Errors
/// If the descriptor is not valid or a slice has the wrong length; nothing is written then.
///
/// # Numerics
/// The sum is divided by the number of elements and rounded, halves away from zero; then `range` holds it.
///
/// ```
/// use kernlet::{kernels::{int8::pool2d, pool2d::Pool2d}, simd::Level};
/// let mut y = [99; 2];
/// let pool = Pool2d::new(1, 4, 1, [1, 2]);
/// pool2d::average_forward_into(Level::detect(), &pool, 1, [-128, 127], &[1, 2, -1, -2], &mut y)?;
/// assert_eq!(y, [2, -2]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn average_forward_into(
    level: Level,
    pool: &Pool2d,
    batch: usize,
    range: [i8; 2],
    x: &[i8],
    y: &mut [i8],
) -> Result<(), ShapeError> {
    windows(level, pool, batch, x, y, |window, y| {
        let count = window.count() as i32;
        let half = count / 2;
        for (channel, y) in y.iter_mut().enumerate() {
            let mut sum = 0_i32;
            window.each(channel, |x| sum = sum.wrapping_add(i32::from(x)));
            let sum = if sum > 0 { sum.wrapping_add(half) } else { sum.wrapping_sub(half) };
            *y = clamp(sum.checked_div(count).unwrap_or_default(), range);
        }
    })
}

/// The largest element of each window, held inside `range`.
///
/// # Errors
/// If the descriptor is not valid or a slice has the wrong length; nothing is written then.
///
/// ```
/// use kernlet::{kernels::{int8::pool2d, pool2d::Pool2d}, simd::Level};
/// let mut y = [99; 2];
/// pool2d::max_forward_into(Level::detect(), &Pool2d::new(1, 4, 1, [1, 2]), 1, [0, 127], &[1, 2, -1, -2], &mut y)?;
/// assert_eq!(y, [2, 0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn max_forward_into(
    level: Level,
    pool: &Pool2d,
    batch: usize,
    range: [i8; 2],
    x: &[i8],
    y: &mut [i8],
) -> Result<(), ShapeError> {
    windows(level, pool, batch, x, y, |window, y| {
        for (channel, y) in y.iter_mut().enumerate() {
            let mut largest = i8::MIN;
            window.each(channel, |x| largest = largest.max(x));
            *y = clamp(i32::from(largest), range);
        }
    })
}

/// The elements of an image that a window holds.
struct Window<'a> {
    x: &'a [i8],
    rows: Range<usize>,
    columns: Range<usize>,
    width: usize,
    channels: usize,
}

impl Window<'_> {
    fn count(&self) -> usize {
        self.rows.len() * self.columns.len()
    }

    #[inline(always)]
    fn each(&self, channel: usize, mut f: impl FnMut(i8)) {
        for row in self.rows.clone() {
            for column in self.columns.clone() {
                let at = (row * self.width + column) * self.channels + channel;
                f(self.x.get(at).copied().unwrap_or_default());
            }
        }
    }
}

/// Calls `f` for each window with its outputs, one for each channel.
#[inline(always)]
fn windows(
    level: Level,
    pool: &Pool2d,
    batch: usize,
    x: &[i8],
    y: &mut [i8],
    f: impl Fn(&Window<'_>, &mut [i8]),
) -> Result<(), ShapeError> {
    pool.validate()?;
    check_batch(NAME, "x", x, batch, pool.x_len())?;
    check_batch(NAME, "y", y, batch, pool.y_len())?;
    let _ = level;
    for (x, y) in x.chunks_exact(pool.x_len()).zip(y.chunks_exact_mut(pool.y_len())) {
        let (mut row, mut column) = (0, 0);
        for y in y.chunks_exact_mut(pool.channels) {
            let places = |at: usize, axis: usize, size: usize| {
                let (kernel, stride, before) = (pool.kernel[axis], pool.stride[axis], pool.padding[2 * axis]);
                let inside = Axis { size, kernel, stride, dilation: 1, before }.inside(at);
                inside.first..inside.first + inside.taps.len()
            };
            let rows = places(row, 0, pool.height);
            let columns = places(column, 1, pool.width);
            f(&Window { x, rows, columns, width: pool.width, channels: pool.channels }, y);
            column += 1;
            if column == pool.out_width() {
                (row, column) = (row + 1, 0);
            }
        }
    }
    Ok(())
}
