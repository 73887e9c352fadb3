//! Training to and from bytes, so that it goes on as if it had not stopped.

use super::{
    super::{Error, Loss, Metrics, Network, decay, frozen::Freeze},
    Best, Held, HeldTrainer, State, Training,
    sizing::Sizing,
};
use crate::{
    optim::{MAX_STATES, Optimizer},
    snapshot::{
        self, AttributeInfo, AttributeValue, Contents, Data, Described, Label, Numbers, Progress, Section, Snapshot,
        SnapshotError, WriteError, contents_len, names, write_contents,
    },
};

/// The most hyper-parameters of an optimizer that a file says; others would be left out, and no optimizer of this
/// crate has as many.
const MOST: usize = 16;

/// Facts of training beside its [`Progress`].
const FACTS: usize = 9;

/// An optimizer's hyper-parameters.
struct Told {
    name: &'static str,
    pairs: [(&'static str, f64); MOST],
    count: usize,
}

/// How many parameters decay, and which; not said where all do.
const DECAYING: [&str; 2] = ["decaying_parameters", "decaying_checksum"];

impl Told {
    fn of<N: Network, O: Optimizer, L, F>(training: &Training<N, O, L, F>) -> Self {
        let (mut pairs, mut count) = ([("", 0.0); MOST], 0);
        let mut tell = |name, value| {
            if let Some(pair) = pairs.get_mut(count) {
                *pair = (name, value);
                count += 1;
            }
        };
        let name = training.optimizer.describe(&mut tell);
        if let Some((parameters, checksum)) = decay::told::<N>(training.decay) {
            let values = [parameters as f64, checksum.into()];
            DECAYING.into_iter().zip(values).for_each(|(name, value)| tell(name, value));
        }
        Self { name, pairs, count }
    }

    fn pairs(&self) -> &[(&'static str, f64)] {
        self.pairs.get(..self.count).unwrap_or(&[])
    }
}

impl State {
    /// What a file says of it beside the [`Progress`].
    fn facts(&self) -> [(&'static str, AttributeValue<&'static str>); FACTS] {
        let (number, whole) = (|x: f32| AttributeValue::Number(x.into()), |n: usize| AttributeValue::Whole(n as u64));
        let Self { rate, so_far, best, finished, .. } = *self;
        [
            ("rate", number(rate)),
            ("loss_so_far", number(so_far.loss)),
            ("correct_so_far", whole(so_far.correct)),
            ("answers_so_far", whole(so_far.answers)),
            ("samples_so_far", whole(so_far.samples)),
            // Not below 0 where there are other weights than one for each sample.
            ("weight_so_far", AttributeValue::Number(so_far.weight.unwrap_or(-1.0))),
            ("best_loss", number(best.loss)),
            ("best_epoch", AttributeValue::Whole(best.epoch.into())),
            ("finished", whole(finished.into())),
        ]
    }

    /// What a file says; what it does not say is as at the start.
    fn read(snapshot: &Snapshot<'_>, progress: Progress) -> Result<Self, SnapshotError> {
        let number = |name, otherwise: f32| match snapshot.attribute(names::AT_TRAINING, name) {
            Some(AttributeValue::Number(x)) => x as f32,
            _ => otherwise,
        };
        let whole = |name| match snapshot.attribute(names::AT_TRAINING, name) {
            Some(AttributeValue::Whole(n)) => usize::try_from(n).unwrap_or(usize::MAX),
            _ => 0,
        };
        let short = |what, found| u32::try_from(found).map_err(|_| SnapshotError::Header { what, found });
        let start = Self::new(progress.seed);
        Ok(Self {
            seed: progress.seed,
            step: short("the number of steps", progress.step)?,
            epoch: short("the number of epochs", progress.epoch)?,
            position: progress.position,
            rate: number("rate", start.rate),
            so_far: Metrics {
                loss: number("loss_so_far", start.so_far.loss),
                correct: whole("correct_so_far"),
                answers: whole("answers_so_far"),
                samples: whole("samples_so_far"),
                weight: match snapshot.attribute(names::AT_TRAINING, "weight_so_far") {
                    Some(AttributeValue::Number(weight)) if weight >= 0.0 => Some(weight),
                    _ => None,
                },
            },
            best: Best {
                loss: number("best_loss", start.best.loss),
                epoch: short("the best epoch", whole("best_epoch") as u64)?,
            },
            finished: whole("finished") > 0,
        })
    }
}

impl<H: Held<N>, N: Network + Described, O: Optimizer, L: Loss, F: Freeze> HeldTrainer<H, N, O, L, F> {
    /// Lets `f` have what a file of this training holds.
    fn with_contents<R>(&self, extra: &[Section<'_>], f: impl FnOnce(&Contents<'_>) -> R) -> R {
        let told = Told::of(&self.training);
        let none = AttributeInfo { owner: names::AT_TRAINING, name: "", value: AttributeValue::Whole(0) };
        let mut attributes = [none; MOST + FACTS];
        let facts = self.state.facts().into_iter().map(|(name, value)| AttributeInfo { name, value, ..none });
        let hyperparameters = told.pairs().iter().map(|&(name, value)| AttributeInfo {
            owner: names::AT_OPTIMIZER,
            name,
            value: AttributeValue::Number(value),
        });
        attributes.iter_mut().zip(facts.chain(hyperparameters)).for_each(|(slot, attribute)| *slot = attribute);

        let mut states: [&[f32]; MAX_STATES] = [&[]; MAX_STATES];
        let count = self.training.optimizer.states();
        states.iter_mut().enumerate().take(count).for_each(|(index, state)| *state = self.optimizer_state(index));
        let best = [self.best()];
        // The best parameters follow the caller's sections; where they are not kept they are empty, and left out.
        let mut sections = [Section { name: names::BEST, required: false, data: Data::Numbers(&best) }; SECTIONS];
        let own = usize::from(self.training.patience > 0);
        let given = extra.len().min(SECTIONS - 1);
        sections.iter_mut().skip(own).zip(extra).for_each(|(slot, section)| *slot = *section);
        f(&Contents {
            parameters: self.held.model().parameters(),
            training: Some(snapshot::Training {
                optimizer: told.name,
                progress: self.progress(),
                state: states.get(..count).unwrap_or(&[]),
            }),
            attributes: attributes.get(..FACTS + told.count).unwrap_or(&[]),
            sections: sections.get(..own + given).unwrap_or(&[]),
        })
    }

    fn best(&self) -> &[f32] {
        let at = self.training.layout().best;
        let len = if self.training.patience > 0 { N::PARAMETERS } else { 0 };
        self.held.memory().get(at..at + len).unwrap_or(&[])
    }

    /// The bytes that [`save_into`](Self::save_into) writes.
    pub fn save_len(&self) -> usize {
        self.with_contents(&[], |contents| contents_len(&N::INFO, contents))
    }

    /// Gives the bytes of a snapshot from which training goes on to the same bits as without an interruption to
    /// `sink`, in order, with up to seven sections of the caller's own.
    ///
    /// # Errors
    /// [`WriteError::Sections`] if there are more, [`WriteError::Name`] if a section has no name, or one of more than 255 bytes, or the optimizer's own is such;
    /// [`WriteError::Sink`] with the first error of `sink`.
    pub fn save_to<E>(
        &self,
        extra: &[Section<'_>],
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), WriteError<E>> {
        if extra.len() >= SECTIONS {
            return Err(WriteError::Sections { most: SECTIONS - 1, found: extra.len() });
        }
        self.with_contents(extra, |contents| write_contents(&N::INFO, contents, sink))
    }

    /// Writes such a snapshot into `bytes`, and returns the part that was written.
    ///
    /// # Errors
    /// [`Error::Memory`] if `bytes` is shorter than [`save_len`](Self::save_len), in floats.
    ///
    /// ```
    /// use kernlet::{nn::{Model, Training}, optim::Adam};
    /// kernlet::network! { struct Tiny([2]) { hidden: dense(4), tanh, out: dense(3), softmax } }
    /// const TRAINING: Training<Tiny, Adam> = Training::new(Adam::new(0.01)).batch(2).seed(1);
    /// let (x, y) = ([1.0, 2.0, 3.0, 4.0], [0, 2]);
    /// let mut trainer = TRAINING.build()?;
    /// trainer.step(&x, &y)?;
    /// let mut bytes = vec![0; trainer.save_len()];
    /// trainer.save_into(&mut bytes)?;
    /// trainer.step(&x, &y)?;
    ///
    /// // Another day, another process.
    /// let mut other = TRAINING.build()?;
    /// other.resume(&bytes)?;
    /// other.step(&x, &y)?;
    /// assert_eq!(other.model().parameters(), trainer.model().parameters());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn save_into<'b>(&self, bytes: &'b mut [u8]) -> Result<&'b mut [u8], Error> {
        let (expected, found) = (self.save_len(), bytes.len());
        let short = Error::Memory { expected: expected.div_ceil(4), found: found / 4 };
        let whole = bytes.get_mut(..expected).ok_or(short)?;
        let mut at = 0;
        let written = self.save_to(&[], &mut |piece| {
            let slot = whole.get_mut(at..at + piece.len()).ok_or(())?;
            slot.copy_from_slice(piece);
            at += piece.len();
            Ok::<(), ()>(())
        });
        written.map_err(|_| short)?;
        Ok(whole)
    }

    /// Saves such a snapshot under `path`; an old file there is replaced once the new one is safely on disk.
    ///
    /// # Errors
    /// Of the file system, and [`InvalidInput`](std::io::ErrorKind::InvalidInput) for names as in
    /// [`save_to`](Self::save_to). The old file is then untouched.
    ///
    /// ```
    /// use kernlet::{nn::Training, optim::Sgd};
    /// kernlet::network! { struct Tiny([2]) { out: dense(3), softmax } }
    /// const TRAINING: Training<Tiny, Sgd> = Training::new(Sgd::new(0.1)).batch(2);
    /// let path = std::env::temp_dir().join(format!("kernlet-training-{}.knl", std::process::id()));
    /// TRAINING.build()?.save(&path)?;
    /// TRAINING.build()?.resume(&std::fs::read(&path)?)?;
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "std")]
    pub fn save(&self, path: impl AsRef<std::path::Path>) -> std::io::Result<()> {
        self.save_with(path, &[])
    }

    /// [`save`](Self::save) with up to seven sections of the caller's own.
    ///
    /// # Errors
    /// As for [`save`](Self::save).
    #[cfg(feature = "std")]
    pub fn save_with(&self, path: impl AsRef<std::path::Path>, extra: &[Section<'_>]) -> std::io::Result<()> {
        snapshot::replace_file(path, |file| {
            let written = self.save_to(extra, &mut |bytes: &[u8]| file.write_all(bytes));
            written.map_err(WriteError::into_io)
        })
    }

    /// Goes on where the snapshot was taken: model, optimizer state, step, schedule, order of the epoch, best so far.
    ///
    /// # Errors
    /// [`SnapshotError`] if the bytes are no snapshot, damaged, of another network, without training, of another
    /// optimizer, or of one with other hyper-parameters or another schedule of its rate ([`resume_changed`](Self::resume_changed) takes those), or if
    /// other layers were frozen. Nothing has changed then.
    pub fn resume(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        self.resume_from(&Snapshot::open(bytes, &N::INFO)?)
    }

    /// [`resume`](Self::resume) from a snapshot that was opened, which may have sections of the caller's own.
    ///
    /// # Errors
    /// As for [`resume`](Self::resume).
    pub fn resume_from(&mut self, snapshot: &Snapshot<'_>) -> Result<(), SnapshotError> {
        let told = Told::of(&self.training);
        snapshot.expect(&N::INFO)?;
        snapshot.training_with(told.name)?;
        let number = |name| match snapshot.attribute(names::AT_OPTIMIZER, name) {
            Some(AttributeValue::Number(found)) => Some(found),
            _ => None,
        };
        let [decaying, _] = DECAYING;
        if told.pairs().iter().all(|&(name, _)| name != decaying)
            && let Some(found) = number(decaying)
        {
            let expected = N::NODES.iter().map(|node| f64::from(node.trainable)).sum();
            return Err(SnapshotError::Hyperparameter { name: decaying, expected, found: Some(found) });
        }
        for AttributeInfo { owner, name, value } in snapshot.attributes() {
            let known = name == "name" || told.pairs().iter().any(|pair| pair.0 == name);
            if owner == names::AT_OPTIMIZER && !known {
                let (name, found) = (Label::new(owner).then(": ").then(name), Some(value.labelled()));
                return Err(SnapshotError::Attribute { expected: None, name, found });
            }
        }
        for &(name, expected) in told.pairs() {
            let found = number(name);
            if found.is_none_or(|found| found.to_bits() != expected.to_bits()) {
                return Err(SnapshotError::Hyperparameter { name, expected, found });
            }
        }
        self.resume_changed(snapshot)
    }

    /// [`resume_from`](Self::resume_from) with hyper-parameters of the optimizer that may have changed meanwhile: a
    /// smaller learning rate, say.
    ///
    /// # Errors
    /// As for [`resume`](Self::resume), but for the hyper-parameters.
    pub fn resume_changed(&mut self, snapshot: &Snapshot<'_>) -> Result<(), SnapshotError> {
        snapshot.expect(&N::INFO)?;
        let training = snapshot.training_with(Told::of(&self.training).name)?;
        let states = self.training.optimizer.states();
        let (expected, found) = (states * Sizing::<N, L, F>::TRAINED, training.state.len());
        if expected != found {
            return Err(SnapshotError::Length { expected: found, found: expected });
        }
        let best = snapshot.section(names::BEST).and_then(|section| section.numbers());
        let best = best.filter(|best| best.len() == N::PARAMETERS);
        let state = State::read(snapshot, training.progress)?;
        // Everything is known to fit; from here on nothing fails.
        snapshot.parameters().copy_into(self.model_mut().parameters_mut())?;
        let mut rest: Numbers<'_> = training.state;
        for index in 0..states {
            let Some((numbers, others)) = rest.split_at(Sizing::<N, L, F>::TRAINED) else { break };
            numbers.copy_into(self.optimizer_state_mut(index))?;
            rest = others;
        }
        self.state = state;
        match best {
            Some(best) => self.copy_best(|_, kept| best.copy_into(kept))?,
            // It was saved by a training without patience: the model is the best that is known.
            None => self.copy_best(|model, kept| {
                kept.copy_from_slice(model);
                Ok(())
            })?,
        }
        Ok(())
    }
}

/// The best parameters, and as many sections of the caller's own.
const SECTIONS: usize = 8;
