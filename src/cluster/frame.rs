//! Frames: a kind, a length, a checksum and that many bytes.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | `KNLF` |
//! | 4..8 | the kind, four letters |
//! | 8..16 | the length of the payload |
//! | 16..20 | CRC-32 of bytes 4..16 and the payload, as in gzip |
//! | 20.. | the payload |
//!
//! Numbers are little-endian.

use alloc::{borrow::Cow, format, string::String, vec::Vec};
use core::fmt;
use std::io::{self, Read, Write};

use super::Error;

const MAGIC: [u8; 4] = *b"KNLF";
const HEADER: usize = 20;

/// What a frame is, in four letters.
///
/// ```
/// use kernlet::cluster::Kind;
/// assert_eq!(Kind::GRADIENT.to_string(), "grad");
/// assert_eq!(Kind(*b"mine").to_string(), "mine");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind(pub [u8; 4]);

impl Kind {
    /// Who is at the other end: the first frame in both directions.
    pub const HELLO: Self = Self(*b"helo");
    /// A partition's samples.
    pub const LOAD: Self = Self(*b"load");
    /// What was asked for is done, and there is nothing to say about it.
    pub const DONE: Self = Self(*b"done");
    /// Parameters of a step.
    pub const PARAMETERS: Self = Self(*b"parm");
    /// Which leaves of a partition are wanted.
    pub const PART: Self = Self(*b"part");
    /// Subtrees of the gradient.
    pub const GRADIENT: Self = Self(*b"grad");
    /// The partition is not here: it must be loaded first.
    pub const LACKING: Self = Self(*b"lack");
    /// What went wrong, as text.
    pub const FAILURE: Self = Self(*b"fail");
    /// The order of an epoch: which sample lies where.
    pub const ORDER: Self = Self(*b"ordr");
    /// A line for whoever watches.
    pub const SAY: Self = Self(*b"says");
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads frames from one stream and writes them to another: a worker's standard input and output, or their other ends.
///
/// ```
/// use kernlet::cluster::{Error, Frames, Kind};
/// let mut wire = Vec::new();
/// Frames::new(&[][..], &mut wire).write(Kind::SAY, &[b"epoch ", b"1"])?;
/// let mut frames = Frames::new(&wire[..], Vec::new());
/// assert_eq!(frames.read()?, Some((Kind::SAY, &b"epoch 1"[..])));
/// assert_eq!(frames.read()?, None);
///
/// wire[22] ^= 1;
/// assert!(matches!(Frames::new(&wire[..], Vec::new()).read(), Err(Error::Checksum { .. })));
/// # Ok::<(), Error>(())
/// ```
pub struct Frames<R, W> {
    input: R,
    output: W,
    most: u64,
    payload: Vec<u8>,
}

impl<R: Read, W: Write> Frames<R, W> {
    /// Frames of any length between these streams.
    pub const fn new(input: R, output: W) -> Self {
        Self { input, output, most: u64::MAX, payload: Vec::new() }
    }

    /// Refuses to read frames of more than `bytes`, so that a changed length takes no memory.
    pub fn at_most(self, bytes: u64) -> Self {
        Self { most: bytes, ..self }
    }

