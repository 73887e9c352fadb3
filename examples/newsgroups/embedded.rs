//! The network that reads a post word by word.

use kernlet::{
    data::metrics::argmax,
    nn::{
        Batching, Draw, Error, Event, HeapMemory, Model, OwnedTrainer, Samples, Training, infer_with_lengths,
        inference_len,
    },
    optim::Adam,
    simd::Level,
};

use crate::network::{Embedded, LONGEST, MOST_GROUPS};

/// Posts of a step.
const BATCH: usize = 32;

/// Posts as the numbers of their words.
pub struct Texts<'t> {
    pub words: &'t [Vec<u16>],
    pub groups: &'t [u8],
}

impl Samples<u8, u16> for Texts<'_> {
    fn count(&self, _input: usize) -> usize {
        self.groups.len()
    }

    fn read(&self, draw: Draw, input: &mut [u16], targets: &mut [u8]) -> Result<(), Error> {
        input.fill(0);
        input.iter_mut().zip(&self.words[draw.index]).for_each(|(to, word)| *to = *word);
        targets.fill(self.groups[draw.index]);
        Ok(())
    }

    fn length(&self, draw: Draw) -> Option<u32> {
        Some(self.words[draw.index].len() as u32)
    }
}

/// Trains a network; `epoch` is told the number and the mean loss of each epoch.
pub fn train(
    level: Level,
    texts: &Texts<'_>,
    epochs: u32,
    seed: u64,
    threads: usize,
    mut epoch: impl FnMut(u32, f32),
) -> Result<Box<Model<Embedded>>, Error> {
    const TRAINING: Training<Embedded, Adam> = Training::new(Adam::new(0.003)).batch(BATCH);
    let mut trainer = TRAINING.threads(threads).epochs(epochs).seed(seed).level(level).build()?;
    trainer.fit(texts, |_: &OwnedTrainer<_, _>, event| {
        if let Event::Epoch { epoch: number, training, .. } = event {
            epoch(number + 1, training.loss);
        }
        true
    })?;
    Ok(trainer.into_parts().0)
}

/// The probabilities of all groups, for each post.
fn probabilities(
    level: Level,
    model: &Model<Embedded>,
    words: &[Vec<u16>],
    threads: usize,
) -> Result<Vec<[f32; MOST_GROUPS]>, Error> {
    let batching = Batching::of(BATCH).threads(threads);
    let mut memory = HeapMemory::zeroed(inference_len::<Embedded>(batching));
    let mut all = Vec::with_capacity(words.len());
    for part in words.chunks(BATCH) {
        let (mut batch, mut outputs) = (vec![0; part.len() * LONGEST], vec![0.0; part.len() * MOST_GROUPS]);
        for (input, words) in batch.chunks_exact_mut(LONGEST).zip(part) {
            input[..words.len()].copy_from_slice(words);
        }
        let lengths: Vec<u32> = part.iter().map(|words| words.len() as u32).collect();
        infer_with_lengths::<Embedded>(
            level,
            batching,
            model.parameters(),
            &batch,
            &lengths,
            &mut memory,
            &mut outputs,
        )?;
        all.extend_from_slice(outputs.as_chunks().0);
    }
    Ok(all)
}

/// The group of each post, as the network sees it.
pub fn guess(
    level: Level,
    model: &Model<Embedded>,
    words: &[Vec<u16>],
    groups: usize,
    threads: usize,
) -> Result<Vec<usize>, Error> {
    Ok(probabilities(level, model, words, threads)?.iter().map(|row| argmax(&row[..groups])).collect())
}

/// For each word, how likely the network thinks each group for a post of that word alone.
pub fn telling(
    level: Level,
    model: &Model<Embedded>,
    vocabulary: usize,
    threads: usize,
) -> Result<Vec<[f32; MOST_GROUPS]>, Error> {
    let alone: Vec<Vec<u16>> = (0..vocabulary as u16).map(|word| vec![word]).collect();
    probabilities(level, model, &alone, threads)
}
