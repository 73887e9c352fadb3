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
//! A process tells what went wrong by its exit code: return the error from `main`.
//! PySpark's `pipe` looks at that code only with `checkCode=True`.

mod error;
mod field;
mod lines;
mod reporter;

use alloc::vec::Vec;
use core::borrow::Borrow;
use std::io::{Read, Write};

use super::combiner::Combiner;
use super::counters::Counters;
use super::error::Error;
use super::job::{Combining, Job};
use super::reducer::Reducer;
use crate::pairs::Key;
use crate::pairs::key::{ENCODED, encoded};
use crate::pairs::{Emitter, Mapper};
use crate::pairs::{Plain, Value};
pub use error::StreamError;
pub use field::{ReadField, WriteField};
use lines::{LineReader, Lines};
pub use reporter::Reporter;

/// Lines between two reports of the status. An engine stops a task that is silent for minutes.
const STATUS_EVERY: u64 = 1 << 20;

/// A process of a stream: its budget and where it reports.
///
/// ```
/// let _ = kernlet::mapreduce::Streaming::new("words", std::io::stderr()).budget(1 << 20);
/// ```
pub struct Streaming<E> {
    budget: usize,
    seed: u64,
    any_order: bool,
    reporter: Reporter<E>,
}

impl<E: Write> Streaming<E> {
    /// A process that reports counters of `group` to `log`, which is standard
    /// error for Hadoop. The budget is 8 MiB.
    ///
    /// ```
    /// let _ = kernlet::mapreduce::Streaming::new("words", std::io::stderr());
    /// ```
    pub fn new(group: &str, log: E) -> Self {
        Self { budget: 8 << 20, seed: 0, any_order: false, reporter: Reporter::new(group, log) }
    }

    /// Gives the process `bytes` to read lines and to combine in. Output is
    /// gathered in 64 KiB beside them.
    ///
    /// ```
    /// let _ = kernlet::mapreduce::Streaming::new("words", std::io::stderr()).budget(1 << 20);
    /// ```
    pub fn budget(self, bytes: usize) -> Self {
        Self { budget: bytes, ..self }
    }

    /// Seeds the hash of keys, as [`Job::seed`].
    ///
    /// ```
    /// let _ = kernlet::mapreduce::Streaming::new("words", std::io::stderr()).seed(42);
    /// ```
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Lets a reducer's keys come in an order of the engine's own, in which the
    /// same keys are neighbours. Otherwise keys must ascend, so that input that
    /// was not sorted is an error and not a wrong result.
    ///
    /// ```
    /// let _ = kernlet::mapreduce::Streaming::new("words", std::io::stderr()).any_order();
    /// ```
    pub fn any_order(self) -> Self {
        Self { any_order: true, ..self }
    }

    /// Starts a mapper that takes pairs from anywhere.
    ///
    /// # Errors
    ///
    /// [`StreamError::Job`] if the budget is too small.
    ///
    /// ```
    /// use kernlet::mapreduce::{Emitter, Streaming, Sum};
    /// let mut out = Vec::new();
    /// let mut mapper = Streaming::new("words", Vec::new()).mapper::<u32, _, _>(Sum::<u64>::new(), &mut out).unwrap();
    /// (0..10).for_each(|i| mapper.emit(i % 2, 1).unwrap());
    /// mapper.finish().unwrap();
    /// assert_eq!(out, b"0\t5\n1\t5\n");
    /// ```
    pub fn mapper<K, C, W>(self, combiner: C, out: W) -> Result<StreamMapper<K, C, W, E>, StreamError>
    where
        K: Key + ?Sized,
        C: Combiner,
        W: Write,
    {
        let line = self.budget / 4;
        let job = Job::new(self.budget - line).seed(self.seed).combine(combiner).map_err(StreamError::Job)?;
        Ok(StreamMapper { job, line, lines: Lines::new(out), reporter: self.reporter, written: 0, flushes: 0 })
    }

