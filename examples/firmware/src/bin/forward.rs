//! Inference and nothing else, with a model in RAM: a row of the size table.
#![no_std]
#![no_main]

use core::hint::black_box;

use cortex_m_rt::entry;
use kernlet::{
    nn::{Batching, Model, infer, inference_len},
    simd::Level,
};
use kernlet_firmware::{
    report,
    train::{Digits, IMAGE, convert},
};

const ONE: Batching = Batching::of(1);

#[entry]
fn main() -> ! {
    static mut MODEL: Model<Digits> = Model::zeroed();
    static mut BYTES: [u8; IMAGE] = [0; IMAGE];
    static mut NUMBERS: [f32; IMAGE] = [0.0; IMAGE];
    static mut MEMORY: [f32; inference_len::<Digits>(ONE)] = [0.0; inference_len::<Digits>(ONE)];
    // The optimizer may not look through the data.
    let input = convert(black_box(BYTES), NUMBERS);
    let mut outputs = [0.0; 10];
    let result = infer(Level::detect_strict(), ONE, black_box(MODEL), input, MEMORY, &mut outputs);
    report(result.is_ok() && black_box(outputs).iter().all(|p| p.is_finite()))
}
