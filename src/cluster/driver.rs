//! The driver: the order of samples, parameters out, subtrees in, the optimizer's step.

use alloc::{
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::{fmt, ops::Range};
use std::io::{Read, Write};

use super::{
    Error, Frames, Kind, LEAF,
    frame::{Payload, le_bytes},
    hello::Hello,
    plan,
};
use crate::{
    data::batches::epoch_order,
    mapreduce::{GradientSum, complete_subtrees},
    nn::{Freeze, Loss, Metrics, Network, Nothing, OwnedTrainer, SoftmaxCrossEntropy},
    optim::Optimizer,
    snapshot::Progress,
};

/// What a driver reports as it goes on.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// Before the first step.
    Start,
    /// A step was taken.
    Step {
        /// The metrics of the batch, before the update.
        batch: Metrics,
        /// Those of the epoch so far.
        epoch: Metrics,
    },
    /// An epoch is over.
    Epoch {
        /// Which one, from 0.
        epoch: u64,
        /// The metrics of its batches as they were learnt.
        training: Metrics,
    },
}

/// Takes the optimizer's steps with gradients that workers computed.
///
/// It asks for one epoch's order of the samples, then for one step after the other, and needs no samples of its own.
/// `docs/distributed.md` lists what it asks and in which order; the [module](super) has an example.
///
/// Its memory is the trainer's, one frame, a sum of gradients for each height of the tree, and eight bytes for each
/// sample.
pub struct Driver<N: Network, O: Optimizer, L: Loss = SoftmaxCrossEntropy, F: Freeze = Nothing> {
    trainer: OwnedTrainer<N, O, L, F>,
    hello: Hello,
    samples: usize,
    batch: usize,
    partitions: usize,
    epochs: u64,
}

impl<N: Network, O: Optimizer, L: Loss, F: Freeze> Driver<N, O, L, F> {
    /// A driver that trains on `samples` records of `record` bytes in `partitions` partitions, until the training's
    /// number of epochs is done; without one, until its caller ends it. A trainer that was resumed goes on from there.
    ///
    /// # Errors
    /// [`Error::Partitions`] if there are more partitions than leaves in a batch, or none.
    pub fn new(
        trainer: OwnedTrainer<N, O, L, F>,
        record: usize,
        samples: usize,
        partitions: usize,
    ) -> Result<Self, Error> {
        let (batch, epochs) = trainer.training().steps_of();
        let most = samples.min(batch).div_ceil(LEAF);
        if partitions == 0 || partitions > most {
            return Err(Error::Partitions { found: partitions, most });
        }
        let Progress { position, .. } = trainer.progress();
        if position > samples as u64 {
            return Err(crate::nn::Error::Position { position, samples }.into());
        }
        let hello = Hello::of::<N, L>(trainer.level(), trainer.training().as_loss(), trainer.gradients().len(), record);
        let epochs = if epochs == 0 { u64::MAX } else { epochs.into() };
        Ok(Self { trainer, hello, samples, batch, partitions, epochs })
    }

    /// The trainer in its current state.
    pub const fn trainer(&self) -> &OwnedTrainer<N, O, L, F> {
        &self.trainer
    }

    /// The trainer, to be changed.
    pub const fn trainer_mut(&mut self) -> &mut OwnedTrainer<N, O, L, F> {
        &mut self.trainer
    }

    /// Gives the trainer back.
    pub fn into_trainer(self) -> OwnedTrainer<N, O, L, F> {
        self.trainer
    }

