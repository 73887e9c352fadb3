//! Snapshots that were changed, with checksums mended or not: what opens is what the encoder writes.
#![no_main]

use arbitrary::Arbitrary;
use kernlet::{
    shape::Dims,
    snapshot::{ModelInfo, Progress, Snapshot, TensorInfo, Training, crc32, write},
};
use libfuzzer_sys::fuzz_target;

const INFO: ModelInfo = ModelInfo::new(
    "Tiny",
    0x0123_4567_89ab_cdef,
    &[
        TensorInfo { layer: "conv", name: "kernel", dims: Dims::new(&[1, 1, 2, 3]), offset: 0 },
        TensorInfo { layer: "conv", name: "bias", dims: Dims::new(&[3]), offset: 6 },
    ],
);

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    parameters: [f32; 9],
    training: Option<(u64, u64, Vec<f32>)>,
    edits: Vec<(u16, u8)>,
    len: Option<u16>,
    mended: bool,
    raw: Option<&'a [u8]>,
}

fn encode(parameters: &[f32], training: Option<&Training<'_, &[&[f32]]>>) -> Vec<u8> {
    let mut file = Vec::new();
    write(&INFO, parameters, training, &mut |bytes: &[u8]| Ok::<(), ()>(file.extend_from_slice(bytes))).unwrap();
    file
}

/// What opens has its numbers where the format says, and means the same when it is written again.
fn check(file: &[u8]) {
    let Ok(snapshot) = Snapshot::open(file, &INFO) else { return };
    let mut parameters = [f32::NAN; 9];
    snapshot.parameters().copy_into(&mut parameters).unwrap();
    let header_len = u32::from_le_bytes(file[12..16].try_into().unwrap()) as usize;
    let bytes = |numbers: &[f32]| numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    assert_eq!(bytes(&parameters), file[header_len..header_len + 36]);
    let _ = snapshot.attributes().count() + snapshot.sections().map(|section| section.bytes.len()).sum::<usize>();
    let again = match snapshot.training() {
        Err(_) => encode(&parameters, None),
        Ok(training) => {
            let mut state = vec![f32::NAN; training.state.len()];
            training.state.copy_into(&mut state).unwrap();
            let slices: &[&[f32]] = &[&state];
            // A name that is no longer one cannot be written.
            if training.optimizer.is_empty() {
                return;
            }
            encode(
                &parameters,
                Some(&Training { optimizer: training.optimizer, progress: training.progress, state: slices }),
            )
        }
    };
    let again = Snapshot::open(&again, &INFO).unwrap();
    assert_eq!(
        again.training().map(|t| (t.optimizer, t.progress)),
        snapshot.training().map(|t| (t.optimizer, t.progress))
    );
}

fuzz_target!(|case: Case| {
    let original = {
        let state: Vec<f32>;
        let slices: [&[f32]; 1];
        let training = match &case.training {
            None => None,
            Some((step, epoch, values)) => {
                state = values.clone();
                slices = [&state];
                let progress = Progress { step: *step, epoch: *epoch, ..Default::default() };
                Some(Training { optimizer: "adam", progress, state: &slices[..] })
            }
        };
        encode(&case.parameters, training.as_ref())
    };
    assert!(Snapshot::open(&original, &INFO).is_ok());
    check(&original);

    let mut file = original.clone();
    for (at, byte) in &case.edits {
        let at = usize::from(*at) % file.len();
        file[at] ^= byte;
    }
    if let Some(len) = case.len {
        file.resize(usize::from(len) % (original.len() + 64), 0);
    }
    if file != original && !case.mended {
        assert!(Snapshot::open(&file, &INFO).is_err(), "a changed file opens");
    }
    if case.mended
        && let Some(header_len) = file.get(12..16).map(|len| u32::from_le_bytes(len.try_into().unwrap()) as usize)
        && let Some(header) = file.get_mut(..header_len).filter(|header| header.len() >= 4)
    {
        let at = header.len() - 4;
        let crc = crc32(0, &header[..at]);
        header[at..].copy_from_slice(&crc.to_le_bytes());
    }
    check(&file);
    if let Some(raw) = case.raw {
        check(raw);
        let _ = Snapshot::parse(raw).map_err(|error| error.to_string());
    }
});
