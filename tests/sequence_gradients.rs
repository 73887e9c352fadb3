//! Backward kernels of sequences against central differences of the formulas in `f64`, over random shapes: as
//! `gradients.rs` does, with the kernel's bound carried through the formulas.

mod recurrence;
mod tracked;

use kernlet::{
    kernels::{layer_norm, recurrent::*, rms_norm},
    random::Stream,
    simd::Level,
};
use proptest::prelude::*;
use recurrence::{Layer, Real};
use tracked::Tracked;

/// Reproducible values in ±1.
fn values(seed: u64, len: usize) -> Vec<f32> {
    let stream = Stream::new(seed, 3);
    (0..len).map(|i| 2.0 * stream.f32_at(i as u64) - 1.0).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

fn tracked(x: &[f32]) -> Vec<Tracked> {
    x.iter().map(|&x| Tracked::input(x.into())).collect()
}

/// A few elements of `len`, the first and the last among them.
fn some(seed: u64, len: usize) -> Vec<usize> {
    let stream = Stream::new(seed, 9);
    let inner = (0..3).map(|i| stream.below_at(i, len.max(1) as u32) as usize);
    if len == 0 { Vec::new() } else { inner.chain([0, len - 1]).collect() }
}

/// Fails unless `found[i]` is the slope of `loss` by `x[i]`, within the bound of the kernel and what two steps of the
/// difference are apart. The loss is a sum of at most `size`, in thousands of roundings.
fn check_slopes(
    what: &str,
    level: Level,
    seed: u64,
    x: &[f32],
    found: &[f32],
    bounds: &[Tracked],
    loss: impl Fn(&[f64]) -> f64,
) {
    let x = wide(x);
    for i in some(seed, x.len()) {
        let mut moved = x.clone();
        let mut difference = |h: f64| {
            let [above, below] = [h, -h].map(|h| {
                moved[i] = x[i] + h;
                loss(&moved)
            });
            (above - below, (x[i] + h) - (x[i] - h), above.abs() + below.abs() + 1.0)
        };
        let (h, thousands) = (1e-3, 4096.0 * f64::EPSILON);
        let [(coarse, step, size), (fine, half, _)] = [difference(h), difference(h / 2.0)];
        let (coarse, fine) = (coarse / step, fine / half);
        let bound = bounds[i].error + (coarse - fine).abs() + 4.0 * thousands * size / h;
        let off = (f64::from(found[i]) - fine).abs();
        assert!(off <= bound, "{level}: {what}[{i}] = {:e}, slope {fine:e}: off by {off:e}, bound {bound:e}", found[i]);
    }
}

fn dot(a: &[f64], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, &b)| a * f64::from(b)).sum()
}

