//! The loss, and one layer's backward pass.

use super::{
    super::{
        Error, Loss, Metrics, Network,
        call::{Call, Ends},
        frozen::Freeze,
        memory::{Images, parts},
        plan::{Region, Step},
    },
    session::Session,
    sizing::Sizing,
};
use crate::{kernels::elementwise, optim::Optimizer, shape::Shape};

impl<N: Network, O: Optimizer, L: Loss, F: Freeze> Session<'_, N, O, L, F> {
    /// The loss of the outputs, and its gradient where the plan wants it.
    pub(super) fn evaluate_loss(
        &mut self,
        steps: &[Step],
        targets: &[L::Target],
        count: usize,
        of: usize,
    ) -> Result<Metrics, Error> {
        let last = steps.iter().rfind(|step| step.active).ok_or(Error::Plan)?;
        let outputs = N::Output::LEN;
        let whole = Images { first: 0, count };
        let layout = self.layout;
        let [y, dy] = parts(
            self.memory,
            [layout.regions.range(last.value, outputs, whole), layout.regions.range(last.gradient, outputs, whole)],
        )?;
        let metrics = self.training.loss.evaluate(self.level, y, const { &Sizing::<N, L, F>::OUTPUT }, targets, dy)?;
        if of != count {
            elementwise::scale(self.level, count as f32 / of as f32, dy);
        }
        Ok(metrics)
    }

    pub(super) fn backward_layer(
        &mut self,
        call: &Call<'_>,
        index: usize,
        images: Images,
        ends: Ends,
    ) -> Result<(), Error> {
        let (Some(layer), Some(step)) = (N::LAYERS.get(index), call.steps.get(index)) else { return Err(Error::Plan) };
        let layout = self.layout;
        let kept = self.keeps_gradients();
        let wanted = step.trained && step.gradient.region != Region::None;
        let gradient = || {
            let at = layout.gradients + layer.offset.checked_sub(const { Sizing::<N, L, F>::SIZES.first_trained })?;
            Some(at..at + layer.parameters())
        };
        #[cfg(feature = "rayon")]
        if wanted
            && kept
            && let Some(gradient) = gradient()
            && call.convolution_in_halves::<N>(self.model.parameters(), self.memory, index, images, ends, gradient)?
        {
            return Ok(());
        }
        // The input's gradient first: a layer's parameters may change below.
        call.backward_layer::<N>(self.model.parameters(), self.memory, index, images, ends)?;
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
                images,
                0..layer.rows,
                gradient,
            );
        }
        let at_once = (layout.gradients_len / layer.row_len.max(1)).max(1);
        let mut row = 0;
        while row < layer.rows {
            let rows = row..layer.rows.min(row + at_once);
            let gradient = layout.gradients..layout.gradients + rows.len() * layer.row_len;
            call.weights_layer::<N>(self.model.parameters(), self.memory, index, images, rows.clone(), gradient)?;
            let first = layer.offset + rows.start * layer.row_len;
            let trainable = layer.offset + layer.trainable();
            self.apply(self.optimizer_step(1.0), first, rows.len() * layer.row_len, layout.gradients, trainable)?;
            row = rows.end;
        }
        Ok(())
    }
}
