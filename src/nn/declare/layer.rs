//! The layers of a network with their shapes and tensors, as a program sees them.

use super::spec::{Link, Settings};
use crate::shape::Dims;

/// The most tensors of one layer.
pub const MAX_TENSORS: usize = 6;

/// The most values that one layer reads.
///
/// ```
/// assert_eq!(kernlet::nn::MAX_OPERANDS, 4);
/// ```
pub const MAX_OPERANDS: usize = 4;

/// The most attributes of one layer.
pub const MAX_ATTRIBUTES: usize = 8;

/// What a tensor's numbers are at first.
///
/// ```
/// use kernlet::nn::{Init, Network};
/// kernlet::network! { struct Tiny([2]) { dense(3) } }
/// let tensors = Tiny::LAYERS[0].tensors();
/// assert_eq!((tensors[0].init, tensors[1].init), (Init::GlorotUniform, Init::Zeros));
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Init {
    /// 0.
    Zeros,
    /// 1.
    Ones,
    /// Uniform in `±√(6 / (fan_in + fan_out))` (Glorot, Bengio: *Understanding the difficulty of
    /// training deep feedforward neural networks*, 2010, eq. 16).
    GlorotUniform,
    /// That number.
    Constant(f32),
    /// Uniform in `±limit`.
    Uniform(f32),
    /// A matrix with orthonormal columns or rows, whichever are fewer (Saxe, McClelland, Ganguli:
    /// *Exact solutions to the nonlinear dynamics of learning in deep linear neural networks*, 2014).
    Orthogonal,
    /// The same number everywhere, but in the columns of the second quarter, which are 1: the bias of an
    /// LSTM, whose forget gates begin open.
    ForgetGate,
}

/// One tensor among a layer's parameters.
///
/// ```
/// use kernlet::nn::Network;
/// kernlet::network! { struct Tiny([2]) { batch_norm } }
/// let [gamma, .., variance] = Tiny::LAYERS[0].tensors() else { panic!("batch normalisation has four tensors") };
/// assert_eq!((gamma.name, gamma.learns, variance.name, variance.learns), ("gamma", true, "moving_variance", false));
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct LayerTensor {
    /// Keras' word: `kernel`, `bias`, `gamma` …
    pub name: &'static str,
    /// Its shape.
    pub dims: Dims,
    /// What its numbers are at first.
    pub init: Init,
    /// Whether an optimizer changes it; moving averages it does not.
    pub learns: bool,
    /// Whether weight decay acts on it where the optimizer leaves out biases and normalisation.
    pub decays: bool,
}

impl LayerTensor {
    pub(crate) const NONE: Self =
        Self { name: "", dims: Dims::new(&[]), init: Init::Zeros, learns: true, decays: false };

    /// A tensor that learns.
    pub(crate) const fn new(name: &'static str, dims: &[usize], init: Init) -> Self {
        Self { name, dims: Dims::new(dims), init, learns: true, decays: false }
    }

    /// The same, and weight decay acts on it.
    pub(crate) const fn decays(self) -> Self {
        Self { decays: true, ..self }
    }

    /// The same, but it is a moving average.
    pub(crate) const fn moves(self) -> Self {
        Self { learns: false, ..self }
    }
}

/// How a tensor begins: what [`Model::initialize`](crate::nn::Model::initialize) needs of it, without names.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Fill {
    /// Where the tensor lies among the network's parameters.
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Which layer it belongs to, and which of its tensors it is.
    pub(crate) layer: u32,
    pub(crate) number: u32,
    /// The square of Glorot's limit, `6 / (fan_in + fan_out)`; 0 for less than two axes.
    pub(crate) glorot: f32,
    pub(crate) columns: u32,
    pub(crate) init: Init,
}

