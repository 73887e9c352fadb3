//! Epochs over samples: their order, what is held out, when it ends, and what is left in the model; losses against
//! last layers; a batch normalisation with one row.
#![cfg(feature = "alloc")]

use std::cell::RefCell;

use kernlet::{
    data::batches::Shuffle,
    kernels::loss::Reduction,
    nn::{
        Batching, BinaryCrossEntropy, BinaryCrossEntropyFromLogits, CrossEntropy, Draw, Error, Evaluation, Event,
        Fitted, Frozen, MeanSquaredError, Model, Network, Pairs, Samples, SoftmaxCrossEntropy, Stopped, Training,
        infer, inference_len, weighted,
    },
    optim::{Adam, CosineDecay, Optimizer, Schedule, Sgd, StepDecay},
    random::Stream,
};

kernlet::network! { struct Classes([2]) { hidden: dense(8), tanh, out: dense(3), softmax } }

const TRAINING: Training<Classes, Adam> = Training::new(Adam::new(0.02)).batch(8).seed(5).epochs(3);

/// Points and the third of the circle that they lie in.
#[allow(clippy::approx_constant, reason = "a little less than π, so that no point is in a fourth third")]
fn points(count: u64) -> (Vec<f32>, Vec<u8>) {
    let stream = Stream::new(1, 1);
    let inputs: Vec<f32> = (0..2 * count).map(|i| 2.0 * stream.f32_at(i) - 1.0).collect();
    let labels = inputs.chunks(2).map(|p| ((p[1].atan2(p[0]) + 3.141) / 2.0944) as u8).collect();
    (inputs, labels)
}

/// Samples that note which of them was read, and when.
struct Noted<'a> {
    pairs: Pairs<'a, u8>,
    learnt: RefCell<Vec<(u32, usize)>>,
    validated: RefCell<Vec<usize>>,
}

impl<'a> Noted<'a> {
    fn new(inputs: &'a [f32], labels: &'a [u8]) -> Self {
        Self { pairs: Pairs(inputs, labels), learnt: RefCell::default(), validated: RefCell::default() }
    }
}

impl Samples<u8> for Noted<'_> {
    fn count(&self, input: usize) -> usize {
        self.pairs.count(input)
    }

    fn read(&self, draw: Draw, input: &mut [f32], targets: &mut [u8]) -> Result<(), Error> {
        match draw.epoch {
            Some(epoch) => self.learnt.borrow_mut().push((epoch, draw.index)),
            None => self.validated.borrow_mut().push(draw.index),
        }
        self.pairs.read(draw, input, targets)
    }
}

#[test]
fn every_epoch_shows_each_sample_once_in_another_order() {
    let (inputs, labels) = points(50);
    let samples = Noted::new(&inputs, &labels);
    TRAINING.hold_out(0.2).build().unwrap().fit(&samples, |_, _| true).unwrap();
    let (learnt, mut validated) = (samples.learnt.into_inner(), samples.validated.into_inner());
    let epochs: Vec<Vec<usize>> =
        (0..3).map(|e| learnt.iter().filter(|(epoch, _)| *epoch == e).map(|(_, index)| *index).collect()).collect();
    assert_ne!(epochs[0], epochs[1]);
    validated.truncate(10);
    let last_ten: Vec<usize> = (40..50).collect();
    let mut sorted = validated.clone();
    sorted.sort();
    assert_ne!(sorted, last_ten, "what is held out is drawn, not the last samples, which are of one class if sorted");
    for mut seen in epochs {
        assert_eq!(seen.len(), 40);
        seen.extend(&validated);
        seen.sort();
        assert!(seen.into_iter().eq(0..50));
    }
}

