//! Training on sequences: whole numbers, unequal lengths, and states that go on from batch to batch.
#![cfg(feature = "alloc")]

use std::sync::Mutex;

use kernlet::{
    kernels::loss::{Outputs, Reduction, SquaredError},
    nn::{
        self, Batching, CrossEntropy, Draw, Elementwise, Error, Evaluation, HalfSquaredError, Loss, MeanSquaredError,
        Metrics, Model, Network, Pairs, Samples, SoftmaxCrossEntropy, Takes, Targets, Training, infer,
        infer_with_lengths, inference_len,
    },
    optim::{Adam, Sgd},
    random::Stream,
    shape::Dims,
    simd::Level,
};

macro_rules! of_steps {
    ($($name:ident $each:ident $steps:literal;)*) => {$(
        kernlet::network! {
            struct $name([$steps, 3]) {
                scaled: layer_norm, before: conv1d(4, 2, padding: causal), tanh,
                first: gru(5, sequences), second: lstm(4, bidirectional), out: dense(2), softmax,
            }
        }
        kernlet::network! {
            struct $each([$steps, 3]) { first: lstm(4, sequences), second: simple_rnn(5, sequences), out: conv1d(2, 1) }
        }
    )*};
}

of_steps! {
    Six EachOfSix 6;
    Four EachOfFour 4;
    Twelve EachOfTwelve 12;
}

kernlet::network! { struct Mean([6, 3]) { each: conv1d(4, 1), tanh, global_avg_pool1d, out: dense(2), softmax } }
kernlet::network! { struct MeanOfFour([4, 3]) { each: conv1d(4, 1), tanh, global_avg_pool1d, out: dense(2), softmax } }
kernlet::network! { struct Words([u16; 6]) { words: embedding(300, 4), state: gru(5), out: dense(3), softmax } }
kernlet::network! { struct Backwards([6, 3]) { first: gru(5, backwards), out: dense(2), softmax } }

fn numbers(seed: u64, len: usize) -> Vec<f32> {
    let stream = Stream::new(seed, 4);
    (0..len as u64).map(|i| 2.0 * stream.f32_at(i) - 1.0).collect()
}

fn model<N: Network>() -> Box<Model<N>> {
    let mut model = Model::<N>::zeroed_box();
    model.initialize(5);
    model.parameters_mut().iter_mut().zip(numbers(6, N::PARAMETERS)).for_each(|(p, by)| *p += 0.2 * by);
    model
}

/// Loss and gradients of some samples, with lengths or without.
fn learnt<N: Network, L: Loss>(loss: L, inputs: &[f32], lengths: &[u32], targets: &[L::Target]) -> (f32, Vec<f32>) {
    let mut trainer = Training::<N, Sgd>::new(Sgd::new(0.1)).loss(loss).batch(3).build_on(model()).unwrap();
    let of = inputs.len() / N::LAYERS[0].input.len();
    let metrics = if lengths.is_empty() {
        trainer.backward(inputs, targets, 0, of).unwrap()
    } else {
        trainer.backward_with_lengths(inputs, lengths, targets, 0, of).unwrap()
    };
    assert_eq!(metrics.samples, of);
    (metrics.loss, trainer.gradients().to_vec())
}

/// What lies beyond an end changes nothing, and the rest is what a network of as many steps computes.
fn check_ends<Long: Network, Short: Network>() {
    let inputs = numbers(1, 18);
    let (loss, gradients) = learnt::<Short, _>(SoftmaxCrossEntropy::<u8>::new(), &inputs[..12], &[], &[1]);
    let mut other = inputs.clone();
    other[12..].fill(0.0);
    for inputs in [inputs, other] {
        let found = learnt::<Long, _>(SoftmaxCrossEntropy::<u8>::new(), &inputs, &[4], &[1]);
        assert_eq!((found.0, &found.1), (loss, &gradients));
    }
}

#[test]
fn a_sequence_ends_where_its_length_says() {
    check_ends::<Six, Four>();
    check_ends::<Mean, MeanOfFour>();
}

