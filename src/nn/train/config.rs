//! What training does, as one value.

use core::marker::PhantomData;

use super::{
    super::{
        Batching, Decays, Error, Loss, Model, Network, Nothing, SoftmaxCrossEntropy, decay, declare::Node,
        frozen::Freeze, lengths::Lengths,
    },
    Held, HeldTrainer, State, Trainer,
    layout::{Layout, layout},
    sizing::Sizing,
};
use crate::{
    optim::{Optimizer, Schedule, Scheduled},
    simd::Level,
};

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

/// How a network is trained: optimizer, loss, batch, gradients, frozen layers, seed, epochs.
///
/// It is a plain value, so it can be a `const`, and its methods may be called in any order. It says how much memory
/// training takes, and [starts](Self::start) a trainer in that memory.
///
/// ```
/// use kernlet::{nn::{Gradients, Model, Pairs, Training}, optim::Adam};
/// kernlet::network! {
///     /// Exclusive or.
///     pub struct Xor([2]) { hidden: dense(8), tanh, out: dense(2), softmax }
/// }
/// const TRAINING: Training<Xor, Adam> = Training::new(Adam::new(0.05)).batch(4).seed(1).epochs(100);
/// const { assert!(TRAINING.training_bytes() <= 2048) };
///
/// let mut model = Model::<Xor>::zeroed();
/// model.initialize(1);
/// let mut memory = [0.0; TRAINING.memory_len()];
/// let mut trainer = TRAINING.start(&mut model, &mut memory)?;
/// let (inputs, labels) = ([0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [0, 1, 1, 0]);
/// trainer.fit(&Pairs(&inputs, &labels), |_, _| true)?;
/// assert_eq!(trainer.evaluate(&inputs, &labels)?.accuracy(), 1.0);
/// # Ok::<(), kernlet::nn::Error>(())
/// ```
///
/// | method | what it says | unless given |
/// |---|---|---|
/// | [`loss`](Self::loss) | the error that is made small | [`SoftmaxCrossEntropy`] |
/// | [`batch`](Self::batch), [`pieces_of`](Self::pieces_of), [`threads`](Self::threads) | samples of a step, and how they are cut | 32, 8, 1 |
/// | [`gradients`](Self::gradients) | kept, clipped, or applied as they appear | kept |
/// | [`freeze`](Self::freeze) | layers that stay as they are | [`Nothing`] |
/// | [`decay`](Self::decay) | parameters that weight decay acts on | all |
/// | [`schedule`](Self::schedule) | how the learning rate changes with the step | it does not |
/// | [`seed`](Self::seed) | what dropout and shuffling draw from | 0 |
/// | [`epochs`](Self::epochs), [`hold_out`](Self::hold_out), [`patience`](Self::patience) | what [`fit`](HeldTrainer::fit) does | no epochs |
/// | [`stateful`](Self::stateful) | recurrent layers go on where the batch before ended | they begin with zeros |
/// | [`level`](Self::level) | instruction set and rounding | the best of this machine |
pub struct Training<N, O, L = SoftmaxCrossEntropy, F = Nothing> {
    pub(super) optimizer: O,
    pub(super) loss: L,
    pub(super) batching: Batching,
    pub(super) gradients: Gradients,
    pub(super) seed: u64,
    pub(super) epochs: u32,
    pub(super) hold_out: f32,
    pub(super) patience: u32,
    pub(super) stateful: bool,
    pub(super) level: Option<Level>,
    pub(super) decay: Option<decay::Run>,
    types: PhantomData<fn() -> (N, F)>,
}

impl<N, O: Copy, L: Copy, F> Clone for Training<N, O, L, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N, O: Copy, L: Copy, F> Copy for Training<N, O, L, F> {}