    /// Runs a mapper over the lines of `input`. A quarter of the budget reads
    /// lines, the rest combines; a full table is written and emptied.
    ///
    /// # Errors
    ///
    /// Anything but [`StreamError::NoValue`], [`StreamError::Field`] and [`StreamError::Order`].
    ///
    /// ```
    /// use kernlet::mapreduce::{Max, Streaming, map_fn};
    /// let mut longest = map_fn::<[u8], u8, u64, _>(|line, emit| {
    ///     line.first().into_iter().for_each(|&byte| emit(byte, &(line.len() as u64)))
    /// });
    /// let mut out = Vec::new();
    /// Streaming::new("lines", Vec::new()).map(&mut longest, Max::<u64>::new(), &b"ab\nabc\na\n"[..], &mut out).unwrap();
    /// assert_eq!(out, b"97\t3\n");
    /// ```
    pub fn map<M, C>(
        self,
        mapper: &mut M,
        combiner: C,
        input: impl Read,
        out: impl Write,
    ) -> Result<Counters, StreamError>
    where
        M: Mapper<[u8], Value = C::Input>,
        C: Combiner<Acc: WriteField>,
        for<'a> <M::Key as Key>::View<'a>: WriteField,
    {
        let mut taking = self.mapper::<M::Key, C, _>(combiner, out)?;
        taking.map_lines(mapper, input)?;
        taking.finish()
    }

    /// Runs a reducer over sorted lines `key⇥value`; returns how many lines and keys there were.
    ///
    /// # Errors
    ///
    /// Anything but [`StreamError::Job`].
    ///
    /// ```
    /// use kernlet::mapreduce::{Emitter, Reducer, Streaming};
    /// /// How many values a key has.
    /// struct Values(u64);
    /// impl Reducer<str, str> for Values {
    ///     type OutKey = str;
    ///     type OutValue = u64;
    ///     fn value(&mut self, _: &str, _: &str) {
    ///         self.0 += 1;
    ///     }
    ///     fn finish<E: Emitter<str, u64>>(&mut self, key: &str, out: &mut E) -> Result<(), E::Error> {
    ///         out.emit(key, core::mem::take(&mut self.0))
    ///     }
    /// }
    /// let (mut log, mut out) = (Vec::new(), Vec::new());
    /// Streaming::new("values", &mut log).reduce(&mut Values(0), &b"a\tx\na\ty\nb\tz\n"[..], &mut out).unwrap();
    /// assert_eq!(out, b"a\t2\nb\t1\n");
    /// ```
    pub fn reduce<K, V, R, W>(self, reducer: &mut R, input: impl Read, out: W) -> Result<(u64, u64), StreamError>
    where
        K: Key + ?Sized,
        V: Value + ?Sized,
        R: Reducer<K, V, OutValue: WriteField>,
        W: Write,
        for<'a> K::View<'a>: ReadField<'a>,
        for<'a> V::Ref<'a>: ReadField<'a>,
        for<'a> <R::OutKey as Key>::Borrowed<'a>: WriteField,
    {
        let Self { budget, any_order, mut reporter, .. } = self;
        // One half reads a line, the other holds the key of the group.
        let mut input = LineReader::new(input, budget / 2);
        let mut lines = Lines::new(out);
        let mut group = Vec::new();
        let (mut read, mut keys) = (0u64, 0);
        while let Some(line) = input.next()? {
            read += 1;
            let Some(tab) = line.iter().position(|&byte| byte == b'\t') else {
                return Err(StreamError::NoValue { line: read });
            };
            let (key, value) = (&line[..tab], &line[tab + 1..]);
            let another = keys == 0 || key != group.as_slice();
            if another {
                if keys > 0 {
                    if !any_order && key < group.as_slice() {
                        return Err(StreamError::Order { line: read });
                    }
                    finish_group(reducer, &group, &mut lines, read)?;
                }
                keys += 1;
                group.clear();
                group.extend_from_slice(key);
            }
            let fields = K::View::read_field(key).zip(V::Ref::read_field(value));
            let Some((key, value)) = fields else { return Err(StreamError::Field { line: read }) };
            reducer.value(key, value);
            if read.is_multiple_of(STATUS_EVERY) {
                report_lines(&mut reporter, read)?;
            }
        }
        if keys > 0 {
            finish_group(reducer, &group, &mut lines, read)?;
        }
        lines.finish()?;
        let report = [("reduce input records", read), ("reduce input groups", keys)];
        report.iter().try_for_each(|(name, amount)| reporter.counter(name, *amount)).map_err(StreamError::Write)?;
        Ok((read, keys))
    }

