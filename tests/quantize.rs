//! Networks in eight bits: against the float network here, against TensorFlow Lite Micro by `tests/tflm.sh`.
//!
//! `KERNLET_QUANTIZED` names a folder. Each network is then written into it as `NAME.tflite`, with `NAME.safetensors`
//! beside it: `input0` and `output0` of consecutive invocations, as kernlet computes them.
#![cfg(all(feature = "int8", feature = "std"))]

use std::{fs, path::PathBuf};

use kernlet::{
    nn::{Batching, Gradients, HeapMemory, Model, Network, Trace, Training, infer, inference_len},
    optim::{Adam, Sgd},
    quantize::{Aware, Calibration, Error, Quantized, Range},
    random::Stream,
    shape::Shape,
    simd::{Level, Rounding},
    snapshot::{Data, Described, Section, Snapshot, fingerprint},
    tflite,
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
        "calibration: `input` was 0.5 in all samples, so that it has no range; other samples are needed, or other weights",
    );
    says(calibrated(&small, &[1.0, 2.0, 3.0, 4.0].repeat(10)).unwrap_err(), "calibration: all 10 samples are the same");
    says(
        calibrated(&small, &[1.0, f32::NAN, 3.0, 4.0]).unwrap_err(),
        "layer `input`: a number is infinite or not a number",
    );
    let mut calibration = Calibration::new(level(), &small).unwrap();
    let (good, bad) = (numbers(3, 40), [&numbers(3, 36)[..], &[1.0, 2.0, f32::INFINITY, 4.0]].concat());
    says(calibration.observe(&bad).unwrap_err(), "layer `input`: a number is infinite or not a number");
    assert_eq!(calibration.samples(), 0);
    calibration.observe(&good).unwrap();
    let quantized = calibration.quantize(Range::MinMax).unwrap();
    says(quantized.compare(level(), &small, &[]).unwrap_err(), no_samples);
    says(quantized.compare(level(), &small, &bad).unwrap_err(), "layer `input`: a number is infinite or not a number");
    says(calibration.quantize(Range::Percentile(40.0)).unwrap_err(), "percentile: expected 50 to 100, found 40");
    // A ReLU that never lets anything through.
    drop(calibration);
    small.parameters_mut()[..40].fill(0.0);
    small.parameters_mut()[32..40].fill(-1.0);
    says(
        calibrated(&small, &numbers(3, 40)).unwrap_err(),
        "calibration: `relu` was 0 in all samples, so that it has no range; other samples are needed, or other weights",
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
        assert_eq!(whole.quantize(range).unwrap().bytes(), parts.quantize(range).unwrap().bytes());
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

#[test]
fn a_comparison_sees_every_layer() {
    let (model, quantized, samples) = (model::<Graph>(), quantized::<Graph>(Range::MinMax), numbers(2, 20 * 360));
    let cost = quantized.compare(level(), &model, &samples).unwrap();
    let file = quantized.model().unwrap();
    // All but the sigmoid in SiLU, a sum of two of three, and what is padded.
    assert_eq!((cost.samples(), cost.layers().len()), (20, file.operators() - 3));
    for layer in cost.layers() {
        println!("{:?} {:.1} dB", layer, layer.decibels());
        assert!(layer.decibels() > 20.0 && layer.range[0] <= 0.0 && layer.range[1] > 0.0, "{layer:?}");
    }
    // The last one is the network's output, as it is without the others beside it.
    let (_, _, floats) = run(&quantized, &samples);
    let mut trace = Trace::new(level(), &model);
    let mut noise = 0.0;
    for (sample, found) in samples.chunks(360).zip(floats.chunks(5)) {
        trace.run(sample).unwrap();
        for (a, b) in trace.value(<Graph as Network>::LAYERS.len()).iter().zip(found) {
            let difference = f64::from(*a) - f64::from(*b);
            noise += difference * difference;
        }
    }
    assert_eq!(cost.layers().last().unwrap().noise, noise);
    // Another network's parameters are another network.
    let mut other = Model::<Graph>::zeroed_box();
    other.initialize(99);
    assert!(!quantized.compare(level(), &other, &samples).unwrap().disagreements().is_empty());
}

kernlet::network! {
    /// What learns for eight bits.
    struct Learner([6, 6, 1]) {
        conv: conv2d(8, 3x3), relu, max_pool2d(2x2), hidden: dense(16), relu, out: dense(5), softmax,
    }
}

/// With rounded weights and values a step differs a little from one without; off again it is the same to the bit.
#[test]
fn training_for_eight_bits_sees_their_error() {
    let samples = numbers(4, 32 * 36);
    let classes: Vec<u8> = (0..32).map(|i| i % 5).collect();
    let training = Training::<Learner, _>::new(Sgd::new(0.05)).batch(32).level(level());
    let mut plain = training.build_on(model::<Learner>()).unwrap();
    let mut rounded = training.build_on(model::<Learner>()).unwrap();
    let mut aware = Aware::new();
    aware.observe(level(), rounded.model(), &samples).unwrap();
    let before = rounded.model().parameters().to_vec();
    let float = plain.step(&samples, &classes).unwrap();
    let integer = aware.step(&mut rounded, &samples, &classes).unwrap();
    let apart = (float.loss - integer.loss).abs();
    assert!(apart > 0.0 && apart < 0.05 * float.loss, "{float:?} {integer:?}");
    // The parameters moved by a gradient, not to the grid of the integers.
    let [plain_moved, moved] = [plain.model().parameters(), rounded.model().parameters()]
        .map(|after| before.iter().zip(after).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>());
    assert!(moved > 0.5 * plain_moved && moved < 2.0 * plain_moved, "{moved} {plain_moved}");
    rounded.model_mut().parameters_mut().copy_from_slice(plain.model().parameters());
    let again = [plain.step(&samples, &classes).unwrap(), rounded.step(&samples, &classes).unwrap()];
    assert_eq!(again[0], again[1]);
    assert_eq!(plain.model().parameters(), rounded.model().parameters());

    // It learns.
    let mut trainer = Training::<Learner, _>::new(Adam::new(0.01)).batch(32).level(level()).build().unwrap();
    let mut losses = Vec::new();
    for step in 0..100 {
        if step % 25 == 0 {
            aware.observe(level(), trainer.model(), &samples).unwrap();
        }
        losses.push(aware.step(&mut trainer, &samples, &classes).unwrap().loss);
    }
    assert!(losses[99] < 0.5 * losses[0], "{} to {}", losses[0], losses[99]);
    let applied = Training::<Learner, _>::new(Sgd::new(0.1)).batch(8).pieces_of(8).gradients(Gradients::Applied);
    let mut applied = applied.build().unwrap();
    assert_eq!(aware.step(&mut applied, &samples[..288], &classes[..8]).unwrap_err(), Error::Applied);
}

kernlet::network! {
    /// What learns behind the features of a file.
    struct Head([14 * 14 * 8]) { out: dense(2), softmax }
}

kernlet::tflite! {
    /// The first layer of a file.
    struct Backbone = "data/tflite/digits.tflite", up_to: 0;
}

/// The last layer of a model from a file is learnt anew, on features that the integers before it give.
#[test]
fn a_head_learns_on_the_features_of_a_file() {
    let file = fs::read("tests/data/tflite/digits.tflite").unwrap();
    let whole = tflite::Model::parse(&file).unwrap();
    let model = whole.up_to(0).unwrap();
    assert!(model.value_bytes().unwrap() <= whole.value_bytes().unwrap());
    assert_eq!(Backbone::ARENA_BYTES, model.value_bytes().unwrap());
    assert!(Backbone::MACS == 14 * 14 * 8 * 25 && whole.up_to(whole.operators()).is_err());
    let mut arena = vec![0; model.arena_bytes().unwrap()];
    let mut runner = model.runner(level(), &mut arena).unwrap();
    let mut embedded_arena = Backbone::arena();
    let mut embedded = Backbone::runner(level(), &mut embedded_arena).unwrap();

    // Ink in the upper half, or in the lower.
    let (mut features, mut classes) = (Vec::new(), Vec::new());
    for sample in 0..40 {
        let class = sample % 2;
        let mut image = numbers(sample as u64, 784);
        for (at, x) in image.iter_mut().enumerate() {
            *x = if (at / 392 == 0) == (class == 0) { x.abs() } else { 0.0 };
        }
        runner.quantize_input(0, &image).unwrap();
        runner.invoke().unwrap();
        embedded.quantize_input(0, &image).unwrap();
        embedded.invoke().unwrap();
        assert_eq!(runner.output(0).unwrap(), embedded.output(0).unwrap());
        let mut floats = vec![0.0; 14 * 14 * 8];
        runner.dequantize_output(0, &mut floats).unwrap();
        features.extend(floats);
        classes.push(class as u8);
    }
    let training = Training::<Head, _>::new(Adam::new(0.003)).batch(8).seed(3).level(level());
    let mut trainer = training.build().unwrap();
    for step in 0..40 {
        let first = step % 4 * 8;
        trainer.step(&features[first * 1568..(first + 8) * 1568], &classes[first..first + 8]).unwrap();
    }
    // The last eight were not learnt from.
    assert_eq!(trainer.evaluate(&features[32 * 1568..], &classes[32..]).unwrap().accuracy(), 1.0);

    // The pair in one file, and back.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pair.knl");
    let backbone = Section { name: "backbone.tflite", required: true, data: Data::Bytes(&file) };
    trainer.save_with(&path, &[backbone]).unwrap();
    let bytes = fs::read(&path).unwrap();
    let snapshot = Snapshot::open_with(&bytes, &Head::INFO, &["backbone.tflite"]).unwrap();
    let stored = snapshot.section("backbone.tflite").unwrap();
    assert_eq!(stored.bytes, file);
    let mut head = Model::<Head>::zeroed_box();
    snapshot.parameters().copy_into(head.parameters_mut()).unwrap();
    assert_eq!(fingerprint(head.parameters()), fingerprint(trainer.model().parameters()));
    let batching = Batching::of(1);
    let mut memory = HeapMemory::zeroed(inference_len::<Head>(batching));
    let mut said = [0.0; 2];
    infer(level(), batching, &head, &features[..1568], &mut memory, &mut said).unwrap();
    assert!(said[0] > said[1]);
}

/// What docs/from-python.md says, with models that `tests/data/from_python/make.py` trained.
#[cfg(feature = "safetensors")]
mod from_python {
    use kernlet::snapshot::safetensors::Reader;
    use safetensors::SafeTensors;

    use super::*;

    kernlet::network! {
        struct Patterns([12, 12, 1]) {
            conv1: conv2d(8, 3x3), bn1: batch_norm, relu, max_pool2d(2x2),
            fc: dense(10), softmax,
        }
    }
    kernlet::network! {
        /// With PyTorch's ε and momentum.
        struct TheirPatterns([12, 12, 1]) {
            conv1: conv2d(8, 3x3), bn1: batch_norm(epsilon: 1e-5, momentum: 0.9), relu, max_pool2d(2x2),
            fc: dense(10), softmax,
        }
    }

    const SAMPLES: usize = 64;

    fn largest<T: PartialOrd>(row: &[T]) -> usize {
        (0..row.len()).fold(0, |best, at| if row[at] > row[best] { at } else { best })
    }

    /// How many of the samples are right: read, and run, in floats; then in eight bits.
    fn converted<N: Network<Input: Shape<Scalar = f32>> + Described>(name: &str, reader: Reader<'_>) -> [usize; 2] {
        let file = |name: String| fs::read(format!("tests/data/from_python/{name}.safetensors")).unwrap();
        let mut model = Model::<N>::zeroed_box();
        reader.read_into(&file(name.into()), &N::INFO, model.parameters_mut()).unwrap();

        let values = file(format!("{name}_values"));
        let values = SafeTensors::deserialize(&values).unwrap();
        let value = |name| values.tensor(name).unwrap().data();
        let samples: Vec<f32> = value("pixels").iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
        let batching = Batching::of(SAMPLES);
        let (mut memory, mut found) = (vec![0.0; inference_len::<N>(batching)], vec![0.0; SAMPLES * 10]);
        infer(level(), batching, &model, &samples, &mut memory, &mut found).unwrap();
        // A logit is a sum of 200 products of sums of 9, which are in another order there: at most 209 roundings of
        // numbers below 16; a probability moves by less than its logit.
        for (at, (found, expected)) in found.iter().zip(value("probabilities").as_chunks::<4>().0).enumerate() {
            let expected = f32::from_le_bytes(*expected);
            assert!((found - expected).abs() <= 209.0 * 16.0 * f32::EPSILON, "{name}, {at}: {found} for {expected}");
        }

        let mut calibration = Calibration::new(level(), &model).unwrap();
        calibration.observe(&samples).unwrap();
        let quantized = calibration.quantize(Range::MinMax).unwrap();
        for layer in quantized.compare(level(), &model, &samples).unwrap().layers() {
            assert!(layer.decibels() > 20.0, "{name}: {layer:?}");
        }
        let (inputs, outputs, _) = run(&quantized, &samples);
        write(name, &quantized, &inputs, &outputs, SAMPLES);
        let classes = value("classes");
        let right = |answers: Vec<usize>| answers.iter().zip(classes).filter(|&(&a, &c)| a == usize::from(c)).count();
        [right(found.chunks(10).map(largest).collect()), right(outputs.chunks(10).map(largest).collect())]
    }

    #[test]
    fn a_model_of_keras() {
        let [float, integer] = converted::<Patterns>("keras", Reader::keras().epsilon(1e-3));
        assert!(float >= 60 && integer + 1 >= float, "{float} and {integer} of 64");
    }

    #[test]
    fn a_model_of_pytorch() {
        let [float, integer] = converted::<TheirPatterns>("pytorch", Reader::pytorch().epsilon(1e-5));
        assert!(float >= 60 && integer + 1 >= float, "{float} and {integer} of 64");
    }
}
