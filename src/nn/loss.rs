//! Losses as a trainer sees them: targets in, an error and a gradient out.
//!
//! # The loss and the last layer
//!
//! One rule, checked when the program is compiled. A loss says what it [takes](Takes):
//!
//! | the network ends in | [`Numbers`](Takes::Numbers) | [`SoftmaxLogits`](Takes::SoftmaxLogits) | [`SigmoidLogits`](Takes::SigmoidLogits) | [`Probabilities`](Takes::Probabilities) |
//! |---|---|---|---|---|
//! | `softmax` | as it is | left out in training | does not compile | as it is |
//! | `sigmoid` | as it is | does not compile | left out in training | as it is |
//! | another layer | as it is | as it is | as it is | does not compile |
//!
//! So one network says probabilities when it is asked and learns from logits, which is exact where probabilities
//! come near to 0 or 1; and no activation is applied twice.

use super::{
    Error,
    declare::{Layer, Link, Message},
};
use crate::{
    data::metrics::argmax,
    kernels::{elementwise, loss},
    shape::Dims,
    simd::Level,
};

/// The mean loss of some samples, and how many answers the network got right.
///
/// ```
/// use kernlet::nn::Metrics;
/// let mut total = Metrics::default();
/// total.add(&Metrics { loss: 0.5, correct: 3, answers: 4, samples: 4 });
/// total.add(&Metrics { loss: 1.0, correct: 2, answers: 4, samples: 4 });
/// assert_eq!((total.accuracy(), total.loss), (0.625, 0.75));
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
}

impl Metrics {
    /// The share of answers that were right, 0 if there were none.
    pub fn accuracy(&self) -> f32 {
        if self.answers == 0 { 0.0 } else { self.correct as f32 / self.answers as f32 }
    }

