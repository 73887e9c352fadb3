//! Whole networks of the field: declared, counted, trained a few steps, compared with Keras; and graphs of all shapes.
//!
//! What Keras computes with them stands in `tests/data/graphs`, beside the program that wrote it.
#![cfg(feature = "alloc")]

use std::collections::BTreeMap;

use kernlet::{
    nn::{
        Batching, Gradients, HeapMemory, Loss, MeanSquaredError, Model, Network, SoftmaxCrossEntropy, Targets,
        Training, infer, inference_len,
    },
    optim::Sgd,
    shape::Shape,
    simd::Level,
};
use safetensors::SafeTensors;

kernlet::network! {
    /// MLPerf Tiny's image classification.
    pub struct ResNet8([32, 32, 3]) {
        c0: conv2d(16, 3x3, padding: same), n0: batch_norm, entry1: relu,
        c1: conv2d(16, 3x3, padding: same), n1: batch_norm, relu,
        c2: conv2d(16, 3x3, padding: same), n2: batch_norm, add(entry1), entry2: relu,
        c3: conv2d(32, 3x3, stride: 2, padding: same), n3: batch_norm, relu,
        c4: conv2d(32, 3x3, padding: same), body2: batch_norm,
        s2: conv2d(32, 1x1, stride: 2, padding: same, from: entry2), add(body2), entry3: relu,
        c5: conv2d(64, 3x3, stride: 2, padding: same), n5: batch_norm, relu,
        c6: conv2d(64, 3x3, padding: same), body3: batch_norm,
        s3: conv2d(64, 1x1, stride: 2, padding: same, from: entry3), add(body3), relu,
        global_avg_pool2d, out: dense(10), softmax,
    }
}

kernlet::network! {
    /// MLPerf Tiny's keyword spotting.
    pub struct DsCnn([49, 10, 1]) {
        c0: conv2d(64, 10x4, stride: 2, padding: same), n0: batch_norm, relu,
        d1: depthwise_conv2d(3x3, padding: same), dn1: batch_norm, relu, c1: conv2d(64, 1x1), n1: batch_norm, relu,
        d2: depthwise_conv2d(3x3, padding: same), dn2: batch_norm, relu, c2: conv2d(64, 1x1), n2: batch_norm, relu,
        d3: depthwise_conv2d(3x3, padding: same), dn3: batch_norm, relu, c3: conv2d(64, 1x1), n3: batch_norm, relu,
        d4: depthwise_conv2d(3x3, padding: same), dn4: batch_norm, relu, c4: conv2d(64, 1x1), n4: batch_norm, relu,
        avg_pool2d(25x5), out: dense(12), softmax,
    }
}

kernlet::network! {
    /// MLPerf Tiny's person detection, 84 layers.
    pub struct MobileNetV1([96, 96, 3]) {
        c0: conv2d(8, 3x3, stride: 2, padding: same), n0: batch_norm, relu,
        d1: depthwise_conv2d(3x3, padding: same), dn1: batch_norm, relu, c1: conv2d(16, 1x1), n1: batch_norm, relu,
        d2: depthwise_conv2d(3x3, stride: 2, padding: same), dn2: batch_norm, relu,
        c2: conv2d(32, 1x1), n2: batch_norm, relu,
        d3: depthwise_conv2d(3x3, padding: same), dn3: batch_norm, relu, c3: conv2d(32, 1x1), n3: batch_norm, relu,
        d4: depthwise_conv2d(3x3, stride: 2, padding: same), dn4: batch_norm, relu,
        c4: conv2d(64, 1x1), n4: batch_norm, relu,
        d5: depthwise_conv2d(3x3, padding: same), dn5: batch_norm, relu, c5: conv2d(64, 1x1), n5: batch_norm, relu,
        d6: depthwise_conv2d(3x3, stride: 2, padding: same), dn6: batch_norm, relu,
        c6: conv2d(128, 1x1), n6: batch_norm, relu,
        d7: depthwise_conv2d(3x3, padding: same), dn7: batch_norm, relu, c7: conv2d(128, 1x1), n7: batch_norm, relu,
        d8: depthwise_conv2d(3x3, padding: same), dn8: batch_norm, relu, c8: conv2d(128, 1x1), n8: batch_norm, relu,
        d9: depthwise_conv2d(3x3, padding: same), dn9: batch_norm, relu, c9: conv2d(128, 1x1), n9: batch_norm, relu,
        d10: depthwise_conv2d(3x3, padding: same), dn10: batch_norm, relu,
        c10: conv2d(128, 1x1), n10: batch_norm, relu,
        d11: depthwise_conv2d(3x3, padding: same), dn11: batch_norm, relu,
        c11: conv2d(128, 1x1), n11: batch_norm, relu,
        d12: depthwise_conv2d(3x3, stride: 2, padding: same), dn12: batch_norm, relu,
        c12: conv2d(256, 1x1), n12: batch_norm, relu,
        d13: depthwise_conv2d(3x3, padding: same), dn13: batch_norm, relu,
        c13: conv2d(256, 1x1), n13: batch_norm, relu,
        avg_pool2d(3x3), out: dense(2), softmax,
    }
}

