//! Training steps of a network of every kind of layer, with Adam: linked, it has no panic in its
//! symbols either.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use kernlet::simd::Level;
use kernlet_firmware::{report, zoo::Workspace};

#[entry]
fn main() -> ! {
    static mut WORKSPACE: Workspace = Workspace::new();
    report(WORKSPACE.parity(Level::detect_strict()).is_ok())
}
