//! The forward pass: a contraction per region of equal taps.
#![allow(unsafe_code)]

use core::ops::Range;

use super::{Window, sparse};
use crate::{
    kernels::{
        epilogue::Forward,
        tile::{Ahead, Axis, Contraction, Nest, Start},
    },
    simd::{HAS_VECTORS, Level},
};

/// The forward pass of checked operands.
pub(in crate::kernels) fn forward(level: Level, conv: &Window, batch: usize, operands: Forward<'_>, y: &mut [f32]) {
    if HAS_VECTORS && level.dispatch(sparse::ForwardPass { conv, batch, operands, y: &mut *y }) {
        return;
    }
    // Borders read the same images again, so only as many are taken at a time as stay in the cache.
    let most = if conv.is_inside() { batch } else { conv.resident_images() };
    let mut image = 0;
    while image < batch {
        let images = most.min(batch - image);
        regions(level, conv, image..image + images, operands, y);
        image += images;
    }
}

/// The outputs of some images.
fn regions(level: Level, conv: &Window, images: Range<usize>, operands: Forward<'_>, y: &mut [f32]) {
    let Forward { x, w, b, epilogue } = operands;
    let (ci, co) = conv.group_channels();
    let line = (conv.input[1] * conv.in_channels) as isize;
    let pixel = conv.in_channels as isize;
    let out_pixel = conv.out_channels as isize;
    let out_line = conv.output[1] as isize * out_pixel;
    let tap_rows = (ci * conv.out_channels) as isize;
    let by_channel = conv.is_by_channel();
    let (groups, columns) = if by_channel { (1, conv.groups) } else { (conv.groups, co) };
    for group in 0..groups {
        for h in conv.rows().outputs() {
            for v in conv.columns().outputs() {
                let rows = Nest([
                    Axis::new(images.end - images.start, conv.x_len() as isize, conv.y_len() as isize),
                    Axis::new(h.count, h.source_step.wrapping_mul(line), h.step as isize * out_line),
                    Axis::new(v.count, v.source_step.wrapping_mul(pixel), v.step as isize * out_pixel),
                ]);
                let terms = Nest([
                    Axis::new(h.taps, h.source_tap.wrapping_mul(line), tap_rows * conv.kernel[1] as isize),
                    Axis::new(v.taps, v.source_tap.wrapping_mul(pixel), tap_rows),
                    Axis::new(ci, 1, out_pixel),
                ]);
                let source = h.source.wrapping_mul(line).wrapping_add(v.source.wrapping_mul(pixel));
                let tap = h.tap * conv.kernel[1] + v.tap;
                let channel = group * co;
                let job = Contraction {
                    rows,
                    first_row: 0,
                    row_count: rows.len(),
                    terms,
                    columns,
                    a: x.as_ptr()
                        .wrapping_add(images.start * conv.x_len())
                        .wrapping_offset(source)
                        .wrapping_add(group * ci),
                    b: w.as_ptr().wrapping_add(tap * ci * conv.out_channels + channel),
                    c: y.as_mut_ptr()
                        .wrapping_add(images.start * conv.y_len())
                        .wrapping_add((h.first * conv.output[1] + v.first) * conv.out_channels + channel),
                    start: match b {
                        Some(b) => Start::Bias(b.as_ptr().wrapping_add(channel)),
                        None => Start::Zero,
                    },
                    epilogue,
                    ahead: Ahead::NONE,
                };
                // SAFETY: the lengths were checked above; a run's positions and taps stay inside
                // the image and the window, a group inside its channels; `y` is borrowed alone.
                unsafe {
                    if by_channel {
                        level.dispatch(job.vouched::<true>());
                    } else {
                        level.dispatch(job.vouched::<false>());
                    }
                }
            }
        }
    }
}
