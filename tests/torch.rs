//! PyTorch's own values, which `tests/data/torch/goldens.py` and `networks.py` write.
//!
//! Inputs are floats of 32 bits; PyTorch computed in 64. What is copied, compared or a sum of small integers must be
//! equal. Elsewhere a naive twin must agree with PyTorch to twelve digits, since the kernels' distance from their twins
//! is tested where they are, and a kernel to the few roundings that its formula has.
#![cfg(all(feature = "std", feature = "safetensors"))]

use std::{collections::BTreeMap, fs};

use kernlet::{
    kernels::{
        Epilogue,
        activation::*,
        conv2d::{self, Conv2d},
        conv2d_transpose::{self, Conv2dTranspose},
        dense::{self, Dense},
        layout::{Permutation, permute_into},
        loss::*,
        pad2d::{self, Fill, Pad2d},
        pool2d::{self, Pool2d},
        prelu,
        reference::activation::Activation,
    },
    nn::{
        self, Batching, CrossEntropy, Elementwise, Kernels, LabelledLoss, Loss, MeanSquaredError, Model,
        NegativeLogLikelihood, Network, OutputLoss, Training, WeightedLabel, infer, inference_len, weighted,
    },
    optim::{
        Optimizer, Step, fill_initial,
        pytorch::{Adadelta, Adagrad, Adam, RmsProp, Sgd},
        split_states,
    },
    shape::{Dims, Padding, Shape},
    simd::Level,
    snapshot::{
        Described, ModelInfo,
        safetensors::{Reader, to_bytes, to_pytorch_bytes},
    },
};
use safetensors::SafeTensors;

/// The unit roundoff of `f32`.
const U: f64 = f32::EPSILON as f64 / 2.0;

struct Goldens(BTreeMap<String, (Vec<usize>, Vec<f64>)>);

