//! Trains ResNet-8 on CIFAR-10: shortcuts, batch normalisation, augmentation, a rate that falls by a cosine.
//!
//! `cargo run --example cifar10 -- --data DIR`; `-- --help` says what else it can do. What it shares with `mnist` is in
//! `examples/shared`.

mod args;
#[path = "../shared/course.rs"]
mod course;
mod data;
#[path = "../shared/files.rs"]
mod files;
mod network;
#[path = "../shared/numbers.rs"]
mod numbers;
#[path = "../shared/outcome.rs"]
mod outcome;
#[path = "../shared/page.rs"]
mod page;
#[path = "../shared/picture.rs"]
mod picture;
#[path = "../shared/pictures.rs"]
mod pictures;
#[path = "../shared/pool.rs"]
mod pool;
#[cfg(feature = "int8")]
#[path = "../shared/quantized.rs"]
mod quantized;
#[path = "../shared/report.rs"]
mod report;
#[path = "../shared/shards.rs"]
mod shards;
#[path = "../shared/summary.rs"]
mod summary;
#[path = "../shared/terminal.rs"]
mod terminal;
#[path = "../shared/train.rs"]
mod train;

use std::process::ExitCode;

use kernlet::optim::{Adam, CosineDecay, Scheduled};

use crate::{args::Args, course::Course, network::ResNet8};

fn main() -> ExitCode {
    let args = match course::read::<Args>() {
        Ok(args) => args,
        Err(status) => return ExitCode::from(status),
    };
    let course = args.course();
    match pool::install(course.threads(), || run(&args, &course)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args, course: &Course) -> Result<(), String> {
    let level = course.options.level()?;
    // Before minutes of work, not after.
    files::check_places(course.options.outputs())?;
    train::check_formats(course)?;
    let (training, test) = data::load(&args.data)?;
    outcome::announce(course, level, &training, &test);
    let steps = u64::from(args.epochs) * training.len().div_ceil(course.batch) as u64;
    let steps = u32::try_from(steps).map_err(|_| "too many epochs".to_owned())?;
    let optimizer = Scheduled::new(Adam::new(course.rate), CosineDecay::new(steps.max(1)));
    let outcome = train::run::<ResNet8, _>(course, level, optimizer, &training, &test)?;
    outcome::write(course, level, &outcome, &training, &test)
}
