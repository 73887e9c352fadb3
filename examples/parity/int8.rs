//! The kernels of eight-bit integers: what they make must not depend on the level or the target at all.

use kernlet::{
    kernels::{
        ShapeError,
        conv2d::Conv2d,
        conv2d_transpose::Conv2dTranspose,
        dense::Dense,
        int8::{
            Broadcast, Filter, Multiplier, Output, Rescaling, add, conv2d, conv2d_transpose, dense, depthwise_conv2d,
            div, gather_nd, hard_swish, leaky_relu, logistic, lstm, mean, minmax, mul, pool2d, quantize, softmax, sums,
            tanh,
        },
        pool2d::Pool2d,
    },
    random::Stream,
    shape::Padding,
    simd::Level,
};

const MOST: usize = 2400;
const CHANNELS: usize = 40;

/// Noise in integers, and where outputs go.
struct Operands {
    x: [i8; MOST],
    w: [i8; MOST],
    b: [[u8; 4]; CHANNELS],
    multipliers: [Multiplier; CHANNELS],
    y: [i8; MOST],
}

/// FNV-1a.
struct Fingerprint(u64);

impl Fingerprint {
    fn add(&mut self, bytes: &[i8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte.cast_unsigned())).wrapping_mul(0x100_0000_01B3);
        }
    }
}

/// The first `len` elements.
fn first<T>(x: &[T], len: usize) -> &[T] {
    x.get(..len).unwrap_or_default()
}

fn first_mut<T>(x: &mut [T], len: usize) -> &mut [T] {
    x.get_mut(..len).unwrap_or_default()
}

impl Operands {
    fn new() -> Self {
        let mut operands = Self {
            x: [0; MOST],
            w: [0; MOST],
            b: [[0; 4]; CHANNELS],
            multipliers: [Multiplier::default(); CHANNELS],
            y: [0; MOST],
        };
        let noise = Stream::new(8, 0);
        for (i, (x, w)) in (0..).zip(operands.x.iter_mut().zip(&mut operands.w)) {
            *x = noise.u32_at(2 * i) as i8;
            *w = (noise.u32_at(2 * i + 1) as i8).max(-127);
        }
        for (i, (b, multiplier)) in (0..).zip(operands.b.iter_mut().zip(&mut operands.multipliers)) {
            *b = (noise.u32_at(i).cast_signed() >> 19).to_le_bytes();
            *multiplier = Multiplier::from_real(0.0004 * (1 + i) as f64);
        }
        operands
    }

    /// Every way through the products: terms of every length, rows in fours and alone, all roundings and ranges.
    fn products(&mut self, level: Level, fingerprint: &mut Fingerprint) -> Result<(), ShapeError> {
        let Self { x, w, b, multipliers, y } = self;
        let full = Output::new(-5);
        let outputs = [full, full.with_range([-90, 100]), full.with_rescaling(Rescaling::Single)];
        for (i, output) in outputs.into_iter().enumerate() {
            for (channels, out) in [(1, 17), (3, 8), (5, 4), (8, 33), (16, 16)] {
                let same = Conv2d::new(5, 7, channels, out, [3, 3]).with_padding(Padding::Same);
                let filter = |len: usize, out: usize| {
                    let each = Filter::new(first(w, len), first(multipliers, out), output);
                    each.with_bias(first(b, out)).with_input_zero_point(-9)
                };
                let by_channel = same.with_groups(channels).with_stride([1 + i % 2, 1]);
                let pixels = Conv2d::new(3, 3, channels, out, [1, 1]);
                for conv in [same, pixels] {
                    let y = first_mut(y, conv.y_len());
                    conv2d::forward_into(level, &conv, 1, first(x, conv.x_len()), &filter(conv.w_len(), out), y)?;
                    fingerprint.add(y);
                }
                if out.is_multiple_of(channels) {
                    let (filter, y) = (filter(by_channel.w_len(), out), first_mut(y, by_channel.y_len()));
                    depthwise_conv2d::forward_into(level, &by_channel, 1, first(x, by_channel.x_len()), &filter, y)?;
                    fingerprint.add(y);
                }
                let up = Conv2dTranspose::new(3, 2, channels, out, [3, 2]).with_stride([2, 1]);
                let (filters, y) = (filter(up.w_len(), out), first_mut(y, up.y_len()));
                conv2d_transpose::forward_into(level, &up, 1, first(x, up.x_len()), &filters, y)?;
                fingerprint.add(y);
                let layer = Dense::new(9 * channels + i, out.min(12));
                for batch in [1, 7] {
                    let (filter, y) = (filter(layer.w_len(), layer.outputs), first_mut(y, batch * layer.outputs));
                    dense::forward_into(level, &layer, batch, first(x, batch * layer.inputs), &filter, y)?;
                    fingerprint.add(y);
                }
            }
        }
        Ok(())
    }