impl Goldens {
    fn read() -> Self {
        Self::of(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/torch/goldens.safetensors"))
    }

    fn of(path: &str) -> Self {
        let bytes = fs::read(path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tensor = |(name, view): (String, safetensors::tensor::TensorView<'_>)| {
            let integers = view.dtype() == safetensors::Dtype::I64;
            let number = |bytes: &[u8]| {
                let bytes = bytes.try_into().unwrap();
                if integers { i64::from_le_bytes(bytes) as f64 } else { f64::from_le_bytes(bytes) }
            };
            (name, (view.shape().to_vec(), view.data().chunks(8).map(number).collect()))
        };
        Self(file.tensors().into_iter().map(tensor).collect())
    }

    fn wide(&self, case: &str, name: &str) -> &[f64] {
        &self.0.get(&format!("{case}/{name}")).unwrap_or_else(|| panic!("{case}/{name} is missing")).1
    }

    fn of_network(&self, case: &str, name: &str) -> &[f64] {
        &self.0.get(&format!("{case}.{name}")).unwrap_or_else(|| panic!("{case}.{name} is missing")).1
    }

    fn narrow(&self, case: &str, name: &str) -> Vec<f32> {
        self.wide(case, name).iter().map(|&x| x as f32).collect()
    }

    fn sizes(&self, case: &str, name: &str) -> [usize; 4] {
        self.0[&format!("{case}/{name}")].0[..].try_into().unwrap()
    }
}

#[track_caller]
fn near(what: &str, found: &[f32], expected: &[f64], bound: impl Fn(usize) -> f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let off = (f64::from(found) - expected).abs();
        assert!(off <= bound(i), "{what}[{i}]: {found} for {expected}, off by {off:e}, bound {:e}", bound(i));
    }
}

#[test]
fn activations() {
    let goldens = Goldens::read();
    let all = [
        ("clip", Activation::Clip(-1.5, 0.75)),
        ("hard_sigmoid", Activation::HardSigmoid),
        ("hard_swish", Activation::HardSwish),
        ("elu", Activation::Elu(f64::from(0.7_f32))),
        ("selu", Activation::Selu),
        ("celu", Activation::Celu(f64::from(1.3_f32))),
        ("softplus", Activation::Softplus),
        ("mish", Activation::Mish),
        ("gelu_tanh", Activation::GeluTanh),
    ];
    for (name, twin) in all {
        let [x, y, dy, dx] = ["x", "y", "dy", "dx"].map(|tensor| goldens.wide(name, tensor));
        for i in 0..x.len() {
            // PyTorch's softplus is a line above 20, and its sixth is a float of 32 bits.
            let digits = if ["softplus", "hard_sigmoid", "hard_swish"].contains(&name) { 1e-8 } else { 1e-12 };
            assert!((twin.value(x[i]) - y[i]).abs() <= digits, "{name}({}): {} for {}", x[i], twin.value(x[i]), y[i]);
            let slope = dy[i] * twin.slope(x[i]);
            assert!((slope - dx[i]).abs() <= digits, "{name}'({}): {slope} for {}", x[i], dx[i]);
        }
    }
    let [x, slopes, dy] = ["x", "slopes", "dy"].map(|tensor| goldens.narrow("prelu", tensor));
    for level in Level::all() {
        let (mut y, mut dx, mut dslopes) = (vec![f32::NAN; 15], vec![f32::NAN; 15], vec![0.0; 3]);
        prelu::forward_into(level, 3, &x, &slopes, &mut y).unwrap();
        let operands = prelu::Backward { x: &x, slopes: &slopes, dy: &dy };
        prelu::backward_into(level, 3, operands, Some(&mut dx), &mut dslopes).unwrap();
        near("prelu y", &y, goldens.wide("prelu", "y"), |_| U);
        near("prelu dx", &dx, goldens.wide("prelu", "dx"), |_| U);
        near("prelu dslopes", &dslopes, goldens.wide("prelu", "dslopes"), |_| 5.0 * 6.0 * U);
    }
    // The kernel itself where the twin is exact.
    let (x, mut y) = (goldens.narrow("clip", "x"), vec![f32::NAN; 60]);
    clip_into(Level::detect(), -1.5, 0.75, &x, &mut y).unwrap();
    assert_eq!(y, goldens.narrow("clip", "y"));
}

/// After each of six steps. A change has at most some twenty roundings, of which the averages carry on those of earlier
/// steps; a parameter, at most 2, is rounded once a step.
fn steps<O: Optimizer>(goldens: &Goldens, name: &str, optimizer: O) {
    let case = format!("optim_{name}");
    let (p0, grads, p) = (goldens.narrow(&case, "p0"), goldens.narrow(&case, "grads"), goldens.wide(&case, "p"));
    let len = p0.len();
    for level in Level::all() {
        let (mut w, mut memory) = (p0.clone(), vec![f32::NAN; 3 * len]);
        let mut states = split_states(&mut memory, len, 0, len);
        fill_initial(&optimizer, &mut states);
        let mut moved = vec![0.0; len];
        for (step, g) in grads.chunks(len).enumerate() {
            optimizer.update(level, Step::new(step as u32 + 1), &mut w, g, &mut states).unwrap();
            let before = |i: usize| if step == 0 { f64::from(p0[i]) } else { p[(step - 1) * len + i] };
            for (i, moved) in moved.iter_mut().enumerate() {
                *moved += 0.02 + (p[step * len + i] - before(i)).abs();
            }
            let bound = |i: usize| U * (2.0 * (step + 1) as f64 + 20.0 * (step + 1) as f64 * moved[i]);
            near(&format!("{name}, {level}, step {step}"), &w, &p[step * len..][..len], bound);
        }
    }
}

#[test]
fn optimizers() {
    let goldens = Goldens::read();
    let momentum = Sgd::new(0.125).with_momentum(0.875);
    steps(&goldens, "sgd", Sgd::new(0.125).with_weight_decay(0.25));
    steps(&goldens, "momentum", momentum.with_dampening(0.25).with_weight_decay(0.25));
    steps(&goldens, "nesterov", momentum.with_nesterov());
    steps(&goldens, "adam", Adam::new(0.125).with_weight_decay(0.25));
    steps(&goldens, "adam_epsilon", Adam::new(0.125).with_betas(0.8, 0.95).with_epsilon(0.5));
    steps(&goldens, "amsgrad", Adam::new(0.125).with_betas(0.5, 0.5).with_amsgrad());
    steps(&goldens, "adamw", Adam::adamw(0.125));
    let rmsprop = RmsProp::new(0.125).with_epsilon(0.125);
    steps(&goldens, "rmsprop", RmsProp::new(0.125).with_weight_decay(0.25));
    steps(&goldens, "rmsprop_momentum", rmsprop.with_rho(0.9).with_momentum(0.5));
    steps(&goldens, "rmsprop_centred", rmsprop.with_centred());
    steps(&goldens, "rmsprop_both", rmsprop.with_centred().with_momentum(0.5));
    steps(&goldens, "adagrad", Adagrad::new(0.125).with_lr_decay(0.5).with_weight_decay(0.25));
    steps(&goldens, "adagrad_initial", Adagrad::new(0.125).with_initial(0.25));
    steps(&goldens, "adadelta", Adadelta::new(1.0).with_weight_decay(0.25));
}

#[test]
fn losses_of_labels() {
    let goldens = Goldens::read();
    let (rows, classes) = (7, 5);
    for (name, weights, ignored, smoothing) in [
        ("cross_entropy", false, false, 0.0),
        ("cross_entropy_weights", true, false, 0.0),
        ("cross_entropy_ignored", true, true, 0.0),
        ("cross_entropy_smoothed", false, false, 0.25),
        ("cross_entropy_all", true, true, 0.25),
        ("nll", true, true, 0.0),
    ] {
        for (reduced, reduction) in
            [("mean", Reduction::WeightedMean), ("sum", Reduction::Sum), ("none", Reduction::Sum)]
        {
            let case = format!("{name}_{reduced}");
            let (x, class_weights) = (goldens.narrow(&case, "x"), goldens.narrow(&case, "weights"));
            let labels: Vec<u8> = goldens.wide(&case, "labels").iter().map(|&label| label as u8).collect();
            let operands = Labelled {
                reduction,
                class_weights: weights.then_some(&class_weights[..]),
                ignored: ignored.then_some(2),
                smoothing,
                ..Labelled::new(&x, &labels)
            };
            let loss = if name == "nll" { negative_log_likelihood } else { softmax_cross_entropy_with };
            for level in Level::all() {
                let (mut dx, mut values) = (vec![f32::NAN; x.len()], vec![f32::NAN; rows]);
                let outputs = Outputs { gradient: Some(&mut dx), values: Some(&mut values) };
                let value = loss(level, classes, operands, outputs).unwrap();
                // Logits within ±3: a row's loss is at most 2.5 (6 + ln 5) and has at most some thirty roundings.
                let bound = 30.0 * 20.0 * U;
                let what = format!("{case}, {level}");
                match reduced {
                    "none" => near(&what, &values, goldens.wide(&case, "value"), |_| bound),
                    _ => near(&what, &[value], goldens.wide(&case, "value"), |_| rows as f64 * bound),
                }
                near(&what, &dx, goldens.wide(&case, "dx"), |_| 30.0 * 2.5 * U);
            }
        }
    }
}

#[test]
fn losses_of_elements() {
    let goldens = Goldens::read();
    fn check(goldens: &Goldens, name: &str, loss: impl ElementLoss) {
        for (reduced, reduction) in [("mean", Reduction::Mean), ("sum", Reduction::Sum), ("none", Reduction::Sum)] {
            let case = format!("{name}_{reduced}");
            let (y, t) = (goldens.narrow(&case, "y"), goldens.narrow(&case, "t"));
            let operands = Compared { reduction, ..Compared::new(&y, &t) };
            for level in Level::all() {
                let (mut dy, mut values) = (vec![f32::NAN; y.len()], vec![f32::NAN; y.len()]);
                let outputs = Outputs { gradient: Some(&mut dy), values: Some(&mut values) };
                let value = element_loss(level, loss, operands, outputs).unwrap();
                // An element's loss is at most 16, with some twenty roundings; a gradient at most 25.
                let (what, bound) = (format!("{case}, {level}"), 20.0 * 16.0 * U);
                match reduced {
                    "none" => near(&what, &values, goldens.wide(&case, "value"), |_| bound),
                    _ => near(&what, &[value], goldens.wide(&case, "value"), |_| y.len() as f64 * bound),
                }
                near(&what, &dy, goldens.wide(&case, "dy"), |_| 20.0 * 25.0 * U);
            }
        }
    }
    check(&goldens, "squared", SquaredError);
    check(&goldens, "absolute", AbsoluteError);
    check(&goldens, "huber", Huber { delta: 1.5 });
    check(&goldens, "bce", BinaryCrossEntropy);
    check(&goldens, "bce_logits", BinaryCrossEntropyFromLogits);
    check(&goldens, "bce_positive", WeightedBinaryCrossEntropy { positive: 2.5, smoothing: 0.0 });
}

/// The same losses as a trainer takes them: metrics say a mean, gradients are the reduction's.
#[test]
fn losses_of_a_trainer() {
    let goldens = Goldens::read();
    fn check<L: Loss>(case: &str, goldens: &Goldens, loss: L, x: &[f32], targets: &[L::Target], of_output: &str) {
        let output = Dims::new(&[if of_output == "dx" { 5 } else { 4 }]);
        let (values_len, none) = (goldens.wide(case, "value").len(), case.ends_with("none"));
        for level in Level::all() {
            let (mut gradient, mut values) =
                (vec![f32::NAN; x.len()], vec![f32::NAN; if none { values_len } else { 0 }]);
            let outputs = Outputs { gradient: Some(&mut gradient), values: none.then_some(&mut values[..]) };
            let metrics = loss.evaluate(level, x, &output, targets, outputs).unwrap();
            let alone = loss.evaluate(level, x, &output, targets, Outputs::default()).unwrap();
            assert_eq!(metrics, alone, "{case}: without a gradient");
            let weight = metrics.weight.unwrap_or(metrics.samples as f64 * output.len() as f64);
            let what = format!("{case} of a trainer, {level}");
            match case {
                _ if none => near(&what, &values, goldens.wide(case, "value"), |_| 30.0 * 20.0 * U),
                _ if case.ends_with("sum") => {
                    let sum = goldens.wide(case, "value")[0] / weight;
                    near(&what, &[metrics.loss], &[sum], |_| 30.0 * 20.0 * U);
                }
                _ => near(&what, &[metrics.loss], goldens.wide(case, "value"), |_| 30.0 * 20.0 * U),
            }
            near(&what, &gradient, goldens.wide(case, of_output), |_| 30.0 * 25.0 * U);
        }
    }
    for (name, weights, ignored, smoothing) in [
        ("cross_entropy", false, false, 0.0),
        ("cross_entropy_weights", true, false, 0.0),
        ("cross_entropy_ignored", true, true, 0.0),
        ("cross_entropy_smoothed", false, false, 0.25),
        ("cross_entropy_all", true, true, 0.25),
        ("nll", true, true, 0.0),
    ] {
        for (reduced, reduction) in
            [("mean", Reduction::WeightedMean), ("sum", Reduction::Sum), ("none", Reduction::Sum)]
        {
            let case = format!("{name}_{reduced}");
            let (x, class_weights) = (goldens.narrow(&case, "x"), goldens.narrow(&case, "weights"));
            let labels: Vec<u16> = goldens.wide(&case, "labels").iter().map(|&label| label as u16).collect();
            fn options<'w, const LOGITS: bool>(
                weights: Option<&'w [f32]>,
                ignored: bool,
                smoothing: f32,
            ) -> LabelledLoss<'w, u16, LOGITS> {
                let mut loss = LabelledLoss::new().with_smoothing(smoothing);
                if let Some(weights) = weights {
                    loss = loss.with_class_weights(weights);
                }
                if ignored { loss.with_ignored(2) } else { loss }
            }
            let weights = weights.then_some(&class_weights[..]);
            if name == "nll" {
                let loss: NegativeLogLikelihood<'_, u16> =
                    options(weights, ignored, smoothing).with_reduction(reduction);
                check(&case, &goldens, loss, &x, &labels, "dx");
                continue;
            }
            let loss: CrossEntropy<'_, u16> = options(weights, ignored, smoothing).with_reduction(reduction);
            check(&case, &goldens, loss, &x, &labels, "dx");
            if name == "cross_entropy" && reduced != "none" {
                let plain: Vec<u8> = labels.iter().map(|&label| label as u8).collect();
                if reduced == "mean" {
                    check(&case, &goldens, nn::SoftmaxCrossEntropy::<u8>::new(), &x, &plain, "dx");
                }
            }
            // All samples count alike: as without weights.
            let targets: Vec<WeightedLabel> = labels.iter().map(|&label| weighted(label.into(), 1.0)).collect();
            check(&case, &goldens, loss.with_sample_weights().with_reduction(reduction), &x, &targets, "dx");
        }
    }
    for (reduced, reduction) in [("mean", Reduction::Mean), ("sum", Reduction::Sum), ("none", Reduction::Sum)] {
        fn all<E: OutputLoss>(goldens: &Goldens, name: &str, loss: E, reduced: &str, reduction: Reduction) {
            let case = format!("{name}_{reduced}");
            let (y, t) = (goldens.narrow(&case, "y"), goldens.narrow(&case, "t"));
            let loss = Elementwise::new(loss).with_reduction(reduction);
            check(&case, goldens, loss, &y, &t, "dy");
            if reduced == "sum" {
                return;
            }
            let targets: Vec<f32> = t.chunks(4).flat_map(|t| [t[0], t[1], t[2], t[3], 1.0]).collect();
            check(&case, goldens, loss.with_sample_weights(), &y, &targets, "dy");
        }
        all(&goldens, "squared", SquaredError, reduced, reduction);
        all(&goldens, "absolute", AbsoluteError, reduced, reduction);
        all(&goldens, "huber", Huber { delta: 1.5 }, reduced, reduction);
        all(&goldens, "bce", BinaryCrossEntropy, reduced, reduction);
        all(&goldens, "bce_logits", BinaryCrossEntropyFromLogits, reduced, reduction);
        let positive = WeightedBinaryCrossEntropy { positive: 2.5, smoothing: 0.0 };
        all(&goldens, "bce_positive", positive, reduced, reduction);
    }
}

