//! Max pooling, average pooling, and both over whole images, forward and backward.
//!
//! `x` is `[n][height][width][channels]`, `y` is `[n][out_height][out_width][channels]`. Windows may
//! overlap, be dilated, leave gaps and reach into the padding, which never enters a maximum, and an
//! average only where [`Pool2d::with_padding_counted`] says so (PyTorch's `count_include_pad`): then it is
//! so many zeros.
//!
//! # Numerics
//!
//! | output | terms in ascending |
//! |---|---|
//! | `y` of the maximum | (kh, kw): the first largest; a NaN counts as larger than every number, another NaN included |
//! | `y` of an average | (kh, kw) from 0, the sum then divided by the number of its terms, or of the taps |
//! | `dx` | (oh, ow) of the windows that hold it, from 0 |
//!
//! A NaN makes the maxima and the averages of its windows NaN. The gradient of a maximum goes to the element
//! that forward chose, as in TensorFlow. Nothing is fused, so bits do not even depend on the rounding.
//! A dilated window may have all its taps in the padding: its maximum is −∞, which no element gets the
//! gradient of, and its average 0.

mod average;
mod max;

pub(crate) use average::{average_backward, average_forward};
pub use average::{
    average_backward_into, average_forward_into, global_average_backward_into, global_average_forward_into,
};
pub use max::{global_max_backward_into, global_max_forward_into, max_backward_into, max_forward_into};
pub(crate) use max::{max_backward, max_forward};

use core::slice::{ChunksExact, ChunksExactMut};

use super::{ShapeError, check_batch, div_ceil};
use crate::{
    shape::{self, Padding},
    simd::Simd,
};

/// The shape of a pooling of one image.
///
/// ```
/// use kernlet::{kernels::pool2d::Pool2d, shape::Padding};
/// let pool = Pool2d::new(24, 24, 64, [2, 2]);
/// assert_eq!((pool.out_height(), pool.out_width(), pool.y_len()), (12, 12, 12 * 12 * 64));
/// let pool = Pool2d::new(7, 7, 4, [3, 3]).with_padding(Padding::Same).with_stride([2, 2]);
/// assert_eq!(pool.out_height(), 4);
/// let pool = Pool2d::new(8, 8, 4, [3, 3]).with_dilation([2, 2]).with_stride([1, 1]).with_padding_counted();
/// assert_eq!(pool.out_height(), 4);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Pool2d {
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Channels of input and output.
    pub channels: usize,
    /// Rows and columns of the window.
    pub kernel: [usize; 2],
    /// Rows and columns between windows.
    pub stride: [usize; 2],
    /// Rows and columns from one tap of a window to the next.
    pub dilation: [usize; 2],
    /// Rows above and below, columns on the left and right.
    pub padding: [usize; 4],
    /// Whether an average divides by all taps of the window, those in the padding too.
    pub padding_counted: bool,
    /// Whether the padding is Keras' `same` and follows stride and dilation.
    same: bool,
}

impl Pool2d {
    /// Windows side by side (the stride is the kernel), no padding.
    pub const fn new(height: usize, width: usize, channels: usize, kernel: [usize; 2]) -> Self {
        Self {
            height,
            width,
            channels,
            kernel,
            stride: kernel,
            dilation: [1; 2],
            padding: [0; 4],
            padding_counted: false,
            same: false,
        }
    }

    /// One window over all pixels of an image, which stand in a row: global pooling.
    ///
    /// ```
    /// use kernlet::kernels::pool2d::Pool2d;
    /// let pool = Pool2d::global(28 * 28, 16);
    /// assert_eq!((pool.x_len(), pool.y_len(), pool.argmax_len()), (12_544, 16, 32));
    /// ```
    pub const fn global(pixels: usize, channels: usize) -> Self {
        Self::new(1, pixels, channels, [1, pixels])
    }

    /// The same with another stride.
    pub const fn with_stride(self, stride: [usize; 2]) -> Self {
        Self { stride, ..self }.resolved()
    }

    /// The same with another dilation.
    pub const fn with_dilation(self, dilation: [usize; 2]) -> Self {
        Self { dilation, ..self }.resolved()
    }

    /// The same with another padding; [`Padding::Same`] goes by the stride and the dilation, whether
    /// these are set before or after.
    pub const fn with_padding(self, padding: Padding) -> Self {
        let same = matches!(padding, Padding::Same);
        let padding = padding.resolve([self.height, self.width], self.kernel, self.stride, self.dilation);
        Self { padding, same, ..self }
    }

    /// The same with the padding counted in averages, as PyTorch does by default.
    pub const fn with_padding_counted(self) -> Self {
        Self { padding_counted: true, ..self }
    }

    const fn resolved(self) -> Self {
        if self.same { self.with_padding(Padding::Same) } else { self }
    }

