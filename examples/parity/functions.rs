//! Functions of elements, losses with options, pooling, products and PyTorch's optimizers: what their bits
//! depend on, in little memory.

use kernlet::{
    kernels::{
        ShapeError,
        activation::*,
        elementwise,
        loss::{self, Labelled, Outputs, Reduction},
        matmul::{Factors, Matmul, Transposed, matmul_into},
        pad2d::{self, Fill, Pad2d},
        pool2d::{self, Pool2d},
        prelu,
    },
    optim::{Optimizer, RmsProp, Step, pytorch},
    random::Stream,
    shape::Padding,
    simd::Level,
    snapshot,
};

const LEN: usize = 45;

fn noise(seed: u64, to: &mut [f32]) {
    let stream = Stream::new(10, seed);
    for (i, x) in (0..).zip(to) {
        *x = 8.0 * stream.f32_at(i) - 4.0;
    }
}

type Into = fn(Level, &[f32], &mut [f32]) -> Result<(), ShapeError>;
type Backward = fn(Level, &[f32], &[f32], &mut [f32]) -> Result<(), ShapeError>;

fn elements(level: Level, mix: &mut impl FnMut(&[f32])) -> Option<()> {
    let (mut x, mut dy, mut y, mut dx) = ([0.0; LEN], [0.0; LEN], [0.0; LEN], [0.0; LEN]);
    noise(1, &mut x);
    noise(2, &mut dy);
    // Those whose backward reads the output first.
    let all: [(Into, Backward, bool); 9] = [
        (hard_sigmoid_into, hard_sigmoid_backward_into, true),
        (selu_into, selu_backward_into, true),
        (
            |level, x, y| clip_into(level, -1.0, 2.5, x, y),
            |level, y, dy, dx| clip_backward_into(level, -1.0, 2.5, y, dy, dx),
            true,
        ),
        (|level, x, y| elu_into(level, 0.7, x, y), |level, y, dy, dx| elu_backward_into(level, 0.7, y, dy, dx), true),
        (|level, x, y| celu_into(level, 1.3, x, y), |level, y, dy, dx| celu_backward_into(level, 1.3, y, dy, dx), true),
        (hard_swish_into, hard_swish_backward_into, false),
        (softplus_into, softplus_backward_into, false),
        (mish_into, mish_backward_into, false),
        (gelu_tanh_into, gelu_tanh_backward_into, false),
    ];
    for (forward, backward, keeps_output) in all {
        forward(level, &x, &mut y).ok()?;
        backward(level, if keeps_output { &y } else { &x }, &dy, &mut dx).ok()?;
        mix(&y);
        mix(&dx);
    }
    for function in [elementwise::exp_into, elementwise::exp_m1_into, elementwise::erf_into] {
        function(level, &x, &mut y).ok()?;
        mix(&y);
    }
    for function in [elementwise::minimum_into, elementwise::maximum_into, elementwise::divide_into] {
        function(level, &x, &dy, &mut y).ok()?;
        mix(&y);
    }
    let mut slopes = [0.0; 5];
    noise(3, &mut slopes);
    let mut dslopes = slopes;
    prelu::forward_into(level, 5, &x, &slopes, &mut y).ok()?;
    let operands = prelu::Backward { x: &x, slopes: &slopes, dy: &dy };
    prelu::backward_into(level, 5, operands, Some(&mut dx), &mut dslopes).ok()?;
    [&y[..], &dx, &dslopes].into_iter().for_each(mix);
    Some(())
}

fn losses(level: Level, mix: &mut impl FnMut(&[f32])) -> Option<()> {
    let (mut x, mut weights, mut dx, mut values) = ([0.0; LEN], [0.0; 9], [0.0; LEN], [0.0; 5]);
    noise(4, &mut x);
    noise(5, &mut weights);
    let labels = [0_u16, 8, 3, 7, 3];
    for smoothing in [0.0, 0.1] {
        for reduction in [Reduction::Mean, Reduction::WeightedMean] {
            let class_weights = Some(&weights[..]);
            let operands =
                Labelled { reduction, class_weights, ignored: Some(7), smoothing, ..Labelled::new(&x, &labels) };
            let outputs = Outputs { gradient: Some(&mut dx), values: Some(&mut values) };
            mix(&[loss::softmax_cross_entropy_with(level, 9, operands, outputs).ok()?]);
            mix(&dx);
            mix(&values);
        }
    }
    Some(())
}

