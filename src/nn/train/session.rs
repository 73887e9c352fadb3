//! One call to a trainer: its model and memory, and what does not change meanwhile.

use super::{
    super::{
        Error, Loss, Metrics, Model, Network,
        frozen::Freeze,
        inputs::Element,
        lengths,
        run::{Call, Part, Seed, pieces, read_checked, sample_count},
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
    /// How many steps each sample has; empty if all have all.
    pub(super) lengths: &'s [u32],
    #[cfg(feature = "alloc")]
    pub(super) grids: &'s [Option<crate::nn::Grid>],
}

impl<'s, N: Network, O: Optimizer, L: Loss, F: Freeze> Session<'s, N, O, L, F> {
    /// Whether these are targets for that many samples.
    fn check_targets(count: usize, targets: &[L::Target]) -> Result<(), Error> {
        let expected = count * const { Sizing::<N, L, F>::TARGETS };
        if targets.len() == expected { Ok(()) } else { Err(Error::Targets { expected, found: targets.len() }) }
    }

    /// How many samples these are, if they are `first..` of `of` and have as many targets.
    pub(super) fn check_part(
        &self,
        inputs: &[impl Element],
        targets: &[L::Target],
        first: usize,
        of: usize,
    ) -> Result<usize, Error> {
        let count = sample_count::<N>(inputs, self.training.batching.batch)?;
        let left = of.saturating_sub(first);
        if count > left {
            return Err(Error::Batch { expected: left, found: count });
        }
        Self::check_targets(count, targets)?;
        Ok(count)
    }

    pub(super) fn call<'c>(
        &self,
        inputs: &'c [impl Element],
        lengths: &'c [u32],
        noise: Option<Seed>,
        share: f32,
    ) -> Result<Call<'c>, Error>
    where
        's: 'c,
    {
        let (inputs, count) = (read_checked::<N, _>(inputs)?, inputs.len() / N::Input::LEN.max(1));
        if !lengths.is_empty() {
            lengths::check::<N>(lengths, count)?;
        }
        // What is only evaluated begins with zeros, and changes no state.
        let carries = self.training.stateful && noise.is_some();
        Ok(Call {
            steps: Sizing::<N, L, F>::steps(),
            back: Sizing::<N, L, F>::back(),
            level: self.level,
            threads: self.training.batching.threads,
            regions: self.layout.regions,
            inputs,
            lengths,
            carried: carries.then_some(self.layout.carried),
            noise,
            share,
            begin: 0,
            #[cfg(feature = "alloc")]
            grids: self.grids,
        })
    }

    /// Forward, error and backward of samples `first..` of `of`.
    pub(super) fn backward(
        &mut self,
        inputs: &[impl Element],
        targets: &[L::Target],
        first: usize,
        of: usize,
    ) -> Result<Metrics, Error> {
        let count = self.check_part(inputs, targets, first, of)?;
        if let (1, Some(layer)) = (count, const { Sizing::<N, L, F>::NEEDS_TWO }) {
            return Err(Error::OneRow { layer });
        }
        let noise = Seed { seed: self.seed, step: self.step, first, drop_out: N::DROP_OUT };
        let lengths = self.lengths;
        let call = self.call(inputs, lengths, Some(noise), count as f32 / of as f32)?;
        let sizes = const { &Sizing::<N, L, F>::SIZES };
        call.forward::<N>(self.model.parameters(), self.memory, count, sizes)?;
        let whole = Part { first: 0, count };
        let metrics = self.evaluate_steps(targets, lengths, whole, Some(of))?;
        for index in (sizes.by_piece..sizes.active).rev() {
            self.backward_layer(&call, index, whole)?;
        }
        for piece in pieces(count, self.layout.regions.piece()) {
            for index in (0..sizes.by_piece).rev() {
                self.backward_layer(&call, index, piece)?;
            }
        }
        Ok(metrics)
    }

    /// Backward and update.
    pub(super) fn step(&mut self, inputs: &[impl Element], targets: &[L::Target]) -> Result<Metrics, Error> {
        let count = sample_count::<N>(inputs, self.training.batching.batch)?;
        let metrics = self.backward(inputs, targets, 0, count)?;
        self.update()?;
        Ok(metrics)
    }

    /// The metrics of the model as it is, batch by batch.
    pub(super) fn evaluate(&mut self, inputs: &[impl Element], targets: &[L::Target]) -> Result<Metrics, Error> {
        let count = sample_count::<N>(inputs, usize::MAX)?;
        Self::check_targets(count, targets)?;
        let mut total = Metrics::default();
        let batch = self.training.batching.batch.max(1);
        let all = self.lengths;
        if !all.is_empty() {
            lengths::check::<N>(all, count)?;
        }
        let targets = targets.chunks(batch * const { Sizing::<N, L, F>::TARGETS });
        for (index, (inputs, targets)) in inputs.chunks(batch * N::Input::LEN).zip(targets).enumerate() {
            let count = inputs.len() / N::Input::LEN;
            let lengths = all.get(index * batch..index * batch + count).unwrap_or(&[]);
            let call = self.call(inputs, lengths, None, 1.0)?;
            let sizes = const { &Sizing::<N, L, F>::SIZES };
            call.forward::<N>(self.model.parameters(), self.memory, count, sizes)?;
            total.add(&self.evaluate_steps(targets, lengths, Part { first: 0, count }, None)?);
        }
        Ok(total)
    }

    pub(super) fn keeps_gradients(&self) -> bool {
        self.training.gradients != Gradients::Applied
    }
}
