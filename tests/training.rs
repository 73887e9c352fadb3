//! What a trainer does around its kernels: batches in parts, steps that are counted, means over batches,
//! norms, and errors from any thread.
#![cfg(feature = "alloc")]

use kernlet::{
    nn::{Decay, Decays, Gradients, HalfSquaredError, Kernels, Model, Network, Training},
    optim::{Adam, AdamW, Optimizer, RmsProp, Sgd, Step, pytorch, split_states},
    parallel::for_rows,
    random::Stream,
    simd::Level,
    snapshot::Progress,
};

kernlet::network! { struct Line([2]) { dense(1) } }

const fn line<O: Optimizer>(optimizer: O) -> Training<Line, O, HalfSquaredError> {
    Training::new(optimizer).loss(HalfSquaredError).batch(4).seed(1)
}

/// Whole numbers, so that any order of sums is exact.
const X: [f32; 8] = [1.0, 2.0, -3.0, 1.0, 0.0, 4.0, 2.0, -2.0];
const Y: [f32; 4] = [3.0, -1.0, 2.0, 5.0];

#[test]
fn parts_of_a_batch_add_up_to_it() {
    let training = line(Sgd::new(1.0));
    let gradients = |parts: &[[usize; 2]]| {
        let mut model = Model::<Line>::zeroed();
        let mut memory = vec![f32::NAN; training.memory_len()];
        let mut trainer = training.start(&mut model, &mut memory).unwrap();
        let mut sum = [0.0; 3];
        for &[first, end] in parts {
            trainer.backward(&X[2 * first..2 * end], &Y[first..end], first, 4).unwrap();
            sum.iter_mut().zip(trainer.gradients()).for_each(|(sum, g)| *sum += g);
        }
        sum
    };
    // −Σ x y and −Σ y over 4 images, since the model is 0.
    assert_eq!(gradients(&[[0, 4]]), [-16.0 / 4.0, -3.0 / 4.0, -9.0 / 4.0]);
    for parts in [&[[0, 2], [2, 4]][..], &[[0, 1], [1, 4]], &[[0, 3], [3, 4]], &[[0, 1], [1, 2], [2, 3], [3, 4]]] {
        assert_eq!(gradients(parts), gradients(&[[0, 4]]), "{parts:?}");
    }
}

#[test]
fn steps_have_the_numbers_from_1() {
    let (level, adam) = (Level::detect(), Adam::new(0.25));
    let mut model = Model::<Line>::zeroed();
    let mut memory = vec![f32::NAN; line(adam).memory_len()];
    let mut trainer = line(adam).start(&mut model, &mut memory).unwrap();
    let (mut w, mut states) = ([0.0; 3], [[0.0; 3]; 2]);
    for number in 1..6 {
        trainer.backward(&X, &Y, 0, 4).unwrap();
        let [m, v] = &mut states;
        adam.update(level, Step::new(number), &mut w, trainer.gradients(), &mut [&mut m[..], &mut v[..]]).unwrap();
        trainer.update().unwrap();
        assert_eq!(trainer.model().parameters(), w, "step {number}");
        assert_eq!(trainer.step_count(), number);
    }
}

#[test]
fn an_evaluation_is_a_mean_over_all_batches() {
    let mut means = Vec::new();
    for batch in [1, 2, 3, 4] {
        let training = line(Sgd::new(1.0)).batch(batch);
        let mut model = Model::<Line>::zeroed();
        let mut memory = vec![f32::NAN; training.memory_len()];
        let mut trainer = training.start(&mut model, &mut memory).unwrap();
        let metrics = trainer.evaluate(&X, &Y).unwrap();
        assert_eq!(metrics.samples, 4, "batches of {batch}");
        means.push(metrics.loss);
    }
    // ½ (9 + 1 + 4 + 25) over 4 images.
    assert!(means.iter().all(|mean| (mean - 39.0 / 8.0).abs() < 4.0 * f32::EPSILON * 39.0 / 8.0), "{means:?}");
}

#[test]
fn a_clip_leaves_moving_averages_out_of_the_norm() {
    kernlet::network! { struct Normal([3]) { first: dense(4), norm: batch_norm, relu, out: dense(3), softmax } }
    const MOST: f32 = 1e-3;
    const TRAINING: Training<Normal, Sgd> =
        Training::new(Sgd::new(1.0)).batch(8).gradients(Gradients::Clipped(MOST)).seed(1);
    let mut model = Model::<Normal>::zeroed();
    model.initialize(5);
    let before = model.parameters().to_vec();
    let mut memory = [f32::NAN; TRAINING.memory_len()];
    let mut trainer = TRAINING.start(&mut model, &mut memory).unwrap();
    let stream = Stream::new(3, 0);
    let images: Vec<f32> = (0..24).map(|i| 100.0 * stream.f32_at(i)).collect();
    trainer.step(&images, &[0, 1, 2, 0, 1, 2, 0, 1]).unwrap();
    let after = trainer.model().parameters();
    let mut squares = 0.0;
    for tensor in Normal::TENSORS.iter().filter(|tensor| !tensor.name.starts_with("moving")) {
        squares += tensor.range().map(|i| f64::from(after[i] - before[i]).powi(2)).sum::<f64>();
    }
    // Each difference is off by half a unit in the last place of a parameter below 2, twice.
    let off = 2.0 * f64::from(f32::EPSILON) * (before.len() as f64).sqrt();
    assert!((squares.sqrt() - f64::from(MOST)).abs() < off + 1e-6 * f64::from(MOST), "{}", squares.sqrt());
}

