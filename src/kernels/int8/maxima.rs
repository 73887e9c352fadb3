//! The largest elements of windows with vectors: a channel in each byte, whose maximum stays in a register over the
//! window.
#![allow(unsafe_code)]
// Entered where there are vectors of integers.
#![cfg_attr(
    not(any(
        target_feature = "sse2",
        target_feature = "simd128",
        all(target_feature = "neon", target_arch = "aarch64")
    )),
    allow(dead_code)
)]

use core::ops::Range;

use super::pool2d::axis;
use crate::{
    kernels::pool2d::Pool2d,
    simd::{
        Level,
        integers::{IntegerKernel, Integers},
    },
};

/// Overwrites the outputs of images; returns `false` if it does not: where there are fewer channels than a vector has
/// bytes, and where a level has no vectors of integers.
pub(super) fn maxima(level: Level, pool: &Pool2d, range: [i8; 2], x: &[i8], y: &mut [i8]) -> bool {
    let mut done = false;
    let _ = level.dispatch_integers(Job { pool, range, x, y, done: &mut done });
    done
}

struct Job<'a> {
    pool: &'a Pool2d,
    range: [i8; 2],
    x: &'a [i8],
    y: &'a mut [i8],
    done: &'a mut bool,
}

impl IntegerKernel for Job<'_> {
    #[inline(always)]
    fn run<S: Integers>(self, s: S) {
        let Self { pool, range, x, y, done } = self;
        if pool.channels < 4 * S::LANES {
            return;
        }
        *done = true;
        // A byte four times.
        let [least, most] = range.map(|q| s.splat(i32::from_ne_bytes([q as u8; 4])));
        let (rows, columns) = (axis(pool, 0), axis(pool, 1));
        for (x, y) in x.chunks_exact(pool.x_len().max(1)).zip(y.chunks_exact_mut(pool.y_len().max(1))) {
            let mut outputs = y.chunks_exact_mut(pool.channels);
            for row in 0..pool.out_height() {
                let rows = rows.inside(row).reads();
                for (column, y) in (0..pool.out_width()).zip(&mut outputs) {
                    // SAFETY: the window lies inside the image, and `y` has all channels, of which there are a vector's.
                    unsafe { window(s, x, pool, rows.clone(), columns.inside(column).reads(), [least, most], y) };
                }
            }
        }
    }
}

/// How far ahead of the comparisons the input is prefetched.
const AHEAD: usize = 12288;

/// The outputs of a window.
///
/// # Safety
/// The rows and columns are those of an image `x` of the pool's size, `y` has all channels, and there are at least as
/// many as a vector has bytes.
#[inline(always)]
unsafe fn window<S: Integers>(
    s: S,
    x: &[i8],
    pool: &Pool2d,
    rows: Range<usize>,
    columns: Range<usize>,
    [least, most]: [S::V; 2],
    y: &mut [i8],
) {
    let (channels, bytes) = (pool.channels, 4 * S::LANES);
    let first = (rows.start * pool.width + columns.start) * channels;
    let mut channel = 0;
    loop {
        let mut largest = least;
        let mut line = x.as_ptr().wrapping_add(first + channel);
        for _ in rows.clone() {
            let mut at = line;
            for _ in columns.clone() {
                s.prefetch(at.wrapping_add(AHEAD));
                // SAFETY: the caller vouches for the pixel.
                largest = s.max_bytes(largest, unsafe { s.load(at.cast()) });
                at = at.wrapping_add(channels);
            }
            line = line.wrapping_add(pool.width * channels);
        }
        // SAFETY: as above.
        unsafe { s.store(s.min_bytes(largest, most), y.as_mut_ptr().wrapping_add(channel).cast()) };
        if channel + bytes >= channels {
            return;
        }
        // What is left over begins earlier, and is compared again.
        channel = (channel + bytes).min(channels - bytes);
    }
}