kernlet::network! {
    /// MLPerf Tiny's anomaly detection.
    pub struct Autoencoder([640]) {
        e1: dense(128), n1: batch_norm, relu, e2: dense(128), n2: batch_norm, relu,
        e3: dense(128), n3: batch_norm, relu, e4: dense(128), n4: batch_norm, relu,
        code: dense(8), n5: batch_norm, relu,
        d1: dense(128), n6: batch_norm, relu, d2: dense(128), n7: batch_norm, relu,
        d3: dense(128), n8: batch_norm, relu, d4: dense(128), n9: batch_norm, relu,
        out: dense(640),
    }
}

kernlet::network! {
    /// Inverted residuals, in small.
    pub struct MobileNetV2([32, 32, 3]) {
        c0: conv2d(16, 3x3, stride: 2, padding: same), n0: batch_norm, relu6,
        d1: depthwise_conv2d(3x3, padding: same), dn1: batch_norm, relu6, p1: conv2d(8, 1x1), pn1: batch_norm,
        x2: conv2d(48, 1x1), xn2: batch_norm, relu6,
        d2: depthwise_conv2d(3x3, stride: 2, padding: same), dn2: batch_norm, relu6,
        p2: conv2d(12, 1x1), entry3: batch_norm,
        x3: conv2d(72, 1x1), xn3: batch_norm, relu6,
        d3: depthwise_conv2d(3x3, padding: same), dn3: batch_norm, relu6,
        p3: conv2d(12, 1x1), pn3: batch_norm, add(entry3),
        x4: conv2d(72, 1x1), xn4: batch_norm, relu6,
        d4: depthwise_conv2d(3x3, stride: 2, padding: same), dn4: batch_norm, relu6,
        p4: conv2d(16, 1x1), entry5: batch_norm,
        x5: conv2d(96, 1x1), xn5: batch_norm, relu6,
        d5: depthwise_conv2d(3x3, padding: same), dn5: batch_norm, relu6,
        p5: conv2d(16, 1x1), pn5: batch_norm, add(entry5),
        c6: conv2d(64, 1x1), n6: batch_norm, relu6,
        global_avg_pool2d, out: dense(10), softmax,
    }
}

kernlet::network! {
    /// Values with several readers, branches side by side, a product.
    pub struct Branches([8, 8, 2]) {
        entry: conv2d(4, 3x3, padding: same),
        left: conv2d(4, 3x3, padding: same), left_act: relu,
        middle: conv2d(4, 1x1, from: entry), middle_act: tanh,
        sigmoid(from: entry), multiply(middle_act),
        concat(left_act, entry),
        last: conv2d(6, 3x3), global_avg_pool2d, out: dense(3), softmax,
    }
}

/// What remains of the parameters when batch normalisation is folded into the layer before.
const fn folded<N: Network>() -> usize {
    let (mut sum, mut i) = (0, 0);
    while i < N::LAYERS.len() {
        if N::LAYERS[i].tensor("moving_mean").is_none() {
            sum += N::LAYERS[i].parameters();
        }
        i += 1;
    }
    sum
}

