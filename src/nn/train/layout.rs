//! Where everything lies in a trainer's memory.

use core::ops::Range;

use super::super::{
    plan::{Sizes, align},
    run::{Batching, Regions},
};

/// At most this many floats of gradients exist at a time when they are applied as they appear.
const APPLIED_LEN: usize = 128;

/// Where everything lies in a trainer's memory.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub(super) regions: Regions,
    pub(super) gradients: usize,
    pub(super) gradients_len: usize,
    pub(super) states: usize,
    /// Where the memory of a pass ends, and the batch that `fit` puts together begins.
    pub(super) inputs: usize,
    pub(super) lengths: usize,
    pub(super) targets: usize,
    /// The best parameters so far.
    pub(super) best: usize,
    /// The states that sequences go on from.
    pub(super) carried: usize,
    pub(super) len: usize,
}

pub(super) const fn layout(
    sizes: &Sizes,
    parameters: usize,
    states: usize,
    batching: Batching,
    applied: bool,
) -> Layout {
    let trained = if sizes.longest_row == 0 { 0 } else { parameters - sizes.first_trained };
    let regions = Regions::of(sizes, batching);
    let gradients = regions.end();
    let rows = if sizes.longest_row > APPLIED_LEN { sizes.longest_row } else { APPLIED_LEN };
    let gradients_len = if applied && trained > rows { rows } else { trained };
    let states_at = gradients.saturating_add(align(gradients_len));
    let len = states_at.saturating_add(states * align(trained));
    Layout {
        regions,
        gradients,
        gradients_len,
        states: states_at,
        inputs: len,
        lengths: len,
        targets: len,
        best: len,
        carried: len,
        len,
    }
}

impl Layout {
    /// With room for a batch: bytes of its inputs, of its lengths, and of its targets, for each sample.
    pub(super) const fn with_fit(self, wanted: bool, batch: usize, [input, length, targets]: [usize; 3]) -> Self {
        if !wanted {
            return self;
        }
        const fn room(batch: usize, bytes: usize) -> usize {
            align(batch.saturating_mul(bytes).div_ceil(size_of::<f32>()))
        }
        let lengths = self.inputs.saturating_add(room(batch, input));
        let targets_at = lengths.saturating_add(room(batch, length));
        let len = targets_at.saturating_add(room(batch, targets));
        Self { lengths, targets: targets_at, best: len, len, ..self }
    }

    /// With room for states that sequences go on from.
    pub(super) const fn with_carried(self, floats: usize) -> Self {
        Self { carried: self.len, len: self.len.saturating_add(align(floats)), ..self }
    }

    /// With room for the best parameters.
    pub(super) const fn with_best(self, wanted: bool, parameters: usize) -> Self {
        if !wanted {
            return self;
        }
        Self { len: self.len.saturating_add(align(parameters)), ..self }
    }

    pub(super) const fn gradients(&self) -> Range<usize> {
        self.gradients..self.gradients + self.gradients_len
    }
}
