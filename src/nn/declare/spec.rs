//! What a kind of layer says of itself: what backward reads, what may be shared or left out, which
//! tensors it has. The plan, the executor, initialisation and description read this and know no kind.

use super::{
    definition::Context,
    layer::{Attribute, Init, Layer, LayerTensor, MAX_ATTRIBUTES, MAX_OPERANDS, MAX_TENSORS, Node, Value},
};
use crate::{kernels::Epilogue, shape::Dims};

/// What a layer's kernels are told: sizes and numbers in an order that only its kind knows.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Settings {
    pub(crate) sizes: [u32; 16],
    pub(crate) values: [f32; 2],
}

impl Settings {
    pub(crate) const NONE: Self = Self { sizes: [0; 16], values: [0.0; 2] };

    /// The settings with these sizes.
    pub(crate) const fn of(sizes: &[usize]) -> Self {
        let mut settings = Self::NONE;
        let mut i = 0;
        while i < sizes.len() {
            assert!(sizes[i] <= u32::MAX as usize, "a size of a layer is 2^32 or more");
            settings.sizes[i] = sizes[i] as u32;
            i += 1;
        }
        settings
    }

    /// The settings with this number.
    pub(crate) const fn value(value: f32) -> Self {
        Self { values: [value, 0.0], ..Self::NONE }
    }

    /// The same with these numbers.
    pub(crate) const fn with_values(self, values: [f32; 2]) -> Self {
        Self { values, ..self }
    }

    /// Size number `AT`.
    #[inline(always)]
    pub(crate) const fn size<const AT: usize>(&self) -> usize {
        self.sizes[AT] as usize
    }
}

/// Whether the output may lie where the input lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum InPlace {
    /// It may not.
    No,
    /// It is written over the input.
    Yes,
    /// It is the input: the same numbers in the same place.
    Alias,
}

/// What forward keeps for backward.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Auxiliary {
    /// Nothing.
    None,
    /// Bytes for each sample.
    PerSample(usize),
    /// Floats, whatever the batch.
    Fixed(usize),
}

/// How a layer runs one step of a sequence at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Streaming {
    /// It cannot: it takes later steps, or all at once.
    No,
    /// Each step by itself.
    EachStep,
    /// With a memory of so many floats, zeros at first.
    State(usize),
}

/// Whether a sequence may go on in the next batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Carries {
    /// Nothing lies between two steps.
    Nothing,
    /// A state of so many floats for each sample.
    State(usize),
    /// It runs backwards: its first step is the sequence's last.
    Never,
}

/// Working memory of one thread, in floats.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scratch {
    pub(crate) forward: usize,
    pub(crate) backward: usize,
    pub(crate) weights: usize,
}

/// What the last layer makes of logits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Link {
    /// Probabilities of classes that exclude each other.
    Softmax,
    /// A probability for each output.
    Sigmoid,
    /// The logarithms of probabilities of classes that exclude each other.
    LogSoftmax,
}

