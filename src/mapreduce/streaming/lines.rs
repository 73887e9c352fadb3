//! Lines read and written in memory that does not grow.

use alloc::vec;
use alloc::vec::Vec;
use core::borrow::Borrow;
use std::io::{self, Read, Write};

use super::error::StreamError;
use super::field::WriteField;
use crate::pairs::Emitter;
use crate::pairs::Key;

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

    pub(super) fn put(
        &mut self,
        key: &(impl WriteField + ?Sized),
        value: &(impl WriteField + ?Sized),
    ) -> Result<(), StreamError> {
        let start = self.buffer.len();
        key.write_field(&mut self.buffer);
        let end = self.buffer.len();
        self.buffer.push(b'\t');
        value.write_field(&mut self.buffer);
        let separator = |byte: &&u8| matches!(byte, b'\n' | b'\r');
        let in_key = self.buffer[start..end].iter().find(|byte| **byte == b'\t' || separator(byte));
        let wrong = in_key.or_else(|| self.buffer[end + 1..].iter().find(separator)).copied();
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
    pub(super) line: u64,
}

impl<R: Read> LineReader<R> {
    pub(super) fn new(input: R, bytes: usize) -> Self {
        Self { input, buffer: vec![0; bytes], rest: 0..0, line: 0 }
    }

    /// The next line, without its end; the last may have none.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, StreamError> {
        let mut searched = 0;
        self.line += 1;
        loop {
            let rest = &self.buffer[self.rest.clone()];
            if let Some(len) = rest[searched..].iter().position(|&byte| byte == b'\n').map(|at| searched + at) {
                let start = self.rest.start;
                self.rest.start += len + 1;
                return Ok(Some(&self.buffer[start..start + len]));
            }
            searched = rest.len();
            if self.rest.end == self.buffer.len() {
                if searched == self.buffer.len() {
                    // A line must fit with its end, which only the next byte would show to be there.
                    return Err(StreamError::LineTooLong { line: self.line, most: searched.saturating_sub(1) });
                }
                self.buffer.copy_within(self.rest.clone(), 0);
                self.rest = 0..searched;
            }
            match self.input.read(&mut self.buffer[self.rest.end..]) {
                Ok(0) if searched == 0 => {
                    self.line -= 1;
                    return Ok(None);
                }
                Ok(0) => {
                    let start = self.rest.start;
                    self.rest = 0..0;
                    return Ok(Some(&self.buffer[start..start + searched]));
                }
                Ok(read) => self.rest.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(StreamError::Read { line: self.line, error }),
            }
        }
    }
}
