//! A network's layers as operators of TensorFlow Lite, still in floats: what is folded and fused, which values share a
//! scale, how weights lie in the file.
//!
//! This is the one place outside of `nn` that knows kinds of layers by name: a kind gets an arm in [`Lowering::layer`].

use alloc::{vec, vec::Vec};

use super::{
    Error,
    graph::{Border, Code, Fused, Options},
    range::Scale,
};
use crate::{
    nn::{Layer, Network, Value as Argument},
    shape::Dims,
};

/// A value between operators.
#[derive(Clone, Debug)]
pub(super) struct Value {
    /// The layer that it comes from, or `input`.
    pub(super) name: &'static str,
    pub(super) shape: Vec<i32>,
    /// Another value with the same scale and zero point; itself if it is the first of its class.
    class: usize,
    /// The value of the float network with the same numbers: 0 is the input, `i + 1` the output of layer `i`.
    pub(super) traced: Option<usize>,
    /// The values whose numbers give its range; empty where another value of its class gives it. Several are added.
    pub(super) observed: Vec<usize>,
    /// The scale that TensorFlow Lite prescribes.
    pub(super) fixed: Option<Scale>,
}

/// Weights as the file has them, with their bias.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    pub(super) weights: Vec<f32>,
    pub(super) shape: Vec<i32>,
    /// The axis of the output channels: the first or the last.
    pub(super) axis: usize,
    pub(super) bias: Vec<f32>,
}

impl Filter {
    /// The channel of a weight.
    pub(super) fn channel(&self, weight: usize) -> usize {
        let channels = self.bias.len().max(1);
        if self.axis == 0 { weight / (self.weights.len() / channels).max(1) } else { weight % channels }
    }
}

/// An operator.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) code: Code,
    pub(super) inputs: Vec<usize>,
    pub(super) output: usize,
    pub(super) options: Options,
    pub(super) filter: Option<Filter>,
    /// A constant of whole numbers as the second input, with its shape: axes, sizes, paddings.
    pub(super) numbers: Option<(Vec<i32>, Vec<i32>)>,
}

/// A network as operators. Value 0 is the input.
#[derive(Clone, Debug)]
pub(super) struct Lowered {
    pub(super) values: Vec<Value>,
    pub(super) steps: Vec<Step>,
    pub(super) output: usize,
}

impl Lowered {
    /// The first value of the class.
    pub(super) fn class(&self, value: usize) -> usize {
        class(&self.values, value)
    }
}

fn class(values: &[Value], mut value: usize) -> usize {
    while let Some(found) = values.get(value).filter(|found| found.class != value) {
        value = found.class;
    }
    value
}

/// The scale of softmax and sigmoid: 1/256, from −128.
const PROBABILITY: Scale = Scale { scale: 1.0 / 256.0, zero_point: -128 };
/// The scale of tanh.
const SIGNED: Scale = Scale { scale: 1.0 / 128.0, zero_point: 0 };

/// The sizes of a tensor of one sample.
fn sizes(dims: &Dims) -> Vec<i32> {
    [1].into_iter().chain(dims.as_slice().iter().map(|&size| size as i32)).collect()
}

/// The layers with these parameters as operators.
pub(super) fn lower<N: Network>(input: Dims, parameters: &[f32]) -> Result<Lowered, Error> {
    let layers = N::LAYERS;
    let mut lowering = Lowering {
        layers,
        parameters,
        values: Vec::new(),
        steps: Vec::new(),
        forms: vec![Vec::new(); layers.len() + 1],
        roots: (0..=layers.len()).collect(),
        is_done: vec![false; layers.len()],
    };
    let value = lowering.value("input", sizes(&input), Some(0), vec![0]);
    lowering.register(0, value);
    for index in 0..layers.len() {
        if !lowering.is_done.get(index).copied().unwrap_or(true) {
            lowering.layer(index)?;
        }
    }
    let Some(last) = layers.last() else { return Err(Error::NoSamples) };
    let output = lowering.form(layers.len(), &sizes(&last.output))?;
    if lowering.steps.is_empty() {
        return Err(refuse(last, "no layer of the network computes anything"));
    }
    Ok(Lowered { values: lowering.values, steps: lowering.steps, output })
}

