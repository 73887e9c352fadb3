//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::numbers::{at_least, whole};

/// Shows what is in a .tflite file, runs it, and says what a microcontroller would need.
///
/// The table has a line for each operator: the shapes that it reads and writes, its parameters, its
/// multiply-accumulates, the bytes of its weights, the time that it took here. Beside it a bar for the
/// memory that is in use while it works. Without a model, one is taken that stands in the
/// repository and knows digits.
#[derive(Parser, Debug)]
#[command(name = "tflite", verbatim_doc_comment)]
pub struct Args {
    /// A .tflite file.
    pub model: Option<PathBuf>,
    /// A file for each input, in their order: bytes as the input has them (signed bytes, or floats of
    /// four bytes, little-endian), or a PGM or PPM picture, whose samples are scaled to 0 … 1 (or
    /// −1 … 1, see --signed) and quantised. Without it, noise.
    pub inputs: Vec<PathBuf>,
    /// Samples of pictures are scaled to −1 … 1.
    #[arg(long, requires = "inputs")]
    pub signed: bool,
    /// How often the model runs, 1 to 1000000; the fastest run of each operator is shown.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = whole::<usize>(1..=1_000_000))]
    pub runs: usize,
    /// The instruction set: portable, avx2, avx512 …, as the machine has it. Outputs do not depend on it.
    #[arg(long, value_name = "LEVEL")]
    pub level: Option<String>,
    /// Writes the bytes of all outputs of the last run to a file, one output after the other.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// How many of the largest outputs to show, 0 to 18446744073709551615.
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = at_least::<usize>(0))]
    pub top: usize,
}
