//! Training and testing.

use std::time::{Duration, Instant};

use kernlet::{
    data::metrics::argmax,
    nn::{Batching, Event, HeapMemory, Metrics, Model, OwnedTrainer, Training, infer, inference_len},
    optim::{Adam, CosineDecay, Scheduled},
    simd::Level,
};

use crate::{
    args::Args,
    network::{CLASSES, COEFFICIENTS, Digits, ROWS},
    sounds::Set,
};

/// Recordings that pass through the network at a time.
const BATCH: usize = 50;

/// What a training came to.
pub struct Outcome {
    pub model: Box<Model<Digits>>,
    /// Metrics of training and of testing, for each epoch.
    pub epochs: Vec<[Metrics; 2]>,
    pub test: Metrics,
    /// Of training alone.
    pub time: Duration,
}

/// Trains, and tests after each epoch; `each` is told of both.
pub fn train(
    learnt: &Set<'_>,
    tested: &Set<'_>,
    args: &Args,
    mut each: impl FnMut(u32, &[Metrics; 2]) -> Result<(), String>,
) -> Result<Outcome, String> {
    let batch = usize::from(args.batch);
    let steps = args.epochs * learnt.sounds.len().div_ceil(batch) as u32;
    let config: Training<Digits, Scheduled<Adam, CosineDecay>> = Training::new(Adam::new(0.004))
        .schedule(CosineDecay::new(steps))
        .batch(batch)
        .threads(args.threads())
        .epochs(args.epochs)
        .seed(args.seed);
    let mut trainer = config.build().map_err(|error| error.to_string())?;
    let (mut done, mut outcome, start) = (Vec::new(), Ok(()), Instant::now());
    trainer
        .fit_validated(learnt, tested, |_: &OwnedTrainer<_, _>, event| {
            if let Event::Epoch { epoch, training, validation: Some(validation), .. } = *event {
                done.push([training, validation]);
                outcome = each(epoch + 1, &[training, validation]);
            }
            outcome.is_ok()
        })
        .map_err(|error| error.to_string())?;
    outcome?;
    let test = trainer.evaluate_samples(tested).map_err(|error| error.to_string())?;
    Ok(Outcome { model: trainer.into_parts().0, epochs: done, test, time: start.elapsed() })
}

/// What the network said of one recording.
pub struct Guess {
    /// Which of those that were tested.
    pub index: usize,
    pub label: usize,
    pub digit: usize,
    /// Its probability for each digit.
    pub probabilities: [f32; CLASSES],
}

/// What the network says of each recording, from inputs that lie one after the other.
pub fn guess(
    model: &Model<Digits>,
    tested: &Set<'_>,
    inputs: &[f32],
    threads: usize,
) -> Result<Vec<Guess>, kernlet::nn::Error> {
    let batching = Batching::of(BATCH).threads(threads);
    let mut memory = HeapMemory::zeroed(inference_len::<Digits>(batching));
    let mut guesses = Vec::with_capacity(tested.sounds.len());
    for inputs in inputs.chunks(BATCH * ROWS * COEFFICIENTS) {
        let mut outputs = vec![0.0; inputs.len() / (ROWS * COEFFICIENTS) * CLASSES];
        infer(Level::detect(), batching, model, inputs, &mut memory, &mut outputs)?;
        for probabilities in outputs.as_chunks::<CLASSES>().0 {
            let index = guesses.len();
            let label = usize::from(tested.sounds[index].digit);
            guesses.push(Guess { index, label, digit: argmax(probabilities), probabilities: *probabilities });
        }
    }
    Ok(guesses)
}