    /// Adds the figures of other samples; the loss stays a mean over all.
    pub fn add(&mut self, other: &Self) {
        let samples = self.samples + other.samples;
        if samples > 0 {
            // In f64, so that a mean over an epoch does not depend on its length.
            let sum = f64::from(self.loss) * self.samples as f64 + f64::from(other.loss) * other.samples as f64;
            self.loss = (sum / samples as f64) as f32;
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
}

impl Takes {
    /// Stops the compilation if the network's last layer gives something else.
    pub(crate) const fn check(self, network: &str, layers: &[Layer]) {
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
        };
        if wrong {
            Message::at_layer(network, index, layer.name)
                .text("the loss takes ")
                .text(match self {
                    Self::Probabilities => "probabilities: end the network in sigmoid or softmax",
                    Self::SigmoidLogits => {
                        "logits and makes a sigmoid of them: end the network in sigmoid or in neither"
                    }
                    _ => "logits and makes a softmax of them: end the network in softmax or in neither",
                })
                .fail();
        }
    }
}

/// The last layer that changes numbers.
const fn last_activation(layers: &[Layer]) -> Option<(usize, &Layer)> {
    let mut i = layers.len();
    while i > 0 {
        i -= 1;
        if !layers[i].same_numbers {
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
}

impl Targets {
    /// How many, for outputs of that shape.
    ///
    /// ```
    /// use kernlet::{nn::Targets, shape::Dims};
    /// let classes_of_pixels = Dims::new(&[4, 4, 3]);
    /// assert_eq!(Targets::PerRow.count(&classes_of_pixels), 16);
    /// assert_eq!(Targets::PerOutput.count(&classes_of_pixels), 48);
    /// ```
    pub const fn count(self, output: &Dims) -> usize {
        match self {
            Self::PerRow => match output.rank() {
                0 => 1,
                rank => output.len() / output.axis(rank - 1),
            },
            Self::PerOutput => output.len(),
        }
    }
}

/// An error of a network's outputs against targets, and its gradient.
///
/// One of your own is as good as those of this module:
///
/// ```
/// use kernlet::{nn::{Error, Loss, Metrics, Model, Takes, Targets, Training}, optim::Sgd, shape::Dims, simd::Level};
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
///         &self, _level: Level, y: &[f32], output: &Dims, targets: &[f32], gradient: &mut [f32],
///     ) -> Result<Metrics, Error> {
///         let mut loss = 0.0;
///         for ((y, t), g) in y.iter().zip(targets).zip(gradient) {
///             loss += (y - t).abs() / targets.len() as f32;
///             *g = (y - t).signum() / targets.len() as f32;
///         }
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
pub trait Loss: Copy + Send + Sync {
    /// What a target consists of: a label, or numbers. Plain data of at most four bytes' alignment, so that a
    /// trainer can gather targets in its memory of floats.
    type Target: bytemuck::Pod + Send + Sync;

    /// What it takes the outputs to be.
    const TAKES: Takes;

    /// How many targets a sample has.
    const TARGETS: Targets;

    /// The mean loss of samples with outputs of shape `output`, and the gradient with respect to each output.
    ///
    /// # Errors
    /// If lengths do not fit, or a label is not a class.
    fn evaluate(
        &self,
        level: Level,
        y: &[f32],
        output: &Dims,
        targets: &[Self::Target],
        gradient: &mut [f32],
    ) -> Result<Metrics, Error>;
}

/// Softmax and cross-entropy in one, from logits and labels: `−ln softmax(y)[label]`, a mean over all labels.
///
/// The classes are the last axis of the outputs: a network that ends in `[4, 4, 3]` has 16 labels below 3 for each
/// sample, one for each pixel. `Label` is `u8`, `u16` or `u32`.
///
/// ```
/// use kernlet::{nn::{Loss, SoftmaxCrossEntropy}, shape::Dims, simd::Level};
/// const LOSS: SoftmaxCrossEntropy<u16> = SoftmaxCrossEntropy::new();
/// let mut gradient = [0.0; 2];
/// let metrics = LOSS.evaluate(Level::detect(), &[0.0, 0.0], &Dims::new(&[2]), &[1], &mut gradient)?;
/// assert_eq!(gradient, [0.5, -0.5]);
/// assert!((metrics.loss - 0.693).abs() < 1e-3);
/// # Ok::<(), kernlet::nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SoftmaxCrossEntropy<Label = u8> {
    label: core::marker::PhantomData<Label>,
}

impl<Label> SoftmaxCrossEntropy<Label> {
    /// Every class and label counts the same.
    pub const fn new() -> Self {
        Self { label: core::marker::PhantomData }
    }
}

impl<Label: bytemuck::Pod + Into<u32> + Send + Sync> Loss for SoftmaxCrossEntropy<Label> {
    type Target = Label;
    const TAKES: Takes = Takes::SoftmaxLogits;
    const TARGETS: Targets = Targets::PerRow;

    fn evaluate(
        &self,
        level: Level,
        y: &[f32],
        output: &Dims,
        targets: &[Label],
        gradient: &mut [f32],
    ) -> Result<Metrics, Error> {
        let rows = Self::TARGETS.count(output).max(1);
        let classes = output.len() / rows;
        let loss = loss::softmax_cross_entropy(level, classes, y, targets, gradient)?;
        let correct =
            y.chunks_exact(classes.max(1)).zip(targets).filter(|&(y, &target)| argmax(y) == target.into() as usize);
        Ok(Metrics { loss, correct: correct.count(), answers: targets.len(), samples: targets.len() / rows })
    }
}

/// When an answer is right.
enum Answers {
    /// Where the largest output is the largest target, if there are several.
    Largest,
    /// Where output and target are on the same side: of this number, and of ½.
    Sides(f32),
}

impl Answers {
    /// How many answers there are, and how many are right.
    fn count(&self, y: &[f32], outputs: usize, targets: &[f32]) -> (usize, usize) {
        match *self {
            Self::Largest if outputs > 1 => {
                let rows = y.chunks_exact(outputs).zip(targets.chunks_exact(outputs));
                let correct = rows.filter(|(y, target)| argmax(y) == argmax(target)).count();
                (y.len() / outputs, correct)
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
    ($(#[$meta:meta])* $name:ident, $function:ident, $takes:expr, $per_sample:expr, $answers:expr) => {
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
                gradient: &mut [f32],
            ) -> Result<Metrics, Error> {
                let outputs = output.len().max(1);
                let samples = y.len() / outputs;
                let mut loss = loss::$function(level, y, targets, gradient)?;
                if $per_sample && samples > 1 {
                    // The kernel's error is a sum over samples; a trainer's is their mean.
                    let share = 1.0 / samples as f32;
                    loss *= share;
                    elementwise::scale(level, share, gradient);
                }
                let (answers, correct) = $answers.count(y, outputs, targets);
                Ok(Metrics { loss, correct, answers, samples })
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
    /// use kernlet::{nn::{HalfSquaredError, Loss}, shape::Dims, simd::Level};
    /// let mut gradient = [0.0; 2];
    /// let dims = Dims::new(&[2]);
    /// let metrics = HalfSquaredError.evaluate(Level::detect(), &[1.0, 3.0], &dims, &[0.0, 1.0], &mut gradient)?;
    /// assert_eq!((metrics.loss, gradient), (2.5, [1.0, 2.0]));
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    HalfSquaredError, half_squared_error, Takes::Numbers, true, Answers::Largest
);
elementwise_loss!(
    /// The mean of the squared errors of all outputs.
    ///
    /// With several outputs an answer is right where the largest output is that of the largest target.
    ///
    /// ```
    /// use kernlet::{nn::{Loss, MeanSquaredError}, shape::Dims, simd::Level};
    /// let mut gradient = [0.0; 2];
    /// let dims = Dims::new(&[2]);
    /// let metrics = MeanSquaredError.evaluate(Level::detect(), &[1.0, 3.0], &dims, &[0.0, 1.0], &mut gradient)?;
    /// assert_eq!((metrics.loss, gradient), (2.5, [1.0, 2.0]));
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    MeanSquaredError, mean_squared_error, Takes::Numbers, false, Answers::Largest
);
elementwise_loss!(
    /// Binary cross-entropy of probabilities, as after a sigmoid, a mean over all outputs.
    ///
    /// Each output is an answer: right where it is on the same side of ½ as its target.
    ///
    /// ```
    /// use kernlet::{nn::{BinaryCrossEntropy, Loss}, shape::Dims, simd::Level};
    /// let (mut gradient, dims) = ([0.0], Dims::new(&[1]));
    /// let metrics = BinaryCrossEntropy.evaluate(Level::detect(), &[0.75], &dims, &[1.0], &mut gradient)?;
    /// assert!((metrics.loss - 0.288).abs() < 1e-3);
    /// assert_eq!(metrics.accuracy(), 1.0);
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    BinaryCrossEntropy, binary_cross_entropy, Takes::Probabilities, false, Answers::Sides(0.5)
);
elementwise_loss!(
    /// Sigmoid and binary cross-entropy in one, from logits, a mean over all outputs.
    ///
    /// Each output is an answer: right where its probability is on the same side of ½ as its target.
    /// A sigmoid at the network's end is left out in training.
    ///
    /// ```
    /// use kernlet::{nn::{BinaryCrossEntropyFromLogits, Loss}, shape::Dims, simd::Level};
    /// let (mut gradient, dims) = ([0.0], Dims::new(&[1]));
    /// let loss = BinaryCrossEntropyFromLogits;
    /// let metrics = loss.evaluate(Level::detect(), &[-0.0], &dims, &[1.0], &mut gradient)?;
    /// assert!((gradient[0] + 0.5).abs() < 1e-6);
    /// assert_eq!((metrics.answers, metrics.correct), (1, 0));
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    BinaryCrossEntropyFromLogits, binary_cross_entropy_from_logits, Takes::SigmoidLogits, false, Answers::Sides(0.0)
);
