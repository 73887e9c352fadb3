//! A driver and its workers: the bits of one process, and one clear error for whatever goes wrong between them.
#![cfg(all(feature = "std", feature = "counting"))]

mod example;

use std::{
    collections::HashMap,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{OnceLock, mpsc},
    thread,
};

use kernlet::{
    cluster::{Driver, Error, Event, Frames, Kind, LEAF, Worker},
    data::batches::epoch_order,
    mapreduce::GradientSum,
    nn::{AllButLast, CrossEntropy, Draw, Loss, MeanSquaredError, OwnedTrainer, Training},
    optim::{Adam, Optimizer, Sgd},
    snapshot::fingerprint,
};

kernlet::network! {
    /// What most tests train.
    struct Digits([2, 2, 1]) { conv1: conv2d(3, 2x2), relu, dropout(0.25), fc: dense(3), softmax }
}
kernlet::network! {
    /// Another.
    struct Other([2, 2, 1]) { conv1: conv2d(4, 2x2), relu, fc: dense(3), softmax }
}
kernlet::network! {
    /// One whose outputs are numbers.
    struct Curve([1]) { hidden: dense(5), tanh, out: dense(1) }
}

const RECORD: usize = 5;
const SAMPLES: usize = 203;
const BATCH: usize = 80;
const TRAINING: Training<Digits, Adam> = Training::new(Adam::new(0.02)).batch(BATCH).seed(5).epochs(3);

fn record(index: usize) -> [u8; RECORD] {
    let label = index % 3;
    let pixel = |i: usize| ((index * 31 + i * 57) % 200 + label * 20) as u8;
    [pixel(0), pixel(1), pixel(2), pixel(3), label as u8]
}

fn read(record: &[u8], input: &mut [f32], targets: &mut [u8]) {
    input.iter_mut().zip(record).for_each(|(x, &byte)| *x = f32::from(byte) / 255.0);
    targets[0] = record[4];
}

fn worker() -> Worker<Digits> {
    Worker::new(RECORD, |_, record, input, targets| Ok(read(record, input, targets)))
}

/// Both ends of a pipe of bytes.
fn pipe() -> (Sender, Receiver) {
    let (sender, receiver) = mpsc::channel();
    (Sender(sender), Receiver { receiver, rest: Vec::new() })
}

struct Sender(mpsc::Sender<Vec<u8>>);

struct Receiver {
    receiver: mpsc::Receiver<Vec<u8>>,
    rest: Vec<u8>,
}

impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Receiver {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.receiver.recv() {
                Ok(bytes) => self.rest = bytes,
                Err(_) => return Ok(0),
            }
        }
        let len = out.len().min(self.rest.len());
        out[..len].copy_from_slice(&self.rest[..len]);
        self.rest.drain(..len);
        Ok(len)
    }
}

type Ends = Frames<Receiver, Sender>;

/// A worker on a thread of its own, and the driver's end of its streams.
fn start<N: kernlet::nn::Network, L: Loss + 'static, F: kernlet::nn::Freeze>(worker: Worker<N, L, F>) -> Ends
where
    Worker<N, L, F>: Send + 'static,
{
    let ((to, input), (output, from)) = (pipe(), pipe());
    thread::spawn(move || worker.serve(input, output));
    Frames::new(from, to)
}

/// An engine of the plainest kind: it carries frames from a driver to workers and back, in an order of its own.
struct Engine<'e> {
    workers: Vec<Ends>,
    /// How it makes the record of a sample.
    record: &'e dyn Fn(usize) -> Vec<u8>,
    /// Which worker is given a partition at a step, counted from 0.
    choose: &'e dyn Fn(usize, usize) -> usize,
    /// Whether every answer is given twice.
    twice: bool,
    hello: Vec<u8>,
    loads: HashMap<u64, Vec<u8>>,
    /// Times a worker lacked a partition.
    lacking: usize,
}

impl<'e> Engine<'e> {
    fn new(
        workers: Vec<Ends>,
        record: &'e dyn Fn(usize) -> Vec<u8>,
        choose: &'e dyn Fn(usize, usize) -> usize,
    ) -> Self {
        Self { workers, record, choose, twice: false, hello: Vec::new(), loads: HashMap::new(), lacking: 0 }
    }

