//! The most frequent words only, in a summary of fixed size.

use std::borrow::Borrow;
use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::hash::BuildHasher;

use kernlet::mapreduce::{Emitter, Mapper};
use kernlet::sketch::{HyperLogLog, SpaceSaving};

use crate::source::{ReadError, Source};
use crate::words::{Text, Words};

/// Bytes of the longest word that is told from others.
const LONGEST: usize = 48;
/// Registers for the number of distinct words: a standard error of 3.25 %, in a kilobyte.
const REGISTERS: usize = 1024;

type Frequent<const N: usize> = SpaceSaving<[u8], N, LONGEST>;
type Distinct = HyperLogLog<[u8], REGISTERS>;

/// What was found, the most frequent word first.
#[derive(Debug)]
pub struct Approximation {
    /// Words with counts that are at most too high by the number behind them.
    pub words: Vec<(Vec<u8>, u64, u64)>,
    /// No word that is missing was there more often.
    pub bound: u64,
    pub distinct: u64,
    /// The standard error of `distinct`, relative.
    pub distinct_error: f64,
    pub total: u64,
    /// Words that were too long to be told apart; they count in the total only.
    pub long_words: u64,
    /// Bytes of the summary.
    pub summary_bytes: usize,
    pub text_bytes: u64,
}

struct Summary<const N: usize> {
    frequent: Frequent<N>,
    distinct: Distinct,
    long_words: u64,
}

impl<const N: usize> Emitter<[u8], u64> for Summary<N> {
    type Error = Infallible;

    #[inline]
    fn emit<B: Borrow<u64>>(&mut self, word: &[u8], count: B) -> Result<(), Infallible> {
        // The only errors here are of keys that are too long.
        self.long_words += u64::from(self.frequent.add(word, *count.borrow()).is_err());
        let _ = self.distinct.add(word);
        Ok(())
    }
}

/// Reads `source` into the largest summary that `budget` holds; `None` if it holds none.
pub fn approximate(
    source: Source,
    text: Text,
    budget: usize,
    top: usize,
    progress: &dyn Fn(),
) -> Option<Result<Approximation, ReadError>> {
    Some(match budget {
        _ if budget >= size_of::<Summary<4096>>() => summarize::<4096>(source, text, top, progress),
        _ if budget >= size_of::<Summary<512>>() => summarize::<512>(source, text, top, progress),
        _ if budget >= size_of::<Summary<64>>() => summarize::<64>(source, text, top, progress),
        _ => return None,
    })
}

/// Bytes of the smallest summary.
pub const LEAST: usize = size_of::<Summary<64>>();

fn summarize<const N: usize>(
    mut source: Source,
    text: Text,
    top: usize,
    progress: &dyn Fn(),
) -> Result<Approximation, ReadError> {
    let seed = RandomState::new().hash_one(0);
    let mut summary =
        Box::new(Summary::<N> { frequent: Frequent::new(seed), distinct: Distinct::new(seed), long_words: 0 });
    let mut block = Vec::new();
    loop {
        let len = source.next_block(&mut block)?;
        if len == 0 {
            break;
        }
        let Ok(()) = Words(text).map(&block[..len], &mut *summary);
        progress();
    }
    let Summary { frequent, distinct, long_words } = &mut *summary;
    frequent.sort();
    let words = frequent.iter().take(top).map(|word| (word.key.to_vec(), word.count, word.error)).collect();
    Ok(Approximation {
        words,
        bound: frequent.bound(),
        distinct: distinct.estimate().round() as u64,
        distinct_error: distinct.standard_error(),
        total: frequent.total() + *long_words,
        long_words: *long_words,
        summary_bytes: size_of::<Summary<N>>(),
        text_bytes: source.bytes,
    })
}
