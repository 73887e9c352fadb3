//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::{
    numbers::{at_least, whole},
    pool,
};

/// Learns spoken digits: MFCC of a second of sound, and a network of depthwise separable convolutions.
///
/// The data is the Free Spoken Digit Dataset, files called DIGIT_SPEAKER_INDEX.wav. Its own test set, the recordings
/// with an index below 5, is what is tested with.
#[derive(Parser, Debug)]
#[command(name = "spoken", max_term_width = 100)]
pub struct Args {
    /// Folder with the recordings, or with a folder `recordings` that holds them
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,

    /// How often all recordings are shown, 1 to 4294967295
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = at_least::<u32>(1))]
    pub epochs: u32,

    /// Recordings that one step learns from, 2 to 4096
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = whole::<u16>(2..=4096))]
    pub batch: u16,

    /// Seed of initial parameters, order, dropout and augmentation, 0 to 18446744073709551615
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least::<u64>(0))]
    pub seed: u64,

    /// Threads, 1 to 256; the result has the same bits for any number [default: one for each core]
    #[arg(long, value_name = "N", value_parser = whole::<usize>(1..=256))]
    pub threads: Option<usize>,

    /// Then learn once for each speaker from all others, and test with the one that was left out
    #[arg(long)]
    pub leave_one_out: bool,

    /// Write all figures to this file as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Write a page to this file: curves, confusion matrix, worst mistakes, filters, what the network listens to
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

impl Args {
    /// The number of threads, one where the build has none.
    pub fn threads(&self) -> usize {
        pool::threads(self.threads)
    }
}
