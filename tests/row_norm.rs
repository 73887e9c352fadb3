//! Layer and RMS normalisation, and embedding, against their naive twins, bit by bit, at every level.

use kernlet::{
    kernels::{
        embedding::{self, Embedding, IndexError},
        layer_norm, reference, rms_norm,
    },
    random::Stream,
    simd::Level,
};
use proptest::prelude::*;

fn values(seed: u64, len: usize, shift: f32) -> Vec<f32> {
    let stream = Stream::new(seed, 6);
    (0..len).map(|i| 2.0 * stream.f32_at(i as u64) - 1.0 + shift).collect()
}

#[track_caller]
fn assert_bits(what: &str, level: Level, found: &[f32], expected: &[f32]) {
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let same = found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
        assert!(same, "{level}: {what}[{i}] = {found:e}, expected {expected:e}");
    }
}

/// Both normalisations of one input.
struct Data {
    channels: usize,
    epsilon: f32,
    x: Vec<f32>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
    dy: Vec<f32>,
}

/// y, statistics, dx, dγ, dβ.
type Results = [Vec<f32>; 5];

impl Data {
    fn new(rows: usize, channels: usize, shift: f32, seed: u64) -> Self {
        Self {
            channels,
            epsilon: 1e-3,
            x: values(seed, rows * channels, shift),
            gamma: values(seed + 1, channels, 1.0),
            beta: values(seed + 2, channels, 0.0),
            dy: values(seed + 3, rows * channels, 0.0),
        }
    }

    fn nan(&self, statistics: usize, betas: usize) -> Results {
        let (len, rows) = (self.x.len(), self.x.len() / self.channels);
        [
            vec![f32::NAN; len],
            vec![f32::NAN; rows * statistics],
            vec![f32::NAN; len],
            self.beta.clone(),
            values(7, betas, 0.0),
        ]
    }

    fn layer(&self, level: Level) -> Results {
        let [mut y, mut statistics, mut dx, mut dgamma, mut dbeta] = self.nan(2, self.channels);
        let (x, gamma, dy) = (&self.x[..], &self.gamma[..], &self.dy[..]);
        let of = layer_norm::Forward { x, gamma, beta: &self.beta };
        layer_norm::forward_into(level, self.channels, self.epsilon, of, &mut y, &mut statistics).unwrap();
        let of = layer_norm::Backward { x, statistics: &statistics, gamma, dy };
        layer_norm::backward_input_into(level, self.channels, of, &mut dx).unwrap();
        layer_norm::backward_weight_acc(level, self.channels, of, &mut dgamma, &mut dbeta).unwrap();
        [y, statistics, dx, dgamma, dbeta]
    }

    fn rms(&self, level: Level) -> Results {
        let [mut y, mut statistics, mut dx, mut dgamma, dbeta] = self.nan(1, 0);
        let (x, gamma, dy) = (&self.x[..], &self.gamma[..], &self.dy[..]);
        rms_norm::forward_into(level, self.epsilon, x, gamma, &mut y, &mut statistics).unwrap();
        let of = rms_norm::Backward { x, statistics: &statistics, gamma, dy };
        rms_norm::backward_input_into(level, of, &mut dx).unwrap();
        rms_norm::backward_weight_acc(level, of, &mut dgamma).unwrap();
        [y, statistics, dx, dgamma, dbeta]
    }

    fn twin(&self, level: Level, centred: bool) -> Results {
        let (rounding, channels) = (level.rounding(), self.channels);
        let [mut y, mut statistics, mut dx, mut dgamma, mut dbeta] =
            if centred { self.nan(2, channels) } else { self.nan(1, 0) };
        for (row, x) in self.x.chunks(channels).enumerate() {
            let at = row * channels..(row + 1) * channels;
            let (m, r) = if centred {
                reference::layer_norm::statistics(self.epsilon, x)
            } else {
                reference::layer_norm::root_mean_square(self.epsilon, x)
            };
            if centred {
                statistics[2 * row..2 * row + 2].copy_from_slice(&[m, r]);
            } else {
                statistics[row] = r;
            }
            let beta = if centred { &self.beta[..] } else { &[] };
            reference::layer_norm::forward(rounding, x, (m, r), &self.gamma, beta, &mut y[at.clone()]);
            let to = (&mut dx[at.clone()], &mut dgamma[..], &mut dbeta[..]);
            reference::layer_norm::backward(rounding, x, (m, r), &self.gamma, &self.dy[at], to);
        }
        [y, statistics, dx, dgamma, dbeta]
    }

    fn check(&self) {
        for level in Level::all() {
            for (centred, found) in [(true, self.layer(level)), (false, self.rms(level))] {
                let expected = self.twin(level, centred);
                for (i, name) in ["y", "statistics", "dx", "dgamma", "dbeta"].into_iter().enumerate() {
                    assert_eq!(found[i].len(), expected[i].len());
                    assert_bits(name, level, &found[i], &expected[i]);
                }
            }
        }
    }
}

