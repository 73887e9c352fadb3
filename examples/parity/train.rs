//! One small network and one short training, literally the same code on every target:
//! the host, firmware, WASM and bare builds include this file.
#![allow(dead_code)]

use kernlet::{
    nn::{AllButLast, Error, Freeze, Gradients, Metrics, Model, Nothing, SoftmaxCrossEntropy, Trainer, Training},
    optim::Sgd,
    simd::Level,
    snapshot,
};

kernlet::network! {
    /// Two convolutions and a classifier for 28×28 digits.
    pub struct Digits([28, 28, 1]) {
        conv1: conv2d(8, 3x3, stride: 2), relu,
        conv2: conv2d(10, 3x3), relu, pool: max_pool2d(2x2), dropout(0.25),
        out: dense(10), softmax,
    }
}

/// Bytes of an image.
pub const IMAGE: usize = 28 * 28;
/// Images of a training step.
pub const BATCH: usize = 8;
/// Training steps of [`fingerprint`].
pub const STEPS: usize = 16;
/// Passes of a whole training.
pub const EPOCHS: usize = 4;

/// Of the first parameters.
pub const SEED: u64 = 1;
/// The learning rate of a whole training.
pub const RATE: f32 = 0.1;

/// How [`Digits`] is trained; the layers in `F` stay as they are.
pub type DigitsTraining<F = Nothing> = Training<Digits, Sgd, SoftmaxCrossEntropy, F>;
type DigitsTrainer<'a, F> = Trainer<'a, Digits, Sgd, SoftmaxCrossEntropy, F>;

/// All layers but the classifier.
pub type ButLast = AllButLast<1>;

/// Multiply-accumulates of a forward pass.
pub const FORWARD_MACS: usize = CONV1_MACS + 11 * 11 * 3 * 3 * 8 * 10 + 5 * 5 * 10 * 10;
/// Multiply-accumulates of a training step per image: forward, and the gradients of weights
/// and, but for the first layer, of inputs.
pub const TRAINING_MACS: usize = 3 * FORWARD_MACS - CONV1_MACS;
const CONV1_MACS: usize = 13 * 13 * 3 * 3 * 8;

/// How a whole training works: batches of 8, gradients kept until the batch is done.
pub const FULL: DigitsTraining = full(RATE);
/// The same at another learning rate.
pub const fn full(rate: f32) -> DigitsTraining {
    Training::new(Sgd::new(rate)).batch(BATCH).seed(SEED)
}
/// How the classifier alone is trained in little memory: one image at a time, gradients
/// applied as they appear.
pub const fn small(rate: f32) -> DigitsTraining<ButLast> {
    full(rate).batch(1).gradients(Gradients::Applied).freeze()
}

/// Numbers of memory of a whole training.
pub const FULL_MEMORY: usize = FULL.memory_len();
/// Numbers of memory of the classifier's training.
pub const SMALL_MEMORY: usize = small(RATE).memory_len();
/// Bytes of a whole training: parameters, activations, gradients, scratch.
pub const FULL_BYTES: usize = FULL.training_bytes();
/// Bytes of the classifier's training.
pub const SMALL_BYTES: usize = small(RATE).training_bytes();

/// A trainer and room for a batch of images as numbers.
pub struct Session<'a, F: Freeze = Nothing> {
    trainer: DigitsTrainer<'a, F>,
    numbers: &'a mut [f32],
}

impl<'a, F: Freeze> Session<'a, F> {
    /// A session on a model as it is; `numbers` holds the images of a batch.
    pub fn new(
        level: Level,
        training: DigitsTraining<F>,
        model: &'a mut Model<Digits>,
        memory: &'a mut [f32],
        numbers: &'a mut [f32],
    ) -> Result<Self, Error> {
        Ok(Self { trainer: training.level(level).start(model, memory)?, numbers })
    }

    /// One pass over the digits, in their order: the loss and accuracy before each step.
    pub fn epoch(&mut self, images: &[u8], labels: &[u8]) -> Result<Metrics, Error> {
        self.pass(images, labels, |trainer, images, labels| trainer.step(images, labels))
    }

    /// Loss and accuracy on digits, without a change.
    pub fn evaluate(&mut self, images: &[u8], labels: &[u8]) -> Result<Metrics, Error> {
        self.pass(images, labels, |trainer, images, labels| trainer.evaluate(images, labels))
    }

    fn pass(
        &mut self,
        images: &[u8],
        labels: &[u8],
        mut each: impl FnMut(&mut DigitsTrainer<'a, F>, &[f32], &[u8]) -> Result<Metrics, Error>,
    ) -> Result<Metrics, Error> {
        let mut total = Metrics::default();
        let batch = (self.numbers.len() / IMAGE).max(1);
        let (mut images, mut labels) = (images, labels);
        while !labels.is_empty() {
            let count = batch.min(labels.len());
            let (Some((now, later)), Some((labels_now, labels_later))) =
                (images.split_at_checked(count * IMAGE), labels.split_at_checked(count))
            else {
                return Err(Error::Inputs { input: IMAGE, found: images.len() });
            };
            total.add(&each(&mut self.trainer, convert(now, self.numbers), labels_now)?);
            (images, labels) = (later, labels_later);
        }
        Ok(total)
    }

    /// The fingerprint of the parameters.
    pub fn fingerprint(&self) -> u64 {
        snapshot::fingerprint(self.trainer.model().parameters())
    }
}

/// Bytes of images as numbers from 0 to 1.
pub fn convert<'a>(bytes: &[u8], numbers: &'a mut [f32]) -> &'a [f32] {
    let len = bytes.len().min(numbers.len());
    for (x, byte) in numbers.iter_mut().zip(bytes) {
        *x = f32::from(*byte) / 255.0;
    }
    numbers.get(..len).unwrap_or(&[])
}

/// The memory of the parity program; a `static` where there is no heap.
pub struct Workspace {
    pub model: Model<Digits>,
    pub memory: [f32; FULL_MEMORY],
    pub numbers: [f32; BATCH * IMAGE],
}

impl Workspace {
    pub const fn new() -> Self {
        Self { model: Model::zeroed(), memory: [0.0; FULL_MEMORY], numbers: [0.0; BATCH * IMAGE] }
    }

    /// A session that trains everything.
    pub fn session(&mut self, level: Level) -> Result<Session<'_>, Error> {
        Session::new(level, FULL, &mut self.model, &mut self.memory, &mut self.numbers)
    }

    /// The parity program: [`STEPS`] steps on the first digits, and the fingerprint.
    pub fn parity(&mut self, level: Level, images: &[u8], labels: &[u8]) -> Result<u64, Error> {
        self.model.initialize(SEED);
        let count = STEPS * BATCH;
        let (images, labels) = (images.get(..count * IMAGE).unwrap_or(images), labels.get(..count).unwrap_or(labels));
        let mut session = self.session(level)?;
        session.epoch(images, labels)?;
        Ok(session.fingerprint())
    }
}
