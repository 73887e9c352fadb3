//! Snapshots: the frozen layout, every damaged or foreign file, atomic saving, safetensors.

use std::io::Write;

use kernlet::{
    shape::Dims,
    snapshot::{
        Aligned, AttributeInfo, AttributeValue, Contents, Data, Described, ElementType, ModelInfo, Progress, Section,
        Snapshot, SnapshotError, StaticSnapshot, TensorInfo, Training, WriteError, contents_len, crc32, encoded_len,
        write, write_contents,
    },
};

const INFO: ModelInfo = ModelInfo::new(
    "Tiny",
    0x0123_4567_89ab_cdef,
    &[
        TensorInfo { layer: "conv", name: "kernel", dims: Dims::new(&[1, 1, 2, 3]), offset: 0 },
        TensorInfo { layer: "conv", name: "bias", dims: Dims::new(&[3]), offset: 6 },
    ],
)
.with_attributes(&[
    AttributeInfo { owner: "conv", name: "stride", value: AttributeValue::Sizes(Dims::new(&[2, 1])) },
    AttributeInfo { owner: "conv", name: "slope", value: AttributeValue::Number(0.25) },
    AttributeInfo { owner: "conv", name: "padding", value: AttributeValue::Word("same") },
]);
const PARAMETERS: [f32; 9] = [0.0, -0.0, 1.0, -1.5, 3.25, 1e-40, 1e30, f32::INFINITY, 0.1];
/// Where the header ends, and its list of tensors begins.
const HEADER: usize = 384;
const TENSORS: usize = 241;
const STATE: [f32; 4] = [1.0, 2.0, 3.0, 4.0];
const PROGRESS: Progress = Progress { step: 15, epoch: 1, position: 640, seed: 42 };
const TRAINING: Training<'static, &[&[f32]]> =
    Training { optimizer: "adadelta", progress: PROGRESS, state: &[&[1.0], &[2.0, 3.0, 4.0]] };

struct Tiny;

impl Described for Tiny {
    const INFO: ModelInfo = INFO;
}

fn encode(training: Option<&Training<'_, &[&[f32]]>>) -> Vec<u8> {
    let mut file = Vec::new();
    write(&INFO, &PARAMETERS, training, &mut |bytes: &[u8]| file.write_all(bytes)).unwrap();
    file
}

/// The same file with other bytes at `at`, and a header checksum that fits them.
fn forged(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = encode(Some(&TRAINING));
    file[at..at + bytes.len()].copy_from_slice(bytes);
    let header_len = u32::from_le_bytes(file[12..16].try_into().unwrap()) as usize;
    if let Some(header) = file.get_mut(..header_len).filter(|header| header.len() >= 4) {
        let crc = crc32(0, &header[..header_len - 4]);
        header[header_len - 4..].copy_from_slice(&crc.to_le_bytes());
    }
    file
}

/// The layout is a promise: a file written by an earlier release must come out of this one byte for byte.
#[test]
fn the_layout_is_frozen() {
    let frozen = include_bytes!("data/snapshot_v2.knl");
    assert_eq!(encode(Some(&TRAINING)), frozen);
    let snapshot = Snapshot::open(frozen, &INFO).unwrap();
    let mut parameters = [f32::NAN; 9];
    snapshot.parameters().copy_into(&mut parameters).unwrap();
    assert_eq!(parameters.map(f32::to_bits), PARAMETERS.map(f32::to_bits));
    let training = snapshot.training_with("adadelta").unwrap();
    assert_eq!(training.progress, PROGRESS);
    let mut state = [f32::NAN; 4];
    training.state.copy_into(&mut state).unwrap();
    assert_eq!(state, STATE);
    assert_eq!(snapshot.name(), "Tiny");
    let tensors = snapshot.tensors().map(|tensor| (tensor.layer, tensor.name, tensor.dims, tensor.element));
    assert!(tensors.eq(INFO.tensors().iter().map(|tensor| (tensor.layer, tensor.name, tensor.dims, ElementType::F32))));
    let of_layers = snapshot.attributes().filter(|attribute| !attribute.owner.starts_with('@'));
    assert!(of_layers.eq(INFO.attributes().iter().copied()));
    assert_eq!(snapshot.attribute("@training", "step"), Some(AttributeValue::Whole(15)));
}

