//! The product with vectors: a tile of pixels × channels stays in registers over all terms.
//!
//! How it goes fast:
//! 1. The weights of some vectors of channels are copied into a panel, group of terms by group, so that one load brings
//!    a group for each channel; all pixels use it. Terms beyond a panel continue from sums in memory.
//! 2. The rows of a tile are gathered beside each other in the form that the instructions take; one input is then a
//!    broadcast load.
//! 3. Where an instruction takes inputs as they lie, nothing is gathered: each pixel of a tile is read where it is. If
//!    a window's rows are not whole groups, the last group of each has weights of 0 for what follows. Windows in the
//!    padding are still gathered.
//! 4. One row or a few read each weight once, so nothing is copied: vectors go along the terms, four channels share the
//!    inputs.
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

use core::mem::MaybeUninit;

use super::{
    Filter, Rescaling,
    product::Layer,
    rows::{Line, Rows, Runs},
};
use crate::simd::{
    Level,
    integers::{IntegerKernel, Integers, Scales},
    taps::Placing,
};

/// Words of a panel: 32 KB.
const PANEL: usize = 8192;

/// Words of the rows of a tile.
const TILE: usize = 3072;

/// Rows whose sums are kept where terms do not fit a panel: their panel is copied once for all of them.
const KEPT_ROWS: usize = 64;

/// Rows of a tile.
const MR: usize = 6;

/// Rows whose outputs are written at once: what they share is read once.
const PLACED: usize = 3;
const _: () = assert!(MR == 2 * PLACED);

/// The most channels of a panel.
const CHANNELS: usize = 64;

/// Words of a gathered row whose runs are spread over groups of their own, without what may be read after it.
const LINE: usize = 64;

/// How many groups more than the terms need still cost less than gathering: three rows of three, or of nine, have at
/// most two.
const SPARE: usize = 4;

/// Up to this many rows are not worth a panel.
const FEW_ROWS: usize = 3;

/// Overwrites the outputs; returns `false` if the level has no vectors of integers.
pub(super) fn product(level: Level, layer: &Layer<'_>, rows: &impl Rows, pixels: usize, y: &mut [i8]) -> bool {
    level.dispatch_integers(Job { layer, rows, pixels, y })
}

struct Job<'a, R> {
    layer: &'a Layer<'a>,
    rows: &'a R,
    pixels: usize,
    y: &'a mut [i8],
}

impl<R: Rows> IntegerKernel for Job<'_, R> {
    #[inline(always)]
    fn run<S: Integers>(self, s: S) {
        let Self { layer, rows, pixels, y } = self;
        let Layer { filter, first_channel, channels, terms, all_channels } = *layer;
        // The door has checked all this; the loops below rely on it.
        let weights = (first_channel + channels).checked_mul(terms).is_some_and(|end| end <= filter.w.len());
        let outputs = pixels.checked_mul(all_channels).is_some_and(|end| end <= y.len());
        if !weights || !outputs || first_channel + channels > all_channels {
            return;
        }
        if pixels <= FEW_ROWS
            && (0..pixels).all(|pixel| rows.whole(rows.place(pixel)).is_some_and(|row| row.len() == terms))
        {
            few_rows(s, layer, rows, pixels, y);
            return;
        }
        let mut memory =
            Memory { panel: Aligned::new(), tile: Aligned::new(), sums: Aligned::new(), line: Aligned::new() };
        let mut channel = 0;
        while channel < channels {
            let left = (channels - channel).div_ceil(S::LANES);
            // SAFETY: the operands were checked above.
            channel += unsafe {
                match left.min(S::VECTORS) {
                    4.. => memory.block::<S, R, 4>(s, layer, rows, pixels, channel, y),
                    2.. => memory.block::<S, R, 2>(s, layer, rows, pixels, channel, y),
                    _ => memory.block::<S, R, 1>(s, layer, rows, pixels, channel, y),
                }
            };
        }
    }
}

/// Words aligned to a cache line, written before they are read; the missing rows of a tile that is not full are not,
/// and their sums are dropped.
#[repr(align(64))]
struct Aligned<const N: usize>(MaybeUninit<[i32; N]>);

impl<const N: usize> Aligned<N> {
    const fn new() -> Self {
        Self(MaybeUninit::uninit())
    }

    fn place(&mut self) -> *mut i32 {
        self.0.as_mut_ptr().cast()
    }
}

