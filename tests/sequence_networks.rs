//! Networks over sequences: shapes and weights, gradients against differences, the same bits however the work is divided.
#![cfg(feature = "alloc")]

use kernlet::{
    nn::{
        Batching, Element, Error, HalfSquaredError, Init, Model, Network, Stream as Streamed, Training, infer,
        inference_len, stream_len,
    },
    optim::Sgd,
    random::Stream,
    shape::Shape,
    simd::Level,
};

kernlet::network! {
    /// Every recurrent layer, and both normalisations of rows.
    struct Recurrent([5, 3]) {
        first: gru(5, sequences),
        second: lstm(4, sequences, bidirectional), norm: layer_norm,
        third: gru_reset_before(3, backwards, sequences), root: rms_norm,
        last: simple_rnn(4, bias: no), out: dense(2),
    }
}

kernlet::network! {
    /// Every convolution and pool over time.
    struct Convolutional([20, 3]) {
        a: conv1d(6, 5, padding: causal, dilation: 2), tanh, max_pool1d(2),
        b: depthwise_conv1d(3, multiplier: 2, padding: same), tanh, avg_pool1d(2, padding: same),
        c: conv1d(4, 3, stride: 2, groups: 2), global_avg_pool1d, out: dense(2),
    }
}

kernlet::network! {
    /// Words.
    struct Words([u16; 6]) { words: embedding(11, 4), state: gru(5), out: dense(3), softmax }
}

fn numbers(seed: u64, len: usize) -> Vec<f32> {
    let stream = Stream::new(seed, 4);
    (0..len as u64).map(|i| 2.0 * stream.f32_at(i) - 1.0).collect()
}

fn model<N: Network>() -> Box<Model<N>> {
    let mut model = Model::<N>::zeroed_box();
    model.initialize(5);
    // Biases and scales that are not 0 and 1.
    model.parameters_mut().iter_mut().zip(numbers(6, N::PARAMETERS)).for_each(|(p, by)| *p += 0.2 * by);
    model
}

#[test]
fn shapes_and_weights_are_keras() {
    let shapes: Vec<_> = Recurrent::LAYERS.iter().map(|layer| layer.output.as_slice().to_vec()).collect();
    assert_eq!(shapes, [vec![5, 5], vec![5, 8], vec![5, 8], vec![5, 3], vec![5, 3], vec![4], vec![2]]);
    let names = |layer: usize| Recurrent::LAYERS[layer].tensors().iter().map(|t| t.name).collect::<Vec<_>>();
    assert_eq!(names(0), ["kernel", "recurrent_kernel", "bias"]);
    assert_eq!(names(1)[..4], ["forward_kernel", "forward_recurrent_kernel", "forward_bias", "backward_kernel"]);
    let gru = Recurrent::LAYERS[0].tensors();
    assert_eq!(gru.iter().map(|t| t.dims.as_slice().to_vec()).collect::<Vec<_>>(), [[3, 15], [5, 15], [2, 15]]);
    assert_eq!(gru[1].init, Init::Orthogonal);
    assert_eq!(Recurrent::LAYERS[1].tensors()[2].init, Init::ForgetGate);
    assert_eq!(Recurrent::LAYERS[5].parameters(), 3 * 4 + 4 * 4);
    let shapes: Vec<_> = Convolutional::LAYERS.iter().map(|layer| layer.output.as_slice().to_vec()).collect();
    let expected =
        [vec![20, 6], vec![20, 6], vec![10, 6], vec![10, 12], vec![10, 12], vec![5, 12], vec![2, 4], vec![4], vec![2]];
    assert_eq!(shapes, expected);
    assert_eq!(Convolutional::LAYERS[6].tensors()[0].dims.as_slice(), [3, 6, 4]);
    assert_eq!(Words::LAYERS[0].output.as_slice(), [6, 4]);
    assert_eq!(Words::LAYERS[0].tensors()[0].init, Init::Uniform(0.05));
}