fn refuse(layer: &Layer, reason: &'static str) -> Error {
    Error::Layer { layer: layer.name, kind: layer.kind, reason }
}

/// A window over an image.
#[derive(Clone, Copy, Debug)]
struct Window {
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    /// Top, bottom, left, right.
    padding: [usize; 4],
}

struct Lowering<'a> {
    layers: &'a [Layer],
    parameters: &'a [f32],
    values: Vec<Value>,
    steps: Vec<Step>,
    /// The values that have the numbers of each value of the network, in several shapes.
    forms: Vec<Vec<usize>>,
    /// The value of the network that has the same numbers.
    roots: Vec<usize>,
    /// Layers that others have absorbed.
    is_done: Vec<bool>,
}

impl Lowering<'_> {
    fn value(&mut self, name: &'static str, shape: Vec<i32>, traced: Option<usize>, observed: Vec<usize>) -> usize {
        let class = self.values.len();
        self.values.push(Value { name, shape, class, traced, observed, fixed: None });
        class
    }

    /// A value with the scale of another one.
    fn value_like(&mut self, like: usize, name: &'static str, shape: Vec<i32>, traced: Option<usize>) -> usize {
        let value = self.value(name, shape, traced, Vec::new());
        self.unify(like, value);
        value
    }

    fn unify(&mut self, a: usize, b: usize) {
        let (a, b) = (class(&self.values, a), class(&self.values, b));
        if a != b
            && let Some(value) = self.values.get_mut(b)
        {
            value.class = a;
        }
    }

    fn fixed(&self, value: usize) -> Option<Scale> {
        self.values.get(class(&self.values, value)).and_then(|value| value.fixed)
    }

    fn shape(&self, value: usize) -> Vec<i32> {
        self.values.get(value).map(|value| value.shape.clone()).unwrap_or_default()
    }

    /// Records that `value` has the numbers of a value of the network.
    fn register(&mut self, of: usize, value: usize) {
        if let Some(forms) = self.forms.get_mut(of) {
            forms.push(value);
        }
    }

    fn root(&self, of: usize) -> usize {
        self.roots.get(of).copied().unwrap_or(of)
    }

    /// The numbers of a value of the network, in any shape.
    fn any_form(&self, of: usize) -> Result<usize, Error> {
        self.forms
            .get(self.root(of))
            .and_then(|forms| forms.first().copied())
            .ok_or(Error::Network(crate::nn::Error::Plan))
    }

    /// The numbers of a value of the network in a shape: a value that is there, or a reshaped one.
    fn form(&mut self, of: usize, shape: &[i32]) -> Result<usize, Error> {
        let root = self.root(of);
        let forms = self.forms.get(root).cloned().unwrap_or_default();
        let has = |value: &&usize| self.values.get(**value).is_some_and(|value| value.shape == shape);
        if let Some(value) = forms.iter().find(has) {
            return Ok(*value);
        }
        let from = self.any_form(of)?;
        let (name, traced) = match self.values.get(from) {
            Some(value) => (value.name, value.traced),
            None => ("input", None),
        };
        let value = self.value_like(from, name, shape.to_vec(), traced);
        self.steps.push(Step {
            code: Code::RESHAPE,
            inputs: vec![from],
            output: value,
            options: Options::Reshape { shape: shape.to_vec() },
            filter: None,
            numbers: Some((shape.to_vec(), vec![shape.len() as i32])),
        });
        self.register(root, value);
        Ok(value)
    }

    /// The numbers of a value as an image of one sample.
    fn image(&mut self, layer: &Layer, of: usize) -> Result<usize, Error> {
        let shape = image_of(&layer.input).ok_or(refuse(layer, "reads a value of more than three axes"))?;
        self.form(of, &shape)
    }

    /// The only layer that reads the output of another one, after any dropout.
    fn sole_reader(&self, index: usize) -> Option<(usize, &Layer)> {
        let value = index + 1;
        let mut readers = self.layers.iter().enumerate().flat_map(|(reader, layer)| {
            layer.operands().iter().filter(move |operand| **operand == value).map(move |_| (reader, layer))
        });
        let (reader, layer) = readers.next()?;
        if readers.next().is_some() {
            return None;
        }
        if layer.only_trains { self.sole_reader(reader) } else { Some((reader, layer)) }
    }

    /// Absorbs the activation after layer `last`, if an operator may apply it; returns the layer whose output it then
    /// is.
    fn fuse(&mut self, last: usize) -> (usize, Fused) {
        let (reader, fused) = match self.sole_reader(last) {
            Some((reader, layer)) if layer.kind == "relu" => (reader, Fused::Relu),
            Some((reader, layer)) if layer.kind == "relu6" => (reader, Fused::Relu6),
            _ => return (last, Fused::None),
        };
        self.done(reader);
        (reader, fused)
    }

    fn done(&mut self, index: usize) {
        if let Some(done) = self.is_done.get_mut(index) {
            *done = true;
        }
    }

    fn parameters(&self, layer: &Layer, name: &str) -> Option<Vec<f32>> {
        let mut at = layer.offset;
        for tensor in layer.tensors() {
            let len = tensor.dims.len();
            if tensor.name == name {
                return self.parameters.get(at..at + len).map(<[f32]>::to_vec);
            }
            at += len;
        }
        None
    }

    /// What batch normalisation multiplies each channel by and adds to it, from its moving averages.
    fn normalisation(&self, layer: &Layer) -> Option<Vec<(f64, f64)>> {
        let epsilon = number(layer, "epsilon")?;
        let [gamma, beta, mean, variance] =
            ["gamma", "beta", "moving_mean", "moving_variance"].map(|name| self.parameters(layer, name));
        let rows = gamma?.into_iter().zip(beta?).zip(mean?.into_iter().zip(variance?));
        let affine = |((gamma, beta), (mean, variance)): ((f32, f32), (f32, f32))| {
            let factor = f64::from(gamma) / libm::sqrt(f64::from(variance) + epsilon);
            (factor, f64::from(beta) - f64::from(mean) * factor)
        };
        Some(rows.map(affine).collect())
    }

    /// Adds an operator whose output is the output of layer `last`.
    fn push(&mut self, last: usize, shape: Vec<i32>, code: Code, inputs: Vec<usize>, options: Options) -> usize {
        let name = self.layers.get(last).map_or("", |layer| layer.name);
        let output = self.value(name, shape, Some(last + 1), vec![last + 1]);
        self.steps.push(Step { code, inputs, output, options, filter: None, numbers: None });
        self.register(last + 1, output);
        output
    }

    /// The same with an output that has the input's scale.
    fn push_like(&mut self, last: usize, shape: Vec<i32>, code: Code, input: usize, options: Options) -> usize {
        let output = self.push(last, shape, code, vec![input], options);
        if let Some(value) = self.values.get_mut(output) {
            value.observed.clear();
        }
        self.unify(input, output);
        output
    }

    /// The same with an output whose scale is prescribed.
    fn push_fixed(&mut self, last: usize, shape: Vec<i32>, code: Code, input: usize, options: Options, scale: Scale) {
        let output = self.push(last, shape, code, vec![input], options);
        if let Some(value) = self.values.get_mut(output) {
            value.observed.clear();
            value.fixed = Some(scale);
        }
    }

    fn layer(&mut self, index: usize) -> Result<(), Error> {
        let Some(layer) = self.layers.get(index) else { return Ok(()) };
        let x = layer.operands().first().copied().unwrap_or(0);
        if layer.only_trains || layer.same_numbers {
            let root = self.root(x);
            if let Some(to) = self.roots.get_mut(index + 1) {
                *to = root;
            }
            return Ok(());
        }
        match layer.kind {
            "conv2d" | "depthwise_conv2d" | "conv1d" | "depthwise_conv1d" => self.convolution(index, layer, x),
            "dense" => self.dense(index, layer, x),
            "batch_norm" => self.batch_norm(index, layer, x),
            "max_pool2d" | "max_pool1d" | "avg_pool2d" | "avg_pool1d" => self.pool(index, layer, x),
            "global_max_pool2d" => {
                let image = self.image(layer, x)?;
                let shape = self.shape(image);
                let [h, w, c] = [shape.get(1), shape.get(2), shape.get(3)].map(|size| size.copied().unwrap_or(1));
                let window = [h as usize, w as usize];
                let options = Options::Pool { border: Border::Valid, stride: [1, 1], window };
                self.push_like(index, vec![1, 1, 1, c], Code::MAX_POOL_2D, image, options);
                Ok(())
            }
            "global_avg_pool2d" | "global_avg_pool1d" => {
                let image = self.image(layer, x)?;
                self.push(index, sizes(&layer.output), Code::MEAN, vec![image], Options::Mean);
                self.numbers(vec![1, 2], vec![2]);
                Ok(())
            }
            "add" => self.add(index, layer),
            "multiply" => {
                let [a, b] = self.pair(layer)?;
                let (last, fused) = self.fuse(index);
                self.push(last, self.shape(a), Code::MUL, vec![a, b], Options::Mul { fused });
                Ok(())
            }
            "concat" => self.concat(index, layer),
            "softmax" => {
                let form = self.form(x, &sizes(&layer.input))?;
                self.push_fixed(index, self.shape(form), Code::SOFTMAX, form, Options::Softmax, PROBABILITY);
                Ok(())
            }
            _ => self.activation(index, layer, x),
        }
    }

    /// Adds a constant of whole numbers as the second input of the latest operator.
    fn numbers(&mut self, numbers: Vec<i32>, shape: Vec<i32>) {
        if let Some(step) = self.steps.last_mut() {
            step.numbers = Some((numbers, shape));
        }
    }

    fn activation(&mut self, index: usize, layer: &Layer, x: usize) -> Result<(), Error> {
        let form = self.any_form(x)?;
        let shape = self.shape(form);
        match layer.kind {
            "relu" => self.push(index, shape, Code::RELU, vec![form], Options::None),
            "relu6" => self.push_like(index, shape, Code::RELU6, form, Options::None),
            "leaky_relu" => {
                let slope = number(layer, "slope").unwrap_or(0.0) as f32;
                self.push(index, shape, Code::LEAKY_RELU, vec![form], Options::LeakyRelu { slope })
            }
            "elu" if number(layer, "slope") == Some(1.0) => {
                self.push(index, shape, Code::ELU, vec![form], Options::None)
            }
            "elu" => return Err(refuse(layer, "TensorFlow Lite's ELU has a slope of 1.0")),
            "hard_swish" => self.push(index, shape, Code::HARD_SWISH, vec![form], Options::HardSwish),
            "sigmoid" => {
                self.push_fixed(index, shape, Code::LOGISTIC, form, Options::None, PROBABILITY);
                return Ok(());
            }
            "tanh" => {
                self.push_fixed(index, shape, Code::TANH, form, Options::None, SIGNED);
                return Ok(());
            }
            "silu" => {
                // x · sigmoid(x), of which the second factor is no value of the network.
                let gate = self.value(layer.name, shape.clone(), None, Vec::new());
                if let Some(value) = self.values.get_mut(gate) {
                    value.fixed = Some(PROBABILITY);
                }
                let (code, options) = (Code::LOGISTIC, Options::None);
                self.steps.push(Step { code, inputs: vec![form], output: gate, options, filter: None, numbers: None });
                self.push(index, shape, Code::MUL, vec![form, gate], Options::Mul { fused: Fused::None })
            }
            _ => return Err(refuse(layer, "has no integer kernel")),
        };
        Ok(())
    }

    /// Weights of a layer and a bias, with a batch normalisation that follows folded into them; `[rows][channels]`.
    fn folded(&mut self, index: usize, layer: &Layer) -> Result<(usize, Vec<f32>, Vec<f32>), Error> {
        let missing = Error::Network(crate::nn::Error::Plan);
        let mut weights = self.parameters(layer, "kernel").ok_or(missing)?;
        let channels = layer.row_len.max(1);
        let mut bias = self.parameters(layer, "bias").unwrap_or_else(|| vec![0.0; channels]);
        let Some((reader, norm)) = self.sole_reader(index).filter(|(_, layer)| layer.kind == "batch_norm") else {
            return Ok((index, weights, bias));
        };
        let affine = self.normalisation(norm).ok_or(missing)?;
        if affine.len() != channels {
            return Ok((index, weights, bias));
        }
        for row in weights.chunks_mut(channels) {
            for (weight, (factor, _)) in row.iter_mut().zip(&affine) {
                *weight = (f64::from(*weight) * factor) as f32;
            }
        }
        for (bias, (factor, added)) in bias.iter_mut().zip(&affine) {
            *bias = (f64::from(*bias) * factor + added) as f32;
        }
        self.done(reader);
        Ok((reader, weights, bias))
    }

    fn filter(&mut self, filter: Filter) {
        if let Some(step) = self.steps.last_mut() {
            step.filter = Some(filter);
        }
    }

    fn convolution(&mut self, index: usize, layer: &Layer, x: usize) -> Result<(), Error> {
        let window = window(layer)?;
        let image = self.image(layer, x)?;
        let output = image_of(&layer.output).ok_or(refuse(layer, "writes a value of more than three axes"))?;
        let (last, weights, bias) = self.folded(index, layer)?;
        let (last, fused) = self.fuse(last);
        let (image, border) = self.pad(image, layer, &window)?;
        let (channels, outputs) = (self.shape(image).last().copied().unwrap_or(1) as usize, bias.len().max(1));
        let [kh, kw] = window.kernel;
        let of_each = weights.len() / outputs / (kh * kw).max(1);
        let Window { stride, dilation, .. } = window;
        let [kh, kw] = [kh as i32, kw as i32];
        if of_each == 1 && (channels > 1 || outputs == 1) {
            let multiplier = outputs / channels.max(1);
            let options = Options::Depthwise { border, stride, dilation, multiplier, fused };
            self.push(last, output, Code::DEPTHWISE_CONV_2D, vec![image], options);
            self.filter(Filter { weights, shape: vec![1, kh, kw, outputs as i32], axis: 3, bias });
        } else {
            let options = Options::Conv { border, stride, dilation, fused };
            self.push(last, output, Code::CONV_2D, vec![image], options);
            let weights = transposed(&weights, outputs);
            self.filter(Filter { weights, shape: vec![outputs as i32, kh, kw, of_each as i32], axis: 0, bias });
        }
        Ok(())
    }

    /// The image, padded by an operator of its own where a window's padding is neither SAME nor VALID.
    fn pad(&mut self, image: usize, layer: &Layer, window: &Window) -> Result<(usize, Border), Error> {
        let shape = self.shape(image);
        let [n, h, w, c] = match *shape.as_slice() {
            [n, h, w, c] => [n, h, w, c],
            _ => return Err(refuse(layer, "reads a value of more than three axes")),
        };
        if window.padding == [0; 4] {
            return Ok((image, Border::Valid));
        }
        if window.padding == window.same([h as usize, w as usize]) {
            return Ok((image, Border::Same));
        }
        let [top, bottom, left, right] = window.padding.map(|size| size as i32);
        let padded = self.value_like(image, layer.name, vec![n, h + top + bottom, w + left + right, c], None);
        self.steps.push(Step {
            code: Code::PAD,
            inputs: vec![image],
            output: padded,
            options: Options::Pad,
            filter: None,
            numbers: Some((vec![0, 0, top, bottom, left, right, 0, 0], vec![4, 2])),
        });
        Ok((padded, Border::Valid))
    }

    fn dense(&mut self, index: usize, layer: &Layer, x: usize) -> Result<(), Error> {
        let list = self.form(x, &[1, layer.input.len() as i32])?;
        let (last, weights, bias) = self.folded(index, layer)?;
        let (last, fused) = self.fuse(last);
        self.push(last, sizes(&layer.output), Code::FULLY_CONNECTED, vec![list], Options::Dense { fused });
        let shape = vec![bias.len() as i32, layer.input.len() as i32];
        self.filter(Filter { weights: transposed(&weights, bias.len()), shape, axis: 0, bias });
        Ok(())
    }

    /// One that follows nothing it could be folded into: a depthwise convolution of 1×1, which unlike a product and a
    /// sum of eight bits has a scale for each channel and a bias of 32 bits.
    fn batch_norm(&mut self, index: usize, layer: &Layer, x: usize) -> Result<(), Error> {
        let image = self.image(layer, x)?;
        let affine = self.normalisation(layer).ok_or(Error::Network(crate::nn::Error::Plan))?;
        let (weights, bias): (Vec<f32>, Vec<f32>) = affine.iter().map(|&(a, b)| (a as f32, b as f32)).unzip();
        let (last, fused) = self.fuse(index);
        let (border, stride, dilation) = (Border::Valid, [1, 1], [1, 1]);
        let options = Options::Depthwise { border, stride, dilation, multiplier: 1, fused };
        self.push(last, self.shape(image), Code::DEPTHWISE_CONV_2D, vec![image], options);
        let shape = vec![1, 1, 1, bias.len() as i32];
        self.filter(Filter { weights, shape, axis: 3, bias });
        Ok(())
    }

    fn pool(&mut self, index: usize, layer: &Layer, x: usize) -> Result<(), Error> {
        let window = window(layer)?;
        if window.dilation != [1, 1] {
            return Err(refuse(layer, "TensorFlow Lite's pooling has no dilation"));
        }
        let image = self.image(layer, x)?;
        let output = image_of(&layer.output).ok_or(refuse(layer, "writes a value of more than three axes"))?;
        let is_max = layer.kind.starts_with("max");
        let counts_padding = word(layer, "count_include_pad") == Some("yes");
        let steps = self.steps.len();
        let (image, border) = if counts_padding && window.padding != [0; 4] {
            // SAME would leave the padding out of the count.
            self.pad(image, layer, &Window { stride: [0, 0], ..window })?
        } else {
            self.pad(image, layer, &window)?
        };
        if self.steps.len() > steps && !counts_padding {
            return Err(refuse(layer, "TensorFlow Lite's pooling pads as `same` or not at all"));
        }
        let code = if is_max { Code::MAX_POOL_2D } else { Code::AVERAGE_POOL_2D };
        let options = Options::Pool { border, stride: window.stride, window: window.kernel };
        self.push_like(index, output, code, image, options);
        Ok(())
    }

    /// Two operands in one shape.
    fn pair(&mut self, layer: &Layer) -> Result<[usize; 2], Error> {
        match *layer.operands() {
            [a, b, ..] => {
                let a = self.any_form(a)?;
                Ok([a, self.form(b, &self.shape(a))?])
            }
            _ => Err(refuse(layer, "reads one value")),
        }
    }

    fn add(&mut self, index: usize, layer: &Layer) -> Result<(), Error> {
        let Some((first, others)) = layer.operands().split_first() else { return Ok(()) };
        let (last, fused) = self.fuse(index);
        let mut sum = self.any_form(*first)?;
        let shape = self.shape(sum);
        for (k, other) in others.iter().enumerate() {
            let other = self.form(*other, &shape)?;
            if k + 1 == others.len() {
                self.push(last, shape.clone(), Code::ADD, vec![sum, other], Options::Add { fused });
            } else {
                // A sum that is no value of the network.
                let summands = layer.operands().iter().take(k + 2).copied().collect();
                let part = self.value(layer.name, shape.clone(), None, summands);
                let options = Options::Add { fused: Fused::None };
                let inputs = vec![sum, other];
                self.steps.push(Step { code: Code::ADD, inputs, output: part, options, filter: None, numbers: None });
                sum = part;
            }
        }
        Ok(())
    }

    /// All operands take one scale, which the format requires; one whose scale is prescribed is rescaled.
    fn concat(&mut self, index: usize, layer: &Layer) -> Result<(), Error> {
        let mut forms = Vec::new();
        for &operand in layer.operands() {
            let root = self.root(operand);
            let dims = match operand.checked_sub(1).and_then(|of| self.layers.get(of)) {
                Some(of) => sizes(&of.output),
                None => self.shape(self.any_form(root)?),
            };
            forms.push(self.form(operand, &dims)?);
        }
        let axis = layer.output.rank() as i32;
        let output = self.value(layer.name, sizes(&layer.output), Some(index + 1), Vec::new());
        let mut inputs = Vec::new();
        for form in forms {
            let Some(value) = self.values.get(form).filter(|_| self.fixed(form).is_some()).cloned() else {
                self.unify(form, output);
                inputs.push(form);
                continue;
            };
            let rescaled = self.value_like(output, value.name, value.shape, value.traced);
            if let Some(rescaled) = self.values.get_mut(rescaled) {
                rescaled.observed.extend(value.traced);
            }
            let (code, options) = (Code::QUANTIZE, Options::Quantize);
            self.steps.push(Step { code, inputs: vec![form], output: rescaled, options, filter: None, numbers: None });
            inputs.push(rescaled);
        }
        let options = Options::Concat { axis };
        self.steps.push(Step { code: Code::CONCATENATION, inputs, output, options, filter: None, numbers: None });
        self.register(index + 1, output);
        Ok(())
    }
}