#[test]
fn steps_that_there_are_not_have_no_loss() {
    let (inputs, targets) = (numbers(1, 36), numbers(2, 24));
    let (loss, gradients) = learnt::<EachOfSix, _>(MeanSquaredError, &inputs, &[4, 6], &targets);
    let four = learnt::<EachOfFour, _>(MeanSquaredError, &inputs[..12], &[], &targets[..8]);
    let six = learnt::<EachOfSix, _>(MeanSquaredError, &inputs[18..], &[], &targets[12..]);
    // Each counts as much as it has steps; a handful of roundings of numbers below 4.
    let bound = 40.0 * f32::EPSILON;
    assert!((loss - (0.4 * four.0 + 0.6 * six.0)).abs() < bound);
    for (found, (four, six)) in gradients.iter().zip(four.1.iter().zip(&six.1)) {
        assert!((found - (0.4 * four + 0.6 * six)).abs() < bound, "{found}");
    }
    // Whatever the targets beyond the end are.
    let mut others = targets.clone();
    others[8..12].fill(f32::NAN);
    assert_eq!(learnt::<EachOfSix, _>(MeanSquaredError, &inputs, &[4, 6], &others), (loss, gradients));
}

// A network that says a class at each step.
kernlet::network! { struct ClassOfEach([6, 3]) { state: gru(5, sequences), out: conv1d(3, 1), softmax } }

const ENDS: [u32; 3] = [4, 6, 1];

/// What `loss` makes of three sequences together is what `plain` makes of each, multiplied by `counts` and divided: the
/// loss by `divisors[0]`, the gradients by `divisors[1]`. So with all in a batch, and the loss with one after the other.
fn check_counts<N: Network, A: Loss, B: Loss>(
    (plain, targets): (A, &[A::Target]),
    (loss, weighted): (B, &[B::Target]),
    counts: [f64; 3],
    divisors: [f64; 2],
) {
    let inputs = numbers(1, 54);
    let (mut sum, mut gradient) = (0.0, vec![0.0; N::PARAMETERS]);
    for (i, count) in counts.into_iter().enumerate() {
        let of = targets.len() / 3;
        let one = learnt::<N, _>(plain, &inputs[i * 18..][..18], &ENDS[i..=i], &targets[i * of..][..of]);
        sum += count * f64::from(one.0);
        gradient.iter_mut().zip(one.1).for_each(|(sum, of_one)| *sum += count * f64::from(of_one));
    }
    let found = learnt::<N, _>(loss, &inputs, &ENDS, weighted);
    // A handful of roundings of numbers below 8.
    let bound = 100.0 * f64::from(f32::EPSILON);
    assert!((f64::from(found.0) - sum / divisors[0]).abs() < bound, "{} for {}", found.0, sum / divisors[0]);
    for (found, sum) in found.1.iter().zip(gradient) {
        assert!((f64::from(*found) - sum / divisors[1]).abs() < bound, "{found} for {}", sum / divisors[1]);
    }
    for batch in 1..=3 {
        let evaluation = Evaluation::<N, B>::new(loss).batching(Batching::of(batch));
        let mut memory = vec![f32::NAN; evaluation.memory_len()];
        let model = model::<N>();
        let metrics = evaluation.run_with_lengths(&model, &inputs, &ENDS, weighted, &mut memory).unwrap();
        assert!((f64::from(metrics.loss) - sum / divisors[0]).abs() < bound, "{} in batches of {batch}", metrics.loss);
        let mut trainer = Training::<N, Sgd>::new(Sgd::new(0.1)).loss(loss).batch(batch).build_on(model).unwrap();
        assert_eq!(trainer.evaluate_with_lengths(&inputs, &ENDS, weighted).unwrap(), metrics);
    }
}