    /// Whether the descriptor describes a pooling: sizes, strides and dilations are at least 1, the window
    /// fits into the padded image, each padding is below what the window spans, and no length overflows.
    ///
    /// # Errors
    /// The first size that is wrong.
    ///
    /// ```
    /// use kernlet::kernels::pool2d::Pool2d;
    /// assert!(Pool2d::new(24, 24, 64, [2, 2]).validate().is_ok());
    /// let error = Pool2d::new(1, 24, 64, [2, 2]).validate().unwrap_err();
    /// assert_eq!(error.to_string(), "pool2d: padded height: expected at least 2, found 1");
    /// ```
    pub const fn validate(&self) -> Result<(), ShapeError> {
        const NAME: &str = "pool2d";
        const MOST: usize = isize::MAX as usize / size_of::<f32>();
        macro_rules! check {
            ($argument:literal, $size:expr, 1..) => {
                if $size < 1 {
                    return Err(ShapeError::at_least(NAME, $argument, 1, $size));
                }
            };
            ($argument:literal, $size:expr) => {
                check!($argument, $size, 1..);
                // With steps in this limit no place along an axis overflows.
                if $size > MOST {
                    return Err(ShapeError::at_most(NAME, $argument, MOST, $size));
                }
            };
        }
        check!("height", self.height, 1..);
        check!("width", self.width, 1..);
        check!("channels", self.channels, 1..);
        check!("kernel rows", self.kernel[0]);
        check!("kernel columns", self.kernel[1]);
        check!("stride of rows", self.stride[0]);
        check!("stride of columns", self.stride[1]);
        check!("dilation of rows", self.dilation[0]);
        check!("dilation of columns", self.dilation[1]);
        match self.kernel[0].checked_mul(self.kernel[1]) {
            Some(taps) if taps <= MOST && taps <= u32::MAX as usize => {}
            _ => return Err(ShapeError::at_most(NAME, "kernel", MOST, usize::MAX)),
        }
        let Some(pixels) = self.height.checked_mul(self.width) else {
            return Err(ShapeError::at_most(NAME, "x", MOST, usize::MAX));
        };
        let mut axis = 0;
        while axis < 2 {
            let span = match (self.kernel[axis] - 1).checked_mul(self.dilation[axis]) {
                Some(span) if span < MOST => span + 1,
                _ => return Err(ShapeError::at_most(NAME, "span of the window", MOST, usize::MAX)),
            };
            let [before, after] = [self.padding[2 * axis], self.padding[2 * axis + 1]];
            let larger = if before > after { before } else { after };
            if larger >= span {
                return Err(ShapeError::at_most(NAME, "padding", span - 1, larger));
            }
            let size = [self.height, self.width][axis];
            let padded = match size.checked_add(before + after) {
                Some(padded) if padded < isize::MAX as usize => padded,
                _ => return Err(ShapeError::at_most(NAME, "padded size", isize::MAX as usize, usize::MAX)),
            };
            if padded < span {
                let argument = if axis == 0 { "padded height" } else { "padded width" };
                return Err(ShapeError::at_least(NAME, argument, span, padded));
            }
            axis += 1;
        }
        let Some(out_pixels) = self.out_height().checked_mul(self.out_width()) else {
            return Err(ShapeError::at_most(NAME, "y", MOST, usize::MAX));
        };
        match (pixels.checked_mul(self.channels), out_pixels.checked_mul(self.channels)) {
            (Some(x), Some(y)) if x <= MOST && y <= MOST => Ok(()),
            _ => Err(ShapeError::at_most(NAME, "x and y", MOST, usize::MAX)),
        }
    }

    /// Rows of the output.
    pub const fn out_height(&self) -> usize {
        shape::window_count(
            self.height,
            self.padding[0] + self.padding[1],
            self.kernel[0],
            self.stride[0],
            self.dilation[0],
        )
    }

    /// Columns of the output.
    pub const fn out_width(&self) -> usize {
        shape::window_count(
            self.width,
            self.padding[2] + self.padding[3],
            self.kernel[1],
            self.stride[1],
            self.dilation[1],
        )
    }

    /// The length of `x` per image.
    ///
    /// ```
    /// assert_eq!(kernlet::kernels::pool2d::Pool2d::new(24, 24, 64, [2, 2]).x_len(), 36_864);
    /// ```
    pub const fn x_len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// The length of `y` per image.
    pub const fn y_len(&self) -> usize {
        self.out_height() * self.out_width() * self.channels
    }

