//! Losses against their twins, with wrong labels, odd values and bits across levels.

mod tracked;

use kernlet::kernels::{loss::*, reference::loss as twin, reference::softmax};
use kernlet::random::Stream;
use kernlet::simd::{Level, Rounding};
use tracked::U;

fn samples(seed: u64, len: usize, low: f32, high: f32) -> Vec<f32> {
    let stream = Stream::new(seed, 0);
    (0..len).map(|i| stream.f32_at(i as u64) * (high - low) + low).collect()
}

fn near(found: f32, expected: f64, bound: f64, what: impl Fn() -> String) {
    let off = (f64::from(found) - expected).abs();
    assert!(off <= bound, "{}: {found} for {expected}, off by {off:e}, bound {bound:e}", what());
}

#[test]
fn cross_entropy_as_the_twin() {
    for level in Level::all() {
        for (rows, classes, scale) in [(1, 1, 1.0), (1, 2, 3.0), (9, 10, 5.0), (128, 10, 30.0), (3, 100, 60.0)] {
            let x = samples(classes as u64, rows * classes, -scale, scale);
            let labels: Vec<u16> = (0..rows).map(|row| (row * 7 % classes) as u16).collect();
            let mut dx = vec![f32::NAN; x.len()];
            let value = softmax_cross_entropy(level, classes, &x, &labels, &mut dx).unwrap();
            let (mut sum, mut room) = (0.0, 0.0);
            let terms = (classes as f64 / 16.0).ceil() + 4.0;
            let spread = 2.0 * f64::from(scale);
            for (row, &label) in labels.iter().enumerate() {
                let label = usize::from(label);
                let x: Vec<f64> = x[row * classes..][..classes].iter().map(|&x| f64::from(x)).collect();
                let loss = twin::softmax_cross_entropy(&x, label);
                sum += loss;
                room += U * (2.0 * spread + 2.0 * loss + terms + 8.0);
                for j in 0..classes {
                    let p = softmax::softmax(&x, j);
                    let bound = U * (p * (spread + terms + 6.0) + 3.0) / rows as f64;
                    let expected = twin::softmax_cross_entropy_gradient(&x, label, j) / rows as f64;
                    near(dx[row * classes + j], expected, bound, || format!("dx[{row}][{j}] of {classes}, {level}"));
                }
            }
            let bound = (room + U * sum * (rows as f64 + 2.0)) / rows as f64;
            near(value, sum / rows as f64, bound, || format!("{rows}×{classes}, {level}"));
        }
    }
}

#[test]
fn a_wrong_label_is_an_error_and_nothing_is_written() {
    let level = Level::detect();
    let mut dx = [7.0; 30];
    let error = softmax_cross_entropy(level, 10, &[0.0; 30], &[9u8, 0, 10], &mut dx).unwrap_err();
    assert_eq!(error, LossError::Label { row: 2, label: 10, classes: 10 });
    assert_eq!(error.to_string(), "row 2: label 10 is not below the number of classes, 10");
    softmax_cross_entropy(level, 10, &[0.0; 30], &[0u8; 2], &mut dx).unwrap_err();
    softmax_cross_entropy(level, 10, &[0.0; 30], &[0u8; 3], &mut [0.0; 29]).unwrap_err();
    softmax_cross_entropy(level, 0, &[], &[0u32; 3], &mut []).unwrap_err();
    softmax_cross_entropy(level, usize::MAX, &[], &[0u32; 3], &mut []).unwrap_err();
    softmax_cross_entropy(level, 10, &[0.0; 30], &[0u32, u32::MAX, 0], &mut dx).unwrap_err();
    assert_eq!(dx, [7.0; 30]);
    assert_eq!(softmax_cross_entropy::<u8>(level, 10, &[], &[], &mut []), Ok(0.0));
    let error = half_squared_error(level, &[0.0; 3], &[0.0; 2], &mut dx[..3]).unwrap_err();
    assert_eq!(error.to_string(), "half_squared_error: t: expected 3, found 2");
    mean_squared_error(level, &[0.0; 3], &[0.0; 3], &mut dx[..2]).unwrap_err();
    assert_eq!(dx, [7.0; 30]);
}

