//! Winograd's convolution against its naive twin, bit by bit, at every level; and against exact arithmetic.

use kernlet::{
    kernels::{
        conv2d::{self, Conv2d},
        reference,
        winograd::{self, Epilogue, Forward, Tile, Winograd},
    },
    shape::Padding,
    simd::Level,
};
use proptest::prelude::*;

/// Reproducible values from −1 to 1, or small whole numbers.
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
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let same = found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
        assert!(same, "{level}: {what}[{i}] = {found:e}, expected {expected:e}");
    }
}

/// Both passes at every level, with weights transformed in the call and before it.
fn check(conv: &Winograd, batch: usize, seed: u64) {
    conv.validate().unwrap();
    let of = &conv.conv;
    let (x, w) = (values(false, seed, batch * of.x_len()), values(false, seed + 1, of.w_len()));
    let (b, dy) = (values(false, seed + 2, of.b_len()), values(false, seed + 3, batch * of.y_len()));
    let clamp = Epilogue::Clamp { low: -0.5, high: 0.75 };
    for level in Level::all() {
        let rounding = level.rounding();
        let scratch = || vec![f32::NAN; winograd::forward_packed_scratch_len(conv)];
        let mut packed = vec![f32::NAN; conv.packed_len()];
        winograd::pack_weights_into(level, conv, &w, &mut packed).unwrap();
        for (b, epilogue) in [(None, Epilogue::None), (Some(&b[..]), Epilogue::Relu), (Some(&b[..]), clamp)] {
            let operands = Forward { x: &x, w: &w, b, epilogue };
            let mut expected = vec![f32::NAN; batch * of.y_len()];
            reference::winograd::forward(rounding, conv, batch, operands, &mut expected);
            let mut y = vec![f32::NAN; batch * of.y_len()];
            let mut all = vec![f32::NAN; winograd::forward_scratch_len(conv)];
            winograd::forward_into(level, conv, batch, operands, &mut y, &mut all).unwrap();
            assert_bits("y", level, &y, &expected);
            y.fill(f32::NAN);
            let operands = Forward { w: &packed, ..operands };
            winograd::forward_packed_into(level, conv, batch, operands, &mut y, &mut scratch()).unwrap();
            assert_bits("y with packed weights", level, &y, &expected);
        }
        let mut expected = vec![f32::NAN; batch * of.x_len()];
        reference::winograd::backward_input(rounding, conv, batch, &w, &dy, &mut expected);
        let mut dx = vec![f32::NAN; batch * of.x_len()];
        let mut all = vec![f32::NAN; winograd::backward_input_scratch_len(conv)];
        winograd::backward_input_into(level, conv, batch, &w, &dy, &mut dx, &mut all).unwrap();
        assert_bits("dx", level, &dx, &expected);
        dx.fill(f32::NAN);
        winograd::pack_transposed_weights_into(level, conv, &w, &mut packed, &mut vec![f32::NAN; w.len()]).unwrap();
        winograd::backward_input_packed_into(level, conv, batch, &packed, &dy, &mut dx, &mut scratch()).unwrap();
        assert_bits("dx with packed weights", level, &dx, &expected);
    }
}

fn paddings() -> impl Strategy<Value = Padding> {
    prop_oneof![
        Just(Padding::Valid),
        Just(Padding::Same),
        (0..7_usize, 0..7_usize, 0..7_usize, 0..7_usize).prop_map(|(top, bottom, left, right)| Padding::Explicit {
            top,
            bottom,
            left,
            right
        }),
    ]
}

fn convolutions() -> impl Strategy<Value = Winograd> {
    let channels = || prop_oneof![1..6_usize, Just(15_usize), Just(16), Just(17), Just(33)];
    (
        1..13_usize,
        1..13_usize,
        channels(),
        channels(),
        paddings(),
        prop_oneof![Just(Tile::F2), Just(Tile::F4)],
        1..9_usize,
    )
        .prop_map(|(height, width, ci, co, padding, tile, block)| {
            let conv = Conv2d::new(height, width, ci, co, [3, 3]).with_padding(padding);
            Winograd::new(conv).with_tile(tile).with_block(block)
        })
        .prop_filter("the window fits", |conv| conv.validate().is_ok())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_shapes(conv in convolutions(), batch in 0..4_usize, seed in 0..1000_u64) {
        check(&conv, batch, seed);
    }
}

