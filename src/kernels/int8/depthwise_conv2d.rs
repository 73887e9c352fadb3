//! Depthwise convolution of eight-bit integers: each input channel has outputs of its own.
//!
//! ```text
//! sum = b[co] + Σ_kh Σ_kw (x[n][oh·S − P + kh·D][ow·S − P + kw·D][co / m] − zₓ) · w[kh][kw][co]
//! ```
//!
//! with the multiplier `m = out_channels / in_channels`; the rest is as in [`conv2d`](super::conv2d). `w` is
//! `[kh][kw][out_channels]`. The shape is a [`Conv2d`] of `groups = in_channels`.

use core::ops::Range;

use super::{
    Filter, ShapeError, check_batch,
    conv2d::axis,
    div, lanes, rem,
    tiles::{biases, place},
};
use crate::{
    kernels::conv2d::Conv2d,
    simd::{
        Level,
        taps::{Simple, Tap, Taps},
        tile,
    },
};

const NAME: &str = "int8 depthwise_conv2d";

/// `y = x ⋆ w + b` channel by channel, rescaled.
///
/// # Errors
/// If the descriptor is not valid, its groups are not its input channels, or a slice has the wrong length;
/// nothing is written then.
///
/// ```
/// use kernlet::kernels::{conv2d::Conv2d, int8::{Filter, Multiplier, Output, depthwise_conv2d}};
/// use kernlet::simd::Level;
/// let conv = Conv2d::new(1, 3, 2, 2, [1, 2]).with_groups(2);
/// let x = [1, 10, 2, 20, 3, 30]; // [1][3][2]
/// let multipliers = [Multiplier::from_real(1.0)];
/// let filter = Filter::new(&[1, 1, 1, 2], &multipliers, Output::new(0));
/// let mut y = [99; 4];
/// depthwise_conv2d::forward_into(Level::detect(), &conv, 1, &x, &filter, &mut y)?;
/// assert_eq!(y, [3, 50, 5, 80]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(
    level: Level,
    conv: &Conv2d,
    batch: usize,
    x: &[i8],
    filter: &Filter<'_>,
    y: &mut [i8],
) -> Result<(), ShapeError> {
    conv.validate()?;
    if conv.groups != conv.in_channels {
        return Err(ShapeError::new(NAME, "groups", conv.in_channels, conv.groups));
    }
    check_batch(NAME, "x", x, batch, conv.x_len())?;
    filter.check(NAME, conv.w_len(), conv.out_channels)?;
    check_batch(NAME, "y", y, batch, conv.y_len())?;
    if lanes::depthwise(level, conv, filter, x, y) {
        return Ok(());
    }
    let (rows, columns) = (axis(conv, 0), axis(conv, 1));
    let simple = filter.simple(0, conv.out_channels, conv.kernel[0] * conv.kernel[1]);
    let last = last_inside(conv);
    let mut window = Window { conv, filter, simple, rows: 0..0, columns: 0..0, taps: Taps::new() };
    let mut y = y;
    for x in x.chunks_exact(conv.x_len().max(1)) {
        for row in 0..conv.out_height() {
            let rows = rows.inside(row);
            let mut column = 0;
            while column < conv.out_width() {
                let inside = columns.inside(column);
                let first = (rows.first * conv.width + inside.first) * conv.in_channels;
                let x = x.get(first..).unwrap_or_default();
                window.turn(&rows.taps, &inside.taps);
                // The pixels that see all taps of a line go together.
                let alike = if inside.taps.len() == conv.kernel[1] { last.saturating_sub(column).max(1) } else { 1 };
                let (run, rest) = y.split_at_mut_checked(alike * conv.out_channels).unwrap_or_default();
                window.pixels(x, run);
                (y, column) = (rest, column + alike);
            }
        }
    }
    Ok(())
}

/// The columns before this one see no padding on the right.
#[inline(always)]
pub(super) fn last_inside(conv: &Conv2d) -> usize {
    let span = (conv.kernel[1] - 1) * conv.dilation[1];
    let last = div((conv.width + conv.padding[2]).saturating_sub(span + 1), conv.stride[1]) + 1;
    last.min(conv.out_width())
}

/// Channels whose sums are kept at a time.
const PANEL: usize = 64;