    fn ask(&mut self, worker: usize, kind: Kind, payload: &[u8]) -> (Kind, Vec<u8>) {
        let (kind, payload) = self.workers[worker].ask(kind, &[payload]).unwrap().unwrap();
        (kind, payload.to_vec())
    }

    fn place(&mut self, order: &[u8]) {
        let word = |at: usize| u64::from_le_bytes(order[at..at + 8].try_into().unwrap());
        let (key, count) = (word(0), word(8) as usize);
        let begin = 16 + 8 * count;
        let mut places: Vec<(u32, u32)> = order[begin..]
            .as_chunks::<4>()
            .0
            .iter()
            .zip(0..)
            .map(|(place, sample)| (u32::from_le_bytes(*place), sample))
            .collect();
        places.sort_unstable();
        self.loads.clear();
        let mut rest = &places[..];
        for index in 0..count {
            let (own, others) = rest.split_at(word(16 + 8 * index) as usize);
            rest = others;
            let mut load = (key + index as u64).to_le_bytes().to_vec();
            for &(_, sample) in own {
                load.extend(sample.to_le_bytes());
                load.extend((self.record)(sample as usize));
            }
            self.loads.insert(key + index as u64, load);
        }
    }

    /// Carries frames until the driver is done; what it said, if it failed.
    fn carry(&mut self, driver: &mut Ends) -> Result<Vec<String>, String> {
        let mut said = Vec::new();
        let mut step = 0;
        loop {
            let (kind, payload) = match driver.read() {
                Ok(Some((kind, payload))) => (kind, payload.to_vec()),
                Ok(None) => return Err("the driver is gone".into()),
                Err(error) => return Err(error.to_string()),
            };
            let text = || String::from_utf8(payload.clone()).unwrap();
            match kind {
                Kind::HELLO => self.hello = payload,
                Kind::ORDER => self.place(&payload),
                Kind::SAY => said.push(text()),
                Kind::DONE => return Ok(said),
                Kind::FAILURE => return Err(text()),
                Kind::PARAMETERS => {
                    self.step(step, &payload, driver);
                    step += 1;
                }
                other => panic!("{other}"),
            }
        }
    }

    fn step(&mut self, step: usize, parameters: &[u8], driver: &mut Ends) {
        let mut answers = Vec::new();
        for index in 0..self.loads.len() {
            let (kind, part) = driver.read().unwrap().unwrap();
            assert_eq!(kind, Kind::PART);
            let part = part.to_vec();
            let worker = (self.choose)(step, index) % self.workers.len();
            let hello = self.hello.clone();
            if step == 0 {
                // Where partitions were loaded before, a second greeting would take them away.
                let (kind, answer) = if index < self.workers.len() {
                    self.ask(index, Kind::HELLO, &hello)
                } else {
                    (Kind::HELLO, Vec::new())
                };
                if kind == Kind::FAILURE {
                    answers.push((kind, answer));
                    continue;
                }
                for other in self.loads.len()..self.workers.len() {
                    self.ask(other, Kind::HELLO, &hello);
                }
            }
            answers.push(self.part(worker, parameters, &part));
        }
        // The last partition is the fastest.
        for (kind, payload) in answers.iter().rev() {
            for _ in 0..1 + usize::from(self.twice) {
                // A driver that has failed reads no more.
                let _ = driver.write(*kind, &[payload]);
            }
        }
    }

    fn part(&mut self, worker: usize, parameters: &[u8], part: &[u8]) -> (Kind, Vec<u8>) {
        let (kind, answer) = self.ask(worker, Kind::PARAMETERS, parameters);
        if kind != Kind::DONE {
            return (kind, answer);
        }
        let (kind, answer) = self.ask(worker, Kind::PART, part);
        if kind != Kind::LACKING {
            return (kind, answer);
        }
        self.lacking += 1;
        let load = self.loads[&u64::from_le_bytes(part[..8].try_into().unwrap())].clone();
        let (kind, answer) = self.ask(worker, Kind::LOAD, &load);
        if kind != Kind::DONE {
            return (kind, answer);
        }
        self.ask(worker, Kind::PART, part)
    }
}