#[test]
fn shapes_of_networks() {
    for tile in [Tile::F2, Tile::F4] {
        check(&Winograd::new(Conv2d::new(10, 10, 32, 64, [3, 3])).with_tile(tile), 2, 1);
        let same = Conv2d::new(8, 8, 16, 48, [3, 3]).with_padding(Padding::Same);
        check(&Winograd::new(same).with_tile(tile), 3, 2);
    }
}

/// No bit depends on the block, nor on how images are divided among calls.
#[test]
fn blocks_and_pieces_change_no_bit() {
    let conv = Winograd::new(Conv2d::new(9, 11, 5, 18, [3, 3]));
    let of = &conv.conv;
    let (x, w) = (values(false, 1, 3 * of.x_len()), values(false, 2, of.w_len()));
    let level = Level::detect();
    let run = |conv: &Winograd, images: usize, x: &[f32]| {
        let mut y = vec![f32::NAN; images * conv.conv.y_len()];
        let mut scratch = vec![f32::NAN; winograd::forward_scratch_len(conv)];
        let operands = Forward { x, w: &w, b: None, epilogue: Epilogue::None };
        winograd::forward_into(level, conv, images, operands, &mut y, &mut scratch).unwrap();
        y
    };
    let whole = run(&conv, 3, &x);
    for block in [1, 2, 5, 7, 100] {
        assert_bits("y", level, &run(&conv.with_block(block), 3, &x), &whole);
    }
    let pieces: Vec<f32> = x.chunks_exact(of.x_len()).flat_map(|x| run(&conv, 1, x)).collect();
    assert_bits("y of pieces", level, &pieces, &whole);
}

/// What exact arithmetic gives: the taps one by one in 64 bits.
fn exact(conv: &Conv2d, x: &[f32], w: &[f32], dy: &[f32]) -> (Vec<f64>, Vec<f64>) {
    let (ci, co) = (conv.in_channels, conv.out_channels);
    let (mut y, mut dx) = (vec![0.0; conv.y_len()], vec![0.0; conv.x_len()]);
    for (oh, ow) in (0..conv.out_height()).flat_map(|h| (0..conv.out_width()).map(move |w| (h, w))) {
        for (kh, kw) in (0..3).flat_map(|h| (0..3).map(move |w| (h, w))) {
            let row = (oh + kh).checked_sub(conv.padding[0]).filter(|&row| row < conv.height);
            let column = (ow + kw).checked_sub(conv.padding[2]).filter(|&column| column < conv.width);
            let (Some(row), Some(column)) = (row, column) else { continue };
            let (from, to) = ((row * conv.width + column) * ci, (oh * conv.out_width() + ow) * co);
            for (i, o) in (0..ci).flat_map(|i| (0..co).map(move |o| (i, o))) {
                let w = f64::from(w[((kh * 3 + kw) * ci + i) * co + o]);
                y[to + o] += f64::from(x[from + i]) * w;
                dx[from + i] += f64::from(dy[to + o]) * w;
            }
        }
    }
    (y, dx)
}

/// Root mean square and largest error.
fn errors(found: &[f32], exact: &[f64]) -> [f64; 2] {
    let errors: Vec<f64> = found.iter().zip(exact).map(|(found, exact)| (f64::from(*found) - exact).abs()).collect();
    let squares: f64 = errors.iter().map(|error| error * error).sum();
    [(squares / errors.len() as f64).sqrt(), errors.iter().fold(0.0, |most, &error| error.max(most))]
}

