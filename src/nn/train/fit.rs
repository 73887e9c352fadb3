//! Epochs over samples: shuffled, validated, stopped where they no longer help.

use core::ops::Range;

use super::{
    super::{Error, Loss, Metrics, Network, frozen::Freeze, lengths::Lengths},
    Best, Draw, Held, HeldTrainer, Samples,
    session::Session,
    sizing::Sizing,
};
use crate::{data::batches::Shuffle, optim::Optimizer, shape::Shape};

/// What [`fit`](HeldTrainer::fit) tells as it goes on.
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event {
    /// A batch was learnt from.
    Step {
        /// The steps taken since the first.
        step: u32,
        /// The metrics of the batch, before the update.
        batch: Metrics,
        /// Those of the epoch so far.
        epoch: Metrics,
    },
    /// An epoch is over.
    Epoch {
        /// Which one, from 0.
        epoch: u32,
        /// The metrics of its batches as they were learnt.
        training: Metrics,
        /// Those of the samples that were not learnt from, after the epoch.
        validation: Option<Metrics>,
        /// Whether its loss is the smallest so far.
        is_best: bool,
    },
}

/// Why [`fit`](HeldTrainer::fit) came to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Stopped {
    /// All epochs were done.
    Done,
    /// The loss had not become smaller for as many epochs as there was patience for.
    Patience,
    /// The callback said so. The next `fit` goes on from there.
    Callback,
}

/// What [`fit`](HeldTrainer::fit) came to.
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Fitted {
    /// Epochs done since the first.
    pub epochs: u32,
    /// The metrics of the last whole epoch as it was learnt.
    pub training: Metrics,
    /// Those of the samples that were not learnt from, after that epoch.
    pub validation: Option<Metrics>,
    /// The epoch with the smallest loss, from 0.
    pub best_epoch: u32,
    /// Why it came to its end.
    pub stopped: Stopped,
}

/// What validates an epoch.
enum Validation<'s, V> {
    /// The training samples' own, from this one on.
    HeldOut,
    Set(&'s V),
}

/// Some of the samples, in an order.
struct Order {
    /// All samples, those held out last.
    all: Shuffle,
    /// Those that are learnt from.
    epoch: Shuffle,
    first: usize,
}

impl Order {
    fn at(&self, position: usize) -> usize {
        self.all.at(self.first + self.epoch.at(position))
    }
}

impl<H: Held<N>, N: Network, O: Optimizer, L: Loss, F: Freeze> HeldTrainer<H, N, O, L, F> {
    /// Trains for as many epochs as the [`Training`](super::Training) says, on samples in an order that the seed and
    /// the epoch determine.
    ///
    /// A share of the samples may be held out to validate each epoch ([`Training::hold_out`](super::Training::hold_out)):
    /// drawn by the seed, not the last ones, so sorted samples do no harm. With
    /// [`patience`](super::Training::patience) it ends when the loss no longer becomes smaller, and the model is then the
    /// best there was.
    ///
    /// `each` is told of every step and epoch, and says whether to go on. Where it said no, or where a trainer was
    /// resumed, the next call goes on to the same bits as without the interruption.
    ///
    /// A last batch of one sample is passed over where a trained batch normalisation takes its mean over the samples
    /// alone.
    ///
    /// # Errors
    /// [`Error::Epochs`] if the training has no epochs (their memory is not counted then), [`Error::NoSamples`],
    /// [`Error::Shuffled`] if it is [stateful](super::Training::stateful), [`Error::Unended`] if a sample has a length and a
    /// layer takes all steps,
    /// [`Error::Position`] if it was resumed within an epoch of fewer samples, what reading a sample
    /// says, and as for [`step`](Self::step).
    ///
    /// ```
    /// use kernlet::{nn::{Event, Pairs, Training}, optim::Adam};
    /// kernlet::network! { struct Line([1]) { dense(8), tanh, out: dense(2), softmax } }
    /// const TRAINING: Training<Line, Adam> =
    ///     Training::new(Adam::new(0.05)).batch(8).epochs(200).hold_out(0.25).patience(10);
    /// // Whether a number is positive.
    /// let inputs: Vec<f32> = (0..64).map(|i| i as f32 / 32.0 - 1.0).collect();
    /// let labels: Vec<u8> = inputs.iter().map(|&x| (x > 0.0).into()).collect();
    /// let mut trainer = TRAINING.build()?;
    /// let fitted = trainer.fit(&Pairs(&inputs, &labels), |_, event| {
    ///     if let Event::Epoch { epoch, validation: Some(validation), .. } = event {
    ///         println!("epoch {epoch}: {:.3}", validation.accuracy());
    ///     }
    ///     true
    /// })?;
    /// assert_eq!(fitted.validation.unwrap().samples, 16);
    /// assert!(fitted.training.accuracy() > 0.9);
    /// # Ok::<(), kernlet::nn::Error>(())
    /// ```
    pub fn fit<S: Samples<L::Target, Number<N>>>(
        &mut self,
        samples: &S,
        each: impl FnMut(&Self, &Event) -> bool,
    ) -> Result<Fitted, Error> {
        self.fit_all(samples, Validation::<S>::HeldOut, each)
    }

