//! A trained network in eight bits: quantised from samples, written as a file that every TensorFlow Lite runs.
//!
//! A [`Calibration`] sees a few hundred samples and remembers where each value's numbers lie.
//! [`quantize`](Calibration::quantize) makes a [`Quantized`] of it: the bytes of a `.tflite` file, which
//! [`tflite::Model`] runs where they lie, and TensorFlow Lite Micro runs to the same bits. In firmware the file is a
//! `static` in flash: [`tflite!`](crate::tflite!) makes a type of it, or a model is parsed from the bytes at run time.
//!
//! ```
//! use kernlet::{nn::Model, quantize::{Calibration, Range}, simd::Level};
//! kernlet::network! {
//!     pub struct Tiny([8, 8, 1]) { conv2d(4, 3x3), batch_norm, relu, max_pool2d(2x2), dense(3), softmax }
//! }
//! # let samples: Vec<f32> = (0..640).map(|i| (i * 37 % 101) as f32 / 101.0).collect();
//! let mut model = Model::<Tiny>::zeroed();
//! model.initialize(1); // and trained
//!
//! let mut calibration = Calibration::new(Level::detect(), &model)?;
//! calibration.observe(&samples)?;
//! let quantized = calibration.quantize(Range::MinMax)?;
//!
//! let file = quantized.model()?;
//! let mut arena = vec![0; file.arena_bytes()?];
//! let mut runner = file.runner(Level::detect(), &mut arena)?;
//! runner.quantize_input(0, &samples[..64])?;
//! runner.invoke()?;
//! let mut probabilities = [0.0; 3];
//! runner.dequantize_output(0, &mut probabilities)?;
//! # Ok::<(), kernlet::quantize::Error>(())
//! ```
//!
//! # How
//! TensorFlow Lite's [quantisation specification](https://ai.google.dev/edge/litert/models/quantization_spec).
//! - Batch normalisation is folded into the convolution or dense layer before it, with its moving averages; one that
//!   follows something else becomes a depthwise convolution of 1×1.
//! - Weights are symmetric, −127 … 127, with a scale for each output channel, dense layers too; biases are 32 bits
//!   with the scale of the input times that of the weights.
//! - Other values have 256 steps over a range that contains 0, so that 0 is a whole number. A ReLU or ReLU6 is a bound
//!   of the operator before it, whose range is then that after the ReLU.
//! - What pooling, reshaping, padding and concatenation read and write has one scale. Softmax and sigmoid have 1/256
//!   from −128, tanh 1/128.
//! - Sequences `[time, channels]` are images of one row.
//!
//! | layer | operators |
//! |---|---|
//! | `conv2d`, `conv1d`, with `groups`, `winograd` | CONV_2D, DEPTHWISE_CONV_2D; PAD before it where its padding is neither `same` nor none |
//! | `depthwise_conv2d`, `depthwise_conv1d` | DEPTHWISE_CONV_2D |
//! | `dense` | FULLY_CONNECTED |
//! | `max_pool2d`, `max_pool1d`, `global_max_pool2d` | MAX_POOL_2D |
//! | `avg_pool2d`, `avg_pool1d` | AVERAGE_POOL_2D |
//! | `global_avg_pool2d`, `global_avg_pool1d` | MEAN |
//! | `add`, `multiply`, `concat` | ADD, MUL, CONCATENATION |
//! | `relu`, `relu6`, `leaky_relu`, `elu(1.0)`, `hard_swish`, `sigmoid`, `tanh`, `softmax` | of the same names |
//! | `silu` | LOGISTIC, MUL |
//! | `batch_norm` | none, or DEPTHWISE_CONV_2D |
//! | `flatten`, `reshape`, `dropout` | none, or RESHAPE |
//!
//! Every other layer is an [`Error`] that names it.
//!
//! # Numerics
//! Deterministic: ranges do not depend on the order of the samples. They are those of the float network at the level
//! that was asked for, so its rounding may show in them.

