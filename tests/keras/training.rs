//! Whole training steps against Keras' losses, gradients, parameters and logits.
//!
//! A file names its network in its metadata and its optimizer in its file name; it holds the
//! parameters at the start (`init/…`), the loss of each step, and what came of them. The network
//! is strung together here from the kernels, for any number of filters and units; the two networks
//! of the files that come with the crate are trained by a [`Training`] as well.

use std::{collections::BTreeMap, fs, io::Read, path::Path, thread};

use kernlet::{
    data::idx::Labelled,
    kernels::{
        conv2d::{self, Conv2d, Epilogue},
        dense::{self, Dense},
    },
    nn::{HeapMemory, Model, Network, Training},
    optim::{Adadelta, Adagrad, Adam, AdamW, Optimizer, RmsProp, Sgd, Step, fill_initial},
    random::Stream,
    simd::Level,
};

/// What is done with the logits and gradients of the first step.
type First<'a> = &'a mut dyn FnMut(&[f32], &[f32]);

/// Tensors by name, each with its shape.
pub type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Half the distance from 1 to the next float: the relative error of one rounding.
const U: f32 = f32::EPSILON / 2.0;

kernlet::network! {
    struct Small([28, 28, 1]) {
        conv1: conv2d(8, 3x3), relu, conv2: conv2d(16, 3x3), relu, max_pool2d(2x2), flatten,
        dense1: dense(32), relu, dense2: dense(10),
    }
}

kernlet::network! {
    struct Seed([28, 28, 1]) {
        conv1: conv2d(32, 3x3), relu, conv2: conv2d(64, 3x3), relu, max_pool2d(2x2), flatten,
        dense1: dense(128), relu, dense2: dense(10),
    }
}

/// `conv3x3(a) relu conv3x3(b) relu maxpool2 flatten dense(c) relu dense(d)` with any numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Net {
    conv: [Conv2d; 2],
    dense: [Dense; 2],
}

impl Net {
    fn parse(text: &str) -> Self {
        let mut shape = String::new();
        let mut numbers = Vec::new();
        for word in text.split_whitespace() {
            let (name, number) = match word.split_once('(') {
                Some((name, number)) => (name, number.trim_end_matches(')').parse::<usize>().ok()),
                None => (word, None),
            };
            shape.push_str(name);
            shape.push(' ');
            numbers.extend(number);
        }
        assert_eq!(
            shape, "conv3x3 relu conv3x3 relu maxpool2 flatten dense relu dense ",
            "this network is not known here: {text}"
        );
        let [a, b, c, d] = numbers[..] else { panic!("four sizes are expected: {text}") };
        let first = Conv2d::new(28, 28, 1, a, [3, 3]);
        let second = Conv2d::new(26, 26, a, b, [3, 3]);
        Self { conv: [first, second], dense: [Dense::new(12 * 12 * b, c), Dense::new(c, d)] }
    }

    /// Kernel and bias of each layer.
    fn lens(&self) -> [usize; 8] {
        let [c1, c2] = &self.conv;
        let [d1, d2] = &self.dense;
        [c1.w_len(), c1.b_len(), c2.w_len(), c2.b_len(), d1.w_len(), d1.b_len(), d2.w_len(), d2.b_len()]
    }

    /// The longest chain of additions in a step: a weight of the second convolution, or an input of the first dense layer.
    fn longest_chain(&self, batch: usize) -> usize {
        (batch * 24 * 24).max(self.dense[0].inputs)
    }
}

const NAMES: [&str; 8] = [
    "conv1/kernel",
    "conv1/bias",
    "conv2/kernel",
    "conv2/bias",
    "dense1/kernel",
    "dense1/bias",
    "dense2/kernel",
    "dense2/bias",
];

fn split<'a>(mut flat: &'a [f32], lens: &[usize; 8]) -> [&'a [f32]; 8] {
    lens.map(|len| {
        let (part, rest) = flat.split_at(len);
        flat = rest;
        part
    })
}

