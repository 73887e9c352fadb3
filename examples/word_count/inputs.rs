//! Which files are read: those that were named, and those in folders.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::source::{ReadError, refuse_compressed};

/// The files to read, and their size together; `None` where that is not known.
pub struct Inputs {
    pub files: Vec<PathBuf>,
    pub size: Option<u64>,
}

impl Inputs {
    /// Lists `paths`, `-` being standard input, and checks that each can be opened and is not compressed in a way that
    /// cannot be read.
    ///
    /// In place of a folder come the files in it, by name, without those whose names begin with `_` or `.`, as Hadoop's
    /// `FileInputFormat` lists them. Folders in a folder are an error, as they are there, unless `recursive`.
    pub fn new(paths: &[PathBuf], recursive: bool) -> Result<Self, ReadError> {
        let mut inputs = Self { files: Vec::new(), size: Some(0) };
        for path in paths {
            inputs.add(path, recursive)?;
        }
        Ok(inputs)
    }

    fn add(&mut self, path: &Path, recursive: bool) -> Result<(), ReadError> {
        if path.as_os_str() == "-" {
            self.files.push(path.to_path_buf());
            self.size = None;
            return Ok(());
        }
        let failed = |error| ReadError::Io(path.to_path_buf(), error);
        let metadata = fs::metadata(path).map_err(failed)?;
        if metadata.is_dir() {
            return self.add_folder(path, recursive, &mut Vec::new());
        }
        // Opening a pipe would wait for its writer.
        let size = if metadata.is_file() { Some(self.check(path, &metadata)?) } else { None };
        self.size = self.size.zip(size).map(|(sum, size)| sum.saturating_add(size));
        self.files.push(path.to_path_buf());
        Ok(())
    }

    fn check(&self, path: &Path, metadata: &fs::Metadata) -> Result<u64, ReadError> {
        let file = File::open(path).map_err(|error| ReadError::Io(path.to_path_buf(), error))?;
        refuse_compressed(path, file)?;
        Ok(metadata.len())
    }

    fn add_folder(&mut self, folder: &Path, recursive: bool, above: &mut Vec<PathBuf>) -> Result<(), ReadError> {
        let failed = |path: &Path| {
            let path = path.to_path_buf();
            move |error| ReadError::Io(path, error)
        };
        // By way of links a folder may lie in itself.
        let own = fs::canonicalize(folder).map_err(failed(folder))?;
        if above.contains(&own) {
            return Err(failed(folder)(io::Error::other("is a folder that it lies in")));
        }
        above.push(own);
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(failed(folder))?;
        let mut names: Vec<_> = entries.into_iter().map(|entry| entry.file_name()).collect();
        names.retain(|name| !matches!(name.as_encoded_bytes().first(), Some(b'_' | b'.')));
        names.sort();
        for name in names {
            let path = folder.join(name);
            let metadata = fs::metadata(&path).map_err(failed(&path))?;
            if metadata.is_dir() && recursive {
                self.add_folder(&path, recursive, above)?;
            } else if metadata.is_dir() {
                let what = "is a folder in a folder: name it too, or read all with --recursive";
                return Err(failed(&path)(io::Error::other(what)));
            } else if metadata.is_file() {
                let size = self.check(&path, &metadata)?;
                self.size = self.size.map(|sum| sum.saturating_add(size));
                self.files.push(path);
            } else {
                // One that nobody named would be waited for.
                return Err(failed(&path)(io::Error::other("is no file: name it to have it read")));
            }
        }
        above.pop();
        Ok(())
    }
}
