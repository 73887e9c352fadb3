//! `--example word_count` against Hadoop's results, and with input that is wrong.

#![cfg(all(feature = "std", feature = "counting"))]

mod example;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

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
    let folder = path("folder");
    fs::create_dir_all(Path::new(&folder).join("inner")).unwrap();
    assert!(fails(&[&folder], b"", "").contains("folder/inner: is a folder in a folder"));
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

/// A folder, and paths in it as arguments.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        fs::create_dir_all(self.0.path().join(name).parent().unwrap()).unwrap();
        fs::write(self.0.path().join(name), bytes).unwrap();
        self.path(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.path().join(name)).unwrap()
    }

    /// How many files there are, hidden ones too.
    fn len(&self) -> usize {
        fs::read_dir(&self.0).unwrap().count()
    }
}

fn gzipped(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// What a script in which `$0` is the program says on standard output.
#[cfg(unix)]
fn shell(folder: &Folder, script: &str, input: &[u8]) -> Output {
    let mut command = Command::new("sh");
    command.current_dir(&folder.0).args(["-c", script]).arg(word_count());
    run(&mut command, input)
}

/// Starts the program with a pipe to standard input.
fn started(args: &[&str]) -> std::process::Child {
    let mut command = command();
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn gzip_is_known_from_a_pipe_that_gives_a_byte_at_a_time() {
    let mut child = started(&["--output", "-", "-"]);
    let mut stdin = child.stdin.take().unwrap();
    for byte in gzipped(b"b a b") {
        stdin.write_all(&[byte]).unwrap();
        stdin.flush().unwrap();
        thread::sleep(Duration::from_millis(5));
    }
    drop(stdin);
    assert_eq!(child.wait_with_output().unwrap().stdout, b"a\t1\nb\t2\n");
}

#[test]
fn behind_gzipped_data_may_be_more_of_them_or_zeros() {
    let (one, two) = (gzipped(b"b a "), gzipped(b"b"));
    assert_eq!(counted(&["-"], &[&one[..], &two].concat()), b"a\t1\nb\t2\n");
    // As bgzip writes them: many small ones, and an empty one at the end.
    let many = [one.repeat(20_000), gzipped(b"")].concat();
    assert_eq!(counted(&["-"], &many), b"a\t20000\nb\t20000\n");
    for zeros in [1, 15, 16, 100_000] {
        assert_eq!(counted(&["-"], &[one.clone(), vec![0; zeros]].concat()), b"a\t1\nb\t1\n", "{zeros} zeros");
    }
    for garbage in [&b"x"[..], b"\x1F", b"more text", b"\0\0\0x", &[&[0; 70_000], &two[..]].concat()] {
        let complaint = fails(&["-"], &[&one, garbage].concat(), "");
        assert!(complaint.contains("-: the gzipped data is followed by bytes that are not gzipped"), "{complaint}");
    }
    assert!(fails(&["-"], &one[..one.len() - 3], "").contains("-: the gzipped data is cut off"));
    assert!(fails(&["-"], &[&one[..], b"\x1F\x8B"].concat(), "").contains("-: the gzipped data is cut off"));
    assert!(fails(&["-"], b"\x1F\x8B", "").contains("-: the gzipped data is cut off"));
}

#[test]
fn what_is_compressed_otherwise_is_refused_by_name_and_by_beginning() {
    let folder = Folder::new();
    for (ending, name) in [("bz2", "bzip2"), ("zst", "Zstandard"), ("xz", "xz"), ("lz4", "LZ4"), ("Z", "compress")] {
        let path = folder.write(&format!("text.{ending}"), b"text");
        let complaint = fails(&[&path], b"", "");
        assert!(complaint.contains(&format!("text.{ending}: {name} is not read here")), "{complaint}");
    }
    let beginnings: [(&[u8], &str); 4] = [
        (b"BZh91AY&SY\x12\x34", "bzip2"),
        (b"\x28\xB5\x2F\xFD\x04\x58", "Zstandard"),
        (b"\xFD7zXZ\0\0\x04", "xz"),
        (b"PK\x03\x04\x14\0", "zip"),
    ];
    for (beginning, name) in beginnings {
        assert!(fails(&["-"], beginning, "").contains(&format!("-: {name} is not read here")));
        let path = folder.write("text", beginning);
        assert!(fails(&[&path], b"", "").contains(&format!("text: {name} is not read here")));
    }
    let path = folder.write("text.gz", b"text");
    assert!(fails(&[&path], b"", "").contains("text.gz: is named as gzipped data and is none"));
    let path = folder.write("empty.gz", b"");
    assert!(fails(&[&path], b"", "").contains("empty.gz: is named as gzipped data and is none"));
    // Words may begin as bzip2 does.
    assert_eq!(counted(&["-"], b"BZh9 BZh91AY"), b"BZh9\t1\nBZh91AY\t1\n");
}

#[test]
fn a_folder_stands_for_the_files_that_hadoop_would_read() {
    let folder = Folder::new();
    folder.write("texts/b", b"b a");
    folder.write("texts/a.gz", &gzipped(b"b"));
    for hidden in ["_SUCCESS", ".part.crc", "_temporary/part", ".git/config"] {
        folder.write(&format!("texts/{hidden}"), b"hidden");
    }
    let texts = folder.path("texts");
    assert_eq!(counted(&[&texts], b""), b"a\t1\nb\t2\n");
    // One that is named is read.
    assert_eq!(counted(&[&folder.path("texts/_SUCCESS")], b""), b"hidden\t1\n");
    folder.write("texts/deep/er/c", b"c");
    assert!(fails(&[&texts], b"", "").contains("texts/deep: is a folder in a folder"));
    assert_eq!(counted(&[&texts, "--recursive"], b""), b"a\t1\nb\t2\nc\t1\n");
    fs::create_dir(folder.path("none")).unwrap();
    assert_eq!(counted(&[&folder.path("none")], b""), b"");
    folder.write("texts/deep/text.xz", b"");
    assert!(fails(&[&texts, "--recursive"], b"", "").contains("texts/deep/text.xz: xz is not read here"));
    fs::remove_file(folder.path("texts/deep/text.xz")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        symlink("..", folder.path("texts/deep/up")).unwrap();
        assert!(fails(&[&texts, "--recursive"], b"", "").contains("texts/deep/up: is a folder that it lies in"));
        fs::remove_file(folder.path("texts/deep/up")).unwrap();
        symlink("missing", folder.path("texts/broken")).unwrap();
        assert!(fails(&[&texts, "--recursive"], b"", "").contains("texts/broken: No such file"));
        fs::remove_file(folder.path("texts/broken")).unwrap();
        assert!(shell(&folder, "mkfifo texts/fifo", b"").status.success());
        assert!(fails(&[&texts, "--recursive"], b"", "").contains("texts/fifo: is no file"));
    }
}

#[test]
#[cfg(unix)]
fn the_same_file_twice_links_pipes_and_devices_are_read() {
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new();
    let a = folder.write("a", b"a\r\nb\0 a");
    let expected = b"a\t4\nb\0\t2\n";
    assert_eq!(counted(&[&a, &a], b""), expected);
    std::os::unix::fs::symlink("a", folder.path("link")).unwrap();
    assert_eq!(counted(&[&a, &folder.path("link")], b""), expected);
    assert_eq!(shell(&folder, "\"$0\" /dev/stdin a --output -", b"a\r\nb\0 a").stdout, expected);
    assert_eq!(shell(&folder, "mkfifo p; cat a > p & \"$0\" a p --output -", b"").stdout, expected);
    assert_eq!(counted(&["/dev/null"], b""), b"");
    std::os::unix::fs::symlink("loop", folder.path("loop")).unwrap();
    assert!(fails(&[&folder.path("loop")], b"", "").contains("loop: Too many levels of symbolic links"));
    // A name that is not UTF-8, and one that would steer the terminal.
    let name = folder.0.path().join(std::ffi::OsStr::from_bytes(b"\xFF\x1B[2J"));
    fs::write(&name, b"a").unwrap();
    let output = run(command().arg(&name).args(["--output", "-"]), b"");
    assert_eq!(output.stdout, b"a\t1\n");
    fs::remove_file(&name).unwrap();
    let complaint = complaint(&run(command().arg(&name), b""));
    assert!(complaint.contains("/\\xFF\\u{1b}[2J: No such file"), "{complaint}");
    // A line of a hundred megabytes is words like any other.
    let line = b"word ".repeat(20_000_000);
    assert_eq!(counted(&["-"], &line), b"word\t20000000\n");
}

#[test]
#[cfg(unix)]
fn an_output_that_is_no_file_is_written_once() {
    let folder = Folder::new();
    folder.write("in", b"b a b");
    let lines = b"a\t1\nb\t2\n";
    // The reader of a pipe may come later.
    let output = shell(&folder, "mkfifo p; (sleep 1; cat p) & \"$0\" in --output p > table; wait", b"");
    assert_eq!(output.stdout, lines);
    assert!(!folder.read("table").is_empty());
    for name in ["/dev/stdout", "-", "/dev/fd/1"] {
        let output = shell(&folder, &format!("\"$0\" in --output {name} | cat"), b"");
        assert_eq!(output.stdout, lines, "{name}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("3 words, 2 distinct"), "{name}");
        // The same where it is a file that was opened before.
        let output = shell(&folder, &format!("echo before > out; \"$0\" in --output {name} >> out"), b"");
        assert!(output.status.success() && folder.read("out") == [b"before\n", &lines[..]].concat(), "{name}");
    }
    let output = shell(&folder, "\"$0\" in --output out > out", b"");
    assert!(output.status.success() && folder.read("out") == lines);
    let output = shell(&folder, "\"$0\" in --output /dev/fd/3 3> other > table", b"");
    assert!(output.status.success() && folder.read("other") == lines);
    let output = shell(&folder, "\"$0\" in --output /dev/null", b"");
    assert!(output.status.success() && !output.stdout.is_empty());
    assert_eq!(folder.len(), 5, "something is left over");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_device_is_said_and_a_reader_that_has_seen_enough_is_not() {
    use std::os::unix::process::ExitStatusExt;
    let complaint = complaint(&run(command().args(["--output", "/dev/full"]), b""));
    assert!(complaint.contains("writing the counts failed: No space left"), "{complaint}");
    for args in ["--output -", "--json -", ""] {
        let folder = Folder::new();
        let output = shell(&folder, &format!("echo a | \"$0\" - {args} > /dev/full"), b"");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains("No space left"), "{args}: {said}");
        // The child whose reader is gone is ended by the signal that ends `cat`.
        let mut command = command();
        command.args(args.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.signal(), &output.stderr[..]), (Some(13), &b""[..]), "{args}");
    }
    let folder = Folder::new();
    let output = shell(&folder, "\"$0\" --output - 2> said | head -1", b"");
    assert_eq!((output.stdout.iter().filter(|&&byte| byte == b'\n').count(), folder.read("said").len()), (1, 0));
}

#[test]
#[cfg(target_os = "linux")]
fn a_signal_ends_it_and_leaves_nothing() {
    use std::os::unix::process::ExitStatusExt;
    for (signal, number) in [("INT", 2), ("TERM", 15), ("HUP", 1)] {
        // What is ignored here, as in a shell's background, would be ignored there; what has a handler is not.
        let always = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
        signal_hook::flag::register_conditional_default(number, always).unwrap();
        let folder = Folder::new();
        let out = folder.path("out");
        fs::write(&out, "old").unwrap();
        // Standard output is not read, so that the program stays in the middle of writing both.
        let args = ["-c", "exec \"$0\" - --output \"$1\" --budget 64KiB --top 5000000"];
        let mut sh = Command::new("sh");
        sh.args(args).arg(word_count()).arg(&out).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = sh.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&distinct_words(4_000_000)).unwrap();
        drop(stdin);
        let start = Instant::now();
        while folder.len() < 2 {
            assert!(start.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none(), "no file");
            thread::sleep(Duration::from_millis(1));
        }
        let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > Duration::from_secs(60) {
                child.kill().unwrap();
            }
            thread::sleep(Duration::from_millis(1));
        };
        assert_eq!(status.signal(), Some(number));
        assert_eq!((folder.len(), folder.read("out")), (1, b"old".to_vec()), "SIG{signal}");
        // One that is to be ignored is.
        let script =
            format!("trap '' {signal}; \"$0\" - --output out > table & sleep 0.3; kill -s {signal} $!; wait $!");
        let mut command = Command::new("sh");
        command.current_dir(&folder.0).args(["-c", &script]).arg(word_count());
        assert!(run(&mut command, b"").status.success(), "SIG{signal} was to be ignored");
    }
}

