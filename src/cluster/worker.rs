//! The worker: samples of some partitions, and gradients of leaves of them.

use alloc::{boxed::Box, vec, vec::Vec};
use core::{fmt, ops::Range};
use std::io::{Read, Write};

use super::{
    Error, Frames, Kind, LEAF,
    frame::{Payload, failure, le_bytes},
    hello::Hello,
};
use crate::{
    mapreduce::{GradientSum, complete_subtrees},
    nn::{
        self, Draw, Element, Freeze, Leaves, Loss, Metrics, Network, Nothing, OwnedTrainer, SoftmaxCrossEntropy,
        Training,
    },
    optim::Sgd,
    shape::Shape,
    simd::Level,
    snapshot::Progress,
};

/// Writes a record's input and targets.
type ReadRecord<T> = Box<dyn Fn(Draw, &[u8], &mut [f32], &mut [T]) -> Result<(), nn::Error> + Send>;

/// The most leaves that are worked on at once, a power of two: enough samples that a layer's parameters are read once
/// for several leaves, and their gradients written once.
const AT_ONCE: usize = 8;

/// Bytes of a sample's number before its record.
const NUMBER: usize = 4;

/// A worker of a [`Driver`](super::Driver): a process that lives as long as the engine's own.
///
/// Its memory is the samples that it holds, which stay within a [budget](Self::budget); the longest frame; the
/// memory of a step on eight times [`LEAF`] samples; and a sum of gradients for each height of the tree over its
/// leaves.
///
/// The [module](super) has an example.
pub struct Worker<N: Network, L: Loss = SoftmaxCrossEntropy, F: Freeze = Nothing> {
    training: Training<N, Sgd, L, F>,
    level: Level,
    record: usize,
    read: ReadRecord<L::Target>,
    budget: usize,
}

impl<N: Network> Worker<N> {
    /// A worker for samples of `record` bytes, from which `read` makes an input and its targets: classes, for a loss of
    /// [`SoftmaxCrossEntropy`]. [`Draw`] says which sample it is and in which epoch, for augmentation.
    pub fn new(
        record: usize,
        read: impl Fn(Draw, &[u8], &mut [f32], &mut [u8]) -> Result<(), nn::Error> + Send + 'static,
    ) -> Self {
        Self::with_loss(SoftmaxCrossEntropy::new(), record, read)
    }
}

impl<N: Network, L: Loss, F: Freeze> Worker<N, L, F> {
    /// [`new`](Worker::new) with another loss, and with layers that stay as they are: those of the driver's training.
    ///
    /// ```
    /// use kernlet::{cluster::Worker, nn::{AllButLast, MeanSquaredError}};
    /// kernlet::network! { struct Line([1]) { hidden: dense(4), tanh, out: dense(1) } }
    /// let worker = Worker::<Line, _, AllButLast<1>>::with_loss(MeanSquaredError, 8, |_, record, input, targets| {
    ///     let numbers = record.as_chunks().0;
    ///     (input[0], targets[0]) = (f32::from_le_bytes(numbers[0]), f32::from_le_bytes(numbers[1]));
    ///     Ok(())
    /// });
    /// // No driver: nothing to do.
    /// worker.serve(&[][..], Vec::new())?;
    /// # Ok::<(), kernlet::cluster::Error>(())
    /// ```
    pub fn with_loss(
        loss: L,
        record: usize,
        read: impl Fn(Draw, &[u8], &mut [f32], &mut [L::Target]) -> Result<(), nn::Error> + Send + 'static,
    ) -> Self {
        const {
            assert!(
                <<N::Input as Shape>::Scalar as Element>::ELEMENT == f32::ELEMENT,
                "a worker's network takes floats: one that begins with an embedding, on whole numbers, cannot be a worker"
            );
        }
        let training: Training<N, Sgd> = Training::new(Sgd::new(0.0)).batch(AT_ONCE * LEAF);
        let training = training.loss(loss).freeze();
        Self { training, level: Level::detect(), record, read: Box::new(read), budget: usize::MAX }
    }

