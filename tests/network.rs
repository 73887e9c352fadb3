//! Networks as a whole: shapes and sizes, the same bits for any pieces, threads and instruction
//! set, residual connections, frozen layers, gradients applied as they appear.
#![cfg(feature = "alloc")]

use kernlet::{
    nn::{
        AllButLast, Batching, First, Freeze, Gradients, HalfSquaredError, HeapMemory, Loss, Model, Network, Nothing,
        SoftmaxCrossEntropy, Trainer, Training, infer, inference_len, saliency, saliency_len,
    },
    optim::{Adadelta, Adam, Optimizer, Sgd},
    random::Stream,
    shape::Shape,
    simd::{Level, Rounding},
};

kernlet::network! {
    /// The Keras MNIST network.
    pub struct MnistCnn([28, 28, 1]) {
        conv1: conv2d(32, 3x3), relu,
        conv2: conv2d(64, 3x3), relu,
        pool: max_pool2d(2x2), dropout(0.25),
        fc1: dense(128), relu, dropout(0.5),
        fc2: dense(10), softmax,
    }
}

const _: () = assert!(MnistCnn::PARAMETERS == 1_199_882);

kernlet::network! {
    /// Everything at once, in small.
    pub struct Zoo([9, 8, 3]) {
        entry: conv2d(8, 3x3, padding: same), relu,
        first: conv2d(8, 3x3, padding: same), norm: batch_norm, leaky_relu(0.1),
        second: conv2d(8, 3x3, padding: [1, 1, 1, 1]), add(entry), relu,
        depth: depthwise_conv2d(3x3, multiplier: 2, stride: 2), silu,
        max_pool2d(2x2, stride: 1), dropout(0.25),
        grouped: conv2d(8, 1x1, groups: 2), gelu,
        avg_pool2d(2x2, padding: same), flatten,
        fc1: dense(13), tanh, dropout(0.5),
        fc2: dense(11), sigmoid,
        fc3: dense(5), softmax,
    }
}

kernlet::network! {
    /// A residual network without a dense body.
    pub struct Residual([8, 8, 2]) {
        entry: conv2d(4, 3x3, padding: same), relu,
        a1: conv2d(4, 3x3, padding: same), relu,
        a2: conv2d(4, 3x3, padding: same), add(entry), relu6,
        global_avg_pool2d,
        out: dense(3), softmax,
    }
}

kernlet::network! {
    /// Sizes that are a multiple of nothing.
    pub struct Odd([7, 5, 1]) {
        first: conv2d(5, 2x2), relu, max_pool2d(2x2, stride: 1),
        second: conv2d(3, 3x1), max_pool2d(2x2, stride: 1x2), dense(3), softmax,
    }
}

kernlet::network! {
    /// Groups, and channel by channel, with as many channels as threads divide elsewhere.
    pub struct Grouped([5, 5, 32]) {
        depth: depthwise_conv2d(3x3), relu,
        grouped: conv2d(32, 1x1, groups: 2), relu,
        dense(3), softmax,
    }
}

kernlet::network! {
    /// What a ReLU gives goes to a pooling and past it.
    pub struct PastPool([6, 6, 1]) {
        entry: conv2d(4, 3x3, padding: same), act: relu,
        max_pool2d(3x3, stride: 1, padding: same), add(act),
        global_avg_pool2d, out: dense(3), softmax,
    }
}

kernlet::network! {
    /// Softmaxes that are not at the end.
    pub struct Soft([5]) {
        a: dense(6), softmax,
        b: dense(4), log_softmax,
        out: dense(3), softmax,
    }
}

fn numbers(seed: u64, len: usize) -> Vec<f32> {
    let stream = Stream::new(seed, 99);
    (0..len).map(|i| stream.f32_at(i as u64)).collect()
}

fn labels(seed: u64, len: usize, classes: usize) -> Vec<u8> {
    let stream = Stream::new(seed, 98);
    (0..len).map(|i| stream.below_at(i as u64, classes as u32) as u8).collect()
}

/// A trainer on memory that held rubbish.
struct Bench<N: Network> {
    model: Box<Model<N>>,
    memory: HeapMemory,
}

