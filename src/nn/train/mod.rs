//! Training: forward, error, backward, update, without an allocation.
//!
//! - [`config`]: what training does, as one value that can be a constant.
//! - [`session`], [`backward`], [`update`]: one step, from the inputs to the parameters.
//! - [`steps`]: the loss of sequences of unequal length.
//! - [`evaluate`]: the loss alone.
//! - [`fit`], [`samples`]: epochs over samples.
//! - [`resume`]: training to and from bytes.
//! - [`layout`], [`sizing`]: where everything lies, and what the types say of it.

mod backward;
mod config;
mod evaluate;
mod fit;
mod layout;
mod leaves;
mod resume;
mod samples;
mod session;
mod sizing;
mod steps;
mod update;

use core::borrow::BorrowMut;

pub use self::{
    config::{Gradients, Training},
    evaluate::Evaluation,
    fit::{Event, Fitted, Stopped},
    leaves::Leaves,
    samples::{Draw, Pairs, Samples},
};
use self::{session::Session, sizing::Sizing};
use super::{
    Error, Loss, Metrics, Model, Network, Nothing, SoftmaxCrossEntropy,
    frozen::Freeze,
    inputs::Element,
    lengths::{self, Lengths},
    plan::align,
};
use crate::{optim::Optimizer, shape::Shape, simd::Level, snapshot::Progress};

/// A model and the memory of its training, however they are held: by value, in boxes, or borrowed.
///
/// Implemented for every pair of something that is, or leads to, a [`Model`] and something that is, or leads to,
/// `[f32]`.
pub trait Held<N: Network> {
    /// Both, to be changed.
    fn parts(&mut self) -> (&mut Model<N>, &mut [f32]);
    /// The model.
    fn model(&self) -> &Model<N>;
    /// The memory.
    fn memory(&self) -> &[f32];
}

impl<N: Network, M: BorrowMut<Model<N>>, W: AsRef<[f32]> + AsMut<[f32]>> Held<N> for (M, W) {
    fn parts(&mut self) -> (&mut Model<N>, &mut [f32]) {
        (self.0.borrow_mut(), self.1.as_mut())
    }

    fn model(&self) -> &Model<N> {
        self.0.borrow()
    }

    fn memory(&self) -> &[f32] {
        self.1.as_ref()
    }
}

/// Trains a model in borrowed memory: what [`Training::start`] returns. See [`HeldTrainer`] for what it does.
pub type Trainer<'a, N, O, L = SoftmaxCrossEntropy, F = Nothing> =
    HeldTrainer<(&'a mut Model<N>, &'a mut [f32]), N, O, L, F>;

/// Trains a model that it owns, on the heap: what [`Training::build`] returns. See [`HeldTrainer`] for what it does.
///
/// ```
/// use kernlet::{nn::{MeanSquaredError, OwnedTrainer, Training}, optim::Adam};
/// kernlet::network! { struct Net([2]) { hidden: dense(8), tanh, out: dense(1) } }
/// const TRAINING: Training<Net, Adam, MeanSquaredError> = Training::new(Adam::new(0.01)).batch(4).loss(MeanSquaredError);
///
/// struct Regulator {
///     trainer: OwnedTrainer<Net, Adam, MeanSquaredError>,
///     steps: u32,
/// }
///
/// let mut regulator = Regulator { trainer: TRAINING.build()?, steps: 0 };
/// regulator.trainer.step(&[0.5, 1.0], &[0.25])?;
/// regulator.steps += 1;
/// # Ok::<(), kernlet::nn::Error>(())
/// ```
#[cfg(feature = "alloc")]
pub type OwnedTrainer<N, O, L = SoftmaxCrossEntropy, F = Nothing> =
    HeldTrainer<(alloc::boxed::Box<Model<N>>, super::HeapMemory), N, O, L, F>;

/// Trains a model's parameters.
///
/// It comes from a [`Training`]: borrowing model and memory ([`Trainer`], from [`Training::start`]), owning them on
/// the heap (`OwnedTrainer`, from `Training::build`, feature `alloc`), or holding them in any other way
/// ([`Training::start_in`]).
///
/// ```
/// use kernlet::{nn::{Model, Training}, optim::Sgd};
/// kernlet::network! {
///     /// Exclusive or.
///     pub struct Xor([2]) { hidden: dense(8), tanh, out: dense(2), softmax }
/// }
/// const TRAINING: Training<Xor, Sgd> = Training::new(Sgd::new(1.0)).batch(4).seed(1);
///
/// let mut model = Model::<Xor>::zeroed();
/// model.initialize(1);
/// let mut memory = [0.0; TRAINING.memory_len()];
/// let mut trainer = TRAINING.start(&mut model, &mut memory)?;
/// let inputs = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
/// for _ in 0..500 {
///     trainer.step(&inputs, &[0, 1, 1, 0])?;
/// }
/// assert_eq!(trainer.evaluate(&inputs, &[0, 1, 1, 0])?.correct, 4);
/// # Ok::<(), kernlet::nn::Error>(())
/// ```
pub struct HeldTrainer<H, N, O, L = SoftmaxCrossEntropy, F = Nothing> {
    training: Training<N, O, L, F>,
    level: Level,
    held: H,
    state: State,
    /// What each layer's output is rounded to; empty where nothing is.
    #[cfg(feature = "alloc")]
    grids: alloc::vec::Vec<Option<super::Grid>>,
}