    /// The next frame; `None` where the stream ends between two.
    ///
    /// Its bytes lie in a buffer that is as long as the longest frame so far, and grows with what is read, not with
    /// what a header says.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::NoFrame`], [`Error::Cut`], [`Error::TooLong`], [`Error::Checksum`].
    pub fn read(&mut self) -> Result<Option<(Kind, &[u8])>, Error> {
        let mut header = [0; HEADER];
        match fill(&mut self.input, &mut header)? {
            0 => return Ok(None),
            HEADER => {}
            found => return Err(Error::Cut { expected: HEADER as u64, found: found as u64 }),
        }
        let field = |at: usize| header.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
        if field(0) != MAGIC {
            return Err(Error::NoFrame { found: field(0) });
        }
        let kind = Kind(field(4));
        let len = u64::from_le_bytes(header.get(8..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default());
        if len > self.most {
            return Err(Error::TooLong { kind, most: self.most, found: len });
        }
        self.payload.clear();
        let found = self.input.by_ref().take(len).read_to_end(&mut self.payload).map_err(Error::Read)?;
        if found as u64 != len {
            return Err(Error::Cut { expected: len, found: found as u64 });
        }
        let found = crc(crc(0, header.get(4..16).unwrap_or(&[])), &self.payload);
        let expected = u32::from_le_bytes(field(16));
        if expected != found {
            return Err(Error::Checksum { kind, expected, found });
        }
        Ok(Some((kind, &self.payload)))
    }

    /// Writes a frame whose payload is all of `parts`, and flushes.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&mut self, kind: Kind, parts: &[&[u8]]) -> Result<(), Error> {
        let mut header = [0; HEADER];
        let len = parts.iter().map(|part| part.len() as u64).sum::<u64>();
        let mut put =
            |at: usize, bytes: &[u8]| header.iter_mut().skip(at).zip(bytes).for_each(|(to, from)| *to = *from);
        put(0, &MAGIC);
        put(4, &kind.0);
        put(8, &len.to_le_bytes());
        let sum = crc(0, header.get(4..16).unwrap_or(&[]));
        let sum = parts.iter().fold(sum, |sum, part| crc(sum, part));
        let mut put =
            |at: usize, bytes: &[u8]| header.iter_mut().skip(at).zip(bytes).for_each(|(to, from)| *to = *from);
        put(16, &sum.to_le_bytes());
        let written = self.output.write_all(&header).and_then(|()| {
            parts.iter().try_for_each(|part| self.output.write_all(part))?;
            self.output.flush()
        });
        written.map_err(Error::Write)
    }

    /// Writes a frame, and reads its answer.
    ///
    /// The other end may refuse the frame, say why and be gone before all of it is written: what it said is read all
    /// the same.
    ///
    /// # Errors
    /// Those of [`read`](Self::read); [`Error::Write`] if there is nothing to read either.
    pub fn ask(&mut self, kind: Kind, parts: &[&[u8]]) -> Result<Option<(Kind, &[u8])>, Error> {
        let written = self.write(kind, parts);
        match (written, self.read()) {
            (Err(error), Err(_) | Ok(None)) => Err(error),
            (_, answer) => answer,
        }
    }
}

impl<R, W> fmt::Debug for Frames<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames").field("most", &self.most).finish_non_exhaustive()
    }
}

/// Answers each frame of `input` with one on `output`, by a function: a worker for anything but gradients (a
/// vocabulary, a [summary](crate::sketch)). It ends where `input` does, between two frames.
///
/// The function writes the answer's payload into an empty vector, and returns its kind. An error that it returns is
/// answered with a frame [`Kind::FAILURE`], and the worker goes on.
///
/// # Errors
/// If a stream fails, or what comes is not a frame; the driver is told where that is still possible.
///
/// ```
/// use kernlet::cluster::{Frames, Kind, serve};
/// let (mut asked, mut answered) = (Vec::new(), Vec::new());
/// let mut frames = Frames::new(&[][..], &mut asked);
/// frames.write(Kind(*b"text"), &[b"to be"])?;
/// frames.write(Kind(*b"text"), &[b"or not"])?;
/// frames.write(Kind(*b"take"), &[])?;
///
/// let mut bytes = 0_u64;
/// serve(&asked[..], &mut answered, |kind, payload, out| match &kind.0 {
///     b"text" => {
///         bytes += payload.len() as u64;
///         Ok(Kind::DONE)
///     }
///     b"take" => {
///         out.extend(bytes.to_le_bytes());
///         Ok(kind)
///     }
///     _ => Err(format!("unknown kind `{kind}`")),
/// })?;
/// let mut frames = Frames::new(&answered[..], Vec::new());
/// assert_eq!(frames.read()?.map(|(kind, _)| kind), Some(Kind::DONE));
/// assert_eq!(frames.read()?.map(|(kind, _)| kind), Some(Kind::DONE));
/// assert_eq!(frames.read()?, Some((Kind(*b"take"), &11_u64.to_le_bytes()[..])));
/// # Ok::<(), kernlet::cluster::Error>(())
/// ```
pub fn serve<R: Read, W: Write>(
    input: R,
    output: W,
    mut answer: impl FnMut(Kind, &[u8], &mut Vec<u8>) -> Result<Kind, String>,
) -> Result<(), Error> {
    let mut frames = Frames::new(input, output);
    let mut out = Vec::new();
    loop {
        out.clear();
        let answered = match frames.read() {
            Ok(Some((kind, payload))) => answer(kind, payload, &mut out),
            Ok(None) => return Ok(()),
            Err(error) => {
                let _ = frames.write(Kind::FAILURE, &[failure(&error).as_bytes()]);
                return Err(error);
            }
        };
        match answered {
            Ok(kind) => frames.write(kind, &[&out])?,
            Err(text) => frames.write(Kind::FAILURE, &[failure(&text).as_bytes()])?,
        }
    }
}

