//! The maximum of each window, and the way back to where it was.

use super::{Pool2d, ShapeError, Taps, check_batch, chunks, chunks_mut, load, store};
use crate::simd::{Kernel, Level, Simd, reduce::VIRTUAL_LANES};

const NAME: &str = "max_pool2d";

/// The most taps that an index of one byte can tell apart.
const MOST_TAPS: usize = 256;

/// The maxima of windows, and if `argmax` is given, for each which tap `kh · kernel width + kw` it was.
///
/// `argmax` is as long as `y`.
///
/// # Errors
/// [`ShapeError`] if the descriptor or a length is wrong, or if `argmax` is given and the window
/// has more than 256 taps; nothing is written then.
///
/// ```
/// use kernlet::{kernels::pool2d::{Pool2d, max_forward_into}, simd::Level};
/// let (mut y, mut argmax) = ([f32::NAN], [9]);
/// let pool = Pool2d::new(2, 2, 1, [2, 2]);
/// max_forward_into(Level::detect(), &pool, 1, &[1.0, 3.0, 2.0, 3.0], &mut y, Some(&mut argmax))?;
/// assert_eq!((y, argmax), ([3.0], [1]));
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn max_forward_into(
    level: Level,
    pool: &Pool2d,
    batch: usize,
    x: &[f32],
    y: &mut [f32],
    argmax: Option<&mut [u8]>,
) -> Result<(), ShapeError> {
    pool.check(NAME, batch, ("x", x), ("y", y))?;
    if let Some(argmax) = &argmax {
        check_argmax(pool, batch, argmax)?;
    }
    level.dispatch(Forward { pool, x, y, argmax });
    Ok(())
}

fn check_argmax(pool: &Pool2d, batch: usize, argmax: &[u8]) -> Result<(), ShapeError> {
    let taps = pool.kernel[0].saturating_mul(pool.kernel[1]);
    if taps > MOST_TAPS {
        return Err(ShapeError::at_most(NAME, "taps of the window with argmax", MOST_TAPS, taps));
    }
    check_batch(NAME, "argmax", argmax, batch, pool.y_len())
}

struct Forward<'a> {
    pool: &'a Pool2d,
    x: &'a [f32],
    y: &'a mut [f32],
    argmax: Option<&'a mut [u8]>,
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { pool, x, y, argmax } = self;
        match argmax {
            None if S::LANES > 1 => forward(s, pool, x, y, &mut []),
            // Where flash is short, one loop does for both.
            argmax => forward(s, pool, x, y, argmax.unwrap_or_default()),
        }
    }
}

#[inline(always)]
fn forward<S: Simd>(s: S, pool: &Pool2d, x: &[f32], y: &mut [f32], argmax: &mut [u8]) {
    let (out_width, channels) = (pool.out_width(), pool.channels);
    let mut pixels = chunks_mut(y, channels).enumerate();
    let mut indices = chunks_mut(argmax, channels);
    for x in chunks(x, pool.x_len()) {
        for oh in 0..pool.out_height() {
            let rows = pool.rows(oh);
            for ow in 0..out_width {
                let Some((_, y)) = pixels.next() else { return };
                let index = indices.next().unwrap_or_default();
                window(s, pool, x, &rows, &pool.columns(ow), y, index);
            }
        }
    }
}

/// One window's maxima over all channels.
#[inline(always)]
fn window<S: Simd>(s: S, pool: &Pool2d, x: &[f32], rows: &Taps, columns: &Taps, y: &mut [f32], argmax: &mut [u8]) {
    let (channels, pitch) = (pool.channels, pool.width * pool.channels);
    let corner = rows.inside.start * pitch + columns.inside.start * channels;
    let (height, width) = (rows.inside.len(), columns.inside.len());
    let first = rows.first * pool.kernel[1] + columns.first;
    let mut at = 0;
    while at < channels {
        let n = (channels - at).min(S::LANES);
        let mut best = Best { value: load(s, x, corner + at, n), tap: index(s, first) };
        if height == 2 && width == 2 {
            // The usual window, without loops.
            best.meet(s, load(s, x, corner + channels + at, n), first + 1);
            best.meet(s, load(s, x, corner + pitch + at, n), first + pool.kernel[1]);
            best.meet(s, load(s, x, corner + pitch + channels + at, n), first + pool.kernel[1] + 1);
        } else {
            for kh in 0..height {
                for kw in 0..width {
                    let v = load(s, x, corner + kh * pitch + kw * channels + at, n);
                    best.meet(s, v, first + kh * pool.kernel[1] + kw);
                }
            }
        }
        store(s, best.value, y, at, n);
        if let Some(argmax) = argmax.get_mut(at..at + n) {
            let mut lanes = [0.0_f32; VIRTUAL_LANES];
            s.store(best.tap, &mut lanes);
            if n == S::LANES {
                for (to, lane) in argmax.iter_mut().zip(&lanes[..S::LANES]) {
                    *to = lane.to_bits() as u8;
                }
            } else {
                for (to, lane) in argmax.iter_mut().zip(&lanes) {
                    *to = lane.to_bits() as u8;
                }
            }
        }
        at += n;
    }
}

/// A tap's number as bits, which are chosen and never computed with.
#[inline(always)]
fn index<S: Simd>(s: S, tap: usize) -> S::V {
    s.splat(f32::from_bits(tap as u32))
}

