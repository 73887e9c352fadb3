//! Inference and nothing else, with weights used in place from flash: a row of the size table.
#![no_std]
#![no_main]

use core::hint::black_box;

use cortex_m_rt::entry;
use kernlet::{
    nn::{Batching, infer_in_place, inference_len},
    simd::Level,
    snapshot::StaticSnapshot,
};
use kernlet_firmware::{
    report,
    train::{Digits, IMAGE, convert},
};

static WEIGHTS: StaticSnapshot = kernlet::static_snapshot!(Digits, "../../digits.knl");

const ONE: Batching = Batching::of(1);

#[entry]
fn main() -> ! {
    static mut BYTES: [u8; IMAGE] = [0; IMAGE];
    static mut NUMBERS: [f32; IMAGE] = [0.0; IMAGE];
    static mut MEMORY: [f32; inference_len::<Digits>(ONE)] = [0.0; inference_len::<Digits>(ONE)];
    // The optimizer may not look through the data.
    let (weights, input) = (black_box(&WEIGHTS), convert(black_box(BYTES), NUMBERS));
    let mut outputs = [0.0; 10];
    let verified = weights.verify().is_ok();
    let result =
        infer_in_place::<Digits>(Level::detect_strict(), ONE, weights.parameters(), input, MEMORY, &mut outputs);
    report(verified && result.is_ok() && black_box(outputs).iter().all(|p| p.is_finite()))
}
