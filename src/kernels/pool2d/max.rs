//! The maximum of each window, and the way back to where it was.

use super::{Pool2d, ShapeError, Window, check_batch, chunks, chunks_mut, load, store};
use crate::kernels::{div, rem};
use crate::simd::{Kernel, Level, Simd, reduce::VIRTUAL_LANES};

const NAME: &str = "max_pool2d";
const GLOBAL: &str = "global_max_pool2d";

/// The maxima of windows, and if `argmax` is given, for each which tap `kh · kernel width + kw` it was.
///
/// `argmax` has [`Pool2d::argmax_len`] bytes for each image: an index for each element of `y`, of
/// [`Pool2d::index_bytes`] bytes, the lowest first.
///
/// # Errors
/// [`ShapeError`] if the descriptor or a length is wrong; nothing is written then.
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
    pool.validate()?;
    max_forward(level, pool, batch, x, y, argmax)
}

/// [`max_forward_into`] of a descriptor that is valid: a layer's, which was validated when its network was compiled.
pub(crate) fn max_forward(
    level: Level,
    pool: &Pool2d,
    batch: usize,
    x: &[f32],
    y: &mut [f32],
    argmax: Option<&mut [u8]>,
) -> Result<(), ShapeError> {
    pool.check(NAME, batch, ("x", x), ("y", y))?;
    if let Some(argmax) = &argmax {
        check_batch(NAME, "argmax", argmax, batch, pool.argmax_len())?;
    }
    level.dispatch(Forward { pool, x, y, argmax });
    Ok(())
}

/// The maximum of each channel over all pixels: `x` is `[n][pixels][channels]`, `y` is `[n][channels]`.
///
/// It is [`max_forward_into`] with [`Pool2d::global`], which says how long `argmax` is.
///
/// # Errors
/// [`ShapeError`] if `pixels` or `channels` is 0 or a length is wrong; nothing is written then.
///
/// ```
/// use kernlet::{kernels::pool2d::global_max_forward_into, simd::Level};
/// let (x, mut y, mut argmax) = ([1.0, 10.0, 2.0, 20.0, 3.0, 0.0], [f32::NAN; 2], [9; 2]);
/// global_max_forward_into(Level::detect(), 3, 2, 1, &x, &mut y, Some(&mut argmax))?;
/// assert_eq!((y, argmax), ([3.0, 20.0], [2, 1]));
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn global_max_forward_into(
    level: Level,
    pixels: usize,
    channels: usize,
    batch: usize,
    x: &[f32],
    y: &mut [f32],
    argmax: Option<&mut [u8]>,
) -> Result<(), ShapeError> {
    max_forward_into(level, &whole(pixels, channels)?, batch, x, y, argmax)
}

/// The gradient with respect to the input of [`global_max_forward_into`].
///
/// # Errors
/// [`ShapeError`] if `pixels` or `channels` is 0 or a length is wrong; nothing is written then.
///
/// ```
/// use kernlet::{kernels::pool2d::global_max_backward_into, simd::Level};
/// let mut dx = [f32::NAN; 6];
/// global_max_backward_into(Level::detect(), 3, 2, 1, &[2, 1], &[0.5, 0.7], &mut dx)?;
/// assert_eq!(dx, [0.0, 0.0, 0.0, 0.7, 0.5, 0.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn global_max_backward_into(
    level: Level,
    pixels: usize,
    channels: usize,
    batch: usize,
    argmax: &[u8],
    dy: &[f32],
    dx: &mut [f32],
) -> Result<(), ShapeError> {
    max_backward_into(level, &whole(pixels, channels)?, batch, argmax, dy, None, dx)
}

/// The descriptor, where it describes something.
fn whole(pixels: usize, channels: usize) -> Result<Pool2d, ShapeError> {
    if pixels == 0 {
        return Err(ShapeError::at_least(GLOBAL, "pixels", 1, 0));
    }
    Ok(Pool2d::global(pixels, channels))
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
    let mut pixels = chunks_mut(y, channels);
    let mut indices = chunks_mut(argmax, channels * pool.index_bytes());
    for x in chunks(x, pool.x_len()) {
        for oh in 0..pool.out_height() {
            let rows = pool.rows(oh);
            for ow in 0..out_width {
                let Some(y) = pixels.next() else { return };
                let index = indices.next().unwrap_or_default();
                maximum(s, pool, x, &Window { rows, columns: pool.columns(ow) }, y, index);
            }
        }
    }
}

