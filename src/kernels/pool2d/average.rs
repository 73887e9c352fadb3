//! The mean of each window, or of a whole image.

use super::{Pool2d, ShapeError, Window, chunks, chunks_mut, load, store};
use crate::simd::{Kernel, Level, Simd};

const NAME: &str = "average_pool2d";
const GLOBAL: &str = "global_average_pool2d";

/// The means of windows; the padding is counted only where the descriptor says so.
///
/// # Errors
/// [`ShapeError`] if the descriptor or a length is wrong; nothing is written then.
///
/// ```
/// use kernlet::{kernels::pool2d::{Pool2d, average_forward_into}, simd::Level};
/// let mut y = [f32::NAN];
/// average_forward_into(Level::detect(), &Pool2d::new(2, 2, 1, [2, 2]), 1, &[1.0, 3.0, 2.0, 2.0], &mut y)?;
/// assert_eq!(y, [2.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn average_forward_into(
    level: Level,
    pool: &Pool2d,
    batch: usize,
    x: &[f32],
    y: &mut [f32],
) -> Result<(), ShapeError> {
    pool.validate()?;
    average_forward(level, pool, batch, x, y)
}

/// [`average_forward_into`] of a descriptor that is valid: a layer's, which was validated when its network was compiled.
pub(crate) fn average_forward(
    level: Level,
    pool: &Pool2d,
    batch: usize,
    x: &[f32],
    y: &mut [f32],
) -> Result<(), ShapeError> {
    pool.check(NAME, batch, ("x", x), ("y", y))?;
    level.dispatch(Forward { pool, x, y });
    Ok(())
}

/// The gradient with respect to the input: each element gets its share of every window that holds it.
///
/// # Errors
/// [`ShapeError`] if the descriptor or a length is wrong; nothing is written then.
///
/// ```
/// use kernlet::{kernels::pool2d::{Pool2d, average_backward_into}, simd::Level};
/// let mut dx = [f32::NAN; 4];
/// average_backward_into(Level::detect(), &Pool2d::new(2, 2, 1, [2, 2]), 1, &[1.0], &mut dx)?;
/// assert_eq!(dx, [0.25; 4]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn average_backward_into(
    level: Level,
    pool: &Pool2d,
    batch: usize,
    dy: &[f32],
    dx: &mut [f32],
) -> Result<(), ShapeError> {
    pool.validate()?;
    average_backward(level, pool, batch, dy, dx)
}

/// [`average_backward_into`] of a descriptor that is valid.
pub(crate) fn average_backward(
    level: Level,
    pool: &Pool2d,
    batch: usize,
    dy: &[f32],
    dx: &mut [f32],
) -> Result<(), ShapeError> {
    pool.check(NAME, batch, ("dx", dx), ("dy", dy))?;
    level.dispatch(Backward { pool, dy, dx });
    Ok(())
}

/// The mean of each channel over all pixels, in ascending order: `x` is `[n][pixels][channels]`, `y` is `[n][channels]`.
///
/// # Errors
/// [`ShapeError`] if `pixels` or `channels` is 0 or a length is wrong; nothing is written then.
///
/// ```
/// use kernlet::{kernels::pool2d::global_average_forward_into, simd::Level};
/// let mut y = [f32::NAN; 2];
/// global_average_forward_into(Level::detect(), 3, 2, 1, &[1.0, 10.0, 2.0, 20.0, 3.0, 30.0], &mut y)?;
/// assert_eq!(y, [2.0, 20.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn global_average_forward_into(
    level: Level,
    pixels: usize,
    channels: usize,
    batch: usize,
    x: &[f32],
    y: &mut [f32],
) -> Result<(), ShapeError> {
    average_forward_into(level, &whole(pixels, channels)?, batch, x, y)
}

/// The gradient with respect to the input of [`global_average_forward_into`]: `dy / pixels` everywhere.
///
/// # Errors
/// [`ShapeError`] if `pixels` or `channels` is 0 or a length is wrong; nothing is written then.
///
/// ```
/// use kernlet::{kernels::pool2d::global_average_backward_into, simd::Level};
/// let mut dx = [f32::NAN; 4];
/// global_average_backward_into(Level::detect(), 2, 2, 1, &[1.0, 2.0], &mut dx)?;
/// assert_eq!(dx, [0.5, 1.0, 0.5, 1.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn global_average_backward_into(
    level: Level,
    pixels: usize,
    channels: usize,
    batch: usize,
    dy: &[f32],
    dx: &mut [f32],
) -> Result<(), ShapeError> {
    average_backward_into(level, &whole(pixels, channels)?, batch, dy, dx)
}

/// The descriptor, where it describes something.
fn whole(pixels: usize, channels: usize) -> Result<Pool2d, ShapeError> {
    if pixels == 0 {
        return Err(ShapeError::at_least(GLOBAL, "pixels", 1, 0));
    }
    Ok(Pool2d::global(pixels, channels))
}

/// What a window's sum is divided by.
#[inline(always)]
fn divisor(pool: &Pool2d, window: &Window) -> f32 {
    let taps = if pool.padding_counted { pool.kernel[0] * pool.kernel[1] } else { window.len() };
    taps.max(1) as f32
}

struct Forward<'a> {
    pool: &'a Pool2d,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { pool, x, y } = self;
        let mut pixels = chunks_mut(y, pool.channels);
        for x in chunks(x, pool.x_len()) {
            for oh in 0..pool.out_height() {
                let rows = pool.rows(oh);
                for ow in 0..pool.out_width() {
                    let Some(y) = pixels.next() else { return };
                    mean(s, pool, x, &Window { rows, columns: pool.columns(ow) }, y);
                }
            }
        }
    }
}

/// One window's means over all channels.
#[inline(always)]
fn mean<S: Simd>(s: S, pool: &Pool2d, x: &[f32], window: &Window, y: &mut [f32]) {
    let (channels, [pitch, step], corner) = (pool.channels, pool.steps(), window.corner(pool));
    let count = s.splat(divisor(pool, window));
    let mut at = 0;
    while at < channels {
        let n = (channels - at).min(S::LANES);
        let mut sum = s.splat(0.0);
        for row in 0..window.rows.count {
            for column in 0..window.columns.count {
                sum = s.add(sum, load(s, x, corner + row * pitch + column * step + at, n));
            }
        }
        store(s, s.div(sum, count), y, at, n);
        at += n;
    }
}

struct Backward<'a> {
    pool: &'a Pool2d,
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { pool, dy, dx } = self;
        dx.fill(0.0);
        let mut outputs = chunks(dy, pool.channels);
        for dx in chunks_mut(dx, pool.x_len()) {
            for oh in 0..pool.out_height() {
                let rows = pool.rows(oh);
                for ow in 0..pool.out_width() {
                    let Some(dy) = outputs.next() else { return };
                    spread(s, pool, &Window { rows, columns: pool.columns(ow) }, dy, dx);
                }
            }
        }
    }
}

/// Adds one window's share to each of its elements.
#[inline(always)]
fn spread<S: Simd>(s: S, pool: &Pool2d, window: &Window, dy: &[f32], dx: &mut [f32]) {
    let (channels, [pitch, step], corner) = (pool.channels, pool.steps(), window.corner(pool));
    let count = s.splat(divisor(pool, window));
    let mut at = 0;
    while at < channels {
        let n = (channels - at).min(S::LANES);
        let share = s.div(load(s, dy, at, n), count);
        for row in 0..window.rows.count {
            for column in 0..window.columns.count {
                let to = corner + row * pitch + column * step + at;
                store(s, s.add(load(s, dx, to, n), share), dx, to, n);
            }
        }
        at += n;
    }
}
