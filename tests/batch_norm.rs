//! Batch normalisation against its twins, bits across levels, and what is documented of odd input.

mod tracked;

use kernlet::kernels::{
    batch_norm::*,
    reference::{batch_norm as twin, mul_add},
};
use kernlet::random::Stream;
use kernlet::simd::{Level, Rounding};
use tracked::Tracked;

const CHANNELS: [usize; 10] = [1, 3, 4, 5, 8, 15, 16, 17, 31, 33];
const ROWS: [usize; 11] = [0, 1, 2, 7, 8, 9, 36, 255, 256, 257, 600];

fn uniform(seed: u64, len: usize, scale: f32, shift: f32) -> Vec<f32> {
    let stream = Stream::new(seed, 0);
    (0..len).map(|i| (2.0 * stream.f32_at(i as u64) - 1.0) * scale + shift).collect()
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

fn column(x: &[f32], channels: usize, channel: usize) -> Vec<f64> {
    x.iter().skip(channel).step_by(channels).map(|&x| f64::from(x)).collect()
}

fn input(x: f64) -> Tracked {
    Tracked::input(x)
}

/// A sum in the order that the kernel states, with a bound on its error.
fn sum(terms: &[Tracked]) -> Tracked {
    terms.chunks(256).fold(input(0.0), |total, block| {
        let mut c = [input(0.0); 8];
        for (i, &term) in block.iter().enumerate() {
            c[i % 8] = c[i % 8] + term;
        }
        let [a, b, c, d] = [c[0] + c[4], c[1] + c[5], c[2] + c[6], c[3] + c[7]];
        total + ((a + c) + (b + d))
    })
}

/// What the kernels make of a training step, each output prefilled with NaN.
struct Found {
    mean: Vec<f32>,
    variance: Vec<f32>,
    y: Vec<f32>,
    dx: Vec<f32>,
    dgamma: Vec<f32>,
    dbeta: Vec<f32>,
}

struct Case {
    channels: usize,
    x: Vec<f32>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
    dy: Vec<f32>,
}

impl Case {
    fn new(channels: usize, rows: usize, scale: f32, shift: f32) -> Self {
        let len = channels * rows;
        Self {
            channels,
            x: uniform(1, len, scale, shift),
            gamma: uniform(2, channels, 2.0, 0.5),
            beta: uniform(3, channels, 1.0, 0.0),
            dy: uniform(4, len, 1.0, 0.1),
        }
    }

    fn run(&self, level: Level) -> Found {
        let Self { channels, x, gamma, beta, dy } = self;
        let each = vec![f32::NAN; *channels];
        let all = vec![f32::NAN; x.len()];
        let mut found = Found {
            mean: each.clone(),
            variance: each,
            y: all.clone(),
            dx: all,
            dgamma: vec![3.0; *channels],
            dbeta: vec![-3.0; *channels],
        };
        let Found { mean, variance, y, dx, dgamma, dbeta } = &mut found;
        statistics_into(level, *channels, x, mean, variance).unwrap();
        forward_into(level, *channels, Forward { mean, variance, gamma, beta, epsilon: EPSILON }, x, y).unwrap();
        let mut scratch = vec![f32::NAN; backward_scratch_len(*channels)];
        let mut back = |dx: Option<&mut [f32]>, dgamma: &mut [f32], dbeta: &mut [f32]| {
            backward_into(
                level,
                *channels,
                Backward { x, mean, variance, gamma, epsilon: EPSILON, dy },
                dx,
                dgamma,
                dbeta,
                &mut scratch,
            )
        };
        back(Some(dx), dgamma, dbeta).unwrap();
        // Without the input's gradient the others are the same.
        let (mut g, mut b) = (vec![3.0; *channels], vec![-3.0; *channels]);
        back(None, &mut g, &mut b).unwrap();
        assert_eq!((bits(&g), bits(&b)), (bits(dgamma), bits(dbeta)));
        let mut in_place = x.clone();
        forward_in_place(level, *channels, Forward { mean, variance, gamma, beta, epsilon: EPSILON }, &mut in_place)
            .unwrap();
        assert_eq!(bits(&in_place), bits(y));
        found
    }
}

#[test]
fn training_as_the_twins() {
    for level in Level::all() {
        for channels in CHANNELS {
            for (rows, scale, shift) in ROWS.iter().flat_map(|&rows| [(rows, 1.0, 0.0), (rows, 0.5, 100.0)]) {
                let case = Case::new(channels, rows, scale, shift);
                let found = case.run(level);
                for c in (0..channels).step_by(1 + channels / 4) {
                    let at = |what: &str| format!("{what}, {level}, {rows} × {channels}, channel {c}, shift {shift}");
                    let (x, dy) = (column(&case.x, channels, c), column(&case.dy, channels, c));
                    let (gamma, beta) = (f64::from(case.gamma[c]), f64::from(case.beta[c]));
                    let tracked: Vec<Tracked> = x.iter().map(|&x| input(x)).collect();
                    let tracked_dy: Vec<Tracked> = dy.iter().map(|&x| input(x)).collect();
                    let count = input(rows.max(1) as f64);
                    let mean = sum(&tracked) / count;
                    let deviations: Vec<Tracked> = tracked.iter().map(|&x| x - mean).collect();
                    let variance = sum(&deviations.iter().map(|&d| d * d).collect::<Vec<_>>()) / count;
                    mean.assert_near(found.mean[c], || at("mean"));
                    variance.assert_near(found.variance[c], || at("variance"));
                    let root = (variance + input(f64::from(EPSILON))).sqrt();
                    let scale = input(gamma) / root;
                    let products: Vec<Tracked> = deviations.iter().zip(&tracked_dy).map(|(&d, &dy)| d * dy).collect();
                    let (total, with_x) = (sum(&tracked_dy), sum(&products) / root);
                    (total + input(-3.0)).assert_near(found.dbeta[c], || at("dbeta"));
                    (with_x + input(3.0)).assert_near(found.dgamma[c], || at("dgamma"));
                    let expected = twin::statistics(&x);
                    assert!((mean.value - expected.0).abs() <= mean.error, "{}", at("twin's mean"));
                    assert!((variance.value - expected.1).abs() <= variance.error, "{}", at("twin's variance"));
                    for (row, (&d, &dy_row)) in deviations.iter().zip(&tracked_dy).enumerate().step_by(1 + rows / 20) {
                        let y = d * scale + input(beta);
                        let expected = twin::forward(f64::from(EPSILON), x[row], expected.0, expected.1, gamma, beta);
                        assert!((y.value - expected).abs() <= y.error);
                        y.assert_near(found.y[row * channels + c], || at("y"));
                        let dx = scale * ((dy_row - total / count) - d * (with_x / root / count));
                        let expected = twin::backward(f64::from(EPSILON), &x, gamma, &dy, row);
                        assert!((dx.value - expected.0).abs() <= dx.error);
                        assert!((with_x.value - expected.1).abs() <= with_x.error);
                        assert!((total.value - expected.2).abs() <= total.error);
                        dx.assert_near(found.dx[row * channels + c], || at("dx"));
                    }
                }
            }
        }
    }
}

#[test]
fn bits_depend_on_the_rounding_alone() {
    for rounding in [Rounding::Strict, Rounding::Fused] {
        for channels in CHANNELS {
            for rows in ROWS {
                let case = Case::new(channels, rows, 1.0, 0.3);
                let bits: Vec<Vec<u32>> = Level::all()
                    .filter(|level| level.rounding() == rounding)
                    .map(|level| {
                        let mut f = case.run(level);
                        moving_acc(level, MOMENTUM, &f.mean, &mut f.variance).unwrap();
                        backward_frozen_in_place(level, channels, EPSILON, &f.variance, &case.gamma, &mut f.dx)
                            .unwrap();
                        [f.mean, f.variance, f.y, f.dx, f.dgamma, f.dbeta]
                            .concat()
                            .iter()
                            .map(|x| x.to_bits())
                            .collect()
                    })
                    .collect();
                assert!(bits.windows(2).all(|pair| pair[0] == pair[1]), "{rows} × {channels}, {rounding}");
            }
        }
    }
}

/// The documented order, written out, to the bit: what another target has to compute, too.
#[test]
fn sums_are_in_the_documented_order() {
    let sum = |rows: usize, step: &dyn Fn(f32, usize) -> f32| {
        (0..rows).step_by(256).fold(0.0, |total, first| {
            let mut c = [0.0; 8];
            (first..rows.min(first + 256)).for_each(|row| c[row % 8] = step(c[row % 8], row));
            let c: [f32; 4] = std::array::from_fn(|j| c[j] + c[j + 4]);
            total + ((c[0] + c[2]) + (c[1] + c[3]))
        })
    };
    for level in Level::all() {
        for (channels, rows) in CHANNELS.iter().flat_map(|&c| ROWS.map(|rows| (c, rows))) {
            let (case, n) = (Case::new(channels, rows, 1.0, 0.3), rows.max(1) as f32);
            let found = case.run(level);
            for c in 0..channels {
                let what = format!("{level}, {rows} × {channels}, channel {c}");
                let (x, dy) = (|row: usize| case.x[row * channels + c], |row: usize| case.dy[row * channels + c]);
                let mean = sum(rows, &|sum, row| sum + x(row)) / n;
                assert_eq!(found.mean[c].to_bits(), mean.to_bits(), "mean, {what}");
                let variance = sum(rows, &|sum, row| mul_add(level.rounding(), x(row) - mean, x(row) - mean, sum)) / n;
                assert_eq!(found.variance[c].to_bits(), variance.to_bits(), "variance, {what}");
                let root = (variance + EPSILON).sqrt();
                let with_x = sum(rows, &|sum, row| mul_add(level.rounding(), dy(row), x(row) - mean, sum)) / root;
                assert_eq!(found.dgamma[c].to_bits(), (with_x + 3.0).to_bits(), "dgamma, {what}");
                let total = sum(rows, &|sum, row| sum + dy(row));
                assert_eq!(found.dbeta[c].to_bits(), (total - 3.0).to_bits(), "dbeta, {what}");
            }
        }
    }
}

/// Deviations of ±2 from an integer mean, and an ε that makes the root 4: nothing is rounded.
#[test]
fn small_integers_are_exact() {
    for level in Level::all() {
        for channels in CHANNELS {
            for rows in [2, 8, 64, 512] {
                let sign = |row: usize| if row.is_multiple_of(2) { -1.0 } else { 1.0 };
                let at = |i: usize| (i / channels, i % channels);
                let x: Vec<f32> = (0..rows * channels).map(|i| at(i).1 as f32 + 2.0 * sign(at(i).0)).collect();
                // Σ dy = 3 n and Σ dy x̂ = n.
                let dy: Vec<f32> = (0..rows * channels).map(|i| 3.0 + sign(at(i).0)).collect();
                let gamma: Vec<f32> = (0..channels).map(|c| 4.0 + 4.0 * c as f32).collect();
                let beta = vec![7.0; channels];
                let (mut mean, mut variance) = (vec![f32::NAN; channels], vec![f32::NAN; channels]);
                statistics_into(level, channels, &x, &mut mean, &mut variance).unwrap();
                assert_eq!(mean, (0..channels).map(|c| c as f32).collect::<Vec<_>>());
                assert_eq!(variance, vec![4.0; channels]);
                // √(4 + 12) = 4: x̂ = ± ½.
                let mut y = vec![f32::NAN; x.len()];
                forward_into(
                    level,
                    channels,
                    Forward { mean: &mean, variance: &variance, gamma: &gamma, beta: &beta, epsilon: 12.0 },
                    &x,
                    &mut y,
                )
                .unwrap();
                let expected = |i: usize| 7.0 + 0.5 * gamma[at(i).1] * sign(at(i).0);
                assert!(y.iter().enumerate().all(|(i, &y)| y == expected(i)), "{level}, {rows} × {channels}");
                let (mut dx, mut dgamma, mut dbeta) =
                    (vec![f32::NAN; x.len()], vec![1.0; channels], vec![2.0; channels]);
                let mut scratch = vec![f32::NAN; backward_scratch_len(channels)];
                backward_into(
                    level,
                    channels,
                    Backward { x: &x, mean: &mean, variance: &variance, gamma: &gamma, epsilon: 12.0, dy: &dy },
                    Some(&mut dx),
                    &mut dgamma,
                    &mut dbeta,
                    &mut scratch,
                )
                .unwrap();
                let n = rows as f32;
                assert_eq!(dbeta, vec![2.0 + 3.0 * n; channels]);
                assert_eq!(dgamma, vec![1.0 + 0.5 * n; channels]);
                // γ / 4 · (± 1 − ± ½ · ½)
                let expected = |i: usize| gamma[at(i).1] / 4.0 * 0.75 * sign(at(i).0);
                assert!(dx.iter().enumerate().all(|(i, &dx)| dx == expected(i)), "{level}, {rows} × {channels}");
                let mut frozen = dy.clone();
                backward_frozen_in_place(level, channels, 12.0, &variance, &gamma, &mut frozen).unwrap();
                assert!(frozen.iter().enumerate().all(|(i, &dx)| dx == dy[i] * gamma[at(i).1] / 4.0));
            }
        }
    }
}

/// A batch of independent values has mean 0 and variance 1 afterwards, whatever it was before.
#[test]
fn a_normalised_batch_is_normal() {
    let (channels, rows) = (6, 1000);
    let level = Level::detect();
    for (scale, shift) in [(1.0, 0.0), (1e3, -5e3), (1e-3, 0.2)] {
        let x = uniform(7, channels * rows, scale, shift);
        let (mut mean, mut variance) = (vec![f32::NAN; channels], vec![f32::NAN; channels]);
        let mut y = vec![f32::NAN; x.len()];
        statistics_into(level, channels, &x, &mut mean, &mut variance).unwrap();
        forward_into(
            level,
            channels,
            Forward { mean: &mean, variance: &variance, gamma: &[1.0; 6], beta: &[0.0; 6], epsilon: 0.0 },
            &x,
            &mut y,
        )
        .unwrap();
        for c in 0..channels {
            let (x, y) = (column(&x, channels, c), column(&y, channels, c));
            let largest = |x: &[f64]| x.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
            // The mean comes of 32 + 3 + 4 additions and a division; an output of a difference, a
            // quotient and a product.
            let off = tracked::U * (40.0 * largest(&x) / twin::statistics(&x).1.sqrt() + 4.0 * largest(&y));
            let (m, v) = twin::statistics(&y);
            assert!(m.abs() <= off, "{scale}, {shift}: mean {m:e}, bound {off:e}");
            // Mean |y| is at most 1, and the variance that was divided by is a sum as long.
            let off = 2.0 * off + off * off + tracked::U * 44.0;
            assert!((v - 1.0).abs() <= off, "{scale}, {shift}: variance off by {:e}, bound {off:e}", v - 1.0);
        }
    }
}

#[test]
fn a_broken_channel_is_nan_and_no_other() {
    for level in Level::all() {
        for channels in [1, 5, 17, 33] {
            for bad in [f32::NAN, f32::INFINITY] {
                let broken = channels / 2;
                let sound = Case::new(channels, 20, 1.0, 0.0);
                let expected = sound.run(level);
                let mut case = Case::new(channels, 20, 1.0, 0.0);
                case.x[7 * channels + broken] = bad;
                let found = case.run(level);
                for (i, (y, e)) in found.y.iter().zip(&expected.y).enumerate() {
                    assert!(if i % channels == broken { y.is_nan() } else { y == e }, "{level}: y[{i}] = {y}");
                }
                for (i, (dx, e)) in found.dx.iter().zip(&expected.dx).enumerate() {
                    assert!(if i % channels == broken { dx.is_nan() } else { dx == e }, "{level}: dx[{i}] = {dx}");
                }
                assert!(found.variance[broken].is_nan());
            }
        }
    }
}

#[test]
fn no_rows_and_one() {
    for level in Level::all() {
        let (mut mean, mut variance) = ([f32::NAN; 3], [f32::NAN; 3]);
        statistics_into(level, 3, &[], &mut mean, &mut variance).unwrap();
        assert_eq!((mean, variance), ([0.0; 3], [0.0; 3]));
        statistics_into(level, 3, &[1.0, 2.0, 3.0], &mut mean, &mut variance).unwrap();
        assert_eq!((mean, variance), ([1.0, 2.0, 3.0], [0.0; 3]));
        let (mut dgamma, mut dbeta, mut scratch) = ([1.0; 3], [2.0; 3], [f32::NAN; 6]);
        backward_into(
            level,
            3,
            Backward { x: &[], mean: &mean, variance: &variance, gamma: &[1.0; 3], epsilon: EPSILON, dy: &[] },
            Some(&mut []),
            &mut dgamma,
            &mut dbeta,
            &mut scratch,
        )
        .unwrap();
        assert_eq!((dgamma, dbeta), ([1.0; 3], [2.0; 3]));
    }
}

/// Keras: `moving · momentum + batch · (1 − momentum)`, the factors taken from the `f64` momentum.
#[test]
fn moving_averages() {
    for level in Level::all() {
        for len in [0, 1, 7, 16, 33] {
            let (batch, start) = (uniform(1, len, 1.0, 0.0), uniform(2, len, 1.0, 0.0));
            let mut moving = start.clone();
            for _ in 0..3 {
                moving_acc(level, MOMENTUM, &batch, &mut moving).unwrap();
            }
            for i in 0..len {
                let mut expected = input(f64::from(start[i]));
                for _ in 0..3 {
                    expected = expected * input(0.99) + input(f64::from(batch[i])) * input(1.0 - 0.99);
                }
                expected.assert_near(moving[i], || format!("{level}, {i} of {len}"));
            }
        }
    }
}

#[test]
fn wrong_lengths_are_errors_and_nothing_is_written() {
    let level = Level::detect();
    let (two, mut a, mut b, mut y) = ([1.0; 2], [7.0; 2], [7.0; 2], [7.0; 4]);
    let error = statistics_into(level, 2, &[0.0; 5], &mut a, &mut b).unwrap_err();
    assert_eq!(error.to_string(), "batch_norm: x: expected a multiple of 2, found 5");
    let error = statistics_into(level, 0, &[], &mut [], &mut []).unwrap_err();
    assert_eq!(error.to_string(), "batch_norm: channels: expected at least 1, found 0");
    let error = statistics_into(level, 2, &[0.0; 4], &mut a, &mut [0.0; 3]).unwrap_err();
    assert_eq!(error.to_string(), "batch_norm: variance: expected 2, found 3");
    let x = [0.0; 4];
    for (mean, variance, gamma, beta) in [
        (&x[..1], &two[..], &two[..], &two[..]),
        (&two, &x[..1], &two, &two),
        (&two, &two, &x[..3], &two),
        (&two, &two, &two, &x[..0]),
    ] {
        forward_into(level, 2, Forward { mean, variance, gamma, beta, epsilon: EPSILON }, &x, &mut y).unwrap_err();
        forward_in_place(level, 2, Forward { mean, variance, gamma, beta, epsilon: EPSILON }, &mut y).unwrap_err();
    }
    forward_into(
        level,
        2,
        Forward { mean: &two, variance: &two, gamma: &two, beta: &two, epsilon: EPSILON },
        &x,
        &mut y[1..],
    )
    .unwrap_err();
    let (mut scratch, mut dx) = ([7.0; 4], [7.0; 4]);
    for (dy, dx_len, scratch_len, dgamma_len) in [(3, 4, 4, 2), (4, 3, 4, 2), (4, 4, 3, 2), (4, 4, 4, 1)] {
        backward_into(
            level,
            2,
            Backward { x: &x, mean: &two, variance: &two, gamma: &two, epsilon: EPSILON, dy: &x[..dy] },
            Some(&mut dx[..dx_len]),
            &mut a[..dgamma_len],
            &mut b,
            &mut scratch[..scratch_len],
        )
        .unwrap_err();
    }
    backward_frozen_in_place(level, 2, EPSILON, &two, &[1.0], &mut y).unwrap_err();
    backward_frozen_in_place(level, 3, EPSILON, &[1.0; 3], &[1.0; 3], &mut y).unwrap_err();
    moving_acc(level, MOMENTUM, &two, &mut y).unwrap_err();
    assert_eq!((a, b, y, dx, scratch), ([7.0; 2], [7.0; 2], [7.0; 4], [7.0; 4], [7.0; 4]));
}
