//! Losses of rows with labels.

use core::marker::PhantomData;

use super::{Divisor, Loss, Metrics, SampleWeighted, Takes, Targets};
use crate::{
    data::metrics::argmax,
    kernels::{
        div, elementwise,
        loss::{self, Labelled, LossError, Outputs, Reduction},
    },
    nn::Error,
    shape::Dims,
    simd::Level,
};

/// Softmax and cross-entropy in one, from logits and labels: `−ln softmax(y)[label]`, a mean over all labels.
///
/// The classes are the last axis of the outputs: a network that ends in `[4, 4, 3]` has 16 labels below 3 for each
/// sample, one for each pixel. `Label` is `u8`, `u16` or `u32`. [`CrossEntropy`] is the same with weights, smoothing and
/// labels that do not count.
///
/// ```
/// use kernlet::{kernels::loss::Outputs, nn::{Loss, SoftmaxCrossEntropy}, shape::Dims, simd::Level};
/// const LOSS: SoftmaxCrossEntropy<u16> = SoftmaxCrossEntropy::new();
/// let mut gradient = [0.0; 2];
/// let outputs = Outputs { gradient: Some(&mut gradient), ..Outputs::default() };
/// let metrics = LOSS.evaluate(Level::detect(), &[0.0, 0.0], &Dims::new(&[2]), &[1], outputs)?;
/// assert_eq!(gradient, [0.5, -0.5]);
/// assert!((metrics.loss - 0.693).abs() < 1e-3);
/// # Ok::<(), kernlet::nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SoftmaxCrossEntropy<Label = u8> {
    label: PhantomData<Label>,
}

impl<Label> SoftmaxCrossEntropy<Label> {
    /// Every class and label counts the same.
    pub const fn new() -> Self {
        Self { label: PhantomData }
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
        outputs: Outputs<'_>,
    ) -> Result<Metrics, Error> {
        let [rows, classes] = rows(output);
        let loss = loss::plain_softmax_cross_entropy(level, classes, y, targets, outputs)?;
        let correct =
            y.chunks_exact(classes.max(1)).zip(targets).filter(|&(y, &target)| argmax(y) == target.into() as usize);
        let (answers, samples) = (targets.len(), div(targets.len(), rows));
        Ok(Metrics { loss, correct: correct.count(), answers, samples, weight: None })
    }
}

/// How many rows a sample has, and how many classes.
fn rows(output: &Dims) -> [usize; 2] {
    let rows = Targets::PerRow.count(output).max(1);
    [rows, div(output.len(), rows)]
}

/// A loss of labels with weights, smoothing, and labels that do not count: [`CrossEntropy`] of logits, and
/// [`NegativeLogLikelihood`] of their logarithms.
///
/// [`kernels::loss`](crate::kernels::loss) has the formula.
#[derive(Clone, Copy, Debug)]
pub struct LabelledLoss<'w, Label, const LOGITS: bool> {
    class_weights: Option<&'w [f32]>,
    ignored: Option<u32>,
    smoothing: f32,
    reduction: Reduction,
    label: PhantomData<Label>,
}

/// [`SoftmaxCrossEntropy`] with class weights, smoothing and labels that do not count: PyTorch's `CrossEntropyLoss`.
///
/// ```
/// use kernlet::{nn::{CrossEntropy, Training}, optim::Adam};
/// kernlet::network! { struct Tiny([2]) { dense(8), tanh, out: dense(3), softmax } }
/// const TRAINING: Training<Tiny, Adam, CrossEntropy<'static>> = Training::new(Adam::new(0.01))
///     .batch(4)
///     .loss(CrossEntropy::new().with_class_weights(&[1.0, 1.0, 5.0]).with_smoothing(0.1).with_ignored(255));
/// let mut trainer = TRAINING.build()?;
/// let inputs = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
/// // The last label is not known.
/// let metrics = trainer.step(&inputs, &[0, 1, 2, 255])?;
/// assert_eq!((metrics.samples, metrics.answers, metrics.weight), (4, 3, Some(7.0)));
/// # Ok::<(), kernlet::nn::Error>(())
/// ```
pub type CrossEntropy<'w, Label = u8> = LabelledLoss<'w, Label, true>;

/// The negative log-likelihood of a network that ends in `log_softmax`, with the same options: PyTorch's `NLLLoss`.
///
/// ```
/// use kernlet::{nn::{NegativeLogLikelihood, Training}, optim::Sgd};
/// kernlet::network! { struct Tiny([2]) { out: dense(3), log_softmax } }
/// const TRAINING: Training<Tiny, Sgd, NegativeLogLikelihood<'static>> =
///     Training::new(Sgd::new(0.1)).batch(1).loss(NegativeLogLikelihood::new());
/// let mut trainer = TRAINING.build()?;
/// let before = trainer.step(&[1.0, 0.5], &[2])?;
/// assert!(trainer.evaluate(&[1.0, 0.5], &[2])?.loss < before.loss);
/// # Ok::<(), kernlet::nn::Error>(())
/// ```
pub type NegativeLogLikelihood<'w, Label = u8> = LabelledLoss<'w, Label, false>;