#[test]
fn the_announced_length_is_the_length() {
    assert_eq!(encode(None).len(), encoded_len(&INFO));
    let contents = Contents { parameters: &PARAMETERS, training: Some(TRAINING), ..Contents::default() };
    assert_eq!(encode(Some(&TRAINING)).len(), contents_len(&INFO, &contents));
}

#[test]
fn a_static_snapshot_is_used_where_it_lies() {
    static WEIGHTS: StaticSnapshot = kernlet::static_snapshot!(Tiny, "data/snapshot_v2.knl");
    WEIGHTS.verify().unwrap();
    assert_eq!(WEIGHTS.parameters(), PARAMETERS);
    assert_eq!(WEIGHTS.parameters().as_ptr().addr() % 64, 0);
}

#[test]
fn a_static_snapshot_sees_that_its_numbers_are_damaged() {
    const LEN: usize = encoded_len(&INFO);
    let file = Box::leak(Box::new(Aligned([0; LEN])));
    file.0.copy_from_slice(&encode(None));
    file.0[LEN - 1] ^= 1;
    let weights = StaticSnapshot::new(file, &INFO);
    assert!(matches!(weights.verify(), Err(SnapshotError::PayloadChecksum { .. })));
}

#[test]
fn numbers_are_used_in_place_only_where_aligned() {
    let mut file = Aligned([0; 1024]);
    let bytes = encode(None);
    file.0[..bytes.len()].copy_from_slice(&bytes);
    let snapshot = Snapshot::open(&file.0[..bytes.len()], &INFO).unwrap();
    assert_eq!(snapshot.parameters().in_place().unwrap(), PARAMETERS);

    file.0[1..=bytes.len()].copy_from_slice(&bytes);
    let snapshot = Snapshot::open(&file.0[1..=bytes.len()], &INFO).unwrap();
    assert_eq!(snapshot.parameters().in_place(), Err(SnapshotError::NotInPlace));
    let mut parameters = [f32::NAN; 9];
    snapshot.parameters().copy_into(&mut parameters).unwrap();
    assert_eq!(parameters, PARAMETERS);
}

/// Wherever a file is cut off, or whichever bit is wrong, the answer is an error.
#[test]
fn no_damage_goes_unnoticed() {
    let file = encode(Some(&TRAINING));
    for len in 0..file.len() {
        assert!(Snapshot::open(&file[..len], &INFO).is_err(), "cut off at {len}");
    }
    for bit in 0..8 * file.len() {
        let mut damaged = file.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(Snapshot::open(&damaged, &INFO).is_err(), "bit {bit}");
    }
    let mut longer = file.clone();
    longer.push(0);
    let expected = file.len() as u64;
    assert_eq!(Snapshot::open(&longer, &INFO), Err(SnapshotError::Trailing { expected, found: expected + 1 }));
}

#[test]
fn each_error_says_what_is_wrong() {
    let message = |file: &[u8]| Snapshot::open(file, &INFO).unwrap_err().to_string();
    let file = encode(Some(&TRAINING));
    assert_eq!(message(b""), "the snapshot is cut off: expected 48 bytes, found 0");
    assert_eq!(message(&file[..459]), "the snapshot is cut off: expected 464 bytes, found 459");
    assert_eq!(message(&[0; 200]), "not a kernlet snapshot: it begins with 0000000000000000");
    assert_eq!(
        message(&forged(8, &[1, 0, 0, 0])),
        "the snapshot is of another version of the format: expected 2, found 1"
    );
    let mut damaged = file.clone();
    damaged[40] ^= 1;
    assert!(message(&damaged).starts_with("the snapshot's header is damaged: expected CRC-32 "));
    let mut damaged = file.clone();
    damaged[387] ^= 1;
    assert!(message(&damaged).starts_with("the snapshot's numbers are damaged: expected CRC-32 "));
    assert_eq!(
        message(&forged(24, &[0; 8])),
        "the snapshot is of another network: expected Tiny (0123456789abcdef), found Tiny (0000000000000000)"
    );
    assert_eq!(
        message(&forged(TENSORS + 1, b"k")),
        "a tensor in the snapshot has another name or shape: expected conv/kernel of 1×1×2×3, found konv/kernel of 1×1×2×3"
    );
    // The first size of conv/kernel: after "conv" and "kernel" with their lengths, the type, the number of axes.
    assert_eq!(
        message(&forged(TENSORS + 5 + 7 + 2, &[6, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0])),
        "a tensor in the snapshot has another name or shape: expected conv/kernel of 1×1×2×3, found conv/kernel of 6×1×1×1"
    );
}