/// Weights of samples, from what PyTorch says of each row: Σ w l, over what the reduction says.
#[test]
fn weights_of_samples() {
    let goldens = Goldens::read();
    let case = "cross_entropy_all_none";
    let (x, class_weights) = (goldens.narrow(case, "x"), goldens.narrow(case, "weights"));
    let (losses, dx) = (goldens.wide(case, "value"), goldens.wide(case, "dx"));
    let labels: Vec<u32> = goldens.wide(case, "labels").iter().map(|&label| label as u32).collect();
    let weights = [0.5, 1.0, 7.0, 0.0, 2.0, 0.25, 1.0];
    let targets: Vec<WeightedLabel> = labels.iter().zip(weights).map(|(&label, w)| weighted(label, w)).collect();
    // The label 2 is ignored.
    let counts = labels.iter().filter(|&&label| label != 2).count() as f64;
    let of_classes = labels.iter().zip(weights).filter(|&(&label, _)| label != 2);
    let weight = of_classes.map(|(&label, w)| f64::from(w) * f64::from(class_weights[label as usize])).sum::<f64>();
    let sum: f64 = losses.iter().zip(weights).map(|(loss, w)| loss * f64::from(w)).sum();
    for (reduction, divisor, mean) in [
        (Reduction::Mean, counts, sum / counts),
        (Reduction::WeightedMean, weight, sum / weight),
        (Reduction::Sum, 1.0, sum / counts),
    ] {
        let loss = CrossEntropy::<u8>::new().with_class_weights(&class_weights).with_smoothing(0.25).with_ignored(2);
        let loss = loss.with_sample_weights().with_reduction(reduction);
        let mut gradient = vec![f32::NAN; x.len()];
        let outputs = Outputs { gradient: Some(&mut gradient), values: None };
        let metrics = loss.evaluate(Level::detect(), &x, &Dims::new(&[5]), &targets, outputs).unwrap();
        near("weighted loss", &[metrics.loss], &[mean], |_| 30.0 * 20.0 * U * 2.0);
        let expected: Vec<f64> = (0..x.len()).map(|i| dx[i] * f64::from(weights[i / 5]) / divisor).collect();
        near("weighted gradient", &gradient, &expected, |i| 40.0 * 2.5 * U * f64::from(weights[i / 5]));
        assert_eq!((metrics.samples, metrics.answers), (7, counts as usize));
    }
    let case = "huber_none";
    let (y, t) = (goldens.narrow(case, "y"), goldens.narrow(case, "t"));
    let (losses, dy) = (goldens.wide(case, "value"), goldens.wide(case, "dy"));
    let weights = [0.5, 0.0, 3.0];
    let targets: Vec<f32> = t.chunks(4).zip(weights).flat_map(|(t, w)| [t[0], t[1], t[2], t[3], w]).collect();
    let sum: f64 = losses.iter().enumerate().map(|(i, loss)| loss * f64::from(weights[i / 4])).sum();
    for (reduction, divisor, mean) in [
        (Reduction::Mean, 12.0, sum / 12.0),
        (Reduction::WeightedMean, 14.0, sum / 14.0),
        (Reduction::Sum, 1.0, sum / 12.0),
    ] {
        let loss = Elementwise::new(Huber { delta: 1.5 }).with_sample_weights().with_reduction(reduction);
        let mut gradient = vec![f32::NAN; y.len()];
        let outputs = Outputs { gradient: Some(&mut gradient), values: None };
        let metrics = loss.evaluate(Level::detect(), &y, &Dims::new(&[4]), &targets, outputs).unwrap();
        near("weighted loss", &[metrics.loss], &[mean], |_| 20.0 * 16.0 * U * 3.0);
        let expected: Vec<f64> = (0..y.len()).map(|i| dy[i] * f64::from(weights[i / 4]) / divisor).collect();
        near("weighted gradient", &gradient, &expected, |_| 20.0 * 25.0 * U);
        assert_eq!((metrics.samples, metrics.answers), (3, 2));
    }
}

