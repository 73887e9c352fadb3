//! How a network is trained: what the examples' command lines have in common.

use std::{ops::RangeInclusive, path::PathBuf, thread};

use clap::{Parser, error::ErrorKind};
use kernlet::simd::{InstructionSet, Level, Rounding};

/// What training is told.
pub struct Course {
    /// Images that one step learns from.
    pub batch: usize,
    /// How often all images are shown; no limit without.
    pub epochs: Option<u32>,
    /// Stop after this many steps.
    pub steps: Option<u32>,
    /// The seed, if one is asked for.
    pub seed: Option<u64>,
    /// Threads.
    pub threads: usize,
    /// Whether images are changed in each epoch.
    pub augment: bool,
    /// The mean training loss that is enough.
    pub target_loss: Option<f32>,
    /// Shards of a MapReduce, if there is one.
    pub map_reduce: Option<usize>,
    /// Epochs at the end that learn for eight bits.
    pub quantize_aware: u32,
    /// Whether a file in eight bits is asked for.
    pub quantize: bool,
    /// Where parameters and state are written.
    pub save: Option<PathBuf>,
    /// Where training goes on from.
    pub resume: Option<PathBuf>,
    /// The optimizer's name, the network's, and the learning rate.
    pub optimizer: &'static str,
    pub network: &'static str,
    pub rate: f32,
    /// The page's title.
    pub title: &'static str,
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

/// The number of threads; without the feature `rayon` there is one.
pub fn threads_of(asked: Option<usize>) -> usize {
    if cfg!(feature = "rayon") {
        asked.unwrap_or_else(|| thread::available_parallelism().map_or(1, |n| n.get()))
    } else {
        1
    }
}

/// The instruction set and rounding.
pub fn level(isa: Option<InstructionSet>, rounding: Option<Rounding>) -> Result<Level, String> {
    let isa = isa.unwrap_or(Level::detect().instruction_set());
    if !isa.is_available() {
        return Err(format!("this processor has no {isa}"));
    }
    match rounding {
        Some(rounding) => Level::new(isa, rounding).ok_or(format!("{isa} has no {rounding} rounding in this build")),
        None => Level::new(isa, Rounding::Fused)
            .or(Level::new(isa, Rounding::Strict))
            .ok_or(format!("this processor has no {isa}")),
    }
}

const THREADS: RangeInclusive<usize> = 1..=256;

pub fn threads(text: &str) -> Result<usize, String> {
    let count = text.parse().map_err(|_| "not a whole number".to_owned())?;
    if THREADS.contains(&count) { Ok(count) } else { Err("expected 1 to 256".to_owned()) }
}

pub fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("expected on or off".to_owned()),
    }
}

pub fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=65536) => Ok(count),
        Ok(_) => Err("expected 1 to 65536".to_owned()),
        Err(_) => Err("not a whole number".to_owned()),
    }
}

pub fn rate(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("expected a positive number".to_owned()),
    }
}
