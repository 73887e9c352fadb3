//! Recordings, from WAV files to rows of coefficients.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kernlet::{
    audio::wav::Wav,
    data::standardize::Standardizer,
    nn::{Draw, Error, Samples},
    random::Stream,
};

use crate::network::{CLASSES, COEFFICIENTS, MFCC, RATE, ROWS};

/// Recordings with a smaller index are the official test set.
const TEST_INDICES: u32 = 5;

/// How fast a recording is played when it is learnt from; the third as it is. A faster one is higher, too: as if somebody
/// else spoke.
const SPEEDS: [f32; 5] = [0.86, 0.93, 1.0, 1.08, 1.16];
const AS_IT_IS: usize = 2;

/// A recording.
pub struct Sound {
    pub name: String,
    pub digit: u8,
    /// An index among the speakers.
    pub speaker: usize,
    pub is_test: bool,
    /// Rows of coefficients, at each of the speeds.
    rows: [Vec<f32>; SPEEDS.len()],
}

/// All recordings of a folder, in the order of their names.
pub struct Sounds {
    pub speakers: Vec<String>,
    pub sounds: Vec<Sound>,
}

/// Digit, speaker and index of a file's name.
fn parse_name(path: &Path) -> Option<(u8, &str, u32)> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".wav")?;
    let mut parts = stem.split('_');
    let (digit, speaker, index) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?.parse().ok()?);
    (usize::from(digit) < CLASSES && parts.next().is_none()).then_some((digit, speaker, index))
}

impl Sounds {
    /// Reads a folder.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let inner = folder.join("recordings");
        let folder = if inner.is_dir() { &inner } else { folder };
        let at = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let mut paths: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(folder).map_err(|error| at(folder, &error))? {
            paths.push(entry.map_err(|error| at(folder, &error))?.path());
        }
        paths.sort_unstable();
        let mut all = Self { speakers: Vec::new(), sounds: Vec::new() };
        let mut tables = vec![0.0; MFCC.tables_len()];
        MFCC.tables_into(&mut tables).map_err(|error| error.to_string())?;
        for path in &paths {
            let Some((digit, name, index)) = parse_name(path) else { continue };
            let speaker = all.speakers.iter().position(|speaker| speaker == name).unwrap_or(all.speakers.len());
            if speaker == all.speakers.len() {
                all.speakers.push(name.to_owned());
            }
            let file = fs::read(path).map_err(|error| at(path, &error))?;
            let wav = Wav::parse(&file).map_err(|error| at(path, &error))?;
            wav.require(RATE, 1).map_err(|error| at(path, &error))?;
            let samples: Vec<f32> = wav.samples().collect();
            let mut rows = [const { Vec::new() }; SPEEDS.len()];
            for (rows, speed) in rows.iter_mut().zip(SPEEDS) {
                *rows = coefficients(&tables, &played(&samples, speed)).map_err(|error| at(path, &error))?;
            }
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            all.sounds.push(Sound { name, digit, speaker, is_test: index < TEST_INDICES, rows });
        }
        if all.sounds.is_empty() {
            let expected =
                "expected files called DIGIT_SPEAKER_INDEX.wav, found none (an archive must be unpacked first)";
            return Err(at(folder, &expected));
        }
        Ok(all)
    }
}

/// A recording at another speed, its samples on lines between those that there are.
fn played(samples: &[f32], speed: f32) -> Vec<f32> {
    let len = (samples.len() as f32 / speed) as usize;
    let at = |index: usize| samples.get(index).copied().unwrap_or(0.0);
    let between = |i: usize| {
        let place = i as f32 * speed;
        let (index, part) = (place as usize, place.fract());
        at(index) + part * (at(index + 1) - at(index))
    };
    (0..len).map(between).collect()
}

/// The rows of a recording with half a window of silence around it.
fn coefficients(tables: &[f32], samples: &[f32]) -> Result<Vec<f32>, kernlet::audio::AudioError> {
    let half = MFCC.frame / 2;
    let mut padded = vec![0.0; samples.len() + 2 * half];
    padded[half..half + samples.len()].copy_from_slice(samples);
    let mut rows = vec![0.0; MFCC.frames(padded.len()) * COEFFICIENTS];
    let mut scratch = vec![0.0; MFCC.scratch_len()];
    MFCC.rows_into(tables, &padded, &mut rows, &mut scratch)?;
    Ok(rows)
}

/// Some of the recordings, as a network reads them.
pub struct Set<'s> {
    pub sounds: Vec<&'s Sound>,
    standardizer: Standardizer<COEFFICIENTS>,
    /// A row of silence, standardised.
    silence: [f32; COEFFICIENTS],
}

