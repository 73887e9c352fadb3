//! The files of CIFAR-10, from disk to memory.

use std::{fs, path::Path};

use kernlet::data::cifar::{CHANNELS, Cifar10, IMAGE_LEN, SIDE};

use crate::pictures::{CLASSES, Change, Pictures};

const NAMES: [&str; CLASSES] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// The training and the test images of a folder: `data_batch_1.bin` to `data_batch_5.bin`, as many as there are, and
/// `test_batch.bin`.
pub fn load(folder: &Path) -> Result<(Pictures, Pictures), String> {
    let mut training = empty();
    for number in 1..=5 {
        let path = folder.join(format!("data_batch_{number}.bin"));
        if number == 1 || path.exists() {
            read(&path, &mut training)?;
        }
    }
    let mut test = empty();
    read(&folder.join("test_batch.bin"), &mut test)?;
    Ok((training, test))
}

fn empty() -> Pictures {
    let (pixels, labels) = (Vec::new(), Vec::new());
    Pictures { side: SIDE, channels: CHANNELS, pixels, labels, names: NAMES, change: Change::ShiftAndFlip }
}

/// Appends the images of a file.
fn read(path: &Path, pictures: &mut Pictures) -> Result<(), String> {
    let at = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let bytes = fs::read(path).map_err(|error| at(&error))?;
    let set = Cifar10::parse(&bytes).map_err(|error| at(&error))?;
    if set.is_empty() {
        return Err(at(&"there are no images in it"));
    }
    let mut image = [0; IMAGE_LEN];
    for index in 0..set.len() {
        if let (Some(label), true) = (set.label(index), set.image_into(index, &mut image)) {
            pictures.labels.push(label);
            pictures.pixels.extend_from_slice(&image);
        }
    }
    Ok(())
}
