//! The example `newsgroups` on posts that are easy to tell apart, and on folders that are not.
#![cfg(all(feature = "std", feature = "counting"))]

mod example;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use example::complaint;
use kernlet::random::Stream;
use serde_json::Value;

fn newsgroups(args: &[&str]) -> Output {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    Command::new(PATH.get_or_init(|| example::program("newsgroups"))).args(args).output().unwrap()
}

/// Three groups with words of their own among words that all have. The header names the group, and must not matter.
fn posts(root: &Path) {
    let stream = Stream::new(3, 0);
    for (group, name) in ["alt.cheese", "rec.kites", "sci.soil"].iter().enumerate() {
        fs::create_dir_all(root.join(name)).unwrap();
        for post in 0..20 {
            let mut text = format!("Newsgroups: giveaway{group}\r\nSubject: giveaway{group}\r\n\r\n");
            for i in 0..60 {
                let draw = stream.below_at((group * 20 + post) as u64 * 60 + i, 100);
                let word = if draw < 20 { format!("own{group}x{}", draw % 7) } else { format!("any{draw}") };
                text += &format!("{word}, ");
            }
            // Bytes that are not UTF-8.
            let mut bytes = text.into_bytes();
            bytes.extend([0xff, b'\n']);
            fs::write(root.join(name).join(format!("{post:03}")), bytes).unwrap();
        }
    }
}

#[test]
fn what_can_be_told_apart_is_learnt_with_the_same_bits_each_time() {
    let folder = tempfile::tempdir().unwrap();
    posts(folder.path());
    let json = folder.path().join(".figures.json");
    let run = |more: &[&str]| -> Value {
        let mut args = vec!["--data", folder.path().to_str().unwrap(), "--json", json.to_str().unwrap(), "--epochs=60"];
        args.extend(more);
        let output = newsgroups(&args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("Test accuracy: 1.0000\n"));
        serde_json::from_slice(&fs::read(&json).unwrap()).unwrap()
    };
    let figures = run(&["--threads", "1"]);
    assert_eq!((&figures["training_posts"], &figures["test_posts"]), (&48.into(), &12.into()));
    for (group, figures) in figures["groups"].as_array().unwrap().iter().enumerate() {
        let words = figures["words"].as_array().unwrap();
        let own = format!("own{group}x");
        assert!(words.iter().take(5).all(|word| word.as_str().unwrap().starts_with(&own)), "{words:?}");
        assert!(figures["taken_for"].is_null());
    }
    // Neither threads nor the memory for counting change a bit; another seed does.
    let same = run(&["--threads", "2", "--budget", "8KiB"]);
    assert_eq!(same["fingerprint"], figures["fingerprint"]);
    assert_ne!(run(&["--seed", "2"])["fingerprint"], figures["fingerprint"]);
}

#[test]
fn words_are_learnt_in_their_order_too() {
    let folder = tempfile::tempdir().unwrap();
    posts(folder.path());
    let json = folder.path().join(".figures.json");
    let run = |more: &[&str]| -> Value {
        let mut args = vec!["--data", folder.path().to_str().unwrap(), "--json", json.to_str().unwrap()];
        args.extend(["--model", "embedding", "--epochs", "40"]);
        args.extend(more);
        let output = newsgroups(&args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&fs::read(&json).unwrap()).unwrap()
    };
    let figures = run(&["--threads", "1"]);
    assert_eq!((&figures["model"], figures["test_accuracy"].as_f64()), (&"embedding".into(), Some(1.0)), "{figures:#}");
    for (group, figures) in figures["groups"].as_array().unwrap().iter().enumerate() {
        let words = figures["words"].as_array().unwrap();
        let own = format!("own{group}x");
        assert!(words.iter().take(3).all(|word| word.as_str().unwrap().starts_with(&own)), "{words:?}");
    }
    assert_eq!(run(&["--threads", "3", "--budget", "8KiB"])["fingerprint"], figures["fingerprint"]);
}

