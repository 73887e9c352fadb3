//! Where everything lies in a trainer's memory.

use super::super::{
    Batching,
    memory::Regions,
    plan::{Sizes, align},
};

/// At most this many floats of gradients exist at a time when they are applied as they appear.
const APPLIED_LEN: usize = 128;

/// Where everything lies in a trainer's memory.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub(super) regions: Regions,
    pub(super) scratch: usize,
    pub(super) gradients: usize,
    pub(super) gradients_len: usize,
    pub(super) states: usize,
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
    let piece_at = sizes.batch * batching.batch;
    let fixed_at = piece_at + sizes.piece * batching.piece();
    let scratch = fixed_at + sizes.fixed;
    let gradients = scratch + sizes.scratch * batching.threads;
    let rows = if sizes.longest_row > APPLIED_LEN { sizes.longest_row } else { APPLIED_LEN };
    let gradients_len = if applied && trained > rows { rows } else { trained };
    let states_at = gradients + align(gradients_len);
    Layout {
        regions: Regions { batch_at: 0, batch: batching.batch, piece_at, piece: batching.piece(), fixed_at },
        scratch,
        gradients,
        gradients_len,
        states: states_at,
        len: states_at + states * align(trained),
    }
}