/// Keras multiplies the weights of samples with the mask of the steps that there are.
#[test]
fn weights_of_samples_and_lengths_multiply() {
    let targets = numbers(2, 36);
    let weights = [0.5_f32, 0.0, 3.0];
    let behind: Vec<f32> = targets.chunks(12).zip(weights).flat_map(|(t, w)| [t, &[w]].concat()).collect();
    let loss = Elementwise::new(SquaredError);
    let check = |reduction, counts, divisors| {
        let weighted = loss.with_sample_weights().with_reduction(reduction);
        check_counts::<EachOfSix, _, _>((loss, &targets), (weighted, &behind), counts, divisors);
    };
    // Steps by weight: 4 of ½, 6 of 0, 1 of 3.
    let counts = [2.0, 0.0, 3.0];
    check(Reduction::Mean, counts, [11.0; 2]);
    check(Reduction::WeightedMean, counts, [5.0; 2]);
    // Two outputs at each step are not divided by.
    check(Reduction::Sum, counts, [11.0, 0.5]);

    // Rows with labels have a weight each.
    let labels: Vec<u8> = (0..18).map(|i| (i * 7 % 3) as u8).collect();
    let rows: Vec<_> = labels.iter().enumerate().map(|(i, &l)| nn::weighted(l.into(), weights[i / 6])).collect();
    let loss = CrossEntropy::<u8>::new();
    for (reduction, divisors) in
        [(Reduction::Mean, [11.0; 2]), (Reduction::WeightedMean, [5.0; 2]), (Reduction::Sum, [11.0, 1.0])]
    {
        let weighted = loss.with_sample_weights().with_reduction(reduction);
        check_counts::<ClassOfEach, _, _>((loss, &labels), (weighted, &rows), counts, divisors);
    }
    // So do classes; labels of one sequence may all be ignored, and its mean is over what is left.
    let classes = [0.25, 1.0, 2.0];
    let mut labels = [1_u8; 18];
    labels[..6].fill(0);
    labels[12..].fill(2);
    check_counts::<ClassOfEach, _, _>(
        (loss, &labels),
        (loss.with_class_weights(&classes), &labels),
        [1.0, 6.0, 2.0],
        [9.0; 2],
    );
    check_counts::<ClassOfEach, _, _>((loss, &labels), (loss.with_ignored(1), &labels), [4.0, 0.0, 1.0], [5.0; 2]);
}

#[test]
fn a_loss_over_several_batches_is_that_of_one() {
    let targets = numbers(2, 36);
    let counts = [4.0, 6.0, 1.0];
    check_counts::<EachOfSix, _, _>((MeanSquaredError, &targets), (MeanSquaredError, &targets), counts, [11.0; 2]);
    let labels: Vec<u8> = (0..18).map(|i| (i * 7 % 3) as u8).collect();
    let loss = SoftmaxCrossEntropy::<u8>::new();
    check_counts::<ClassOfEach, _, _>((loss, &labels), (loss, &labels), counts, [11.0; 2]);
    // A sum over each sample's outputs: samples count the same, whatever their lengths.
    check_counts::<EachOfSix, _, _>((HalfSquaredError, &targets), (HalfSquaredError, &targets), [1.0; 3], [3.0; 2]);
}

/// A loss whose weights stand behind the targets, and which does not say how a sequence that ends counts.
#[derive(Clone, Copy)]
struct Behind;

impl Loss for Behind {
    type Target = f32;
    const TAKES: Takes = Takes::Numbers;
    const TARGETS: Targets = Targets::PerOutputAndWeight;

    fn evaluate(
        &self,
        _level: Level,
        y: &[f32],
        output: &Dims,
        _targets: &[f32],
        _outputs: Outputs<'_>,
    ) -> Result<Metrics, Error> {
        Ok(Metrics { samples: y.len() / output.len(), ..Metrics::default() })
    }
}

