//! The loss of the steps that sequences have.

use super::{
    super::{
        Error, Loss, Metrics, Network,
        frozen::Freeze,
        lengths::Lengths,
        run::{Part, parts},
    },
    session::Session,
    sizing::Sizing,
};
use crate::{
    kernels::{elementwise, loss::Outputs},
    optim::Optimizer,
    shape::{Dims, Shape},
};

impl<N: Network, O: Optimizer, L: Loss, F: Freeze> Session<'_, N, O, L, F> {
    /// [`evaluate_loss`](Self::evaluate_loss) where sequences have lengths: outputs of steps that there are not have no
    /// loss and no gradient, and each sequence counts as much as it has steps, whatever the weights of its labels; where the
    /// gradient is that of a sum, it is added as it is.
    pub(super) fn evaluate_steps(
        &mut self,
        targets: &[L::Target],
        lengths: &[u32],
        count: usize,
        of: Option<usize>,
    ) -> Result<Metrics, Error> {
        if lengths.is_empty() || !const { Lengths::<N>::EACH_STEP } {
            return self.evaluate_loss(targets, count, of);
        }
        let last = const { Sizing::<N, L, F>::SIZES.active }.checked_sub(1).ok_or(Error::Plan)?;
        let steps = Sizing::<N, L, F>::steps().get(last).zip(Sizing::<N, L, F>::back().get(last));
        let (step, back) = steps.ok_or(Error::Plan)?;
        let (outputs, whole, layout) = (N::Output::LEN, Part { first: 0, count }, self.layout);
        let [y, dy] = parts(
            self.memory,
            [layout.regions.range(step.value, outputs, whole), layout.regions.range(back.gradient, outputs, whole)],
        )?;
        let (step_outputs, step_targets) = const {
            let steps = if Lengths::<N>::STEPS == 0 { 1 } else { Lengths::<N>::STEPS };
            (N::Output::LEN / steps, Sizing::<N, L, F>::TARGETS / steps)
        };
        let all: u64 = lengths.iter().map(|&length| u64::from(length)).sum();
        let mut total = Metrics { samples: count, ..Metrics::default() };
        let sequences = y.chunks_exact(outputs.max(1)).zip(dy.chunks_exact_mut(outputs.max(1)));
        let targets = targets.chunks_exact(const { Sizing::<N, L, F>::TARGETS }.max(1));
        for (((y, dy), targets), &length) in sequences.zip(targets).zip(lengths) {
            let length = length as usize;
            let (dy, beyond) = dy.split_at_mut_checked(length * step_outputs).ok_or(Error::Plan)?;
            beyond.fill(0.0);
            let y = y.get(..length * step_outputs).ok_or(Error::Plan)?;
            let targets = targets.get(..length * step_targets).ok_or(Error::Plan)?;
            let output = Dims::new(&[length, step_outputs]);
            let loss = &self.training.loss;
            let outputs = if of.is_some() { Outputs::of(dy) } else { Outputs::default() };
            let metrics = loss.evaluate(self.level, y, &output, targets, outputs)?;
            let share = length as f32 / all as f32;
            if let (Some(of), false) = (of, loss.sums()) {
                elementwise::scale(self.level, share * (count as f32 / of as f32), dy);
            }
            total.loss += share * metrics.loss;
            total.correct += metrics.correct;
            total.answers += metrics.answers;
        }
        Ok(total)
    }
}
