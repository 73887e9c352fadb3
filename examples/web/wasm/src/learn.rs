//! Training, step by step, as `cargo run --example mnist` does it: the same order, the same batches, the same bits.

use alloc::{boxed::Box, format, string::String, string::ToString, vec, vec::Vec};
use core::ptr::{null, null_mut};

use kernlet::{
    data::{
        batches::{epoch_order, gather_into},
        idx::Labelled,
        normalise,
    },
    nn::{
        AllButLast, Batching, Metrics, Model, Network, OwnedTrainer, SoftmaxCrossEntropy, Training, infer,
        inference_len,
    },
    optim::{Adadelta, Sgd},
    simd::Level,
    snapshot::{self, fingerprint},
};

use crate::{
    CLASSES, IMAGE_LEN, Single,
    network::{MnistCnn, SmallCnn},
    or_note, taken,
};

/// Images of a step that teaches one: copies of it, and others, so that they are not forgotten.
const LESSON: usize = 32;
const COPIES: usize = 4;
/// Steps of a lesson at the most, and the least probability of the right answer that ends it.
const LESSON_STEPS: u32 = 30;
const LEARNT: f32 = 0.9;
const LESSON_RATE: f32 = 0.05;

/// A training of the last two layers alone.
fn lesson<N: Network>() -> Training<N, Sgd, SoftmaxCrossEntropy, AllButLast<2>> {
    Training::new(Sgd::new(LESSON_RATE)).batch(LESSON).level(Level::detect_strict()).freeze()
}

/// One step of a lesson; the optimizer has no state, so there is nothing between two.
fn lesson_step<N: Network>(
    model: &mut Model<N>,
    memory: &mut [f32],
    (seed, step): (u64, u32),
    images: &[f32],
    labels: &[u8],
) -> Result<Metrics, kernlet::nn::Error> {
    let mut trainer = lesson::<N>().start(model, memory)?;
    trainer.set_progress(snapshot::Progress { step: step.into(), seed, ..snapshot::Progress::default() });
    trainer.step(images, labels)
}

/// A training whichever the network.
trait Learner {
    fn parameters(&mut self) -> &mut [f32];
    fn step(&mut self) -> Result<(), String>;
    fn evaluate(&mut self, first: usize, count: usize) -> Result<(), String>;
    fn teach(&mut self, image: &[u8], label: u8) -> Result<u32, String>;
    fn progress(&self) -> &Progress;
}

/// Where training is, for the page to read.
#[repr(C)]
#[derive(Default)]
struct Progress {
    step: u32,
    epoch: u32,
    position: u32,
    /// Of the last step or evaluation.
    images: u32,
    correct: u32,
    loss: f32,
}

struct Learning<N: Network> {
    trainer: OwnedTrainer<N, Adadelta>,
    batch: usize,
    training: Labelled<'static>,
    test: Labelled<'static>,
    seed: u64,
    order: Vec<u32>,
    bytes: Vec<u8>,
    images: Vec<f32>,
    labels: Vec<u8>,
    progress: Progress,
    lessons: u64,
    lesson_memory: Vec<f32>,
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

impl<N: Network> Learning<N> {
    fn new(training: Labelled<'static>, test: Labelled<'static>, batch: usize, seed: u64) -> Result<Self, String> {
        let config = Training::new(Adadelta::new(1.0)).batch(batch).seed(seed).level(Level::detect_strict());
        let trainer = config.build().map_err(text)?;
        let room = batch.max(LESSON);
        Ok(Self {
            trainer,
            batch,
            training,
            test,
            seed,
            order: vec![0; training.len()],
            bytes: vec![0; room * IMAGE_LEN],
            images: vec![0.0; room * IMAGE_LEN],
            labels: vec![0; room],
            progress: Progress::default(),
            lessons: 0,
            lesson_memory: vec![0.0; lesson::<N>().memory_len().max(inference_len::<N>(Batching::of(1)))],
        })
    }

    fn note(&mut self, metrics: &Metrics) {
        self.progress.images = metrics.samples as u32;
        self.progress.correct = metrics.correct as u32;
        self.progress.loss = metrics.loss;
    }
}

impl<N: Network> Learner for Learning<N> {
    fn parameters(&mut self) -> &mut [f32] {
        self.trainer.model_mut().parameters_mut()
    }

    fn step(&mut self) -> Result<(), String> {
        let start = self.progress.position as usize;
        if start == 0 {
            epoch_order(self.seed, self.progress.epoch, &mut self.order);
        }
        let indices = &self.order[start..self.order.len().min(start + self.batch)];
        let len = indices.len();
        let (bytes, labels) = (&mut self.bytes[..len * IMAGE_LEN], &mut self.labels[..len]);
        gather_into(self.training.pixels(), IMAGE_LEN, indices, bytes).map_err(text)?;
        gather_into(self.training.labels(), 1, indices, labels).map_err(text)?;
        let images = &mut self.images[..len * IMAGE_LEN];
        normalise::unit_into(bytes, images).map_err(text)?;
        let metrics = self.trainer.step(images, labels).map_err(text)?;
        self.progress.step += 1;
        self.progress.position += len as u32;
        if self.progress.position as usize == self.order.len() {
            self.progress.position = 0;
            self.progress.epoch += 1;
        }
        self.note(&metrics);
        Ok(())
    }

    fn evaluate(&mut self, first: usize, count: usize) -> Result<(), String> {
        let end = self.test.len().min(first.saturating_add(count));
        let mut total = Metrics::default();
        let mut first = first.min(end);
        while first < end {
            let until = end.min(first + self.batch);
            let images = &mut self.images[..(until - first) * IMAGE_LEN];
            normalise::unit_into(&self.test.pixels()[first * IMAGE_LEN..until * IMAGE_LEN], images).map_err(text)?;
            total.add(&self.trainer.evaluate(images, &self.test.labels()[first..until]).map_err(text)?);
            first = until;
        }
        self.note(&total);
        Ok(())
    }