use alloc::{format, vec, vec::Vec};

use crate::{
    nn::{Model, Network, Trace},
    shape::Shape,
    simd::Level,
    tflite,
};

mod aware;
mod compare;
mod error;
mod flatbuffer;
mod graph;
mod lower;
mod range;
mod weights;

pub use aware::Aware;
pub use compare::{Comparison, Disagreement, LayerCost};
pub use error::Error;
use graph::{Graph, Kind, Operator, Tensor};
use lower::{Lowered, lower};
use range::{Histogram, Scale};
use weights::Integers;

/// How a range is derived from a value's numbers.
///
/// ```
/// use kernlet::quantize::Range;
/// const OUTLIERS_CUT: Range = Range::Percentile(99.99);
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Range {
    /// From the least to the greatest.
    MinMax,
    /// The numbers in the middle, this percentage of them.
    Percentile(f64),
    /// The range with the least mean squared error, among those shortened in steps of a hundredth.
    MeanSquaredError,
}

/// Where the values of a network lie, from samples.
///
/// ```
/// use kernlet::{nn::Model, quantize::{Calibration, Error, Range}, simd::Level};
/// kernlet::network! { struct Tiny([2]) { dense(3) } }
/// let mut model = Model::<Tiny>::zeroed();
/// model.initialize(1);
/// let mut calibration = Calibration::new(Level::detect(), &model)?;
/// assert_eq!(calibration.quantize(Range::MinMax).unwrap_err(), Error::NoSamples);
/// calibration.observe(&[0.5, -1.0, 1.0, 2.0])?;
/// assert_eq!(calibration.samples(), 2);
/// assert!(calibration.quantize(Range::MinMax)?.bytes().len() < 2048);
/// # Ok::<(), Error>(())
/// ```
pub struct Calibration<'m, N: Network> {
    trace: Trace<'m, N>,
    lowered: Lowered,
    /// One for each value that has numbers of its own.
    histograms: Vec<Option<Histogram>>,
    first: Vec<f32>,
    samples: usize,
    /// Whether two samples were different.
    differ: bool,
}

impl<N: Network> core::fmt::Debug for Calibration<'_, N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Calibration<{}>({} samples)", N::NAME, self.samples)
    }
}

impl<'m, N: Network<Input: Shape<Scalar = f32>>> Calibration<'m, N> {
    /// The calibration of a trained network, which has seen no samples yet.
    ///
    /// # Errors
    /// [`Error::Layer`] if a layer has no integer kernel, or has options that no operator has.
    pub fn new(level: Level, model: &'m Model<N>) -> Result<Self, Error> {
        let lowered = lower::<N>(N::Input::dims(), model.parameters())?;
        let histograms = lowered.values.iter().map(|value| (!value.observed.is_empty()).then(Histogram::new));
        Ok(Self {
            trace: Trace::new(level, model),
            histograms: histograms.collect(),
            lowered,
            first: Vec::new(),
            samples: 0,
            differ: false,
        })
    }

    /// How many samples it has seen.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Runs samples, one after the other in a slice, and remembers where the values lie.
    ///
    /// # Errors
    /// If the slice does not hold whole samples, or one of its numbers is infinite or not a number: no sample is
    /// counted then. If a layer's numbers become so, the samples before that one have been counted.
    pub fn observe(&mut self, samples: &[f32]) -> Result<(), Error> {
        if !samples.len().is_multiple_of(N::Input::LEN) {
            return Err(Error::Network(crate::nn::Error::Inputs { input: N::Input::LEN, found: samples.len() }));
        }
        all_finite(samples)?;
        for sample in samples.chunks_exact(N::Input::LEN) {
            self.trace.run(sample)?;
            for (value, histogram) in self.lowered.values.iter().zip(&mut self.histograms) {
                let Some(histogram) = histogram else { continue };
                let is_finite = match *value.observed.as_slice() {
                    [one] => histogram.add(self.trace.value(one).iter().copied()),
                    _ => histogram.add(summed(&self.trace, &value.observed).into_iter()),
                };
                if !is_finite {
                    return Err(Error::NotFinite { layer: value.name });
                }
            }
            if self.first.is_empty() {
                self.first = sample.to_vec();
            }
            self.differ |= self.first != sample;
            self.samples += 1;
        }
        Ok(())
    }

