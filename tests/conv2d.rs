//! Convolution and its transpose against their naive twins, bit by bit, at every level.

use kernlet::{
    kernels::{
        conv2d::{self, Conv2d, Epilogue},
        conv2d_transpose::{self, Conv2dTranspose},
        reference,
    },
    shape::Padding,
    simd::Level,
};
use proptest::prelude::*;

/// Cuts both ends of what the values below give.
const CLAMP: Epilogue = Epilogue::Clamp { low: -0.5, high: 0.75 };

/// Small integers make every sum exact, whatever the order; floats show the order.
#[derive(Clone, Copy, Debug)]
enum Values {
    Integers,
    Floats,
    /// As `Floats`, with gradients that are mostly zeros of both signs, as below a max pooling.
    Sparse,
    /// As `Sparse`, with infinities and NaN among the factors.
    Wild,
    /// As `Sparse`, with products that vanish, so that sums end at zeros of both signs.
    Tiny,
}

/// Reproducible values with some exact zeros, as activations after a relu have.
fn values(kind: Values, seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            match kind {
                Values::Integers => (state >> 40) as f32 % 7.0 - 3.0,
                Values::Floats if (state >> 20).is_multiple_of(4) => 0.0,
                Values::Wild if (state >> 20).is_multiple_of(64) => {
                    [f32::NAN, f32::INFINITY][(state >> 30) as usize % 2]
                }
                Values::Tiny => ((state >> 40) as f32 / (1 << 23) as f32 - 1.0) * 1e-30,
                _ => (state >> 40) as f32 / (1 << 23) as f32 - 1.0,
            }
        })
        .collect()
}

/// The gradient of an output.
fn gradient(kind: Values, seed: u64, len: usize) -> Vec<f32> {
    if matches!(kind, Values::Integers | Values::Floats) {
        return values(kind, seed, len);
    }
    let few = values(Values::Floats, seed + 9, len);
    let scale = if matches!(kind, Values::Tiny) { 1e-30 } else { 1.0 };
    few.iter().map(|&v| if v > 0.7 { (v - 0.85) * scale } else { 0.0_f32.copysign(v) }).collect()
}

#[track_caller]
fn assert_bits(what: &str, level: Level, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        // Which NaN comes out is not specified.
        let same = found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
        assert!(same, "{level}: {what}[{i}] = {found:e}, expected {expected:e}");
    }
}

/// Every kernel of one convolution at every level.
fn check(conv: &Conv2d, batch: usize, kind: Values, seed: u64) {
    conv.validate().unwrap();
    let x = values(kind, seed, batch * conv.x_len());
    let w = values(kind, seed + 1, conv.w_len());
    let b = values(kind, seed + 2, conv.b_len());
    let dy = gradient(kind, seed + 3, batch * conv.y_len());
    let mut dw = values(kind, seed + 4, conv.w_len());
    if matches!(kind, Values::Tiny) {
        // Where no term is added, it stays.
        dw.fill(-0.0);
    }
    for level in Level::all() {
        let rounding = level.rounding();
        for (bias, epilogue) in [(None, Epilogue::None), (Some(&b[..]), Epilogue::Relu), (Some(&b[..]), CLAMP)] {
            let mut y = vec![f32::NAN; batch * conv.y_len()];
            let mut expected = y.clone();
            conv2d::forward_into(level, conv, batch, conv2d::Forward { x: &x, w: &w, b: bias, epilogue }, &mut y)
                .unwrap();
            reference::conv2d::forward(
                rounding,
                conv,
                batch,
                conv2d::Forward { x: &x, w: &w, b: bias, epilogue },
                &mut expected,
            );
            assert_bits("y", level, &y, &expected);
        }

        let mut dx = vec![f32::NAN; batch * conv.x_len()];
        let mut expected = dx.clone();
        let mut scratch = vec![f32::NAN; conv2d::backward_input_scratch_len(conv)];
        conv2d::backward_input_into(level, conv, batch, &w, &dy, &mut dx, &mut scratch).unwrap();
        reference::conv2d::backward_input(rounding, conv, batch, &w, &dy, &mut expected);
        assert_bits("dx", level, &dx, &expected);

        let mut expected = dw.clone();
        reference::conv2d::backward_weight(rounding, conv, batch, &x, &dy, &mut expected);
        let mut found = dw.clone();
        conv2d::backward_weight_acc(level, conv, batch, &x, &dy, 0..conv.w_rows(), &mut found).unwrap();
        assert_bits("dw", level, &found, &expected);
        // Rows and images in pieces.
        let mut found = dw.clone();
        let cut = conv.w_rows() * (seed as usize % 8) / 8;
        let first = batch / 2;
        let (x0, x1) = x.split_at(first * conv.x_len());
        let (dy0, dy1) = dy.split_at(first * conv.y_len());
        for (batch, x, dy) in [(first, x0, dy0), (batch - first, x1, dy1)] {
            let (low, high) = found.split_at_mut(cut * conv.out_channels);
            conv2d::backward_weight_acc(level, conv, batch, x, dy, 0..cut, low).unwrap();
            conv2d::backward_weight_acc(level, conv, batch, x, dy, cut..conv.w_rows(), high).unwrap();
        }
        assert_bits("dw in pieces", level, &found, &expected);

        let mut db = b.clone();
        let mut expected = b.clone();
        conv2d::backward_bias_acc(level, conv, batch, &dy, &mut db).unwrap();
        reference::conv2d::backward_bias(&dy, &mut expected);
        assert_bits("db", level, &db, &expected);
    }
}