#[test]
fn shuffles_are_permutations_of_any_length() {
    for len in (0..70).chain([255, 256, 257, 1000, 4096, 4097]) {
        let mut seen: Vec<usize> = (0..len).map(|place| Shuffle::new(7, 1, len).at(place)).collect();
        let moved = seen.iter().enumerate().filter(|&(place, &index)| place != index).count();
        assert!(len < 20 || moved > len / 2, "{len}: {moved} moved");
        seen.sort();
        assert!(seen.into_iter().eq(0..len), "{len}");
    }
    // Every place holds every number about equally often.
    let mut counts = [[0; 5]; 5];
    for epoch in 0..5000 {
        (0..5).for_each(|place| counts[place][Shuffle::new(3, epoch, 5).at(place)] += 1);
    }
    // Six standard deviations of a binomial count of 5,000 draws at 1/5.
    assert!(counts.iter().flatten().all(|&count: &i32| (count - 1000).abs() < 6 * 29), "{counts:?}");
}

#[test]
fn borrowed_owned_and_held_trainers_do_the_same() {
    let (inputs, labels) = points(40);
    let samples = Pairs(&inputs, &labels);
    let mut owned = TRAINING.build().unwrap();
    owned.fit(&samples, |_, _| true).unwrap();
    let mut model = Model::<Classes>::zeroed();
    model.initialize(5);
    let mut memory = [f32::NAN; TRAINING.memory_len()];
    TRAINING.start(&mut model, &mut memory).unwrap().fit(&samples, |_, _| true).unwrap();
    assert_eq!(model.parameters(), owned.model().parameters());
    let mut held_model = Model::<Classes>::zeroed();
    held_model.initialize(5);
    let mut held = TRAINING.start_in(held_model, [f32::NAN; TRAINING.memory_len()]).unwrap();
    held.fit(&samples, |_, _| true).unwrap();
    assert_eq!(model.parameters(), held.model().parameters());
}

#[test]
fn an_interruption_changes_no_bit() {
    let (inputs, labels) = points(45);
    let samples = Pairs(&inputs, &labels);
    let mut whole = TRAINING.hold_out(0.25).patience(2).build().unwrap();
    let outcome = whole.fit(&samples, |_, _| true).unwrap();
    let mut cut = TRAINING.hold_out(0.25).patience(2).build().unwrap();
    let (mut calls, mut last) = (0, None);
    while last.is_none_or(|fitted: Fitted| fitted.stopped == Stopped::Callback) {
        // No after every event, be it a step or an epoch.
        last = Some(cut.fit(&samples, |_, _| false).unwrap());
        calls += 1;
    }
    assert!(calls > 3 * 5, "{calls}");
    let last = last.unwrap();
    assert_eq!(cut.model().parameters(), whole.model().parameters());
    assert_eq!((last.epochs, last.best_epoch), (outcome.epochs, outcome.best_epoch));
}

#[test]
fn patience_ends_it_and_the_best_is_kept() {
    kernlet::network! { struct Line([1]) { dense(1) } }
    // A rate at which every step makes it worse: the first epoch is the best.
    let training: Training<Line, Sgd, MeanSquaredError> =
        Training::new(Sgd::new(1.5)).loss(MeanSquaredError).batch(4).epochs(50).patience(3);
    let samples = Pairs(&[-1.0, 0.0, 1.0, 2.0], &[-1.0, 1.0, 3.0, 5.0]);
    let mut trainer = training.build().unwrap();
    let (mut best, mut epochs) = (Vec::new(), 0);
    let fitted = trainer
        .fit(&samples, |trainer, event| {
            if let Event::Epoch { epoch, is_best, .. } = event {
                epochs += 1;
                assert_eq!(*is_best, *epoch == 0);
                if *is_best {
                    best = trainer.model().parameters().to_vec();
                }
            }
            true
        })
        .unwrap();
    assert_eq!((fitted.stopped, fitted.best_epoch, epochs), (Stopped::Patience, 0, 4));
    assert_eq!(trainer.model().parameters(), best);
}