/// How a layer behaves.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    pub(crate) settings: Settings,
    pub(crate) in_place: InPlace,
    /// The gradient of the first operand may take the place of the output's.
    pub(crate) gradient_in_place: bool,
    /// Backward reads the first operand.
    pub(crate) reads_input: bool,
    /// Backward reads the other operands.
    pub(crate) reads_others: bool,
    /// The first operand is the network's input as whole numbers.
    pub(crate) reads_indices: bool,
    /// Backward reads the output, to the bit.
    pub(crate) reads_output: bool,
    /// Backward reads the sign of the output.
    pub(crate) reads_sign: bool,
    /// What backward reads of the input's sign may be gone: where the layer puts a zero, the gradient is zero already.
    pub(crate) drops: bool,
    /// The layer works on each sample by itself and has few parameters, so that a batch may pass through it in
    /// pieces that stay in cache.
    pub(crate) by_piece: bool,
    /// Though it is not by piece: gradients of the parameters may be computed for some samples of a batch by themselves.
    pub(crate) by_leaf: bool,
    pub(crate) auxiliary: Auxiliary,
    pub(crate) scratch: Scratch,
    /// The layer is an elementwise function that the layer before may apply as it writes its output.
    pub(crate) epilogue: Option<Epilogue>,
    /// The layer can apply an epilogue.
    pub(crate) fuses: bool,
    /// Backward can undo a ReLU before this layer from the sign of this layer's output.
    pub(crate) undoes_relu: bool,
    /// Backward can add to the gradient of an operand, and not only overwrite it.
    pub(crate) accumulates: bool,
    /// Backward makes sums that are the gradients of parameters, so it runs even where no operand wants a gradient.
    pub(crate) sums: bool,
    /// Gradients of the parameters may be computed for some samples and go on with others.
    pub(crate) halves: bool,
    /// The kernel is one for each channel by itself.
    pub(crate) by_channel: bool,
    /// The layer reads any shape as a list, in the order of memory.
    pub(crate) reads_list: bool,
    /// The layer draws random numbers while training.
    pub(crate) is_noise: bool,
    pub(crate) link: Option<Link>,
    pub(crate) streaming: Streaming,
    /// The layer knows where a sequence ends, or works on each step by itself.
    pub(crate) ends: bool,
    /// What a step hands to the next, where that can be handed to the next batch.
    pub(crate) carries: Carries,
    /// The whole numbers that it reads are below this; 0 where it reads none.
    pub(crate) vocabulary: usize,
}

impl Spec {
    /// A layer that works sample by sample, in a memory of its own, and whose backward reads nothing.
    pub(crate) const NEW: Self = Self {
        settings: Settings::NONE,
        in_place: InPlace::No,
        gradient_in_place: false,
        reads_input: false,
        reads_others: false,
        reads_indices: false,
        reads_output: false,
        reads_sign: false,
        drops: false,
        by_piece: true,
        by_leaf: false,
        auxiliary: Auxiliary::None,
        scratch: Scratch { forward: 0, backward: 0, weights: 0 },
        epilogue: None,
        fuses: false,
        undoes_relu: false,
        accumulates: false,
        sums: false,
        halves: false,
        by_channel: false,
        reads_list: false,
        is_noise: false,
        link: None,
        streaming: Streaming::No,
        ends: false,
        carries: Carries::Nothing,
        vocabulary: 0,
    };
}

/// A layer with its shapes, and how it behaves.
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    pub(crate) layer: Layer,
    pub(crate) spec: Spec,
}

impl Declared {
    pub(crate) const EMPTY: Self = Self {
        layer: Layer {
            name: "",
            kind: "",
            input: Dims::new(&[]),
            output: Dims::new(&[]),
            offset: 0,
            rows: 0,
            row_len: 0,
            operands: [0; MAX_OPERANDS],
            operand_count: 0,
            tensors: [LayerTensor::NONE; MAX_TENSORS],
            tensor_count: 0,
            attributes: [Attribute::NONE; MAX_ATTRIBUTES],
            attribute_count: 0,
            macs: 0,
            link: None,
            by_channel: false,
            reads_list: false,
            same_numbers: false,
            over_batch: false,
            only_trains: false,
            ends: false,
            goes_back: false,
        },
        spec: Spec::NEW,
    };

    /// A layer with an output of that shape and no parameters.
    pub(crate) const fn new(context: &Context<'_>, output: Dims, spec: Spec) -> Self {
        if output.is_empty() {
            context.message().text("its output would be empty, input ").dims(&context.input()).fail();
        }
        let (operands, operand_count) = context.operands();
        let layer = Layer {
            name: context.name(),
            kind: context.kind(),
            input: context.input(),
            output,
            operands,
            operand_count,
            link: spec.link,
            by_channel: spec.by_channel,
            reads_list: spec.reads_list,
            same_numbers: matches!(spec.in_place, InPlace::Alias),
            over_batch: spec.sums,
            only_trains: spec.is_noise,
            // A mean over the batch would take in steps that there are not.
            ends: spec.ends || matches!(spec.streaming, Streaming::EachStep) && !spec.sums,
            goes_back: matches!(spec.carries, Carries::Never),
            ..Self::EMPTY.layer
        };
        Self { layer, spec }
    }

