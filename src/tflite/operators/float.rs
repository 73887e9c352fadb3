//! Operators on floats, in TensorFlow Lite Micro's order: a sum begins at 0, goes through its terms in
//! ascending order, and takes the bias last.
//!
//! Weights are read where they lie, at any address; they are not transposed, so outputs are computed four at a time to
//! hide the latency of the sums.

use super::{
    Emitter, Error, Memory, Node, Tensor, Type, Words, code,
    convolution::{Layer, emit_float_range, sizes, transposed_sizes},
    pool2d,
};
use crate::kernels::{conv2d::Conv2d, div};

type Bytes = [u8; 4];

/// Floats from their bytes, as many as there is room for.
pub(super) fn load<'t>(from: &[Bytes], to: &'t mut [f32]) -> &'t [f32] {
    let len = from.len().min(to.len());
    for (to, &from) in to.iter_mut().zip(from) {
        *to = f32::from_le_bytes(from);
    }
    to.get(..len).unwrap_or_default()
}

/// Floats to their bytes.
pub(super) fn store(from: &[f32], to: &mut [Bytes]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = from.to_le_bytes();
    }
}

/// TensorFlow's order: at least the first, then at most the second.
pub(super) const fn clamp(x: f32, least: f32, most: f32) -> f32 {
    let x = if x < least { least } else { x };
    if x > most { most } else { x }
}

/// Checks a layer of floats, writes its places and its range.
pub(super) const fn emit_layer(
    node: &Node<'_>,
    out: &mut Emitter<'_, '_>,
    layer: &Layer<'_>,
    weights: usize,
    channels: usize,
) -> Result<(), Error> {
    tri!(expect(node, &layer.w));
    tri!(expect(node, &layer.y));
    tri!(node.equal(layer.w.dims.len(), weights, "as many weights as taps"));
    if let Some(b) = &layer.b {
        tri!(expect(node, b));
        tri!(node.equal(b.dims.len(), channels, "a bias for each channel"));
    }
    tri!(layer.emit_places(out));
    emit_float_range(out, layer.activation);
    Ok(())
}

const fn expect(node: &Node<'_>, tensor: &Tensor<'_>) -> Result<(), Error> {
    node.expect(tensor, Type::FLOAT32, "float32, as the input")
}

/// Adds the products of two rows to `sum`, from element 0 on.
pub(super) fn product(x: &[Bytes], w: &[Bytes], sum: f32) -> f32 {
    x.iter().zip(w).fold(sum, |sum, (&x, &w)| sum + f32::from_le_bytes(x) * f32::from_le_bytes(w))
}

/// Four sums at a time.
fn products(x: &[Bytes], w: [&[Bytes]; 4], sums: &mut [f32; 4]) {
    let [a, b, c, d] = w;
    for ((((&x, &a), &b), &c), &d) in x.iter().zip(a).zip(b).zip(c).zip(d) {
        let x = f32::from_le_bytes(x);
        for (sum, w) in sums.iter_mut().zip([a, b, c, d]) {
            *sum += x * f32::from_le_bytes(w);
        }
    }
}

pub(super) fn bias(b: Option<&[Bytes]>, channel: usize) -> f32 {
    b.and_then(|b| b.get(channel)).map_or(0.0, |&b| f32::from_le_bytes(b))
}