/// 2×2 maxima of 24×24 images, and where each came from.
fn max_pool(x: &[f32], channels: usize) -> (Vec<f32>, Vec<usize>) {
    let mut y = Vec::new();
    let mut from = Vec::new();
    for image in 0..x.len() / (576 * channels) {
        for (i, j, c) in (0..12).flat_map(|i| (0..12).flat_map(move |j| (0..channels).map(move |c| (i, j, c)))) {
            let at = |di: usize, dj: usize| ((image * 24 + 2 * i + di) * 24 + 2 * j + dj) * channels + c;
            let best =
                [at(0, 1), at(1, 0), at(1, 1)].into_iter().fold(at(0, 0), |b, p| if x[p] > x[b] { p } else { b });
            y.push(x[best]);
            from.push(best);
        }
    }
    (y, from)
}

fn relu_backward(y: &[f32], dy: &mut [f32]) {
    for (y, dy) in y.iter().zip(dy) {
        if *y <= 0.0 {
            *dy = 0.0;
        }
    }
}

/// Logits, and (given labels) the mean cross-entropy and all gradients.
fn pass(level: Level, net: &Net, p: &[f32], x: &[f32], labels: Option<&[u8]>) -> (Vec<f32>, f32, Vec<f32>) {
    let [w1, b1, w2, b2, w3, b3, w4, b4] = split(p, &net.lens());
    let n = x.len() / 784;
    let [c1, c2] = &net.conv;
    let [d1, d2] = &net.dense;
    let mut y1 = vec![0.0; n * c1.y_len()];
    conv2d::forward_into(level, c1, n, conv2d::Forward { x, w: w1, b: Some(b1), epilogue: Epilogue::Relu }, &mut y1)
        .unwrap();
    let mut y2 = vec![0.0; n * c2.y_len()];
    conv2d::forward_into(
        level,
        c2,
        n,
        conv2d::Forward { x: &y1, w: w2, b: Some(b2), epilogue: Epilogue::Relu },
        &mut y2,
    )
    .unwrap();
    let (pooled, from) = max_pool(&y2, c2.out_channels);
    let mut y3 = vec![0.0; n * d1.outputs];
    dense::forward_into(
        level,
        d1,
        n,
        dense::Forward { x: &pooled, w: w3, b: Some(b3), epilogue: Epilogue::Relu },
        &mut y3,
    )
    .unwrap();
    let mut logits = vec![0.0; n * d2.outputs];
    dense::forward_into(
        level,
        d2,
        n,
        dense::Forward { x: &y3, w: w4, b: Some(b4), epilogue: Epilogue::None },
        &mut logits,
    )
    .unwrap();
    let Some(labels) = labels else { return (logits, 0.0, Vec::new()) };

    let mut loss = 0.0;
    let mut dlogits = vec![0.0; logits.len()];
    for ((row, d), &label) in logits.chunks(d2.outputs).zip(dlogits.chunks_mut(d2.outputs)).zip(labels) {
        let row: Vec<f64> = row.iter().map(|&x| f64::from(x)).collect();
        let most = row.iter().copied().fold(f64::MIN, f64::max);
        let sum: f64 = row.iter().map(|x| (x - most).exp()).sum();
        loss += sum.ln() + most - row[usize::from(label)];
        for (i, (d, x)) in d.iter_mut().zip(&row).enumerate() {
            let hit = f64::from(u8::from(i == usize::from(label)));
            *d = (((x - most).exp() / sum - hit) / n as f64) as f32;
        }
    }
    let mut gradients = vec![0.0; p.len()];
    let mut rest = &mut gradients[..];
    let [g1, gb1, g2, gb2, g3, gb3, g4, gb4] = net.lens().map(|len| {
        let (part, tail) = std::mem::take(&mut rest).split_at_mut(len);
        rest = tail;
        part
    });
    dense::backward_weight_acc(level, d2, n, &y3, &dlogits, 0..d2.inputs, g4).unwrap();
    dense::backward_bias_acc(level, d2, n, &dlogits, gb4).unwrap();
    let mut dy3 = vec![0.0; y3.len()];
    let mut scratch = vec![f32::NAN; dense::backward_input_scratch_len(d2)];
    dense::backward_input_into(level, d2, n, w4, &dlogits, &mut dy3, &mut scratch).unwrap();
    relu_backward(&y3, &mut dy3);
    dense::backward_weight_acc(level, d1, n, &pooled, &dy3, 0..d1.inputs, g3).unwrap();
    dense::backward_bias_acc(level, d1, n, &dy3, gb3).unwrap();
    let mut dpooled = vec![0.0; pooled.len()];
    let mut scratch = vec![f32::NAN; dense::backward_input_scratch_len(d1)];
    dense::backward_input_into(level, d1, n, w3, &dy3, &mut dpooled, &mut scratch).unwrap();
    let mut dy2 = vec![0.0; y2.len()];
    for (&from, d) in from.iter().zip(dpooled) {
        dy2[from] += d;
    }
    relu_backward(&y2, &mut dy2);
    conv2d::backward_weight_acc(level, c2, n, &y1, &dy2, 0..c2.w_rows(), g2).unwrap();
    conv2d::backward_bias_acc(level, c2, n, &dy2, gb2).unwrap();
    let mut dy1 = vec![0.0; y1.len()];
    let mut scratch = vec![f32::NAN; conv2d::backward_input_scratch_len(c2)];
    conv2d::backward_input_into(level, c2, n, w2, &dy2, &mut dy1, &mut scratch).unwrap();
    relu_backward(&y1, &mut dy1);
    conv2d::backward_weight_acc(level, c1, n, x, &dy1, 0..c1.w_rows(), g1).unwrap();
    conv2d::backward_bias_acc(level, c1, n, &dy1, gb1).unwrap();
    (logits, (loss / n as f64) as f32, gradients)
}

