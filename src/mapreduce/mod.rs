//! Map, group by key, reduce, in a fixed budget of bytes.
//!
//! A [`Mapper`] turns items into key/value pairs, a [`Combiner`] folds the
//! values of a key as they arrive, and a [`Reducer`] sees the keys in ascending
//! order. A [`Job`] does this in a number of bytes that the caller chooses:
//! what does not fit goes to a [`Store`] as sorted runs, which are merged while
//! the result is read. Results do not depend on the budget, store, seed, shards
//! or threads.
//!
//! ```
//! # #[cfg(feature = "std")] {
//! use kernlet::mapreduce::{Emitter, Job, Mapper, Sum, TempFiles};
//!
//! struct Words;
//! impl Mapper<str> for Words {
//!     type Key = str;
//!     type Value = u64;
//!     fn map<E: Emitter<str, u64>>(&mut self, line: &str, out: &mut E) -> Result<(), E::Error> {
//!         line.split_whitespace().try_for_each(|word| out.emit(word, 1))
//!     }
//! }
//!
//! let mut job = Job::new(64 << 10).store(TempFiles::new()).combine::<str, Sum<u64>>(Sum::new())?;
//! for line in ["in the beginning", "was the word"] {
//!     Words.map(line, &mut job)?;
//! }
//! let mut counts = job.finish()?;
//! while let Some((word, count)) = counts.next()? {
//!     println!("{word}\t{count}");
//! }
//! # }
//! # #[cfg(feature = "std")]
//! # Ok::<(), kernlet::mapreduce::Error<std::io::Error>>(())
//! ```
//!
//! | wanted | use |
//! |---|---|
//! | one accumulator for each key | [`Job::combine`] |
//! | every value, in the order of arrival, or sorted (secondary sort) | [`Job::group`], [`Grouped::reduce_by_first`] |
//! | windows of event time or of count | [`Job::windows`], [`Watermark`] |
//! | sessions of a key, windows over a key's own count | [`Job::sessions`], [`Job::count_windows`] |
//! | several combiners or reducers in one pass | tuples of them |
//! | chained jobs | a job is the [`Emitter`] of another's reducer |
//! | several outputs | [`Partitioned`] |
//! | the greatest `k` | [`TopK`] |
//! | no allocator | [`FixedTable`], or [a summary of fixed size](crate::sketch) |
//! | threads | [`Shards`] (feature `rayon`) |
//!
//! # How a budget is used
//!
//! Three pieces are cut from it at the start: a directory of runs (a sixteenth
//! at most), one block to write through, and a region. While pairs arrive, the
//! region is a hash table whose slots hold keys of eight bytes or fewer and
//! small values themselves, so that counting such a key touches one cache line;
//! longer keys lie in an arena that grows towards the slots. A full table is
//! sorted in place and written as a run; afterwards the region belongs to the
//! merge. A table that can spill is never larger than 2 MiB, unless a pair
//! needs more, because one that stays in cache is faster than one that spills
//! less. If fewer than one pair in eight finds its key in the table, the next
//! table is a list, which costs no look-up.
//!
//! A key and its value together may take about a fifth of the budget; a longer
//! pair is an [`Error::PairTooLong`], and nothing of it is counted.
//!
// What is missing without its feature links to the list of features.
#![cfg_attr(not(feature = "rayon"), doc = "[`Shards`]: crate#features")]
#![cfg_attr(not(feature = "alloc"), doc = "[`Job`]: crate#features")]
#![cfg_attr(not(feature = "alloc"), doc = "[`Job::combine`]: crate#features")]
#![cfg_attr(not(feature = "alloc"), doc = "[`Job::group`]: crate#features")]
#![cfg_attr(not(feature = "alloc"), doc = "[`Grouped::reduce_by_first`]: crate#features")]
#![cfg_attr(not(feature = "alloc"), doc = "[`Job::windows`]: crate#features")]
#![cfg_attr(not(feature = "alloc"), doc = "[`Job::sessions`]: crate#features")]
#![cfg_attr(not(feature = "alloc"), doc = "[`Job::count_windows`]: crate#features")]
#![cfg_attr(not(feature = "alloc"), doc = "[`Watermark`]: crate#features")]

#[cfg(feature = "alloc")]
mod budget;
mod combiner;
mod counters;
mod error;
mod fixed_table;
#[cfg(feature = "alloc")]
mod gradients;
#[cfg(feature = "alloc")]
mod job;
#[cfg(feature = "alloc")]
mod merge;
mod partition;
mod reducer;
#[cfg(feature = "alloc")]
mod run;
#[cfg(feature = "rayon")]
mod shards;
#[cfg(feature = "alloc")]
mod spill;
mod store;
#[cfg(feature = "std")]
mod streaming;
#[cfg(feature = "alloc")]
mod table;
mod top_k;
#[cfg(feature = "alloc")]
mod window;

// A job is written with these.
#[doc(no_inline)]
#[cfg(feature = "alloc")]
#[doc(no_inline)]
pub use crate::pairs::JavaText;
#[doc(no_inline)]
pub use crate::pairs::{Desc, Emitter, Escaped, Key, KeyPart, Leading, MapFn, Mapper, Plain, Value, map_fn};
#[cfg(feature = "alloc")]
pub use budget::Budget;
pub use combiner::{
    Average, CheckedSum, Combiner, Count, ExactFloat, ExactSum, Max, Mean, Min, SaturatingSum, Sum, TotalOrd,
};
pub use counters::Counters;
pub use error::{Error, Rejected};
pub use fixed_table::{FixedTable, RejectedPair, TableDrain};
#[cfg(feature = "alloc")]
pub use gradients::{GradientSum, complete_subtrees};
#[cfg(feature = "alloc")]
pub use job::{Combined, Combining, Grouped, Grouping, Job};
pub use partition::{HashPartitioner, Partitioned, Partitioner, RangePartitioner};
pub use reducer::{ReduceError, Reducer};
#[cfg(feature = "rayon")]
pub use shards::{Shards, ShardsCombined, ShardsGrouped};
#[cfg(feature = "embedded-storage")]
pub use store::NorFlashStore;
#[cfg(feature = "std")]
pub use store::TempFiles;
pub use store::{MemoryStore, NoStore, OutOfStore, Space, Stack, Store};
#[cfg(feature = "std")]
pub use streaming::{ReadField, Reporter, StreamError, StreamMapper, Streaming, WriteField};
pub use top_k::{Top, TopK, TopKFull};
#[cfg(feature = "alloc")]
pub use window::{CountWindows, Sessions, Watermark, Window, Windowing, Windows};
