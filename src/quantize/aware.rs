//! Quantisation-aware training: weights and values are rounded as integers would be, gradients pass straight through.

use alloc::vec::Vec;

use super::{Calibration, Error, Range};
use crate::{
    nn::{Element, Freeze, Grid, Held, HeldTrainer, Loss, Metrics, Model, Network},
    optim::Optimizer,
    shape::Shape,
    simd::Level,
};

/// Weights with a scale for each column.
#[derive(Clone, Copy, Debug)]
struct Kernel {
    offset: usize,
    len: usize,
    channels: usize,
}

/// Trains a network for eight bits (Jacob et al., *Quantization and Training of Neural Networks for Efficient
/// Integer-Arithmetic-Only Inference*, 2018): a few epochs at the end are enough.
///
/// In each [`step`](Self::step) the weights are rounded as [`Calibration::quantize`] rounds them, by a scale for each
/// output channel, and every value that an operator writes is rounded to the grid that [`observe`](Self::observe) made.
/// Gradients are those of the rounded network; the step changes the parameters as they were before rounding.
///
/// With a scale for each channel, rounded weights are the same whether a batch normalisation after them is folded or
/// not, so it goes on learning.
///
/// ```
/// use kernlet::{nn::Training, optim::Adam, quantize::Aware, simd::Level};
/// kernlet::network! { struct Xor([2]) { hidden: dense(8), relu, out: dense(2), softmax } }
/// let mut trainer = Training::<Xor, _>::new(Adam::new(0.05)).batch(4).build()?;
/// let (inputs, classes) = ([0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [0, 1, 1, 0]);
/// let mut aware = Aware::new();
/// for step in 0..100 {
///     if step % 20 == 0 {
///         aware.observe(Level::detect(), trainer.model(), &inputs)?;
///     }
///     aware.step(&mut trainer, &inputs, &classes)?;
/// }
/// assert_eq!(trainer.evaluate(&inputs, &classes)?.accuracy(), 1.0);
/// # Ok::<(), kernlet::quantize::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Aware<N> {
    kernels: Vec<Kernel>,
    /// The grid of each layer's output.
    grids: Vec<Option<Grid>>,
    /// The parameters as they are, while rounded ones are in their place.
    kept: Vec<f32>,
    /// The largest weight of each channel.
    largest: Vec<f32>,
    network: core::marker::PhantomData<fn() -> N>,
}

impl<N: Network> Default for Aware<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<N: Network> Aware<N> {
    /// Rounds only weights until it has observed something.
    pub fn new() -> Self {
        let kernels = N::LAYERS.iter().filter_map(|layer| {
            let kernel = layer.tensors().first().filter(|tensor| tensor.name == "kernel")?;
            Some(Kernel { offset: layer.offset, len: kernel.dims.len(), channels: layer.row_len.max(1) })
        });
        Self {
            kernels: kernels.collect(),
            grids: Vec::new(),
            kept: Vec::new(),
            largest: Vec::new(),
            network: core::marker::PhantomData,
        }
    }

    /// Takes the ranges of all values from samples: before the first step, and again now and then.
    ///
    /// # Errors
    /// As [`Calibration::new`], [`Calibration::observe`] and [`Calibration::quantize`].
    pub fn observe(&mut self, level: Level, model: &Model<N>, samples: &[f32]) -> Result<(), Error>
    where
        N: Network<Input: Shape<Scalar = f32>>,
    {
        let mut calibration = Calibration::new(level, model)?;
        calibration.observe(samples)?;
        self.grids = calibration.grids(Range::MinMax)?;
        Ok(())
    }

    /// A step of training with rounded weights and values.
    ///
    /// # Errors
    /// As [`HeldTrainer::step`]; [`Error::Applied`] if gradients are applied as they appear, to weights that
    /// are rounded.
    pub fn step<H: Held<N>, O: Optimizer, L: Loss, F: Freeze>(
        &mut self,
        trainer: &mut HeldTrainer<H, N, O, L, F>,
        inputs: &[impl Element],
        targets: &[L::Target],
    ) -> Result<Metrics, Error> {
        if trainer.training().applies() {
            return Err(Error::Applied);
        }
        self.kept.clear();
        self.kept.extend_from_slice(trainer.model().parameters());
        self.round(trainer.model_mut().parameters_mut());
        trainer.round_values(&self.grids);
        let input = <N::Input as Shape>::LEN;
        let metrics = trainer.backward(inputs, targets, 0, inputs.len() / input);
        trainer.round_values(&[]);
        // Whatever happened, the parameters are the ones that learn.
        for (parameter, kept) in trainer.model_mut().parameters_mut().iter_mut().zip(&self.kept) {
            *parameter = *kept;
        }
        let metrics = metrics?;
        trainer.update()?;
        Ok(metrics)
    }

    /// Rounds each kernel by the scale of each of its channels.
    fn round(&mut self, parameters: &mut [f32]) {
        for &Kernel { offset, len, channels } in &self.kernels {
            let Some(kernel) = parameters.get_mut(offset..offset + len) else { continue };
            self.largest.clear();
            self.largest.resize(channels, 0.0);
            for row in kernel.chunks(channels) {
                for (most, weight) in self.largest.iter_mut().zip(row) {
                    *most = most.max(weight.abs());
                }
            }
            for row in kernel.chunks_mut(channels) {
                for (most, weight) in self.largest.iter().zip(row) {
                    // From −127 to 127, ties to even; a channel of zeros stays that.
                    let scale = most / 127.0;
                    if scale > 0.0 {
                        *weight = libm::rintf(*weight / scale) * scale;
                    }
                }
            }
        }
    }
}

impl<N: Network<Input: Shape<Scalar = f32>>> Calibration<'_, N> {
    /// The grid of each layer's output that an operator writes.
    fn grids(&self, range: Range) -> Result<Vec<Option<Grid>>, Error> {
        let scales = self.scales(range)?;
        let mut grids = alloc::vec![None; N::LAYERS.len()];
        for (value, scale) in self.lowered.values.iter().zip(scales) {
            if let Some(grid) = value.traced.and_then(|traced| grids.get_mut(traced.checked_sub(1)?)) {
                *grid = Some(Grid::new(scale.scale, scale.zero_point));
            }
        }
        Ok(grids)
    }
}
