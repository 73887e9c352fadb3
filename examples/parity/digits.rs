// The bundled digits as plain bytes: 1,000 to train on and 200 others. Included by
// the build scripts of targets that cannot inflate them, and by the host's example.

use std::{io::Read, path::Path};

/// Digits to train on.
pub const TRAIN: usize = 1000;
/// Digits to evaluate on, of the bundled validation set.
pub const TEST: usize = 200;

/// `[images, labels]` of the first `count` of a pair of gzipped IDX files.
fn head(folder: &Path, name: &str, count: usize) -> [Vec<u8>; 2] {
    [("images-idx3", 16, 28 * 28), ("labels-idx1", 8, 1)].map(|(kind, header, item)| {
        let path = folder.join(format!("{name}-{kind}-ubyte.gz"));
        let mut bytes = vec![0; header + count * item];
        std::fs::File::open(&path)
            .and_then(|file| flate2::read::GzDecoder::new(file).read_exact(&mut bytes))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        bytes.split_off(header)
    })
}

/// Images to train on, their labels, images to evaluate on, their labels.
pub fn read(folder: &Path) -> [Vec<u8>; 4] {
    let [images, labels] = head(folder, "train", TRAIN);
    let [test_images, test_labels] = head(folder, "t10k", TEST);
    [images, labels, test_images, test_labels]
}

/// The names under which build scripts leave them in `OUT_DIR`.
#[allow(dead_code)]
pub const FILES: [&str; 4] = ["train-images", "train-labels", "test-images", "test-labels"];
