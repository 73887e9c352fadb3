//! A second of sound, its cepstral coefficients, and a recurrent layer that hears them row by row: the same code on the
//! host and in firmware. The network comes from the host; its last layer learns from a few sounds.
#![allow(dead_code)]

use core::fmt;

use kernlet::{
    audio::{AudioError, Features, Streaming},
    nn::{AllButLast, Error, Gradients, Metrics, Model, SoftmaxCrossEntropy, Stream, Training, stream_len},
    optim::Sgd,
    simd::Level,
    snapshot,
};

use super::sounds::{KINDS, SOUND};

/// Coefficients of a row.
pub const COEFFICIENTS: usize = 16;
/// Rows of a second: one in 20 ms, each of 30 ms.
pub const ROWS: usize = 49;
/// What is computed of a sound.
pub const MFCC: Features =
    Features::new(16_000, 480, 320).with_bands(40, 60.0, 7600.0).with_floor(1e-3).with_coefficients(COEFFICIENTS);
/// Its tables: in flash, where there is one.
pub static TABLES: [f32; MFCC.tables_len()] = MFCC.tables();
const _: () = assert!(MFCC.frames(SOUND / 2) == ROWS && KINDS.len() == 4);

kernlet::network! {
    /// Hears a second of sound.
    pub struct Listener([49, 16]) { norm: layer_norm, states: gru(32), out: dense(4), softmax }
}

/// Passes over the sounds that are learnt on the device.
pub const EPOCHS: usize = 8;
const RATE: f32 = 0.1;

/// All layers but the last.
type ButLast = AllButLast<1>;

/// How the last layer learns: a sound at a time, gradients applied as they appear.
const LEARNING: Training<Listener, Sgd, SoftmaxCrossEntropy, ButLast> =
    Training::new(Sgd::new(RATE)).batch(1).gradients(Gradients::Applied).freeze();

/// Elements of the last layer.
const LAST: usize = (32 + 1) * KINDS.len();

/// Why listening failed.
#[derive(Clone, Copy, Debug)]
pub enum Failure {
    Sound(AudioError),
    Network(Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sound(error) => error.fmt(f),
            Self::Network(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Failure {}

impl From<AudioError> for Failure {
    fn from(error: AudioError) -> Self {
        Self::Sound(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Network(error)
    }
}

/// The samples of a sound.
pub fn samples(sound: &[u8]) -> impl Iterator<Item = f32> {
    sound.as_chunks().0.iter().map(|sample| f32::from(i16::from_le_bytes(*sample)) / 32_768.0)
}

/// The rows of a sound.
fn read<'a>(
    frame: &mut [f32],
    scratch: &mut [f32],
    rows: &'a mut [f32],
    sound: &[u8],
) -> Result<&'a [f32], AudioError> {
    let mut places = rows.chunks_exact_mut(COEFFICIENTS);
    Streaming::new(MFCC, &TABLES, frame, scratch)?.push(samples(sound), |row| {
        if let Some(place) = places.next() {
            place.copy_from_slice(row);
        }
    });
    Ok(rows)
}

/// All memory that listening and learning need, beside the network's.
pub struct Workspace {
    pub frame: [f32; MFCC.frame],
    pub scratch: [f32; MFCC.scratch_len()],
    pub rows: [f32; ROWS * COEFFICIENTS],
    pub steps: [f32; stream_len::<Listener>()],
    pub learning: [f32; LEARNING.memory_len()],
}

impl Workspace {
    pub const fn new() -> Self {
        Self {
            frame: [0.0; MFCC.frame],
            scratch: [0.0; MFCC.scratch_len()],
            rows: [0.0; ROWS * COEFFICIENTS],
            steps: [0.0; stream_len::<Listener>()],
            learning: [0.0; LEARNING.memory_len()],
        }
    }

    /// The rows of a sound, whose samples come one by one.
    pub fn read(&mut self, sound: &[u8]) -> Result<&[f32], AudioError> {
        read(&mut self.frame, &mut self.scratch, &mut self.rows, sound)
    }

    /// What is heard: samples come one by one, and every row goes through the network when it is there.
    pub fn listen(&mut self, level: Level, parameters: &[f32], sound: &[u8]) -> Result<[f32; KINDS.len()], Failure> {
        let Self { frame, scratch, steps, .. } = self;
        let mut stream = Stream::<Listener>::new(level, parameters, steps)?;
        let (mut heard, mut failure) = ([0.0; KINDS.len()], None);
        Streaming::new(MFCC, &TABLES, frame, scratch)?.push(samples(sound), |row| match stream.step(row) {
            Ok(Some(now)) => heard.iter_mut().zip(now).for_each(|(heard, now)| *heard = *now),
            Ok(None) => {}
            Err(error) => failure = Some(error),
        });
        match failure {
            None => Ok(heard),
            Some(error) => Err(error.into()),
        }
    }

    /// The last layer begins with zeros and learns from sounds: of each kind in turn.
    pub fn learn(&mut self, level: Level, model: &mut Model<Listener>, sounds: &[u8]) -> Result<Metrics, Failure> {
        let parameters = model.parameters_mut();
        if let Some(last) = parameters.get_mut(Listener::PARAMETERS - LAST..) {
            last.fill(0.0);
        }
        let Self { frame, scratch, rows, learning, .. } = self;
        let mut trainer = LEARNING.level(level).start(model, learning)?;
        let mut metrics = Metrics::default();
        for _ in 0..EPOCHS {
            metrics = Metrics::default();
            for (number, sound) in sounds.chunks_exact(SOUND).enumerate() {
                let rows = read(frame, scratch, rows, sound)?;
                metrics.add(&trainer.step(rows, &[(number % KINDS.len()) as u8])?);
            }
        }
        Ok(metrics)
    }

    /// How many of the sounds, of each kind in turn, are recognised.
    pub fn test(&mut self, level: Level, parameters: &[f32], sounds: &[u8]) -> Result<usize, Failure> {
        let mut right = 0;
        for (number, sound) in sounds.chunks_exact(SOUND).enumerate() {
            let heard = self.listen(level, parameters, sound)?;
            right += usize::from(kernlet::data::metrics::argmax(&heard) == number % KINDS.len());
        }
        Ok(right)
    }
}

/// The fingerprint of the network, and of what it hears in a sound.
pub fn fingerprint(model: &Model<Listener>, heard: &[f32]) -> u64 {
    snapshot::fingerprint(model.parameters()).rotate_left(7) ^ snapshot::fingerprint(heard)
}
