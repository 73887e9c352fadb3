//! Losses that are a sum over elements.

use super::{LossError, Outputs, Reduction};
use crate::kernels::{ShapeError, check, map};
use crate::math;
use crate::simd::{Kernel, Level, Simd};

/// A loss of single elements: its value, and its gradient with respect to the output.
///
/// One of your own is as good as those of this module. Its methods must be `#[inline(always)]`, so that they are
/// compiled with the instruction set in use.
///
/// ```
/// use kernlet::{kernels::loss::{Compared, ElementLoss, Outputs, element_loss}, math, simd::{Level, Simd}};
///
/// /// ln cosh (y − t): smooth at 0, and linear far out.
/// #[derive(Clone, Copy)]
/// struct LogCosh;
///
/// impl ElementLoss for LogCosh {
///     #[inline(always)]
///     fn value<S: Simd>(self, s: S, y: S::V, t: S::V) -> S::V {
///         let d = s.sub(y, t);
///         s.sub(s.sub(math::softplus(s, s.add(d, d)), d), s.splat(core::f32::consts::LN_2))
///     }
///     #[inline(always)]
///     fn gradient<S: Simd>(self, s: S, y: S::V, t: S::V) -> S::V {
///         math::tanh(s, s.sub(y, t))
///     }
/// }
///
/// let mut dy = [f32::NAN; 2];
/// let outputs = Outputs { gradient: Some(&mut dy), ..Outputs::default() };
/// let value = element_loss(Level::detect(), LogCosh, Compared::new(&[1.0, 9.0], &[1.0, -9.0]), outputs)?;
/// assert!((value - (18.0 - 0.693) / 2.0).abs() < 1e-3 && dy == [0.0, 0.5]);
/// # Ok::<(), kernlet::kernels::loss::LossError>(())
/// ```
pub trait ElementLoss: Copy {
    /// The loss of each lane's output `y` against its target `t`.
    fn value<S: Simd>(self, s: S, y: S::V, t: S::V) -> S::V;
    /// Its gradient with respect to `y`.
    fn gradient<S: Simd>(self, s: S, y: S::V, t: S::V) -> S::V;
}

/// Outputs and targets, and how they count.
///
/// ```
/// use kernlet::{kernels::loss::{Compared, Outputs, SquaredError, element_loss}, simd::Level};
/// // Two rows of two outputs; the first counts three times.
/// let rows = Compared { row_weights: Some(&[3.0, 1.0]), ..Compared::new(&[1.0, 2.0, 0.0, 4.0], &[0.0; 4]) };
/// assert_eq!(element_loss(Level::detect(), SquaredError, rows, Outputs::default())?, (3.0 * 5.0 + 16.0) / 4.0);
/// # Ok::<(), kernlet::kernels::loss::LossError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Compared<'a> {
    /// The outputs.
    pub y: &'a [f32],
    /// The targets, as many.
    pub t: &'a [f32],
    /// How the elements become one number.
    pub reduction: Reduction,
    /// A weight for each row, of `y.len() / row_weights.len()` elements; 1 without.
    pub row_weights: Option<&'a [f32]>,
}

impl<'a> Compared<'a> {
    /// Elements that all count alike, and the mean over them.
    pub const fn new(y: &'a [f32], t: &'a [f32]) -> Self {
        Self { y, t, reduction: Reduction::Mean, row_weights: None }
    }
}

#[derive(Clone, Copy)]
struct Value<F>(F);

impl<F: ElementLoss> map::Binary for Value<F> {
    #[inline(always)]
    fn at<S: Simd>(self, s: S, y: S::V, t: S::V) -> S::V {
        self.0.value(s, y, t)
    }
}

/// The value times a weight.
#[derive(Clone, Copy)]
struct Weighted<F>(F, f32);

impl<F: ElementLoss> map::Binary for Weighted<F> {
    #[inline(always)]
    fn at<S: Simd>(self, s: S, y: S::V, t: S::V) -> S::V {
        s.mul(self.0.value(s, y, t), s.splat(self.1))
    }
}

/// The gradient times a share.
#[derive(Clone, Copy)]
struct Gradient<F>(F, f32);

impl<F: ElementLoss> map::Binary for Gradient<F> {
    #[inline(always)]
    fn at<S: Simd>(self, s: S, y: S::V, t: S::V) -> S::V {
        s.mul(self.0.gradient(s, y, t), s.splat(self.1))
    }
}

struct Sum<'a, F> {
    loss: F,
    share: f32,
    y: &'a [f32],
    t: &'a [f32],
    outputs: Outputs<'a>,
}

