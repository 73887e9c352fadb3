//! The parity program: prints the fingerprints of two short trainings.
#![no_std]
#![no_main]

use core::mem::ManuallyDrop;

use cortex_m_rt::entry;
use kernlet::simd::Level;
use kernlet_firmware::{
    digits::{TRAIN_IMAGES, TRAIN_LABELS},
    exit, train, zoo,
};

/// The memory of one training after the other.
union Memory {
    digits: ManuallyDrop<train::Workspace>,
    zoo: ManuallyDrop<zoo::Workspace>,
}

#[entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory { digits: ManuallyDrop::new(train::Workspace::new()) };
    let level = Level::detect_strict();
    // SAFETY: it was made as this field.
    let digits = unsafe { &mut MEMORY.digits }.parity(level, &TRAIN_IMAGES, &TRAIN_LABELS);
    // SAFETY: both hold numbers alone, for which any bits will do.
    let zoo = unsafe { &mut MEMORY.zoo };
    match digits.and_then(|digits| Ok((digits, zoo.parity(level)?))) {
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
