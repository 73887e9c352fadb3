//! Convolutions, dense layers, quotients, sums and gathered rows of eight-bit integers against their naive twins, to the bit.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use kernlet::{
    kernels::{
        conv2d::Conv2d,
        conv2d_transpose::Conv2dTranspose,
        dense::Dense,
        int8::{
            Broadcast, Filter, Multiplier, Output, Rescaling, conv2d, conv2d_transpose, dense, depthwise_conv2d,
            div::{self, Quotient},
            gather_nd::{self, GatherNd},
            sums::{self, Cumsum, Terms},
        },
        reference::int8::{self as twins, convolution as twin},
    },
    random::Stream,
    simd::Level,
};
use kernlet_fuzz::{padding, pair, size};
use libfuzzer_sys::fuzz_target;

/// What is computed.
#[derive(Debug)]
enum Case {
    Layer(Layer),
    Quotient(Quotient, Vec<(i8, i8)>),
    Sums { shape: Cumsum, outer: usize, terms: Terms, x: Vec<i8> },
    Rows { sizes: Vec<usize>, inner: usize, indices: Vec<i32> },
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=7)? {
            0 => Self::Quotient(
                Quotient { zero_points: u.arbitrary()?, multiplier: multiplier(u)?, output: output(u)? },
                u.arbitrary()?,
            ),
            1 => {
                let [count, inner] = pair(u, 0, 20)?;
                let outer = size(u, 0, 4)?;
                let shape = Cumsum::new(count, inner).with_exclusive(u.arbitrary()?).with_reversed(u.arbitrary()?);
                let terms = Terms { zero_point: u.arbitrary()?, multiplier: multiplier(u)?, output: output(u)? };
                Self::Sums { shape, outer, terms, x: bytes(Stream::new(u.arbitrary()?, 0), outer * count * inner) }
            }
            2 => {
                let sizes: Vec<usize> = (0..size(u, 1, 6)?).map(|_| size(u, 0, 5)).collect::<Result<_>>()?;
                let (inner, rows) = (size(u, 0, 5)?, size(u, 0, 9)?);
                let index = |u: &mut Unstructured<'a>| {
                    if u.ratio(1, 16)? { u.arbitrary() } else { u.int_in_range(0..=5) }
                };
                let indices = (0..rows * sizes.len()).map(|_| index(u)).collect::<Result<_>>()?;
                Self::Rows { sizes, inner, indices }
            }
            _ => Self::Layer(u.arbitrary()?),
        })
    }
}

fn multiplier(u: &mut Unstructured) -> Result<Multiplier> {
    let mantissa = if u.ratio(7, 8)? { u.int_in_range(1 << 30..=i32::MAX)? } else { u.int_in_range(0..=i32::MAX)? };
    Ok(Multiplier::from_parts(mantissa, u.int_in_range(-31..=30)?).unwrap())
}

fn output(u: &mut Unstructured) -> Result<Output> {
    let range = if u.arbitrary()? { [-128, 127] } else { u.arbitrary()? };
    let rescaling = if u.ratio(3, 4)? { Rescaling::Double } else { Rescaling::Single };
    Ok(Output::new(u.arbitrary()?).with_range(range).with_rescaling(rescaling))
}

#[derive(Debug)]
enum Shape {
    Conv(Conv2d),
    Transposed(Conv2dTranspose),
    Dense(Dense),
}

#[derive(Debug)]
struct Layer {
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

impl<'a> Arbitrary<'a> for Layer {
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
        Ok(Self {
            shape,
            batch: size(u, 0, 5)?,
            seed: u.arbitrary()?,
            each: u.arbitrary()?,
            bias: u.arbitrary()?,
            exponent: if u.ratio(3, 4)? { -9 } else { u.int_in_range(-31..=30)? },
            input_zero_point: u.arbitrary()?,
            output: output(u)?,
        })
    }
}

fn bytes(stream: Stream, len: usize) -> Vec<i8> {
    (0..len as u64).map(|i| stream.u32_at(i) as i8).collect()
}

impl Layer {
    fn lens(&self) -> Option<[usize; 4]> {
        Some(match &self.shape {
            Shape::Conv(c) => c.validate().ok().map(|()| [c.x_len(), c.w_len(), c.out_channels, c.y_len()])?,
            Shape::Transposed(c) => c.validate().ok().map(|()| [c.x_len(), c.w_len(), c.out_channels, c.y_len()])?,
            Shape::Dense(d) => [d.inputs, d.w_len(), d.outputs, d.outputs],
        })
    }
}

fuzz_target!(|case: Case| match case {
    Case::Layer(layer) => run(layer),
    Case::Quotient(quotient, pairs) => {
        let (a, b): (Vec<i8>, Vec<i8>) = pairs.into_iter().unzip();
        let expected: Vec<i8> = a.iter().zip(&b).map(|(&a, &b)| twins::functions::div(&quotient, a, b)).collect();
        at_every_level(&expected, |level, y| {
            div::div_into(level, &Broadcast::same(a.len()), &quotient, &a, &b, y).unwrap();
        });
    }
    Case::Sums { shape, outer, terms, x } => {
        let mut expected = vec![0; x.len()];
        twins::sums::cumsum(&shape, &terms, &x, &mut expected);
        at_every_level(&expected, |level, y| sums::cumsum_into(level, &shape, outer, &terms, &x, y).unwrap());
        // The same numbers as so many tensors.
        let len = outer * shape.inner;
        let tensors = || (0..shape.count).map(|i| &x[i * len..][..len]);
        let expected: Vec<i8> = (0..len).map(|i| twins::sums::add_n(&terms, tensors().map(|x| x[i]))).collect();
        at_every_level(&expected, |level, y| sums::add_n_into(level, &terms, tensors(), y).unwrap());
    }
    Case::Rows { sizes, inner, indices } => {
        let shape = GatherNd::new(&sizes, inner).unwrap();
        let x: Vec<i32> = (1..=shape.x_len() as i32).collect();
        let places: Vec<[u8; 4]> = indices.iter().map(|i| i.to_le_bytes()).collect();
        let mut y = vec![-1; indices.len() / sizes.len() * inner];
        gather_nd::gather_nd_into(&shape, &x, &places, &mut y).unwrap();
        for (i, &y) in y.iter().enumerate() {
            let row = twins::copies::gathered(&sizes, &indices[i / inner * sizes.len()..][..sizes.len()]);
            assert_eq!(y, row.map_or(0, |row| x[row * inner + i % inner]), "{i}");
        }
    }
});

fn at_every_level(expected: &[i8], run: impl Fn(Level, &mut [i8])) {
    for level in Level::all() {
        let mut y = vec![99; expected.len()];
        run(level, &mut y);
        assert_eq!(y, expected, "{level}");
    }
}

fn run(case: Layer) {
    let Layer { batch, seed, exponent, .. } = case;
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
}
