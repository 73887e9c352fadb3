//! Losses: the value, and in the same pass the gradient with respect to each output of the network.
//!
//! | loss | value | gradient |
//! |---|---|---|
//! | [`softmax_cross_entropy`] | mean over rows of `ln Σ eˣ − x[label]` | `(softmax(x) − 1[label]) / rows` |
//! | [`half_squared_error`] | `½ Σ (y − t)²` | `y − t` |
//! | [`mean_squared_error`] | mean over elements of `(y − t)²` | `2 (y − t) / elements` |
//! | [`binary_cross_entropy_from_logits`] | mean over elements of `max(x, 0) − x t + ln(1 + e^−abs(x))` | `(σ(x) − t) / elements` |
//! | [`binary_cross_entropy`] | mean over elements of `−t ln p − (1 − t) ln(1 − p)` | `(p − t) / (p (1 − p)) / elements` |
//!
//! # Numerics
//!
//! The cross-entropy's rows are summed within the 16 virtual lanes of
//! [`reduce`](crate::simd::reduce), and one after the other; the others in the virtual lanes
//! over all elements. A mean over nothing is 0. NaN in an output makes the value NaN.

use core::fmt;

use super::{ShapeError, check, map, softmax::exponentials};
use crate::math;
use crate::simd::{Kernel, Level, Simd};

/// Why a loss could not be computed.
///
/// ```
/// use kernlet::{kernels::loss::{LossError, softmax_cross_entropy}, simd::Level};
/// let error = softmax_cross_entropy(Level::detect(), 2, &[0.0; 4], &[1u8, 2], &mut [0.0; 4]).unwrap_err();
/// assert_eq!(error, LossError::Label { row: 1, label: 2, classes: 2 });
/// assert_eq!(error.to_string(), "row 1: label 2 is not below the number of classes, 2");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LossError {
    /// A slice has the wrong length.
    Shape(ShapeError),
    /// A label names no class.
    Label {
        /// Which row of the batch.
        row: usize,
        /// The label.
        label: u32,
        /// How many classes there are; labels count from 0.
        classes: usize,
    },
}

impl fmt::Display for LossError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(error) => error.fmt(f),
            Self::Label { row, label, classes } => {
                write!(f, "row {row}: label {label} is not below the number of classes, {classes}")
            }
        }
    }
}

impl core::error::Error for LossError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Shape(error) => Some(error),
            Self::Label { .. } => None,
        }
    }
}

impl From<ShapeError> for LossError {
    fn from(error: ShapeError) -> Self {
        Self::Shape(error)
    }
}

map::functions! {
    Shared { sum, share }(s, e) = s.mul(s.div(e, sum), share);
}

struct CrossEntropy<'a, L> {
    classes: usize,
    x: &'a [f32],
    labels: &'a [L],
    dx: &'a mut [f32],
}

impl<L: Copy + Into<u32>> Kernel for CrossEntropy<'_, L> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let share = 1.0 / self.labels.len() as f32;
        let mut total = 0.0;
        let rows = self.x.chunks_exact(self.classes).zip(self.dx.chunks_exact_mut(self.classes));
        for ((x, dx), &label) in rows.zip(self.labels) {
            dx.copy_from_slice(x);
            let largest = map::largest(s, x);
            let sum = exponentials(s, dx);
            let mut ln = [0.0];
            s.store_first(math::ln(s, s.splat(sum)), &mut ln);
            let label = label.into() as usize;
            // Labels were compared with the classes at the door.
            let (Some(x), Some(&e)) = (x.get(label), dx.get(label)) else { continue };
            total += ln[0] + (largest - x);
            let of_label = (e / sum - 1.0) * share;
            map::in_place(s, dx, Shared { sum, share });
            dx[label] = of_label;
        }
        total * share
    }
}

