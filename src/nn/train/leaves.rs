//! A gradient as a sum over leaves: the same bits wherever, and in how many parts, a batch is worked on.

use core::ops::Range;

use super::{
    super::{
        Error, Loss, Metrics, Network,
        declare::Node,
        frozen::Freeze,
        inputs::Element,
        run::{Call, Part, Seed, parts, pieces},
    },
    Held, HeldTrainer, Training,
    session::Session,
    sizing::Sizing,
    steps::at_least_one,
};
use crate::{kernels::elementwise, optim::Optimizer, shape::Shape};

/// So many floats of a gradient go up the tree before the next: with a sum for each height they stay in the second cache.
const BLOCK_LEN: usize = 1 << 15;

/// How a gradient is added up: each *leaf*, that many samples, by itself, and then neighbours in a binary tree.
///
/// Leaf `i`'s neighbour is leaf `i ^ 1`, and their sum is a leaf of a tree half as long. Sums that have no neighbour,
/// where the number of leaves is no power of two, are added from the last to the first.
///
/// A leaf is a part of the batch, as [`backward`](HeldTrainer::backward) takes them: where a loss divides by weights of
/// classes, or by the labels that are not ignored, each leaf is divided by its own and then by its share in the samples, and
/// batch normalisation takes the statistics of a leaf, which cannot be one sample. Other gradients are those of the whole
/// batch, but for rounding.
#[derive(Debug)]
pub struct Leaves<'a> {
    /// Samples of a leaf, at least 1; the last may have fewer.
    pub samples: usize,
    /// Memory for sums that wait for their neighbours: [`Training::leaves_len`] floats, of any values.
    pub sums: &'a mut [f32],
    /// What the leaves' metrics are written to, one for each in their order.
    pub metrics: &'a mut [Metrics],
}

impl<N: Network, O: Optimizer, L: Loss, F: Freeze> Training<N, O, L, F> {
    /// The floats of [`Leaves::sums`] for up to [`batch`](Self::batch) samples in leaves of that many: the trained
    /// parameters, for each height of the tree below its root.
    ///
    /// ```
    /// use kernlet::{nn::Training, optim::Sgd};
    /// kernlet::network! { struct Tiny([1]) { dense(2) } }
    /// const TRAINING: Training<Tiny, Sgd> = Training::new(Sgd::new(1.0)).batch(128);
    /// assert_eq!(TRAINING.leaves_len(16), 3 * 4);
    /// ```
    pub const fn leaves_len(&self, samples: usize) -> usize {
        let leaves = self.batching.batch.div_ceil(at_least_one(samples));
        heights(leaves).saturating_mul(const { Sizing::<N, L, F>::TRAINED })
    }
}