    /// Writes requests to `output` and reads answers from `input` until training is done.
    ///
    /// `each` is told of every step and epoch, may write lines for whoever watches into the string, and says whether to
    /// go on. Whenever it is called, the trainer can be saved, and training that goes on from there gives the same
    /// bits.
    ///
    /// # Errors
    /// What a worker says went wrong ([`Error::Remote`]); an answer that does not fit the question, or is not a whole
    /// frame; an error of `each`. The other end is told, and no step is left half done.
    pub fn run<R: Read, W: Write>(
        &mut self,
        input: R,
        output: W,
        mut each: impl FnMut(&mut OwnedTrainer<N, O, L, F>, Event, &mut String) -> Result<bool, String>,
    ) -> Result<(), Error> {
        let height = u64::from(usize::BITS - self.batch.div_ceil(LEAF).leading_zeros());
        let most = (2 * height + 2) * (4 * self.trainer.gradients().len() as u64 + 16) + 16 * self.batch as u64 + 4096;
        let mut frames = Frames::new(input, output).at_most(most);
        let outcome = match self.train(&mut frames, &mut each) {
            // Whoever reads no more may have said why.
            Err(Error::Write(error)) => match last_words(&mut frames) {
                Some(text) => Err(Error::Remote(text)),
                None => Err(Error::Write(error)),
            },
            outcome => outcome,
        };
        let told = match &outcome {
            Ok(()) => frames.write(Kind::DONE, &[]),
            Err(error) => frames.write(Kind::FAILURE, &[error.to_string().as_bytes()]),
        };
        outcome.and(told)
    }