#[test]
fn huge_logits_lose_nothing() {
    for level in Level::all() {
        let mut dx = [f32::NAN; 3];
        let value = softmax_cross_entropy(level, 3, &[1e30, -1e30, 0.0], &[0u8], &mut dx).unwrap();
        assert_eq!((value, dx), (0.0, [0.0; 3]));
        let value = softmax_cross_entropy(level, 3, &[1e30, -1e30, 0.0], &[1u8], &mut dx).unwrap();
        assert_eq!((value, dx), (2e30, [1.0, -1.0, 0.0]));
        let value = softmax_cross_entropy(level, 3, &[f32::NAN, 0.0, 0.0], &[1u8], &mut dx).unwrap();
        assert!(value.is_nan() && dx.iter().all(|dx| dx.is_nan()));
    }
}

/// A probability of exactly 0 or 1 is clipped too.
#[test]
fn certain_probabilities_have_no_gradient() {
    for level in Level::all() {
        let mut dp = [f32::NAN; 4];
        let value = binary_cross_entropy(level, &[0.0, 1.0, 0.0, 1.0], &[0.0, 0.0, 1.0, 1.0], &mut dp).unwrap();
        assert_eq!(dp, [0.0; 4], "{level}");
        assert!((8.0..8.1).contains(&value), "{level}: {value}");
    }
}

type Loss = fn(Level, &[f32], &[f32], &mut [f32]) -> Result<f32, LossError>;

/// A value and a gradient of one element with bounds on their error, and whether it is a mean.
type Twin = fn(f64, f64) -> [f64; 4];

fn check(name: &str, loss: Loss, twin: Twin, mean: bool, low: f32, high: f32) {
    for level in Level::all() {
        for len in [0, 1, 3, 15, 16, 17, 90, 1000] {
            let (y, t) = (samples(1, len, low, high), samples(2, len, 0.0, 1.0));
            let mut dy = vec![f32::NAN; len];
            let value = loss(level, &y, &t, &mut dy).unwrap();
            let share = if mean { 1.0 / len as f64 } else { 1.0 };
            let (mut sum, mut room) = (0.0, 0.0);
            for i in 0..len {
                let [value, bound, gradient, gradient_bound] = twin(f64::from(y[i]), f64::from(t[i]));
                sum += value;
                room += bound;
                let bound = (gradient_bound + 2.0 * U * gradient.abs()) * share;
                near(dy[i], gradient * share, bound, || format!("{name}, {level}, {len}: dy[{i}]"));
            }
            let terms = (len as f64 / 16.0).ceil() + 6.0;
            let (sum, room) = if len == 0 { (0.0, 0.0) } else { (sum * share, room * share) };
            near(value, sum, room + U * terms * sum, || format!("{name}, {level}, {len}"));
        }
    }
}

#[test]
fn sums_over_elements_as_the_twins() {
    check(
        "half squared error",
        half_squared_error,
        |y, t| [0.5 * (y - t) * (y - t), U * 3.0 * (y - t) * (y - t), y - t, U * (y - t).abs()],
        false,
        -3.0,
        3.0,
    );
    check(
        "mean squared error",
        mean_squared_error,
        |y, t| [(y - t) * (y - t), U * 3.0 * (y - t) * (y - t), 2.0 * (y - t), U * 2.0 * (y - t).abs()],
        true,
        -3.0,
        3.0,
    );
    check(
        "binary cross-entropy from logits",
        binary_cross_entropy_from_logits,
        |x, t| {
            let value = twin::binary_cross_entropy_from_logits(x, t);
            let gradient = twin::binary_cross_entropy_from_logits_gradient(x, t);
            [value, U * (8.0 + 3.0 * x.abs()), gradient, U * (6.0 + 1.0)]
        },
        true,
        -30.0,
        30.0,
    );
    check(
        "binary cross-entropy",
        binary_cross_entropy,
        |p, t| {
            let gradient = twin::binary_cross_entropy_gradient(p, t);
            [twin::binary_cross_entropy(p, t), U * 20.0, gradient, U * 6.0 * gradient.abs()]
        },
        true,
        -0.1,
        1.1,
    );
}

