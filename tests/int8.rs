//! Eight-bit kernels against their naive twins, at every level: integers, so all are equal to the bit.

#![cfg(feature = "int8")]

use kernlet::{
    kernels::{
        conv2d::Conv2d,
        conv2d_transpose::Conv2dTranspose,
        dense::Dense,
        int8::{
            Activation, Broadcast, Filter, Multiplier, Output, Rescaling, add, concat, conv2d, conv2d_transpose, dense,
            depthwise_conv2d, div, gather_nd, hard_swish, leaky_relu, log_softmax, logistic, lstm, mean, minmax, mul,
            pad, pool2d, quantize, relu, slice, softmax, sums, table::Table, tanh,
        },
        pool2d::Pool2d,
        reference::int8 as twin,
    },
    random::Stream,
    shape::Padding,
    simd::Level,
};
use proptest::prelude::*;

const ROUNDINGS: [Rescaling; 2] = [Rescaling::Double, Rescaling::Single];

fn bytes(seed: u64, len: usize) -> Vec<i8> {
    let stream = Stream::new(seed, 0);
    (0..len as u64).map(|i| stream.u32_at(i) as i8).collect()
}

/// As a file has them: not −128, with the ends of the range more often than others.
fn weights(seed: u64, len: usize) -> Vec<i8> {
    bytes(seed, len).into_iter().map(|w| if w == -128 || w % 16 == 3 { 127 } else { w }).collect()
}

/// What a layer has beside its shape.
#[derive(Clone, Debug)]
struct Integers {
    x: Vec<i8>,
    w: Vec<i8>,
    b: Option<Vec<[u8; 4]>>,
    multipliers: Vec<Multiplier>,
    input_zero_point: i8,
    output: Output,
}

impl Integers {
    /// Sums of `terms` products, scaled so that outputs fill their range, now and then by anything at all.
    fn new(seed: u64, [x, w, channels, terms]: [usize; 4]) -> Self {
        let stream = Stream::new(seed, 1);
        let wild = stream.below_at(0, 8) == 0;
        let each = stream.below_at(1, 3) > 0;
        let multiplier = |i: u64| {
            let part = f64::from(stream.u32_at(100 + i)) / f64::from(u32::MAX);
            match wild {
                true => Multiplier::from_real(2.0_f64.powf(part * 66.0 - 34.0)),
                false => Multiplier::from_real((part + 0.1) / 100.0 / (terms.max(1) as f64).sqrt()),
            }
        };
        let bias = |i: u64| {
            let any = stream.u32_at(10_000 + i).cast_signed();
            (if wild { any } else { any >> 18 }).to_le_bytes()
        };
        let clip = stream.below_at(2, 3) == 0;
        let zero_point = stream.u32_at(3) as i8;
        let range = if clip { Activation::Relu6.range(0.05, zero_point) } else { Activation::None.range(1.0, 0) };
        let rescaling = ROUNDINGS[stream.below_at(4, 2) as usize];
        Self {
            x: bytes(seed + 1, x),
            w: weights(seed + 2, w),
            b: (stream.below_at(5, 4) > 0).then(|| (0..channels as u64).map(bias).collect()),
            multipliers: (0..if each { channels as u64 } else { 1 }).map(multiplier).collect(),
            input_zero_point: [0, -128, 127, stream.u32_at(6) as i8][stream.below_at(7, 4) as usize],
            output: Output::new(zero_point).with_range(range).with_rescaling(rescaling),
        }
    }

    fn filter(&self) -> Filter<'_> {
        let filter = Filter::new(&self.w, &self.multipliers, self.output).with_input_zero_point(self.input_zero_point);
        match &self.b {
            Some(b) => filter.with_bias(b),
            None => filter,
        }
    }
}

/// The same answer at every level, wherever slices begin: `run` overwrites its last argument.
#[track_caller]
fn at_every_level(what: &str, expected: &[i8], run: impl Fn(Level, &mut [i8])) {
    for level in Level::all() {
        let mut found = vec![99; expected.len()];
        run(level, &mut found);
        assert!(found == expected, "{what}, {level}: {:?}", first_difference(&found, expected));
    }
}

fn first_difference(found: &[i8], expected: &[i8]) -> Option<(usize, i8, i8)> {
    (0..expected.len()).map(|i| (i, found[i], expected[i])).find(|(_, found, expected)| found != expected)
}

fn check_conv(conv: &Conv2d, batch: usize, seed: u64) {
    conv.validate().unwrap();
    let integers = Integers::new(seed, [batch * conv.x_len(), conv.w_len(), conv.out_channels, conv.w_rows()]);
    let (x, filter) = (&integers.x, integers.filter());
    let mut expected = vec![0; batch * conv.y_len()];
    twin::convolution::conv2d(conv, batch, x, &filter, &mut expected);
    at_every_level(&format!("{conv:?}, batch {batch}, seed {seed}"), &expected, |level, y| {
        conv2d::forward_into(level, conv, batch, x, &filter, y).unwrap();
    });
    if conv.groups == conv.in_channels {
        twin::convolution::depthwise_conv2d(conv, batch, x, &filter, &mut expected);
        at_every_level(&format!("depthwise {conv:?}, batch {batch}, seed {seed}"), &expected, |level, y| {
            depthwise_conv2d::forward_into(level, conv, batch, x, &filter, y).unwrap();
        });
    }
}

