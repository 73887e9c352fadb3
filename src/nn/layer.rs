//! What a network consists of: layer definitions, and the shapes derived from them.

use super::message::Message;
use crate::{
    kernels::{conv2d::Conv2d, dense::Dense, pool2d::Pool2d},
    shape::{Dims, Padding},
};

/// What a layer computes.
///
/// ```
/// assert_eq!(kernlet::nn::Kind::MaxPool2d.name(), "max_pool2d");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Kind {
    /// 2-D convolution.
    Conv2d,
    /// 2-D convolution of each channel by itself.
    DepthwiseConv2d,
    /// A matrix product: every input with every output.
    Dense,
    /// `max(x, 0)`.
    Relu,
    /// `x` where positive, else `slope · x`.
    LeakyRelu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `1 / (1 + e⁻ˣ)`.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// `x · Φ(x)`, exactly.
    Gelu,
    /// `x · sigmoid(x)`.
    Silu,
    /// Softmax over the last axis.
    Softmax,
    /// The logarithm of a softmax over the last axis.
    LogSoftmax,
    /// The maximum of each window.
    MaxPool2d,
    /// The mean of each window.
    AvgPool2d,
    /// The mean of each channel.
    GlobalAvgPool2d,
    /// Batch normalisation over all axes but the last.
    BatchNorm,
    /// Inverted dropout.
    Dropout,
    /// The sum with an earlier layer's output.
    Add,
    /// All axes as one.
    Flatten,
}

impl Kind {
    /// As it is written in [`network!`](crate::network).
    ///
    /// See [`Kind`] for an example.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conv2d => "conv2d",
            Self::DepthwiseConv2d => "depthwise_conv2d",
            Self::Dense => "dense",
            Self::Relu => "relu",
            Self::LeakyRelu => "leaky_relu",
            Self::Relu6 => "relu6",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Gelu => "gelu",
            Self::Silu => "silu",
            Self::Softmax => "softmax",
            Self::LogSoftmax => "log_softmax",
            Self::MaxPool2d => "max_pool2d",
            Self::AvgPool2d => "avg_pool2d",
            Self::GlobalAvgPool2d => "global_avg_pool2d",
            Self::BatchNorm => "batch_norm",
            Self::Dropout => "dropout",
            Self::Add => "add",
            Self::Flatten => "flatten",
        }
    }

    /// Whether the output may take the input's place.
    pub(crate) const fn is_in_place(self) -> bool {
        matches!(
            self,
            Self::Relu
                | Self::LeakyRelu
                | Self::Relu6
                | Self::Sigmoid
                | Self::Tanh
                | Self::Dropout
                | Self::Add
                | Self::Flatten
        )
    }

    /// Whether the input's gradient may take the place of the output's.
    pub(crate) const fn is_gradient_in_place(self) -> bool {
        self.is_in_place() || matches!(self, Self::Gelu | Self::Silu)
    }

    /// Whether backward reads the layer's input.
    pub(crate) const fn needs_input(self) -> bool {
        matches!(self, Self::Conv2d | Self::DepthwiseConv2d | Self::Dense | Self::BatchNorm | Self::Gelu | Self::Silu)
    }

    /// Whether backward reads the layer's output, to the bit.
    pub(crate) const fn needs_output(self) -> bool {
        matches!(self, Self::Relu6 | Self::Sigmoid | Self::Tanh | Self::Softmax | Self::LogSoftmax)
    }

    /// Whether backward reads the sign of the layer's output. Dropout may still take its
    /// place: where it puts a zero, the gradient is zero already.
    pub(crate) const fn needs_sign(self) -> bool {
        matches!(self, Self::Relu | Self::LeakyRelu)
    }

    /// Whether the layer works on each image by itself and has few parameters, so that a
    /// batch may pass through it in pieces that stay in cache.
    pub(crate) const fn is_by_piece(self) -> bool {
        !matches!(self, Self::Dense | Self::BatchNorm)
    }
}

