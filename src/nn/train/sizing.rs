//! What the types of a training say at compile time.

use core::marker::PhantomData;

use super::super::{
    Loss, Network, Takes,
    declare::Layer,
    frozen::Freeze,
    plan::{BackStep, Planned, Sizes, Step, mode},
};
use crate::shape::Dims;

/// Sizes that follow from network, loss and frozen layers.
pub(super) struct Sizing<N, L, F>(PhantomData<(N, L, F)>);

const LOGITS: u8 = mode::TRAINING | mode::LOGITS;
const SIGMOID_LOGITS: u8 = mode::TRAINING | mode::SIGMOID_LOGITS;

impl<N: Network, L: Loss, F: Freeze> Sizing<N, L, F> {
    pub(super) const MODE: u8 = match L::TAKES {
        Takes::SoftmaxLogits => LOGITS,
        Takes::SigmoidLogits => SIGMOID_LOGITS,
        _ => mode::TRAINING,
    };
    pub(super) const SIZES: Sizes = {
        L::TAKES.check(N::NAME, N::LAYERS);
        match Self::MODE {
            LOGITS => <N::Plan<F, LOGITS> as Planned>::SIZES,
            SIGMOID_LOGITS => <N::Plan<F, SIGMOID_LOGITS> as Planned>::SIZES,
            _ => <N::Plan<F, { mode::TRAINING }> as Planned>::SIZES,
        }
    };
    /// How many parameters, from the first trained one on, have gradients and optimizer state.
    pub(super) const TRAINED: usize =
        if Self::SIZES.longest_row == 0 { 0 } else { N::PARAMETERS - Self::SIZES.first_trained };
    /// The shape of a sample's outputs.
    pub(super) const OUTPUT: Dims = match N::LAYERS {
        [.., last] => last.output,
        [] => Dims::new(&[0]),
    };
    /// The targets of a sample.
    pub(super) const TARGETS: usize = L::TARGETS.count(&Self::OUTPUT);
    /// A trained batch normalisation that has one row for each sample.
    pub(super) const NEEDS_TWO: Option<&'static str> = needs_two::<F>(N::LAYERS);

    pub(super) fn steps() -> &'static [Step] {
        match Self::MODE {
            LOGITS => <N::Plan<F, LOGITS>>::STEPS,
            SIGMOID_LOGITS => <N::Plan<F, SIGMOID_LOGITS>>::STEPS,
            _ => <N::Plan<F, { mode::TRAINING }>>::STEPS,
        }
    }

    pub(super) fn back() -> &'static [BackStep] {
        match Self::MODE {
            LOGITS => <N::Plan<F, LOGITS>>::BACK,
            SIGMOID_LOGITS => <N::Plan<F, SIGMOID_LOGITS>>::BACK,
            _ => <N::Plan<F, { mode::TRAINING }>>::BACK,
        }
    }
}

const fn needs_two<F: Freeze>(layers: &'static [Layer]) -> Option<&'static str> {
    let mut i = 0;
    while i < layers.len() {
        let layer = &layers[i];
        if layer.over_batch && layer.input.len() == layer.row_len && !F::FROZEN.contains(layers, i) {
            return Some(layer.name);
        }
        i += 1;
    }
    None
}
