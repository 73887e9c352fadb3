//! One training step and nothing else: linked, it has no panic in its symbols.
//!
//! No logger and no slice indexing here either; `tests/portable.sh panic` looks at the ELF.
//! A row of the size table too.
#![no_std]
#![no_main]

use core::hint::black_box;

use cortex_m_rt::entry;
use kernlet::simd::Level;
use kernlet_firmware::{
    report,
    train::{BATCH, IMAGE, SEED, Workspace},
};

#[entry]
fn main() -> ! {
    static mut WORKSPACE: Workspace = Workspace::new();
    static mut IMAGES: [u8; BATCH * IMAGE] = [0; BATCH * IMAGE];
    static mut LABELS: [u8; BATCH] = [0; BATCH];
    // The optimizer may not look through the data.
    let (images, labels) = (black_box(IMAGES), black_box(LABELS));
    WORKSPACE.model.initialize(SEED);
    let metrics = WORKSPACE.session(Level::detect_strict()).and_then(|mut session| session.epoch(images, labels));
    report(metrics.is_ok_and(|metrics| metrics.loss.is_finite()))
}
