//! The parity program: prints the fingerprints of two short trainings.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use kernlet::simd::Level;
use kernlet_firmware::{
    digits::{TRAIN_IMAGES, TRAIN_LABELS},
    exit, train, zoo,
};

#[entry]
fn main() -> ! {
    static mut DIGITS: train::Workspace = train::Workspace::new();
    static mut ZOO: zoo::Workspace = zoo::Workspace::new();
    let level = Level::detect_strict();
    let digits = DIGITS.parity(level, &TRAIN_IMAGES, &TRAIN_LABELS);
    match digits.and_then(|digits| Ok((digits, ZOO.parity(level)?))) {
        Ok((digits, zoo)) => {
            defmt::println!("{:016x} {:016x}", digits, zoo);
            exit(true)
        }
        Err(error) => {
            defmt::println!("{}", error);
            exit(false)
        }
    }
}