struct Memory {
    panel: Aligned<PANEL>,
    tile: Aligned<TILE>,
    sums: Aligned<{ KEPT_ROWS * CHANNELS }>,
    line: Aligned<{ LINE + 2 }>,
}

/// What a block of channels has besides its weights, for each vector of channels.
pub(super) struct Constants<S: Integers, const NV: usize> {
    pub(super) starts: [[i32; 16]; NV],
    pub(super) scaling: [S::Scaling; NV],
}

/// A block of channels, and what it has besides its weights.
struct Block<'a, S: Integers, const NV: usize> {
    s: S,
    layer: &'a Layer<'a>,
    /// The first of the channels, among all that the filter has.
    first: usize,
    channels: usize,
    constants: Constants<S, NV>,
}

impl<S: Integers, const NV: usize> Block<'_, S, NV> {
    /// Writes the outputs of some pixels.
    ///
    /// # Safety
    /// `y` is valid for writing the block's channels, and so are the places of the pixels after it.
    #[inline(always)]
    unsafe fn place<const PIXELS: usize>(&self, sums: &[[S::V; NV]; PIXELS], y: *mut i8) {
        let Self { s, layer, first, channels, constants } = self;
        let Layer { filter, all_channels, .. } = **layer;
        let output = filter.output;
        if output.rescaling == Rescaling::Double {
            let placing = Placing { zero_point: output.zero_point, range: output.range };
            // SAFETY: the caller vouches for the channels.
            return unsafe { s.place(sums, &constants.scaling, placing, y, all_channels, *channels) };
        }
        for (pixel, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                let (mut lanes, at) = ([0; 16], v * S::LANES);
                // SAFETY: there are 16 places.
                unsafe { s.store(sum, lanes.as_mut_ptr()) };
                let count = channels.saturating_sub(at).min(S::LANES);
                // SAFETY: the caller vouches for the channels.
                unsafe { place_once(lanes, count, filter, first + at, y.add(pixel * all_channels + at)) };
            }
        }
    }

    /// What the sums of a tile begin with.
    #[inline(always)]
    fn starts(&self) -> [[S::V; NV]; MR] {
        let mut starts = [self.s.splat(0); NV];
        for (start, from) in starts.iter_mut().zip(&self.constants.starts) {
            // SAFETY: there are 16 of them.
            *start = unsafe { self.s.load(from.as_ptr()) };
        }
        [starts; MR]
    }
}

/// The outputs of some channels, rounded once: one function for all loops.
///
/// # Safety
/// `y` is valid for writing `count` elements.
#[inline(never)]
unsafe fn place_once(lanes: [i32; 16], count: usize, filter: &Filter<'_>, first: usize, y: *mut i8) {
    for (lane, &sum) in lanes.iter().enumerate().take(count) {
        // SAFETY: the caller vouches for the channels.
        unsafe { *y.add(lane) = filter.output.of(sum, filter.multiplier(first + lane)) };
    }
}

/// A row of the tile.
struct Groups<S> {
    s: S,
    row: *mut i32,
    terms: usize,
}

impl<S: Integers> Line for Groups<S> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.terms
    }

    #[inline(always)]
    fn copy(&mut self, at: usize, terms: &[i8]) {
        let len = terms.len().min(self.terms.saturating_sub(at));
        // SAFETY: the row has groups for all terms.
        unsafe { self.s.put(terms.as_ptr(), len, self.row, at) };
    }

    #[inline(always)]
    fn fill(&mut self, at: usize, len: usize, value: i8) {
        let (values, mut at, end) = ([value; 64], at, (at + len).min(self.terms));
        while at < end {
            let len = (end - at).min(64);
            // SAFETY: the row has groups for all terms.
            unsafe { self.s.put(values.as_ptr(), len, self.row, at) };
            at += len;
        }
    }
}