    /// Trains the last two layers on an image until the answer is right, among others that it knows; in how many steps.
    fn teach(&mut self, image: &[u8], label: u8) -> Result<u32, String> {
        let class = usize::from(label);
        if class >= CLASSES || image.len() != IMAGE_LEN {
            return Err(format!("{} pixels as a {label} are not a digit", image.len()));
        }
        let (lesson, others) = (self.lessons, self.training.len().max(1));
        self.lessons += 1;
        let stream = kernlet::random::Stream::new(self.seed, u64::MAX - lesson);
        for step in 0..LESSON_STEPS {
            let (images, labels) = (&mut self.images[..LESSON * IMAGE_LEN], &mut self.labels[..LESSON]);
            for (i, (x, y)) in images.chunks_exact_mut(IMAGE_LEN).zip(labels.iter_mut()).enumerate() {
                let other = stream.u32_at(u64::from(step) * LESSON as u64 + i as u64) as usize % others;
                let (bytes, class) = match self.training.image(other) {
                    Some(bytes) if i >= COPIES => (bytes, self.training.labels()[other]),
                    _ => (image, label),
                };
                normalise::unit_into(bytes, x).map_err(text)?;
                *y = class;
            }
            let (model, memory) = (self.trainer.model_mut(), &mut self.lesson_memory);
            lesson_step(model, memory, (self.seed ^ lesson, step), images, labels).map_err(text)?;
            let mut outputs = [0.0; CLASSES];
            infer(Level::detect_strict(), Batching::of(1), model, &images[..IMAGE_LEN], memory, &mut outputs)
                .map_err(text)?;
            if outputs[class] >= LEARNT {
                return Ok(step + 1);
            }
        }
        Ok(LESSON_STEPS)
    }

    fn progress(&self) -> &Progress {
        &self.progress
    }
}

static STATE: Single<Option<Box<dyn Learner>>> = Single::new(None);

fn learner_of(network: u32, files: [&'static [u8]; 4], batch: usize, seed: u64) -> Result<Box<dyn Learner>, String> {
    let [images, labels, test_images, test_labels] = files;
    let training = Labelled::parse(images, labels, CLASSES).map_err(text)?;
    let test = Labelled::parse(test_images, test_labels, CLASSES).map_err(text)?;
    if [training, test].iter().any(|set| set.height() * set.width() != IMAGE_LEN || set.is_empty()) {
        return Err(format!("images are {} × {}, expected 28 × 28", training.height(), training.width()));
    }
    if !(1..=1024).contains(&batch) {
        return Err(format!("a batch of {batch}, expected 1 to 1024"));
    }
    Ok(match network {
        0 => Box::new(Learning::<SmallCnn>::new(training, test, batch, seed)?),
        _ => Box::new(Learning::<MnistCnn>::new(training, test, batch, seed)?),
    })
}

/// Makes the module one that learns: places and lengths of training images and labels, then of the test's, as IDX files.
///
/// # Safety
/// `files` is eight numbers at a place that [`take`](crate::take) gave, and names bytes at other such places,
/// which stay as they are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn learner(network: u32, files: *const [usize; 8], batch: usize, seed: u64) -> i32 {
    // SAFETY: the caller's.
    let &[a, a_len, b, b_len, c, c_len, d, d_len] = unsafe { &*files };
    // SAFETY: the caller's.
    let files =
        [(a, a_len), (b, b_len), (c, c_len), (d, d_len)].map(|(at, len)| unsafe { taken(at as *const u8, len) });
    let made = learner_of(network, files, batch, seed);
    STATE.with(|state| or_note(made.map(|made| *state = Some(made)).map(|()| 0), -1))
}

/// Calls `work` on the learner, if there is one.
fn with<T>(failed: T, work: impl FnOnce(&mut dyn Learner) -> Result<T, String>) -> T {
    STATE.with(|state| match state {
        Some(learner) => or_note(work(learner.as_mut()), failed),
        None => failed,
    })
}

/// One step on the next batch of the epoch.
#[unsafe(no_mangle)]
pub extern "C" fn step() -> i32 {
    with(-1, |learner| learner.step().map(|()| 0))
}

/// Loss and accuracy on test images `first..first + count`.
#[unsafe(no_mangle)]
pub extern "C" fn evaluate(first: usize, count: usize) -> i32 {
    with(-1, |learner| learner.evaluate(first, count).map(|()| 0))
}

/// Step, epoch, position in it; images, right ones and loss of the last step or evaluation, the loss as `f32`.
#[unsafe(no_mangle)]
pub extern "C" fn progress() -> *const u32 {
    with(null(), |learner| Ok(core::ptr::from_ref(learner.progress()).cast()))
}

/// Teaches that the image of 784 bytes at a place that [`take`](crate::take) gave is a `label`; in how many steps.
///
/// # Safety
/// The page wrote it there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn teach(image: *const u8, label: u32) -> i32 {
    // SAFETY: the caller's.
    let image = unsafe { taken(image, IMAGE_LEN) };
    with(-1, |learner| learner.teach(image, label.min(255) as u8).map(|steps| steps as i32))
}

/// Where the learner's parameters are.
#[unsafe(no_mangle)]
pub extern "C" fn learnt() -> *mut f32 {
    with(null_mut(), |learner| Ok(learner.parameters().as_mut_ptr()))
}

/// A number that changes with any bit of any of the learner's parameters.
#[unsafe(no_mangle)]
pub extern "C" fn learnt_fingerprint() -> u64 {
    with(0, |learner| Ok(fingerprint(learner.parameters())))
}