fn images(level: Level, mix: &mut impl FnMut(&[f32])) -> Option<()> {
    let sides = Padding::Explicit { top: 1, bottom: 0, left: 1, right: 2 };
    let pool = Pool2d::new(5, 3, 3, [2, 2]).with_dilation([2, 1]).with_stride([1, 1]).with_padding(sides);
    let (mut x, mut dx, mut y, mut argmax) = ([0.0; LEN], [0.0; LEN], [0.0; 60], [0; 60]);
    noise(6, &mut x);
    pool2d::max_forward_into(level, &pool, 1, &x, &mut y, Some(&mut argmax)).ok()?;
    mix(&y);
    pool2d::max_backward_into(level, &pool, 1, &argmax, &y, None, &mut dx).ok()?;
    mix(&dx);
    let pool = pool.with_padding_counted();
    pool2d::average_forward_into(level, &pool, 1, &x, &mut y).ok()?;
    mix(&y);
    pool2d::average_backward_into(level, &pool, 1, &y, &mut dx).ok()?;
    mix(&dx);
    let pad = Pad2d::new(5, 3, 3, sides).with_fill(Fill::Reflect);
    let mut padded = [0.0; 6 * 6 * 3];
    pad2d::forward_into(&pad, 1, &x, &mut padded).ok()?;
    pad2d::backward_into(level, &pad, 1, &padded, &mut dx).ok()?;
    mix(&dx);
    Some(())
}

fn products(level: Level, mix: &mut impl FnMut(&[f32])) -> Option<()> {
    for transposed in [Transposed::Neither, Transposed::A, Transposed::B] {
        let product = Matmul::new(5, 9, 5).with_transposed(transposed);
        let (mut a, mut b, mut c, mut scratch) = ([0.0; LEN], [0.0; LEN], [0.0; 25], [0.0; 25 + LEN]);
        noise(7, &mut a);
        noise(8, &mut b);
        noise(9, &mut c);
        let scratch = scratch.get_mut(..product.scratch_len())?;
        matmul_into(level, &product, Factors { alpha: 0.7, a: &a, b: &b, beta: -0.3 }, &mut c, scratch).ok()?;
        mix(&c);
    }
    Some(())
}

fn optimizers(level: Level, mix: &mut impl FnMut(&[f32])) -> Option<()> {
    fn steps(level: Level, optimizer: impl Optimizer, mix: &mut impl FnMut(&[f32])) -> Option<()> {
        let (mut w, mut g, mut states) = ([0.5; LEN], [0.0; LEN], [[0.0; LEN]; 3]);
        for number in 1..=3 {
            noise(10 + u64::from(number), &mut g);
            let mut states = states.each_mut().map(|state| &mut state[..]);
            optimizer.update(level, Step::new(number), &mut w, &g, &mut states).ok()?;
        }
        mix(&w);
        Some(())
    }
    steps(level, RmsProp::new(0.01).with_centred(), mix)?;
    steps(level, pytorch::Sgd::new(0.1).with_momentum(0.9).with_nesterov().with_weight_decay(0.1), mix)?;
    steps(level, pytorch::Adam::new(0.1).with_weight_decay(0.1), mix)?;
    steps(level, pytorch::RmsProp::new(0.1).with_centred().with_momentum(0.9), mix)?;
    steps(level, pytorch::Adagrad::new(0.1).with_lr_decay(0.1), mix)
}

/// The fingerprint of everything; 0 if something was refused.
pub fn fingerprint(level: Level) -> u64 {
    let mut sum = 0_u64;
    let mut mix = |x: &[f32]| sum = sum.rotate_left(7) ^ snapshot::fingerprint(x);
    let done = elements(level, &mut mix)
        .and_then(|()| losses(level, &mut mix))
        .and_then(|()| images(level, &mut mix))
        .and_then(|()| products(level, &mut mix))
        .and_then(|()| optimizers(level, &mut mix));
    if done.is_some() { sum } else { 0 }
}