    /// The network in eight bits.
    ///
    /// # Errors
    /// If there were no samples, several that are all the same, or a value that was always 0; if a parameter is
    /// infinite or not a number.
    pub fn quantize(&self, range: Range) -> Result<Quantized, Error> {
        let scales = self.scales(range)?;
        let Lowered { values, steps, output } = &self.lowered;
        let mut graph =
            Graph { name: format!("kernlet: {}", N::NAME), outputs: vec![*output as i32], ..Graph::default() };
        for (value, Scale { scale, zero_point }) in values.iter().zip(&scales) {
            graph.tensors.push(Tensor {
                name: format!("{}/{}", N::NAME, value.name),
                shape: value.shape.clone(),
                kind: Kind::Int8,
                scales: vec![*scale],
                zero_point: *zero_point,
                axis: 0,
                data: Vec::new(),
            });
        }
        for step in steps {
            let mut inputs: Vec<i32> = step.inputs.iter().map(|&input| input as i32).collect();
            let name = values.get(step.output).map_or("", |value| value.name);
            let name = |of: &str| format!("{}/{name}/{of}", N::NAME);
            let mut constant = |tensor: Tensor| {
                inputs.push(graph.tensors.len() as i32);
                graph.tensors.push(tensor);
            };
            if let Some(filter) = &step.filter {
                let layer = values.get(step.output).map_or("", |value| value.name);
                let [x, y] = [step.inputs.first(), Some(&step.output)]
                    .map(|of| of.and_then(|of| scales.get(*of)).map_or(1.0, |scale| scale.scale));
                let Integers { weights, scales, bias } =
                    weights::quantize(filter, x, y).ok_or(Error::NotFinite { layer })?;
                constant(Tensor {
                    name: name("kernel"),
                    shape: filter.shape.clone(),
                    kind: Kind::Int8,
                    scales: scales.clone(),
                    zero_point: 0,
                    axis: filter.axis as i32,
                    data: weights.iter().map(|&weight| weight as u8).collect(),
                });
                constant(Tensor {
                    name: name("bias"),
                    shape: vec![bias.len() as i32],
                    kind: Kind::Int32,
                    scales: scales.iter().map(|scale| x * scale).collect(),
                    zero_point: 0,
                    axis: 0,
                    data: bias.iter().flat_map(|bias| bias.to_le_bytes()).collect(),
                });
            }
            if let Some((numbers, shape)) = &step.numbers {
                constant(Tensor {
                    name: name("constant"),
                    shape: shape.clone(),
                    kind: Kind::Int32,
                    scales: Vec::new(),
                    zero_point: 0,
                    axis: 0,
                    data: numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
                });
            }
            let (code, options) = (step.code, step.options.clone());
            graph.operators.push(Operator { code, inputs, output: step.output as i32, options });
        }
        let bytes = graph.write();
        tflite::Model::parse(&bytes)?;
        let values = values.iter().map(|value| (value.name, value.traced)).collect();
        Ok(Quantized { bytes, graph, values })
    }