pub(super) fn run_dense(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, w, b, y] = [words.place()?, words.place()?, words.place()?, words.place()?];
    let [least, most] = [words.float()?, words.float()?];
    let [_, inputs, outputs] = words.sizes()?;
    let (sources, y) = memory.output(y)?;
    let (x, w, b) = (sources.words(x)?, sources.words(w)?, sources.bias(b)?);
    if inputs == 0 || outputs == 0 {
        return Err(Error::Program);
    }
    for (x, y) in x.chunks_exact(inputs).zip(y.as_chunks_mut().0.chunks_exact_mut(outputs)) {
        let rows = w.chunks_exact(inputs.saturating_mul(4));
        let rest = rows.remainder();
        let mut channel = 0;
        for (w, y) in rows.zip(y.chunks_mut(4)) {
            let (mut w, mut sums) = (w.chunks_exact(inputs), [0.0; 4]);
            products(x, [(); 4].map(|()| w.next().unwrap_or_default()), &mut sums);
            for (y, sum) in y.iter_mut().zip(sums) {
                *y = clamp(sum + bias(b, channel), least, most).to_le_bytes();
                channel += 1;
            }
        }
        let last = y.get_mut(channel..).unwrap_or_default();
        for (w, y) in rest.chunks_exact(inputs).zip(last) {
            *y = clamp(product(x, w, 0.0) + bias(b, channel), least, most).to_le_bytes();
            channel += 1;
        }
    }
    Ok(())
}

/// The place of a tap along an axis, if it is not in the padding.
fn inside(at: usize, before: usize, size: usize) -> Option<usize> {
    at.checked_sub(before).filter(|&at| at < size)
}

/// Weights of a convolution, and how they lie.
struct Taps<'a> {
    w: &'a [Bytes],
    /// Whether the weights of a tap lie together, not those of a channel.
    is_depthwise: bool,
}

pub(super) fn run_conv2d(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, w, b, y] = [words.place()?, words.place()?, words.place()?, words.place()?];
    let [least, most] = [words.float()?, words.float()?];
    let (_, conv) = sizes(&mut words)?;
    let is_depthwise = words.size()? != 0;
    conv.validate()?;
    let (sources, y) = memory.output(y)?;
    let (x, b) = (sources.words(x)?, sources.bias(b)?);
    let taps = Taps { w: sources.words(w)?, is_depthwise };
    let images = x.chunks_exact(conv.x_len()).zip(y.as_chunks_mut().0.chunks_exact_mut(conv.y_len()));
    for (x, y) in images {
        let (mut row, mut column) = (0, 0);
        for y in y.chunks_exact_mut(conv.out_channels) {
            for (channel, y) in y.iter_mut().enumerate() {
                let sum = taps.sum(&conv, x, [row, column], channel);
                *y = clamp(sum + bias(b, channel), least, most).to_le_bytes();
            }
            column += 1;
            if column == conv.out_width() {
                (row, column) = (row + 1, 0);
            }
        }
    }
    Ok(())
}

impl Taps<'_> {
    /// The sum of a window.
    fn sum(&self, conv: &Conv2d, x: &[Bytes], [row, column]: [usize; 2], channel: usize) -> f32 {
        let [kernel_height, kernel_width] = conv.kernel;
        let (inputs, outputs) = (div(conv.in_channels, conv.groups), div(conv.out_channels, conv.groups));
        let first = div(channel, outputs) * inputs;
        let mut sum = 0.0;
        for h in 0..kernel_height {
            let place = row * conv.stride[0] + h * conv.dilation[0];
            let Some(at_row) = inside(place, conv.padding[0], conv.height) else { continue };
            for v in 0..kernel_width {
                let place = column * conv.stride[1] + v * conv.dilation[1];
                let Some(at_column) = inside(place, conv.padding[2], conv.width) else { continue };
                let pixel = (at_row * conv.width + at_column) * conv.in_channels + first;
                let tap = h * kernel_width + v;
                let at = match self.is_depthwise {
                    true => tap * conv.out_channels + channel,
                    false => (channel * kernel_height * kernel_width + tap) * inputs,
                };
                let x = x.get(pixel..).unwrap_or_default();
                let x = x.get(..inputs).unwrap_or_default();
                sum = product(x, self.w.get(at..).unwrap_or_default(), sum);
            }
        }
        sum
    }
}