impl<N: Network> Bench<N> {
    fn new(len: usize) -> Self {
        let mut bench = Self { model: Model::zeroed_box(), memory: HeapMemory::zeroed(len) };
        bench.model.initialize(7);
        bench.memory.fill(f32::NAN);
        bench
    }

    /// Room for that training.
    fn of<O: Optimizer, F: Freeze>(training: &Training<N, O, SoftmaxCrossEntropy, F>) -> Self {
        Self::new(training.memory_len())
    }

    fn trainer<O: Optimizer, F: Freeze>(
        &mut self,
        level: Level,
        training: Training<N, O, SoftmaxCrossEntropy, F>,
    ) -> Trainer<'_, N, O, SoftmaxCrossEntropy, F> {
        training.level(level).start(&mut self.model, &mut self.memory).unwrap()
    }
}

/// Plain descent at some rate.
fn sgd<N: Network>(rate: f32, batching: Batching, gradients: Gradients) -> Training<N, Sgd> {
    Training::new(Sgd::new(rate)).batching(batching).gradients(gradients).seed(3)
}

/// The parameters' bits after some steps.
fn train<N: Network, O: Optimizer, F: Freeze>(
    level: Level,
    optimizer: O,
    batching: Batching,
    gradients: Gradients,
    batches: &[usize],
) -> Vec<u32> {
    let training: Training<N, O> = Training::new(optimizer).batching(batching).gradients(gradients).seed(3);
    let mut bench = Bench::of(&training.freeze::<F>());
    let mut trainer = bench.trainer(level, training.freeze::<F>());
    for (step, &count) in batches.iter().enumerate() {
        let images = numbers(step as u64, count * N::Input::LEN);
        let metrics = trainer.step(&images, &labels(step as u64, count, N::Output::LEN)).unwrap();
        assert!(metrics.loss.is_finite(), "step {step}: {metrics:?}");
    }
    bench.model.parameters().iter().map(|p| p.to_bits()).collect()
}

#[test]
fn pieces_and_threads_change_no_bit() {
    for level in Level::all() {
        let run = |batching| train::<Zoo, _, Nothing>(level, Adam::new(0.01), batching, Gradients::Kept, &[7, 7, 5]);
        let whole = run(Batching::of(7).pieces_of(7));
        for piece in 1..7 {
            for threads in 1..4 {
                let cut = run(Batching::of(7).pieces_of(piece).threads(threads));
                assert!(cut == whole, "{level}, pieces of {piece}, {threads} threads");
            }
        }
        let run = |batching| train::<Odd, _, Nothing>(level, Sgd::new(0.1), batching, Gradients::Kept, &[7, 5]);
        let whole = run(Batching::of(7));
        for batching in
            [Batching::of(7).pieces_of(3), Batching::of(7).threads(3), Batching::of(7).pieces_of(2).threads(2)]
        {
            assert!(run(batching) == whole, "{level}, {batching:?}");
        }
        let run = |batching| train::<Residual, _, Nothing>(level, Sgd::new(0.1), batching, Gradients::Kept, &[5, 4]);
        let whole = run(Batching::of(5));
        for threads in 2..4 {
            assert!(run(Batching::of(5).pieces_of(2).threads(threads)) == whole, "{level}, {threads} threads");
        }
        let run = |batching| train::<Grouped, _, Nothing>(level, Sgd::new(0.1), batching, Gradients::Kept, &[4, 4]);
        let whole = run(Batching::of(4));
        for threads in 2..4 {
            assert!(run(Batching::of(4).threads(threads)) == whole, "{level}, {threads} threads");
        }
        let run = |batching| train::<Soft, _, Nothing>(level, Sgd::new(0.1), batching, Gradients::Kept, &[5, 4]);
        assert!(run(Batching::of(5).pieces_of(2).threads(2)) == run(Batching::of(5)), "{level}");
        // So many channels that threads divide them, among them terms that are zero.
        let run = |batching| train::<MnistCnn, _, Nothing>(level, Sgd::new(0.1), batching, Gradients::Kept, &[9, 7]);
        let whole = run(Batching::of(9));
        for threads in 2..5 {
            let batching = Batching::of(9).pieces_of(2).threads(threads);
            assert!(run(batching) == whole, "{level}, {batching:?}");
        }
    }
}