/// A driver of `partitions` partitions on a thread, with its trainer when it is done, and the engine's end.
fn drive<N: kernlet::nn::Network, O: Optimizer + Send + 'static, L: Loss + 'static, F: kernlet::nn::Freeze + 'static>(
    trainer: OwnedTrainer<N, O, L, F>,
    record: usize,
    samples: usize,
    partitions: usize,
    until: u32,
) -> (thread::JoinHandle<(OwnedTrainer<N, O, L, F>, Result<(), Error>)>, Ends)
where
    OwnedTrainer<N, O, L, F>: Send + 'static,
{
    let ((to, input), (output, from)) = (pipe(), pipe());
    let mut driver = Driver::new(trainer, record, samples, partitions).unwrap();
    let handle = thread::spawn(move || {
        let outcome = driver.run(input, output, |trainer, event, told| {
            if let Event::Epoch { epoch, training } = event {
                *told = format!("{epoch}: {} {}", training.loss, training.correct);
            }
            Ok(trainer.step_count() < until)
        });
        (driver.into_trainer(), outcome)
    });
    (handle, Frames::new(from, to))
}

/// The same training in one process, leaf by leaf: what every engine has to come to.
fn alone(steps: u32) -> OwnedTrainer<Digits, Adam> {
    let mut trainer = TRAINING.build().unwrap();
    let mapping: Training<Digits, Sgd> = Training::new(Sgd::new(0.0)).batch(LEAF);
    let mut mapper = mapping.build().unwrap();
    let mut order = [0; SAMPLES];
    for epoch in 0..3 {
        epoch_order(5, epoch, &mut order);
        for batch in order.chunks(BATCH) {
            if trainer.step_count() == steps {
                return trainer;
            }
            mapper.model_mut().parameters_mut().copy_from_slice(trainer.model().parameters());
            mapper.set_progress(trainer.progress());
            let mut sum = GradientSum::default();
            for (leaf, samples) in batch.chunks(LEAF).enumerate() {
                let (mut inputs, mut targets) = (vec![0.0; 4 * samples.len()], vec![0; samples.len()]);
                for ((input, target), &sample) in inputs.chunks_mut(4).zip(targets.chunks_mut(1)).zip(samples) {
                    read(&record(sample as usize), input, target);
                }
                mapper.backward(&inputs, &targets, leaf * LEAF, batch.len()).unwrap();
                sum.add_leaf(leaf, mapper.gradients());
            }
            trainer.gradients_mut().copy_from_slice(&sum.into_total().unwrap());
            trainer.update().unwrap();
        }
    }
    trainer
}

fn of<N: kernlet::nn::Network, O: Optimizer, L: Loss, F: kernlet::nn::Freeze>(
    trainer: &OwnedTrainer<N, O, L, F>,
) -> u64 {
    fingerprint(trainer.model().parameters())
}

const NO_END: u32 = u32::MAX;

#[test]
fn parameters_do_not_depend_on_the_engine() {
    let expected = of(&alone(NO_END));
    for (partitions, workers, budget, twice) in [
        (1, 1, usize::MAX, false),
        (2, 2, usize::MAX, true),
        (3, 2, 9 * 100, false),
        (5, 3, usize::MAX, false),
        (4, 1, 700, true),
    ] {
        let records = |index| record(index).to_vec();
        // Never the same twice in a row.
        let choose = |step: usize, index: usize| index + step * step;
        let ends = (0..workers).map(|_| start(worker().budget(budget))).collect();
        let mut engine = Engine { twice, ..Engine::new(ends, &records, &choose) };
        let (handle, mut ends) = drive(TRAINING.build().unwrap(), RECORD, SAMPLES, partitions, NO_END);
        let said = engine.carry(&mut ends).unwrap();
        let (trainer, outcome) = handle.join().unwrap();
        outcome.unwrap();
        assert_eq!(of(&trainer), expected, "{partitions} partitions, {workers} workers");
        assert_eq!(said.len(), 3);
        assert!(engine.lacking >= partitions);
        if budget < usize::MAX {
            assert!(engine.lacking > 3 * partitions, "everything fitted: {}", engine.lacking);
        }
    }
}

