//! Batch normalisation and dropout; throughput in elements.

use std::hint::black_box;

use criterion::Criterion;
use kernlet::{
    kernels::{batch_norm, dropout, reference},
    random::Stream,
    simd::Level,
};

use crate::{assert_near, time, values};

const CHANNELS: usize = 64;
const ROWS: usize = 1152;
const EPSILON: f32 = 1e-3;

pub fn benches(criterion: &mut Criterion) {
    let level = Level::detect();
    let mut group = criterion.benchmark_group("batch_norm");
    let (x, dy) = (values(1, ROWS * CHANNELS), values(2, ROWS * CHANNELS));
    let (gamma, beta) = (values(3, CHANNELS), values(4, CHANNELS));
    let (mut mean, mut variance) = (vec![f32::NAN; CHANNELS], vec![f32::NAN; CHANNELS]);
    let channel = |x: &[f32]| -> Vec<f64> { x.iter().step_by(CHANNELS).map(|&x| f64::from(x)).collect() };
    let (first_x, first_dy) = (channel(&x), channel(&dy));
    let exact = reference::batch_norm::statistics(&first_x);
    time(&mut group, "statistics", x.len(), || {
        batch_norm::statistics_into(level, CHANNELS, black_box(&x), &mut mean, &mut variance).unwrap();
    });
    assert_near(mean[0], exact.0);
    assert_near(variance[0], exact.1);

    let mut y = vec![f32::NAN; x.len()];
    time(&mut group, "forward", x.len(), || {
        batch_norm::forward_into(
            level,
            CHANNELS,
            batch_norm::Forward { mean: &mean, variance: &variance, gamma: &gamma, beta: &beta, epsilon: EPSILON },
            black_box(&x),
            &mut y,
        )
        .unwrap();
    });
    let [gamma_0, beta_0] = [f64::from(gamma[0]), f64::from(beta[0])];
    let epsilon = f64::from(EPSILON);
    assert_near(y[0], reference::batch_norm::forward(epsilon, first_x[0], exact.0, exact.1, gamma_0, beta_0));

    let (mut dgamma, mut dbeta) = (vec![0.0; CHANNELS], vec![0.0; CHANNELS]);
    let mut dx = vec![f32::NAN; x.len()];
    let mut scratch = vec![f32::NAN; batch_norm::backward_scratch_len(CHANNELS)];
    let expected = reference::batch_norm::backward(epsilon, &first_x, gamma_0, &first_dy, 0);
    time(&mut group, "backward", x.len(), || {
        dgamma.fill(0.0);
        dbeta.fill(0.0);
        let out = (Some(&mut dx[..]), &mut dgamma[..], &mut dbeta[..], &mut scratch[..]);
        batch_norm::backward_into(
            level,
            CHANNELS,
            batch_norm::Backward {
                x: black_box(&x),
                mean: &mean,
                variance: &variance,
                gamma: &gamma,
                epsilon: EPSILON,
                dy: &dy,
            },
            out.0,
            out.1,
            out.2,
            out.3,
        )
        .unwrap();
    });
    assert_near(dx[0], expected.0);
    assert_near(dgamma[0], expected.1);
    assert_near(dbeta[0], expected.2);
    group.finish();

    let mut group = criterion.benchmark_group("dropout");
    let stream = Stream::new(1, 2);
    time(&mut group, "quarter", x.len(), || {
        dropout::into(level, 0.25, stream, 0, black_box(&x), &mut y).unwrap();
    });
    for (i, (x, y)) in x.iter().zip(&y).enumerate() {
        assert_eq!(*y, reference::dropout::factor(0.25, stream, i as u64).map_or(0.0, |factor| x * factor));
    }
    group.finish();
}