/// At 32 channels and more the root mean square of the errors is at most 5 times the direct form's, the
/// largest at most 10 times; with tiles of 2 × 2 about the direct form's.
#[test]
fn errors_against_exact_arithmetic() {
    for (channels, size) in [(32, 18), (64, 14), (128, 10)] {
        let of = Conv2d::new(size, size, channels, channels, [3, 3]).with_padding(Padding::Same);
        let (x, w) = (values(false, 5, of.x_len()), values(false, 6, of.w_len()));
        let dy = values(false, 7, of.y_len());
        let (exact_y, exact_dx) = exact(&of, &x, &w, &dy);
        for level in Level::all() {
            let operands = Forward { x: &x, w: &w, b: None, epilogue: Epilogue::None };
            let (mut y, mut dx) = (vec![f32::NAN; of.y_len()], vec![f32::NAN; of.x_len()]);
            conv2d::forward_into(level, &of, 1, operands, &mut y).unwrap();
            let mut scratch = vec![f32::NAN; conv2d::backward_input_scratch_len(&of)];
            conv2d::backward_input_into(level, &of, 1, &w, &dy, &mut dx, &mut scratch).unwrap();
            let direct = [errors(&y, &exact_y), errors(&dx, &exact_dx)];
            for (tile, most) in [(Tile::F4, [5.0, 10.0]), (Tile::F2, [1.5, 2.0])] {
                let conv = Winograd::new(of).with_tile(tile);
                let mut scratch = vec![f32::NAN; winograd::forward_scratch_len(&conv)];
                winograd::forward_into(level, &conv, 1, operands, &mut y, &mut scratch).unwrap();
                let mut scratch = vec![f32::NAN; winograd::backward_input_scratch_len(&conv)];
                winograd::backward_input_into(level, &conv, 1, &w, &dy, &mut dx, &mut scratch).unwrap();
                let found = [errors(&y, &exact_y), errors(&dx, &exact_dx)];
                for (pass, (found, direct)) in found.iter().zip(&direct).enumerate() {
                    let ratios = [found[0] / direct[0], found[1] / direct[1]];
                    println!("{channels} channels, {tile:?}, pass {pass}, {level}: {ratios:.2?}");
                    assert!(ratios[0] <= most[0] && ratios[1] <= most[1], "{channels} {tile:?} {level}: {ratios:?}");
                }
            }
        }
    }
}

/// With tiles of 2 × 2 and small whole numbers everything is exact, and so equals the direct form.
#[test]
fn whole_numbers_are_exact() {
    let of = Conv2d::new(9, 6, 7, 19, [3, 3]).with_padding(Padding::Same);
    let conv = Winograd::new(of).with_tile(Tile::F2);
    let (x, w, dy) = (values(true, 8, of.x_len()), values(true, 9, of.w_len()), values(true, 10, of.y_len()));
    for level in Level::all() {
        let operands = Forward { x: &x, w: &w, b: None, epilogue: Epilogue::None };
        let (mut y, mut expected) = (vec![f32::NAN; of.y_len()], vec![f32::NAN; of.y_len()]);
        let mut scratch = vec![f32::NAN; winograd::forward_scratch_len(&conv)];
        winograd::forward_into(level, &conv, 1, operands, &mut y, &mut scratch).unwrap();
        conv2d::forward_into(level, &of, 1, operands, &mut expected).unwrap();
        assert_eq!(y, expected, "{level}");
        let (mut dx, mut expected) = (vec![f32::NAN; of.x_len()], vec![f32::NAN; of.x_len()]);
        let mut scratch = vec![f32::NAN; winograd::backward_input_scratch_len(&conv)];
        winograd::backward_input_into(level, &conv, 1, &w, &dy, &mut dx, &mut scratch).unwrap();
        let mut scratch = vec![f32::NAN; conv2d::backward_input_scratch_len(&of)];
        conv2d::backward_input_into(level, &of, 1, &w, &dy, &mut expected, &mut scratch).unwrap();
        assert_eq!(dx, expected, "{level}");
    }
}

