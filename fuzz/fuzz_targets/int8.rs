//! Convolutions and dense layers of eight-bit integers against their naive twins, to the bit.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use kernlet::{
    kernels::{
        conv2d::Conv2d,
        conv2d_transpose::Conv2dTranspose,
        dense::Dense,
        int8::{Filter, Multiplier, Output, Rescaling, conv2d, conv2d_transpose, dense, depthwise_conv2d},
        reference::int8::convolution as twin,
    },
    random::Stream,
    simd::Level,
};
use kernlet_fuzz::{padding, pair, size};
use libfuzzer_sys::fuzz_target;

#[derive(Debug)]
enum Shape {
    Conv(Conv2d),
    Transposed(Conv2dTranspose),
    Dense(Dense),
}

#[derive(Debug)]
struct Case {
    shape: Shape,
    batch: usize,
    seed: u64,
    each: bool,
    bias: bool,
    /// What all multipliers are about.
    exponent: i32,
    input_zero_point: i8,
    output: Output,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let most = if u.ratio(1, 8)? { 70 } else { 9 };
        let [ci, co] = pair(u, 1, most)?;
        let [height, width] = pair(u, 1, 8)?;
        let (kernel, stride, dilation, padding) = (pair(u, 1, 4)?, pair(u, 1, 3)?, pair(u, 1, 2)?, padding(u)?);
        let conv = |ci, co, groups| {
            Conv2d::new(height, width, ci, co, kernel)
                .with_groups(groups)
                .with_stride(stride)
                .with_dilation(dilation)
                .with_padding(padding)
        };
        let shape = match u.int_in_range(0..=4)? {
            0 | 1 => Shape::Conv(conv(ci, co, 1)),
            2 => Shape::Conv(conv(ci, ci * size(u, 1, 3)?, ci)),
            3 => Shape::Transposed(
                Conv2dTranspose::new(height, width, ci, co, kernel).with_stride(stride).with_padding(padding),
            ),
            _ => Shape::Dense(Dense::new(size(u, 0, 600)?, co)),
        };
        let range = if u.arbitrary()? { [-128, 127] } else { u.arbitrary()? };
        let rescaling = if u.ratio(3, 4)? { Rescaling::Double } else { Rescaling::Single };
        Ok(Self {
            shape,
            batch: size(u, 0, 5)?,
            seed: u.arbitrary()?,
            each: u.arbitrary()?,
            bias: u.arbitrary()?,
            exponent: if u.ratio(3, 4)? { -9 } else { u.int_in_range(-31..=30)? },
            input_zero_point: u.arbitrary()?,
            output: Output::new(u.arbitrary()?).with_range(range).with_rescaling(rescaling),
        })
    }
}

fn bytes(stream: Stream, len: usize) -> Vec<i8> {
    (0..len as u64).map(|i| stream.u32_at(i) as i8).collect()
}

impl Case {
    fn lens(&self) -> Option<[usize; 4]> {
        Some(match &self.shape {
            Shape::Conv(c) => c.validate().ok().map(|()| [c.x_len(), c.w_len(), c.out_channels, c.y_len()])?,
            Shape::Transposed(c) => c.validate().ok().map(|()| [c.x_len(), c.w_len(), c.out_channels, c.y_len()])?,
            Shape::Dense(d) => [d.inputs, d.w_len(), d.outputs, d.outputs],
        })
    }
}

fuzz_target!(|case: Case| {
    let Case { batch, seed, exponent, .. } = case;
    let Some([x_len, w_len, channels, y_len]) = case.lens() else { return };
    let (x, w) = (bytes(Stream::new(seed, 0), batch * x_len), bytes(Stream::new(seed, 1), w_len));
    let other = Stream::new(seed, 2);
    let few = if case.each { channels } else { 1 };
    let multipliers: Vec<Multiplier> = (0..few as u64)
        .map(|i| {
            let mantissa = (other.u32_at(i) >> 1).cast_signed() | 1 << 30;
            Multiplier::from_parts(mantissa, (exponent + (i % 3) as i32).clamp(-31, 30)).unwrap()
        })
        .collect();
    let biases: Vec<[u8; 4]> = (0..channels as u64)
        .map(|i| (other.u32_at(1000 + i).cast_signed() >> (16 * (seed % 2))).to_le_bytes())
        .collect();
    let mut filter = Filter::new(&w, &multipliers, case.output).with_input_zero_point(case.input_zero_point);
    if case.bias {
        filter = filter.with_bias(&biases);
    }
    let mut expected = vec![0; batch * y_len];
    match &case.shape {
        Shape::Conv(conv) => twin::conv2d(conv, batch, &x, &filter, &mut expected),
        Shape::Transposed(conv) => twin::conv2d_transpose(conv, batch, &x, &filter, &mut expected),
        Shape::Dense(layer) => twin::dense(layer, batch, &x, &filter, &mut expected),
    }
    for level in Level::all() {
        let mut y = vec![99; batch * y_len];
        match &case.shape {
            Shape::Conv(conv) => conv2d::forward_into(level, conv, batch, &x, &filter, &mut y),
            Shape::Transposed(conv) => conv2d_transpose::forward_into(level, conv, batch, &x, &filter, &mut y),
            Shape::Dense(layer) => dense::forward_into(level, layer, batch, &x, &filter, &mut y),
        }
        .unwrap();
        assert_eq!(y, expected, "{level}");
    }
    if let Shape::Conv(conv) = &case.shape
        && conv.groups == conv.in_channels
    {
        twin::depthwise_conv2d(conv, batch, &x, &filter, &mut expected);
        for level in Level::all() {
            let mut y = vec![99; batch * y_len];
            depthwise_conv2d::forward_into(level, conv, batch, &x, &filter, &mut y).unwrap();
            assert_eq!(y, expected, "depthwise, {level}");
        }
    }
});