#[test]
fn the_level_changes_no_bit_but_by_its_rounding() {
    let kept = Gradients::Kept;
    let batching = Batching::of(6).pieces_of(4);
    for rounding in [Rounding::Strict, Rounding::Fused] {
        let mut results = Level::all().filter(|level| level.rounding() == rounding).map(|level| {
            let cnn = train::<MnistCnn, _, Nothing>(level, Adadelta::new(1.0), batching, kept, &[6, 5]);
            let zoo = train::<Zoo, _, Nothing>(level, Adam::new(0.01), batching, kept, &[6, 5]);
            let residual = train::<Residual, _, Nothing>(level, Sgd::new(0.1), batching, kept, &[6, 5]);
            (level, [cnn, zoo, residual])
        });
        if let Some(first) = results.next() {
            for other in results {
                for (a, b) in first.1.iter().zip(&other.1) {
                    assert!(a == b, "{} and {}, {} parameters", first.0, other.0, a.len());
                }
            }
        }
    }
}

#[test]
fn gradients_applied_as_they_appear_are_those_that_are_kept() {
    for level in Level::all() {
        let run = |gradients| train::<MnistCnn, _, Nothing>(level, Sgd::new(0.05), Batching::of(1), gradients, &[1; 3]);
        assert!(run(Gradients::Kept) == run(Gradients::Applied), "{level}");
        let batching = Batching::of(4).pieces_of(4);
        let run = |gradients| train::<Zoo, _, Nothing>(level, Adam::new(0.01), batching, gradients, &[4; 3]);
        assert!(run(Gradients::Kept) == run(Gradients::Applied), "{level}");
        let batching = batching.threads(2);
        let run = |gradients| train::<MnistCnn, _, Nothing>(level, Sgd::new(0.05), batching, gradients, &[4; 2]);
        assert!(run(Gradients::Kept) == run(Gradients::Applied), "{level}, two threads");
    }
}

#[test]
fn frozen_layers_stay_and_the_others_learn_as_before() {
    type Last = AllButLast<1>;
    let level = Level::detect();
    let batching = Batching::of(2);
    let whole = sgd::<MnistCnn>(0.1, batching, Gradients::Kept).training_bytes();
    let last = sgd::<MnistCnn>(0.1, batching, Gradients::Applied).freeze::<Last>().training_bytes();
    assert!(last < whole - 4 * MnistCnn::PARAMETERS, "{last} of {whole} bytes");
    let mut before = Model::<MnistCnn>::zeroed_box();
    before.initialize(7);
    let after = train::<MnistCnn, Sgd, Last>(level, Sgd::new(0.1), batching, Gradients::Kept, &[2; 2]);
    let last = MnistCnn::LAYERS.iter().find(|layer| layer.name == "fc2").unwrap();
    let changed: Vec<usize> = (0..after.len()).filter(|&i| before.parameters()[i].to_bits() != after[i]).collect();
    assert!(changed.iter().all(|&i| i >= last.offset), "a frozen parameter has changed");
    assert!(changed.len() > 100, "{} parameters have changed", changed.len());
    let applied = train::<MnistCnn, Sgd, Last>(level, Sgd::new(0.1), batching, Gradients::Applied, &[2; 2]);
    assert!(applied == after);
}

