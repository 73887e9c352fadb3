//! The loss of the steps that sequences have.

use super::{
    super::{
        Error, Loss, Metrics, Network, Nothing,
        frozen::Freeze,
        lengths::Lengths,
        run::{Part, parts},
    },
    session::Session,
    sizing::Sizing,
};
use crate::{
    kernels::{
        elementwise,
        loss::{LossError, Outputs},
    },
    optim::Optimizer,
    shape::{Dims, Shape},
    simd::Level,
};

impl<N: Network, O: Optimizer, L: Loss, F: Freeze> Session<'_, N, O, L, F> {
    /// [`evaluate_loss`](Self::evaluate_loss) where sequences have lengths: outputs of steps that there are not have no
    /// loss and no gradient, and the mean is over the steps of all sequences; where the gradient is that of a sum, it is
    /// added as it is.
    pub(super) fn evaluate_steps(
        &mut self,
        targets: &[L::Target],
        lengths: &[u32],
        samples: Part,
        of: Option<usize>,
    ) -> Result<Metrics, Error> {
        if lengths.is_empty() || !const { Lengths::<N>::EACH_STEP } {
            return self.evaluate_loss(targets, samples, of);
        }
        let last = const { Sizing::<N, L, F>::SIZES.active }.checked_sub(1).ok_or(Error::Plan)?;
        let steps = Sizing::<N, L, F>::steps().get(last).zip(Sizing::<N, L, F>::back().get(last));
        let (step, back) = steps.ok_or(Error::Plan)?;
        let (outputs, layout) = (N::Output::LEN, self.layout);
        let [y, dy] = parts(
            self.memory,
            [layout.regions.range(step.value, outputs, samples), layout.regions.range(back.gradient, outputs, samples)],
        )?;
        let outputs = if of.is_some() { Outputs::of(dy) } else { Outputs::default() };
        let part = of.map(|of| samples.count as f32 / of as f32);
        ended::<N, L>(self.level, &self.training.loss, y, lengths, targets, outputs, part)
    }
}

/// The metrics of whole sequences that end where `lengths` say, one after the other. A gradient is zeros beyond the ends, and
/// is multiplied by `part`; values beyond the ends are zeros.
///
/// Each sequence's mean counts as much as what it was divided by. That of all is known only at the end, so a gradient is
/// multiplied twice.
pub(super) fn ended<N: Network, L: Loss>(
    level: Level,
    loss: &L,
    y: &[f32],
    lengths: &[u32],
    targets: &[L::Target],
    outputs: Outputs<'_>,
    part: Option<f32>,
) -> Result<Metrics, Error> {
    let (of_step, of_sample, step_values) = const {
        let steps = at_least_one(Lengths::<N>::STEPS);
        let output = &Sizing::<N, L, Nothing>::OUTPUT;
        (N::Output::LEN / steps, Sizing::<N, L, Nothing>::TARGETS, L::TARGETS.values(output) / steps)
    };
    let all_values = const { L::TARGETS.values(&Sizing::<N, L, Nothing>::OUTPUT) };
    let mut total = Metrics { samples: lengths.len(), ..Metrics::default() };
    let (mut gradient, mut values) = (outputs.gradient, outputs.values);
    let mut rest = gradient.as_deref_mut();
    let (mut sum, mut weight) = (0.0, 0.0);
    let sequences = y.chunks_exact(const { at_least_one(N::Output::LEN) });
    let targets = targets.chunks_exact(at_least_one(of_sample));
    for (index, ((y, targets), &length)) in sequences.zip(targets).zip(lengths).enumerate() {
        let length = length as usize;
        let mut dy = begun(&mut rest, N::Output::LEN, length * of_step)?;
        let values = begun(&mut values, all_values, length * step_values)?;
        let y = y.get(..length * of_step).ok_or(Error::Plan)?;
        let output = Dims::new(&[length, of_step]);
        let outputs = Outputs { gradient: dy.as_deref_mut(), values };
        let metrics = loss.evaluate_ended(level, y, &output, targets, outputs).map_err(|error| match error {
            Error::Loss(LossError::Label { row, label, classes }) => {
                Error::Loss(LossError::Label { row: row + index * of_sample, label, classes })
            }
            other => other,
        })?;
        let of_sequence = metrics.weight.unwrap_or(1.0);
        if let (Some(dy), false) = (dy, loss.sums()) {
            elementwise::scale(level, of_sequence as f32, dy);
        }
        // What is divided by nothing is no number.
        if of_sequence != 0.0 {
            sum += of_sequence * f64::from(metrics.loss);
        }
        weight += of_sequence;
        total.correct += metrics.correct;
        total.answers += metrics.answers;
    }
    if weight != 0.0 {
        total.loss = (sum / weight) as f32;
        if let (Some(gradient), Some(part), false) = (gradient, part, loss.sums()) {
            elementwise::scale(level, (f64::from(part) / weight) as f32, gradient);
        }
    }
    Ok(Metrics { weight: Some(weight), ..total })
}

/// The first `taken` numbers of the next `len`, those after them set to zero; none of none.
fn begun<'o>(rest: &mut Option<&'o mut [f32]>, len: usize, taken: usize) -> Result<Option<&'o mut [f32]>, Error> {
    let Some(all) = rest.take() else { return Ok(None) };
    let (of_sequence, others) = all.split_at_mut_checked(len).ok_or(Error::Plan)?;
    *rest = Some(others);
    let (taken, beyond) = of_sequence.split_at_mut_checked(taken).ok_or(Error::Plan)?;
    beyond.fill(0.0);
    Ok(Some(taken))
}

pub(super) const fn at_least_one(n: usize) -> usize {
    if n == 0 { 1 } else { n }
}