/// Images, which PyTorch has channels first, as they lie here.
fn images(goldens: &Goldens, case: &str, name: &str) -> Vec<f32> {
    let (x, sizes) = (goldens.narrow(case, name), goldens.sizes(case, name));
    let mut y = vec![f32::NAN; x.len()];
    permute_into(&Permutation::nchw_to_nhwc(sizes), &x, &mut y).unwrap();
    y
}

#[test]
fn pooling() {
    let goldens = Goldens::read();
    let sides = |top, left| Padding::Explicit { top, bottom: top, left, right: left };
    let dilated = Pool2d::new(9, 8, 3, [3, 2]).with_stride([2, 1]).with_dilation([1, 3]).with_padding(sides(1, 1));
    let windows = Pool2d::new(5, 6, 3, [2, 4]).with_stride([1, 2]).with_padding(sides(1, 2));
    for level in Level::all() {
        for (case, pool) in [("max_pool_dilated", dilated), ("max_pool_global", Pool2d::global(18 * 17, 3))] {
            let [x, y, dy, dx] = ["x", "y", "dy", "dx"].map(|name| images(&goldens, case, name));
            let (mut found, mut argmax) = (vec![f32::NAN; y.len()], vec![9; 2 * pool.argmax_len()]);
            pool2d::max_forward_into(level, &pool, 2, &x, &mut found, Some(&mut argmax)).unwrap();
            assert_eq!(found, y, "{case}, {level}");
            let mut found = vec![f32::NAN; x.len()];
            pool2d::max_backward_into(level, &pool, 2, &argmax, &dy, None, &mut found).unwrap();
            assert_eq!(found, dx, "{case}, {level}");
        }
        for (case, pool) in [("avg_pool_counted", windows.with_padding_counted()), ("avg_pool", windows)] {
            let [x, y, dy, dx] = ["x", "y", "dy", "dx"].map(|name| images(&goldens, case, name));
            let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
            let mut found = vec![f32::NAN; y.len()];
            pool2d::average_forward_into(level, &pool, 2, &x, &mut found).unwrap();
            // The sums are exact.
            near(case, &found, &wide(&y), |i| 2.0 * U * f64::from(y[i].abs()));
            let mut found = vec![f32::NAN; x.len()];
            pool2d::average_backward_into(level, &pool, 2, &dy, &mut found).unwrap();
            // At most eight windows hold an element; each share, at most 4, is rounded, and so is each sum.
            near(case, &found, &wide(&dx), |_| 8.0 * 2.0 * 4.0 * 4.0 * U);
        }
    }
}

