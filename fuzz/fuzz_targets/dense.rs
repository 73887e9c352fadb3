//! Dense layers against their naive twin, to the bit.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use kernlet::{
    kernels::{
        conv2d::Epilogue,
        dense::{self, Dense},
        reference,
    },
    simd::Level,
};
use kernlet_fuzz::{Numbers, same, size};
use libfuzzer_sys::fuzz_target;

#[derive(Debug)]
struct Case {
    dense: Dense,
    batch: usize,
    relu: bool,
    bias: bool,
    numbers: Numbers,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let most = if u.ratio(1, 4)? { 150 } else { 20 };
        let dense = Dense::new(size(u, 0, most)?, size(u, 0, most)?);
        Ok(Self { dense, batch: size(u, 0, 40)?, relu: u.arbitrary()?, bias: u.arbitrary()?, numbers: u.arbitrary()? })
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
    let epilogue = if case.relu { Epilogue::Relu } else { Epilogue::None };
    for level in Level::all() {
        let rounding = level.rounding();
        let mut y = vec![f32::NAN; batch * dense.y_len()];
        let mut expected = y.clone();
        dense::forward_into(level, &dense, batch, &x, &w, b, epilogue, &mut y).unwrap();
        reference::dense::forward(rounding, &dense, batch, &x, &w, b, epilogue, &mut expected);
        same("y", level, &y, &expected);

        let mut dx = vec![f32::NAN; batch * dense.x_len()];
        let mut expected = dx.clone();
        let mut scratch = vec![f32::NAN; dense::backward_input_scratch_len(&dense)];
        dense::backward_input_into(level, &dense, batch, &w, &dy, &mut dx, &mut scratch).unwrap();
        reference::dense::backward_input(rounding, &dense, batch, &w, &dy, &mut expected);
        same("dx", level, &dx, &expected);

        let mut dw = numbers.take(4, dense.w_len());
        let mut expected = dw.clone();
        dense::backward_weight_acc(level, &dense, batch, &x, &dy, 0..dense.inputs, &mut dw).unwrap();
        reference::dense::backward_weight(rounding, &dense, batch, &x, &dy, &mut expected);
        same("dw", level, &dw, &expected);

        let mut db = numbers.take(5, dense.b_len());
        let mut expected = db.clone();
        dense::backward_bias_acc(level, &dense, batch, &dy, &mut db).unwrap();
        reference::dense::backward_bias(&dy, &mut expected);
        same("db", level, &db, &expected);
    }
});