impl Memory {
    /// Computes all pixels of up to `NV` vectors of channels; returns how many channels these are.
    ///
    /// # Safety
    /// The weights and outputs of the layer are there for all its channels and pixels.
    #[inline(always)]
    unsafe fn block<S: Integers, R: Rows, const NV: usize>(
        &mut self,
        s: S,
        layer: &Layer<'_>,
        rows: &R,
        pixels: usize,
        channel: usize,
        y: &mut [i8],
    ) -> usize {
        let Layer { filter, terms, all_channels, .. } = *layer;
        let channels = (NV * S::LANES).min(layer.channels - channel);
        let first = layer.first_channel + channel;
        let w = filter.w.as_ptr().wrapping_add(first * terms);
        // Groups that fit the panel and the tile.
        let most = (PANEL / (NV * S::LANES)).min(TILE / MR) * S::TERMS;
        let in_one = terms <= most;
        let row_block = if in_one { pixels } else { KEPT_ROWS };
        let mut direct = if in_one { Direct::new::<S, R>(rows, terms, most) } else { None };
        let mut constants = constants::<S, NV>(s, filter, first, channels);
        if S::ADDED + i32::from(filter.input_zero_point) != 0 {
            // SAFETY: the rows of weights are there.
            unsafe { self.take_zero_points::<S, NV>(s, layer, first, channels, &mut constants) };
        }
        let block = Block { s, layer, first, channels, constants };
        let mut pixel = 0;
        while pixel < pixels {
            let end = pixels.min(pixel + row_block);
            let mut from = 0;
            loop {
                let len = most.min(terms - from);
                if !in_one {
                    direct = Direct::piece::<S, R>(rows, terms, from, len);
                }
                if !in_one || pixel == 0 {
                    // SAFETY: the rows of weights are there, and the panel has room for the groups.
                    unsafe {
                        match &direct {
                            Some(direct) if direct.is_spread => {
                                let Runs { count, len, .. } = direct.runs;
                                for run in 0..count {
                                    let at = run * direct.groups;
                                    self.pack::<S, NV>(s, w.wrapping_add(run * len), terms, channels, len, at);
                                }
                            }
                            _ => self.pack::<S, NV>(s, w.wrapping_add(from), terms, channels, len, 0),
                        }
                    }
                }
                if !in_one {
                    // The weights of the next piece come nearer while this one is at work.
                    for channel in 0..channels {
                        for at in (0..len).step_by(64) {
                            s.prefetch(w.wrapping_add(channel * terms + from + len + at));
                        }
                    }
                }
                let last = from + len >= terms;
                let (mut row, mut place_of_row) = (pixel, rows.place(pixel));
                while row < end {
                    if let Some(direct) = direct.as_ref().filter(|_| in_one) {
                        let y = y.as_mut_ptr().wrapping_add(row * all_channels + first);
                        // SAFETY: the panel holds all groups, and `y` all outputs.
                        let done = unsafe {
                            direct.stretch(&block, rows, &mut place_of_row, end - row, self.panel.place(), y)
                        };
                        if done > 0 {
                            row += done;
                            continue;
                        }
                    }
                    let count = MR.min(end - row);
                    let spread = direct.as_ref().filter(|direct| direct.is_spread);
                    let groups = spread.map_or(len.div_ceil(S::TERMS), Direct::all_groups);
                    let tile = direct.as_ref().and_then(|direct| direct.tile(rows, &mut place_of_row, count));
                    for i in 0..if tile.is_some() { 0 } else { count } {
                        // SAFETY: the tile has `MR` rows of so many groups.
                        let at = unsafe { self.tile.place().add(i * groups) };
                        if groups > 0 {
                            // What the last group has beyond the terms.
                            // SAFETY: as above.
                            unsafe { at.add(groups - 1).write(0) };
                        }
                        if let Some(direct) = spread {
                            // SAFETY: the line has room for the terms of what is spread, the row for its groups.
                            unsafe {
                                let line = self.line.place();
                                line.add(len / S::TERMS).cast::<[i32; 2]>().write([0; 2]);
                                rows.gather(place_of_row, from, &mut Groups { s, row: line, terms: len });
                                direct.spread(line.cast(), at);
                            }
                        } else {
                            rows.gather(place_of_row, from, &mut Groups { s, row: at, terms: len });
                        }
                        place_of_row = rows.next(place_of_row);
                    }
                    let kept = self.sums.place().wrapping_add((row - pixel).min(KEPT_ROWS) * NV * S::LANES);
                    // SAFETY: the panel and the tile hold the groups; sums are kept for the rows of a block.
                    unsafe {
                        let mut sums = block.starts();
                        if from > 0 {
                            for (i, sums) in sums.iter_mut().enumerate().take(count) {
                                for (v, sum) in sums.iter_mut().enumerate() {
                                    *sum = s.load(kept.add((i * NV + v) * S::LANES));
                                }
                            }
                        }
                        let sums = match (&direct, tile) {
                            (Some(direct), Some(tile)) => {
                                products_direct::<S, NV>(s, direct, &tile, self.panel.place(), sums)
                            }
                            _ => products::<S, NV>(s, groups, self.tile.place(), self.panel.place(), sums),
                        };
                        if last {
                            let sums = sums.get_unchecked(..count);
                            // Elsewhere one after the other: less code.
                            let (several, rest) = if S::DIRECT { sums.as_chunks::<PLACED>() } else { (&[][..], sums) };
                            let mut to = y.as_mut_ptr().add(row * all_channels + first);
                            for sums in several {
                                block.place(sums, to);
                                to = to.wrapping_add(PLACED * all_channels);
                            }
                            for &sums in rest {
                                block.place(&[sums], to);
                                to = to.wrapping_add(all_channels);
                            }
                        } else {
                            for (i, sums) in sums.iter().enumerate().take(count) {
                                for (v, &sum) in sums.iter().enumerate() {
                                    s.store(sum, kept.add((i * NV + v) * S::LANES));
                                }
                            }
                        }
                    }
                    row += count;
                }
                from += len;
                if last {
                    break;
                }
            }
            pixel = end;
        }
        channels
    }