#[test]
fn padding() {
    let goldens = Goldens::read();
    let pad = Pad2d::new(4, 5, 3, Padding::Explicit { top: 3, bottom: 0, left: 1, right: 2 });
    for (case, fill) in [
        ("pad_constant", Fill::Constant(5.0)),
        ("pad_edge", Fill::Edge),
        ("pad_reflect", Fill::Reflect),
        ("pad_wrap", Fill::Wrap),
    ] {
        let [x, y, dy, dx] = ["x", "y", "dy", "dx"].map(|name| images(&goldens, case, name));
        let mut found = vec![f32::NAN; y.len()];
        pad2d::forward_into(&pad.with_fill(fill), 2, &x, &mut found).unwrap();
        assert_eq!(found, y, "{case}");
        for level in Level::all() {
            let mut found = vec![f32::NAN; x.len()];
            pad2d::backward_into(level, &pad.with_fill(fill), 2, &dy, &mut found).unwrap();
            assert_eq!(found, dx, "{case}, {level}");
        }
    }
}

/// PyTorch's weights, brought into the layouts of this crate, make PyTorch's outputs.
#[test]
fn weights_of_layers() {
    let goldens = Goldens::read();
    let permuted = |case: &str, permutation: Permutation| {
        let w = goldens.narrow(case, "w");
        let mut to = vec![f32::NAN; w.len()];
        permute_into(&permutation, &w, &mut to).unwrap();
        to
    };
    fn forward<'a>(x: &'a [f32], w: &'a [f32]) -> conv2d::Forward<'a> {
        conv2d::Forward { x, w, b: None, epilogue: Epilogue::None }
    }
    for level in Level::all() {
        for (case, conv) in [
            ("conv", Conv2d::new(6, 5, 3, 4, [3, 2])),
            ("conv_grouped", Conv2d::new(6, 5, 4, 6, [3, 2]).with_groups(2)),
        ] {
            let w = permuted(case, Permutation::oihw_to_hwio(goldens.sizes(case, "w")));
            let (x, y) = (images(&goldens, case, "x"), images(&goldens, case, "y"));
            let mut found = vec![f32::NAN; y.len()];
            conv2d::forward_into(level, &conv, 2, forward(&x, &w), &mut found).unwrap();
            assert_eq!(found, y, "{case}, {level}");
        }
        let case = "conv_transpose";
        let w = permuted(case, Permutation::oihw_to_hwio(goldens.sizes(case, "w")));
        let (x, y) = (images(&goldens, case, "x"), images(&goldens, case, "y"));
        let conv = Conv2dTranspose::new(4, 5, 3, 4, [3, 2]).with_stride([2, 2]);
        let mut found = vec![f32::NAN; y.len()];
        let mut scratch = vec![f32::NAN; conv2d_transpose::forward_scratch_len(&conv)];
        conv2d_transpose::forward_into(level, &conv, 2, forward(&x, &w), &mut found, &mut scratch).unwrap();
        assert_eq!(found, y, "{case}, {level}");

        let w = permuted("dense", Permutation::matrix(5, 6));
        let (x, mut found) = (goldens.narrow("dense", "x"), vec![f32::NAN; 10]);
        dense::forward_into(level, &Dense::new(6, 5), 2, forward(&x, &w), &mut found).unwrap();
        assert_eq!(found, goldens.narrow("dense", "y"), "dense, {level}");
        let case = "dense_after_flatten";
        let w = permuted(case, Permutation::oihw_to_hwio([5, 3, 4, 2]));
        let (x, mut found) = (images(&goldens, case, "x"), vec![f32::NAN; 10]);
        dense::forward_into(level, &Dense::new(24, 5), 2, forward(&x, &w), &mut found).unwrap();
        assert_eq!(found, goldens.narrow(case, "y"), "{case}, {level}");
    }
}

