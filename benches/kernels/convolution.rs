//! Convolution, its transpose, and dense layers; throughput in multiply-adds.

use std::hint::black_box;

use criterion::Criterion;
use kernlet::{
    kernels::{
        conv2d::{self, Conv2d, Epilogue},
        conv2d_transpose::{self, Conv2dTranspose},
        dense::{self, Dense},
        reference,
    },
    shape::Padding,
    simd::Level,
};

use crate::{assert_same, time, values};

/// The share of a gradient's elements that are not zero: all, or as below a ReLU and a max pooling.
fn gradient(len: usize, sparse: bool) -> Vec<f32> {
    let (dy, keep) = (values(4, len), values(5, len));
    dy.iter().zip(&keep).map(|(&dy, &keep)| if sparse && keep < 0.7 { 0.0 } else { dy }).collect()
}

pub fn benches(criterion: &mut Criterion) {
    let level = Level::detect();
    let same = Padding::Same;
    for (name, conv) in [
        ("3x3_32_64", Conv2d::new(26, 26, 32, 64, [3, 3])),
        ("3x3_1_32", Conv2d::new(28, 28, 1, 32, [3, 3])),
        ("3x3_3_32", Conv2d::new(32, 32, 3, 32, [3, 3]).with_padding(same)),
        ("1x1_128_128", Conv2d::new(14, 14, 128, 128, [1, 1])),
        ("5x5_16_32", Conv2d::new(14, 14, 16, 32, [5, 5]).with_padding(same)),
        ("3x3_64_128_stride2", Conv2d::new(16, 16, 64, 128, [3, 3]).with_stride([2, 2]).with_padding(same)),
        ("3x3_30_50", Conv2d::new(20, 20, 30, 50, [3, 3])),
        ("3x3_depthwise_64", Conv2d::new(25, 5, 64, 64, [3, 3]).with_groups(64).with_padding(same)),
    ] {
        for batch in [1, 16] {
            convolution(criterion, level, &format!("{name}/batch_{batch}"), &conv, batch);
        }
    }
    transposed(criterion, level, "3x3_64_32_stride2", &Conv2dTranspose::new(8, 8, 64, 32, [3, 3]).with_stride([2, 2]));
    for (name, layer, batch) in [
        ("9216_128/batch_128", Dense::new(9216, 128), 128),
        ("9216_128/batch_1", Dense::new(9216, 128), 1),
        ("64_64/batch_64", Dense::new(64, 64), 64),
        ("16_16/batch_16", Dense::new(16, 16), 16),
        ("100_10/batch_32", Dense::new(100, 10), 32),
    ] {
        dense_layer(criterion, level, name, &layer, batch);
    }
}

fn convolution(criterion: &mut Criterion, level: Level, name: &str, conv: &Conv2d, batch: usize) {
    let rounding = level.rounding();
    let (x, w, b) = (values(1, batch * conv.x_len()), values(2, conv.w_len()), values(3, conv.b_len()));
    let (mut y, mut dx) = (vec![f32::NAN; batch * conv.y_len()], vec![f32::NAN; batch * conv.x_len()]);
    let mut scratch = vec![f32::NAN; conv2d::backward_input_scratch_len(conv)];
    let macs = batch * conv.out_height() * conv.out_width() * conv.w_len();
    let mut group = criterion.benchmark_group("conv2d");

    let mut expected = vec![f32::NAN; y.len()];
    reference::conv2d::forward(
        rounding,
        conv,
        batch,
        conv2d::Forward { x: &x, w: &w, b: Some(&b), epilogue: Epilogue::Relu },
        &mut expected,
    );
    let forward = || {
        conv2d::forward_into(
            level,
            conv,
            batch,
            conv2d::Forward { x: black_box(&x), w: &w, b: Some(&b), epilogue: Epilogue::Relu },
            &mut y,
        )
        .unwrap()
    };
    time(&mut group, &format!("forward/{name}"), macs, forward);
    assert_same(&y, &expected);

    for (suffix, sparse) in [("", false), ("/sparse", true)] {
        let dy = gradient(batch * conv.y_len(), sparse);
        let mut expected = vec![f32::NAN; dx.len()];
        reference::conv2d::backward_input(rounding, conv, batch, &w, &dy, &mut expected);
        let input =
            || conv2d::backward_input_into(level, conv, batch, &w, black_box(&dy), &mut dx, &mut scratch).unwrap();
        time(&mut group, &format!("backward_input/{name}{suffix}"), macs, input);
        assert_same(&dx, &expected);

        let (mut dw, mut expected) = (vec![0.0; conv.w_len()], vec![0.0; conv.w_len()]);
        reference::conv2d::backward_weight(rounding, conv, batch, &x, &dy, &mut expected);
        let weight = || {
            // Sums that went on for ever would reach infinity.
            dw.fill(0.0);
            conv2d::backward_weight_acc(level, conv, batch, black_box(&x), &dy, 0..conv.w_rows(), &mut dw).unwrap();
        };
        time(&mut group, &format!("backward_weight/{name}{suffix}"), macs, weight);
        assert_same(&dw, &expected);
    }

    let dy = gradient(batch * conv.y_len(), false);
    let (mut db, mut expected) = (vec![0.0; conv.b_len()], vec![0.0; conv.b_len()]);
    reference::conv2d::backward_bias(&dy, &mut expected);
    time(&mut group, &format!("backward_bias/{name}"), dy.len(), || {
        db.fill(0.0);
        conv2d::backward_bias_acc(level, conv, batch, black_box(&dy), &mut db).unwrap();
    });
    assert_same(&db, &expected);
    group.finish();
}