#[test]
fn training_goes_on_from_a_snapshot() {
    let expected = alone(NO_END);
    let records = |index| record(index).to_vec();
    let choose = |_, index| index;
    // In the middle of an epoch of three batches, and at its end.
    for until in [4, 6] {
        let mut trainer = TRAINING.build().unwrap();
        for (partitions, until) in [(3, until), (2, NO_END)] {
            let mut engine = Engine::new((0..2).map(|_| start(worker())).collect(), &records, &choose);
            let (handle, mut ends) = drive(trainer, RECORD, SAMPLES, partitions, until);
            engine.carry(&mut ends).unwrap();
            let (stopped, outcome) = handle.join().unwrap();
            outcome.unwrap();
            if until < NO_END {
                assert_eq!(of(&stopped), of(&alone(until)));
            }
            let mut bytes = vec![0; stopped.save_len()];
            stopped.save_into(&mut bytes).unwrap();
            trainer = TRAINING.build().unwrap();
            trainer.resume(&bytes).unwrap();
        }
        assert_eq!(of(&trainer), of(&expected), "after {until} steps");
        assert_eq!(trainer.progress().epoch, 3);
    }
}

#[test]
fn losses_of_numbers_and_frozen_layers() {
    let curve = || {
        Worker::<Curve, _, AllButLast<1>>::with_loss(MeanSquaredError, 2, |_, record, input, targets| {
            (input[0], targets[0]) = (f32::from(record[0]) / 64.0 - 2.0, f32::from(record[1]) / 64.0 - 2.0);
            Ok(())
        })
    };
    let training: Training<Curve, Sgd> = Training::new(<Sgd>::new(0.1)).batch(64).seed(2).epochs(20);
    let training: Training<Curve, Sgd, MeanSquaredError, AllButLast<1>> = training.loss(MeanSquaredError).freeze();
    let records = |index: usize| vec![(index * 7 % 256) as u8, 255 - (index * 7 % 256) as u8];
    let mut found = Vec::new();
    for partitions in [1, 3] {
        let choose = |_, index| index;
        let mut engine = Engine::new((0..2).map(|_| start(curve())).collect(), &records, &choose);
        let trainer = training.build().unwrap();
        let before = trainer.model().parameters()[..10].to_vec();
        let (handle, mut ends) = drive(trainer, 2, 256, partitions, NO_END);
        let said = engine.carry(&mut ends).unwrap();
        let (trainer, outcome) = handle.join().unwrap();
        outcome.unwrap();
        assert_eq!(trainer.model().parameters()[..10], before, "frozen");
        let loss = |line: &String| line.split(' ').nth(1).unwrap().parse::<f32>().unwrap();
        assert!(loss(&said[19]) < loss(&said[0]) / 4.0, "{said:?}");
        found.push(of(&trainer));
    }
    assert_eq!(found[0], found[1]);
}

/// What a driver says when the engine's workers are these.
fn fails_with(workers: Vec<Ends>, partitions: usize, record_of: &dyn Fn(usize) -> Vec<u8>) -> String {
    let choose = |_, index| index;
    let mut engine = Engine::new(workers, record_of, &choose);
    let before = of(&TRAINING.build().unwrap());
    let (handle, mut ends) = drive(TRAINING.build().unwrap(), RECORD, SAMPLES, partitions, NO_END);
    let told = engine.carry(&mut ends).unwrap_err();
    let (trainer, outcome) = handle.join().unwrap();
    assert_eq!(outcome.unwrap_err().to_string(), told, "both are told the same");
    assert_eq!((of(&trainer), trainer.step_count()), (before, 0), "no step by halves");
    told
}

#[test]
fn a_worker_of_another_loss_is_refused() {
    let records = |index| record(index).to_vec();
    let read = |_: Draw, record: &[u8], input: &mut [f32], targets: &mut [u8]| Ok(read(record, input, targets));
    const WEIGHTS: [f32; 3] = [1.0, 1.0, 0.5];
    let weighted = CrossEntropy::<u8>::new().with_class_weights(&WEIGHTS);
    for told in [
        fails_with(vec![start(Worker::<Digits, _>::with_loss(weighted, RECORD, read))], 1, &records),
        fails_with(
            vec![start(Worker::<Digits, _>::with_loss(CrossEntropy::new().with_smoothing(0.1), RECORD, read))],
            1,
            &records,
        ),
    ] {
        assert!(told.contains(": the identity of the loss of the driver is "), "{told}");
    }
    // One that computes the same is the same, whatever its name.
    let mut engine = Engine::new(
        vec![start(Worker::<Digits, _>::with_loss(CrossEntropy::<u8>::new(), RECORD, read))],
        &records,
        &|_, _| 0,
    );
    let (handle, mut ends) = drive(TRAINING.build().unwrap(), RECORD, SAMPLES, 1, 1);
    engine.carry(&mut ends).unwrap();
    handle.join().unwrap().1.unwrap();
}

