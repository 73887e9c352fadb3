//! Convolution and pooling of sequences against the naive twins of images, to the bit; and the numbers of steps by counting.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use kernlet::{
    kernels::{
        conv1d::{Conv1d, Padding1d},
        conv2d::{self, Epilogue},
        pool1d::Pool1d,
        pool2d, reference,
    },
    simd::{Level, Rounding},
};
use kernlet_fuzz::{Numbers, Twin, pair, same, size};
use libfuzzer_sys::fuzz_target;

#[derive(Debug)]
struct Case {
    conv: Conv1d,
    padding: Padding1d,
    batch: usize,
    epilogue: u8,
    bias: bool,
    numbers: Numbers,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let groups = size(u, 1, 20)?;
        let wide = if groups > 4 { 2 } else { 9 };
        let (ci, co) = (groups * size(u, 1, wide)?, groups * size(u, 1, wide)?);
        let padding = match u.int_in_range(0..=3)? {
            0 => Padding1d::Valid,
            1 => Padding1d::Same,
            2 => Padding1d::Causal,
            _ => Padding1d::Explicit { before: size(u, 0, 5)?, after: size(u, 0, 5)? },
        };
        let [stride, dilation] = pair(u, 0, 4)?;
        let conv = Conv1d::new(size(u, 0, 40)?, ci, co, size(u, 0, 6)?)
            .with_stride(stride)
            .with_dilation(dilation)
            .with_groups(groups)
            .with_padding(padding);
        Ok(Self {
            conv,
            padding,
            batch: size(u, 0, 3)?,
            epilogue: u.arbitrary()?,
            bias: u.arbitrary()?,
            numbers: u.arbitrary()?,
        })
    }
}

/// How many windows there are, counted.
fn windows([before, after]: [usize; 2], steps: usize, kernel: usize, stride: usize, dilation: usize) -> usize {
    let last = (kernel - 1) * dilation;
    (0..).step_by(stride).take_while(|first| first + last < before + steps + after).count()
}

fn pooling(pool: Pool1d, batch: usize, numbers: &Numbers) {
    let pool = pool.as_pool2d();
    if pool.validate().is_err() {
        return;
    }
    let (x, dy) = (numbers.take(6, batch * pool.x_len()), numbers.take(7, batch * pool.y_len()));
    for level in Level::all() {
        let (mut y, mut argmax) = (vec![f32::NAN; dy.len()], vec![u8::MAX; batch * pool.argmax_len()]);
        let (mut expected, mut chosen) = (y.clone(), vec![0; dy.len()]);
        pool2d::max_forward_into(level, &pool, batch, &x, &mut y, Some(&mut argmax)).unwrap();
        reference::pool2d::max_forward(&pool, batch, &x, &mut expected, &mut chosen);
        same("maximum", level, &y, &expected);
        let mut dx = vec![f32::NAN; x.len()];
        let mut slopes = dx.clone();
        pool2d::max_backward_into(level, &pool, batch, &argmax, &dy, None, &mut dx).unwrap();
        reference::pool2d::max_backward(&pool, batch, &chosen, &dy, &mut slopes);
        same("gradient of the maximum", level, &dx, &slopes);
        pool2d::average_forward_into(level, &pool, batch, &x, &mut y).unwrap();
        reference::pool2d::average_forward(&pool, batch, &x, &mut expected);
        same("average", level, &y, &expected);
        pool2d::average_backward_into(level, &pool, batch, &dy, &mut dx).unwrap();
        reference::pool2d::average_backward(&pool, batch, &dy, &mut slopes);
        same("gradient of the average", level, &dx, &slopes);
    }
}

fuzz_target!(|case: Case| {
    let Case { conv: sequence, batch, numbers, .. } = case;
    let Conv1d { steps, kernel, stride, dilation, .. } = sequence;
    pooling(
        Pool1d::new(steps, sequence.in_channels, kernel).with_stride(stride).with_padding(case.padding),
        batch,
        &numbers,
    );
    if sequence.validate().is_err() {
        return;
    }
    let conv = sequence.as_conv2d();
    assert_eq!(sequence.out_steps(), windows(sequence.padding, steps, kernel, stride, dilation));
    match case.padding {
        Padding1d::Valid => assert_eq!(sequence.padding, [0; 2]),
        Padding1d::Same => assert_eq!(sequence.out_steps(), steps.div_ceil(stride)),
        Padding1d::Causal => assert_eq!(sequence.padding, [(kernel - 1) * dilation, 0]),
        Padding1d::Explicit { before, after } => assert_eq!(sequence.padding, [before, after]),
        _ => {}
    }
    let (x, w) = (numbers.take(0, batch * conv.x_len()), numbers.take(1, conv.w_len()));
    let (b, dy) = (numbers.take(2, conv.b_len()), numbers.take(3, batch * conv.y_len()));
    let b = case.bias.then_some(&b[..]);
    let epilogue = match case.epilogue % 3 {
        0 => Epilogue::None,
        1 => Epilogue::Relu,
        _ => Epilogue::Clamp { low: -0.25, high: 0.5 },
    };
    let of = conv2d::Forward { x: &x, w: &w, b, epilogue };
    let twins = [Rounding::Strict, Rounding::Fused].map(|rounding| {
        let (y, dx) = (vec![f32::NAN; dy.len()], vec![f32::NAN; x.len()]);
        let mut twin = Twin { y, dx, dw: numbers.take(4, w.len()), db: numbers.take(5, conv.b_len()) };
        reference::conv2d::forward(rounding, &conv, batch, of, &mut twin.y);
        reference::conv2d::backward_input(rounding, &conv, batch, &w, &dy, &mut twin.dx);
        reference::conv2d::backward_weight(rounding, &conv, batch, &x, &dy, &mut twin.dw);
        reference::conv2d::backward_bias(&dy, &mut twin.db);
        twin
    });
    for level in Level::all() {
        let twin = &twins[usize::from(level.rounding() == Rounding::Fused)];
        let (mut y, mut dx) = (vec![f32::NAN; dy.len()], vec![f32::NAN; x.len()]);
        let mut scratch = vec![f32::NAN; conv2d::backward_input_scratch_len(&conv)];
        conv2d::forward_into(level, &conv, batch, of, &mut y).unwrap();
        same("y", level, &y, &twin.y);
        conv2d::backward_input_into(level, &conv, batch, &w, &dy, &mut dx, &mut scratch).unwrap();
        same("dx", level, &dx, &twin.dx);
        let (mut dw, mut db) = (numbers.take(4, w.len()), numbers.take(5, conv.b_len()));
        conv2d::backward_weight_acc(level, &conv, batch, &x, &dy, 0..conv.w_rows(), &mut dw).unwrap();
        same("dw", level, &dw, &twin.dw);
        conv2d::backward_bias_acc(level, &conv, batch, &dy, &mut db).unwrap();
        same("db", level, &db, &twin.db);
    }
});