#[test]
fn posts_that_are_taken_for_anothers_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    posts(folder.path());
    // The held-out posts of the first group speak like the second.
    for post in [4, 9, 14, 19] {
        let name = format!("{post:03}");
        fs::copy(folder.path().join("rec.kites").join(&name), folder.path().join("alt.cheese").join(&name)).unwrap();
    }
    let json = folder.path().join(".figures.json");
    let [data, json] = [folder.path(), &json].map(|path| path.to_str().unwrap());
    let output = newsgroups(&["--data", data, "--json", json, "--epochs", "60", "--vocabulary", "90", "--words", "3"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let figures: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_eq!(figures["vocabulary"], 90);
    assert_eq!(figures["test_accuracy"].as_f64().unwrap(), 8.0 / 12.0);
    let first = &figures["groups"][0];
    assert_eq!((first["accuracy"].as_f64(), &first["taken_for"]["group"]), (Some(0.0), &"rec.kites".into()));
    assert_eq!((&first["taken_for"]["times"], first["words"].as_array().unwrap().len()), (&4.into(), 3));
    assert!(String::from_utf8_lossy(&output.stdout).contains("rec.kites 4×"));
}

#[test]
fn folders_that_are_no_newsgroups_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    let fails = |args: &[&str]| complaint(&newsgroups(args));
    assert!(fails(&["--data", &format!("{root}/none")]).contains("/none: "));
    assert!(fails(&["--data", root]).contains("expected 2 to 32 folders, one for each group, found 0"));
    fs::create_dir(folder.path().join("alone")).unwrap();
    assert!(fails(&["--data", root]).contains("alone: expected 5 posts or more, found 0"));
    (0..5).for_each(|i| fs::write(folder.path().join(format!("alone/{i}")), "\n\na word").unwrap());
    assert!(fails(&["--data", root]).contains("found 1"));
    posts(folder.path());
    assert!(fails(&["--data", root, "--budget", "10"]).contains("--budget: "));
    let folder_as_file = format!("{root}/alone");
    assert!(fails(&["--data", root, "--epochs", "1", "--json", &folder_as_file]).contains("alone: "));
    assert!(fails(&["--data", root, "--json", &format!("{root}/none/figures")]).contains("/none: "));
    for wrong in [["--epochs", "0"], ["--vocabulary", "0"], ["--vocabulary", "8193"]] {
        assert_eq!(newsgroups(&[&["--data", root], &wrong[..]].concat()).status.code(), Some(2), "{wrong:?}");
    }
    // What is there but cannot be read: also the superuser cannot read a link to nothing.
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("nothing", folder.path().join("alt.cheese/000b")).unwrap();
        assert!(fails(&["--data", root]).contains("alt.cheese/000b: "));
    }
}

#[test]
fn posts_without_a_word_are_no_posts_to_learn_from() {
    let folder = tempfile::tempdir().unwrap();
    for group in ["a", "b"] {
        fs::create_dir(folder.path().join(group)).unwrap();
        (0..5)
            .for_each(|i| fs::write(folder.path().join(format!("{group}/{i}")), "Subject: words\n\n4 2 x\n").unwrap());
    }
    assert!(complaint(&newsgroups(&["--data", folder.path().to_str().unwrap()])).contains("have no words"));
}

#[test]
fn options_say_what_they_take_and_are_used() {
    let program = example::program("newsgroups");
    let numbers = ["--vocabulary", "--epochs", "--seed", "--threads", "--words"];
    example::ranges_are_said(&program, &["--data", "."], &numbers);
    let parts: [&[&str]; 2] = [&["--worker"], &["--data", ".", "--features", "out"]];
    for part in parts {
        for [option, value] in
            [["--epochs", "1"], ["--seed", "1"], ["--words", "1"], ["--json", "j"], ["--model", "tfidf"]]
        {
            let output = newsgroups(&[part, &[option, value]].concat());
            let text = String::from_utf8(output.stderr).unwrap();
            assert!(!output.status.success() && text.contains("cannot be used with"), "{part:?} {option}: {text}");
            assert!(text.contains(&format!("'{option} ")), "{text}");
        }
    }
}
