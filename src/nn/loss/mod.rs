//! Losses as a trainer sees them: targets in, an error and a gradient out.

mod elements;
mod labels;

pub use self::{
    elements::{
        BinaryCrossEntropy, BinaryCrossEntropyFromLogits, Elementwise, HalfSquaredError, MeanSquaredError, OutputLoss,
    },
    labels::{CrossEntropy, LabelledLoss, NegativeLogLikelihood, SoftmaxCrossEntropy, WeightedLabel, weighted},
};
use super::{
    Error,
    declare::{Layer, Link, Message},
};
use crate::{
    kernels::loss::{Outputs, Reduction},
    shape::Dims,
    simd::Level,
};

/// The mean loss of some samples, and how many answers the network got right.
///
/// ```
/// use kernlet::nn::Metrics;
/// let mut total = Metrics::default();
/// total.add(&Metrics { loss: 0.5, correct: 3, answers: 4, samples: 4, weight: None });
/// total.add(&Metrics { loss: 1.0, correct: 2, answers: 4, samples: 4, weight: None });
/// assert_eq!((total.accuracy(), total.loss), (0.625, 0.75));
/// // Of these samples, with one label each, a single one counts.
/// total.add(&Metrics { loss: 3.0, correct: 0, answers: 1, samples: 4, weight: Some(1.0) });
/// assert_eq!((total.loss, total.samples), (1.0, 12));
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Metrics {
    /// The mean loss of a sample.
    pub loss: f32,
    /// How many answers were right.
    pub correct: usize,
    /// How many answers there were: one for each label or yes-or-no output, 0 for a loss without classes.
    pub answers: usize,
    /// How many samples.
    pub samples: usize,
    /// What the sum of losses was divided by, where that is not the number of samples: how many labels count, or the
    /// sum of the weights. A sequence of which half the steps are there is half a sample.
    pub weight: Option<f64>,
}

impl Metrics {
    /// The share of answers that were right, 0 if there were none.
    pub fn accuracy(&self) -> f32 {
        if self.answers == 0 { 0.0 } else { self.correct as f32 / self.answers as f32 }
    }

    /// Adds the figures of other samples; the loss stays a mean over all.
    pub fn add(&mut self, other: &Self) {
        let samples = self.samples + other.samples;
        let [own, others] = [&*self, other].map(|metrics| metrics.weight.unwrap_or(metrics.samples as f64));
        if own + others != 0.0 {
            // In f64, so that a mean over an epoch does not depend on its length.
            let of = |loss: f32, weight: f64| if weight == 0.0 { 0.0 } else { f64::from(loss) * weight };
            let sum = of(self.loss, own) + of(other.loss, others);
            self.loss = (sum / (own + others)) as f32;
        }
        if self.weight.is_some() || other.weight.is_some() {
            self.weight = Some(own + others);
        }
        self.correct += other.correct;
        self.answers += other.answers;
        self.samples = samples;
    }
}

/// What a loss takes the network's outputs to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Takes {
    /// Any numbers.
    Numbers,
    /// Logits, of which the loss makes a softmax over the last axis.
    SoftmaxLogits,
    /// Logits, of each of which the loss makes a sigmoid.
    SigmoidLogits,
    /// Numbers between 0 and 1.
    Probabilities,
    /// Logarithms of probabilities, as `log_softmax` makes them.
    LogProbabilities,
}

impl Takes {
    /// Whether the loss compares classes along the last axis.
    const fn is_of_classes(self) -> bool {
        matches!(self, Self::SoftmaxLogits | Self::LogProbabilities)
    }

