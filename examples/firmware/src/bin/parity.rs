//! The parity program: prints the fingerprints of two short trainings, and of networks of sequences.
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
    steps: ManuallyDrop<zoo::steps::Workspace>,
}

#[entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory { digits: ManuallyDrop::new(train::Workspace::new()) };
    let level = Level::detect_strict();
    // SAFETY: it was made as this field.
    let digits = unsafe { &mut MEMORY.digits }.parity(level, &TRAIN_IMAGES, &TRAIN_LABELS);
    // SAFETY: all hold numbers alone, for which any bits will do.
    let zoo = unsafe { &mut MEMORY.zoo }.parity(level);
    // SAFETY: as above; the one before is no longer used.
    let steps = unsafe { &mut MEMORY.steps }.parity(level);
    match digits.and_then(|digits| Ok((digits, zoo?, steps?))) {
        Ok((digits, zoo, steps)) => {
            defmt::println!("{:016x} {:016x} {:016x}", digits, zoo, steps);
            exit(true)
        }
        Err(error) => {
            defmt::println!("{}", error);
            exit(false)
        }
    }
}