const _: () = {
    assert!(folded::<ResNet8>() == 77_706);
    assert!(folded::<DsCnn>() == 22_604);
    assert!(folded::<MobileNetV1>() == 210_850);
    assert!(folded::<Autoencoder>() == 265_864);
    assert!(MobileNetV1::LAYERS.len() == 84);
};

const STEPS: usize = 3;

/// The hash of the program that wrote the goldens: numbers in −½..½ of 24 bits.
fn unit(stream: u64, i: usize) -> f32 {
    let mut x = i as u64 + (stream << 32);
    for factor in [0xff51_afd7_ed55_8ccd_u64, 0xc4ce_b9fe_1a85_ec53] {
        x ^= x >> 33;
        x = x.wrapping_mul(factor);
    }
    x ^= x >> 33;
    (x >> 40) as f32 / (1 << 24) as f32 - 0.5
}

fn fill<N: Network>(model: &mut Model<N>) {
    for (stream, tensor) in N::TENSORS.iter().enumerate() {
        let dims = tensor.dims.as_slice();
        let depthwise = N::LAYERS.iter().any(|layer| layer.name == tensor.layer && layer.kind == "depthwise_conv2d");
        for (i, value) in model.parameters_mut()[tensor.range()].iter_mut().enumerate() {
            let number = unit(stream as u64, i);
            *value = match tensor.name {
                "gamma" | "moving_variance" => 1.0 + number,
                "kernel" => {
                    let fan_in: usize =
                        if depthwise { dims[0] * dims[1] } else { dims[..dims.len() - 1].iter().product() };
                    number * 2.0_f32.powi(1 - fan_in.ilog2() as i32 / 2)
                }
                _ => number / 8.0,
            };
        }
    }
}

type Golden = BTreeMap<String, Vec<f64>>;

fn golden() -> Golden {
    let bytes = include_bytes!("data/graphs/networks.safetensors");
    let file = SafeTensors::deserialize(bytes).unwrap();
    let numbers = |data: &[u8]| data.chunks(8).map(|c| f64::from_le_bytes(c.try_into().unwrap())).collect();
    file.tensors().into_iter().map(|(name, view)| (name, numbers(view.data()))).collect()
}

/// The numbers that the golden file holds of a tensor.
fn spaced(values: &[f32]) -> Vec<f32> {
    (0..32).map(|i| values[i * values.len() / 32]).collect()
}

/// The largest distance from Keras' numbers, in units of the largest number.
fn distance(found: &[f32], expected: &[f64], largest: f64) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(&a, b)| (f64::from(a) - b).abs()).fold(0.0, f64::max) / largest
}