/// Each input adds to the outputs under its window, in the input's order.
pub(super) fn run_transposed(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, w, b, y] = [words.place()?, words.place()?, words.place()?, words.place()?];
    let [least, most] = [words.float()?, words.float()?];
    let (_, conv) = transposed_sizes(&mut words)?;
    conv.validate()?;
    let (sources, y) = memory.output(y)?;
    let (x, w, b) = (sources.words(x)?, sources.words(w)?, sources.bias(b)?);
    let [kernel_height, kernel_width] = conv.kernel;
    let (height, width, channels) = (conv.out_height(), conv.out_width(), conv.out_channels);
    let images = x.chunks_exact(conv.x_len()).zip(y.as_chunks_mut().0.chunks_exact_mut(conv.y_len()));
    for (x, y) in images {
        y.fill(0.0_f32.to_le_bytes());
        let (mut row, mut column) = (0, 0);
        for x in x.chunks_exact(conv.in_channels) {
            for (input, &x) in x.iter().enumerate() {
                for h in 0..kernel_height {
                    let Some(at_row) = inside(row * conv.stride[0] + h, conv.padding[0], height) else { continue };
                    for v in 0..kernel_width {
                        let place = column * conv.stride[1] + v;
                        let Some(at_column) = inside(place, conv.padding[2], width) else { continue };
                        let pixel = y.get_mut((at_row * width + at_column) * channels..).unwrap_or_default();
                        for (channel, y) in pixel.iter_mut().take(channels).enumerate() {
                            let tap = (channel * kernel_height + h) * kernel_width + v;
                            let w = w.get(tap * conv.in_channels + input).copied().unwrap_or_default();
                            let term = f32::from_le_bytes(x) * f32::from_le_bytes(w);
                            *y = (f32::from_le_bytes(*y) + term).to_le_bytes();
                        }
                    }
                }
            }
            column += 1;
            if column == conv.width {
                (row, column) = (row + 1, 0);
            }
        }
        for y in y.chunks_exact_mut(channels) {
            for (channel, y) in y.iter_mut().enumerate() {
                *y = clamp(f32::from_le_bytes(*y) + bias(b, channel), least, most).to_le_bytes();
            }
        }
    }
    Ok(())
}

pub(super) fn run_pool(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let (_, pool) = pool2d::sizes(&mut words)?;
    let operation = words.word()?;
    let [least, most] = [words.float()?, words.float()?];
    pool.validate()?;
    let (sources, y) = memory.output(y)?;
    let x = sources.words(x)?;
    let images = x.chunks_exact(pool.x_len()).zip(y.as_chunks_mut().0.chunks_exact_mut(pool.y_len()));
    for (x, y) in images {
        let (mut row, mut column) = (0, 0);
        for y in y.chunks_exact_mut(pool.channels) {
            for (channel, y) in y.iter_mut().enumerate() {
                let (mut sum, mut largest, mut count) = (0.0, f32::MIN, 0_u32);
                for h in 0..pool.kernel[0] {
                    let Some(at_row) = inside(row * pool.stride[0] + h, pool.padding[0], pool.height) else { continue };
                    for v in 0..pool.kernel[1] {
                        let place = column * pool.stride[1] + v;
                        let Some(at_column) = inside(place, pool.padding[2], pool.width) else { continue };
                        let at = (at_row * pool.width + at_column) * pool.channels + channel;
                        let x = f32::from_le_bytes(x.get(at).copied().unwrap_or_default());
                        (sum, count) = (sum + if operation == code::L2_POOL_2D { x * x } else { x }, count + 1);
                        largest = if x > largest { x } else { largest };
                    }
                }
                let result = match operation {
                    code::AVERAGE_POOL_2D => sum / count as f32,
                    code::L2_POOL_2D => libm::sqrtf(sum / count as f32),
                    _ => largest,
                };
                *y = clamp(result, least, most).to_le_bytes();
            }
            column += 1;
            if column == pool.out_width() {
                (row, column) = (row + 1, 0);
            }
        }
    }
    Ok(())
}