/// The taps of a window that lie inside the image.
struct Window<'a> {
    conv: &'a Conv2d,
    filter: &'a Filter<'a>,
    simple: Option<Simple<'a>>,
    rows: Range<usize>,
    columns: Range<usize>,
    /// Where they lie, relative to the first, if there are not too many and each input channel has one output.
    taps: Taps,
}

impl Window<'_> {
    /// Lists the taps, unless they are those of the previous pixel.
    #[inline(always)]
    fn turn(&mut self, rows: &Range<usize>, columns: &Range<usize>) {
        if self.rows != *rows || self.columns != *columns {
            (self.rows, self.columns) = (rows.clone(), columns.clone());
            self.taps = Taps::new();
            let one_output = self.conv.out_channels == self.conv.in_channels;
            if one_output && rows.len() * columns.len() <= Taps::MOST {
                let mut taps = Taps::new();
                self.each(|x, w| taps.push(Tap { x, w }));
                self.taps = taps;
            }
        }
    }

    /// Calls `f` with the places of each tap's first input, relative to that of the first tap, and first weight.
    #[inline(always)]
    fn each(&self, mut f: impl FnMut(usize, usize)) {
        let conv = self.conv;
        for h in self.rows.clone() {
            for v in self.columns.clone() {
                let down = (h - self.rows.start) * conv.dilation[0] * conv.width;
                let pixel = down + (v - self.columns.start) * conv.dilation[1];
                f(pixel * conv.in_channels, (h * conv.kernel[1] + v) * conv.out_channels);
            }
        }
    }

    /// Neighbouring pixels that see the same taps; `x` begins at the first tap of the first.
    #[inline(always)]
    fn pixels(&self, x: &[i8], y: &mut [i8]) {
        let Self { conv, filter, taps, .. } = self;
        let step = conv.stride[1] * conv.in_channels;
        if let Some(simple) = &self.simple
            && taps.count > 0
        {
            let (zero_point, channels) = (filter.input_zero_point, conv.out_channels);
            if tile::depthwise_outputs(x, step, filter.w, taps, zero_point, simple, channels, y) {
                return;
            }
        }
        let (mut x, mut sums) = (x, [0; PANEL]);
        for y in y.chunks_exact_mut(conv.out_channels.max(1)) {
            self.forward(x, &mut sums, y);
            x = x.get(step..).unwrap_or_default();
        }
    }

    /// An output pixel; `x` begins at the first tap.
    fn forward(&self, x: &[i8], sums: &mut [i32; PANEL], y: &mut [i8]) {
        let filter = self.filter;
        let mut channel = 0;
        for y in y.chunks_mut(PANEL) {
            let sums = sums.get_mut(..y.len()).unwrap_or_default();
            biases(filter, channel, sums, |bias| bias);
            let mut done = 0;
            if self.taps.count > 0 {
                let (x, w) = (x.get(channel..).unwrap_or_default(), filter.w.get(channel..).unwrap_or_default());
                done = tile::depthwise(x, w, &self.taps, filter.input_zero_point, sums);
            }
            if done < sums.len() {
                self.others(x, channel, done, sums);
            }
            place(filter, channel, sums, y);
            channel += PANEL;
        }
    }

    /// Adds the products of a panel's channels from `done` on.
    #[inline(always)]
    fn others(&self, x: &[i8], channel: usize, done: usize, sums: &mut [i32]) {
        let multiplier = div(self.conv.out_channels, self.conv.in_channels);
        let zero_point = i32::from(self.filter.input_zero_point);
        let (first, rest) = (div(channel + done, multiplier), rem(channel + done, multiplier));
        self.each(|at, w| {
            let x = x.get(at + first..).unwrap_or_default();
            let w = self.filter.w.get(w + channel + done..).unwrap_or_default();
            // Each input goes with so many outputs, the first with what is left of them.
            let mut inputs = x.iter().map(|&x| i32::from(x) - zero_point);
            let (mut x, mut outputs) = (inputs.next().unwrap_or_default(), multiplier - rest);
            for (sum, &w) in sums.iter_mut().skip(done).zip(w) {
                if outputs == 0 {
                    (x, outputs) = (inputs.next().unwrap_or_default(), multiplier);
                }
                *sum = sum.wrapping_add(x * i32::from(w));
                outputs -= 1;
            }
        });
    }
}
