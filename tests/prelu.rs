//! PReLU against its twin, to the bit.

use kernlet::kernels::{prelu::*, reference::prelu as twin};
use kernlet::random::Stream;
use kernlet::simd::Level;

fn samples(seed: u64, len: usize) -> Vec<f32> {
    let stream = Stream::new(seed, 0);
    (0..len).map(|i| 2.0 * stream.f32_at(i as u64) - 1.0).collect()
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }).collect()
}

#[test]
fn as_the_twin_to_the_bit() {
    for level in Level::all() {
        for channels in [1, 3, 4, 8, 15, 16, 17, 33] {
            for rows in [0, 1, 2, 31] {
                let (mut x, slopes, dy) =
                    (samples(1, rows * channels), samples(2, channels), samples(3, rows * channels));
                for (i, odd) in [0.0, -0.0, f32::NAN, f32::NEG_INFINITY, f32::INFINITY].into_iter().enumerate() {
                    if let Some(x) = x.get_mut(i * 7) {
                        *x = odd;
                    }
                }
                let slope = |i: usize| slopes[i % channels];
                let mut y = vec![f32::NAN; x.len()];
                forward_into(level, channels, &x, &slopes, &mut y).unwrap();
                let expected: Vec<f32> = x.iter().enumerate().map(|(i, &x)| twin::forward(x, slope(i))).collect();
                assert_eq!(bits(&y), bits(&expected), "{level}, {rows} × {channels}");
                let first = samples(4, channels);
                let (mut dx, mut dslopes) = (vec![f32::NAN; x.len()], first.clone());
                let operands = Backward { x: &x, slopes: &slopes, dy: &dy };
                backward_into(level, channels, operands, Some(&mut dx), &mut dslopes).unwrap();
                let expected: Vec<f32> =
                    x.iter().zip(&dy).enumerate().map(|(i, (&x, &dy))| twin::backward(x, slope(i), dy)).collect();
                assert_eq!(bits(&dx), bits(&expected), "dx, {level}, {rows} × {channels}");
                let mut sums = first.clone();
                for (i, (&x, &dy)) in x.iter().zip(&dy).enumerate() {
                    let sum = &mut sums[i % channels];
                    *sum = twin::backward_slope(level.rounding(), x, dy, *sum);
                }
                assert_eq!(bits(&dslopes), bits(&sums), "dslopes, {level}, {rows} × {channels}");
                dslopes.copy_from_slice(&first);
                backward_into(level, channels, operands, None, &mut dslopes).unwrap();
                assert_eq!(bits(&dslopes), bits(&sums), "dslopes alone, {level}, {rows} × {channels}");
            }
        }
    }
}

#[test]
fn wrong_lengths_are_errors_and_nothing_is_written() {
    let (level, x, mut y, mut dslopes) = (Level::detect(), [1.0; 6], [7.0; 6], [7.0; 2]);
    let error = forward_into(level, 4, &x, &[0.0; 4], &mut y).unwrap_err();
    assert_eq!(error.to_string(), "prelu: x: expected a multiple of 4, found 6");
    forward_into(level, 0, &[], &[], &mut []).unwrap_err();
    forward_into(level, 2, &x, &[0.0; 3], &mut y).unwrap_err();
    forward_into(level, 2, &x, &[0.0; 2], &mut y[..4]).unwrap_err();
    let operands = Backward { x: &x, slopes: &[0.0; 2], dy: &x };
    backward_into(level, 2, Backward { dy: &x[..4], ..operands }, None, &mut dslopes).unwrap_err();
    backward_into(level, 2, operands, Some(&mut y[..4]), &mut dslopes).unwrap_err();
    backward_into(level, 2, operands, None, &mut dslopes[..1]).unwrap_err();
    assert_eq!((y, dslopes), ([7.0; 6], [7.0; 2]));
}