fn recurrent<C: Cell>(mut shape: Recurrent<C>, lengths: &[u32], [sequences, reverse, zeros]: [bool; 3], seed: u64) {
    (shape.sequences, shape.reverse, shape.zeros_after_end) = (sequences, reverse, zeros);
    let batch = lengths.len();
    let lens = [
        shape.kernel_len(),
        shape.recurrent_len(),
        shape.bias_len(),
        batch * shape.x_len(),
        batch * shape.state_len(),
        batch * shape.y_len(),
        batch * shape.state_len(),
    ];
    let [kernel, recurrent, bias, x, state, dy, dstate] = core::array::from_fn(|i| values(seed + i as u64, lens[i]));
    let in_f64 = || layer([&kernel, &recurrent, &bias, &x, &state].map(|x| wide(x)), lengths);
    let loss = |layer: Layer<f64>| {
        let outputs = layer.forward(&shape);
        dot(&outputs.y, &dy) + dot(&outputs.state, &dstate)
    };
    let bounds = layer([&kernel, &recurrent, &bias, &x, &state].map(|x| tracked(x)), lengths);
    let bounds = bounds.backward(&shape, &tracked(&dy), &tracked(&dstate));
    for level in Level::all() {
        let of = Sequences::new(batch).with_lengths(lengths);
        let weights = Weights { kernel: &kernel, recurrent: &recurrent, bias: Some(&bias) };
        let (mut y, mut end) = (vec![f32::NAN; dy.len()], state.clone());
        let (mut kept, mut first) = (vec![f32::NAN; batch * shape.kept_len()], dstate.clone());
        forward_into(level, &shape, of, Forward { x: &x, weights }, &mut y, &mut end, &mut kept).unwrap();
        let mut scratch = vec![f32::NAN; backward_scratch_len(&shape, batch)];
        let read = Backward { recurrent: &recurrent, dy: &dy };
        backward_in_place(level, &shape, of, read, &mut first, &mut kept, &mut scratch).unwrap();
        let (mut dx, mut dkernel) = (vec![f32::NAN; x.len()], vec![0.0; kernel.len()]);
        let (mut drecurrent, mut dbias) = (vec![0.0; recurrent.len()], vec![0.0; bias.len()]);
        backward_input_into(level, &shape, of, &kernel, &kept, &mut dx, &mut scratch).unwrap();
        backward_kernel_acc(level, &shape, of, &x, &kept, 0..shape.inputs, &mut dkernel).unwrap();
        backward_recurrent_acc(level, &shape, of, &kept, 0..shape.units, &mut drecurrent).unwrap();
        backward_bias_acc(level, &shape, of, &kept, 0..C::BIASES, &mut dbias).unwrap();
        let check = |what: &str, x: &[f32], found: &[f32], bounds: &[Tracked], set: fn(&mut Layer<f64>, Vec<f64>)| {
            check_slopes(what, level, seed, x, found, bounds, |x| {
                let mut layer = in_f64();
                set(&mut layer, x.to_vec());
                loss(layer)
            });
        };
        check("dx", &x, &dx, &bounds.dx, |layer, x| layer.x = x);
        check("dkernel", &kernel, &dkernel, &bounds.dkernel, |layer, x| layer.kernel = x);
        check("drecurrent", &recurrent, &drecurrent, &bounds.drecurrent, |layer, x| layer.recurrent = x);
        check("dbias", &bias, &dbias, &bounds.dbias, |layer, x| layer.bias = Some(x));
        check("dstate", &state, &first, &bounds.dstate, |layer, x| layer.state = x);
    }
}

fn layer<R: Real>([kernel, recurrent, bias, x, state]: [Vec<R>; 5], lengths: &[u32]) -> Layer<R> {
    let lengths = lengths.iter().map(|&length| length as usize).collect();
    Layer { kernel, recurrent, bias: Some(bias), x, state, lengths }
}

/// A row's normalisation; without `beta` by the root of its mean square.
fn normalised<R: Real>(divide: fn(R, R) -> R, root: fn(R) -> R, x: &[R], gamma: &[R], beta: Option<&[R]>) -> Vec<R> {
    let count = R::of(x.len() as f64);
    let mean = if beta.is_some() { divide(R::sum(x.to_vec()), count) } else { R::of(0.0) };
    let off: Vec<R> = x.iter().map(|x| x.minus(mean)).collect();
    let variance = divide(R::sum(off.iter().map(|x| x.times(*x)).collect()), count);
    let scale = divide(R::of(1.0), root(variance.plus(R::of(f64::from(1e-3_f32)))));
    let y = |i: usize| off[i].times(scale).times(gamma[i]);
    (0..x.len()).map(|i| beta.map_or(y(i), |beta| y(i).plus(beta[i]))).collect()
}