    /// Holds at most that many bytes of samples, including four for the number of each. To make room for another
    /// partition, the least recently used is dropped; one that exceeds the budget by itself is refused. No limit,
    /// unless given.
    pub fn budget(self, bytes: usize) -> Self {
        Self { budget: bytes, ..self }
    }

    /// With that instruction set and rounding. The rounding must be the driver's.
    pub fn level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// Answers the frames of `input` on `output`, one each, until `input` ends between two frames: then the driver is
    /// gone.
    ///
    /// An error in a request is answered with a frame [`Kind::FAILURE`], whose text begins with the ID of this process,
    /// and the worker goes on; after a frame that is damaged, or longer than its budget, it ends.
    ///
    /// # Errors
    /// If a stream fails, or what comes is not a frame; the driver is told where that is still possible.
    pub fn serve<R: Read, W: Write>(self, input: R, output: W) -> Result<(), Error> {
        let mapper = self.training.level(self.level).build()?;
        let hello = Hello::of::<N, L>(self.level, self.training.as_loss(), mapper.gradients().len(), self.record);
        let last = N::LAYERS.last().map_or(0, |last| L::TARGETS.count(&last.output));
        // The longest that comes: a partition and its key, or parameters.
        let most = (self.budget as u64).saturating_add(8).max(4 * N::PARAMETERS as u64 + 64);
        let mut frames = Frames::new(input, output).at_most(most);
        let mut serving = Serving {
            session: hello.session(),
            hello,
            driver: None,
            mapper,
            record: self.record,
            read: self.read,
            budget: self.budget,
            partitions: Vec::new(),
            step: None,
            inputs: vec![0.0; AT_ONCE * LEAF * N::Input::LEN],
            targets: vec![bytemuck::Zeroable::zeroed(); AT_ONCE * LEAF * last],
            sums: vec![0.0; self.training.leaves_len(LEAF)],
            sum: GradientSum::default(),
            metrics: Vec::new(),
        };
        loop {
            let answer = match frames.read() {
                Ok(Some((kind, payload))) => serving.answer(kind, payload),
                Ok(None) => return Ok(()),
                Err(error) => {
                    let error = match error {
                        Error::TooLong { kind: Kind::LOAD, found, .. } => {
                            Error::Budget { bytes: found.saturating_sub(8), budget: self.budget as u64 }
                        }
                        error => error,
                    };
                    // After this nobody knows where the next frame begins.
                    let _ = frames.write(Kind::FAILURE, &[failure(&error).as_bytes()]);
                    return Err(error);
                }
            };
            match answer {
                Ok(Answer::Gradient(head)) => serving.write_gradient(&head, &mut frames)?,
                Ok(Answer::Whole(kind, payload)) => frames.write(kind, &[&payload])?,
                Err(error) => frames.write(Kind::FAILURE, &[failure(&error).as_bytes()])?,
            }
        }
    }
}

impl<N: Network, L: Loss, F: Freeze> fmt::Debug for Worker<N, L, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("network", &N::NAME)
            .field("record", &self.record)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

/// Samples with their numbers.
struct Partition {
    key: u64,
    samples: Vec<u8>,
}

/// What parameters are for.
#[derive(Clone, Copy)]
struct Step {
    number: u64,
    epoch: u64,
    seed: u64,
    /// Samples of the batch.
    batch: usize,
}

/// Which leaves of a step are wanted.
struct Part {
    key: u64,
    step: u64,
    leaves: Range<usize>,
    /// Samples of the partition before those of this step.
    first: usize,
    /// Samples that the partition must have.
    len: usize,
}

enum Answer {
    Whole(Kind, Vec<u8>),
    /// What comes before the subtrees.
    Gradient(Vec<u8>),
}

/// A worker that has begun.
struct Serving<N: Network, L: Loss, F: Freeze> {
    hello: Hello,
    session: u64,
    /// Set once a driver has said `helo` and fits.
    driver: Option<()>,
    mapper: OwnedTrainer<N, Sgd, L, F>,
    record: usize,
    read: ReadRecord<L::Target>,
    budget: usize,
    /// The most recently used is the last.
    partitions: Vec<Partition>,
    step: Option<Step>,
    inputs: Vec<f32>,
    targets: Vec<L::Target>,
    /// Those of leaves that are worked on at once.
    sums: Vec<f32>,
    sum: GradientSum,
    metrics: Vec<Metrics>,
}

