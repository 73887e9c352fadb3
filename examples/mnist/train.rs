//! The training loop: forward, error, backward, update, until the epochs are done.

use std::{
    path::Path,
    time::{Duration, Instant},
};

#[cfg(feature = "safetensors")]
use kernlet::snapshot;
use kernlet::{
    data::{
        augment::Augment,
        batches::{epoch_order, gather_into},
        normalise,
    },
    nn::{Metrics, Model, Network, OwnedTrainer, Training},
    optim::Optimizer,
    parallel,
    simd::Level,
    snapshot::{Described, Progress, Snapshot},
};

use crate::{
    args::Args,
    digits::Digits,
    network::{IMAGE_LEN, SIDE},
    shards::Shards,
    terminal,
};

/// The figures of one epoch, or of the part of it that was done.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    /// Counted from 1.
    pub number: u32,
    /// Over the batches as they were learnt, with dropout.
    pub training: Metrics,
    /// Over all test images, after the epoch.
    pub validation: Metrics,
    /// Of training alone.
    pub time: Duration,
}

/// What a run ends with.
pub struct Outcome<N: Network> {
    /// The trained network.
    pub model: Box<Model<N>>,
    /// Loss and accuracy over all test images at the end.
    pub test: Metrics,
    /// Each epoch of this run.
    pub epochs: Vec<Epoch>,
    /// How long each step took.
    pub step_times: Vec<Duration>,
    /// The seed that was used.
    pub seed: u64,
}

/// One batch on its way into the network.
pub struct Batch {
    bytes: Vec<u8>,
    plain: Vec<f32>,
    images: Vec<f32>,
    labels: Vec<u8>,
}

impl Batch {
    /// Room for `len` images.
    pub fn new(len: usize) -> Self {
        let images = vec![0.0; len * IMAGE_LEN];
        Self { bytes: vec![0; len * IMAGE_LEN], plain: images.clone(), images, labels: vec![0; len] }
    }

    /// Fetches the images that `indices` names.
    fn fill(
        &mut self,
        digits: &Digits,
        indices: &[u32],
        change: Option<(u64, u32)>,
        threads: usize,
    ) -> Result<(), String> {
        let len = indices.len();
        let (bytes, labels) = (&mut self.bytes[..len * IMAGE_LEN], &mut self.labels[..len]);
        gather_into(&digits.pixels, IMAGE_LEN, indices, bytes).map_err(|error| error.to_string())?;
        gather_into(&digits.labels, 1, indices, labels).map_err(|error| error.to_string())?;
        let images = &mut self.images[..len * IMAGE_LEN];
        let Some((seed, epoch)) = change else {
            return normalise::unit_into(bytes, images).map_err(|error| error.to_string());
        };
        let plain = &mut self.plain[..len * IMAGE_LEN];
        normalise::unit_into(bytes, plain).map_err(|error| error.to_string())?;
        parallel::for_rows(threads, len, images, &|rows, part: &mut [f32]| {
            for (row, image) in rows.zip(part.chunks_exact_mut(IMAGE_LEN)) {
                let x = &plain[row * IMAGE_LEN..(row + 1) * IMAGE_LEN];
                Augment::DIGITS.image_into(x, [SIDE, SIDE, 1], seed, epoch, indices[row], image)?;
            }
            Ok(())
        })
        .map_err(|error: kernlet::kernels::ShapeError| error.to_string())
    }
}

/// A trainer at its beginning, or where the file left it that is to be resumed.
pub fn begin<N: Network + Described, O: Optimizer>(
    args: &Args,
    training: Training<N, O>,
    images: usize,
) -> Result<OwnedTrainer<N, O>, String> {
    let mut model = Model::<N>::zeroed_box();
    let resumed = match args.resume.as_deref() {
        Some(path) => Some((path, read(path)?)),
        None => None,
    };
    let file = match &resumed {
        Some((path, bytes)) => open(path, bytes, &mut model)?,
        None => None,
    };
    let seed = match &file {
        Some((path, snapshot)) => {
            let found = snapshot.training().map_err(|error| at(path, error))?.progress.seed;
            if args.seed.is_some_and(|seed| seed != found) {
                return Err(format!("{}: trained with seed {found}, not the one asked for", path.display()));
            }
            found
        }
        None => args.seed.unwrap_or(1),
    };
    if resumed.is_none() {
        model.initialize(seed);
    }

    let mut trainer = training.seed(seed).build_on(model).map_err(|error| error.to_string())?;
    if let Some((path, snapshot)) = &file {
        // Another learning rate is the user's choice.
        trainer.resume_changed(snapshot).map_err(|error| at(path, error))?;
        let seen = trainer.progress().position;
        if seen > images as u64 {
            return Err(format!("{}: stopped after {seen} images of an epoch, there are {images}", path.display()));
        }
    }
    Ok(trainer)
}

