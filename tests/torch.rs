//! PyTorch's own values, which `tests/data/torch/goldens.py` writes.
//!
//! Inputs are floats of 32 bits; PyTorch computed in 64. What is copied, compared or a sum of small integers must be
//! equal. Elsewhere a naive twin must agree with PyTorch to twelve digits, since the kernels' distance from their twins
//! is tested where they are, and a kernel to the few roundings that its formula has.

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
    optim::{
        Optimizer, Step, fill_initial,
        pytorch::{Adadelta, Adagrad, Adam, RmsProp, Sgd},
        split_states,
    },
    shape::Padding,
    simd::Level,
};
use safetensors::SafeTensors;

/// The unit roundoff of `f32`.
const U: f64 = f32::EPSILON as f64 / 2.0;

struct Goldens(BTreeMap<String, (Vec<usize>, Vec<f64>)>);

impl Goldens {
    fn read() -> Self {
        let bytes = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/torch/goldens.safetensors")).unwrap();
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