#[test]
fn an_error_of_any_part_is_the_outcome() {
    for threads in 1..6 {
        for wrong in 0..7 {
            let outcome = for_rows(threads, 7, &mut [0u8; 14], &|rows, part: &mut [u8]| {
                assert_eq!(part.len(), 2 * rows.len());
                if rows.contains(&wrong) { Err(wrong) } else { Ok(()) }
            });
            assert_eq!(outcome, Err(wrong), "{threads} threads");
        }
    }
}

kernlet::network! {
    /// Every kind of tensor: kernels, biases, scales, a recurrence in both directions, moving averages.
    struct Mixed([6, 3]) {
        conv: conv1d(4, 3), norm: batch_norm, tanh,
        both: gru(3, bidirectional), layer: layer_norm,
        first: dense(5), relu, second: dense(2), softmax,
    }
}

kernlet::decay! { struct SomeKernels = Decay::KERNELS.but(&["first", "both/backward_kernel"]); }
kernlet::decay! { struct ByName = Decay::EVERYTHING.only(&["norm", "second/bias"]); }
kernlet::decay! { struct Ends = Decay::EVERYTHING.first(3).last(5); }

/// Three steps, and the same with two optimizers over all parameters, of which each parameter takes the one it is meant
/// to have: PyTorch's parameter groups.
fn groups<D: Decays, O: Optimizer>(decaying: O, plain: O, gradients: Gradients, threads: usize, names: &[&str]) {
    let training: Training<Mixed, O> = Training::new(decaying).batch(4).seed(3).threads(threads).gradients(gradients);
    let training = training.pieces_of(4);
    let mut trainer = training.decay::<D>().build().unwrap();
    // Gradients are kept here, and parameters are moved by hand.
    let mut by_hand = Training::<Mixed, O>::new(plain).batch(4).seed(3).pieces_of(4).build().unwrap();
    // Not 0 anywhere, so that what decays is seen to.
    for model in [trainer.model_mut(), by_hand.model_mut()] {
        model.parameters_mut().iter_mut().for_each(|w| *w += 0.5);
    }
    let len = Mixed::PARAMETERS;
    let mut states = vec![vec![0.0; 2 * len]; 2];
    let inputs: Vec<f32> = (0..72).map(|i| (i as f32 * 0.7).sin()).collect();
    for step in 1..=3 {
        trainer.step(&inputs, &[0, 1, 1, 0]).unwrap();
        by_hand.backward(&inputs, &[0, 1, 1, 0], 0, 4).unwrap();
        let gradients = by_hand.gradients().to_vec();
        let old = by_hand.model().parameters().to_vec();
        let mut moved = [old.clone(), old.clone()];
        for ((w, states), optimizer) in moved.iter_mut().zip(&mut states).zip([plain, decaying]) {
            let mut states = split_states(states, len, 0, len);
            optimizer.update(Level::detect(), Step::new(step), w, &gradients, &mut states[..O::STATES]).unwrap();
        }
        let mut decayed = Vec::new();
        for layer in Mixed::LAYERS {
            let mut at = layer.offset;
            for tensor in layer.tensors() {
                let name = format!("{}/{}", layer.name, tensor.name);
                let range = at..at + tensor.dims.len();
                at = range.end;
                let group = usize::from(names.contains(&&*name));
                decayed.extend(names.contains(&&*name).then_some(name));
                for i in range {
                    by_hand.model_mut().parameters_mut()[i] =
                        if tensor.learns { moved[group][i] } else { old[i] - gradients[i] };
                }
            }
        }
        assert_eq!(decayed, names);
        // The counter of dropout's noise, and what the loss says, belong to the step.
        by_hand.set_progress(Progress { step: step.into(), ..by_hand.progress() });
        assert_eq!(trainer.model().parameters(), by_hand.model().parameters(), "step {step}");
    }
}

#[test]
fn weights_decay_where_they_are_told_to() {
    const KERNELS: [&str; 7] = [
        "conv/kernel",
        "both/forward_kernel",
        "both/forward_recurrent_kernel",
        "both/backward_kernel",
        "both/backward_recurrent_kernel",
        "first/kernel",
        "second/kernel",
    ];
    let (adamw, adam) = (AdamW::new(0.05).with_weight_decay(0.5), AdamW::new(0.05).with_weight_decay(0.0));
    for (gradients, threads) in [(Gradients::Kept, 1), (Gradients::Kept, 2), (Gradients::Applied, 1)] {
        groups::<Kernels, _>(adamw, adam, gradients, threads, &KERNELS);
        let some = [KERNELS[0], KERNELS[1], KERNELS[2], KERNELS[4], KERNELS[6]];
        groups::<SomeKernels, _>(adamw, adam, gradients, threads, &some);
        groups::<ByName, _>(adamw, adam, gradients, threads, &["norm/gamma", "norm/beta", "second/bias"]);
        let ends = &[
            "norm/gamma",
            "norm/beta",
            "both/forward_kernel",
            "both/forward_recurrent_kernel",
            "both/forward_bias",
            "both/backward_kernel",
            "both/backward_recurrent_kernel",
            "both/backward_bias",
        ];
        groups::<Ends, _>(adamw, adam, gradients, threads, ends);
    }
    let sgd = |decay| pytorch::Sgd::new(0.1).with_momentum(0.9).with_weight_decay(decay);
    groups::<Kernels, _>(sgd(0.25), sgd(0.0), Gradients::Kept, 1, &KERNELS);
    let rmsprop = |decay| RmsProp::new(0.01).with_weight_decay(decay);
    groups::<Kernels, _>(rmsprop(0.25), rmsprop(0.0), Gradients::Kept, 1, &KERNELS);
}
