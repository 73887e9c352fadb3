//! Trains the network of the Keras MNIST example, or a small one, on handwritten digits.
//!
//! `cargo run --example mnist` learns the digits in `examples/data`; `-- --help` says what else it can do.

mod args;
mod cluster;
#[path = "../shared/course.rs"]
mod course;
mod digits;
#[path = "../shared/files.rs"]
mod files;
mod network;
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

use std::{process::ExitCode, thread};

use kernlet::{
    nn::Network,
    optim::{Adadelta, Adagrad, Adam, AdamW, RmsProp, Sgd},
    shape::Shape,
    simd::Level,
    snapshot::{self, Described, fingerprint},
};

use crate::{
    args::{Args, NetworkName, OptimizerName},
    course::Course,
    network::{MnistCnn, SmallCnn},
    pictures::Pictures,
    terminal::say,
};

fn main() -> ExitCode {
    let args = match course::read::<Args>() {
        Ok(args) => args,
        Err(status) => return ExitCode::from(status),
    };
    match pool::install(args.threads(), || run(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    let level = args.level()?;
    if args.worker {
        return match args.network {
            NetworkName::Keras => cluster::serve::<MnistCnn>(args, level),
            NetworkName::Small => cluster::serve::<SmallCnn>(args, level),
        };
    }
    // Before minutes of work, not after.
    for path in [&args.save, &args.weights, &args.quantize, &args.quantize_check, &args.json, &args.report]
        .into_iter()
        .flatten()
    {
        files::check_place(path)?;
    }
    let course = args.course();
    train::check_formats(&course)?;
    let folder = args.data.clone().unwrap_or_else(digits::bundled);
    let (training, test) = digits::load(&folder)?;
    if let Some(path) = &args.records {
        return cluster::write_records(path, &training);
    }
    if args.driver.is_some() {
        return match args.network {
            NetworkName::Keras => drive::<MnistCnn>(args, &course, level, &training, &test),
            NetworkName::Small => drive::<SmallCnn>(args, &course, level, &training, &test),
        };
    }
    say!(
        "{} training images, {} test images; {level}, {}",
        terminal::grouped(training.len()),
        terminal::grouped(test.len()),
        terminal::count(args.threads(), "thread"),
    );
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    if cfg!(not(feature = "rayon")) && args.threads.unwrap_or(cores) > 1 {
        say!("This build has one thread; with --features rayon it uses all cores, for the same result.");
    }

    match args.network {
        NetworkName::Keras => learn::<MnistCnn>(args, &course, level, &training, &test),
        NetworkName::Small => learn::<SmallCnn>(args, &course, level, &training, &test),
    }
}

/// A finite number to 8 significant bits, ties to even: the 16 last bits are 0, and cost nothing once compressed.
fn rounded(x: f32) -> f32 {
    let bits = x.to_bits();
    f32::from_bits(bits.wrapping_add(0x7FFF + (bits >> 16 & 1)) & 0xFFFF_0000)
}

/// Calls a function with the optimizer that is asked for: each is a type of its own.
macro_rules! with_optimizer {
    ($args:expr, |$optimizer:ident| $call:expr) => {{
        let rate = $args.rate();
        macro_rules! call {
            ($made:expr) => {{
                let $optimizer = $made;
                $call
            }};
        }
        match $args.optimizer {
            OptimizerName::Adadelta => call!(Adadelta::new(rate)),
            OptimizerName::Adagrad => call!(Adagrad::new(rate)),
            OptimizerName::Adam => call!(Adam::new(rate)),
            OptimizerName::Adamw => call!(AdamW::new(rate)),
            OptimizerName::Rmsprop => call!(<RmsProp>::new(rate)),
            OptimizerName::Sgd => call!(<Sgd>::new(rate)),
            OptimizerName::Momentum => call!(<Sgd>::new(rate).with_momentum(0.9)),
        }
    }};
}

/// Trains a network on the workers of an engine.
fn drive<N: Network<Parameters: Send + Sync> + Described>(
    args: &Args,
    course: &Course,
    level: Level,
    training: &Pictures,
    test: &Pictures,
) -> Result<(), String> {
    with_optimizer!(args, |optimizer| cluster::drive::<N, _>(args, course, level, optimizer, training, test))
}

/// Trains a network, and writes what is asked for.
fn learn<N: Network<Input: Shape<Scalar = f32>, Parameters: Send + Sync> + Described>(
    args: &Args,
    course: &Course,
    level: Level,
    training: &Pictures,
    test: &Pictures,
) -> Result<(), String> {
    let outcome = with_optimizer!(args, |optimizer| train::run::<N, _>(course, level, optimizer, training, test))?;

    say!("Test loss: {:.4}", outcome.test.loss);
    say!("Test accuracy: {:.4}", outcome.test.accuracy());
    say!("Parameters fingerprint: {:016x}", fingerprint(outcome.model.parameters()));
    if let Some(path) = &args.weights {
        let rounded: Vec<f32> = outcome.model.parameters().iter().map(|&x| rounded(x)).collect();
        let saved = snapshot::save(path, &N::INFO, &rounded, None);
        saved.map_err(|error| format!("{}: {error}", path.display()))?;
    }
    #[cfg(feature = "int8")]
    let cost = match &args.quantize {
        Some(path) => {
            let check = args.quantize_check.as_deref();
            Some(quantized::write(path, check, level, course.threads, &outcome.model, training, test)?)
        }
        None => None,
    };
    #[cfg(not(feature = "int8"))]
    let cost = None;
    if let Some(path) = &args.json {
        summary::write(path, course, level, &outcome)?;
    }
    if let Some(path) = &args.report {
        report::write(path, course, level, &outcome, cost.as_ref(), training, test)?;
    }
    Ok(())
}
