//! Files that a program is asked to write.

use std::path::Path;

/// Whether a file can lie at `path`, as far as its folder says.
pub fn check_place(path: &Path) -> Result<(), String> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if path.is_dir() {
        return Err(format!("{}: is a folder", path.display()));
    }
    if !folder.is_dir() {
        return Err(format!("{}: there is no such folder", folder.display()));
    }
    Ok(())
}
