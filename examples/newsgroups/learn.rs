//! Training, testing, and asking the network what it goes by.

use kernlet::{
    data::{batches::epoch_order, metrics::argmax},
    nn::{Batching, HeapMemory, Model, Training, infer, inference_len, saliency, saliency_len},
    optim::Adam,
    simd::Level,
};

use crate::{
    features::Row,
    network::{MOST_GROUPS, Reader, VOCABULARY},
};

/// Posts of a step.
const BATCH: usize = 32;

/// Of the epochs, the part whose parameters are averaged: the last ones differ by chance alone, and their mean
/// is better than most of them (Polyak, Juditsky: *Acceleration of stochastic approximation by averaging*, 1992).
const AVERAGED: f32 = 0.6;

/// Some rows as a batch; returns how many there are.
fn fill<'r>(rows: impl Iterator<Item = &'r Row>, batch: &mut [f32]) -> usize {
    batch.fill(0.0);
    rows.zip(batch.chunks_exact_mut(VOCABULARY))
        .map(|(row, numbers)| row.iter().for_each(|&(word, weight)| numbers[word as usize] = weight))
        .count()
}

/// Trains a network; `epoch` is told the number and the mean loss of each epoch.
pub fn train(
    level: Level,
    rows: &[Row],
    groups: &[u8],
    epochs: u32,
    seed: u64,
    threads: usize,
    mut epoch: impl FnMut(u32, f32),
) -> Result<Box<Model<Reader>>, kernlet::nn::Error> {
    const TRAINING: Training<Reader, Adam> = Training::new(Adam::new(0.002)).batch(BATCH);
    let mut trainer = TRAINING.threads(threads).seed(seed).level(level).build()?;

    let mut order: Vec<u32> = (0..rows.len() as u32).collect();
    let mut batch = vec![0.0; BATCH * VOCABULARY];
    let averaged = ((epochs as f32 * AVERAGED) as u32).max(1);
    let mut mean = vec![0.0; Reader::PARAMETERS];
    for number in 0..epochs {
        epoch_order(seed, number, &mut order);
        let mut loss = 0.0;
        for part in order.chunks(BATCH) {
            let count = fill(part.iter().map(|&post| &rows[post as usize]), &mut batch);
            let targets: Vec<u8> = part.iter().map(|&post| groups[post as usize]).collect();
            loss += trainer.step(&batch[..count * VOCABULARY], &targets)?.loss * count as f32;
        }
        if number + averaged >= epochs {
            mean.iter_mut().zip(trainer.model().parameters()).for_each(|(m, p)| *m += p / averaged as f32);
        }
        epoch(number + 1, loss / rows.len() as f32);
    }
    let (mut model, _) = trainer.into_parts();
    model.parameters_mut().copy_from_slice(&mean);
    Ok(model)
}

/// The group of each row, as the network sees it.
pub fn guess(
    level: Level,
    model: &Model<Reader>,
    rows: &[Row],
    groups: usize,
    threads: usize,
) -> Result<Vec<usize>, kernlet::nn::Error> {
    let batching = Batching::of(BATCH).threads(threads);
    let mut memory = HeapMemory::zeroed(inference_len::<Reader>(batching));
    let (mut batch, mut outputs) = (vec![0.0; BATCH * VOCABULARY], vec![0.0; BATCH * MOST_GROUPS]);
    let mut guesses = Vec::with_capacity(rows.len());
    for part in rows.chunks(BATCH) {
        let count = fill(part.iter(), &mut batch);
        let outputs = &mut outputs[..count * MOST_GROUPS];
        infer(level, batching, model, &batch[..count * VOCABULARY], &mut memory, outputs)?;
        guesses.extend(outputs.chunks_exact(MOST_GROUPS).map(|row| argmax(&row[..groups])));
    }
    Ok(guesses)
}

/// How much each word speaks for a group: its weight in a post times the gradient of the group's score by that
/// weight, summed over the group's own posts.
pub fn telling(
    level: Level,
    model: &Model<Reader>,
    rows: &[&Row],
    group: usize,
) -> Result<Vec<f32>, kernlet::nn::Error> {
    let mut memory = HeapMemory::zeroed(saliency_len::<Reader>());
    let (mut post, mut gradient) = (vec![0.0; VOCABULARY], vec![0.0; VOCABULARY]);
    let mut scores = vec![0.0; VOCABULARY];
    for row in rows {
        fill([*row].into_iter(), &mut post);
        saliency(level, model, &post, group, &mut memory, &mut gradient)?;
        row.iter().for_each(|&(word, weight)| scores[word as usize] += weight * gradient[word as usize]);
    }
    Ok(scores)
}