impl<'s> Set<'s> {
    /// Those of which `wanted` says so, for learning: they say what is standardised by.
    pub fn to_learn(all: &'s Sounds, wanted: impl Fn(&Sound) -> bool) -> Result<Self, String> {
        let sounds: Vec<&Sound> = all.sounds.iter().filter(|sound| wanted(sound)).collect();
        let rows: Vec<f32> = sounds.iter().flat_map(|sound| &sound.rows[AS_IT_IS]).copied().collect();
        let standardizer = Standardizer::fit(&rows).map_err(|_| "there are no recordings to learn from".to_owned())?;
        let mut silence = [0.0; COEFFICIENTS];
        // All bands are at the floor: one coefficient says it.
        silence[0] = (2.0 * MFCC.bands as f32).sqrt() * MFCC.floor.ln();
        standardizer.apply(&mut silence).map_err(|error| error.to_string())?;
        Ok(Self { sounds, standardizer, silence })
    }

    /// Those of which `wanted` says so, to be seen as this set is.
    pub fn to_test(&self, all: &'s Sounds, wanted: impl Fn(&Sound) -> bool) -> Result<Self, String> {
        let sounds: Vec<&Sound> = all.sounds.iter().filter(|sound| wanted(sound)).collect();
        if sounds.is_empty() {
            Err("there are no recordings to test with".to_owned())
        } else {
            Ok(Self { sounds, ..*self })
        }
    }

    /// All inputs, one after the other.
    pub fn inputs(&self, seed: u64) -> Result<Vec<f32>, Error> {
        let mut inputs = vec![0.0; self.sounds.len() * ROWS * COEFFICIENTS];
        for (index, input) in inputs.chunks_exact_mut(ROWS * COEFFICIENTS).enumerate() {
            self.write(index, seed, None, input)?;
        }
        Ok(inputs)
    }

    /// A second of sound around the middle of a recording, silence where it has none. To be learnt from it is played at
    /// some speed, louder or softer, a little earlier or later, and for a moment nothing is heard.
    fn write(&self, index: usize, seed: u64, epoch: Option<u32>, input: &mut [f32]) -> Result<(), Error> {
        let sound = self.sounds.get(index).ok_or(Error::Sample { index })?;
        let stream = Stream::new(seed, CHANGES);
        let draw = |number: u64, below: u32| {
            epoch.map(|epoch| stream.below_at(8 * (u64::from(epoch) << 32 | index as u64) + number, below) as usize)
        };
        let rows = &sound.rows[draw(0, SPEEDS.len() as u32).unwrap_or(AS_IT_IS)];
        let (inputs, rows) = (input.as_chunks_mut::<COEFFICIENTS>().0, rows.as_chunks::<COEFFICIENTS>().0);
        inputs.fill(self.silence);
        // Where the recording begins: in the middle, or up to 8 rows away from it.
        let moved = draw(1, 17).unwrap_or(8);
        let (skip, at) = match ROWS.checked_sub(rows.len()) {
            Some(left) => (0, (left / 2 + moved).saturating_sub(8)),
            None => (((rows.len() - ROWS) / 2 + moved).saturating_sub(8), 0),
        };
        let louder = draw(2, 1024).map_or(0.0, |draw| LOUDER * (draw as f32 / 512.0 - 1.0));
        for (input, row) in inputs.iter_mut().skip(at).zip(&rows[skip.min(rows.len())..]) {
            let mut row = *row;
            row[0] += louder;
            self.standardizer.apply(&mut row)?;
            *input = row;
        }
        if let (Some(first), Some(len)) = (draw(3, ROWS as u32), draw(4, 8)) {
            inputs.iter_mut().skip(first).take(len).for_each(|row| *row = self.silence);
        }
        Ok(())
    }
}

/// By how much the first coefficient changes at most: 1.5 in each band's logarithm, a factor of 2 in amplitude.
const LOUDER: f32 = 13.4;

/// The stream of random numbers that changes are drawn from.
const CHANGES: u64 = 0x736f_756e_6473;

impl Samples<u8> for Set<'_> {
    fn count(&self, _input: usize) -> usize {
        self.sounds.len()
    }

    fn read(&self, draw: Draw, input: &mut [f32], targets: &mut [u8]) -> Result<(), Error> {
        self.write(draw.index, draw.seed, draw.epoch, input)?;
        targets.fill(self.sounds[draw.index].digit);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_digit_speaker_and_index() {
        assert_eq!(parse_name(Path::new("a/7_theo_12.wav")), Some((7, "theo", 12)));
        for other in ["7_theo.wav", "10_theo_1.wav", "7_theo_1_2.wav", "7_theo_1.mp3", "theo_7_1.wav", "README.md"] {
            assert_eq!(parse_name(Path::new(other)), None, "{other}");
        }
    }

    #[test]
    fn twice_as_fast_is_every_other_sample() {
        let samples = [0.0, 1.0, 4.0, 9.0, 16.0];
        assert_eq!(played(&samples, 1.0), samples);
        assert_eq!(played(&samples, 2.0), [0.0, 4.0]);
        assert_eq!(played(&samples, 0.5), [0.0, 0.5, 1.0, 2.5, 4.0, 6.5, 9.0, 12.5, 16.0, 8.0]);
    }
}
