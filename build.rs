//! Tells the crate which integer instructions a Cortex-M has: stable Rust has no `target_feature` for them.
//!
//! `kernlet_arm = "dsp"` is ARMv7E-M (Cortex-M4 and M7) and ARMv8-M Mainline (M33 and later), which multiply two
//! pairs of 16 bits in one instruction; `kernlet_arm = "v6m"` is ARMv6-M and ARMv8-M Baseline (M0, M0+, M23),
//! which have no product of 64 bits. An M33 that was built without the DSP extension needs
//! `--cfg kernlet_no_dsp` in RUSTFLAGS. What is computed is the same in any case.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(kernlet_arm, values(\"dsp\", \"v6m\", \"v8m\"))");
    println!("cargo:rustc-check-cfg=cfg(kernlet_no_dsp)");
    let target = std::env::var("TARGET").unwrap_or_default();
    let v8m = target.starts_with("thumbv8m.main-");
    if v8m || target.starts_with("thumbv7em-") {
        println!("cargo:rustc-cfg=kernlet_arm=\"dsp\"");
        if v8m {
            // The target does not say so, and the assembler wants to be told.
            println!("cargo:rustc-cfg=kernlet_arm=\"v8m\"");
        }
    } else if target.starts_with("thumbv6m-") || target.starts_with("thumbv8m.base-") {
        println!("cargo:rustc-cfg=kernlet_arm=\"v6m\"");
    }
}