impl<F: ElementLoss> Kernel for Sum<'_, F> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let Outputs { gradient, values } = self.outputs;
        map::into2(s, self.y, self.t, gradient.unwrap_or_default(), Gradient(self.loss, self.share));
        map::into2(s, self.y, self.t, values.unwrap_or_default(), Value(self.loss));
        map::sum2(s, self.y, self.t, Value(self.loss))
    }
}

/// Checks the lengths, and returns the sum over elements.
pub(crate) fn sum(
    operation: &'static str,
    level: Level,
    loss: impl ElementLoss,
    share: f32,
    y: &[f32],
    t: &[f32],
    outputs: Outputs<'_>,
) -> Result<f32, LossError> {
    check(operation, "t", t, y.len())?;
    outputs.check(operation, "dy", y.len(), y.len())?;
    Ok(level.dispatch(Sum { loss, share, y, t, outputs }))
}

/// The mean of a sum over `len` elements.
pub(crate) fn mean(sum: f32, len: usize) -> f32 {
    if len == 0 { 0.0 } else { sum / len as f32 }
}

struct Elements<'a, F> {
    loss: F,
    /// Elements of a row with a weight.
    row: usize,
    share: f32,
    operands: Compared<'a>,
    outputs: Outputs<'a>,
}

impl<F: ElementLoss> Kernel for Elements<'_, F> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let Self { loss, row, share, operands: Compared { y, t, row_weights, .. }, outputs } = self;
        let row = row.max(1);
        let (dy, values) = (outputs.gradient.unwrap_or_default(), outputs.values.unwrap_or_default());
        let Some(weights) = row_weights else {
            map::into2(s, y, t, dy, Gradient(loss, share));
            map::into2(s, y, t, values, Value(loss));
            return map::sum2(s, y, t, Value(loss));
        };
        let mut total = 0.0;
        let (mut dy, mut values) = (dy.chunks_exact_mut(row), values.chunks_exact_mut(row));
        for ((y, t), &weight) in y.chunks_exact(row).zip(t.chunks_exact(row)).zip(weights) {
            map::into2(s, y, t, dy.next().unwrap_or_default(), Gradient(loss, weight * share));
            map::into2(s, y, t, values.next().unwrap_or_default(), Weighted(loss, weight));
            total += map::sum2(s, y, t, Value(loss)) * weight;
        }
        total
    }
}

/// A loss of elements with weights, and what is wanted of its outputs.
///
/// # Errors
/// [`LossError`] if lengths do not fit; nothing is written then.
///
/// ```
/// use kernlet::{kernels::loss::{Compared, Huber, Outputs, Reduction, element_loss}, simd::Level};
/// let compared = Compared { reduction: Reduction::Sum, ..Compared::new(&[0.5, 3.0], &[0.0; 2]) };
/// let mut values = [f32::NAN; 2];
/// let outputs = Outputs { values: Some(&mut values), ..Outputs::default() };
/// assert_eq!(element_loss(Level::detect(), Huber { delta: 1.0 }, compared, outputs)?, 2.625);
/// assert_eq!(values, [0.125, 2.5]);
/// # Ok::<(), kernlet::kernels::loss::LossError>(())
/// ```
pub fn element_loss(
    level: Level,
    loss: impl ElementLoss,
    operands: Compared<'_>,
    outputs: Outputs<'_>,
) -> Result<f32, LossError> {
    const NAME: &str = "element_loss";
    let Compared { y, t, reduction, row_weights } = operands;
    check(NAME, "t", t, y.len())?;
    outputs.check(NAME, "gradient", y.len(), y.len())?;
    let row = match row_weights {
        None => y.len(),
        Some(weights) => match y.len().checked_rem(weights.len()) {
            Some(0) => super::super::div(y.len(), weights.len()),
            Some(_) => return Err(ShapeError::multiple_of(NAME, "y", weights.len(), y.len()).into()),
            None if y.is_empty() => 0,
            None => return Err(ShapeError::at_least(NAME, "row_weights", 1, 0).into()),
        },
    };
    if y.is_empty() {
        return Ok(0.0);
    }
    let weight = row_weights.map_or(y.len() as f32, |weights| weights.iter().sum::<f32>() * row as f32);
    let share = reduction.share(y.len(), weight);
    let total = level.dispatch(Elements { loss, row: row.max(1), share, operands, outputs });
    Ok(match reduction {
        Reduction::Sum => total,
        Reduction::Mean => mean(total, y.len()),
        Reduction::WeightedMean => total * share,
    })
}