#[test]
fn bits_depend_on_the_rounding_alone() {
    for rounding in [Rounding::Strict, Rounding::Fused] {
        let bits: Vec<Vec<u32>> = Level::all()
            .filter(|level| level.rounding() == rounding)
            .map(|level| {
                let (x, t) = (samples(1, 333, -4.0, 4.0), samples(2, 333, 0.0, 1.0));
                let labels: Vec<u8> = (0..37).map(|i| i % 9).collect();
                let mut bits = Vec::new();
                let mut keep = |value: f32, dx: &[f32]| {
                    bits.push(value.to_bits());
                    bits.extend(dx.iter().map(|dx| dx.to_bits()));
                };
                let mut dx = vec![f32::NAN; 333];
                for loss in
                    [half_squared_error, mean_squared_error, binary_cross_entropy_from_logits, binary_cross_entropy]
                {
                    keep(loss(level, &x, &t, &mut dx).unwrap(), &dx);
                }
                keep(softmax_cross_entropy(level, 9, &x, &labels, &mut dx).unwrap(), &dx);
                bits
            })
            .collect();
        assert!(bits.windows(2).all(|pair| pair[0] == pair[1]), "{rounding}");
    }
}

/// The doors of the losses with options, and a `Target` of the twin.
fn target<'a>(label: usize, class_weights: &'a [f64], smoothing: f32) -> twin::Target<'a> {
    twin::Target { label, class_weights, smoothing: smoothing.into() }
}

/// Weights, ignored labels, smoothing and every reduction, with and without what is wanted beside the value.
#[test]
fn options_as_the_twin() {
    let (rows, classes) = (9, 21);
    let labels: Vec<u16> = (0..rows).map(|row| (row * 5 % classes) as u16).collect();
    let x = samples(1, rows * classes, -6.0, 6.0);
    let (weights, row_weights) = (samples(2, classes, 0.25, 2.0), samples(3, rows, 0.5, 1.5));
    for level in Level::all() {
        for reduction in [Reduction::Mean, Reduction::WeightedMean, Reduction::Sum] {
            for bits in 0..16 {
                let with = |bit: u32| bits >> bit & 1 == 1;
                let operands = Labelled {
                    reduction,
                    class_weights: with(0).then_some(&weights[..]),
                    row_weights: with(1).then_some(&row_weights[..]),
                    ignored: with(2).then_some(10),
                    smoothing: if with(3) { 0.2 } else { 0.0 },
                    ..Labelled::new(&x, &labels)
                };
                let what = || format!("{level}, {reduction:?}, options {bits:04b}");
                let class_weights: Vec<f64> =
                    (0..classes).map(|j| if with(0) { weights[j].into() } else { 1.0 }).collect();
                let row = |row: usize| -> f64 { if with(1) { row_weights[row].into() } else { 1.0 } };
                let counted: Vec<usize> = (0..rows).filter(|&row| !with(2) || labels[row] != 10).collect();
                let weight: f64 = counted.iter().map(|&i| row(i) * class_weights[usize::from(labels[i])]).sum();
                let share = match reduction {
                    Reduction::Mean => 1.0 / counted.len() as f64,
                    Reduction::WeightedMean => 1.0 / weight,
                    _ => 1.0,
                };
                // A row's sum has two terms in a lane and a tree, its distances as many; beside them some twelve
                // roundings of numbers of the size of the logits' spread.
                let (spread, roundings) = (12.0, 2.0 + 4.0 + 12.0);
                let (mut dx, mut values) = (vec![f32::NAN; x.len()], vec![f32::NAN; rows]);
                let outputs = Outputs { gradient: Some(&mut dx), values: Some(&mut values) };
                let value = softmax_cross_entropy_with(level, classes, operands, outputs).unwrap();
                let (mut sum, mut room) = (0.0, 0.0);
                for i in 0..rows {
                    if !counted.contains(&i) {
                        assert_eq!(values[i], 0.0, "{}", what());
                        assert!(dx[i * classes..][..classes].iter().all(|&dx| dx == 0.0), "{}", what());
                        continue;
                    }
                    let target = target(labels[i].into(), &class_weights, operands.smoothing);
                    let x: Vec<f64> = x[i * classes..][..classes].iter().map(|&x| x.into()).collect();
                    let (loss, total) =
                        (row(i) * target.cross_entropy(&x), (0..classes).map(|j| target.at(j)).sum::<f64>());
                    let bound = U * row(i) * total * roundings * (spread + 4.0);
                    near(values[i], loss, bound, || format!("{}, value {i}", what()));
                    (sum, room) = (sum + loss, room + bound);
                    for j in 0..classes {
                        let expected = share * row(i) * target.cross_entropy_gradient(&x, j);
                        let size = softmax::softmax(&x, j) * total * (spread + roundings) + 4.0 * target.at(j);
                        let bound = U * share * row(i) * (size + 6.0 * expected.abs() / (share * row(i)) + 4.0 * total);
                        near(dx[i * classes + j], expected, bound, || format!("{}, dx[{i}][{j}]", what()));
                    }
                }
                near(value, sum * share, share * (room + U * sum * (rows as f64 + 4.0)), what);
                // Without a gradient the value has the same bits, and nothing else is needed.
                let alone = softmax_cross_entropy_with(level, classes, operands, Outputs::default()).unwrap();
                assert_eq!(alone.to_bits(), value.to_bits(), "{}", what());

                // Log-probabilities, whatever they are: the loss is linear in them.
                let outputs = Outputs { gradient: Some(&mut dx), values: Some(&mut values) };
                let value = negative_log_likelihood(level, classes, operands, outputs).unwrap();
                let (mut sum, mut room) = (0.0, 0.0);
                for &i in &counted {
                    let target = target(labels[i].into(), &class_weights, operands.smoothing);
                    let x: Vec<f64> = x[i * classes..][..classes].iter().map(|&x| x.into()).collect();
                    let size: f64 = x.iter().enumerate().map(|(j, x)| (x * target.at(j)).abs()).sum();
                    let bound = U * row(i) * size * roundings;
                    near(values[i], row(i) * target.negative_log_likelihood(&x), bound, || {
                        format!("{}, nll {i}", what())
                    });
                    (sum, room) =
                        (sum + row(i) * target.negative_log_likelihood(&x), room + bound + U * row(i) * size * 12.0);
                    for j in 0..classes {
                        let expected = -share * row(i) * target.at(j);
                        let bound = U * 12.0 * expected.abs();
                        near(dx[i * classes + j], expected, bound, || format!("{}, nll dx[{i}][{j}]", what()));
                    }
                }
                near(value, sum * share, share * room, || format!("{}, nll", what()));
                let alone = negative_log_likelihood(level, classes, operands, Outputs::default()).unwrap();
                assert_eq!(alone.to_bits(), value.to_bits(), "{}", what());
            }
        }
    }
}

