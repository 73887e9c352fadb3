//! The loss, and one layer's backward pass.

use super::{
    super::{
        Error, Loss, Metrics, Network,
        frozen::Freeze,
        run::{Call, Part, parts},
    },
    session::Session,
    sizing::Sizing,
};
use crate::{
    kernels::{elementwise, loss::Outputs},
    optim::Optimizer,
    shape::Shape,
};

impl<N: Network, O: Optimizer, L: Loss, F: Freeze> Session<'_, N, O, L, F> {
    /// The loss of some samples' outputs, and its gradient as the share of `of` samples if it is wanted.
    pub(super) fn evaluate_loss(
        &mut self,
        targets: &[L::Target],
        samples: Part,
        of: Option<usize>,
    ) -> Result<Metrics, Error> {
        let last = const { Sizing::<N, L, F>::SIZES.active }.checked_sub(1).ok_or(Error::Plan)?;
        let steps = Sizing::<N, L, F>::steps().get(last).zip(Sizing::<N, L, F>::back().get(last));
        let (step, back) = steps.ok_or(Error::Plan)?;
        let outputs = N::Output::LEN;
        let layout = self.layout;
        let [y, dy] = parts(
            self.memory,
            [layout.regions.range(step.value, outputs, samples), layout.regions.range(back.gradient, outputs, samples)],
        )?;
        let loss = &self.training.loss;
        let output = const { &Sizing::<N, L, F>::OUTPUT };
        let Some(of) = of else { return loss.evaluate(self.level, y, output, targets, Outputs::default()) };
        let metrics = loss.evaluate(self.level, y, output, targets, Outputs::of(dy))?;
        if of != samples.count && !loss.sums() {
            elementwise::scale(self.level, samples.count as f32 / of as f32, dy);
        }
        Ok(metrics)
    }

    pub(super) fn backward_layer(&mut self, call: &Call<'_>, index: usize, samples: Part) -> Result<(), Error> {
        let (Some(node), Some(step), Some(back)) = (N::NODES.get(index), call.steps.get(index), call.back.get(index))
        else {
            return Err(Error::Plan);
        };
        let (offset, layer_rows, row_len) = (node.offset as usize, node.rows as usize, node.row_len as usize);
        let layout = self.layout;
        let kept = self.keeps_gradients();
        let wanted = step.trained && !back.gradient.is_none();
        let gradient = || {
            let at = layout.gradients + offset.checked_sub(const { Sizing::<N, L, F>::SIZES.first_trained })?;
            Some(at..at + layer_rows * row_len)
        };
        #[cfg(feature = "rayon")]
        if wanted
            && kept
            && let Some(gradient) = gradient()
            && call.backward_in_halves::<N>(self.model.parameters(), self.memory, index, samples, gradient)?
        {
            return Ok(());
        }
        // The input's gradient first: a layer's parameters may change below.
        call.backward_layer::<N>(self.model.parameters(), self.memory, index, samples)?;
        if !wanted {
            // A layer that stays as it is, above the first that is trained.
            if kept && let Some(gradient) = gradient() {
                self.memory.get_mut(gradient).ok_or(Error::Plan)?.fill(0.0);
            }
            return Ok(());
        }
        if kept {
            let gradient = gradient().ok_or(Error::Plan)?;
            return call.weights_layer::<N>(
                self.model.parameters(),
                self.memory,
                index,
                samples,
                0..layer_rows,
                gradient,
            );
        }
        let at_once = (layout.gradients_len / row_len.max(1)).max(1);
        let mut row = 0;
        while row < layer_rows {
            let rows = row..layer_rows.min(row + at_once);
            let gradient = layout.gradients..layout.gradients + rows.len() * row_len;
            call.weights_layer::<N>(self.model.parameters(), self.memory, index, samples, rows.clone(), gradient)?;
            let first = offset + rows.start * row_len;
            self.apply(self.optimizer_step(1.0), index, first..first + rows.len() * row_len, layout.gradients)?;
            row = rows.end;
        }
        Ok(())
    }
}
