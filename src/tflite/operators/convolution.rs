//! CONV_2D, DEPTHWISE_CONV_2D and TRANSPOSE_CONV.

use super::{
    Emitter, Error, Found, How, Memory, Node, Quantized, Tensor, Type, Words, activation, as_i8, emit_output, float,
    float_range, kind, output, quantized,
};
use crate::{
    kernels::{
        ShapeError,
        conv2d::Conv2d,
        conv2d_transpose::Conv2dTranspose,
        int8::{Activation, Filter, Multiplier, conv2d, conv2d_transpose, depthwise_conv2d},
    },
    shape::Padding,
};

/// The largest stride, dilation, multiplier or kernel side: sizes computed from two of them fit 32 bits.
const MOST: usize = 1 << 14;

/// Fails where a size is above [`MOST`].
const fn small(node: &Node<'_>, size: usize) -> Result<usize, Error> {
    if size <= MOST {
        Ok(size)
    } else {
        Err(node.fail("strides, dilations and windows of 16384 at most", Found::Number(size as i64)))
    }
}

/// SAME or VALID.
pub(super) const fn padding(node: &Node<'_>) -> Result<Padding, Error> {
    match tri!(node.byte(0)) {
        0 => Ok(Padding::Same),
        1 => Ok(Padding::Valid),
        other => Err(node.fail("padding SAME or VALID", Found::Number(other as i64))),
    }
}

/// Turns the kernel's error about a descriptor into one about the operator.
pub(super) const fn valid(node: &Node<'_>, result: Result<(), ShapeError>) -> Result<(), Error> {
    match result {
        Ok(()) => Ok(()),
        Err(error) => Err(node.fail(error.argument, Found::Number(error.found as i64))),
    }
}

/// Rows and columns, from an option each.
pub(super) const fn pair(node: &Node<'_>, rows: usize, columns: usize, default: i32) -> Result<[usize; 2], Error> {
    const EXPECTED: &str = "strides, dilations and windows of 1 or more";
    let rows = tri!(small(node, tri!(node.count(rows, default, EXPECTED))));
    Ok([rows, tri!(small(node, tri!(node.count(columns, default, EXPECTED))))])
}

/// Fails where a tensor does not have four axes.
pub(super) const fn image(node: &Node<'_>, tensor: &Tensor<'_>) -> Result<(), Error> {
    node.equal(tensor.dims.rank(), 4, "four axes")
}

const fn emit_sizes(out: &mut Emitter<'_, '_>, batch: usize, conv: &Conv2d) {
    out.sizes(&[batch, conv.height, conv.width, conv.in_channels, conv.out_channels]);
    out.sizes(&conv.kernel);
    out.sizes(&conv.stride);
    out.sizes(&conv.dilation);
    out.sizes(&conv.padding);
    out.size(conv.groups);
}

/// The batch and the shape.
pub(super) fn sizes(words: &mut Words<'_>) -> Result<(usize, Conv2d), Error> {
    let [batch, height, width, in_channels, out_channels] = words.sizes()?;
    let mut conv = Conv2d::new(height, width, in_channels, out_channels, words.sizes()?);
    conv.stride = words.sizes()?;
    conv.dilation = words.sizes()?;
    conv.padding = words.sizes()?;
    conv.groups = words.size()?;
    Ok((batch, conv))
}

/// What a layer with weights reads and writes, and the options that all of them have.
pub(super) struct Layer<'a> {
    pub(super) x: Tensor<'a>,
    pub(super) w: Tensor<'a>,
    pub(super) b: Option<Tensor<'a>>,
    pub(super) y: Tensor<'a>,
    pub(super) activation: Activation,
}