    /// [`fit`](Self::fit), each epoch being validated by `validation` instead of samples held out.
    ///
    /// # Errors
    /// As for [`fit`](Self::fit).
    pub fn fit_validated<S: Samples<L::Target, Number<N>>, V: Samples<L::Target, Number<N>>>(
        &mut self,
        samples: &S,
        validation: &V,
        each: impl FnMut(&Self, &Event) -> bool,
    ) -> Result<Fitted, Error> {
        self.fit_all(samples, Validation::Set(validation), each)
    }

    fn fit_all<S: Samples<L::Target, Number<N>>, V: Samples<L::Target, Number<N>>>(
        &mut self,
        samples: &S,
        validation: Validation<'_, V>,
        mut each: impl FnMut(&Self, &Event) -> bool,
    ) -> Result<Fitted, Error> {
        if self.training.epochs == 0 {
            return Err(Error::Epochs);
        }
        if self.training.stateful {
            return Err(Error::Shuffled);
        }
        let count = samples.count(N::Input::LEN);
        let held_out = match validation {
            // Half a sample more, cut off: rounded without `std`.
            Validation::HeldOut => (count as f32 * self.training.hold_out + 0.5) as usize,
            Validation::Set(_) => 0,
        };
        let trained = count.saturating_sub(held_out);
        if trained == 0 {
            return Err(Error::NoSamples { found: count, held_out });
        }
        if self.state.position > trained as u64 {
            return Err(Error::Position { position: self.state.position, samples: trained });
        }
        let mut fitted = Fitted {
            epochs: self.state.epoch,
            training: Metrics::default(),
            validation: None,
            best_epoch: self.state.best.epoch,
            stopped: Stopped::Done,
        };
        while self.state.epoch < self.training.epochs {
            if self.is_out_of_patience() {
                fitted.stopped = Stopped::Patience;
                break;
            }
            if !self.fit_epoch(samples, count, trained, &mut each)? {
                fitted.stopped = Stopped::Callback;
                return Ok(fitted);
            }
            let metrics = match &validation {
                Validation::Set(set) => Some(self.validate(*set, set.count(N::Input::LEN), 0)?),
                Validation::HeldOut if held_out > 0 => Some(self.validate(samples, count, trained)?),
                Validation::HeldOut => None,
            };
            let event = self.end_epoch(metrics)?;
            let Event::Epoch { training, validation, .. } = event else { return Err(Error::Plan) };
            fitted = Fitted {
                epochs: self.state.epoch,
                training,
                validation,
                best_epoch: self.state.best.epoch,
                stopped: Stopped::Done,
            };
            if !each(self, &event) {
                fitted.stopped = Stopped::Callback;
                return Ok(fitted);
            }
        }
        if self.is_out_of_patience() {
            fitted.stopped = Stopped::Patience;
        }
        if !self.state.finished {
            self.state.finished = true;
            self.copy_best(|model, best| copied(best, model))?;
        }
        Ok(fitted)
    }