impl<'w, Label, const LOGITS: bool> LabelledLoss<'w, Label, LOGITS> {
    /// Every class and label counts the same, until it is told otherwise; PyTorch's mean, which divides by the weights.
    pub const fn new() -> Self {
        let reduction = Reduction::WeightedMean;
        Self { class_weights: None, ignored: None, smoothing: 0.0, reduction, label: PhantomData }
    }

    /// With a weight for each class. Another number of weights than classes is an error of the first step.
    pub const fn with_class_weights(self, weights: &'w [f32]) -> Self {
        Self { class_weights: Some(weights), ..self }
    }

    /// With a label that does not count; it need not be a class.
    pub const fn with_ignored(self, label: u32) -> Self {
        Self { ignored: Some(label), ..self }
    }

    /// With that part of each label, from 0 to 1, divided among all classes.
    pub const fn with_smoothing(self, smoothing: f32) -> Self {
        assert!(smoothing >= 0.0 && smoothing <= 1.0, "a smoothing is in 0.0..=1.0");
        Self { smoothing, ..self }
    }

    /// With another divisor: see [`Loss`](crate::nn::Loss).
    pub const fn with_reduction(self, reduction: Reduction) -> Self {
        Self { reduction, ..self }
    }

    /// With a weight for each row, which comes with its label: see [`weighted`]. The sum is then divided by how many
    /// rows count, as Keras does, until [`with_reduction`](SampleWeighted::with_reduction) says otherwise.
    ///
    /// ```
    /// use kernlet::{nn::{CrossEntropy, SampleWeighted, Training, weighted}, optim::Adam};
    /// kernlet::network! { struct Tiny([2]) { dense(8), tanh, out: dense(3), softmax } }
    /// const TRAINING: Training<Tiny, Adam, SampleWeighted<CrossEntropy<'static>>> =
    ///     Training::new(Adam::new(0.01)).batch(2).loss(CrossEntropy::new().with_sample_weights());
    /// let mut trainer = TRAINING.build()?;
    /// let targets = [weighted(0, 1.0), weighted(2, 0.25)];
    /// assert_eq!(trainer.step(&[0.0, 0.0, 0.0, 1.0], &targets)?.weight, Some(2.0));
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    pub const fn with_sample_weights(self) -> SampleWeighted<Self> {
        SampleWeighted(self.with_reduction(Reduction::Mean))
    }

    const TAKES: Takes = if LOGITS { Takes::SoftmaxLogits } else { Takes::LogProbabilities };

    fn kernel<L: Copy + Into<u32>>(
        level: Level,
        classes: usize,
        rows: Labelled<'_, L>,
        outputs: Outputs<'_>,
    ) -> Result<f32, LossError> {
        if LOGITS {
            loss::softmax_cross_entropy_with(level, classes, rows, outputs)
        } else {
            loss::negative_log_likelihood(level, classes, rows, outputs)
        }
    }

    fn labelled<'a, L>(&self, x: &'a [f32], labels: &'a [L]) -> Labelled<'a, L>
    where
        'w: 'a,
    {
        let Self { class_weights, ignored, smoothing, reduction, .. } = *self;
        Labelled { reduction, class_weights, ignored, smoothing, ..Labelled::new(x, labels) }
    }

    /// What is said of the batch beside its loss, and what the loss is divided by.
    fn count(
        &self,
        y: &[f32],
        output: &Dims,
        labels: impl ExactSizeIterator<Item = WeightedLabel>,
    ) -> (Metrics, Divisor) {
        let [rows, classes] = rows(output);
        let mut metrics = Metrics { samples: div(labels.len(), rows), ..Metrics::default() };
        let mut weight = 0.0;
        for (y, [label, of_row]) in y.chunks_exact(classes.max(1)).zip(labels) {
            if self.ignored == Some(label) {
                continue;
            }
            let label = label as usize;
            let of_class = self.class_weights.map_or(1.0, |weights| weights.get(label).copied().unwrap_or(0.0));
            weight += f64::from(f32::from_bits(of_row)) * f64::from(of_class);
            metrics.answers += 1;
            metrics.correct += usize::from(argmax(y) == label);
        }
        let divisor = Divisor::of(self.reduction, metrics.answers as f64, weight);
        metrics.weight = Some(divisor.mean);
        (metrics, divisor)
    }
}