impl<N: Network, L: Loss, F: Freeze> Serving<N, L, F> {
    fn answer(&mut self, kind: Kind, payload: &[u8]) -> Result<Answer, Error> {
        let done = Answer::Whole(Kind::DONE, Vec::new());
        if kind != Kind::HELLO && self.driver.is_none() {
            return Err(Error::Kind { expected: "a driver's `helo` first", found: kind });
        }
        match kind {
            Kind::HELLO => {
                (self.driver, self.step) = (None, None);
                self.partitions.clear();
                Hello::agree(&Hello::read(payload)?, &self.hello)?;
                self.driver = Some(());
                Ok(Answer::Whole(Kind::HELLO, self.hello.payload()))
            }
            Kind::LOAD => self.load(payload).map(|()| done),
            Kind::PARAMETERS => self.take(payload).map(|()| done),
            Kind::PART => self.part(payload),
            found => Err(Error::Kind { expected: "a request", found }),
        }
    }

    fn load(&mut self, payload: &[u8]) -> Result<(), Error> {
        let wrong = |what| Error::Payload { kind: Kind::LOAD, what };
        let mut from = Payload(payload);
        let key = from.u64().ok_or(wrong("it names no partition"))?;
        let samples = from.0;
        if !samples.len().is_multiple_of(NUMBER + self.record) {
            return Err(wrong("its length is not that of whole records"));
        }
        let bytes = samples.len();
        if bytes > self.budget {
            return Err(Error::Budget { bytes: bytes as u64, budget: self.budget as u64 });
        }
        self.partitions.retain(|partition| partition.key != key);
        // The memory of a partition that goes is another's.
        let mut room = Vec::new();
        while self.partitions.iter().map(|partition| partition.samples.len()).sum::<usize>() > self.budget - bytes {
            room = self.partitions.remove(0).samples;
        }
        room.clear();
        room.reserve_exact(bytes);
        room.extend_from_slice(samples);
        self.partitions.push(Partition { key, samples: room });
        Ok(())
    }

    fn take(&mut self, payload: &[u8]) -> Result<(), Error> {
        let wrong = |what| Error::Payload { kind: Kind::PARAMETERS, what };
        let mut from = Payload(payload);
        let mut head = || Some([from.u64()?, from.u64()?, from.u64()?, from.u64()?]);
        let [number, epoch, seed, batch] = head().ok_or(wrong("it is too short"))?;
        let (expected, found) = (4 * N::PARAMETERS as u64, from.0.len() as u64);
        if expected != found {
            return Err(Error::Answer { what: "a number of bytes of parameters of", expected, found });
        }
        self.step = None;
        from.numbers(self.mapper.model_mut().parameters_mut()).ok_or(wrong("it is too short"))?;
        self.mapper.set_progress(Progress { step: number, epoch, seed, ..Progress::default() });
        let batch = usize::try_from(batch).map_err(|_| wrong("its batch is too long"))?;
        self.step = Some(Step { number, epoch, seed, batch });
        Ok(())
    }

    fn part(&mut self, payload: &[u8]) -> Result<Answer, Error> {
        let wrong = |what| Error::Payload { kind: Kind::PART, what };
        let part = Part::read(payload).ok_or(wrong("it is too short, or its leaves are no range"))?;
        let step = self.step.filter(|step| step.number == part.step);
        let step = step.ok_or(wrong("it is of a step whose parameters did not come"))?;
        if part.leaves.end > step.batch.div_ceil(LEAF) {
            return Err(wrong("its leaves go past the end of the batch"));
        }
        let Some(at) = self.partitions.iter().position(|partition| partition.key == part.key) else {
            return Ok(Answer::Whole(Kind::LACKING, part.key.to_le_bytes().to_vec()));
        };
        let partition = self.partitions.remove(at);
        let summed = self.sum_leaves(&partition, step, &part);
        self.partitions.push(partition);
        summed?;

        let mut head = Vec::new();
        for number in [self.session, part.key, part.step, part.leaves.start as u64, part.leaves.end as u64] {
            head.extend(number.to_le_bytes());
        }
        for metrics in &self.metrics {
            let Metrics { loss, correct, answers, samples, .. } = *metrics;
            head.extend(loss.to_le_bytes());
            [correct, answers, samples].iter().for_each(|&count| head.extend((count as u32).to_le_bytes()));
        }
        Ok(Answer::Gradient(head))
    }