#[test]
fn a_refused_target_of_a_sequence_is_named() {
    let mut trainer = Training::<EachOfSix, Sgd>::new(Sgd::new(0.1)).loss(Behind).batch(1).build_on(model()).unwrap();
    assert_eq!(
        trainer.evaluate_with_lengths(&numbers(1, 18), &[4], &numbers(2, 13)).unwrap_err().to_string(),
        "lengths: the loss has a weight behind the targets of a sample, and no `evaluate_ended` of its own"
    );
    // The row is counted over the batch, as without lengths.
    let mut trainer = Training::<ClassOfEach, Sgd>::new(Sgd::new(0.1)).batch(3).build_on(model()).unwrap();
    let mut labels = [1; 18];
    labels[8] = 3;
    let said = trainer.evaluate(&numbers(1, 54), &labels).unwrap_err();
    assert_eq!(said.to_string(), "row 8: label 3 is not below the number of classes, 3");
    assert_eq!(trainer.evaluate_with_lengths(&numbers(1, 54), &ENDS, &labels).unwrap_err(), said);
}

#[test]
fn lengths_that_are_none_are_refused() {
    let mut trainer = Training::<Six, Sgd>::new(Sgd::new(0.1)).batch(3).build_on(model()).unwrap();
    let (inputs, before) = (numbers(1, 36), trainer.model().parameters().to_vec());
    let mut said = |lengths: &[u32]| trainer.step_with_lengths(&inputs, lengths, &[0, 1]).unwrap_err().to_string();
    assert_eq!(said(&[4, 7]), "lengths: sample 1: expected 1 to 6 steps, found 7");
    assert_eq!(said(&[0, 6]), "lengths: sample 0: expected 1 to 6 steps, found 0");
    assert_eq!(said(&[6]), "lengths: expected 2, found 1");
    assert_eq!(said(&[]), "lengths: expected 2, found 0");
    assert_eq!(
        trainer.evaluate_with_lengths(&inputs, &[1, 9], &[0, 1]).unwrap_err().to_string(),
        "lengths: sample 1: expected 1 to 6 steps, found 9"
    );
    assert_eq!(trainer.model().parameters(), before);
    assert_eq!(trainer.step_count(), 0);
}

#[test]
fn an_index_beyond_the_vocabulary_is_named_with_its_place() {
    let mut trainer = Training::<Words, Sgd>::new(Sgd::new(0.1)).batch(2).epochs(1).build_on(model()).unwrap();
    let before = trainer.model().parameters().to_vec();
    let ids: [u16; 12] = [1, 2, 3, 4, 5, 299, 0, 7, 300, 4, 5, 6];
    let expected = Error::Index { position: 8, index: 300, vocabulary: 300 };
    assert_eq!(trainer.step(&ids, &[0, 1]).unwrap_err(), expected);
    assert_eq!(trainer.evaluate(&ids, &[0, 1]).unwrap_err(), expected);
    assert!(matches!(trainer.fit(&Pairs(&ids, &[0, 1]), |_, _| true).unwrap_err(), Error::Index { index: 300, .. }));
    assert_eq!(expected.to_string(), "inputs: index 300 at position 8 is not below the vocabulary, 300");
    assert_eq!(trainer.model().parameters(), before);
}

/// Sequences of whole numbers whose label is how their last word's third divides it.
struct Sentences(usize);

impl Sentences {
    fn word(index: usize, step: usize) -> u16 {
        Stream::new(8, index as u64).below_at(step as u64, 30) as u16
    }
    fn len(index: usize) -> usize {
        1 + index % 6
    }
}

impl Samples<u8, u16> for Sentences {
    fn count(&self, _input: usize) -> usize {
        self.0
    }
    fn read(&self, draw: Draw, input: &mut [u16], targets: &mut [u8]) -> Result<(), Error> {
        for (step, word) in input.iter_mut().enumerate() {
            *word = if step < Self::len(draw.index) { Self::word(draw.index, step) } else { 0 };
        }
        targets.fill((Self::word(draw.index, Self::len(draw.index) - 1) % 3) as u8);
        Ok(())
    }
    fn length(&self, draw: Draw) -> Option<u32> {
        Some(Self::len(draw.index) as u32)
    }
}