/// What went wrong, and in which process.
pub(super) fn failure(what: &impl fmt::Display) -> String {
    format!("worker {}: {what}", std::process::id())
}

/// Reads until `buffer` is full or the stream ends, and returns how much that was.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> Result<usize, Error> {
    let mut at = 0;
    while let Some(rest) = buffer.get_mut(at..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(len) => at += len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::Read(error)),
        }
    }
    Ok(at)
}

/// Tables of [`snapshot::crc32`](crate::snapshot::crc32) for eight bytes at a time (Kounavis, Berry: *A systematic
/// approach to building high performance, software-based, CRC generators*, 2005). A frame of parameters is read and
/// written in every step, so 8 KiB of tables pay here.
static TABLES: [[u32; 256]; 8] = {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = (before >> 8) ^ tables[0][(before & 0xFF) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
};

/// Continues the CRC-32 `crc` with `bytes`.
fn crc(crc: u32, bytes: &[u8]) -> u32 {
    let at = |table: usize, byte: u32| TABLES[table][(byte & 0xFF) as usize];
    let mut crc = !crc;
    let (words, rest) = bytes.as_chunks::<8>();
    for &[a, b, c, d, e, f, g, h] in words {
        let low = crc ^ u32::from_le_bytes([a, b, c, d]);
        let high = u32::from_le_bytes([e, f, g, h]);
        crc = at(7, low)
            ^ at(6, low >> 8)
            ^ at(5, low >> 16)
            ^ at(4, low >> 24)
            ^ at(3, high)
            ^ at(2, high >> 8)
            ^ at(1, high >> 16)
            ^ at(0, high >> 24);
    }
    for &byte in rest {
        crc = at(0, crc ^ u32::from(byte)) ^ (crc >> 8);
    }
    !crc
}

/// Numbers as they lie in a frame.
pub(super) fn le_bytes(numbers: &[f32]) -> Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        Cow::Borrowed(bytemuck::must_cast_slice(numbers))
    } else {
        Cow::Owned(numbers.iter().flat_map(|x| x.to_le_bytes()).collect())
    }
}

/// Reads the parts of a payload, one after the other; `None` past its end.
pub(super) struct Payload<'p>(pub(super) &'p [u8]);

impl<'p> Payload<'p> {
    pub(super) fn u32(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*bytes))
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*bytes))
    }

    pub(super) fn bytes(&mut self, len: usize) -> Option<&'p [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    /// Fills `numbers`; `None` if there are not enough.
    pub(super) fn numbers(&mut self, numbers: &mut [f32]) -> Option<()> {
        let bytes = self.bytes(numbers.len().checked_mul(4)?)?;
        numbers.iter_mut().zip(bytes.as_chunks::<4>().0).for_each(|(x, bytes)| *x = f32::from_le_bytes(*bytes));
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_snapshots() {
        let bytes: Vec<u8> = (0..200).map(|i| (i * 37 % 251) as u8).collect();
        for start in 0..9 {
            for end in start..bytes.len() {
                let (part, whole) = (&bytes[start..end], crate::snapshot::crc32(7, &bytes[start..end]));
                assert_eq!(crc(7, part), whole);
            }
        }
    }
}