    /// Stops the compilation if the network's last layer gives something else.
    pub(crate) const fn check(self, network: &str, layers: &[Layer]) {
        if let [.., last] = layers
            && self.is_of_classes()
            && (last.output.rank() == 0 || last.output.axis(last.output.rank() - 1) == 1)
        {
            Message::at_layer(network, layers.len() - 1, last.name)
                .text("the loss takes the logits of several classes: of one alone the softmax is 1, and nothing is learnt; ")
                .text("end in two classes, or in `dense(1), sigmoid` with a binary cross-entropy")
                .fail();
        }
        let Some((index, layer)) = last_activation(layers) else { return };
        let (is_softmax, is_sigmoid) =
            (matches!(layer.link, Some(Link::Softmax)), matches!(layer.link, Some(Link::Sigmoid)));
        let is_log_softmax = matches!(layer.link, Some(Link::LogSoftmax));
        let is_last = index + 1 == layers.len();
        let wrong = match self {
            Self::Numbers => return,
            Self::SoftmaxLogits => is_sigmoid || is_softmax && !is_last,
            Self::SigmoidLogits => is_softmax || is_sigmoid && !is_last || is_log_softmax,
            Self::Probabilities => !(is_softmax || is_sigmoid),
            Self::LogProbabilities => !is_log_softmax,
        };
        if wrong {
            Message::at_layer(network, index, layer.name)
                .text("the loss takes ")
                .text(match self {
                    Self::Probabilities => "probabilities: end the network in sigmoid or softmax",
                    Self::LogProbabilities => "logarithms of probabilities: end the network in log_softmax",
                    Self::SigmoidLogits => {
                        "logits and makes a sigmoid of them: end the network in sigmoid or in neither"
                    }
                    _ => "logits and makes a softmax of them: end the network in softmax or in neither",
                })
                .fail();
        }
    }
}

/// The last layer that changes numbers in inference.
const fn last_activation(layers: &[Layer]) -> Option<(usize, &Layer)> {
    let mut i = layers.len();
    while i > 0 {
        i -= 1;
        if !layers[i].same_numbers && !layers[i].only_trains {
            return Some((i, &layers[i]));
        }
    }
    None
}

/// How many targets a sample has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Targets {
    /// One for each position of the last axis: one for a list of classes, one for each pixel of an image of classes.
    PerRow,
    /// One for each output.
    PerOutput,
    /// One for each output, and behind those of a sample its weight.
    PerOutputAndWeight,
}

impl Targets {
    /// How many, for outputs of that shape.
    ///
    /// ```
    /// use kernlet::{nn::Targets, shape::Dims};
    /// let classes_of_pixels = Dims::new(&[4, 4, 3]);
    /// assert_eq!(Targets::PerRow.count(&classes_of_pixels), 16);
    /// assert_eq!(Targets::PerOutput.count(&classes_of_pixels), 48);
    /// assert_eq!(Targets::PerOutputAndWeight.count(&classes_of_pixels), 49);
    /// ```
    pub const fn count(self, output: &Dims) -> usize {
        match self {
            Self::PerRow => match output.rank() {
                0 => 1,
                rank => crate::kernels::div(output.len(), output.axis(rank - 1)),
            },
            Self::PerOutput => output.len(),
            Self::PerOutputAndWeight => output.len() + 1,
        }
    }

    /// How many losses a sample has where they are not reduced: one for each of these targets, without the weight.
    pub const fn values(self, output: &Dims) -> usize {
        match self {
            Self::PerRow => self.count(output),
            Self::PerOutput | Self::PerOutputAndWeight => output.len(),
        }
    }
}

