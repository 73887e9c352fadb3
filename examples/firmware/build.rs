//! Lays the memory map of one machine where the linker looks for it, inflates the digits, makes the sounds, and lays out
//! the model that `model` and `forward_model` run, and the one that `adapt` adapts.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

#[path = "../parity/digits.rs"]
mod digits;
#[path = "../parity/sounds.rs"]
mod sounds;

/// The model that is taken unless `MODEL` names another: the keywords' where they are, else one of our own.
const MODELS: [&str; 2] =
    ["../../../shared/tflite/models/kws_ref_model.tflite", "../../tests/data/tflite/digits.tflite"];

/// The bytes of a tensor in a safetensors file.
fn tensor(file: &[u8], name: &str) -> Option<Vec<u8>> {
    let (len, rest) = file.split_first_chunk()?;
    let (header, data) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)?;
    let header = std::str::from_utf8(header).ok()?;
    let (_, behind) = header.split_once(&format!("\"{name}\":"))?;
    let (_, behind) = behind.split_once("\"data_offsets\":[")?;
    let (start, end) = behind.split_once(']')?.0.split_once(',')?;
    Some(data.get(start.trim().parse().ok()?..end.trim().parse().ok()?)?.to_vec())
}

/// A model, what it is run on, and what it writes then.
fn model(write: impl Fn(&str, &[u8])) {
    println!("cargo:rerun-if-env-changed=MODEL");
    let path = env::var_os("MODEL").map(PathBuf::from);
    let path = path.or_else(|| MODELS.iter().map(PathBuf::from).find(|path| path.exists())).expect("a model");
    let read = |path: &Path| {
        println!("cargo:rerun-if-changed={}", path.display());
        fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    write("model.tflite", &read(&path));
    let goldens = read(&path.with_extension("safetensors"));
    for name in ["input0", "output0"] {
        write(name, &tensor(&goldens, name).unwrap_or_else(|| panic!("{}: no {name} beside it", path.display())));
    }
    println!("cargo:rustc-env=MODEL_NAME={}", path.file_stem().unwrap_or_default().display());
}

/// The model that `adapt` adapts, and the sounds that it learns from and is tested with: of a folder, else our own.
fn words(out: &Path) {
    println!("cargo:rerun-if-env-changed=ADAPT");
    fs::create_dir_all(out).expect("OUT_DIR can be written");
    let folder = env::var_os("ADAPT").map(PathBuf::from);
    let model = folder.as_deref().map_or_else(|| "../parity/words.tflite".into(), |folder| folder.join("model.tflite"));
    println!("cargo:rerun-if-changed={}", model.display());
    let copy = |from: &Path, name: &str| {
        fs::copy(from, out.join(name)).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    };
    copy(&model, "model.tflite");
    // Of each of two words, eight to learn from; sixteen others are heard.
    for (name, first, count) in [("learn", 0, 16), ("test", 8, 32)] {
        if let Some(folder) = &folder {
            let path = folder.join(name);
            println!("cargo:rerun-if-changed={}", path.display());
            copy(&path, name);
            continue;
        }
        let mut bytes = vec![0; count * sounds::SOUND];
        sounds::fill_with_new(first, &mut bytes);
        fs::write(out.join(name), bytes).expect("OUT_DIR can be written");
    }
}

fn main() {
    println!("cargo:rerun-if-env-changed=MACHINE");
    println!("cargo:rerun-if-changed=machines");
    println!("cargo:rerun-if-changed=../data");
    println!("cargo:rerun-if-changed=../parity/sounds.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let write = |name: &str, bytes: &[u8]| fs::write(out.join(name), bytes).expect("OUT_DIR can be written");

    let machine = env::var("MACHINE").unwrap_or_else(|_| "mps2-an386".into());
    let map = format!("machines/{machine}.x");
    write("memory.x", &fs::read(&map).unwrap_or_else(|error| panic!("MACHINE={machine}: {map}: {error}")));
    for (name, bytes) in digits::FILES.iter().zip(digits::read("../data".as_ref())) {
        write(name, &bytes);
    }

    for (name, first, numbers) in
        [("sounds-to-learn", 0, sounds::LEARNT), ("sounds-to-test", sounds::LEARNT, sounds::TESTED)]
    {
        let mut bytes = vec![0; sounds::bytes(numbers)];
        sounds::fill(first, &mut bytes);
        write(name, &bytes);
    }

    model(write);
    words(&out.join("adapt"));

    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg=--nmagic");
    println!("cargo:rustc-link-arg=-Tlink.x");
    // `step` is linked without a logger: its symbols are searched for panics.
    for bin in ["adapt", "count", "infer", "listen", "model", "models", "parity", "train", "train_last"] {
        println!("cargo:rustc-link-arg-bin={bin}=-Tdefmt.x");
    }
}