fn check_transposed(conv: &Conv2dTranspose, batch: usize, seed: u64) {
    let integers = Integers::new(seed, [batch * conv.x_len(), conv.w_len(), conv.out_channels, 4 * conv.in_channels]);
    let (x, filter) = (&integers.x, integers.filter());
    let mut expected = vec![0; batch * conv.y_len()];
    twin::convolution::conv2d_transpose(conv, batch, x, &filter, &mut expected);
    at_every_level(&format!("{conv:?}, batch {batch}, seed {seed}"), &expected, |level, y| {
        conv2d_transpose::forward_into(level, conv, batch, x, &filter, y).unwrap();
    });
}

fn check_dense(layer: Dense, batch: usize, seed: u64) {
    let integers = Integers::new(seed, [batch * layer.inputs, layer.w_len(), layer.outputs, layer.inputs]);
    let (x, filter) = (&integers.x, integers.filter());
    let mut expected = vec![0; batch * layer.outputs];
    twin::convolution::dense(&layer, batch, x, &filter, &mut expected);
    at_every_level(&format!("{layer:?}, batch {batch}, seed {seed}"), &expected, |level, y| {
        dense::forward_into(level, &layer, batch, x, &filter, y).unwrap();
    });
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

fn outputs() -> impl Strategy<Value = Output> {
    (any::<i8>(), any::<bool>(), any::<bool>()).prop_map(|(zero_point, clips, is_single)| {
        let output = Output::new(zero_point).with_rescaling(ROUNDINGS[usize::from(is_single)]);
        if clips { output.with_range([-100, 90]) } else { output }
    })
}

fn pair(most: usize) -> impl Strategy<Value = [usize; 2]> {
    (1..=most, 1..=most).prop_map(|(a, b)| [a, b])
}

fn convolutions() -> impl Strategy<Value = Conv2d> {
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
    (1..8_usize, 1..8_usize, 1..20_usize, 1..20_usize, pair(4), pair(3), pair(2), paddings())
        .prop_map(|(height, width, ci, co, kernel, stride, dilation, padding)| {
            Conv2dTranspose::new(height, width, ci, co, kernel)
                .with_stride(stride)
                .with_dilation(dilation)
                .with_padding(padding)
        })
        .prop_filter("something is left", |conv| conv.validate().is_ok())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_convolutions(conv in convolutions(), batch in 0..4_usize, seed in 0..1000_u64) {
        check_conv(&conv, batch, seed);
    }

    /// Vectors of channels, whole and not, and blocks of vectors; kernels from one tap to more than the vectors take.
    #[test]
    fn random_depthwise_convolutions(
        (height, width) in (1..9_usize, 1..9_usize), channels in 4..150_usize, kernel in pair(6), stride in pair(3),
        dilation in pair(2), padding in paddings(), batch in 0..3_usize, seed in 0..1000_u64,
    ) {
        let conv = Conv2d::new(height, width, channels, channels, kernel).with_groups(channels).with_stride(stride);
        let conv = conv.with_dilation(dilation).with_padding(padding);
        if conv.validate().is_ok() {
            check_conv(&conv, batch, seed);
        }
    }

    #[test]
    fn random_transposed_convolutions(conv in transposed(), batch in 0..3_usize, seed in 0..1000_u64) {
        check_transposed(&conv, batch, seed);
    }

    #[test]
    fn random_dense_layers(inputs in 0..300_usize, outputs in 0..140_usize, batch in 0..20_usize, seed in 0..1000_u64) {
        check_dense(Dense::new(inputs, outputs), batch, seed);
    }

    /// Quotients of any integers, those by 0 too, with shifts far beyond 32 bits.
    #[test]
    fn random_divisions(
        pairs in proptest::collection::vec((any::<i8>(), any::<i8>()), 0..70), zero_points in any::<[i8; 2]>(),
        mantissa in prop_oneof![Just(0), Just(i32::MAX), 1 << 30..=i32::MAX], exponent in -31..=30_i32,
        output in outputs(),
    ) {
        let (mut a, mut b): (Vec<i8>, Vec<i8>) = pairs.into_iter().unzip();
        a.extend([zero_points[0], 3]);
        b.extend([4, zero_points[1]]);
        let multiplier = Multiplier::from_parts(mantissa, exponent).unwrap();
        let quotient = div::Quotient { zero_points, multiplier, output };
        let expected: Vec<i8> = a.iter().zip(&b).map(|(&a, &b)| twin::functions::div(&quotient, a, b)).collect();
        at_every_level(&format!("{quotient:?} of {a:?} and {b:?}"), &expected, |level, y| {
            div::div_into(level, &Broadcast::same(a.len()), &quotient, &a, &b, y).unwrap();
        });
    }

    /// Sums that fit and sums that wrap, over and along tensors.
    #[test]
    fn random_sums(
        (outer, count, inner) in (0..4_usize, 0..40_usize, 0..9_usize), exclusive: bool, reversed: bool,
        scale in prop_oneof![0.001_f32..1.0, Just(1e9)], zero_point: i8, output in outputs(), seed in 0..1000_u64,
    ) {
        let (terms, x) = (sums::Terms::new(scale, zero_point, 0.5, output), bytes(seed, outer * count * inner));
        let shape = sums::Cumsum::new(count, inner).with_exclusive(exclusive).with_reversed(reversed);
        let mut expected = vec![0; x.len()];
        twin::sums::cumsum(&shape, &terms, &x, &mut expected);
        at_every_level(&format!("{shape:?} of {outer}, {terms:?}, seed {seed}"), &expected, |level, y| {
            sums::cumsum_into(level, &shape, outer, &terms, &x, y).unwrap();
        });
        // The same numbers as so many tensors.
        let len = 10 * outer * inner;
        let x: Vec<Vec<i8>> = (0..count as u64).map(|i| bytes(seed + i, len)).collect();
        let expected: Vec<i8> = (0..len).map(|i| twin::sums::add_n(&terms, x.iter().map(|x| x[i]))).collect();
        at_every_level(&format!("{count} of {len}, {terms:?}, seed {seed}"), &expected, |level, y| {
            sums::add_n_into(level, &terms, x.iter().map(Vec::as_slice), y).unwrap();
        });
    }

    /// Indices that are there and some that are not.
    #[test]
    fn random_gathers(
        sizes in proptest::collection::vec(0..5_usize, 1..=6), inner in 0..5_usize, rows in 0..20_usize,
        seed in 0..1000_u64,
    ) {
        let shape = gather_nd::GatherNd::new(&sizes, inner).unwrap();
        let (x, stream) = ((1..=shape.x_len() as i32).collect::<Vec<_>>(), Stream::new(seed, 0));
        let indices: Vec<i32> = (0..(rows * sizes.len()) as u64)
            .map(|i| match stream.below_at(i, 40) {
                0 => stream.u32_at(1000 + i).cast_signed(),
                1 => -1,
                _ => stream.below_at(1000 + i, sizes[i as usize % sizes.len()] as u32 + 1).cast_signed() - i32::from(i % 7 > 0),
            })
            .collect();
        let mut y = vec![-1; rows * inner];
        let places: Vec<[u8; 4]> = indices.iter().map(|i| i.to_le_bytes()).collect();
        gather_nd::gather_nd_into(&shape, &x, &places, &mut y).unwrap();
        for (i, &y) in y.iter().enumerate() {
            let index = &indices[i / inner * sizes.len()..][..sizes.len()];
            let expected = twin::copies::gathered(&sizes, index).map_or(0, |row| x[row * inner + i % inner]);
            prop_assert_eq!(y, expected, "{:?} {:?}", shape, index);
        }
    }

    #[test]
    fn rescaled_as_defined(x: i32, mantissa in 0..=i32::MAX, exponent in -31..=30_i32, near in 0..40_u32) {
        let multiplier = Multiplier::from_parts(mantissa, exponent).unwrap();
        for rescaling in ROUNDINGS {
            for x in [x, x >> (near % 32), (1_i32 << (near % 31)) - 1, i32::MIN, i32::MAX] {
                prop_assert_eq!(multiplier.rescale(x, rescaling), twin::rescale(x, multiplier, rescaling));
            }
        }
    }

    #[test]
    fn multipliers_are_the_nearest(mantissa in 1_u64 << 52..1 << 53, exponent in -31..=30_i32) {
        let real = mantissa as f64 * 2.0_f64.powi(exponent - 53);
        let multiplier = Multiplier::from_real(real);
        let back = f64::from(multiplier.mantissa()) * 2.0_f64.powi(multiplier.exponent() - 31);
        prop_assert!((back - real).abs() <= real.abs() * 2.0_f64.powi(-31));
        prop_assert!(multiplier.mantissa() >= 1 << 30);
    }

    #[test]
    fn arbitrary_descriptors_do_not_panic(
        sizes in proptest::array::uniform15(prop_oneof![0..4_usize, Just(usize::MAX), Just(usize::MAX / 2), Just(1 << 62)]),
        len in 0..64_usize,
    ) {
        let [height, width, ci, co, k0, k1, s0, s1, d0, d1, top, bottom, left, right, groups] = sizes;
        let mut conv = Conv2d::new(height, width, ci, co, [k0, k1]).with_groups(groups).with_stride([s0, s1]);
        (conv.dilation, conv.padding) = ([d0, d1], [top, bottom, left, right]);
        let mut up = Conv2dTranspose::new(height, width, ci, co, [k0, k1]).with_groups(groups).with_stride([s0, s1]);
        (up.dilation, up.padding) = ([d0, d1], [top, bottom, left, right]);
        let mut pool = Pool2d::new(height, width, ci, [k0, k1]).with_stride([s0, s1]);
        pool.padding = conv.padding;
        let integers = Integers::new(1, [len, len, 1, 1]);
        let (x, filter, level, mut y) = (&integers.x, integers.filter(), Level::detect(), vec![0; len]);
        let _ = conv2d::forward_into(level, &conv, 1, x, &filter, &mut y);
        let _ = depthwise_conv2d::forward_into(level, &conv, 1, x, &filter, &mut y);
        let _ = conv2d_transpose::forward_into(level, &up, 1, x, &filter, &mut y);
        let _ = pool2d::average_forward_into(level, &pool, 1, [0, 1], x, &mut y);
        let _ = pool2d::max_forward_into(level, &pool, 1, [1, 0], x, &mut y);
        let _ = dense::forward_into(level, &Dense::new(height, width), ci, x, &filter, &mut y);
        let one = Multiplier::from_real(1.0);
        let _ = mean::forward_into(level, &mean::Mean::new(height, width, one, Output::new(0)), ci, x, &mut y);
        let _ = softmax::forward_into(level, &softmax::Softmax::new(height, 0.1, 1.0), x, &mut y);
        let _ = Broadcast::new(&sizes[..6], &sizes[6..12]);
        let _ = pad::Pad::new(&sizes[..2], &[[k0, k1], [s0, s1]]).map(|pad| pad::pad_into(&pad, 0, x, &mut y));
        let steps = [d0.cast_signed(), d1.cast_signed()];
        let _ = slice::Slice::new(&sizes[..2], &sizes[2..4], &sizes[4..6], &steps)
            .map(|slice| slice::slice_into(&slice, x, &mut y));
        let _ = gather_nd::GatherNd::new(&sizes[..2], ci)
            .map(|shape| gather_nd::gather_nd_into(&shape, x, &vec![[1; 4]; len], &mut y));
        let cumsum = sums::Cumsum::new(height, width);
        let _ = sums::cumsum_into(level, &cumsum, ci, &sums::Terms::new(0.1, 0, 0.2, Output::new(0)), x, &mut y);
        let _ = concat::part_into(height, concat::Part { at: width, len: ci, whole: co }, x, &mut y);
    }
}

#[test]
fn convolutions_of_known_networks() {
    // MNIST's, a keyword spotter's, a residual network's.
    check_conv(&Conv2d::new(28, 28, 1, 32, [3, 3]), 1, 1);
    check_conv(&Conv2d::new(12, 12, 32, 64, [3, 3]), 2, 2);
    check_conv(&Conv2d::new(49, 10, 1, 64, [10, 4]).with_stride([2, 2]).with_padding(Padding::Same), 1, 3);
    check_conv(&Conv2d::new(25, 5, 64, 64, [1, 1]), 1, 4);
    check_conv(&Conv2d::new(8, 8, 64, 64, [3, 3]).with_padding(Padding::Same), 1, 5);
    check_conv(&Conv2d::new(16, 16, 3, 8, [3, 3]).with_stride([2, 2]).with_padding(Padding::Same), 1, 6);
    check_conv(&Conv2d::new(25, 5, 64, 64, [3, 3]).with_groups(64).with_padding(Padding::Same), 1, 7);
    check_conv(
        &Conv2d::new(9, 9, 70, 70, [3, 3]).with_groups(70).with_stride([2, 2]).with_padding(Padding::Same),
        2,
        8,
    );
    check_conv(&Conv2d::new(5, 5, 128, 256, [1, 1]), 1, 9);
}

/// More terms than any block of them, more channels than any panel.
#[test]
fn long_sums() {
    check_conv(&Conv2d::new(3, 3, 600, 70, [1, 1]), 2, 11);
    check_conv(&Conv2d::new(5, 5, 130, 20, [3, 3]), 2, 12);
    check_conv(&Conv2d::new(6, 6, 301, 9, [5, 5]).with_padding(Padding::Same), 1, 13);
    check_conv(&Conv2d::new(2, 600, 2, 3, [1, 2]), 2, 14);
    check_dense(Dense::new(9216, 20), 1, 15);
    check_dense(Dense::new(5000, 33), 9, 16);
    // Rows beyond those whose sums are kept, and pieces that end within a group.
    check_dense(Dense::new(1027, 70), 70, 17);
    check_dense(Dense::new(2049, 17), 131, 18);
}

#[test]
fn dense_sizes_around_the_lanes() {
    for inputs in [0, 1, 3, 4, 5, 15, 16, 17, 31, 63, 64, 65, 129] {
        for outputs in [0, 1, 2, 3, 4, 5, 7, 15, 16, 17, 31, 33, 64] {
            for batch in [1, 2, 9] {
                check_dense(Dense::new(inputs, outputs), batch, (inputs * 100 + outputs) as u64);
            }
        }
    }
}

#[test]
fn pooling_and_means() {
    for channels in [1, 3, 8, 15, 16, 17, 31, 64, 65, 130] {
        let shapes = [
            Pool2d::new(6, 4, channels, [2, 2]),
            Pool2d::new(7, 9, channels, [3, 3]).with_stride([2, 2]),
            Pool2d::new(7, 7, channels, [3, 3]).with_stride([2, 2]).with_padding(Padding::Same),
            Pool2d::new(5, 4, channels, [4, 3]).with_padding(Padding::Explicit {
                top: 3,
                bottom: 1,
                left: 0,
                right: 2,
            }),
            Pool2d::new(12, 5, channels, [12, 5]),
            Pool2d::new(1, 1, channels, [1, 1]),
        ];
        for (seed, pool) in (0..).zip(&shapes) {
            for (batch, range) in [(0, [-128, 127]), (1, [-128, 127]), (3, [-5, 60])] {
                let x = bytes(seed, batch * pool.x_len());
                let mut expected = vec![0; batch * pool.y_len()];
                twin::pool2d::average(pool, batch, range, &x, &mut expected);
                at_every_level(&format!("average {pool:?}"), &expected, |level, y| {
                    pool2d::average_forward_into(level, pool, batch, range, &x, y).unwrap();
                });
                twin::pool2d::max(pool, batch, range, &x, &mut expected);
                at_every_level(&format!("max {pool:?}"), &expected, |level, y| {
                    pool2d::max_forward_into(level, pool, batch, range, &x, y).unwrap();
                });
            }
        }
        for count in [1, 2, 9, 25, 64, 1000] {
            for (outer, real) in [(0, 1.0), (1, 0.7), (3, 1.9), (2, 1e-9), (1, 1e9)] {
                let output = Output::new(7).with_rescaling(ROUNDINGS[outer % 2]);
                let mean =
                    mean::Mean::new(count, channels, Multiplier::from_real(real), output).with_input_zero_point(-9);
                let x = bytes(count as u64, outer * count * channels);
                let mut expected = vec![0; outer * channels];
                twin::pool2d::mean(&mean, &x, &mut expected);
                at_every_level(&format!("{mean:?}"), &expected, |level, y| {
                    mean::forward_into(level, &mean, outer, &x, y).unwrap();
                });
            }
        }
    }
}

#[test]
fn joined_shapes() {
    let shapes: [(&[usize], &[usize]); 9] = [
        (&[31], &[31]),
        (&[2, 17], &[2, 17]),
        (&[3, 16], &[1, 16]),
        (&[3, 15], &[3, 1]),
        (&[1, 5], &[4, 1]),
        (&[2, 3, 4, 5], &[1, 3, 1, 5]),
        (&[2, 1, 4, 1], &[1, 3, 1, 5]),
        (&[1, 1], &[3, 33]),
        (&[3, 0], &[3, 1]),
    ];
    for (seed, (a_shape, b_shape)) in (0..).zip(shapes) {
        let shape = Broadcast::new(a_shape, b_shape).unwrap();
        let joined: Vec<usize> = a_shape.iter().zip(b_shape).map(|(&a, &b)| if a == 1 { b } else { a }).collect();
        let mut places = [vec![0; shape.y_len()], vec![0; shape.y_len()]];
        twin::elementwise::places(&joined, a_shape, &mut places[0]);
        twin::elementwise::places(&joined, b_shape, &mut places[1]);
        let (a, b) = (bytes(seed, shape.a_len()), bytes(seed + 50, shape.b_len()));
        let expected = |of: &dyn Fn(i8, i8) -> i8| -> Vec<i8> {
            places[0].iter().zip(&places[1]).map(|(&i, &j)| of(a[i], b[j])).collect()
        };
        for (scales, output_scale) in [([0.1, 0.1], 0.2), ([0.013, 0.4], 0.05), ([3.0, 1e-4], 1.7), ([9e9, 1.0], 1e-3)]
        {
            for rescaling in ROUNDINGS {
                let output = Output::new(-7).with_rescaling(rescaling).with_range([-100, 90]);
                let sum = add::Sum::new(scales, [5, -128], output_scale, output);
                let product = mul::Product::new(scales, [5, -128], output_scale, output);
                at_every_level("add", &expected(&|a, b| twin::elementwise::add(&sum, a, b)), |level, y| {
                    add::add_into(level, &shape, &sum, &a, &b, y).unwrap();
                });
                at_every_level("sub", &expected(&|a, b| twin::elementwise::sub(&sum, a, b)), |level, y| {
                    add::sub_into(level, &shape, &sum, &a, &b, y).unwrap();
                });
                let quotient = div::Quotient::new(scales, [5, -128], output_scale, output);
                at_every_level("div", &expected(&|a, b| twin::functions::div(&quotient, a, b)), |level, y| {
                    div::div_into(level, &shape, &quotient, &a, &b, y).unwrap();
                });
                at_every_level("mul", &expected(&|a, b| twin::elementwise::mul(&product, a, b)), |level, y| {
                    mul::mul_into(level, &shape, &product, &a, &b, y).unwrap();
                });
            }
        }
        at_every_level("minimum", &expected(&i8::min), |level, y| {
            minmax::minimum_into(level, &shape, &a, &b, y).unwrap();
        });
        at_every_level("maximum", &expected(&i8::max), |level, y| {
            minmax::maximum_into(level, &shape, &a, &b, y).unwrap();
        });
    }
    let error = Broadcast::new(&[2, 3], &[2]).unwrap_err();
    assert_eq!(error.to_string(), "broadcast: size of b: expected 3, found 2");
}

/// Every input there is, in lengths with and without a table behind them.
#[test]
fn functions_of_one_element() {
    let all: Vec<i8> = (0..3).flat_map(|_| i8::MIN..=i8::MAX).collect();
    let each = |what: &str, of: &dyn Fn(i8) -> i8, run: &dyn Fn(Level, &[i8], &mut [i8])| {
        for x in [&all[..], &all[..255], &all[100..131], &all[..1], &[]] {
            let expected: Vec<i8> = x.iter().map(|&x| of(x)).collect();
            at_every_level(what, &expected, |level, y| run(level, x, y));
        }
    };
    for rescaling in ROUNDINGS {
        for (scale, zero_point) in [(0.05, 0), (0.1, -128), (0.000_01, 127), (0.7, 3), (9.0, -5), (1e9, 0), (1e-12, 4)]
        {
            let input = logistic::Input::new(scale, zero_point).with_rescaling(rescaling);
            each(
                &format!("logistic {scale}"),
                &|x| twin::functions::logistic(scale, zero_point, rescaling, x),
                &|level, x, y| logistic::forward_into(level, &input, x, y).unwrap(),
            );
            each(
                &format!("tanh {scale}"),
                &|x| twin::functions::tanh(scale, zero_point, rescaling, x),
                &|level, x, y| tanh::forward_into(level, &input, x, y).unwrap(),
            );
            for output_scale in [0.05, 0.003, 2.0] {
                let output = Output::new(-3).with_rescaling(rescaling);
                let leaky =
                    leaky_relu::LeakyRelu::new(scale, output_scale, 0.3, output).with_input_zero_point(zero_point);
                each("leaky_relu", &|x| twin::elementwise::leaky_relu(&leaky, x), &|level, x, y| {
                    leaky_relu::forward_into(level, &leaky, x, y).unwrap();
                });
                let multiplier = Multiplier::from_real(f64::from(scale) / f64::from(output_scale));
                let of = |x| twin::elementwise::requantize(zero_point, multiplier, &output, x);
                each("requantize", &of, &|level, x, y| {
                    quantize::requantize_into(level, zero_point, multiplier, output, x, y).unwrap();
                });
                each("relu", &of, &|level, x, y| {
                    relu::relu_into(level, zero_point, multiplier, output, x, y).unwrap();
                });
                let (scales, zero_points) = ([scale, output_scale], [zero_point, -3]);
                let swish = hard_swish::HardSwish::new(scales, zero_points);
                each(
                    &format!("hard_swish {scales:?}"),
                    &|x| twin::functions::hard_swish(scales, zero_points, x),
                    &|level, x, y| hard_swish::forward_into(level, &swish, x, y).unwrap(),
                );
            }
        }
    }
    each("clamp", &|x| x.clamp(-7, 60), &|level, x, y| relu::clamp_into(level, [-7, 60], x, y).unwrap());
    each("table", &|x| x / 3, &|level, x, y| Table::from_fn(|x| x / 3).apply_into(level, x, y).unwrap());
    let elu = Table::elu([0.05, 0.04], [10, -90]);
    each("elu", &|x| elu.get(x), &|level, x, y| elu.apply_into(level, x, y).unwrap());
    // 0.5 stays; −2 becomes e⁻² − 1.
    assert_eq!((elu.get(20), elu.get(-30)), (-77, -112));
}

#[test]
fn quantised_and_back() {
    for (scale, zero_point) in [(0.05, 0), (0.1, -128), (1e-30, 127), (3.0, 3)] {
        let stream = Stream::new(3, 0);
        let mut x: Vec<f32> = (0..67).map(|i| (stream.f32_at(i) - 0.5) * 300.0 * scale).collect();
        x.extend([0.0, -0.0, 0.5 * scale, -0.5 * scale, 1.5 * scale, 1e30, -1e30, f32::INFINITY, f32::NEG_INFINITY]);
        let expected: Vec<i8> = x.iter().map(|&x| twin::elementwise::quantize(scale, zero_point, x)).collect();
        at_every_level("quantize", &expected, |level, y| {
            quantize::quantize_into(level, scale, zero_point, &x, y).unwrap();
        });
        for level in Level::all() {
            let mut y = [0];
            quantize::quantize_into(level, scale, zero_point, &[f32::NAN], &mut y).unwrap();
            assert_eq!(y, [zero_point]);
            let q: Vec<i8> = (i8::MIN..=i8::MAX).collect();
            let mut real = vec![f32::NAN; 256];
            quantize::dequantize_into(level, scale, zero_point, &q, &mut real).unwrap();
            for (q, real) in q.iter().zip(real) {
                assert_eq!(real.to_bits(), (twin::elementwise::dequantize(scale, zero_point, *q) + 0.0).to_bits());
            }
        }
    }
}

#[test]
fn softmax_rows() {
    let check = |classes: usize, scale: f32, beta: f32, x: &[i8]| {
        let mut expected = vec![0; x.len()];
        for (x, y) in x.chunks(classes).zip(expected.chunks_mut(classes)) {
            twin::functions::softmax(scale, beta, x, y);
        }
        let softmax = softmax::Softmax::new(classes, scale, beta);
        at_every_level(&format!("softmax of {classes}, {scale}"), &expected, |level, y| {
            softmax::forward_into(level, &softmax, x, y).unwrap();
        });
    };
    for scale in [0.001, 0.05, 0.1, 0.25, 1.0, 7.0, 100.0, 1e9] {
        for classes in [1, 2, 3, 10, 17, 64, 257] {
            check(classes, scale, 1.0, &bytes(classes as u64, 4 * classes));
            check(classes, scale, 0.3, &bytes(classes as u64, classes));
            check(classes, scale, 1.0, &vec![5; classes]);
        }
        // So many equal classes have no probability left.
        for classes in [511, 512, 4095, 4096, 5000] {
            check(classes, scale, 1.0, &vec![5; classes]);
        }
    }
    let level = Level::detect();
    assert!(softmax::forward_in_place(level, &softmax::Softmax::new(3, 0.1, 1.0), &mut [0; 4]).is_err());
    assert!(softmax::forward_in_place(level, &softmax::Softmax::new(0, 0.1, 1.0), &mut [0; 4]).is_err());
}

#[test]
fn softmax_rows_of_sixteen_bits() {
    for scale in [0.001, 0.05, 0.1, 0.25, 1.0, 7.0, 1e9] {
        for (classes, beta) in [(1, 1.0), (2, 0.3), (10, 1.0), (17, 2.0), (257, 1.0), (4095, 1.0)] {
            for x in [bytes(classes as u64, classes), vec![5; classes]] {
                let (mut expected, mut found) = (vec![99; classes], vec![[99; 2]; classes]);
                twin::functions::softmax_wide(scale, beta, &x, &mut expected);
                let softmax = softmax::Softmax::new(classes, scale, beta);
                for level in Level::all() {
                    softmax::forward_wide_into(level, &softmax, &x, &mut found).unwrap();
                    let found: Vec<_> = found.iter().map(|&y| i16::from_le_bytes(y)).collect();
                    assert_eq!(found, expected, "{classes} classes of {scale} at {level}");
                }
            }
        }
    }
    let softmax = softmax::Softmax::new(3, 0.1, 1.0);
    assert!(softmax::forward_wide_into(Level::detect(), &softmax, &[0; 4], &mut [[0; 2]; 4]).is_err());
    assert!(softmax::forward_wide_into(Level::detect(), &softmax, &[0; 3], &mut [[0; 2]; 6]).is_err());
}

#[test]
fn logarithms_of_softmax_rows() {
    for scale in [0.001, 0.02, 0.05, 0.1, 0.25, 1.0, 7.0, 1e9] {
        for classes in [1, 2, 3, 10, 17, 64, 257, 2000] {
            for x in [bytes(classes as u64, classes), vec![5; classes]] {
                let mut expected = vec![99; classes];
                twin::functions::log_softmax(scale, &x, &mut expected);
                at_every_level(&format!("log-softmax of {classes}, {scale}"), &expected, |level, y| {
                    log_softmax::forward_into(level, &log_softmax::LogSoftmax::new(classes, scale), &x, y).unwrap();
                });
                // And the real logarithms, to a sixteenth.
                let real: Vec<f64> = x.iter().map(|&x| f64::from(x) * f64::from(scale)).collect();
                let largest = real.iter().copied().fold(f64::MIN, f64::max);
                let sum = real.iter().map(|x| (x - largest).exp()).sum::<f64>().ln();
                for (x, &y) in real.iter().zip(&expected) {
                    let wanted = ((x - largest - sum) * 16.0 + 127.0).max(-128.0);
                    assert!((f64::from(y) - wanted).abs() <= 1.0, "{classes} classes of {scale}: {y}, not {wanted}");
                }
            }
        }
    }
    let level = Level::detect();
    let softmax = log_softmax::LogSoftmax::new(3, 0.1);
    assert!(log_softmax::forward_into(level, &softmax, &[0; 4], &mut [0; 4]).is_err());
    assert!(log_softmax::forward_into(level, &log_softmax::LogSoftmax::new(0, 0.1), &[0; 4], &mut [0; 4]).is_err());
    assert!(log_softmax::forward_into(level, &softmax, &[0; 6], &mut [0; 3]).is_err());
}

#[test]
fn sequences_with_their_state() {
    let layers = [(3, 5, 2, 4), (28, 20, 1, 6), (1, 1, 3, 9), (17, 33, 2, 2)];
    for (seed, (inputs, cells, batch, steps)) in (0..).zip(layers) {
        for (power, clip, time_major) in [(-11, 0.0, false), (-13, 1.5, true), (-15, 0.4, false), (-9, 1e9, true)] {
            let parts: Vec<Integers> = (0..8)
                .map(|gate| {
                    let from = if gate < 4 { inputs } else { cells };
                    let mut integers = Integers::new(seed * 100 + gate, [0, cells * from, cells, from]);
                    for multiplier in &mut integers.multipliers {
                        *multiplier = Multiplier::from_real(0.7 / (gate + 1) as f64);
                    }
                    integers.output.rescaling = ROUNDINGS[seed as usize % 2];
                    integers
                })
                .collect();
            let gates = [0, 1, 2, 3].map(|i| lstm::Gate { input: parts[i].filter(), recurrent: parts[i + 4].filter() });
            let hidden_scale = 1.0 / 128.0;
            let mut layer = lstm::Lstm::new(inputs, cells, gates, power, [hidden_scale, clip], -4);
            layer.hidden.rescaling = ROUNDINGS[seed as usize % 2];
            let layer = layer.with_time_major(time_major);
            let x = bytes(seed, batch * steps * inputs);
            let (hidden_0, cell_0) = (bytes(seed + 1, batch * cells), bytes(seed + 2, batch * cells));
            let cell_0: Vec<i16> = cell_0.iter().map(|&c| i16::from(c) * 100).collect();
            let (mut hidden, mut cell) = (hidden_0.clone(), cell_0.clone());
            let mut expected = vec![0; batch * steps * cells];
            for n in 0..batch {
                let (hidden, cell) = (&mut hidden[n * cells..][..cells], &mut cell[n * cells..][..cells]);
                for step in 0..steps {
                    let at = if time_major { step * batch + n } else { n * steps + step };
                    let x = &x[at * inputs..][..inputs];
                    twin::lstm::step(&layer, power, [hidden_scale, clip], x, hidden, cell);
                    expected[at * cells..][..cells].copy_from_slice(hidden);
                }
            }
            at_every_level(&format!("lstm {inputs} → {cells}, 2^{power}"), &expected, |level, y| {
                let (mut h, mut c) = (hidden_0.clone(), cell_0.clone());
                let mut scratch = vec![99; layer.scratch_len()];
                let state = lstm::State { hidden: &mut h, cell: &mut c };
                lstm::forward_into(level, &layer, batch, &x, y, state, &mut scratch).unwrap();
                assert_eq!((&h, &c), (&hidden, &cell));
            });
        }
    }
}

#[test]
fn copies() {
    let sizes = [3, 4, 5, 2];
    let x: Vec<i32> = (0..120).collect();
    for around in [[[0, 0], [1, 2], [2, 1], [0, 0]], [[1, 0], [0, 0], [0, 0], [2, 3]], [[0; 2]; 4]] {
        let pad = pad::Pad::new(&sizes, &around).unwrap();
        let mut y = vec![-1; pad.y_len()];
        pad::pad_into(&pad, -7, &x, &mut y).unwrap();
        for (i, y) in y.iter().enumerate() {
            assert_eq!(*y, twin::copies::padded(&sizes, &around, i).map_or(-7, |from| x[from]));
        }
    }
    let parts = [
        ([0, 0, 0, 0], [3, 4, 5, 2], [1, 1, 1, 1]),
        ([1, 3, 0, 0], [2, 2, 3, 2], [1, -2, 2, 1]),
        ([2, 0, 4, 1], [3, 1, 2, 2], [-1, 1, -3, -1]),
        ([2, 0, 4, 1], [3, 0, 2, 2], [-1, 1, -3, -1]),
    ];
    for (begins, counts, steps) in parts {
        let slice = slice::Slice::new(&sizes, &begins, &counts, &steps).unwrap();
        let mut y = vec![-1; slice.y_len()];
        slice::slice_into(&slice, &x, &mut y).unwrap();
        for (i, y) in y.iter().enumerate() {
            assert_eq!(*y, x[twin::copies::sliced(&sizes, &begins, &counts, &steps, i)]);
        }
    }
    let mut y = [0; 10];
    concat::part_into(2, concat::Part { at: 0, len: 2, whole: 5 }, &[1, 2, 6, 7], &mut y).unwrap();
    concat::part_into(2, concat::Part { at: 2, len: 3, whole: 5 }, &[3, 4, 5, 8, 9, 10], &mut y).unwrap();
    assert_eq!(y, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert!(concat::part_into(2, concat::Part { at: 3, len: 3, whole: 5 }, &[0; 6], &mut y).is_err());
}

#[test]
fn wrong_lengths_are_errors_and_write_nothing() {
    let level = Level::detect();
    let conv = Conv2d::new(4, 4, 2, 3, [3, 3]);
    let integers = Integers::new(3, [64, 54, 3, 18]);
    let (x, filter) = (&integers.x[..], integers.filter());
    let mut y = vec![7; 24];
    for (x, batch) in [(&x[1..], 2), (x, 3), (x, usize::MAX)] {
        assert!(conv2d::forward_into(level, &conv, batch, x, &filter, &mut y).is_err());
    }
    let short = [[0; 4]; 2];
    let error = conv2d::forward_into(level, &conv, 2, x, &filter.with_bias(&short), &mut y).unwrap_err();
    assert_eq!(error.to_string(), "int8 conv2d: b: expected 3, found 2");
    let two = [Multiplier::default(); 2];
    let error = conv2d::forward_into(level, &conv, 2, x, &Filter { multipliers: &two, ..filter }, &mut y).unwrap_err();
    assert_eq!(error.to_string(), "int8 conv2d: multipliers: expected 3, found 2");
    let wrong = Filter { w: &integers.w[1..], ..filter };
    assert!(conv2d::forward_into(level, &conv, 2, x, &wrong, &mut y).is_err());
    assert!(depthwise_conv2d::forward_into(level, &conv, 2, x, &filter, &mut y).is_err());
    let quotient = div::Quotient::new([1.0; 2], [0; 2], 1.0, integers.output);
    assert!(div::div_into(level, &Broadcast::same(24), &quotient, &x[..24], &x[..23], &mut y).is_err());
    let terms = sums::Terms::new(1.0, 0, 1.0, integers.output);
    let error = sums::add_n_into(level, &terms, [&x[..24], &x[..23]], &mut y).unwrap_err();
    assert_eq!(error.to_string(), "int8 add_n: x: expected 24, found 23");
    for (outer, x) in [(2, &x[..23]), (3, &x[..24]), (usize::MAX, &x[..24])] {
        assert!(sums::cumsum_into(level, &sums::Cumsum::new(4, 3), outer, &terms, x, &mut y).is_err());
    }
    let pixels = gather_nd::GatherNd::new(&[4, 4], 3).unwrap();
    let error = gather_nd::gather_nd_into(&pixels, &x[..48], &[[0; 4]; 15], &mut y).unwrap_err();
    assert_eq!(error.to_string(), "gather_nd: indices: expected a multiple of 2, found 15");
    for (x, indices) in [(&x[..47], 16), (&x[..48], 14)] {
        assert!(gather_nd::gather_nd_into(&pixels, x, &vec![[0; 4]; indices], &mut y).is_err());
    }
    assert!(gather_nd::GatherNd::new(&[1; 7], 1).is_err());
    assert_eq!(y, vec![7; 24]);
}