impl<N: Network, O: Optimizer> Training<N, O> {
    /// Training with this optimizer, and with everything else as the table says.
    pub const fn new(optimizer: O) -> Self {
        Self {
            optimizer,
            loss: SoftmaxCrossEntropy::new(),
            batching: Batching::of(32),
            gradients: Gradients::Kept,
            seed: 0,
            epochs: 0,
            hold_out: 0.0,
            patience: 0,
            stateful: false,
            level: None,
            decay: None,
            types: PhantomData,
        }
    }
}

impl<N: Network, O: Optimizer, L: Loss, F: Freeze> Training<N, O, L, F> {
    const fn with<O2: Optimizer, L2: Loss, F2: Freeze>(self, optimizer: O2, loss: L2) -> Training<N, O2, L2, F2> {
        let Self { batching, gradients, seed, epochs, hold_out, patience, stateful, level, decay, .. } = self;
        Training {
            optimizer,
            loss,
            batching,
            gradients,
            seed,
            epochs,
            hold_out,
            patience,
            stateful,
            level,
            decay,
            types: PhantomData,
        }
    }

    /// With that loss.
    ///
    /// ```
    /// use kernlet::{nn::{MeanSquaredError, Training}, optim::Sgd};
    /// kernlet::network! { struct Line([1]) { dense(1) } }
    /// const TRAINING: Training<Line, Sgd, MeanSquaredError> = Training::new(Sgd::new(0.1)).loss(MeanSquaredError);
    /// # assert!(TRAINING.memory_len() > 0);
    /// ```
    pub const fn loss<L2: Loss>(self, loss: L2) -> Training<N, O, L2, F> {
        self.with(self.optimizer, loss)
    }

    /// With layers that stay as they are. Layers below the first that is trained cost no gradients and keep no
    /// activations, and optimizer state begins at the first that is trained.
    ///
    /// ```
    /// use kernlet::{nn::{AllButLast, SoftmaxCrossEntropy, Training}, optim::Adam};
    /// kernlet::network! { struct Tiny([64]) { hidden: dense(32), tanh, out: dense(3), softmax } }
    /// const WHOLE: Training<Tiny, Adam> = Training::new(Adam::new(0.01));
    /// const LAST: Training<Tiny, Adam, SoftmaxCrossEntropy, AllButLast<1>> = WHOLE.freeze();
    /// const { assert!(LAST.memory_len() < WHOLE.memory_len() / 2) };
    /// ```
    pub const fn freeze<F2: Freeze>(self) -> Training<N, O, L, F2> {
        self.with(self.optimizer, self.loss)
    }

    /// With weight decay on some parameters alone: on [`Kernels`](super::super::Kernels), which leaves out biases and
    /// normalisation, or on what [`decay!`](crate::decay) names. How strong it is, is the optimizer's matter.
    ///
    /// They are PyTorch's parameter groups, one with `weight_decay` and one with 0, and Keras'
    /// `exclude_from_weight_decay`.
    ///
    /// ```
    /// use kernlet::{nn::{Kernels, Training}, optim::AdamW};
    /// kernlet::network! { struct Tiny([2]) { hidden: dense(8), batch_norm, tanh, out: dense(3), softmax } }
    /// const TRAINING: Training<Tiny, AdamW> =
    ///     Training::new(AdamW::new(0.01).with_weight_decay(0.5)).batch(2).decay::<Kernels>();
    /// let mut trainer = TRAINING.build()?;
    /// trainer.model_mut().parameters_mut().fill(1.0);
    /// // Without a gradient nothing else moves.
    /// trainer.update()?;
    /// assert!(Tiny::hidden(trainer.model()).kernel.as_slice().iter().all(|&w| w == 0.995));
    /// assert!(Tiny::hidden(trainer.model()).bias.as_slice().iter().all(|&b| b == 1.0));
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    pub const fn decay<D: Decays>(self) -> Self {
        const { D::DECAY.check(N::NAME, N::LAYERS) };
        Self { decay: Some(decay::run::<N, D>), ..self }
    }