#[test]
fn a_worker_of_another_network_is_refused() {
    let records = |index| record(index).to_vec();
    let other = Worker::<Other>::new(RECORD, |_, record, input, targets| Ok(read(record, input, targets)));
    let told = fails_with(vec![start(other)], 1, &records);
    assert!(
        told.contains(": the network of the driver is Digits (") && told.contains("of the worker Other ("),
        "{told}"
    );
    assert!(told.starts_with(&format!("worker {}: ", std::process::id())), "{told}");

    let longer = Worker::<Digits>::new(RECORD + 1, |_, record, input, targets| Ok(read(record, input, targets)));
    let told = fails_with(vec![start(longer)], 1, &records);
    assert!(told.ends_with("the length of a record of the driver is 5, of the worker 6"), "{told}");
}

#[test]
fn a_worker_with_other_rounding_is_refused() {
    use kernlet::simd::{Level, Rounding};
    let level = Level::detect();
    let another = if level.rounding() == Rounding::Strict { Rounding::Fused } else { Rounding::Strict };
    // A machine with one rounding has no such worker.
    let Some(another) = level.with_rounding(another) else { return };
    let told = fails_with(vec![start(worker().level(another))], 1, &|index| record(index).to_vec());
    assert!(told.contains("the rounding of the driver is"), "{told}");
}

/// The first frames of a driver.
fn hello() -> Vec<u8> {
    let (_handle, mut ends) = drive(TRAINING.build().unwrap(), RECORD, SAMPLES, 1, NO_END);
    ends.read().unwrap().unwrap().1.to_vec()
}

#[test]
fn a_driver_of_another_version_is_refused() {
    let mut hello = hello();
    hello[0] += 1;
    let mut ends = start(worker());
    ends.write(Kind::HELLO, &[&hello]).unwrap();
    let (kind, text) = ends.read().unwrap().unwrap();
    let text = String::from_utf8_lossy(text);
    assert_eq!(kind, Kind::FAILURE);
    assert!(text.ends_with("the version of frames of the driver is 2, of the worker 1"), "{text}");
    // It stays, and wants a driver that fits.
    ends.write(Kind::PART, &[]).unwrap();
    assert_eq!(ends.read().unwrap().unwrap().0, Kind::FAILURE);
}

#[test]
fn parameters_of_another_size_are_refused() {
    let mut ends = start(worker());
    ends.write(Kind::HELLO, &[&hello()]).unwrap();
    assert_eq!(ends.read().unwrap().unwrap().0, Kind::HELLO);
    ends.write(Kind::PARAMETERS, &[&[0; 32], &[0; 40]]).unwrap();
    let (kind, text) = ends.read().unwrap().unwrap();
    assert_eq!(kind, Kind::FAILURE);
    let (text, expected) = (String::from_utf8_lossy(text), 4 * TRAINING.build().unwrap().model().parameters().len());
    assert!(text.ends_with(&format!("of 40, expected {expected}")), "{text}");
}

#[test]
fn a_partition_without_samples_is_refused() {
    // The engine lost what it should have brought.
    let told = fails_with(vec![start(worker())], 1, &|_| Vec::new());
    assert!(told.ends_with("a frame `load` is not as it should be: its length is not that of whole records"), "{told}");

    let mut ends = start(worker());
    let (_handle, mut driver) = drive(TRAINING.build().unwrap(), RECORD, SAMPLES, 1, NO_END);
    let mut asked = Vec::new();
    while asked.len() < 4 {
        let (kind, payload) = driver.read().unwrap().unwrap();
        asked.push((kind, payload.to_vec()));
    }
    assert_eq!(
        asked.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(),
        [Kind::HELLO, Kind::ORDER, Kind::PARAMETERS, Kind::PART]
    );
    asked[1] = (Kind::LOAD, asked[3].1[..8].to_vec());
    let answers: Vec<(Kind, Vec<u8>)> = asked
        .iter()
        .map(|(kind, payload)| {
            ends.write(*kind, &[payload]).unwrap();
            let (kind, payload) = ends.read().unwrap().unwrap();
            (kind, payload.to_vec())
        })
        .collect();
    let text = String::from_utf8_lossy(&answers[3].1);
    assert!(text.ends_with("partition 0 has 0 samples, expected 203"), "{text}");

    // One of many is missing: the others would be taken for those before them.
    let mut short = |kind: Kind, payload: &[u8]| {
        ends.write(kind, &[payload]).unwrap();
        String::from_utf8_lossy(ends.read().unwrap().unwrap().1).into_owned()
    };
    short(Kind::LOAD, &vec![0; 8 + 202 * (4 + RECORD)]);
    let text = short(Kind::PART, &asked[3].1);
    assert!(text.ends_with("partition 0 has 202 samples, expected 203"), "{text}");

    let trainer = TRAINING.build().unwrap();
    let error = Driver::new(trainer, RECORD, SAMPLES, 6).unwrap_err();
    assert_eq!(error.to_string(), "6 partitions: expected 1 to 5, the leaves of a batch, or some have no samples");
}