fn check<N: Network, L: Loss>(name: &str, loss: L, targets: &[L::Target], rate: f32)
where
    N::Input: Shape<Scalar = f32>,
{
    let golden = golden();
    let (batch, most) = (targets.len() / Targets::count(L::TARGETS, &N::LAYERS.last().unwrap().output), MOST);
    let expected = |what: &str| &golden[&format!("{name}/{what}")];
    let level = Level::detect();
    let batching = Batching::of(batch).pieces_of(2).threads(2);
    let training: Training<N, Sgd, L> = Training::new(Sgd::new(rate)).loss(loss).batching(batching).level(level);
    let mut model = Model::<N>::zeroed_box();
    fill(&mut model);
    let inputs: Vec<f32> = (0..batch * N::Input::LEN).map(|i| unit(1000, i) * 2.0).collect();
    let mut memory = HeapMemory::zeroed(training.memory_len());
    memory.fill(f32::NAN);
    let mut trainer = training.start(&mut model, &mut memory).unwrap();
    let mut worst: f64 = 0.0;
    for step in 0..STEPS {
        let metrics = trainer.step(&inputs, targets).unwrap();
        let wanted = expected(&format!("loss{step}"))[0];
        worst = worst.max(distance(&[metrics.loss], &[wanted], wanted));
        if step == 0 {
            let gradients = trainer.gradients();
            for (number, tensor) in N::TENSORS.iter().enumerate().filter(|(_, tensor)| !tensor.name.contains("moving"))
            {
                let largest = expected(&format!("largest{number}"))[0];
                // A bias before batch normalisation has no gradient but rounding.
                if largest > 1e-9 {
                    let found = spaced(&gradients[tensor.range()]);
                    let distance = distance(&found, expected(&format!("gradient{number}")), largest);
                    assert!(distance <= most, "{name}: gradient of {}/{}: {distance:e}", tensor.layer, tensor.name);
                    worst = worst.max(distance);
                }
            }
        }
    }
    for (number, tensor) in N::TENSORS.iter().enumerate() {
        let expected = expected(&format!("parameter{number}"));
        let largest = expected.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        let found = spaced(&model.parameters()[tensor.range()]);
        let distance = distance(&found, expected, largest);
        assert!(distance <= most, "{name}: {}/{}: {distance:e}", tensor.layer, tensor.name);
        worst = worst.max(distance);
    }
    let mut memory = HeapMemory::zeroed(inference_len::<N>(batching));
    memory.fill(f32::NAN);
    let mut outputs = vec![0.0; batch * N::Output::LEN];
    infer(level, batching, &model, &inputs, &mut memory, &mut outputs).unwrap();
    let logits = expected("outputs");
    let probabilities: Vec<f64> = match N::LAYERS.last().unwrap().kind {
        "softmax" => logits.chunks(N::Output::LEN).flat_map(softmax).collect(),
        _ => logits.clone(),
    };
    let largest = probabilities.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    let outputs = distance(&outputs, &probabilities, largest);
    println!("{name}: {worst:e}, outputs {outputs:e}");
    assert!(worst.max(outputs) <= most, "{name}: {worst:e}, outputs {outputs:e}");
}

fn softmax(logits: &[f64]) -> Vec<f64> {
    let most = logits.iter().fold(f64::MIN, |most, x| most.max(*x));
    let exp: Vec<f64> = logits.iter().map(|x| (x - most).exp()).collect();
    let sum: f64 = exp.iter().sum();
    exp.iter().map(|x| x / sum).collect()
}

fn labels(batch: usize, classes: usize) -> Vec<u8> {
    (0..batch).map(|i| ((unit(1001, i) + 0.5) * classes as f32) as u8).collect()
}

/// The learning rate, a power of two.
const RATE: f32 = 1.0 / 1024.0;

/// An error of a relative 2⁻²⁴ enters with each of some 30 layers, and each normalisation over few numbers
/// divides by a deviation that may be small: a factor of 100 between them (2 to 15 was seen).
const MOST: f64 = 100.0 * 30.0 / (1 << 24) as f64;

#[test]
fn resnet8_is_keras() {
    check::<ResNet8, _>("resnet8", SoftmaxCrossEntropy::new(), &labels(4, 10), RATE);
}

#[test]
fn ds_cnn_is_keras() {
    check::<DsCnn, _>("ds_cnn", SoftmaxCrossEntropy::new(), &labels(16, 12), RATE);
}

#[test]
fn mobilenet_v1_is_keras() {
    check::<MobileNetV1, _>("mobilenet_v1", SoftmaxCrossEntropy::new(), &labels(4, 2), RATE / 64.0);
}

#[test]
fn mobilenet_v2_is_keras() {
    check::<MobileNetV2, _>("mobilenet_v2", SoftmaxCrossEntropy::new(), &labels(16, 10), RATE);
}

#[test]
fn autoencoder_is_keras() {
    let targets: Vec<f32> = (0..16 * 640).map(|i| unit(1000, i) * 2.0).collect();
    check::<Autoencoder, _>("autoencoder", MeanSquaredError, &targets, RATE);
}

#[test]
fn branches_are_keras() {
    check::<Branches, _>("branches", SoftmaxCrossEntropy::new(), &labels(16, 3), RATE);
}

kernlet::network! {
    /// Convolutions by Winograd's algorithm, and directly.
    struct Fast([9, 9, 2]) {
        c0: conv2d(4, 3x3, padding: same), relu,
        c1: conv2d(5, 3x3, winograd), relu6, c2: conv2d(4, 3x3, padding: same, winograd: 2x2, bias: no), relu,
        max_pool2d(2x2), out: dense(3), softmax,
    }
}

