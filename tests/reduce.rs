//! Sums in 16 virtual lanes: their documented order, written out, to the bit at every level.

use kernlet::kernels::{loss, reference::mul_add};
use kernlet::random::Stream;
use kernlet::simd::{Level, reduce::*};

const LENGTHS: [usize; 14] = [0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 100, 1000];

fn samples(seed: u64, len: usize) -> Vec<f32> {
    let stream = Stream::new(seed, 0);
    (0..len).map(|i| 2.0 * stream.f32_at(i as u64) - 1.0).collect()
}

/// Element i belongs to lane i % 16; lanes are added in pairs 8, 4, 2 and 1 apart.
fn in_lanes(len: usize, mut step: impl FnMut(f32, usize) -> f32) -> f32 {
    let mut lanes = [0.0; 16];
    (0..len).for_each(|i| lanes[i % 16] = step(lanes[i % 16], i));
    let eight: [f32; 8] = std::array::from_fn(|j| lanes[j] + lanes[j + 8]);
    let four: [f32; 4] = std::array::from_fn(|j| eight[j] + eight[j + 4]);
    let two: [f32; 2] = std::array::from_fn(|j| four[j] + four[j + 2]);
    two[0] + two[1]
}

#[test]
fn the_order_is_the_documented_one() {
    for level in Level::all() {
        for len in LENGTHS {
            let (x, t) = (samples(1, len), samples(2, len));
            let expected = in_lanes(len, |sum, i| sum + x[i]);
            assert_eq!(sum(level, &x).to_bits(), expected.to_bits(), "sum, {level}, {len}");
            let expected = in_lanes(len, |sum, i| mul_add(level.rounding(), x[i], x[i], sum));
            assert_eq!(sum_of_squares(level, &x).to_bits(), expected.to_bits(), "squares, {level}, {len}");
            // A loss is summed so, too; its terms are products of their own.
            let found = loss::half_squared_error(level, &x, &t, &mut vec![f32::NAN; len]).unwrap();
            let expected = 0.5 * in_lanes(len, |sum, i| sum + (x[i] - t[i]) * (x[i] - t[i]));
            assert_eq!(found.to_bits(), expected.to_bits(), "half squared error, {level}, {len}");
        }
    }
}

#[test]
fn integers_are_exact_and_nan_passes() {
    for level in Level::all() {
        for len in LENGTHS {
            let mut x: Vec<f32> = (0..len).map(|i| i as f32 - 100.0).collect();
            let exact: i64 = (0..len as i64).map(|i| i - 100).sum();
            let squares: i64 = (0..len as i64).map(|i| (i - 100) * (i - 100)).sum();
            assert_eq!(sum(level, &x), exact as f32, "{level}, {len}");
            // Below 2²⁴ every partial sum is exact.
            if squares < 1 << 24 {
                assert_eq!(sum_of_squares(level, &x), squares as f32, "{level}, {len}");
            }
            if let Some(last) = x.last_mut() {
                *last = f32::NAN;
                assert!(sum(level, &x).is_nan() && sum_of_squares(level, &x).is_nan(), "{level}, {len}");
            }
        }
    }
}