impl<Label, const LOGITS: bool> Default for LabelledLoss<'_, Label, LOGITS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<Label: bytemuck::Pod + Into<u32> + Send + Sync, const LOGITS: bool> Loss for LabelledLoss<'_, Label, LOGITS> {
    type Target = Label;
    const TAKES: Takes = Self::TAKES;
    const TARGETS: Targets = Targets::PerRow;

    fn sums(&self) -> bool {
        self.reduction == Reduction::Sum
    }

    fn evaluate(
        &self,
        level: Level,
        y: &[f32],
        output: &Dims,
        targets: &[Label],
        outputs: Outputs<'_>,
    ) -> Result<Metrics, Error> {
        let [_, classes] = rows(output);
        let labels = targets.iter().map(|&label| weighted(label.into(), 1.0));
        let (metrics, divisor) = self.count(y, output, labels);
        let loss = Self::kernel(level, classes, self.labelled(y, targets), outputs)?;
        let loss = if self.sums() { divisor.mean(loss.into()) } else { loss };
        Ok(Metrics { loss, ..metrics })
    }
}

/// A label and the bits of a weight, as [`weighted`] makes it: plain data, so that a trainer can gather it.
pub type WeightedLabel = [u32; 2];

/// A label, and how much its row counts: 1 as one of equals, 0 not at all.
///
/// ```
/// assert_eq!(kernlet::nn::weighted(7, 1.0), [7, 0x3f80_0000]);
/// ```
pub const fn weighted(label: u32, weight: f32) -> WeightedLabel {
    [label, weight.to_bits()]
}

/// Rows that are taken apart at a time, on the stack.
const AT_A_TIME: usize = 32;

impl<'w, Label, const LOGITS: bool> SampleWeighted<LabelledLoss<'w, Label, LOGITS>> {
    /// With another divisor: see [`Loss`](crate::nn::Loss).
    pub const fn with_reduction(self, reduction: Reduction) -> Self
    where
        Label: Copy,
    {
        Self(self.0.with_reduction(reduction))
    }
}

impl<Label: Copy + Send + Sync, const LOGITS: bool> Loss for SampleWeighted<LabelledLoss<'_, Label, LOGITS>> {
    type Target = WeightedLabel;
    const TAKES: Takes = LabelledLoss::<Label, LOGITS>::TAKES;
    const TARGETS: Targets = Targets::PerRow;

    fn sums(&self) -> bool {
        self.0.reduction == Reduction::Sum
    }

    fn evaluate(
        &self,
        level: Level,
        y: &[f32],
        output: &Dims,
        targets: &[WeightedLabel],
        outputs: Outputs<'_>,
    ) -> Result<Metrics, Error> {
        let [_, classes] = rows(output);
        let expected = targets.len() * classes;
        if y.len() != expected {
            return Err(Error::Outputs { expected, found: y.len() });
        }
        let (metrics, divisor) = self.0.count(y, output, targets.iter().copied());
        let Outputs { mut gradient, mut values } = outputs;
        let mut sum = 0.0;
        let groups = targets.chunks(AT_A_TIME).zip(y.chunks(AT_A_TIME * classes.max(1)));
        for (group, (targets, y)) in groups.enumerate() {
            let (mut labels, mut weights) = ([0; AT_A_TIME], [0.0; AT_A_TIME]);
            for ((label, weight), target) in labels.iter_mut().zip(&mut weights).zip(targets) {
                (*label, *weight) = (target[0], f32::from_bits(target[1]));
            }
            let (labels, weights) = (labels.get(..targets.len()), weights.get(..targets.len()));
            let rows = Labelled {
                row_weights: weights,
                reduction: Reduction::Sum,
                ..self.0.labelled(y, labels.unwrap_or_default())
            };
            let mut dy = take(&mut gradient, y.len());
            let outputs = Outputs { gradient: dy.as_deref_mut(), values: take(&mut values, targets.len()) };
            let loss = LabelledLoss::<Label, LOGITS>::kernel(level, classes, rows, outputs);
            sum += f64::from(loss.map_err(|error| match error {
                LossError::Label { row, label, classes } => {
                    LossError::Label { row: row + group * AT_A_TIME, label, classes }
                }
                other => other,
            })?);
            if let (Some(dy), false) = (dy, self.sums()) {
                elementwise::scale(level, divisor.share(), dy);
            }
        }
        Ok(Metrics { loss: divisor.mean(sum), ..metrics })
    }
}

/// So many numbers from the front, if there are any.
fn take<'a>(from: &mut Option<&'a mut [f32]>, len: usize) -> Option<&'a mut [f32]> {
    let (taken, rest) = from.take()?.split_at_mut_checked(len)?;
    *from = Some(rest);
    Some(taken)
}
