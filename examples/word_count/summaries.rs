//! Summaries of fixed size of the parts of a text, made and merged by the workers of an engine: see
//! `examples/spark/summaries.py`.
//!
//! | request | payload | answer |
//! |---|---|---|
//! | `text` | text | `done`: its words are in the summaries |
//! | `take` | | the summaries as bytes; then they are empty again |
//! | `merg` | summaries as bytes | `done`: they are in the summaries |
//! | `tell` | | what the summaries say, as text |

use std::borrow::Borrow;
use std::convert::Infallible;
use std::io::{stdin, stdout};

use kernlet::cluster::{Error, Kind, serve as serve_frames};
use kernlet::mapreduce::{Emitter, Mapper};
use kernlet::sketch::{DdSketch, HyperLogLog, Sketch, SpaceSaving};

use crate::words::{Text, Words};

/// All parts of a text are to be merged, so all workers have one seed.
const SEED: u64 = 0;

/// What is known of a text's words.
struct Summaries {
    distinct: HyperLogLog<[u8], 4096>,
    lengths: DdSketch<256, 5>,
    frequent: SpaceSaving<[u8], 512, 48>,
}

impl Summaries {
    fn new() -> Box<Self> {
        let (distinct, lengths) = (HyperLogLog::new(SEED), DdSketch::new());
        Box::new(Self { distinct, lengths, frequent: SpaceSaving::new(SEED) })
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), kernlet::sketch::Error> {
        put(&self.distinct, out)?;
        put(&self.lengths, out)?;
        put(&self.frequent, out)
    }

    fn merge(&mut self, bytes: &[u8]) -> Result<(), String> {
        let mut rest = bytes;
        let mut next = || {
            let (len, others) = rest.split_first_chunk().ok_or("summaries are cut")?;
            let (own, others) =
                others.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or("summaries are cut")?;
            rest = others;
            Ok::<&[u8], String>(own)
        };
        let said = |error: kernlet::sketch::Error| error.to_string();
        self.distinct.merge(&Sketch::from_bytes(next()?).map_err(said)?).map_err(said)?;
        self.lengths.merge(&Sketch::from_bytes(next()?).map_err(said)?).map_err(said)?;
        self.frequent.merge(&Sketch::from_bytes(next()?).map_err(said)?).map_err(said)
    }

    fn tell(&mut self) -> String {
        let mut text = format!("distinct words: {}\n", self.distinct.estimate());
        for q in [0.0, 0.25, 0.5, 0.75, 0.99, 1.0] {
            text += &format!("length, quantile {q}: {}\n", self.lengths.quantile(q).unwrap_or(f64::NAN));
        }
        text += &format!("words: {}\n", self.frequent.total());
        self.frequent.sort();
        for word in self.frequent.iter().take(10) {
            text += &format!("{}\t{}\t{}\n", String::from_utf8_lossy(word.key), word.count, word.error);
        }
        text
    }
}

fn put(summary: &impl Sketch, out: &mut Vec<u8>) -> Result<(), kernlet::sketch::Error> {
    let mut bytes = vec![0; most(summary)];
    let len = summary.to_bytes(&mut bytes)?;
    out.extend((len as u32).to_le_bytes());
    out.extend(&bytes[..len]);
    Ok(())
}

fn most<S: Sketch>(_: &S) -> usize {
    S::BYTES
}

impl Emitter<[u8], u64> for Summaries {
    type Error = Infallible;

    fn emit<B: Borrow<u64>>(&mut self, word: &[u8], count: B) -> Result<(), Infallible> {
        self.lengths.add(word.len() as f64);
        // The only errors here are of words that are too long: these are in the other summary alone.
        let _ = self.distinct.add(word);
        let _ = self.frequent.add(word, *count.borrow());
        Ok(())
    }
}

/// Answers until the engine is gone.
pub fn serve() -> Result<(), Error> {
    let mut summaries = Summaries::new();
    serve_frames(stdin().lock(), stdout().lock(), |kind, payload, out| {
        match &kind.0 {
            b"text" => {
                let Ok(()) = Words(Text::Bytes).map(payload, &mut *summaries);
            }
            b"merg" => summaries.merge(payload)?,
            b"take" => {
                summaries.write(out).map_err(|error| error.to_string())?;
                summaries = Summaries::new();
                return Ok(kind);
            }
            b"tell" => {
                out.extend_from_slice(summaries.tell().as_bytes());
                return Ok(kind);
            }
            _ => return Err(format!("unknown request `{kind}`")),
        }
        Ok(Kind::DONE)
    })
}
