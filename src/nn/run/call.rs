//! One pass over a batch: prepares each layer's slices and calls it.

use core::ops::Range;

use super::{
    Part, Regions,
    memory::{parts, pieces},
};
use crate::{
    kernels::elementwise,
    nn::{
        Error, Network,
        declare::{MAX_OPERANDS, Node},
        inputs::{Element, Inputs},
        pass::{BackwardPass, DropOut, ForwardPass, Indices, Noise, WeightPass},
        plan::{BackStep, Place, Sizes, Step},
    },
    shape::Shape,
    simd::Level,
};

/// What does not change while a batch is worked on.
#[derive(Clone, Copy)]
pub(in crate::nn) struct Call<'a> {
    pub(in crate::nn) steps: &'static [Step],
    /// Empty where no backward follows.
    pub(in crate::nn) back: &'static [BackStep],
    pub(in crate::nn) level: Level,
    pub(in crate::nn) threads: usize,
    pub(in crate::nn) regions: Regions,
    pub(in crate::nn) inputs: Inputs<'a>,
    /// How many steps each sample has; empty if all have all.
    pub(in crate::nn) lengths: &'a [u32],
    /// Present while training.
    pub(in crate::nn) noise: Option<Seed>,
    /// These samples' part of the batch over which gradients are a mean.
    pub(in crate::nn) share: f32,
}

/// What dropout's random numbers depend on.
#[derive(Clone, Copy)]
pub(in crate::nn) struct Seed {
    pub(in crate::nn) seed: u64,
    pub(in crate::nn) step: u32,
    /// The first sample's index in the whole batch.
    pub(in crate::nn) first: usize,
    pub(in crate::nn) drop_out: DropOut,
}

/// What a layer reads: slices of the memory, or of the network's input.
struct Operands<'a> {
    x: &'a [f32],
    others: [&'a [f32]; MAX_OPERANDS - 1],
    indices: Indices<'a>,
}

impl<'a> Call<'a> {
    /// All layers: the leading ones piece by piece, the others with the whole batch.
    pub(in crate::nn) fn forward<N: Network>(
        &self,
        model: &[f32],
        memory: &mut [f32],
        count: usize,
        sizes: &'static Sizes,
    ) -> Result<(), Error> {
        for piece in pieces(count, self.regions.piece()) {
            for index in 0..sizes.by_piece {
                self.forward_layer::<N>(model, memory, index, piece)?;
            }
        }
        for index in sizes.by_piece..sizes.active {
            self.forward_layer::<N>(model, memory, index, Part { first: 0, count })?;
        }
        Ok(())
    }

    pub(super) fn layer<N: Network>(&self, index: usize) -> Result<(&'static Node, &'static Step), Error> {
        N::NODES.get(index).zip(self.steps.get(index)).ok_or(Error::Plan)
    }

    fn noise(&self, index: usize, node: &Node, step: &Step, samples: Part) -> Option<Noise> {
        // A frozen batch normalisation uses its moving averages, as in Keras.
        let frozen = node.rows > 0 && !step.trained;
        let index = index as u64;
        self.noise.filter(|_| !frozen).map(|seed| Noise {
            seed: seed.seed,
            stream: u64::from(seed.step) << 8 | index & 0xff | index >> 8 << 40,
            // A counter of random numbers: past its end it begins again.
            first: ((seed.first + samples.first) as u64).wrapping_mul(u64::from(node.input)),
            drop_out: seed.drop_out,
        })
    }