/// Where the variance is lost below the least float, the scale is infinite; where the sum is beyond the greatest, the mean
/// is. What lies past the end of a row has no part in either.
#[test]
fn infinite_means_and_scales() {
    for channels in [1, 2, 3, 5, 8, 15, 16, 17, 24, 33, 40] {
        for (seed, factor) in [(1, 1e-30), (2, 1e-41), (3, 3e38), (4, 1e20)] {
            let mut data = Data::new(3, channels, if factor > 1.0 { 1.0 } else { 0.0 }, seed);
            data.epsilon = 0.0;
            data.x.iter_mut().for_each(|x| *x *= factor);
            data.check();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn normalisations(rows in 0..9_usize, channels in 1..70_usize, shift in -3.0..3.0_f32, seed in 0..1000_u64) {
        Data::new(rows, channels, shift, seed).check();
    }

    #[test]
    fn embeddings(vocabulary in 1..9_u32, width in 1..40_usize, count in 0..20_usize, seed in 0..1000_u64) {
        let stream = Stream::new(seed, 2);
        let ids: Vec<u32> = (0..count as u64).map(|i| stream.below_at(i, vocabulary)).collect();
        let shape = Embedding::new(vocabulary as usize, width);
        let (w, dy) = (values(seed, shape.w_len(), 0.0), values(seed + 1, count * width, 0.0));
        // Rows that do not occur are not read.
        let mut dw = values(seed + 2, shape.w_len(), 0.0);
        for id in (0..vocabulary).filter(|id| !ids.contains(id)) {
            dw[id as usize * width..][..width].fill(f32::NAN);
        }
        let mut expected = (vec![f32::NAN; count * width], dw.clone());
        reference::embedding::forward(width, &ids, &w, &mut expected.0);
        reference::embedding::backward(width, &ids, &dy, &mut expected.1);
        let narrow: Vec<u8> = ids.iter().map(|&id| id as u8).collect();
        let mut y = vec![f32::NAN; count * width];
        embedding::forward_into(&shape, &narrow, &w, &mut y).unwrap();
        assert_bits("y", Level::PORTABLE, &y, &expected.0);
        for level in Level::all() {
            let mut found = dw.clone();
            let (low, high) = found.split_at_mut(shape.w_len() / width / 2 * width);
            let cut = low.len() / width;
            embedding::backward_acc(level, &shape, &ids, &dy, 0..cut, low).unwrap();
            embedding::backward_acc(level, &shape, &ids, &dy, cut..shape.vocabulary, high).unwrap();
            assert_bits("dw", level, &found, &expected.1);
            embedding::clear(&shape, &ids, &mut found).unwrap();
            for (id, row) in found.chunks(width).enumerate() {
                let occurred = ids.contains(&(id as u32));
                assert!(row.iter().all(|&x| if occurred { x == 0.0 } else { x.is_nan() }));
            }
        }
    }
}

#[test]
fn sizes_around_the_lanes() {
    for channels in [1, 3, 4, 5, 15, 16, 17, 31, 32, 33, 64] {
        Data::new(3, channels, 0.5, channels as u64).check();
    }
}

/// NaN stays in its row.
#[test]
fn nan_spoils_its_row_alone() {
    let mut data = Data::new(3, 20, 0.0, 1);
    data.x[25] = f32::NAN;
    for level in Level::all() {
        for [y, _, dx, ..] in [data.layer(level), data.rms(level)] {
            for result in [y, dx] {
                let nan: Vec<bool> = result.chunks(20).map(|row| row.iter().all(|x| x.is_nan())).collect();
                assert_eq!(nan, [false, true, false]);
                assert!(result[..20].iter().chain(&result[40..]).all(|x| x.is_finite()));
            }
        }
    }
}

#[test]
fn wrong_sizes_are_errors() {
    let level = Level::detect();
    let (mut y, mut statistics) = ([7.0; 4], [7.0; 4]);
    let of = layer_norm::Forward { x: &[1.0; 4], gamma: &[1.0; 3], beta: &[1.0; 3] };
    let error = layer_norm::forward_into(level, 3, 1e-3, of, &mut y, &mut statistics).unwrap_err();
    assert_eq!(error.to_string(), "layer_norm: x: expected a multiple of 3, found 4");
    let error = rms_norm::forward_into(level, 1e-3, &[1.0; 4], &[], &mut y, &mut statistics).unwrap_err();
    assert_eq!(error.to_string(), "rms_norm: channels: expected at least 1, found 0");
    assert_eq!((y, statistics), ([7.0; 4], [7.0; 4]));
    let shape = Embedding::new(3, 2);
    let error = embedding::backward_acc(level, &shape, &[1_u32, 2, 3], &[0.0; 6], 0..3, &mut [0.0; 6]).unwrap_err();
    assert_eq!(error, IndexError::Index { position: 2, index: 3, vocabulary: 3 });
    assert!(embedding::clear(&shape, &[u32::MAX], &mut [0.0; 6]).is_err());
    assert!(embedding::forward_into(&shape, &[0_u8; 2], &[0.0; 6], &mut [0.0; 3]).is_err());
    assert!(Embedding::new(usize::MAX, 2).validate().is_err());
}
