//! The example `cifar10` on a few pictures: what it has in common with `mnist` is tested there.
#![cfg(all(feature = "std", feature = "counting"))]

mod example;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    sync::OnceLock,
};

use kernlet::data::cifar::RECORD_LEN;

fn cifar10(folder: &Path, args: &[&str]) -> Output {
    static PATH: OnceLock<std::path::PathBuf> = OnceLock::new();
    let program = PATH.get_or_init(|| example::program("cifar10"));
    Command::new(program).arg("--data").arg(folder).args(args).output().unwrap()
}

fn succeed(folder: &Path, args: &[&str]) -> String {
    let output = cifar10(folder, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn line<'a>(printed: &'a str, start: &str) -> &'a str {
    printed.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_else(|| panic!("{start}: {printed}"))
}

/// Pictures whose classes have colours of their own.
fn records(count: usize, seed: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for index in 0..count {
        let class = index % 10;
        bytes.push(class as u8);
        let pixel = |at: usize| (class * 25 + (at / 1024) * 40 + (at * 7 + index * 13 + seed) % 60) as u8;
        bytes.extend((0..RECORD_LEN - 1).map(pixel));
    }
    bytes
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data_batch_1.bin"), records(40, 1)).unwrap();
    fs::write(folder.path().join("data_batch_2.bin"), records(10, 2)).unwrap();
    fs::write(folder.path().join("test_batch.bin"), records(20, 3)).unwrap();
    folder
}

#[test]
fn it_learns_goes_on_and_is_quantised() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let options = ["--batch", "16", "--epochs", "2"];
    let (file, check, report) = (path("q.tflite"), path("q.safetensors"), path("q.html"));
    let more = ["--quantize", &file, "--quantize-check", &check, "--report", &report, "--threads", "1"];
    let printed = succeed(folder.path(), &[&options[..], &more].concat());
    let fingerprint = line(&printed, "Parameters fingerprint: ");
    for part in ["50 training images, 20 test images", "conv3b (conv2d)", "Accuracy in eight bits: ", "ADD", " dB"] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    assert!(fs::metadata(&check).unwrap().len() > 20 * 3072);
    assert!(fs::read_to_string(&report).unwrap().contains("automobile"));

    // Interrupted within an epoch, and gone on with another number of threads: the same bits.
    let saved = path("half.knl");
    succeed(folder.path(), &[&options[..], &["--steps", "3", "--save", &saved]].concat());
    let printed = succeed(folder.path(), &[&options[..], &["--resume", &saved, "--threads", "2"]].concat());
    assert_eq!(line(&printed, "Parameters fingerprint: "), fingerprint);
    let printed = succeed(folder.path(), &[&options[..], &["--augment", "off"]].concat());
    assert_ne!(line(&printed, "Parameters fingerprint: "), fingerprint);
}

#[test]
fn a_bad_file_is_named() {
    let folder = folder();
    let fail = |text: &str| {
        let output = cifar10(folder.path(), &["--steps", "1"]);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), message.lines().count()), (Some(1), 1), "{message}");
        assert!(message.contains(text), "{message}");
    };
    fs::write(folder.path().join("data_batch_2.bin"), [0; 100]).unwrap();
    fail("data_batch_2.bin: CIFAR file is not a multiple of 3073 bytes");
    fs::remove_file(folder.path().join("test_batch.bin")).unwrap();
    fs::remove_file(folder.path().join("data_batch_2.bin")).unwrap();
    fail("test_batch.bin");
}

#[test]
fn numbers_have_ranges() {
    let numbers = ["--epochs", "--batch", "--lr", "--seed", "--threads", "--steps", "--quantize-aware"];
    example::ranges_are_said(&example::program("cifar10"), &["--data", "."], &numbers);
}
