//! The Keras MNIST network: a training step, and inference.

use std::{io::Read, process::Command};

use flate2::read::MultiGzDecoder;
use kernlet::{
    data::{idx::Labelled, normalise::unit_into},
    nn::{Batching, Gradients, HeapMemory, Model, SoftmaxCrossEntropy, Trainer, infer, inference_len},
    optim::Adadelta,
    simd::Level,
};

#[cfg(feature = "rayon")]
use crate::table::wall_seconds;
use crate::table::{Figures, Summary, median, paired, seconds, strict};

kernlet::network! {
    /// The network of the Keras MNIST example.
    pub struct MnistCnn([28, 28, 1]) {
        conv1: conv2d(32, 3x3), relu,
        conv2: conv2d(64, 3x3), relu,
        pool: max_pool2d(2x2), dropout(0.25),
        fc1: dense(128), relu, dropout(0.5),
        fc2: dense(10), softmax,
    }
}

const IMAGE: usize = 28 * 28;
const BATCH: usize = 128;
const STEP: &str = "Keras network, training step";
const INFERENCE: &str = "Keras network, inference";

/// Multiply-adds of the first layer, and of all, forward over one image.
const FIRST_MACS: f64 = (26 * 26 * 9 * 32) as f64;
const MACS: f64 = FIRST_MACS + (24 * 24 * 288 * 64 + 9216 * 128 + 1280) as f64;

/// Forward and the gradients of weights and of all inputs but the first.
const STEP_FLOP: f64 = 2.0 * BATCH as f64 * (3.0 * MACS - FIRST_MACS);

/// The first digits of the repository's: zeros matter, so what is drawn must be real.
fn digits(count: usize) -> (Vec<f32>, Vec<u8>) {
    const IMAGES: &[u8] = include_bytes!("../../examples/data/train-images-idx3-ubyte.gz");
    const LABELS: &[u8] = include_bytes!("../../examples/data/train-labels-idx1-ubyte.gz");
    let unpack = |file| {
        let mut bytes = Vec::new();
        MultiGzDecoder::new(file).read_to_end(&mut bytes).map(|_| bytes).unwrap()
    };
    let (images, labels) = (unpack(IMAGES), unpack(LABELS));
    let digits = Labelled::parse(&images, &labels, 10).unwrap();
    let mut pixels = vec![0.0; count * IMAGE];
    unit_into(&digits.pixels()[..count * IMAGE], &mut pixels).unwrap();
    (pixels, digits.labels()[..count].to_vec())
}

/// Training steps of a model of its own; the parameters keep changing, as they do in training.
struct Steps<'a> {
    trainer: Trainer<'a, MnistCnn, Adadelta>,
    images: &'a [f32],
    labels: &'a [u8],
}

impl Steps<'_> {
    fn step(&mut self) {
        self.trainer.step(self.images, self.labels).unwrap();
    }

    fn with<R>(level: Level, batching: Batching, images: &[f32], labels: &[u8], f: impl FnOnce(Steps<'_>) -> R) -> R {
        let kept = Gradients::Kept;
        let mut model = Model::<MnistCnn>::zeroed_box();
        model.initialize(1);
        let mut memory = HeapMemory::zeroed(Trainer::<MnistCnn, Adadelta>::memory_len(batching, kept));
        let (optimizer, loss) = (Adadelta::new(1.0), SoftmaxCrossEntropy);
        let trainer = Trainer::new(level, &mut model, &mut memory, optimizer, loss, batching, kept, 1).unwrap();
        let mut steps = Steps { trainer, images, labels };
        // The first steps from random parameters are not like the others.
        (0..3).for_each(|_| steps.step());
        f(steps)
    }
}