/// `(y − t)²`.
///
/// ```
/// use kernlet::{kernels::loss::{ElementLoss, SquaredError}, simd::Scalar};
/// assert_eq!(SquaredError.value(Scalar::strict(), 5.0, 2.0), 9.0);
/// assert_eq!(SquaredError.gradient(Scalar::strict(), 5.0, 2.0), 6.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SquaredError;

impl ElementLoss for SquaredError {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, y: S::V, t: S::V) -> S::V {
        let difference = s.sub(y, t);
        s.mul(difference, difference)
    }
    #[inline(always)]
    fn gradient<S: Simd>(self, s: S, y: S::V, t: S::V) -> S::V {
        let difference = s.sub(y, t);
        s.add(difference, difference)
    }
}

/// `½ (y − t)²`.
///
/// ```
/// use kernlet::{kernels::loss::{ElementLoss, HalfSquaredError}, simd::Scalar};
/// assert_eq!(HalfSquaredError.value(Scalar::strict(), 5.0, 2.0), 4.5);
/// assert_eq!(HalfSquaredError.gradient(Scalar::strict(), 5.0, 2.0), 3.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HalfSquaredError;

impl ElementLoss for HalfSquaredError {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, y: S::V, t: S::V) -> S::V {
        s.mul(s.splat(0.5), SquaredError.value(s, y, t))
    }
    #[inline(always)]
    fn gradient<S: Simd>(self, s: S, y: S::V, t: S::V) -> S::V {
        s.sub(y, t)
    }
}

/// The absolute value of `y − t`; the gradient is 0 where both are equal.
///
/// ```
/// use kernlet::{kernels::loss::{AbsoluteError, ElementLoss}, simd::Scalar};
/// assert_eq!(AbsoluteError.value(Scalar::strict(), 2.0, 5.0), 3.0);
/// assert_eq!(AbsoluteError.gradient(Scalar::strict(), 2.0, 5.0), -1.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AbsoluteError;

impl ElementLoss for AbsoluteError {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, y: S::V, t: S::V) -> S::V {
        s.abs(s.sub(y, t))
    }
    #[inline(always)]
    fn gradient<S: Simd>(self, s: S, y: S::V, t: S::V) -> S::V {
        Huber { delta: 0.0 }.direction(s, s.sub(y, t))
    }
}

/// Huber's loss: `½ d²` where `d = y − t` is within ±delta, `delta (abs(d) − ½ delta)` beyond.
///
/// Keras' `Huber` and PyTorch's `HuberLoss`; PyTorch's `SmoothL1Loss` is this over delta.
///
/// ```
/// use kernlet::{kernels::loss::{ElementLoss, Huber}, simd::Scalar};
/// let huber = Huber { delta: 2.0 };
/// assert_eq!(huber.value(Scalar::strict(), 5.0, 0.0), 8.0);
/// assert_eq!(huber.gradient(Scalar::strict(), 5.0, 0.0), 2.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Huber {
    /// Where the parabola becomes a line.
    pub delta: f32,
}

impl Huber {
    /// The sign of a difference; NaN stays.
    #[inline(always)]
    fn direction<S: Simd>(self, s: S, d: S::V) -> S::V {
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        let below = s.select_gt(zero, d, s.neg(one), s.select_nan(d, d, zero));
        s.select_gt(d, zero, one, below)
    }
}

impl ElementLoss for Huber {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, y: S::V, t: S::V) -> S::V {
        let (half, delta) = (s.splat(0.5), s.splat(self.delta));
        let d = s.abs(s.sub(y, t));
        let line = s.mul(delta, s.sub(d, s.mul(half, delta)));
        s.select_gt(d, delta, line, s.mul(s.mul(half, d), d))
    }
    #[inline(always)]
    fn gradient<S: Simd>(self, s: S, y: S::V, t: S::V) -> S::V {
        let delta = s.splat(self.delta);
        s.min(delta, s.max(s.neg(delta), s.sub(y, t)))
    }
}

/// Binary cross-entropy of `sigmoid(x)` against a target in 0 … 1.
///
/// ```
/// use kernlet::{kernels::loss::{BinaryCrossEntropyFromLogits, ElementLoss}, simd::Scalar};
/// assert_eq!(BinaryCrossEntropyFromLogits.value(Scalar::strict(), 0.0, 1.0), core::f32::consts::LN_2);
/// assert_eq!(BinaryCrossEntropyFromLogits.gradient(Scalar::strict(), 0.0, 1.0), -0.5);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BinaryCrossEntropyFromLogits;