/// Central differences of the whole network's loss: this checks that layers are strung together
/// rightly; the kernels' own gradients are checked far more closely elsewhere.
fn check_gradients<N: Network>(seed: u64) {
    let batching = Batching::of(3).pieces_of(2);
    let images = numbers(seed, 3 * N::Input::LEN);
    let targets = labels(seed, 3, N::Output::LEN);
    let training = sgd::<N>(0.0, batching, Gradients::Kept);
    let mut bench = Bench::of(&training);
    let mut trainer = bench.trainer(Level::detect_strict(), training);
    let mut parameters = trainer.model().parameters().to_vec();
    // Biases away from the kinks of the activations.
    for (i, p) in parameters.iter_mut().enumerate().filter(|(_, p)| **p == 0.0) {
        *p = 0.05 + 0.01 * (i % 7) as f32;
    }
    let mut loss = |parameters: &[f32]| {
        trainer.model_mut().parameters_mut().copy_from_slice(parameters);
        let loss = trainer.backward(&images, &targets, 0, 3).unwrap().loss;
        (loss, trainer.gradients().to_vec())
    };
    let gradients = loss(&parameters).1;
    let scale = gradients.iter().fold(0.0_f32, |most, g| most.max(g.abs()));
    let stream = Stream::new(seed, 5);
    let mut wrong = 0;
    for draw in 0..80 {
        let i = stream.below_at(draw, parameters.len() as u32) as usize;
        let layer = N::LAYERS.iter().rfind(|layer| layer.rows > 0 && layer.offset <= i).unwrap();
        if i >= layer.offset + layer.trainable() {
            continue;
        }
        let (kept, step) = (parameters[i], 2e-3);
        parameters[i] = kept + step;
        let high = loss(&parameters).0;
        parameters[i] = kept - step;
        let low = loss(&parameters).0;
        parameters[i] = kept;
        let numeric = (high - low) / (2.0 * step);
        if (numeric - gradients[i]).abs() > 0.02 * scale {
            eprintln!("{} of {}: {} and numerically {numeric}", i - layer.offset, layer.name, gradients[i]);
            wrong += 1;
        }
    }
    // A kink of a ReLU or another maximum between the two points may spoil one.
    assert!(wrong <= 1, "{wrong} of 80 gradients of {} are wrong", N::NAME);
}

kernlet::network! {
    /// Activations and poolings that the others lack.
    struct Various([8, 9, 2]) {
        a: conv2d(4, 3x3, padding: same), hard_swish, max_pool2d(2x2, dilation: 2, stride: 1),
        b: depthwise_conv2d(3x3, padding: same), elu(0.5),
        avg_pool2d(3x3, stride: 1, padding: same, count_include_pad: yes), mish,
        c: conv2d(6, 1x1), selu, d: conv2d(6, 1x1), gelu_tanh, e: conv2d(6, 1x1), softplus,
        global_max_pool2d, f: dense(6), hard_sigmoid, out: dense(3), softmax,
    }
}

kernlet::network! {
    /// Learnt slopes by channel and by element, ranges that are fused and not, and what divides by α.
    struct Sloped([7, 6, 2]) {
        a: conv2d(4, 3x3), clip(-0.5, 0.75), b: conv2d(5, 2x2), by_channel: prelu(slope: 0.25), celu(0.5),
        c: conv2d(3, 1x1), by_element: prelu(elements), max_pool2d(2x2), clip(-2.0, 0.5),
        d: dense(6), flat: prelu(slope: -0.1), out: dense(3), softmax,
    }
}

kernlet::network! {
    /// A window of 323 taps, whose place needs two bytes.
    struct LargeWindow([20, 18, 2]) { a: conv2d(3, 1x1), relu, max_pool2d(19x17, stride: 1), out: dense(3), softmax }
}

/// Every parameter: a step of 10⁻³ and a loss about 1 with some thirty roundings.
#[test]
fn learnt_slopes_and_ranges_have_the_gradient_of_their_loss() {
    let x: Vec<f32> =
        (0..3 * Sloped::LAYERS[0].input.len() as u64).map(|i| 2.0 * Stream::new(19, 4).f32_at(i) - 1.0).collect();
    for piece in [2, 3] {
        let training = Training::<Sloped, _>::new(Sgd::new(0.0)).batch(3).pieces_of(piece).seed(7);
        let mut trainer = training.level(Level::detect_strict()).build().unwrap();
        let mut parameters = trainer.model().parameters().to_vec();
        for (i, p) in parameters.iter_mut().enumerate().filter(|(_, p)| **p == 0.0) {
            *p = 0.05 + 0.01 * (i % 7) as f32;
        }
        let mut loss = |parameters: &[f32]| {
            trainer.model_mut().parameters_mut().copy_from_slice(parameters);
            let loss = trainer.backward(&x, &[0, 2, 1], 0, 3).unwrap().loss;
            (f64::from(loss), trainer.gradients().to_vec())
        };
        let gradients = loss(&parameters).1;
        for (i, gradient) in gradients.into_iter().enumerate() {
            let kept = parameters[i];
            let mut at = |step: f32| {
                parameters[i] = kept + step;
                let at = loss(&parameters).0;
                parameters[i] = kept;
                at
            };
            let slope = (at(1e-3) - at(-1e-3)) / 2e-3;
            assert!((slope - f64::from(gradient)).abs() <= 0.002, "{i}: {gradient} and numerically {slope}");
        }
    }
}

