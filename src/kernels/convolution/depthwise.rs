//! The gradients of a depthwise convolution of one output per channel: vectors go along the
//! channels, so that neither needs its weights transposed.
#![allow(unsafe_code)]

use core::ops::Range;

use super::{Adjoint, Gradient};
use crate::{
    kernels::{
        Epilogue, div_ceil,
        tile::{Ahead, Axis, Contraction, Nest, Start},
    },
    simd::Level,
};

/// Runs the adjoint, a contraction per region of equal taps.
pub(super) fn input_gradient(level: Level, of: &mut Adjoint<'_>) {
    let conv = of.conv;
    let mut image = 0;
    while image < of.batch {
        let images = conv.resident_images().min(of.batch - image);
        regions(level, of, image, images);
        image += images;
    }
}

/// The gradients of some images.
fn regions(level: Level, of: &mut Adjoint<'_>, image: usize, images: usize) {
    let conv = of.conv;
    let channels = conv.groups as isize;
    let line = conv.output[1] as isize * channels;
    let in_line = conv.input[1] as isize * channels;
    let tap_line = conv.kernel[1] as isize * channels;
    for h in conv.rows().inputs() {
        for v in conv.columns().inputs() {
            let rows = Nest([
                Axis::new(images, conv.y_len() as isize, conv.x_len() as isize),
                Axis::new(h.count, h.source_step.wrapping_mul(line), (h.step as isize).wrapping_mul(in_line)),
                Axis::new(v.count, v.source_step.wrapping_mul(channels), (v.step as isize).wrapping_mul(channels)),
            ]);
            let terms = Nest([
                Axis::new(h.taps, h.source_tap.wrapping_mul(line), (h.tap_step as isize).wrapping_mul(tap_line)),
                Axis::new(v.taps, v.source_tap.wrapping_mul(channels), (v.tap_step as isize).wrapping_mul(channels)),
                Axis::ONE,
            ]);
            let source = h.source.wrapping_mul(line).wrapping_add(v.source.wrapping_mul(channels));
            let job = Contraction {
                rows,
                first_row: 0,
                row_count: rows.len(),
                terms,
                columns: conv.groups,
                a: of.dy.as_ptr().wrapping_add(image * conv.y_len()).wrapping_offset(source),
                b: of.w.as_ptr().wrapping_add((h.tap * conv.kernel[1] + v.tap) * conv.groups),
                c: of
                    .dx
                    .as_mut_ptr()
                    .wrapping_add(image * conv.x_len() + (h.first * conv.input[1] + v.first) * conv.groups),
                start: match of.bias {
                    Some(bias) => Start::Bias(bias.as_ptr()),
                    None => Start::Zero,
                },
                epilogue: of.epilogue,
                ahead: Ahead::NONE,
            };
            // SAFETY: lengths were checked at the door; a run's positions and taps stay inside the
            // images and the window; `dx` is borrowed alone.
            level.dispatch(unsafe { job.vouched::<true>() });
        }
    }
}

/// Adds the gradient of some rows of weights, one row being one tap.
pub(super) fn weight_gradient(level: Level, of: Gradient<'_>, taps: Range<usize>, dw: &mut [f32]) {
    let Gradient { conv, batch, x, dy } = of;
    let channels = conv.groups as isize;
    let line = conv.input[1] as isize * channels;
    let out_line = conv.output[1] as isize * channels;
    let [down, right] = [conv.stride[0] as isize, conv.stride[1] as isize];
    let [kh, kw] = conv.kernel;
    let images = Axis::new(batch, conv.x_len() as isize, conv.y_len() as isize);
    let mut job = Contraction {
        rows: Nest([
            Axis::ONE,
            Axis::new(kh, (conv.dilation[0] as isize).wrapping_mul(line), kw as isize * channels),
            Axis::new(kw, (conv.dilation[1] as isize).wrapping_mul(channels), channels),
        ]),
        first_row: taps.start,
        row_count: taps.end - taps.start,
        terms: Nest([
            images,
            Axis::new(conv.output[0], down.wrapping_mul(line), out_line),
            Axis::new(conv.output[1], right.wrapping_mul(channels), channels),
        ]),
        columns: conv.groups,
        a: x.as_ptr(),
        b: dy.as_ptr(),
        c: dw.as_mut_ptr().wrapping_sub(taps.start * conv.groups),
        start: Start::Continue,
        epilogue: Epilogue::None,
        ahead: Ahead::NONE,
    };
    if conv.is_inside() {
        // All taps see the same pixels.
        // SAFETY: lengths and taps were checked at the door; `dw` is borrowed alone.
        return level.dispatch(unsafe { job.vouched::<true>() });
    }
    // A column of taps sees the same pixels of each line, and the lines that see the same taps
    // follow one another: these are the rows and the terms of a contraction.
    let whole = job;
    for image in 0..batch {
        for h in conv.rows().outputs() {
            for v in 0..kw {
                let first = |tap: usize| div_ceil(tap.saturating_sub(v), kw);
                let h = h.within(first(taps.start), first(taps.end));
                let (column, columns) = conv.columns().outputs_of_tap(v);
                let left = (column * conv.stride[1] + v * conv.dilation[1]).wrapping_sub(conv.before[1]) as isize;
                job.rows = Nest::line(Axis::new(h.taps, h.source_tap.wrapping_mul(line), kw as isize * channels));
                job.first_row = 0;
                job.row_count = h.taps;
                job.terms = Nest([
                    Axis::ONE,
                    Axis { count: h.count, ..whole.terms.0[1] },
                    Axis { count: columns, ..whole.terms.0[2] },
                ]);
                let source = h.source.wrapping_mul(line).wrapping_add(left.wrapping_mul(channels));
                job.a = whole.a.wrapping_add(image * conv.x_len()).wrapping_offset(source);
                job.b = whole.b.wrapping_add(image * conv.y_len() + (h.first * conv.output[1] + column) * conv.groups);
                job.c = whole.c.wrapping_add((h.tap * kw + v) * conv.groups);
                if job.terms.len() > 0 {
                    // SAFETY: lengths and taps were checked at the door; the pixels are those that
                    // the taps see inside the image; `dw` is borrowed alone.
                    level.dispatch(unsafe { job.vouched::<true>() });
                }
            }
        }
    }
}