kernlet::network! {
    /// The same, directly.
    struct Direct([9, 9, 2]) {
        c0: conv2d(4, 3x3, padding: same), relu,
        c1: conv2d(5, 3x3), relu6, c2: conv2d(4, 3x3, padding: same, bias: no), relu,
        max_pool2d(2x2), out: dense(3), softmax,
    }
}

#[test]
fn winograd_is_near_the_direct_form() {
    fn gradients<N: Network>(parameters: &[f32], inputs: &[f32]) -> Vec<f32> {
        let mut trainer = Training::<N, Sgd>::new(Sgd::new(0.1)).batch(4).build().unwrap();
        trainer.model_mut().parameters_mut().copy_from_slice(parameters);
        trainer.step(inputs, &[0, 1, 2, 0]).unwrap();
        trainer.gradients().to_vec()
    }
    assert_eq!(Fast::PARAMETERS, Direct::PARAMETERS);
    let mut model = Model::<Direct>::zeroed_box();
    fill(&mut model);
    let inputs: Vec<f32> = (0..4 * 9 * 9 * 2).map(|i| unit(3, i) * 2.0).collect();
    let fast = gradients::<Fast>(model.parameters(), &inputs);
    let direct = gradients::<Direct>(model.parameters(), &inputs);
    let scale = direct.iter().fold(0.0_f32, |most, g| most.max(g.abs()));
    assert!(fast.iter().zip(&direct).all(|(a, b)| (a - b).abs() < 1e-5 * scale));
    assert!(fast != direct, "the algorithm is the direct one");
}

kernlet::network! {
    /// A value that is added to itself, and the network's input read late.
    struct Twice([4]) {
        a: dense(4), add(a), relu, b: dense(4), add(input, a), c: tanh, add(c), out: dense(2), softmax,
    }
}

kernlet::network! {
    /// An activation on a value that a convolution before it needs for backward, and one that others read later.
    struct Overwritten([6, 6, 2]) {
        entry: conv2d(3, 3x3, padding: same),
        side: conv2d(3, 3x3, padding: same),
        act: relu(from: entry), add(side), late: relu6,
        flatten, wide: reshape([6, 18]), reshape([6, 6, 3]), add(late),
        max_pool2d(2x2), concat_in: conv2d(3, 1x1), concat(concat_in), out: dense(3), softmax,
    }
}

/// Central differences of the loss, for any graph.
fn check_gradients<N: Network>()
where
    N::Input: Shape<Scalar = f32>,
{
    let training: Training<N, Sgd> =
        Training::new(Sgd::new(0.0)).batching(Batching::of(3).pieces_of(2)).level(Level::detect_strict());
    let mut model = Model::<N>::zeroed_box();
    fill(&mut model);
    let inputs: Vec<f32> = (0..3 * N::Input::LEN).map(|i| unit(7, i) * 2.0).collect();
    let targets: Vec<u8> = (0..3).map(|i| (i % N::Output::LEN) as u8).collect();
    let mut memory = HeapMemory::zeroed(training.memory_len());
    memory.fill(f32::NAN);
    let mut trainer = training.start(&mut model, &mut memory).unwrap();
    let parameters = trainer.model().parameters().to_vec();
    let mut loss = |parameters: &[f32]| {
        trainer.model_mut().parameters_mut().copy_from_slice(parameters);
        let loss = trainer.backward(&inputs, &targets, 0, 3).unwrap().loss;
        (loss, trainer.gradients().to_vec())
    };
    let gradients = loss(&parameters).1;
    let scale = gradients.iter().fold(0.0_f32, |most, g| most.max(g.abs()));
    let mut wrong = 0;
    for i in (0..parameters.len()).step_by(parameters.len().div_ceil(80)) {
        let at = |step: f32| {
            let mut moved = parameters.clone();
            moved[i] += step;
            moved
        };
        let numeric = (loss(&at(2.5e-4)).0 - loss(&at(-2.5e-4)).0) / 5e-4;
        if (numeric - gradients[i]).abs() > 0.02 * scale {
            eprintln!("{}: {i}: {} and numerically {numeric}", N::NAME, gradients[i]);
            wrong += 1;
        }
    }
    // A kink of a ReLU or another maximum between the two points may spoil one.
    assert!(wrong <= 1, "{wrong} gradients of {} are wrong", N::NAME);
}