/// Headers whose checksum is right but whose content was made up: an error, never a panic.
#[test]
fn forged_headers_are_errors() {
    for at in 0..HEADER - 4 {
        for value in [0, 1, 0x7F, 0x80, 0xFF] {
            let file = forged(at, &[value]);
            if let Ok(snapshot) = Snapshot::parse(&file) {
                let _ = snapshot.training();
                assert!(snapshot.tensors().count() <= 2 && snapshot.sections().count() <= 2);
                assert!(snapshot.attributes().count() <= 8);
            }
        }
    }
    for at in (8..HEADER - 8).step_by(4) {
        let huge = forged(at, &[0xFF; 8]);
        let _ = Snapshot::parse(&huge);
    }
}

/// What a file has of layers must be exactly what the network has.
#[test]
fn a_contradicting_hyper_parameter_is_named() {
    const EPSILON: AttributeInfo = AttributeInfo { owner: "bn1", name: "epsilon", value: AttributeValue::Number(1e-3) };
    const SLOPE: AttributeInfo = AttributeInfo { owner: "act", name: "slope", value: AttributeValue::Number(0.1) };
    const NONE: ModelInfo = ModelInfo::new("Net", 7, &[]);
    const ONE: ModelInfo = NONE.with_attributes(&[EPSILON]);
    const OTHER: ModelInfo =
        NONE.with_attributes(&[AttributeInfo { value: AttributeValue::Number(1.001e-5), ..EPSILON }]);
    const WHOLE: ModelInfo = NONE.with_attributes(&[AttributeInfo { value: AttributeValue::Whole(0), ..EPSILON }]);
    const TWO: ModelInfo = NONE.with_attributes(&[EPSILON, SLOPE]);
    let message = |wanted: &ModelInfo, written: &ModelInfo| {
        let mut file = Vec::new();
        write(written, &[], None, &mut |bytes: &[u8]| file.write_all(bytes)).unwrap();
        let outcome = Snapshot::open(&file, wanted).map(|_| String::new());
        outcome.unwrap_or_else(|error| error.to_string().replace("a hyper-parameter in the snapshot is another: ", ""))
    };
    assert_eq!(message(&ONE, &ONE), "");
    assert_eq!(message(&ONE, &OTHER), "bn1: epsilon: expected 0.001, found 0.00001001");
    assert_eq!(message(&ONE, &WHOLE), "bn1: epsilon: expected 0.001, found 0");
    assert_eq!(message(&ONE, &NONE), "bn1: epsilon: expected 0.001, found none");
    assert_eq!(message(&NONE, &ONE), "bn1: epsilon: expected none, found 0.001");
    assert_eq!(message(&ONE, &TWO), "act: slope: expected none, found 0.1");
    assert_eq!(message(&TWO, &ONE), "act: slope: expected 0.1, found none");
    // What one side alone has is named, and not what comes in its place.
    const LAST: ModelInfo = NONE.with_attributes(&[SLOPE]);
    assert_eq!(message(&LAST, &TWO), "bn1: epsilon: expected none, found 0.001");
    assert_eq!(message(&TWO, &LAST), "bn1: epsilon: expected 0.001, found none");
    let swapped = NONE.with_attributes(const { &[SLOPE, EPSILON] });
    assert_eq!(message(&TWO, &swapped), "bn1: epsilon: expected 0.001, found act: slope: 0.1");
}

