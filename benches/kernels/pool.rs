//! Pooling; throughput in elements of the input.

use std::hint::black_box;

use criterion::Criterion;
use kernlet::{
    kernels::{
        pool2d::{self, Pool2d},
        reference,
    },
    simd::Level,
};

use crate::{assert_same, time, values};

pub fn benches(criterion: &mut Criterion) {
    let (level, batch) = (Level::detect(), 2);
    let mut group = criterion.benchmark_group("pool2d");
    for (name, pool) in [
        ("2x2_64", Pool2d::new(24, 24, 64, [2, 2])),
        ("3x3_stride2_64", Pool2d::new(25, 25, 64, [3, 3]).with_stride([2, 2])),
        ("2x2_10", Pool2d::new(24, 24, 10, [2, 2])),
    ] {
        let (x, dy) = (values(1, batch * pool.x_len()), values(2, batch * pool.y_len()));
        let (mut y, mut dx) = (vec![f32::NAN; dy.len()], vec![f32::NAN; x.len()]);
        let (mut expected_y, mut expected_dx) = (y.clone(), dx.clone());
        let mut taps = vec![0; y.len()];
        reference::pool2d::max_forward(&pool, batch, &x, &mut expected_y, &mut taps);
        reference::pool2d::max_backward(&pool, batch, &taps, &dy, &mut expected_dx);
        let mut argmax = vec![0; y.len()];
        time(&mut group, &format!("max_forward/{name}"), x.len(), || {
            pool2d::max_forward_into(level, &pool, batch, black_box(&x), &mut y, Some(&mut argmax)).unwrap();
        });
        assert_same(&y, &expected_y);
        time(&mut group, &format!("max_backward/{name}"), x.len(), || {
            pool2d::max_backward_into(level, &pool, batch, &argmax, black_box(&dy), None, &mut dx).unwrap();
        });
        assert_same(&dx, &expected_dx);

        reference::pool2d::average_forward(&pool, batch, &x, &mut expected_y);
        reference::pool2d::average_backward(&pool, batch, &dy, &mut expected_dx);
        time(&mut group, &format!("average_forward/{name}"), x.len(), || {
            pool2d::average_forward_into(level, &pool, batch, black_box(&x), &mut y).unwrap();
        });
        assert_same(&y, &expected_y);
        time(&mut group, &format!("average_backward/{name}"), x.len(), || {
            pool2d::average_backward_into(level, &pool, batch, black_box(&dy), &mut dx).unwrap();
        });
        assert_same(&dx, &expected_dx);
    }
    group.finish();
}
