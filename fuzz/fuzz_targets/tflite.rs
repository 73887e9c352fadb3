//! Files that nobody vouches for, read, planned and run: an error or a result, and the same one at every level.
#![no_main]

use kernlet::{simd::Level, tflite::Model};
use libfuzzer_sys::fuzz_target;

/// What a model writes on bytes that count up, twice, if it can be run and is not too much.
fn outputs(model: &Model<'_>, level: Level) -> Option<Vec<u8>> {
    let bytes = model.arena_bytes().ok()?;
    if bytes > 1 << 20 || model.macs().ok()? > 1 << 22 {
        return None;
    }
    let mut arena = vec![0; bytes];
    let mut runner = model.runner(level, &mut arena).expect("an arena of the size that was said");
    let mut all = Vec::new();
    for _ in 0..2 {
        for index in 0..runner.inputs() {
            let input = runner.input_bytes(index).expect("an input");
            input.iter_mut().enumerate().for_each(|(i, byte)| *byte = i as u8);
        }
        runner.invoke().ok()?;
        for index in 0..runner.outputs() {
            all.extend_from_slice(runner.output_bytes(index).expect("an output"));
        }
    }
    Some(all)
}

fuzz_target!(|file: &[u8]| {
    let Ok(model) = Model::parse(file) else { return };
    let expected = outputs(&model, Level::PORTABLE);
    assert_eq!(outputs(&model, Level::detect()), expected);
});