/// A folder with the program that one who is not root can run, too.
#[cfg(target_os = "linux")]
fn open_to_all() -> Folder {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    fs::set_permissions(&folder.0, PermissionsExt::from_mode(0o755)).unwrap();
    fs::copy(word_count(), folder.path("word_count")).unwrap();
    folder
}

/// A command for such a one.
#[cfg(target_os = "linux")]
fn as_nobody(programs: &Folder, folder: &Folder) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(programs.path("word_count"));
    command.current_dir(&folder.0);
    if std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap()) == 0 {
        command.uid(65534).gid(65534);
    }
    command
}

#[test]
#[cfg(target_os = "linux")]
fn what_cannot_be_replaced_is_overwritten_where_that_is_asked_for() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let mode = |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    let (programs, folder) = (open_to_all(), Folder::new());
    let input = folder.write("in", b"b a b");
    let lines = b"a\t1\nb\t2\n";
    // Two names of a file.
    let out = folder.write("out", &[b'x'; 100]);
    fs::hard_link(&out, folder.path("other")).unwrap();
    let refused = complaint(&run(command().args([&input, "--output", &out]), b""));
    assert!(refused.contains("out: has 2 names (hard links)") && refused.contains("--in-place"), "{refused}");
    assert_eq!(folder.read("other"), [b'x'; 100]);
    assert!(run(command().args([&input, "--in-place", "--output", &out]), b"").status.success());
    assert_eq!((folder.read("out"), folder.read("other")), (lines.to_vec(), lines.to_vec()));
    fs::remove_file(folder.path("other")).unwrap();

    // A folder in which nothing can be made.
    folder.write("fixed/out", b"old");
    mode(&folder.0.path().join("fixed/out"), 0o666);
    mode(&folder.0.path().join("fixed"), 0o555);
    mode(folder.0.path(), 0o755);
    let refused = complaint(&run(as_nobody(&programs, &folder).args(["in", "--output", "fixed/out"]), b""));
    assert!(refused.contains("Permission denied") && refused.contains("--in-place"), "{refused}");
    assert_eq!(folder.read("fixed/out"), b"old");
    assert!(
        run(as_nobody(&programs, &folder).args(["in", "--in-place", "--output", "fixed/out"]), b"").status.success()
    );
    assert_eq!(folder.read("fixed/out"), lines);
    // Files that one may not write or read.
    mode(&folder.0.path().join("fixed/out"), 0o444);
    for args in [["in", "--in-place", "--output", "fixed/out"], ["in", "--top=1", "--output", "fixed/out"]] {
        let refused = complaint(&run(as_nobody(&programs, &folder).args(args), b""));
        assert!(refused.contains("--output fixed/out: Permission denied"), "{refused}");
    }
    mode(&folder.0.path().join("in"), 0o000);
    let refused = complaint(&run(as_nobody(&programs, &folder).arg("in"), b""));
    assert!(refused.contains("in: Permission denied"), "{refused}");
    mode(&folder.0.path().join("in"), 0o644);
    mode(&folder.0.path().join("fixed"), 0o755);

    // A link stays one, also where it leads to what is not there yet.
    symlink("new", folder.path("link")).unwrap();
    for _ in 0..2 {
        assert!(run(command().args([&input, "--output", &folder.path("link")]), b"").status.success());
        assert_eq!(folder.read("new"), lines);
        assert!(fs::symlink_metadata(folder.path("link")).unwrap().is_symlink());
    }
    symlink("loop", folder.path("loop")).unwrap();
    assert!(fails(&["--output", &folder.path("loop")], b"", "").contains("loop: Too many levels"));
    let long = folder.path(&"x".repeat(300));
    assert!(fails(&["--output", &long], b"", "").contains("File name too long"));
    assert!(fails(&["--output", &folder.path("new/out")], b"", "").contains("new/out: Not a directory"));
    assert!(fails(&["--output", &folder.path("folder/")], b"", "").contains("folder/: not a directory"));
}

