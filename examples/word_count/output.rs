//! Where the counts go: a file as Hadoop writes it, and the most frequent words.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::interrupt;

/// Where a result goes, checked before anything is counted.
pub struct Place {
    kind: Kind,
    /// The file that is there, if there is one.
    #[cfg(unix)]
    id: Option<FileId>,
}

enum Kind {
    Standard,
    /// A pipe, a terminal or a device. Opened once: a named pipe's reader sees the end when its writer closes it.
    Direct(fs::File),
    /// A file that is overwritten.
    InPlace(fs::File),
    /// A file of this name is written beside it and takes its place.
    Beside {
        path: PathBuf,
        old: Option<fs::Metadata>,
    },
}

#[cfg(unix)]
#[derive(Clone, Copy, PartialEq)]
struct FileId(u64, u64);

#[cfg(unix)]
impl FileId {
    fn of(metadata: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(metadata.dev(), metadata.ino())
    }
}

impl Place {
    /// Finds out how `path` is written, `-` being standard output, and that it can be. An `in_place` file is overwritten
    /// where it lies. Nothing is changed.
    pub fn new(path: &Path, in_place: bool) -> io::Result<Self> {
        let place = |kind, _metadata: Option<&fs::Metadata>| Self {
            kind,
            #[cfg(unix)]
            id: _metadata.map(FileId::of),
        };
        if path.as_os_str() == "-" {
            return Ok(place(Kind::Standard, None));
        }
        let old = match fs::metadata(path) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let Some(old) = old else {
            let path = behind_links(path)?.0;
            if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            // A name that is too long is found out here.
            beside(&path, None)?.close()?;
            return Ok(place(Kind::Beside { path, old: None }, None));
        };
        if old.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if is_standard_output(path, &old) {
            return Ok(place(Kind::Standard, Some(&old)));
        }
        let file = fs::OpenOptions::new().write(true).open(path)?;
        if !old.is_file() {
            return Ok(place(Kind::Direct(file), Some(&old)));
        }
        // A link stays one.
        let (target, is_handle) = behind_links(path)?;
        if in_place || is_handle {
            return Ok(place(Kind::InPlace(file), Some(&old)));
        }
        if names(&old) > 1 {
            let names = names(&old);
            let what = format!("has {names} names (hard links), and replaced would be one: --in-place overwrites it");
            return Err(io::Error::other(what));
        }
        let beside = beside(&target, Some(&old)).and_then(NamedTempFile::close);
        beside.map_err(|error| io::Error::other(format!("{error}: --in-place overwrites the file where it lies")))?;
        Ok(place(Kind::Beside { path: target, old: Some(old.clone()) }, Some(&old)))
    }

    /// Whether it is standard output.
    pub fn is_standard(&self) -> bool {
        matches!(self.kind, Kind::Standard)
    }

    /// Whether both write the same file.
    pub fn is(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::Standard, Kind::Standard) => true,
            (Kind::Beside { path: a, old: None }, Kind::Beside { path: b, old: None }) => a == b,
            #[cfg(unix)]
            _ => self.id.is_some() && self.id == other.id && !self.is_null(),
            #[cfg(not(unix))]
            (Kind::Beside { path: a, .. }, Kind::Beside { path: b, .. }) => a == b,
            #[cfg(not(unix))]
            _ => false,
        }
    }

    /// Whether it is one of the files that are read. What is a terminal may be both.
    pub fn is_input(&self, path: &Path) -> bool {
        if matches!(self.kind, Kind::Standard) || path.as_os_str() == "-" {
            return false;
        }
        #[cfg(unix)]
        return !self.is_null() && fs::metadata(path).is_ok_and(|metadata| self.id == Some(FileId::of(&metadata)));
        #[cfg(not(unix))]
        matches!(&self.kind, Kind::Beside { path: own, .. } if fs::canonicalize(path).is_ok_and(|path| path == *own))
    }

    /// Whether it is where everything may go at once.
    #[cfg(unix)]
    fn is_null(&self) -> bool {
        fs::metadata("/dev/null").is_ok_and(|null| self.id == Some(FileId::of(&null)))
    }

    /// Begins to write. What is in a file is overwritten from here on if that was asked for, otherwise by
    /// [`Output::commit`].
    pub fn create(self) -> io::Result<Output> {
        let target = match self.kind {
            Kind::Standard => Target::Standard(io::stdout()),
            Kind::Direct(file) => Target::Direct(file),
            Kind::InPlace(file) => {
                file.set_len(0)?;
                Target::InPlace(file)
            }
            Kind::Beside { path, old } => Target::Replacing { file: beside(&path, old.as_ref())?, path },
        };
        Ok(Output { file: BufWriter::with_capacity(64 << 10, target) })
    }
}