/// The mean cross-entropy of `softmax(x)` against sparse labels, and its gradient with respect to the logits.
///
/// `x` and `dx` are `[rows][classes]`; there is a label, below `classes`, for each row.
///
/// # Errors
/// [`LossError`] if lengths do not fit or a label is not a class; nothing is written then.
///
/// ```
/// use kernlet::{kernels::loss, simd::Level};
/// let mut dx = [f32::NAN; 2];
/// let value = loss::softmax_cross_entropy(Level::detect(), 2, &[1e30, 1e30], &[1u8], &mut dx)?;
/// assert_eq!((value, dx), (0.693_147_2, [0.5, -0.5]));
/// # Ok::<(), kernlet::kernels::loss::LossError>(())
/// ```
pub fn softmax_cross_entropy<L: Copy + Into<u32>>(
    level: Level,
    classes: usize,
    x: &[f32],
    labels: &[L],
    dx: &mut [f32],
) -> Result<f32, LossError> {
    const NAME: &str = "softmax_cross_entropy";
    let len = labels.len().checked_mul(classes).ok_or(ShapeError::new(NAME, "x", usize::MAX, x.len()))?;
    check(NAME, "x", x, len)?;
    check(NAME, "dx", dx, len)?;
    for (row, &label) in labels.iter().enumerate() {
        let label = label.into();
        if label as usize >= classes {
            return Err(LossError::Label { row, label, classes });
        }
    }
    if labels.is_empty() {
        return Ok(0.0);
    }
    Ok(level.dispatch(CrossEntropy { classes, x, labels, dx }))
}

/// A loss that is a sum over elements.
trait Elements: Copy {
    fn value<S: Simd>(self, s: S, y: S::V, t: S::V) -> S::V;
    fn gradient<S: Simd>(self, s: S, y: S::V, t: S::V) -> S::V;
}

#[derive(Clone, Copy)]
struct Value<F>(F);

impl<F: Elements> map::Binary for Value<F> {
    #[inline(always)]
    fn at<S: Simd>(self, s: S, y: S::V, t: S::V) -> S::V {
        self.0.value(s, y, t)
    }
}

/// The gradient times a share.
#[derive(Clone, Copy)]
struct Gradient<F>(F, f32);

impl<F: Elements> map::Binary for Gradient<F> {
    #[inline(always)]
    fn at<S: Simd>(self, s: S, y: S::V, t: S::V) -> S::V {
        s.mul(self.0.gradient(s, y, t), s.splat(self.1))
    }
}

struct Sum<'a, F> {
    loss: F,
    /// What the gradient is multiplied by.
    share: f32,
    y: &'a [f32],
    t: &'a [f32],
    dy: &'a mut [f32],
}

impl<F: Elements> Kernel for Sum<'_, F> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        map::into2(s, self.y, self.t, self.dy, Gradient(self.loss, self.share));
        map::sum2(s, self.y, self.t, Value(self.loss))
    }
}

/// Checks the lengths, and returns the sum over elements.
fn sum(
    operation: &'static str,
    level: Level,
    loss: impl Elements,
    share: f32,
    y: &[f32],
    t: &[f32],
    dy: &mut [f32],
) -> Result<f32, LossError> {
    check(operation, "t", t, y.len())?;
    check(operation, "dy", dy, y.len())?;
    Ok(level.dispatch(Sum { loss, share, y, t, dy }))
}

/// The mean of a sum over `len` elements.
fn mean(sum: f32, len: usize) -> f32 {
    if len == 0 { 0.0 } else { sum / len as f32 }
}

#[derive(Clone, Copy)]
struct Square;

impl Elements for Square {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, y: S::V, t: S::V) -> S::V {
        let difference = s.sub(y, t);
        s.mul(difference, difference)
    }
    #[inline(always)]
    fn gradient<S: Simd>(self, s: S, y: S::V, t: S::V) -> S::V {
        s.sub(y, t)
    }
}

/// `E = ½ Σ (y − t)²` over all elements, and its gradient with respect to `y`.
///
/// # Errors
/// [`LossError`] if the slices are not equally long; nothing is written then.
///
/// ```
/// use kernlet::{kernels::loss, simd::Level};
/// let mut dy = [f32::NAN; 2];
/// let value = loss::half_squared_error(Level::detect(), &[1.0, 5.0], &[1.0, 1.0], &mut dy)?;
/// assert_eq!((value, dy), (8.0, [0.0, 4.0]));
/// # Ok::<(), kernlet::kernels::loss::LossError>(())
/// ```
pub fn half_squared_error(level: Level, y: &[f32], t: &[f32], dy: &mut [f32]) -> Result<f32, LossError> {
    Ok(0.5 * sum("half_squared_error", level, Square, 1.0, y, t, dy)?)
}