/// One window's maxima over all channels.
#[inline(always)]
fn maximum<S: Simd>(s: S, pool: &Pool2d, x: &[f32], window: &Window, y: &mut [f32], argmax: &mut [u8]) {
    if window.len() == 0 {
        y.fill(f32::NEG_INFINITY);
        // A tap in the padding: backward passes nothing on.
        argmax.fill(0);
        return;
    }
    let (channels, [pitch, step], corner) = (pool.channels, pool.steps(), window.corner(pool));
    let (first, bytes) = (window.first(pool), pool.index_bytes());
    let mut at = 0;
    while at < channels {
        let n = (channels - at).min(S::LANES);
        let mut best = Best { value: load(s, x, corner + at, n), tap: index(s, first) };
        if window.rows.count == 2 && window.columns.count == 2 {
            // The usual window, without loops.
            best.meet(s, load(s, x, corner + step + at, n), first + 1);
            best.meet(s, load(s, x, corner + pitch + at, n), first + pool.kernel[1]);
            best.meet(s, load(s, x, corner + pitch + step + at, n), first + pool.kernel[1] + 1);
        } else {
            for kh in 0..window.rows.count {
                for kw in 0..window.columns.count {
                    let v = load(s, x, corner + kh * pitch + kw * step + at, n);
                    best.meet(s, v, first + kh * pool.kernel[1] + kw);
                }
            }
        }
        store(s, best.value, y, at, n);
        if let Some(argmax) = argmax.get_mut(at * bytes..(at + n) * bytes) {
            let mut lanes = [0.0_f32; VIRTUAL_LANES];
            s.store(best.tap, &mut lanes);
            if S::LANES == 1 {
                // Of any length, where flash is short.
                argmax.iter_mut().zip(lanes[0].to_bits().to_le_bytes()).for_each(|(to, byte)| *to = byte);
            } else if bytes > 1 {
                for (to, lane) in argmax.chunks_exact_mut(bytes).zip(&lanes) {
                    to.iter_mut().zip(lane.to_bits().to_le_bytes()).for_each(|(to, byte)| *to = byte);
                }
            } else if n == S::LANES {
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
    /// A value takes the place where it is larger, or NaN: a NaN is not passed over, and stays.
    #[inline(always)]
    fn meet<S: Simd<V = V>>(&mut self, s: S, value: V, tap: usize) {
        let tap = index(s, tap);
        self.tap = s.select_nan(value, tap, s.select_gt(value, self.value, tap, self.tap));
        self.value = s.select_nan(value, value, s.max(value, self.value));
    }
}

/// The gradient with respect to the input: `dy` goes to the element that was the maximum.
///
/// `argmax` is what [`max_forward_into`] wrote; an index that is not a tap of the window inside the image passes
/// nothing on. If `relu_y` is given, the pooling's output, gradients of outputs that are not above 0
/// are left out: that is the backward pass of a ReLU before the pooling, done on the way.
///
/// # Errors
/// [`ShapeError`] if the descriptor or a length is wrong; nothing is written then.
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
    pool.validate()?;
    max_backward(level, pool, batch, argmax, dy, relu_y, dx)
}

/// [`max_backward_into`] of a descriptor that is valid.
pub(crate) fn max_backward(
    level: Level,
    pool: &Pool2d,
    batch: usize,
    argmax: &[u8],
    dy: &[f32],
    relu_y: Option<&[f32]>,
    dx: &mut [f32],
) -> Result<(), ShapeError> {
    pool.check(NAME, batch, ("dx", dx), ("dy", dy))?;
    check_batch(NAME, "argmax", argmax, batch, pool.argmax_len())?;
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

/// What backward knows of one output pixel.
struct Pixel<'a> {
    dy: &'a [f32],
    argmax: &'a [u8],
    /// The output, where gradients of those that are not above 0 are left out; or empty.
    y: &'a [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { pool, argmax, dy, relu_y, dx } = self;
        let (channels, bytes) = (pool.channels, pool.index_bytes());
        // Windows that neither overlap nor leave gaps write each element once.
        let apart = bytes == 1 && pool.stride == pool.kernel && pool.padding == [0; 4] && pool.dilation == [1; 2];
        if !apart {
            dx.fill(0.0);
        }
        let mut outputs = chunks(dy, channels).zip(chunks(argmax, channels * bytes));
        let mut values = chunks(relu_y.unwrap_or_default(), channels);
        for dx in chunks_mut(dx, pool.x_len()) {
            for oh in 0..pool.out_height() {
                let rows = pool.rows(oh);
                for ow in 0..pool.out_width() {
                    let Some((dy, argmax)) = outputs.next() else { return };
                    let pixel = Pixel { dy, argmax, y: values.next().unwrap_or_default() };
                    let window = Window { rows, columns: pool.columns(ow) };
                    if S::LANES == 1 {
                        look_at_each(pool, &window, pixel, apart, dx);
                    } else if bytes == 1 {
                        scatter(s, pool, &window, pixel, apart, dx);
                    } else {
                        scatter_one_by_one(pool, &window, pixel, dx);
                    }
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
fn scatter<S: Simd>(s: S, pool: &Pool2d, window: &Window, pixel: Pixel<'_>, apart: bool, dx: &mut [f32]) {
    let (channels, [pitch, step], corner) = (pool.channels, pool.steps(), window.corner(pool));
    let (zero, first) = (s.splat(0.0), window.first(pool));
    let mut at = 0;
    while at < channels {
        let n = (channels - at).min(S::LANES);
        let mut lanes = [0.0; VIRTUAL_LANES];
        for (lane, &index) in lanes.iter_mut().zip(pixel.argmax.get(at..at + n).unwrap_or_default()) {
            *lane = f32::from(index);
        }
        let index = s.load(&lanes);
        let mut d = load(s, pixel.dy, at, n);
        if !pixel.y.is_empty() {
            d = s.select_gt(load(s, pixel.y, at, n), zero, d, zero);
        }
        for kh in 0..window.rows.count {
            for kw in 0..window.columns.count {
                let tap = (first + kh * pool.kernel[1] + kw) as f32;
                let chosen = s.select_gt(s.splat(tap + 0.5), index, d, zero);
                let chosen = s.select_gt(index, s.splat(tap - 0.5), chosen, zero);
                let to = corner + kh * pitch + kw * step + at;
                let old = if apart { zero } else { load(s, dx, to, n) };
                store(s, s.add(old, chosen), dx, to, n);
            }
        }
        at += n;
    }
}

/// [`scatter`] without vectors, for windows of any number of taps: the one way where flash is short.
#[inline(always)]
fn look_at_each(pool: &Pool2d, window: &Window, pixel: Pixel<'_>, apart: bool, dx: &mut [f32]) {
    let ([pitch, step], corner, first) = (pool.steps(), window.corner(pool), window.first(pool));
    let indices = chunks(pixel.argmax, pool.index_bytes());
    for (channel, (&dy, index)) in pixel.dy.iter().zip(indices).enumerate() {
        let passes = pixel.y.get(channel).is_none_or(|&y| y > 0.0);
        let chosen = index.iter().rev().fold(0, |tap, &byte| tap << 8 | usize::from(byte));
        for kh in 0..window.rows.count {
            for kw in 0..window.columns.count {
                let d = if passes && chosen == first + kh * pool.kernel[1] + kw { dy } else { 0.0 };
                if let Some(dx) = dx.get_mut(corner + kh * pitch + kw * step + channel) {
                    *dx = if apart { 0.0 } else { *dx } + d;
                }
            }
        }
    }
}

/// [`scatter`] for windows of so many taps that a look at each is dearer than finding the one.
#[inline(always)]
fn scatter_one_by_one(pool: &Pool2d, window: &Window, pixel: Pixel<'_>, dx: &mut [f32]) {
    let ([pitch, step], corner) = (pool.steps(), window.corner(pool));
    let indices = chunks(pixel.argmax, pool.index_bytes());
    for (channel, (dy, index)) in pixel.dy.iter().zip(indices).enumerate() {
        let passes = pixel.y.get(channel).is_none_or(|&y| y > 0.0);
        let tap = index.iter().rev().fold(0, |tap, &byte| tap << 8 | usize::from(byte));
        let kh = div(tap, pool.kernel[1]).wrapping_sub(window.rows.first);
        let kw = rem(tap, pool.kernel[1]).wrapping_sub(window.columns.first);
        if passes
            && kh < window.rows.count
            && kw < window.columns.count
            && let Some(dx) = dx.get_mut(corner + kh * pitch + kw * step + channel)
        {
            *dx += dy;
        }
    }
}
