//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::{
    bytes::bytes,
    network::VOCABULARY,
    numbers::{at_least, whole},
    pool,
};

/// Learns to tell in which newsgroup a post was written, from words that were counted in a small memory.
///
/// A word is a run of ASCII letters, digits and apostrophes that begins with a letter and has two of them or more;
/// capitals become small, and only the first six letters count, so that most endings do not matter. Header lines,
/// down to the first empty line, are left out: they would give the group away.
///
/// Every fifth post of a group, in the order of file names, is held out to test what was learnt.
#[derive(Parser, Debug)]
#[command(name = "newsgroups", max_term_width = 100)]
pub struct Args {
    /// Folder with a folder for each group, and in it a file for each post (the layout of 20 Newsgroups)
    #[arg(long, value_name = "DIR", required_unless_present = "worker")]
    pub data: Option<PathBuf>,

    /// Be a worker of an engine, which makes features of the posts that come on standard input: see examples/spark
    #[arg(long, conflicts_with_all = LEARNT, conflicts_with_all = ["data", "features", "vocabulary", "threads"])]
    pub worker: bool,

    /// Write the features of all posts, those learnt from first, to this file, and learn nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = LEARNT)]
    pub features: Option<PathBuf>,

    /// Memory of each counting job: bytes, or with a unit such as 64KiB, 1MiB, 1% (of what there is)
    #[arg(long, default_value = "256KiB", value_parser = bytes)]
    pub budget: usize,

    /// What the network reads of a post
    #[arg(long, value_enum, default_value_t = ModelName::Tfidf)]
    pub model: ModelName,

    /// How many words are looked at, those in most posts: 1 to 8192, the width of the network
    #[arg(long, value_name = "N", default_value_t = VOCABULARY as u32, value_parser = whole::<u32>(1..=VOCABULARY as u64))]
    pub vocabulary: u32,

    /// How many times all posts are shown, 1 to 4294967295
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = at_least::<u32>(1))]
    pub epochs: u32,

    /// Seed of initial parameters, order and dropout, 0 to 18446744073709551615
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least::<u64>(0))]
    pub seed: u64,

    /// Threads, 1 to 1024; the result has the same bits for any number [default: one for each core]
    #[arg(long, value_name = "N", value_parser = whole::<usize>(1..=1024))]
    pub threads: Option<usize>,

    /// How many telling words to print for each group, 0 to 8192
    #[arg(long, value_name = "K", default_value_t = 8, value_parser = whole::<usize>(0..=VOCABULARY as u64))]
    pub words: usize,

    /// Write all figures to this file as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// What is not for those who learn nothing.
const LEARNT: [&str; 5] = ["model", "epochs", "seed", "words", "json"];

/// What a network reads.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ModelName {
    /// A weight for each word of the vocabulary, larger if it is more often in the post and in fewer posts
    Tfidf,
    /// The post's first words one after the other, each as a row of a table that is learnt too
    Embedding,
}

impl ModelName {
    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tfidf => "tfidf",
            Self::Embedding => "embedding",
        }
    }
}

impl Args {
    /// The number of threads, one where the build has none.
    pub fn threads(&self) -> usize {
        pool::threads(self.threads)
    }
}