/// The loss of a mean over three samples against central differences: what two steps are apart bounds the truncation, and
/// the loss is off by the roundings of some hundred operations of numbers about 1.
///
/// Where the largest two of a pooling window are all but equal, the loss has a kink there, and central differences of any
/// step that can be taken are the mean of the slopes on both sides, of which the gradient is one. The difference of both
/// sides' slopes is the kink and the step times the curvature; two steps tell them apart. (Channel 5 of the convolution `a`
/// has such a window: its gradients are a fifth off the mean of both sides.)
fn check_gradients<N: Network>(inputs: &[impl Element]) {
    let training = Training::<N, Sgd>::new(Sgd::new(0.0)).loss(HalfSquaredError).batch(3);
    let mut memory = vec![f32::NAN; training.memory_len()];
    let mut model = model::<N>();
    let mut parameters = model.parameters().to_vec();
    let mut trainer = training.start(&mut model, &mut memory).unwrap();
    let targets = numbers(9, 3 * N::Output::LEN);
    let mut loss = |parameters: &[f32]| {
        trainer.model_mut().parameters_mut().copy_from_slice(parameters);
        let loss = trainer.backward(inputs, &targets, 0, 3).unwrap().loss;
        (f64::from(loss), trainer.gradients().to_vec())
    };
    let gradients = loss(&parameters).1;
    assert!(gradients.iter().all(|g| g.is_finite()) && gradients.iter().any(|&g| g != 0.0));
    let stream = Stream::new(7, 5);
    for draw in 0..60 {
        let i = stream.below_at(draw, parameters.len() as u32) as usize;
        let layer = N::LAYERS.iter().rfind(|layer| layer.rows > 0 && layer.offset <= i).unwrap();
        let kept = parameters[i];
        let mut slope = |step: f32| {
            parameters[i] = kept + step;
            let (high, above) = (loss(&parameters).0, f64::from(parameters[i]));
            parameters[i] = kept - step;
            let (low, below) = (loss(&parameters).0, f64::from(parameters[i]));
            parameters[i] = kept;
            (high - low) / (above - below)
        };
        let (coarse, fine) = (slope(0.01), slope(0.005));
        let mut bend = |step: f32| {
            let middle = loss(&parameters).0;
            parameters[i] = kept + step;
            let (high, above) = (loss(&parameters).0, f64::from(parameters[i]) - f64::from(kept));
            parameters[i] = kept - step;
            let (low, below) = (loss(&parameters).0, f64::from(kept) - f64::from(parameters[i]));
            parameters[i] = kept;
            (high - middle) / above - (middle - low) / below
        };
        let kink = (2.0 * bend(0.02) - bend(0.04)).abs();
        let bound = (coarse - fine).abs() + 0.5 * kink + 50.0 * f64::from(f32::EPSILON) / 0.005;
        let off = (f64::from(gradients[i]) - fine).abs();
        assert!(
            off <= bound,
            "{} of {}: {} and numerically {fine}, off by {off}, bound {bound}",
            i - layer.offset,
            layer.name,
            gradients[i]
        );
    }
}

#[test]
fn gradients_are_slopes() {
    check_gradients::<Recurrent>(&numbers(1, 3 * 15));
    check_gradients::<Convolutional>(&numbers(2, 3 * 60));
}

const IDS: [u16; 18] = [0, 10, 3, 3, 5, 1, 2, 2, 2, 10, 0, 7, 9, 8, 7, 6, 5, 4];

#[test]
fn words_learn_and_rows_that_do_not_occur_stay() {
    let training = Training::<Words, Sgd>::new(Sgd::new(0.5)).batch(3);
    let (mut model, mut memory) = (model::<Words>(), vec![f32::NAN; training.memory_len()]);
    let before = model.parameters().to_vec();
    let mut trainer = training.start(&mut model, &mut memory).unwrap();
    let ids: Vec<u16> = IDS.iter().map(|&id| if id == 9 { 8 } else { id }).collect();
    let first = trainer.step(&ids, &[0, 1, 2]).unwrap();
    for _ in 0..300 {
        trainer.step(&ids, &[0, 1, 2]).unwrap();
    }
    let last = trainer.evaluate(&ids, &[0, 1, 2]).unwrap();
    assert!(last.correct == 3 && last.loss < 0.1 * first.loss, "{first:?} {last:?}");
    let rows = |x: &[f32], row: usize| x[row * 4..row * 4 + 4].to_vec();
    assert_eq!(rows(model.parameters(), 9), rows(&before, 9));
    assert_ne!(rows(model.parameters(), 8), rows(&before, 8));
}

/// Parameters after some steps.
fn trained<N: Network, E: Element>(level: Level, batching: Batching, inputs: &[E], count: usize) -> Vec<f32> {
    let training = Training::<N, Sgd>::new(Sgd::new(0.05)).loss(HalfSquaredError).batching(batching).level(level);
    let (mut model, mut memory) = (model::<N>(), vec![f32::NAN; training.memory_len()]);
    let mut trainer = training.start(&mut model, &mut memory).unwrap();
    let targets = numbers(9, count * N::Output::LEN);
    for _ in 0..3 {
        trainer.step(inputs, &targets).unwrap();
    }
    model.parameters().to_vec()
}

