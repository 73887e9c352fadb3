//! Winograd's convolution against its naive twin, to the bit.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use kernlet::{
    kernels::{
        conv2d::Conv2d,
        reference,
        winograd::{self, Epilogue, Forward, Tile, Winograd},
    },
    simd::{Level, Rounding},
};
use kernlet_fuzz::{Numbers, padding, pair, same, size};
use libfuzzer_sys::fuzz_target;

#[derive(Debug)]
struct Case {
    conv: Winograd,
    batch: usize,
    epilogue: Epilogue,
    bias: bool,
    numbers: Numbers,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let [height, width] = pair(u, 0, 10)?;
        let wide = if u.ratio(1, 16)? { 34 } else { 5 };
        // Mostly what the algorithm is for.
        let kernel = if u.ratio(1, 16)? { pair(u, 0, 4)? } else { [3, 3] };
        let conv = Conv2d::new(height, width, size(u, 1, wide)?, size(u, 1, wide)?, kernel).with_padding(padding(u)?);
        let tile = if u.arbitrary()? { Tile::F4 } else { Tile::F2 };
        let epilogue = match u.int_in_range(0..=2)? {
            0 => Epilogue::None,
            1 => Epilogue::Relu,
            _ => Epilogue::Clamp { low: -0.25, high: 0.5 },
        };
        let conv = Winograd::new(conv).with_tile(tile).with_block(size(u, 0, 7)?);
        Ok(Self { conv, batch: size(u, 0, 2)?, epilogue, bias: u.arbitrary()?, numbers: u.arbitrary()? })
    }
}

fuzz_target!(|case: Case| {
    let Case { conv, batch, epilogue, numbers, .. } = case;
    if conv.validate().is_err() {
        return;
    }
    let of = &conv.conv;
    let (x, w) = (numbers.take(0, batch * of.x_len()), numbers.take(1, of.w_len()));
    let (b, dy) = (numbers.take(2, of.b_len()), numbers.take(3, batch * of.y_len()));
    let operands = Forward { x: &x, w: &w, b: case.bias.then_some(&b[..]), epilogue };
    for rounding in [Rounding::Strict, Rounding::Fused] {
        let (mut y, mut dx) = (vec![f32::NAN; batch * of.y_len()], vec![f32::NAN; batch * of.x_len()]);
        reference::winograd::forward(rounding, &conv, batch, operands, &mut y);
        reference::winograd::backward_input(rounding, &conv, batch, &w, &dy, &mut dx);
        for level in Level::all().filter(|level| level.rounding() == rounding) {
            let mut found = vec![f32::NAN; y.len()];
            let mut scratch = vec![f32::NAN; winograd::forward_scratch_len(&conv)];
            winograd::forward_into(level, &conv, batch, operands, &mut found, &mut scratch).unwrap();
            same("y", level, &found, &y);
            let mut found = vec![f32::NAN; dx.len()];
            let mut scratch = vec![f32::NAN; winograd::backward_input_scratch_len(&conv)];
            winograd::backward_input_into(level, &conv, batch, &w, &dy, &mut found, &mut scratch).unwrap();
            same("dx", level, &found, &dx);
        }
    }
});
