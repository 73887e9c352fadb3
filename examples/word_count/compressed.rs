//! What compressed data look like, and gzip, which is read.

use std::io::{self, BufRead, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;

/// How gzipped data begin.
const GZIP: &[u8] = &[0x1F, 0x8B];

/// Bytes that all the beginnings fit in.
pub const HEAD: usize = 16;

/// A way to compress that is not read here.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    pub name: &'static str,
    /// How names of such files end.
    ending: &'static str,
    /// How such data begin, where that tells.
    magic: &'static [u8],
    /// The program that writes the text to standard output.
    pub program: &'static str,
}

const FORMATS: [Format; 13] = [
    format("bzip2", "bz2", b"BZh", "bzip2 -dc"),
    format("xz", "xz", b"\xFD7zXZ\0", "xz -dc"),
    format("lzma", "lzma", b"", "xz -dc"),
    format("Zstandard", "zst", b"\x28\xB5\x2F\xFD", "zstd -dc"),
    format("LZ4", "lz4", b"\x04\x22\x4D\x18", "lz4 -dc"),
    format("lzop", "lzo", b"\x89LZO\0\r\n\x1A\n", "lzop -dc"),
    format("Snappy", "snappy", b"\xFF\x06\0\0sNaPpY", "snzip -dc"),
    format("Brotli", "br", b"", "brotli -dc"),
    format("zlib", "deflate", b"", "pigz -dcz"),
    format("compress", "z", b"\x1F\x9D", "gzip -dc"),
    format("zip", "zip", b"PK\x03\x04", "unzip -p"),
    format("7-Zip", "7z", b"7z\xBC\xAF\x27\x1C", "7z x -so"),
    format("RAR", "rar", b"Rar!\x1A\x07", "unrar p -inul"),
];

const fn format(name: &'static str, ending: &'static str, magic: &'static [u8], program: &'static str) -> Format {
    Format { name, ending, magic, program }
}

/// What a file's name and its first [`HEAD`] bytes say.
pub enum Compression {
    None,
    Gzip,
    /// Named as gzipped, and not.
    NotGzip,
    Other(Format),
}

pub fn compression(path: &Path, head: &[u8]) -> Compression {
    if head.starts_with(GZIP) {
        return Compression::Gzip;
    }
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let begins = |format: &Format| match format.name {
        // Three letters are not enough: the size of its blocks follows, then a block or the end.
        "bzip2" => {
            head.starts_with(format.magic)
                && head.get(3).is_some_and(|level| matches!(level, b'1'..=b'9'))
                && head.get(4..10).is_some_and(|id| id == b"1AY&SY" || id == b"\x17\x72\x45\x38\x50\x90")
        }
        _ => !format.magic.is_empty() && head.starts_with(format.magic),
    };
    match FORMATS.into_iter().find(|format| begins(format) || ending == format.ending) {
        Some(format) => Compression::Other(format),
        None if ending == "gz" => Compression::NotGzip,
        None => Compression::None,
    }
}

/// A reader into whose beginning one can look, however few bytes it gives at a time.
pub struct Peeking<R> {
    reader: R,
    head: [u8; HEAD],
    /// The bytes of the head that are still to be read.
    from: usize,
    to: usize,
    /// A terminal goes on behind its end if it is read again.
    ended: bool,
}

impl<R: BufRead> Peeking<R> {
    pub fn new(reader: R) -> Self {
        Self { reader, head: [0; HEAD], from: 0, to: 0, ended: false }
    }

    /// The next bytes, [`HEAD`] of them unless the end comes before.
    pub fn peek(&mut self) -> io::Result<&[u8]> {
        self.head.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.to - self.from);
        while self.to < HEAD && !self.ended {
            match self.reader.read(&mut self.head[self.to..]) {
                Ok(0) => self.ended = true,
                Ok(read) => self.to += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(&self.head[..self.to])
    }
}

impl<R: BufRead> Read for Peeking<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Peeking<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.from < self.to || self.ended {
            true => Ok(&self.head[self.from..self.to]),
            false => self.reader.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        if self.from < self.to {
            self.from += amount
        } else if !self.ended {
            self.reader.consume(amount)
        }
    }
}

/// The text of gzipped data of any number of members. Zeros may follow, as tapes leave them; whatever else does is an
/// error.
pub struct Gunzip<R> {
    /// `None` behind the last member.
    member: Option<GzDecoder<Peeking<R>>>,
}

impl<R: BufRead> Gunzip<R> {
    pub fn new(reader: Peeking<R>) -> Self {
        Self { member: Some(GzDecoder::new(reader)) }
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(member) = &mut self.member else { return Ok(0) };
            let read = member.read(out)?;
            if read > 0 || out.is_empty() {
                return Ok(read);
            }
            let Some(member) = self.member.take() else { return Ok(0) };
            let mut reader = member.into_inner();
            if reader.peek()?.starts_with(GZIP) {
                self.member = Some(GzDecoder::new(reader));
            } else {
                only_zeros(&mut reader)?;
            }
        }
    }
}

/// Bytes follow gzipped data that are none, nor zeros.
#[derive(Debug)]
pub struct Garbage;

impl std::fmt::Display for Garbage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the gzipped data is followed by bytes that are not gzipped, nor zeros")
    }
}

impl std::error::Error for Garbage {}

fn only_zeros(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let bytes = match reader.fill_buf() {
            Ok([]) => return Ok(()),
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if bytes.iter().any(|&byte| byte != 0) {
            return Err(io::Error::other(Garbage));
        }
        let read = bytes.len();
        reader.consume(read);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_data_are_known_by_name_and_by_beginning() {
        let of = |path: &str, head: &[u8]| match compression(Path::new(path), head) {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::NotGzip => "not gzip",
            Compression::Other(format) => format.name,
        };
        assert_eq!(of("-", b"\x1F\x8B\x08"), "gzip");
        assert_eq!(of("a.gz", b"text"), "not gzip");
        assert_eq!(of("a", b"BZh91AY&SY\x00"), "bzip2");
        // Words may begin so.
        assert_eq!(of("a", b"BZh9 is a word"), "none");
        assert_eq!(of("a.Bz2", b""), "bzip2");
        assert_eq!(of("a.txt.zst", b"text"), "Zstandard");
        assert_eq!(of("-", b"\x28\xB5\x2F\xFD\x00"), "Zstandard");
        assert_eq!(of("a", b"\xFD7zXZ\0\0"), "xz");
        assert_eq!(of("gz", b"text"), "none");
        assert!(FORMATS.iter().all(|format| format.magic.len() <= HEAD));
    }
}