    /// Copies the weights of a block of channels, `len` terms of each, into the panel, to its groups from `group` on.
    ///
    /// # Safety
    /// Each of the channels' rows of `w`, `stride` apart, has `len` elements, and the panel has room for the groups.
    #[inline(always)]
    unsafe fn pack<S: Integers, const NV: usize>(
        &mut self,
        s: S,
        w: *const i8,
        stride: usize,
        channels: usize,
        len: usize,
        group: usize,
    ) {
        for v in 0..NV {
            let at = v * S::LANES;
            let there = channels.saturating_sub(at).min(S::LANES);
            // SAFETY: the caller vouches for the weights and for the room.
            unsafe {
                let panel = self.panel.place().add(group * NV * S::LANES + at);
                s.pack(w.wrapping_add(at * stride), stride, there, len, panel, NV * S::LANES);
            }
        }
    }

    /// Subtracts from the starts what zero points would add: a multiple of the sum of each channel's weights.
    ///
    /// # Safety
    /// The weights of the channels are there.
    #[inline(always)]
    unsafe fn take_zero_points<S: Integers, const NV: usize>(
        &mut self,
        s: S,
        layer: &Layer<'_>,
        first: usize,
        channels: usize,
        constants: &mut Constants<S, NV>,
    ) {
        let Layer { filter, terms, .. } = *layer;
        let times = S::ADDED + i32::from(filter.input_zero_point);
        let row = |channel: usize| filter.w.as_ptr().wrapping_add((first + channel) * terms);
        let mut channel = 0;
        while channel < channels {
            // The last channel again where fewer than four are left.
            let stride = if channels - channel >= 4 { terms } else { 0 };
            // SAFETY: the caller vouches for the weights, which stand for inputs, too.
            let (_, sums) = unsafe { s.four_dots::<true>(row(channel), row(channel), stride, terms) };
            for &sum in sums.iter().take(if stride > 0 || terms == 0 { 4 } else { 1 }) {
                if let Some(start) =
                    constants.starts.get_mut(channel / S::LANES).and_then(|v| v.get_mut(channel % S::LANES))
                {
                    *start = start.wrapping_sub(sum.wrapping_mul(times));
                }
                channel += 1;
            }
        }
    }
}

/// Biases and multipliers of a block of channels.
#[inline(always)]
pub(super) fn constants<S: Integers, const NV: usize>(
    s: S,
    filter: &Filter<'_>,
    first: usize,
    channels: usize,
) -> Constants<S, NV> {
    // Lanes without a channel are shifted to the right, as most channels are: there is a short way for these.
    let none = Scales { mantissas: [0; 16], left: [0; 16], right: [1; 16] };
    let (mut starts, mut scales) = ([[0; 16]; NV], [none; NV]);
    for channel in 0..channels {
        let (v, lane) = (channel / S::LANES, channel % S::LANES);
        let multiplier = filter.multiplier(first + channel);
        if let (Some(starts), Some(scales)) = (starts.get_mut(v), scales.get_mut(v)) {
            starts[lane] = filter.bias(first + channel);
            scales.mantissas[lane] = multiplier.mantissa();
            scales.left[lane] = multiplier.exponent().max(0);
            scales.right[lane] = (-multiplier.exponent()).max(0);
        }
    }
    Constants { starts, scaling: scales.map(|scales| s.scaling(&scales)) }
}