/// Without options the long form is the short one, to the bit.
#[test]
fn the_long_form_without_options_is_the_short_one() {
    for level in Level::all() {
        for (rows, classes) in [(1, 1), (3, 10), (5, 16), (7, 33)] {
            let x = samples(1, rows * classes, -3.0, 3.0);
            let labels: Vec<u8> = (0..rows).map(|row| (row * 7 % classes) as u8).collect();
            let (mut short, mut long) = (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]);
            let value = softmax_cross_entropy(level, classes, &x, &labels, &mut short).unwrap();
            let outputs = Outputs { gradient: Some(&mut long), values: None };
            let found = softmax_cross_entropy_with(level, classes, Labelled::new(&x, &labels), outputs).unwrap();
            assert_eq!((found.to_bits(), long), (value.to_bits(), short), "{level}, {rows} × {classes}");
        }
        let (y, t) = (samples(2, 77, 0.1, 0.9), samples(3, 77, 0.0, 1.0));
        let (mut short, mut long) = (vec![f32::NAN; 77], vec![f32::NAN; 77]);
        let value = binary_cross_entropy(level, &y, &t, &mut short).unwrap();
        let outputs = Outputs { gradient: Some(&mut long), values: None };
        let found = element_loss(level, BinaryCrossEntropy, Compared::new(&y, &t), outputs).unwrap();
        assert_eq!((found.to_bits(), long), (value.to_bits(), short));
    }
}