#[test]
fn words_of_unequal_number_are_fitted() {
    let training = Training::<Words, Adam>::new(Adam::new(0.02)).batch(8).epochs(30).seed(3);
    let fitted_on = |threads: usize| {
        let mut trainer = training.threads(threads).build().unwrap();
        let fitted = trainer.fit_validated(&Sentences(240), &Sentences(60), |_, _| true).unwrap();
        (fitted.validation.unwrap(), trainer.evaluate_samples(&Sentences(60)).unwrap(), trainer.into_parts().0)
    };
    let (validation, evaluated, model) = fitted_on(1);
    assert_eq!(validation, evaluated);
    assert!(validation.accuracy() > 0.9, "{validation:?}");
    assert_eq!(fitted_on(3).2.parameters(), model.parameters());
    // Without lengths the last step is a word that is none.
    let ids: Vec<u16> = (0..60)
        .flat_map(|i| (0..6).map(move |s| if s < Sentences::len(i) { Sentences::word(i, s) } else { 0 }))
        .collect();
    let labels: Vec<u8> = (0..60).map(|i| (Sentences::word(i, Sentences::len(i) - 1) % 3) as u8).collect();
    let lengths: Vec<u32> = (0..60).map(|i| Sentences::len(i) as u32).collect();
    let mut trainer = training.build_on(model).unwrap();
    assert_eq!(trainer.evaluate_with_lengths(&ids, &lengths, &labels).unwrap(), validation);
    assert!(trainer.evaluate(&ids, &labels).unwrap().accuracy() < 0.8);
    // Memory on the stack does the same, by the constant that says how much.
    assert!(training.memory_len() > training.epochs(0).memory_len() + 8 * 6 / 2 + 8);
}

#[test]
fn a_layer_that_takes_all_steps_has_no_lengths() {
    kernlet::network! { struct All([6, 3]) { first: gru(4, sequences), out: dense(2), softmax } }
    struct Some1;
    impl Samples<u8> for Some1 {
        fn count(&self, _input: usize) -> usize {
            2
        }
        fn read(&self, _draw: Draw, input: &mut [f32], targets: &mut [u8]) -> Result<(), Error> {
            input.fill(0.0);
            targets.fill(0);
            Ok(())
        }
        fn length(&self, _draw: Draw) -> Option<u32> {
            Some(1)
        }
    }
    let mut trainer = Training::<All, Adam>::new(Adam::new(0.02)).batch(2).epochs(1).build().unwrap();
    assert_eq!(trainer.fit(&Some1, |_, _| true).unwrap_err(), Error::Unended { layer: "out" });
}

#[test]
fn inference_ends_where_lengths_say() {
    let (level, batching) = (Level::detect(), Batching::of(2));
    let (long, short) = (model::<Six>(), model::<Four>());
    let (inputs, mut outputs, mut expected) = (numbers(1, 36), [0.0; 4], [0.0; 2]);
    let mut memory = vec![f32::NAN; inference_len::<Six>(batching)];
    infer_with_lengths::<Six>(level, batching, long.parameters(), &inputs, &[4, 6], &mut memory, &mut outputs).unwrap();
    infer(level, Batching::of(1), &short, &inputs[..12], &mut memory, &mut expected).unwrap();
    assert_eq!(outputs[..2], expected);
    infer(level, batching, &long, &inputs[18..], &mut memory, &mut expected).unwrap();
    assert_eq!(outputs[2..], expected);
    let error =
        infer_with_lengths::<Six>(level, batching, long.parameters(), &inputs, &[4, 0], &mut memory, &mut outputs);
    assert_eq!(error.unwrap_err(), Error::Length { sample: 1, length: 0, steps: 6 });
}