/// An error of a network's outputs against targets, and its gradient.
///
/// One of your own is as good as those of this module:
///
/// ```
/// use kernlet::{kernels::loss::Outputs, optim::Sgd, shape::Dims, simd::Level};
/// use kernlet::nn::{Error, Loss, Metrics, Model, Takes, Targets, Training};
///
/// /// The mean absolute error.
/// #[derive(Clone, Copy)]
/// struct Absolute;
///
/// impl Loss for Absolute {
///     type Target = f32;
///     const TAKES: Takes = Takes::Numbers;
///     const TARGETS: Targets = Targets::PerOutput;
///
///     fn evaluate(
///         &self, _level: Level, y: &[f32], output: &Dims, targets: &[f32], outputs: Outputs<'_>,
///     ) -> Result<Metrics, Error> {
///         let errors = || y.iter().zip(targets).map(|(y, t)| y - t);
///         // What is not wanted is not there.
///         for (g, error) in outputs.gradient.into_iter().flatten().zip(errors()) {
///             *g = error.signum() / targets.len() as f32;
///         }
///         for (value, error) in outputs.values.into_iter().flatten().zip(errors()) {
///             *value = error.abs();
///         }
///         let loss = errors().map(f32::abs).sum::<f32>() / targets.len() as f32;
///         Ok(Metrics { loss, samples: y.len() / output.len(), ..Metrics::default() })
///     }
/// }
///
/// kernlet::network! { struct Line([1]) { dense(1) } }
/// const TRAINING: Training<Line, Sgd, Absolute> = Training::new(Sgd::new(0.1)).loss(Absolute).batch(2);
/// let (mut model, mut memory) = (Model::<Line>::zeroed(), [0.0; TRAINING.memory_len()]);
/// let mut trainer = TRAINING.start(&mut model, &mut memory)?;
/// assert_eq!(trainer.step(&[1.0, 2.0], &[3.0, 5.0])?.loss, 4.0);
/// assert!(trainer.step(&[1.0, 2.0], &[3.0, 5.0])?.loss < 4.0);
/// # Ok::<(), Error>(())
/// ```
///
/// # The loss and the last layer
///
/// One rule, checked when the program is compiled. A loss says what it [takes](Takes):
///
/// | the network ends in | [`Numbers`](Takes::Numbers) | [`SoftmaxLogits`](Takes::SoftmaxLogits) | [`SigmoidLogits`](Takes::SigmoidLogits) | [`Probabilities`](Takes::Probabilities) | [`LogProbabilities`](Takes::LogProbabilities) |
/// |---|---|---|---|---|---|
/// | `softmax` | as it is | left out in training | does not compile | as it is | does not compile |
/// | `sigmoid` | as it is | does not compile | left out in training | as it is | does not compile |
/// | `log_softmax` | as it is | as it is | does not compile | does not compile | as it is |
/// | another layer | as it is | as it is | as it is | does not compile | does not compile |
///
/// So one network says probabilities when it is asked and learns from logits, which is exact where probabilities
/// come near to 0 or 1; and no activation is applied twice.
///
/// # What counts, and how much
///
/// | what | where | PyTorch | Keras |
/// |---|---|---|---|
/// | a weight for each class | [`CrossEntropy::with_class_weights`] | `weight` | `class_weight` (of whole rows: with smoothing, the sample weight there) |
/// | a label that does not count | [`CrossEntropy::with_ignored`] | `ignore_index` | `ignore_class` |
/// | smoothed labels | [`CrossEntropy::with_smoothing`] | `label_smoothing` | `label_smoothing` |
/// | a weight for each sample, 0 for one that does not count | [`SampleWeighted`] | multiply what `reduction="none"` gives | `sample_weight`, masks |
/// | a weight of positive answers, Huber's error … | [`Elementwise`] | `pos_weight`, `HuberLoss` | `Huber` |
///
/// What the sum is divided by is a choice, for peers differ: [`Reduction::Mean`] divides by how many count, [`Reduction::WeightedMean`] by the
/// sum of their weights.
///
/// | | divides by | here |
/// |---|---|---|
/// | PyTorch's `mean`, with class weights or an ignored label | the class weights of what counts | `WeightedMean`, which [`CrossEntropy`] begins with |
/// | Keras' `sum_over_batch_size` (its default) with sample weights | all samples of the batch, those of weight 0 too | `Mean`, which [`SampleWeighted`] makes of it |
/// | Keras' `mean_with_sample_weight` | the sum of the sample weights | `WeightedMean` |
/// | PyTorch's and Keras' `sum` | 1 | `Sum` |
/// | `none` | nothing: one loss for each target | [`Evaluation::values`](super::Evaluation::values) |
///
/// Labels that are ignored never count (Keras' `ignore_class` divides by them, too; for that, give these samples the weight 0).
/// [`Metrics`] say a mean whatever the choice, and a mean over several batches divides the sum of all by the sum of what each was divided by.
/// Where sequences have [lengths](super::HeldTrainer::step_with_lengths), the steps that there are not count for nothing, as
/// with a mask of Keras: what is divided by are outputs of steps that there are, and weights of samples multiply.
///
/// Parts of a batch ([`backward`](super::HeldTrainer::backward)) are each divided by their own weights, and then by their share in the samples;
/// with `Sum` they add up to the whole exactly.
pub trait Loss: Copy + Send + Sync {
    /// What a target consists of: a label, or numbers. Plain data of at most four bytes' alignment, so that a
    /// trainer can gather targets in its memory of floats.
    type Target: bytemuck::Pod + Send + Sync;

