//! The Keras MNIST network and ResNet-8: training steps, and inference.

use std::{
    collections::HashMap,
    io::Read,
    process::{Command, Stdio},
};

use flate2::read::MultiGzDecoder;
use kernlet::{
    data::{idx::Labelled, normalise::unit_into},
    kernels::conv2d::{self, Conv2d, Epilogue},
    nn::{Batching, HeapMemory, Model, Network, OwnedTrainer, Training, infer, inference_len},
    optim::{Adadelta, Adam},
    random::Stream,
    shape::Padding,
    simd::Level,
};

#[path = "../../examples/mnist/network.rs"]
#[allow(dead_code, reason = "of the example's networks two are compared")]
mod mnist;
#[path = "../../examples/cifar10/network.rs"]
mod resnet;

#[cfg(feature = "rayon")]
use crate::table::wall_seconds;
use crate::table::{Figures, Summary, median, paired, seconds, strict};
use mnist::{MnistCnn, MnistWinogradCnn};
#[cfg(feature = "rayon")]
use std::sync::atomic::{AtomicBool, Ordering};

const IMAGE: usize = 28 * 28;
const BATCH: usize = 128;
const STEP: &str = "Keras network, training step";
const INFERENCE: &str = "Keras network, inference";

/// The first digits of the repository's.
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

/// One batch, and a model that has learnt others: how much is zero matters, so both must be real.
struct Digits {
    images: Vec<f32>,
    labels: Vec<u8>,
    model: Box<Model<MnistCnn>>,
}

impl Digits {
    fn new(level: Level) -> Self {
        let (mut images, mut labels) = digits(61 * BATCH);
        let (rest, others) = (images.split_off(BATCH * IMAGE), labels.split_off(BATCH));
        Self { images, labels, model: trained(level, &rest, &others) }
    }
}

const fn training<N: Network>() -> Training<N, Adadelta> {
    Training::new(Adadelta::new(1.0)).seed(1)
}

/// Training steps of a model of its own; the parameters keep changing, as they do in training.
struct Steps<'a, N: Network = MnistCnn> {
    trainer: OwnedTrainer<N, Adadelta>,
    images: &'a [f32],
    labels: &'a [u8],
}

impl<N: Network<Parameters: Send + Sync>> Steps<'_, N> {
    fn step(&mut self) {
        self.trainer.step(self.images, self.labels).unwrap();
    }

    fn with<R>(level: Level, batching: Batching, digits: &Digits, f: impl FnOnce(Steps<'_, N>) -> R) -> R {
        let mut trainer = training::<N>().batching(batching).level(level).build().unwrap();
        trainer.model_mut().parameters_mut().copy_from_slice(digits.model.parameters());
        let mut steps = Steps { trainer, images: &digits.images, labels: &digits.labels };
        steps.step();
        f(steps)
    }
}

/// A model that has learnt something: how many activations are zero matters.
fn trained(level: Level, images: &[f32], labels: &[u8]) -> Box<Model<MnistCnn>> {
    let mut trainer = training::<MnistCnn>().batch(BATCH).level(level).build().unwrap();
    for (images, labels) in images.chunks(BATCH * IMAGE).zip(labels.chunks(BATCH)) {
        trainer.step(images, labels).unwrap();
    }
    trainer.into_parts().0
}

/// Inference of a batch, to be called again and again.
fn inference<N: Network>(level: Level, parameters: &[f32], images: &[f32]) -> impl FnMut() {
    let batch = images.len() / IMAGE;
    let batching = Batching::of(batch);
    let mut model = Model::<N>::zeroed_box();
    model.parameters_mut().copy_from_slice(parameters);
    let (mut memory, mut out) = (HeapMemory::zeroed(inference_len::<N>(batching)), vec![0.0; batch * 10]);
    move || infer(level, batching, &model, images, &mut memory, &mut out).unwrap()
}

pub fn rows(summary: &mut Summary, best: Level) {
    if !summary.wants("Keras network", best) {
        return;
    }
    let digits = Digits::new(best);
    let batching = Batching::of(BATCH);
    for level in [best, strict(best)] {
        // What is passed over is not computed, so a share of the peak would say nothing.
        let mut row = |name, batch: usize, call: &mut dyn FnMut()| {
            let samples = paired(summary.options.seconds, || seconds(&mut *call), || 0.0);
            summary.timed(name, level, batch, samples);
        };
        Steps::<MnistCnn>::with(level, batching, &digits, |mut steps| row(STEP, BATCH, &mut || steps.step()));
        for batch in [1, BATCH] {
            let images = &digits.images[..batch * IMAGE];
            row(INFERENCE, batch, &mut inference::<MnistCnn>(level, digits.model.parameters(), images));
        }
    }
    Steps::<MnistCnn>::with(best, batching, &digits, |mut fused| {
        Steps::<MnistCnn>::with(strict(best), batching, &digits, |mut each| {
            let limit = summary.options.seconds;
            let samples = paired(limit, || seconds(|| each.step()), || seconds(|| fused.step()));
            summary.compared(STEP, strict(best), BATCH, 0.0, "fused", samples);
        });
    });
    for piece in [2, 4, 16, 32] {
        Steps::<MnistCnn>::with(best, batching, &digits, |mut eight| {
            Steps::<MnistCnn>::with(best, batching.pieces_of(piece), &digits, |mut other| {
                let limit = summary.options.seconds;
                let samples = paired(limit, || seconds(|| other.step()), || seconds(|| eight.step()));
                let name = format!("{STEP}, {piece} images at a time");
                summary.compared(&name, best, BATCH, 0.0, "8 images at a time", samples);
            });
        });
    }
    threads(summary, best, &digits);
    peers(summary, best, &digits);
}

