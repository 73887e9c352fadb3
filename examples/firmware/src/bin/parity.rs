//! The parity program: prints the fingerprint of a short training.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use kernlet::simd::Level;
use kernlet_firmware::{
    digits::{TRAIN_IMAGES, TRAIN_LABELS},
    exit,
    train::Workspace,
};

#[entry]
fn main() -> ! {
    static mut WORKSPACE: Workspace = Workspace::new();
    match WORKSPACE.parity(Level::detect_strict(), &TRAIN_IMAGES, &TRAIN_LABELS) {
        Ok(fingerprint) => {
            defmt::println!("{:016x}", fingerprint);
            exit(true)
        }
        Err(error) => {
            defmt::println!("{}", error);
            exit(false)
        }
    }
}
