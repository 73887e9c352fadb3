//! Dropout against its twin, however a batch is cut.

use kernlet::kernels::{dropout, reference};
use kernlet::random::Stream;
use kernlet::simd::Level;

const STREAM: Stream = Stream::new(5, 9);

#[test]
fn any_part_is_as_the_twin() {
    for level in Level::all() {
        for rate in [0.0, 0.1, 0.25, 0.5, 0.999, 1.0] {
            for first in [0, 1, 15, 64, 127, 128, 1000, u64::from(u32::MAX) * 100 + 3] {
                for len in [0, 1, 16, 127, 128, 129, 300] {
                    let x: Vec<f32> = (0..len).map(|i| i as f32 + 1.0).collect();
                    let mut y = vec![f32::NAN; len];
                    dropout::into(level, rate, STREAM, first, &x, &mut y).unwrap();
                    for (i, (x, y)) in x.iter().zip(&y).enumerate() {
                        let factor = reference::dropout::factor(rate, STREAM, first + i as u64);
                        assert_eq!(*y, factor.map_or(0.0, |f| x * f), "{level}, rate {rate}, {first} + {i}");
                    }
                }
            }
        }
    }
}

/// The share that falls out is within five standard deviations of the rate.
#[test]
fn rates_are_kept() {
    const LEN: usize = 1_000_000;
    for rate in [0.1, 0.25, 0.5, 0.9] {
        for stream in 0..3 {
            let mut y = vec![1.0; LEN];
            dropout::in_place(Level::detect(), rate, Stream::new(1, stream), 0, &mut y);
            let dropped = y.iter().filter(|&&y| y == 0.0).count() as f64 / LEN as f64;
            let deviation = (f64::from(rate) * f64::from(1.0 - rate) / LEN as f64).sqrt();
            assert!((dropped - f64::from(rate)).abs() < 5.0 * deviation, "{rate}: {dropped}");
            // Neighbours fall out independently, at the distances of the generator's lanes and words too.
            for distance in [1, 2, 16, 64, 128] {
                let both = y.iter().zip(&y[distance..]).filter(|&(&a, &b)| a == 0.0 && b == 0.0).count();
                let expected = f64::from(rate) * f64::from(rate);
                let deviation = (expected * (1.0 - expected) / LEN as f64).sqrt();
                let found = both as f64 / (LEN - distance) as f64;
                assert!((found - expected).abs() < 8.0 * deviation, "{rate} at distance {distance}: {found}");
            }
        }
    }
}

#[test]
fn odd_arguments() {
    let level = Level::detect();
    let mut y = [f32::INFINITY; 300];
    dropout::in_place(level, 0.5, STREAM, 0, &mut y);
    assert!(y.iter().all(|&y| y == 0.0 || y == f32::INFINITY));
    let mut y = [1.0; 300];
    for rate in [f32::NAN, -1.0, f32::NEG_INFINITY] {
        dropout::in_place(level, rate, STREAM, 0, &mut y);
        assert_eq!(y, [1.0; 300]);
    }
    dropout::in_place(level, 0.5, STREAM, u64::MAX - 100, &mut y);
    dropout::in_place(level, 7.0, STREAM, 0, &mut y);
    assert_eq!(y, [0.0; 300]);
    let error = dropout::into(level, 0.5, STREAM, 0, &[1.0; 3], &mut [1.0; 4]).unwrap_err();
    assert_eq!(error.to_string(), "dropout: y: expected 3, found 4");
}
