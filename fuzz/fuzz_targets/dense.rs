//! Dense layers against their naive twin, to the bit.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use kernlet::{
    kernels::{
        conv2d::Epilogue,
        dense::{self, Dense},
        reference,
    },
    simd::{Level, Rounding},
};
use kernlet_fuzz::{Numbers, Twin, same, size};
use libfuzzer_sys::fuzz_target;

#[derive(Debug)]
struct Case {
    dense: Dense,
    batch: usize,
    epilogue: u8,
    bias: bool,
    numbers: Numbers,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let most = if u.ratio(1, 16)? { 100 } else { 12 };
        let dense = Dense::new(size(u, 0, most)?, size(u, 0, most)?);
        Ok(Self { dense, batch: size(u, 0, 14)?, epilogue: u.arbitrary()?, bias: u.arbitrary()?, numbers: u.arbitrary()? })
    }
}

fuzz_target!(|case: Case| {
    let Case { dense, batch, numbers, .. } = case;
    if dense.validate().is_err() {
        return;
    }
    let (x, w) = (numbers.take(0, batch * dense.x_len()), numbers.take(1, dense.w_len()));
    let (b, dy) = (numbers.take(2, dense.b_len()), numbers.take(3, batch * dense.y_len()));
    let b = case.bias.then_some(&b[..]);
    let epilogue = match case.epilogue % 3 {
        0 => Epilogue::None,
        1 => Epilogue::Relu,
        _ => Epilogue::Clamp { low: -0.25, high: 0.5 },
    };
    let roundings = [Rounding::Strict, Rounding::Fused];
    let twins = roundings.map(|rounding| Twin {
        y: {
            let mut y = vec![f32::NAN; batch * dense.y_len()];
            reference::dense::forward(rounding, &dense, batch, dense::Forward { x: &x, w: &w, b, epilogue }, &mut y);
            y
        },
        dx: {
            let mut dx = vec![f32::NAN; batch * dense.x_len()];
            reference::dense::backward_input(rounding, &dense, batch, &w, &dy, &mut dx);
            dx
        },
        dw: {
            let mut dw = numbers.take(4, dense.w_len());
            reference::dense::backward_weight(rounding, &dense, batch, &x, &dy, &mut dw);
            dw
        },
        db: {
            let mut db = numbers.take(5, dense.b_len());
            reference::dense::backward_bias(&dy, &mut db);
            db
        },
    });
    for level in Level::all() {
        let twin = &twins[roundings.iter().position(|rounding| *rounding == level.rounding()).unwrap()];
        let mut y = vec![f32::NAN; batch * dense.y_len()];
        dense::forward_into(level, &dense, batch, dense::Forward { x: &x, w: &w, b, epilogue }, &mut y).unwrap();
        same("y", level, &y, &twin.y);

        let mut dx = vec![f32::NAN; batch * dense.x_len()];
        let mut scratch = vec![f32::NAN; dense::backward_input_scratch_len(&dense)];
        dense::backward_input_into(level, &dense, batch, &w, &dy, &mut dx, &mut scratch).unwrap();
        same("dx", level, &dx, &twin.dx);

        let mut dw = numbers.take(4, dense.w_len());
        dense::backward_weight_acc(level, &dense, batch, &x, &dy, 0..dense.inputs, &mut dw).unwrap();
        same("dw", level, &dw, &twin.dw);

        let mut db = numbers.take(5, dense.b_len());
        dense::backward_bias_acc(level, &dense, batch, &dy, &mut db).unwrap();
        same("db", level, &db, &twin.db);
    }
});
