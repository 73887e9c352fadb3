//! What a network needs to run one step at a time, and whether it can.

use core::ops::Range;

use super::{align, max};
use crate::{
    nn::declare::{Declared, Message, Streaming},
    shape::Dims,
};

/// The memory of a stream: the layers' states, two places for what one layer hands to the next, and scratch.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct StreamPlan {
    /// Floats of a step's input.
    pub(crate) input: usize,
    /// Floats of all states.
    pub(crate) state: usize,
    /// Floats of the longest step between two layers.
    pub(crate) widest: usize,
    pub(crate) scratch: usize,
}

impl StreamPlan {
    /// Where one of the two places begins, and so many floats.
    pub(crate) fn value(&self, place: usize, len: usize) -> Range<usize> {
        let start = align(self.state) + place * align(self.widest);
        start..start + len
    }

    /// The scratch.
    pub(crate) fn scratch(&self) -> Range<usize> {
        let end = self.end();
        end - self.scratch..end
    }

    /// Floats of everything.
    pub(crate) const fn end(&self) -> usize {
        align(self.state) + 2 * align(self.widest) + self.scratch
    }
}

/// Lays out a stream, or stops the compilation with the layer that cannot run step by step.
pub const fn stream(network: &str, declared: &[Declared], input: Dims) -> StreamPlan {
    let is_words = !declared.is_empty() && declared[0].spec.vocabulary > 0;
    if input.rank() != 2 && !is_words {
        Message::of_network(network)
            .text("only an input of time x channels, or of whole numbers, runs step by step, found ")
            .dims(&input)
            .fail();
    }
    let step = if is_words { 1 } else { input.axis(1) };
    let mut plan = StreamPlan { input: step, state: 0, widest: 0, scratch: 0 };
    let mut i = 0;
    while i < declared.len() {
        let Declared { layer, spec } = &declared[i];
        let message = Message::at_layer(network, i, layer.name);
        if layer.operand_count != 1 || layer.operands[0] != i {
            message.text("cannot run step by step: it does not read the layer before it alone").fail();
        }
        match spec.streaming {
            Streaming::No => message
                .text("cannot run step by step: it takes later steps (`padding: same`, `bidirectional`, `backwards`) or all at once")
                .fail(),
            Streaming::EachStep => {}
            Streaming::State(floats) => plan.state += floats,
        }
        plan.widest = max(plan.widest, Declared::step_len(&layer.output));
        plan.scratch = max(plan.scratch, spec.scratch.forward);
        i += 1;
    }
    plan
}
