//! How a network is trained: what the examples' command lines have in common.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use clap::{Args, Parser, error::ErrorKind};
use kernlet::simd::{InstructionSet, Level, Rounding};

use crate::{
    numbers::{at_least, whole},
    pool,
};

/// What each of these examples can be asked for.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Seed of all that is drawn: initial parameters, order, dropout, augmentation, 0 to 18446744073709551615 [default: 1,
    /// or the resumed file's]
    #[arg(long, value_name = "N", value_parser = at_least::<u64>(0))]
    pub seed: Option<u64>,

    /// Threads, 1 to 256; the result has the same bits for any number [default: one for each core]
    #[arg(long, value_name = "N", value_parser = whole::<usize>(THREADS))]
    threads: Option<usize>,

    /// How a·b + c is rounded: once (fused), or after each operation (strict: same bits on every machine)
    /// [default: fused where the processor can]
    #[arg(long, value_name = "strict|fused")]
    rounding: Option<Rounding>,

    /// Instruction set; the result has the same bits for each that can do the rounding [default: the widest]
    #[arg(long, value_name = "portable|avx2|avx512")]
    level: Option<InstructionSet>,

    /// Stop after this many steps, 0 to 4294967295, counted from the very first one, those of a resumed file included
    #[arg(long, value_name = "N", value_parser = at_least::<u32>(0))]
    pub steps: Option<u32>,

    /// Write the parameters and the state of training to this file, after each epoch and at the end
    ///
    /// The file is replaced as a whole or not at all. A name that ends in .safetensors gets the parameters alone, with
    /// Keras' names (needs the feature `safetensors`).
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,

    /// Go on from a file that --save wrote; the end is the same, to the bit, as without the interruption
    ///
    /// Other options are not in the file and should be as before. A file that ends in .safetensors gives the
    /// parameters to begin with.
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,

    /// Quantise the network to eight bits at the end and write it to this file, for any TensorFlow Lite
    ///
    /// Ranges are taken from 500 training images. Both accuracies over all test images are said, and each layer's error.
    #[arg(long, value_name = "FILE.tflite")]
    pub quantize: Option<PathBuf>,

    /// Learn for eight bits in the last N epochs, 0 to 4294967295: weights and values are rounded as --quantize rounds them, while the
    /// parameters stay floats [default: 0]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = at_least::<u32>(0))]
    pub quantize_aware: u32,

    /// Write what the quantised network computes with each test image to this file, which tests/tflm.py compares with
    /// TensorFlow Lite Micro
    #[arg(long, value_name = "FILE.safetensors", requires = "quantize")]
    pub quantize_check: Option<PathBuf>,

    /// Write all figures to this file as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Write a page to this file: curves, confusion matrix, worst mistakes, filters, what the network looks at
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

impl Options {
    /// The number of threads; without the feature `rayon` there is one.
    pub fn threads(&self) -> usize {
        pool::threads(self.threads)
    }

    /// Whether there are more threads to be had, in another build.
    pub fn could_have_more_threads(&self) -> bool {
        self.threads.unwrap_or_else(pool::cores) > self.threads()
    }

    /// The instruction set and rounding.
    pub fn level(&self) -> Result<Level, String> {
        let isa = self.level.unwrap_or(Level::detect().instruction_set());
        let found = match self.rounding {
            Some(rounding) => Level::new(isa, rounding),
            None => Level::new(isa, Rounding::Fused).or(Level::new(isa, Rounding::Strict)),
        };
        found.ok_or_else(|| {
            let all: Vec<String> = Level::all().map(|level| level.to_string()).collect();
            let expected = format!("expected one of: {}", all.join("; "));
            match self.rounding {
                Some(rounding) if isa.is_available() => {
                    format!("--rounding {rounding}: {isa} has no {rounding} rounding in this build, {expected}")
                }
                _ => format!("--level {isa}: this processor has no {isa}, {expected}"),
            }
        })
    }

    /// The files that will be written.
    pub fn outputs(&self) -> impl Iterator<Item = &Path> {
        let files = [&self.save, &self.quantize, &self.quantize_check, &self.json, &self.report];
        files.into_iter().filter_map(Option::as_deref)
    }
}

/// What training is told.
pub struct Course {
    /// What was asked for.
    pub options: Options,
    /// Images that one step learns from.
    pub batch: usize,
    /// How often all images are shown; no limit without.
    pub epochs: Option<u32>,
    /// Whether images are changed in each epoch.
    pub augment: bool,
    /// The mean training loss that is enough.
    pub target_loss: Option<f32>,
    /// Shards of a MapReduce, if there is one.
    pub map_reduce: Option<usize>,
    /// The optimizer's name, the network's, and the learning rate.
    pub optimizer: &'static str,
    pub network: &'static str,
    pub rate: f32,
    /// The page's title.
    pub title: &'static str,
}

impl Course {
    /// The number of threads.
    pub fn threads(&self) -> usize {
        self.options.threads()
    }
}

/// Reads a command line; an error is one line.
pub fn read<A: Parser>() -> Result<A, u8> {
    A::try_parse().map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = error.print();
            0
        }
        _ => {
            // The first paragraph says it all; usage and tips are in the help.
            let text = error.to_string();
            let line: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
            eprintln!("{} (see --help)", line.join(" "));
            2
        }
    })
}

/// How many threads there may be.
pub const THREADS: RangeInclusive<u64> = 1..=256;

/// How many images a step may learn from.
pub const BATCHES: RangeInclusive<u64> = 1..=65536;

pub fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("expected on or off".to_owned()),
    }
}