    /// The lengths of some samples.
    fn lengths(&self, samples: Part) -> &'a [u32] {
        self.lengths.get(samples.range(1)).unwrap_or(&[])
    }

    /// Where the operands lie in the memory. One that is read twice is found once, and so is the one that `skip` says
    /// is not read at all.
    fn ranges(&self, node: &Node, step: &Step, samples: Part, skip: bool) -> [Range<usize>; MAX_OPERANDS] {
        let mut ranges = [const { 0..0 }; MAX_OPERANDS];
        for (k, (range, (&place, &len))) in ranges.iter_mut().zip(step.operands.iter().zip(&node.operands)).enumerate()
        {
            let is_repeated = step.operands.iter().take(k).any(|&before| before == place);
            if !(is_repeated || (k == 0 && skip)) {
                *range = self.regions.range(place, len as usize, samples);
            }
        }
        ranges
    }

    /// The slices of the operands, those of the network's input and repeated ones too.
    fn operands<'m, N: Network>(
        &self,
        step: &Step,
        found: [&'m [f32]; MAX_OPERANDS],
        samples: Part,
        skip: bool,
    ) -> Result<Operands<'m>, Error>
    where
        'a: 'm,
    {
        let mut all = found;
        let mut indices = Indices::None;
        for k in 0..MAX_OPERANDS {
            let Some(&place) = step.operands.get(k) else { continue };
            if place.is_none() || (k == 0 && skip) {
                continue;
            }
            let slice = if place.is_input() {
                if k == 0 {
                    indices = self.inputs.indices(samples.range(N::Input::LEN))?;
                }
                self.inputs.floats(samples.range(N::Input::LEN))?
            } else {
                let first = step.operands.iter().position(|&other| other == place).unwrap_or(k);
                found.get(first).copied().unwrap_or(&[])
            };
            if let Some(operand) = all.get_mut(k) {
                *operand = slice;
            }
        }
        let [x, others @ ..] = all;
        Ok(Operands { x, others, indices })
    }

    fn forward_layer<N: Network>(
        &self,
        model: &[f32],
        memory: &mut [f32],
        index: usize,
        samples: Part,
    ) -> Result<(), Error> {
        let (node, step) = self.layer::<N>(index)?;
        if step.is_fused {
            return Ok(());
        }
        let [a, b, c, d] = self.ranges(node, step, samples, step.in_place);
        let [y, auxiliary, scratch, a, b, c, d] = parts(
            memory,
            [
                self.regions.range(step.value, node.output as usize, samples),
                self.regions.range(step.auxiliary, step.auxiliary_len as usize, samples),
                self.regions.scratch(),
                a,
                b,
                c,
                d,
            ],
        )?;
        let Operands { x, others, indices } = self.operands::<N>(step, [a, b, c, d], samples, step.in_place)?;
        let pass = ForwardPass {
            node,
            step,
            level: self.level,
            threads: self.threads,
            samples: samples.count,
            parameters: parameters(model, node)?,
            x,
            others,
            indices,
            lengths: self.lengths(samples),
            y,
            auxiliary,
            scratch,
            noise: self.noise(index, node, step, samples),
        };
        Ok(N::forward_layer(index, pass)?)
    }

    /// The gradients with respect to a layer's operands from that with respect to its output.
    pub(in crate::nn) fn backward_layer<N: Network>(
        &self,
        model: &[f32],
        memory: &mut [f32],
        index: usize,
        samples: Part,
    ) -> Result<(), Error> {
        let back = self.back.get(index).ok_or(Error::Plan)?;
        if back.gradient.is_none() {
            return Ok(());
        }
        let mut any = false;
        for operand in (0..MAX_OPERANDS).rev() {
            let target = back.targets.get(operand).copied().unwrap_or(Place::NONE);
            if !target.is_none() {
                any = true;
                self.backward_operand::<N>(model, memory, index, samples, operand)?;
            }
        }
        // Sums that are the gradients of parameters are made by backward, too.
        if !any && back.always {
            self.backward_operand::<N>(model, memory, index, samples, 0)?;
        }
        Ok(())
    }

    fn backward_operand<N: Network>(
        &self,
        model: &[f32],
        memory: &mut [f32],
        index: usize,
        samples: Part,
        operand: usize,
    ) -> Result<(), Error> {
        let (node, step) = self.layer::<N>(index)?;
        let back = self.back.get(index).ok_or(Error::Plan)?;
        let (Some(&target), Some(&adds), Some(&len)) =
            (back.targets.get(operand), back.adds.get(operand), node.operands.get(operand))
        else {
            return Err(Error::Plan);
        };
        let target_range = self.regions.range(target, len as usize, samples);
        let gradient_range = self.regions.range(back.gradient, node.output as usize, samples);
        // Where the gradient is made: over the output's, in the target, or aside and then added.
        let aside = adds && !back.accumulates;
        let made_in_place = target == back.gradient || (aside && back.temporary.is_none());
        let made = match (made_in_place, aside) {
            (true, _) => 0..0,
            (false, true) => self.regions.range(back.temporary, len as usize, samples),
            (false, false) => target_range.clone(),
        };
        if !back.is_undone {
            let skip = !back.reads_operands;
            let [a, b, c, d] =
                if skip { [const { 0..0 }; MAX_OPERANDS] } else { self.ranges(node, step, samples, false) };
            let y = if back.reads_output { step.value } else { Place::NONE };
            let [dy, dx, y, auxiliary, scratch, a, b, c, d] = parts(
                memory,
                [
                    gradient_range.clone(),
                    made.clone(),
                    self.regions.range(y, node.output as usize, samples),
                    self.regions.range(step.auxiliary, step.auxiliary_len as usize, samples),
                    self.regions.scratch(),
                    a,
                    b,
                    c,
                    d,
                ],
            )?;
            let operands = if skip {
                Operands { x: &[], others: [&[]; MAX_OPERANDS - 1], indices: Indices::None }
            } else {
                self.operands::<N>(step, [a, b, c, d], samples, false)?
            };
            let pass = BackwardPass {
                node,
                back,
                level: self.level,
                threads: self.threads,
                samples: samples.count,
                operand,
                adds: adds && !aside,
                parameters: parameters(model, node)?,
                x: operands.x,
                others: operands.others,
                lengths: self.lengths(samples),
                y,
                auxiliary,
                dy,
                dx,
                scratch,
                noise: self.noise(index, node, step, samples),
            };
            N::backward_layer(index, pass)?;
        }
        if aside {
            let made = if made_in_place { gradient_range } else { made };
            let [target, made] = parts(memory, [target_range, made])?;
            elementwise::add_acc(self.level, made, target)?;
        }
        Ok(())
    }

    /// The gradient of some rows of a layer's parameters: what the first piece gives is written to
    /// the floats at `gradient`, what others give is added.
    pub(in crate::nn) fn weights_layer<N: Network>(
        &self,
        model: &[f32],
        memory: &mut [f32],
        index: usize,
        samples: Part,
        rows: Range<usize>,
        gradient: Range<usize>,
    ) -> Result<(), Error> {
        let (node, step) = self.layer::<N>(index)?;
        let back = self.back.get(index).ok_or(Error::Plan)?;
        let [a, b, c, d] = self.ranges(node, step, samples, false);
        let y = if back.reads_output { step.value } else { Place::NONE };
        let [dy, y, auxiliary, scratch, gradient, a, b, c, d] = parts(
            memory,
            [
                self.regions.range(back.gradient, node.output as usize, samples),
                self.regions.range(y, node.output as usize, samples),
                self.regions.range(step.auxiliary, step.auxiliary_len as usize, samples),
                self.regions.scratch(),
                gradient,
                a,
                b,
                c,
                d,
            ],
        )?;
        let Operands { x, others, indices } = self.operands::<N>(step, [a, b, c, d], samples, false)?;
        let pass = WeightPass {
            node,
            level: self.level,
            threads: self.threads,
            samples: samples.count,
            parameters: parameters(model, node)?,
            share: self.share,
            x,
            others,
            indices,
            lengths: self.lengths(samples),
            y,
            dy,
            auxiliary,
            scratch,
            rows,
            is_first: samples.first == 0,
            gradient,
        };
        Ok(N::weights_layer(index, pass)?)
    }
}

/// What a program gives a network to read: a program whose numbers are of another type does not compile.
pub(in crate::nn) fn read<N: Network, E: Element>(inputs: &[E]) -> Inputs<'_> {
    const {
        assert!(
            E::ELEMENT == <<N::Input as Shape>::Scalar as Element>::ELEMENT,
            "the inputs are of another type than the network's input"
        );
    }
    E::inputs(inputs)
}

/// A layer's own parameters.
pub(super) fn parameters<'m>(model: &'m [f32], node: &Node) -> Result<&'m [f32], Error> {
    let offset = node.offset as usize;
    model.get(offset..offset + node.rows as usize * node.row_len as usize).ok_or(Error::Plan)
}
