//! Safetensors files that were changed: an error that leaves the parameters alone, or the file's numbers.
#![no_main]

use arbitrary::Arbitrary;
use kernlet::{
    shape::Dims,
    snapshot::{ModelInfo, TensorInfo, safetensors},
};
use libfuzzer_sys::fuzz_target;

const INFO: ModelInfo = ModelInfo::new(
    "Tiny",
    7,
    &[
        TensorInfo { layer: "fc1", name: "kernel", dims: Dims::new(&[2, 3]), offset: 0 },
        TensorInfo { layer: "fc1", name: "bias", dims: Dims::new(&[3]), offset: 6 },
    ],
);

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    parameters: [f32; 9],
    edits: Vec<(u16, u8)>,
    len: Option<u16>,
    raw: Option<&'a [u8]>,
}

const BEFORE: [f32; 9] = [0.5; 9];

fn read(file: &[u8]) -> Option<[u32; 9]> {
    let mut parameters = BEFORE;
    match safetensors::read_into(file, &INFO, &mut parameters) {
        Ok(()) => Some(parameters.map(f32::to_bits)),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert_eq!(parameters, BEFORE, "an error has changed the parameters");
            None
        }
    }
}

fuzz_target!(|case: Case| {
    let original = safetensors::to_bytes(&INFO, &case.parameters).unwrap();
    assert_eq!(read(&original), Some(case.parameters.map(f32::to_bits)));

    let mut file = original.clone();
    for (at, byte) in &case.edits {
        let at = usize::from(*at) % file.len();
        file[at] ^= byte;
    }
    if let Some(len) = case.len {
        file.resize(usize::from(len) % (original.len() + 64), b' ');
    }
    if let Some(found) = read(&file) {
        // Numbers of 32 bits come from the file's last 36 bytes, in the order that its header says.
        let header = String::from_utf8_lossy(&file);
        if header.contains("F16") || header.contains("F64") {
            return;
        }
        let mut numbers: Vec<u32> =
            file[file.len() - 36..].as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        let mut found = found.to_vec();
        numbers.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, numbers);
    }
    if let Some(raw) = case.raw {
        read(raw);
    }
});
