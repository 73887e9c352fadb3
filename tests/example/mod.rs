//! Running an example and looking at what it did.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::env;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The executable of an example, built in this profile and with these features.
pub fn program(name: &str) -> PathBuf {
    let features: Vec<&str> = [
        ("std", cfg!(feature = "std")),
        ("counting", cfg!(feature = "counting")),
        ("int8", cfg!(feature = "int8")),
        ("audio", cfg!(feature = "audio")),
        ("rayon", cfg!(feature = "rayon")),
        ("safetensors", cfg!(feature = "safetensors")),
        ("defmt", cfg!(feature = "defmt")),
        ("embedded-storage", cfg!(feature = "embedded-storage")),
    ]
    .into_iter()
    .filter_map(|(name, on)| on.then_some(name))
    .collect();
    // This test lies in target/<profile>/deps, the example in target/<profile>/examples.
    let test = env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap();
    let profile = folder.file_name().unwrap().to_str().unwrap();
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--example", name, "--no-default-features", "--features"])
        .arg(features.join(","))
        .args(["--profile", if profile == "debug" { "dev" } else { profile }])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.unwrap().success(), "the example does not build");
    folder.join("examples").join(format!("{name}{}", env::consts::EXE_SUFFIX))
}

/// The executable of the example `word_count`.
pub fn word_count() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| program("word_count"))
}

/// Runs it with `input` on standard input.
pub fn run(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // A process that fails may not read everything.
        scope.spawn(move || stdin.write_all(input).unwrap_or_default());
        child.wait_with_output().unwrap()
    })
}

/// What it said, in one line, when it failed.
pub fn complaint(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(!output.status.success(), "it did not fail: {text}");
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

/// Whether each of these options says what range of numbers it expects, when it is given a word and in the help.
pub fn ranges_are_said(program: &Path, others: &[&str], options: &[&str]) {
    let help = Command::new(program).arg("--help").output().unwrap();
    let help: Vec<&str> = std::str::from_utf8(&help.stdout).unwrap().split_whitespace().collect();
    let help = help.join(" ");
    for option in options {
        let output = Command::new(program).args(others).args([option, "many"]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{option}: {text}");
        let said = text.lines().next().unwrap().split(" (see").next().unwrap();
        let (_, range) = said.split_once(" from ").unwrap_or_else(|| panic!("{option} names no range: {text}"));
        let about = &help[help.find(&format!("{option} <")).unwrap_or_else(|| panic!("{option} is not in the help"))..];
        let until = about[2..].find(" --").map_or(about.len(), |end| end + 2);
        assert!(about[..until].contains(range), "{option}: {range} is not in its help: {}", &about[..until]);
    }
}

/// What a gzipped file of this repository holds.
pub fn unzipped(path: &str) -> Vec<u8> {
    let file = std::fs::File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    bytes
}
