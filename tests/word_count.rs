//! `--example word_count` against Hadoop's results, and with input that is wrong.

#![cfg(all(feature = "std", feature = "counting"))]

mod example;

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use example::{complaint, run, unzipped, word_count};

const BOOK: &str = "examples/data/kjv.txt.gz";
const TRICKY: &str = "tests/data/wordcount/tricky.txt.gz";

fn command() -> Command {
    let mut command = Command::new(word_count());
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn counted(args: &[&str], input: &[u8]) -> Vec<u8> {
    let output = run(command().args(args).args(["--output", "-"]), input);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn json(args: &[&str], input: &[u8]) -> serde_json::Value {
    let output = run(command().args(args).args(["--json", "-"]), input);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Words of which nearly all are distinct.
fn distinct_words(bytes: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes + 32);
    for i in 0u64.. {
        if text.len() >= bytes {
            break;
        }
        write!(text, "{:x} ", i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 24).unwrap();
    }
    text
}

#[test]
fn every_budget_and_number_of_threads_gives_hadoops_bytes() {
    let book = unzipped("tests/data/wordcount/kjv.hadoop.tsv.gz");
    let tricky = unzipped("tests/data/wordcount/tricky.hadoop.tsv.gz");
    for budget in ["8KiB", "10000", "64KiB", "1MiB", "8MiB", "64MiB"] {
        for threads in ["1", "2", "3"] {
            let args = ["--budget", budget, "--threads", threads];
            assert!(counted(&[&args[..], &[BOOK]].concat(), b"") == book, "the book: {args:?}");
            assert!(counted(&[&args[..], &[TRICKY]].concat(), b"") == tricky, "tricky: {args:?}");
        }
    }
    // The book is what is counted when nothing is given.
    assert!(counted(&[], b"") == book);
}

#[test]
fn standard_input_is_a_file_zipped_or_not() {
    let tricky = unzipped("tests/data/wordcount/tricky.hadoop.tsv.gz");
    assert!(counted(&["-"], &unzipped(TRICKY)) == tricky);
    assert!(counted(&["-"], &fs::read(TRICKY).unwrap()) == tricky);
}

#[test]
fn each_file_ends_its_last_word_and_loses_its_mark() {
    let directory = tempfile::tempdir().unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|name| directory.path().join(name));
    fs::write(&a, b"\xEF\xBB\xBFone tw").unwrap();
    fs::write(&b, b"o \xEF\xBB\xBFone").unwrap();
    fs::write(&c, b"\xEF\xBB").unwrap();
    let args = [a, b, c].map(|path| path.to_str().unwrap().to_owned());
    let lines = counted(&args.each_ref().map(|arg| &**arg), b"");
    assert_eq!(lines, b"o\t1\none\t1\ntw\t1\n\xEF\xBB\t1\n\xEF\xBB\xBFone\t1\n");
}

#[test]
fn bytes_that_are_no_utf8_are_counted() {
    assert_eq!(counted(&["-"], b"\xFF\xFE \xFF\xFE\x00 \x0B\n"), b"\x0B\t1\n\xFF\xFE\t1\n\xFF\xFE\x00\t1\n");
    assert_eq!(counted(&["-"], b""), b"");
}

#[test]
fn the_report_has_its_keys() {
    let report = json(&["--budget", "64KiB", "--threads", "2", "-"], &distinct_words(2_000_000));
    for key in
        ["seconds", "bytes", "words", "distinct", "budget_bytes", "peak_job_bytes", "runs_spilled", "merge_passes"]
    {
        assert!(report[key].is_number(), "{key}: {report}");
    }
    assert_eq!(report["budget_bytes"], 65536);
    assert!(report["peak_job_bytes"].as_u64().unwrap() <= 65536, "{report}");
    assert!(report["runs_spilled"].as_u64().unwrap() > 2, "{report}");
    assert_eq!(report["words"], report["distinct"]);
    let book = json(&[BOOK], b"");
    assert_eq!((&book["words"], &book["distinct"]), (&820_748.into(), &59_959.into()));
    assert_eq!(book["top"][0], serde_json::json!({"word": "the", "count": 62_054}));
    assert_eq!(book["top"].as_array().unwrap().len(), 20);
}

#[test]
fn an_approximation_keeps_its_bounds() {
    let exact = unzipped("tests/data/wordcount/kjv.hadoop.tsv.gz");
    let exact: HashMap<&str, u64> = std::str::from_utf8(&exact)
        .unwrap()
        .lines()
        .map(|line| line.split_once('\t').unwrap())
        .map(|(word, count)| (word, count.parse().unwrap()))
        .collect();
    for budget in ["16KiB", "64KiB", "8MiB"] {
        let report = json(&["--approximate", "--top", "100", "--budget", budget, BOOK], b"");
        let bound = report["bound"].as_u64().unwrap();
        assert!(report["peak_job_bytes"].as_u64() <= report["budget_bytes"].as_u64(), "{report}");
        assert_eq!(report["words"], 820_748);
        let distinct = report["distinct"].as_f64().unwrap() / 59_959.0;
        assert!((distinct - 1.0).abs() < 5.0 * report["distinct_standard_error"].as_f64().unwrap(), "{report}");
        let mut missing = exact.clone();
        for row in report["top"].as_array().unwrap() {
            let (count, error) = (row["count"].as_u64().unwrap(), row["error"].as_u64().unwrap());
            let true_count = missing.remove(row["word"].as_str().unwrap()).unwrap_or(0);
            assert!(count - error <= true_count && true_count <= count && error <= bound, "{row}, not {true_count}");
        }
        // All hundred were shown because there are so many; those left out are no more frequent than the last.
        let least = report["top"].as_array().unwrap().last().unwrap()["count"].as_u64().unwrap();
        assert!(missing.values().all(|&count| count <= least.max(bound)), "{budget}");
    }
    let long = [&[b'x'; 49][..], b" a a"].concat();
    let report = json(&["--approximate", "-"], &long);
    assert_eq!((&report["words"], &report["long_words"]), (&3.into(), &1.into()));
    let refused = run(command().args(["--approximate", "--budget", "100"]), b"");
    assert!(complaint(&refused).contains("a budget of 100 bytes is too small: at least"));
}

#[test]
#[cfg(target_os = "linux")]
fn resident_memory_is_the_budget_and_a_megabyte() {
    let text = distinct_words(12_000_000);
    let resident = |args: &[&str], input| json(args, input)["peak_resident_bytes"].as_u64().unwrap();
    for (budget, threads) in [("64KiB", "1"), ("64KiB", "2"), ("1MiB", "1"), ("8MiB", "1"), ("8MiB", "2")] {
        let args = ["--top", "20", "--budget", budget, "--threads", threads, "-"];
        // An empty run may hold more pages of the program's file than a long one.
        let above = resident(&args, &text).saturating_sub(resident(&args, b""));
        let most = json(&args, b"")["budget_bytes"].as_u64().unwrap() + 1_000_000;
        assert!(above <= most, "{args:?}: {above} bytes above an empty run, at most {most}");
    }
}

/// Runs with an old output, which must stay, and an empty folder for temporary files, which must stay so.
fn fails(args: &[&str], input: &[u8], shell: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let old = directory.path().join("old");
    fs::write(&old, "old\t1\n").unwrap();
    let mut command = Command::new("sh");
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("TMPDIR", temporary.path());
    command.args(["-c", &format!("{shell} exec \"$0\" \"$@\"")]).arg(word_count()).args(args);
    if !args.contains(&"--output") {
        command.arg("--output").arg(&old);
    }
    let output: Output = run(&mut command, input);
    let complaint = complaint(&output);
    assert_eq!(fs::read(&old).unwrap(), b"old\t1\n", "{args:?}");
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "{args:?} left something beside the output");
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "{args:?} left a temporary file");
    complaint
}