#[test]
fn a_partition_beyond_the_budget_is_refused() {
    let told = fails_with(vec![start(worker().budget(1000))], 1, &|index| record(index).to_vec());
    let bytes = SAMPLES * (4 + RECORD);
    assert!(
        told.ends_with(&format!("a partition has {bytes} bytes of samples, more than the budget of 1000")),
        "{told}"
    );
}

#[test]
fn answers_that_were_changed_are_refused() {
    let (_handle, mut driver) = drive(TRAINING.build().unwrap(), RECORD, SAMPLES, 1, NO_END);
    let mut ends = start(worker());
    let mut gradient = Vec::new();
    let mut ask = |kind: Kind, payload: &[u8]| {
        ends.write(kind, &[payload]).unwrap();
        gradient = ends.read().unwrap().unwrap().1.to_vec();
    };
    let records = |index| record(index).to_vec();
    let mut engine = Engine::new(Vec::new(), &records, &|_, index| index);
    for _ in 0..4 {
        let (kind, payload) = driver.read().unwrap().unwrap();
        if kind == Kind::ORDER {
            engine.place(payload);
            ask(Kind::LOAD, &engine.loads[&0]);
        } else {
            ask(kind, payload);
        }
    }
    let refused = |kind: Kind, payload: &[u8]| {
        let (handle, mut driver) = drive(TRAINING.build().unwrap(), RECORD, SAMPLES, 1, NO_END);
        (0..4).for_each(|_| assert!(driver.read().unwrap().is_some()));
        driver.write(kind, &[payload]).unwrap();
        let (_, outcome) = handle.join().unwrap();
        outcome.unwrap_err().to_string()
    };
    let changed = |at: usize| {
        let mut payload = gradient.clone();
        payload[at] ^= 1;
        refused(Kind::GRADIENT, &payload)
    };
    assert!(changed(0).contains("an answer has a session"));
    assert!(changed(8).contains("an answer has a partition 1, expected 0"));
    assert!(changed(16).contains("an answer has a step 1, expected 0"));
    assert!(changed(24).contains("an answer has a first leaf 1, expected 0"));
    assert!(changed(32).contains("an answer has a last leaf 4, expected 5"));
    assert!(changed(40 + 5 * 16).contains("its subtrees are not those asked for"));
    assert!(refused(Kind::GRADIENT, &gradient[..gradient.len() - 4]).contains("a number of bytes of subtrees"));
    assert!(refused(Kind::GRADIENT, &gradient[..60]).contains("it is too short"));
    assert!(refused(Kind::DONE, &[]).contains("expected a gradient, found a frame `done`"));
    assert_eq!(refused(Kind::FAILURE, b"worker 7: no"), "worker 7: no");
}