    /// With a learning rate that changes from step to step.
    ///
    /// ```
    /// use kernlet::{nn::Training, optim::{CosineDecay, Scheduled, Sgd}};
    /// kernlet::network! { struct Line([2]) { dense(2) } }
    /// const TRAINING: Training<Line, Scheduled<Sgd, CosineDecay>> =
    ///     Training::new(Sgd::new(0.1)).schedule(CosineDecay::new(1000).with_warmup(100, 0.0));
    /// // A function of the step's number, counted from 1.
    /// const HALVED: Training<Line, Scheduled<Sgd, fn(u32) -> f32>> =
    ///     Training::new(Sgd::new(0.1)).schedule(|step| if step <= 500 { 1.0 } else { 0.5 });
    /// # assert_eq!(TRAINING.memory_len(), HALVED.memory_len());
    /// ```
    pub const fn schedule<S: Schedule>(self, schedule: S) -> Training<N, Scheduled<O, S>, L, F> {
        self.with(Scheduled::new(self.optimizer, schedule), self.loss)
    }

    /// With at most `batch` samples a step.
    pub const fn batch(self, batch: usize) -> Self {
        Self { batching: Batching { batch, ..self.batching }, ..self }
    }

    /// With pieces of `piece` samples for each thread through the leading layers: see [`Batching::pieces_of`].
    pub const fn pieces_of(self, piece: usize) -> Self {
        Self { batching: self.batching.pieces_of(piece), ..self }
    }

    /// With that many threads: see [`Batching::threads`].
    pub const fn threads(self, threads: usize) -> Self {
        Self { batching: self.batching.threads(threads), ..self }
    }

    /// With batch, pieces and threads at once.
    pub const fn batching(self, batching: Batching) -> Self {
        Self { batching, ..self }
    }

    /// With gradients that are kept, clipped, or applied as they appear.
    pub const fn gradients(self, gradients: Gradients) -> Self {
        Self { gradients, ..self }
    }

    /// With the numbers that dropout and shuffling draw from this seed.
    pub const fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// With at most that many epochs of [`fit`](HeldTrainer::fit), for which memory is counted: a batch of inputs and
    /// targets.
    pub const fn epochs(self, epochs: u32) -> Self {
        Self { epochs, ..self }
    }

    /// With that share of the samples, drawn by the seed, held out of training to validate each epoch.
    pub const fn hold_out(self, share: f32) -> Self {
        assert!(share >= 0.0 && share < 1.0, "a share to hold out is in 0.0..1.0");
        Self { hold_out: share, ..self }
    }

    /// With an end after that many epochs (at least 1) without a smaller loss: of validation if there is one, else of
    /// training. The best parameters are kept, in memory of their own, and are the model's in the end.
    pub const fn patience(self, epochs: u32) -> Self {
        Self { patience: epochs, ..self }
    }

    /// With recurrent layers that go on where the batch before ended: sample `n` of a step is the next piece of the
    /// sequence of which sample `n` of the step before was one. Gradients go back to the piece's beginning and no further
    /// (truncated back-propagation through time), so that memory depends on the length of a piece alone.
    /// [`reset_states`](HeldTrainer::reset_states) begins new sequences. What is only evaluated begins with zeros, and
    /// convolutions see no step of another piece.
    ///
    /// ```
    /// use kernlet::{nn::{MeanSquaredError, Training}, optim::Adam};
    /// // A piece of 8 steps, and what comes after each.
    /// kernlet::network! { struct Next([8, 1]) { gru(8, sequences), out: conv1d(1, 1) } }
    /// const TRAINING: Training<Next, Adam, MeanSquaredError> =
    ///     Training::new(Adam::new(0.02)).loss(MeanSquaredError).batch(1).stateful();
    /// let wave: Vec<f32> = (0..65).map(|i| (i as f32 * 0.7).sin()).collect();
    /// let mut trainer = TRAINING.build()?;
    /// let mut last = f32::INFINITY;
    /// for _ in 0..60 {
    ///     trainer.reset_states();
    ///     for start in (0..64).step_by(8) {
    ///         last = trainer.step(&wave[start..start + 8], &wave[start + 1..start + 9])?.loss;
    ///     }
    /// }
    /// assert!(last < 0.02);
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    pub const fn stateful(self) -> Self {
        Self { stateful: true, ..self }
    }