/// Inference of a batch, to be called again and again.
fn inference(level: Level, images: &[f32]) -> impl FnMut() {
    let batch = images.len() / IMAGE;
    let batching = Batching::of(batch);
    let mut model = Model::<MnistCnn>::zeroed_box();
    model.initialize(1);
    let (mut memory, mut out) = (HeapMemory::zeroed(inference_len::<MnistCnn>(batching)), vec![0.0; batch * 10]);
    move || infer(level, batching, &model, images, &mut memory, &mut out).unwrap()
}

pub fn rows(summary: &mut Summary, best: Level) {
    if !summary.wants("Keras network", best) {
        return;
    }
    let (images, labels) = digits(BATCH);
    let batching = Batching::of(BATCH);
    for level in [best, strict(best)] {
        Steps::with(level, batching, &images, &labels, |mut steps| {
            summary.against_peak(STEP, level, BATCH, STEP_FLOP, || steps.step());
        });
        for batch in [1, BATCH] {
            let flop = 2.0 * MACS * batch as f64;
            summary.against_peak(INFERENCE, level, batch, flop, inference(level, &images[..batch * IMAGE]));
        }
    }
    Steps::with(best, batching, &images, &labels, |mut fused| {
        Steps::with(strict(best), batching, &images, &labels, |mut each| {
            let limit = summary.options.seconds;
            let samples = paired(limit, || seconds(|| each.step()), || seconds(|| fused.step()));
            summary.compared(STEP, strict(best), BATCH, STEP_FLOP, "fused", samples);
        });
    });
    threads(summary, best, &images, &labels);
    peer(summary, best, &images, &labels);
}

/// Two threads beside one, on the wall.
#[cfg(feature = "rayon")]
fn threads(summary: &mut Summary, level: Level, images: &[f32], labels: &[u8]) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let batching = Batching::of(BATCH);
    pool.install(|| {
        Steps::with(level, batching, images, labels, |mut one| {
            Steps::with(level, batching.threads(2), images, labels, |mut two| {
                let limit = summary.options.seconds;
                let samples = paired(limit, || wall_seconds(|| two.step()), || wall_seconds(|| one.step()));
                let name = "Keras network, training step, two threads";
                summary.compared(name, level, BATCH, STEP_FLOP, "one thread", samples);
            });
        });
    });
}

#[cfg(not(feature = "rayon"))]
fn threads(_: &mut Summary, _: Level, _: &[f32], _: &[u8]) {}

/// What the peer printed: milliseconds of a step, of inferring one image and a batch.
fn keras(command: &str) -> Option<[f64; 3]> {
    let output = Command::new("sh").args(["-c", command]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let figure = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    Some([figure("train_step_128_ms")?, figure("infer_1_ms")?, figure("infer_128_ms")?])
}

/// The network here and the command that times it in Keras, in turn.
fn peer(summary: &mut Summary, level: Level, images: &[f32], labels: &[u8]) {
    const CALLS: usize = 40;
    let Some(command) = summary.options.keras.clone() else { return };
    let mut ms = [const { Vec::new() }; 3];
    let mut ratio = [const { Vec::new() }; 3];
    for _ in 0..3 {
        let Some(theirs) = keras(&command) else { return eprintln!("{command}: printed no figures") };
        let time = |mut call: &mut dyn FnMut()| 1e3 * median((0..CALLS).map(|_| seconds(&mut call)).collect());
        let ours = [
            Steps::with(level, Batching::of(BATCH), images, labels, |mut steps| time(&mut || steps.step())),
            time(&mut inference(level, &images[..IMAGE])),
            time(&mut inference(level, images)),
        ];
        for i in 0..3 {
            ms[i].push(ours[i]);
            ratio[i].push(theirs[i] / ours[i]);
        }
    }
    for (i, (name, batch)) in [(STEP, BATCH), (INFERENCE, 1), (INFERENCE, BATCH)].into_iter().enumerate() {
        let ratio = Some(("TensorFlow".into(), median(ratio[i].clone())));
        let figures = Figures { ms: median(ms[i].clone()), gflops: None, percent_of_peak: None, ratio };
        summary.row(name, level, batch, figures);
    }
}
