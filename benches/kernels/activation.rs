//! Activations and softmax; throughput in elements.

use std::hint::black_box;

use criterion::Criterion;
use kernlet::{
    kernels::{
        activation,
        reference::{self, activation::Activation},
        softmax,
    },
    simd::Level,
};

use crate::{assert_near, time, values};

const LEN: usize = 1 << 14;
const CLASSES: usize = 10;

pub fn benches(criterion: &mut Criterion) {
    let level = Level::detect();
    let (x, dy) = (values(1, LEN), values(2, LEN));
    let (mut y, mut dx) = (vec![f32::NAN; LEN], vec![f32::NAN; LEN]);
    let mut group = criterion.benchmark_group("activation");
    macro_rules! bench {
        ($name:literal, $activation:ident, $kept:ident, $forward:ident, $backward:ident) => {
            time(&mut group, concat!("forward/", $name), LEN, || {
                activation::$forward(level, black_box(&x), &mut y).unwrap();
            });
            time(&mut group, concat!("backward/", $name), LEN, || {
                activation::$backward(level, &$kept, black_box(&dy), &mut dx).unwrap();
            });
            for i in 0..LEN {
                assert_near(y[i], Activation::$activation.value(f64::from(x[i])));
                assert_near(dx[i], f64::from(dy[i]) * Activation::$activation.slope(f64::from(x[i])));
            }
        };
    }
    bench!("relu", Relu, y, relu_into, relu_backward_into);
    bench!("relu6", Relu6, y, relu6_into, relu6_backward_into);
    bench!("sigmoid", Sigmoid, y, sigmoid_into, sigmoid_backward_into);
    bench!("tanh", Tanh, y, tanh_into, tanh_backward_into);
    bench!("gelu", Gelu, x, gelu_into, gelu_backward_into);
    bench!("gelu_tanh", GeluTanh, x, gelu_tanh_into, gelu_tanh_backward_into);
    bench!("silu", Silu, x, silu_into, silu_backward_into);
    group.finish();

    let mut group = criterion.benchmark_group("softmax");
    let len = LEN / CLASSES * CLASSES;
    let (x, dy) = (&x[..len], &dy[..len]);
    let (y, dx) = (&mut y[..len], &mut dx[..len]);
    time(&mut group, "forward/10_classes", len, || softmax::softmax_into(level, CLASSES, black_box(x), y).unwrap());
    time(&mut group, "backward/10_classes", len, || {
        softmax::softmax_backward_into(level, CLASSES, y, black_box(dy), dx).unwrap();
    });
    let row = |x: &[f32]| -> Vec<f64> { x[..CLASSES].iter().map(|&x| f64::from(x)).collect() };
    for j in 0..CLASSES {
        assert_near(y[j], reference::softmax::softmax(&row(x), j));
        assert_near(dx[j], reference::softmax::softmax_backward(&row(x), &row(dy), j));
    }
    group.finish();
}