    /// With that instruction set and rounding.
    pub const fn level(self, level: Level) -> Self {
        Self { level: Some(level), ..self }
    }

    /// How many samples a step has at most, and how they are cut: what [`infer`](super::super::infer) takes.
    pub const fn as_batching(&self) -> Batching {
        self.batching
    }

    /// Samples of a step, and epochs.
    #[cfg(all(feature = "counting", feature = "std"))]
    pub(crate) const fn steps_of(&self) -> (usize, u32) {
        (self.batching.batch, self.epochs)
    }

    /// The error that is made small.
    #[cfg(all(feature = "counting", feature = "std"))]
    pub(crate) const fn as_loss(&self) -> &L {
        &self.loss
    }

    pub(super) const fn layout(&self) -> Layout {
        let sizes = const { Sizing::<N, L, F>::SIZES };
        let targets = const { Sizing::<N, L, F>::TARGETS } * size_of::<L::Target>();
        let lengths = if Lengths::<N>::UNENDED.is_none() { size_of::<u32>() } else { 0 };
        layout(&sizes, N::PARAMETERS, O::STATES, self.batching, matches!(self.gradients, Gradients::Applied))
            .with_fit(self.epochs > 0, self.batching.batch, [const { size_of::<N::Input>() }, lengths, targets])
            .with_best(self.patience > 0, N::PARAMETERS)
            .with_carried(self.carried_len())
    }

    /// The floats of the states that sequences go on from.
    pub(super) const fn carried_len(&self) -> usize {
        if self.stateful { self.batching.batch.saturating_mul(const { carried(N::NODES) }) } else { 0 }
    }

    /// The floats of memory that a trainer needs.
    pub const fn memory_len(&self) -> usize {
        self.layout().len
    }

    /// The bytes of training: parameters, activations, gradients, optimizer state, scratch.
    ///
    /// ```
    /// use kernlet::{nn::{Gradients, Training}, optim::Sgd};
    /// kernlet::network! { struct Tiny([2]) { hidden: dense(8), tanh, out: dense(3), softmax } }
    /// const TRAINING: Training<Tiny, Sgd> = Training::new(Sgd::new(0.1)).batch(1).gradients(Gradients::Applied);
    /// const { assert!(TRAINING.training_bytes() <= 2048) };
    /// ```
    pub const fn training_bytes(&self) -> usize {
        self.memory_len().saturating_add(N::PARAMETERS).saturating_mul(size_of::<f32>())
    }

    /// Whether gradients are applied as they appear.
    #[cfg(all(feature = "alloc", feature = "int8"))]
    pub(crate) fn applies(&self) -> bool {
        self.gradients == Gradients::Applied
    }

    /// A trainer of `model` at step 0, in borrowed memory. The optimizer's state is set to its beginning; the rest of
    /// `memory` may hold anything. The model is trained on from what it is.
    ///
    /// # Errors
    /// If `memory` is shorter than [`memory_len`](Self::memory_len), gradients are to be applied
    /// as they appear and the batch is more than one piece, or it is [`stateful`](Self::stateful) and a layer runs
    /// backwards.
    pub fn start<'a>(self, model: &'a mut Model<N>, memory: &'a mut [f32]) -> Result<Trainer<'a, N, O, L, F>, Error> {
        self.start_in(model, memory)
    }