fn unzip(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(fs::File::open(path).ok()?).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Images `first..first + count` of MNIST's training set, as numbers from 0 to 1, and their labels.
fn images(first: usize, count: usize) -> (Vec<f32>, Vec<u8>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let whole = std::env::var_os("KERNLET_MNIST").map_or(root.join("../shared/mnist"), Into::into);
    // The images may stand beside a folder of values, too.
    let values = std::env::var_os("KERNLET_GOLDENS").unwrap_or_default();
    let beside = std::env::split_paths(&values).map(|folder| (folder.join("../mnist"), "train"));
    let places = [(root.join("tests/data/keras"), "first-416"), (whole, "train")].into_iter().chain(beside);
    for (folder, name) in places {
        let read = |what: &str| unzip(&folder.join(format!("{name}-{what}-ubyte.gz")));
        let (Some(images), Some(labels)) = (read("images-idx3"), read("labels-idx1")) else { continue };
        let mnist = Labelled::parse(&images, &labels, 10).unwrap();
        if mnist.len() >= first + count {
            let pixels = &images[16 + 784 * first..16 + 784 * (first + count)];
            let labels = labels[8 + first..8 + first + count].to_vec();
            return (pixels.iter().map(|&p| f32::from(p) / 255.0).collect(), labels);
        }
    }
    panic!("images {first}..{} of MNIST's training set are needed: name a folder in KERNLET_MNIST", first + count)
}

/// Where two lists differ by more than `bound`.
fn compare(what: &str, found: &[f32], expected: &[f32], bound: f32, wrong: &mut Vec<String>) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let (mut most, mut at) = (0.0, 0);
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        let error = (f - e).abs();
        // The order in which NaN is past everything.
        if error.total_cmp(&most).is_gt() {
            (most, at) = (error, i);
        }
    }
    if most.total_cmp(&bound).is_gt() {
        wrong.push(format!(
            "{what}[{at}]: found {}, Keras {}: error {most:.2e}, bound {bound:.2e}",
            found[at], expected[at]
        ));
    }
}

fn largest(x: &[f32]) -> f32 {
    x.iter().fold(0.0, |most, x| most.max(x.abs()))
}

/// Runs one file; says what is wrong.
pub fn run(file: &str, tensors: &Tensors, metadata: &BTreeMap<String, String>) -> Vec<String> {
    let optimizer = file.trim_end_matches(".safetensors").rsplit('_').next().unwrap_or_default();
    match optimizer {
        // Learning rates as in the files that come with the crate.
        "sgd" => with(tensors, metadata, Sgd::new(0.1)),
        "adam" => with(tensors, metadata, Adam::new(0.001)),
        "adamw" => with(tensors, metadata, AdamW::new(0.001)),
        "rmsprop" => with(tensors, metadata, RmsProp::new(0.001)),
        "adagrad" => with(tensors, metadata, Adagrad::new(0.001)),
        // The learning rate of the paper, as in the program that all this began with.
        "adadelta" => with(tensors, metadata, Adadelta::new(1.0)),
        other => vec![format!("the optimizer `{other}` is not known here")],
    }
}

