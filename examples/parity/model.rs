//! Models of TensorFlow Lite that are compiled in: what they write must not depend on the level or the target.

use kernlet::{
    random::Stream,
    simd::Level,
    tflite::{Error, Program, Runner},
};

kernlet::tflite! { struct Digits = "../../tests/data/tflite/digits.tflite"; }
kernlet::tflite! { struct Blocks = "../../tests/data/tflite/blocks.tflite"; }
kernlet::tflite! { struct Lstm = "../../tests/data/tflite/lstm.tflite"; }

/// Invocations of each model, so that a state shows.
const RUNS: u64 = 2;

/// FNV-1a of what a model makes of noise.
fn run<P: Program>(mut runner: Runner<'_, P>, fingerprint: &mut u64) -> Result<(), Error> {
    for run in 0..RUNS {
        for index in 0..runner.inputs() {
            let noise = Stream::new(9 + run, index as u64);
            for (i, x) in (0..).zip(runner.input(index)?) {
                *x = noise.u32_at(i) as i8;
            }
        }
        runner.invoke()?;
        for index in 0..runner.outputs() {
            for &byte in runner.output_bytes(index)? {
                *fingerprint = (*fingerprint ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
            }
        }
    }
    Ok(())
}

fn all(level: Level, fingerprint: &mut u64) -> Result<(), Error> {
    run(Digits::runner(level, &mut Digits::arena())?, fingerprint)?;
    run(Blocks::runner(level, &mut Blocks::arena())?, fingerprint)?;
    run(Lstm::runner(level, &mut Lstm::arena())?, fingerprint)
}

/// The fingerprint of all outputs, 0 on an error.
pub fn fingerprint(level: Level) -> u64 {
    let mut fingerprint = 0xCBF2_9CE4_8422_2325;
    if all(level, &mut fingerprint).is_ok() { fingerprint } else { 0 }
}