    /// What acts on elements, windows and rows.
    fn others(&mut self, level: Level, fingerprint: &mut Fingerprint) -> Result<(), ShapeError> {
        let Self { x, w, y, .. } = self;
        let output = Output::new(3);
        let shape = Broadcast::new(&[6, 5, 7], &[1, 5, 1])?;
        let (a, b) = (first(x, shape.a_len()), first(w, shape.b_len()));
        let y = first_mut(y, 210);
        let sum = add::Sum::new([0.05, 0.2], [4, -7], 0.1, output);
        add::add_into(level, &shape, &sum, a, b, y)?;
        fingerprint.add(y);
        add::sub_into(level, &shape, &sum, a, b, y)?;
        fingerprint.add(y);
        mul::mul_into(level, &shape, &mul::Product::new([0.05, 0.2], [4, -7], 0.1, output), a, b, y)?;
        fingerprint.add(y);
        div::div_into(level, &shape, &div::Quotient::new([0.05, 0.2], [4, -7], 0.1, output), a, b, y)?;
        fingerprint.add(y);
        let terms = sums::Terms::new(0.05, 4, 0.2, output);
        sums::add_n_into(level, &terms, [a, first(w, 210), a], y)?;
        fingerprint.add(y);
        let along = sums::Cumsum::new(5, 7);
        for shape in [along, along.with_exclusive(true).with_reversed(true)] {
            sums::cumsum_into(level, &shape, 6, &terms, a, y)?;
            fingerprint.add(y);
        }
        // Pixels, the last of which are not there.
        let indices: [_; 60] = core::array::from_fn(|i| [(i * 5 % 7) as u8, 0, 0, 0]);
        gather_nd::gather_nd_into(&gather_nd::GatherNd::new(&[6, 5], 7)?, a, &indices, y)?;
        fingerprint.add(y);
        minmax::minimum_into(level, &shape, a, b, y)?;
        fingerprint.add(y);
        minmax::maximum_into(level, &shape, a, b, y)?;
        fingerprint.add(y);
        logistic::forward_into(level, &logistic::Input::new(0.05, 9), a, y)?;
        fingerprint.add(y);
        tanh::forward_into(level, &logistic::Input::new(0.03, 9), a, y)?;
        fingerprint.add(y);
        leaky_relu::forward_into(level, &leaky_relu::LeakyRelu::new(0.1, 0.07, 0.3, output), a, y)?;
        fingerprint.add(y);
        hard_swish::forward_into(level, &hard_swish::HardSwish::new([0.05, 0.04], [3, -8]), a, y)?;
        fingerprint.add(y);
        softmax::forward_into(level, &softmax::Softmax::new(21, 0.1, 1.0), a, y)?;
        fingerprint.add(y);
        quantize::requantize_into(level, -3, Multiplier::from_real(0.7), output, a, y)?;
        fingerprint.add(y);
        let pool = Pool2d::new(6, 5, 7, [3, 2]).with_stride([2, 2]).with_padding(Padding::Same);
        let (y, range) = (first_mut(y, pool.y_len()), [-128, 127]);
        pool2d::average_forward_into(level, &pool, 1, range, a, y)?;
        fingerprint.add(y);
        pool2d::max_forward_into(level, &pool, 1, range, a, y)?;
        fingerprint.add(y);
        let y = first_mut(y, 7);
        let mean = mean::Mean::new(30, 7, Multiplier::from_real(1.3), output).with_input_zero_point(-2);
        mean::forward_into(level, &mean, 1, a, y)?;
        fingerprint.add(y);
        Ok(())
    }

    /// Two sequences of four steps.
    fn sequences(&mut self, level: Level, fingerprint: &mut Fingerprint) -> Result<(), ShapeError> {
        let Self { x, w, b, y, .. } = self;
        let multiplier = [Multiplier::from_real(0.4)];
        let gate = |at: usize| lstm::Gate {
            input: Filter::new(first(w.get(at..).unwrap_or_default(), 55), &multiplier, Output::new(0))
                .with_bias(first(b, 11))
                .with_input_zero_point(6),
            recurrent: Filter::new(first(w.get(at + 55..).unwrap_or_default(), 121), &multiplier, Output::new(0)),
        };
        let layer = lstm::Lstm::new(5, 11, [gate(0), gate(200), gate(400), gate(600)], -11, [1.0 / 128.0, 6.0], 0);
        let (mut hidden, mut cell, mut scratch) = ([0; 22], [0; 22], [0; 44]);
        let state = lstm::State { hidden: &mut hidden, cell: &mut cell };
        let y = first_mut(y, 88);
        lstm::forward_into(level, &layer, 2, first(x, 40), y, state, &mut scratch)?;
        fingerprint.add(y);
        Ok(())
    }
}

/// The fingerprint of all outputs, 0 on an error.
pub fn fingerprint(level: Level) -> u64 {
    let mut operands = Operands::new();
    let mut fingerprint = Fingerprint(0xCBF2_9CE4_8422_2325);
    let result = operands
        .products(level, &mut fingerprint)
        .and_then(|()| operands.others(level, &mut fingerprint))
        .and_then(|()| operands.sequences(level, &mut fingerprint));
    if result.is_ok() { fingerprint.0 } else { 0 }
}