#[test]
fn frames_that_were_cut_or_changed_are_refused() {
    let mut wire = Vec::new();
    Frames::new(io::empty(), &mut wire).write(Kind::SAY, &[b"one", b"", b" two"]).unwrap();
    assert_eq!(wire.len(), 20 + 7);
    let read = |bytes: &[u8]| {
        Frames::new(bytes, io::sink()).at_most(1000).read().map(|frame| frame.map(|(kind, text)| (kind, text.to_vec())))
    };
    assert_eq!(read(&wire).unwrap(), Some((Kind::SAY, b"one two".to_vec())));
    assert_eq!(read(&[]).unwrap(), None);
    for cut in 1..wire.len() {
        assert!(matches!(read(&wire[..cut]), Err(Error::Cut { .. })), "{cut}");
    }
    for at in 0..wire.len() {
        for bit in 0..8 {
            let mut changed = wire.clone();
            changed[at] ^= 1 << bit;
            assert!(read(&changed).is_err(), "bit {bit} of byte {at}");
        }
    }
    wire[15] = 1;
    assert!(matches!(read(&wire), Err(Error::TooLong { most: 1000, .. })));

    // A worker says so before it ends.
    let mut out = Vec::new();
    let error = worker().serve(&wire[..9], &mut out).unwrap_err();
    assert_eq!(error.to_string(), "a frame was cut: expected 20 bytes, found 9");
    let mut frames = Frames::new(&out[..], io::sink());
    let (kind, text) = frames.read().unwrap().unwrap();
    assert_eq!(kind, Kind::FAILURE);
    assert!(String::from_utf8_lossy(text).ends_with("a frame was cut: expected 20 bytes, found 9"));
}

#[test]
fn who_is_gone_before_all_was_written_is_heard() {
    /// It takes some bytes, and then nobody reads them any more.
    struct Gone(usize);
    impl Write for Gone {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let len = bytes.len().min(self.0);
            self.0 -= len;
            if len == 0 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(len) }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut said = Vec::new();
    let mut frames = Frames::new(io::empty(), &mut said);
    frames.write(Kind::GRADIENT, &[b"of a step before"]).unwrap();
    frames.write(Kind::FAILURE, &[b"worker 7: too long"]).unwrap();
    for len in [0, 1, 20, 150, 900] {
        let mut driver = Driver::new(TRAINING.build().unwrap(), RECORD, SAMPLES, 2).unwrap();
        let error = driver.run(&said[..], Gone(len), |_, _, _| Ok(true)).unwrap_err();
        assert_eq!(error.to_string(), "worker 7: too long", "{len}");
    }
    let error = Frames::new(&said[..0], Gone(5)).ask(Kind::LOAD, &[b"one"]).unwrap_err();
    assert_eq!(error.to_string(), "a frame could not be written: broken pipe");
    let mut frames = Frames::new(&said[36..], Gone(21));
    assert_eq!(frames.ask(Kind::LOAD, &[b"one"]).unwrap(), Some((Kind::FAILURE, &b"worker 7: too long"[..])));
}

/// A worker's process, and its streams.
struct Process {
    child: Child,
    frames: Option<Frames<ChildStdout, ChildStdin>>,
}

fn mnist() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| example::program("mnist"))
}

fn spawn(args: &[&str]) -> Process {
    let mut command = Command::new(mnist());
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    Process { child, frames: Some(Frames::new(output, input)) }
}

#[test]
fn a_worker_whose_driver_vanishes_ends() {
    let mut worker = spawn(&["--worker", "--network", "small"]);
    worker.frames.take();
    assert!(worker.child.wait().unwrap().success());

    // In the middle of a frame something is wrong.
    let mut worker = Command::new(mnist());
    let output = example::run(worker.args(["--worker", "--network", "small"]), b"KNLFhelo\x40");
    assert_eq!(output.status.code(), Some(1));
    assert!(example::complaint(&output).starts_with("error: a frame was cut"));
}

#[test]
fn programs_that_do_not_fit_fail_with_one_line() {
    let mut driver = spawn(&["--driver", "2", "--network", "small", "--steps", "2", "--batch", "64"]);
    let mut worker = spawn(&["--worker"]);
    let (to_driver, to_worker) = (driver.frames.as_mut().unwrap(), worker.frames.as_mut().unwrap());
    let (kind, hello) = to_driver.read().unwrap().unwrap();
    assert_eq!(kind, Kind::HELLO);
    to_worker.write(kind, &[hello]).unwrap();
    let (kind, text) = to_worker.read().unwrap().unwrap();
    assert_eq!(kind, Kind::FAILURE);
    let text = text.to_vec();
    // What it asks before it looks for answers is more than a pipe holds.
    while to_driver.read().unwrap().unwrap().0 != Kind::PART {}
    to_driver.write(kind, &[&text]).unwrap();
    let mut told = String::new();
    driver.child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(driver.child.wait().unwrap().code(), Some(1));
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(
        told.starts_with(&format!("error: worker {}: the network of the driver is SmallCnn (", worker.child.id())),
        "{told}"
    );
    worker.frames.take();
    assert!(worker.child.wait().unwrap().success());
}
