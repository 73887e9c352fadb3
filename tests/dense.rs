//! The dense layer against its naive twin, bit by bit, at every level.

use kernlet::{
    kernels::{
        Epilogue,
        dense::{self, Dense},
        reference,
    },
    simd::Level,
};
use proptest::prelude::*;

/// Cuts both ends of what the values below give.
const CLAMP: Epilogue = Epilogue::Clamp { low: -0.5, high: 0.75 };

fn values(integers: bool, seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            if integers { (state >> 40) as f32 % 7.0 - 3.0 } else { (state >> 40) as f32 / (1 << 23) as f32 - 1.0 }
        })
        .collect()
}

#[track_caller]
fn assert_bits(what: &str, level: Level, found: &[f32], expected: &[f32]) {
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(found.to_bits() == expected.to_bits(), "{level}: {what}[{i}] = {found:e}, expected {expected:e}");
    }
}

fn check(dense: &Dense, batch: usize, integers: bool, seed: u64) {
    let x = values(integers, seed, batch * dense.inputs);
    let w = values(integers, seed + 1, dense.w_len());
    let b = values(integers, seed + 2, dense.outputs);
    let dy = values(integers, seed + 3, batch * dense.outputs);
    let dw = values(integers, seed + 4, dense.w_len());
    for level in Level::all() {
        let rounding = level.rounding();
        for (bias, epilogue) in [(None, Epilogue::None), (Some(&b[..]), Epilogue::Relu), (Some(&b[..]), CLAMP)] {
            let mut y = vec![f32::NAN; batch * dense.outputs];
            let mut expected = y.clone();
            dense::forward_into(level, dense, batch, dense::Forward { x: &x, w: &w, b: bias, epilogue }, &mut y)
                .unwrap();
            reference::dense::forward(
                rounding,
                dense,
                batch,
                dense::Forward { x: &x, w: &w, b: bias, epilogue },
                &mut expected,
            );
            assert_bits("y", level, &y, &expected);
        }
        let mut dx = vec![f32::NAN; batch * dense.inputs];
        let mut expected = dx.clone();
        let mut scratch = vec![f32::NAN; dense::backward_input_scratch_len(dense)];
        dense::backward_input_into(level, dense, batch, &w, &dy, &mut dx, &mut scratch).unwrap();
        reference::dense::backward_input(rounding, dense, batch, &w, &dy, &mut expected);
        assert_bits("dx", level, &dx, &expected);

        let mut expected = dw.clone();
        reference::dense::backward_weight(rounding, dense, batch, &x, &dy, &mut expected);
        let mut found = dw.clone();
        let cut = dense.inputs / 3;
        let (low, high) = found.split_at_mut(cut * dense.outputs);
        dense::backward_weight_acc(level, dense, batch, &x, &dy, 0..cut, low).unwrap();
        dense::backward_weight_acc(level, dense, batch, &x, &dy, cut..dense.inputs, high).unwrap();
        assert_bits("dw", level, &found, &expected);
        let (mut found, mut expected) = (vec![f32::NAN; dense.w_len()], vec![0.0; dense.w_len()]);
        dense::backward_weight_into(level, dense, batch, &x, &dy, 0..dense.inputs, &mut found).unwrap();
        reference::dense::backward_weight(rounding, dense, batch, &x, &dy, &mut expected);
        assert_bits("dw from nothing", level, &found, &expected);

        let (mut db, mut expected) = (b.clone(), b.clone());
        dense::backward_bias_acc(level, dense, batch, &dy, &mut db).unwrap();
        reference::dense::backward_bias(&dy, &mut expected);
        assert_bits("db", level, &db, &expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_shapes(
        inputs in 0..90_usize, outputs in 0..140_usize, batch in 0..20_usize, integers: bool, seed in 0..1000_u64,
    ) {
        check(&Dense::new(inputs, outputs), batch, integers, seed);
    }
}

#[test]
fn sizes_around_the_lanes() {
    for inputs in [1, 3, 4, 5, 8, 15, 16, 17, 31, 33, 64] {
        for outputs in [1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65] {
            check(&Dense::new(inputs, outputs), 9, false, (inputs * outputs) as u64);
        }
    }
}

/// A product of a matrix and a vector.
#[test]
fn one_image() {
    for inputs in [1, 7, 600] {
        for outputs in [63, 64, 65, 72, 127, 128, 129, 143, 200, 300] {
            check(&Dense::new(inputs, outputs), 1, false, (inputs + outputs) as u64);
        }
    }
}

#[test]
fn terms_in_several_blocks() {
    check(&Dense::new(1100, 130), 1, false, 1);
    check(&Dense::new(1100, 130), 7, false, 2);
    check(&Dense::new(300, 1030), 1, false, 3);
    check(&Dense::new(70, 30), 1100, false, 4);
    // Panels of a large layer: the last of each axis is not full.
    check(&Dense::new(530, 37), 131, false, 5);
}

#[test]
fn wrong_lengths_are_errors() {
    let level = Level::detect();
    let layer = Dense::new(3, 2);
    let mut y = [7.0; 4];
    let none = Epilogue::None;
    assert!(
        dense::forward_into(
            level,
            &layer,
            2,
            dense::Forward { x: &[0.0; 5], w: &[0.0; 6], b: None, epilogue: none },
            &mut y
        )
        .is_err()
    );
    assert!(
        dense::forward_into(
            level,
            &layer,
            2,
            dense::Forward { x: &[0.0; 6], w: &[0.0; 5], b: None, epilogue: none },
            &mut y
        )
        .is_err()
    );
    assert!(
        dense::forward_into(
            level,
            &layer,
            usize::MAX,
            dense::Forward { x: &[0.0; 6], w: &[0.0; 6], b: None, epilogue: none },
            &mut y
        )
        .is_err()
    );
    let error = dense::forward_into(
        level,
        &layer,
        2,
        dense::Forward { x: &[0.0; 6], w: &[0.0; 6], b: Some(&[0.0]), epilogue: none },
        &mut y,
    )
    .unwrap_err();
    assert_eq!(error.to_string(), "dense: b: expected 2, found 1");
    assert_eq!(y, [7.0; 4]);
    assert!(Dense::new(usize::MAX, 2).validate().is_err());
}

/// What an epilogue makes of values at its edges, in kernels and by itself.
#[test]
fn epilogues_at_their_edges() {
    let clamp = |low, high| Epilogue::Clamp { low, high };
    let (nan, most) = (f32::NAN, f32::INFINITY);
    let cases = [
        (Epilogue::None, -0.0, -0.0),
        (Epilogue::Relu, -0.0, -0.0),
        (Epilogue::Relu, -1.0, 0.0),
        (Epilogue::Relu, nan, nan),
        (Epilogue::RELU6, 7.0, 6.0),
        (Epilogue::RELU6, -7.0, 0.0),
        (Epilogue::RELU6, 6.0, 6.0),
        (Epilogue::RELU6, nan, nan),
        (Epilogue::RELU6, -0.0, -0.0),
        (clamp(-1.0, 1.0), -most, -1.0),
        (clamp(-1.0, 1.0), most, 1.0),
        (clamp(-0.0, 0.0), 3.0, 0.0),
        (clamp(nan, 1.0), -5.0, -5.0),
        (clamp(-1.0, nan), 5.0, 5.0),
        (clamp(2.0, 1.0), 0.0, 1.0),
        (clamp(2.0, 1.0), 5.0, 1.0),
    ];
    let same = |a: f32, b: f32| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
    for (epilogue, y, expected) in cases {
        assert!(same(epilogue.apply(y), expected), "{epilogue:?} of {y}: {}", epilogue.apply(y));
        for level in Level::all() {
            // A bias keeps its sign, as no term is added to it: first the tile, then the small product.
            for batch in [1, 4] {
                let mut found = vec![0.25; batch];
                let operands = dense::Forward { x: &[], w: &[], b: Some(&[y]), epilogue };
                dense::forward_into(level, &Dense::new(0, 1), batch, operands, &mut found).unwrap();
                assert!(same(found[0], expected), "{epilogue:?} of {y} on {level}: {}", found[0]);
            }
        }
    }
}