impl<H: Held<N>, N: Network, O: Optimizer, L: Loss, F: Freeze> HeldTrainer<H, N, O, L, F> {
    /// A [`backward`](Self::backward) whose gradients are a sum over [`Leaves`]: those that `backward` on each leaf
    /// would leave, added up as `mapreduce::GradientSum` does, to the bit. All leaves pass through the network at once, forwards
    /// and backwards; only the gradients of parameters are made leaf by leaf. Where a layer looks at the whole batch, each
    /// leaf passes by itself.
    ///
    /// # Errors
    /// As for [`backward`](Self::backward), [`Error::OneRow`] for each leaf; [`Error::Memory`] if there is less than
    /// [`Training::leaves_len`]; [`Error::Leaves`] if there are metrics for another number of leaves, [`Error::Applied`] if
    /// gradients are applied as they appear, and [`Error::StatefulLeaves`] if the training is stateful.
    ///
    /// ```
    /// use kernlet::{nn::{Leaves, Metrics, Training}, optim::Sgd};
    /// kernlet::network! { struct Tiny([1]) { dense(2) } }
    /// const TRAINING: Training<Tiny, Sgd> = Training::new(Sgd::new(1.0)).batch(3);
    /// let mut trainer = TRAINING.build()?;
    /// let (mut sums, mut metrics) = ([0.0; TRAINING.leaves_len(1)], [Metrics::default(); 3]);
    /// let leaves = Leaves { samples: 1, sums: &mut sums, metrics: &mut metrics };
    /// trainer.backward_leaves(&[1.0, 3.0, 2.0], &[0, 0, 1], 0, 3, leaves)?;
    /// let all = trainer.gradients().to_vec();
    ///
    /// let mut leaf = |i: usize, x: f32, label: u8| -> Result<Vec<f32>, kernlet::nn::Error> {
    ///     assert_eq!(trainer.backward(&[x], &[label], i, 3)?, metrics[i]);
    ///     Ok(trainer.gradients().to_vec())
    /// };
    /// let of = [leaf(0, 1.0, 0)?, leaf(1, 3.0, 0)?, leaf(2, 2.0, 1)?];
    /// for (i, sum) in all.iter().enumerate() {
    ///     assert_eq!(*sum, of[2][i] + (of[0][i] + of[1][i]));
    /// }
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    pub fn backward_leaves(
        &mut self,
        inputs: &[impl Element],
        targets: &[L::Target],
        first: usize,
        of: usize,
        leaves: Leaves<'_>,
    ) -> Result<(), Error> {
        let mut session = self.session();
        let count = session.check_part(inputs, targets, first, of)?;
        let expected = count.div_ceil(at_least_one(leaves.samples));
        if expected != leaves.metrics.len() {
            return Err(Error::Leaves { expected, found: leaves.metrics.len() });
        }
        if !session.keeps_gradients() {
            let piece = session.layout.regions.piece();
            return Err(Error::Applied { batch: session.training.batching.batch, piece });
        }
        if session.training.stateful {
            return Err(Error::StatefulLeaves);
        }
        let (expected, found) = (heights(expected) * const { Sizing::<N, L, F>::TRAINED }, leaves.sums.len());
        if found < expected {
            return Err(Error::Memory { expected, found });
        }
        session.backward_leaves(inputs, targets, (first, of), leaves)
    }
}

/// A batch that becomes leaves.
#[derive(Clone, Copy)]
struct Cut {
    /// Samples of a leaf.
    samples: usize,
    /// Leaves of the batch.
    count: usize,
}

