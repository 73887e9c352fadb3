//! The example `motion`: both networks recognise the recordings that they have not seen, and follow one.
#![cfg(feature = "std")]

mod example;

use std::{
    path::PathBuf,
    process::{Command, Output},
    sync::OnceLock,
};

fn motion(args: &[&str]) -> Output {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    Command::new(PATH.get_or_init(|| example::program("motion"))).args(args).output().unwrap()
}

fn said(args: &[&str]) -> String {
    let output = motion(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What follows a word at the beginning of each line that has it.
fn after<'t>(text: &'t str, word: &str) -> Vec<&'t str> {
    text.lines().filter_map(|line| line.strip_prefix(word)).collect()
}

#[test]
fn both_networks_recognise_movements() {
    let said_by: Vec<String> = ["1", "2", "3"].iter().map(|seed| said(&["--seed", seed])).collect();
    let mut fingerprints: Vec<&str> = Vec::new();
    for text in &said_by {
        let accuracies = after(text, "Test accuracy: ");
        assert_eq!(accuracies.len(), 2, "{text}");
        assert!(accuracies.iter().all(|accuracy| accuracy.parse::<f32>().unwrap() >= 0.95), "{text}");
        // While the recording goes on the answer is another one at first, and the right one in the end.
        for part in text.split("Test recording ").skip(1) {
            let answers: Vec<&str> =
                after(part, "  after").iter().filter_map(|line| line.split_whitespace().nth(2)).collect();
            assert!(answers.len() > 2 && answers[0] != answers[1], "{part}");
            assert!(part.contains("\n  after 10.0 s"), "{part}");
        }
        fingerprints.extend(after(text, "Parameters fingerprint: "));
    }
    fingerprints.sort_unstable();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 6, "{fingerprints:?}");
}

#[test]
fn one_network_alone_learns_the_same() {
    let [both, one] = [&["--epochs", "3"][..], &["--epochs", "3", "--network", "conv"]].map(said);
    assert_eq!(after(&one, "Parameters fingerprint: "), after(&both, "Parameters fingerprint: ")[1..]);
    assert_eq!(after(&one, "Convolutions: ").len() + after(&one, "GRU: ").len(), 1);
    for wrong in [["--epochs", "0"], ["--network", "lstm"]] {
        assert_eq!(motion(&wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn numbers_have_ranges() {
    example::ranges_are_said(&example::program("motion"), &[], &["--epochs", "--seed"]);
}
