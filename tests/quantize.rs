//! Networks in eight bits: against the float network here, against TensorFlow Lite Micro by `tests/tflm.sh`.
//!
//! `KERNLET_QUANTIZED` names a folder. Each network is then written into it as `NAME.tflite`, with `NAME.safetensors`
//! beside it: `input0` and `output0` of consecutive invocations, as kernlet computes them.
#![cfg(all(feature = "int8", feature = "std"))]

use std::{fs, path::PathBuf};

use kernlet::{
    nn::{Model, Network, Trace},
    quantize::{Calibration, Error, Quantized, Range},
    random::Stream,
    shape::Shape,
    simd::{Level, Rounding},
};
use safetensors::tensor::{Dtype, TensorView, serialize};

kernlet::network! {
    /// The network of the Keras MNIST example.
    struct Digits([28, 28, 1]) {
        conv1: conv2d(32, 3x3), relu,
        conv2: conv2d(64, 3x3), relu,
        pool: max_pool2d(2x2), dropout(0.25),
        fc1: dense(128), relu, dropout(0.5),
        fc2: dense(10), softmax,
    }
}

kernlet::network! {
    /// Shortcuts, branches, batch normalisation wherever it can stand.
    struct Graph([12, 10, 3]) {
        norm0: batch_norm,
        conv0: conv2d(8, 3x3, stride: 2, padding: same, bias: no), bn0: batch_norm, entry: relu6,
        dw: depthwise_conv2d(3x3, padding: same), bn1: batch_norm, relu,
        pw: conv2d(8, 1x1), left: batch_norm,
        right: conv2d(8, 1x1, from: entry),
        sum: add(left, entry), relu,
        norm1: batch_norm, gate: sigmoid,
        scaled: multiply(sum),
        both: concat(gate, right), relu,
        mixed: conv2d(12, 3x3, groups: 4),
        pad: conv2d(6, 3x3, padding: [2, 0, 1, 1], stride: 2), hidden: silu,
        mean: global_avg_pool2d,
        peak: global_max_pool2d(from: hidden),
        concat(mean),
        fc: dense(16), norm2: batch_norm, hard_swish,
        out: dense(5), softmax,
    }
}

kernlet::network! {
    /// Sequences, as images of one row.
    struct Sequence([24, 5]) {
        first: conv1d(8, 5, padding: causal), relu,
        second: depthwise_conv1d(3, multiplier: 2, padding: same, dilation: 2), norm: batch_norm, leaky_relu(0.1),
        pool: max_pool1d(2), third: conv1d(6, 3, stride: 2), tanh,
        fourth: conv1d(6, 1, groups: 2), elu(1.0), avg_pool1d(2, stride: 1, padding: same),
        global_avg_pool1d, out: dense(4), sigmoid,
    }
}

kernlet::network! {
    /// Pooling and padding in every way, and an output that is no list.
    struct Pools([9, 11, 2]) {
        wide: conv2d(4, 5x3, dilation: 2, padding: same), elu(1.0),
        avg_pool2d(3x2, stride: 2, padding: same),
        dw: depthwise_conv2d(3x3, multiplier: 2, padding: [1, 1, 2, 0], bias: no), relu6,
        counted: avg_pool2d(2x2, stride: 1, padding: [1, 0, 1, 0], count_include_pad: yes),
        max_pool2d(3x3, stride: 2, padding: same),
        tail: conv2d(3, 1x1), flatten, reshape([3, 3, 3]), softmax,
    }
}

kernlet::network! {
    /// Numbers without an image.
    struct Features([7]) {
        a: dense(16), b: tanh, mid: dense(16, from: a), relu, add(a, b), leaky_relu(0.3), relu,
        out: dense(3),
    }
}

fn level() -> Level {
    Level::new(Level::detect().instruction_set(), Rounding::Strict).unwrap()
}

/// Numbers from −1 to 1 that depend on the seed.
fn numbers(seed: u64, len: usize) -> Vec<f32> {
    let stream = Stream::new(seed, 0);
    (0..len as u64).map(|at| 2.0 * stream.f32_at(at) - 1.0).collect()
}

/// A model whose batch normalisations have seen something.
fn model<N: Network>() -> Box<Model<N>> {
    let mut model = Model::<N>::zeroed_box();
    model.initialize(7);
    for layer in N::LAYERS {
        let mut at = layer.offset;
        for tensor in layer.tensors() {
            let part = &mut model.parameters_mut()[at..at + tensor.dims.len()];
            let noise = numbers(at as u64 + 3, part.len());
            for (x, noise) in part.iter_mut().zip(noise) {
                match tensor.name {
                    "moving_variance" => *x = 1.0 + 0.9 * noise,
                    // Negative factors, too.
                    "gamma" => *x = 0.3 + noise,
                    "beta" | "moving_mean" | "bias" => *x = 0.3 * noise,
                    _ => {}
                }
            }
            at += tensor.dims.len();
        }
    }
    model
}

