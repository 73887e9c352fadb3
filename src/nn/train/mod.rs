//! Training: forward, error, backward, update, without an allocation.

mod backward;
mod layout;
mod update;

use self::layout::{Layout, layout};
use super::{
    Batching, Error, Loss, Metrics, Model, Network, SoftmaxCrossEntropy,
    call::{Call, Ends, Seed},
    frozen::{Freeze, Set},
    infer::image_count,
    layers::dropout::drop_of,
    memory::{Images, pieces},
    network::sizes,
    plan::{Place, Sizes, Step, mode},
};
use crate::{optim::Optimizer, shape::Shape, simd::Level};

/// What becomes of gradients.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Gradients {
    /// All are kept until the batch is done, then the optimizer takes its step.
    #[default]
    Kept,
    /// As [`Kept`](Self::Kept), scaled down where their norm over all parameters is larger.
    Clipped(f32),
    /// Each layer's are applied as they appear, a few rows at a time, so no memory is needed
    /// for all. The batch must be one piece.
    Applied,
}

/// Trains a model's parameters, in memory that the caller gives.
///
/// `FROZEN` is a set of layers that stay as they are (bit `i`: layer `i`), from
/// [`frozen`](super::frozen) or [`frozen_but_last`](super::frozen_but_last). Layers below the first
/// that is trained cost no gradients and keep no activations.
///
/// ```
/// use kernlet::{nn::{Batching, Gradients, Model, SoftmaxCrossEntropy, Trainer}, optim::Sgd, simd::Level};
/// kernlet::network! {
///     /// Exclusive or.
///     pub struct Xor([2]) { hidden: dense(8), tanh, out: dense(2), softmax }
/// }
/// type XorTrainer<'a> = Trainer<'a, Xor, Sgd>;
/// const LEN: usize = XorTrainer::memory_len(Batching::of(4), Gradients::Kept);
///
/// let mut model = Model::<Xor>::zeroed();
/// model.initialize(1);
/// let mut memory = [0.0; LEN];
/// let mut trainer = XorTrainer::new(
///     Level::detect(), &mut model, &mut memory, Sgd::new(1.0), SoftmaxCrossEntropy,
///     Batching::of(4), Gradients::Kept, 1,
/// )?;
/// let images = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
/// for _ in 0..500 {
///     trainer.step(&images, &[0, 1, 1, 0])?;
/// }
/// let metrics = trainer.evaluate(&images, &[0, 1, 1, 0])?;
/// assert_eq!(metrics.correct, 4);
/// # Ok::<(), kernlet::nn::Error>(())
/// ```
pub struct Trainer<'a, N: Network, O, L = SoftmaxCrossEntropy, const FROZEN: u64 = 0> {
    level: Level,
    model: &'a mut Model<N>,
    memory: &'a mut [f32],
    optimizer: O,
    loss: L,
    batching: Batching,
    gradients: Gradients,
    seed: u64,
    step: u32,
    rate: f32,
}

impl<'a, N: Network, O: Optimizer, L: Loss, const FROZEN: u64> Trainer<'a, N, O, L, FROZEN> {
    const MODE: u8 = if L::LOGITS { mode::TRAINING | mode::LOGITS } else { mode::TRAINING };
    const SIZES: Sizes = {
        Set::<FROZEN>::FROZEN.check(N::NAME, N::LAYERS);
        sizes::<N>(Set::<FROZEN>::FROZEN, Self::MODE)
    };
    /// How many parameters, from the first trained one on, have gradients and optimizer state.
    const TRAINED: usize = if Self::SIZES.longest_row == 0 { 0 } else { N::PARAMETERS - Self::SIZES.first_trained };

    /// The floats of memory that a trainer needs.
    ///
    /// See [`Trainer`] for an example.
    pub const fn memory_len(batching: Batching, gradients: Gradients) -> usize {
        let sizes = Self::SIZES;
        layout(&sizes, N::PARAMETERS, O::STATES, batching, matches!(gradients, Gradients::Applied)).len
    }

    /// The bytes of training: parameters, activations, gradients, optimizer state, scratch.
    ///
    /// ```
    /// use kernlet::{nn::{Batching, Gradients, SoftmaxCrossEntropy, Trainer}, optim::Sgd};
    /// kernlet::network! { struct Tiny([2]) { hidden: dense(8), tanh, out: dense(3), softmax } }
    /// const BYTES: usize = <Trainer<Tiny, Sgd>>::training_bytes(Batching::of(1), Gradients::Applied);
    /// const { assert!(BYTES <= 2048) };
    /// ```
    pub const fn training_bytes(batching: Batching, gradients: Gradients) -> usize {
        (N::PARAMETERS + Self::memory_len(batching, gradients)) * size_of::<f32>()
    }

