//! The gradient of the weights: an output is a weight, its terms are pixels.
#![allow(unsafe_code)]

use core::ops::Range;

use super::{Window, depthwise, sparse};
use crate::{
    kernels::{
        Epilogue, div, rem,
        tile::{Ahead, Axis, Contraction, Nest, Start},
    },
    simd::{HAS_VECTORS, Level},
};

/// What the gradient of the weights reads: whole batches of both, checked against the window.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Gradient<'a> {
    pub conv: &'a Window,
    pub batch: usize,
    pub x: &'a [f32],
    pub dy: &'a [f32],
}

/// Rows of the matrix of weights and columns of each group, and where the first of the rows lies.
#[derive(Clone)]
pub(super) struct Block {
    pub rows: Range<usize>,
    pub columns: Range<usize>,
    pub dw: *mut f32,
}

/// Adds the gradient of some rows of the weights.
pub(in crate::kernels) fn weight_gradient(level: Level, of: Gradient<'_>, rows: Range<usize>, dw_rows: &mut [f32]) {
    if of.conv.is_by_channel() {
        return depthwise::weight_gradient(level, of, rows, dw_rows);
    }
    let (_, co) = of.conv.group_channels();
    // SAFETY: all columns of rows that are borrowed here.
    unsafe { columns_of(level, of, Block { rows, columns: 0..co, dw: dw_rows.as_mut_ptr() }) }
}

/// Adds the gradient of a block of weights.
///
/// # Safety
/// The rows are valid for reading and writing these columns, and nobody else does either.
pub(super) unsafe fn columns_of(level: Level, of: Gradient<'_>, block: Block) {
    let with_all = |block: Block| {
        // SAFETY: a part of what the caller vouches for.
        unsafe { with_all_terms(level, of, block) };
    };
    // SAFETY: as above.
    let done = HAS_VECTORS && unsafe { sparse::weight_gradient(level, of, block.clone(), with_all) };
    if !done {
        with_all(block);
    }
}

/// Adds the gradient of a block of weights, with all terms.
///
/// # Safety
/// As for [`columns_of`].
unsafe fn with_all_terms(level: Level, of: Gradient<'_>, block: Block) {
    let Gradient { conv, batch, .. } = of;
    let Block { rows, columns, dw } = block;
    let (ci, _) = conv.group_channels();
    // Pieces of pixels that stay in the cache while all rows go over them.
    let pixels = conv.output[0] * conv.output[1];
    let images = div(PIXELS, pixels).max(1);
    let lines = div(PIXELS, conv.output[1]).max(1);
    let everywhere = conv.is_inside();
    let mut image = 0;
    while image < batch {
        let images = image..(image + images).min(batch);
        let mut line = 0;
        while line < conv.output[0] {
            let lines = line..(line + lines).min(conv.output[0]);
            for group in 0..conv.groups {
                let mut at = rows.start;
                while at < rows.end {
                    // Without padding all taps see the same pixels.
                    let end = if everywhere { rows.end } else { (div(at, ci) * ci + ci).min(rows.end) };
                    let target = dw.wrapping_add((at - rows.start) * conv.out_channels);
                    let (images, lines, columns) = (images.clone(), lines.clone(), columns.clone());
                    let job = Weights { of, group, columns, images, lines };
                    job.run(level, at..end, target);
                    at = end;
                }
            }
            line = lines.end;
        }
        image = images.end;
    }
}

/// Terms of the weight gradient that are worked through at a time.
const PIXELS: usize = 128;

/// A piece of the weight gradient's terms.
struct Weights<'a> {
    of: Gradient<'a>,
    group: usize,
    columns: Range<usize>,
    images: Range<usize>,
    lines: Range<usize>,
}

