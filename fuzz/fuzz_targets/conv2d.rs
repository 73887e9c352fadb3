//! Convolution against its naive twin, to the bit.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use kernlet::{
    kernels::{
        conv2d::{self, Conv2d, Epilogue},
        reference,
    },
    simd::Level,
};
use kernlet_fuzz::{Numbers, padding, pair, same, size};
use libfuzzer_sys::fuzz_target;

#[derive(Debug)]
struct Case {
    conv: Conv2d,
    batch: usize,
    relu: bool,
    bias: bool,
    numbers: Numbers,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let [height, width] = pair(u, 0, 12)?;
        let groups = size(u, 1, 4)?;
        let wide = if u.ratio(1, 4)? { 70 } else { 9 };
        let (ci, co) = (groups * size(u, 1, wide / groups)?, groups * size(u, 1, wide / groups)?);
        let conv = Conv2d::new(height, width, ci, co, pair(u, 0, 5)?)
            .with_stride(pair(u, 0, 3)?)
            .with_dilation(pair(u, 0, 3)?)
            .with_groups(groups)
            .with_padding(padding(u)?);
        Ok(Self { conv, batch: size(u, 0, 3)?, relu: u.arbitrary()?, bias: u.arbitrary()?, numbers: u.arbitrary()? })
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
    let epilogue = if case.relu { Epilogue::Relu } else { Epilogue::None };
    for level in Level::all() {
        let rounding = level.rounding();
        let mut y = vec![f32::NAN; batch * conv.y_len()];
        let mut expected = y.clone();
        conv2d::forward_into(level, &conv, batch, &x, &w, b, epilogue, &mut y).unwrap();
        reference::conv2d::forward(rounding, &conv, batch, &x, &w, b, epilogue, &mut expected);
        same("y", level, &y, &expected);

        let mut dx = vec![f32::NAN; batch * conv.x_len()];
        let mut expected = dx.clone();
        let mut scratch = vec![f32::NAN; conv2d::backward_input_scratch_len(&conv)];
        conv2d::backward_input_into(level, &conv, batch, &w, &dy, &mut dx, &mut scratch).unwrap();
        reference::conv2d::backward_input(rounding, &conv, batch, &w, &dy, &mut expected);
        same("dx", level, &dx, &expected);

        let mut dw = numbers.take(4, conv.w_len());
        let mut expected = dw.clone();
        conv2d::backward_weight_acc(level, &conv, batch, &x, &dy, 0..conv.w_rows(), &mut dw).unwrap();
        reference::conv2d::backward_weight(rounding, &conv, batch, &x, &dy, &mut expected);
        same("dw", level, &dw, &expected);

        let mut db = numbers.take(5, conv.b_len());
        let mut expected = db.clone();
        conv2d::backward_bias_acc(level, &conv, batch, &dy, &mut db).unwrap();
        reference::conv2d::backward_bias(&dy, &mut expected);
        same("db", level, &db, &expected);
    }
});