/// The losses, the parameters at the end, and the logits of the images that `ends` holds.
struct Outcome {
    losses: Vec<f32>,
    model: Vec<f32>,
    ends: Vec<Vec<f32>>,
}

fn with<O: Optimizer>(tensors: &Tensors, metadata: &BTreeMap<String, String>, optimizer: O) -> Vec<String> {
    let number = |key: &str| metadata[key].parse::<usize>().unwrap();
    let (batch, steps, first) = (number("batch"), number("steps"), number("first_image"));
    let net = Net::parse(&metadata["net"]);
    let (x, labels) = images(first, (batch * steps).max(256));
    // The images that `logits_end` belongs to: the first 256 of the file's own, or of the whole set.
    let ends = [x[..784 * 256].to_vec(), images(0, 256).0];
    let start: Vec<f32> = NAMES.iter().flat_map(|name| tensors[&format!("init/{name}")].1.clone()).collect();
    let logits = |level, model: &[f32]| ends.iter().map(|x| pass(level, &net, model, x, None).0).collect();
    let run = |level: Level, start: &[f32], mut first: Option<First>| {
        let mut model = start.to_vec();
        let mut states = vec![0.0; O::STATES * model.len()];
        let mut states: Vec<&mut [f32]> = states.chunks_mut(model.len()).collect();
        fill_initial(&optimizer, &mut states);
        let mut losses = Vec::new();
        for step in 0..steps {
            let images = batch * step..batch * (step + 1);
            let x = &x[784 * images.start..784 * images.end];
            let (logits, loss, gradients) = pass(level, &net, &model, x, Some(&labels[images]));
            losses.push(loss);
            if let Some(first) = first.take() {
                first(&logits, &gradients);
            }
            optimizer.update(level, Step::new(step as u32 + 1), &mut model, &gradients, &mut states).unwrap();
        }
        Outcome { losses, ends: logits(level, &model), model }
    };

    // How far rounding may carry two right answers apart: as far as parameters that are off by the
    // rounding of one step, each up or down.
    let bound = walk(net.longest_chain(batch));
    let stream = Stream::new(1, 1);
    let off: Vec<f32> = start
        .iter()
        .enumerate()
        .map(|(i, w)| w * if stream.u32_at(i as u64) & 1 == 0 { 1.0 + bound } else { 1.0 - bound })
        .collect();
    let (right, off) = (run(Level::detect(), &start, None), run(Level::detect(), &off, None));

    let at_level = |level: Level| {
        let mut wrong = Vec::new();
        let mut check_first = |logits: &[f32], gradients: &[f32]| {
            check_first(tensors, &net, batch, logits, gradients, level, &mut wrong);
        };
        let outcome = run(level, &start, Some(&mut check_first));
        let check = Check { tensors, net: &net, bound, right: &right, off: &off };
        check.end(&outcome, &format!("{level}: "), &mut wrong);

        let batches = Batches { batch, steps, x: &x, labels: &labels, start: &start };
        let trained = if net == Net::parse("conv3x3(8) relu conv3x3(16) relu maxpool2 flatten dense(32) relu dense(10)")
        {
            batches.train::<Small, O>(level, optimizer)
        } else if net == Net::parse("conv3x3(32) relu conv3x3(64) relu maxpool2 flatten dense(128) relu dense(10)") {
            batches.train::<Seed, O>(level, optimizer)
        } else {
            return wrong;
        };
        let outcome = Outcome { losses: trained.0, ends: logits(level, &trained.1), model: trained.1 };
        check.end(&outcome, &format!("{level}, Trainer: "), &mut wrong);
        wrong
    };
    let at_level = &at_level;
    thread::scope(|scope| {
        let levels: Vec<_> = Level::all().map(|level| scope.spawn(move || at_level(level))).collect();
        levels.into_iter().flat_map(|level| level.join().unwrap()).collect()
    })
}