/// What is evaluated without a trainer is what a trainer evaluates, and values beyond the ends are zeros.
#[test]
fn evaluation_ends_where_lengths_say() {
    let (inputs, lengths) = (numbers(1, 90), [4, 6, 1, 5, 2]);
    let batching = Batching::of(2);
    let labels = [0, 1, 1, 0, 1];
    let evaluation = Evaluation::<Six>::new(SoftmaxCrossEntropy::new()).batching(batching);
    let mut memory = vec![f32::NAN; evaluation.memory_len()];
    let mut trainer = Training::<Six, Sgd>::new(Sgd::new(0.1)).batch(2).build_on(model()).unwrap();
    let expected = trainer.evaluate_with_lengths(&inputs, &lengths, &labels).unwrap();
    let run = |lengths: &[u32], memory: &mut [f32]| {
        evaluation.run_with_lengths(&model::<Six>(), &inputs, lengths, &labels, memory)
    };
    assert_eq!(run(&lengths, &mut memory).unwrap(), expected);
    assert_ne!(run(&[6; 5], &mut memory).unwrap().loss, expected.loss);
    assert_eq!(run(&[4, 6, 1, 5, 7], &mut memory), Err(Error::Length { sample: 4, length: 7, steps: 6 }));
    assert_eq!(run(&[4], &mut memory), Err(Error::Lengths { expected: 5, found: 1 }));

    let targets = numbers(2, 60);
    let evaluation = Evaluation::<EachOfSix, _>::new(MeanSquaredError).batching(batching);
    let mut memory = vec![f32::NAN; evaluation.memory_len()];
    let (each, mut values) = (model::<EachOfSix>(), [f32::NAN; 60]);
    let training = Training::<EachOfSix, Sgd>::new(Sgd::new(0.1)).loss(MeanSquaredError).batch(2);
    let mut trainer = training.build_on(model()).unwrap();
    let expected = trainer.evaluate_with_lengths(&inputs, &lengths, &targets).unwrap();
    let found = evaluation.values_with_lengths(&each, &inputs, &lengths, &targets, &mut memory, &mut values).unwrap();
    assert_eq!(found, expected);
    for (values, length) in values.chunks(12).zip(lengths) {
        let (of_steps, beyond) = values.split_at(2 * length as usize);
        assert!(of_steps.iter().all(|&x| x > 0.0) && beyond.iter().all(|&x| x == 0.0), "{values:?}");
    }

    // A word that there is not is named, as by a trainer.
    let words = Evaluation::<Words>::new(SoftmaxCrossEntropy::new()).batching(batching);
    let mut memory = vec![0.0; words.memory_len()];
    let error = words.run(&model(), &[1_u16, 2, 3, 4, 300, 5], &[0], &mut memory).unwrap_err();
    assert_eq!(error, Error::Index { position: 4, index: 300, vocabulary: 300 });
}