/// An ignored row may hold anything; where all are, there is no loss.
#[test]
fn ignored_rows_are_not_read() {
    for level in Level::all() {
        for smoothing in [0.0, 0.1] {
            let x = [f32::NAN, f32::INFINITY, 0.0, 0.0];
            let operands = Labelled { ignored: Some(255), smoothing, ..Labelled::new(&x, &[255_u8, 1]) };
            let mut dx = [f32::NAN; 4];
            let outputs = Outputs { gradient: Some(&mut dx), values: None };
            let value = softmax_cross_entropy_with(level, 2, operands, outputs).unwrap();
            assert!(value == std::f32::consts::LN_2 && dx[..2] == [0.0; 2] && dx[3] < 0.0, "{value}, {dx:?}");
            let operands = Labelled { labels: &[255, 255], ..operands };
            for reduction in [Reduction::Mean, Reduction::WeightedMean, Reduction::Sum] {
                let outputs = Outputs { gradient: Some(&mut dx), values: None };
                let value = negative_log_likelihood(level, 2, Labelled { reduction, ..operands }, outputs).unwrap();
                assert_eq!((value, dx), (0.0, [0.0; 4]));
            }
        }
    }
}

#[test]
fn wrong_options_are_errors_and_nothing_is_written() {
    let (level, x, labels) = (Level::detect(), [0.0; 6], [0_u8, 1]);
    let (mut dx, mut values) = ([7.0; 6], [7.0; 2]);
    let plain = Labelled::new(&x, &labels);
    let mut fail = |operands: Labelled<'_, u8>, dx_len: usize, values_len: usize| {
        let outputs = Outputs { gradient: Some(&mut dx[..dx_len]), values: Some(&mut values[..values_len]) };
        let error = softmax_cross_entropy_with(level, 3, operands, outputs).unwrap_err();
        assert_eq!((dx, values), ([7.0; 6], [7.0; 2]));
        error.to_string()
    };
    assert_eq!(fail(plain, 5, 2), "softmax_cross_entropy: gradient: expected 6, found 5");
    assert_eq!(fail(plain, 6, 1), "softmax_cross_entropy: values: expected 2, found 1");
    let weights = Labelled { class_weights: Some(&[1.0; 2]), ..plain };
    assert_eq!(fail(weights, 6, 2), "softmax_cross_entropy: class_weights: expected 3, found 2");
    let weights = Labelled { row_weights: Some(&[1.0; 3]), ..plain };
    assert_eq!(fail(weights, 6, 2), "softmax_cross_entropy: row_weights: expected 2, found 3");
    let ignored = Labelled { ignored: Some(4), labels: &[1, 3], ..plain };
    assert_eq!(fail(ignored, 6, 2), "row 1: label 3 is not below the number of classes, 3");
    let compared = Compared { row_weights: Some(&[1.0; 4]), ..Compared::new(&x, &x) };
    let error = element_loss(level, SquaredError, compared, Outputs::default()).unwrap_err();
    assert_eq!(error.to_string(), "element_loss: y: expected a multiple of 4, found 6");
    let none = Compared { row_weights: Some(&[]), ..compared };
    element_loss(level, SquaredError, none, Outputs::default()).unwrap_err();
    element_loss(level, SquaredError, Compared::new(&x, &x[1..]), Outputs::default()).unwrap_err();
    assert_eq!(element_loss(level, SquaredError, Compared::new(&[], &[]), Outputs::default()), Ok(0.0));
}