/// Every kernel of one transposed convolution at every level.
fn check_transpose(conv: &Conv2dTranspose, batch: usize, kind: Values, seed: u64) {
    conv.validate().unwrap();
    let x = values(kind, seed, batch * conv.x_len());
    let w = values(kind, seed + 1, conv.w_len());
    let b = values(kind, seed + 2, conv.b_len());
    let dy = gradient(kind, seed + 3, batch * conv.y_len());
    let dw = values(kind, seed + 4, conv.w_len());
    for level in Level::all() {
        let rounding = level.rounding();
        for (bias, epilogue) in [(None, Epilogue::None), (Some(&b[..]), Epilogue::Relu), (Some(&b[..]), CLAMP)] {
            let mut y = vec![f32::NAN; batch * conv.y_len()];
            let mut expected = y.clone();
            let mut scratch = vec![f32::NAN; conv2d_transpose::forward_scratch_len(conv)];
            conv2d_transpose::forward_into(
                level,
                conv,
                batch,
                conv2d_transpose::Forward { x: &x, w: &w, b: bias, epilogue },
                &mut y,
                &mut scratch,
            )
            .unwrap();
            reference::conv2d_transpose::forward(
                rounding,
                conv,
                batch,
                conv2d_transpose::Forward { x: &x, w: &w, b: bias, epilogue },
                &mut expected,
            );
            assert_bits("y", level, &y, &expected);
        }
        let mut dx = vec![f32::NAN; batch * conv.x_len()];
        let mut expected = dx.clone();
        conv2d_transpose::backward_input_into(level, conv, batch, &w, &dy, &mut dx).unwrap();
        reference::conv2d_transpose::backward_input(rounding, conv, batch, &w, &dy, &mut expected);
        assert_bits("dx", level, &dx, &expected);

        let (mut found, mut expected) = (dw.clone(), dw.clone());
        conv2d_transpose::backward_weight_acc(level, conv, batch, &x, &dy, 0..conv.w_rows(), &mut found).unwrap();
        reference::conv2d_transpose::backward_weight(rounding, conv, batch, &x, &dy, &mut expected);
        assert_bits("dw", level, &found, &expected);

        let (mut db, mut expected) = (b.clone(), b.clone());
        conv2d_transpose::backward_bias_acc(level, conv, batch, &dy, &mut db).unwrap();
        reference::conv2d_transpose::backward_bias(&dy, &mut expected);
        assert_bits("db", level, &db, &expected);
    }
}

fn kinds() -> impl Strategy<Value = Values> {
    prop_oneof![Just(Values::Integers), Just(Values::Floats), Just(Values::Sparse)]
}