/// How far training has come.
#[derive(Clone, Copy, PartialEq, Debug)]
struct State {
    seed: u64,
    step: u32,
    rate: f32,
    epoch: u32,
    /// Samples of the epoch under way that were learnt from.
    position: u64,
    /// The metrics of these samples.
    so_far: Metrics,
    best: Best,
    /// The best parameters are the model's.
    finished: bool,
}

/// The best epoch so far.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Best {
    loss: f32,
    epoch: u32,
}

impl State {
    const fn new(seed: u64) -> Self {
        let so_far = Metrics { loss: 0.0, correct: 0, answers: 0, samples: 0, weight: None };
        let best = Best { loss: f32::INFINITY, epoch: 0 };
        Self { seed, step: 0, rate: 1.0, epoch: 0, position: 0, so_far, best, finished: false }
    }
}

impl<H: Held<N>, N: Network, O: Optimizer, L: Loss, F: Freeze> HeldTrainer<H, N, O, L, F> {
    fn session(&mut self) -> Session<'_, N, O, L, F> {
        let State { seed, step, rate, .. } = self.state;
        let (model, memory) = self.held.parts();
        let layout = self.training.layout();
        Session {
            training: self.training,
            level: self.level,
            layout,
            seed,
            step,
            rate,
            model,
            memory,
            lengths: &[],
            #[cfg(feature = "alloc")]
            grids: &self.grids,
        }
    }

    /// One step of back-propagation on a batch: forward, error, backward, update.
    ///
    /// `inputs` holds the samples one after the other, `targets` those of each sample likewise.
    /// The metrics are those of the batch before the update, with dropout.
    ///
    /// # Errors
    /// If lengths do not fit or a target is refused; then no parameter has changed, unless
    /// gradients are applied as they appear. [`Error::OneRow`] for a single sample where a trained batch
    /// normalisation takes its mean over the samples alone.
    pub fn step(&mut self, inputs: &[impl Element], targets: &[L::Target]) -> Result<Metrics, Error> {
        let metrics = self.session().step(inputs, targets)?;
        self.count_step();
        Ok(metrics)
    }

    /// A [`step`](Self::step) on sequences of which each has so many steps, from 1 to all. What lies beyond an end is no
    /// part of the result: recurrent layers end there, a global average is one of the steps that there are, and outputs of
    /// steps that there are not have no loss: the mean is over the steps that there are, and each sequence's weight, if it has
    /// one, is that of all its steps. What lies beyond is read, though, by layers that work on each step by itself, and should
    /// be zeros.
    ///
    /// A layer that takes all steps whatever the lengths (`flatten`, `dense` over steps, pools, batch normalisation, a
    /// convolution that is not causal) stops the compilation, if it reads a sequence.
    ///
    /// # Errors
    /// As for [`step`](Self::step), [`Error::Lengths`] if there is not one for each sample, and [`Error::Length`] for
    /// the first that is 0 or above the number of steps.
    ///
    /// ```
    /// use kernlet::{nn::Training, optim::Adam};
    /// kernlet::network! { struct Words([u8; 5]) { words: embedding(10, 4), gru(6), out: dense(2), softmax } }
    /// const TRAINING: Training<Words, Adam> = Training::new(Adam::new(0.05)).batch(2);
    /// let mut trainer = TRAINING.build()?;
    /// let metrics = trainer.step_with_lengths(&[3_u8, 1, 0, 0, 0, 4, 4, 2, 9, 0], &[2, 4], &[0, 1])?;
    /// assert_eq!(metrics.samples, 2);
    /// let error = trainer.step_with_lengths(&[3_u8, 1, 0, 0, 0], &[6], &[0]).unwrap_err();
    /// assert_eq!(error.to_string(), "lengths: sample 0: expected 1 to 5 steps, found 6");
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    ///
    /// ```compile_fail
    /// // network `Window`: sequences of unequal length: layer `out` takes all steps …
    /// kernlet::network! { struct Window([5, 2]) { lstm(3, sequences), out: dense(2), softmax } }
    /// # use kernlet::{nn::Training, optim::Adam};
    /// const TRAINING: Training<Window, Adam> = Training::new(Adam::new(0.05)).batch(1);
    /// TRAINING.build().unwrap().step_with_lengths(&[0.0; 10], &[4], &[1]).unwrap();
    /// ```
    pub fn step_with_lengths(
        &mut self,
        inputs: &[impl Element],
        lengths: &[u32],
        targets: &[L::Target],
    ) -> Result<Metrics, Error> {
        let metrics = self.session_with(inputs, lengths)?.step(inputs, targets)?;
        self.count_step();
        Ok(metrics)
    }

    /// A [`backward`](Self::backward) on sequences with lengths: see [`step_with_lengths`](Self::step_with_lengths).
    ///
    /// # Errors
    /// As for [`backward`](Self::backward) and [`step_with_lengths`](Self::step_with_lengths).
    pub fn backward_with_lengths(
        &mut self,
        inputs: &[impl Element],
        lengths: &[u32],
        targets: &[L::Target],
        first: usize,
        of: usize,
    ) -> Result<Metrics, Error> {
        self.session_with(inputs, lengths)?.backward(inputs, targets, first, of)
    }

    /// An [`evaluate`](Self::evaluate) on sequences with lengths: see [`step_with_lengths`](Self::step_with_lengths).
    ///
    /// # Errors
    /// As for [`step_with_lengths`](Self::step_with_lengths).
    pub fn evaluate_with_lengths(
        &mut self,
        inputs: &[impl Element],
        lengths: &[u32],
        targets: &[L::Target],
    ) -> Result<Metrics, Error> {
        self.session_with(inputs, lengths)?.evaluate(inputs, targets)
    }

    /// A session on sequences with lengths.
    fn session_with<'s>(
        &'s mut self,
        inputs: &[impl Element],
        lengths: &'s [u32],
    ) -> Result<Session<'s, N, O, L, F>, Error> {
        const { Lengths::<N>::CHECKED };
        lengths::check::<N>(lengths, inputs.len() / N::Input::LEN.max(1))?;
        Ok(Session { lengths, ..self.session() })
    }

    /// Lets all sequences of a [stateful](Training::stateful) training begin anew, with zeros.
    pub fn reset_states(&mut self) {
        self.states_mut().fill(0.0);
    }

    /// The states that a [stateful](Training::stateful) training goes on from: layer after layer, and of each the samples
    /// of a whole batch one after the other. Empty for any other.
    pub fn states(&self) -> &[f32] {
        self.held.memory().get(self.carried_range()).unwrap_or(&[])
    }

    /// The states, to be changed: set to zeros or to what was kept.
    pub fn states_mut(&mut self) -> &mut [f32] {
        let range = self.carried_range();
        self.held.parts().1.get_mut(range).unwrap_or(&mut [])
    }

    fn carried_range(&self) -> core::ops::Range<usize> {
        let start = self.training.layout().carried;
        start..start + self.training.carried_len()
    }

    /// Forward, error and backward of a part of a batch: samples `first..` of `of`. The gradients
    /// are left in [`gradients`](Self::gradients), as the part's share in the mean over the batch.
    ///
    /// # Errors
    /// As for [`step`](Self::step), and [`Error::Batch`] if there are more samples than `first..of`.
    ///
    /// ```
    /// use kernlet::{nn::{Model, Training}, optim::Sgd};
    /// kernlet::network! { struct Tiny([1]) { dense(2) } }
    /// const TRAINING: Training<Tiny, Sgd> = Training::new(Sgd::new(1.0)).batch(2);
    /// let (mut model, mut memory) = (Model::<Tiny>::zeroed(), [0.0; TRAINING.memory_len()]);
    /// let mut trainer = TRAINING.start(&mut model, &mut memory)?;
    /// trainer.backward(&[1.0, 3.0], &[0, 0], 0, 4)?;
    /// assert_eq!(trainer.gradients(), [-0.5, 0.5, -0.25, 0.25]);
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    pub fn backward(
        &mut self,
        inputs: &[impl Element],
        targets: &[L::Target],
        first: usize,
        of: usize,
    ) -> Result<Metrics, Error> {
        self.session().backward(inputs, targets, first, of)
    }

    /// Lets the optimizer take its step with the gradients of the last
    /// [`backward`](Self::backward), or with others that were written over them.
    ///
    /// # Errors
    /// If the plan does not fit the memory: a defect of this crate.
    pub fn update(&mut self) -> Result<(), Error> {
        self.session().update()?;
        self.count_step();
        Ok(())
    }

    /// A counter from a file may be the last number there is; it stays, and no step is number 0.
    fn count_step(&mut self) {
        self.state.step = self.state.step.saturating_add(1);
    }

    /// The mean loss and the right answers of the model as it is, without dropout, over any number
    /// of samples.
    ///
    /// # Errors
    /// As for [`step`](Self::step).
    pub fn evaluate(&mut self, inputs: &[impl Element], targets: &[L::Target]) -> Result<Metrics, Error> {
        self.session().evaluate(inputs, targets)
    }

    /// The gradients of the trained parameters, from the first trained one to the last parameter.
    pub fn gradients(&self) -> &[f32] {
        self.held.memory().get(self.training.layout().gradients()).unwrap_or(&[])
    }

    /// The gradients, to be changed before an [`update`](Self::update).
    pub fn gradients_mut(&mut self) -> &mut [f32] {
        let range = self.training.layout().gradients();
        self.held.parts().1.get_mut(range).unwrap_or(&mut [])
    }

    fn state_range(&self, index: usize) -> core::ops::Range<usize> {
        let start = self.training.layout().states + index * align(Sizing::<N, L, F>::TRAINED);
        start..start + Sizing::<N, L, F>::TRAINED
    }

    /// Array `index` of the optimizer's state, one number for each trained parameter.
    pub fn optimizer_state(&self, index: usize) -> &[f32] {
        self.held.memory().get(self.state_range(index)).unwrap_or(&[])
    }

    /// Array `index` of the optimizer's state, to be changed.
    pub fn optimizer_state_mut(&mut self, index: usize) -> &mut [f32] {
        let range = self.state_range(index);
        self.held.parts().1.get_mut(range).unwrap_or(&mut [])
    }

    /// Rounds the output of each layer to a grid from now on, as integers would; what has none stays as it is, and an
    /// empty list ends it. Gradients pass as if nothing were rounded (straight through: Bengio, Léonard, Courville,
    /// *Estimating or Propagating Gradients Through Stochastic Neurons*, 2013).
    ///
    /// `quantize::Aware` (feature `int8`) makes the grids, and rounds weights too.
    #[cfg(feature = "alloc")]
    pub fn round_values(&mut self, grids: &[Option<super::Grid>]) {
        self.grids = grids.to_vec();
    }

    /// How many steps were taken.
    pub const fn step_count(&self) -> u32 {
        self.state.step
    }

    /// Steps, epochs, samples of the epoch under way, and the seed.
    ///
    /// ```
    /// use kernlet::{nn::{Model, Training}, optim::Sgd, snapshot::Progress};
    /// kernlet::network! { struct Tiny([1]) { dense(2) } }
    /// const TRAINING: Training<Tiny, Sgd> = Training::new(Sgd::new(1.0)).batch(2).seed(3);
    /// let (mut model, mut memory) = (Model::<Tiny>::zeroed(), [0.0; TRAINING.memory_len()]);
    /// let mut trainer = TRAINING.start(&mut model, &mut memory)?;
    /// trainer.step(&[1.0, 2.0], &[0, 1])?;
    /// assert_eq!(trainer.progress(), Progress { step: 1, seed: 3, ..Progress::default() });
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    pub fn progress(&self) -> Progress {
        let State { seed, step, epoch, position, .. } = self.state;
        Progress { step: step.into(), epoch: epoch.into(), position, seed }
    }

    /// Goes on from there: for your own loop over epochs. Steps and epochs past 2³² − 1 are taken as that.
    pub fn set_progress(&mut self, progress: Progress) {
        let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        self.state.seed = progress.seed;
        self.state.step = number(progress.step);
        self.state.epoch = number(progress.epoch);
        self.state.position = progress.position;
    }

    /// Multiplies the optimizer's learning rate from now on, beside the schedule; 1 at first.
    pub fn set_rate(&mut self, rate: f32) {
        self.state.rate = rate;
    }

    /// The model as it is.
    pub fn model(&self) -> &Model<N> {
        self.held.model()
    }

    /// The model, to be changed.
    pub fn model_mut(&mut self) -> &mut Model<N> {
        self.held.parts().0
    }

    /// Gives model and memory back.
    ///
    /// ```
    /// use kernlet::{nn::Training, optim::Sgd};
    /// kernlet::network! { struct Tiny([1]) { dense(2) } }
    /// const TRAINING: Training<Tiny, Sgd> = Training::new(Sgd::new(1.0)).batch(1);
    /// let mut trainer = TRAINING.build()?;
    /// trainer.step(&[1.0], &[0])?;
    /// let (model, _memory) = trainer.into_parts();
    /// assert_eq!(model.parameters().len(), 4);
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    pub fn into_parts(self) -> H {
        self.held
    }

    /// The instruction set and rounding that it computes with.
    pub const fn level(&self) -> Level {
        self.level
    }

    /// What it was started from.
    pub const fn training(&self) -> &Training<N, O, L, F> {
        &self.training
    }
}

impl<H, N: Network, O: core::fmt::Debug, L, F> core::fmt::Debug for HeldTrainer<H, N, O, L, F> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Trainer")
            .field("training", &self.training)
            .field("level", &self.level)
            .field("step", &self.state.step)
            .finish_non_exhaustive()
    }
}
