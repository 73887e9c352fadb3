//! Reading: files, gzipped files and standard input, cut between words.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use flate2::bufread::MultiGzDecoder;

use crate::words::is_space;

/// Bytes that each thread reads through. Larger blocks leave a core's first cache.
pub const BLOCK: usize = 64 << 10;
/// What Hadoop skips at the very start of a file: U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
const GZIP: &[u8] = &[0x1F, 0x8B];

/// Why the input could not be read, and where.
#[derive(Debug)]
pub enum ReadError {
    /// Opening or reading a file failed.
    Io(PathBuf, io::Error),
    /// A gzipped file ends early or is damaged.
    Gzip(PathBuf, io::Error),
    /// A word longer than can be counted, from this byte of the text on.
    WordTooLong { path: PathBuf, at: u64, most: usize },
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Gzip(path, error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                write!(f, "{}: the gzipped data is cut off", path.display())
            }
            Self::Gzip(path, error) => write!(f, "{}: the gzipped data is damaged: {error}", path.display()),
            Self::WordTooLong { path, at, most } => {
                write!(
                    f,
                    "{}: the word at byte {at} has more than {most} bytes: a larger --budget may hold it",
                    path.display()
                )
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
        let opened = || -> io::Result<(Box<dyn Read + Send>, bool)> {
            let file: Box<dyn Read + Send> =
                if path.as_os_str() == "-" { Box::new(io::stdin()) } else { Box::new(File::open(&path)?) };
            let mut reader = BufReader::with_capacity(32 << 10, Metered { reader: file, bytes: meter.clone() });
            let gzipped = reader.fill_buf()?.starts_with(GZIP);
            Ok(if gzipped { (Box::new(MultiGzDecoder::new(reader)), true) } else { (Box::new(reader), false) })
        };
        match opened() {
            Ok((reader, gzipped)) => Ok(Self { path, reader, gzipped, at: 0 }),
            Err(error) => Err(ReadError::Io(path, error)),
        }
    }

    /// Fills `out` unless the text ends before.
    fn fill(&mut self, out: &mut [u8]) -> Result<usize, ReadError> {
        let mut filled = 0;
        while filled < out.len() {
            match self.reader.read(&mut out[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if self.gzipped => return Err(ReadError::Gzip(self.path.clone(), error)),
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

/// Checks that every path can be opened, and adds up the bytes that the files
/// have; `None` where that is not known.
pub fn check(paths: &[PathBuf]) -> Result<Option<u64>, ReadError> {
    let mut sum = Some(0);
    for path in paths {
        let size = || -> io::Result<Option<u64>> {
            if path.as_os_str() == "-" {
                return Ok(None);
            }
            let metadata = std::fs::metadata(path)?;
            if metadata.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            // Opening a pipe would wait for its writer.
            if !metadata.is_file() {
                return Ok(None);
            }
            File::open(path)?;
            Ok(Some(metadata.len()))
        };
        let size = size().map_err(|error| ReadError::Io(path.clone(), error))?;
        sum = sum.zip(size).map(|(sum, size)| sum + size);
    }
    Ok(sum)
}
