//! Learns spoken digits from recordings.
//!
//! `cargo run --release --example spoken -- --data DIR`; `-- --help` says what else it can do.

mod args;
#[path = "../shared/files.rs"]
mod files;
mod learn;
mod network;
#[path = "../shared/numbers.rs"]
mod numbers;
#[path = "../shared/page.rs"]
mod page;
#[path = "../shared/picture.rs"]
mod picture;
#[path = "../shared/pool.rs"]
mod pool;
mod report;
mod sounds;

use std::{io::Write, path::Path, process::ExitCode};

use clap::Parser;
use kernlet::{
    nn::{Metrics, stream_len},
    simd::Level,
    snapshot::{fingerprint, replace_file},
};
use serde_json::json;

use crate::{
    args::Args,
    learn::{Outcome, train},
    network::Digits,
    sounds::{Set, Sounds},
};

/// A speaker who was left out of training, and what became of it.
struct Speaker {
    name: String,
    test: Metrics,
    fingerprint: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match pool::install(args.threads(), || run(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("spoken: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    // Before minutes of work, not after.
    files::check_places([&args.json, &args.report].into_iter().filter_map(|path| path.as_deref()))?;
    let all = Sounds::read(&args.data)?;
    let learnt = Set::to_learn(&all, |sound| !sound.is_test)?;
    let tested = learnt.to_test(&all, |sound| sound.is_test)?;
    say(&format!(
        "{} recordings of {} speakers to learn from, {} to test with; {}\n{} parameters; {} bytes to follow a stream of rows\n",
        learnt.sounds.len(),
        all.speakers.len(),
        tested.sounds.len(),
        Level::detect(),
        Digits::PARAMETERS,
        size_of::<f32>() * stream_len::<Digits>(),
    ))?;
    let outcome = train(&learnt, &tested, args, |epoch, [training, test]| {
        say(&format!(
            "epoch {epoch:2}/{}  loss {:.4}  accuracy {:.4}  test loss {:.4}  accuracy {:.4}\n",
            args.epochs,
            training.loss,
            training.accuracy(),
            test.loss,
            test.accuracy(),
        ))
    })?;
    say(&format!("Test accuracy: {:.4}\n", outcome.test.accuracy()))?;
    say(&format!("Parameters fingerprint: {:016x}\n", fingerprint(outcome.model.parameters())))?;
    let left_out = if args.leave_one_out { leave_one_out(args, &all)? } else { Vec::new() };
    if let Some(path) = &args.report {
        let page = report::page(args, &outcome, &learnt, &tested, &left_out)?;
        write(path, &page)?;
    }
    if let Some(path) = &args.json {
        write(path, &figures(args, &outcome, &left_out))?;
    }
    Ok(())
}

/// Learns from all speakers but one, each in turn.
fn leave_one_out(args: &Args, all: &Sounds) -> Result<Vec<Speaker>, String> {
    let mut left_out = Vec::new();
    for (speaker, name) in all.speakers.iter().enumerate() {
        let learnt = Set::to_learn(all, |sound| sound.speaker != speaker)?;
        let tested = learnt.to_test(all, |sound| sound.speaker == speaker)?;
        let outcome = train(&learnt, &tested, args, |_, _| Ok(()))?;
        let (test, fingerprint) = (outcome.test, fingerprint(outcome.model.parameters()));
        say(&format!("Without {name}: {:.4} of {}, fingerprint {fingerprint:016x}\n", test.accuracy(), test.samples))?;
        left_out.push(Speaker { name: name.clone(), test, fingerprint });
    }
    say(&format!("Mean over speakers left out: {:.4}\n", mean(&left_out)))?;
    Ok(left_out)
}

fn mean(speakers: &[Speaker]) -> f32 {
    speakers.iter().map(|speaker| speaker.test.accuracy()).sum::<f32>() / speakers.len().max(1) as f32
}

fn figures(args: &Args, outcome: &Outcome, left_out: &[Speaker]) -> String {
    let speakers: Vec<_> = left_out
        .iter()
        .map(|Speaker { name, test, fingerprint }| {
            json!({ "speaker": name, "accuracy": test.accuracy(), "fingerprint": format!("{fingerprint:016x}") })
        })
        .collect();
    let figures = json!({
        "test_accuracy": outcome.test.accuracy(),
        "test_loss": outcome.test.loss,
        "fingerprint": format!("{:016x}", fingerprint(outcome.model.parameters())),
        "epochs": args.epochs,
        "batch": args.batch,
        "seed": args.seed,
        "threads": args.threads(),
        "training_seconds": outcome.time.as_secs_f64(),
        "parameters": Digits::PARAMETERS,
        "left_out": speakers,
        "left_out_mean": (!left_out.is_empty()).then(|| mean(left_out)),
    });
    format!("{figures:#}\n")
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    replace_file(path, |file| file.write_all(text.as_bytes())).map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes to standard output; a reader that has seen enough, like `head`, ends the program without a complaint.
fn say(text: &str) -> Result<(), String> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        outcome => outcome.map_err(|error| format!("standard output: {error}")),
    }
}
