//! The training loop: forward, error, backward, update, until the epochs are done.

use std::{
    path::Path,
    time::{Duration, Instant},
};

#[cfg(feature = "safetensors")]
use kernlet::snapshot;
use kernlet::{
    data::batches::{epoch_order, gather_into},
    nn::{Metrics, Model, Network, OwnedTrainer, Training},
    optim::Optimizer,
    parallel,
    shape::Shape,
    simd::Level,
    snapshot::{Described, Progress, Snapshot},
};

use crate::{course::Course, pictures::Pictures, shards::Shards, terminal};

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
    image_len: usize,
    images: Vec<f32>,
    labels: Vec<u8>,
}

impl Batch {
    /// Room for `len` images of so many numbers.
    pub fn new(len: usize, image_len: usize) -> Self {
        Self { image_len, images: vec![0.0; len * image_len], labels: vec![0; len] }
    }

    /// Fetches the images that `indices` names.
    fn fill(
        &mut self,
        pictures: &Pictures,
        indices: &[u32],
        change: Option<(u64, u32)>,
        threads: usize,
    ) -> Result<(), String> {
        let (len, image_len) = (indices.len(), self.image_len);
        gather_into(&pictures.labels, 1, indices, &mut self.labels[..len]).map_err(|error| error.to_string())?;
        let images = &mut self.images[..len * image_len];
        parallel::for_rows(threads, len, images, &|rows, part: &mut [f32]| {
            let mut plain = Vec::new();
            for (index, image) in indices[rows].iter().zip(part.chunks_exact_mut(image_len)) {
                match change {
                    Some(change) => pictures.changed_into(*index, change, &mut plain, image)?,
                    None => pictures.read_into(*index as usize, image)?,
                }
            }
            Ok(())
        })
        .map_err(|error: kernlet::kernels::ShapeError| error.to_string())
    }
}

