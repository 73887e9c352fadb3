//! A mapper's process.

use core::borrow::Borrow;
use core::fmt;
use std::io::{Read, Write};

use super::super::combiner::Combiner;
use super::super::counters::Counters;
use super::super::error::Error;
use super::super::job::{Combining, Job};
use super::lines::{LineReader, Lines};
use super::{Reporter, StreamError, Streaming, WriteField, report_lines};
use crate::pairs::key::encoded;
use crate::pairs::{Emitter, Key, Mapper, Plain};

impl<E: Write> Streaming<E> {
    /// Starts a mapper that takes pairs from anywhere.
    ///
    /// # Errors
    ///
    /// [`StreamError::Job`] if the budget is too small, or more than the memory there is.
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
        let line = self.line_room(4);
        let given = self.budget;
        let rest = given.saturating_sub(line);
        let job = Job::new(rest).seed(self.seed).combine(combiner).map_err(|error| match error {
            Error::BudgetTooSmall { least, .. } => Error::BudgetTooSmall { given, least: self.least(least, line) },
            error => error,
        });
        let job = job.map_err(StreamError::Job)?;
        let (skip, reporter) = (self.skip_long_lines, self.reporter);
        Ok(StreamMapper { job, line, skip, lines: Lines::new(out), reporter, written: 0, flushes: 0, skipped: 0 })
    }

    /// Runs a mapper over the lines of `input`. A quarter of the budget is for
    /// reading lines, the rest for combining; a full table is written and emptied.
    ///
    /// # Errors
    ///
    /// Any [`StreamError`] except [`StreamError::NoValue`], [`StreamError::Field`] and
    /// [`StreamError::Order`].
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
}

/// A mapper's process: pairs are combined in the budget and written, in the order of
/// keys, when the table is full and at the end. Keys may have several fields.
///
/// ```
/// use kernlet::mapreduce::{Emitter, Max, Streaming};
/// let mut out = Vec::new();
/// let mut mapper = Streaming::new("heat", Vec::new()).mapper::<(&str, u32), _, _>(Max::<f64>::new(), &mut out).unwrap();
/// mapper.emit(("Rome", 1950), 22.5).unwrap();
/// mapper.emit(("Rome", 1950), 11.0).unwrap();
/// assert_eq!(mapper.finish().unwrap().emitted, 2);
/// assert_eq!(out, b"Rome\t1950\t22.5\n");
/// ```
pub struct StreamMapper<K: ?Sized, C, W, E> {
    job: Combining<'static, K, C>,
    /// Bytes to read lines in, and whether longer ones are passed over.
    line: usize,
    skip: bool,
    lines: Lines<W>,
    reporter: Reporter<E>,
    written: u64,
    flushes: u64,
    skipped: u64,
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
        let mut input = LineReader::new(input, self.line, self.skip)?;
        while let Some((number, line)) = input.next()? {
            mapper.map(line, self)?;
            self.job.engine.counters.records_in += 1;
            if number.is_multiple_of(super::STATUS_EVERY) {
                report_lines(&mut self.reporter, number)?;
            }
        }
        self.skipped += input.skipped;
        Ok(())
    }

    /// Reports other counters, and the status.
    ///
    /// ```
    /// use kernlet::mapreduce::{Streaming, Sum};
    /// let mut log = Vec::new();
    /// let mut mapper = Streaming::new("words", &mut log).mapper::<str, _, _>(Sum::<u64>::new(), Vec::new()).unwrap();
    /// mapper.reporter().counter("lines left out", 1).unwrap();
    /// drop(mapper);
    /// assert_eq!(log, b"reporter:counter:words,lines left out,1\n");
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
        let skipped = (self.skipped > 0).then_some(("map lines skipped", self.skipped));
        let mut report = report.into_iter().chain(skipped);
        let outcome = report.try_for_each(|(name, amount)| self.reporter.counter(name, amount));
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
        job.engine.drain(&job.fold, write);
        self.flushes += 1;
        outcome
    }

    /// A key whose encoding is too long for the stack.
    #[cold]
    fn emit_long(&mut self, key: &K::Borrowed<'_>, len: usize, value: &C::Input) -> Result<(), StreamError> {
        loop {
            match self.job.emit_long(key, len, value) {
                Ok(()) => return Ok(()),
                Err(Error::Full { .. }) => self.flush()?,
                Err(Error::PairTooLong { .. }) => {
                    let mut bytes = alloc::vec![0; len];
                    K::encode(key, &mut bytes);
                    return self.pass(&bytes, value);
                }
                Err(error) => return Err(StreamError::Job(error)),
            }
        }
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
    /// [`StreamError::Write`] and [`StreamError::Separator`] from writing a full
    /// table, or a pair too long for any table.
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
        outcome.unwrap_or_else(|len| self.emit_long(&key, len, value))
    }
}

impl<K: ?Sized, C, W, E> fmt::Debug for StreamMapper<K, C, W, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamMapper")
            .field("longest_line", &self.line.saturating_sub(1))
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}