    /// The same with a tensor more, whose rows are as long as the first one's last axis.
    pub(crate) const fn tensor(mut self, tensor: LayerTensor) -> Self {
        let dims = tensor.dims;
        let layer = &mut self.layer;
        if layer.tensor_count == 0 {
            layer.row_len = dims.axis(dims.rank() - 1);
        }
        assert!(layer.row_len > 0 && dims.len().is_multiple_of(layer.row_len), "a tensor is made of whole rows");
        layer.rows += dims.len() / layer.row_len;
        layer.tensors[layer.tensor_count] = tensor;
        layer.tensor_count += 1;
        self
    }

    /// The same with rows of that length, whatever the tensors' axes.
    pub(crate) const fn rows_of(mut self, row_len: usize) -> Self {
        let len = self.layer.rows * self.layer.row_len;
        assert!(row_len > 0 && len.is_multiple_of(row_len), "a tensor is made of whole rows");
        self.layer.rows = len / row_len;
        self.layer.row_len = row_len;
        self
    }

    /// The same with a bias, if it has one.
    pub(crate) const fn bias(self, len: usize, present: bool) -> Self {
        if present { self.tensor(LayerTensor::new("bias", &[len], Init::Zeros)) } else { self }
    }

    /// The same with an attribute more.
    pub(crate) const fn attribute(mut self, name: &'static str, value: Value) -> Self {
        self.layer.attributes[self.layer.attribute_count] = Attribute { name, value };
        self.layer.attribute_count += 1;
        self
    }

    /// The same with an attribute of up to four sizes more.
    pub(crate) const fn sizes(self, name: &'static str, sizes: &[usize]) -> Self {
        let mut all = [0; 4];
        let mut i = 0;
        while i < sizes.len() {
            all[i] = sizes[i];
            i += 1;
        }
        self.attribute(name, Value::Sizes(all, sizes.len()))
    }

    /// The same, taking so many multiply-accumulates.
    pub(crate) const fn macs(mut self, macs: usize) -> Self {
        self.layer.macs = macs;
        self
    }

    /// Floats of one step of a value: its channels where it has a time.
    pub(crate) const fn step_len(dims: &Dims) -> usize {
        if dims.rank() == 2 { dims.axis(1) } else { dims.len() }
    }

    const fn node(&self, all: &[Self], input: Dims) -> Node {
        let layer = &self.layer;
        let mut operands = [0; MAX_OPERANDS];
        let mut i = 0;
        while i < layer.operand_count {
            let value = layer.operands[i];
            operands[i] = if value == 0 { input.len() } else { all[value - 1].layer.output.len() } as u32;
            i += 1;
        }
        Node {
            settings: self.spec.settings,
            input: layer.input.len() as u32,
            output: layer.output.len() as u32,
            offset: layer.offset as u32,
            rows: layer.rows as u32,
            row_len: layer.row_len as u32,
            trainable: layer.trainable() as u32,
            operands,
            // Of whole numbers a step is one.
            stream_input: if self.spec.vocabulary > 0 { 1 } else { Self::step_len(&layer.input) as u32 },
            stream_output: Self::step_len(&layer.output) as u32,
            stream_state: if let Streaming::State(floats) = self.spec.streaming { floats as u32 } else { 0 },
            carried: if let Carries::State(floats) = self.spec.carries { floats as u32 } else { 0 },
            vocabulary: self.spec.vocabulary as u32,
        }
    }
}

