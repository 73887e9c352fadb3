//! Keras' own values: every case of every file in the folders that `KERNLET_GOLDENS` names, separated as those of
//! `PATH`, by default those in `tests/data/keras`.
//!
//! A case that is not known here is a failure, never a skip.

#[path = "../recurrence/mod.rs"]
mod recurrence;
#[path = "../taps/mod.rs"]
mod taps;
#[path = "../tracked/mod.rs"]
mod tracked;

mod elements;
mod layers;
mod optimizers;
mod sequences;
#[cfg(feature = "audio")]
mod sound;
#[cfg(feature = "alloc")]
mod training;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use safetensors::{Dtype, SafeTensors};

/// A file: its name, its tensors with their shapes, and what it says of itself.
struct Golden {
    name: String,
    tensors: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
    metadata: BTreeMap<String, String>,
}

impl Golden {
    fn read(path: &Path) -> Self {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
        let file = SafeTensors::deserialize(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let tensors = file.tensors().into_iter().map(|(tensor, view)| {
            let data = view.data();
            let values = match view.dtype() {
                Dtype::F64 => data.chunks(8).map(|c| f64::from_le_bytes(c.try_into().unwrap())).collect(),
                Dtype::F32 => data.chunks(4).map(|c| f32::from_le_bytes(c.try_into().unwrap()).into()).collect(),
                Dtype::I64 => data.chunks(8).map(|c| i64::from_le_bytes(c.try_into().unwrap()) as f64).collect(),
                Dtype::I32 => data.chunks(4).map(|c| i32::from_le_bytes(c.try_into().unwrap()).into()).collect(),
                Dtype::U8 | Dtype::BOOL => data.iter().map(|&b| b.into()).collect(),
                other => panic!("{name}: {tensor}: numbers of type {other:?} are not known here"),
            };
            (tensor, (view.shape().to_vec(), values))
        });
        Self { tensors: tensors.collect(), metadata, name }
    }

    /// Whether it holds whole training steps, and not cases of single layers.
    fn is_training(&self) -> bool {
        self.tensors.contains_key("losses")
    }
}

fn goldens() -> Vec<Golden> {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/keras");
    let named = std::env::var_os("KERNLET_GOLDENS");
    let folders: Vec<PathBuf> = named.map_or_else(|| vec![own()], |paths| std::env::split_paths(&paths).collect());
    let mut paths = Vec::new();
    for folder in folders {
        let error = |error| panic!("KERNLET_GOLDENS: {}: {error}", folder.display());
        let entries = fs::read_dir(&folder).unwrap_or_else(error).map(|entry| entry.unwrap().path());
        let before = paths.len();
        paths.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "safetensors")));
        assert!(paths.len() > before, "{}: there is no .safetensors file", folder.display());
    }
    paths.sort();
    paths.iter().map(|path| Golden::read(path)).collect()
}

#[track_caller]
fn report(checked: usize, wrong: &[String]) {
    println!("{checked} checked, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{} of Keras' values are missed:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn layers_losses_and_optimizers() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for golden in goldens().iter().filter(|golden| !golden.is_training()) {
        let (cases, found) = layers::run(&golden.tensors, &golden.metadata);
        assert!(cases > 0, "{}: no case", golden.name);
        checked += cases;
        wrong.extend(found.into_iter().map(|line| format!("{}: {line}", golden.name)));
    }
    report(checked, &wrong);
}

#[cfg(feature = "alloc")]
#[test]
fn training_steps() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for golden in goldens().iter().filter(|golden| golden.is_training()) {
        let narrow = |x: &Vec<f64>| x.iter().map(|&x| x as f32).collect();
        let tensors =
            golden.tensors.iter().map(|(name, (shape, x))| (name.clone(), (shape.clone(), narrow(x)))).collect();
        let found = training::run(&golden.name, &tensors, &golden.metadata);
        checked += 1;
        wrong.extend(found.into_iter().map(|line| format!("{}: {line}", golden.name)));
    }
    report(checked, &wrong);
}
