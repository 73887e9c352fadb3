//! Softmax and log-softmax against their twins, shifted rows, and bits across levels.

use kernlet::kernels::{reference::softmax as twin, softmax::*};
use kernlet::random::Stream;
use kernlet::simd::{Level, Rounding};

/// Two roundings to a multiple of the smallest subnormal.
const TINY: f64 = 2.0 * 1.401_298_464_324_817e-45;
const U: f64 = f32::EPSILON as f64 / 2.0;
const CLASSES: [usize; 9] = [1, 2, 3, 10, 15, 16, 17, 33, 100];

fn samples(seed: u64, len: usize, scale: f32) -> Vec<f32> {
    let stream = Stream::new(seed, 0);
    (0..len).map(|i| (2.0 * stream.f32_at(i as u64) - 1.0) * scale).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

#[test]
fn rows_as_the_twins() {
    for level in Level::all() {
        for classes in CLASSES {
            for scale in [1.0, 10.0, 80.0] {
                let x = samples(classes as u64, 3 * classes, scale);
                let dy = samples(99, 3 * classes, 1.0);
                let mut y = vec![f32::NAN; x.len()];
                let (mut dx, mut log, mut dlog) = (y.clone(), y.clone(), y.clone());
                softmax_into(level, classes, &x, &mut y).unwrap();
                softmax_backward_into(level, classes, &y, &dy, &mut dx).unwrap();
                log_softmax_into(level, classes, &x, &mut log).unwrap();
                log_softmax_backward_into(level, classes, &log, &dy, &mut dlog).unwrap();
                for row in 0..3 {
                    let at = row * classes;
                    let (wx, wdy) = (wide(&x[at..at + classes]), wide(&dy[at..at + classes]));
                    // A chain of a sixteenth of the terms and the tree; the difference from the
                    // maximum is rounded relative to itself, the exponential is two units off.
                    let terms = (classes as f64 / 16.0).ceil() + 4.0;
                    let spread = f64::from(scale) * 2.0;
                    let relative = U * (spread + 2.0 * 2.0 + terms + 2.0);
                    let size: f64 = wdy.iter().map(|dy| dy.abs()).sum();
                    for j in 0..classes {
                        let near = |found: f32, expected: f64, bound: f64, what: &str| {
                            let off = (f64::from(found) - expected).abs();
                            assert!(off <= bound, "{what}, {level}, {classes}, row {row}, {j}: {found} for {expected}");
                        };
                        let p = twin::softmax(&wx, j);
                        near(y[at + j], p, relative * p + TINY, "softmax");
                        let dot: f64 = (0..classes).map(|i| twin::softmax(&wx, i) * wdy[i].abs()).sum();
                        let bound = p * (wdy[j].abs() + dot) * (2.0 * relative + U * (terms + 4.0)) + TINY;
                        near(dx[at + j], twin::softmax_backward(&wx, &wdy, j), bound, "dx");
                        let l = twin::log_softmax(&wx, j);
                        let bound = U * (2.0 * spread + 3.0 * l.abs() + 2.0 * 2.0 + terms + 2.0);
                        near(log[at + j], l, bound, "log-softmax");
                        let bound = U * wdy[j].abs() + p * size * (bound + U * (terms + 6.0));
                        near(dlog[at + j], twin::log_softmax_backward(&wx, &wdy, j), bound, "dx of log");
                    }
                }
                let (mut y2, mut d2) = (x.clone(), dy.clone());
                softmax_in_place(level, classes, &mut y2).unwrap();
                softmax_backward_in_place(level, classes, &y, &mut d2).unwrap();
                assert_eq!((&y2, &d2), (&y, &dx));
                let (mut y2, mut d2) = (x.clone(), dy.clone());
                log_softmax_in_place(level, classes, &mut y2).unwrap();
                log_softmax_backward_in_place(level, classes, &log, &mut d2).unwrap();
                assert_eq!((&y2, &d2), (&log, &dlog));
            }
        }
    }
}

#[test]
fn a_shift_changes_nothing() {
    for level in Level::all() {
        for shift in [1e30, -1e30, f32::MAX, f32::MIN] {
            let mut y = [shift; 20];
            softmax_in_place(level, 10, &mut y).unwrap();
            assert_eq!(y, [0.1; 20], "{shift} at {level}");
            let mut y = [shift; 4];
            log_softmax_in_place(level, 4, &mut y).unwrap();
            assert_eq!(y, [-4.0_f32.ln(); 4]);
        }
        // An integer shift below 2²⁰ of multiples of 2⁻³ is exact.
        let x: Vec<f32> = (0..17).map(|i| i as f32 / 8.0).collect();
        let shifted: Vec<f32> = x.iter().map(|x| x - 1e6).collect();
        let (mut y, mut z) = (vec![0.0; 17], vec![0.0; 17]);
        softmax_into(level, 17, &x, &mut y).unwrap();
        softmax_into(level, 17, &shifted, &mut z).unwrap();
        assert_eq!(y, z);
    }
}

#[test]
fn a_broken_row_is_nan_and_no_other() {
    for level in Level::all() {
        for bad in [f32::NAN, f32::INFINITY] {
            for at in 0..17 {
                let mut y = [1.0; 34];
                y[17 + at] = bad;
                softmax_in_place(level, 17, &mut y).unwrap();
                assert!(y[..17].iter().all(|&y| y == 1.0 / 17.0));
                assert!(y[17..].iter().all(|y| y.is_nan()), "{bad} at {at}, {level}: {y:?}");
            }
        }
        let mut y = [f32::NEG_INFINITY, 0.0, 0.0];
        softmax_in_place(level, 3, &mut y).unwrap();
        assert_eq!(y, [0.0, 0.5, 0.5]);
    }
}

#[test]
fn bits_depend_on_the_rounding_alone() {
    for rounding in [Rounding::Strict, Rounding::Fused] {
        for classes in CLASSES {
            let bits: Vec<Vec<u32>> = Level::all()
                .filter(|level| level.rounding() == rounding)
                .map(|level| {
                    let (mut y, mut d) = (samples(1, 5 * classes, 5.0), samples(2, 5 * classes, 1.0));
                    let (mut z, mut e) = (y.clone(), d.clone());
                    softmax_in_place(level, classes, &mut y).unwrap();
                    softmax_backward_in_place(level, classes, &y, &mut d).unwrap();
                    log_softmax_in_place(level, classes, &mut z).unwrap();
                    log_softmax_backward_in_place(level, classes, &z, &mut e).unwrap();
                    [y, d, z, e].concat().iter().map(|x| x.to_bits()).collect()
                })
                .collect();
            assert!(bits.windows(2).all(|pair| pair[0] == pair[1]), "{classes} classes, {rounding}");
        }
    }
}

#[test]
fn wrong_lengths_are_errors() {
    let level = Level::detect();
    let error = softmax_in_place(level, 3, &mut [0.0; 7]).unwrap_err();
    assert_eq!(error.to_string(), "softmax: y: expected a multiple of 3, found 7");
    softmax_in_place(level, 0, &mut [0.0; 7]).unwrap_err();
    softmax_in_place(level, 3, &mut []).unwrap();
    log_softmax_into(level, 2, &[0.0; 4], &mut [0.0; 6]).unwrap_err();
    softmax_backward_into(level, 2, &[0.0; 4], &[0.0; 6], &mut [0.0; 6]).unwrap_err();
    softmax_backward_in_place(level, 2, &[0.0; 4], &mut [0.0; 6]).unwrap_err();
}
