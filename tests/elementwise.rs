//! Sums and products of slices: to the bit, at every level, around the lanes.

use kernlet::kernels::{ShapeError, elementwise::*, reference::elementwise as twin, reference::mul_add};
use kernlet::math;
use kernlet::random::Stream;
use kernlet::simd::{Level, Rounding, Scalar};

const LENGTHS: [usize; 11] = [0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 31];

fn samples(seed: u64, len: usize) -> Vec<f32> {
    let stream = Stream::new(seed, 0);
    (0..len).map(|i| 2.0 * stream.f32_at(i as u64) - 1.0).collect()
}

fn bits(x: impl IntoIterator<Item = f32>) -> Vec<u32> {
    x.into_iter().map(f32::to_bits).collect()
}

#[test]
fn every_element_by_its_formula() {
    for level in Level::all() {
        for len in LENGTHS {
            let (a, b) = (samples(1, len), samples(2, len));
            let pairs = || a.iter().copied().zip(b.iter().copied());
            let mut y = vec![f32::NAN; len];
            add_into(level, &a, &b, &mut y).unwrap();
            assert_eq!(bits(y), bits(pairs().map(|(a, b)| a + b)), "add_into, {level}, {len}");
            let mut y = b.clone();
            add_acc(level, &a, &mut y).unwrap();
            assert_eq!(bits(y), bits(pairs().map(|(a, b)| a + b)), "add_acc, {level}, {len}");
            let mut y = b.clone();
            axpy_acc(level, 0.3, &a, &mut y).unwrap();
            let expected = pairs().map(|(a, b)| mul_add(level.rounding(), 0.3, a, b));
            assert_eq!(bits(y), bits(expected), "axpy_acc, {level}, {len}");
            let mut y = b.clone();
            scale(level, 0.3, &mut y);
            assert_eq!(bits(y), bits(b.iter().map(|b| 0.3 * b)), "scale, {level}, {len}");
        }
    }
}

#[test]
fn nan_and_infinity_stay_where_they_are() {
    for level in Level::all() {
        for at in 0..17 {
            let mut x = [1.0; 17];
            x[at] = f32::NAN;
            let mut y = [f32::INFINITY; 17];
            add_acc(level, &x, &mut y).unwrap();
            for (i, y) in y.iter().enumerate() {
                assert!(if i == at { y.is_nan() } else { *y == f32::INFINITY }, "{level}: {y} at {i}");
            }
        }
    }
}

#[test]
fn wrong_lengths_are_errors_and_nothing_is_written() {
    let (level, mut y) = (Level::detect(), [7.0; 3]);
    assert_eq!(add_acc(level, &[1.0; 2], &mut y).unwrap_err().to_string(), "add: y: expected 2, found 3");
    add_into(level, &[1.0; 3], &[1.0; 2], &mut y).unwrap_err();
    add_into(level, &[1.0; 2], &[1.0; 2], &mut y).unwrap_err();
    assert_eq!(axpy_acc(level, 2.0, &[1.0; 4], &mut y).unwrap_err().to_string(), "axpy: y: expected 4, found 3");
    assert_eq!(y, [7.0; 3]);
}

/// Values of all kinds, beside each other in every combination.
fn odd() -> (Vec<f32>, Vec<f32>) {
    let values = [0.0, -0.0, 1.0, -1.0, 2.5, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MIN_POSITIVE];
    values.iter().flat_map(|&a| values.iter().map(move |&b| (a, b))).unzip()
}

fn same(what: &str, level: Level, found: &[f32], expected: impl IntoIterator<Item = f32>) {
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let equal = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
        assert!(equal, "{what}, {level}, element {i}: {found} for {expected}");
    }
}

