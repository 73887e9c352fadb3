//! The optimizer's step, and what it works on.

use core::ops::Range;

use super::{
    super::{Error, Loss, Network, frozen::Freeze, plan::align},
    Gradients,
    session::Session,
    sizing::Sizing,
};
use crate::{
    kernels::ShapeError,
    optim::{self, MAX_STATES, Optimizer},
    simd::Level,
};

/// Fewer parameters than this are not worth another thread.
const THREAD_LEN: usize = 1 << 14;

/// An optimizer's step over some parameters, divided among threads.
fn update<O: Optimizer>(
    optimizer: &O,
    level: Level,
    threads: usize,
    step: optim::Step,
    w: &mut [f32],
    g: &[f32],
    states: [&mut [f32]; MAX_STATES],
) -> Result<(), ShapeError> {
    #[cfg(feature = "rayon")]
    if threads > 1 && w.len() > THREAD_LEN {
        let left = threads / 2;
        let middle = w.len() / threads * left;
        let (w_low, w_high) = w.split_at_mut(middle);
        let (g_low, g_high) = g.split_at(middle);
        let (mut low, mut high): ([&mut [f32]; MAX_STATES], [&mut [f32]; MAX_STATES]) = Default::default();
        for ((low, high), state) in low.iter_mut().zip(&mut high).zip(states) {
            (*low, *high) = state.split_at_mut(middle.min(state.len()));
        }
        let (low, high) = crate::parallel::join(
            || update(optimizer, level, left, step, w_low, g_low, low),
            || update(optimizer, level, threads - left, step, w_high, g_high, high),
        );
        return low.and(high);
    }
    let _ = (threads, THREAD_LEN);
    let mut states = states;
    optimizer.update(level, step, w, g, states.get_mut(..O::STATES).unwrap_or(&mut []))
}

impl<N: Network, O: Optimizer, L: Loss, F: Freeze> Session<'_, N, O, L, F> {
    /// The optimizer's step with the gradients of the last backward pass.
    pub(super) fn update(&mut self) -> Result<(), Error> {
        if self.keeps_gradients() {
            let scale = match self.training.gradients {
                Gradients::Clipped(most) => optim::clip_scale(self.gradient_norm(), most),
                _ => 1.0,
            };
            let number = self.optimizer_step(scale);
            let layout = self.layout;
            let first = const { Sizing::<N, L, F>::SIZES.first_trained };
            for (index, (node, step)) in N::NODES.iter().zip(Sizing::<N, L, F>::steps()).enumerate() {
                if step.trained {
                    let (offset, len) = (node.offset as usize, node.rows as usize * node.row_len as usize);
                    let gradient = layout.gradients + offset - first;
                    self.apply(number, index, offset..offset + len, gradient)?;
                }
            }
        }
        // A counter from a file may be the last number there is; it stays, and no step is number 0.
        self.step = self.step.saturating_add(1);
        Ok(())
    }

    /// The global norm of the gradients, without what moves the averages of batch normalisation.
    fn gradient_norm(&self) -> f32 {
        let gradients = self.memory.get(self.layout.gradients()).unwrap_or(&[]);
        let first = const { Sizing::<N, L, F>::SIZES.first_trained };
        let trained = N::NODES.iter().zip(Sizing::<N, L, F>::steps()).filter(|(_, step)| step.trained);
        optim::global_norm_of(
            self.level,
            trained.map(|(node, _)| {
                let at = node.offset as usize - first;
                gradients.get(at..at + node.trainable as usize).unwrap_or(&[])
            }),
        )
    }

    pub(super) fn optimizer_step(&self, gradient_scale: f32) -> optim::Step {
        optim::Step { lr_scale: self.rate, gradient_scale, ..optim::Step::new(self.step.saturating_add(1)) }
    }

    /// Updates these parameters of a layer with the gradients at `gradient`. Those behind what learns are moving averages,
    /// whose "gradient" is simply taken off.
    pub(super) fn apply(
        &mut self,
        step: optim::Step,
        layer: usize,
        range: Range<usize>,
        gradient: usize,
    ) -> Result<(), Error> {
        let node = N::NODES.get(layer).ok_or(Error::Plan)?;
        let offset = node.offset as usize;
        let trainable = range.end.min(offset + node.trainable as usize);
        let mut at = range.start;
        while at < trainable {
            let (decays, end) = match self.training.decay {
                Some(run) => run(layer, at - offset),
                None => (true, usize::MAX),
            };
            let end = trainable.min(offset.saturating_add(end));
            let decay_scale = if decays { step.decay_scale } else { 0.0 };
            self.optimize(optim::Step { decay_scale, ..step }, at..end, gradient + at - range.start)?;
            at = end;
        }
        let changes = self.memory.get(gradient + at - range.start..gradient + range.len()).ok_or(Error::Plan)?;
        let moving = self.model.parameters_mut().get_mut(at..range.end).ok_or(Error::Plan)?;
        for (parameter, change) in moving.iter_mut().zip(changes) {
            *parameter -= change;
        }
        Ok(())
    }

    /// The optimizer's step over these parameters, whose gradients are at `gradient`.
    fn optimize(&mut self, step: optim::Step, range: Range<usize>, gradient: usize) -> Result<(), Error> {
        let layout = self.layout;
        let (low, states) = self.memory.split_at_mut_checked(layout.states).ok_or(Error::Plan)?;
        let g = low.get(gradient..gradient + range.len()).ok_or(Error::Plan)?;
        let at = range.start - const { Sizing::<N, L, F>::SIZES.first_trained };
        let arrays = optim::split_states(states, const { align(Sizing::<N, L, F>::TRAINED) }, at, range.len());
        let w = self.model.parameters_mut().get_mut(range).ok_or(Error::Plan)?;
        Ok(update(&self.training.optimizer, self.level, self.training.batching.threads, step, w, g, arrays)?)
    }
}