/// Trains as `args` says.
pub fn run<N: Network<Parameters: Send + Sync> + Described, O: Optimizer>(
    args: &Args,
    level: Level,
    optimizer: O,
    training: &Digits,
    test: &Digits,
) -> Result<Outcome<N>, String> {
    let threads = args.threads();
    let training_of: Training<N, O> = Training::new(optimizer).batch(args.batch()).threads(threads).level(level);
    let bytes = training_of.training_bytes();
    terminal::print_network::<N>(
        args.optimizer.name(),
        args.batch(),
        bytes + args.map_reduce.map_or(0, Shards::<N>::bytes),
    );

    let mut trainer = begin(args, training_of, training.len())?;
    let mut progress = trainer.progress();
    let seed = progress.seed;
    let last_epoch = match (args.epochs, args.steps) {
        (None, Some(_)) => None,
        (epochs, _) => Some(epochs.unwrap_or(10)),
    };
    let steps_left = |progress: &Progress| args.steps.is_none_or(|steps| progress.step < u64::from(steps));
    let mut shards = match args.map_reduce {
        Some(count) => Some(Shards::new(count, level, threads, seed)?),
        None => None,
    };
    let mut batch = Batch::new(args.batch());
    let mut order = vec![0; training.len()];
    let (mut epochs, mut step_times) = (Vec::<Epoch>::new(), Vec::new());
    let mut test_metrics = None;
    while last_epoch.is_none_or(|last| progress.epoch < u64::from(last)) && steps_left(&progress) {
        let epoch = u32::try_from(progress.epoch).map_err(|_| "too many epochs".to_owned())?;
        epoch_order(seed, epoch, &mut order);
        let bar = terminal::Progress::new(epoch + 1, training.len(), progress.position as usize);
        let mut metrics = Metrics::default();
        let start = Instant::now();
        for indices in order[progress.position as usize..].chunks(args.batch()) {
            if !steps_left(&progress) {
                break;
            }
            batch.fill(training, indices, args.augment().then_some((seed, epoch)), threads)?;
            let step_start = Instant::now();
            let (images, labels) = (&batch.images[..indices.len() * IMAGE_LEN], &batch.labels[..indices.len()]);
            let step = match &mut shards {
                Some(shards) => shards.step(&mut trainer, images, labels)?,
                None => trainer.step(images, labels).map_err(|error| error.to_string())?,
            };
            step_times.push(step_start.elapsed());
            metrics.add(&step);
            bar.step(indices.len(), metrics.loss);
            progress.step += 1;
            progress.position += indices.len() as u64;
        }
        let time = start.elapsed();
        bar.finish();
        if progress.position == training.len() as u64 {
            progress.position = 0;
            progress.epoch += 1;
        }
        let validation = evaluate(&mut trainer, test, &mut batch)?;
        test_metrics = Some(validation);
        let figures = Epoch { number: epoch + 1, training: metrics, validation, time };
        terminal::print_epoch(&figures, last_epoch);
        epochs.push(figures);
        if !metrics.loss.is_finite() {
            return Err(format!("the loss is {}: a smaller --lr may help", metrics.loss));
        }
        if let Some(path) = &args.save {
            trainer.set_progress(progress);
            save(path, &trainer)?;
        }
        if args.target_loss.is_some_and(|target| metrics.loss <= target) && progress.position == 0 {
            terminal::say!("The training loss is at most {}: done.", args.target_loss.unwrap_or_default());
            break;
        }
    }
    let test = match test_metrics {
        Some(metrics) => metrics,
        None => evaluate(&mut trainer, test, &mut batch)?,
    };
    if let (Some(path), true) = (&args.save, epochs.is_empty()) {
        trainer.set_progress(progress);
        save(path, &trainer)?;
    }
    let (model, _) = trainer.into_parts();
    Ok(Outcome { model, test, epochs, step_times, seed })
}

/// Loss and accuracy over all of `digits`.
pub fn evaluate<N: Network, O: Optimizer>(
    trainer: &mut OwnedTrainer<N, O>,
    digits: &Digits,
    batch: &mut Batch,
) -> Result<Metrics, String> {
    let mut total = Metrics::default();
    let room = batch.labels.len();
    for (bytes, labels) in digits.pixels.chunks(room * IMAGE_LEN).zip(digits.labels.chunks(room)) {
        let images = &mut batch.images[..bytes.len()];
        normalise::unit_into(bytes, images).map_err(|error| error.to_string())?;
        total.add(&trainer.evaluate(images, labels).map_err(|error| error.to_string())?);
    }
    Ok(total)
}

fn at(path: &Path, error: impl std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| at(path, error))
}

fn is_safetensors(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "safetensors")
}

/// Whether this build can read and write the files that are asked for.
pub fn check_formats(args: &Args) -> Result<(), String> {
    match [&args.save, &args.resume].into_iter().flatten().find(|path| is_safetensors(path)) {
        Some(path) if cfg!(not(feature = "safetensors")) => Err(at(path, "needs a build with --features safetensors")),
        _ => Ok(()),
    }
}

/// Takes the parameters of a file, and returns the snapshot if there is more in it.
fn open<'a, N: Network + Described>(
    path: &'a Path,
    bytes: &'a [u8],
    model: &mut Model<N>,
) -> Result<Option<(&'a Path, Snapshot<'a>)>, String> {
    #[cfg(feature = "safetensors")]
    if is_safetensors(path) {
        let info = &N::INFO;
        snapshot::safetensors::read_into(bytes, info, model.parameters_mut()).map_err(|error| at(path, error))?;
        return Ok(None);
    }
    let snapshot = Snapshot::open(bytes, &N::INFO).map_err(|error| at(path, error))?;
    snapshot.parameters().copy_into(model.parameters_mut()).map_err(|error| at(path, error))?;
    Ok(Some((path, snapshot)))
}

/// Writes the state of training to a file.
pub fn save<N: Network + Described, O: Optimizer>(path: &Path, trainer: &OwnedTrainer<N, O>) -> Result<(), String> {
    #[cfg(feature = "safetensors")]
    if is_safetensors(path) {
        let parameters = trainer.model().parameters();
        let bytes = snapshot::safetensors::to_bytes(&N::INFO, parameters).map_err(|error| at(path, error))?;
        return snapshot::replace_file(path, |file| file.write_all(&bytes)).map_err(|error| at(path, error));
    }
    trainer.save(path).map_err(|error| at(path, error))
}
