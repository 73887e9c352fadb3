//! One-dimensional convolution: the shape of [`conv2d`](super::conv2d)'s kernels over images of one row.
//!
//! ```text
//! y[n][ot][co] = b[co] + Σ_k Σ_ci x[n][ot·S − P + k·D][ci] · w[k][ci][co]
//! ```
//!
//! `x` is `[n][steps][in_channels]`, `w` is `[kernel][in_channels / groups][out_channels]`, `y` is
//! `[n][out_steps][out_channels]`: the memory is that of an image `[1, steps, channels]`, so [`Conv1d::as_conv2d`] is
//! all that a kernel needs, and costs nothing. Taps that fall into the padding are left out.

use super::{ShapeError, conv2d::Conv2d};
use crate::shape::{Padding, same_padding, span};

/// What is added before and after a sequence.
///
/// ```
/// use kernlet::kernels::conv1d::Padding1d;
/// assert_eq!(Padding1d::Causal.resolve(100, 5, 1, 2), [8, 0]);
/// assert_eq!(Padding1d::Same.resolve(100, 5, 1, 1), [2, 2]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Padding1d {
    /// Nothing: the window stays inside.
    #[default]
    Valid,
    /// As Keras: the output has `⌈steps / stride⌉` steps; where the total is odd, more is at the end.
    Same,
    /// Before the sequence only, so that no output sees a later input.
    Causal,
    /// So many steps before and after.
    Explicit {
        /// Before.
        before: usize,
        /// After.
        after: usize,
    },
}

impl Padding1d {
    /// The steps before and after.
    pub const fn resolve(self, steps: usize, kernel: usize, stride: usize, dilation: usize) -> [usize; 2] {
        match self {
            Self::Valid => [0, 0],
            Self::Same => same_padding(steps, kernel, stride, dilation),
            Self::Causal => [span(kernel, dilation).saturating_sub(1), 0],
            Self::Explicit { before, after } => [before, after],
        }
    }
}

/// The shape of a convolution of one sequence.
///
/// ```
/// use kernlet::{kernels::{Epilogue, conv1d::{Conv1d, Padding1d}, conv2d}, simd::Level};
/// let conv = Conv1d::new(4, 1, 1, 2).with_padding(Padding1d::Causal);
/// assert_eq!(conv.out_steps(), 4);
/// let mut y = [f32::NAN; 4];
/// let of = conv2d::Forward { x: &[1.0, 2.0, 3.0, 4.0], w: &[10.0, 1.0], b: None, epilogue: Epilogue::None };
/// conv2d::forward_into(Level::detect(), &conv.as_conv2d(), 1, of, &mut y)?;
/// assert_eq!(y, [1.0, 12.0, 23.0, 34.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Conv1d {
    /// Steps of the input.
    pub steps: usize,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Steps of the window.
    pub kernel: usize,
    /// Steps between windows.
    pub stride: usize,
    /// Steps between the taps of a window.
    pub dilation: usize,
    /// Steps before and after.
    pub padding: [usize; 2],
    /// Parts that the channels are divided into; `in_channels` of them is a depthwise convolution.
    pub groups: usize,
}

impl Conv1d {
    /// Stride 1, dilation 1, no padding, one group.
    pub const fn new(steps: usize, in_channels: usize, out_channels: usize, kernel: usize) -> Self {
        Self { steps, in_channels, out_channels, kernel, stride: 1, dilation: 1, padding: [0; 2], groups: 1 }
    }

    /// The same with another stride.
    ///
    /// ```
    /// assert_eq!(kernlet::kernels::conv1d::Conv1d::new(9, 1, 1, 3).with_stride(2).out_steps(), 4);
    /// ```
    pub const fn with_stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// The same with another dilation.
    ///
    /// ```
    /// assert_eq!(kernlet::kernels::conv1d::Conv1d::new(9, 1, 1, 3).with_dilation(2).out_steps(), 5);
    /// ```
    pub const fn with_dilation(self, dilation: usize) -> Self {
        Self { dilation, ..self }
    }

    /// The same with another number of groups.
    ///
    /// ```
    /// assert_eq!(kernlet::kernels::conv1d::Conv1d::new(9, 4, 4, 3).with_groups(4).as_conv2d().w_len(), 3 * 4);
    /// ```
    pub const fn with_groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// The same with another padding. To be called last: it is resolved with the stride and the dilation set so far.
    pub const fn with_padding(self, padding: Padding1d) -> Self {
        Self { padding: padding.resolve(self.steps, self.kernel, self.stride, self.dilation), ..self }
    }

    /// Whether the descriptor describes a convolution. See [`Conv2d::validate`].
    ///
    /// # Errors
    /// The first size that is wrong; what of an image is a width, is a number of steps here.
    ///
    /// ```
    /// assert!(kernlet::kernels::conv1d::Conv1d::new(2, 1, 1, 3).validate().is_err());
    /// ```
    pub const fn validate(&self) -> Result<(), ShapeError> {
        self.as_conv2d().validate()
    }

    /// Steps of the output.
    pub const fn out_steps(&self) -> usize {
        self.as_conv2d().out_width()
    }

    /// The same convolution over images of one row.
    pub const fn as_conv2d(&self) -> Conv2d {
        let [left, right] = self.padding;
        Conv2d::new(1, self.steps, self.in_channels, self.out_channels, [1, self.kernel])
            .with_stride([1, self.stride])
            .with_dilation([1, self.dilation])
            .with_groups(self.groups)
            .with_padding(Padding::Explicit { top: 0, bottom: 0, left, right })
    }
}