#[test]
fn a_schedule_scales_the_step_it_belongs_to() {
    kernlet::network! { struct One([1]) { dense(1) } }
    const HALVED: Training<One, Sgd, MeanSquaredError> = Training::new(Sgd::new(0.25)).loss(MeanSquaredError).batch(1);
    fn bias_after<O: Optimizer>(training: Training<One, O, MeanSquaredError>, steps: usize) -> Vec<f32> {
        let mut trainer = training.build_on(Model::zeroed_box()).unwrap();
        (0..steps)
            .map(|_| {
                // The gradient with respect to the bias is 2 (b − 1).
                trainer.step(&[0.0], &[1.0]).unwrap();
                trainer.model().parameters()[1]
            })
            .collect()
    }
    // b ← b + ½ scale (1 − b), from 0.
    let expected = |scales: &[f32]| {
        let mut b = 0.0;
        scales
            .iter()
            .map(|scale| {
                b += 0.5 * scale * (1.0 - b);
                b
            })
            .collect::<Vec<f32>>()
    };
    assert_eq!(bias_after(HALVED, 3), expected(&[1.0; 3]));
    assert_eq!(bias_after(HALVED.schedule(StepDecay::new(2, 0.5)), 4), expected(&[1.0, 1.0, 0.5, 0.5]));
    let by_hand: fn(u32) -> f32 = |step| if step == 2 { 0.0 } else { 1.0 };
    assert_eq!(bias_after(HALVED.schedule(by_hand), 3), expected(&[1.0, 0.0, 1.0]));
    let cosine = CosineDecay::new(4).with_warmup(2, 0.0);
    let scales: Vec<f32> = (1..6).map(|step| cosine.scale_at(step)).collect();
    assert_eq!(bias_after(HALVED.schedule(cosine), 5), expected(&scales));
}

/// pytorch/pytorch and Keras issues of activations that are applied twice.
#[test]
fn a_final_activation_is_left_out_where_the_loss_has_it() {
    kernlet::network! { struct Bare([2]) { dense(4), tanh, out: dense(1) } }
    kernlet::network! { struct Sigmoid([2]) { dense(4), tanh, out: dense(1), sigmoid } }
    kernlet::network! { struct Flat([2]) { dense(4), tanh, out: dense(1), flatten } }
    fn train<N: Network>() -> Vec<f32> {
        let loss = BinaryCrossEntropyFromLogits;
        let training: Training<N, Adam, _> = Training::new(Adam::new(0.05)).loss(loss).batch(4).seed(2);
        let mut trainer = training.build().unwrap();
        let x = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
        for _ in 0..300 {
            trainer.step(&x, &[0.0, 1.0, 1.0, 0.0]).unwrap();
        }
        let metrics = trainer.evaluate(&x, &[0.0, 1.0, 1.0, 0.0]).unwrap();
        assert!(metrics.loss < 0.05, "{}: {metrics:?}", N::NAME);
        assert_eq!((metrics.accuracy(), metrics.answers), (1.0, 4));
        trainer.model().parameters().to_vec()
    }
    let bare = train::<Bare>();
    assert_eq!(train::<Sigmoid>(), bare);
    assert_eq!(train::<Flat>(), bare);
    // Inference still says probabilities.
    let mut model = Model::<Sigmoid>::zeroed();
    model.parameters_mut().copy_from_slice(&bare);
    let batching = Batching::of(1);
    let (mut memory, mut y) = ([0.0; inference_len::<Sigmoid>(Batching::of(1))], [0.0]);
    infer(kernlet::simd::Level::detect(), batching, &model, &[0.0, 1.0], &mut memory, &mut y).unwrap();
    assert!(y[0] > 0.9 && y[0] < 1.0, "{y:?}");
}

#[test]
fn a_single_sigmoid_has_an_accuracy() {
    kernlet::network! { struct One([1]) { dense(1), sigmoid } }
    let training: Training<One, Sgd, _> = Training::new(Sgd::new(0.0)).loss(BinaryCrossEntropy).batch(4);
    let mut model = Model::<One>::zeroed_box();
    model.parameters_mut()[0] = 1.0;
    let mut trainer = training.build_on(model).unwrap();
    let metrics = trainer.evaluate(&[-2.0, -1.0, 1.0, 2.0], &[0.0, 1.0, 1.0, 1.0]).unwrap();
    assert_eq!((metrics.correct, metrics.accuracy()), (3, 0.75));
}