impl Layer<'_> {
    /// Whether it is a layer of floats.
    pub(super) const fn is_float(&self) -> bool {
        self.x.kind.is(Type::FLOAT32)
    }

    /// Writes the places, and counts the parameters.
    pub(super) const fn emit_places(&self, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
        out.add_parameters(&self.w);
        if let Some(b) = &self.b {
            out.add_parameters(b);
        }
        tri!(out.tensor(&self.x));
        tri!(out.tensor(&self.w));
        tri!(out.optional(&self.b));
        out.tensor(&self.y)
    }

    /// Checks weights and biases of `channels` output channels, which are axis `axis` of the weights, and
    /// writes zero points, range and multipliers.
    pub(super) const fn emit_filter(
        &self,
        node: &Node<'_>,
        out: &mut Emitter<'_, '_>,
        channels: usize,
        axis: usize,
    ) -> Result<(), Error> {
        let (x, y) = (tri!(quantized(node, &self.x)), tri!(quantized(node, &self.y)));
        tri!(node.expect(&self.w, Type::INT8, "int8 weights"));
        if let Some(b) = &self.b {
            tri!(node.expect(b, Type::INT32, "int32 biases"));
            tri!(node.equal(b.dims.len(), channels, "a bias for each channel"));
        }
        let scales = self.w.scales.len();
        if scales != 1 {
            tri!(node.equal(scales, channels, "a scale of the weights, or one for each channel"));
            tri!(node.equal(self.w.axis, axis, "weights quantized along their output channels"));
        }
        if self.w.zero_point() != 0 {
            return Err(node.fail("weights of zero point 0", Found::Number(self.w.zero_point() as i64)));
        }
        out.int(x.zero_point as i32);
        emit_output(out, y.zero_point, self.activation.range(y.scale, y.zero_point));
        let mut i = 0;
        while i < scales {
            match self.w.scales.float(i) {
                Some(scale) if scale >= 0.0 && scale < f32::INFINITY => out.multiplier(rescale(x, scale, y)),
                _ => return Err(node.fail("scales that are no negative number", Found::Number(i as i64))),
            }
            i += 1;
        }
        Ok(())
    }
}

/// What a sum of products is rescaled by to give an output.
const fn rescale(x: Quantized, w: f32, y: Quantized) -> Multiplier {
    Multiplier::from_real(x.scale as f64 * w as f64 / y.scale as f64)
}

/// The weights and how their sums become outputs; the words that are left are multipliers.
pub(super) fn filter<'w>(
    how: How,
    mut words: Words<'w>,
    w: &'w [i8],
    b: Option<&'w [[u8; 4]]>,
) -> Result<Filter<'w>, Error> {
    let input_zero_point = words.byte()?;
    let output = output(how, &mut words)?;
    let filter = Filter::new(w, words.multipliers()?, output).with_input_zero_point(input_zero_point);
    Ok(match b {
        Some(b) => filter.with_bias(b),
        None => filter,
    })
}

/// Fails where the output does not have these sizes.
const fn shaped(node: &Node<'_>, y: &Tensor<'_>, sizes: [usize; 4]) -> Result<(), Error> {
    let mut i = 0;
    while i < 4 {
        tri!(node.equal(y.axis(i), sizes[i], "an output of the size that follows from the input's"));
        i += 1;
    }
    Ok(())
}

pub(super) const fn emit(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let layer = Layer {
        x: tri!(node.input(0)),
        w: tri!(node.input(1)),
        b: tri!(node.optional(2)),
        y: tri!(node.output(0)),
        activation: tri!(activation(node, 3)),
    };
    let Layer { x, w, y, .. } = &layer;
    tri!(image(node, x));
    tri!(image(node, w));
    tri!(image(node, y));
    let kernel = [tri!(small(node, w.axis(1))), tri!(small(node, w.axis(2)))];
    let groups = match x.axis(3).checked_div(w.axis(3)) {
        Some(groups) if groups * w.axis(3) == x.axis(3) => groups,
        _ => return Err(node.fail("input channels that the weights' divide", Found::Number(x.axis(3) as i64))),
    };
    let conv = Conv2d::new(x.axis(1), x.axis(2), x.axis(3), w.axis(0), kernel)
        .with_stride(tri!(pair(node, 2, 1, 0)))
        .with_dilation(tri!(pair(node, 5, 4, 1)))
        .with_groups(groups)
        .with_padding(tri!(padding(node)));
    emit_convolution(node, out, &layer, &conv, kind::CONV2D, 0)
}

