//! Losses: the value, and in the same pass the gradient with respect to each output of the network.
//!
//! | loss | value | gradient |
//! |---|---|---|
//! | [`softmax_cross_entropy`] | mean over rows of `ln Σ eˣ − x[label]` | `(softmax(x) − 1[label]) / rows` |
//! | [`softmax_cross_entropy_with`] | the same with weights, smoothed labels, labels to ignore | below |
//! | [`negative_log_likelihood`] | mean over rows of `−x[label]`, x a log-softmax | `−1[label] / rows` |
//! | [`half_squared_error`] | `½ Σ (y − t)²` | `y − t` |
//! | [`mean_squared_error`] | mean over elements of `(y − t)²` | `2 (y − t) / elements` |
//! | [`binary_cross_entropy_from_logits`] | mean over elements of `max(x, 0) − x t + ln(1 + e^−abs(x))` | `(σ(x) − t) / elements` |
//! | [`binary_cross_entropy`] | mean over elements of `−t ln p − (1 − t) ln(1 − p)` | `(p − t) / (p (1 − p)) / elements` |
//! | [`element_loss`] | any [`ElementLoss`], yours too, with weights | its gradient |
//!
//! The short ones take slices and return a mean. Those with options take [`Labelled`] or [`Compared`], whose
//! fields say what else there is, and [`Outputs`], of which each is wanted or not: without a gradient they
//! evaluate, and need no buffer. [`Reduction`] says how rows or elements become one number.
//!
//! # Labels
//!
//! With the targets `t[j] = (1 − s) 1[j = label] + s / classes` of a smoothing s, class weights c and a row's own
//! weight r, the loss of a row is `r Σ c[j] t[j] (ln Σ eˣ − x[j])`, and its gradient
//! `r (softmax(x)[j] Σ c t − c[j] t[j])`: PyTorch's `cross_entropy`. Rows whose label is ignored have no loss,
//! no gradient, and do not count. Keras' `class_weight` multiplies whole rows, smoothed or not: that is a row's
//! weight here.
//!
//! # Numerics
//!
//! A row is summed within the 16 virtual lanes of [`reduce`](crate::simd::reduce), and rows one after the other,
//! also those of weighted elements; elements without weights in the virtual lanes over all of them. A mean over
//! nothing is 0. NaN in an output makes the value NaN, unless its row is ignored.

use core::fmt;

use super::{ShapeError, check};

mod elements;
mod labels;

pub use elements::{
    AbsoluteError, BinaryCrossEntropy, BinaryCrossEntropyFromLogits, Compared, ElementLoss, HalfSquaredError, Huber,
    SmoothedBinaryCrossEntropy, SquaredError, WeightedBinaryCrossEntropy, binary_cross_entropy,
    binary_cross_entropy_from_logits, element_loss, half_squared_error, mean_squared_error,
};
pub(crate) use elements::{mean, sum};
pub(crate) use labels::plain_softmax_cross_entropy;
pub use labels::{Labelled, negative_log_likelihood, softmax_cross_entropy, softmax_cross_entropy_with};

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

/// How the losses of rows, or of elements, become one number. The gradient is that number's.
///
/// For the losses themselves, unreduced, ask for [`Outputs::values`]; their gradients are those of the sum.
///
/// ```
/// use kernlet::{kernels::loss::{Labelled, Outputs, Reduction, negative_log_likelihood}, simd::Level};
/// let rows = Labelled { class_weights: Some(&[1.0, 3.0]), ..Labelled::new(&[-1.0, -9.0, -9.0, -2.0], &[0u8, 1]) };
/// let reduced = |reduction| {
///     negative_log_likelihood(Level::detect(), 2, Labelled { reduction, ..rows }, Outputs::default()).unwrap()
/// };
/// assert_eq!(reduced(Reduction::Sum), 1.0 + 3.0 * 2.0);
/// assert_eq!(reduced(Reduction::Mean), 7.0 / 2.0);
/// assert_eq!(reduced(Reduction::WeightedMean), 7.0 / 4.0);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Reduction {
    /// The weighted sum over how many there are: Keras' `sum_over_batch_size`, PyTorch's `mean` without weights.
    #[default]
    Mean,
    /// The weighted sum over the sum of the weights: PyTorch's `mean` with class weights, Keras'
    /// `mean_with_sample_weight`.
    WeightedMean,
    /// The weighted sum.
    Sum,
}

impl Reduction {
    /// What each loss is multiplied by, from how many there are and the sum of their weights.
    fn share(self, count: usize, weight: f32) -> f32 {
        match self {
            Self::Sum => 1.0,
            Self::Mean if count > 0 => 1.0 / count as f32,
            // A NaN among the weights is not hidden.
            Self::WeightedMean if weight != 0.0 => 1.0 / weight,
            _ => 0.0,
        }
    }
}

/// What a loss writes beside its value: nothing, unless it is asked for.
///
/// ```
/// use kernlet::{kernels::loss::{Labelled, Outputs, softmax_cross_entropy_with}, simd::Level};
/// let (mut dx, mut values) = ([f32::NAN; 4], [f32::NAN; 2]);
/// let outputs = Outputs { gradient: Some(&mut dx), values: Some(&mut values) };
/// softmax_cross_entropy_with(Level::detect(), 2, Labelled::new(&[0.0, 0.0, 90.0, 0.0], &[0u8, 0]), outputs)?;
/// assert!(dx[..3] == [-0.25, 0.25, 0.0] && dx[3] < 1e-30);
/// assert!((values[0] - 0.693_147).abs() < 1e-6 && values[1] == 0.0);
/// # Ok::<(), kernlet::kernels::loss::LossError>(())
/// ```
#[derive(Debug, Default)]
pub struct Outputs<'a> {
    /// The gradient with respect to what is compared, as long as it.
    pub gradient: Option<&'a mut [f32]>,
    /// Each row's loss, or each element's, weighted and not reduced: PyTorch's reduction `none`.
    pub values: Option<&'a mut [f32]>,
}

impl<'a> Outputs<'a> {
    /// The gradient alone.
    pub(crate) const fn of(gradient: &'a mut [f32]) -> Self {
        Self { gradient: Some(gradient), values: None }
    }

    /// Whether what is wanted has these lengths.
    fn check(
        &self,
        operation: &'static str,
        gradient: &'static str,
        len: usize,
        values: usize,
    ) -> Result<(), ShapeError> {
        let slices = [(gradient, self.gradient.as_deref(), len), ("values", self.values.as_deref(), values)];
        slices
            .into_iter()
            .try_for_each(|(name, slice, len)| slice.map_or(Ok(()), |slice| check(operation, name, slice, len)))
    }
}
