//! The forward pass: a contraction per region of equal taps.
#![allow(unsafe_code)]

use core::ops::Range;

use super::{Conv2d, Forward, NAME, zeros};
use crate::{
    kernels::{
        ShapeError, check, check_batch,
        tile::{Ahead, Axis, Contraction, Nest, Start},
    },
    simd::{HAS_VECTORS, Level},
};

/// `y = x ⋆ w + b`, then the epilogue.
///
/// # Errors
/// If the descriptor is not valid or a slice has the wrong length; nothing is written then.
///
/// # Numerics
/// Each output starts at its bias (0 without one) and adds its terms (kh, kw, ci) in ascending order.
///
/// ```
/// use kernlet::{kernels::conv2d::{self, Conv2d, Epilogue}, simd::Level};
/// let conv = Conv2d::new(3, 3, 1, 2, [2, 2]);
/// let x = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
/// let w = [1.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0, -1.0]; // [2][2][1][2]
/// let mut y = [f32::NAN; 8];
/// conv2d::forward_into(Level::detect(), &conv, 1, conv2d::Forward { x: &x, w: &w, b: Some(&[0.5, 0.0]), epilogue: Epilogue::Relu }, &mut y)?;
/// assert_eq!(y, [4.5, 0.0, 6.5, 0.0, 10.5, 0.0, 12.5, 0.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(
    level: Level,
    conv: &Conv2d,
    batch: usize,
    operands: Forward<'_>,
    y: &mut [f32],
) -> Result<(), ShapeError> {
    conv.validate()?;
    check_batch(NAME, "x", operands.x, batch, conv.x_len())?;
    check(NAME, "w", operands.w, conv.w_len())?;
    if let Some(b) = operands.b {
        check(NAME, "b", b, conv.b_len())?;
    }
    check_batch(NAME, "y", y, batch, conv.y_len())?;
    contract(level, conv, batch, operands, y);
    Ok(())
}

/// The forward pass of checked operands.
pub(in crate::kernels) fn contract(level: Level, conv: &Conv2d, batch: usize, operands: Forward<'_>, y: &mut [f32]) {
    if HAS_VECTORS && level.dispatch(zeros::ForwardPass { conv, batch, operands, y: &mut *y }) {
        return;
    }
    // Borders read the same images again, so only as many are taken at a time as stay in the cache.
    let most = if conv.padding == [0; 4] { batch } else { conv.resident_images() };
    let mut image = 0;
    while image < batch {
        let images = most.min(batch - image);
        regions(level, conv, image..image + images, operands, y);
        image += images;
    }
}

/// The outputs of some images.
fn regions(level: Level, conv: &Conv2d, images: Range<usize>, operands: Forward<'_>, y: &mut [f32]) {
    let Forward { x, w, b, epilogue } = operands;
    let (ci, co) = conv.group_channels();
    let line = (conv.width * conv.in_channels) as isize;
    let pixel = conv.in_channels as isize;
    let out_pixel = conv.out_channels as isize;
    let out_line = conv.out_width() as isize * out_pixel;
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
                        .wrapping_add((h.first * conv.out_width() + v.first) * conv.out_channels + channel),
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