/// Two threads beside one, on the wall: alone, beside a thread of somebody else that never rests, and in eight trainers
/// on a pool of four.
#[cfg(feature = "rayon")]
fn threads(summary: &mut Summary, level: Level, digits: &Digits) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let batching = Batching::of(BATCH);
    let limit = summary.options.seconds;
    let mut compared = |name: &str| {
        pool.install(|| {
            Steps::<MnistCnn>::with(level, batching, digits, |mut one| {
                Steps::<MnistCnn>::with(level, batching.threads(2), digits, |mut two| {
                    let samples = paired(limit, || wall_seconds(|| two.step()), || wall_seconds(|| one.step()));
                    summary.compared(name, level, BATCH, 0.0, "one thread", samples);
                });
            });
        });
    };
    compared("Keras network, training step, two threads");
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        compared("Keras network, training step, two threads, one core busy");
        ended.store(true, Ordering::Relaxed);
    });

    let four = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    let eight = |threads: usize| {
        let train = || Steps::<MnistCnn>::with(level, batching.threads(threads), digits, |mut steps| steps.step());
        four.install(|| rayon::scope(|scope| (0..8).for_each(|_| scope.spawn(move |_| train()))));
    };
    let samples = paired(limit, || wall_seconds(|| eight(2)), || wall_seconds(|| eight(1)));
    let name = "Keras network, eight trainers of two threads on a pool of four";
    summary.compared(name, level, BATCH, 0.0, "of one thread", samples);
}

#[cfg(not(feature = "rayon"))]
fn threads(_: &mut Summary, _: Level, _: &Digits) {}

/// What peers printed: lines of a peer, a name and milliseconds, by name.
fn printed(command: &str) -> Option<HashMap<String, Vec<(String, f64)>>> {
    let output = Command::new("sh").args(["-c", command]).stderr(Stdio::inherit()).output().ok()?;
    let mut all: HashMap<String, Vec<_>> = HashMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        // A peer's name may have a blank.
        let mut words = line.rsplitn(3, ' ');
        let ms = words.next().and_then(|ms| ms.parse().ok());
        if let (Some(ms), Some(name), Some(peer)) = (ms, words.next(), words.next()) {
            all.entry(name.into()).or_default().push((peer.into(), ms));
        }
    }
    (!all.is_empty()).then_some(all)
}

/// What is timed.
type Call<'a> = Box<dyn FnMut() + 'a>;

/// What is timed elsewhere too: the peers' name for it, the row's, its batch, a call.
type Rival<'a> = (String, String, usize, Call<'a>);

/// Depthwise convolutions of 64 channels, as benches/peers.py has them.
fn depthwise(level: Level, height: usize, width: usize) -> Vec<Rival<'static>> {
    const BATCH: usize = 32;
    let conv = Conv2d::new(height, width, 64, 64, [3, 3]).with_groups(64).with_padding(Padding::Same);
    let noise = |seed, len| {
        let (stream, mut noise) = (Stream::new(seed, 0), HeapMemory::zeroed(len));
        noise.iter_mut().enumerate().for_each(|(i, x)| *x = stream.f32_at(i as u64) - 0.5);
        noise
    };
    let (x, w) = (noise(1, BATCH * conv.x_len()), noise(2, conv.w_len()));
    let (mut y, mut dx, mut dw) = (x.clone(), x.clone(), w.clone());
    let mut scratch = HeapMemory::zeroed(conv2d::backward_input_scratch_len(&conv));
    let (pixels, weights, dy) = (x.clone(), w.clone(), x.clone());
    let gradient = dy.clone();
    let calls: [(&str, &str, Call<'static>); 3] = [
        (
            "forward",
            "forward",
            Box::new(move || {
                conv2d::forward_into(
                    level,
                    &conv,
                    BATCH,
                    conv2d::Forward { x: &x, w: &w, b: None, epilogue: Epilogue::None },
                    &mut y,
                )
                .unwrap();
            }),
        ),
        (
            "input_gradient",
            "input gradient",
            Box::new(move || {
                conv2d::backward_input_into(level, &conv, BATCH, &weights, &dy, &mut dx, &mut scratch).unwrap();
            }),
        ),
        (
            "weight_gradient",
            "weight gradient",
            Box::new(move || {
                dw.fill(0.0);
                conv2d::backward_weight_acc(level, &conv, BATCH, &pixels, &gradient, 0..conv.w_rows(), &mut dw)
                    .unwrap();
            }),
        ),
    ];
    let names = |(theirs, ours, call): (&str, &str, _)| {
        let row = format!("depthwise 3×3 64, {height}×{width}, same {ours}");
        (format!("depthwise_{height}x{width}_{theirs}_ms"), row, BATCH, call)
    };
    calls.into_iter().map(names).collect()
}

