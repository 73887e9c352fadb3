//! Runs in temporary files.

use std::fs::File;
use std::io;
#[cfg(not(unix))]
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{Space, Stack, Store};

/// A store in two temporary files, made when they are first written to.
///
/// On Unix the files have no name from the start; elsewhere the system deletes
/// them when they are closed. Nothing is left behind by a panic, nor by a
/// process that is killed.
///
/// ```
/// use kernlet::mapreduce::{Emitter, Job, Sum, TempFiles};
/// let mut job = Job::new(8 << 10).store(TempFiles::new()).combine::<u32, Sum<u64>>(Sum::new()).unwrap();
/// for i in 0..10_000 {
///     job.emit(i % 5_000, 1).unwrap();
/// }
/// let mut counts = job.finish().unwrap();
/// assert_eq!(counts.next().unwrap(), Some((0, 2)));
/// ```
#[derive(Debug, Default)]
pub struct TempFiles {
    directory: Option<PathBuf>,
    files: [Option<File>; 2],
}

impl TempFiles {
    /// Files in the system's directory for temporary files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Files in `directory`.
    pub fn within(directory: impl AsRef<Path>) -> Self {
        Self { directory: Some(directory.as_ref().to_path_buf()), files: [None, None] }
    }

    fn file(&mut self, stack: Stack) -> io::Result<&mut File> {
        let place = &mut self.files[stack as usize];
        let file = match place.take() {
            Some(file) => file,
            None => match &self.directory {
                Some(directory) => tempfile::tempfile_in(directory)?,
                None => tempfile::tempfile()?,
            },
        };
        Ok(place.insert(file))
    }
}

impl Store for TempFiles {
    type Error = io::Error;

    fn space(&self) -> Space {
        Space::Apart
    }

    fn write(&mut self, stack: Stack, at: u64, bytes: &[u8]) -> io::Result<()> {
        let file = self.file(stack)?;
        #[cfg(unix)]
        return std::os::unix::fs::FileExt::write_all_at(file, bytes, at);
        #[cfg(not(unix))]
        {
            file.seek(SeekFrom::Start(at))?;
            file.write_all(bytes)
        }
    }

    fn read(&mut self, stack: Stack, at: u64, out: &mut [u8]) -> io::Result<()> {
        let file = self.file(stack)?;
        #[cfg(unix)]
        return std::os::unix::fs::FileExt::read_exact_at(file, out, at);
        #[cfg(not(unix))]
        {
            file.seek(SeekFrom::Start(at))?;
            file.read_exact(out)
        }
    }
}