/// Rows of elements with weights: each reduction, by the formula.
#[test]
fn weighted_elements() {
    fn check(loss: impl ElementLoss, twin: impl Fn(f64, f64) -> [f64; 2], low: f32, high: f32) {
        for level in Level::all() {
            for (rows, len) in [(1, 1), (4, 3), (3, 17), (21, 1)] {
                let (y, t) = (samples(1, rows * len, low, high), samples(2, rows * len, 0.0, 1.0));
                let weights = samples(3, rows, 0.5, 2.0);
                for reduction in [Reduction::Mean, Reduction::WeightedMean, Reduction::Sum] {
                    let operands = Compared { reduction, row_weights: Some(&weights), ..Compared::new(&y, &t) };
                    let (mut dy, mut values) = (vec![f32::NAN; y.len()], vec![f32::NAN; y.len()]);
                    let outputs = Outputs { gradient: Some(&mut dy), values: Some(&mut values) };
                    let value = element_loss(level, loss, operands, outputs).unwrap();
                    let total: f64 = weights.iter().map(|&w| f64::from(w)).sum();
                    let share = match reduction {
                        Reduction::Mean => 1.0 / y.len() as f64,
                        Reduction::WeightedMean => 1.0 / (total * len as f64),
                        _ => 1.0,
                    };
                    let mut sum = 0.0;
                    for i in 0..y.len() {
                        let weight = f64::from(weights[i / len]);
                        let [value, gradient] = twin(y[i].into(), t[i].into());
                        // Twenty units of the functions and their sums, relative to numbers of about 1.
                        near(values[i], weight * value, U * 20.0 * weight * (value.abs() + 4.0), || {
                            format!("value {i}")
                        });
                        let expected = weight * gradient * share;
                        let bound = U * weight * share * 24.0 * (gradient.abs() + 4.0);
                        near(dy[i], expected, bound, || format!("{level}, {reduction:?}, {rows} × {len}: dy[{i}]"));
                        sum += weight * value;
                    }
                    let bound = U * share * (30.0 + rows as f64) * (sum + 4.0 * total * len as f64);
                    near(value, sum * share, bound, || format!("{level}, {reduction:?}, {rows} × {len}"));
                    let alone = element_loss(level, loss, operands, Outputs::default()).unwrap();
                    assert_eq!(alone.to_bits(), value.to_bits());
                }
            }
        }
    }
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    check(SquaredError, |y, t| [(y - t) * (y - t), 2.0 * (y - t)], -2.0, 2.0);
    check(HalfSquaredError, |y, t| [0.5 * (y - t) * (y - t), y - t], -2.0, 2.0);
    check(AbsoluteError, |y, t| [(y - t).abs(), (y - t).signum()], -2.0, 2.0);
    let huber = |y: f64, t: f64| {
        let d = y - t;
        if d.abs() <= 0.75 { [0.5 * d * d, d] } else { [0.75 * (d.abs() - 0.375), 0.75 * d.signum()] }
    };
    check(Huber { delta: 0.75 }, huber, -2.0, 2.0);
    check(
        BinaryCrossEntropyFromLogits,
        |x, t| [twin::binary_cross_entropy_from_logits(x, t), twin::binary_cross_entropy_from_logits_gradient(x, t)],
        -4.0,
        4.0,
    );
    let weighted = move |x: f64, t: f64| {
        let t = t * (1.0 - f64::from(0.1_f32)) + 0.5 * f64::from(0.1_f32);
        [(1.0 - t) * softplus(x) + 2.5 * t * softplus(-x), (1.0 - t) * logistic(x) - 2.5 * t * logistic(-x)]
    };
    check(WeightedBinaryCrossEntropy { positive: 2.5, smoothing: 0.1 }, weighted, -4.0, 4.0);
    let smoothed = |p: f64, t: f64| {
        let t = t * (1.0 - f64::from(0.1_f32)) + 0.5 * f64::from(0.1_f32);
        [twin::binary_cross_entropy(p, t), twin::binary_cross_entropy_gradient(p, t)]
    };
    check(SmoothedBinaryCrossEntropy { smoothing: 0.1 }, smoothed, 0.2, 0.8);
}

/// A NaN among the outputs or the targets makes the value NaN in every loss of elements.
#[test]
fn nan_comes_through() {
    fn check(loss: impl ElementLoss) {
        for level in Level::all() {
            for (y, t) in [(f32::NAN, 0.5), (0.5, f32::NAN)] {
                let (mut ys, mut ts, mut dy) = ([0.5; 19], [0.25; 19], [0.0; 19]);
                (ys[17], ts[17]) = (y, t);
                let outputs = Outputs { gradient: Some(&mut dy), values: None };
                let value = element_loss(level, loss, Compared::new(&ys, &ts), outputs).unwrap();
                assert!(value.is_nan() && dy[17].is_nan() && dy[..17].iter().all(|dy| dy.is_finite()), "{level}");
            }
        }
    }
    check(SquaredError);
    check(HalfSquaredError);
    check(AbsoluteError);
    check(Huber { delta: 1.0 });
    check(BinaryCrossEntropyFromLogits);
    check(BinaryCrossEntropy);
    check(WeightedBinaryCrossEntropy { positive: 2.0, smoothing: 0.1 });
    check(SmoothedBinaryCrossEntropy { smoothing: 0.1 });
}