#[test]
fn wrong_shapes_and_lengths_are_errors() {
    let says = |conv: Conv2d| Winograd::new(conv).validate().unwrap_err().to_string();
    let of = Conv2d::new(8, 8, 4, 4, [3, 3]);
    assert_eq!(says(Conv2d::new(8, 8, 4, 4, [3, 1])), "winograd: kernel columns: expected 3, found 1");
    assert_eq!(says(of.with_stride([1, 2])), "winograd: stride of columns: expected 1, found 2");
    assert_eq!(says(of.with_dilation([2, 1])), "winograd: dilation of rows: expected 1, found 2");
    assert_eq!(says(of.with_groups(2)), "winograd: groups: expected 1, found 2");
    assert_eq!(says(Conv2d::new(2, 8, 4, 4, [3, 3])), "conv2d: padded height: expected at least 3, found 2");
    assert_eq!(
        Winograd::new(of).with_block(0).validate().unwrap_err().to_string(),
        "winograd: block: expected at least 1, found 0"
    );
    assert!(Winograd::new(of).with_block(usize::MAX / 2).validate().is_err());
    const { assert!(Winograd::new(Conv2d::new(8, 8, 4, 4, [3, 3])).validate().is_ok()) };

    let (level, conv) = (Level::detect(), Winograd::new(of));
    let (x, w, b) = (vec![1.0; of.x_len()], vec![1.0; of.w_len()], vec![1.0; of.b_len()]);
    let mut y = vec![7.0; of.y_len()];
    let mut scratch = vec![0.0; winograd::forward_scratch_len(&conv)];
    for (x, w, b, batch) in [(&x[1..], &w[..], &b[..], 1), (&x, &w[1..], &b, 1), (&x, &w, &b[1..], 1), (&x, &w, &b, 2)]
    {
        let operands = Forward { x, w, b: Some(b), epilogue: Epilogue::None };
        assert!(winograd::forward_into(level, &conv, batch, operands, &mut y, &mut scratch).is_err());
    }
    let operands = Forward { x: &x, w: &w, b: None, epilogue: Epilogue::None };
    assert!(winograd::forward_into(level, &conv, 1, operands, &mut y, &mut scratch[1..]).is_err());
    assert!(winograd::forward_packed_into(level, &conv, 1, operands, &mut y, &mut scratch).is_err());
    assert_eq!(y, vec![7.0; of.y_len()]);
    let mut dx = vec![7.0; of.x_len()];
    assert!(winograd::backward_input_into(level, &conv, 1, &w[1..], &y, &mut dx, &mut scratch).is_err());
    assert!(winograd::backward_input_into(level, &conv, 2, &w, &y, &mut dx, &mut scratch).is_err());
    assert_eq!(dx, vec![7.0; of.x_len()]);
    assert!(winograd::pack_weights_into(level, &conv, &w, &mut scratch).is_err());
}

/// The gradient is that of the forward pass: `⟨dy, conv(x)⟩ = ⟨dx, x⟩`, in 64 bits of what was computed.
#[test]
fn backward_is_the_adjoint_of_forward() {
    for (tile, seed) in [(Tile::F2, 20), (Tile::F4, 30)] {
        let of =
            Conv2d::new(13, 10, 6, 9, [3, 3]).with_padding(Padding::Explicit { top: 2, bottom: 0, left: 1, right: 3 });
        let conv = Winograd::new(of).with_tile(tile);
        let (x, w) = (values(false, seed, of.x_len()), values(false, seed + 1, of.w_len()));
        let dy = values(false, seed + 2, of.y_len());
        for level in Level::all() {
            let (mut y, mut dx) = (vec![f32::NAN; of.y_len()], vec![f32::NAN; of.x_len()]);
            let operands = Forward { x: &x, w: &w, b: None, epilogue: Epilogue::None };
            let mut scratch = vec![f32::NAN; winograd::forward_scratch_len(&conv)];
            winograd::forward_into(level, &conv, 1, operands, &mut y, &mut scratch).unwrap();
            let mut scratch = vec![f32::NAN; winograd::backward_input_scratch_len(&conv)];
            winograd::backward_input_into(level, &conv, 1, &w, &dy, &mut dx, &mut scratch).unwrap();
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
            let size: f64 = y.iter().zip(&dy).map(|(a, b)| (f64::from(*a) * f64::from(*b)).abs()).sum();
            assert!((dot(&y, &dy) - dot(&dx, &x)).abs() < 1e-5 * size, "{level}: {} {}", dot(&y, &dy), dot(&dx, &x));
        }
    }
}
