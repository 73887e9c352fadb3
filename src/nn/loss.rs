//! Losses as a trainer sees them: targets in, an error and a gradient out.

use super::Error;
use crate::{
    data::metrics::argmax,
    kernels::{elementwise, loss},
    simd::Level,
};

/// The mean loss of some images, and how many the network got right.
///
/// ```
/// let mut total = kernlet::nn::Metrics::default();
/// total.add(&kernlet::nn::Metrics { loss: 0.5, correct: 3, images: 4 });
/// assert_eq!(total.accuracy(), 0.75);
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Metrics {
    /// The mean loss of an image.
    pub loss: f32,
    /// How many images' largest output was the target's; 0 for a loss without classes.
    pub correct: usize,
    /// How many images.
    pub images: usize,
}

impl Metrics {
    /// The share of images that were right, 0 if there were none.
    ///
    /// See [`Metrics`] for an example.
    pub fn accuracy(&self) -> f32 {
        if self.images == 0 { 0.0 } else { self.correct as f32 / self.images as f32 }
    }

    /// Adds the figures of other images; the loss stays a mean over all.
    ///
    /// See [`Metrics`] for an example.
    pub fn add(&mut self, other: &Self) {
        let images = self.images + other.images;
        if images > 0 {
            // In f64, so that a mean over an epoch does not depend on its length.
            let sum = f64::from(self.loss) * self.images as f64 + f64::from(other.loss) * other.images as f64;
            self.loss = (sum / images as f64) as f32;
        }
        self.correct += other.correct;
        self.images = images;
    }
}

/// An error of a network's outputs against targets, and its gradient.
///
/// ```
/// use kernlet::{nn::{Loss, SoftmaxCrossEntropy}, simd::Level};
/// let mut gradient = [0.0; 2];
/// let metrics = SoftmaxCrossEntropy.evaluate(Level::detect(), &[0.0, 0.0], 2, &[1], &mut gradient)?;
/// assert_eq!(gradient, [0.5, -0.5]);
/// assert!((metrics.loss - 0.693).abs() < 1e-3);
/// # Ok::<(), kernlet::nn::Error>(())
/// ```
pub trait Loss: Copy + Send + Sync {
    /// What a target consists of: a label, or numbers.
    type Target: Copy + Send + Sync;

    /// Whether the loss takes logits, so that a final softmax is left out in training.
    const LOGITS: bool;

    /// How many targets an image with that many outputs has.
    fn targets(outputs: usize) -> usize;

    /// The mean loss of images with `outputs` outputs each, and the gradient by each output.
    ///
    /// # Errors
    /// If lengths do not fit, or a label is no class.
    fn evaluate(
        &self,
        level: Level,
        y: &[f32],
        outputs: usize,
        targets: &[Self::Target],
        gradient: &mut [f32],
    ) -> Result<Metrics, Error>;
}

/// Softmax and cross-entropy in one, from logits and labels: `−ln softmax(y)[label]`.
///
/// See [`Loss`] for an example.
#[derive(Clone, Copy, Debug, Default)]
pub struct SoftmaxCrossEntropy;

impl Loss for SoftmaxCrossEntropy {
    type Target = u8;
    const LOGITS: bool = true;

    fn targets(_outputs: usize) -> usize {
        1
    }

    fn evaluate(
        &self,
        level: Level,
        y: &[f32],
        outputs: usize,
        targets: &[u8],
        gradient: &mut [f32],
    ) -> Result<Metrics, Error> {
        let loss = loss::softmax_cross_entropy(level, outputs, y, targets, gradient)?;
        let correct =
            y.chunks_exact(outputs.max(1)).zip(targets).filter(|(y, target)| argmax(y) == usize::from(**target));
        Ok(Metrics { loss, correct: correct.count(), images: targets.len() })
    }
}

macro_rules! elementwise_loss {
    ($(#[$meta:meta])* $name:ident, $function:ident, $per_image:expr) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name;

        impl Loss for $name {
            type Target = f32;
            const LOGITS: bool = false;

            fn targets(outputs: usize) -> usize {
                outputs
            }

            fn evaluate(
                &self,
                level: Level,
                y: &[f32],
                outputs: usize,
                targets: &[f32],
                gradient: &mut [f32],
            ) -> Result<Metrics, Error> {
                let outputs = outputs.max(1);
                let images = y.len() / outputs;
                let mut loss = loss::$function(level, y, targets, gradient)?;
                if $per_image && images > 1 {
                    // The kernel's error is a sum over images; a trainer's is their mean.
                    let share = 1.0 / images as f32;
                    loss *= share;
                    elementwise::scale(level, share, gradient);
                }
                let rows = y.chunks_exact(outputs).zip(targets.chunks_exact(outputs));
                let correct = rows.filter(|(y, target)| outputs > 1 && argmax(y) == argmax(target)).count();
                Ok(Metrics { loss, correct, images })
            }
        }
    };
}

elementwise_loss!(
    /// Half the squared error, `E = ½ Σ (y − t)²`, a mean over the images.
    ///
    /// ```
    /// use kernlet::{nn::{HalfSquaredError, Loss}, simd::Level};
    /// let mut gradient = [0.0; 2];
    /// let metrics = HalfSquaredError.evaluate(Level::detect(), &[1.0, 3.0], 2, &[0.0, 1.0], &mut gradient)?;
    /// assert_eq!((metrics.loss, gradient), (2.5, [1.0, 2.0]));
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    HalfSquaredError, half_squared_error, true
);
elementwise_loss!(
    /// The mean of the squared errors of all outputs.
    ///
    /// ```
    /// use kernlet::{nn::{Loss, MeanSquaredError}, simd::Level};
    /// let mut gradient = [0.0; 2];
    /// let metrics = MeanSquaredError.evaluate(Level::detect(), &[1.0, 3.0], 2, &[0.0, 1.0], &mut gradient)?;
    /// assert_eq!((metrics.loss, gradient), (2.5, [1.0, 2.0]));
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    MeanSquaredError, mean_squared_error, false
);
elementwise_loss!(
    /// Binary cross-entropy of probabilities, as after a sigmoid, a mean over all outputs.
    ///
    /// ```
    /// use kernlet::{nn::{BinaryCrossEntropy, Loss}, simd::Level};
    /// let mut gradient = [0.0];
    /// let metrics = BinaryCrossEntropy.evaluate(Level::detect(), &[0.5], 1, &[1.0], &mut gradient)?;
    /// assert!((metrics.loss - 0.693).abs() < 1e-3);
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    BinaryCrossEntropy, binary_cross_entropy, false
);
elementwise_loss!(
    /// Binary cross-entropy from logits, without a sigmoid before it, a mean over all outputs.
    ///
    /// ```
    /// use kernlet::{nn::{BinaryCrossEntropyFromLogits, Loss}, simd::Level};
    /// let mut gradient = [0.0];
    /// let metrics = BinaryCrossEntropyFromLogits.evaluate(Level::detect(), &[0.0], 1, &[1.0], &mut gradient)?;
    /// assert!((gradient[0] + 0.5).abs() < 1e-6);
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    BinaryCrossEntropyFromLogits, binary_cross_entropy_from_logits, false
);