pub(super) const fn emit_depthwise(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let layer = Layer {
        x: tri!(node.input(0)),
        w: tri!(node.input(1)),
        b: tri!(node.optional(2)),
        y: tri!(node.output(0)),
        activation: tri!(activation(node, 4)),
    };
    let Layer { x, w, y, .. } = &layer;
    tri!(image(node, x));
    tri!(image(node, w));
    tri!(image(node, y));
    tri!(node.equal(w.axis(0), 1, "weights that begin with an axis of 1"));
    let kernel = [tri!(small(node, w.axis(1))), tri!(small(node, w.axis(2)))];
    let conv = Conv2d::new(x.axis(1), x.axis(2), x.axis(3), w.axis(3), kernel)
        .with_stride(tri!(pair(node, 2, 1, 0)))
        .with_dilation(tri!(pair(node, 6, 5, 1)))
        .with_groups(x.axis(3))
        .with_padding(tri!(padding(node)));
    emit_convolution(node, out, &layer, &conv, kind::DEPTHWISE, 3)
}

const fn emit_convolution(
    node: &Node<'_>,
    out: &mut Emitter<'_, '_>,
    layer: &Layer<'_>,
    conv: &Conv2d,
    step: u32,
    axis: usize,
) -> Result<(), Error> {
    tri!(valid(node, conv.validate()));
    let (batch, [rows, columns]) = (layer.x.axis(0), [conv.out_height(), conv.out_width()]);
    tri!(shaped(node, &layer.y, [batch, rows, columns, conv.out_channels]));
    out.add_macs(layer.y.dims.len() as u64 * conv.w_rows() as u64);
    if layer.is_float() {
        out.begin(kind::FLOAT_CONV2D, node.index);
        tri!(float::emit_layer(node, out, layer, conv.w_len(), conv.out_channels));
        emit_sizes(out, batch, conv);
        // Whether a channel's weights follow each other, or a tap's.
        out.size(axis);
    } else {
        out.begin(step, node.index);
        tri!(layer.emit_places(out));
        tri!(node.equal(layer.w.dims.len(), conv.w_len(), "as many weights as taps"));
        emit_sizes(out, batch, conv);
        tri!(layer.emit_filter(node, out, conv.out_channels, axis));
    }
    out.end();
    Ok(())
}

pub(super) fn run(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, w, b, y] = [words.place()?, words.place()?, words.place()?, words.place()?];
    let (batch, conv) = sizes(&mut words)?;
    let (sources, y) = memory.output(y)?;
    let filter = filter(how, words, sources.i8(w)?, sources.bias(b)?)?;
    Ok(conv2d::forward_into(how.level, &conv, batch, sources.i8(x)?, &filter, as_i8(y))?)
}

pub(super) fn run_depthwise(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, w, b, y] = [words.place()?, words.place()?, words.place()?, words.place()?];
    let (batch, conv) = sizes(&mut words)?;
    let (sources, y) = memory.output(y)?;
    let filter = filter(how, words, sources.i8(w)?, sources.bias(b)?)?;
    Ok(depthwise_conv2d::forward_into(how.level, &conv, batch, sources.i8(x)?, &filter, as_i8(y))?)
}

