//! Kernels over slices: a run-time shape descriptor and slices in, slices out.
//!
//! # Conventions
//!
//! - Layouts are Keras': activations `[n][h][w][c]` (NHWC), convolution weights
//!   `[kh][kw][ci][co]` (HWIO), dense weights `[in][out]`.
//! - `forward_into` overwrites its output. `backward_*_into` overwrites an input
//!   gradient; `backward_*_acc` adds to a weight or bias gradient, so that a
//!   batch can be worked through in pieces.
//! - Names: `x` input, `y` output, `w` weights, `b` bias; `dx`, `dy`, `dw`, `db` their gradients.
//! - A slice of the wrong length is a [`ShapeError`] at the door, before anything
//!   is written; no kernel panics. Outputs and scratch may hold anything, NaN too.
//! - Every output is one chain over its terms in the order its kernel states, so
//!   bits depend on the rounding of the [`Level`](crate::simd::Level) alone.
//! - [`mod@reference`] has a naive scalar twin of each: specification and oracle.

use core::fmt;

pub mod activation;
pub mod batch_norm;
pub mod conv2d;
pub mod conv2d_transpose;
pub mod dense;
pub mod dropout;
pub mod elementwise;
pub mod loss;
mod map;
pub mod pool2d;
pub mod reference;
pub mod softmax;
mod tile;
mod transpose;

/// A slice whose length does not fit the shape descriptor, or a descriptor that describes nothing.
///
/// ```
/// use kernlet::kernels::ShapeError;
/// let error = ShapeError::new("conv2d", "w", 288, 287);
/// assert_eq!(error.to_string(), "conv2d: w: expected 288, found 287");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ShapeError {
    /// Which kernel.
    pub operation: &'static str,
    /// Which argument, or which size of the descriptor.
    pub argument: &'static str,
    /// The length that fits.
    pub expected: usize,
    /// The length that was given.
    pub found: usize,
}

impl ShapeError {
    /// An error of `operation` about the length of `argument`.
    ///
    /// See [`ShapeError`] for an example.
    pub const fn new(operation: &'static str, argument: &'static str, expected: usize, found: usize) -> Self {
        Self { operation, argument, expected, found }
    }
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: expected {}, found {}", self.operation, self.argument, self.expected, self.found)
    }
}

impl core::error::Error for ShapeError {}

/// The door of a kernel: `slice` must have `expected` elements.
#[inline(always)]
pub(crate) fn check<T>(
    operation: &'static str,
    argument: &'static str,
    slice: &[T],
    expected: usize,
) -> Result<(), ShapeError> {
    if slice.len() == expected { Ok(()) } else { Err(ShapeError::new(operation, argument, expected, slice.len())) }
}

/// `⌊a / b⌋`, 0 where `b` is 0. Firmware links the kernels without any panic, so a divisor that
/// a descriptor's check keeps above 0 is not left to the optimizer to prove.
#[inline(always)]
pub(crate) const fn div(a: usize, b: usize) -> usize {
    match a.checked_div(b) {
        Some(quotient) => quotient,
        None => 0,
    }
}

/// `⌈a / b⌉`, 0 where `b` is 0. See [`div`].
#[inline(always)]
pub(crate) const fn div_ceil(a: usize, b: usize) -> usize {
    if b == 0 { 0 } else { a.div_ceil(b) }
}

/// `a mod b`, 0 where `b` is 0. See [`div`].
#[inline(always)]
pub(crate) const fn rem(a: usize, b: usize) -> usize {
    match a.checked_rem(b) {
        Some(rest) => rest,
        None => 0,
    }
}