#[test]
fn gradients_of_graphs() {
    check_gradients::<Twice>();
    check_gradients::<Overwritten>();
    check_gradients::<Branches>();
    check_gradients::<Fast>();
}

#[test]
fn pieces_and_threads_change_no_bit_of_a_graph() {
    fn run<N: Network>(batching: Batching) -> Vec<u32>
    where
        N::Input: Shape<Scalar = f32>,
    {
        let training: Training<N, Sgd> = Training::new(Sgd::new(0.1)).batching(batching).gradients(Gradients::Kept);
        let mut model = Model::<N>::zeroed_box();
        fill(&mut model);
        let inputs: Vec<f32> = (0..5 * N::Input::LEN).map(|i| unit(7, i) * 2.0).collect();
        let targets: Vec<u8> = (0..5).map(|i| (i % N::Output::LEN) as u8).collect();
        let mut memory = HeapMemory::zeroed(training.memory_len());
        memory.fill(f32::NAN);
        let mut trainer = training.start(&mut model, &mut memory).unwrap();
        for _ in 0..2 {
            trainer.step(&inputs, &targets).unwrap();
        }
        model.parameters().iter().map(|p| p.to_bits()).collect()
    }
    fn check<N: Network>()
    where
        N::Input: Shape<Scalar = f32>,
    {
        let whole = run::<N>(Batching::of(5).pieces_of(5));
        for batching in [Batching::of(5).pieces_of(1), Batching::of(5).pieces_of(2).threads(3)] {
            assert!(run::<N>(batching) == whole, "{}: {batching:?}", N::NAME);
        }
    }
    check::<Twice>();
    check::<Overwritten>();
    check::<Branches>();
    check::<Fast>();
    check::<ResNet8>();
}

