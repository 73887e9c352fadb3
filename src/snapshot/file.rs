//! Files that are either the old ones or the new ones, never half of one.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use super::{Contents, ModelInfo, Training, WriteError, write_contents};

/// Saves a snapshot under `path`; an old file there is replaced once the new one is safely on disk.
///
/// # Errors
/// Those of the file system, or [`io::ErrorKind::InvalidInput`] if `parameters` does not have the network's length or
/// the optimizer's name does not fit. The old file is then untouched and nothing is left beside it.
///
/// ```
/// use kernlet::snapshot::{ModelInfo, Snapshot, save};
/// const INFO: ModelInfo = ModelInfo::new("Empty", 7, &[]);
/// let path = std::env::temp_dir().join(format!("kernlet-{}.knl", std::process::id()));
/// save(&path, &INFO, &[], None)?;
/// assert_eq!(Snapshot::open(&std::fs::read(&path)?, &INFO)?.name(), "Empty");
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn save(
    path: impl AsRef<Path>,
    info: &ModelInfo,
    parameters: &[f32],
    training: Option<&Training<'_, &[&[f32]]>>,
) -> io::Result<()> {
    let contents = Contents { parameters, training: training.copied(), ..Contents::default() };
    save_contents(path, info, &contents)
}

/// Saves a snapshot with attributes and sections of a program's own; see [`save`].
///
/// # Errors
/// As for [`save`].
pub fn save_contents(path: impl AsRef<Path>, info: &ModelInfo, contents: &Contents<'_>) -> io::Result<()> {
    replace_file(path, |file| {
        write_contents(info, contents, &mut |bytes: &[u8]| file.write_all(bytes)).map_err(WriteError::into_io)
    })
}

/// Replaces the file at `path` by what `fill` writes: into a temporary file in the same directory, which is
/// synchronised to disk and then renamed.
///
/// A symbolic link is followed, even to a file that does not exist yet, and the old file's permissions are kept. What
/// is not a regular file (a device, a pipe) is written to directly.
///
/// # Errors
/// Those of `fill` or of the file system. The old file is then untouched and nothing is left beside it.
///
/// ```
/// use std::io::Write;
/// let path = std::env::temp_dir().join(format!("kernlet-{}.txt", std::process::id()));
/// kernlet::snapshot::replace_file(&path, |file| file.write_all(b"new"))?;
/// assert_eq!(std::fs::read(&path)?, b"new");
/// # std::fs::remove_file(path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn replace_file(path: impl AsRef<Path>, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let path = path.as_ref();
    let old = match fs::metadata(path) {
        Ok(old) => Some(old),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if old.as_ref().is_some_and(|old| !old.is_file()) {
        let mut device = OpenOptions::new().write(true).open(path)?;
        fill(&mut device)?;
        return device.flush();
    }
    // The file itself, so that a link to it stays one.
    let target = if old.is_some() { fs::canonicalize(path)? } else { behind_links(path)? };
    let directory = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".kernlet-").suffix(".tmp");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut temporary = builder.tempfile_in(directory)?;
    let mut buffer = BufWriter::new(temporary.as_file_mut());
    fill(&mut buffer)?;
    buffer.flush()?;
    drop(buffer);
    if let Some(old) = old {
        temporary.as_file().set_permissions(old.permissions())?;
    }
    temporary.as_file().sync_all()?;
    temporary.persist(&target).map_err(|error| error.error)?;
    // The new name is on disk when its directory is. Systems that cannot open a directory need no such thing.
    if let Ok(directory) = File::open(directory) {
        directory.sync_all()?;
    }
    Ok(())
}

/// The file that the links at `path` lead to, which need not exist: the one that [`replace_file`] writes.
///
/// # Errors
/// If there are too many links.
///
/// ```
/// let path = std::path::Path::new("no-link.knl");
/// assert_eq!(kernlet::snapshot::behind_links(path)?, path);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn behind_links(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let mut path = path.as_ref().to_path_buf();
    // As many as Linux follows.
    for _ in 0..=40 {
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many links"))
}