/// The first largest value so far, and whose it is.
struct Best<V> {
    value: V,
    tap: V,
}

impl<V: Copy> Best<V> {
    #[inline(always)]
    fn meet<S: Simd<V = V>>(&mut self, s: S, value: V, tap: usize) {
        self.tap = s.select_gt(value, self.value, index(s, tap), self.tap);
        self.value = s.select_gt(value, self.value, value, self.value);
    }
}

/// The gradient with respect to the input: `dy` goes to the element that was the maximum.
///
/// `argmax` is what [`max_forward_into`] wrote; an index that is not a tap of the window passes
/// nothing on. If `relu_y` is given, the pooling's output, gradients of outputs that are not above 0
/// are left out: that is the backward pass of a ReLU before the pooling, done on the way.
///
/// # Errors
/// [`ShapeError`] if the descriptor or a length is wrong, or the window has more than 256 taps;
/// nothing is written then.
///
/// ```
/// use kernlet::{kernels::pool2d::{Pool2d, max_backward_into}, simd::Level};
/// let mut dx = [f32::NAN; 4];
/// let pool = Pool2d::new(2, 2, 1, [2, 2]);
/// max_backward_into(Level::detect(), &pool, 1, &[1], &[0.5], None, &mut dx)?;
/// assert_eq!(dx, [0.0, 0.5, 0.0, 0.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn max_backward_into(
    level: Level,
    pool: &Pool2d,
    batch: usize,
    argmax: &[u8],
    dy: &[f32],
    relu_y: Option<&[f32]>,
    dx: &mut [f32],
) -> Result<(), ShapeError> {
    pool.check(NAME, batch, ("dx", dx), ("dy", dy))?;
    check_argmax(pool, batch, argmax)?;
    if let Some(y) = relu_y {
        check_batch(NAME, "y", y, batch, pool.y_len())?;
    }
    level.dispatch(Backward { pool, argmax, dy, relu_y, dx });
    Ok(())
}

struct Backward<'a> {
    pool: &'a Pool2d,
    argmax: &'a [u8],
    dy: &'a [f32],
    relu_y: Option<&'a [f32]>,
    dx: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { pool, argmax, dy, relu_y, dx } = self;
        let channels = pool.channels;
        // Windows that neither overlap nor leave gaps write each element once.
        let apart = pool.stride == pool.kernel && pool.padding == [0; 4];
        if !apart {
            dx.fill(0.0);
        }
        let mut outputs = chunks(dy, channels).zip(chunks(argmax, channels));
        let mut values = chunks(relu_y.unwrap_or_default(), channels);
        for dx in chunks_mut(dx, pool.x_len()) {
            for oh in 0..pool.out_height() {
                let rows = pool.rows(oh);
                for ow in 0..pool.out_width() {
                    let Some((dy, argmax)) = outputs.next() else { return };
                    let y = values.next().unwrap_or_default();
                    scatter(s, pool, &rows, &pool.columns(ow), dy, argmax, y, apart, dx);
                }
            }
            if apart {
                fill_rest(pool, dx);
            }
        }
    }
}

/// Rows and columns past the last window get no gradient.
#[inline(always)]
fn fill_rest(pool: &Pool2d, dx: &mut [f32]) {
    let pitch = pool.width * pool.channels;
    let covered = pool.out_width() * pool.kernel[1] * pool.channels;
    let Some((rows, rest)) = dx.split_at_mut_checked(pool.out_height() * pool.kernel[0] * pitch) else { return };
    for row in chunks_mut(rows, pitch) {
        row.get_mut(covered..).unwrap_or_default().fill(0.0);
    }
    rest.fill(0.0);
}

/// Adds one window's `dy` to where its maxima were, or, if windows are `apart`, writes the whole window.
#[inline(always)]
fn scatter<S: Simd>(
    s: S,
    pool: &Pool2d,
    rows: &Taps,
    columns: &Taps,
    dy: &[f32],
    argmax: &[u8],
    y: &[f32],
    apart: bool,
    dx: &mut [f32],
) {
    let (channels, pitch) = (pool.channels, pool.width * pool.channels);
    let corner = rows.inside.start * pitch + columns.inside.start * channels;
    let zero = s.splat(0.0);
    let mut at = 0;
    while at < channels {
        let n = (channels - at).min(S::LANES);
        let mut lanes = [0.0; VIRTUAL_LANES];
        for (lane, &index) in lanes.iter_mut().zip(argmax.get(at..at + n).unwrap_or_default()) {
            *lane = f32::from(index);
        }
        let index = s.load(&lanes);
        let mut d = load(s, dy, at, n);
        if !y.is_empty() {
            d = s.select_gt(load(s, y, at, n), zero, d, zero);
        }
        for kh in 0..rows.inside.len() {
            for kw in 0..columns.inside.len() {
                let tap = ((rows.first + kh) * pool.kernel[1] + columns.first + kw) as f32;
                let chosen = s.select_gt(s.splat(tap + 0.5), index, d, zero);
                let chosen = s.select_gt(index, s.splat(tap - 0.5), chosen, zero);
                let to = corner + kh * pitch + kw * channels + at;
                let old = if apart { zero } else { load(s, dx, to, n) };
                store(s, s.add(old, chosen), dx, to, n);
            }
        }
        at += n;
    }
}
