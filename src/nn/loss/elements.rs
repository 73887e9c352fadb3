//! Losses that compare each output with a target of its own.

use super::{Divisor, Loss, Metrics, SampleWeighted, Takes, Targets};
use crate::{
    data::metrics::argmax,
    kernels::{
        div, elementwise,
        loss::{self as kernels, Compared, ElementLoss, Outputs, Reduction},
    },
    nn::Error,
    shape::Dims,
    simd::Level,
};

/// When an answer is right.
enum Answers {
    /// Where the largest output is the largest target, if there are several.
    Largest,
    /// Where output and target are on the same side: of this number, and of ½.
    Sides(f32),
}

impl Answers {
    const fn of(side: Option<f32>) -> Self {
        match side {
            Some(middle) => Self::Sides(middle),
            None => Self::Largest,
        }
    }

    /// How many answers there are, and how many are right.
    fn count(&self, y: &[f32], outputs: usize, targets: &[f32]) -> (usize, usize) {
        match *self {
            Self::Largest if outputs > 1 => {
                let rows = y.chunks_exact(outputs).zip(targets.chunks_exact(outputs));
                let correct = rows.filter(|(y, target)| argmax(y) == argmax(target)).count();
                (div(y.len(), outputs), correct)
            }
            Self::Largest => (0, 0),
            Self::Sides(middle) => {
                let right = |&(&y, &target): &(&f32, &f32)| (y > middle) == (target > 0.5);
                (targets.len(), y.iter().zip(targets).filter(right).count())
            }
        }
    }
}

