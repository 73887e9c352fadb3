//! Lays the memory map of one machine where the linker looks for it.

use std::{env, fs, path::PathBuf};

fn main() {
    println!("cargo:rerun-if-env-changed=MACHINE");
    println!("cargo:rerun-if-changed=machines");
    let machine = env::var("MACHINE").unwrap_or_else(|_| "mps2-an386".into());
    let map = format!("machines/{machine}.x");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let text = fs::read(&map).unwrap_or_else(|error| panic!("MACHINE={machine}: {map}: {error}"));
    fs::write(out.join("memory.x"), text).expect("OUT_DIR can be written");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg=--nmagic");
    println!("cargo:rustc-link-arg=-Tlink.x");
    // `step` is linked without a logger: its symbols are searched for panics.
    for bin in ["count"] {
        println!("cargo:rustc-link-arg-bin={bin}=-Tdefmt.x");
    }
}