    /// A trainer at step 0. The optimizer's state is set to its beginning; the rest of `memory`
    /// may hold anything.
    ///
    /// # Errors
    /// If `memory` is shorter than [`memory_len`](Self::memory_len), or gradients are to be applied
    /// as they appear and the batch is more than one piece.
    ///
    /// See [`Trainer`] for an example.
    pub fn new(
        level: Level,
        model: &'a mut Model<N>,
        memory: &'a mut [f32],
        optimizer: O,
        loss: L,
        batching: Batching,
        gradients: Gradients,
        seed: u64,
    ) -> Result<Self, Error> {
        if gradients == Gradients::Applied && batching.piece() < batching.batch {
            return Err(Error::Applied { batch: batching.batch, piece: batching.piece() });
        }
        let expected = Self::memory_len(batching, gradients);
        if memory.len() < expected {
            return Err(Error::Memory { expected, found: memory.len() });
        }
        let mut trainer = Self { level, model, memory, optimizer, loss, batching, gradients, seed, step: 0, rate: 1.0 };
        for index in 0..O::STATES {
            trainer.state_mut(index).fill(optimizer.initial_state(index));
        }
        Ok(trainer)
    }

    fn layout(&self) -> Layout {
        let sizes = const { &Self::SIZES };
        layout(sizes, N::PARAMETERS, O::STATES, self.batching, self.gradients == Gradients::Applied)
    }

