//! Losses with their gradients; throughput in elements.

use std::hint::black_box;

use criterion::Criterion;
use kernlet::{
    kernels::{loss, reference},
    simd::Level,
};

use crate::{assert_near, time, values};

pub fn benches(criterion: &mut Criterion) {
    const LEN: usize = 10_240;
    let level = Level::detect();
    let mut group = criterion.benchmark_group("loss");
    let (x, t) = (values(1, LEN), values(2, LEN).iter().map(|&t| 0.5 + 0.5 * t).collect::<Vec<_>>());
    let mut dx = vec![f32::NAN; LEN];
    let wide = |x: &[f32]| -> Vec<f64> { x.iter().map(|&x| f64::from(x)).collect() };
    let (exact_x, exact_t) = (wide(&x), wide(&t));
    let mean =
        |of: &dyn Fn(f64, f64) -> f64| exact_x.iter().zip(&exact_t).map(|(&x, &t)| of(x, t)).sum::<f64>() / LEN as f64;

    let labels: Vec<u8> = (0..LEN / 10).map(|i| (i % 10) as u8).collect();
    let mut found = 0.0;
    time(&mut group, "softmax_cross_entropy/10_classes", LEN, || {
        found = loss::softmax_cross_entropy(level, 10, black_box(&x), &labels, &mut dx).unwrap();
    });
    let rows = exact_x.chunks_exact(10).zip(&labels);
    let total: f64 = rows.map(|(x, &label)| reference::loss::softmax_cross_entropy(x, label.into())).sum();
    assert_near(found, total / labels.len() as f64);

    time(&mut group, "mean_squared_error", LEN, || {
        found = loss::mean_squared_error(level, black_box(&x), &t, &mut dx).unwrap();
    });
    assert_near(found, mean(&|x, t| (x - t) * (x - t)));
    time(&mut group, "binary_cross_entropy_from_logits", LEN, || {
        found = loss::binary_cross_entropy_from_logits(level, black_box(&x), &t, &mut dx).unwrap();
    });
    assert_near(found, mean(&reference::loss::binary_cross_entropy_from_logits));
    group.finish();
}