    /// How many bytes one index of [`max_forward_into`] has: 1 for windows of up to 256 taps, 2 for up to
    /// 65,536, 4 beyond.
    ///
    /// ```
    /// use kernlet::kernels::pool2d::Pool2d;
    /// assert_eq!(Pool2d::new(32, 32, 1, [16, 16]).index_bytes(), 1);
    /// assert_eq!(Pool2d::new(32, 32, 1, [17, 16]).index_bytes(), 2);
    /// ```
    pub const fn index_bytes(&self) -> usize {
        match self.kernel[0].saturating_mul(self.kernel[1]) {
            ..=256 => 1,
            257..=65_536 => 2,
            _ => 4,
        }
    }

    /// The bytes of the indices of [`max_forward_into`] per image: `y_len · index_bytes`.
    ///
    /// ```
    /// assert_eq!(kernlet::kernels::pool2d::Pool2d::new(24, 24, 64, [2, 2]).argmax_len(), 12 * 12 * 64);
    /// ```
    pub const fn argmax_len(&self) -> usize {
        self.y_len() * self.index_bytes()
    }

    /// The window of output row `oh`: the input rows inside the image, and the first one's tap.
    #[inline(always)]
    fn rows(&self, oh: usize) -> Taps {
        Taps::new(oh * self.stride[0], self.padding[0], self.kernel[0], self.dilation[0], self.height)
    }

    /// The window of output column `ow`.
    #[inline(always)]
    fn columns(&self, ow: usize) -> Taps {
        Taps::new(ow * self.stride[1], self.padding[2], self.kernel[1], self.dilation[1], self.width)
    }

    /// From one row of a window to the next, and from one of its columns to the next.
    #[inline(always)]
    fn steps(&self) -> [usize; 2] {
        [self.dilation[0] * self.width * self.channels, self.dilation[1] * self.channels]
    }

    /// The door of forward and backward: two slices of whole batches of a valid descriptor. The kernels reach
    /// their slices by checked indices alone.
    fn check<X, Y>(
        &self,
        name: &'static str,
        batch: usize,
        x: (&'static str, &[X]),
        y: (&'static str, &[Y]),
    ) -> Result<(), ShapeError> {
        check_batch(name, x.0, x.1, batch, self.x_len())?;
        check_batch(name, y.0, y.1, batch, self.y_len())
    }
}

/// The part of a window along one axis that lies inside the image.
#[derive(Clone, Copy)]
struct Taps {
    /// Where in the image the first of them is.
    at: usize,
    /// How many there are; 0 only where the window is dilated.
    count: usize,
    /// Which tap of the window the first of them is.
    first: usize,
}

impl Taps {
    #[inline(always)]
    fn new(start: usize, padding: usize, kernel: usize, dilation: usize, size: usize) -> Self {
        let (before, end) = (padding.saturating_sub(start), (size + padding).saturating_sub(start));
        let (first, end) =
            if dilation == 1 { (before, end) } else { (div_ceil(before, dilation), div_ceil(end, dilation)) };
        Self { at: start + first * dilation - padding, count: end.min(kernel).saturating_sub(first), first }
    }
}

/// A window: its taps inside the image.
#[derive(Clone, Copy)]
struct Window {
    rows: Taps,
    columns: Taps,
}

impl Window {
    /// Where in an image of `pool` the first tap inside is.
    #[inline(always)]
    fn corner(&self, pool: &Pool2d) -> usize {
        (self.rows.at * pool.width + self.columns.at) * pool.channels
    }

    /// How many taps are inside.
    #[inline(always)]
    fn len(&self) -> usize {
        self.rows.count * self.columns.count
    }

    /// The number of the first tap inside.
    #[inline(always)]
    fn first(&self, pool: &Pool2d) -> usize {
        self.rows.first * pool.kernel[1] + self.columns.first
    }
}

/// Parts of `len` elements. The door has seen that it is not 0; firmware links no panic for it,
/// so that is not left to the optimizer to prove.
#[inline(always)]
fn chunks<T>(x: &[T], len: usize) -> ChunksExact<'_, T> {
    x.chunks_exact(len.max(1))
}

/// [`chunks`] to be changed.
#[inline(always)]
fn chunks_mut<T>(x: &mut [T], len: usize) -> ChunksExactMut<'_, T> {
    x.chunks_exact_mut(len.max(1))
}

/// `n <= LANES` elements from `at`; zeros where the slice ends before, which the lengths compared
/// at the door rule out.
#[inline(always)]
fn load<S: Simd>(s: S, x: &[f32], at: usize, n: usize) -> S::V {
    match x.get(at..at + n) {
        Some(x) if n == S::LANES => s.load(x),
        x => s.load_first(x.unwrap_or_default()),
    }
}

/// Writes `n <= LANES` elements from `at`; nothing where the slice ends before.
#[inline(always)]
fn store<S: Simd>(s: S, v: S::V, y: &mut [f32], at: usize, n: usize) {
    match y.get_mut(at..at + n) {
        Some(y) if n == S::LANES => s.store(v, y),
        y => s.store_first(v, y.unwrap_or_default()),
    }
}