/// A trainer at its beginning, or where the file left it that is to be resumed.
pub fn begin<N: Network + Described, O: Optimizer>(
    course: &Course,
    training: Training<N, O>,
    images: usize,
) -> Result<OwnedTrainer<N, O>, String> {
    let mut model = Model::<N>::zeroed_box();
    let resumed = match course.options.resume.as_deref() {
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
            if course.options.seed.is_some_and(|seed| seed != found) {
                return Err(format!("{}: trained with seed {found}, not the one asked for", path.display()));
            }
            found
        }
        None => course.options.seed.unwrap_or(1),
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

/// Trains as `course` says.
pub fn run<N: Network<Input: Shape<Scalar = f32>, Parameters: Send + Sync> + Described, O: Optimizer>(
    course: &Course,
    level: Level,
    optimizer: O,
    training: &Pictures,
    test: &Pictures,
) -> Result<Outcome<N>, String> {
    let threads = course.threads();
    let last_epoch = match (course.epochs, course.options.steps) {
        (None, Some(_)) => None,
        (epochs, _) => Some(epochs.unwrap_or(10)),
    };
    let aware_epochs = course.options.quantize_aware;
    if aware_epochs > last_epoch.unwrap_or(0) {
        let found = last_epoch.map_or("no --epochs".to_owned(), |last| format!("--epochs {last}"));
        return Err(format!("--quantize-aware {aware_epochs}: expected as many epochs or more, found {found}"));
    }
    let training_of: Training<N, O> = Training::new(optimizer).batch(course.batch).threads(threads).level(level);
    let bytes = training_of.training_bytes();
    terminal::print_network::<N>(
        course.optimizer,
        course.batch,
        bytes + course.map_reduce.map_or(0, Shards::<N>::bytes),
    );

    let mut trainer = begin(course, training_of, training.len())?;
    let mut progress = trainer.progress();
    let seed = progress.seed;
    let steps_left = |progress: &Progress| course.options.steps.is_none_or(|steps| progress.step < u64::from(steps));
    let mut shards = match course.map_reduce {
        Some(count) => Some(Shards::new(count, level, threads, seed)?),
        None => None,
    };
    #[cfg(feature = "int8")]
    let mut aware = kernlet::quantize::Aware::<N>::new();
    let mut batch = Batch::new(course.batch, training.image_len());
    let mut order = vec![0; training.len()];
    let (mut epochs, mut step_times) = (Vec::<Epoch>::new(), Vec::new());
    let mut test_metrics = None;
    while last_epoch.is_none_or(|last| progress.epoch < u64::from(last)) && steps_left(&progress) {
        let epoch = u32::try_from(progress.epoch).map_err(|_| "too many epochs".to_owned())?;
        epoch_order(seed, epoch, &mut order);
        let bar = terminal::Progress::new(epoch + 1, training.len(), progress.position as usize);
        let mut metrics = Metrics::default();
        let start = Instant::now();
        // The last epochs learn what eight bits do to them.
        let for_integers = aware_epochs > 0 && last_epoch.is_some_and(|last| epoch >= last - aware_epochs);
        #[cfg(feature = "int8")]
        if for_integers {
            let samples = crate::quantized::spread(training)?;
            aware.observe(level, trainer.model(), &samples).map_err(|error| error.to_string())?;
        }
        for indices in order[progress.position as usize..].chunks(course.batch) {
            if !steps_left(&progress) {
                break;
            }
            batch.fill(training, indices, course.augment.then_some((seed, epoch)), threads)?;
            let step_start = Instant::now();
            let (images, labels) = (&batch.images[..indices.len() * batch.image_len], &batch.labels[..indices.len()]);
            let step = match &mut shards {
                Some(shards) => shards.step(&mut trainer, images, labels)?,
                #[cfg(feature = "int8")]
                None if for_integers => aware.step(&mut trainer, images, labels).map_err(|error| error.to_string())?,
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
        if let Some(path) = &course.options.save {
            trainer.set_progress(progress);
            save(path, &trainer)?;
        }
        if course.target_loss.is_some_and(|target| metrics.loss <= target) && progress.position == 0 {
            terminal::say!("The training loss is at most {}: done.", course.target_loss.unwrap_or_default());
            break;
        }
    }
    if epochs.is_empty() {
        terminal::say!("{}", nothing_left(&progress));
    }
    let test = match test_metrics {
        Some(metrics) => metrics,
        None => evaluate(&mut trainer, test, &mut batch)?,
    };
    if let (Some(path), true) = (&course.options.save, epochs.is_empty()) {
        trainer.set_progress(progress);
        save(path, &trainer)?;
    }
    let (model, _) = trainer.into_parts();
    Ok(Outcome { model, test, epochs, step_times, seed })
}

/// What is said if all that is asked for has been done before.
pub fn nothing_left(progress: &Progress) -> String {
    let [epochs, steps] =
        [(progress.epoch, "epoch"), (progress.step, "step")].map(|(n, noun)| terminal::count(n as usize, noun));
    format!("Nothing left to learn: {epochs} and {steps} are done, --epochs or --steps asks for no more.")
}

/// Loss and accuracy over all of `pictures`.
pub fn evaluate<N: Network, O: Optimizer>(
    trainer: &mut OwnedTrainer<N, O>,
    pictures: &Pictures,
    batch: &mut Batch,
) -> Result<Metrics, String> {
    let mut total = Metrics::default();
    let order: Vec<u32> = (0..pictures.len() as u32).collect();
    for indices in order.chunks(batch.labels.len()) {
        batch.fill(pictures, indices, None, 1)?;
        let images = &batch.images[..indices.len() * batch.image_len];
        let labels = &batch.labels[..indices.len()];
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
pub fn check_formats(course: &Course) -> Result<(), String> {
    if cfg!(not(feature = "int8")) && (course.options.quantize.is_some() || course.options.quantize_aware > 0) {
        return Err("--quantize: needs a build with --features int8".to_owned());
    }
    match [&course.options.save, &course.options.resume].into_iter().flatten().find(|path| is_safetensors(path)) {
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