    /// Runs a combiner over sorted lines `key⇥accumulator`, as a reducer or as
    /// Hadoop's `-combiner`; returns how many lines and keys there were.
    ///
    /// # Errors
    ///
    /// As [`Self::reduce`].
    ///
    /// ```
    /// use kernlet::mapreduce::{Streaming, Sum};
    /// let mut out = Vec::new();
    /// let sum = Sum::<i64>::new();
    /// Streaming::new("words", Vec::new()).combine::<str, _>(sum, &b"a\t1\na\t2\nb\t-3"[..], &mut out).unwrap();
    /// assert_eq!(out, b"a\t3\nb\t-3\n");
    /// ```
    pub fn combine<K, C>(self, combiner: C, input: impl Read, out: impl Write) -> Result<(u64, u64), StreamError>
    where
        K: Key + ?Sized,
        C: Combiner<Acc: WriteField + for<'a> ReadField<'a>>,
        for<'a> K: Key<Borrowed<'a> = <K as Key>::View<'a>>,
        for<'a> K::View<'a>: ReadField<'a> + WriteField,
    {
        self.reduce::<K, C::Acc, _, _>(&mut Merging { combiner, acc: None }, input, out)
    }
}

fn finish_group<K, V, R, W>(reducer: &mut R, group: &[u8], lines: &mut Lines<W>, line: u64) -> Result<(), StreamError>
where
    K: Key + ?Sized,
    V: Value + ?Sized,
    R: Reducer<K, V, OutValue: WriteField>,
    W: Write,
    for<'a> K::View<'a>: ReadField<'a>,
    for<'a> <R::OutKey as Key>::Borrowed<'a>: WriteField,
{
    let key = K::View::read_field(group).ok_or(StreamError::Field { line })?;
    reducer.finish(key, lines)
}

fn report_lines<E: Write>(reporter: &mut Reporter<E>, lines: u64) -> Result<(), StreamError> {
    reporter.status(&std::format!("{lines} lines")).map_err(StreamError::Write)
}

/// A combiner as a reducer.
struct Merging<C: Combiner> {
    combiner: C,
    acc: Option<C::Acc>,
}

impl<K, C> Reducer<K, C::Acc> for Merging<C>
where
    K: Key + ?Sized,
    C: Combiner,
    for<'a> K: Key<Borrowed<'a> = <K as Key>::View<'a>>,
{
    type OutKey = K;
    type OutValue = C::Acc;

    fn value(&mut self, _: K::View<'_>, value: C::Acc) {
        match &mut self.acc {
            Some(acc) => self.combiner.merge(acc, &value),
            none => *none = Some(value),
        }
    }

    fn finish<E: Emitter<K, C::Acc>>(&mut self, key: K::View<'_>, out: &mut E) -> Result<(), E::Error> {
        self.acc.take().map_or(Ok(()), |acc| out.emit(key, acc))
    }
}

/// A mapper's process: pairs are combined in the budget and written when the
/// table is full, in the order of keys, and at the end.
///
/// ```
/// use kernlet::mapreduce::{Emitter, Streaming, Sum};
/// let mut mapper = Streaming::new("words", Vec::new()).mapper::<str, _, _>(Sum::<u64>::new(), Vec::new()).unwrap();
/// mapper.emit("a", 1).unwrap();
/// assert_eq!(mapper.finish().unwrap().emitted, 1);
/// ```
pub struct StreamMapper<K: ?Sized, C, W, E> {
    job: Combining<'static, K, C>,
    /// Bytes of the longest line.
    line: usize,
    lines: Lines<W>,
    reporter: Reporter<E>,
    written: u64,
    flushes: u64,
}