/// A layer as it was written, before its shapes are known.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct LayerDef {
    name: &'static str,
    kind: Kind,
    units: usize,
    kernel: [usize; 2],
    stride: Option<[usize; 2]>,
    dilation: [usize; 2],
    padding: Padding,
    groups: usize,
    value: f32,
    other: &'static str,
}

impl LayerDef {
    pub const fn new(kind: Kind) -> Self {
        Self {
            name: kind.name(),
            kind,
            units: 0,
            kernel: [1, 1],
            stride: None,
            dilation: [1, 1],
            padding: Padding::Valid,
            groups: 1,
            value: 0.0,
            other: "",
        }
    }
    pub const fn units(self, units: usize) -> Self {
        Self { units, ..self }
    }
    pub const fn kernel(self, text: &str) -> Self {
        Self { kernel: parse_pair(text), ..self }
    }
    pub const fn stride(self, text: &str) -> Self {
        Self { stride: Some(parse_pair(text)), ..self }
    }
    pub const fn dilation(self, text: &str) -> Self {
        Self { dilation: parse_pair(text), ..self }
    }
    pub const fn padding(self, padding: Padding) -> Self {
        Self { padding, ..self }
    }
    pub const fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }
    pub const fn value(self, value: f32) -> Self {
        Self { value, ..self }
    }
    pub const fn other(self, other: &'static str) -> Self {
        Self { other, ..self }
    }
    pub const fn name(self, name: &'static str) -> Self {
        Self { name, ..self }
    }
}

/// `"3x5"` or `"3"` as `[3, 5]` or `[3, 3]`.
const fn parse_pair(text: &str) -> [usize; 2] {
    let text = text.as_bytes();
    let (mut pair, mut at, mut i, mut digits) = ([0, 0], 0, 0, 0);
    while i < text.len() {
        match text[i] {
            digit @ b'0'..=b'9' => {
                pair[at] = pair[at] * 10 + (digit - b'0') as usize;
                digits += 1;
            }
            b'x' if at == 0 && digits > 0 => {
                at = 1;
                digits = 0;
            }
            _ => panic!("a size is written `3x3`, or `3` for both sides"),
        }
        i += 1;
    }
    assert!(digits > 0, "a size is written `3x3`, or `3` for both sides");
    if at == 0 { [pair[0], pair[0]] } else { pair }
}

/// What a layer's kernels are told: a shape descriptor or a number.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Op {
    /// Elementwise: how many elements an image has.
    Elementwise,
    /// A convolution, depthwise too.
    Conv2d(Conv2d),
    /// A dense layer.
    Dense(Dense),
    /// A pooling window, the whole image for global pooling.
    Pool2d(Pool2d),
    /// A slope or a dropout rate.
    Value(f32),
    /// An index into the values: 0 is the network's input, `i + 1` layer `i`'s output.
    Skip(usize),
}

/// One layer of a network, with its shapes.
///
/// ```
/// kernlet::network! {
///     /// A classifier of two inputs.
///     pub struct Tiny([2]) { hidden: dense(8), tanh, out: dense(3), softmax }
/// }
/// use kernlet::nn::Network;
/// let layer = &Tiny::LAYERS[2];
/// assert_eq!((layer.name, layer.input.as_slice(), layer.output.as_slice()), ("out", &[8][..], &[3][..]));
/// assert_eq!((layer.offset, layer.parameters()), (24, 27));
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Layer {
    /// The name it was given, or its kind's.
    pub name: &'static str,
    /// What it computes.
    pub kind: Kind,
    /// The shape descriptor of its kernels.
    pub op: Op,
    /// The shape of one image's input.
    pub input: Dims,
    /// The shape of one image's output.
    pub output: Dims,
    /// Where its parameters begin among the network's.
    pub offset: usize,
    /// The shape of its kernel (`[kh, kw, ci, co]`, `[in, out]`), no axes if it has none.
    pub kernel: Dims,
    /// How many rows its parameters form: those of the kernel, then the bias; 0 if it has none.
    /// Batch normalisation has four: gamma, beta, moving mean, moving variance.
    pub rows: usize,
    /// How long a row is: the output channels.
    pub row_len: usize,
}