    fn steps() -> &'static [Step] {
        if L::LOGITS {
            N::steps::<Set<FROZEN>, { mode::TRAINING | mode::LOGITS }>()
        } else {
            N::steps::<Set<FROZEN>, { mode::TRAINING }>()
        }
    }

    /// One step of back-propagation on a batch: forward, error, backward, update.
    ///
    /// The metrics are those of the batch before the update, with dropout.
    ///
    /// # Errors
    /// If lengths do not fit or a target is refused; then no parameter has changed, unless
    /// gradients are applied as they appear.
    ///
    /// See [`Trainer`] for an example.
    pub fn step(&mut self, images: &[f32], targets: &[L::Target]) -> Result<Metrics, Error> {
        let count = image_count::<N>(images, self.batching.batch)?;
        let metrics = self.backward(images, targets, 0, count)?;
        self.update()?;
        Ok(metrics)
    }

    /// Forward, error and backward of a part of a batch: images `first..` of `of`. The gradients
    /// are left in [`gradients`](Self::gradients), as the part's share in the mean over the batch.
    ///
    /// # Errors
    /// As for [`step`](Self::step), and [`Error::Batch`] if there are more images than `first..of`.
    ///
    /// ```
    /// use kernlet::{nn::{Batching, Gradients, Model, SoftmaxCrossEntropy, Trainer}, optim::Sgd, simd::Level};
    /// kernlet::network! { struct Tiny([1]) { dense(2) } }
    /// const LEN: usize = <Trainer<Tiny, Sgd>>::memory_len(Batching::of(2), Gradients::Kept);
    /// let (mut model, mut memory) = (Model::<Tiny>::zeroed(), [0.0; LEN]);
    /// let mut trainer = <Trainer<Tiny, Sgd>>::new(
    ///     Level::detect(), &mut model, &mut memory, Sgd::new(1.0), SoftmaxCrossEntropy,
    ///     Batching::of(2), Gradients::Kept, 1,
    /// )?;
    /// trainer.backward(&[1.0, 3.0], &[0, 0], 0, 4)?;
    /// assert_eq!(trainer.gradients(), [-0.5, 0.5, -0.25, 0.25]);
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    pub fn backward(
        &mut self,
        images: &[f32],
        targets: &[L::Target],
        first: usize,
        of: usize,
    ) -> Result<Metrics, Error> {
        let count = image_count::<N>(images, self.batching.batch)?;
        let left = of.saturating_sub(first);
        if count > left {
            return Err(Error::Batch { expected: left, found: count });
        }
        let outputs = N::Output::LEN;
        let expected = count * L::targets(outputs);
        if targets.len() != expected {
            return Err(Error::Targets { expected, found: targets.len() });
        }
        let layout = self.layout();
        let steps = Self::steps();
        let call = Call {
            steps,
            level: self.level,
            threads: self.batching.threads,
            regions: layout.regions,
            images,
            noise: Some(Seed { seed: self.seed, step: self.step, first, drop: const { drop_of(N::LAYERS) } }),
            share: count as f32 / of as f32,
        };
        let by_piece = const { Self::SIZES.by_piece };
        call.forward::<N>(self.model.parameters(), self.memory, count, by_piece)?;
        let metrics = self.evaluate_loss(&layout, steps, targets, count, of)?;

        let ends = Ends { input_gradient: Place::NONE, scratch: (layout.scratch, const { Self::SIZES.scratch }) };
        let whole = Images { first: 0, count };
        for index in (by_piece..N::LAYERS.len()).rev() {
            self.backward_layer(&call, &layout, index, whole, ends)?;
        }
        for piece in pieces(count, layout.regions.piece) {
            for index in (0..by_piece).rev() {
                self.backward_layer(&call, &layout, index, piece, ends)?;
            }
        }
        Ok(metrics)
    }

    /// The mean loss and the right answers of the model as it is, without dropout, over any number
    /// of images.
    ///
    /// # Errors
    /// As for [`step`](Self::step).
    ///
    /// See [`Trainer`] for an example.
    pub fn evaluate(&mut self, images: &[f32], targets: &[L::Target]) -> Result<Metrics, Error> {
        let count = image_count::<N>(images, usize::MAX)?;
        let per_image = L::targets(N::Output::LEN);
        if targets.len() != count * per_image {
            return Err(Error::Targets { expected: count * per_image, found: targets.len() });
        }
        let layout = self.layout();
        let steps = Self::steps();
        let mut total = Metrics::default();
        let batch = self.batching.batch.max(1);
        for (images, targets) in images.chunks(batch * N::Input::LEN).zip(targets.chunks(batch * per_image)) {
            let count = images.len() / N::Input::LEN;
            let call = Call {
                steps,
                level: self.level,
                threads: self.batching.threads,
                regions: layout.regions,
                images,
                noise: None,
                share: 1.0,
            };
            call.forward::<N>(self.model.parameters(), self.memory, count, const { Self::SIZES.by_piece })?;
            total.add(&self.evaluate_loss(&layout, steps, targets, count, count)?);
        }
        Ok(total)
    }

    /// How many steps were taken.
    ///
    /// See [`set_step_count`](Self::set_step_count) for an example.
    pub fn step_count(&self) -> u32 {
        self.step
    }

    /// Goes on after that many steps: with the model and the optimizer's state restored, training
    /// continues to the same bits as without an interruption.
    ///
    /// ```
    /// use kernlet::{nn::{Batching, Gradients, Model, SoftmaxCrossEntropy, Trainer}, optim::Sgd, simd::Level};
    /// kernlet::network! { struct Tiny([1]) { dense(2) } }
    /// const LEN: usize = <Trainer<Tiny, Sgd>>::memory_len(Batching::of(2), Gradients::Kept);
    /// let (mut model, mut memory) = (Model::<Tiny>::zeroed(), [0.0; LEN]);
    /// let mut trainer = <Trainer<Tiny, Sgd>>::new(
    ///     Level::detect(), &mut model, &mut memory, Sgd::new(1.0), SoftmaxCrossEntropy,
    ///     Batching::of(2), Gradients::Kept, 1,
    /// )?;
    /// trainer.set_step_count(15);
    /// assert_eq!(trainer.step_count(), 15);
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    pub fn set_step_count(&mut self, step: u32) {
        self.step = step;
    }

    /// Multiplies the optimizer's learning rate from now on, as a schedule says; 1 at first.
    ///
    /// See [`crate::optim`] for schedules.
    pub fn set_rate(&mut self, rate: f32) {
        self.rate = rate;
    }

    /// The model as it is.
    ///
    /// ```
    /// # use kernlet::{nn::{Batching, Gradients, Model, SoftmaxCrossEntropy, Trainer}, optim::Sgd, simd::Level};
    /// # kernlet::network! { struct Tiny([1]) { dense(2) } }
    /// # const LEN: usize = <Trainer<Tiny, Sgd>>::memory_len(Batching::of(2), Gradients::Kept);
    /// # let (mut model, mut memory) = (Model::<Tiny>::zeroed(), [0.0; LEN]);
    /// # let trainer = <Trainer<Tiny, Sgd>>::new(Level::detect(), &mut model, &mut memory, Sgd::new(1.0),
    /// #     SoftmaxCrossEntropy, Batching::of(2), Gradients::Kept, 1)?;
    /// assert_eq!(trainer.model().parameters(), [0.0; 4]);
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    pub fn model(&self) -> &Model<N> {
        self.model
    }

    /// The model, to be restored from a snapshot.
    ///
    /// See [`model`](Self::model) for an example.
    pub fn model_mut(&mut self) -> &mut Model<N> {
        self.model
    }
}

impl<N: Network, O: core::fmt::Debug, L, const FROZEN: u64> core::fmt::Debug for Trainer<'_, N, O, L, FROZEN> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Trainer")
            .field("network", &N::NAME)
            .field("level", &self.level)
            .field("optimizer", &self.optimizer)
            .field("batching", &self.batching)
            .field("step", &self.step)
            .finish_non_exhaustive()
    }
}
