//! What is in a `.tflite` file, how it runs here, and what a Cortex-M would need.
//!
//! `cargo run --release --example tflite -- MODEL [INPUT…]`; `--help` says more.

extern crate alloc;

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Parser;
use kernlet::{
    simd::Level,
    snapshot::replace_file,
    tflite::{Any, Model, Runner},
};

mod args;
mod facts;
mod input;
#[path = "../shared/numbers.rs"]
mod numbers;
mod table;

use args::Args;

/// The model that is taken where none is given.
const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tflite/digits.tflite");

fn main() {
    if let Err(error) = run(&Args::parse()) {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let path = args.model.clone().unwrap_or_else(|| PathBuf::from(OWN));
    let file = read(&path)?;
    let model = Model::parse(&file).map_err(|error| format!("{}: {error}", path.display()))?;
    let level = match &args.level {
        Some(name) => Level::all()
            .find(|level| !name.is_empty() && level.to_string().starts_with(name.as_str()))
            .ok_or_else(|| {
                let all: Vec<_> = Level::all().map(|level| level.to_string()).collect();
                format!("level {name:?}: this machine has {}", all.join("; "))
            })?,
        None => Level::detect(),
    };
    // What operators mean to each other is looked at when the memory is planned.
    let in_file = |error| format!("{}: {error}", path.display());
    let mut arena = vec![0; model.arena_bytes().map_err(in_file)?];
    let arena_bytes = arena.len();
    let mut runner = model.runner(level, &mut arena).map_err(in_file)?;
    if args.inputs.len() > runner.inputs() {
        return Err(format!("inputs of the model: {}, files for them: {}", runner.inputs(), args.inputs.len()).into());
    }
    for index in 0..runner.inputs() {
        input::write(&mut runner, index, args.inputs.get(index).map(PathBuf::as_path), args.signed)?;
    }
    let inputs = facts::inputs(&mut runner)?;
    let times = measure(&mut runner, &model, &inputs, args.runs)?;

    println!("{}: {} bytes, {level}", path.display(), file.len());
    print!("{}", table::ports(&runner)?);
    for index in args.inputs.len()..runner.inputs() {
        println!("input {index}: noise, since no file was given");
    }
    print!("{}", table::operators(&model, &times)?);
    print!("{}", table::needs(&model, arena_bytes)?);
    for index in 0..runner.outputs() {
        print!("{}", outputs(&runner, index, args.top)?);
    }
    if let Some(path) = &args.output {
        let outputs: Result<Vec<_>, _> = (0..runner.outputs()).map(|index| runner.output_bytes(index)).collect();
        let bytes = outputs?.concat();
        replace_file(path, |file| file.write_all(&bytes)).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The shortest time of each operator, in several runs of a model on the same inputs.
fn measure(
    runner: &mut Runner<'_, Any>,
    model: &Model<'_>,
    inputs: &[Vec<u8>],
    runs: usize,
) -> Result<Vec<Duration>, kernlet::tflite::Error> {
    let mut best = vec![Duration::MAX; model.operators()];
    for _ in 0..runs {
        let mut times = vec![Duration::ZERO; model.operators()];
        let mut last = Instant::now();
        facts::run(runner, inputs, |operator| {
            let now = Instant::now();
            times[operator] += now - last;
            last = now;
        })?;
        for (best, time) in best.iter_mut().zip(times) {
            *best = time.min(*best);
        }
    }
    Ok(best)
}

/// The largest numbers of an output.
fn outputs(runner: &Runner<'_, Any>, index: usize, top: usize) -> Result<String, kernlet::tflite::Error> {
    let port = runner.output_port(index)?;
    let numbers = facts::output(runner, index)?;
    if numbers.is_empty() {
        return Ok(format!("output {index}: {} of {}, without numbers\n", port.dims, port.kind));
    }
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by(|&a, &b| numbers[b].total_cmp(&numbers[a]));
    let shown: Vec<String> = order.iter().take(top).map(|&i| format!("{i}: {:.3}", numbers[i])).collect();
    Ok(format!("output {index}, the largest of {}: {}\n", numbers.len(), shown.join(", ")))
}
