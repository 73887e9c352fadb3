//! The figures of a run for machines.

use std::{path::Path, time::Duration};

use kernlet::{
    nn::{Metrics, Network},
    simd::Level,
    snapshot::{fingerprint, replace_file},
};
use serde_json::json;

use crate::{course::Course, terminal::rate, train::Outcome};

/// Writes the JSON file.
pub fn write<N: Network>(path: &Path, course: &Course, level: Level, outcome: &Outcome<N>) -> Result<(), String> {
    let epochs: Vec<_> = outcome
        .epochs
        .iter()
        .map(|epoch| {
            json!({
                "epoch": epoch.number,
                "loss": epoch.training.loss,
                "accuracy": epoch.training.accuracy(),
                "validation_loss": epoch.validation.loss,
                "validation_accuracy": epoch.validation.accuracy(),
                "seconds": epoch.time.as_secs_f64(),
                "images_per_second": rate(epoch.training.samples, epoch.time),
            })
        })
        .collect();
    let figures = json!({
        "test_loss": outcome.test.loss,
        "test_accuracy": outcome.test.accuracy(),
        "fingerprint": format!("{:016x}", fingerprint(outcome.model.parameters())),
        "step_ms_median": median_ms(&outcome.step_times),
        "images_per_second": images_per_second(outcome),
        "steps": outcome.step_times.len(),
        "batch": course.batch,
        "optimizer": course.optimizer,
        "lr": course.rate,
        "augment": course.augment,
        "level": level.instruction_set().name(),
        "rounding": level.rounding().name(),
        "threads": course.threads(),
        "map_reduce": course.map_reduce,
        "seed": outcome.seed,
        "network": course.network,
        "parameters": N::PARAMETERS,
        "epochs": epochs,
    });
    replace_file(path, |file| writeln!(file, "{figures:#}")).map_err(|error| format!("{}: {error}", path.display()))
}

/// The median of some times in milliseconds, `None` without any.
pub fn median_ms(times: &[Duration]) -> Option<f64> {
    let mut times = times.to_vec();
    times.sort_unstable();
    let (low, high) = (times.get(times.len().checked_sub(1)? / 2)?, times.get(times.len() / 2)?);
    Some(500.0 * (low.as_secs_f64() + high.as_secs_f64()))
}

/// Training images a second, over all epochs of the run.
pub fn images_per_second<N: Network>(outcome: &Outcome<N>) -> f64 {
    let mut total = Metrics::default();
    outcome.epochs.iter().for_each(|epoch| total.add(&epoch.training));
    rate(total.samples, outcome.epochs.iter().map(|epoch| epoch.time).sum())
}
