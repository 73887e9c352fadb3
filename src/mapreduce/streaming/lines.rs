//! Lines read and written in memory that does not grow.

use alloc::vec::Vec;
use core::borrow::Borrow;
use std::io::{self, Read, Write};

use super::super::budget::zeroed_bytes;
use super::super::error::Error;
use super::error::StreamError;
use super::field::WriteField;
use crate::pairs::{Emitter, Key};

/// Bytes of output gathered before they are written.
const OUTPUT: usize = 32 << 10;

/// Lines `key⇥value`.
pub(super) struct Lines<W> {
    out: W,
    buffer: Vec<u8>,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, buffer: Vec::with_capacity(2 * OUTPUT) }
    }

    pub(super) fn put<K, V>(&mut self, key: &K, value: &V) -> Result<(), StreamError>
    where
        K: WriteField + ?Sized,
        V: WriteField + ?Sized,
    {
        let start = self.buffer.len();
        key.write_field(&mut self.buffer);
        let end = self.buffer.len();
        self.buffer.push(b'\t');
        value.write_field(&mut self.buffer);
        let is_end = |byte: &&u8| matches!(byte, b'\n' | b'\r');
        let tabs = self.buffer[start..end].iter().filter(|&&byte| byte == b'\t').count();
        let tab = (tabs >= K::FIELDS).then_some(b'\t');
        let wrong = tab.or_else(|| self.buffer[start..].iter().find(is_end).copied());
        if let Some(byte) = wrong {
            self.buffer.truncate(start);
            return Err(StreamError::Separator { byte });
        }
        self.buffer.push(b'\n');
        if self.buffer.len() >= OUTPUT { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), StreamError> {
        self.out.write_all(&self.buffer).map_err(StreamError::Write)?;
        self.buffer.clear();
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Result<(), StreamError> {
        self.write()?;
        self.out.flush().map_err(StreamError::Write)
    }
}

impl<K, V, W> Emitter<K, V> for Lines<W>
where
    K: Key + ?Sized,
    V: WriteField + ?Sized,
    W: Write,
    for<'a> K::Borrowed<'a>: WriteField,
{
    type Error = StreamError;

    fn emit<B: Borrow<V>>(&mut self, key: K::Borrowed<'_>, value: B) -> Result<(), StreamError> {
        self.put(&key, value.borrow())
    }
}

/// Reads lines through a buffer that does not grow.
pub(super) struct LineReader<R> {
    input: R,
    buffer: Vec<u8>,
    /// What was read and is not yet given out.
    rest: core::ops::Range<usize>,
    /// Passes over lines that are too long, rather than failing.
    skip: bool,
    line: u64,
    pub(super) skipped: u64,
}

impl<R: Read> LineReader<R> {
    pub(super) fn new(input: R, bytes: usize, skip: bool) -> Result<Self, StreamError> {
        let buffer = zeroed_bytes(bytes).ok_or(StreamError::Job(Error::OutOfMemory { bytes }))?;
        Ok(Self { input, buffer, rest: 0..0, skip, line: 0, skipped: 0 })
    }

    /// The number of the next line, from 1, and the line without its end: a newline, or a carriage
    /// return and a newline. The last may have none.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &[u8])>, StreamError> {
        let (mut searched, mut skipping) = (0, false);
        self.line += 1;
        loop {
            let rest = &self.buffer[self.rest.clone()];
            if let Some(len) = rest[searched..].iter().position(|&byte| byte == b'\n').map(|at| searched + at) {
                let start = self.rest.start;
                self.rest.start += len + 1;
                if skipping {
                    (searched, skipping) = (0, false);
                    self.line += 1;
                    continue;
                }
                return Ok(Some((self.line, without_return(&self.buffer[start..start + len]))));
            }
            searched = rest.len();
            if skipping {
                // Nothing of it is wanted.
                (self.rest, searched) = (0..0, 0);
            } else if self.rest.end == self.buffer.len() {
                if searched == self.buffer.len() {
                    // A line must fit with its end, which only the next byte would show to be there.
                    if !self.skip {
                        return Err(StreamError::LineTooLong { line: self.line, most: searched.saturating_sub(1) });
                    }
                    self.skipped += 1;
                    skipping = true;
                    continue;
                }
                self.buffer.copy_within(self.rest.clone(), 0);
                self.rest = 0..searched;
            }
            match self.input.read(&mut self.buffer[self.rest.end..]) {
                Ok(0) if searched == 0 => {
                    self.line -= u64::from(!skipping);
                    return Ok(None);
                }
                Ok(0) => {
                    let start = self.rest.start;
                    self.rest = 0..0;
                    return Ok(Some((self.line, without_return(&self.buffer[start..start + searched]))));
                }
                Ok(read) => self.rest.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(StreamError::Read { line: self.line, error }),
            }
        }
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}