fn paddings() -> impl Strategy<Value = Padding> {
    prop_oneof![
        Just(Padding::Valid),
        Just(Padding::Same),
        (0..4_usize, 0..4_usize, 0..4_usize, 0..4_usize).prop_map(|(top, bottom, left, right)| Padding::Explicit {
            top,
            bottom,
            left,
            right
        }),
    ]
}

/// Groups with their channels in and out: one group, several, or depthwise with a multiplier.
fn channels() -> impl Strategy<Value = (usize, usize, usize)> {
    let sizes = || prop_oneof![1..9_usize, Just(15_usize), Just(16), Just(17), Just(31), 1..80_usize];
    prop_oneof![
        (Just(1_usize), sizes(), sizes()),
        (2..4_usize, 1..6_usize, 1..20_usize),
        (sizes(), Just(1_usize), 1..4_usize),
    ]
}

fn convolutions() -> impl Strategy<Value = Conv2d> {
    let pair = |most: usize| (1..=most, 1..=most).prop_map(|(a, b)| [a, b]);
    (1..12_usize, 1..12_usize, channels(), pair(4), pair(3), pair(3), paddings())
        .prop_map(|(height, width, (groups, ci, co), kernel, stride, dilation, padding)| {
            Conv2d::new(height, width, groups * ci, groups * co, kernel)
                .with_groups(groups)
                .with_stride(stride)
                .with_dilation(dilation)
                .with_padding(padding)
        })
        .prop_filter("the window fits", |conv| conv.validate().is_ok())
}

fn transposed() -> impl Strategy<Value = Conv2dTranspose> {
    let pair = |most: usize| (1..=most, 1..=most).prop_map(|(a, b)| [a, b]);
    (1..8_usize, 1..8_usize, channels(), pair(4), pair(3), pair(3), (paddings(), 0..3_usize, 0..3_usize))
        .prop_map(|(height, width, (groups, ci, co), kernel, stride, dilation, (padding, more, wider))| {
            // Up to the larger of stride and dilation: some of these rows meet no window.
            let most = [0, 1].map(|axis: usize| stride[axis].max(dilation[axis]) - 1);
            let added = [more.min(most[0]), wider.min(most[1])];
            let up = Conv2dTranspose::new(height, width, groups * ci, groups * co, kernel)
                .with_groups(groups)
                .with_stride(stride)
                .with_dilation(dilation)
                .with_padding(padding);
            if more + wider > 1 { up.with_output_padding(added) } else { up }
        })
        .prop_filter("something is left", |conv| conv.validate().is_ok())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_shapes(conv in convolutions(), batch in 0..4_usize, kind in kinds(), seed in 0..1000_u64) {
        check(&conv, batch, kind, seed);
    }

    #[test]
    fn random_transposed_shapes(conv in transposed(), batch in 0..3_usize, kind in kinds(), seed in 0..1000_u64) {
        check_transpose(&conv, batch, kind, seed);
    }

    #[test]
    fn arbitrary_descriptors_do_not_panic(
        sizes in proptest::array::uniform15(prop_oneof![0..4_usize, Just(usize::MAX), Just(usize::MAX / 2), Just(1 << 62)]),
        len in 0..64_usize,
    ) {
        let [height, width, ci, co, k0, k1, s0, s1, d0, d1, top, bottom, left, right, groups] = sizes;
        let mut conv = Conv2d::new(height, width, ci, co, [k0, k1])
            .with_groups(groups)
            .with_stride([s0, s1])
            .with_dilation([d0, d1]);
        conv.padding = [top, bottom, left, right];
        let level = Level::detect();
        let (x, mut y) = (vec![1.0; len], vec![0.0; len]);
        let _ = conv2d::forward_into(level, &conv, 1, conv2d::Forward { x: &x, w: &x, b: None, epilogue: Epilogue::None }, &mut y);
        let scratch = conv2d::backward_input_scratch_len(&conv);
        let _ = conv2d::backward_input_into(level, &conv, 1, &x, &x, &mut y, &mut vec![0.0; scratch]);
        let _ = conv2d::backward_weight_acc(level, &conv, 1, &x, &x, 0..1, &mut y);
        let _ = conv2d::backward_bias_acc(level, &conv, 1, &x, &mut y);
        let mut up = Conv2dTranspose::new(height, width, ci, co, [k0, k1])
            .with_groups(groups)
            .with_stride([s0, s1])
            .with_dilation([d0, d1])
            .with_output_padding([left, right]);
        up.padding = [top, bottom, left, right];
        let _ = conv2d_transpose::backward_input_into(level, &up, 1, &x, &x, &mut y);
        let _ = up.validate();
    }
}