macro_rules! elementwise_loss {
    ($(#[$meta:meta])* $name:ident, $operation:literal, $kernel:expr, $takes:expr, $per_sample:expr, $answers:expr) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name;

        impl Loss for $name {
            type Target = f32;
            const TAKES: Takes = $takes;
            const TARGETS: Targets = Targets::PerOutput;

            fn evaluate(
                &self,
                level: Level,
                y: &[f32],
                output: &Dims,
                targets: &[f32],
                outputs: Outputs<'_>,
            ) -> Result<Metrics, Error> {
                let len = output.len().max(1);
                let samples = div(y.len(), len);
                let Outputs { mut gradient, values } = outputs;
                let wanted = Outputs { gradient: gradient.as_deref_mut(), values };
                let share = if $per_sample { 1.0 } else { 1.0 / y.len() as f32 };
                let sum = kernels::sum($operation, level, $kernel, share, y, targets, wanted)?;
                let mut loss = if $per_sample { sum } else { kernels::mean(sum, y.len()) };
                if $per_sample && samples > 1 {
                    // The kernel's error is a sum over samples; a trainer's is their mean.
                    let share = 1.0 / samples as f32;
                    loss *= share;
                    gradient.into_iter().for_each(|gradient| elementwise::scale(level, share, gradient));
                }
                let (answers, correct) = $answers.count(y, len, targets);
                Ok(Metrics { loss, correct, answers, samples, weight: None })
            }

            fn evaluate_ended(
                &self,
                level: Level,
                y: &[f32],
                output: &Dims,
                targets: &[f32],
                outputs: Outputs<'_>,
            ) -> Result<Metrics, Error> {
                let (expected, found) = (y.len(), targets.len());
                let taken = targets.get(..expected).ok_or(Error::Targets { expected, found })?;
                let metrics = self.evaluate(level, y, output, taken, outputs)?;
                // A sum over all outputs is one sample's, however many there are.
                let weight = if $per_sample { 1.0 } else { expected as f64 / found.max(1) as f64 };
                Ok(Metrics { weight: Some(weight), ..metrics })
            }
        }
    };
}

elementwise_loss!(
    /// Half the squared error, `E = ½ Σ (y − t)²`, a mean over the samples.
    ///
    /// With several outputs an answer is right where the largest output is that of the largest target.
    ///
    /// ```
    /// use kernlet::{kernels::loss::Outputs, nn::{HalfSquaredError, Loss}, shape::Dims, simd::Level};
    /// let mut gradient = [0.0; 2];
    /// let outputs = Outputs { gradient: Some(&mut gradient), ..Outputs::default() };
    /// let metrics = HalfSquaredError.evaluate(Level::detect(), &[1.0, 3.0], &Dims::new(&[2]), &[0.0, 1.0], outputs)?;
    /// assert_eq!((metrics.loss, gradient), (2.5, [1.0, 2.0]));
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    HalfSquaredError, "half_squared_error", kernels::HalfSquaredError, Takes::Numbers, true, Answers::Largest
);
elementwise_loss!(
    /// The mean of the squared errors of all outputs.
    ///
    /// With several outputs an answer is right where the largest output is that of the largest target.
    ///
    /// ```
    /// use kernlet::{kernels::loss::Outputs, nn::{Loss, MeanSquaredError}, shape::Dims, simd::Level};
    /// let mut gradient = [0.0; 2];
    /// let outputs = Outputs { gradient: Some(&mut gradient), ..Outputs::default() };
    /// let metrics = MeanSquaredError.evaluate(Level::detect(), &[1.0, 3.0], &Dims::new(&[2]), &[0.0, 1.0], outputs)?;
    /// assert_eq!((metrics.loss, gradient), (2.5, [1.0, 2.0]));
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    MeanSquaredError, "mean_squared_error", kernels::SquaredError, Takes::Numbers, false, Answers::Largest
);
elementwise_loss!(
    /// Binary cross-entropy of probabilities, as after a sigmoid, a mean over all outputs.
    ///
    /// Each output is an answer: right where it is on the same side of ½ as its target.
    ///
    /// ```
    /// use kernlet::{kernels::loss::Outputs, nn::{BinaryCrossEntropy, Loss}, shape::Dims, simd::Level};
    /// let dims = Dims::new(&[1]);
    /// let metrics = BinaryCrossEntropy.evaluate(Level::detect(), &[0.75], &dims, &[1.0], Outputs::default())?;
    /// assert!((metrics.loss - 0.288).abs() < 1e-3);
    /// assert_eq!(metrics.accuracy(), 1.0);
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    BinaryCrossEntropy, "binary_cross_entropy", kernels::BinaryCrossEntropy, Takes::Probabilities, false,
    Answers::Sides(0.5)
);
elementwise_loss!(
    /// Sigmoid and binary cross-entropy in one, from logits, a mean over all outputs.
    ///
    /// Each output is an answer: right where its probability is on the same side of ½ as its target.
    /// A sigmoid at the network's end is left out in training.
    ///
    /// ```
    /// use kernlet::{kernels::loss::Outputs, nn::{BinaryCrossEntropyFromLogits, Loss}, shape::Dims, simd::Level};
    /// let (mut gradient, dims) = ([0.0], Dims::new(&[1]));
    /// let outputs = Outputs { gradient: Some(&mut gradient), ..Outputs::default() };
    /// let metrics = BinaryCrossEntropyFromLogits.evaluate(Level::detect(), &[-0.0], &dims, &[1.0], outputs)?;
    /// assert!((gradient[0] + 0.5).abs() < 1e-6);
    /// assert_eq!((metrics.answers, metrics.correct), (1, 0));
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    BinaryCrossEntropyFromLogits, "binary_cross_entropy_from_logits", kernels::BinaryCrossEntropyFromLogits,
    Takes::SigmoidLogits, false, Answers::Sides(0.0)
);

/// What a trainer must know of an [`ElementLoss`] to make it a network's loss.
///
/// One of your own needs an empty implementation, unless it takes something else than numbers.
pub trait OutputLoss: ElementLoss + Send + Sync {
    /// What it takes the outputs to be.
    const TAKES: Takes = Takes::Numbers;
    /// For answers of yes and no: an output above it says yes, as a target above ½ does.
    const SIDE: Option<f32> = None;
}

impl OutputLoss for kernels::SquaredError {}
impl OutputLoss for kernels::HalfSquaredError {}
impl OutputLoss for kernels::AbsoluteError {}
impl OutputLoss for kernels::Huber {}

impl OutputLoss for kernels::BinaryCrossEntropy {
    const TAKES: Takes = Takes::Probabilities;
    const SIDE: Option<f32> = Some(0.5);
}

impl OutputLoss for kernels::SmoothedBinaryCrossEntropy {
    const TAKES: Takes = Takes::Probabilities;
    const SIDE: Option<f32> = Some(0.5);
}

impl OutputLoss for kernels::BinaryCrossEntropyFromLogits {
    const TAKES: Takes = Takes::SigmoidLogits;
    const SIDE: Option<f32> = Some(0.0);
}

impl OutputLoss for kernels::WeightedBinaryCrossEntropy {
    const TAKES: Takes = Takes::SigmoidLogits;
    const SIDE: Option<f32> = Some(0.0);
}

/// Any loss of single elements as a network's: the mean over all outputs.
///
/// ```
/// use kernlet::{kernels::loss::{Huber, WeightedBinaryCrossEntropy}, nn::{Elementwise, Training}, optim::Adam};
/// kernlet::network! { struct Line([1]) { dense(1) } }
/// const ROBUST: Training<Line, Adam, Elementwise<Huber>> =
///     Training::new(Adam::new(0.1)).batch(2).loss(Elementwise::new(Huber { delta: 1.0 }));
/// assert_eq!(ROBUST.build()?.evaluate(&[0.0, 0.0], &[0.5, 3.0])?.loss, (0.125 + 2.5) / 2.0);
///
/// // One sample in twenty is a yes: each counts as nineteen.
/// kernlet::network! { struct Rare([4]) { dense(1), sigmoid } }
/// const RARE: Training<Rare, Adam, Elementwise<WeightedBinaryCrossEntropy>> = Training::new(Adam::new(0.1))
///     .loss(Elementwise::new(WeightedBinaryCrossEntropy { positive: 19.0, smoothing: 0.0 }));
/// # assert!(RARE.memory_len() > 0);
/// # Ok::<(), kernlet::nn::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Elementwise<E> {
    loss: E,
    reduction: Reduction,
}

