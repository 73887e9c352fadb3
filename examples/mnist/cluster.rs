//! The same training on the workers of an engine: see `examples/spark`.

use std::{io, path::Path};

use kernlet::{
    cluster::{Driver, Event, Worker},
    data::{augment::Augment, normalise},
    nn::{Error, Metrics, Network, OwnedTrainer, Training},
    optim::Optimizer,
    simd::Level,
    snapshot::{Described, fingerprint, replace_file},
};

use crate::{args::Args, course::Course, network::SIDE, pictures::Pictures, terminal::count, train};

/// Numbers of an image.
const IMAGE_LEN: usize = SIDE * SIDE;

/// Bytes of an image and its label.
const RECORD: usize = IMAGE_LEN + 1;

/// Writes every training image and its label, one record after the other.
pub fn write_records(path: &Path, digits: &Pictures) -> Result<(), String> {
    let written = replace_file(path, |file| {
        (0..digits.len()).try_for_each(|index| {
            file.write_all(digits.image(index))?;
            file.write_all(&digits.labels[index..=index])
        })
    });
    written.map_err(|error| format!("{}: {error}", path.display()))
}

/// Computes gradients for a driver at standard input and output, until it is gone.
pub fn serve<N: Network>(args: &Args, level: Level) -> Result<(), String> {
    let augment = args.augment();
    let worker = Worker::<N>::new(RECORD, move |draw, record, input, targets| {
        let missing = Error::Sample { index: draw.index };
        let (label, pixels) = record.split_last().ok_or(missing)?;
        targets.fill(*label);
        let Some(epoch) = draw.epoch.filter(|_| augment) else {
            return Ok(normalise::unit_into(pixels, input)?);
        };
        let mut plain = [0.0; IMAGE_LEN];
        normalise::unit_into(pixels, &mut plain)?;
        Ok(Augment::DIGITS.image_into(&plain, [SIDE, SIDE, 1], draw.seed, epoch, draw.index as u32, input)?)
    });
    let worker = worker.level(level).budget(args.budget.unwrap_or(usize::MAX));
    worker.serve(io::stdin().lock(), io::stdout().lock()).map_err(|error| error.to_string())
}

/// Drives workers through standard output and input until training is done.
pub fn drive<N: Network<Parameters: Send + Sync> + Described, O: Optimizer>(
    args: &Args,
    course: &Course,
    level: Level,
    optimizer: O,
    training: &Pictures,
    test: &Pictures,
) -> Result<(), String> {
    let epochs = match (args.epochs, args.options.steps) {
        (None, Some(_)) => 0,
        (epochs, _) => epochs.unwrap_or(10),
    };
    let training_of: Training<N, O> =
        Training::new(optimizer).batch(args.batch()).threads(args.options.threads()).level(level).epochs(epochs);
    let trainer = train::begin(course, training_of, training.len())?;
    let partitions = args.driver.unwrap_or(1);
    let mut driver = Driver::new(trainer, RECORD, training.len(), partitions).map_err(|error| error.to_string())?;
    let mut batch = train::Batch::new(args.batch(), IMAGE_LEN);
    let steps = args.options.steps.unwrap_or(u32::MAX);
    let mut rest = |trainer: &mut OwnedTrainer<N, O>, metrics: Metrics, is_last, told: &mut String| {
        let found = train::evaluate(trainer, test, &mut batch)?;
        *told += &format!("  loss {:.4}  accuracy {:.4}", metrics.loss, metrics.accuracy());
        *told += &format!("  validation loss {:.4}  accuracy {:.4}", found.loss, found.accuracy());
        if is_last {
            *told += &format!("\nTest loss: {:.4}\nTest accuracy: {:.4}", found.loss, found.accuracy());
            *told += &format!("\nParameters fingerprint: {:016x}", fingerprint(trainer.model().parameters()));
        }
        if !metrics.loss.is_finite() {
            return Err(format!("the loss is {}: a smaller --lr may help", metrics.loss));
        }
        args.options.save.as_deref().map_or(Ok(()), |path| train::save(path, trainer))
    };
    let run = driver.run(io::stdin().lock(), io::stdout().lock(), |trainer, event, told| {
        let last_step = trainer.step_count() >= steps;
        match event {
            Event::Start => {
                *told = format!("{} in {}; {level}", N::NAME, count(partitions, "partition"));
                let progress = trainer.progress();
                if last_step || (epochs > 0 && progress.epoch >= epochs.into()) {
                    *told += &format!("\n{}", train::nothing_left(&progress));
                    args.options.save.as_deref().map_or(Ok(()), |path| train::save(path, trainer))?;
                }
                return Ok(!last_step);
            }
            // The end of an epoch is told below.
            Event::Step { epoch, .. } if last_step && trainer.progress().position > 0 => {
                *told = count(steps as usize, "step");
                rest(trainer, epoch, true, told)?;
            }
            Event::Epoch { epoch, training } => {
                *told = format!("epoch {:>2}", epoch + 1);
                let is_last = last_step || epoch + 1 == u64::from(epochs);
                rest(trainer, training, is_last, told)?;
            }
            _ => return Ok(true),
        }
        Ok(!last_step)
    });
    run.map_err(|error| error.to_string())
}
