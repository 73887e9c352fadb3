//! Reading: files, gzipped files and standard input, cut between words.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::compressed::{Compression, Format, Garbage, Gunzip, HEAD, Peeking, compression};
use crate::table::escaped;
use crate::words::is_space;

/// Bytes that each thread reads through. Larger blocks leave a core's first cache.
pub const BLOCK: usize = 64 << 10;
/// What Hadoop skips at the very start of a file: U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Why the input could not be read, and where.
#[derive(Debug)]
pub enum ReadError {
    /// Opening or reading a file failed.
    Io(PathBuf, io::Error),
    /// A gzipped file ends early, is damaged, or something follows it.
    Gzip(PathBuf, io::Error),
    /// A file is named as a gzipped one and is none.
    NotGzip(PathBuf),
    /// A file is compressed in a way that is not read.
    Compressed(PathBuf, Format),
    /// A word longer than can be counted, from this byte of the text on.
    WordTooLong { path: PathBuf, at: u64, most: usize },
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Io(path, _)
        | Self::Gzip(path, _)
        | Self::NotGzip(path)
        | Self::Compressed(path, _)
        | Self::WordTooLong { path, .. }) = self;
        let name = escaped(path.as_os_str().as_encoded_bytes());
        write!(f, "{name}: ")?;
        match self {
            Self::Io(_, error) => error.fmt(f),
            Self::Gzip(_, error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("the gzipped data is cut off")
            }
            Self::Gzip(_, error) if error.get_ref().is_some_and(|error| error.is::<Garbage>()) => error.fmt(f),
            Self::Gzip(_, error) => write!(f, "the gzipped data is damaged: {error}"),
            Self::NotGzip(_) => {
                write!(f, "is named as gzipped data and is none: if it is text, `word_count - < {name}` counts it")
            }
            Self::Compressed(_, Format { name: format, program, .. }) => {
                write!(f, "{format} is not read here: `{program} {name} | word_count -` counts the text")
            }
            Self::WordTooLong { at, most, .. } => {
                write!(f, "the word at byte {at} has more than {most} bytes: a larger --budget may hold it")
            }
        }
    }
}

impl std::error::Error for ReadError {}

/// Counts the bytes that are read from a file, compressed or not.
struct Metered<R> {
    reader: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(out)?;
        self.bytes.fetch_add(read as u64, Relaxed);
        Ok(read)
    }
}

struct Open {
    path: PathBuf,
    reader: Box<dyn Read + Send>,
    gzipped: bool,
    /// Bytes of text that were read.
    at: u64,
}

impl Open {
    fn new(path: PathBuf, meter: &Arc<AtomicU64>) -> Result<Self, ReadError> {
        let opened = || -> io::Result<Peeking<_>> {
            let file: Box<dyn Read + Send> =
                if path.as_os_str() == "-" { Box::new(io::stdin()) } else { Box::new(File::open(&path)?) };
            Ok(Peeking::new(BufReader::with_capacity(32 << 10, Metered { reader: file, bytes: meter.clone() })))
        };
        let mut reader = opened().map_err(|error| ReadError::Io(path.clone(), error))?;
        let gzipped = is_gzipped(&path, &mut reader)?;
        let reader: Box<dyn Read + Send> = if gzipped { Box::new(Gunzip::new(reader)) } else { Box::new(reader) };
        Ok(Self { path, reader, gzipped, at: 0 })
    }

    /// Fills `out` unless the text ends before.
    fn fill(&mut self, out: &mut [u8]) -> Result<usize, ReadError> {
        let mut filled = 0;
        while filled < out.len() {
            match self.reader.read(&mut out[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What the system says has a number, what the decoder says has none.
                Err(error) if self.gzipped && error.raw_os_error().is_none() => {
                    return Err(ReadError::Gzip(self.path.clone(), error));
                }
                Err(error) => return Err(ReadError::Io(self.path.clone(), error)),
            }
        }
        self.at += filled as u64;
        Ok(filled)
    }
}

/// The texts one after the other, in blocks that end between words.
pub struct Source {
    paths: std::vec::IntoIter<PathBuf>,
    open: Option<Open>,
    /// The start of a word that the last block broke off in.
    carry: Vec<u8>,
    longest: usize,
    /// Bytes of text that were read.
    pub bytes: u64,
    meter: Arc<AtomicU64>,
}

impl Source {
    /// Reads `paths`, `-` being standard input; words have at most `longest` bytes.
    pub fn new(paths: Vec<PathBuf>, longest: usize) -> Self {
        Self { paths: paths.into_iter(), open: None, carry: Vec::new(), longest, bytes: 0, meter: Arc::default() }
    }

    /// Counts the bytes read from files so far, compressed or not.
    pub fn meter(&self) -> Arc<AtomicU64> {
        self.meter.clone()
    }

    /// Fills `block` with text that ends between words, and returns how many
    /// bytes it took; 0 at the end. The block grows if a word does not fit.
    pub fn next_block(&mut self, block: &mut Vec<u8>) -> Result<usize, ReadError> {
        loop {
            let mut open = match self.open.take() {
                Some(open) => open,
                None => match self.paths.next() {
                    Some(path) => self.start(path)?,
                    None => return Ok(0),
                },
            };
            let mut filled = self.carry.len();
            block.resize(block.len().max(BLOCK).max(filled), 0);
            block[..filled].copy_from_slice(&self.carry);
            self.carry.clear();
            loop {
                let read = open.fill(&mut block[filled..])?;
                self.bytes += read as u64;
                filled += read;
                if filled < block.len() {
                    break;
                }
                if let Some(end) = block.iter().rposition(|&byte| is_space(byte)) {
                    self.carry.extend_from_slice(&block[end + 1..]);
                    self.open = Some(open);
                    return Ok(end + 1);
                }
                if filled > self.longest {
                    let at = open.at - filled as u64;
                    return Err(ReadError::WordTooLong { path: open.path, at, most: self.longest });
                }
                let longer = (2 * filled).min(self.longest + 1);
                block.reserve_exact(longer - filled);
                block.resize(longer, 0);
            }
            if filled > 0 {
                return Ok(filled);
            }
        }
    }

    fn start(&mut self, path: PathBuf) -> Result<Open, ReadError> {
        let mut open = Open::new(path, &self.meter)?;
        let mut first = [0; BYTE_ORDER_MARK.len()];
        let read = open.fill(&mut first)?;
        self.bytes += read as u64;
        if first[..read] != *BYTE_ORDER_MARK {
            self.carry.extend_from_slice(&first[..read]);
        }
        Ok(open)
    }
}

/// Whether a text is gzipped; an error if it is compressed otherwise.
fn is_gzipped(path: &Path, reader: &mut Peeking<impl BufRead>) -> Result<bool, ReadError> {
    let path = path.to_path_buf();
    match reader.peek().map(|head| compression(&path, head)) {
        Ok(Compression::None) => Ok(false),
        Ok(Compression::Gzip) => Ok(true),
        Ok(Compression::NotGzip) => Err(ReadError::NotGzip(path)),
        Ok(Compression::Other(format)) => Err(ReadError::Compressed(path, format)),
        Err(error) => Err(ReadError::Io(path, error)),
    }
}

/// Refuses a file whose name or beginning says that it is compressed in a way that is not read.
pub fn refuse_compressed(path: &Path, file: File) -> Result<(), ReadError> {
    is_gzipped(path, &mut Peeking::new(BufReader::with_capacity(HEAD, file))).map(drop)
}