/// How the tensors of all layers begin.
pub const fn fills<const N: usize>(layers: &[Layer]) -> [Fill; N] {
    const NONE: Fill = Fill { start: 0, end: 0, layer: 0, number: 0, glorot: 0.0, columns: 0, init: Init::Zeros };
    let mut fills = [NONE; N];
    let (mut count, mut layer) = (0, 0);
    while layer < layers.len() {
        let tensors = layers[layer].tensors();
        let (mut number, mut start) = (0, layers[layer].offset);
        while number < tensors.len() {
            let LayerTensor { dims, init, .. } = tensors[number];
            let end = start + dims.len();
            fills[count] = Fill {
                start: start as u32,
                end: end as u32,
                layer: layer as u32,
                number: number as u32,
                glorot: glorot(&dims),
                columns: dims.axis(dims.rank().saturating_sub(1)) as u32,
                init,
            };
            (count, number, start) = (count + 1, number + 1, end);
        }
        layer += 1;
    }
    fills
}

/// The square of Glorot's limit. The fans are channels times kernel positions.
const fn glorot(dims: &Dims) -> f32 {
    let rank = dims.rank();
    if rank < 2 {
        return 0.0;
    }
    let (mut positions, mut axis) = (1, 0);
    while axis < rank - 2 {
        positions *= dims.axis(axis);
        axis += 1;
    }
    let fans = positions * (dims.axis(rank - 2) + dims.axis(rank - 1));
    6.0 / if fans > 0 { fans } else { 1 } as f32
}

