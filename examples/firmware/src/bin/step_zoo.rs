//! Training steps of a network of every kind of layer, with Adam: linked, it has no panic in its
//! symbols either.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use kernlet::simd::Level;
use kernlet_firmware::{
    report,
    zoo::{Workspace, steps},
};

#[entry]
fn main() -> ! {
    static mut WORKSPACE: Workspace = Workspace::new();
    static mut STEPS: steps::Workspace = steps::Workspace::new();
    let level = Level::detect_strict();
    report(WORKSPACE.parity(level).is_ok() && STEPS.parity(level).is_ok())
}