impl Layer {
    /// The number of its parameters.
    ///
    /// See [`Layer`] for an example.
    pub const fn parameters(&self) -> usize {
        self.rows * self.row_len
    }

    /// The number of its parameters that an optimizer changes: all but moving averages.
    ///
    /// ```
    /// kernlet::network! { struct Tiny([2]) { dense(8), batch_norm } }
    /// use kernlet::nn::Network;
    /// assert_eq!(Tiny::LAYERS[1].parameters(), 32);
    /// assert_eq!(Tiny::LAYERS[1].trainable(), 16);
    /// ```
    pub const fn trainable(&self) -> usize {
        match self.kind {
            Kind::BatchNorm => 2 * self.row_len,
            _ => self.parameters(),
        }
    }

    /// The layers of a network, shapes derived from the first to the last.
    #[doc(hidden)]
    pub const fn derive<const N: usize>(network: &str, input: Dims, defs: [LayerDef; N]) -> [Self; N] {
        let mut layers = [Self {
            name: "",
            kind: Kind::Flatten,
            op: Op::Elementwise,
            input,
            output: input,
            offset: 0,
            kernel: Dims::new(&[]),
            rows: 0,
            row_len: 0,
        }; N];
        let (mut i, mut dims, mut offset) = (0, input, 0);
        while i < N {
            let def = &defs[i];
            let (op, output, kernel, rows, row_len) = resolve(network, i, def, &dims, &layers);
            if output.is_empty() {
                Message::at_layer(network, i, def.name).text("its output would be empty, input ").dims(&dims).fail();
            }
            layers[i] = Self { name: def.name, kind: def.kind, op, input: dims, output, offset, kernel, rows, row_len };
            if rows > 0 {
                unique(network, i, &layers);
            }
            offset += rows * row_len;
            dims = output;
            i += 1;
        }
        layers
    }
}

const fn unique(network: &str, index: usize, layers: &[Layer]) {
    let mut i = 0;
    while i < index {
        if layers[i].rows > 0 && same(layers[i].name, layers[index].name) {
            Message::at_layer(network, index, layers[index].name)
                .text("layer ")
                .number(i)
                .text(" has this name too: name layers that have parameters, as in `fc1: dense(10)`")
                .fail();
        }
        i += 1;
    }
}

pub(crate) const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

type Resolved = (Op, Dims, Dims, usize, usize);