fn networks() -> (Vec<u8>, Goldens) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/torch/networks.safetensors");
    (fs::read(path).unwrap(), Goldens::of(path))
}

/// A network with the weights of a `state_dict`, over samples of PyTorch: the outputs within `roundings` units of their
/// largest, and the gradients within as many of the sum of magnitudes, where PyTorch's are given. What is written is read by the same names.
fn same_network<N: Network + Described>(name: &str, layers: &[(&str, &str)], roundings: f64, gradients: bool) {
    let (bytes, goldens) = networks();
    let prefix = format!("{name}.net.");
    let reader = Reader::pytorch().prefix(&prefix).layers(layers).epsilon(1e-5);
    let mut model = Model::<N>::zeroed_box();
    model.parameters_mut().fill(f32::NAN);
    reader.read_into(&bytes, &N::INFO, model.parameters_mut()).unwrap();
    let (x, y) = (goldens.of_network(name, "x"), goldens.of_network(name, "y"));
    let x: Vec<f32> = x.iter().map(|&x| x as f32).collect();
    let samples = x.len() / N::Input::LEN;
    for level in Level::all() {
        let batching = Batching::of(samples);
        let (mut memory, mut found) = (vec![f32::NAN; inference_len::<N>(batching)], vec![f32::NAN; y.len()]);
        infer(level, batching, &model, &x, &mut memory, &mut found).unwrap();
        near(&format!("{name}, {level}"), &found, y, |_| roundings * U);
    }
    let parameters = model.parameters().to_vec();
    // Written and read again; a module of two layers is two here.
    let written = to_pytorch_bytes(&N::INFO, &parameters).unwrap();
    let mut again = vec![f32::NAN; parameters.len()];
    Reader::pytorch().epsilon(1e-5).read_into(&written, &N::INFO, &mut again).unwrap();
    assert_eq!(again, parameters, "{name}");
    let (ours, theirs) = (SafeTensors::deserialize(&written).unwrap(), SafeTensors::deserialize(&bytes).unwrap());
    let mut shared = 0;
    for (key, view) in ours.tensors().iter().filter(|_| layers.is_empty() && !name.starts_with("activ")) {
        let expected =
            theirs.tensor(&format!("{prefix}{key}")).unwrap_or_else(|_| panic!("{name}: {key} is not PyTorch's"));
        assert_eq!(view.shape(), expected.shape(), "{name}: {key}");
        shared += 1;
    }
    assert!(shared > 0 || !layers.is_empty() || name.starts_with("activ"), "{name}");
    if !gradients {
        return;
    }
    // The outputs' gradient is that of half a squared error against targets so chosen.
    let dy = goldens.of_network(name, "dy");
    let targets: Vec<f32> = y.iter().zip(dy).map(|(y, dy)| (y - dy) as f32).collect();
    let loss = Elementwise::new(HalfSquaredError).with_reduction(Reduction::Sum);
    let mut trainer = Training::<N, _>::new(Sgd::new(0.0)).loss(loss).batch(samples).build_on(model).unwrap();
    trainer.backward(&x, &targets, 0, samples).unwrap();
    let mut expected = vec![f32::NAN; parameters.len()];
    let prefix = format!("{name}.grad.");
    Reader::pytorch().prefix(&prefix).layers(layers).read_into(&bytes, &N::INFO, &mut expected).unwrap();
    let largest = expected.iter().fold(0.0_f32, |most, g| most.max(g.abs()));
    let expected: Vec<f64> = expected.iter().map(|&g| g.into()).collect();
    near(&format!("{name}'s gradients"), trainer.gradients(), &expected, |_| 8.0 * roundings * U * f64::from(largest));
}

