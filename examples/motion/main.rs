//! Recognises movements from the accelerometer and the gyroscope of a watch, with a GRU and with convolutions, and at the
//! end while a recording is still going on.
//!
//! `cargo run --example motion` learns the 40 recordings in `examples/data` and tests with 40 others.

mod network;
#[path = "../shared/numbers.rs"]
mod numbers;
mod recordings;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, ValueEnum};
use kernlet::{
    data::{metrics::argmax, standardize::Standardizer},
    nn::{Event, Gradients, Model, Network, Stream, Training, stream_len},
    optim::Adam,
    shape::Shape,
    simd::Level,
    snapshot::fingerprint,
};

use crate::{
    network::{CHANNELS, Convolutional, Recurrent},
    numbers::at_least,
    recordings::Recordings,
};

/// Recognises standing, walking, running and badminton from a watch on the wrist.
#[derive(Parser, Debug)]
#[command(name = "motion", max_term_width = 100)]
struct Args {
    /// The network to train [default: one after the other]
    #[arg(long, value_enum)]
    network: Option<NetworkName>,

    /// How often all recordings are shown, 1 to 4294967295
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = at_least::<u32>(1))]
    epochs: u32,

    /// Seed of initial parameters, order and dropout, 0 to 18446744073709551615
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least::<u64>(0))]
    seed: u64,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum NetworkName {
    /// A GRU of 24 units
    Gru,
    /// Three convolutions over time
    Conv,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that has seen enough, like `head`, is not a reason to complain.
        Err(error) if error.is_empty() => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("motion: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    let (mut training, mut test) = (Recordings::read("train")?, Recordings::read("test")?);
    // Of the recordings that are learnt from alone: what is measured must not depend on what it is measured with.
    let standardizer = Standardizer::<CHANNELS>::fit(&training.numbers).map_err(|error| error.to_string())?;
    for recordings in [&mut training, &mut test] {
        standardizer.apply(&mut recordings.numbers).map_err(|error| error.to_string())?;
    }
    let (learnt, tested) = (training.labels.len(), test.labels.len());
    say(&format!("{learnt} recordings to learn from, {tested} to test with: {}\n", training.movements.join(", ")))?;
    if args.network != Some(NetworkName::Conv) {
        learn::<Recurrent>("GRU", args, &training, &test)?;
    }
    if args.network != Some(NetworkName::Gru) {
        learn::<Convolutional>("Convolutions", args, &training, &test)?;
    }
    Ok(())
}

/// Trains a network, tests it, and lets it follow a recording.
fn learn<N: Network<Input: Shape<Scalar = f32>>>(
    name: &str,
    args: &Args,
    training: &Recordings,
    test: &Recordings,
) -> Result<(), String> {
    let said = |error: kernlet::nn::Error| error.to_string();
    let bytes = size_of::<f32>() * stream_len::<N>();
    say(&format!("\n{name}: {} parameters; {bytes} bytes to follow a recording\n", N::PARAMETERS))?;
    let config: Training<N, Adam> =
        Training::new(Adam::new(0.005)).batch(8).gradients(Gradients::Clipped(1.0)).seed(args.seed).epochs(args.epochs);
    let mut trainer = config.build().map_err(said)?;
    let mut outcome = Ok(());
    let fitted = trainer.fit(training, |_, event| {
        if let Event::Epoch { epoch, training, .. } = event
            && (epoch + 1) % 10 == 0
        {
            outcome = say(&format!(
                "epoch {:2}/{}  loss {:.4}  accuracy {:.4}\n",
                epoch + 1,
                args.epochs,
                training.loss,
                training.accuracy()
            ));
        }
        outcome.is_ok()
    });
    outcome?;
    fitted.map_err(said)?;
    let metrics = trainer.evaluate(&test.numbers, &test.labels).map_err(said)?;
    say(&format!("Test accuracy: {:.4}\n", metrics.accuracy()))?;
    say(&format!("Parameters fingerprint: {:016x}\n", fingerprint(trainer.model().parameters())))?;
    follow(trainer.model(), test)
}

/// The network's answer after each step of a recording.
fn answers<N: Network>(model: &Model<N>, recording: &[f32]) -> Result<Vec<(usize, f32)>, kernlet::nn::Error> {
    let mut memory = vec![0.0; stream_len::<N>()];
    let mut stream = Stream::<N>::new(Level::detect(), model.parameters(), &mut memory)?;
    let mut answers = Vec::new();
    for step in recording.chunks_exact(CHANNELS) {
        if let Some(probabilities) = stream.step(step)? {
            let movement = argmax(probabilities);
            answers.push((movement, probabilities[movement]));
        }
    }
    Ok(answers)
}

/// Shows the answer as it changes, over the test recording in which it changes most.
fn follow<N: Network>(model: &Model<N>, test: &Recordings) -> Result<(), String> {
    let mut chosen = (0, Vec::new(), 0);
    for index in 0..test.labels.len() {
        let answers = answers(model, test.get(index)).map_err(|error| error.to_string())?;
        let changes = answers.windows(2).filter(|pair| pair[0].0 != pair[1].0).count();
        // Of those with as many changes the first.
        if index == 0 || changes > chosen.2 {
            chosen = (index, answers, changes);
        }
    }
    let (index, answers, _) = chosen;
    let movement = |index: usize| test.movements.get(index).map_or("", String::as_str);
    say(&format!("Test recording {index}, {}, step by step:\n", movement(test.labels[index].into())))?;
    let mut shown = None;
    for (step, (answer, probability)) in answers.iter().enumerate() {
        if shown != Some(answer) || step + 1 == answers.len() {
            say(&format!(
                "  after {:4.1} s  {:<10} {:5.1} %\n",
                (step + 1) as f32 / 10.0,
                movement(*answer),
                100.0 * probability
            ))?;
        }
        shown = Some(answer);
    }
    Ok(())
}

/// Writes to standard output; no message where its reader has gone.
fn say(text: &str) -> Result<(), String> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => String::new(),
        _ => format!("standard output: {error}"),
    })
}