/// A row: its name, its batch, and in every round the milliseconds here and those of each peer.
struct Row {
    name: String,
    batch: usize,
    ms: Vec<f64>,
    peers: Vec<(String, Vec<f64>)>,
}

/// What is here and the command that times it elsewhere, in turn.
fn peers(summary: &mut Summary, level: Level, digits: &Digits) {
    const ROUNDS: usize = 3;
    const CALLS: usize = 40;
    let Some(command) = summary.options.peers.clone() else { return };
    let mut rows: Vec<Row> = Vec::new();
    for round in 0..ROUNDS {
        let Some(theirs) = printed(&command) else { return eprintln!("{command}: printed no line of a peer") };
        let mut time = |rivals: Vec<Rival<'_>>, first: usize| {
            for (i, (key, name, batch, mut call)) in rivals.into_iter().enumerate() {
                if round == 0 {
                    rows.push(Row { name, batch, ms: Vec::new(), peers: Vec::new() });
                }
                let row = &mut rows[first + i];
                let ours = 1e3 * median((0..CALLS).map(|_| seconds(&mut *call)).collect());
                row.ms.push(ours);
                for (peer, ms) in theirs.get(&key).into_iter().flatten() {
                    match row.peers.iter_mut().find(|(known, _)| known == peer) {
                        Some((_, ratios)) => ratios.push(ms / ours),
                        None => row.peers.push((peer.clone(), vec![ms / ours])),
                    }
                }
            }
        };
        // From the same parameters in every round: the longer a batch is learnt, the more is zero.
        let batching = Batching::of(BATCH);
        Steps::<MnistCnn>::with(level, batching, digits, |mut steps| time(rivals(level, "", digits, &mut steps), 0));
        Steps::<MnistWinogradCnn>::with(level, batching, digits, |mut steps| {
            time(rivals(level, ", Winograd", digits, &mut steps), 3);
        });
        let mut others = vec![resnet(level)];
        others.extend(depthwise(level, 25, 5));
        others.extend(depthwise(level, 48, 48));
        time(others, 6);
    }
    for Row { name, batch, ms, peers } in rows {
        let ms = median(ms);
        for (peer, ratios) in peers {
            let ratio = Some((peer, median(ratios)));
            summary.row(&name, level, batch, Figures { ms, gflops: None, percent_of_peak: None, ratio });
        }
    }
}

/// What a network is timed with elsewhere too.
fn rivals<'a, N: Network<Parameters: Send + Sync>>(
    level: Level,
    how: &str,
    digits: &'a Digits,
    steps: &'a mut Steps<'_, N>,
) -> Vec<Rival<'a>> {
    let mut all: Vec<Rival<'a>> =
        vec![("train_step_128_ms".into(), format!("{STEP}{how}"), BATCH, Box::new(|| steps.step()))];
    for batch in [1, BATCH] {
        let call = inference::<N>(level, digits.model.parameters(), &digits.images[..batch * IMAGE]);
        all.push((format!("infer_{batch}_ms"), format!("{INFERENCE}{how}"), batch, Box::new(call)));
    }
    all
}

/// A training step of ResNet-8 with Adam, on pictures that are noise.
fn resnet(level: Level) -> Rival<'static> {
    let training: Training<resnet::ResNet8, Adam> = Training::new(Adam::new(0.001)).batch(BATCH).seed(1);
    let mut trainer = training.level(level).build().unwrap();
    let stream = Stream::new(3, 0);
    let pictures: Vec<f32> = (0..BATCH * 32 * 32 * 3).map(|i| stream.f32_at(i as u64)).collect();
    let labels: Vec<u8> = (0..BATCH).map(|i| stream.below_at(i as u64, 10) as u8).collect();
    let call = move || {
        trainer.step(&pictures, &labels).unwrap();
    };
    ("resnet_step_128_ms".into(), "ResNet-8, training step".into(), BATCH, Box::new(call))
}