impl<E: OutputLoss> Elementwise<E> {
    /// The mean over all outputs of all samples.
    pub const fn new(loss: E) -> Self {
        Self { loss, reduction: Reduction::Mean }
    }

    /// With another divisor: see [`Loss`](crate::nn::Loss).
    pub const fn with_reduction(self, reduction: Reduction) -> Self {
        Self { reduction, ..self }
    }

    /// With a weight for each sample, which stands behind its targets. The sum is divided by how many outputs all samples
    /// have, as Keras does, until [`with_reduction`](SampleWeighted::with_reduction) says otherwise.
    ///
    /// ```
    /// use kernlet::{kernels::loss::SquaredError, nn::{Elementwise, SampleWeighted, Training}, optim::Sgd};
    /// kernlet::network! { struct Plane([2]) { dense(2) } }
    /// const TRAINING: Training<Plane, Sgd, SampleWeighted<Elementwise<SquaredError>>> =
    ///     Training::new(Sgd::new(0.1)).batch(2).loss(Elementwise::new(SquaredError).with_sample_weights());
    /// // Two targets and a weight for each of two samples.
    /// let metrics = TRAINING.build()?.evaluate(&[0.0; 4], &[1.0, 2.0, 0.5, 3.0, 0.0, 0.0])?;
    /// assert_eq!(metrics.loss, 0.5 * (1.0 + 4.0) / 4.0);
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    pub const fn with_sample_weights(self) -> SampleWeighted<Self> {
        SampleWeighted(self)
    }
}

impl<E: OutputLoss> Loss for Elementwise<E> {
    type Target = f32;
    const TAKES: Takes = E::TAKES;
    const TARGETS: Targets = Targets::PerOutput;

    fn sums(&self) -> bool {
        self.reduction == Reduction::Sum
    }

    fn evaluate(
        &self,
        level: Level,
        y: &[f32],
        output: &Dims,
        targets: &[f32],
        outputs: Outputs<'_>,
    ) -> Result<Metrics, Error> {
        let len = output.len().max(1);
        let compared = Compared { reduction: self.reduction, ..Compared::new(y, targets) };
        let loss = kernels::element_loss(level, self.loss, compared, outputs)?;
        let loss = if self.sums() { kernels::mean(loss, y.len()) } else { loss };
        let (answers, correct) = Answers::of(E::SIDE).count(y, len, targets);
        Ok(Metrics { loss, correct, answers, samples: div(y.len(), len), weight: None })
    }
}