impl ElementLoss for BinaryCrossEntropyFromLogits {
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

/// Binary cross-entropy from logits with a weight for positive targets and smoothed ones:
/// `(1 − t) ln(1 + eˣ) + w t ln(1 + e⁻ˣ)` after `t ← (1 − s) t + s / 2`.
///
/// PyTorch's `pos_weight`, Keras' `label_smoothing`.
///
/// ```
/// use kernlet::{kernels::loss::{ElementLoss, WeightedBinaryCrossEntropy}, simd::Scalar};
/// let loss = WeightedBinaryCrossEntropy { positive: 3.0, smoothing: 0.0 };
/// assert_eq!(loss.value(Scalar::strict(), 0.0, 1.0), 3.0 * core::f32::consts::LN_2);
/// assert_eq!(loss.gradient(Scalar::strict(), 0.0, 0.0), 0.5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightedBinaryCrossEntropy {
    /// The weight w of positive targets.
    pub positive: f32,
    /// The smoothing s.
    pub smoothing: f32,
}

/// `(1 − s) t + s / 2`.
#[inline(always)]
fn smoothed<S: Simd>(s: S, t: S::V, smoothing: f32) -> S::V {
    s.mul_add(t, s.splat(1.0 - smoothing), s.splat(0.5 * smoothing))
}

impl ElementLoss for WeightedBinaryCrossEntropy {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: S::V, t: S::V) -> S::V {
        let t = smoothed(s, t, self.smoothing);
        let no = s.mul(s.sub(s.splat(1.0), t), math::softplus(s, x));
        s.mul_add(s.mul(s.splat(self.positive), t), math::softplus(s, s.neg(x)), no)
    }
    #[inline(always)]
    fn gradient<S: Simd>(self, s: S, x: S::V, t: S::V) -> S::V {
        let t = smoothed(s, t, self.smoothing);
        let yes = s.mul(s.mul(s.splat(self.positive), t), math::sigmoid(s, s.neg(x)));
        s.sub(s.mul(s.sub(s.splat(1.0), t), math::sigmoid(s, x)), yes)
    }
}

/// How near to 0 and 1 a probability may come: Keras' `epsilon`.
const CLIP: f32 = 1e-7;

/// Binary cross-entropy of a probability against a target in 0 … 1.
///
/// Probabilities are clipped to 10⁻⁷ … 1 − 10⁻⁷ as in Keras, and the gradient is 0 where they are.
///
/// ```
/// use kernlet::{kernels::loss::{BinaryCrossEntropy, ElementLoss}, simd::Scalar};
/// assert_eq!(BinaryCrossEntropy.value(Scalar::strict(), 0.5, 1.0), core::f32::consts::LN_2);
/// assert_eq!(BinaryCrossEntropy.gradient(Scalar::strict(), 0.5, 1.0), -2.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BinaryCrossEntropy;

impl BinaryCrossEntropy {
    #[inline(always)]
    fn clipped<S: Simd>(s: S, p: S::V) -> S::V {
        s.min(s.splat(1.0 - CLIP), s.max(s.splat(CLIP), p))
    }
}

impl ElementLoss for BinaryCrossEntropy {
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

/// [`BinaryCrossEntropy`] after `t ← (1 − s) t + s / 2`: Keras' `label_smoothing`.
///
/// ```
/// use kernlet::{kernels::loss::{ElementLoss, SmoothedBinaryCrossEntropy}, simd::Scalar};
/// let loss = SmoothedBinaryCrossEntropy { smoothing: 0.5 };
/// assert_eq!(loss.gradient(Scalar::strict(), 0.5, 1.0), -1.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SmoothedBinaryCrossEntropy {
    /// The smoothing s.
    pub smoothing: f32,
}

impl ElementLoss for SmoothedBinaryCrossEntropy {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, p: S::V, t: S::V) -> S::V {
        BinaryCrossEntropy.value(s, p, smoothed(s, t, self.smoothing))
    }
    #[inline(always)]
    fn gradient<S: Simd>(self, s: S, p: S::V, t: S::V) -> S::V {
        BinaryCrossEntropy.gradient(s, p, smoothed(s, t, self.smoothing))
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
    sum("half_squared_error", level, HalfSquaredError, 1.0, y, t, Outputs::of(dy))
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
    let share = 1.0 / y.len() as f32;
    Ok(mean(sum("mean_squared_error", level, SquaredError, share, y, t, Outputs::of(dy))?, y.len()))
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
    let sum =
        sum("binary_cross_entropy_from_logits", level, BinaryCrossEntropyFromLogits, share, x, t, Outputs::of(dx))?;
    Ok(mean(sum, x.len()))
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
    Ok(mean(sum("binary_cross_entropy", level, BinaryCrossEntropy, share, p, t, Outputs::of(dp))?, p.len()))
}