#[test]
fn recurrent_networks() {
    kernlet::network! { struct OfGru([7, 3]) { rnn: gru(5), out: dense(2) } }
    kernlet::network! { struct OfLstm([7, 3]) { rnn: lstm(5), out: dense(2) } }
    kernlet::network! { struct OfRnn([7, 3]) { rnn: simple_rnn(5), out: dense(2) } }
    kernlet::network! { struct Stacked([7, 3]) { first: lstm(4, sequences), second: lstm(4), out: dense(2) } }
    kernlet::network! { struct GruBoth([7, 3]) { rnn: gru(4, sequences, bidirectional) } }
    kernlet::network! { struct LstmBoth([7, 3]) { rnn: lstm(4, sequences, bidirectional) } }
    kernlet::network! { struct GruBare([7, 3]) { rnn: gru(4, sequences, bias: no) } }
    kernlet::network! { struct LstmBare([7, 3]) { rnn: lstm(4, sequences, bias: no) } }
    // A step's gates are sums of at most ten products below 1, a sigmoid and a few products: some thirty roundings, each
    // of a number that may be 6; seven steps hand them on, and weights below ¾ do not let them grow.
    let roundings = 7.0 * 30.0 * 6.0;
    same_network::<OfGru>("gru", &[], roundings, true);
    // The sum of two biases is rounded once, and read twice as a gradient.
    same_network::<OfLstm>("lstm", &[], roundings, false);
    same_network::<OfRnn>("rnn", &[], roundings, false);
    same_network::<Stacked>("stacked", &[("first", "rnn"), ("second", "rnn")], 2.0 * roundings, false);
    same_network::<GruBoth>("gru_both", &[], roundings, true);
    same_network::<LstmBoth>("lstm_both", &[], roundings, false);
    same_network::<GruBare>("gru_bare", &[], roundings, true);
    same_network::<LstmBare>("lstm_bare", &[], roundings, true);

    // What PyTorch does not have.
    kernlet::network! { struct Before([7, 3]) { rnn: gru_reset_before(4, sequences, bias: no) } }
    kernlet::network! { struct Backwards([7, 3]) { rnn: gru(5, backwards), out: dense(2) } }
    let (bytes, _) = networks();
    fn refused<N: Network + Described>(bytes: &[u8], prefix: &str) -> String {
        let mut parameters = vec![0.0; N::PARAMETERS];
        assert!(to_pytorch_bytes(&N::INFO, &parameters).is_err());
        Reader::pytorch().prefix(prefix).read_into(bytes, &N::INFO, &mut parameters).unwrap_err().to_string()
    }
    let told = refused::<Before>(&bytes, "gru_bare.net.");
    assert!(told.contains("rnn.weight: the layouts of PyTorch and of this layer differ"), "{told}");
    assert!(refused::<Backwards>(&bytes, "gru.net.").contains("differ"));
    // One direction of two, and a bias too many or too few, by name.
    let told = |prefix: &str, info: &ModelInfo, len: usize| {
        Reader::pytorch().prefix(prefix).read_into(&bytes, info, &mut vec![0.0; len]).unwrap_err().to_string()
    };
    kernlet::network! { struct OneWay([7, 3]) { rnn: gru(4, sequences) } }
    let said = told("gru_both.net.", &OneWay::INFO, OneWay::PARAMETERS);
    assert!(said.contains("gru_both.net.rnn.bias_hh_l0_reverse of shape [12] is not of this network"), "{said}");
    let said = told("gru_bare.net.", &OneWay::INFO, OneWay::PARAMETERS);
    assert!(said.contains("rnn.bias_ih_l0 is missing"), "{said}");
    let said = told("lstm_both.net.", &GruBoth::INFO, GruBoth::PARAMETERS);
    assert!(said.contains("weight_ih_l0 has shape [16, 3], expected [12, 3]"), "{said}");
}

#[test]
fn learnt_slopes_and_bounds() {
    kernlet::network! {
        struct Activations([4]) {
            a: dense(6), slopes: prelu, b: dense(6), celu(0.75), c: dense(5), clip(-0.5, 0.75), d: dense(3),
        }
    }
    kernlet::network! { struct Pixels([5, 4, 2]) { conv: conv2d(3, 3x3), slopes: prelu } }
    // Sums of at most 18 products below 2, three layers deep.
    same_network::<Activations>("activations", &[], 3.0 * 20.0 * 4.0, true);
    same_network::<Pixels>("pixels", &[("conv", "0"), ("slopes", "1")], 20.0 * 4.0, true);
    // Keras' names.
    let names = |info: &ModelInfo| {
        let written = to_bytes(info, &vec![0.0; info.parameters()]).unwrap();
        SafeTensors::deserialize(&written).unwrap().tensor("slopes/alpha").unwrap().shape().to_vec()
    };
    assert_eq!((names(&Activations::INFO), names(&Pixels::INFO)), (vec![6], vec![1, 1, 3]));
}

/// What a list is made of goes by channel in PyTorch, but for the states of a recurrent layer.
#[test]
fn flattened_numbers() {
    kernlet::network! {
        struct FlatConvolution([6, 3]) {
            conv: conv1d(4, 2), tanh, flatten, norm: batch_norm(epsilon: 1e-5), slopes: prelu, out: dense(2),
        }
    }
    kernlet::network! { struct FlatStates([6, 3]) { rnn: gru(4, sequences), flatten, out: dense(2) } }
    kernlet::network! {
        struct FlatImage([5, 4, 2]) { conv: conv2d(3, 3x3), flatten, norm: batch_norm(epsilon: 1e-5), out: dense(2) }
    }
    let layers = [("conv", "0"), ("norm", "3"), ("slopes", "4"), ("out", "5")];
    // Sums of at most 24 products below 4.
    same_network::<FlatConvolution>("flat_convolution", &layers, 60.0 * 8.0, false);
    same_network::<FlatStates>("flat_states", &[], 7.0 * 30.0 * 6.0, true);
    same_network::<FlatImage>("flat_image", &[("conv", "0"), ("norm", "2"), ("out", "3")], 60.0 * 8.0, false);
}