impl<N: Network, O: Optimizer, L: Loss, F: Freeze> Session<'_, N, O, L, F> {
    fn backward_leaves(
        &mut self,
        inputs: &[impl Element],
        targets: &[L::Target],
        (first, of): (usize, usize),
        leaves: Leaves<'_>,
    ) -> Result<(), Error> {
        let Leaves { samples, sums, metrics } = leaves;
        let cut = Cut { samples: at_least_one(samples), count: metrics.len() };
        let at_once = if const { Sizing::<N, L, F>::SIZES.by_leaf } { cut.count } else { 1 };
        let (input, target) = const { (N::Input::LEN, Sizing::<N, L, F>::TARGETS) };
        let group_len = at_once.saturating_mul(cut.samples);
        let groups = inputs
            .chunks(at_least_one(group_len.saturating_mul(input)))
            .zip(targets.chunks(at_least_one(group_len.saturating_mul(target))));
        for ((group, (inputs, targets)), metrics) in groups.enumerate().zip(metrics.chunks_mut(at_least_one(at_once))) {
            let count = inputs.len() / at_least_one(input);
            if let (1, Some(layer)) = (count, const { Sizing::<N, L, F>::NEEDS_TWO }) {
                return Err(Error::OneRow { layer });
            }
            let first = first + group * group_len;
            let noise = Seed { seed: self.seed, step: self.step, first, drop_out: N::DROP_OUT };
            let call = self.call(inputs, &[], Some(noise), count as f32 / of as f32)?;
            let sizes = const { &Sizing::<N, L, F>::SIZES };
            call.forward::<N>(self.model.parameters(), self.memory, count, sizes)?;
            let losses = pieces(count, cut.samples)
                .zip(targets.chunks(at_least_one(cut.samples.saturating_mul(target))))
                .zip(metrics);
            for ((leaf, targets), metrics) in losses {
                *metrics = self.evaluate_steps(targets, &[], leaf, Some(of))?;
            }
            self.backward_group(&call, count, (cut, group * at_once), sums)?;
        }
        Ok(())
    }

    /// Backward of `count` samples, of which leaf `first_leaf` is the first.
    fn backward_group(
        &mut self,
        call: &Call<'_>,
        count: usize,
        (cut, first_leaf): (Cut, usize),
        sums: &mut [f32],
    ) -> Result<(), Error> {
        let sizes = const { &Sizing::<N, L, F>::SIZES };
        for index in (sizes.by_piece..sizes.active).rev() {
            call.backward_layer::<N>(self.model.parameters(), self.memory, index, Part { first: 0, count })?;
            let Some((node, at)) = Self::gradient_of(index) else { continue };
            let (rows, row_len) = (node.rows as usize, node.row_len as usize);
            if !Sizing::<N, L, F>::steps().get(index).is_some_and(|step| step.trained) {
                let range = self.layout.gradients + at..self.layout.gradients + at + rows * row_len;
                self.memory.get_mut(range).ok_or(Error::Plan)?.fill(0.0);
                continue;
            }
            let at_once = (BLOCK_LEN / at_least_one(row_len)).max(1);
            for Part { first, count: rows } in pieces(rows, at_once) {
                let range = at + first * row_len..at + (first + rows) * row_len;
                for (leaf, samples) in pieces(count, cut.samples).enumerate() {
                    let gradient = self.layout.gradients + range.start..self.layout.gradients + range.end;
                    let call = Call { begin: samples.first, ..*call };
                    let rows = first..first + rows;
                    call.weights_layer::<N>(self.model.parameters(), self.memory, index, samples, rows, gradient)?;
                    self.climb(range.clone(), first_leaf + leaf, cut.count, sums)?;
                }
            }
        }
        let first = Sizing::<N, L, F>::SIZES.first_trained;
        let end = N::NODES.iter().take(sizes.by_piece).map(|node| node.offset + node.rows * node.row_len).max();
        let by_piece = 0..(end.unwrap_or(0) as usize).saturating_sub(first);
        for (leaf, samples) in pieces(count, cut.samples).enumerate() {
            let call = Call { begin: samples.first, ..*call };
            for piece in pieces(samples.count, self.layout.regions.piece()) {
                let piece = Part { first: samples.first + piece.first, ..piece };
                for index in (0..sizes.by_piece).rev() {
                    self.backward_layer(&call, index, piece)?;
                }
            }
            self.climb(by_piece.clone(), first_leaf + leaf, cut.count, sums)?;
        }
        Ok(())
    }

    /// A layer that has gradients, and where these begin among all.
    fn gradient_of(index: usize) -> Option<(&'static Node, usize)> {
        let node = N::NODES.get(index).filter(|node| node.rows > 0)?;
        let at = (node.offset as usize).checked_sub(const { Sizing::<N, L, F>::SIZES.first_trained })?;
        Some((node, at))
    }

    /// Some gradients of leaf `leaf` of `count` go up the tree: what is now in the place of the gradients waits for its
    /// neighbour, or is the sum over all leaves if this was the last.
    fn climb(&mut self, range: Range<usize>, leaf: usize, count: usize, sums: &mut [f32]) -> Result<(), Error> {
        let len = const { Sizing::<N, L, F>::TRAINED };
        let gradient = self.layout.gradients + range.start..self.layout.gradients + range.end;
        let [gradient] = parts(self.memory, [gradient])?;
        let waiting = |height: u32| height as usize * len + range.start..height as usize * len + range.end;
        let met = leaf.trailing_ones();
        for height in 0..met {
            let sum = sums.get(waiting(height)).ok_or(Error::Plan)?;
            elementwise::add_acc(self.level, sum, gradient)?;
        }
        if leaf + 1 < count {
            // Not `copy_from_slice`: firmware links no panic.
            let sum = sums.get_mut(waiting(met)).ok_or(Error::Plan)?;
            sum.iter_mut().zip(gradient).for_each(|(sum, gradient)| *sum = *gradient);
            return Ok(());
        }
        // Those that have no neighbour, from the last to the first.
        for height in (met + 1..usize::BITS).filter(|height| count >> height & 1 == 1) {
            let sum = sums.get(waiting(height)).ok_or(Error::Plan)?;
            elementwise::add_acc(self.level, sum, gradient)?;
        }
        Ok(())
    }
}

/// The heights at which sums wait in a tree over so many leaves.
const fn heights(leaves: usize) -> usize {
    if leaves < 2 { 0 } else { (leaves - 1).ilog2() as usize + 1 }
}