impl Weights<'_> {
    /// Adds to the rows of weights, all of one tap unless there is no padding.
    fn run(&self, level: Level, rows: Range<usize>, target: *mut f32) {
        let Gradient { conv, x, dy, .. } = self.of;
        let (ci, co) = conv.group_channels();
        let channel_out = self.group * co + self.columns.start;
        let (tap, channel) = (div(rows.start, ci), rem(rows.start, ci));
        let (kh, kw) = (div(tap, conv.kernel[1]), rem(tap, conv.kernel[1]));
        let (first_line, line_count) = conv.rows().outputs_of_tap(kh);
        let (first_column, column_count) = conv.columns().outputs_of_tap(kw);
        let from = first_line.max(self.lines.start);
        let line_count = (first_line + line_count).min(self.lines.end).saturating_sub(from);
        let pixel = conv.in_channels as isize;
        let line = conv.input[1] as isize * pixel;
        let out_pixel = conv.out_channels as isize;
        let out_line = conv.output[1] as isize * out_pixel;
        let [down, right] = [conv.dilation[0] as isize, conv.dilation[1] as isize];
        let [tap_line, tap_pixel] = [down.wrapping_mul(line), right.wrapping_mul(pixel)];
        let everywhere = conv.is_inside();
        let nest = if everywhere {
            Nest([
                Axis::new(conv.kernel[0], tap_line, (conv.kernel[1] * ci) as isize * out_pixel),
                Axis::new(conv.kernel[1], tap_pixel, ci as isize * out_pixel),
                Axis::new(ci, 1, out_pixel),
            ])
        } else {
            Nest::line(Axis::new(ci, 1, out_pixel))
        };
        // The first row of the nest: the whole matrix, or that tap's channels.
        let (first_row, [h, v]) = if everywhere { (rows.start, [0, 0]) } else { (channel, [kh, kw]) };
        let top = (from * conv.stride[0] + h * conv.dilation[0]).wrapping_sub(conv.before[0]) as isize;
        let left = (first_column * conv.stride[1] + v * conv.dilation[1]).wrapping_sub(conv.before[1]) as isize;
        let images = self.images.end - self.images.start;
        let job = Contraction {
            rows: nest,
            first_row,
            row_count: rows.end - rows.start,
            terms: Nest([
                Axis::new(images, conv.x_len() as isize, conv.y_len() as isize),
                Axis::new(line_count, (conv.stride[0] as isize).wrapping_mul(line), out_line),
                Axis::new(column_count, (conv.stride[1] as isize).wrapping_mul(pixel), out_pixel),
            ]),
            columns: self.columns.end - self.columns.start,
            a: x.as_ptr()
                .wrapping_add(self.images.start * conv.x_len() + self.group * ci)
                .wrapping_offset(top.wrapping_mul(line).wrapping_add(left.wrapping_mul(pixel))),
            b: dy
                .as_ptr()
                .wrapping_add(self.images.start * conv.y_len() + channel_out)
                .wrapping_offset(from as isize * out_line + first_column as isize * out_pixel),
            c: target.wrapping_add(channel_out).wrapping_offset(-(first_row as isize * out_pixel)),
            start: Start::Continue,
            epilogue: Epilogue::None,
            ahead: self.ahead(rows.end - rows.start, from + line_count, line_count),
        };
        if job.terms.len() > 0 {
            // SAFETY: lengths and rows were checked at the door; the pixels are those that the
            // tap sees inside the image; `target` are the rows' own elements, borrowed alone.
            level.dispatch(unsafe { job.vouched::<false>() });
        }
    }
}

impl Weights<'_> {
    /// The lines of `dy` and `x` that come after those before line `from`, as many as these are.
    fn ahead(&self, rows: usize, from: usize, lines: usize) -> Ahead {
        let Gradient { conv, x, dy, .. } = self.of;
        let line = conv.input[1] * conv.in_channels;
        let out_line = conv.output[1] * conv.out_channels;
        let dy = dy.as_ptr().wrapping_add(self.images.start * conv.y_len() + from * out_line);
        let below = from.wrapping_mul(conv.stride[0]).wrapping_add(conv.kernel[0] - 1);
        let x = x.as_ptr().wrapping_add(self.images.start * conv.x_len()).wrapping_add(below.wrapping_mul(line));
        let tiles = div(rows, 6) * (self.columns.len() / 64).max(1);
        Ahead::over(tiles, [(dy, lines * out_line), (x, lines.saturating_mul(conv.stride[0]).saturating_mul(line))])
    }
}