    /// A trainer that holds model and memory as they come: by value, in boxes, or borrowed.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    ///
    /// ```
    /// use kernlet::{nn::{HeldTrainer, Model, Training}, optim::Sgd};
    /// kernlet::network! { struct Tiny([2]) { out: dense(3), softmax } }
    /// const TRAINING: Training<Tiny, Sgd> = Training::new(Sgd::new(0.1)).batch(1);
    /// /// A part of a device: no heap, no lifetime.
    /// struct Device {
    ///     trainer: HeldTrainer<(Model<Tiny>, [f32; TRAINING.memory_len()]), Tiny, Sgd>,
    /// }
    /// let trainer = TRAINING.start_in(Model::zeroed(), [0.0; TRAINING.memory_len()])?;
    /// let mut device = Device { trainer };
    /// device.trainer.step(&[1.0, 2.0], &[2])?;
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    pub fn start_in<M, W>(self, model: M, memory: W) -> Result<HeldTrainer<(M, W), N, O, L, F>, Error>
    where
        (M, W): Held<N>,
    {
        let Batching { batch, .. } = self.batching;
        if self.gradients == Gradients::Applied && self.batching.piece() < batch {
            return Err(Error::Applied { batch, piece: self.batching.piece() });
        }
        if self.stateful
            && let Some(layer) = N::LAYERS.iter().find(|layer| layer.goes_back)
        {
            return Err(Error::Backwards { layer: layer.name });
        }
        let mut held = (model, memory);
        let (expected, found) = (self.memory_len(), held.parts().1.len());
        if found < expected {
            return Err(Error::Memory { expected, found });
        }
        let level = self.level.unwrap_or_default();
        let mut trainer = HeldTrainer {
            training: self,
            held,
            level,
            state: State::new(self.seed),
            #[cfg(feature = "alloc")]
            grids: alloc::vec::Vec::new(),
        };
        for index in 0..self.optimizer.states() {
            trainer.optimizer_state_mut(index).fill(self.optimizer.initial_state(index));
        }
        trainer.reset_states();
        Ok(trainer)
    }

    /// A trainer that owns a new model, [initialised](Model::initialize) from the seed, and its memory, both on the heap.
    ///
    /// # Errors
    /// As for [`start`](Self::start), and [`Error::Memory`] if the machine has less.
    ///
    /// ```
    /// use kernlet::{nn::{OwnedTrainer, Training}, optim::Adam};
    /// kernlet::network! { struct Tiny([2]) { hidden: dense(8), tanh, out: dense(3), softmax } }
    /// const TRAINING: Training<Tiny, Adam> = Training::new(Adam::new(0.01)).batch(1).seed(7);
    /// /// What a service keeps.
    /// struct Learner {
    ///     trainer: OwnedTrainer<Tiny, Adam>,
    /// }
    /// let mut learner = Learner { trainer: TRAINING.build()? };
    /// learner.trainer.step(&[1.0, 2.0], &[2])?;
    /// assert_eq!(learner.trainer.step_count(), 1);
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    #[cfg(feature = "alloc")]
    pub fn build(self) -> Result<super::OwnedTrainer<N, O, L, F>, Error> {
        let mut model = Model::zeroed_box();
        model.initialize(self.seed);
        self.build_on(model)
    }

    /// A trainer that owns `model`, as it is, and its memory, both on the heap.
    ///
    /// # Errors
    /// As for [`build`](Self::build).
    #[cfg(feature = "alloc")]
    pub fn build_on(self, model: alloc::boxed::Box<Model<N>>) -> Result<super::OwnedTrainer<N, O, L, F>, Error> {
        let expected = self.memory_len();
        let memory = super::super::HeapMemory::try_zeroed(expected).ok_or(Error::Memory { expected, found: 0 })?;
        self.start_in(model, memory)
    }
}

/// Floats that a sample hands to the next batch, in all layers.
const fn carried(nodes: &[Node]) -> usize {
    let (mut floats, mut i) = (0, 0);
    while i < nodes.len() {
        floats += nodes[i].carried as usize;
        i += 1;
    }
    floats
}

impl<N: Network, O: core::fmt::Debug, L, F> core::fmt::Debug for Training<N, O, L, F> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Training")
            .field("network", &N::NAME)
            .field("optimizer", &self.optimizer)
            .field("batching", &self.batching)
            .field("gradients", &self.gradients)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}