#[test]
fn what_is_read_is_not_written_and_two_results_are_two_files() {
    let folder = Folder::new();
    let input = folder.write("in", b"a");
    for args in [[&input, "--output", &input], [&input, "--json", &input], [&folder.path(""), "--output", &input]] {
        let refused = complaint(&run(command().args(args), b""));
        assert!(refused.contains("in: is one of the files to be read"), "{refused}");
    }
    assert_eq!(folder.read("in"), b"a");
    for file in ["-", &folder.path("new")] {
        let refused = complaint(&run(command().args([&input, "--output", file, "--json", file]), b""));
        assert!(refused.contains("--output and --json are the same file"), "{refused}");
    }
    // What cannot be written is said before there is anything to write.
    let refused = complaint(&run(command().args(["missing", "--json", "/nonexistent/report"]), b""));
    assert!(refused.contains("missing: No such file"), "{refused}");
    let refused = complaint(&run(command().args([&input, "--json", "/nonexistent/report"]), b""));
    assert!(refused.contains("--json /nonexistent/report: No such file"), "{refused}");
    assert_eq!(folder.len(), 1);
    assert!(
        run(command().args([&input, "--output", &folder.path("a"), "--json", &folder.path("b")]), b"").status.success()
    );
    assert_eq!((folder.len(), folder.read("a")), (3, b"a\t1\n".to_vec()));
}