kernlet::network! {
    /// All 17 blocks of MobileNetV2 with a quarter of its channels: 153 layers, and no `recursion_limit`.
    pub struct Deep([32, 32, 3]) {
        c0: conv2d(8, 3x3, stride: 2, padding: same, bias: no), n0: batch_norm, relu6,
        d1: depthwise_conv2d(3x3, padding: same, bias: no), dn1: batch_norm, relu6,
        p1: conv2d(8, 1x1, bias: no), b1: batch_norm,
        x2: conv2d(48, 1x1, bias: no), xn2: batch_norm, relu6,
        d2: depthwise_conv2d(3x3, stride: 2, padding: same, bias: no), dn2: batch_norm, relu6,
        p2: conv2d(8, 1x1, bias: no), b2: batch_norm,
        x3: conv2d(48, 1x1, bias: no), xn3: batch_norm, relu6,
        d3: depthwise_conv2d(3x3, padding: same, bias: no), dn3: batch_norm, relu6,
        p3: conv2d(8, 1x1, bias: no), pn3: batch_norm, b3: add(b2),
        x4: conv2d(48, 1x1, bias: no), xn4: batch_norm, relu6,
        d4: depthwise_conv2d(3x3, stride: 2, padding: same, bias: no), dn4: batch_norm, relu6,
        p4: conv2d(8, 1x1, bias: no), b4: batch_norm,
        x5: conv2d(48, 1x1, bias: no), xn5: batch_norm, relu6,
        d5: depthwise_conv2d(3x3, padding: same, bias: no), dn5: batch_norm, relu6,
        p5: conv2d(8, 1x1, bias: no), pn5: batch_norm, b5: add(b4),
        x6: conv2d(48, 1x1, bias: no), xn6: batch_norm, relu6,
        d6: depthwise_conv2d(3x3, padding: same, bias: no), dn6: batch_norm, relu6,
        p6: conv2d(8, 1x1, bias: no), pn6: batch_norm, b6: add(b5),
        x7: conv2d(48, 1x1, bias: no), xn7: batch_norm, relu6,
        d7: depthwise_conv2d(3x3, stride: 2, padding: same, bias: no), dn7: batch_norm, relu6,
        p7: conv2d(16, 1x1, bias: no), b7: batch_norm,
        x8: conv2d(96, 1x1, bias: no), xn8: batch_norm, relu6,
        d8: depthwise_conv2d(3x3, padding: same, bias: no), dn8: batch_norm, relu6,
        p8: conv2d(16, 1x1, bias: no), pn8: batch_norm, b8: add(b7),
        x9: conv2d(96, 1x1, bias: no), xn9: batch_norm, relu6,
        d9: depthwise_conv2d(3x3, padding: same, bias: no), dn9: batch_norm, relu6,
        p9: conv2d(16, 1x1, bias: no), pn9: batch_norm, b9: add(b8),
        x10: conv2d(96, 1x1, bias: no), xn10: batch_norm, relu6,
        d10: depthwise_conv2d(3x3, padding: same, bias: no), dn10: batch_norm, relu6,
        p10: conv2d(16, 1x1, bias: no), pn10: batch_norm, b10: add(b9),
        x11: conv2d(96, 1x1, bias: no), xn11: batch_norm, relu6,
        d11: depthwise_conv2d(3x3, padding: same, bias: no), dn11: batch_norm, relu6,
        p11: conv2d(24, 1x1, bias: no), b11: batch_norm,
        x12: conv2d(144, 1x1, bias: no), xn12: batch_norm, relu6,
        d12: depthwise_conv2d(3x3, padding: same, bias: no), dn12: batch_norm, relu6,
        p12: conv2d(24, 1x1, bias: no), pn12: batch_norm, b12: add(b11),
        x13: conv2d(144, 1x1, bias: no), xn13: batch_norm, relu6,
        d13: depthwise_conv2d(3x3, padding: same, bias: no), dn13: batch_norm, relu6,
        p13: conv2d(24, 1x1, bias: no), pn13: batch_norm, b13: add(b12),
        x14: conv2d(144, 1x1, bias: no), xn14: batch_norm, relu6,
        d14: depthwise_conv2d(3x3, stride: 2, padding: same, bias: no), dn14: batch_norm, relu6,
        p14: conv2d(40, 1x1, bias: no), b14: batch_norm,
        x15: conv2d(240, 1x1, bias: no), xn15: batch_norm, relu6,
        d15: depthwise_conv2d(3x3, padding: same, bias: no), dn15: batch_norm, relu6,
        p15: conv2d(40, 1x1, bias: no), pn15: batch_norm, b15: add(b14),
        x16: conv2d(240, 1x1, bias: no), xn16: batch_norm, relu6,
        d16: depthwise_conv2d(3x3, padding: same, bias: no), dn16: batch_norm, relu6,
        p16: conv2d(40, 1x1, bias: no), pn16: batch_norm, b16: add(b15),
        x17: conv2d(240, 1x1, bias: no), xn17: batch_norm, relu6,
        d17: depthwise_conv2d(3x3, padding: same, bias: no), dn17: batch_norm, relu6,
        p17: conv2d(80, 1x1, bias: no), b17: batch_norm,
        last: conv2d(160, 1x1, bias: no), n_last: batch_norm, relu6,
        global_avg_pool2d, dropout(0.2), out: dense(10), softmax,
    }
}

#[test]
fn a_network_of_150_layers() {
    assert!(Deep::LAYERS.len() >= 150, "{} layers", Deep::LAYERS.len());
    const TRAINING: Training<Deep, Sgd> = Training::new(Sgd::new(0.01)).batch(2).seed(1);
    const { assert!(TRAINING.training_bytes() < 8 << 20) };
    let mut trainer = TRAINING.build().unwrap();
    let inputs: Vec<f32> = (0..2 * 32 * 32 * 3).map(|i| unit(5, i)).collect();
    let first = trainer.step(&inputs, &[3, 7]).unwrap().loss;
    let later = (0..8).map(|_| trainer.step(&inputs, &[3, 7]).unwrap().loss).last().unwrap();
    assert!(later < first, "{first}, then {later}");
}