    /// Whether the loss has not become smaller for long enough.
    fn is_out_of_patience(&self) -> bool {
        let patience = self.training.patience;
        // `best.epoch` is counted from 0, `epoch` is how many are done.
        patience > 0 && self.state.epoch > self.state.best.epoch.saturating_add(patience)
    }

    /// The session and the room for a batch.
    fn session_and_batch(&mut self) -> Result<(Session<'_, N, O, L, F>, Room<'_, N, L>), Error> {
        let mut session = self.session();
        let layout = session.layout;
        let memory = core::mem::take(&mut session.memory);
        let (pass, rest) = memory.split_at_mut_checked(layout.inputs).ok_or(Error::Plan)?;
        let (inputs, rest) = rest.split_at_mut_checked(layout.lengths - layout.inputs).ok_or(Error::Plan)?;
        let (lengths, rest) = rest.split_at_mut_checked(layout.targets - layout.lengths).ok_or(Error::Plan)?;
        let targets = rest.get_mut(..layout.best - layout.targets).ok_or(Error::Plan)?;
        session.memory = pass;
        let lengths = bytemuck::must_cast_slice_mut(lengths);
        Ok((session, Room { inputs: cast(inputs)?, lengths, targets: cast(targets)? }))
    }

    /// The steps of an epoch from the position on; says whether to go on.
    fn fit_epoch<S: Samples<L::Target, Number<N>>>(
        &mut self,
        samples: &S,
        count: usize,
        trained: usize,
        each: &mut impl FnMut(&Self, &Event) -> bool,
    ) -> Result<bool, Error> {
        let (seed, epoch) = (self.state.seed, self.state.epoch);
        let all = if trained < count { Shuffle::held_out(seed, count) } else { Shuffle::none(count) };
        let order = Order { all, epoch: Shuffle::new(seed, epoch, trained), first: 0 };
        loop {
            // Not above `trained`.
            let position = self.state.position as usize;
            let taken = (trained - position).min(self.training.batching.batch.max(1));
            if taken == 0 {
                return Ok(true);
            }
            if taken == 1 && const { Sizing::<N, L, F>::NEEDS_TWO.is_some() } && position > 0 {
                self.state.position += 1;
                continue;
            }
            let (mut session, room) = self.session_and_batch()?;
            let draw = |index| Draw { index, epoch: Some(epoch), seed };
            let batch = gather::<N, L, F>(samples, position..position + taken, &order, draw, room)?;
            session.lengths = batch.lengths;
            let batch = session.step(batch.inputs, batch.targets)?;
            self.count_step();
            self.state.position += taken as u64;
            self.state.so_far.add(&batch);
            let event = Event::Step { step: self.state.step, batch, epoch: self.state.so_far };
            if !each(self, &event) {
                return Ok(false);
            }
        }
    }

    /// The metrics of the samples from `first` on in the order in which they are held out.
    fn validate<S: Samples<L::Target, Number<N>>>(
        &mut self,
        samples: &S,
        count: usize,
        first: usize,
    ) -> Result<Metrics, Error> {
        let seed = self.state.seed;
        let all = if first > 0 { Shuffle::held_out(seed, count) } else { Shuffle::none(count) };
        let order = Order { all, epoch: Shuffle::none(count - first), first };
        let mut total = Metrics::default();
        let mut position = 0;
        while position < count - first {
            let taken = (count - first - position).min(self.training.batching.batch.max(1));
            let (mut session, room) = self.session_and_batch()?;
            let draw = |index| Draw { index, epoch: None, seed };
            let batch = gather::<N, L, F>(samples, position..position + taken, &order, draw, room)?;
            session.lengths = batch.lengths;
            total.add(&session.evaluate(batch.inputs, batch.targets)?);
            position += taken;
        }
        Ok(total)
    }

    /// The mean loss and the right answers of the model as it is over samples in any form.
    ///
    /// # Errors
    /// As for [`fit`](Self::fit).
    pub fn evaluate_samples<S: Samples<L::Target, Number<N>>>(&mut self, samples: &S) -> Result<Metrics, Error> {
        if self.training.epochs == 0 {
            return Err(Error::Epochs);
        }
        self.validate(samples, samples.count(N::Input::LEN), 0)
    }