impl<K, C, W, E> StreamMapper<K, C, W, E>
where
    K: Key + ?Sized,
    C: Combiner<Acc: WriteField>,
    W: Write,
    E: Write,
    for<'a> K::View<'a>: WriteField,
{
    /// Maps every line of `input`.
    ///
    /// # Errors
    ///
    /// As [`Streaming::map`].
    ///
    /// ```
    /// use kernlet::mapreduce::{Streaming, Sum, map_fn};
    /// let mut mapper = Streaming::new("lines", Vec::new()).mapper::<str, _, _>(Sum::<u64>::new(), Vec::new()).unwrap();
    /// let mut lines = map_fn::<[u8], str, u64, _>(|_, emit| emit("lines", &1));
    /// mapper.map_lines(&mut lines, &b"a\nb"[..]).unwrap();
    /// assert_eq!(mapper.finish().unwrap().records_in, 2);
    /// ```
    pub fn map_lines<M>(&mut self, mapper: &mut M, input: impl Read) -> Result<(), StreamError>
    where
        M: Mapper<[u8], Key = K, Value = C::Input>,
    {
        let mut input = LineReader::new(input, self.line);
        while let Some(line) = input.next()? {
            mapper.map(line, self)?;
            self.job.engine.counters.records_in += 1;
            if input.line.is_multiple_of(STATUS_EVERY) {
                report_lines(&mut self.reporter, input.line)?;
            }
        }
        Ok(())
    }

    /// What else the process counts.
    ///
    /// ```
    /// use kernlet::mapreduce::{Streaming, Sum};
    /// let mut mapper = Streaming::new("words", Vec::new()).mapper::<str, _, _>(Sum::<u64>::new(), Vec::new()).unwrap();
    /// mapper.reporter().counter("lines left out", 1).unwrap();
    /// ```
    pub fn reporter(&mut self) -> &mut Reporter<E> {
        &mut self.reporter
    }

    /// Writes what is in the table and reports the counters.
    ///
    /// # Errors
    ///
    /// [`StreamError::Write`], [`StreamError::Separator`].
    ///
    /// ```
    /// use kernlet::mapreduce::{Streaming, Sum};
    /// let mapper = Streaming::new("words", Vec::new()).mapper::<str, _, _>(Sum::<u64>::new(), Vec::new()).unwrap();
    /// assert_eq!(mapper.finish().unwrap().emitted, 0);
    /// ```
    pub fn finish(mut self) -> Result<Counters, StreamError> {
        self.flush()?;
        self.lines.finish()?;
        let counters = self.job.counters();
        let report = [
            ("map input records", counters.records_in),
            ("map emitted pairs", counters.emitted),
            ("map combined pairs", counters.combined),
            ("map output records", self.written),
            ("map table flushes", self.flushes),
        ];
        let outcome = report.iter().try_for_each(|(name, amount)| self.reporter.counter(name, *amount));
        outcome.map_err(StreamError::Write)?;
        Ok(counters)
    }

    #[cold]
    fn pass(&mut self, key: &[u8], value: &C::Input) -> Result<(), StreamError> {
        let view = K::decode(key).ok_or(StreamError::Job(Error::Undecodable { key: key.len() }))?;
        self.lines.put(&view, &self.job.fold.0.start(value))?;
        self.job.engine.counters.emitted += 1;
        self.written += 1;
        Ok(())
    }

    /// Writes the table and empties it.
    #[cold]
    fn flush(&mut self) -> Result<(), StreamError> {
        let Self { job, lines, written, .. } = self;
        let mut outcome = Ok(());
        let write = |key: &[u8], acc: &[u8]| {
            if outcome.is_ok() {
                outcome = match K::decode(key) {
                    Some(view) => lines.put(&view, &C::Acc::load(acc)),
                    None => Err(StreamError::Job(Error::Undecodable { key: key.len() })),
                };
                *written += 1;
            }
        };
        job.engine.drain(&job.fold, |_| true, write).map_err(StreamError::Job)?;
        self.flushes += 1;
        outcome
    }
}

impl<K, C, W, E> Emitter<K, C::Input> for StreamMapper<K, C, W, E>
where
    K: Key + ?Sized,
    C: Combiner<Acc: WriteField>,
    W: Write,
    E: Write,
    for<'a> K::View<'a>: WriteField,
{
    type Error = StreamError;

    /// Combines a pair with what the table has for its key.
    ///
    /// # Errors
    ///
    /// [`StreamError::Write`] and [`StreamError::Separator`] on writing a full table
    /// or a pair that is too long for any, [`StreamError::Job`] for a tuple or number
    /// whose encoding is.
    fn emit<B: Borrow<C::Input>>(&mut self, key: K::Borrowed<'_>, value: B) -> Result<(), StreamError> {
        let value = value.borrow();
        let outcome = encoded::<K, _>(&key, |key| {
            loop {
                match self.job.emit_bytes(key, value) {
                    Ok(()) => return Ok(()),
                    Err(Error::Full { .. }) => self.flush()?,
                    // What no table can hold is written as it is.
                    Err(Error::PairTooLong { .. }) => return self.pass(key, value),
                    Err(error) => return Err(StreamError::Job(error)),
                }
            }
        });
        outcome
            .unwrap_or_else(|key| Err(StreamError::Job(Error::PairTooLong { key, value: C::Acc::SIZE, most: ENCODED })))
    }
}

crate::pairs::debug::debug!([E] Streaming<E>, "Streaming", "budget": |streaming| streaming.budget, "seed": |streaming| streaming.seed);
crate::pairs::debug::debug!([K: Key + ?Sized, C: Combiner, W, E] StreamMapper<K, C, W, E>, "StreamMapper", "counters": |mapper| mapper.job.counters());