    /// Scale and zero point of every value.
    fn scales(&self, range: Range) -> Result<Vec<Scale>, Error> {
        if self.samples == 0 {
            return Err(Error::NoSamples);
        }
        if let Range::Percentile(found) = range
            && !(50.0..=100.0).contains(&found)
        {
            return Err(Error::Percentile { found });
        }
        let values = &self.lowered.values;
        let input = self.histograms.first().and_then(Option::as_ref).map(Histogram::bounds);
        match input {
            Some([least, most]) if least == most => return Err(Error::Constant { layer: "input", value: least }),
            _ if self.samples > 1 && !self.differ => return Err(Error::Same { samples: self.samples }),
            _ => {}
        }
        // What has one scale has one range.
        let mut classes = vec![None::<Histogram>; values.len()];
        for (value, histogram) in self.histograms.iter().enumerate() {
            let (Some(histogram), Some(all)) = (histogram, classes.get_mut(self.lowered.class(value))) else {
                continue;
            };
            match all {
                Some(all) => all.merge(histogram),
                None => *all = Some(histogram.clone()),
            }
        }
        (0..values.len())
            .map(|value| {
                let class = self.lowered.class(value);
                let (Some(first), Some(histogram)) = (values.get(class), classes.get(class)) else {
                    return Err(Error::NoSamples);
                };
                if let Some(fixed) = first.fixed {
                    return Ok(fixed);
                }
                let layer = first.name;
                let histogram = histogram.as_ref().ok_or(Error::NoSamples)?;
                Scale::of(histogram.range(range)).ok_or(Error::Constant { layer, value: histogram.bounds()[0] })
            })
            .collect()
    }
}

/// The sum of several values of a trace.
fn summed<N: Network<Input: Shape<Scalar = f32>>>(trace: &Trace<'_, N>, values: &[usize]) -> Vec<f32> {
    let mut sum = Vec::new();
    for &value in values {
        let numbers = trace.value(value);
        if sum.is_empty() {
            sum = numbers.to_vec();
        } else {
            for (sum, x) in sum.iter_mut().zip(numbers) {
                *sum += x;
            }
        }
    }
    sum
}

/// A network in eight bits: the bytes of a `.tflite` file.
///
/// ```
/// # use kernlet::{nn::Model, quantize::{Calibration, Range}, simd::Level};
/// # kernlet::network! { struct Tiny([2]) { dense(3) } }
/// # let mut model = Model::<Tiny>::zeroed();
/// # model.initialize(1);
/// # let mut calibration = Calibration::new(Level::detect(), &model)?;
/// # calibration.observe(&[0.5, -1.0, 1.0, 2.0])?;
/// let quantized = calibration.quantize(Range::MinMax)?;
/// assert_eq!(&quantized.bytes()[4..8], b"TFL3");
/// assert_eq!(quantized.model()?.operator(0)?.operator().to_string(), "FULLY_CONNECTED");
/// # Ok::<(), kernlet::quantize::Error>(())
/// ```
#[derive(Clone)]
pub struct Quantized {
    bytes: Vec<u8>,
    graph: Graph,
    /// The layer of each value, and the value of the float network that has its numbers.
    values: Vec<(&'static str, Option<usize>)>,
}

impl core::fmt::Debug for Quantized {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Quantized({} bytes)", self.bytes.len())
    }
}

impl Quantized {
    /// The file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The file, to be kept.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The file, ready to be run.
    ///
    /// # Errors
    /// None that are known: it was read once when it was made.
    pub fn model(&self) -> Result<tflite::Model<'_>, Error> {
        Ok(tflite::Model::parse(&self.bytes)?)
    }

    /// Writes the file; an old one is replaced once the new one is safely on disk.
    ///
    /// # Errors
    /// Those of the file system. The old file is then untouched and nothing is left beside it.
    #[cfg(feature = "std")]
    pub fn save(&self, path: impl AsRef<std::path::Path>) -> std::io::Result<()> {
        crate::snapshot::replace_file(path, |file| file.write_all(&self.bytes))
    }
}

/// Fails if an input is infinite or not a number.
fn all_finite(samples: &[f32]) -> Result<(), Error> {
    if samples.iter().all(|x| x.is_finite()) { Ok(()) } else { Err(Error::NotFinite { layer: "input" }) }
}