struct Batches<'a> {
    batch: usize,
    steps: usize,
    x: &'a [f32],
    labels: &'a [u8],
    start: &'a [f32],
}

impl Batches<'_> {
    fn train<N: Network, O: Optimizer>(&self, level: Level, optimizer: O) -> (Vec<f32>, Vec<f32>) {
        let training: Training<N, O> = Training::new(optimizer).batch(self.batch).level(level);
        let mut model = Model::<N>::zeroed_box();
        model.parameters_mut().copy_from_slice(self.start);
        let mut memory = HeapMemory::zeroed(training.memory_len());
        let mut trainer = training.start(&mut model, &mut memory).unwrap();
        let losses = (0..self.steps).map(|step| {
            let x = &self.x[784 * self.batch * step..784 * self.batch * (step + 1)];
            trainer.step(x, &self.labels[self.batch * step..self.batch * (step + 1)]).unwrap().loss
        });
        (losses.collect(), model.parameters().to_vec())
    }
}

/// Errors of a chain of `n` roundings accumulate as a random walk of about √n steps, worst as n:
/// the bound takes 8 standard deviations, which neither Keras' order of summation nor ours exceeds
/// by chance.
fn walk(n: usize) -> f32 {
    8.0 * (n as f32).sqrt() * U
}

fn check_first(
    tensors: &Tensors,
    net: &Net,
    batch: usize,
    logits: &[f32],
    gradients: &[f32],
    level: Level,
    wrong: &mut Vec<String>,
) {
    let at = format!("{level}: ");
    let bound = walk(net.longest_chain(batch));
    if let Some((_, expected)) = tensors.get("logits0") {
        compare(&format!("{at}logits0"), logits, expected, bound * largest(expected).max(1.0), wrong);
    }
    for (name, found) in NAMES.iter().zip(split(gradients, &net.lens())) {
        if let Some((_, expected)) = tensors.get(&format!("grad0/{name}")) {
            compare(&format!("{at}grad0/{name}"), found, expected, bound * largest(expected), wrong);
        }
    }
}

struct Check<'a> {
    tensors: &'a Tensors,
    net: &'a Net,
    bound: f32,
    right: &'a Outcome,
    off: &'a Outcome,
}

impl Check<'_> {
    /// Four times what parameters that are off by one step's rounding change, and the rounding itself.
    fn compare(&self, what: &str, found: &[f32], expected: &[f32], off: (&[f32], &[f32]), wrong: &mut Vec<String>) {
        let apart = off.0.iter().zip(off.1).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
        compare(what, found, expected, 4.0 * apart + self.bound * largest(expected), wrong);
    }

    fn end(&self, run: &Outcome, at: &str, wrong: &mut Vec<String>) {
        let losses = &self.tensors["losses"].1;
        assert_eq!(losses.len(), run.losses.len());
        for step in 0..losses.len() {
            let one = step..step + 1;
            // A single number may be close by chance: as far apart as in any step so far.
            let off = (&self.right.losses[..=step], &self.off.losses[..=step]);
            let what = format!("{at}loss of step {step}");
            self.compare(&what, &run.losses[one.clone()], &losses[one], off, wrong);
        }
        let lens = self.net.lens();
        for (i, name) in NAMES.iter().enumerate() {
            let Some((_, expected)) = self.tensors.get(&format!("end/{name}")) else { continue };
            let off = (split(&self.right.model, &lens)[i], split(&self.off.model, &lens)[i]);
            self.compare(&format!("{at}end/{name}"), split(&run.model, &lens)[i], expected, off, wrong);
        }
        if let Some((_, expected)) = self.tensors.get("logits_end") {
            let mut of_each: Vec<Vec<String>> = Vec::new();
            for (i, end) in run.ends.iter().enumerate() {
                let mut wrong = Vec::new();
                let off = (&self.right.ends[i][..], &self.off.ends[i][..]);
                self.compare(&format!("{at}logits_end"), end, expected, off, &mut wrong);
                of_each.push(wrong);
            }
            if of_each.iter().all(|wrong| !wrong.is_empty()) {
                wrong.append(&mut of_each[0]);
            }
        }
    }
}