#[test]
fn budgets_have_all_units() {
    let budget = |budget: &str| json(&["--budget", budget, "-"], b"a")["budget_bytes"].as_u64().unwrap();
    assert_eq!(budget("0.00001TiB"), 10_995_116);
    assert_eq!(budget("0.0001tb"), 100_000_000);
    #[cfg(target_os = "linux")]
    {
        let (one, two) = (budget("0.5%"), budget("1%"));
        assert!(one > 10_000 && two.abs_diff(2 * one) <= 2, "{one} and {two}");
    }
    for (budget, why) in
        [("101%", "more than 100 %"), ("8 pages", "is not one of B, KiB"), ("99999999TiB", "more than")]
    {
        let output = run(command().args(["--budget", budget]), b"");
        assert!(String::from_utf8(output.stderr).unwrap().contains(why), "{budget}");
        assert_eq!(output.status.code(), Some(2));
    }
    assert!(fails(&["--budget", "100000GiB"], b"", "").contains("107374182400000 bytes"));
}

#[test]
fn hadoops_way_with_text_that_is_not_utf8_is_there_by_name() {
    let unhex = |text: &str| -> Vec<u8> {
        (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
    };
    // What Java reads of each, between letters: none begins or ends what is malformed.
    let (mut text, mut java, mut bytes) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    let table = include_str!("data/wordcount/java-utf8.txt").lines().map(|line| line.split_once(' ').unwrap());
    for (word, read) in table.filter(|(_, read)| read.len() != 16) {
        let between = |bytes: Vec<u8>| [b"a", &bytes[..], b"b"].concat();
        let (word, read) = (between(unhex(word)), between(unhex(read)));
        if !word.contains(&b'\n') {
            text.extend_from_slice(&word);
            text.push(b' ');
            *java.entry(read).or_insert(0) += 1;
            *bytes.entry(word).or_insert(0) += 1;
        }
    }
    let lines = |counts: &BTreeMap<Vec<u8>, u64>| -> Vec<u8> {
        counts
            .iter()
            .flat_map(|(word, count)| [word, &b"\t"[..], count.to_string().as_bytes(), b"\n"].concat())
            .collect()
    };
    assert!(java.len() < bytes.len() / 2);
    for threads in ["1", "2"] {
        assert!(counted(&["-", "--threads", threads], &text) == lines(&bytes), "bytes");
        assert!(counted(&["-", "--threads", threads, "--text", "hadoop"], &text) == lines(&java), "as Hadoop");
    }
    let mapped = run(command().args(["--hadoop-mapper", "--text", "hadoop"]), &text);
    assert!(mapped.stdout == lines(&java), "the mapper");
    assert_eq!(json(&["-", "--approximate", "--text", "hadoop"], b"\xFF \xFE")["top"][0]["word"], "\u{FFFD}");
    // A word becomes three times as long, and is counted all the same.
    let long = [0xFF; 60_000];
    let expected = ["\u{FFFD}".repeat(60_000), "\t1\n".into()].concat();
    for budget in ["8KiB", "1MiB", "8MiB"] {
        assert!(counted(&["-", "--budget", budget, "--text", "hadoop"], &long) == expected.as_bytes(), "{budget}");
    }
}

#[test]
fn options_say_what_they_take_and_are_used() {
    example::ranges_are_said(word_count(), &[], &["--top", "--threads"]);
    for args in [&["--worker", "--budget", "1MiB"][..], &["--worker", "--text", "hadoop"], &["--in-place"]] {
        let output = run(command().args(args), b"");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(args[0]), "{args:?}: {text}");
    }
}