pub(super) const fn emit_transposed(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    // The first input says the output's shape, which the output says too.
    let layer = Layer {
        x: tri!(node.input(2)),
        w: tri!(node.input(1)),
        b: tri!(node.optional(3)),
        y: tri!(node.output(0)),
        activation: tri!(activation(node, 3)),
    };
    let Layer { x, w, y, .. } = &layer;
    tri!(image(node, x));
    tri!(image(node, w));
    tri!(image(node, y));
    tri!(node.equal(w.axis(3), x.axis(3), "weights for each input channel"));
    let stride = tri!(pair(node, 2, 1, 0));
    let kernel = [tri!(small(node, w.axis(1))), tri!(small(node, w.axis(2)))];
    let same = matches!(tri!(padding(node)), Padding::Same);
    let conv = Conv2dTranspose::new(x.axis(1), x.axis(2), x.axis(3), w.axis(0), kernel).with_stride(stride);
    let [conv, _] = [tri!(fit(node, conv, [y.axis(1), y.axis(2)], same)), conv];
    tri!(valid(node, conv.validate()));
    tri!(shaped(node, y, [x.axis(0), conv.out_height(), conv.out_width(), conv.out_channels]));
    out.add_macs(x.dims.len() as u64 * (kernel[0] * kernel[1] * w.axis(0)) as u64);
    let float = layer.is_float();
    out.begin(if float { kind::FLOAT_TRANSPOSED } else { kind::TRANSPOSED }, node.index);
    if float {
        tri!(float::emit_layer(node, out, &layer, conv.w_len(), conv.out_channels));
    } else {
        tri!(layer.emit_places(out));
        tri!(node.equal(w.dims.len(), conv.w_len(), "as many weights as taps"));
    }
    out.sizes(&[x.axis(0), conv.height, conv.width, conv.in_channels, conv.out_channels]);
    out.sizes(&conv.kernel);
    out.sizes(&conv.stride);
    out.sizes(&conv.padding);
    out.sizes(&conv.output_padding);
    if !float {
        tri!(layer.emit_filter(node, out, conv.out_channels, 0));
    }
    out.end();
    Ok(())
}

/// The padding with which a transposed convolution has an output of `sizes`: that with which a convolution of that
/// output would give the input's size.
const fn fit(
    node: &Node<'_>,
    mut conv: Conv2dTranspose,
    sizes: [usize; 2],
    same: bool,
) -> Result<Conv2dTranspose, Error> {
    let (inputs, mut i) = ([conv.height, conv.width], 0);
    while i < 2 {
        let full = match inputs[i].checked_sub(1) {
            Some(windows) => windows as u64 * conv.stride[i] as u64 + conv.kernel[i] as u64,
            None => return Err(node.fail("an input with elements", Found::Number(0))),
        };
        let output = sizes[i] as u64;
        // What is cut off in front, and what is cut off or added behind.
        let total = if same { full.saturating_sub(output) } else { 0 };
        let before = total / 2;
        let end = full - before;
        let (after, added) = (end.saturating_sub(output), output.saturating_sub(end));
        if after > u32::MAX as u64 || added > u32::MAX as u64 {
            return Err(node.fail("an output of the size that follows from the input's", Found::Number(output as i64)));
        }
        conv.padding[2 * i] = before as usize;
        conv.padding[2 * i + 1] = after as usize;
        conv.output_padding[i] = added as usize;
        i += 1;
    }
    Ok(conv)
}

/// The batch and the shape of a transposed convolution.
pub(super) fn transposed_sizes(words: &mut Words<'_>) -> Result<(usize, Conv2dTranspose), Error> {
    let [batch, height, width, in_channels, out_channels] = words.sizes()?;
    let mut conv = Conv2dTranspose::new(height, width, in_channels, out_channels, words.sizes()?);
    conv.stride = words.sizes()?;
    conv.padding = words.sizes()?;
    conv.output_padding = words.sizes()?;
    Ok((batch, conv))
}

pub(super) fn run_transposed(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, w, b, y] = [words.place()?, words.place()?, words.place()?, words.place()?];
    let (batch, conv) = transposed_sizes(&mut words)?;
    let (sources, y) = memory.output(y)?;
    let filter = filter(how, words, sources.i8(w)?, sources.bias(b)?)?;
    Ok(conv2d_transpose::forward_into(how.level, &conv, batch, sources.i8(x)?, &filter, as_i8(y))?)
}

/// Writes the bounds of an activation of floats.
pub(super) const fn emit_float_range(out: &mut Emitter<'_, '_>, activation: Activation) {
    let [least, most] = float_range(activation);
    out.word(least.to_bits());
    out.word(most.to_bits());
}

/// As [`emit_float_range`], for the operators whose results may be infinite.
pub(super) const fn emit_open_range(out: &mut Emitter<'_, '_>, activation: Activation) {
    let [least, most] = float_range(activation);
    out.word(if least == f32::MIN { f32::NEG_INFINITY } else { least }.to_bits());
    out.word(if most == f32::MAX { f32::INFINITY } else { most }.to_bits());
}