fn quantized<N: Network<Input: Shape<Scalar = f32>>>(range: Range) -> Quantized {
    let model = model::<N>();
    let mut calibration = Calibration::new(level(), &model).unwrap();
    calibration.observe(&numbers(1, 64 * N::Input::LEN)).unwrap();
    calibration.quantize(range).unwrap()
}

/// What the integers compute with samples: inputs and outputs.
fn run(quantized: &Quantized, samples: &[f32]) -> (Vec<i8>, Vec<i8>, Vec<f32>) {
    let file = quantized.model().unwrap();
    let mut arena = vec![0; file.arena_bytes().unwrap()];
    let mut runner = file.runner(Level::detect(), &mut arena).unwrap();
    let (mut inputs, mut outputs, mut floats) = (Vec::new(), Vec::new(), Vec::new());
    for sample in samples.chunks(file.input(0).unwrap().dims().len()) {
        runner.quantize_input(0, sample).unwrap();
        inputs.extend_from_slice(runner.input(0).unwrap());
        runner.invoke().unwrap();
        outputs.extend_from_slice(runner.output(0).unwrap());
        let mut output = vec![0.0; file.output(0).unwrap().dims().len()];
        runner.dequantize_output(0, &mut output).unwrap();
        floats.extend(output);
    }
    (inputs, outputs, floats)
}

fn write(name: &str, quantized: &Quantized, inputs: &[i8], outputs: &[i8], runs: usize) {
    let Some(folder) = std::env::var_os("KERNLET_QUANTIZED").map(PathBuf::from) else { return };
    let file = quantized.model().unwrap();
    fs::create_dir_all(&folder).unwrap();
    quantized.save(folder.join(format!("{name}.tflite"))).unwrap();
    let [inputs, outputs] = [inputs, outputs].map(|numbers| numbers.iter().map(|&x| x as u8).collect::<Vec<u8>>());
    let tensor = |bytes, dims: kernlet::shape::Dims| {
        let shape = [runs].into_iter().chain(dims.as_slice().iter().copied()).collect();
        TensorView::new(Dtype::I8, shape, bytes).unwrap()
    };
    let (input, output) = (file.input(0).unwrap().dims(), file.output(0).unwrap().dims());
    let tensors = [("input0", tensor(&inputs, input)), ("output0", tensor(&outputs, output))];
    fs::write(folder.join(format!("{name}.safetensors")), serialize(tensors, None).unwrap()).unwrap();
}

/// The integers are near the float network: signal over noise, in decibels, is at least `least`.
fn compare<N: Network<Input: Shape<Scalar = f32>>>(name: &str, range: Range, least: f64) {
    const RUNS: usize = 20;
    let quantized = quantized::<N>(range);
    let samples = numbers(2, RUNS * N::Input::LEN);
    let (inputs, outputs, floats) = run(&quantized, &samples);
    write(name, &quantized, &inputs, &outputs, RUNS);
    let model = model::<N>();
    let mut trace = Trace::new(level(), &model);
    let (mut signal, mut noise) = (0.0, 0.0);
    for (sample, found) in samples.chunks(N::Input::LEN).zip(floats.chunks(N::Output::LEN)) {
        trace.run(sample).unwrap();
        for (&float, &found) in trace.value(N::LAYERS.len()).iter().zip(found) {
            signal += f64::from(float).powi(2);
            noise += f64::from(float - found).powi(2);
        }
    }
    let decibels = 10.0 * (signal / noise).log10();
    println!("{name}: {decibels:.1} dB");
    assert!(decibels >= least, "{name}: {decibels:.1} dB");
}

#[test]
fn networks_survive_eight_bits() {
    compare::<Digits>("digits", Range::MinMax, 30.0);
    compare::<Graph>("graph", Range::MinMax, 20.0);
    compare::<Sequence>("sequence", Range::MinMax, 20.0);
    compare::<Pools>("pools", Range::MinMax, 20.0);
    compare::<Features>("features", Range::MinMax, 20.0);
    compare::<Graph>("graph_percentile", Range::Percentile(99.9), 20.0);
    compare::<Graph>("graph_mse", Range::MeanSquaredError, 20.0);
}

