//! Pooling against its twins, to the bit, over odd shapes and at every level.

use kernlet::kernels::{pool2d::*, reference::pool2d as twin};
use kernlet::random::Stream;
use kernlet::shape::Padding;
use kernlet::simd::Level;

/// Small integers: ties come up, and sums are exact.
fn integers(seed: u64, len: usize) -> Vec<f32> {
    let stream = Stream::new(seed, 0);
    (0..len).map(|i| stream.below_at(i as u64, 9) as f32 - 4.0).collect()
}

fn reals(seed: u64, len: usize) -> Vec<f32> {
    let stream = Stream::new(seed, 0);
    (0..len).map(|i| 2.0 * stream.f32_at(i as u64) - 1.0).collect()
}

fn shapes() -> Vec<Pool2d> {
    let mut shapes = Vec::new();
    for channels in [1, 3, 4, 8, 15, 16, 17, 33] {
        shapes.extend([
            Pool2d::new(6, 4, channels, [2, 2]),
            Pool2d::new(7, 5, channels, [2, 2]),
            Pool2d::new(7, 9, channels, [3, 3]).with_stride([2, 2]),
            Pool2d::new(6, 6, channels, [3, 3]).with_stride([1, 1]),
            Pool2d::new(7, 7, channels, [3, 3]).with_stride([2, 2]).with_padding(Padding::Same),
            Pool2d::new(7, 8, channels, [2, 3]).with_stride([3, 4]),
            Pool2d::new(5, 4, channels, [4, 3]).with_padding(Padding::Explicit {
                top: 3,
                bottom: 1,
                left: 0,
                right: 2,
            }),
            // Neither overlapping nor reaching the end.
            Pool2d::new(4, 6, channels, [2, 3]).with_padding(Padding::Explicit {
                top: 1,
                bottom: 0,
                left: 1,
                right: 0,
            }),
            Pool2d::new(1, 1, channels, [1, 1]),
            // Dilated, set before and after what depends on it; the last two have windows that are all padding.
            Pool2d::new(9, 8, channels, [3, 2]).with_dilation([2, 3]).with_stride([1, 2]),
            Pool2d::new(9, 8, channels, [2, 3]).with_padding(Padding::Same).with_dilation([3, 2]).with_stride([2, 1]),
            Pool2d::new(5, 5, channels, [2, 2]).with_dilation([2, 2]).with_padding(Padding::Explicit {
                top: 2,
                bottom: 1,
                left: 1,
                right: 2,
            }),
            Pool2d::new(2, 1, channels, [2, 2])
                .with_dilation([4, 5])
                .with_stride([1, 1])
                .with_padding(Padding::Explicit { top: 3, bottom: 4, left: 3, right: 5 }),
            Pool2d::new(1, 3, channels, [3, 2])
                .with_dilation([3, 1])
                .with_stride([1, 1])
                .with_padding(Padding::Explicit { top: 5, bottom: 6, left: 0, right: 0 }),
            Pool2d::new(2, 2, channels, [2, 2]).with_stride([1, 1]).with_padding(Padding::Same),
        ]);
    }
    // The same with the padding counted, and windows of more taps than a byte tells apart.
    let counted: Vec<_> = shapes.iter().map(|pool| pool.with_padding_counted()).collect();
    shapes.extend(counted.into_iter().filter(|pool| pool.padding != [0; 4]));
    for channels in [1, 3, 17] {
        shapes.extend([
            Pool2d::global(300, channels),
            Pool2d::new(19, 18, channels, [17, 16]).with_stride([1, 2]),
            Pool2d::new(20, 9, channels, [20, 13])
                .with_dilation([1, 2])
                .with_padding(Padding::Same)
                .with_stride([7, 3]),
        ]);
    }
    shapes
}

