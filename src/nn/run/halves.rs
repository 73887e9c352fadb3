//! Backward of a convolution on two halves of the threads, each with samples of its own.

use core::ops::Range;

use super::{Call, Part, call::parameters, memory::parts};
use crate::{
    nn::{
        Error, Network,
        declare::MAX_OPERANDS,
        pass::{BackwardPass, Indices, WeightPass},
    },
    parallel::{join, on_the_right},
};

/// What half of the threads works on.
struct Half<'a> {
    threads: usize,
    samples: usize,
    x: &'a [f32],
    dy: &'a mut [f32],
    dx: &'a mut [f32],
    scratch: &'a mut [f32],
    /// Whether these are the first samples of the batch.
    is_first: bool,
}

impl<'a> Half<'a> {
    /// The first `samples` on `threads` threads, and the rest.
    fn cut(self, threads: usize, samples: usize, input: usize, output: usize, scratch: usize) -> Option<(Self, Self)> {
        let (x_low, x_high) = self.x.split_at_checked(samples * input)?;
        let (dy_low, dy_high) = self.dy.split_at_mut_checked(samples * output)?;
        let wanted = if self.dx.is_empty() { 0 } else { samples * input };
        let (dx_low, dx_high) = self.dx.split_at_mut_checked(wanted)?;
        let (scratch_low, scratch_high) = self.scratch.split_at_mut_checked(threads * scratch)?;
        let low = Self { threads, samples, x: x_low, dy: dy_low, dx: dx_low, scratch: scratch_low, ..self };
        let high = Half {
            threads: self.threads - threads,
            samples: self.samples - samples,
            x: x_high,
            dy: dy_high,
            dx: dx_high,
            scratch: scratch_high,
            is_first: false,
        };
        Some((low, high))
    }
}

impl Call<'_> {
    /// The gradients with respect to a convolution's input, where it is wanted, and to all its parameters; `false` if
    /// that is left to others: another layer, too few samples or threads, more than two threads for the parameters
    /// alone, an input that others read too.
    ///
    /// The numbers of a half's samples lie in the caches of its threads. In the gradient of a weight the
    /// left samples come before the right ones, so the left half begins with the weights and the right one
    /// with the input, and then they change places. Where only the weights are wanted, the halves follow
    /// one another, each on its thread.
    pub(in crate::nn) fn backward_in_halves<N: Network>(
        &self,
        model: &[f32],
        memory: &mut [f32],
        index: usize,
        samples: Part,
        gradient: Range<usize>,
    ) -> Result<bool, Error> {
        let (node, step) = self.layer::<N>(index)?;
        let back = self.back.get(index).ok_or(Error::Plan)?;
        let ([target, ..], [adds, ..], [x_place, ..]) = (back.targets, back.adds, step.operands);
        let wanted = !target.is_none();
        let left = self.threads / 2;
        let middle = samples.count * left / self.threads;
        if !back.halves || adds || middle == 0 || !wanted && self.threads > 2 {
            return Ok(false);
        }
        let (input, output) = (node.input as usize, node.output as usize);
        let [dy, dx, x, scratch, gradient] = parts(
            memory,
            [
                self.regions.range(back.gradient, output, samples),
                self.regions.range(target, input, samples),
                self.regions.range(x_place, input, samples),
                self.regions.scratch(),
                gradient,
            ],
        )?;
        let x: &[f32] = if x_place.is_input() { self.inputs.floats(samples.range(input))? } else { x };
        let whole = Half {
            threads: self.threads,
            samples: samples.count,
            x,
            dy,
            dx,
            scratch,
            is_first: samples.first == self.begin,
        };
        let (mut low, mut high) =
            whole.cut(left, middle, input, output, self.regions.scratch_len()).ok_or(Error::Plan)?;

        let parameters = parameters(model, node)?;
        let to_weights = |half: &mut Half<'_>, gradient: &mut [f32]| {
            let pass = WeightPass {
                node,
                level: self.level,
                threads: half.threads,
                samples: half.samples,
                parameters,
                share: self.share,
                x: half.x,
                indices: Indices::None,
                lengths: &[],
                dy: half.dy,
                auxiliary: &[],
                rows: 0..node.rows as usize,
                is_first: half.is_first,
                gradient,
            };
            N::weights_layer(index, pass)
        };
        let to_input = |half: &mut Half<'_>| {
            let pass = BackwardPass {
                node,
                back,
                level: self.level,
                threads: half.threads,
                samples: half.samples,
                operand: 0,
                adds: false,
                parameters,
                x: half.x,
                others: [&[]; MAX_OPERANDS - 1],
                lengths: &[],
                y: &[],
                auxiliary: &mut [],
                dy: half.dy,
                dx: half.dx,
                scratch: half.scratch,
                noise: None,
            };
            N::backward_layer(index, pass)
        };
        if !wanted {
            join(|| to_weights(&mut low, gradient), || ()).0?;
            on_the_right(|| to_weights(&mut high, gradient))?;
            return Ok(true);
        }
        let (left, right) = join(|| to_weights(&mut low, gradient), || to_input(&mut high));
        left.and(right)?;
        let (left, right) = join(|| to_input(&mut low), || to_weights(&mut high, gradient));
        left.and(right)?;
        Ok(true)
    }
}
