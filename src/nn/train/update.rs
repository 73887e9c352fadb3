//! The optimizer's step, and what it works on.

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
            for (node, step) in N::NODES.iter().zip(Sizing::<N, L, F>::steps()) {
                if step.trained {
                    let (offset, len) = (node.offset as usize, node.rows as usize * node.row_len as usize);
                    let gradient = layout.gradients + offset - first;
                    self.apply(number, offset, len, gradient, offset + node.trainable as usize)?;
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

    /// Updates `len` parameters from `first` on with the gradients at `gradient`; those from
    /// `trainable` on are moving averages, whose "gradient" is simply taken off.
    pub(super) fn apply(
        &mut self,
        step: optim::Step,
        first: usize,
        len: usize,
        gradient: usize,
        trainable: usize,
    ) -> Result<(), Error> {
        let layout = self.layout;
        let of_optimizer = len.min(trainable.saturating_sub(first));
        let (low, states) = self.memory.split_at_mut_checked(layout.states).ok_or(Error::Plan)?;
        let gradients = low.get(gradient..gradient + len).ok_or(Error::Plan)?;
        let parameters = self.model.parameters_mut().get_mut(first..first + len).ok_or(Error::Plan)?;
        let (w, moving) = parameters.split_at_mut_checked(of_optimizer).ok_or(Error::Plan)?;
        let (g, moving_g) = gradients.split_at_checked(of_optimizer).ok_or(Error::Plan)?;
        let at = first - const { Sizing::<N, L, F>::SIZES.first_trained };
        let arrays = optim::split_states(states, const { align(Sizing::<N, L, F>::TRAINED) }, at, of_optimizer);
        update(&self.training.optimizer, self.level, self.training.batching.threads, step, w, g, arrays)?;
        for (parameter, change) in moving.iter_mut().zip(moving_g) {
            *parameter -= change;
        }
        Ok(())
    }
}