#[test]
#[cfg(unix)]
fn wrong_input_is_one_line_and_leaves_the_old_output() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (cut, damaged) = (path("cut.gz"), path("damaged.gz"));
    let mut book = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(BOOK)).unwrap();
    fs::write(&cut, &book[..book.len() / 2]).unwrap();
    let middle = book.len() / 2;
    book[middle..middle + 64].fill(0x55);
    fs::write(&damaged, &book).unwrap();

    let missing = path("missing");
    assert!(fails(&[BOOK, &missing], b"", "").contains("missing: No such file"));
    assert!(fails(&["examples"], b"", "").contains("examples: is a directory"));
    for threads in ["1", "2"] {
        assert!(fails(&[&cut, "--threads", threads], b"", "").contains("cut.gz: the gzipped data is cut off"));
        assert!(fails(&[&damaged, "--threads", threads], b"", "").contains("damaged.gz: the gzipped data is damaged"));
        let no_space = vec![b'x'; 100_000_000];
        let complaint = fails(&["-", "--threads", threads], &no_space, "");
        assert!(complaint.contains("the word at byte 0 has more than"), "{complaint}");
        // A limit on the size of files is as near to a full disk as a test gets.
        let full = "trap '' XFSZ; ulimit -f 64;";
        let args = ["-", "--budget", "64KiB", "--threads", threads];
        let complaint = fails(&args, &distinct_words(4_000_000), full);
        assert!(complaint.contains("spilling to a temporary file in"), "{complaint}");
    }
    // The counts fit the budget but not the disk.
    let complaint = fails(&["-"], &distinct_words(400_000), "trap '' XFSZ; ulimit -f 64;");
    assert!(complaint.contains("writing the counts failed"), "{complaint}");
    assert!(fails(&["--budget", "100"], b"", "").contains("a budget of 100 bytes is too small: at least"));
    assert!(fails(&["--output", "/nonexistent/out"], b"", "").contains("--output /nonexistent/out: No such file"));
    assert!(fails(&["--output", "examples"], b"", "").contains("--output examples: is a directory"));
}

#[test]
fn an_output_is_replaced_whole_and_keeps_its_permissions() {
    let directory = tempfile::tempdir().unwrap();
    let old = directory.path().join("old");
    fs::write(&old, vec![b'x'; 10_000]).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&old, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    let output = run(command().arg("-").arg("--output").arg(&old), b"b a b");
    assert!(output.status.success());
    assert_eq!(fs::read(&old).unwrap(), b"a\t1\nb\t2\n");
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&old).unwrap().permissions()) & 0o777, 0o640);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
}