/// Layers that are declared one after the other, first to last.
#[derive(Debug)]
pub struct Declaration<const N: usize> {
    network: &'static str,
    input: Dims,
    /// The input is a list of whole numbers.
    is_indices: bool,
    layers: [Declared; N],
    count: usize,
    offset: usize,
}

impl<const N: usize> Declaration<N> {
    /// No layers yet.
    pub const fn new(network: &'static str, input: Dims) -> Self {
        let mut i = 0;
        while i < input.rank() {
            if input.axis(i) == 0 {
                super::Message::of_network(network).text("an input of ").dims(&input).text(" is empty").fail();
            }
            i += 1;
        }
        if N == 0 {
            super::Message::of_network(network).text("expected at least one layer").fail();
        }
        Self { network, input, is_indices: false, layers: [Declared::EMPTY; N], count: 0, offset: 0 }
    }

    /// The same with an input of whole numbers.
    pub const fn of_indices(self) -> Self {
        Self { is_indices: true, ..self }
    }

    /// What the next layer's kind is asked with.
    pub const fn context<'a>(&'a self, definition: &'a super::Definition) -> Context<'a> {
        Context::new(self.network, self.count, definition, &self.layers, self.input)
    }

    /// Adds a layer.
    pub const fn push(&mut self, mut declared: Declared) {
        let index = self.count;
        declared.layer.offset = self.offset;
        let mut i = 0;
        while i < declared.layer.operand_count {
            if declared.layer.operands[i] == 0 && declared.spec.reads_indices != self.is_indices {
                let message = super::Message::at_layer(self.network, index, declared.layer.name);
                if self.is_indices {
                    message.text("the network's input is a list of whole numbers, which an `embedding` reads").fail();
                }
                message.text("reads whole numbers: write the network's input as in `[u16; 40]`").fail();
            }
            i += 1;
        }
        self.offset += declared.layer.parameters();
        if self.offset > u32::MAX as usize || declared.layer.output.len() > u32::MAX as usize {
            super::Message::at_layer(self.network, index, declared.layer.name)
                .text("is too large: 2^32 numbers")
                .fail();
        }
        if declared.layer.rows > 0 {
            let mut i = 0;
            while i < index {
                let other = &self.layers[i].layer;
                if other.rows > 0 && super::same(other.name, declared.layer.name) {
                    super::Message::at_layer(self.network, index, declared.layer.name)
                        .text("layer ")
                        .number(i)
                        .text(" has this name too: name layers that have parameters, as in `fc1: dense(10)`")
                        .fail();
                }
                i += 1;
            }
        }
        self.layers[index] = declared;
        self.count += 1;
    }

    /// All layers; each value but the last must be read.
    pub const fn finish(self) -> [Declared; N] {
        let mut value = 1;
        while value < N {
            let (mut read, mut i) = (false, value);
            while i < N && !read {
                let layer = &self.layers[i].layer;
                let mut k = 0;
                while k < layer.operand_count {
                    read = read || layer.operands[k] == value;
                    k += 1;
                }
                i += 1;
            }
            if !read {
                super::Message::at_layer(self.network, value - 1, self.layers[value - 1].layer.name)
                    .text("no layer reads its output")
                    .fail();
            }
            value += 1;
        }
        self.layers
    }
}

/// The layers as a program sees them.
pub const fn layers<const N: usize>(declared: &[Declared; N]) -> [Layer; N] {
    let mut layers = [Declared::EMPTY.layer; N];
    let mut i = 0;
    while i < N {
        layers[i] = declared[i].layer;
        i += 1;
    }
    layers
}

/// The layers as a pass sees them.
pub const fn nodes<const N: usize>(declared: &[Declared; N], input: Dims) -> [Node; N] {
    let mut nodes = [Declared::EMPTY.node(&[], Dims::new(&[])); N];
    let mut i = 0;
    while i < N {
        nodes[i] = declared[i].node(declared, input);
        i += 1;
    }
    nodes
}