/// How many names a file has.
fn names(_metadata: &fs::Metadata) -> u64 {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::nlink(_metadata);
    #[cfg(not(unix))]
    1
}

/// Whether `path`, of which `metadata` was read, is what standard output writes to, as `/dev/stdout` is.
fn is_standard_output(_path: &Path, _metadata: &fs::Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        let Ok(own) = io::stdout().as_fd().try_clone_to_owned() else { return false };
        let own = fs::File::from(own).metadata().map(|own| FileId::of(&own));
        let null = fs::metadata("/dev/null").map(|null| FileId::of(&null));
        let id = FileId::of(_metadata);
        own.is_ok_and(|own| own == id) && null.is_ok_and(|null| null != id)
    }
    #[cfg(not(unix))]
    false
}

/// What the links that `path` may be lead to, and whether one of them is another name of an open file (`/dev/fd/3`),
/// whose name on disk is nobody's business.
fn behind_links(path: &Path) -> io::Result<(PathBuf, bool)> {
    let mut path = path.to_path_buf();
    // As many as Linux follows.
    for _ in 0..40 {
        if !fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink()) {
            return Ok((path, false));
        }
        let folder = folder_of(&path).to_path_buf();
        let real = fs::canonicalize(&folder)?;
        if real.starts_with("/proc") && real.ends_with("fd") {
            return Ok((path, true));
        }
        path = folder.join(fs::read_link(&path)?);
    }
    Err(io::Error::other("too many links"))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a file beside `path` that can take its place: with the permissions and the owner of the old one.
fn beside(path: &Path, old: Option<&fs::Metadata>) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".word_count-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = interrupt::temporary(|| builder.tempfile_in(folder_of(path)))?;
    if let Some(old) = old {
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt, fchown};
            let new = file.as_file().metadata()?;
            if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
                fchown(file.as_file(), Some(old.uid()), Some(old.gid()))?;
            }
        }
        file.as_file().set_permissions(old.permissions())?;
    }
    Ok(file)
}

/// A result on its way. A file that is replaced is so by [`Output::commit`] and not before.
pub struct Output {
    file: BufWriter<Target>,
}

enum Target {
    /// Written beside `path` and renamed.
    Replacing {
        file: NamedTempFile,
        path: PathBuf,
    },
    InPlace(fs::File),
    Direct(fs::File),
    Standard(io::Stdout),
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Target::Replacing { file, .. } => file.write(bytes),
            Target::InPlace(file) | Target::Direct(file) => file.write(bytes),
            Target::Standard(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Target::Replacing { file, .. } => file.flush(),
            Target::InPlace(file) | Target::Direct(file) => file.flush(),
            Target::Standard(out) => out.flush(),
        }
    }
}

impl Output {
    /// Writes a line `word⇥count`.
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

    /// Writes text.
    pub fn write(&mut self, text: &str) -> io::Result<()> {
        self.file.write_all(text.as_bytes())
    }

    /// Makes what was written what the file holds.
    pub fn commit(self) -> io::Result<()> {
        match self.file.into_inner().map_err(io::IntoInnerError::into_error)? {
            Target::Replacing { file, path } => {
                file.as_file().sync_all()?;
                file.persist(path)?;
                Ok(())
            }
            Target::InPlace(file) => file.sync_all(),
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