#[test]
fn shapes_of_the_keras_network() {
    check(&Conv2d::new(28, 28, 1, 32, [3, 3]), 2, Values::Floats, 1);
    check(&Conv2d::new(26, 26, 32, 64, [3, 3]), 2, Values::Floats, 2);
}

/// Nine terms in several runs, over columns of two vectors, of one, and a part of one.
#[test]
fn windows_of_nine() {
    let conv = Conv2d::new(11, 14, 1, 53, [3, 3]);
    check(&conv, 3, Values::Floats, 70);
    check(&conv.with_padding(Padding::Same).with_stride([2, 3]), 2, Values::Floats, 71);
    check(&conv.with_dilation([2, 1]), 1, Values::Wild, 72);
    check(&Conv2d::new(6, 5, 3, 33, [1, 3]).with_padding(Padding::Same), 2, Values::Floats, 73);
}

#[test]
fn gradients_with_many_zeros() {
    let shapes = [
        Conv2d::new(13, 14, 32, 64, [3, 3]),
        Conv2d::new(9, 14, 48, 20, [3, 3]),
        Conv2d::new(7, 30, 64, 33, [3, 2]).with_stride([2, 3]),
        Conv2d::new(9, 8, 32, 70, [3, 3]).with_padding(Padding::Same),
        Conv2d::new(12, 11, 16, 24, [5, 5]).with_padding(Padding::Same),
        Conv2d::new(8, 9, 80, 16, [1, 1]),
        Conv2d::new(11, 12, 16, 40, [2, 3]).with_dilation([2, 3]),
        Conv2d::new(5, 6, 208, 17, [3, 3]),
        Conv2d::new(1, 40, 16, 5, [1, 11]),
        Conv2d::new(3, 3, 592, 80, [1, 1]),
    ];
    for (seed, conv) in shapes.iter().enumerate() {
        for kind in [Values::Sparse, Values::Wild, Values::Tiny] {
            check(conv, 2, kind, 40 + seed as u64);
        }
    }
}

#[test]
fn terms_and_rows_in_several_blocks() {
    // More terms than a block, in each place where they can be cut; more than one panel.
    check(&Conv2d::new(3, 3, 600, 70, [1, 1]), 2, Values::Floats, 3);
    check(&Conv2d::new(5, 5, 130, 20, [3, 3]), 2, Values::Floats, 4);
    // More output channels than the transposed panel holds, so that a tap is cut in two.
    check(&Conv2d::new(4, 4, 64, 150, [2, 2]), 1, Values::Floats, 11);
    check(&Conv2d::new(6, 6, 40, 33, [5, 5]).with_padding(Padding::Same), 1, Values::Floats, 5);
    check(&Conv2d::new(70, 70, 3, 5, [3, 3]).with_padding(Padding::Same), 2, Values::Floats, 6);
    check(&Conv2d::new(2, 600, 2, 3, [1, 2]), 2, Values::Floats, 7);
    // Blocks inside the outermost of three axes: the relu comes after the last of all.
    check(&Conv2d::new(4, 5, 300, 5, [2, 2]).with_dilation([1, 2]), 2, Values::Floats, 12);
}

#[test]
fn depthwise_with_many_channels() {
    for stride in [1, 2] {
        let conv = Conv2d::new(11, 9, 70, 70, [3, 3]).with_groups(70).with_stride([stride; 2]);
        check(&conv, 2, Values::Floats, 8);
        check(&conv.with_padding(Padding::Same), 2, Values::Floats, 9);
    }
}