/// keras#7490, tensorflow#7156: the softmax of a trainer is that of the network, over the last axis.
#[test]
fn a_label_of_a_pixelwise_softmax_is_below_its_channels() {
    kernlet::network! { struct Pixels([4, 4, 1]) { out: conv2d(3, 1x1), softmax } }
    let mut trainer = Training::<Pixels, _>::new(Sgd::new(4.0)).batch(1).build().unwrap();
    let x: [f32; 16] = std::array::from_fn(|i| (i % 3) as f32 - 1.0);
    assert_eq!(trainer.step(&x, &[1]).unwrap_err().to_string(), "targets: expected 16, found 1");
    let mut labels: [u8; 16] = std::array::from_fn(|i| (i % 3) as u8);
    labels[7] = 47;
    let told = trainer.step(&x, &labels).unwrap_err().to_string();
    assert!(told.contains("label 47") && told.contains("classes, 3"), "{told}");
    labels[7] = 1;
    for _ in 0..400 {
        trainer.step(&x, &labels).unwrap();
    }
    let metrics = trainer.evaluate(&x, &labels).unwrap();
    assert_eq!((metrics.accuracy(), metrics.answers, metrics.samples), (1.0, 16, 1));
}

/// A mean over batches is that over all that counts, however many count in each batch; nothing that is left out shows.
#[test]
fn what_does_not_count_is_left_out_of_the_mean() {
    let (mut inputs, mut labels) = points(21);
    const LOSS: CrossEntropy<'static> = CrossEntropy::new().with_ignored(255).with_class_weights(&[1.0, 2.0, 0.5]);
    let training = |batch| Training::<Classes, _>::new(Sgd::new(0.1)).loss(LOSS).batch(batch).seed(4);
    let whole = training(21).build().unwrap().evaluate(&inputs, &labels).unwrap();
    // Rows with a label that is not known, and NaN for a point: a whole batch of them, and some.
    for i in [0, 1, 2, 3, 9, 15, 15, 23] {
        inputs.splice(2 * i..2 * i, [f32::NAN, 1.0]);
        labels.insert(i, 255);
    }
    for batch in [1, 4, 7, 29] {
        let mut trainer = training(batch).build().unwrap();
        let metrics = trainer.evaluate(&inputs, &labels).unwrap();
        assert!((metrics.loss - whole.loss).abs() <= 4.0 * f32::EPSILON * whole.loss, "{metrics:?} {whole:?}");
        assert_eq!((metrics.correct, metrics.answers, metrics.weight), (whole.correct, 21, whole.weight));
        assert_eq!(metrics.samples, 29);
        const EVALUATION: Evaluation<Classes, CrossEntropy<'static>> = Evaluation::new(LOSS).batching(Batching::of(4));
        let mut memory = vec![f32::NAN; EVALUATION.memory_len()];
        let mut values = vec![f32::NAN; 29];
        let alone = EVALUATION.values(trainer.model(), &inputs, &labels, &mut memory, &mut values).unwrap();
        if batch == 4 {
            assert_eq!(alone, metrics);
        }
        assert_eq!(values.iter().zip(&labels).filter(|&(&value, &label)| (value == 0.0) != (label == 255)).count(), 0);
        let sum = values.iter().sum::<f32>() / whole.weight.unwrap() as f32;
        assert!((sum - whole.loss).abs() <= 16.0 * f32::EPSILON * whole.loss, "{sum} for {whole:?}");
    }
    // NaN in what does not count reaches the weights only where a value is 0 · NaN: here it does, and is not hidden.
    let clean: Vec<f32> = inputs.iter().map(|x| if x.is_nan() { 0.0 } else { *x }).collect();
    let mut trainer = training(29).build().unwrap();
    let metrics = trainer.step(&clean, &labels).unwrap();
    assert_eq!(metrics.weight, whole.weight);
    assert!(trainer.model().parameters().iter().all(|w| w.is_finite()));
    // Nothing counts: no loss, no gradient.
    let before = trainer.model().parameters().to_vec();
    let metrics = trainer.step(&clean[..8], &[255; 4]).unwrap();
    assert_eq!((metrics.loss, metrics.weight, metrics.accuracy()), (0.0, Some(0.0), 0.0));
    assert_eq!(trainer.model().parameters(), before);
    // Another number of weights than classes.
    let loss = CrossEntropy::<u8>::new().with_class_weights(&[1.0, 2.0]);
    let mut trainer = Training::<Classes, _>::new(Sgd::new(0.1)).loss(loss).batch(4).build().unwrap();
    let told = trainer.step(&clean[..2], &[0]).unwrap_err().to_string();
    assert!(told.contains("class_weights: expected 3, found 2"), "{told}");
}

