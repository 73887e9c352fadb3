//! Sums and products of slices: to the bit, at every level, around the lanes.

use kernlet::kernels::{elementwise::*, reference::mul_add};
use kernlet::random::Stream;
use kernlet::simd::Level;

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