/// The outputs of the last step; no gradient, so that nothing is learnt.
#[derive(Clone, Copy)]
struct Kept(&'static Mutex<Vec<f32>>);

impl Loss for Kept {
    type Target = f32;
    const TAKES: Takes = Takes::Numbers;
    const TARGETS: Targets = Targets::PerOutput;

    fn evaluate(
        &self,
        _level: Level,
        y: &[f32],
        output: &Dims,
        _targets: &[f32],
        outputs: Outputs<'_>,
    ) -> Result<Metrics, Error> {
        *self.0.lock().unwrap() = y.to_vec();
        outputs.gradient.into_iter().for_each(|gradient| gradient.fill(0.0));
        Ok(Metrics { samples: y.len() / output.len(), ..Metrics::default() })
    }
}

static OUTPUTS: Mutex<Vec<f32>> = Mutex::new(Vec::new());

/// The outputs of a step of each of three sequences.
fn outputs(samples: usize, run: impl FnOnce()) -> Vec<Vec<f32>> {
    run();
    let all = OUTPUTS.lock().unwrap();
    all.chunks(all.len() / samples).map(<[f32]>::to_vec).collect()
}

#[test]
fn pieces_of_a_stateful_training_are_the_whole() {
    let sequences: Vec<Vec<f32>> = (0..3).map(|i| numbers(20 + i, 36)).collect();
    for level in Level::all() {
        for threads in [1, 2, 3] {
            let whole = Training::<EachOfTwelve, Sgd>::new(Sgd::new(0.0)).loss(Kept(&OUTPUTS)).batch(3).level(level);
            let mut whole = whole.build_on(model()).unwrap();
            let expected = outputs(3, || whole.step(&sequences.concat(), &[0.0; 72]).map(|_| ()).unwrap());
            let pieces = Training::<EachOfFour, Sgd>::new(Sgd::new(0.0)).loss(Kept(&OUTPUTS)).batch(3).level(level);
            let mut pieces = pieces.threads(threads).stateful().build_on(model()).unwrap();
            assert_eq!(pieces.states().len(), 3 * (2 * 4 + 5));
            for round in 0..2 {
                let mut found = vec![Vec::new(); 3];
                for piece in 0..3 {
                    let input: Vec<f32> = sequences.iter().flat_map(|x| &x[piece * 12..][..12]).copied().collect();
                    let of_piece = outputs(3, || pieces.step(&input, &[0.0; 24]).map(|_| ()).unwrap());
                    found.iter_mut().zip(of_piece).for_each(|(found, piece)| found.extend(piece));
                    // What is evaluated in between begins anew, and leaves the states as they are.
                    let states = pieces.states().to_vec();
                    pieces.evaluate(&input, &[0.0; 24]).unwrap();
                    assert_eq!(pieces.states(), states);
                }
                assert_eq!(found, expected, "{level}, {threads} threads, round {round}");
                assert!(pieces.states().iter().any(|&x| x != 0.0));
                pieces.reset_states();
            }
        }
    }
}

/// Gradients of a piece whose states are constants, against differences.
#[test]
fn gradients_of_a_piece_end_at_its_beginning() {
    let mut trainer = Training::<EachOfFour, Sgd>::new(Sgd::new(0.0))
        .loss(HalfSquaredError)
        .batch(1)
        .stateful()
        .build_on(model())
        .unwrap();
    let (input, targets) = (numbers(1, 12), numbers(2, 8));
    trainer.backward(&numbers(3, 12), &targets, 0, 1).unwrap();
    let states = trainer.states().to_vec();
    let loss = |trainer: &mut nn::OwnedTrainer<_, _, _>| {
        trainer.states_mut().copy_from_slice(&states);
        f64::from(trainer.backward(&input, &targets, 0, 1).unwrap().loss)
    };
    loss(&mut trainer);
    let gradients = trainer.gradients().to_vec();
    for i in (0..gradients.len()).step_by(7) {
        let kept = trainer.model().parameters()[i];
        let mut slope = |step: f32| {
            trainer.model_mut().parameters_mut()[i] = kept + step;
            let high = loss(&mut trainer);
            trainer.model_mut().parameters_mut()[i] = kept - step;
            let low = loss(&mut trainer);
            trainer.model_mut().parameters_mut()[i] = kept;
            (high - low) / (2.0 * f64::from(step))
        };
        let (coarse, fine) = (slope(0.016), slope(0.008));
        let bound = (coarse - fine).abs() + 200.0 * f64::from(f32::EPSILON) / 0.008;
        assert!((f64::from(gradients[i]) - fine).abs() <= bound, "{i}: {} and {fine}", gradients[i]);
    }
    // Another beginning is another gradient.
    trainer.reset_states();
    trainer.backward(&input, &targets, 0, 1).unwrap();
    assert_ne!(trainer.gradients(), gradients);
}

#[test]
fn what_cannot_go_on_is_refused() {
    let training = Training::<Backwards, Sgd>::new(Sgd::new(0.1)).batch(1);
    assert_eq!(training.stateful().build().unwrap_err(), Error::Backwards { layer: "first" });
    assert!(training.build().unwrap().states().is_empty());
    let mut trainer = Training::<EachOfFour, Sgd>::new(Sgd::new(0.1))
        .loss(MeanSquaredError)
        .batch(1)
        .epochs(1)
        .stateful()
        .build()
        .unwrap();
    assert_eq!(trainer.fit(&Pairs(&[0.0; 12], &[0.0; 8]), |_, _| true).unwrap_err(), Error::Shuffled);
}
