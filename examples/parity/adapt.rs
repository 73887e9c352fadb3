//! Two new words on a network from a file: a `.tflite` model of keywords, in eight bits, says what a second of sound is like,
//! and a dense layer in floats learns from a few samples which of two words it is. The same code on the host, in
//! firmware and in WASM.
#![allow(dead_code)]

use core::fmt;

use kernlet::{
    audio::{AudioError, Features},
    data::metrics::argmax,
    nn::{self, Batching, Model, Training, infer, inference_len},
    optim::Adam,
    simd::Level,
    snapshot,
    tflite::{self, Program, Runner},
};

use super::sounds::SAMPLES;
pub use super::sounds::SOUND;

/// Words that are learnt.
pub const WORDS: usize = 2;
/// Sounds that are learnt from at most: of each word in turn.
pub const LEARNT: usize = 16;

/// Coefficients of a row.
const COEFFICIENTS: usize = 10;
/// Rows of a second: one in 20 ms, each of 30 ms.
const ROWS: usize = 49;
/// What the keywords of MLPerf Tiny were learnt from.
const MFCC: Features = Features::new(SAMPLES as u32, 480, 320).with_magnitudes().with_coefficients(COEFFICIENTS);
/// Its tables: in flash, where there is one.
static TABLES: [f32; MFCC.tables_len()] = MFCC.tables();
const _: () = assert!(MFCC.frames(SAMPLES) == ROWS);

/// The operator of the model behind which the new layer begins: the average over all pixels of DS-CNN.
pub const LAST: usize = 9;
/// What it writes.
pub const FEATURES: usize = 64;

kernlet::network! {
    /// Tells two words apart.
    pub struct Words([64]) { out: dense(2), softmax }
}

/// How it learns.
const LEARNING: Training<Words, Adam> = Training::new(Adam::new(0.02)).batch(BATCH);
const BATCH: usize = 4;
/// Passes over the sounds that it learns from.
const EPOCHS: usize = 40;
const ONE: Batching = Batching::of(1);

/// Why the words could not be learnt.
#[derive(Clone, Copy, Debug)]
pub enum Failure {
    Sound(AudioError),
    Backbone(tflite::Error),
    Network(nn::Error),
    /// There are more sounds than there is room for, none, or one that is no second.
    Sounds(usize),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sound(error) => error.fmt(f),
            Self::Backbone(error) => error.fmt(f),
            Self::Network(error) => error.fmt(f),
            Self::Sounds(bytes) => {
                write!(f, "sounds: expected 1 to {LEARNT} seconds of {SOUND} bytes to learn from, found {bytes} bytes")
            }
        }
    }
}

impl core::error::Error for Failure {}

impl From<AudioError> for Failure {
    fn from(error: AudioError) -> Self {
        Self::Sound(error)
    }
}

impl From<tflite::Error> for Failure {
    fn from(error: tflite::Error) -> Self {
        Self::Backbone(error)
    }
}

impl From<nn::Error> for Failure {
    fn from(error: nn::Error) -> Self {
        Self::Network(error)
    }
}

/// The memory that a sound's features need.
pub struct Ear {
    frame: [f32; MFCC.frame],
    scratch: [f32; MFCC.scratch_len()],
    rows: [f32; ROWS * COEFFICIENTS],
}

impl Ear {
    pub const fn new() -> Self {
        Self { frame: [0.0; MFCC.frame], scratch: [0.0; MFCC.scratch_len()], rows: [0.0; ROWS * COEFFICIENTS] }
    }

    /// The coefficients of a sound, whose loudest sample counts as 1.
    pub fn coefficients(&mut self, sound: &[u8]) -> Result<&[f32], AudioError> {
        let (samples, _) = sound.as_chunks();
        let loudest = samples.iter().map(|&sample| i16::from_le_bytes(sample).unsigned_abs()).max();
        let scale = 1.0 / f32::from(loudest.unwrap_or(1).max(1));
        let frames = samples.windows(MFCC.frame).step_by(MFCC.hop);
        for (row, samples) in self.rows.chunks_exact_mut(COEFFICIENTS).zip(frames) {
            for (to, &sample) in self.frame.iter_mut().zip(samples) {
                *to = f32::from(i16::from_le_bytes(sample)) * scale;
            }
            MFCC.frame_into(&TABLES, &self.frame, row, &mut self.scratch)?;
        }
        Ok(&self.rows)
    }