/// The mean of `(y − t)²` over all elements, and its gradient with respect to `y`.
///
/// # Errors
/// [`LossError`] if the slices are not equally long; nothing is written then.
///
/// ```
/// use kernlet::{kernels::loss, simd::Level};
/// let mut dy = [f32::NAN; 2];
/// let value = loss::mean_squared_error(Level::detect(), &[1.0, 5.0], &[1.0, 1.0], &mut dy)?;
/// assert_eq!((value, dy), (8.0, [0.0, 4.0]));
/// # Ok::<(), kernlet::kernels::loss::LossError>(())
/// ```
pub fn mean_squared_error(level: Level, y: &[f32], t: &[f32], dy: &mut [f32]) -> Result<f32, LossError> {
    let share = 2.0 / y.len() as f32;
    Ok(mean(sum("mean_squared_error", level, Square, share, y, t, dy)?, y.len()))
}

#[derive(Clone, Copy)]
struct Logits;

impl Elements for Logits {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: S::V, t: S::V) -> S::V {
        let zero = s.splat(0.0);
        let rest = math::ln_1p(s, math::exp(s, s.neg(s.abs(x))));
        // max(x, 0) − x t without a difference of two large numbers: x (1 − t) or −x t.
        let weight = s.select_gt(x, zero, s.sub(s.splat(1.0), t), s.neg(t));
        s.mul_add(x, weight, rest)
    }
    #[inline(always)]
    fn gradient<S: Simd>(self, s: S, x: S::V, t: S::V) -> S::V {
        s.sub(math::sigmoid(s, x), t)
    }
}

/// The mean binary cross-entropy of `sigmoid(x)` against targets in 0 … 1, and its gradient with respect to the logits.
///
/// # Errors
/// [`LossError`] if the slices are not equally long; nothing is written then.
///
/// ```
/// use kernlet::{kernels::loss, simd::Level};
/// let mut dx = [f32::NAN; 2];
/// let value = loss::binary_cross_entropy_from_logits(Level::detect(), &[0.0, 0.0], &[0.0, 1.0], &mut dx)?;
/// assert_eq!((value, dx), (0.693_147_2, [0.25, -0.25]));
/// # Ok::<(), kernlet::kernels::loss::LossError>(())
/// ```
pub fn binary_cross_entropy_from_logits(level: Level, x: &[f32], t: &[f32], dx: &mut [f32]) -> Result<f32, LossError> {
    let share = 1.0 / x.len() as f32;
    Ok(mean(sum("binary_cross_entropy_from_logits", level, Logits, share, x, t, dx)?, x.len()))
}

/// How near to 0 and 1 a probability may come: Keras' `epsilon`.
const CLIP: f32 = 1e-7;

#[derive(Clone, Copy)]
struct Probabilities;

impl Probabilities {
    #[inline(always)]
    fn clipped<S: Simd>(s: S, p: S::V) -> S::V {
        s.min(s.splat(1.0 - CLIP), s.max(s.splat(CLIP), p))
    }
}

impl Elements for Probabilities {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, p: S::V, t: S::V) -> S::V {
        let one = s.splat(1.0);
        let p = Self::clipped(s, p);
        let no = s.mul(s.sub(t, one), math::ln(s, s.sub(one, p)));
        s.sub(no, s.mul(t, math::ln(s, p)))
    }
    #[inline(always)]
    fn gradient<S: Simd>(self, s: S, p: S::V, t: S::V) -> S::V {
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        let clipped = Self::clipped(s, p);
        let slope = s.div(s.sub(clipped, t), s.mul(clipped, s.sub(one, clipped)));
        // Where it is clipped, the value does not change with p.
        let slope = s.select_gt(s.splat(CLIP), p, zero, slope);
        s.select_gt(p, s.splat(1.0 - CLIP), zero, slope)
    }
}

/// The mean binary cross-entropy of probabilities against targets in 0 … 1, and its gradient.
///
/// Probabilities are clipped to 10⁻⁷ … 1 − 10⁻⁷ as in Keras, and the gradient is 0 where they are.
///
/// # Errors
/// [`LossError`] if the slices are not equally long; nothing is written then.
///
/// ```
/// use kernlet::{kernels::loss, simd::Level};
/// let mut dp = [f32::NAN; 2];
/// let value = loss::binary_cross_entropy(Level::detect(), &[0.5, 0.5], &[0.0, 1.0], &mut dp)?;
/// assert_eq!((value, dp), (0.693_147_2, [1.0, -1.0]));
/// # Ok::<(), kernlet::kernels::loss::LossError>(())
/// ```
pub fn binary_cross_entropy(level: Level, p: &[f32], t: &[f32], dp: &mut [f32]) -> Result<f32, LossError> {
    let share = 1.0 / p.len() as f32;
    Ok(mean(sum("binary_cross_entropy", level, Probabilities, share, p, t, dp)?, p.len()))
}