/// How far a row's gradients may be off.
fn row_bounds(x: &[Tracked], gamma: &[Tracked], dy: &[Tracked], centred: bool) -> (Vec<Tracked>, Vec<Tracked>) {
    let (count, zero) = (Tracked::input(x.len() as f64), Tracked::input(0.0));
    let mean = if centred { Tracked::sum(x.iter().copied()) / count } else { zero };
    let variance = Tracked::sum(x.iter().map(|&x| (x - mean) * (x - mean))) / count;
    let scale = Tracked::input(1.0) / (variance + Tracked::input(f64::from(1e-3_f32))).sqrt();
    let normal: Vec<Tracked> = x.iter().map(|&x| (x - mean) * scale).collect();
    let g: Vec<Tracked> = dy.iter().zip(gamma).map(|(&dy, &gamma)| dy * gamma).collect();
    let of_gradient = if centred { Tracked::sum(g.iter().copied()) / count } else { zero };
    let with_input = Tracked::sum(g.iter().zip(&normal).map(|(&g, &n)| g * n)) / count;
    let dx = g.iter().zip(&normal).map(|(&g, &n)| scale * ((g - of_gradient) - n * with_input)).collect();
    (dx, dy.iter().zip(&normal).map(|(&dy, &n)| dy * n).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn recurrent_layers(
        (steps, inputs, units) in (1..6_usize, 1..5_usize, prop_oneof![1..6_usize, 15..18_usize]),
        batch in 1..4_usize, options: [bool; 3], seed in 0..1000_u64,
    ) {
        let stream = Stream::new(seed, 1);
        let lengths: Vec<u32> = (0..batch as u64).map(|n| 1 + stream.below_at(n, steps as u32)).collect();
        recurrent(Recurrent::<SimpleRnn>::new(steps, inputs, units), &lengths, options, seed);
        recurrent(Recurrent::<Gru>::new(steps, inputs, units), &lengths, options, seed);
        recurrent(Recurrent::<GruResetBefore>::new(steps, inputs, units), &lengths, options, seed);
        recurrent(Recurrent::<Lstm>::new(steps, inputs, units), &lengths, options, seed);
    }

    #[test]
    fn normalisations_of_rows(channels in 1..40_usize, seed in 0..1000_u64) {
        let [x, gamma, beta, dy] = core::array::from_fn(|i| values(seed + i as u64, channels));
        let (divide, root): (fn(f64, f64) -> f64, fn(f64) -> f64) = (|a, b| a / b, f64::sqrt);
        for level in Level::all() {
            for centred in [true, false] {
                let (mut y, mut dx) = (vec![f32::NAN; channels], vec![f32::NAN; channels]);
                let (mut dgamma, mut dbeta, mut statistics) = (vec![0.0; channels], vec![0.0; channels], [f32::NAN; 2]);
                if centred {
                    let of = layer_norm::Forward { x: &x, gamma: &gamma, beta: &beta };
                    layer_norm::forward_into(level, channels, 1e-3, of, &mut y, &mut statistics).unwrap();
                    let of = layer_norm::Backward { x: &x, statistics: &statistics, gamma: &gamma, dy: &dy };
                    layer_norm::backward_input_into(level, channels, of, &mut dx).unwrap();
                    layer_norm::backward_weight_acc(level, channels, of, &mut dgamma, &mut dbeta).unwrap();
                    prop_assert_eq!(&dbeta, &dy);
                } else {
                    rms_norm::forward_into(level, 1e-3, &x, &gamma, &mut y, &mut statistics[..1]).unwrap();
                    let of = rms_norm::Backward { x: &x, statistics: &statistics[..1], gamma: &gamma, dy: &dy };
                    rms_norm::backward_input_into(level, of, &mut dx).unwrap();
                    rms_norm::backward_weight_acc(level, of, &mut dgamma).unwrap();
                }
                let (of_x, of_gamma) = row_bounds(&tracked(&x), &tracked(&gamma), &tracked(&dy), centred);
                let (wide_gamma, wide_beta) = (wide(&gamma), wide(&beta));
                let beta = centred.then_some(&wide_beta[..]);
                check_slopes("dx", level, seed, &x, &dx, &of_x, |x| {
                    dot(&normalised(divide, root, x, &wide_gamma, beta), &dy)
                });
                check_slopes("dgamma", level, seed, &gamma, &dgamma, &of_gamma, |gamma| {
                    dot(&normalised(divide, root, &wide(&x), gamma, beta), &dy)
                });
            }
        }
    }
}