fn check_bits<N: Network, E: Element>(inputs: &[E], count: usize) {
    let sample = N::Input::LEN;
    for rounding in [kernlet::simd::Rounding::Strict, kernlet::simd::Rounding::Fused] {
        let mut expected: Option<(Vec<f32>, Vec<f32>)> = None;
        for level in Level::all().filter(|level| level.rounding() == rounding) {
            for batching in [Batching::of(count), Batching::of(count).pieces_of(1), Batching::of(count).threads(3)] {
                let parameters = trained::<N, E>(level, batching, inputs, count);
                let mut outputs = vec![f32::NAN; count * N::Output::LEN];
                let model = model::<N>();
                let mut memory = vec![f32::NAN; inference_len::<N>(batching)];
                infer(level, batching, &model, inputs, &mut memory, &mut outputs).unwrap();
                // One sample after the other.
                for (x, y) in inputs.chunks(sample).zip(outputs.chunks(N::Output::LEN)) {
                    let mut one = vec![f32::NAN; y.len()];
                    infer(level, batching, &model, x, &mut memory, &mut one).unwrap();
                    assert_eq!(one, y, "{level}");
                }
                let found = (parameters, outputs);
                match &expected {
                    Some(expected) => assert!(*expected == found, "{level}, {batching:?}: other bits"),
                    None => expected = Some(found),
                }
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_division_of_work() {
    check_bits::<Recurrent, f32>(&numbers(1, 37 * 15), 37);
    check_bits::<Convolutional, f32>(&numbers(1, 7 * 60), 7);
    check_bits::<Words, u16>(&IDS, 3);
}

#[test]
fn an_index_beyond_the_vocabulary_is_an_error() {
    let training = Training::<Words, Sgd>::new(Sgd::new(0.5)).batch(1);
    let (mut model, mut memory) = (model::<Words>(), vec![f32::NAN; training.memory_len()]);
    let before = model.parameters().to_vec();
    let mut trainer = training.start(&mut model, &mut memory).unwrap();
    let error = trainer.step(&[0_u16, 1, 2, 11, 4, 5], &[0]).unwrap_err();
    assert_eq!(error, Error::Index { position: 3, index: 11, vocabulary: 11 });
    assert_eq!(model.parameters(), before);
}

macro_rules! of_several_lengths {
    ($($name:ident $time:literal;)*) => {$(
        kernlet::network! {
            /// Convolutions, pools and recurrent layers, with strides.
            struct $name([$time, 3]) {
                a: conv1d(6, 3, padding: causal, dilation: 2), tanh,
                b: depthwise_conv1d(2), relu, max_pool1d(2), dropout(0.5),
                n: layer_norm, c: conv1d(4, 3, stride: 2, padding: causal), norm: batch_norm,
                g: gru(5, sequences), r: rms_norm, l: lstm(4), out: dense(2), softmax,
            }
        }
    )*};
}

of_several_lengths! {
    Short 7;
    Middle 14;
    Long 23;
}

kernlet::network! {
    /// An output for every other step.
    struct EveryOther([21, 3]) {
        a: conv1d(4, 3), avg_pool1d(3, stride: 2), s: simple_rnn(4, sequences), g: gru_reset_before(3, sequences), sigmoid,
    }
}

kernlet::network! {
    /// A mean of all steps.
    struct Mean([12, 3]) { a: conv1d(4, 2, padding: causal), relu6, global_avg_pool1d, out: dense(3), log_softmax }
}

kernlet::network! {
    /// The wake word of MLPerf Tiny's streaming benchmark.
    struct WakeWord([30, 40]) {
        d1: depthwise_conv1d(3), p1: conv1d(128, 1), relu,
        d2: depthwise_conv1d(5), p2: conv1d(128, 1), relu,
        d3: depthwise_conv1d(10), p3: conv1d(128, 1), relu,
        d4: depthwise_conv1d(15), p4: conv1d(32, 1), relu,
        flatten, out: dense(3), softmax,
    }
}

/// What is due after each step.
fn streamed<N: Network>(level: Level, model: &Model<N>, steps: &[f32], channels: usize) -> Vec<Option<Vec<f32>>> {
    let mut memory = vec![f32::NAN; stream_len::<N>()];
    let mut stream = Streamed::<N>::new(level, model.parameters(), &mut memory).unwrap();
    // What went before a reset is forgotten.
    for step in numbers(77, 5 * channels).chunks(channels) {
        stream.step(step).unwrap();
    }
    stream.reset();
    steps.chunks(channels).map(|step| stream.step(step).unwrap().map(<[f32]>::to_vec)).collect()
}

fn whole<N: Network>(level: Level, model: &Model<N>, steps: &[f32]) -> Vec<f32> {
    let batching = Batching::of(1);
    let (mut memory, mut outputs) = (vec![f32::NAN; inference_len::<N>(batching)], vec![f32::NAN; N::Output::LEN]);
    infer(level, batching, model, steps, &mut memory, &mut outputs).unwrap();
    outputs
}

#[test]
fn streams_have_the_bits_of_the_whole() {
    let steps = numbers(3, 23 * 3);
    for level in Level::all() {
        let (long, middle, short) = (model::<Long>(), model::<Middle>(), model::<Short>());
        assert_eq!(long.parameters(), short.parameters());
        let outputs = streamed::<Long>(level, &long, &steps, 3);
        // A shorter network's last output is the latest that was due.
        let latest = |count: usize| outputs[..count].iter().rev().flatten().next().unwrap().clone();
        assert_eq!(latest(7), whole::<Short>(level, &short, &steps[..7 * 3]), "{level}");
        assert_eq!(latest(14), whole::<Middle>(level, &middle, &steps[..14 * 3]), "{level}");
        assert_eq!(latest(23), whole::<Long>(level, &long, &steps), "{level}");
        assert_eq!(outputs.iter().flatten().count(), 6, "{outputs:?}");

        let every = model::<EveryOther>();
        let due: Vec<f32> =
            streamed::<EveryOther>(level, &every, &steps[..63], 3).into_iter().flatten().flatten().collect();
        assert_eq!(due, whole::<EveryOther>(level, &every, &steps[..63]), "{level}");

        let mean = model::<Mean>();
        let last = streamed::<Mean>(level, &mean, &steps[..36], 3).pop().unwrap();
        assert_eq!(last, Some(whole::<Mean>(level, &mean, &steps[..36])), "{level}");
    }
}

#[test]
fn words_are_streamed() {
    let model = model::<Words>();
    let mut memory = vec![f32::NAN; stream_len::<Words>()];
    for level in Level::all() {
        let mut stream = Streamed::<Words>::new(level, model.parameters(), &mut memory).unwrap();
        let mut last = Vec::new();
        for id in &IDS[..6] {
            last = stream.step(&[*id]).unwrap().unwrap().to_vec();
        }
        let (mut memory, mut whole) = (vec![f32::NAN; inference_len::<Words>(Batching::of(1))], [0.0; 3]);
        infer(level, Batching::of(1), &model, &IDS[..6], &mut memory, &mut whole).unwrap();
        assert_eq!(last, whole, "{level}");
        assert_eq!(stream.step(&[11_u16]).unwrap_err(), Error::Index { position: 0, index: 11, vocabulary: 11 });
        assert_eq!(stream.step(&[1_u16, 2]).unwrap_err(), Error::Inputs { input: 1, found: 2 });
    }
}

/// The network of a window, run over each window and streamed.
#[test]
fn a_wake_word_is_streamed() {
    let (level, model, steps) = (Level::detect(), model::<WakeWord>(), numbers(4, 36 * 40));
    let outputs = streamed::<WakeWord>(level, &model, &steps, 40);
    for (step, output) in outputs.iter().enumerate() {
        match output {
            Some(output) => {
                assert_eq!(*output, whole::<WakeWord>(level, &model, &steps[(step - 29) * 40..(step + 1) * 40]))
            }
            None => assert!(step < 29),
        }
    }
    let window: usize = WakeWord::LAYERS.iter().map(|layer| layer.multiply_accumulates()).sum();
    let step: usize = WakeWord::LAYERS
        .iter()
        .map(|layer| match layer.output.as_slice() {
            [steps, _] => layer.multiply_accumulates() / steps,
            _ => layer.multiply_accumulates(),
        })
        .sum();
    assert_eq!((window, step), (826_368, 46_040));
    // Two places between layers and the states.
    const { assert!(stream_len::<WakeWord>() <= 4000 + 2 * 128 + 16) };
}