#[test]
fn a_section_is_passed_over_unless_it_forbids_that() {
    let open = |required: bool, understood: &[&str]| {
        let sections = [
            Section { name: "words", required, data: Data::Bytes(b"yes no") },
            Section { name: "scale", required: false, data: Data::Numbers(&[&[0.5], &[2.0]]) },
        ];
        let contents = Contents { parameters: &PARAMETERS, sections: &sections, ..Contents::default() };
        let mut file = Vec::new();
        write_contents(&INFO, &contents, &mut |bytes: &[u8]| file.write_all(bytes)).unwrap();
        assert_eq!(file.len(), contents_len(&INFO, &contents));
        let snapshot = Snapshot::open_with(&file, &INFO, understood).map_err(|error| error.to_string())?;
        assert_eq!(snapshot.section("words").unwrap().bytes, b"yes no");
        assert!(snapshot.section("words").unwrap().numbers().is_none() && snapshot.section("none").is_none());
        let mut scale = [0.0; 2];
        snapshot.section("scale").unwrap().numbers().unwrap().copy_into(&mut scale).unwrap();
        assert_eq!(scale, [0.5, 2.0]);
        let names: Vec<&str> = snapshot.sections().map(|section| section.name).collect();
        assert_eq!(names, ["parameters", "words", "scale"]);
        Ok::<(), String>(())
    };
    open(false, &[]).unwrap();
    open(true, &["words"]).unwrap();
    assert_eq!(open(true, &["others"]).unwrap_err(), "the snapshot has a section that must be understood: words");
}

/// Two sections of one name could not be told apart.
#[test]
fn names_of_sections_are_there_once() {
    let written = |names: [&'static str; 2]| {
        let sections = names.map(|name| Section { name, required: false, data: Data::Bytes(b"x") });
        let contents = Contents { parameters: &PARAMETERS, sections: &sections, ..Contents::default() };
        let mut file = Vec::new();
        let written = write_contents(&INFO, &contents, &mut |bytes: &[u8]| file.write_all(bytes));
        written.map_err(|error| (error.to_string(), file.len()))
    };
    written(["words", "scale"]).unwrap();
    let told = |index: usize| Err((format!("section {index} has the name of another one"), 0));
    assert_eq!(written(["words", "words"]), told(0));
    assert_eq!(written(["words", "parameters"]), told(1));
}

/// A tensor of another type than the network's is another tensor.
#[test]
fn elements_have_a_type() {
    // The type of conv/kernel: halves, so that the parameters would be too long; and 32-bit integers, as long as floats.
    let error = Snapshot::parse(&forged(TENSORS + 12, &[ElementType::F16 as u8])).unwrap_err();
    assert_eq!(error, SnapshotError::Header { what: "the length of the parameters", found: 36 });
    let error = Snapshot::open(&forged(TENSORS + 12, &[ElementType::I32 as u8]), &INFO).unwrap_err();
    let told = "a tensor in the snapshot has elements of another type: conv/kernel: expected F32, found I32";
    assert_eq!(error.to_string(), told);
    assert!(Snapshot::parse(&forged(TENSORS + 12, &[77])).is_err());
}

/// Parameters that no tensor names are not passed over.
#[test]
fn parameters_of_no_tensor_are_an_error() {
    // With one tensor fewer the list of sections begins too early.
    assert!(matches!(Snapshot::parse(&forged(36, &[1])), Err(SnapshotError::Header { .. })));
}

#[test]
fn training_state_is_asked_for_by_name() {
    let plain = encode(None);
    assert_eq!(Snapshot::parse(&plain).unwrap().training(), Err(SnapshotError::NoTraining));
    let file = encode(Some(&TRAINING));
    let error = Snapshot::parse(&file).unwrap().training_with("adam").unwrap_err();
    assert_eq!(error.to_string(), "the snapshot's training state is of another optimizer: adadelta");
    let mut nowhere = |_: &[u8]| Ok::<(), ()>(());
    for (optimizer, found) in [(String::new(), 0), ("x".repeat(256), 256)] {
        let training = Training { optimizer: &optimizer, ..TRAINING };
        let refused = write(&INFO, &PARAMETERS, Some(&training), &mut nowhere);
        assert_eq!(refused, Err(WriteError::Name { what: "an optimizer", found }));
    }
    let epsilon = AttributeInfo { owner: "conv", name: "epsilon", value: AttributeValue::Number(0.0) };
    let contents = Contents { parameters: &PARAMETERS, attributes: &[epsilon], ..Contents::default() };
    assert!(matches!(write_contents(&INFO, &contents, &mut nowhere), Err(WriteError::Name { .. })));
}

