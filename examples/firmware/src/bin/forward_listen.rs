//! Listening and nothing else, sample by sample, with weights used in place from flash: a row of the size table.
#![no_std]
#![no_main]

use core::hint::black_box;

use cortex_m_rt::entry;
use kernlet::{
    audio::Streaming,
    nn::{Stream, stream_len},
    simd::Level,
    snapshot::StaticSnapshot,
};
use kernlet_firmware::{
    listen::{Listener, MFCC, ROWS, TABLES},
    report,
};

static WEIGHTS: StaticSnapshot = kernlet::static_snapshot!(Listener, "../../../parity/listener.knl");

#[entry]
fn main() -> ! {
    static mut FRAME: [f32; MFCC.frame] = [0.0; MFCC.frame];
    static mut SCRATCH: [f32; MFCC.scratch_len()] = [0.0; MFCC.scratch_len()];
    static mut STEPS: [f32; stream_len::<Listener>()] = [0.0; stream_len::<Listener>()];
    report(hear(FRAME, SCRATCH, STEPS) == Some(ROWS))
}

/// How many rows of a second of sound were answered.
fn hear(frame: &mut [f32], scratch: &mut [f32], steps: &mut [f32]) -> Option<usize> {
    // The optimizer may not look through the data.
    let weights = black_box(&WEIGHTS);
    weights.verify().ok()?;
    let mut network = Stream::<Listener>::new(Level::detect_strict(), weights.parameters(), steps).ok()?;
    let mut answers = 0;
    let samples = (0..16_000).map(|i| black_box((i % 64) as f32 / 64.0));
    Streaming::new(MFCC, &TABLES, frame, scratch).ok()?.push(samples, |row| {
        if let Ok(Some(heard)) = network.step(row) {
            answers += usize::from(black_box(heard).iter().all(|p| p.is_finite()));
        }
    });
    Some(answers)
}