/// With a sum, parts of a batch add up to the whole, and are not scaled.
#[test]
fn parts_of_a_sum_add_up() {
    let (inputs, labels) = points(6);
    let loss = CrossEntropy::<u8>::new().with_reduction(Reduction::Sum);
    let training = Training::<Classes, _>::new(Sgd::new(0.1)).loss(loss).batch(6).seed(4);
    let gradients = |parts: &[[usize; 2]]| {
        let mut trainer = training.build().unwrap();
        let mut sum = vec![0.0; Classes::PARAMETERS];
        for &[first, end] in parts {
            trainer.backward(&inputs[2 * first..2 * end], &labels[first..end], first, 6).unwrap();
            sum.iter_mut().zip(trainer.gradients()).for_each(|(sum, g)| *sum += f64::from(*g));
        }
        sum
    };
    let (whole, parts) = (gradients(&[[0, 6]]), gradients(&[[0, 1], [1, 4], [4, 6]]));
    assert!(whole.iter().zip(&parts).all(|(a, b)| (a - b).abs() < 1e-5) && whole.iter().any(|g| g.abs() > 0.1));
    let mean = Training::<Classes, _>::new(Sgd::new(0.1)).loss(CrossEntropy::<u8>::new()).batch(6).seed(4);
    let mut trainer = mean.build().unwrap();
    let metrics = trainer.backward(&inputs, &labels, 0, 6).unwrap();
    assert!(trainer.gradients().iter().zip(&whole).all(|(a, b)| (f64::from(*a) * 6.0 - b).abs() < 1e-5));
    assert_eq!(training.build().unwrap().backward(&inputs, &labels, 0, 6).unwrap().answers, metrics.answers);
}

/// Samples with weights go through `fit`, are kept by a snapshot within an epoch, and count as often as they weigh.
#[test]
fn weights_of_samples_are_learnt_with() {
    let (inputs, labels) = points(30);
    let loss = CrossEntropy::<u8>::new().with_sample_weights().with_reduction(Reduction::WeightedMean);
    let training = Training::<Classes, _>::new(Sgd::new(0.1)).loss(loss).batch(60).seed(4).epochs(3);
    let twice: Vec<_> = labels.iter().map(|&label| weighted(label.into(), 2.0)).collect();
    let mut trainer = training.build().unwrap();
    trainer.fit(&Pairs(&inputs, &twice), |_, _| true).unwrap();
    let once: Vec<_> = labels.iter().map(|&label| weighted(label.into(), 1.0)).collect();
    let mut plain = training.build().unwrap();
    let fitted = plain.fit(&Pairs(&inputs, &once), |_, _| true).unwrap();
    assert_eq!(trainer.model().parameters(), plain.model().parameters());
    assert_eq!(fitted.training.weight, Some(30.0));
    // In the middle of an epoch.
    let training = training.batch(7);
    let (mut bytes, mut whole) = (Vec::new(), training.build().unwrap());
    let end = whole.fit(&Pairs(&inputs, &twice), |_, _| true).unwrap();
    training
        .build()
        .unwrap()
        .fit(&Pairs(&inputs, &twice), |trainer, event| {
            if let Event::Step { step: 3, .. } = event {
                trainer.save_to(&[], &mut |piece| Ok::<(), ()>(bytes.extend_from_slice(piece))).unwrap();
            }
            bytes.is_empty()
        })
        .unwrap();
    let mut other = training.build().unwrap();
    other.resume(&bytes).unwrap();
    assert_eq!(other.fit(&Pairs(&inputs, &twice), |_, _| true).unwrap().training, end.training);
}