/// Columns as rows.
fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    let columns = columns.max(1);
    (0..columns).flat_map(|column| matrix.iter().skip(column).step_by(columns).copied()).collect()
}

/// The shape of a value as an image of one sample: a value without rows has one.
fn image_of(dims: &Dims) -> Option<Vec<i32>> {
    let sizes: Vec<i32> = dims.as_slice().iter().map(|&size| size as i32).collect();
    match *sizes.as_slice() {
        [c] => Some(vec![1, 1, 1, c]),
        [t, c] => Some(vec![1, 1, t, c]),
        [h, w, c] => Some(vec![1, h, w, c]),
        _ => None,
    }
}

impl Window {
    /// The padding that TensorFlow calls SAME: as many outputs as strides, the odd cell at the end.
    fn same(&self, size: [usize; 2]) -> [usize; 4] {
        let mut padding = [0; 4];
        for (axis, (&size, pair)) in size.iter().zip(padding.chunks_mut(2)).enumerate() {
            let [kernel, stride, dilation] = [self.kernel, self.stride, self.dilation].map(|pair| pair[axis]);
            if stride == 0 {
                return [usize::MAX; 4];
            }
            let span = (kernel - 1) * dilation + 1;
            let total = ((size.div_ceil(stride) - 1) * stride + span).saturating_sub(size);
            pair.copy_from_slice(&[total / 2, total - total / 2]);
        }
        padding
    }
}

