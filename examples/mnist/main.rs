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

use kernlet::{
    nn::Network,
    optim::{Adadelta, Adagrad, Adam, AdamW, RmsProp, Sgd},
    shape::Shape,
    simd::Level,
    snapshot::{self, Described},
};

use crate::{
    args::{Args, NetworkName, OptimizerName},
    course::Course,
    network::{MnistCnn, MnistWinogradCnn, SmallCnn},
    pictures::Pictures,
};

/// Calls a function with the network that is asked for: each is a type of its own.
macro_rules! with_network {
    ($args:expr, |$network:ident| $call:expr) => {{
        macro_rules! call {
            ($type:ty) => {{
                type $network = $type;
                $call
            }};
        }
        match ($args.network, $args.winograd) {
            (NetworkName::Keras, false) => call!(MnistCnn),
            (NetworkName::Keras, true) => call!(MnistWinogradCnn),
            (NetworkName::Small, false) => call!(SmallCnn),
            (NetworkName::Small, true) => {
                Err("--winograd: the small network has no convolution for it, expected --network keras".to_owned())
            }
        }
    }};
}

fn main() -> ExitCode {
    let args = match course::read::<Args>() {
        Ok(args) => args,
        Err(status) => return ExitCode::from(status),
    };
    match pool::install(args.options.threads(), || run(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    let level = args.options.level()?;
    if args.worker {
        return with_network!(args, |N| cluster::serve::<N>(args, level));
    }
    // Before minutes of work, not after.
    files::check_places(args.options.outputs().chain(args.weights.as_deref()).chain(args.records.as_deref()))?;
    let course = args.course();
    train::check_formats(&course)?;
    let folder = args.data.clone().unwrap_or_else(digits::bundled);
    let (training, test) = digits::load(&folder)?;
    if let Some(path) = &args.records {
        return cluster::write_records(path, &training);
    }
    if args.driver.is_some() {
        return with_network!(args, |N| drive::<N>(args, &course, level, &training, &test));
    }
    outcome::announce(&course, level, &training, &test);
    with_network!(args, |N| learn::<N>(args, &course, level, &training, &test))
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

    if let Some(path) = &args.weights {
        let rounded: Vec<f32> = outcome.model.parameters().iter().map(|&x| rounded(x)).collect();
        let saved = snapshot::save(path, &N::INFO, &rounded, None);
        saved.map_err(|error| format!("{}: {error}", path.display()))?;
    }
    outcome::write(course, level, &outcome, training, test)
}