    /// What the model says of a sound.
    pub fn features<P: Program>(
        &mut self,
        backbone: &mut Runner<'_, P>,
        sound: &[u8],
        to: &mut [f32],
    ) -> Result<(), Failure> {
        backbone.quantize_input(0, self.coefficients(sound)?)?;
        backbone.invoke()?;
        Ok(backbone.dequantize_output(0, to)?)
    }
}

/// All memory that hearing and learning need, beside the model's arena.
pub struct Workspace {
    pub ear: Ear,
    features: [f32; LEARNT * FEATURES],
    model: Model<Words>,
    learning: [f32; LEARNING.memory_len()],
    memory: [f32; inference_len::<Words>(ONE)],
}

impl Workspace {
    pub const fn new() -> Self {
        Self {
            ear: Ear::new(),
            features: [0.0; LEARNT * FEATURES],
            model: Model::zeroed(),
            learning: [0.0; LEARNING.memory_len()],
            memory: [0.0; inference_len::<Words>(ONE)],
        }
    }

    /// Learns from sounds, of each word in turn, beginning with zeros: each goes through the model once. The mean loss of the
    /// last pass.
    pub fn learn<P: Program>(
        &mut self,
        level: Level,
        backbone: &mut Runner<'_, P>,
        sounds: &[u8],
    ) -> Result<f32, Failure> {
        let count = sounds.len() / SOUND;
        let Some(features) =
            self.features.get_mut(..count * FEATURES).filter(|_| count > 0 && sounds.len().is_multiple_of(SOUND))
        else {
            return Err(Failure::Sounds(sounds.len()));
        };
        let mut labels = [0; LEARNT];
        for (number, (sound, to)) in sounds.chunks_exact(SOUND).zip(features.chunks_exact_mut(FEATURES)).enumerate() {
            self.ear.features(backbone, sound, to)?;
            if let Some(label) = labels.get_mut(number) {
                *label = (number % WORDS) as u8;
            }
        }
        self.model.parameters_mut().fill(0.0);
        let mut trainer = LEARNING.level(level).start(&mut self.model, &mut self.learning)?;
        let mut loss = 0.0;
        for _ in 0..EPOCHS {
            loss = 0.0;
            for (features, labels) in features.chunks(BATCH * FEATURES).zip(labels.chunks(BATCH)) {
                let batch = features.len() / FEATURES;
                let metrics = trainer.step(features, labels.get(..batch).unwrap_or(labels))?;
                loss += metrics.loss * batch as f32 / count as f32;
            }
        }
        Ok(loss)
    }

    /// The probabilities of the words in a sound.
    pub fn hear<P: Program>(
        &mut self,
        level: Level,
        backbone: &mut Runner<'_, P>,
        sound: &[u8],
    ) -> Result<[f32; WORDS], Failure> {
        let (mut features, mut heard) = ([0.0; FEATURES], [0.0; WORDS]);
        self.ear.features(backbone, sound, &mut features)?;
        infer(level, ONE, &self.model, &features, &mut self.memory, &mut heard)?;
        Ok(heard)
    }

    /// How many of the sounds, of each word in turn, are recognised, and a number that any bit of what was learnt and of what
    /// is heard changes.
    pub fn test<P: Program>(
        &mut self,
        level: Level,
        backbone: &mut Runner<'_, P>,
        sounds: &[u8],
    ) -> Result<(usize, u64), Failure> {
        let (mut right, mut fingerprint) = (0, snapshot::fingerprint(self.model.parameters()));
        for (number, sound) in sounds.chunks_exact(SOUND).enumerate() {
            let heard = self.hear(level, backbone, sound)?;
            right += usize::from(argmax(&heard) == number % WORDS);
            fingerprint = fingerprint.rotate_left(7) ^ snapshot::fingerprint(&heard);
        }
        Ok((right, fingerprint))
    }
}