fn argument(layer: &Layer, name: &str) -> Option<Argument> {
    layer.attributes().iter().find(|attribute| attribute.name == name).map(|attribute| attribute.value)
}

fn number(layer: &Layer, name: &str) -> Option<f64> {
    match argument(layer, name) {
        Some(Argument::Number(number)) => Some(number),
        _ => None,
    }
}

fn word(layer: &Layer, name: &str) -> Option<&'static str> {
    match argument(layer, name) {
        Some(Argument::Word(word)) => Some(word),
        _ => None,
    }
}

/// Two sizes; for a sequence, 1 and the one over time.
fn pair(layer: &Layer, name: &str) -> Option<[usize; 2]> {
    match argument(layer, name) {
        Some(Argument::Sizes(sizes, 1)) => Some([1, sizes[0]]),
        Some(Argument::Sizes(sizes, 2)) => Some([sizes[0], sizes[1]]),
        _ => None,
    }
}

/// The window of a convolution or pooling, over images or sequences.
fn window(layer: &Layer) -> Result<Window, Error> {
    let kernel = match layer.tensor("kernel").map(|tensor| tensor.dims) {
        Some(dims) if layer.input.rank() == 2 => [1, dims.axis(0)],
        Some(dims) => [dims.axis(0), dims.axis(1)],
        None => pair(layer, "window").ok_or(refuse(layer, "its window is not known"))?,
    };
    let stride = pair(layer, "stride").unwrap_or([1, 1]);
    let dilation = pair(layer, "dilation").unwrap_or([1, 1]);
    let mut window = Window { kernel, stride, dilation, padding: [0; 4] };
    let steps = if layer.input.rank() == 2 { layer.input.axis(0) } else { 1 };
    window.padding = match argument(layer, "padding") {
        Some(Argument::Sizes(sizes, 4)) => sizes,
        Some(Argument::Word("same")) => window.same([1, steps]),
        Some(Argument::Word("causal")) => [0, 0, (kernel[1] - 1) * dilation[1], 0],
        _ => [0; 4],
    };
    Ok(window)
}