/// The value of an argument or attribute.
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Value {
    /// A number.
    Number(f64),
    /// Up to four sizes, and how many.
    Sizes([usize; 4], usize),
    /// A word.
    Word(&'static str),
}

/// Something beside shapes that changes what a layer computes: a stride, an ε, a slope.
///
/// ```
/// use kernlet::nn::{Network, Value};
/// kernlet::network! { struct Tiny([2]) { batch_norm(epsilon: 1e-5) } }
/// let epsilon = Tiny::LAYERS[0].attributes()[0];
/// assert_eq!((epsilon.name, epsilon.value), ("epsilon", Value::Number(1e-5)));
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Attribute {
    /// The name, as in [`network!`](crate::network).
    pub name: &'static str,
    /// The value.
    pub value: Value,
}

impl Attribute {
    pub(crate) const NONE: Self = Self { name: "", value: Value::Word("") };
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
/// assert_eq!((layer.name, layer.kind), ("out", "dense"));
/// assert_eq!((layer.input.as_slice(), layer.output.as_slice()), (&[8][..], &[3][..]));
/// assert_eq!((layer.offset, layer.parameters()), (24, 27));
/// assert_eq!(layer.tensor("kernel").unwrap().dims.as_slice(), [8, 3]);
/// ```
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Layer {
    /// The name it was given, or its kind's.
    pub name: &'static str,
    /// What it computes, as it is written in [`network!`](crate::network).
    pub kind: &'static str,
    /// The shape of one sample's input: of the value that it reads first.
    pub input: Dims,
    /// The shape of one sample's output.
    pub output: Dims,
    /// Where its parameters begin among the network's.
    pub offset: usize,
    /// How many rows its parameters form: those of the kernel, then the bias; 0 if it has none.
    pub rows: usize,
    /// How long a row is: the output channels.
    pub row_len: usize,
    pub(crate) operands: [usize; MAX_OPERANDS],
    pub(crate) operand_count: usize,
    pub(crate) tensors: [LayerTensor; MAX_TENSORS],
    pub(crate) tensor_count: usize,
    pub(crate) attributes: [Attribute; MAX_ATTRIBUTES],
    pub(crate) attribute_count: usize,
    /// How many multiply-accumulates one sample takes.
    pub(crate) macs: usize,
    /// What it makes of logits.
    pub(crate) link: Option<Link>,
    /// Its kernel is `[kh, kw, channels, multiplier]`, one for each channel by itself.
    pub(crate) by_channel: bool,
    /// It reads any shape as a list, in the order of memory.
    pub(crate) reads_list: bool,
    /// Its output has the input's numbers.
    pub(crate) same_numbers: bool,
    /// It works on the batch as a whole.
    pub(crate) over_batch: bool,
    /// It does nothing in inference.
    pub(crate) only_trains: bool,
    /// The layer knows where a sequence ends, or works on each step by itself.
    pub(crate) ends: bool,
    /// The layer begins at a sequence's last step.
    pub(crate) goes_back: bool,
}

impl Layer {
    /// The number of its parameters.
    ///
    /// ```
    /// use kernlet::nn::Network;
    /// kernlet::network! { struct Tiny([2]) { dense(3), relu } }
    /// assert_eq!((Tiny::LAYERS[0].parameters(), Tiny::LAYERS[1].parameters()), (9, 0));
    /// ```
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
        let (mut sum, mut i) = (0, 0);
        while i < self.tensor_count {
            if self.tensors[i].learns {
                sum += self.tensors[i].dims.len();
            }
            i += 1;
        }
        sum
    }

    /// The tensors that its parameters consist of, one after the other; those that learn come first.
    ///
    /// ```
    /// use kernlet::nn::Network;
    /// kernlet::network! { struct Tiny([2]) { dense(3) } }
    /// let names: Vec<_> = Tiny::LAYERS[0].tensors().iter().map(|tensor| tensor.name).collect();
    /// assert_eq!(names, ["kernel", "bias"]);
    /// ```
    pub const fn tensors(&self) -> &[LayerTensor] {
        match self.tensors.split_at_checked(self.tensor_count) {
            Some((tensors, _)) => tensors,
            None => &self.tensors,
        }
    }

    /// The tensor of that name.
    ///
    /// ```
    /// use kernlet::nn::Network;
    /// kernlet::network! { struct Tiny([2]) { dense(3, bias: no) } }
    /// assert!(Tiny::LAYERS[0].tensor("bias").is_none());
    /// ```
    pub const fn tensor(&self, name: &str) -> Option<&LayerTensor> {
        let mut i = 0;
        while i < self.tensor_count {
            if same(self.tensors[i].name, name) {
                return Some(&self.tensors[i]);
            }
            i += 1;
        }
        None
    }

    /// What beside the shapes changes what it computes.
    ///
    /// ```
    /// use kernlet::nn::{Network, Value};
    /// kernlet::network! { struct Tiny([2]) { leaky_relu(0.25) } }
    /// assert_eq!(Tiny::LAYERS[0].attributes()[0].value, Value::Number(0.25));
    /// ```
    pub const fn attributes(&self) -> &[Attribute] {
        match self.attributes.split_at_checked(self.attribute_count) {
            Some((attributes, _)) => attributes,
            None => &self.attributes,
        }
    }

    /// The values that it reads: 0 is the network's input, `i + 1` the output of layer `i`.
    ///
    /// ```
    /// use kernlet::nn::Network;
    /// kernlet::network! { struct Tiny([2]) { a: dense(2), b: dense(2), add(a) } }
    /// assert_eq!(Tiny::LAYERS[2].operands(), [2, 1]);
    /// ```
    pub const fn operands(&self) -> &[usize] {
        match self.operands.split_at_checked(self.operand_count) {
            Some((operands, _)) => operands,
            None => &self.operands,
        }
    }

    /// How many multiply-accumulates one sample takes; 0 for a layer without products.
    ///
    /// ```
    /// use kernlet::nn::Network;
    /// kernlet::network! { struct Tiny([8, 8, 1]) { conv2d(4, 3x3) } }
    /// assert_eq!(Tiny::LAYERS[0].multiply_accumulates(), 6 * 6 * 4 * 9);
    /// ```
    pub const fn multiply_accumulates(&self) -> usize {
        self.macs
    }
}

/// Whether two names are the same.
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

/// What a pass needs of a layer: lengths and settings, without names.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    pub(crate) settings: Settings,
    /// Floats of one sample's input, and of the output.
    pub(crate) input: u32,
    pub(crate) output: u32,
    pub(crate) offset: u32,
    pub(crate) rows: u32,
    pub(crate) row_len: u32,
    /// How many of the parameters learn.
    pub(crate) trainable: u32,
    /// Floats of each value that the layer reads.
    pub(crate) operands: [u32; MAX_OPERANDS],
    /// Floats of one step of the input, of the output, and of what lies between two steps.
    pub(crate) stream_input: u32,
    pub(crate) stream_output: u32,
    pub(crate) stream_state: u32,
    /// Floats that a sample's sequence hands to the next batch.
    pub(crate) carried: u32,
    /// The whole numbers that the layer reads are below this; 0 where it reads none.
    pub(crate) vocabulary: u32,
}
