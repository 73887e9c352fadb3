//! Recordings in files of the archive at <https://www.timeseriesclassification.com>.

use std::{fs, io::Read, path::Path};

use flate2::read::GzDecoder;
use kernlet::{
    nn::{Draw, Error, Samples},
    random::Stream,
};

use crate::network::{CHANNELS, STEPS};

/// Numbers of a recording.
const RECORDING: usize = STEPS * CHANNELS;

/// What was recorded, and of each recording which movement it was.
pub struct Recordings {
    /// Names of the movements.
    pub movements: Vec<String>,
    /// All recordings, each step by step.
    pub numbers: Vec<f32>,
    /// A movement for each.
    pub labels: Vec<u8>,
}

impl Recordings {
    /// Reads `basic-motions-NAME.ts.gz`, which comes with the repository.
    pub fn read(name: &str) -> Result<Self, String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/data/basic-motions-{name}.ts.gz"));
        let at = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let file = fs::File::open(&path).map_err(|error| at(&error))?;
        let mut text = String::new();
        GzDecoder::new(file).read_to_string(&mut text).map_err(|error| at(&error))?;
        Self::parse(&text).map_err(|error| at(&error))
    }

    /// After a head whose `@classLabel` names the movements, a line for each recording: its channels, each with commas
    /// between the steps, and its movement, with colons between them.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (head, body) = text.split_once("@data").ok_or("no line `@data`")?;
        let names = head.lines().find_map(|line| line.strip_prefix("@classLabel true ")).ok_or("no `@classLabel`")?;
        let movements: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
        let (mut numbers, mut labels) = (Vec::new(), Vec::new());
        for (line, text) in (head.lines().count() + 1..).zip(body.lines()).filter(|(_, text)| !text.is_empty()) {
            let wrong = |what: &dyn std::fmt::Display| format!("line {line}: {what}");
            let (channels, name) = text.rsplit_once(':').ok_or(wrong(&"no movement at its end"))?;
            let label = movements.iter().position(|movement| movement == name);
            labels.push(label.ok_or_else(|| wrong(&format!("no movement is called {name:?}")))? as u8);
            let from = numbers.len();
            numbers.resize(from + RECORDING, 0.0);
            let recording = &mut numbers[from..];
            let mut found = [0; CHANNELS];
            for (channel, values) in channels.split(':').enumerate() {
                for (step, value) in values.split(',').enumerate() {
                    let number = value.parse().map_err(|_| wrong(&format!("not a number: {value:?}")))?;
                    let place = recording.get_mut(step * CHANNELS + channel).filter(|_| channel < CHANNELS);
                    *place.ok_or_else(|| wrong(&format!("more than {CHANNELS} channels of {STEPS} steps")))? = number;
                    found[channel] += 1;
                }
            }
            if let Some(steps) = found.iter().find(|&&steps| steps != STEPS) {
                return Err(wrong(&format!("expected {CHANNELS} channels of {STEPS} steps, found one of {steps}")));
            }
        }
        if labels.is_empty() { Err("no recordings".to_owned()) } else { Ok(Self { movements, numbers, labels }) }
    }

    /// One recording, step by step.
    pub fn get(&self, index: usize) -> &[f32] {
        &self.numbers[index * RECORDING..(index + 1) * RECORDING]
    }
}

/// What is learnt from: there are few recordings, so each is shown from another moment on in each epoch, its beginning
/// after its end, and up to a fifth stronger or weaker.
impl Samples<u8> for Recordings {
    fn count(&self, _input: usize) -> usize {
        self.labels.len()
    }

    fn read(&self, draw: Draw, input: &mut [f32], targets: &mut [u8]) -> Result<(), Error> {
        let index = draw.index;
        targets.copy_from_slice(self.labels.get(index..=index).ok_or(Error::Sample { index })?);
        let recording = self.get(index);
        input.copy_from_slice(recording);
        if let Some(epoch) = draw.epoch {
            let (stream, at) = (Stream::new(draw.seed, MOMENTS), 2 * (u64::from(epoch) << 32 | index as u64));
            input.rotate_left(CHANNELS * stream.below_at(at, STEPS as u32) as usize);
            let strength = 0.8 + 0.4 * stream.f32_at(at + 1);
            input.iter_mut().for_each(|x| *x *= strength);
        }
        Ok(())
    }
}

/// The stream of random numbers that moments and strengths are drawn from.
const MOMENTS: u64 = 0x6d6f_7469_6f6e;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(channels: usize, steps: usize, movement: &str) -> String {
        let channel = |c: usize| (0..steps).map(|s| format!("{c}.{s}")).collect::<Vec<_>>().join(",");
        (0..channels).map(channel).chain([movement.to_owned()]).collect::<Vec<_>>().join(":")
    }

    #[test]
    fn a_line_is_a_recording() {
        let head = "#words\n@classLabel true Standing Running\n@data\n";
        let read = |body: &str| Recordings::parse(&format!("{head}{body}"));
        let recordings = read(&line(6, 100, "Running")).unwrap();
        assert_eq!((recordings.labels, recordings.movements.len()), (vec![1], 2));
        assert_eq!(recordings.numbers[..8], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 0.1, 1.1]);
        let refused = |body: &str| read(body).err().unwrap();
        assert_eq!(refused(&line(6, 100, "Flying")), "line 4: no movement is called \"Flying\"");
        assert_eq!(refused(&line(6, 99, "Running")), "line 4: expected 6 channels of 100 steps, found one of 99");
        assert_eq!(refused(&line(5, 100, "Running")), "line 4: expected 6 channels of 100 steps, found one of 0");
        assert_eq!(refused(&line(7, 100, "Running")), "line 4: more than 6 channels of 100 steps");
        assert_eq!(refused(&line(6, 101, "Running")), "line 4: more than 6 channels of 100 steps");
        assert_eq!(refused("x:Running"), "line 4: not a number: \"x\"");
        assert_eq!(refused(""), "no recordings");
    }
}