#[test]
fn nan_and_infinity_pass() {
    let conv = Conv2d::new(1, 1, 1, 1, [1, 1]);
    for level in Level::all() {
        for (x, relu) in [(f32::NAN, f32::NAN), (f32::INFINITY, f32::INFINITY), (f32::NEG_INFINITY, 0.0)] {
            let mut y = [0.0];
            conv2d::forward_into(
                level,
                &conv,
                1,
                conv2d::Forward { x: &[x], w: &[1.0], b: None, epilogue: Epilogue::Relu },
                &mut y,
            )
            .unwrap();
            assert!(y[0] == relu || (y[0].is_nan() && relu.is_nan()), "{level}: relu({x}) = {}", y[0]);
        }
    }
}

#[test]
fn wrong_lengths_are_errors_and_write_nothing() {
    let level = Level::detect();
    let conv = Conv2d::new(4, 4, 2, 3, [3, 3]);
    let (x, w) = (vec![1.0; 2 * 32], vec![1.0; 54]);
    let mut y = vec![7.0; 2 * 12];
    for (x, w, batch) in [(&x[1..], &w[..], 2), (&x[..], &w[1..], 2), (&x[..], &w[..], 3), (&x[..], &w[..], usize::MAX)]
    {
        assert!(
            conv2d::forward_into(
                level,
                &conv,
                batch,
                conv2d::Forward { x, w, b: None, epilogue: Epilogue::None },
                &mut y
            )
            .is_err()
        );
    }
    let error = conv2d::forward_into(
        level,
        &conv,
        2,
        conv2d::Forward { x: &x, w: &w, b: Some(&[0.0; 2]), epilogue: Epilogue::None },
        &mut y,
    )
    .unwrap_err();
    assert_eq!(error.to_string(), "conv2d: b: expected 3, found 2");
    assert_eq!(y, vec![7.0; 24]);
    let mut dw = vec![0.0; 6];
    assert!(conv2d::backward_weight_acc(level, &conv, 2, &x, &y, 17..19, &mut dw).is_err());
    assert!(conv2d::backward_weight_acc(level, &conv, 2, &x, &y, 16..18, &mut dw).is_ok());
}

/// Inputs as after a ReLU and a pooling, with NaN too.
#[test]
fn inputs_with_many_zeros() {
    let shapes = [
        Conv2d::new(9, 8, 32, 64, [3, 3]),
        Conv2d::new(7, 9, 16, 32, [3, 2]).with_padding(Padding::Same).with_stride([2, 1]),
        Conv2d::new(6, 11, 24, 48, [2, 3]).with_dilation([1, 2]),
    ];
    for (seed, conv) in (80..).zip(&shapes) {
        for (kind, broken) in
            [(Values::Sparse, 0.0), (Values::Sparse, f32::NAN), (Values::Wild, 0.0), (Values::Tiny, 0.0)]
        {
            let mut x = gradient(kind, seed, 2 * conv.x_len());
            x[conv.x_len() / 2] = broken;
            let (w, b) = (values(kind, seed + 1, conv.w_len()), values(kind, seed + 2, conv.b_len()));
            for level in Level::all() {
                for (bias, epilogue) in [
                    (None, Epilogue::None),
                    (None, Epilogue::RELU6),
                    (Some(&b[..]), Epilogue::Relu),
                    (Some(&b[..]), CLAMP),
                ] {
                    let mut y = vec![f32::NAN; 2 * conv.y_len()];
                    let mut expected = y.clone();
                    conv2d::forward_into(level, conv, 2, conv2d::Forward { x: &x, w: &w, b: bias, epilogue }, &mut y)
                        .unwrap();
                    reference::conv2d::forward(
                        level.rounding(),
                        conv,
                        2,
                        conv2d::Forward { x: &x, w: &w, b: bias, epilogue },
                        &mut expected,
                    );
                    assert_bits("y", level, &y, &expected);
                }
            }
        }
    }
}

/// More images than stay in the cache at a time, in several panels of channels.
#[test]
fn images_in_several_groups() {
    let (conv, by_channel) =
        (Conv2d::new(17, 16, 302, 1, [1, 2]), Conv2d::new(17, 16, 302, 302, [1, 2]).with_groups(302));
    let padding = Padding::Explicit { top: 0, bottom: 0, left: 1, right: 0 };
    for conv in [conv, conv.with_padding(padding), by_channel, by_channel.with_padding(padding)] {
        check(&conv, 2, Values::Floats, 14);
    }
}

