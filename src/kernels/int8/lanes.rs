//! Depthwise sums with vectors: a channel in each lane, and a group of taps multiplied at once.
//!
//! A block of channels keeps its weights, starts and multipliers for all pixels. A tap in the padding reads zero points
//! where others read inputs, so that every pixel has all taps and the same starts.
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

use super::{
    Filter,
    conv2d::axis,
    panels::{Constants, constants},
    rows::Inside,
};
use crate::{
    kernels::conv2d::Conv2d,
    simd::{
        Level,
        integers::{IntegerKernel, Integers},
        taps::{Placing, Taps},
    },
};

/// Vectors of channels of a block.
const VECTORS: usize = 4;

/// The most lanes of a vector.
const LANES: usize = 16;

/// The most groups of taps: a group has two at least.
const GROUPS: usize = Taps::MOST / 2;

/// Overwrites the outputs of images; returns `false` if it does not: where channels have several outputs, are fewer
/// than a vector has lanes, or have many taps, where outputs are rounded once, and where a level has no vectors of
/// integers.
pub(super) fn depthwise(level: Level, conv: &Conv2d, filter: &Filter<'_>, x: &[i8], y: &mut [i8]) -> bool {
    let one_output = conv.out_channels == conv.in_channels;
    let Some(placing) = filter.placing().filter(|_| one_output && conv.kernel[0] * conv.kernel[1] <= Taps::MOST) else {
        return false;
    };
    let mut done = false;
    let _ = level.dispatch_integers(Job { conv, filter, placing, x, y, done: &mut done });
    done
}

struct Job<'a> {
    conv: &'a Conv2d,
    filter: &'a Filter<'a>,
    placing: Placing,
    x: &'a [i8],
    y: &'a mut [i8],
    done: &'a mut bool,
}

impl IntegerKernel for Job<'_> {
    #[inline(always)]
    fn run<S: Integers>(self, s: S) {
        let Self { conv, filter, placing, x, y, done } = self;
        let channels = conv.in_channels;
        // The door has checked the weights; the loops below rely on them.
        if channels < S::LANES || filter.w.len() < conv.w_len() {
            return;
        }
        *done = true;
        for first in (0..channels).step_by(VECTORS * S::LANES) {
            // SAFETY: there are weights for all taps and channels, and channels for a vector.
            let block = unsafe { Block::new(s, conv, filter, placing, first) };
            for (x, y) in x.chunks_exact(conv.x_len().max(1)).zip(y.chunks_exact_mut(conv.y_len().max(1))) {
                block.image(x, y);
            }
        }
    }
}

/// Some vectors of channels.
struct Block<'a, S: Integers> {
    s: S,
    conv: &'a Conv2d,
    placing: Placing,
    /// The first channel of each vector. One that would go beyond the last channel begins earlier, and repeats channels
    /// of the one before it.
    firsts: [usize; VECTORS],
    vectors: usize,
    groups: usize,
    weights: [[[i32; LANES]; VECTORS]; GROUPS],
    constants: [Constants<S, 1>; VECTORS],
    /// Zero points, read by taps in the padding: those of the block's channels, and a vector before them.
    padding: [i8; (VECTORS + 1) * LANES],
    first: usize,
}

/// Where a pixel's taps read, and how far they move from one pixel to the next.
struct Reads {
    places: [*const i8; Taps::MOST],
    steps: [usize; Taps::MOST],
}

