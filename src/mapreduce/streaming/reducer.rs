//! A reducer's process.

use alloc::vec::Vec;
use std::io::{Read, Write};

use super::super::combiner::Combiner;
use super::super::error::Error;
use super::super::reducer::Reducer;
use super::field::split_fields;
use super::lines::{LineReader, Lines};
use super::{ReadField, Reporter, StreamError, Streaming, WriteField, report_lines};
use crate::pairs::{Key, KeyPart, Leading, Value};

impl<E: Write> Streaming<E> {
    /// Runs a reducer over sorted lines `key⇥value`; returns how many lines and keys there were.
    ///
    /// A key of several fields (a tuple) takes that many of the line. A line with nothing after the
    /// key has an empty value, as in Hadoop.
    ///
    /// # Errors
    ///
    /// Any [`StreamError`]; [`StreamError::Separator`] only for what is written.
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
    /// Streaming::new("values", &mut log).reduce(&mut Values(0), &b"a\tx\na\ty\nb\n"[..], &mut out).unwrap();
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
        let fields = <K::View<'static> as ReadField<'static>>::FIELDS;
        self.groups(input, fields, fields, &mut Reducing::<'_, K, V, R, W>::new(reducer, out))
    }

    /// As [`Self::reduce`], but all keys with the same first part form one group: keys
    /// `(city, year)` give one group for each city, whose values come as the engine sorted them (a
    /// secondary sort).
    ///
    /// Hadoop sorts and partitions this way with `-D stream.num.map.output.key.fields=2`,
    /// `-D mapreduce.partition.keypartitioner.options=-k1,1` and
    /// `-partitioner org.apache.hadoop.mapred.lib.KeyFieldBasedPartitioner`. It compares bytes; if its comparator sorts
    /// the second field as a number instead, call [`Self::any_order`].
    ///
    /// # Errors
    ///
    /// As [`Self::reduce`].
    ///
    /// ```
    /// use kernlet::mapreduce::{Emitter, Escaped, Reducer, Streaming};
    /// /// The last year of each city, and its value.
    /// struct Last(f64);
    /// impl Reducer<(&str, u32), f64> for Last {
    ///     type OutKey = (&'static str, u32);
    ///     type OutValue = f64;
    ///     fn value(&mut self, _: (Escaped, u32), value: f64) {
    ///         self.0 = value;
    ///     }
    ///     fn finish<E: Emitter<Self::OutKey, f64>>(&mut self, (city, year): (Escaped, u32), out: &mut E) -> Result<(), E::Error> {
    ///         out.emit((&city.to_string(), year), self.0)
    ///     }
    /// }
    /// let lines = &b"Oslo\t1950\t-3.5\nRome\t1949\t11.0\nRome\t1950\t22.5\n"[..];
    /// let mut out = Vec::new();
    /// Streaming::new("last", Vec::new()).reduce_by_first(&mut Last(0.0), lines, &mut out).unwrap();
    /// assert_eq!(out, b"Oslo\t1950\t-3.5\nRome\t1950\t22.5\n");
    /// ```
    pub fn reduce_by_first<K, V, R, W>(
        self,
        reducer: &mut R,
        input: impl Read,
        out: W,
    ) -> Result<(u64, u64), StreamError>
    where
        K: Leading + ?Sized,
        V: Value + ?Sized,
        R: Reducer<K, V, OutValue: WriteField>,
        W: Write,
        for<'a> K::View<'a>: ReadField<'a>,
        for<'a> <K::First as KeyPart>::Part<'a>: ReadField<'a>,
        for<'a> V::Ref<'a>: ReadField<'a>,
        for<'a> <R::OutKey as Key>::Borrowed<'a>: WriteField,
    {
        let fields = <K::View<'static> as ReadField<'static>>::FIELDS;
        let first = <<K::First as KeyPart>::Part<'static> as ReadField<'static>>::FIELDS;
        self.groups(input, fields, first, &mut Reducing::<'_, K, V, R, W>::new(reducer, out))
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
        for<'a> K::View<'a>: ReadField<'a> + WriteField,
    {
        let fields = <K::View<'static> as ReadField<'static>>::FIELDS;
        let key = core::marker::PhantomData::<fn(&K)>;
        self.groups(input, fields, fields, &mut Merging { combiner, acc: None, lines: Lines::new(out), key })
    }

    /// Cuts lines into keys and values, and keys into groups by their first `lead` fields.
    fn groups(
        self,
        input: impl Read,
        fields: usize,
        lead: usize,
        groups: &mut impl Groups,
    ) -> Result<(u64, u64), StreamError> {
        // One half reads a line, the other holds the last key.
        let line = self.line_room(2);
        let least = self.longest_line.map_or(0, |_| line.saturating_mul(2));
        let Self { budget, any_order, skip_long_lines, mut reporter, .. } = self;
        if budget < least {
            return Err(StreamError::Job(Error::BudgetTooSmall { given: budget, least }));
        }
        let mut input = LineReader::new(input, line, skip_long_lines)?;
        let mut last = Vec::new();
        let reserved: Result<(), _> = last.try_reserve_exact(line);
        reserved.map_err(|_| StreamError::Job(Error::OutOfMemory { bytes: budget }))?;
        let (mut read, mut keys, mut at) = (0u64, 0u64, 0);
        while let Some((number, bytes)) = input.next()? {
            read += 1;
            at = number;
            let (key, value) = cut(bytes, fields).ok_or(StreamError::NoValue { line: at })?;
            if keys == 0 || key != last.as_slice() {
                if keys > 0 && !any_order && key < last.as_slice() {
                    return Err(StreamError::Order { line: at });
                }
                if keys == 0 || group(key, lead) != group(&last, lead) {
                    if keys > 0 {
                        groups.finish(&last, at)?;
                    }
                    keys += 1;
                }
                last.clear();
                last.extend_from_slice(key);
            }
            groups.value(key, value, at)?;
            if read.is_multiple_of(super::STATUS_EVERY) {
                report_lines(&mut reporter, read)?;
            }
        }
        if keys > 0 {
            groups.finish(&last, at)?;
        }
        groups.end()?;
        report(&mut reporter, [("reduce input records", read), ("reduce input groups", keys)], input.skipped)?;
        Ok((read, keys))
    }
}

fn report<E: Write>(reporter: &mut Reporter<E>, counters: [(&str, u64); 2], skipped: u64) -> Result<(), StreamError> {
    let skipped = (skipped > 0).then_some(("reduce lines skipped", skipped));
    let mut all = counters.into_iter().chain(skipped);
    all.try_for_each(|(name, amount)| reporter.counter(name, amount)).map_err(StreamError::Write)
}

/// A line's key of `fields` fields, and its value: `None` if the line ends with the key.
fn cut(line: &[u8], fields: usize) -> Option<(&[u8], Option<&[u8]>)> {
    match split_fields(line, fields) {
        Some((key, value)) => Some((key, Some(value))),
        None if fields == 1 || split_fields(line, fields - 1).is_some() => Some((line, None)),
        None => None,
    }
}

fn group(key: &[u8], lead: usize) -> &[u8] {
    split_fields(key, lead).map_or(key, |(lead, _)| lead)
}

/// What becomes of keys and their values.
trait Groups {
    /// Takes the next value; `None` if the line has none.
    fn value(&mut self, key: &[u8], value: Option<&[u8]>, line: u64) -> Result<(), StreamError>;
    /// Ends the group whose last key was this.
    fn finish(&mut self, key: &[u8], line: u64) -> Result<(), StreamError>;
    fn end(&mut self) -> Result<(), StreamError>;
}

/// A line's value, or one read from an empty field if the line has none.
fn read_value<'a, V: ReadField<'a>>(value: Option<&'a [u8]>, line: u64) -> Result<V, StreamError> {
    let wrong = if value.is_some() { StreamError::Field { line } } else { StreamError::NoValue { line } };
    V::read_field(value.unwrap_or_default()).ok_or(wrong)
}

struct Reducing<'r, K: ?Sized, V: ?Sized, R, W> {
    reducer: &'r mut R,
    lines: Lines<W>,
    key: core::marker::PhantomData<fn(&K)>,
    value: core::marker::PhantomData<fn(&V)>,
}

impl<'r, K: ?Sized, V: ?Sized, R, W: Write> Reducing<'r, K, V, R, W> {
    fn new(reducer: &'r mut R, out: W) -> Self {
        Self { reducer, lines: Lines::new(out), key: core::marker::PhantomData, value: core::marker::PhantomData }
    }
}

impl<K, V, R, W> Groups for Reducing<'_, K, V, R, W>
where
    K: Key + ?Sized,
    V: Value + ?Sized,
    R: Reducer<K, V, OutValue: WriteField>,
    W: Write,
    for<'a> K::View<'a>: ReadField<'a>,
    for<'a> V::Ref<'a>: ReadField<'a>,
    for<'a> <R::OutKey as Key>::Borrowed<'a>: WriteField,
{
    fn value(&mut self, key: &[u8], value: Option<&[u8]>, line: u64) -> Result<(), StreamError> {
        let key = K::View::read_field(key).ok_or(StreamError::Field { line })?;
        self.reducer.value(key, read_value(value, line)?);
        Ok(())
    }

    fn finish(&mut self, key: &[u8], line: u64) -> Result<(), StreamError> {
        let key = K::View::read_field(key).ok_or(StreamError::Field { line })?;
        self.reducer.finish(key, &mut self.lines)
    }

    fn end(&mut self) -> Result<(), StreamError> {
        self.lines.finish()
    }
}

/// A combiner as a reducer.
struct Merging<K: ?Sized, C: Combiner, W> {
    combiner: C,
    acc: Option<C::Acc>,
    lines: Lines<W>,
    key: core::marker::PhantomData<fn(&K)>,
}

impl<K, C, W> Groups for Merging<K, C, W>
where
    K: Key + ?Sized,
    C: Combiner<Acc: WriteField + for<'a> ReadField<'a>>,
    W: Write,
    for<'a> K::View<'a>: ReadField<'a> + WriteField,
{
    fn value(&mut self, key: &[u8], value: Option<&[u8]>, line: u64) -> Result<(), StreamError> {
        // Whether a key can be read is found where it stands.
        if self.acc.is_none() && K::View::read_field(key).is_none() {
            return Err(StreamError::Field { line });
        }
        let value = read_value(value, line)?;
        match &mut self.acc {
            Some(acc) => self.combiner.merge(acc, &value),
            none => *none = Some(value),
        }
        Ok(())
    }

    fn finish(&mut self, key: &[u8], line: u64) -> Result<(), StreamError> {
        let key = K::View::read_field(key).ok_or(StreamError::Field { line })?;
        self.acc.take().map_or(Ok(()), |acc| self.lines.put(&key, &acc))
    }

    fn end(&mut self) -> Result<(), StreamError> {
        self.lines.finish()
    }
}
