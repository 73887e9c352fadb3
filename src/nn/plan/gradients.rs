//! Where the gradient of each value is made.
//!
//! Backward goes from the last layer to the first. A value's last reader writes the value's gradient; readers
//! before it add theirs. So the order of the additions is that of backward: the reader declared last comes first.
//! With two readers the order changes no bit.

use super::{Blocks, Draft, NO_BLOCK, Role};
use crate::nn::declare::{Auxiliary, Declared};

impl<const N: usize> Draft<'_, N> {
    pub(super) const fn make_gradients(&mut self) {
        let loss = self.count;
        if self.count == 0 {
            return;
        }
        // Where nothing is trained, the loss still writes a gradient.
        let last = self.count - 1;
        let output = Blocks::<N>::id(Role::Gradient, last);
        self.gradient[last] = output;
        self.blocks.add(output, self.declared[last].layer.output.len(), loss);
        if !self.needed[last] {
            return;
        }
        let mut i = self.count;
        while i > 0 {
            i -= 1;
            if self.needed[i] && self.gradient[i] != NO_BLOCK {
                self.make_gradients_of_operands(i);
            }
        }
        self.blocks.extend(self.gradient_of_input, 2 * self.count + 1);
    }

    const fn make_gradients_of_operands(&mut self, i: usize) {
        let Declared { layer, spec } = &self.declared[i];
        let time = self.backward_time(i);
        assert!(
            layer.rows == 0 || !spec.gradient_in_place,
            "a layer with parameters reads the output's gradient twice"
        );
        self.blocks.extend(self.gradient[i], time);
        let mut any = self.trained[i];
        let mut k = layer.operand_count;
        while k > 0 {
            k -= 1;
            let value = layer.operands[k];
            if !self.wants(value) {
                continue;
            }
            any = true;
            let in_place = k == 0 && spec.gradient_in_place;
            let target = self.gradient_block(value);
            if target == NO_BLOCK {
                let block = if in_place {
                    self.gradient[i]
                } else if value == 0 {
                    Blocks::<N>::INPUT_GRADIENT
                } else {
                    Blocks::<N>::id(Role::Gradient, value - 1)
                };
                if !in_place {
                    self.blocks.add(block, self.len_of(i, k), time);
                }
                if value == 0 {
                    self.gradient_of_input = block;
                } else {
                    self.gradient[value - 1] = block;
                }
            } else {
                self.adds[i][k] = true;
                self.blocks.extend(target, time);
                if !in_place && !spec.accumulates {
                    self.blocks.add(Blocks::<N>::id(Role::Temporary, i), self.len_of(i, k), time);
                }
            }
        }
        if let Auxiliary::PerSample(bytes) = spec.auxiliary
            && any
        {
            let block = self.auxiliary_of(i);
            self.blocks.add(block, bytes.div_ceil(4), i);
            self.blocks.extend(block, time);
        }
    }

    /// Floats of operand `k` of layer `i`.
    const fn len_of(&self, i: usize, k: usize) -> usize {
        let layer = &self.declared[i].layer;
        match layer.operands[k] {
            0 => self.input_len(),
            value => self.declared[value - 1].layer.output.len(),
        }
    }

    /// Floats of the network's input.
    const fn input_len(&self) -> usize {
        let mut i = 0;
        while i < N {
            if self.declared[i].layer.operands[0] == 0 {
                return self.declared[i].layer.input.len();
            }
            i += 1;
        }
        0
    }

    pub(super) const fn gradient_block(&self, value: usize) -> usize {
        if value == 0 { self.gradient_of_input } else { self.gradient[value - 1] }
    }
}
