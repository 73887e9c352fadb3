//! Every backward kernel against central differences of an `f64` reference, over random shapes.
//!
//! The function that is differentiated is `L = Σ dy · f(x)`, so its slopes are the gradients that a kernel
//! makes of `dy`. A difference is taken at two steps, h and h/2: what they differ by bounds the truncation
//! of the second, since that falls with h². The sum itself is off by its terms' rounding, over h. A
//! kernel adds `(n + 1) u Σ |a| |b|` where it is a chain of n products, and elsewhere what its formula's
//! steps add up to.

mod taps;
mod tracked;

use kernlet::{
    kernels::{
        ShapeError, activation as act, batch_norm,
        conv2d::{self, Conv2d, Epilogue},
        conv2d_transpose::{self, Conv2dTranspose},
        dense::{self, Dense},
        dropout,
        loss::{self, Labelled},
        pool2d::{self, Pool2d},
        prelu,
        reference::{self, activation::Activation},
        softmax,
    },
    random::Stream,
    shape::Padding,
    simd::Level,
};
use proptest::prelude::*;
use tracked::{Tracked, U};

/// Reproducible values in ±`scale`.
fn values(seed: u64, len: usize, scale: f32) -> Vec<f32> {
    let stream = Stream::new(seed, 3);
    (0..len).map(|i| (2.0 * stream.f32_at(i as u64) - 1.0) * scale).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

/// A sum with what its rounding can be.
#[derive(Clone, Copy, Default)]
struct Sum {
    value: f64,
    size: f64,
    terms: f64,
}

impl Sum {
    fn add(&mut self, term: f64) {
        *self = Self { value: self.value + term, size: self.size + term.abs(), terms: self.terms + 1.0 };
    }

    /// `Σ a b`, where each b took some ten roundings.
    fn of(a: &[f64], b: impl Iterator<Item = f64>) -> Self {
        let mut sum = Self { terms: 10.0, ..Self::default() };
        a.iter().zip(b).for_each(|(a, b)| sum.add(a * b));
        sum
    }
}

/// A slope and how far it may be off.
#[derive(Clone, Copy, Debug)]
struct Slope {
    value: f64,
    error: f64,
}

/// The slope of `f` by `x[i]`.
fn slope(x: &[f64], i: usize, h: f64, f: impl Fn(&[f64]) -> Sum) -> Slope {
    let mut moved = x.to_vec();
    let mut difference = |h: f64| {
        let [above, below] = [h, -h].map(|h| {
            moved[i] = x[i] + h;
            f(&moved)
        });
        // The step that was really taken.
        let rounding = f64::EPSILON * (above.terms * above.size + below.terms * below.size) / (2.0 * h);
        Slope { value: (above.value - below.value) / ((x[i] + h) - (x[i] - h)), error: rounding }
    };
    let (coarse, fine) = (difference(h), difference(h / 2.0));
    Slope { value: fine.value, error: (coarse.value - fine.value).abs() + coarse.error + fine.error }
}

/// A few elements of `len`, the first and the last among them.
fn some(seed: u64, len: usize) -> Vec<usize> {
    let stream = Stream::new(seed, 9);
    let inner = (0..4).map(|i| stream.below_at(i, len.max(1) as u32) as usize);
    if len == 0 { Vec::new() } else { inner.chain([0, len - 1]).collect() }
}

#[track_caller]
fn near(what: &str, level: Level, i: usize, found: f32, slope: Slope, bound: f64) {
    let off = (f64::from(found) - slope.value).abs();
    assert!(
        off <= bound + slope.error,
        "{level}: {what}[{i}] = {found:e}, slope {slope:?}: off by {off:e}, the kernel's bound is {bound:e}"
    );
}

/// A bilinear layer: all its products, and three tensors and the gradient of the output.
struct Linear {
    products: Vec<[usize; 3]>,
    x: Vec<f32>,
    w: Vec<f32>,
    dy: Vec<f32>,
    channels: usize,
}

impl Linear {
    fn new(seed: u64, [x, w, y, channels]: [usize; 4], each: impl FnOnce(&mut dyn FnMut(usize, usize, usize))) -> Self {
        let mut products = Vec::new();
        each(&mut |x, w, y| products.push([x, w, y]));
        let [x, w, dy] = [(1, x), (2, w), (3, y)].map(|(i, len)| values(seed + i, len, 1.0));
        Self { products, x, w, dy, channels }
    }

    /// `Σ dy (x · w + b)`.
    fn loss(&self, [x, w, b]: [&[f64]; 3]) -> Sum {
        let mut sum = Sum::default();
        self.products.iter().for_each(|&[i, j, k]| sum.add(f64::from(self.dy[k]) * x[i] * w[j]));
        self.dy.iter().enumerate().for_each(|(k, &dy)| sum.add(f64::from(dy) * b[k % self.channels]));
        sum
    }

    /// Compares gradients that were accumulated from 0.
    fn check(&self, seed: u64, level: Level, [dx, dw, db]: [&[f32]; 3]) {
        let (x, w, b) = (wide(&self.x), wide(&self.w), vec![0.5; self.channels]);
        let size = |which: usize, at: usize| {
            let mut sum = Sum::default();
            for &[i, j, k] in self.products.iter().filter(|product| product[which] == at) {
                sum.add(f64::from(self.dy[k]) * if which == 0 { w[j] } else { x[i] });
            }
            (sum.terms + 1.0) * U * sum.size
        };
        // Linear in each argument: a large step loses nothing.
        for i in some(seed, x.len()) {
            near("dx", level, i, dx[i], slope(&x, i, 1.0, |x| self.loss([x, &w, &b])), size(0, i));
        }
        for i in some(seed, w.len()) {
            near("dw", level, i, dw[i], slope(&w, i, 1.0, |w| self.loss([&x, w, &b])), size(1, i));
        }
        for i in some(seed, b.len()) {
            let each: Vec<f64> = self.dy.iter().skip(i).step_by(self.channels).map(|&dy| dy.abs().into()).collect();
            let bound = (each.len() as f64 + 1.0) * U * each.iter().sum::<f64>();
            near("db", level, i, db[i], slope(&b, i, 1.0, |b| self.loss([&x, &w, b])), bound);
        }
    }
}

fn paddings() -> impl Strategy<Value = Padding> {
    let side = || 0..3_usize;
    prop_oneof![
        Just(Padding::Valid),
        Just(Padding::Same),
        (side(), side(), side(), side()).prop_map(|(top, bottom, left, right)| Padding::Explicit {
            top,
            bottom,
            left,
            right
        }),
    ]
}

fn pair(most: usize) -> impl Strategy<Value = [usize; 2]> {
    [1..=most, 1..=most]
}

/// Groups with their channels in and out.
fn channels() -> impl Strategy<Value = [usize; 3]> {
    prop_oneof![
        (1..2_usize, 1..6_usize, 1..20_usize),
        (2..4_usize, 1..4_usize, 1..5_usize),
        (1..18_usize, 1..2_usize, 1..3_usize)
    ]
    .prop_map(|(groups, ci, co)| [groups, ci, co])
}

fn convolutions() -> impl Strategy<Value = Conv2d> {
    (pair(8), channels(), pair(4), pair(3), pair(2), paddings())
        .prop_map(|([h, w], [groups, ci, co], kernel, stride, dilation, padding)| {
            let conv = Conv2d::new(h, w, groups * ci, groups * co, kernel).with_groups(groups);
            conv.with_stride(stride).with_dilation(dilation).with_padding(padding)
        })
        .prop_filter("the window fits", |conv| conv.validate().is_ok())
}

fn transposed() -> impl Strategy<Value = Conv2dTranspose> {
    (pair(5), channels(), pair(4), pair(3), pair(2), paddings())
        .prop_map(|([h, w], [groups, ci, co], kernel, stride, dilation, padding)| {
            let conv = Conv2dTranspose::new(h, w, groups * ci, groups * co, kernel).with_groups(groups);
            conv.with_stride(stride).with_dilation(dilation).with_padding(padding)
        })
        .prop_filter("something is left", |conv| conv.validate().is_ok())
}

fn pools() -> impl Strategy<Value = Pool2d> {
    (pair(9), 1..20_usize, pair(4), pair(4), pair(3), paddings(), any::<bool>())
        .prop_map(|([h, w], c, kernel, stride, dilation, padding, counted)| {
            let pool = Pool2d::new(h, w, c, kernel).with_stride(stride).with_dilation(dilation).with_padding(padding);
            if counted { pool.with_padding_counted() } else { pool }
        })
        .prop_filter("the window fits, and holds something", |pool| {
            let mut held = vec![false; if pool.validate().is_ok() { pool.y_len() } else { return false }];
            taps::of_pool(pool, 1, |_, y| held[y] = true);
            held.iter().all(|&held| held)
        })
}

type Forward = fn(Level, &[f32], &mut [f32]) -> Result<(), ShapeError>;
type Backward = fn(Level, &[f32], &[f32], &mut [f32]) -> Result<(), ShapeError>;

/// Forward and backward, whether backward reads the output, and half units of the value's error.
type Case = (Activation, Forward, Backward, bool, fn(f64) -> f64);

const ACTIVATIONS: [Case; 16] = [
    (Activation::Relu, act::relu_into, act::relu_backward_into, true, |_| 0.0),
    (
        Activation::LeakyRelu(0.3_f32 as f64),
        |level, x, y| act::leaky_relu_into(level, 0.3, x, y),
        |level, y, dy, dx| act::leaky_relu_backward_into(level, 0.3, y, dy, dx),
        true,
        |_| 1.0,
    ),
    (Activation::Relu6, act::relu6_into, act::relu6_backward_into, true, |_| 0.0),
    (Activation::Sigmoid, act::sigmoid_into, act::sigmoid_backward_into, true, |_| 9.0),
    (Activation::Tanh, act::tanh_into, act::tanh_backward_into, true, |_| 9.0),
    (Activation::Gelu, act::gelu_into, act::gelu_backward_into, false, |x| 2.0 * (x * x + 6.0) + 4.0),
    (Activation::GeluTanh, act::gelu_tanh_into, act::gelu_tanh_backward_into, false, |x| {
        10.0 + 10.0 * (1.6 * x + 0.072 * x * x * x).abs()
    }),
    (
        Activation::Clip(-1.5, 0.75),
        |level, x, y| act::clip_into(level, -1.5, 0.75, x, y),
        |level, y, dy, dx| act::clip_backward_into(level, -1.5, 0.75, y, dy, dx),
        true,
        |_| 0.0,
    ),
    (Activation::HardSigmoid, act::hard_sigmoid_into, act::hard_sigmoid_backward_into, true, |_| 2.0),
    (Activation::HardSwish, act::hard_swish_into, act::hard_swish_backward_into, false, |x| {
        6.0 + 6.0 / (2.0 * x + 3.0).abs().max(1e-3)
    }),
    (
        Activation::Elu(0.7_f32 as f64),
        |level, x, y| act::elu_into(level, 0.7, x, y),
        |level, y, dy, dx| act::elu_backward_into(level, 0.7, y, dy, dx),
        true,
        |_| 9.0,
    ),
    (Activation::Selu, act::selu_into, act::selu_backward_into, true, |_| 20.0),
    (
        Activation::Celu(1.3_f32 as f64),
        |level, x, y| act::celu_into(level, 1.3, x, y),
        |level, y, dy, dx| act::celu_backward_into(level, 1.3, y, dy, dx),
        true,
        |x| 11.0 + x.abs(),
    ),
    (Activation::Softplus, act::softplus_into, act::softplus_backward_into, false, |_| 8.0),
    (Activation::Mish, act::mish_into, act::mish_backward_into, false, |_| 20.0),
    (Activation::Silu, act::silu_into, act::silu_backward_into, false, |_| 10.0),
];

/// Where one of them has no slope.
const CORNERS: [f64; 6] = [0.0, 6.0, -1.5, 0.75, -3.0, 3.0];

/// Gradients of a convolution at a level; weights' and bias' from 0.
fn conv_backward(level: Level, conv: &Conv2d, batch: usize, x: &[f32], w: &[f32], dy: &[f32]) -> [Vec<f32>; 3] {
    let (mut dx, mut dw, mut db) = (vec![f32::NAN; x.len()], vec![0.0; conv.w_len()], vec![0.0; conv.b_len()]);
    let mut scratch = vec![f32::NAN; conv2d::backward_input_scratch_len(conv)];
    conv2d::backward_input_into(level, conv, batch, w, dy, &mut dx, &mut scratch).unwrap();
    conv2d::backward_weight_acc(level, conv, batch, x, dy, 0..conv.w_rows(), &mut dw).unwrap();
    conv2d::backward_bias_acc(level, conv, batch, dy, &mut db).unwrap();
    [dx, dw, db]
}

fn conv_forward(level: Level, conv: &Conv2d, batch: usize, x: &[f32], w: &[f32]) -> Vec<f32> {
    let mut y = vec![f32::NAN; batch * conv.y_len()];
    conv2d::forward_into(level, conv, batch, conv2d::Forward { x, w, b: None, epilogue: Epilogue::None }, &mut y)
        .unwrap();
    y
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn convolution(conv in convolutions(), batch in 0..3_usize, seed in 0..1000_u64) {
        let lens = [batch * conv.x_len(), conv.w_len(), batch * conv.y_len(), conv.b_len()];
        let layer = Linear::new(seed, lens, |each| taps::of_conv(&conv, batch, each));
        for level in Level::all() {
            let [dx, dw, db] = conv_backward(level, &conv, batch, &layer.x, &layer.w, &layer.dy);
            layer.check(seed, level, [&dx, &dw, &db]);
        }
    }

    #[test]
    fn transposed_convolution(conv in transposed(), batch in 0..3_usize, seed in 0..1000_u64) {
        let lens = [batch * conv.x_len(), conv.w_len(), batch * conv.y_len(), conv.b_len()];
        let layer = Linear::new(seed, lens, |each| taps::of_transpose(&conv, batch, each));
        for level in Level::all() {
            let (mut dx, mut dw, mut db) = (vec![f32::NAN; lens[0]], vec![0.0; lens[1]], vec![0.0; lens[3]]);
            conv2d_transpose::backward_input_into(level, &conv, batch, &layer.w, &layer.dy, &mut dx).unwrap();
            let rows = 0..conv.w_rows();
            conv2d_transpose::backward_weight_acc(level, &conv, batch, &layer.x, &layer.dy, rows, &mut dw).unwrap();
            conv2d_transpose::backward_bias_acc(level, &conv, batch, &layer.dy, &mut db).unwrap();
            layer.check(seed, level, [&dx, &dw, &db]);
        }
    }

    #[test]
    fn dense_layer(inputs in 0..40_usize, outputs in 1..40_usize, batch in 0..6_usize, seed in 0..1000_u64) {
        let layer = Dense::new(inputs, outputs);
        let lens = [batch * inputs, layer.w_len(), batch * outputs, outputs];
        let linear = Linear::new(seed, lens, |each| taps::of_dense(&layer, batch, each));
        for level in Level::all() {
            let (mut dx, mut dw, mut db) = (vec![f32::NAN; lens[0]], vec![0.0; lens[1]], vec![0.0; lens[3]]);
            let mut scratch = vec![f32::NAN; dense::backward_input_scratch_len(&layer)];
            dense::backward_input_into(level, &layer, batch, &linear.w, &linear.dy, &mut dx, &mut scratch).unwrap();
            dense::backward_weight_acc(level, &layer, batch, &linear.x, &linear.dy, 0..inputs, &mut dw).unwrap();
            dense::backward_bias_acc(level, &layer, batch, &linear.dy, &mut db).unwrap();
            linear.check(seed, level, [&dx, &dw, &db]);
        }
    }

    /// `⟨conv(x), y⟩ = ⟨x, convᵀ(y)⟩ = ⟨w, dw(x, y)⟩`, and linearity: exactly, since small integers leave
    /// nothing to round.
    #[test]
    fn adjoint_and_linear(conv in convolutions(), batch in 1..3_usize, seed in 0..1000_u64) {
        let integers = |seed, len| -> Vec<f32> { values(seed, len, 3.5).iter().map(|x| x.round()).collect() };
        let [x, z] = [1, 2].map(|i| integers(seed + i, batch * conv.x_len()));
        let [w, v] = [3, 4].map(|i| integers(seed + i, conv.w_len()));
        let y = integers(seed + 5, batch * conv.y_len());
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
        let combined = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| 2.0 * a - b).collect::<Vec<_>>();
        for level in Level::all() {
            let forward = |x: &[f32], w: &[f32]| conv_forward(level, &conv, batch, x, w);
            let out = forward(&x, &w);
            let [dx, dw, _] = conv_backward(level, &conv, batch, &x, &w, &y);
            prop_assert_eq!(dot(&out, &y), dot(&x, &dx), "input, {}", level);
            prop_assert_eq!(dot(&out, &y), dot(&w, &dw), "weights, {}", level);
            prop_assert_eq!(forward(&combined(&x, &z), &w), combined(&out, &forward(&z, &w)), "by x, {}", level);
            prop_assert_eq!(forward(&x, &combined(&w, &v)), combined(&out, &forward(&x, &v)), "by w, {}", level);
        }
    }

    /// A broken input reaches the outputs whose windows hold it, and no other: nothing is multiplied by padding.
    #[test]
    fn nan_reaches_its_windows_alone(conv in convolutions(), batch in 1..3_usize, seed in 0..1000_u64) {
        let (x_len, y_len) = (batch * conv.x_len(), batch * conv.y_len());
        let broken = Stream::new(seed, 4).below_at(0, x_len as u32) as usize;
        let broken_dy = Stream::new(seed, 4).below_at(1, y_len as u32) as usize;
        let (mut x, mut dy) = (vec![1.0; x_len], vec![1.0; y_len]);
        (x[broken], dy[broken_dy]) = (f32::NAN, f32::NAN);
        let (mut y_nan, mut x_nan) = (vec![false; y_len], vec![false; x_len]);
        let mut w_nan = vec![false; conv.w_len()];
        taps::of_conv(&conv, batch, |i, j, k| {
            y_nan[k] |= i == broken;
            x_nan[i] |= k == broken_dy;
            w_nan[j] |= i == broken || k == broken_dy;
        });
        let nans = |x: &[f32]| x.iter().map(|x| x.is_nan()).collect::<Vec<_>>();
        for level in Level::all() {
            let w = vec![1.0; conv.w_len()];
            prop_assert_eq!(nans(&conv_forward(level, &conv, batch, &x, &w)), y_nan.clone(), "y, {}", level);
            let [dx, dw, db] = conv_backward(level, &conv, batch, &x, &w, &dy);
            prop_assert_eq!(nans(&dx), x_nan.clone(), "dx, {}", level);
            prop_assert_eq!(nans(&dw), w_nan.clone(), "dw, {}", level);
            let of_bias: Vec<bool> = (0..db.len()).map(|o| o == broken_dy % db.len()).collect();
            prop_assert_eq!(nans(&db), of_bias, "db, {}", level);
        }
    }

    #[test]
    fn pooling(pool in pools(), batch in 0..3_usize, seed in 0..1000_u64) {
        // Distinct integers, so that a step of a quarter changes no maximum.
        let len = batch * pool.x_len();
        let mut x: Vec<f32> = (0..len).map(|i| i as f32 - (len / 2) as f32).collect();
        for i in (1..len).rev() {
            x.swap(i, Stream::new(seed, 5).below_at(i as u64, i as u32 + 1) as usize);
        }
        let dy = values(seed, batch * pool.y_len(), 1.0);
        let (x64, dy64) = (wide(&x), wide(&dy));
        let maxima = |x: &[f64]| {
            let mut y = vec![f64::NEG_INFINITY; dy.len()];
            taps::of_pool(&pool, batch, |i, o| y[o] = y[o].max(x[i]));
            y
        };
        let means = |x: &[f64]| {
            let mut y = vec![(0.0, 0.0); dy.len()];
            taps::of_pool(&pool, batch, |i, o| y[o] = (y[o].0 + x[i], y[o].1 + 1.0));
            y
        };
        let window = (pool.kernel[0] * pool.kernel[1]) as f64;
        let mut sizes = vec![Sum::default(); len];
        taps::of_pool(&pool, batch, |i, o| sizes[i].add(dy64[o]));
        let bound = |i: usize| (sizes[i].terms + 1.0) * U * sizes[i].size;
        for level in Level::all() {
            let (mut y, mut argmax) = (vec![f32::NAN; dy.len()], vec![255; dy.len()]);
            let mut dx = vec![f32::NAN; len];
            pool2d::max_forward_into(level, &pool, batch, &x, &mut y, Some(&mut argmax)).unwrap();
            prop_assert_eq!(wide(&y), maxima(&x64), "maxima, {}", level);
            pool2d::max_backward_into(level, &pool, batch, &argmax, &dy, None, &mut dx).unwrap();
            for i in some(seed, len) {
                let at = slope(&x64, i, 0.25, |x| Sum::of(&dy64, maxima(x).into_iter()));
                near("max dx", level, i, dx[i], at, bound(i));
            }
            dx.fill(f32::NAN);
            pool2d::max_backward_into(level, &pool, batch, &argmax, &dy, Some(&y), &mut dx).unwrap();
            for i in some(seed, len).into_iter().filter(|&i| x[i] != 0.0) {
                let at = slope(&x64, i, 0.25, |x| Sum::of(&dy64, maxima(x).into_iter().map(|y| y.max(0.0))));
                near("max and relu dx", level, i, dx[i], at, bound(i));
            }
            dx.fill(f32::NAN);
            pool2d::average_backward_into(level, &pool, batch, &dy, &mut dx).unwrap();
            for i in some(seed, len) {
                let at = slope(&x64, i, 1.0, |x| Sum::of(&dy64, means(x).into_iter().map(|(sum, count)| sum / if pool.padding_counted { window } else { count })));
                near("average dx", level, i, dx[i], at, bound(i));
            }
        }
    }

    #[test]
    fn normalisation(channels in 1..20_usize, rows in 1..40_usize, seed in 0..1000_u64, spread in 0.1..3.0_f32) {
        let len = rows * channels;
        let (x, dy) = (values(seed, len, spread), values(seed + 1, len, 1.0));
        let (gamma, beta) = (values(seed + 2, channels, 2.0), values(seed + 3, channels, 1.0));
        let epsilon = batch_norm::EPSILON;
        let column = |x: &[f32], c: usize| -> Vec<f64> { wide(x).into_iter().skip(c).step_by(channels).collect() };
        for level in Level::all() {
            let (mut mean, mut variance) = (vec![f32::NAN; channels], vec![f32::NAN; channels]);
            batch_norm::statistics_into(level, channels, &x, &mut mean, &mut variance).unwrap();
            let (mut dx, mut dgamma, mut dbeta) = (vec![f32::NAN; len], vec![0.0; channels], vec![0.0; channels]);
            let mut scratch = vec![f32::NAN; 2 * channels];
            batch_norm::backward_into(level, channels, batch_norm::Backward { x: &x, mean: &mean, variance: &variance, gamma: &gamma, epsilon, dy: &dy }, Some(&mut dx), &mut dgamma, &mut dbeta, &mut scratch).unwrap();
            for c in some(seed, channels) {
                let (x, dy) = (column(&x, c), column(&dy, c));
                let weights = [f64::from(gamma[c]), f64::from(beta[c])];
                let loss = |x: &[f64], [gamma, beta]: [f64; 2]| {
                    let (mean, variance) = reference::batch_norm::statistics(x);
                    Sum::of(&dy, x.iter().map(|&x| {
                        reference::batch_norm::forward(epsilon.into(), x, mean, variance, gamma, beta)
                    }))
                };
                // The errors of the kernel's own steps.
                let input = Tracked::input;
                let count = input(rows as f64);
                let mean = Tracked::sum(x.iter().map(|&x| input(x))) / count;
                let off = |i: usize| input(x[i]) - mean;
                let root = (Tracked::sum((0..rows).map(|i| off(i) * off(i))) / count + input(epsilon.into())).sqrt();
                let total = Tracked::sum(dy.iter().map(|&dy| input(dy)));
                let with_x = Tracked::sum((0..rows).map(|i| input(dy[i]) * off(i))) / root;
                for row in some(seed, rows) {
                    let rest = (input(dy[row]) - total / count) - off(row) * (with_x / root / count);
                    let at = slope(&x, row, 1e-4, |x| loss(x, weights));
                    near("dx", level, row, dx[row * channels + c], at, (input(weights[0]) / root * rest).error);
                }
                near("dgamma", level, c, dgamma[c], slope(&weights, 0, 1.0, |w| loss(&x, [w[0], w[1]])), with_x.error);
                near("dbeta", level, c, dbeta[c], slope(&weights, 1, 1.0, |w| loss(&x, [w[0], w[1]])), total.error);
            }
        }
    }

    #[test]
    fn softmax_and_cross_entropy(classes in 1..40_usize, scale in 0.1..12.0_f32, seed in 0..1000_u64) {
        let (x, dy) = (values(seed, classes, scale), values(seed + 1, classes, 1.0));
        let (x64, dy64) = (wide(&x), wide(&dy));
        let label = seed as usize % classes;
        let terms = (classes as f64 / 16.0).ceil() + 4.0;
        // The difference from the maximum, the exponential's unit, the chain and the quotient.
        let relative = U * (2.0 * f64::from(scale) + 4.0 + terms + 2.0);
        let p = |j: usize| reference::softmax::softmax(&x64, j);
        let dot: f64 = (0..classes).map(|j| p(j) * dy64[j].abs()).sum();
        let size: f64 = dy64.iter().map(|dy| dy.abs()).sum();
        for level in Level::all() {
            let (mut y, mut dx) = (vec![f32::NAN; classes], vec![f32::NAN; classes]);
            softmax::softmax_into(level, classes, &x, &mut y).unwrap();
            // Each is within its bound, and their exact sum is 1.
            prop_assert!((wide(&y).iter().sum::<f64>() - 1.0).abs() <= relative);
            softmax::softmax_backward_into(level, classes, &y, &dy, &mut dx).unwrap();
            for j in some(seed, classes) {
                let at = slope(&x64, j, 1e-4, |x| Sum::of(&dy64, (0..classes).map(|j| reference::softmax::softmax(x, j))));
                near("softmax dx", level, j, dx[j], at, p(j) * (dy64[j].abs() + dot) * (2.0 * relative + U * (terms + 4.0)));
            }
            softmax::log_softmax_into(level, classes, &x, &mut y).unwrap();
            softmax::log_softmax_backward_into(level, classes, &y, &dy, &mut dx).unwrap();
            for j in some(seed, classes) {
                let at = slope(&x64, j, 1e-4, |x| {
                    Sum::of(&dy64, (0..classes).map(|j| reference::softmax::log_softmax(x, j)))
                });
                let log = U * (4.0 * f64::from(scale) + 3.0 * f64::from(y[j].abs()) + terms + 6.0);
                near("log-softmax dx", level, j, dx[j], at, U * dy64[j].abs() + p(j) * size * (log + U * (terms + 6.0)));
            }
            loss::softmax_cross_entropy(level, classes, &x, &[label as u32], &mut dx).unwrap();
            for j in some(seed, classes) {
                let at = slope(&x64, j, 1e-4, |x| {
                    Sum::of(&[1.0], [reference::loss::softmax_cross_entropy(x, label)].into_iter())
                });
                near("cross-entropy dx", level, j, dx[j], at, p(j) * relative + 3.0 * U);
            }
        }
    }

    #[test]
    fn losses_of_elements(len in 1..50_usize, seed in 0..1000_u64) {
        let (x, t) = (values(seed, len, 4.0), values(seed + 1, len, 0.5).iter().map(|t| t + 0.5).collect::<Vec<_>>());
        // Far enough from 0 and 1 that a step does not leave them.
        let p: Vec<f32> = x.iter().map(|x| 0.5 + x / 9.0).collect();
        type Kernel = fn(Level, &[f32], &[f32], &mut [f32]) -> Result<f32, loss::LossError>;
        type Element = fn(f64, f64) -> f64;
        let halves = |y: f64, t: f64| 0.5 * (y - t) * (y - t);
        let squares = |y: f64, t: f64| (y - t) * (y - t);
        // With what a gradient may be off: units of itself, and absolutely (σ by three units).
        type Case<'a> = (&'a str, Kernel, Element, &'a [f32], bool, [f64; 2]);
        let all: [Case; 4] = [
            ("half squared error", loss::half_squared_error, halves, &x, false, [2.0, 0.0]),
            ("mean squared error", loss::mean_squared_error, squares, &x, true, [4.0, 0.0]),
            ("cross-entropy from logits", loss::binary_cross_entropy_from_logits,
                reference::loss::binary_cross_entropy_from_logits, &x, true, [2.0, 7.0]),
            ("cross-entropy", loss::binary_cross_entropy, reference::loss::binary_cross_entropy, &p, true, [8.0, 0.0]),
        ];
        for (name, kernel, element, x, mean, [relative, absolute]) in all {
            let (x64, share) = (wide(x), if mean { 1.0 / len as f64 } else { 1.0 });
            for level in Level::all() {
                let mut dx = vec![f32::NAN; len];
                kernel(level, x, &t, &mut dx).unwrap();
                for i in some(seed, len) {
                    let at = slope(&x64, i, 1e-4, |x| Sum::of(&[share], [element(x[i], t[i].into())].into_iter()));
                    near(name, level, i, dx[i], at, U * (relative * at.value.abs() + absolute * share));
                }
            }
        }
    }

    #[test]
    fn activations(len in 1..40_usize, scale in 0.5..12.0_f32, seed in 0..1000_u64) {
        let (x, dy) = (values(seed, len, scale), values(seed + 1, len, 1.0));
        let (x64, dy64) = (wide(&x), wide(&dy));
        // Inside this of a corner a difference is not a slope.
        let h = 1e-4;
        for (twin, forward, backward, keeps_output, roundings) in ACTIVATIONS {
            for level in Level::all() {
                let (mut y, mut dx) = (vec![f32::NAN; len], vec![f32::NAN; len]);
                forward(level, &x, &mut y).unwrap();
                backward(level, if keeps_output { &y } else { &x }, &dy, &mut dx).unwrap();
                for i in some(seed, len).into_iter().filter(|&i| CORNERS.iter().all(|corner| (x64[i] - corner).abs() > h)) {
                    let at = slope(&x64, i, h, |x| Sum::of(&[dy64[i]], [twin.value(x[i])].into_iter()));
                    let (x, value) = (x64[i], twin.value(x64[i]));
                    // The terms of a slope from x may cancel: Φ or σ, and x times a density or σ' u'.
                    let terms = if keeps_output {
                        1.0
                    } else {
                        twin.slope(x).abs() + (value / x).abs() + value.abs() * (1.6 + 0.25 * x * x)
                    };
                    // A subnormal factor is rounded to a multiple of the smallest.
                    let tiny = f64::from(f32::from_bits(1)) * (1.0 + x.abs().powi(3));
                    let bound = U * roundings(x) * dy64[i].abs() * terms + tiny;
                    near(&format!("{twin:?}"), level, i, dx[i], at, bound);
                }
            }
        }
    }

    /// PReLU: linear in each slope, and in each input but at 0.
    #[test]
    fn learnt_slopes(channels in 1..20_usize, rows in 1..6_usize, seed in 0..1000_u64) {
        let (x, slopes, dy) = (values(seed, rows * channels, 2.0), values(seed + 1, channels, 1.0), values(seed + 2, rows * channels, 1.0));
        let (x64, slopes64, dy64) = (wide(&x), wide(&slopes), wide(&dy));
        let value = |x: f64, slope: f64| if x > 0.0 { x } else { slope * x };
        let loss = |x: &[f64], slopes: &[f64]| Sum::of(&dy64, x.iter().enumerate().map(|(i, &x)| value(x, slopes[i % channels])));
        for level in Level::all() {
            let (mut dx, mut dslopes) = (vec![f32::NAN; x.len()], vec![0.0; channels]);
            let operands = prelu::Backward { x: &x, slopes: &slopes, dy: &dy };
            prelu::backward_into(level, channels, operands, Some(&mut dx), &mut dslopes).unwrap();
            for i in some(seed, x.len()).into_iter().filter(|&i| x64[i].abs() > 1e-3) {
                let at = slope(&x64, i, 1e-4, |x| loss(x, &slopes64));
                near("prelu dx", level, i, dx[i], at, U * at.value.abs());
            }
            for c in some(seed, channels) {
                let each: f64 = (0..rows).map(|row| (x64[row * channels + c] * dy64[row * channels + c]).abs()).sum();
                let at = slope(&slopes64, c, 1.0, |slopes| loss(&x64, slopes));
                near("prelu dslopes", level, c, dslopes[c], at, (rows as f64 + 1.0) * U * each);
            }
        }
    }

    /// Cross-entropy with every option at once, and the losses of elements that have corners.
    #[test]
    fn losses_with_options(rows in 1..4_usize, classes in 1..20_usize, smoothing in 0.0..0.9_f32, seed in 0..1000_u64) {
        let (x, weights) = (values(seed, rows * classes, 4.0), values(seed + 1, classes, 0.5).iter().map(|w| w + 1.0).collect::<Vec<_>>());
        let labels: Vec<u8> = (0..rows).map(|row| ((seed as usize + row) % classes) as u8).collect();
        let (x64, weights64) = (wide(&x), wide(&weights));
        for level in Level::all() {
            let operands = Labelled { class_weights: Some(&weights), smoothing, ignored: Some(1), ..Labelled::new(&x, &labels) };
            let counted: Vec<usize> = (0..rows).filter(|&row| labels[row] != 1).collect();
            let mut dx = vec![f32::NAN; x.len()];
            let outputs = loss::Outputs { gradient: Some(&mut dx), values: None };
            loss::softmax_cross_entropy_with(level, classes, operands, outputs).unwrap();
            let share = 1.0 / counted.len().max(1) as f64;
            for i in some(seed, x.len()) {
                let at = slope(&x64, i, 1e-4, |x| {
                    let row = |&row: &usize| {
                        let label = usize::from(labels[row]);
                        let target = reference::loss::Target { label, class_weights: &weights64, smoothing: smoothing.into() };
                        target.cross_entropy(&x[row * classes..][..classes])
                    };
                    Sum::of(&vec![share; counted.len()], counted.iter().map(row))
                });
                // The spread of the logits, the sums' chains, and some ten roundings of numbers below 2.
                near("dx", level, i, dx[i], at, U * share * 2.0 * (16.0 + 6.0 + 12.0));
            }
        }
    }

    /// Backward of dropout is the same kernel with the same stream.
    #[test]
    fn dropped(len in 0..300_usize, rate in 0.0..1.0_f32, seed in 0..1000_u64, first in 0..10_000_u64) {
        let (x, dy) = (wide(&values(seed, len, 1.0)), values(seed + 1, len, 1.0));
        let stream = Stream::new(seed, 1);
        let factor = |i: usize| reference::dropout::factor(rate, stream, first + i as u64).map_or(0.0, f64::from);
        for level in Level::all() {
            let mut dx = vec![f32::NAN; len];
            dropout::into(level, rate, stream, first, &dy, &mut dx).unwrap();
            for i in some(seed, len) {
                let at = slope(&x, i, 1.0, |x| Sum::of(&[dy[i].into()], [x[i] * factor(i)].into_iter()));
                near("dropout", level, i, dx[i], at, U * at.value.abs());
            }
        }
    }
}
