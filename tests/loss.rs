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
