//! One call to a trainer: its model and memory, and what does not change meanwhile.

use super::{
    super::{
        Error, Loss, Metrics, Model, Network,
        call::{Call, Ends, Seed},
        frozen::Freeze,
        infer::image_count,
        layers::dropout::drop_of,
        memory::{Images, pieces},
        plan::Place,
    },
    Gradients, Training,
    layout::Layout,
    sizing::Sizing,
};
use crate::{optim::Optimizer, shape::Shape, simd::Level};

/// What a call works on.
pub(super) struct Session<'s, N: Network, O, L, F> {
    pub(super) training: Training<N, O, L, F>,
    pub(super) level: Level,
    pub(super) layout: Layout,
    pub(super) seed: u64,
    pub(super) step: u32,
    pub(super) rate: f32,
    pub(super) model: &'s mut Model<N>,
    pub(super) memory: &'s mut [f32],
}

impl<N: Network, O: Optimizer, L: Loss, F: Freeze> Session<'_, N, O, L, F> {
    /// Whether these are targets for that many samples.
    fn check_targets(count: usize, targets: &[L::Target]) -> Result<(), Error> {
        let expected = count * const { Sizing::<N, L, F>::TARGETS };
        if targets.len() == expected { Ok(()) } else { Err(Error::Targets { expected, found: targets.len() }) }
    }

    fn call<'c>(&self, inputs: &'c [f32], noise: Option<Seed>, share: f32) -> Call<'c> {
        Call {
            steps: Sizing::<N, L, F>::steps(),
            level: self.level,
            threads: self.training.batching.threads,
            regions: self.layout.regions,
            images: inputs,
            noise,
            share,
        }
    }

    /// Forward, error and backward of samples `first..` of `of`.
    pub(super) fn backward(
        &mut self,
        inputs: &[f32],
        targets: &[L::Target],
        first: usize,
        of: usize,
    ) -> Result<Metrics, Error> {
        let count = image_count::<N>(inputs, self.training.batching.batch)?;
        let left = of.saturating_sub(first);
        if count > left {
            return Err(Error::Batch { expected: left, found: count });
        }
        Self::check_targets(count, targets)?;
        if let (1, Some(layer)) = (count, const { Sizing::<N, L, F>::NEEDS_TWO }) {
            return Err(Error::OneRow { layer });
        }
        let noise = Seed { seed: self.seed, step: self.step, first, drop: const { drop_of(N::LAYERS) } };
        let call = self.call(inputs, Some(noise), count as f32 / of as f32);
        let by_piece = const { Sizing::<N, L, F>::SIZES.by_piece };
        call.forward::<N>(self.model.parameters(), self.memory, count, by_piece)?;
        let metrics = self.evaluate_loss(call.steps, targets, count, of)?;

        let scratch = (self.layout.scratch, const { Sizing::<N, L, F>::SIZES.scratch });
        let ends = Ends { input_gradient: Place::NONE, scratch };
        let whole = Images { first: 0, count };
        for index in (by_piece..N::LAYERS.len()).rev() {
            self.backward_layer(&call, index, whole, ends)?;
        }
        for piece in pieces(count, self.layout.regions.piece) {
            for index in (0..by_piece).rev() {
                self.backward_layer(&call, index, piece, ends)?;
            }
        }
        Ok(metrics)
    }

    /// Backward and update.
    pub(super) fn step(&mut self, inputs: &[f32], targets: &[L::Target]) -> Result<Metrics, Error> {
        let count = image_count::<N>(inputs, self.training.batching.batch)?;
        let metrics = self.backward(inputs, targets, 0, count)?;
        self.update()?;
        Ok(metrics)
    }

    /// The metrics of the model as it is, batch by batch.
    pub(super) fn evaluate(&mut self, inputs: &[f32], targets: &[L::Target]) -> Result<Metrics, Error> {
        let count = image_count::<N>(inputs, usize::MAX)?;
        Self::check_targets(count, targets)?;
        let mut total = Metrics::default();
        let batch = self.training.batching.batch.max(1);
        let targets = targets.chunks(batch * const { Sizing::<N, L, F>::TARGETS });
        for (inputs, targets) in inputs.chunks(batch * N::Input::LEN).zip(targets) {
            let count = inputs.len() / N::Input::LEN;
            let call = self.call(inputs, None, 1.0);
            let by_piece = const { Sizing::<N, L, F>::SIZES.by_piece };
            call.forward::<N>(self.model.parameters(), self.memory, count, by_piece)?;
            total.add(&self.evaluate_loss(call.steps, targets, count, count)?);
        }
        Ok(total)
    }

    pub(super) fn keeps_gradients(&self) -> bool {
        self.training.gradients != Gradients::Applied
    }
}
