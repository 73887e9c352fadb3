//! Optimizers; throughput in parameters.

use std::hint::black_box;

use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};
use kernlet::{
    optim::{Adadelta, Adagrad, Adam, AdamW, Optimizer, RmsProp, Sgd, Step, fill_initial},
    simd::Level,
};

use crate::{assert_same, time, values};

const LEN: usize = 1 << 16;

pub fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("optim");
    bench(&mut group, "sgd", Sgd::new(1e-3));
    bench(&mut group, "adadelta", Adadelta::new(1.0));
    bench(&mut group, "adagrad", Adagrad::new(1e-3));
    bench(&mut group, "rmsprop", RmsProp::new(1e-3));
    bench(&mut group, "adam", <Adam>::new(1e-3));
    bench(&mut group, "adamw", <AdamW>::new(1e-3));
    group.finish();
}

/// Checked against the narrowest vectors with the same rounding; that each follows its formula, the tests say.
fn bench<O: Optimizer>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, optimizer: O) {
    let level = Level::detect();
    let other = Level::all().find(|other| other.rounding() == level.rounding()).unwrap_or(level);
    let g = values(2, LEN);
    let step = |level: Level, w: &mut [f32], states: &mut [Vec<f32>]| {
        let mut states: Vec<&mut [f32]> = states.iter_mut().map(|state| &mut state[..]).collect();
        optimizer.update(level, Step::first(), w, black_box(&g), &mut states).unwrap();
    };
    let fresh = || {
        let mut states = vec![vec![f32::NAN; LEN]; O::STATES];
        fill_initial(&optimizer, &mut states.iter_mut().map(|state| &mut state[..]).collect::<Vec<_>>());
        (values(1, LEN), states)
    };
    let ((mut w, mut states), (mut expected, mut expected_states)) = (fresh(), fresh());
    step(level, &mut w, &mut states);
    step(other, &mut expected, &mut expected_states);
    assert_same(&w, &expected);
    time(group, name, LEN, || step(level, &mut w, &mut states));
}