const fn resolve(network: &str, index: usize, def: &LayerDef, input: &Dims, before: &[Layer]) -> Resolved {
    let none = Dims::new(&[]);
    match def.kind {
        Kind::Conv2d | Kind::DepthwiseConv2d => convolution(network, index, def, input),
        Kind::Dense => {
            if def.units == 0 {
                Message::at_layer(network, index, def.name).text("0 units; a dense layer has at least 1").fail();
            }
            let (i, o) = (input.len(), def.units);
            (Op::Dense(Dense::new(i, o)), Dims::new(&[o]), Dims::new(&[i, o]), i + 1, o)
        }
        Kind::MaxPool2d | Kind::AvgPool2d => {
            let [h, w, c] = image(network, index, def, input);
            let stride = match def.stride {
                Some(stride) => stride,
                None => def.kernel,
            };
            let pool = Pool2d::new(h, w, c, def.kernel).with_stride(stride).with_padding(def.padding);
            window(network, index, def, input, pool.out_height(), pool.out_width());
            (Op::Pool2d(pool), Dims::new(&[pool.out_height(), pool.out_width(), c]), none, 0, 0)
        }
        Kind::GlobalAvgPool2d => {
            let [h, w, c] = image(network, index, def, input);
            (Op::Pool2d(Pool2d::new(h, w, c, [h, w])), Dims::new(&[c]), none, 0, 0)
        }
        Kind::BatchNorm => (Op::Elementwise, *input, none, 4, last_axis(input)),
        Kind::Dropout => {
            if !(def.value >= 0.0 && def.value < 1.0) {
                Message::at_layer(network, index, def.name).text("a dropout rate is in 0.0..1.0").fail();
            }
            (Op::Value(def.value), *input, none, 0, 0)
        }
        Kind::LeakyRelu => (Op::Value(def.value), *input, none, 0, 0),
        Kind::Flatten => (Op::Elementwise, Dims::new(&[input.len()]), none, 0, 0),
        Kind::Add => {
            let mut i = index;
            while i > 0 {
                i -= 1;
                if same(before[i].name, def.other) {
                    if before[i].output.len() != input.len() || last_axis(&before[i].output) != last_axis(input) {
                        Message::at_layer(network, index, def.name)
                            .text("adds `")
                            .text(def.other)
                            .text("` of shape ")
                            .dims(&before[i].output)
                            .text(" to an input of shape ")
                            .dims(input)
                            .fail();
                    }
                    return (Op::Skip(i + 1), *input, none, 0, 0);
                }
            }
            if same(def.other, "input") {
                if before.is_empty() || before[0].input.len() != input.len() {
                    Message::at_layer(network, index, def.name)
                        .text("the input has another shape than ")
                        .dims(input)
                        .fail();
                }
                return (Op::Skip(0), *input, none, 0, 0);
            }
            Message::at_layer(network, index, def.name)
                .text("no earlier layer is named `")
                .text(def.other)
                .text("`")
                .fail()
        }
        _ => (Op::Elementwise, *input, none, 0, 0),
    }
}

const fn convolution(network: &str, index: usize, def: &LayerDef, input: &Dims) -> Resolved {
    let [h, w, c] = image(network, index, def, input);
    let depthwise = matches!(def.kind, Kind::DepthwiseConv2d);
    // A depthwise layer's `units` are the outputs of each channel.
    let (groups, filters) = if depthwise { (c, c * def.units) } else { (def.groups, def.units) };
    if groups == 0 || !c.is_multiple_of(groups) || filters == 0 || !filters.is_multiple_of(groups) {
        Message::at_layer(network, index, def.name)
            .number(groups)
            .text(" groups must divide ")
            .number(c)
            .text(" input channels and ")
            .number(filters)
            .text(" filters")
            .fail();
    }
    let stride = match def.stride {
        Some(stride) => stride,
        None => [1, 1],
    };
    let conv = Conv2d::new(h, w, c, filters, def.kernel)
        .with_stride(stride)
        .with_dilation(def.dilation)
        .with_groups(groups)
        .with_padding(def.padding);
    window(network, index, def, input, conv.out_height(), conv.out_width());
    let kernel = if depthwise {
        Dims::new(&[def.kernel[0], def.kernel[1], c, def.units])
    } else {
        Dims::new(&[def.kernel[0], def.kernel[1], c / groups, filters])
    };
    let output = Dims::new(&[conv.out_height(), conv.out_width(), filters]);
    (Op::Conv2d(conv), output, kernel, def.kernel[0] * def.kernel[1] * (c / groups) + 1, filters)
}

/// The last axis, the channels.
pub(crate) const fn last_axis(dims: &Dims) -> usize {
    if dims.rank() == 0 { 1 } else { dims.axis(dims.rank() - 1) }
}

const fn image(network: &str, index: usize, def: &LayerDef, input: &Dims) -> [usize; 3] {
    if input.rank() != 3 {
        Message::at_layer(network, index, def.name)
            .text("expected an input of height x width x channels, found ")
            .dims(input)
            .fail();
    }
    [input.axis(0), input.axis(1), input.axis(2)]
}

const fn window(network: &str, index: usize, def: &LayerDef, input: &Dims, height: usize, width: usize) {
    if height == 0 || width == 0 {
        Message::at_layer(network, index, def.name)
            .text("a window of ")
            .pair(def.kernel)
            .text(" does not fit its input ")
            .dims(input)
            .fail();
    }
}
