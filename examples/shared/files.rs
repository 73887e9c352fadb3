//! Files that a program is asked to write.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use kernlet::snapshot;

/// Whether files can be written under all of these names, each its own. Nothing is changed.
pub fn check_places<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Result<(), String> {
    let mut files: Vec<PathBuf> = Vec::new();
    for path in paths {
        let Some(file) = check_place(path)? else { continue };
        if files.contains(&file) {
            return Err(format!("{}: two outputs have this name, expected one", path.display()));
        }
        files.push(file);
    }
    Ok(())
}

/// The file that a name means; none if it is a device or a pipe, which is written to as it is.
fn check_place(path: &Path) -> Result<Option<PathBuf>, String> {
    let shown = path.display();
    if path.is_dir() {
        return Err(format!("{shown}: is a folder"));
    }
    // What a link leads to is replaced, not the link.
    let file = match fs::metadata(path) {
        Ok(old) if !old.is_file() => return Ok(None),
        Ok(old) if is_standard_output(&old) => {
            return Err(format!("{shown}: standard output is written to this file, expected another"));
        }
        Ok(_) => fs::canonicalize(path).map_err(|error| format!("{shown}: {error}"))?,
        // A link to a file that is not there yet names it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            snapshot::behind_links(path).map_err(|error| format!("{shown}: {error}"))?
        }
        Err(error) => return Err(format!("{shown}: {error}")),
    };
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(format!("{}: there is no such folder", folder.display()));
    }
    let cannot = |error| format!("{}: no file can be written in this folder: {error}", folder.display());
    tempfile::tempfile_in(folder).map_err(cannot)?;
    let folder = fs::canonicalize(folder).map_err(cannot)?;
    Ok(file.file_name().map(|name| folder.join(name)))
}

/// Whether standard output is this file.
fn is_standard_output(_file: &fs::Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::{fd::AsFd, unix::fs::MetadataExt};
        let Ok(own) = io::stdout().as_fd().try_clone_to_owned() else { return false };
        let own = fs::File::from(own).metadata();
        own.is_ok_and(|own| (own.dev(), own.ino()) == (_file.dev(), _file.ino()))
    }
    #[cfg(not(unix))]
    false
}
