//! The mapper and the reducer as processes of Hadoop Streaming or Spark's `pipe`.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::{Stderr, stderr, stdin, stdout};

use kernlet::mapreduce::{StreamError, Streaming, Sum};

use crate::words::{Text, Words};

fn streaming(budget: usize) -> Streaming<Stderr> {
    Streaming::new("word_count", stderr()).budget(budget).seed(RandomState::new().hash_one(0))
}

/// Reads lines, writes `word⇥count`.
pub fn mapper(budget: usize, text: Text) -> Result<(), StreamError> {
    streaming(budget).map(&mut Words(text), Sum::<u64>::new(), stdin().lock(), stdout().lock()).map(drop)
}

/// Reads sorted lines `word⇥count`, writes one for each word.
pub fn reducer(budget: usize) -> Result<(), StreamError> {
    streaming(budget).combine::<[u8], _>(Sum::<u64>::new(), stdin().lock(), stdout().lock()).map(drop)
}