#[test]
fn gradients_are_those_of_the_loss() {
    check_gradients::<Various>(17);
    check_gradients::<LargeWindow>(18);
    check_gradients::<Zoo>(11);
    check_gradients::<Residual>(12);
    check_gradients::<Odd>(13);
    check_gradients::<PastPool>(14);
    check_gradients::<Grouped>(15);
    check_gradients::<Soft>(16);
}

#[test]
fn moving_averages_go_towards_the_batch_and_are_no_gradients() {
    kernlet::network! { struct Normed([2]) { norm: batch_norm, out: dense(2) } }
    let batching = Batching::of(4);
    for gradients in [Gradients::Kept, Gradients::Clipped(1e-20), Gradients::Applied] {
        let training = sgd::<Normed>(0.0, batching, gradients);
        let mut bench = Bench::of(&training);
        let images = [1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 6.0, 40.0];
        let mut trainer = bench.trainer(Level::detect(), training);
        // A quarter of a batch of 16, as a worker of several sees it, moves them a quarter of the way.
        trainer.step(&images, &[0, 1, 0, 1]).unwrap();
        let close = |found: &[f32], expected: [f32; 8]| {
            assert!(
                found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-5 * b.abs()),
                "{gradients:?}: {found:?}"
            );
        };
        close(&trainer.model().parameters()[..8], [1.0, 1.0, 0.0, 0.0, 0.03, 0.25, 1.025, 2.24]);
        if gradients != Gradients::Applied {
            trainer.backward(&images, &[0, 1, 0, 1], 0, 16).unwrap();
            trainer.update().unwrap();
            let by = 0.01 / 4.0;
            let moved = |old: f32, batch: f32| old + by * (batch - old);
            let means = [moved(0.03, 3.0), moved(0.25, 25.0)];
            let variances = [moved(1.025, 3.5), moved(2.24, 125.0)];
            close(
                &trainer.model().parameters()[..8],
                [1.0, 1.0, 0.0, 0.0, means[0], means[1], variances[0], variances[1]],
            );
        }
    }
    // Frozen, the layer uses its averages as they are.
    let after = train::<Normed, _, First<1>>(Level::detect(), Sgd::new(0.1), batching, Gradients::Kept, &[4; 2]);
    assert_eq!(after[..8], [1.0_f32, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0].map(f32::to_bits));
}

#[test]
fn inference_is_what_training_evaluates() {
    let level = Level::detect();
    let images = numbers(1, 5 * 216);
    let targets = labels(1, 5, 5);
    let batching = Batching::of(5).pieces_of(2);
    let training = sgd::<Zoo>(0.1, batching, Gradients::Kept);
    let mut bench = Bench::of(&training);
    let metrics = bench.trainer(level, training).evaluate(&images, &targets).unwrap();
    let mut memory = vec![f32::NAN; inference_len::<Zoo>(batching)];
    let mut outputs = [f32::NAN; 25];
    infer(level, batching, &bench.model, &images, &mut memory, &mut outputs).unwrap();
    for row in outputs.chunks(5) {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{row:?}");
    }
    let mean = outputs.chunks(5).zip(&targets).map(|(row, &t)| -row[usize::from(t)].ln()).sum::<f32>() / 5.0;
    assert!((metrics.loss - mean).abs() < 1e-5, "{} and {mean}", metrics.loss);
}