    fn sum_leaves(&mut self, partition: &Partition, step: Step, part: &Part) -> Result<(), Error> {
        self.sum.clear();
        self.metrics.clear();
        let row = NUMBER + self.record;
        let found = partition.samples.len() / row;
        // With one missing all behind it would be taken for others.
        if found != part.len {
            return Err(Error::Samples { partition: part.key, expected: part.len as u64, found: found as u64 });
        }
        let input = N::Input::LEN;
        let target = self.targets.len() / (AT_ONCE * LEAF);
        let mut first = part.first;
        for (height, index) in complete_subtrees(part.leaves.clone(), AT_ONCE.ilog2()) {
            let (begin, leaves) = (LEAF * (index << height), 1 << height);
            let count = (leaves * LEAF).min(step.batch.saturating_sub(begin));
            let expected = first.saturating_add(count);
            let rows = partition.samples.get(first.saturating_mul(row)..expected.saturating_mul(row));
            let beyond = Error::Payload { kind: Kind::PART, what: "its samples are beyond the partition's" };
            let rows = rows.ok_or(beyond)?.chunks_exact(row);
            let slots = self.inputs.chunks_exact_mut(input.max(1)).zip(self.targets.chunks_exact_mut(target.max(1)));
            for (sample, (input, targets)) in rows.zip(slots) {
                let (number, record) = sample.split_first_chunk().unwrap_or((&[0; NUMBER], &[]));
                let epoch = Some(u32::try_from(step.epoch).unwrap_or(u32::MAX));
                let draw = Draw { index: u32::from_le_bytes(*number) as usize, epoch, seed: step.seed };
                (self.read)(draw, record, input, targets)?;
            }
            let inputs = self.inputs.get(..count * input).unwrap_or(&[]);
            let targets = self.targets.get(..count * target).unwrap_or(&[]);
            let mut metrics = [Metrics::default(); AT_ONCE];
            let metrics = metrics.get_mut(..leaves).unwrap_or_default();
            let leaves = Leaves { samples: LEAF, sums: &mut self.sums, metrics: &mut *metrics };
            self.mapper.backward_leaves(inputs, targets, begin, step.batch, leaves)?;
            self.metrics.extend_from_slice(metrics);
            self.sum.add_subtree(height, index, self.mapper.gradients());
            first = expected;
        }
        Ok(())
    }

    /// Writes the subtrees from where they lie.
    fn write_gradient<R: Read, W: Write>(&self, head: &[u8], frames: &mut Frames<R, W>) -> Result<(), Error> {
        let nodes: Vec<_> = self
            .sum
            .subtrees()
            .map(|(height, index, gradient)| {
                let place = u64::from(height) << 56 | index as u64;
                (place.to_le_bytes(), le_bytes(gradient))
            })
            .collect();
        let mut parts: Vec<&[u8]> = vec![head];
        nodes.iter().for_each(|(place, gradient)| parts.extend([&place[..], gradient]));
        frames.write(Kind::GRADIENT, &parts)
    }
}

impl Part {
    fn read(payload: &[u8]) -> Option<Self> {
        let mut from = Payload(payload);
        let (key, step) = (from.u64()?, from.u64()?);
        let [start, end, first, len] = [from.u64()?, from.u64()?, from.u64()?, from.u64()?].map(usize::try_from);
        let leaves = start.ok()?..end.ok()?;
        let (first, len) = (first.ok()?, len.ok()?);
        (leaves.start <= leaves.end && from.0.is_empty()).then_some(Self { key, step, leaves, first, len })
    }
}