#[test]
fn a_file_has_the_operators_that_the_layers_need() {
    let quantized = quantized::<Graph>(Range::MinMax);
    let file = quantized.model().unwrap();
    let names: Vec<String> =
        (0..file.operators()).map(|index| file.operator(index).unwrap().operator().to_string()).collect();
    println!("{names:?}");
    assert_eq!(names.iter().filter(|name| *name == "CONV_2D").count(), 5);
    // Two batch normalisations stand alone, one is behind a dense layer, and one grouped convolution is none.
    assert_eq!(names.iter().filter(|name| *name == "DEPTHWISE_CONV_2D").count(), 3);
    for name in ["RELU", "QUANTIZE", "PAD", "MEAN", "MUL", "ADD", "CONCATENATION", "HARD_SWISH", "SOFTMAX"] {
        assert!(names.iter().any(|found| found == name), "{name} in {names:?}");
    }
}

kernlet::network! {
    /// A layer without an integer kernel.
    struct Smooth([4]) { hidden: dense(8), act: gelu, out: dense(2) }
}

kernlet::network! {
    /// A pooling that no padding of TensorFlow Lite's is.
    struct Shifted([4, 4, 1]) { conv: conv2d(2, 1x1), pool: max_pool2d(2x2, padding: [1, 0, 1, 0]), out: dense(2) }
}

kernlet::network! {
    struct Small([4]) { hidden: dense(8), relu, out: dense(2) }
}

#[test]
fn what_cannot_be_quantised_is_said() {
    let says = |error: Error, text: &str| assert_eq!(error.to_string(), text);
    let smooth = model::<Smooth>();
    says(Calibration::new(level(), &smooth).unwrap_err(), "layer `act`, gelu: has no integer kernel");
    let shifted = model::<Shifted>();
    says(
        Calibration::new(level(), &shifted).unwrap_err(),
        "layer `pool`, max_pool2d: TensorFlow Lite's pooling pads as `same` or not at all",
    );

    let mut small = model::<Small>();
    let no_samples = "calibration: there was no sample; a few hundred are usual";
    let calibrated = |model: &Model<Small>, samples: &[f32]| {
        let mut calibration = Calibration::new(level(), model)?;
        calibration.observe(samples)?;
        calibration.quantize(Range::MinMax)
    };
    says(calibrated(&small, &[]).unwrap_err(), no_samples);
    says(calibrated(&small, &[1.0; 7]).unwrap_err(), "inputs: expected a multiple of 4 numbers, found 7");
    says(
        calibrated(&small, &[0.5; 40]).unwrap_err(),
        "calibration: `input` was 0.5 in all samples, so that it has no range; samples that differ are needed",
    );
    says(calibrated(&small, &[1.0, 2.0, 3.0, 4.0].repeat(10)).unwrap_err(), "calibration: all 10 samples are the same");
    says(
        calibrated(&small, &[1.0, f32::NAN, 3.0, 4.0]).unwrap_err(),
        "layer `input`: a number is infinite or not a number",
    );
    let mut calibration = Calibration::new(level(), &small).unwrap();
    calibration.observe(&numbers(3, 40)).unwrap();
    says(calibration.quantize(Range::Percentile(40.0)).unwrap_err(), "percentile: expected 50 to 100, found 40");
    // A ReLU that never lets anything through.
    drop(calibration);
    small.parameters_mut()[..40].fill(0.0);
    small.parameters_mut()[32..40].fill(-1.0);
    says(
        calibrated(&small, &numbers(3, 40)).unwrap_err(),
        "calibration: `relu` was 0 in all samples, so that it has no range; samples that differ are needed",
    );
}

#[test]
fn ranges_do_not_depend_on_the_order_of_samples() {
    let (model, samples) = (model::<Graph>(), numbers(5, 30 * 360));
    let mut whole = Calibration::new(level(), &model).unwrap();
    whole.observe(&samples).unwrap();
    let mut parts = Calibration::new(level(), &model).unwrap();
    for sample in samples.chunks(360).rev() {
        parts.observe(sample).unwrap();
    }
    assert_eq!((whole.samples(), parts.samples()), (30, 30));
    for range in [Range::MinMax, Range::Percentile(99.0), Range::MeanSquaredError] {
        assert_eq!(whole.quantize(range).unwrap(), parts.quantize(range).unwrap());
    }
}

#[test]
fn a_file_is_written_as_a_whole_or_not_at_all() {
    let quantized = quantized::<Small>(Range::MinMax);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.tflite");
    fs::write(&path, "old").unwrap();
    quantized.save(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), quantized.bytes());
    assert!(quantized.save(folder.path().join("none/small.tflite")).is_err());
    assert!(quantized.save(folder.path()).is_err());
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["small.tflite"]);
    #[cfg(target_os = "linux")]
    assert_eq!(quantized.save("/dev/full").unwrap_err().kind(), std::io::ErrorKind::StorageFull);
}
