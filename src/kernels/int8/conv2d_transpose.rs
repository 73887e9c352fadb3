//! Transposed convolution of eight-bit integers.
//!
//! Every input pixel adds its window to the sums of the output. With stride `S` and padding `P`:
//!
//! ```text
//! sum[n][h·S − P + kh][w·S − P + kw][co] += Σ_ci (x[n][h][w][ci] − zₓ) · w[co][kh][kw][ci]
//! ```
//!
//! Sums begin at the bias and are rescaled as in [`conv2d`](super::conv2d). `w` is
//! `[out_channels][kh][kw][in_channels]`. The shape is the `f32` kernel's [`Conv2dTranspose`], of one group.

use super::{Filter, ShapeError, check_batch, div};
use crate::{kernels::conv2d_transpose::Conv2dTranspose, simd::Level};

const NAME: &str = "int8 conv2d_transpose";

/// The adjoint of a convolution, rescaled. Each output gathers its inputs, so that no sum is kept in memory.
///
/// # Errors
/// If the descriptor is not valid or has several groups, or a slice has the wrong length; nothing is
/// written then.
///
/// ```
/// use kernlet::kernels::{conv2d_transpose::Conv2dTranspose, int8::{Filter, Multiplier, Output, conv2d_transpose}};
/// use kernlet::simd::Level;
/// let up = Conv2dTranspose::new(1, 2, 1, 1, [1, 3]).with_stride([1, 2]);
/// let multipliers = [Multiplier::from_real(1.0)];
/// let filter = Filter::new(&[1, 2, 3], &multipliers, Output::new(0));
/// let mut y = [99; 5];
/// conv2d_transpose::forward_into(Level::detect(), &up, 1, &[1, 10], &filter, &mut y)?;
/// assert_eq!(y, [1, 2, 13, 20, 30]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(
    level: Level,
    conv: &Conv2dTranspose,
    batch: usize,
    x: &[i8],
    filter: &Filter<'_>,
    y: &mut [i8],
) -> Result<(), ShapeError> {
    conv.validate()?;
    if conv.groups != 1 {
        return Err(ShapeError::new(NAME, "groups", 1, conv.groups));
    }
    check_batch(NAME, "x", x, batch, conv.x_len())?;
    filter.check(NAME, conv.w_len(), conv.out_channels)?;
    check_batch(NAME, "y", y, batch, conv.y_len())?;
    let _ = level;
    for (x, y) in x.chunks_exact(conv.x_len()).zip(y.chunks_exact_mut(conv.y_len())) {
        image(conv, x, filter, y);
    }
    Ok(())
}

/// What one axis of an output gathers: the taps `first, first + step, …` and the inputs that they read, in
/// descending order from `source`.
#[derive(Clone, Copy)]
struct Gather {
    tap: usize,
    tap_step: usize,
    count: usize,
    source: usize,
    source_step: usize,
}

impl Gather {
    /// Output `at`, with the padding counted in: `at = source · stride + tap · dilation`.
    fn of(at: usize, size: usize, kernel: usize, stride: usize, dilation: usize) -> Self {
        let none = Self { tap: 0, tap_step: 1, count: 0, source: 0, source_step: 0 };
        // Taps whose offset leaves the same rest as `at`; the first is found by trying.
        let mut found = none;
        let mut tap = 0;
        while tap < kernel && tap * dilation <= at {
            let offset = at - tap * dilation;
            if div(offset, stride) * stride == offset && div(offset, stride) < size {
                if found.count == 0 {
                    found = Self { tap, count: 1, source: div(offset, stride), ..none };
                } else {
                    if found.count == 1 {
                        found.tap_step = tap - found.tap;
                        found.source_step = found.source - div(offset, stride);
                    }
                    found.count += 1;
                }
            }
            tap += 1;
        }
        found
    }

    /// The taps with what they read.
    fn each(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.count).map(move |i| (self.tap + i * self.tap_step, self.source - i * self.source_step))
    }
}

fn image(conv: &Conv2dTranspose, x: &[i8], filter: &Filter<'_>, y: &mut [i8]) {
    let [kernel_height, kernel_width] = conv.kernel;
    let terms = conv.kernel[0] * kernel_width * conv.in_channels;
    let zero_point = i32::from(filter.input_zero_point);
    let (mut row, mut column) = (0, 0);
    for y in y.chunks_exact_mut(conv.out_channels) {
        let rows = Gather::of(row + conv.padding[0], conv.height, kernel_height, conv.stride[0], conv.dilation[0]);
        let columns = Gather::of(column + conv.padding[2], conv.width, kernel_width, conv.stride[1], conv.dilation[1]);
        for (channel, y) in y.iter_mut().enumerate() {
            let w = filter.w.get(channel * terms..).unwrap_or_default();
            let mut sum = filter.bias(channel);
            for (h, from_row) in rows.each() {
                for (v, from_column) in columns.each() {
                    let x = x.get((from_row * conv.width + from_column) * conv.in_channels..).unwrap_or_default();
                    let w = w.get((h * kernel_width + v) * conv.in_channels..).unwrap_or_default();
                    for (&x, &w) in x.iter().zip(w).take(conv.in_channels) {
                        sum = sum.wrapping_add((i32::from(x) - zero_point) * i32::from(w));
                    }
                }
            }
            *y = filter.output.of(sum, filter.multiplier(channel));
        }
        column += 1;
        if column == conv.out_width() {
            (row, column) = (row + 1, 0);
        }
    }
}
