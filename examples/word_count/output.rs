//! Where the counts go: a file as Hadoop writes it, and the most frequent words.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Lines `word⇥count`. A file is replaced by [`Lines::commit`] and not before.
pub struct Lines {
    file: BufWriter<Target>,
}

enum Target {
    /// Written beside `path` and renamed.
    Replacing {
        file: NamedTempFile,
        path: PathBuf,
    },
    /// A pipe, a terminal or a device.
    Direct(fs::File),
    Standard(io::Stdout),
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Target::Replacing { file, .. } => file.write(bytes),
            Target::Direct(file) => file.write(bytes),
            Target::Standard(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Target::Replacing { file, .. } => file.flush(),
            Target::Direct(file) => file.flush(),
            Target::Standard(out) => out.flush(),
        }
    }
}

fn target(path: &Path) -> io::Result<Target> {
    if path.as_os_str() == "-" {
        return Ok(Target::Standard(io::stdout()));
    }
    let metadata = fs::metadata(path).ok();
    if metadata.as_ref().is_some_and(fs::Metadata::is_dir) {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if metadata.as_ref().is_some_and(|metadata| !metadata.is_file()) {
        return fs::OpenOptions::new().write(true).open(path).map(Target::Direct);
    }
    // A file that may not be written is not replaced either. A link stays one.
    let path = match metadata {
        Some(_) => {
            fs::OpenOptions::new().write(true).open(path)?;
            fs::canonicalize(path)?
        }
        None => path.to_path_buf(),
    };
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".word_count-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.tempfile_in(directory)?;
    if let Some(metadata) = metadata {
        file.as_file().set_permissions(metadata.permissions())?;
    }
    Ok(Target::Replacing { file, path })
}

impl Lines {
    /// Checks that `path` can be written, leaving no trace.
    pub fn check(path: &Path) -> io::Result<()> {
        target(path).map(drop)
    }

    /// Opens `path`, `-` being standard output.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: BufWriter::with_capacity(64 << 10, target(path)?) })
    }

    /// Writes a line.
    pub fn put(&mut self, word: &[u8], mut count: u64) -> io::Result<()> {
        self.file.write_all(word)?;
        // A quarter of the time of `write!` for five million lines.
        let mut line = [b'\n'; 22];
        let mut at = line.len() - 1;
        loop {
            at -= 1;
            line[at] = b'0' + (count % 10) as u8;
            count /= 10;
            if count == 0 {
                break;
            }
        }
        line[at - 1] = b'\t';
        self.file.write_all(&line[at - 1..])
    }

    /// Makes the lines what `path` holds.
    pub fn commit(self) -> io::Result<()> {
        match self.file.into_inner().map_err(io::IntoInnerError::into_error)? {
            Target::Replacing { file, path } => {
                file.as_file().sync_all()?;
                file.persist(path)?;
                Ok(())
            }
            mut direct => direct.flush(),
        }
    }
}

/// The most frequent words; of those with the same count the first in order.
pub struct Frequent {
    heap: BinaryHeap<(Reverse<u64>, Vec<u8>)>,
    most: usize,
}

impl Frequent {
    /// Keeps `most` words.
    pub fn new(most: usize) -> Self {
        Self { heap: BinaryHeap::new(), most }
    }

    /// Offers a word; they must come in ascending order.
    #[inline]
    pub fn offer(&mut self, word: &[u8], count: u64) {
        if self.heap.len() < self.most {
            self.heap.push((Reverse(count), word.to_vec()));
        } else if let Some(mut least) = self.heap.peek_mut()
            && count > least.0.0
        {
            least.0 = Reverse(count);
            least.1.clear();
            least.1.extend_from_slice(word);
        }
    }

    /// The words, the most frequent first.
    pub fn finish(self) -> Vec<(Vec<u8>, u64)> {
        self.heap.into_sorted_vec().into_iter().map(|(Reverse(count), word)| (word, count)).collect()
    }
}