/// Adds the products of all groups. Sums come and go by value: behind a reference they would lie in memory.
///
/// # Safety
/// `x` has `MR` rows of groups, and `panel` has `NV` vectors for each group.
#[inline(always)]
unsafe fn products<S: Integers, const NV: usize>(
    s: S,
    groups: usize,
    x: *const i32,
    panel: *const i32,
    mut sums: [[S::V; NV]; MR],
) -> [[S::V; NV]; MR] {
    for group in 0..groups {
        // SAFETY: the caller vouches.
        unsafe {
            let w = core::array::from_fn::<_, NV, _>(|v| s.load(panel.add((group * NV + v) * S::LANES)));
            for (i, sums) in sums.iter_mut().enumerate() {
                let x = s.splat(*x.add(i * groups + group));
                for (sum, &w) in sums.iter_mut().zip(&w) {
                    *sum = s.dot(*sum, x, w);
                }
            }
        }
    }
    sums
}

/// Rows that are read where they lie, in runs.
struct Direct<'a> {
    runs: Runs<'a>,
    /// The groups of a run.
    groups: usize,
    /// Whether runs are not whole groups: the last of each extends past the run.
    is_spread: bool,
}

impl<'a> Direct<'a> {
    /// The rows, if they and the instruction set allow it; `most` terms in groups fit the panel and the tile.
    #[inline(always)]
    fn new<S: Integers, R: Rows>(rows: &'a R, terms: usize, most: usize) -> Option<Self> {
        let runs = rows.runs().filter(|_| S::DIRECT)?;
        let direct = Self { runs, groups: runs.len.div_ceil(S::TERMS), is_spread: runs.len % S::TERMS != 0 };
        if runs.len == 0 || runs.count.checked_mul(runs.len)? != terms {
            return None;
        }
        let groups = direct.all_groups();
        let fits = terms <= LINE * S::TERMS && groups * S::TERMS <= most && groups <= terms.div_ceil(S::TERMS) + SPARE;
        (!direct.is_spread || fits).then_some(direct)
    }

    /// A piece of rows that are one run each. The last group may extend past a row's end; its weights there are 0.
    #[inline(always)]
    fn piece<S: Integers, R: Rows>(rows: &'a R, terms: usize, from: usize, len: usize) -> Option<Self> {
        let runs = rows.runs().filter(|runs| S::DIRECT && runs.count == 1 && runs.len == terms)?;
        let runs = Runs { x: runs.x.get(from..)?, len, ..runs };
        Some(Self { runs, groups: len.div_ceil(S::TERMS), is_spread: false })
    }

    /// The groups of all runs.
    #[inline(always)]
    fn all_groups(&self) -> usize {
        self.runs.count * self.groups
    }

    /// Copies the runs of a gathered line of bytes into groups of their own.
    ///
    /// # Safety
    /// `line` has all runs, and seven bytes after them; `to` has all groups.
    #[inline(always)]
    unsafe fn spread(&self, line: *const i8, to: *mut i32) {
        for run in 0..self.runs.count {
            for group in 0..self.groups {
                // SAFETY: the caller vouches.
                unsafe {
                    let from = line.add(run * self.runs.len + group * size_of::<i32>());
                    to.add(run * self.groups + group).write(from.cast::<i32>().read_unaligned());
                }
            }
        }
    }

    /// Writes all outputs of the next whole tiles of evenly spaced rows, `left` rows at most; returns how many rows
    /// these are, and moves `place` on.
    ///
    /// # Safety
    /// `panel` holds all groups of the block's channels, and `y` is valid for writing the outputs of all rows.
    #[inline(always)]
    unsafe fn stretch<S: Integers, R: Rows, const NV: usize>(
        &self,
        block: &Block<'_, S, NV>,
        rows: &R,
        place: &mut R::Place,
        left: usize,
        panel: *const i32,
        y: *mut i8,
    ) -> usize {
        let (Some(start), Some(span)) = (rows.start(*place), self.span()) else { return 0 };
        let (even, step) = rows.even(*place);
        // Of those whose last group is in the input, too.
        let x = self.runs.x;
        let Some(room) = start.checked_add(span).and_then(|end| x.len().checked_sub(end)) else { return 0 };
        let inside = room.checked_div(step).map_or(usize::MAX, |steps| steps + 1);
        let (tiles, all_channels) = (even.min(left).min(inside) / MR, block.layer.all_channels);
        let (mut row, mut to) = (x.as_ptr().wrapping_add(start), y);
        for _ in 0..tiles {
            let tile = core::array::from_fn(|i| row.wrapping_add(i * step));
            // SAFETY: the caller vouches for the panel and the outputs; all runs of the rows are in the input.
            unsafe {
                let sums = products_direct::<S, NV>(block.s, self, &tile, panel, block.starts());
                // Named one by one, they stay in their registers.
                let [a, b, c, d, e, f] = sums;
                block.place(&[a, b, c], to);
                block.place(&[d, e, f], to.wrapping_add(PLACED * all_channels));
            }
            to = to.wrapping_add(MR * all_channels);
            row = row.wrapping_add(MR * step);
        }
        *place = rows.skip(*place, tiles * MR);
        tiles * MR
    }

