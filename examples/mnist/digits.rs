//! The four files of a data set, from disk to memory.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use kernlet::data::idx::Labelled;

use crate::{
    network::SIDE,
    pictures::{CLASSES, Change, Pictures},
};

/// The folder that comes with the repository.
pub fn bundled() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data")
}

/// The training and the test images of a folder.
pub fn load(folder: &Path) -> Result<(Pictures, Pictures), String> {
    Ok((load_pair(folder, "train")?, load_pair(folder, "t10k")?))
}

fn load_pair(folder: &Path, name: &str) -> Result<Pictures, String> {
    let (images_path, images) =
        read(folder, [format!("{name}-images-idx3-ubyte"), format!("{name}-images.idx3-ubyte")])?;
    let (labels_path, labels) =
        read(folder, [format!("{name}-labels-idx1-ubyte"), format!("{name}-labels.idx1-ubyte")])?;
    let at = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let images = Labelled::parse_images(&images).map_err(|error| at(&images_path, &error))?;
    let labels = Labelled::parse_labels(&labels, CLASSES).map_err(|error| at(&labels_path, &error))?;
    let pair = Labelled::pair(images, labels).map_err(|error| at(&labels_path, &error))?;
    if pair.is_empty() {
        return Err(at(&images_path, &"there are no images in it"));
    }
    if (pair.height(), pair.width()) != (SIDE, SIDE) {
        let size = format!("images are {} × {}, expected {SIDE} × {SIDE}", pair.height(), pair.width());
        return Err(at(&images_path, &size));
    }
    let (pixels, labels) = (pair.pixels().to_vec(), pair.labels().to_vec());
    let names = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    Ok(Pictures { side: SIDE, channels: 1, pixels, labels, names, change: Change::Digit })
}

/// More than this is not unpacked: a small file could fill all memory. MNIST's largest has 47 MB.
const MOST_BYTES: u64 = 1 << 30;

/// The bytes of the first file of these names that there is, with or without `.gz`, unpacked if they are gzipped.
fn read(folder: &Path, names: [String; 2]) -> Result<(PathBuf, Vec<u8>), String> {
    let paths = names.iter().flat_map(|name| [folder.join(name), folder.join(format!("{name}.gz"))]);
    let found = paths
        .map(|path| (fs::read(&path), path))
        .find(|(bytes, _)| !bytes.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound));
    let Some((bytes, path)) = found else {
        let [first, second] = names;
        return Err(format!("{}: no such file, with or without .gz, nor {second}", folder.join(first).display()));
    };
    let bytes = bytes.map_err(|error| format!("{}: {error}", path.display()))?;
    if !bytes.starts_with(&[0x1F, 0x8B]) {
        return Ok((path, bytes));
    }
    let mut unpacked = Vec::new();
    match MultiGzDecoder::new(&bytes[..]).take(MOST_BYTES).read_to_end(&mut unpacked) {
        Ok(_) => Ok((path, unpacked)),
        Err(error) => Err(format!("{}: broken gzip file: {error}", path.display())),
    }
}