/// The taps that bytes stand for.
fn taps(pool: &Pool2d, argmax: &[u8]) -> Vec<usize> {
    let tap = |bytes: &[u8]| bytes.iter().rev().fold(0, |tap, &byte| tap << 8 | usize::from(byte));
    argmax.chunks(pool.index_bytes()).map(tap).collect()
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn as_the_twins_to_the_bit() {
    for pool in shapes() {
        for batch in [0, 1, 3] {
            for data in [integers, reals] {
                let (x, dy) = (data(1, batch * pool.x_len()), data(2, batch * pool.y_len()));
                let (mut y, mut argmax) = (vec![0.0; dy.len()], vec![0; dy.len()]);
                let (mut dx, mut mean, mut dmean) = (vec![0.0; x.len()], y.clone(), vec![0.0; x.len()]);
                twin::max_forward(&pool, batch, &x, &mut y, &mut argmax);
                twin::max_backward(&pool, batch, &argmax, &dy, &mut dx);
                twin::average_forward(&pool, batch, &x, &mut mean);
                twin::average_backward(&pool, batch, &dy, &mut dmean);
                let masked: Vec<f32> = dy.iter().zip(&y).map(|(&dy, &y)| if y > 0.0 { dy } else { 0.0 }).collect();
                let mut masked_dx = dx.clone();
                twin::max_backward(&pool, batch, &argmax, &masked, &mut masked_dx);
                for level in Level::all() {
                    let what = format!("{pool:?}, batch {batch}, {level}");
                    let (mut out, mut index) = (vec![f32::NAN; dy.len()], vec![77; batch * pool.argmax_len()]);
                    max_forward_into(level, &pool, batch, &x, &mut out, Some(&mut index)).unwrap();
                    assert_eq!(bits(&out), bits(&y), "max, {what}");
                    let found = taps(&pool, &index);
                    assert!(found.iter().zip(&argmax).all(|(&a, &b)| a == b || b == usize::MAX), "argmax, {what}");
                    out.fill(f32::NAN);
                    max_forward_into(level, &pool, batch, &x, &mut out, None).unwrap();
                    assert_eq!(bits(&out), bits(&y), "max alone, {what}");
                    let mut back = vec![f32::NAN; x.len()];
                    max_backward_into(level, &pool, batch, &index, &dy, None, &mut back).unwrap();
                    assert_eq!(bits(&back), bits(&dx), "dx of max, {what}");
                    back.fill(f32::NAN);
                    max_backward_into(level, &pool, batch, &index, &dy, Some(&y), &mut back).unwrap();
                    assert_eq!(bits(&back), bits(&masked_dx), "dx of max and relu, {what}");
                    average_forward_into(level, &pool, batch, &x, &mut out).unwrap();
                    assert_eq!(bits(&out), bits(&mean), "average, {what}");
                    back.fill(f32::NAN);
                    average_backward_into(level, &pool, batch, &dy, &mut back).unwrap();
                    assert_eq!(bits(&back), bits(&dmean), "dx of average, {what}");
                }
            }
        }
    }
}

#[test]
fn global_averages() {
    for level in Level::all() {
        for (pixels, channels) in [(1, 1), (49, 17), (100, 64)] {
            let x = integers(3, 2 * pixels * channels);
            let mut y = vec![f32::NAN; 2 * channels];
            global_average_forward_into(level, pixels, channels, 2, &x, &mut y).unwrap();
            for (i, y) in y.iter().enumerate() {
                let (n, c) = (i / channels, i % channels);
                let sum: f32 = (0..pixels).map(|p| x[(n * pixels + p) * channels + c]).sum();
                assert_eq!(*y, sum / pixels as f32);
            }
            let mut dx = vec![f32::NAN; x.len()];
            global_average_backward_into(level, pixels, channels, 2, &y, &mut dx).unwrap();
            for (i, dx) in dx.iter().enumerate() {
                assert_eq!(*dx, y[i / (pixels * channels) * channels + i % channels] / pixels as f32);
            }
        }
    }
}

/// Global pooling is pooling of one window; its indices are as wide as they have to be.
#[test]
fn global_maxima() {
    for level in Level::all() {
        for (pixels, channels) in [(1, 1), (49, 17), (257, 5), (66_000, 2)] {
            let pool = Pool2d::global(pixels, channels);
            let (x, dy) = (reals(3, 2 * pool.x_len()), reals(4, 2 * pool.y_len()));
            let (mut y, mut argmax) = (vec![f32::NAN; 2 * channels], vec![9; 2 * pool.argmax_len()]);
            global_max_forward_into(level, pixels, channels, 2, &x, &mut y, Some(&mut argmax)).unwrap();
            let mut dx = vec![f32::NAN; x.len()];
            global_max_backward_into(level, pixels, channels, 2, &argmax, &dy, &mut dx).unwrap();
            let mut expected = vec![0.0; x.len()];
            for (i, (y, tap)) in y.iter().zip(taps(&pool, &argmax)).enumerate() {
                let at = |pixel: usize| (i / channels * pixels + pixel) * channels + i % channels;
                let best = (0..pixels).fold(0, |best, pixel| if x[at(pixel)] > x[at(best)] { pixel } else { best });
                assert_eq!((tap, *y), (best, x[at(best)]), "{level}");
                expected[at(best)] += dy[i];
            }
            assert_eq!(dx, expected, "{level}");
        }
    }
}

/// The numbers of pytorch/pytorch#13934: PyTorch divides by the whole window.
#[test]
fn padding_is_counted_where_it_is_asked_for() {
    let sides = Padding::Explicit { top: 1, bottom: 1, left: 1, right: 1 };
    let pool = Pool2d::new(4, 4, 1, [3, 3]).with_stride([2, 2]).with_padding(sides);
    let x: Vec<f32> = (1..17).map(|i| i as f32).collect();
    for level in Level::all() {
        let mut y = [f32::NAN; 4];
        average_forward_into(level, &pool.with_padding_counted(), 1, &x, &mut y).unwrap();
        assert_eq!(y, [14.0 / 9.0, 30.0 / 9.0, 57.0 / 9.0, 11.0]);
        average_forward_into(level, &pool, 1, &x, &mut y).unwrap();
        assert_eq!(y, [14.0 / 4.0, 30.0 / 6.0, 57.0 / 6.0, 11.0]);
        let mut dx = [f32::NAN; 16];
        average_backward_into(level, &pool.with_padding_counted(), 1, &[9.0, 0.0, 0.0, 0.0], &mut dx).unwrap();
        assert_eq!(dx.iter().sum::<f32>(), 4.0, "what stood for the padding is lost");
    }
}

/// A window that is all padding has no maximum and an average of nothing.
#[test]
fn windows_of_nothing_but_padding() {
    let sides = Padding::Explicit { top: 0, bottom: 0, left: 3, right: 0 };
    let pool = Pool2d::new(1, 2, 1, [1, 2]).with_dilation([1, 4]).with_stride([1, 1]).with_padding(sides);
    assert_eq!(pool.y_len(), 1);
    let mut empty = pool.with_padding(Padding::Explicit { top: 0, bottom: 0, left: 2, right: 2 });
    empty.width = 1;
    assert!(empty.validate().is_ok());
    for level in Level::all() {
        let (mut y, mut argmax) = ([f32::NAN], [9]);
        max_forward_into(level, &pool, 1, &[5.0, 7.0], &mut y, Some(&mut argmax)).unwrap();
        assert_eq!((y, argmax), ([7.0], [1]));
        max_forward_into(level, &empty, 1, &[5.0], &mut y, Some(&mut argmax)).unwrap();
        assert_eq!(y, [f32::NEG_INFINITY]);
        let mut dx = [f32::NAN];
        max_backward_into(level, &empty, 1, &argmax, &[3.0], None, &mut dx).unwrap();
        assert_eq!(dx, [0.0]);
        average_forward_into(level, &empty, 1, &[5.0], &mut y).unwrap();
        assert_eq!(y, [0.0]);
        average_backward_into(level, &empty, 1, &[3.0], &mut dx).unwrap();
        assert_eq!(dx, [0.0]);
    }
}

#[test]
fn wrong_shapes_and_lengths_are_errors() {
    let level = Level::detect();
    let pool = Pool2d::new(4, 4, 2, [2, 2]);
    let (x, mut y) = ([1.0; 32], [7.0; 8]);
    let fail = |pool: &Pool2d, batch| {
        let mut y = [7.0; 8];
        let error = max_forward_into(level, pool, batch, &x, &mut y, None).unwrap_err();
        assert_eq!(y, [7.0; 8]);
        error.to_string()
    };
    assert_eq!(fail(&pool, 2), "max_pool2d: x: expected 64, found 32");
    assert_eq!(fail(&pool.with_stride([0, 1]), 1), "pool2d: stride of rows: expected at least 1, found 0");
    assert_eq!(fail(&Pool2d::new(4, 4, 2, [2, 0]), 1), "pool2d: kernel columns: expected at least 1, found 0");
    assert_eq!(fail(&Pool2d::new(4, 4, 2, [2, 5]), 1), "pool2d: padded width: expected at least 5, found 4");
    let padded = pool.with_padding(Padding::Explicit { top: 0, bottom: 2, left: 0, right: 0 });
    assert_eq!(fail(&padded, 1), "pool2d: padding: expected at most 1, found 2");
    for huge in [
        Pool2d::new(usize::MAX, usize::MAX, 2, [2, 2]),
        Pool2d::new(usize::MAX, 1, usize::MAX, [1, 1]),
        Pool2d::new(4, 4, 2, [usize::MAX, 2]),
        Pool2d::new(4, 4, usize::MAX / 8, [1, 1]),
        pool.with_stride([usize::MAX; 2]),
    ] {
        let _ = huge.validate().is_ok() && max_forward_into(level, &huge, 1, &x, &mut y, None).is_ok();
    }
    fail(&pool, usize::MAX);
    let mut argmax = [0; 7];
    max_forward_into(level, &pool, 1, &x, &mut y, Some(&mut argmax)).unwrap_err();
    max_backward_into(level, &pool, 1, &[0; 8], &[0.0; 8], Some(&[0.0; 7]), &mut [0.0; 32]).unwrap_err();
    average_backward_into(level, &pool, 1, &[0.0; 8], &mut [0.0; 31]).unwrap_err();
    global_average_forward_into(level, 0, 2, 1, &[], &mut [0.0; 2]).unwrap_err();
    let wide = Pool2d::new(20, 20, 1, [20, 20]);
    let error = max_forward_into(level, &wide, 1, &[0.0; 400], &mut [0.0], Some(&mut [0])).unwrap_err();
    assert_eq!(error.to_string(), "max_pool2d: argmax: expected 2, found 1");
    max_forward_into(level, &wide, 1, &[0.0; 400], &mut [0.0], None).unwrap();
    let mut dx = [f32::NAN; 400];
    max_backward_into(level, &wide, 1, &[0x90, 1], &[1.0], None, &mut dx).unwrap();
    assert_eq!(dx, [0.0; 400]);
    assert_eq!(fail(&pool.with_dilation([0, 1]), 1), "pool2d: dilation of rows: expected at least 1, found 0");
    assert_eq!(fail(&pool.with_dilation([1, 4]), 1), "pool2d: padded width: expected at least 5, found 4");
    // Indices that no tap has are passed over.
    let mut dx = [f32::NAN; 32];
    max_backward_into(level, &pool, 1, &[200; 8], &[1.0; 8], None, &mut dx).unwrap();
    assert_eq!(dx, [0.0; 32]);
}

/// A NaN anywhere makes the maximum and the average of its windows NaN, and no others.
#[test]
fn nan_and_infinity_as_documented() {
    let pool = Pool2d::new(2, 2, 17, [2, 2]);
    for level in Level::all() {
        for at in 0..4 {
            for channel in [0, 3, 16] {
                let mut x: Vec<f32> = (0..4 * 17).map(|i| -((i / 17) as f32)).collect();
                x[at * 17 + channel] = f32::NAN;
                let (mut y, mut argmax) = ([0.0; 17], [99; 17]);
                max_forward_into(level, &pool, 1, &x, &mut y, Some(&mut argmax)).unwrap();
                for (c, (&y, &tap)) in y.iter().zip(&argmax).enumerate() {
                    assert!(if c == channel { y.is_nan() } else { y == 0.0 }, "{level}: {y} at {c}");
                    assert_eq!(usize::from(tap), if c == channel { at } else { 0 });
                }
                max_forward_into(level, &pool, 1, &x, &mut y, None).unwrap();
                assert!(y.iter().enumerate().all(|(c, y)| y.is_nan() == (c == channel)), "{level}: {y:?}");
                global_max_forward_into(level, 4, 17, 1, &x, &mut y, None).unwrap();
                assert!(y.iter().enumerate().all(|(c, y)| y.is_nan() == (c == channel)), "{level}: {y:?}");
                average_forward_into(level, &pool, 1, &x, &mut y).unwrap();
                for (c, &y) in y.iter().enumerate() {
                    assert!(if c == channel { y.is_nan() } else { y == -1.5 }, "{level}: {y} at {c}");
                }
                let mut x = vec![f32::NEG_INFINITY; 4 * 17];
                max_forward_into(level, &pool, 1, &x, &mut y, None).unwrap();
                assert_eq!(y, [f32::NEG_INFINITY; 17]);
                x[at * 17 + channel] = f32::INFINITY;
                max_forward_into(level, &pool, 1, &x, &mut y, Some(&mut argmax)).unwrap();
                assert_eq!((y[channel], usize::from(argmax[channel])), (f32::INFINITY, at), "{level}");
            }
        }
    }
}