fn transposed(criterion: &mut Criterion, level: Level, name: &str, conv: &Conv2dTranspose) {
    let (rounding, batch) = (level.rounding(), 8);
    let (x, w, b) = (values(1, batch * conv.x_len()), values(2, conv.w_len()), values(3, conv.b_len()));
    let dy = values(4, batch * conv.y_len());
    let (mut y, mut dx) = (vec![f32::NAN; dy.len()], vec![f32::NAN; x.len()]);
    let mut scratch = vec![f32::NAN; conv2d_transpose::forward_scratch_len(conv)];
    let macs = batch * conv.height * conv.width * conv.w_len();
    let mut group = criterion.benchmark_group("conv2d_transpose");

    let mut expected = y.clone();
    reference::conv2d_transpose::forward(
        rounding,
        conv,
        batch,
        conv2d_transpose::Forward { x: &x, w: &w, b: Some(&b), epilogue: Epilogue::Relu },
        &mut expected,
    );
    let (relu, bias) = (Epilogue::Relu, Some(&b[..]));
    time(&mut group, &format!("forward/{name}"), macs, || {
        conv2d_transpose::forward_into(
            level,
            conv,
            batch,
            conv2d_transpose::Forward { x: black_box(&x), w: &w, b: bias, epilogue: relu },
            &mut y,
            &mut scratch,
        )
        .unwrap();
    });
    assert_same(&y, &expected);

    let mut expected = dx.clone();
    reference::conv2d_transpose::backward_input(rounding, conv, batch, &w, &dy, &mut expected);
    time(&mut group, &format!("backward_input/{name}"), macs, || {
        conv2d_transpose::backward_input_into(level, conv, batch, &w, black_box(&dy), &mut dx).unwrap();
    });
    assert_same(&dx, &expected);

    let (mut dw, mut expected) = (vec![0.0; conv.w_len()], vec![0.0; conv.w_len()]);
    reference::conv2d_transpose::backward_weight(rounding, conv, batch, &x, &dy, &mut expected);
    time(&mut group, &format!("backward_weight/{name}"), macs, || {
        dw.fill(0.0);
        conv2d_transpose::backward_weight_acc(level, conv, batch, black_box(&x), &dy, 0..conv.w_rows(), &mut dw)
            .unwrap();
    });
    assert_same(&dw, &expected);
    group.finish();
}

fn dense_layer(criterion: &mut Criterion, level: Level, name: &str, layer: &Dense, batch: usize) {
    let rounding = level.rounding();
    let (x, w, b) = (values(1, batch * layer.inputs), values(2, layer.w_len()), values(3, layer.outputs));
    let dy = values(4, batch * layer.outputs);
    let (mut y, mut dx) = (vec![f32::NAN; dy.len()], vec![f32::NAN; x.len()]);
    let mut scratch = vec![f32::NAN; dense::backward_input_scratch_len(layer)];
    let macs = batch * layer.w_len();
    let mut group = criterion.benchmark_group("dense");

    let mut expected = y.clone();
    reference::dense::forward(
        rounding,
        layer,
        batch,
        dense::Forward { x: &x, w: &w, b: Some(&b), epilogue: Epilogue::Relu },
        &mut expected,
    );
    time(&mut group, &format!("forward/{name}"), macs, || {
        dense::forward_into(
            level,
            layer,
            batch,
            dense::Forward { x: black_box(&x), w: &w, b: Some(&b), epilogue: Epilogue::Relu },
            &mut y,
        )
        .unwrap();
    });
    assert_same(&y, &expected);

    let mut expected = dx.clone();
    reference::dense::backward_input(rounding, layer, batch, &w, &dy, &mut expected);
    time(&mut group, &format!("backward_input/{name}"), macs, || {
        dense::backward_input_into(level, layer, batch, &w, black_box(&dy), &mut dx, &mut scratch).unwrap();
    });
    assert_same(&dx, &expected);

    let (mut dw, mut expected) = (vec![0.0; layer.w_len()], vec![0.0; layer.w_len()]);
    reference::dense::backward_weight(rounding, layer, batch, &x, &dy, &mut expected);
    time(&mut group, &format!("backward_weight/{name}"), macs, || {
        dw.fill(0.0);
        dense::backward_weight_acc(level, layer, batch, black_box(&x), &dy, 0..layer.inputs, &mut dw).unwrap();
    });
    assert_same(&dw, &expected);
    group.finish();
}