/// A sink that is full after any number of bytes passes its error on.
#[test]
fn a_full_sink_is_an_error() {
    for room in 0..encode(Some(&TRAINING)).len() {
        let mut left = room;
        let mut sink = |bytes: &[u8]| {
            left = left.checked_sub(bytes.len()).ok_or("full")?;
            Ok::<(), &str>(())
        };
        assert!(write(&INFO, &PARAMETERS, Some(&TRAINING), &mut sink).is_err(), "room {room}");
    }
}

#[cfg(feature = "std")]
mod files {
    use std::{fs, io};

    use kernlet::snapshot::{replace_file, save};

    use super::*;

    #[test]
    fn a_failed_save_leaves_the_old_file_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model.knl");
        save(&path, &INFO, &PARAMETERS, None).unwrap();
        let old = fs::read(&path).unwrap();
        assert_eq!(old, encode(None));

        let error = replace_file(&path, |file| {
            file.write_all(b"half")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        })
        .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(save(&path, &INFO, &[0.0], None).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(fs::read(&path).unwrap(), old);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);

        save(&path, &INFO, &PARAMETERS, Some(&TRAINING)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), encode(Some(&TRAINING)));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        assert!(save(directory.path().join("no/such/place"), &INFO, &PARAMETERS, None).is_err());
        assert!(save(directory.path(), &INFO, &PARAMETERS, None).is_err());
    }

    /// Whatever byte a disk is full at, or a process dies at, the old model opens, and the next save works.
    #[test]
    fn an_end_at_any_byte_leaves_a_whole_model() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model.knl");
        save(&path, &INFO, &PARAMETERS, None).unwrap();
        let (old, new) = (encode(None), encode(Some(&TRAINING)));
        for end in 0..new.len() {
            let full = replace_file(&path, |file| {
                file.write_all(&new[..end])?;
                file.flush()?;
                Err(io::ErrorKind::StorageFull.into())
            });
            assert_eq!(full.unwrap_err().kind(), io::ErrorKind::StorageFull);
            // What a process leaves that nobody can clean up behind.
            fs::write(directory.path().join(".kernlet-dead.tmp"), &new[..end]).unwrap();
            let found = fs::read(&path).unwrap();
            assert!(found == old && Snapshot::open(&found, &INFO).is_ok(), "ended at {end}");
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "ended at {end}");
        }
        save(&path, &INFO, &PARAMETERS, Some(&TRAINING)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), new);
    }

    #[test]
    fn a_panic_while_saving_leaves_the_old_file_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model.knl");
        save(&path, &INFO, &PARAMETERS, None).unwrap();
        let outcome = std::panic::catch_unwind(|| {
            replace_file(&path, |file| {
                file.write_all(b"half")?;
                panic!("on purpose");
            })
        });
        assert!(outcome.is_err());
        assert_eq!(fs::read(&path).unwrap(), encode(None));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn links_and_permissions_survive() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("model"), directory.path().join("link"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        replace_file(&link, |file| file.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        // A link to a link to what is not there yet.
        let (first, second) = (directory.path().join("first"), directory.path().join("second"));
        std::os::unix::fs::symlink("second", &first).unwrap();
        std::os::unix::fs::symlink("third", &second).unwrap();
        for text in ["new", "newer"] {
            replace_file(&first, |file| file.write_all(text.as_bytes())).unwrap();
            assert_eq!(fs::read_to_string(directory.path().join("third")).unwrap(), text);
        }
        assert!([first, second].iter().all(|link| fs::symlink_metadata(link).unwrap().is_symlink()));
        let circle = directory.path().join("circle");
        std::os::unix::fs::symlink("circle", &circle).unwrap();
        assert!(replace_file(&circle, |file| file.write_all(b"")).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_device_is_an_error_and_stays_a_device() {
        let error = save("/dev/full", &INFO, &PARAMETERS, None).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(!fs::metadata("/dev/full").unwrap().is_file());
    }
}