    fn train<R: Read, W: Write>(
        &mut self,
        frames: &mut Frames<R, W>,
        each: &mut impl FnMut(&mut OwnedTrainer<N, O, L, F>, Event, &mut String) -> Result<bool, String>,
    ) -> Result<(), Error> {
        let mut text = String::new();
        let mut tell = |trainer: &mut _, event, frames: &mut Frames<R, W>| {
            let go_on = each(trainer, event, &mut text).map_err(Error::Caller)?;
            if !text.is_empty() {
                frames.write(Kind::SAY, &[text.as_bytes()])?;
                text.clear();
            }
            Ok::<bool, Error>(go_on)
        };
        frames.write(Kind::HELLO, &[&self.hello.payload()])?;
        if !tell(&mut self.trainer, Event::Start, frames)? {
            return Ok(());
        }
        let mut order = vec![0; self.samples];
        let mut sum = GradientSum::default();
        let mut subtree = vec![0.0; self.trainer.gradients().len()];
        while self.trainer.progress().epoch < self.epochs {
            let begin = self.trainer.progress();
            let plan = Epoch::new(begin, self.samples, self.batch, self.partitions);
            let lens = plan.write_order(&mut order, frames)?;
            let mut so_far = Metrics::default();
            let mut held = vec![0; self.partitions];
            for batch in plan.batches() {
                let metrics = self.step(&plan, batch, (&lens, &mut held), (&mut sum, &mut subtree), frames)?;
                so_far.add(&metrics);
                let Progress { position, epoch, .. } = begin;
                let learnt = position + so_far.samples as u64;
                let is_last = learnt >= self.samples as u64;
                let progress = self.trainer.progress();
                let (epoch, position) = if is_last { (epoch + 1, 0) } else { (epoch, learnt) };
                self.trainer.set_progress(Progress { epoch, position, ..progress });
                if !tell(&mut self.trainer, Event::Step { batch: metrics, epoch: so_far }, frames)? {
                    return Ok(());
                }
            }
            if !tell(&mut self.trainer, Event::Epoch { epoch: begin.epoch, training: so_far }, frames)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// One step: parameters and parts out, subtrees in, update.
    fn step<R: Read, W: Write>(
        &mut self,
        plan: &Epoch,
        batch: usize,
        (lens, held): (&[u64], &mut [usize]),
        (sum, subtree): (&mut GradientSum, &mut [f32]),
        frames: &mut Frames<R, W>,
    ) -> Result<Metrics, Error> {
        let Progress { step, seed, .. } = self.trainer.progress();
        let head: Vec<u8> =
            [step, plan.begin.epoch, seed, batch as u64].iter().flat_map(|number| number.to_le_bytes()).collect();
        frames.write(Kind::PARAMETERS, &[&head, &le_bytes(self.trainer.model().parameters())])?;
        let leaves = batch.div_ceil(LEAF);
        for (index, (held, &len)) in held.iter_mut().zip(lens).enumerate() {
            let part = plan::part(leaves, index, self.partitions);
            let numbers = [plan.key(index), step, part.start as u64, part.end as u64, *held as u64, len];
            let payload: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            frames.write(Kind::PART, &[&payload])?;
            *held += (part.end * LEAF).min(batch) - (part.start * LEAF).min(batch);
        }
        sum.clear();
        let mut joined = Joined {
            session: self.hello.session(),
            step,
            metrics: vec![None; leaves],
            done: vec![false; self.partitions],
            subtree,
        };
        while !joined.done.iter().all(|&done| done) {
            match frames.read()? {
                Some((Kind::GRADIENT, payload)) => joined.join(plan, leaves, payload, sum)?,
                Some((Kind::FAILURE, text)) => return Err(Error::Remote(String::from_utf8_lossy(text).into_owned())),
                Some((found, _)) => return Err(Error::Kind { expected: "a gradient", found }),
                None => return Err(Error::Ended { expected: "a gradient" }),
            }
        }
        sum.total_into(self.trainer.gradients_mut());
        self.trainer.update()?;
        let mut metrics = Metrics::default();
        joined.metrics.iter().flatten().for_each(|leaf| metrics.add(leaf));
        Ok(metrics)
    }
}

impl<N: Network, O: Optimizer, L: Loss, F: Freeze> fmt::Debug for Driver<N, O, L, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("network", &N::NAME)
            .field("samples", &self.samples)
            .field("batch", &self.batch)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

/// What the other end says went wrong, if it says so before its stream ends.
fn last_words<R: Read, W: Write>(frames: &mut Frames<R, W>) -> Option<String> {
    loop {
        if let (Kind::FAILURE, text) = frames.read().ok()?? {
            return Some(String::from_utf8_lossy(text).into_owned());
        }
    }
}

/// The rest of an epoch: which partition has which samples.
struct Epoch {
    begin: Progress,
    samples: usize,
    batch: usize,
    partitions: usize,
}

impl Epoch {
    const fn new(begin: Progress, samples: usize, batch: usize, partitions: usize) -> Self {
        Self { begin, samples, batch, partitions }
    }

    /// The key of a partition: another epoch, or another part of it, has other samples.
    const fn key(&self, index: usize) -> u64 {
        self.begin.epoch << 32 | index as u64
    }

    /// The samples of each step.
    fn batches(&self) -> impl Iterator<Item = usize> + use<> {
        let (mut at, samples, batch) = (self.begin.position as usize, self.samples, self.batch);
        core::iter::from_fn(move || {
            let len = batch.min(samples.saturating_sub(at));
            at += len;
            (len > 0).then_some(len)
        })
    }

    /// Writes which samples a partition has, and in which order: `key` of the first partition, the number of
    /// partitions, how many samples each has; then, for every sample, its place among the samples of
    /// all partitions, or 2³² − 1 if it is in none. Returns how many samples each has.
    fn write_order<R: Read, W: Write>(&self, order: &mut [u32], frames: &mut Frames<R, W>) -> Result<Vec<u64>, Error> {
        epoch_order(self.begin.seed, u32::try_from(self.begin.epoch).unwrap_or(u32::MAX), order);
        let mut places = vec![u32::MAX; order.len()];
        let mut lens = vec![0_u64; self.partitions];
        let mut place = 0;
        for (index, len) in lens.iter_mut().enumerate() {
            let mut at = self.begin.position as usize;
            for batch in self.batches() {
                let part = plan::part(batch.div_ceil(LEAF), index, self.partitions);
                let range = at + (part.start * LEAF).min(batch)..at + (part.end * LEAF).min(batch);
                for &sample in order.get(range).unwrap_or(&[]) {
                    if let Some(slot) = places.get_mut(sample as usize) {
                        *slot = place;
                    }
                    (place, *len) = (place + 1, *len + 1);
                }
                at += batch;
            }
        }
        let mut payload = Vec::new();
        payload.extend(self.key(0).to_le_bytes());
        payload.extend((self.partitions as u64).to_le_bytes());
        lens.iter().for_each(|len| payload.extend(len.to_le_bytes()));
        places.iter().for_each(|place| payload.extend(place.to_le_bytes()));
        frames.write(Kind::ORDER, &[&payload])?;
        Ok(lens)
    }
}

/// What has arrived of a step's gradient.
struct Joined<'s> {
    session: u64,
    step: u64,
    metrics: Vec<Option<Metrics>>,
    done: Vec<bool>,
    /// Room for one of its subtrees.
    subtree: &'s mut [f32],
}

impl Joined<'_> {
    /// Adds a partition's subtrees; those that came before, or belong to an earlier step, are passed over.
    fn join(&mut self, plan: &Epoch, leaves: usize, payload: &[u8], sum: &mut GradientSum) -> Result<(), Error> {
        let short = || Error::Payload { kind: Kind::GRADIENT, what: "it is too short" };
        let expect = |what, expected: u64, found: u64| {
            if expected == found { Ok(()) } else { Err(Error::Answer { what, expected, found }) }
        };
        let mut from = Payload(payload);
        let mut head = || Some([from.u64()?, from.u64()?, from.u64()?, from.u64()?, from.u64()?]);
        let [session, key, step, start, end] = head().ok_or_else(short)?;
        expect("a session", self.session, session)?;
        if step < self.step {
            // A task that ran twice, and was slow.
            return Ok(());
        }
        expect("a step", self.step, step)?;
        let index = key.wrapping_sub(plan.key(0));
        let done = usize::try_from(index).ok().filter(|&index| index < self.done.len());
        let index = done.ok_or(Error::Answer { what: "a partition", expected: plan.key(0), found: key })?;
        let part = plan::part(leaves, index, plan.partitions);
        expect("a first leaf", part.start as u64, start)?;
        expect("a last leaf", part.end as u64, end)?;
        if self.done.get(index).copied().unwrap_or(true) {
            return Ok(());
        }
        let metrics = part.clone().map(|_| read_metrics(&mut from)).collect::<Option<Vec<_>>>().ok_or_else(short)?;
        let nodes = complete_subtrees(part.clone(), u32::MAX).count() as u64;
        expect("a number of bytes of subtrees of", nodes * (8 + 4 * self.subtree.len() as u64), from.0.len() as u64)?;
        self.check_places(part.clone(), from.0)?;
        while !from.0.is_empty() {
            let place = from.u64().ok_or_else(short)?;
            from.numbers(self.subtree).ok_or_else(short)?;
            sum.add_subtree((place >> 56) as u32, (place & PLACE) as usize, self.subtree);
        }
        for (slot, metrics) in self.metrics.iter_mut().skip(part.start).zip(metrics) {
            *slot = Some(metrics);
        }
        if let Some(done) = self.done.get_mut(index) {
            *done = true;
        }
        Ok(())
    }

    /// Whether the subtrees are those of the part, in any order.
    fn check_places(&self, part: Range<usize>, nodes: &[u8]) -> Result<(), Error> {
        let mut expected: Vec<u64> =
            complete_subtrees(part, u32::MAX).map(|(height, index)| u64::from(height) << 56 | index as u64).collect();
        for node in nodes.chunks(8 + 4 * self.subtree.len()) {
            let found = Payload(node).u64().unwrap_or(u64::MAX);
            let at = expected.iter().position(|&place| place == found);
            let at = at.ok_or(Error::Payload { kind: Kind::GRADIENT, what: "its subtrees are not those asked for" })?;
            expected.swap_remove(at);
        }
        Ok(())
    }
}

/// The bits of a subtree's place that are its index; its height is above them.
const PLACE: u64 = (1 << 56) - 1;

fn read_metrics(from: &mut Payload<'_>) -> Option<Metrics> {
    let loss = f32::from_bits(from.u32()?);
    let [correct, answers, samples] = [from.u32()?, from.u32()?, from.u32()?].map(|count| count as usize);
    // A leaf counts by its samples, whatever their weights: frames do not carry those.
    Some(Metrics { loss, correct, answers, samples, weight: None })
}
