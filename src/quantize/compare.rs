//! What eight bits cost: each operator's output beside the float network's.

use alloc::{vec, vec::Vec};

use super::{Error, Quantized};
use crate::{
    nn::{Model, Network, Trace},
    shape::Shape,
    simd::Level,
    tflite::{self, Operator},
};

/// One operator's output, compared with what the float network has there.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LayerCost {
    /// The layer whose output it is.
    pub layer: &'static str,
    /// The operator that writes it.
    pub operator: Operator,
    /// The numbers that −128 and 127 stand for.
    pub range: [f32; 2],
    /// The real number of one step.
    pub scale: f32,
    /// The integer that stands for 0.
    pub zero_point: i32,
    /// The sum of the float values' squares, over all samples.
    pub signal: f64,
    /// The sum of the squared differences.
    pub noise: f64,
}

impl LayerCost {
    /// The ratio of signal to quantisation noise in decibels: 6 dB more is half the error.
    /// Infinite where there is no difference.
    pub fn decibels(&self) -> f64 {
        10.0 * libm::log10(self.signal / self.noise)
    }
}

/// A sample on which the two networks disagree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Disagreement {
    /// Which sample; the first is 0.
    pub sample: usize,
    /// The largest output of the float network.
    pub float: usize,
    /// The largest output of the quantised network; the first of several.
    pub quantized: usize,
}

/// What eight bits cost, over some samples.
///
/// ```
/// # use kernlet::{nn::Model, quantize::{Calibration, Range}, simd::Level};
/// # kernlet::network! { struct Tiny([2]) { hidden: dense(3), relu, out: dense(2) } }
/// # let mut model = Model::<Tiny>::zeroed();
/// # model.initialize(1);
/// # let samples = [0.5, -1.0, 1.0, 2.0, -0.3, 0.1];
/// # let mut calibration = Calibration::new(Level::detect(), &model)?;
/// # calibration.observe(&samples)?;
/// let quantized = calibration.quantize(Range::MinMax)?;
/// let cost = quantized.compare(Level::detect(), &model, &samples)?;
/// for layer in cost.layers() {
///     println!("{} {:?} {:.1} dB", layer.layer, layer.range, layer.decibels());
/// }
/// assert!(cost.layers().iter().all(|layer| layer.decibels() > 30.0) && cost.disagreements().is_empty());
/// # Ok::<(), kernlet::quantize::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Comparison {
    samples: usize,
    layers: Vec<LayerCost>,
    disagreements: Vec<Disagreement>,
}

impl Comparison {
    /// How many samples were compared.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Each operator whose output the float network has too, in order.
    pub fn layers(&self) -> &[LayerCost] {
        &self.layers
    }

    /// The samples for which the two networks have different largest outputs.
    pub fn disagreements(&self) -> &[Disagreement] {
        &self.disagreements
    }
}

impl Quantized {
    /// Runs samples through both networks and compares every value.
    ///
    /// An error that one layer makes is seen after it, too: the numbers are those of the network as it runs.
    ///
    /// # Errors
    /// If the slice does not hold whole samples, or holds none, if one of its numbers is infinite or not a number, or
    /// if the model is not the one that was quantised.
    pub fn compare<N: Network<Input: Shape<Scalar = f32>>>(
        &self,
        level: Level,
        model: &Model<N>,
        samples: &[f32],
    ) -> Result<Comparison, Error> {
        if !samples.len().is_multiple_of(N::Input::LEN) {
            return Err(Error::Network(crate::nn::Error::Inputs { input: N::Input::LEN, found: samples.len() }));
        }
        if samples.is_empty() {
            return Err(Error::NoSamples);
        }
        super::all_finite(samples)?;
        // The same file with every value as an output, so that all of them are there at the end.
        let mut graph = self.graph.clone();
        let shown = graph.operators.iter().enumerate().filter_map(|(operator, of)| {
            let value = of.output as usize;
            let (name, traced) = self.values.get(value)?;
            Some((operator, value, *name, (*traced)?))
        });
        let shown: Vec<_> = shown.collect();
        graph.outputs.extend(shown.iter().map(|(_, value, ..)| *value as i32));
        let bytes = graph.write();
        let file = tflite::Model::parse(&bytes)?;
        let mut arena = vec![0; file.arena_bytes()?];
        let mut runner = file.runner(level, &mut arena)?;

        let mut layers = Vec::new();
        for (index, (operator, _, layer, _)) in shown.iter().enumerate() {
            let port = runner.output_port(index + 1)?;
            let range = [-128, 127].map(|q| port.scale * (q - port.zero_point) as f32);
            let operator = file.operator(*operator)?.operator();
            let (scale, zero_point) = (port.scale, port.zero_point);
            layers.push(LayerCost { layer, operator, range, scale, zero_point, signal: 0.0, noise: 0.0 });
        }
        let mut trace = Trace::new(level, model);
        let mut disagreements = Vec::new();
        let mut numbers = Vec::new();
        for (sample, input) in samples.chunks_exact(N::Input::LEN).enumerate() {
            trace.run(input)?;
            runner.quantize_input(0, input)?;
            runner.invoke()?;
            for (index, (layer, (.., traced))) in layers.iter_mut().zip(&shown).enumerate() {
                let float = trace.value(*traced);
                numbers.resize(float.len(), 0.0);
                runner.dequantize_output(index + 1, &mut numbers)?;
                for (&float, &integer) in float.iter().zip(&numbers) {
                    let difference = f64::from(float) - f64::from(integer);
                    layer.signal += f64::from(float) * f64::from(float);
                    layer.noise += difference * difference;
                }
            }
            let float = largest(trace.value(N::LAYERS.len()));
            let quantized = largest(runner.output(0)?);
            if float != quantized {
                disagreements.push(Disagreement { sample, float, quantized });
            }
        }
        Ok(Comparison { samples: samples.len() / N::Input::LEN, layers, disagreements })
    }
}

/// The place of the largest; the first of several.
fn largest<T: PartialOrd + Copy>(numbers: &[T]) -> usize {
    let mut best = 0;
    for (at, number) in numbers.iter().enumerate() {
        if numbers.get(best).is_some_and(|most| number > most) {
            best = at;
        }
    }
    best
}
