//! Files that nobody vouches for, read, planned and run: an error of theirs or a result, and the same one at every level.
#![no_main]

use kernlet::{
    simd::Level,
    tflite::{Error, Model},
};
use libfuzzer_sys::fuzz_target;

/// What a model writes on bytes that count up, twice, if it is not too much.
fn outputs(model: &Model<'_>, level: Level) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    let bytes = model.arena_bytes()?;
    if bytes > 1 << 20 || model.macs()? > 1 << 22 {
        return Ok(all);
    }
    let mut arena = vec![0; bytes];
    let mut runner = model.runner(level, &mut arena)?;
    for _ in 0..2 {
        for index in 0..runner.inputs() {
            let input = runner.input_bytes(index)?;
            input.iter_mut().enumerate().for_each(|(i, byte)| *byte = i as u8);
        }
        runner.invoke()?;
        for index in 0..runner.outputs() {
            all.extend_from_slice(runner.output_bytes(index)?);
        }
    }
    Ok(all)
}

fuzz_target!(|file: &[u8]| {
    let Ok(model) = Model::parse(file) else { return };
    let expected = outputs(&model, Level::PORTABLE);
    // A program that contradicts itself, or has no place for an input, is the crate's error and none of the file's.
    let is_the_file_s = !matches!(expected, Err(Error::Program | Error::Arena { .. } | Error::Port { .. }));
    assert!(is_the_file_s, "{expected:?}");
    assert_eq!(outputs(&model, Level::detect()), expected);
});