#[test]
fn saliency_is_the_derivative_of_a_logit() {
    let level = Level::detect_strict();
    let mut model = Model::<Residual>::zeroed_box();
    model.initialize(5);
    let mut image = numbers(3, 128);
    let mut memory = vec![f32::NAN; saliency_len::<Residual>()];
    let mut gradient = vec![f32::NAN; 128];
    saliency(level, &model, &image, 2, &mut memory, &mut gradient).unwrap();
    // ln p₂ − ln p₀ is the difference of two logits.
    let mut other = vec![f32::NAN; 128];
    saliency(level, &model, &image, 0, &mut memory, &mut other).unwrap();
    let difference = |image: &[f32]| {
        let batching = Batching::of(1);
        let mut memory = vec![f32::NAN; inference_len::<Residual>(batching)];
        let mut outputs = [f32::NAN; 3];
        infer(level, batching, &model, image, &mut memory, &mut outputs).unwrap();
        outputs[2].ln() - outputs[0].ln()
    };
    let scale = gradient.iter().fold(0.0_f32, |most, g| most.max(g.abs()));
    for i in [3, 40, 77, 126] {
        let kept = image[i];
        image[i] = kept + 0.002;
        let high = difference(&image);
        image[i] = kept - 0.002;
        let low = difference(&image);
        image[i] = kept;
        let numeric = (high - low) / 0.004;
        assert!(
            (numeric - (gradient[i] - other[i])).abs() < 0.02 * scale,
            "{i}: {numeric} and {} (of {scale})",
            gradient[i] - other[i]
        );
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let level = Level::detect();
    let batching = Batching::of(2);
    let training = sgd::<Residual>(0.1, batching, Gradients::Kept);
    let mut bench = Bench::of(&training);
    let mut outputs = [0.0; 6];
    let mut memory = vec![0.0; inference_len::<Residual>(batching)];
    let run = |images: usize, memory: &mut [f32], outputs: &mut [f32]| {
        infer(level, batching, &bench.model, &numbers(1, images), memory, outputs).unwrap_err().to_string()
    };
    assert_eq!(run(127, &mut memory, &mut outputs), "inputs: expected a multiple of 128 numbers, found 127");
    assert_eq!(run(3 * 128, &mut memory, &mut outputs), "batch: expected 1 to 2 samples, found 3");
    assert_eq!(run(0, &mut memory, &mut outputs), "batch: expected 1 to 2 samples, found 0");
    assert_eq!(run(256, &mut memory, &mut outputs[..5]), "outputs: expected 6, found 5");
    let short = memory.len() - 1;
    assert!(run(256, &mut memory[..short], &mut outputs).starts_with("memory: expected "));

    let mut trainer = bench.trainer(level, training);
    let error = trainer.step(&numbers(1, 256), &[0, 3]).unwrap_err().to_string();
    assert!(error.contains('3') && error.contains("label"), "{error}");
    let error = trainer.step(&numbers(1, 256), &[0]).unwrap_err().to_string();
    assert_eq!(error, "targets: expected 2, found 1");
    for (first, of, told) in [(0, 0, 0), (3, 4, 1), (5, 4, 0), (usize::MAX, 2, 0)] {
        let error = trainer.backward(&numbers(1, 256), &[0, 1], first, of).unwrap_err().to_string();
        assert_eq!(error, format!("batch: expected 1 to {told} samples, found 2"));
    }
    trainer.backward(&numbers(1, 256), &[0, 1], usize::MAX - 2, usize::MAX).unwrap();

    let batching = Batching::of(2).pieces_of(1);
    let training = sgd::<Zoo>(0.1, batching, Gradients::Kept);
    let mut bench = Bench::of(&training);
    let mut zoo = bench.trainer(level, training);
    // Noise has an index for every element of every image there may be.
    zoo.backward(&numbers(1, 2 * 216), &[0, 1], usize::MAX - 2, usize::MAX).unwrap();
    let Bench { model, memory } = &mut bench;
    let error = training.gradients(Gradients::Applied).start(model, memory);
    let told =
        "gradients applied as they appear need a batch of one piece and no clipping, found 2 samples in pieces of 1";
    assert_eq!(error.unwrap_err().to_string(), told);
    let error = training.start(model, &mut []);
    let told = error.unwrap_err().to_string();
    assert!(told.starts_with("memory: expected ") && told.ends_with(" floats or more, found 0"), "{told}");
}

/// The sizes that are constants are neither too small, which would be an error, nor larger than is used.
#[test]
fn memory_is_what_is_used() {
    fn check<N: Network>(batching: Batching, gradients: Gradients) {
        let training: Training<N, Adam> = Training::new(Adam::new(0.01)).batching(batching).gradients(gradients);
        let len = training.memory_len();
        assert_eq!(training.training_bytes(), 4 * len + Model::<N>::BYTES);
        let unused = f32::from_bits(0x7FC0_BEEF);
        let mut bench = Bench::<N>::new(len);
        bench.memory.fill(unused);
        let [images, labels] = [batching.batch() * N::Input::LEN, batching.batch()];
        let (images, labels) = (numbers(1, images), self::labels(1, labels, N::Output::LEN));
        let mut trainer = bench.trainer(Level::detect(), training);
        trainer.step(&images, &labels).unwrap();
        let left = bench.memory.iter().filter(|x| x.to_bits() == unused.to_bits()).count();
        // A value and a gradient of each layer and image, scratch, gradients and states begin at a multiple of 16.
        let places = 2 * (N::LAYERS.len() + 1) * batching.batch() + 2 + <Adam>::STATES;
        assert!(left <= 15 * places, "{} {batching:?} {gradients:?}: {left} of {len} floats are not used", N::NAME);
        assert!(training.start(&mut bench.model, &mut bench.memory[..len - 1]).is_err());

        let len = inference_len::<N>(batching);
        let (mut memory, mut outputs) = (vec![unused; len], vec![f32::NAN; batching.batch() * N::Output::LEN]);
        infer(Level::detect(), batching, &bench.model, &images, &mut memory, &mut outputs).unwrap();
        let left = memory.iter().filter(|x| x.to_bits() == unused.to_bits()).count();
        let places = (N::LAYERS.len() + 1) * batching.batch();
        assert!(left <= 15 * places, "{} {batching:?}: {left} of {len} floats are not used", N::NAME);
    }
    let batching = Batching::of(4);
    for gradients in [Gradients::Kept, Gradients::Clipped(1.0)] {
        for batching in [batching, batching.pieces_of(2)] {
            check::<MnistCnn>(batching, gradients);
            check::<Zoo>(batching, gradients);
            check::<Residual>(batching, gradients);
            check::<Odd>(batching, gradients);
        }
    }
    check::<MnistCnn>(batching.pieces_of(4), Gradients::Applied);
    check::<Zoo>(batching.pieces_of(4), Gradients::Applied);
}

#[test]
fn a_target_of_numbers_can_be_learnt() {
    kernlet::network! { struct Line([1]) { dense(1) } }
    const TRAINING: Training<Line, Sgd, HalfSquaredError> =
        Training::new(Sgd::new(0.3)).loss(HalfSquaredError).batch(4);
    let mut model = Model::<Line>::zeroed();
    let mut memory = [0.0; TRAINING.memory_len()];
    let mut trainer = TRAINING.start(&mut model, &mut memory).unwrap();
    let mut loss = f32::MAX;
    for _ in 0..300 {
        loss = trainer.step(&[-1.0, 0.0, 1.0, 2.0], &[-1.0, 1.0, 3.0, 5.0]).unwrap().loss;
    }
    assert!(loss < 1e-6, "{loss}");
    assert!((model.parameters()[0] - 2.0).abs() < 1e-3 && (model.parameters()[1] - 1.0).abs() < 1e-3);
    assert_eq!(HalfSquaredError::TARGETS.count(&Line::LAYERS[0].output), 1);
}

#[test]
fn gradients_of_frozen_layers_between_are_zeros() {
    kernlet::network! { struct Three([2]) { a: dense(3), b: dense(3), c: dense(2), softmax } }
    let batching = Batching::of(4);
    kernlet::frozen! { struct Middle = ["b"]; }
    let training = sgd::<Three>(0.1, batching, Gradients::Kept).freeze::<Middle>();
    let mut bench = Bench::of(&training);
    let mut trainer = bench.trainer(Level::detect(), training);
    trainer.backward(&numbers(1, 8), &labels(1, 4, 2), 0, 4).unwrap();
    let (b, c) = (Three::LAYERS[1].offset, Three::LAYERS[2].offset);
    let gradients = trainer.gradients();
    assert!(gradients[b..c].iter().all(|&g| g == 0.0), "{gradients:?}");
    assert!(gradients[..b].iter().chain(&gradients[c..]).any(|&g| g != 0.0), "{gradients:?}");
}

/// Files name their network by this: it must be the same in every later release.
#[test]
fn identities_are_frozen() {
    use kernlet::snapshot::Described;
    assert_eq!(format!("{:016x}", MnistCnn::INFO.id()), "32bcdb80484b4f4e");
}
