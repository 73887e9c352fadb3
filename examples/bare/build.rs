//! Inflates the bundled digits.

use std::{env, fs, path::Path};

#[path = "../parity/digits.rs"]
mod digits;

fn main() {
    let folder = Path::new("../data");
    println!("cargo:rerun-if-changed={}", folder.display());
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    for (name, bytes) in digits::FILES.iter().zip(digits::read(folder)) {
        fs::write(Path::new(&out).join(name), bytes).expect("OUT_DIR can be written");
    }
}