impl<E: OutputLoss> SampleWeighted<Elementwise<E>> {
    /// With another divisor: see [`Loss`](crate::nn::Loss).
    pub const fn with_reduction(self, reduction: Reduction) -> Self {
        Self(self.0.with_reduction(reduction))
    }

    /// The loss of samples of `output`, whose targets come with their weight.
    fn of_samples<'t>(
        &self,
        level: Level,
        y: &[f32],
        output: &Dims,
        targets: impl Iterator<Item = (&'t f32, &'t [f32])> + Clone,
        outputs: Outputs<'_>,
    ) -> Result<Metrics, Error> {
        let len = output.len().max(1);
        let samples = div(y.len(), len);
        let weights = targets.clone().map(|(&weight, _)| f64::from(weight)).sum();
        // The losses of a sample are `len`, and so is what each weight counts for.
        let divisor = Divisor::of(self.0.reduction, samples as f64, weights);
        let share = if self.sums() { 1.0 } else { divisor.share() / len as f32 };
        let Outputs { gradient, values } = outputs;
        let mut gradient = gradient.unwrap_or_default().chunks_exact_mut(len);
        let mut values = values.unwrap_or_default().chunks_exact_mut(len);
        let mut metrics = Metrics { samples, weight: Some(divisor.mean), ..Metrics::default() };
        let mut sum = 0.0;
        for (y, (weight, t)) in y.chunks_exact(len).zip(targets) {
            let weights = core::slice::from_ref(weight);
            let compared = Compared { row_weights: Some(weights), reduction: Reduction::Sum, ..Compared::new(y, t) };
            let mut dy = gradient.next();
            let outputs = Outputs { gradient: dy.as_deref_mut(), values: values.next() };
            sum += f64::from(kernels::element_loss(level, self.0.loss, compared, outputs)?);
            dy.into_iter().for_each(|dy| elementwise::scale(level, share, dy));
            let (answers, correct) = Answers::of(E::SIDE).count(y, len, t);
            // What counts for nothing is no answer.
            if *weight != 0.0 {
                metrics.answers += answers;
                metrics.correct += correct;
            }
        }
        Ok(Metrics { loss: divisor.mean(sum / len as f64), ..metrics })
    }
}

impl<E: OutputLoss> Loss for SampleWeighted<Elementwise<E>> {
    type Target = f32;
    const TAKES: Takes = E::TAKES;
    const TARGETS: Targets = Targets::PerOutputAndWeight;

    fn sums(&self) -> bool {
        self.0.sums()
    }

    fn evaluate(
        &self,
        level: Level,
        y: &[f32],
        output: &Dims,
        targets: &[f32],
        outputs: Outputs<'_>,
    ) -> Result<Metrics, Error> {
        let len = output.len().max(1);
        let expected = div(y.len(), len) * (len + 1);
        if targets.len() != expected {
            return Err(Error::Targets { expected, found: targets.len() });
        }
        let samples = targets.chunks_exact(len + 1).filter_map(<[f32]>::split_last);
        self.of_samples(level, y, output, samples, outputs)
    }

    fn evaluate_ended(
        &self,
        level: Level,
        y: &[f32],
        output: &Dims,
        targets: &[f32],
        outputs: Outputs<'_>,
    ) -> Result<Metrics, Error> {
        let short = Error::Targets { expected: y.len() + 1, found: targets.len() };
        let (weight, all) = targets.split_last().ok_or(short)?;
        let taken = all.get(..y.len()).ok_or(short)?;
        let metrics = self.of_samples(level, y, output, core::iter::once((weight, taken)), outputs)?;
        // The sequence is as much of a sample as it has steps.
        let share = y.len() as f64 / all.len().max(1) as f64;
        Ok(Metrics { weight: metrics.weight.map(|weight| share * weight), ..metrics })
    }
}
