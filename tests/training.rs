//! What a trainer does around its kernels: batches in parts, steps that are counted, means over batches,
//! norms, and errors from any thread.
#![cfg(feature = "alloc")]

use kernlet::{
    nn::{Gradients, HalfSquaredError, Model, Network, Training},
    optim::{Adam, Optimizer, Sgd, Step},
    parallel::for_rows,
    random::Stream,
    simd::Level,
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