impl<'a, S: Integers> Block<'a, S> {
    /// # Safety
    /// The filter has weights for all taps and channels, and there are `LANES` channels.
    #[inline(always)]
    unsafe fn new(s: S, conv: &'a Conv2d, filter: &Filter<'_>, placing: Placing, first: usize) -> Self {
        let channels = conv.in_channels;
        let vectors = (channels - first).div_ceil(S::LANES).min(VECTORS);
        let firsts = core::array::from_fn(|v| (first + v * S::LANES).min(channels - S::LANES));
        let taps = conv.kernel[0] * conv.kernel[1];
        let mut block = Self {
            s,
            conv,
            placing,
            firsts,
            vectors,
            groups: taps.div_ceil(S::TERMS),
            weights: [[[0; LANES]; VECTORS]; GROUPS],
            constants: firsts.map(|first| constants(s, filter, first, S::LANES)),
            padding: [filter.input_zero_point; (VECTORS + 1) * LANES],
            first,
        };
        let none = [0_i8; LANES];
        // A one for each term.
        let ones = s.splat(if S::TERMS == 4 { 0x0101_0101 } else { 0x1_0001 });
        let times = S::ADDED + i32::from(filter.input_zero_point);
        for (v, &at) in firsts.iter().enumerate().take(vectors) {
            let mut sums = s.splat(0);
            for (group, weights) in block.weights.iter_mut().enumerate().take(block.groups) {
                let rows = core::array::from_fn(|term| {
                    let tap = group * S::TERMS + term;
                    if tap < taps { filter.w.as_ptr().wrapping_add(tap * channels + at) } else { none.as_ptr() }
                });
                // SAFETY: each row has `LANES` weights, or is `none`.
                let group = unsafe { s.across(rows, 0) };
                sums = s.dot(sums, ones, group);
                // SAFETY: there are 16 places.
                unsafe { s.store(group, weights[v].as_mut_ptr()) };
            }
            let mut lanes = [0; LANES];
            // SAFETY: there are 16 places.
            unsafe { s.store(sums, lanes.as_mut_ptr()) };
            for (start, sum) in block.constants[v].starts.as_flattened_mut().iter_mut().zip(lanes) {
                *start = start.wrapping_sub(sum.wrapping_mul(times));
            }
        }
        block
    }

    /// All pixels of an image.
    #[inline(always)]
    fn image(&self, x: &[i8], y: &mut [i8]) {
        let conv = self.conv;
        let (rows, columns, last) = (axis(conv, 0), axis(conv, 1), super::depthwise_conv2d::last_inside(conv));
        let mut y = y.chunks_exact_mut(conv.out_channels);
        for row in 0..conv.out_height() {
            let down = rows.inside(row);
            let mut column = 0;
            while column < conv.out_width() {
                let across = columns.inside(column);
                let alike = if across.taps.len() == conv.kernel[1] { last.saturating_sub(column).max(1) } else { 1 };
                let mut reads = self.reads(x, &down, &across);
                for y in y.by_ref().take(alike) {
                    // SAFETY: each tap reads a pixel of the image, or the padding; `y` has all channels.
                    unsafe { self.pixel(&reads.places, y.as_mut_ptr()) };
                    for (place, &step) in reads.places.iter_mut().zip(&reads.steps).take(self.groups * S::TERMS) {
                        *place = place.wrapping_add(step);
                    }
                }
                column += alike;
            }
        }
    }

    /// Where the taps of a pixel read, from the first channel of all on.
    #[inline(always)]
    fn reads(&self, x: &[i8], down: &Inside, across: &Inside) -> Reads {
        let conv = self.conv;
        let padding = self.padding.as_ptr().wrapping_add(LANES).wrapping_sub(self.first);
        let mut reads = Reads { places: [padding; Taps::MOST], steps: [0; Taps::MOST] };
        for h in down.taps.clone() {
            let row = down.first + (h - down.taps.start) * conv.dilation[0];
            for v in across.taps.clone() {
                let column = across.first + (v - across.taps.start) * conv.dilation[1];
                let tap = h * conv.kernel[1] + v;
                if let (Some(place), Some(step)) = (reads.places.get_mut(tap), reads.steps.get_mut(tap)) {
                    *place = x.as_ptr().wrapping_add((row * conv.width + column) * conv.in_channels);
                    *step = conv.stride[1] * conv.in_channels;
                }
            }
        }
        reads
    }

    /// The outputs of a pixel.
    ///
    /// # Safety
    /// Each place is valid for reading the channels of the block, and `y` for writing all channels.
    #[inline(always)]
    unsafe fn pixel(&self, places: &[*const i8; Taps::MOST], y: *mut i8) {
        let s = self.s;
        for (v, &at) in self.firsts.iter().enumerate().take(self.vectors) {
            // SAFETY: the caller vouches for the channels; all arrays have 16 lanes.
            unsafe {
                let constants = &self.constants[v];
                let mut sums = s.load(constants.starts[0].as_ptr());
                let groups = places.chunks_exact(S::TERMS).zip(&self.weights);
                for (places, weights) in groups.take(self.groups) {
                    let rows = core::array::from_fn(|term| places[term % S::TERMS].wrapping_add(at));
                    sums = s.dot(sums, s.across(rows, S::ADDED), s.load(weights[v].as_ptr()));
                }
                s.place_vector(sums, &constants.scaling[0], self.placing, y.add(at), S::LANES);
            }
        }
    }
}
