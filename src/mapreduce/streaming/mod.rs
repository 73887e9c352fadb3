//! Jobs as executables for Hadoop Streaming and Spark's `pipe`.
//!
//! The engine runs a mapper and a reducer as processes that read lines and write
//! lines `key⇥value`; it sorts by key in between. Here a [`Mapper`], a [`Combiner`]
//! and a [`Reducer`] become such processes:
//!
//! ```
//! use kernlet::mapreduce::{Emitter, Mapper, StreamError, Streaming, Sum};
//! struct Words;
//! impl Mapper<[u8]> for Words {
//!     type Key = [u8];
//!     type Value = u64;
//!     fn map<E: Emitter<[u8], u64>>(&mut self, line: &[u8], out: &mut E) -> Result<(), E::Error> {
//!         line.split(|&byte| byte == b' ').try_for_each(|word| out.emit(word, 1))
//!     }
//! }
//! fn main() -> Result<(), StreamError> {
//!     # let (mut mapped, mut reduced) = (Vec::new(), Vec::new());
//!     // In one executable, with standard input, output and error …
//!     Streaming::new("words", std::io::stderr()).map(&mut Words, Sum::<u64>::new(), &b"to be or\nnot to be\n"[..], &mut mapped)?;
//!     # assert_eq!(mapped, b"be\t2\nnot\t1\nor\t1\nto\t2\n");
//!     // … and in the other.
//!     Streaming::new("words", std::io::stderr()).combine::<[u8], _>(Sum::<u64>::new(), &mapped[..], &mut reduced)?;
//!     # assert_eq!(reduced, mapped);
//!     Ok(())
//! }
//! ```
//!
//! A process reports failure by its exit code: return the error from `main`.
//! PySpark's `pipe` looks at that code only with `checkCode=True`.

mod error;
mod field;
mod lines;
mod mapper;
mod reducer;
mod reporter;

use core::fmt;
use std::io::Write;

pub use error::StreamError;
pub use field::{ReadField, WriteField};
pub use mapper::StreamMapper;
pub use reporter::Reporter;

/// Lines between two reports of the status. An engine stops a task that is silent for minutes.
const STATUS_EVERY: u64 = 1 << 20;

/// A streaming process: its budget and where it reports.
///
/// A line may end in a newline, or in a carriage return and a newline, as Hadoop reads it. The
/// fields of a key that has several (a tuple) are separated by tabs.
///
/// ```
/// use kernlet::mapreduce::{Emitter, Streaming, Sum};
/// let mut out = Vec::new();
/// let process = Streaming::new("words", std::io::stderr()).budget(1 << 20).seed(42);
/// let mut mapper = process.mapper::<str, _, _>(Sum::<u64>::new(), &mut out).unwrap();
/// mapper.emit("word", 1).unwrap();
/// mapper.finish().unwrap();
/// assert_eq!(out, b"word\t1\n");
/// ```
pub struct Streaming<E> {
    budget: usize,
    /// Bytes of the longest line, if the caller said.
    longest_line: Option<usize>,
    skip_long_lines: bool,
    seed: u64,
    any_order: bool,
    reporter: Reporter<E>,
}

impl<E: Write> Streaming<E> {
    /// A process that reports counters of `group` to `log`, which is standard
    /// error for Hadoop. The budget is 8 MiB.
    pub fn new(group: &str, log: E) -> Self {
        let reporter = Reporter::new(group, log);
        Self { budget: 8 << 20, longest_line: None, skip_long_lines: false, seed: 0, any_order: false, reporter }
    }

    /// Gives the process `bytes` for reading lines and combining. Output is gathered
    /// in another 64 KiB.
    pub fn budget(self, bytes: usize) -> Self {
        Self { budget: bytes, ..self }
    }

    /// Sets room aside for lines of `bytes` and a line end of two more, instead of a quarter of the budget (a mapper)
    /// or half of it (a reducer, which keeps as much again for the last key).
    ///
    /// ```
    /// use kernlet::mapreduce::{Streaming, Sum};
    /// let line = [b"x".repeat(100_000), b"\t1\n".to_vec()].concat();
    /// let process = || Streaming::new("words", Vec::new()).budget(250_000);
    /// let sum = Sum::<u64>::new();
    /// assert!(process().longest_line(100_002).combine::<[u8], _>(sum, &line[..], Vec::new()).is_ok());
    /// assert!(process().longest_line(100_000).combine::<[u8], _>(sum, &line[..], Vec::new()).is_err());
    /// ```
    pub fn longest_line(self, bytes: usize) -> Self {
        Self { longest_line: Some(bytes), ..self }
    }

    /// Skips lines that are too long and counts them, as Hadoop does with those longer than
    /// `mapreduce.input.linerecordreader.line.maxlength`. Otherwise they are an error.
    ///
    /// ```
    /// use kernlet::mapreduce::{Streaming, Sum};
    /// let (mut log, mut out) = (Vec::new(), Vec::new());
    /// let process = Streaming::new("words", &mut log).longest_line(4).skip_long_lines();
    /// process.combine::<str, _>(Sum::<u64>::new(), &b"a\t1\nlong\t1\nb\t2\n"[..], &mut out).unwrap();
    /// assert_eq!(out, b"a\t1\nb\t2\n");
    /// assert!(log.ends_with(b"reporter:counter:words,reduce lines skipped,1\n"));
    /// ```
    pub fn skip_long_lines(self) -> Self {
        Self { skip_long_lines: true, ..self }
    }

    /// Seeds the hash of keys, as [`Job::seed`](super::Job::seed).
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Lets a reducer's keys come in the engine's own order, in which equal keys are
    /// neighbours. Otherwise keys must ascend, so that unsorted input is an error and
    /// not a wrong result.
    ///
    /// ```
    /// use kernlet::mapreduce::{Streaming, Sum};
    /// // Numbers, in their own order and not in that of their bytes.
    /// let (lines, mut out) = (&b"9\t1\n10\t1\n"[..], Vec::new());
    /// let process = Streaming::new("numbers", Vec::new()).any_order();
    /// process.combine::<u32, _>(Sum::<u64>::new(), lines, &mut out).unwrap();
    /// assert_eq!(out, lines);
    /// ```
    pub fn any_order(self) -> Self {
        Self { any_order: true, ..self }
    }

    /// Bytes to read a line in: a part of the budget, or what the longest takes with its end.
    fn line_room(&self, part: usize) -> usize {
        self.longest_line.map_or(self.budget / part, |bytes| bytes.saturating_add(2))
    }

    /// The least budget, if beside the room for lines `rest` bytes are needed.
    fn least(&self, rest: usize, line: usize) -> usize {
        // A quarter reads lines: three of them must do.
        if self.longest_line.is_some() { rest.saturating_add(line) } else { rest.saturating_mul(4).div_ceil(3) }
    }
}

impl<E> fmt::Debug for Streaming<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streaming")
            .field("budget", &self.budget)
            .field("longest_line", &self.longest_line)
            .field("any_order", &self.any_order)
            .finish_non_exhaustive()
    }
}

fn report_lines<E: Write>(reporter: &mut Reporter<E>, lines: u64) -> Result<(), StreamError> {
    reporter.status(&std::format!("{lines} lines")).map_err(StreamError::Write)
}
