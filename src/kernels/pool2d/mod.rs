//! Max pooling, average pooling and global average pooling over images, forward and backward.
//!
//! `x` is `[n][height][width][channels]`, `y` is `[n][out_height][out_width][channels]`. Windows may
//! overlap, leave gaps and reach into the padding, which never enters a maximum or an average.
//!
//! # Numerics
//!
//! | output | terms in ascending |
//! |---|---|
//! | `y` of the maximum | (kh, kw): the first largest; a NaN is passed over unless it comes first |
//! | `y` of an average | (kh, kw) from 0, the sum then divided by the number of its terms |
//! | `dx` | (oh, ow) of the windows that hold it, from 0 |
//!
//! The gradient of a maximum goes to the element that forward chose, as in TensorFlow.
//! Nothing is fused, so bits do not even depend on the rounding.

mod average;
mod max;

pub use average::{
    average_backward_into, average_forward_into, global_average_backward_into, global_average_forward_into,
};
pub use max::{max_backward_into, max_forward_into};

use core::{
    ops::Range,
    slice::{ChunksExact, ChunksExactMut},
};

use super::{ShapeError, check_batch};
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
/// let pool = Pool2d::new(7, 7, 4, [3, 3]).with_stride([2, 2]).with_padding(Padding::Same);
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
    /// Rows above and below, columns on the left and right.
    pub padding: [usize; 4],
}

impl Pool2d {
    /// Windows side by side (the stride is the kernel), no padding.
    pub const fn new(height: usize, width: usize, channels: usize, kernel: [usize; 2]) -> Self {
        Self { height, width, channels, kernel, stride: kernel, padding: [0; 4] }
    }

    /// The same with another stride.
    pub const fn with_stride(self, stride: [usize; 2]) -> Self {
        Self { stride, ..self }
    }

    /// The same with another padding. To be called last: [`Padding::Same`] is resolved
    /// with the stride set so far.
    pub const fn with_padding(self, padding: Padding) -> Self {
        let padding = padding.resolve([self.height, self.width], self.kernel, self.stride, [1, 1]);
        Self { padding, ..self }
    }

    /// Whether the descriptor describes a pooling: sizes and strides are at least 1, the window
    /// fits into the padded image, each padding is below the window's size (so that no window
    /// is all padding), and no length overflows.
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
        macro_rules! at_least {
            ($argument:literal, $least:expr, $size:expr) => {
                if $size < $least {
                    return Err(ShapeError::at_least(NAME, $argument, $least, $size));
                }
            };
        }
        at_least!("height", 1, self.height);
        at_least!("width", 1, self.width);
        at_least!("channels", 1, self.channels);
        at_least!("kernel rows", 1, self.kernel[0]);
        at_least!("kernel columns", 1, self.kernel[1]);
        at_least!("stride of rows", 1, self.stride[0]);
        at_least!("stride of columns", 1, self.stride[1]);
        let mut side = 0;
        while side < 4 {
            let most = self.kernel[side / 2] - 1;
            if self.padding[side] > most {
                return Err(ShapeError::at_most(NAME, "padding", most, self.padding[side]));
            }
            side += 1;
        }
        let Some(pixels) = self.height.checked_mul(self.width) else {
            return Err(ShapeError::at_most(NAME, "x", MOST, usize::MAX));
        };
        // With kernels in these limits no sum of a size and its padding overflows.
        match self.kernel[0].checked_mul(self.kernel[1]) {
            Some(taps) if taps <= MOST => {}
            _ => return Err(ShapeError::at_most(NAME, "kernel", MOST, usize::MAX)),
        }
        at_least!("padded height", self.kernel[0], self.height + self.padding[0] + self.padding[1]);
        at_least!("padded width", self.kernel[1], self.width + self.padding[2] + self.padding[3]);
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
        shape::window_count(self.height, self.padding[0] + self.padding[1], self.kernel[0], self.stride[0], 1)
    }

    /// Columns of the output.
    pub const fn out_width(&self) -> usize {
        shape::window_count(self.width, self.padding[2] + self.padding[3], self.kernel[1], self.stride[1], 1)
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

    /// The window of output row `oh`: the input rows inside the image, and the first one's tap.
    #[inline(always)]
    fn rows(&self, oh: usize) -> Taps {
        Taps::new(oh * self.stride[0], self.padding[0], self.kernel[0], self.height)
    }

    /// The window of output column `ow`.
    #[inline(always)]
    fn columns(&self, ow: usize) -> Taps {
        Taps::new(ow * self.stride[1], self.padding[2], self.kernel[1], self.width)
    }

    /// The door of forward and backward: the descriptor, and two slices of whole batches.
    fn check<X, Y>(
        &self,
        name: &'static str,
        batch: usize,
        x: (&'static str, &[X]),
        y: (&'static str, &[Y]),
    ) -> Result<(), ShapeError> {
        self.validate()?;
        check_batch(name, x.0, x.1, batch, self.x_len())?;
        check_batch(name, y.0, y.1, batch, self.y_len())
    }
}

/// The part of a window along one axis that lies inside the image.
#[derive(Clone)]
struct Taps {
    /// Positions in the image; not empty, since paddings are smaller than windows.
    inside: Range<usize>,
    /// Which tap of the window the first of them is.
    first: usize,
}

impl Taps {
    #[inline(always)]
    fn new(start: usize, padding: usize, kernel: usize, size: usize) -> Self {
        let first = padding.saturating_sub(start);
        let inside = start + first - padding..(start + kernel).saturating_sub(padding).min(size);
        Self { inside, first }
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