/// PyTorch's parameter groups, one with weight decay for weights, one without for biases.
#[test]
fn parameter_groups() {
    kernlet::network! { struct Small([3]) { a: dense(4), tanh, b: dense(2) } }
    let (bytes, goldens) = networks();
    let read = |prefix: &str| {
        let mut parameters = vec![f32::NAN; Small::PARAMETERS];
        Reader::pytorch().prefix(prefix).read_into(&bytes, &Small::INFO, &mut parameters).unwrap();
        parameters
    };
    let narrow = |name: &str| -> Vec<f32> { goldens.of_network("groups", name).iter().map(|&x| x as f32).collect() };
    let (x, t) = (narrow("x"), narrow("t"));
    let training = |decay| {
        let optimizer = Adam::adamw(0.03125).with_weight_decay(decay).with_epsilon(1.0 / 1024.0);
        Training::<Small, _>::new(optimizer).loss(MeanSquaredError).batch(6)
    };
    let after = |training: Training<Small, Adam, MeanSquaredError>| {
        let mut model = Model::<Small>::zeroed_box();
        model.parameters_mut().copy_from_slice(&read("groups.net."));
        let mut trainer = training.build_on(model).unwrap();
        for _ in 0..6 {
            trainer.step(&x, &t).unwrap();
        }
        trainer.model().parameters().to_vec()
    };
    let expected: Vec<f64> = read("groups.after.").iter().map(|&w| w.into()).collect();
    // Six steps of at most 1/32 each, whose direction has some hundred roundings of the pass behind it; a root of small
    // averages may double them.
    near("groups", &after(training(0.25).decay::<Kernels>()), &expected, |_| U * (6.0 * 2.0 + 6.0 * 200.0 / 32.0));
    let off = |found: Vec<f32>| found.iter().zip(&expected).map(|(w, e)| (f64::from(*w) - e).abs()).fold(0.0, f64::max);
    assert!(off(after(training(0.25))) > 1e-3 && off(after(training(0.0))) > 1e-3);
}

/// A list that is read as an image (`x.view(-1, C, H, W)`, as generators do) is one by channel in PyTorch.
#[test]
fn images_made_of_lists() {
    kernlet::network! {
        struct Generator([2]) {
            fc: dense(12), relu, norm: batch_norm(epsilon: 1e-5), image: reshape([2, 2, 3]), conv: conv2d(1, 1x1),
        }
    }
    kernlet::network! { struct Steps([2]) { fc: dense(6), reshape([2, 3]), conv: conv1d(1, 1) } }
    kernlet::network! { struct States([2]) { fc: dense(6), reshape([2, 3]), rnn: gru(1) } }
    // Numbers that say where they are in PyTorch's tensors.
    let view = |numbers: &[f32], shape: &[usize]| {
        let bytes = numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        (bytes, shape.to_vec())
    };
    let file = |tensors: &[(&str, (Vec<u8>, Vec<usize>))]| {
        let views = tensors.iter().map(|(name, (bytes, shape))| {
            (
                name.to_string(),
                safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes).unwrap(),
            )
        });
        safetensors::serialize(views, None).unwrap()
    };
    let counted = |len: usize| (0..len).map(|i| i as f32).collect::<Vec<_>>();
    let each = view(&counted(12), &[12]);
    let bytes = file(&[
        ("fc.weight", view(&counted(24), &[12, 2])),
        ("fc.bias", each.clone()),
        ("norm.weight", each.clone()),
        ("norm.bias", each.clone()),
        ("norm.running_mean", each.clone()),
        ("norm.running_var", each),
        ("conv.weight", view(&counted(3), &[1, 3, 1, 1])),
        ("conv.bias", view(&[0.0], &[1])),
    ]);
    let mut parameters = [f32::NAN; Generator::PARAMETERS];
    Reader::pytorch().epsilon(1e-5).read_into(&bytes, &Generator::INFO, &mut parameters).unwrap();
    // By height, width and channel here: of PyTorch's numbers those of channel c, then pixel p are 4 c + p.
    let place: Vec<f32> = (0..12).map(|i| (4 * (i % 3) + i / 3) as f32).collect();
    let (kernel, rest) = parameters.split_at(24);
    assert_eq!(kernel[..12], place.iter().map(|row| 2.0 * row).collect::<Vec<_>>());
    assert_eq!(kernel[12..], place.iter().map(|row| 2.0 * row + 1.0).collect::<Vec<_>>());
    assert!(rest[..60].chunks(12).all(|numbers| numbers == place), "{rest:?}");
    let mut again = [f32::NAN; Generator::PARAMETERS];
    let written = to_pytorch_bytes(&Generator::INFO, &parameters).unwrap();
    Reader::pytorch().read_into(&written, &Generator::INFO, &mut again).unwrap();
    assert_eq!(again, parameters);

    // Steps of a convolution are columns there; those of a recurrent layer are in the order of time everywhere.
    let fc = |info: &ModelInfo, mut parameters: Vec<f32>| {
        parameters.iter_mut().enumerate().for_each(|(i, x)| *x = i as f32);
        let written = to_pytorch_bytes(info, &parameters).unwrap();
        let bias = SafeTensors::deserialize(&written).unwrap().tensor("fc.bias").unwrap().data().to_vec();
        bias.chunks(4).map(|x| f32::from_le_bytes(x.try_into().unwrap()) - 12.0).collect::<Vec<_>>()
    };
    assert_eq!(fc(&Steps::INFO, vec![0.0; Steps::PARAMETERS]), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    assert_eq!(fc(&States::INFO, vec![0.0; States::PARAMETERS]), counted(6));
}