    /// What it takes the outputs to be.
    const TAKES: Takes;

    /// How many targets a sample has.
    const TARGETS: Targets;

    /// Whether its gradient is that of a sum over the batch, and not of a mean.
    fn sums(&self) -> bool {
        false
    }

    /// The mean loss of samples with outputs of shape `output`; and, as far as they are wanted, the gradient with
    /// respect to each output, and the losses that the mean is taken over, [`Targets::values`] for each sample.
    ///
    /// # Errors
    /// If lengths do not fit, or a label is not a class.
    fn evaluate(
        &self,
        level: Level,
        y: &[f32],
        output: &Dims,
        targets: &[Self::Target],
        outputs: Outputs<'_>,
    ) -> Result<Metrics, Error>;

    /// The same of one sequence that ends: `y` and `output`, `[steps, outputs of a step]`, are of the steps that there are,
    /// `targets` those of all steps. [`Metrics::weight`] is what the mean was divided by, as a share of whole samples (½
    /// for half of the steps) where it is no number of rows, so that means of sequences make one of them all.
    ///
    /// Unless it is written, a sequence counts as much as it has steps.
    ///
    /// # Errors
    /// As for [`evaluate`](Self::evaluate). [`Error::WeightBehind`] where the weight of a sample stands behind its targets
    /// ([`Targets::PerOutputAndWeight`]): such a loss of your own says by this function how a sequence that ends counts.
    fn evaluate_ended(
        &self,
        level: Level,
        y: &[f32],
        output: &Dims,
        targets: &[Self::Target],
        outputs: Outputs<'_>,
    ) -> Result<Metrics, Error> {
        if Self::TARGETS == Targets::PerOutputAndWeight {
            return Err(Error::WeightBehind);
        }
        let count = Self::TARGETS.count(output);
        let taken = targets.get(..count).ok_or(Error::Targets { expected: count, found: targets.len() })?;
        let metrics = self.evaluate(level, y, output, taken, outputs)?;
        let share = count as f64 / targets.len().max(1) as f64;
        let weight = match (metrics.weight, Self::TARGETS) {
            // Of rows that count, or their weights.
            (Some(weight), Targets::PerRow) => weight,
            (Some(weight), _) => share * weight,
            (None, _) => share * metrics.samples as f64,
        };
        Ok(Metrics { weight: Some(weight), ..metrics })
    }
}

/// A loss whose samples have a weight each, which comes with their targets: see [`CrossEntropy::with_sample_weights`] and
/// [`Elementwise::with_sample_weights`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SampleWeighted<L>(L);

/// What a sum of losses is divided by for its gradient, and for its mean.
#[derive(Clone, Copy)]
struct Divisor {
    /// The gradient's.
    gradient: f64,
    /// The mean's: never 1 in place of what there is.
    mean: f64,
}

impl Divisor {
    const fn of(reduction: Reduction, count: f64, weight: f64) -> Self {
        match reduction {
            Reduction::WeightedMean => Self { gradient: weight, mean: weight },
            Reduction::Sum => Self { gradient: 1.0, mean: count },
            _ => Self { gradient: count, mean: count },
        }
    }

    /// What the gradient is multiplied by; a mean over nothing is 0.
    fn share(self) -> f32 {
        if self.gradient == 0.0 { 0.0 } else { (1.0 / self.gradient) as f32 }
    }

    fn mean(self, sum: f64) -> f32 {
        if self.mean == 0.0 { 0.0 } else { (sum / self.mean) as f32 }
    }
}