#[test]
fn labels_may_have_16_or_32_bits() {
    kernlet::network! { struct Many([1]) { dense(300), softmax } }
    let loss = SoftmaxCrossEntropy::<u16>::new();
    let training: Training<Many, Sgd, _> = Training::new(Sgd::new(0.1)).loss(loss).batch(2).epochs(1);
    let mut trainer = training.build().unwrap();
    assert!(trainer.step(&[1.0, 2.0], &[299, 300]).is_err());
    trainer.fit(&Pairs(&[1.0, 2.0, 3.0], &[299, 256, 0]), |_, _| true).unwrap();
    let loss = SoftmaxCrossEntropy::<u32>::new();
    let training: Training<Many, Sgd, _> = Training::new(Sgd::new(0.1)).loss(loss).batch(2).epochs(1);
    training.build().unwrap().fit(&Pairs(&[1.0, 2.0, 3.0], &[299, 256, 0]), |_, _| true).unwrap();
}

#[test]
fn batch_normalisation_of_one_row_is_refused() {
    kernlet::network! { struct Flat([3]) { norm: batch_norm, dense(2), softmax } }
    kernlet::network! { struct Image([2, 2, 1]) { norm: batch_norm, dense(2), softmax } }
    let mut flat = Training::<Flat, _>::new(Sgd::new(0.1)).batch(2).epochs(1).build().unwrap();
    assert_eq!(flat.step(&[1.0, 2.0, 3.0], &[0]), Err(Error::OneRow { layer: "norm" }));
    // Without a lesson for it, it uses its averages: evaluation and frozen layers do.
    flat.evaluate(&[1.0, 2.0, 3.0], &[0]).unwrap();
    kernlet::frozen! { struct Norm = ["norm"]; }
    let frozen = Training::<Flat, _>::new(Sgd::new(0.1)).batch(2).freeze::<Norm>();
    frozen.build().unwrap().step(&[1.0, 2.0, 3.0], &[0]).unwrap();
    // Four pixels are four rows.
    let mut image = Training::<Image, _>::new(Sgd::new(0.1)).batch(2).build().unwrap();
    image.step(&[1.0, 2.0, 3.0, 4.0], &[0]).unwrap();
    // The odd one out is passed over, and the epoch ends.
    let fitted = flat.fit(&Pairs(&[1.0; 9], &[0, 1, 0]), |_, _| true).unwrap();
    assert_eq!((fitted.training.samples, fitted.epochs), (2, 1));
}

#[test]
fn frozen_layers_are_counted_among_those_with_parameters() {
    let frozen = |set: Frozen| (0..4).filter(|&i| set.contains(Classes::LAYERS, i)).collect::<Vec<_>>();
    assert_eq!(frozen(Frozen::First(1)), [0]);
    assert_eq!(frozen(Frozen::First(2)), [0, 2]);
    assert_eq!(frozen(Frozen::AllBut(0)), [0, 2]);
    assert_eq!(frozen(Frozen::AllBut(1)), [0]);
    assert_eq!(frozen(Frozen::Named(&["out"])), [2]);
    assert!(!Frozen::AllBut(0).contains(Classes::LAYERS, 9));
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    let (inputs, labels) = points(10);
    let none = TRAINING.epochs(0).build().unwrap().fit(&Pairs(&inputs, &labels), |_, _| true);
    assert_eq!(none, Err(Error::Epochs));
    let empty = TRAINING.build().unwrap().fit(&Pairs(&[], &labels[..0]), |_, _| true);
    assert_eq!(empty, Err(Error::NoSamples { found: 0, held_out: 0 }));
    let few = TRAINING.build().unwrap().fit(&Pairs(&inputs, &labels[..9]), |_, _| true);
    assert_eq!(few, Err(Error::Sample { index: 9 }));
    let mut trainer = TRAINING.build().unwrap();
    trainer.fit(&Pairs(&inputs, &labels), |_, _| false).unwrap();
    let fewer = trainer.fit(&Pairs(&inputs[..8], &labels[..4]), |_, _| true);
    assert_eq!(fewer, Err(Error::Position { position: 8, samples: 4 }));
    // More memory than there is: no abort.
    for batch in [usize::MAX, usize::MAX / 64, 1 << 50] {
        let training = TRAINING.batch(batch);
        let expected = training.memory_len();
        assert_eq!(training.build().unwrap_err(), Error::Memory { expected, found: 0 });
    }
}
