//! Lays the memory map of one machine where the linker looks for it, and inflates the digits.

use std::{env, fs, path::PathBuf};

#[path = "../parity/digits.rs"]
mod digits;

fn main() {
    println!("cargo:rerun-if-env-changed=MACHINE");
    println!("cargo:rerun-if-changed=machines");
    println!("cargo:rerun-if-changed=../data");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let write = |name: &str, bytes: &[u8]| fs::write(out.join(name), bytes).expect("OUT_DIR can be written");

    let machine = env::var("MACHINE").unwrap_or_else(|_| "mps2-an386".into());
    let map = format!("machines/{machine}.x");
    write("memory.x", &fs::read(&map).unwrap_or_else(|error| panic!("MACHINE={machine}: {map}: {error}")));
    for (name, bytes) in digits::FILES.iter().zip(digits::read("../data".as_ref())) {
        write(name, &bytes);
    }

    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg=--nmagic");
    println!("cargo:rustc-link-arg=-Tlink.x");
    // `step` is linked without a logger: its symbols are searched for panics.
    for bin in ["count", "infer", "parity", "train", "train_last"] {
        println!("cargo:rustc-link-arg-bin={bin}=-Tdefmt.x");
    }
}