/// PyTorch's rule: less is added than the stride, or than the dilation where that is larger.
#[test]
fn output_padding_up_to_the_dilation() {
    let up = Conv2dTranspose::new(4, 4, 3, 5, [3, 3]).with_dilation([2, 3]);
    check_transpose(&up.with_output_padding([1, 2]), 2, Values::Floats, 90);
    let says = |added| up.with_output_padding(added).validate().unwrap_err().to_string();
    assert_eq!(says([2, 0]), "conv2d_transpose: output_padding: expected at most 1, found 2");
    assert_eq!(says([0, 3]), "conv2d_transpose: output_padding: expected at most 2, found 3");
    let plain = Conv2dTranspose::new(4, 4, 3, 5, [3, 3]).with_output_padding([1, 0]);
    let error = plain.validate().unwrap_err();
    assert_eq!(error.to_string(), "conv2d_transpose: output_padding: expected at most 0, found 1");

    // The rows that no window reaches hold the bias.
    let up = Conv2dTranspose::new(1, 1, 1, 1, [1, 1]).with_dilation([3, 1]).with_output_padding([2, 0]);
    let (mut y, mut scratch) = ([f32::NAN; 3], [f32::NAN]);
    let operands = conv2d_transpose::Forward { x: &[2.0], w: &[3.0], b: Some(&[0.5]), epilogue: Epilogue::None };
    conv2d_transpose::forward_into(Level::detect(), &up, 1, operands, &mut y, &mut scratch).unwrap();
    assert_eq!(y, [6.5, 0.5, 0.5]);
}

/// Every size that is refused is named as the caller knows it, with what would do.
#[test]
fn what_is_refused_says_what_would_do() {
    let conv = Conv2d::new(8, 8, 6, 4, [3, 3]);
    let says = |conv: Conv2d| conv.validate().unwrap_err().to_string();
    assert_eq!(says(conv.with_stride([0, 1])), "conv2d: stride of rows: expected at least 1, found 0");
    assert_eq!(says(conv.with_dilation([1, 4])), "conv2d: padded width: expected at least 9, found 8");
    assert_eq!(says(conv.with_groups(4)), "conv2d: in_channels: expected a multiple of 4, found 6");
    assert_eq!(says(conv.with_groups(3)), "conv2d: out_channels: expected a multiple of 3, found 4");
    let up = Conv2dTranspose::new(8, 8, 6, 4, [3, 3]);
    let says = |up: Conv2dTranspose| up.validate().unwrap_err().to_string();
    assert_eq!(says(up.with_groups(4)), "conv2d_transpose: in_channels: expected a multiple of 4, found 6");
    let cut = Padding::Explicit { top: 6, bottom: 4, left: 0, right: 0 };
    assert_eq!(says(up.with_padding(cut)), "conv2d_transpose: padding: expected at most 9, found 10");
    const { assert!(Conv2d::new(8, 8, 6, 4, [3, 3]).validate().is_ok()) };
    const { assert!(Conv2dTranspose::new(8, 8, 6, 4, [3, 3]).with_groups(4).validate().is_err()) };
}

/// `same` goes by stride and dilation whenever these are set.
#[test]
fn builders_may_be_called_in_any_order() {
    let conv = Conv2d::new(11, 7, 1, 1, [3, 4]);
    let last = conv.with_stride([2, 3]).with_dilation([2, 1]).with_padding(Padding::Same);
    assert_eq!(conv.with_padding(Padding::Same).with_dilation([2, 1]).with_stride([2, 3]), last);
    let up = Conv2dTranspose::new(11, 7, 1, 1, [3, 4]);
    for padding in [Padding::Same, Padding::Valid] {
        let last = up.with_stride([5, 3]).with_dilation([2, 1]).with_padding(padding);
        assert_eq!(up.with_padding(padding).with_dilation([2, 1]).with_stride([5, 3]), last);
        let added = up.with_output_padding([1, 2]).with_padding(padding).with_stride([5, 3]);
        assert_eq!(added.output_padding, [1, 2]);
    }
}
