//! The stack is the module's own memory from its start: 128 KiB instead of the linker's 1 MiB.

fn main() {
    println!("cargo::rustc-link-arg-cdylib=-zstack-size=131072");
    println!("cargo::rerun-if-changed=build.rs");
}