    /// Counts the epoch, and keeps the parameters if they are the best so far.
    fn end_epoch(&mut self, validation: Option<Metrics>) -> Result<Event, Error> {
        let training = core::mem::take(&mut self.state.so_far);
        let (epoch, loss) = (self.state.epoch, validation.unwrap_or(training).loss);
        self.state.epoch = epoch.saturating_add(1);
        self.state.position = 0;
        // A NaN is never the best.
        let is_best = loss < self.state.best.loss;
        if is_best {
            self.state.best = Best { loss, epoch };
        }
        if is_best || epoch == 0 {
            self.copy_best(|model, best| copied(model, best))?;
        }
        Ok(Event::Epoch { epoch, training, validation, is_best })
    }

    /// Lets `copy` have the model and its best parameters, where those are kept.
    pub(super) fn copy_best<E>(&mut self, copy: impl FnOnce(&mut [f32], &mut [f32]) -> Result<(), E>) -> Result<(), E> {
        if self.training.patience == 0 {
            return Ok(());
        }
        let at = self.training.layout().best;
        let (model, memory) = self.held.parts();
        let model = model.parameters_mut();
        // The memory was measured when the trainer was made.
        match memory.get_mut(at..at + N::PARAMETERS) {
            Some(best) if best.len() == model.len() => copy(model, best),
            _ => Ok(()),
        }
    }
}

/// Copies parameters onto as many others.
fn copied(from: &[f32], to: &mut [f32]) -> Result<(), Error> {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    Ok(())
}

/// What a network's inputs consist of.
type Number<N> = <<N as Network>::Input as Shape>::Scalar;

/// Where a batch is put together.
struct Room<'b, N: Network, L: Loss> {
    inputs: &'b mut [Number<N>],
    lengths: &'b mut [u32],
    targets: &'b mut [L::Target],
}

/// A batch, with lengths if a sample has one.
struct Gathered<'b, N: Network, L: Loss> {
    inputs: &'b [Number<N>],
    lengths: &'b [u32],
    targets: &'b [L::Target],
}

/// Floats as so many other numbers as they have room for.
fn cast<T: bytemuck::Pod>(room: &mut [f32]) -> Result<&mut [T], Error> {
    // A number's size may not divide the room, which is one of whole floats.
    let bytes: &mut [u8] = bytemuck::must_cast_slice_mut(room);
    let whole = bytes.len() - bytes.len() % size_of::<T>().max(1);
    bytemuck::try_cast_slice_mut(bytes.get_mut(..whole).ok_or(Error::Plan)?).map_err(|_| Error::Plan)
}

/// Reads the samples at some positions of an order, one after the other.
fn gather<'b, N: Network, L: Loss, F: Freeze>(
    samples: &impl Samples<L::Target, Number<N>>,
    positions: Range<usize>,
    order: &Order,
    draw: impl Fn(usize) -> Draw,
    room: Room<'b, N, L>,
) -> Result<Gathered<'b, N, L>, Error> {
    let (input, target) = (N::Input::LEN, const { Sizing::<N, L, F>::TARGETS });
    let count = positions.len();
    let inputs = room.inputs.get_mut(..count * input).ok_or(Error::Plan)?;
    let targets = room.targets.get_mut(..count * target).ok_or(Error::Plan)?;
    let (lengths, mut any) = (room.lengths, false);
    for (slot, position) in positions.enumerate() {
        let input = inputs.get_mut(slot * input..(slot + 1) * input).ok_or(Error::Plan)?;
        let targets = targets.get_mut(slot * target..(slot + 1) * target).ok_or(Error::Plan)?;
        let draw = draw(order.at(position));
        samples.read(draw, input, targets)?;
        let length = samples.length(draw);
        if let (Some(_), Some(layer)) = (length, const { Lengths::<N>::UNENDED }) {
            return Err(Error::Unended { layer });
        }
        any |= length.is_some();
        if let Some(place) = lengths.get_mut(slot) {
            *place = length.unwrap_or(const { Lengths::<N>::STEPS as u32 });
        }
    }
    let lengths = if any { lengths.get(..count).ok_or(Error::Plan)? } else { &[] };
    Ok(Gathered { inputs, lengths, targets })
}