#[test]
fn functions_of_two_by_their_formulas() {
    type Into = fn(Level, &[f32], &[f32], &mut [f32]) -> Result<(), ShapeError>;
    let all: [(&str, Into, fn(f32, f32) -> f32); 6] = [
        ("add", add_into, |a, b| a + b),
        ("subtract", subtract_into, |a, b| a - b),
        ("multiply", multiply_into, |a, b| a * b),
        ("divide", divide_into, |a, b| a / b),
        ("minimum", minimum_into, twin::minimum),
        ("maximum", maximum_into, twin::maximum),
    ];
    let samples = |len| (samples(1, len), samples(2, len));
    for level in Level::all() {
        for (a, b) in LENGTHS.map(samples).into_iter().chain([odd()]) {
            for (name, kernel, formula) in all {
                let mut y = vec![7.0; a.len()];
                kernel(level, &a, &b, &mut y).unwrap();
                same(name, level, &y, a.iter().zip(&b).map(|(&a, &b)| formula(a, b)));
            }
            let (mut y, mut expected) = (a.clone(), a.clone());
            multiply_acc(level, &a, &b, &mut y).unwrap();
            for ((expected, &a), &b) in expected.iter_mut().zip(&a).zip(&b) {
                *expected = mul_add(level.rounding(), a, b, *expected);
            }
            same("multiply_acc", level, &y, expected);
        }
    }
}

/// Gradients of the smaller and the larger go where the value came from, whole.
#[test]
fn gradients_of_two() {
    for level in Level::all() {
        let (a, b) = odd();
        let dy: Vec<f32> = (0..a.len()).map(|i| 1.0 + i as f32).collect();
        let mut found = [vec![7.0; a.len()], vec![7.0; a.len()]];
        let mut run = |kernel: fn(Level, &[f32], &[f32], &[f32], &mut [f32], &mut [f32]) -> Result<(), ShapeError>| {
            let [da, db] = &mut found;
            kernel(level, &a, &b, &dy, da, db).unwrap();
            found.clone()
        };
        let all = || a.iter().copied().zip(b.iter().copied()).zip(dy.iter().copied());
        let [da, db] = run(multiply_backward_into);
        same("multiply, da", level, &da, all().map(|((_, b), dy)| dy * b));
        same("multiply, db", level, &db, all().map(|((a, _), dy)| dy * a));
        let [da, db] = run(divide_backward_into);
        same("divide, da", level, &da, all().map(|((_, b), dy)| dy / b));
        same("divide, db", level, &db, all().map(|((a, b), dy)| -(dy / b * (a / b))));
        for larger in [false, true] {
            let [da, db] = run(if larger { maximum_backward_into } else { minimum_backward_into });
            let to_b = |a: f32, b: f32| b.is_nan() || if larger { b > a } else { b < a };
            same("da", level, &da, all().map(|((a, b), dy)| if to_b(a, b) { 0.0 } else { dy }));
            same("db", level, &db, all().map(|((a, b), dy)| if to_b(a, b) { dy } else { 0.0 }));
        }
    }
}

/// A function of a slice is the function of each element, whatever the length.
#[test]
fn functions_of_one_are_those_of_math() {
    type Into = fn(Level, &[f32], &mut [f32]) -> Result<(), ShapeError>;
    type Case = (&'static str, Into, fn(Level, &mut [f32]), fn(f32) -> f32);
    let all: [Case; 8] = [
        ("exp", exp_into, exp_in_place, |x| math::exp(Scalar::strict(), x)),
        ("exp_m1", exp_m1_into, exp_m1_in_place, |x| math::exp_m1(Scalar::strict(), x)),
        ("ln", ln_into, ln_in_place, |x| math::ln(Scalar::strict(), x)),
        ("ln_1p", ln_1p_into, ln_1p_in_place, |x| math::ln_1p(Scalar::strict(), x)),
        ("erf", erf_into, erf_in_place, |x| math::erf(Scalar::strict(), x)),
        ("normal_cdf", normal_cdf_into, normal_cdf_in_place, |x| math::normal_cdf(Scalar::strict(), x)),
        ("sqrt", sqrt_into, sqrt_in_place, f32::sqrt),
        ("abs", abs_into, abs_in_place, f32::abs),
    ];
    for level in Level::all().filter(|level| level.rounding() == Rounding::Strict) {
        for x in LENGTHS.map(|len| samples(3, len)).into_iter().chain([odd().0, odd().1]) {
            for (name, into, in_place, formula) in all {
                let (mut y, mut z) = (vec![7.0; x.len()], x.clone());
                into(level, &x, &mut y).unwrap();
                in_place(level, &mut z);
                same(name, level, &y, x.iter().map(|&x| formula(x)));
                same(name, level, &z, y.iter().copied());
            }
        }
    }
    let mut y = [7.0; 3];
    let error = exp_into(Level::detect(), &[0.0; 2], &mut y).unwrap_err();
    assert_eq!((error.to_string(), y), ("exp: y: expected 2, found 3".into(), [7.0; 3]));
}