    /// The length from a row's first element to the end of its last group.
    #[inline(always)]
    fn span(&self) -> Option<usize> {
        self.runs.span()?.checked_sub(self.runs.len)?.checked_add(self.groups * size_of::<i32>())
    }

    /// Where the rows of a tile begin, if all their runs are in the input; `place` is moved on then. A missing row is
    /// the first again.
    #[inline(always)]
    fn tile<R: Rows>(&self, rows: &R, place: &mut R::Place, count: usize) -> Option<[*const i8; MR]> {
        let (span, x) = (self.span()?, self.runs.x);
        let mut at = *place;
        let mut tile = [x.as_ptr(); MR];
        for i in 0..MR {
            if i < count {
                let start = rows.start(at)?;
                if start.checked_add(span)? > x.len() {
                    return None;
                }
                tile[i] = x.as_ptr().wrapping_add(start);
                at = rows.next(at);
            } else {
                tile[i] = tile[0];
            }
        }
        *place = at;
        Some(tile)
    }
}

/// [`products`] of rows that are read where they lie.
///
/// # Safety
/// Each row of `tile` has the groups of the runs of `direct`, and `panel` has `NV` vectors for each of their groups.
#[inline(always)]
unsafe fn products_direct<S: Integers, const NV: usize>(
    s: S,
    direct: &Direct<'_>,
    tile: &[*const i8; MR],
    panel: *const i32,
    mut sums: [[S::V; NV]; MR],
) -> [[S::V; NV]; MR] {
    let (Runs { count, step, .. }, groups, added) = (direct.runs, direct.groups, s.added());
    for run in 0..count {
        let tile = tile.map(|row| row.wrapping_add(run * step));
        let panel = panel.wrapping_add(run * groups * NV * S::LANES);
        for group in 0..groups {
            // SAFETY: the caller vouches.
            unsafe {
                let w = core::array::from_fn::<_, NV, _>(|v| s.load(panel.add((group * NV + v) * S::LANES)));
                for (row, sums) in tile.iter().zip(sums.iter_mut()) {
                    let x = s.group(row.add(group * S::TERMS), added);
                    for (sum, &w) in sums.iter_mut().zip(&w) {
                        *sum = s.dot(*sum, x, w);
                    }
                }
            }
        }
    }
    sums
}

/// Rows that lie in the input as they are, with weights as they lie.
#[inline(always)]
fn few_rows<S: Integers>(s: S, layer: &Layer<'_>, rows: &impl Rows, pixels: usize, y: &mut [i8]) {
    let Layer { filter, first_channel, channels, terms, all_channels } = *layer;
    let times = S::ADDED + i32::from(filter.input_zero_point);
    for pixel in 0..pixels {
        let Some(x) = rows.whole(rows.place(pixel)) else { return };
        let y = y.get_mut(pixel * all_channels + first_channel..).unwrap_or_default();
        let mut channel = 0;
        while channel < channels {
            let count = if channels - channel >= 4 { 4 } else { 1 };
            let w = filter.w.as_ptr().wrapping_add((first_channel + channel) * terms);
            let stride = if count == 4 { terms } else { 0 };
            // SAFETY: `x` has the terms, and so have the rows of weights; a single one is read four times.
            let (sums, weights) = unsafe {
                // Elsewhere one function for both: less code.
                if S::DIRECT && times == 0 {
                    s.four_dots::<false>(x.as_ptr(), w, stride, terms)
                } else {
                    s.four_dots::<true>(x.as_ptr(), w, stride, terms)
                }
            };
            for (sum, weight) in sums.iter().zip(&weights).take(count) {
                let at = first_channel + channel;
                let sum = sum.wrapping_add(filter.bias(at)).wrapping_sub(weight.wrapping_mul(times));
                if let Some(y) = y.get_mut(channel) {
                    *y = filter.output.of(sum, filter.multiplier(at));
                }
                channel += 1;
            }
        }
    }
}
