//! One pass over a batch: prepares each layer's slices and calls it.

use core::ops::Range;

#[cfg(feature = "alloc")]
use super::Grid;
use super::{
    Part, Regions,
    memory::{first_parts, parts, pieces},
};
use crate::{
    kernels::elementwise,
    nn::{
        Error, Network,
        declare::{Layer, MAX_OPERANDS, Node},
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
    /// Where the states lie that sequences go on from, of all layers and the whole batch, if they do.
    pub(in crate::nn) carried: Option<usize>,
    /// Present while training.
    pub(in crate::nn) noise: Option<Seed>,
    /// These samples' part of the batch over which gradients are a mean.
    pub(in crate::nn) share: f32,
    /// The sample that sums over samples begin with.
    pub(in crate::nn) begin: usize,
    /// What each layer's output is rounded to; empty where nothing is.
    #[cfg(feature = "alloc")]
    pub(in crate::nn) grids: &'a [Option<Grid>],
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

    /// Where a layer's states lie that some samples go on from.
    fn carried<N: Network>(&self, index: usize, node: &Node, samples: Part) -> Range<usize> {
        let (Some(start), len @ 1..) = (self.carried, node.carried as usize) else { return 0..0 };
        let before: usize = N::NODES.iter().take(index).map(|node| node.carried as usize).sum();
        let all = samples.range(len);
        let at = start + before * self.regions.batch();
        at + all.start..at + all.end
    }

    /// Where the operands lie in the memory, as many as the network's layers have at most. One that is read twice is
    /// found once, and the first not at all where `skip` says that it is not read.
    fn ranges<N: Network>(&self, node: &Node, step: &Step, samples: Part, skip: bool) -> [Range<usize>; MAX_OPERANDS] {
        let mut ranges = [const { 0..0 }; MAX_OPERANDS];
        if const { most_operands(N::LAYERS) == 1 } {
            // A chain: no loop in firmware.
            if let ([range, ..], [place, ..], [len, ..], false) = (&mut ranges, step.operands, node.operands, skip) {
                *range = self.regions.range(place, len as usize, samples);
            }
            return ranges;
        }
        let operands = step.operands.iter().zip(&node.operands).take(const { most_operands(N::LAYERS) });
        for (k, (range, (&place, &len))) in ranges.iter_mut().zip(operands).enumerate() {
            let is_repeated = step.operands.iter().take(k).any(|&before| before == place);
            if !(is_repeated || (k == 0 && skip)) {
                *range = self.regions.range(place, len as usize, samples);
            }
        }
        ranges
    }

    /// The network's input, as floats or as whole numbers.
    fn input<N: Network>(&self, samples: Part) -> Result<(&'a [f32], Indices<'a>), Error> {
        let range = samples.range(N::Input::LEN);
        if const { <<N::Input as Shape>::Scalar as Element>::ELEMENT == f32::ELEMENT } {
            return Ok((self.inputs.floats(range)?, Indices::None));
        }
        Ok((&[], self.inputs.indices(range)?))
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
        if const { most_operands(N::LAYERS) == 1 } {
            let ([x, ..], [place, ..]) = (found, step.operands);
            let is_read = place.is_input() && !skip;
            let (x, indices) = if is_read { self.input::<N>(samples)? } else { (x, Indices::None) };
            return Ok(Operands { x, others: [&[]; MAX_OPERANDS - 1], indices });
        }
        let mut all = found;
        let mut indices = Indices::None;
        for k in 0..const { most_operands(N::LAYERS) } {
            let Some(&place) = step.operands.get(k) else { continue };
            if place.is_none() || (k == 0 && skip) {
                continue;
            }
            let slice = if place.is_input() {
                let (floats, numbers) = self.input::<N>(samples)?;
                if k == 0 {
                    indices = numbers;
                }
                floats
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
            return self.round(memory, index, node, step, samples);
        }
        let [a, b, c, d] = self.ranges::<N>(node, step, samples, step.in_place);
        let [y, auxiliary, carried, scratch, a, b, c, d] = first_parts(
            memory,
            [
                self.regions.range(step.value, node.output as usize, samples),
                self.regions.range(step.auxiliary, step.auxiliary_len as usize, samples),
                self.carried::<N>(index, node, samples),
                self.regions.scratch(),
                a,
                b,
                c,
                d,
            ],
            4 + const { most_operands(N::LAYERS) },
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
            carried,
            scratch,
            noise: self.noise(index, node, step, samples),
        };
        N::forward_layer(index, pass)?;
        self.round(memory, index, node, step, samples)
    }

    /// Puts a layer's output on its grid, if it has one.
    #[cfg(feature = "alloc")]
    fn round(&self, memory: &mut [f32], index: usize, node: &Node, step: &Step, samples: Part) -> Result<(), Error> {
        let Some(Some(grid)) = self.grids.get(index) else { return Ok(()) };
        let [y] = parts(memory, [self.regions.range(step.value, node.output as usize, samples)])?;
        Ok(crate::parallel::for_rows(self.threads, samples.count, y, &|_, y: &mut [f32]| {
            grid.round(y);
            Ok::<(), crate::kernels::ShapeError>(())
        })?)
    }

    #[cfg(not(feature = "alloc"))]
    #[inline(always)]
    fn round(&self, _: &mut [f32], _: usize, _: &Node, _: &Step, _: Part) -> Result<(), Error> {
        Ok(())
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
        for operand in (0..const { most_operands(N::LAYERS) }).rev() {
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
        let adds = adds && const { is_graph(N::LAYERS) };
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
                if skip { [const { 0..0 }; MAX_OPERANDS] } else { self.ranges::<N>(node, step, samples, false) };
            let y = if back.reads_output { step.value } else { Place::NONE };
            let [dy, dx, y, auxiliary, scratch, a, b, c, d] = first_parts(
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
                5 + const { most_operands(N::LAYERS) },
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
        let ([place, ..], [len, ..]) = (step.operands, node.operands);
        let [dy, auxiliary, gradient, x] = parts(
            memory,
            [
                self.regions.range(back.gradient, node.output as usize, samples),
                self.regions.range(step.auxiliary, step.auxiliary_len as usize, samples),
                gradient,
                self.regions.range(place, len as usize, samples),
            ],
        )?;
        let (x, indices) = if place.is_input() { self.input::<N>(samples)? } else { (&*x, Indices::None) };
        let pass = WeightPass {
            node,
            level: self.level,
            threads: self.threads,
            samples: samples.count,
            parameters: parameters(model, node)?,
            share: self.share,
            x,
            indices,
            lengths: self.lengths(samples),
            dy,
            auxiliary,
            rows,
            is_first: samples.first == self.begin,
            gradient,
        };
        Ok(N::weights_layer(index, pass)?)
    }
}

/// The most operands that a layer has: 1 in a chain, whose calls do not look for others.
const fn most_operands(layers: &[Layer]) -> usize {
    let (mut most, mut i) = (1, 0);
    while i < layers.len() {
        if layers[i].operand_count > most {
            most = layers[i].operand_count;
        }
        i += 1;
    }
    most
}

/// Whether a value has several readers, so that gradients are added.
const fn is_graph(layers: &[Layer]) -> bool {
    let mut i = 0;
    while i < layers.len() {
        if layers[i].operand_count != 1 || layers[i].operands[0] != i {
            return true;
        }
        i += 1;
    }
    false
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

/// [`read`], and whether all whole numbers are of the network's vocabulary.
pub(in crate::nn) fn read_checked<N: Network, E: Element>(inputs: &[E]) -> Result<Inputs<'_>, Error> {
    let inputs = read::<N, _>(inputs);
    // An embedding is the first layer, or there is none.
    inputs.check(N::NODES.first().map_or(0, |node| node.vocabulary))?;
    Ok(inputs)
}

/// A layer's own parameters.
pub(super) fn parameters<'m>(model: &'m [f32], node: &Node) -> Result<&'m [f32], Error> {
    let offset = node.offset as usize;
    model.get(offset..offset + node.rows as usize * node.row_len as usize).ok_or(Error::Plan)
}
