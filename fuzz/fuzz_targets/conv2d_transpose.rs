//! Transposed convolution against its naive twin, to the bit.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use kernlet::{
    kernels::{
        conv2d::Epilogue,
        conv2d_transpose::{self, Conv2dTranspose},
        reference,
    },
    simd::{Level, Rounding},
};
use kernlet_fuzz::{Numbers, Twin, padding, pair, same, size};
use libfuzzer_sys::fuzz_target;

#[derive(Debug)]
struct Case {
    conv: Conv2dTranspose,
    batch: usize,
    epilogue: u8,
    bias: bool,
    numbers: Numbers,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let [height, width] = pair(u, 0, 8)?;
        let groups = size(u, 1, 4)?;
        let wide = if u.ratio(1, 16)? { 70 } else { 7 };
        let (ci, co) = (groups * size(u, 1, wide / groups)?, groups * size(u, 1, wide / groups)?);
        let conv = Conv2dTranspose::new(height, width, ci, co, pair(u, 0, 4)?)
            .with_stride(pair(u, 0, 3)?)
            .with_dilation(pair(u, 0, 3)?)
            .with_groups(groups)
            .with_padding(padding(u)?)
            .with_output_padding(pair(u, 0, 3)?);
        Ok(Self { conv, batch: size(u, 0, 2)?, epilogue: u.arbitrary()?, bias: u.arbitrary()?, numbers: u.arbitrary()? })
    }
}

fuzz_target!(|case: Case| {
    let Case { conv, batch, numbers, .. } = case;
    if conv.validate().is_err() {
        return;
    }
    let (x, w) = (numbers.take(0, batch * conv.x_len()), numbers.take(1, conv.w_len()));
    let (b, dy) = (numbers.take(2, conv.b_len()), numbers.take(3, batch * conv.y_len()));
    let b = case.bias.then_some(&b[..]);
    let epilogue = match case.epilogue % 3 {
        0 => Epilogue::None,
        1 => Epilogue::Relu,
        _ => Epilogue::Clamp { low: -0.25, high: 0.5 },
    };
    let roundings = [Rounding::Strict, Rounding::Fused];
    let twins = roundings.map(|rounding| Twin {
        y: {
            let mut y = vec![f32::NAN; batch * conv.y_len()];
            reference::conv2d_transpose::forward(rounding, &conv, batch, conv2d_transpose::Forward { x: &x, w: &w, b, epilogue }, &mut y);
            y
        },
        dx: {
            let mut dx = vec![f32::NAN; batch * conv.x_len()];
            reference::conv2d_transpose::backward_input(rounding, &conv, batch, &w, &dy, &mut dx);
            dx
        },
        dw: {
            let mut dw = numbers.take(4, conv.w_len());
            reference::conv2d_transpose::backward_weight(rounding, &conv, batch, &x, &dy, &mut dw);
            dw
        },
        db: {
            let mut db = numbers.take(5, conv.b_len());
            reference::conv2d_transpose::backward_bias(&dy, &mut db);
            db
        },
    });
    for level in Level::all() {
        let twin = &twins[roundings.iter().position(|rounding| *rounding == level.rounding()).unwrap()];
        let mut y = vec![f32::NAN; batch * conv.y_len()];
        let mut scratch = vec![f32::NAN; conv2d_transpose::forward_scratch_len(&conv)];
        conv2d_transpose::forward_into(level, &conv, batch, conv2d_transpose::Forward { x: &x, w: &w, b, epilogue }, &mut y, &mut scratch).unwrap();
        same("y", level, &y, &twin.y);

        let mut dx = vec![f32::NAN; batch * conv.x_len()];
        conv2d_transpose::backward_input_into(level, &conv, batch, &w, &dy, &mut dx).unwrap();
        same("dx", level, &dx, &twin.dx);

        let mut dw = numbers.take(4, conv.w_len());
        conv2d_transpose::backward_weight_acc(level, &conv, batch, &x, &dy, 0..conv.w_rows(), &mut dw).unwrap();
        same("dw", level, &dw, &twin.dw);

        let mut db = numbers.take(5, conv.b_len());
        conv2d_transpose::backward_bias_acc(level, &conv, batch, &dy, &mut db).unwrap();
        same("db", level, &db, &twin.db);
    }
});
