//! Inference only: recognises 200 digits with weights used in place from flash.
//!
//! The snapshot is checked against the network when this is compiled, and its checksum
//! at the start. Ends in failure below 90 %.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use kernlet::{
    data::metrics::argmax,
    nn::{Batching, Error, infer_in_place, inference_len},
    simd::Level,
    snapshot::StaticSnapshot,
};
use kernlet_firmware::{
    Ram,
    digits::{TEST_IMAGES, TEST_LABELS},
    exit,
    train::{Digits, IMAGE, convert},
};

static WEIGHTS: StaticSnapshot = kernlet::static_snapshot!(Digits, "../../digits.knl");

const ONE: Batching = Batching::of(1);

#[entry]
fn main() -> ! {
    static mut NUMBERS: [f32; IMAGE] = [0.0; IMAGE];
    static mut MEMORY: [f32; inference_len::<Digits>(ONE)] = [0.0; inference_len::<Digits>(ONE)];
    if let Err(error) = WEIGHTS.verify() {
        defmt::println!("{}", error);
        exit(false)
    }
    match right_answers(NUMBERS, MEMORY) {
        Ok(right) => {
            let ram = Ram::measure();
            defmt::println!("{} of {} digits", right, TEST_LABELS.len());
            defmt::println!("RAM: {} of variables, {} of stack", ram.fixed, ram.stack);
            exit(right * 10 >= TEST_LABELS.len() * 9)
        }
        Err(error) => {
            defmt::println!("{}", error);
            exit(false)
        }
    }
}

fn right_answers(numbers: &mut [f32], memory: &mut [f32]) -> Result<usize, Error> {
    let level = Level::detect_strict();
    let (mut outputs, mut right) = ([0.0; 10], 0);
    for (image, label) in TEST_IMAGES.chunks_exact(IMAGE).zip(&TEST_LABELS) {
        let input = convert(image, numbers);
        infer_in_place::<Digits>(level, ONE, WEIGHTS.parameters(), input, memory, &mut outputs)?;
        right += usize::from(argmax(&outputs) == usize::from(*label));
    }
    Ok(right)
}
