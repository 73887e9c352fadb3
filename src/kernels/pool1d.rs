//! One-dimensional pooling: the shape of [`pool2d`](super::pool2d)'s kernels over images of one row.
//!
//! `x` is `[n][steps][channels]`, `y` is `[n][out_steps][channels]`: the memory is that of an image
//! `[1, steps, channels]`, so [`Pool1d::as_pool2d`] is all that a kernel needs.

use super::{ShapeError, conv1d::Padding1d, pool2d::Pool2d};
use crate::shape::Padding;

/// The shape of a pooling of one sequence.
///
/// ```
/// use kernlet::{kernels::{pool1d::Pool1d, pool2d}, simd::Level};
/// let pool = Pool1d::new(5, 1, 2);
/// assert_eq!(pool.out_steps(), 2);
/// let mut y = [f32::NAN; 2];
/// pool2d::max_forward_into(Level::detect(), &pool.as_pool2d(), 1, &[1.0, 3.0, 2.0, 0.0, 9.0], &mut y, None)?;
/// assert_eq!(y, [3.0, 2.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Pool1d {
    /// Steps of the input.
    pub steps: usize,
    /// Channels of input and output.
    pub channels: usize,
    /// Steps of the window.
    pub kernel: usize,
    /// Steps between windows.
    pub stride: usize,
    /// Steps before and after.
    pub padding: [usize; 2],
}

impl Pool1d {
    /// Windows that follow each other, without padding.
    pub const fn new(steps: usize, channels: usize, kernel: usize) -> Self {
        Self { steps, channels, kernel, stride: kernel, padding: [0; 2] }
    }

    /// The same with another stride.
    ///
    /// ```
    /// assert_eq!(kernlet::kernels::pool1d::Pool1d::new(5, 1, 2).with_stride(1).out_steps(), 4);
    /// ```
    pub const fn with_stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// The same with another padding. To be called last: it is resolved with the stride set so far.
    ///
    /// ```
    /// use kernlet::kernels::{conv1d::Padding1d, pool1d::Pool1d};
    /// assert_eq!(Pool1d::new(5, 1, 2).with_padding(Padding1d::Same).out_steps(), 3);
    /// ```
    pub const fn with_padding(self, padding: Padding1d) -> Self {
        Self { padding: padding.resolve(self.steps, self.kernel, self.stride, 1), ..self }
    }

    /// Whether the descriptor describes a pooling. See [`Pool2d::validate`].
    ///
    /// # Errors
    /// The first size that is wrong; what of an image is a width, is a number of steps here.
    ///
    /// ```
    /// assert!(kernlet::kernels::pool1d::Pool1d::new(2, 1, 3).validate().is_err());
    /// ```
    pub const fn validate(&self) -> Result<(), ShapeError> {
        self.as_pool2d().validate()
    }

    /// Steps of the output.
    pub const fn out_steps(&self) -> usize {
        self.as_pool2d().out_width()
    }

    /// The same pooling over images of one row.
    pub const fn as_pool2d(&self) -> Pool2d {
        let [left, right] = self.padding;
        Pool2d::new(1, self.steps, self.channels, [1, self.kernel])
            .with_stride([1, self.stride])
            .with_padding(Padding::Explicit { top: 0, bottom: 0, left, right })
    }
}
