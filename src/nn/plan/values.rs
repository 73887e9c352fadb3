//! Which outputs are written over inputs, what one layer does for another, and how long each value lives.

use super::{Blocks, Draft, Epilogue, INPUT_BLOCK, NO_BLOCK, Role};
use crate::nn::declare::{Declared, InPlace};

impl<const N: usize> Draft<'_, N> {
    /// Gives each output a block of its own, or that of the layer's first operand.
    pub(super) const fn choose_places_of_values(&mut self) {
        let mut i = 0;
        while i < self.count {
            let Declared { layer, spec } = &self.declared[i];
            let before = self.block_of(layer.operands[0]);
            // Max pooling after a ReLU: the pooled value's sign is the ReLU's, so the large activation is not needed again.
            let producer = layer.operands[0];
            if self.training
                && spec.undoes_relu
                && producer > 0
                && self.needed[producer - 1]
                && matches!(self.declared[producer - 1].spec.epilogue, Some(Epilogue::Relu))
                && self.readers(producer) == 1
            {
                self.undoes_relu[i] = true;
                self.is_undone[producer - 1] = true;
            }
            self.in_place[i] = match spec.in_place {
                InPlace::No => false,
                InPlace::Alias => true,
                InPlace::Yes => before != INPUT_BLOCK && self.may_be_overwritten(i),
            };
            self.value[i] = if self.in_place[i] { before } else { Blocks::<N>::id(Role::Value, i) };
            i += 1;
        }
    }

    /// How many times value `value` is read.
    const fn readers(&self, value: usize) -> usize {
        let (mut readers, mut i) = (0, value);
        while i < self.count {
            let layer = &self.declared[i].layer;
            let mut k = 0;
            while k < layer.operand_count {
                readers += (layer.operands[k] == value) as usize;
                k += 1;
            }
            i += 1;
        }
        readers
    }

    /// Whether layer `i` may write over its first operand: no later layer reads what lies there, and
    /// nor does a layer in backward.
    const fn may_be_overwritten(&self, i: usize) -> bool {
        let Declared { layer, spec } = &self.declared[i];
        let value = layer.operands[0];
        let block = self.block_of(value);
        if self.training && self.wants(value) {
            let (output, sign) = self.backward_reads(value);
            if output || sign && !spec.drops {
                return false;
            }
        }
        let mut j = 0;
        while j < self.count {
            let Declared { layer, spec } = &self.declared[j];
            let backward = self.training && self.needed[j];
            let mut k = 0;
            while k < layer.operand_count {
                let operand = layer.operands[k];
                // Values that are not made yet lie elsewhere.
                let meets = operand <= i && self.block_of(operand) == block;
                let reads_in_backward = backward && if k == 0 { spec.reads_input } else { spec.reads_others };
                if meets && (j > i || (j == i && k > 0) || (j < i && reads_in_backward)) {
                    return false;
                }
                k += 1;
            }
            j += 1;
        }
        true
    }

    /// Whether the backward of a layer whose output shares value `value`'s memory reads it to the bit, or its sign.
    const fn backward_reads(&self, value: usize) -> (bool, bool) {
        let (mut output, mut sign, mut value) = (false, false, value);
        while value > 0 {
            let i = value - 1;
            let spec = &self.declared[i].spec;
            output |= spec.reads_output;
            sign |= spec.reads_sign || self.undoes_relu[i];
            if !self.in_place[i] {
                break;
            }
            value = self.declared[i].layer.operands[0];
        }
        (output, sign)
    }

    /// An elementwise function right after a layer that can apply it as it writes its output.
    pub(super) const fn fuse(&mut self) {
        let mut i = 1;
        while i < self.count {
            let Declared { layer, spec } = &self.declared[i];
            if let Some(epilogue) = spec.epilogue
                && self.in_place[i]
                && layer.operands[0] == i
                && self.declared[i - 1].spec.fuses
            {
                self.is_fused[i] = true;
                self.epilogue[i - 1] = epilogue;
            }
            i += 1;
        }
    }

    /// How long each value lives: until its last reader, forward or backward.
    pub(super) const fn keep_values(&mut self) {
        let mut i = 0;
        while i < self.count {
            let Declared { layer, spec } = &self.declared[i];
            let own = self.value[i];
            if !self.in_place[i] {
                self.blocks.add(own, layer.output.len(), i);
            }
            self.blocks.extend(own, i);
            let backward = self.training && self.needed[i];
            let time = self.backward_time(i);
            let mut k = 0;
            while k < layer.operand_count {
                let block = self.block_of(layer.operands[k]);
                self.blocks.extend(block, i);
                if backward && if k == 0 { spec.reads_input } else { spec.reads_others } {
                    self.blocks.extend(block, time);
                }
                k += 1;
            }
            let reads_sign = spec.reads_sign && !self.is_undone[i];
            if backward && (spec.reads_output || reads_sign || self.undoes_relu[i]) {
                self.blocks.extend(own, time);
            }
            i += 1;
        }
        let output = if self.count == 0 { NO_BLOCK } else { self.value[self.count - 1] };
        self.blocks.extend(output, if self.training { self.count } else { 2 * self.count + 1 });
    }
}