/// Rows of probabilities, or their logarithms.
pub(super) fn softmax(classes: usize, is_log: bool, beta: f32, x: &[Bytes], y: &mut [Bytes]) -> Result<(), Error> {
    if classes == 0 {
        return Err(Error::Program);
    }
    for (x, y) in x.chunks_exact(classes).zip(y.chunks_exact_mut(classes)) {
        let x = x.iter().map(|&x| f32::from_le_bytes(x));
        let largest = x.clone().fold(f32::MIN, f32::max);
        let scaled = x.map(|x| (x - largest) * beta);
        let sum = scaled.clone().fold(0.0, |sum, x| sum + libm::expf(x));
        let log = libm::logf(sum);
        for (y, x) in y.iter_mut().zip(scaled) {
            *y = if is_log { x - log } else { libm::expf(x) / sum }.to_le_bytes();
        }
    }
    Ok(())
}

/// Whether an operator is a function of one float.
pub(super) const fn is_function(operation: u32) -> bool {
    matches!(
        operation,
        code::ABS
            | code::CEIL
            | code::COS
            | code::ELU
            | code::EXP
            | code::FLOOR
            | code::GELU
            | code::LOG
            | code::NEG
            | code::ROUND
            | code::RSQRT
            | code::SIN
            | code::SQRT
            | code::SQUARE
    )
}

/// A function of one float.
pub(super) fn function(operation: u32, alpha: f32, x: f32) -> Result<f32, Error> {
    Ok(match operation {
        code::RELU => {
            if x < 0.0 {
                0.0
            } else {
                x
            }
        }
        code::RELU6 => clamp(x, 0.0, 6.0),
        code::RELU_N1_TO_1 => clamp(x, -1.0, 1.0),
        code::LEAKY_RELU => {
            if x > 0.0 {
                x
            } else {
                x * alpha
            }
        }
        code::LOGISTIC => logistic(x),
        code::TANH => libm::tanhf(x),
        code::HARD_SWISH => x * clamp(x + 3.0, 0.0, 6.0) / 6.0,
        code::ELU => {
            if x < 0.0 {
                libm::expm1f(x)
            } else {
                x
            }
        }
        code::GELU => 0.5 * x * (1.0 + libm::erff(x * core::f32::consts::FRAC_1_SQRT_2)),
        code::ABS => x.abs(),
        code::NEG => -x,
        code::CEIL => libm::ceilf(x),
        code::FLOOR => libm::floorf(x),
        code::ROUND => round(x),
        code::EXP => libm::expf(x),
        code::LOG => libm::logf(x),
        code::SIN => libm::sinf(x),
        code::COS => libm::cosf(x),
        code::SQRT => libm::sqrtf(x),
        code::RSQRT => 1.0 / libm::sqrtf(x),
        code::SQUARE => x * x,
        _ => return Err(Error::Program),
    })
}

/// The logistic function; without the sum where `1 + e^−x` is 1 or taken to be `e^−x`.
pub(super) fn logistic(x: f32) -> f32 {
    /// Above it the sum is 1.
    const UPPER: f32 = 16.619_047;
    /// Below it the sum is taken to be its second term.
    const LOWER: f32 = -9.0;
    if x > UPPER {
        1.0
    } else if x < LOWER {
        libm::expf(x)
    } else {
        1.0 / (1.0 + libm::expf(-x))
    }
}

/// Rounds halves to even; a negative number that rounds to 0 gives 0, not −0.
fn round(x: f32) -> f32 {
    let floor = libm::floorf(x);
    let rest = x - floor;
    if rest < 0.5 || rest == 0.5 && libm::fmodf(floor, 2.0) == 0.0 { floor } else { floor + 1.0 }
}

/// A float from its bytes, 0 where there are none.
pub(super) fn number(bytes: Option<&Bytes>) -> f32 {
    bytes.map_or(0.0, |&bytes| f32::from_le_bytes(bytes))
}
