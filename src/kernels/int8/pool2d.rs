//! Average and max pooling of eight-bit integers.
//!
//! `x` is `[n][height][width][channels]`, `y` is `[n][out_height][out_width][channels]`; both have the same scale
//! and zero point, so nothing is rescaled. The padding enters neither a maximum nor an average. The
//! shape is that of the `f32` kernels, [`Pool2d`].

use core::ops::Range;

use super::{ShapeError, check_batch, maxima::maxima, output::clamp, rows::Axis};
use crate::{
    kernels::pool2d::Pool2d,
    simd::{Kernel, Level, Simd},
};

const NAME: &str = "int8 pool2d";

/// The average of each window over its elements inside the image.
///
/// # Errors
/// If the descriptor is not valid or a slice has the wrong length; nothing is written then.
///
/// # Numerics
/// The sum is divided by the number of elements and rounded, halves away from zero; then it is clamped to `range`.
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
    check_windows(pool, batch, x, y)?;
    level.dispatch(Pooling { pool, x, y, join: Average(range) });
    Ok(())
}

/// The largest element of each window, clamped to `range`.
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
    check_windows(pool, batch, x, y)?;
    if !maxima(level, pool, range, x, y) {
        level.dispatch(Pooling { pool, x, y, join: Largest(range) });
    }
    Ok(())
}

/// How a window becomes outputs.
trait Join: Copy {
    /// Overwrites the outputs, one for each channel.
    fn join(self, window: &Window<'_>, y: &mut [i8]);
}

/// The average, clamped to a range.
#[derive(Clone, Copy)]
struct Average([i8; 2]);

/// Channels whose sums are kept at a time.
const PANEL: usize = 32;

impl Join for Average {
    #[inline(always)]
    fn join(self, window: &Window<'_>, y: &mut [i8]) {
        let count = window.count() as i32;
        let half = count / 2;
        let mut first = 0;
        for y in y.chunks_mut(PANEL) {
            let mut sums = [0_i32; PANEL];
            window.each(|x| {
                for (sum, &x) in sums.iter_mut().zip(x.get(first..).unwrap_or_default()) {
                    *sum = sum.wrapping_add(i32::from(x));
                }
            });
            for (y, sum) in y.iter_mut().zip(sums) {
                let sum = if sum > 0 { sum.wrapping_add(half) } else { sum.wrapping_sub(half) };
                *y = clamp(sum.checked_div(count).unwrap_or_default(), self.0);
            }
            first += PANEL;
        }
    }
}

/// The largest element, clamped to a range.
#[derive(Clone, Copy)]
struct Largest([i8; 2]);

impl Join for Largest {
    #[inline(always)]
    fn join(self, window: &Window<'_>, y: &mut [i8]) {
        let [least, most] = self.0;
        // Pieces of one length stay in registers.
        let (pieces, rest) = y.as_chunks_mut::<PANEL>();
        let mut first = 0;
        for y in pieces {
            let mut largest = [least; PANEL];
            // Loops and no closures, which would be compiled for themselves, without the level's instructions.
            for row in window.rows.clone() {
                let mut at = (row * window.width + window.columns.start) * window.channels + first;
                for _ in window.columns.clone() {
                    let Some(x) = window.x.get(at..).and_then(|x| x.first_chunk::<PANEL>()) else { break };
                    for (largest, &x) in largest.iter_mut().zip(x) {
                        *largest = (*largest).max(x);
                    }
                    at += window.channels;
                }
            }
            for (y, &largest) in y.iter_mut().zip(&largest) {
                *y = largest.min(most);
            }
            first += PANEL;
        }
        rest.fill(least);
        window.each(|x| {
            for (y, &x) in rest.iter_mut().zip(x.get(first..).unwrap_or_default()) {
                *y = (*y).max(x);
            }
        });
        for y in rest {
            *y = (*y).min(most);
        }
    }
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

    /// Calls `f` with the channels of each pixel.
    #[inline(always)]
    fn each(&self, mut f: impl FnMut(&[i8])) {
        for row in self.rows.clone() {
            for column in self.columns.clone() {
                let at = (row * self.width + column) * self.channels;
                f(self.x.get(at..at + self.channels).unwrap_or_default());
            }
        }
    }
}

/// A pooling as a kernel: what it does to bytes is left to the compiler, for the level's instructions.
struct Pooling<'a, J> {
    pool: &'a Pool2d,
    x: &'a [i8],
    y: &'a mut [i8],
    join: J,
}

impl<J: Join> Kernel for Pooling<'_, J> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { pool, x, y, join } = self;
        let (down, across) = (axis(pool, 0), axis(pool, 1));
        for (x, y) in x.chunks_exact(pool.x_len().max(1)).zip(y.chunks_exact_mut(pool.y_len().max(1))) {
            let mut outputs = y.chunks_exact_mut(pool.channels.max(1));
            for row in 0..pool.out_height() {
                let rows = down.inside(row).reads();
                for (column, y) in (0..pool.out_width()).zip(&mut outputs) {
                    let columns = across.inside(column).reads();
                    join.join(
                        &Window { x, rows: rows.clone(), columns, width: pool.width, channels: pool.channels },
                        y,
                    );
                }
            }
        }
    }
}

/// The windows along rows (0) or columns (1).
pub(super) const fn axis(pool: &Pool2d, which: usize) -> Axis {
    let down = which == 0;
    Axis {
        size: if down { pool.height } else { pool.width },
        kernel: pool.kernel[if down { 0 } else { 1 }],
        stride: pool.stride[if down { 0 } else { 1 }],
        dilation: 1,
        before: pool.padding[if down { 0 } else { 2 }],
    }
}

/// The door.
fn check_windows(pool: &Pool2d, batch: usize, x: &[i8], y: &[i8]) -> Result<(), ShapeError> {
    pool.validate()?;
    check_batch(NAME, "x", x, batch, pool.x_len())?;
    check_batch(NAME, "y", y, batch, pool.y_len())
}
