//! Jobs as processes that an engine runs: through `sort`, and with input that is wrong.

#![cfg(all(feature = "std", feature = "counting"))]

mod example;

use std::io::{self, Write};
use std::process::Command;

use example::{complaint, run, unzipped, word_count};
use kernlet::mapreduce::{Emitter, Mapper, StreamError, Streaming, Sum};

fn process(mode: &str, budget: &str, input: &[u8]) -> (Vec<u8>, String) {
    let output = run(Command::new(word_count()).args([mode, "--budget", budget]), input);
    let log = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(output.status.success(), "{log}");
    (output.stdout, log)
}

#[test]
fn a_sort_between_them_gives_hadoops_bytes() {
    let book = unzipped("examples/data/kjv.txt.gz");
    // An engine gives a mapper lines without the mark at the start of the file.
    let tricky = unzipped("tests/data/wordcount/tricky.txt.gz").split_off(3);
    let goldens = ["kjv", "tricky"].map(|name| unzipped(&format!("tests/data/wordcount/{name}.hadoop.tsv.gz")));
    for (text, golden) in [book, tricky].iter().zip(goldens) {
        for budget in ["64KiB", "8MiB"] {
            // Two mappers, as an engine would have.
            let half = text[..text.len() / 2].iter().rposition(|&byte| byte == b'\n').unwrap() + 1;
            let (mut mapped, log) = process("--hadoop-mapper", budget, &text[..half]);
            assert!(log.contains("reporter:counter:word_count,map output records,"), "{log}");
            mapped.extend(process("--hadoop-mapper", budget, &text[half..]).0);
            let sorted = run(Command::new("sort").env("LC_ALL", "C"), &mapped);
            assert!(sorted.status.success());
            let (reduced, log) = process("--hadoop-reducer", budget, &sorted.stdout);
            assert!(reduced == golden, "{budget}");
            let words = golden.iter().filter(|&&byte| byte == b'\n').count();
            assert!(log.contains(&format!("reporter:counter:word_count,reduce input groups,{words}\n")), "{log}");
        }
    }
}

#[test]
fn wrong_input_ends_a_process_with_a_line_and_a_code() {
    let fails =
        |mode: &str, input: &[u8]| complaint(&run(Command::new(word_count()).args([mode, "--budget=8KiB"]), input));
    assert!(fails("--hadoop-reducer", b"b\t1\na\t1\n").contains("line 2 comes after a greater one"));
    assert!(fails("--hadoop-reducer", b"a\t1\nb\n").contains("line 2 has no tab"));
    assert!(fails("--hadoop-reducer", b"a\tone\n").contains("line 1 is not of the expected type"));
    assert!(fails("--hadoop-reducer", &[b'x'; 10_000]).contains("line 1 has more than the 4095 bytes"));
    assert!(fails("--hadoop-mapper", &[b'x'; 10_000]).contains("line 1 has more than the 2047 bytes"));
}

#[test]
#[cfg(target_os = "linux")]
fn a_reader_that_went_away_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(word_count());
    let mut child = command.arg("--hadoop-mapper").stdin(std::process::Stdio::piped()).stdout(full);
    child = child.stderr(std::process::Stdio::piped());
    let mut child = child.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"a b c\n").unwrap();
    assert!(complaint(&child.wait_with_output().unwrap()).contains("writing failed: No space left"));
}

/// Emits each line as a key.
struct Whole;

impl Mapper<[u8]> for Whole {
    type Key = [u8];
    type Value = u64;
    fn map<E: Emitter<[u8], u64>>(&mut self, line: &[u8], out: &mut E) -> Result<(), E::Error> {
        out.emit(line, 1)
    }
}

#[test]
fn what_fits_no_table_passes_through_and_separators_are_refused() {
    let long = vec![b'x'; 1500];
    let input = [&long[..], b"\n", &long[..], b"\n"].concat();
    let mut out = Vec::new();
    Streaming::new("t", Vec::new()).budget(8 << 10).map(&mut Whole, Sum::<u64>::new(), &input[..], &mut out).unwrap();
    let total: u64 = out.split(|&b| b == b'\n').filter_map(|l| l.last()).map(|&b| u64::from(b - b'0')).sum();
    assert_eq!(total, 2);
    for (input, byte) in [(b"a\tb\n", b'\t'), (b"a\rb\n", b'\r')] {
        let outcome = Streaming::new("t", Vec::new()).map(&mut Whole, Sum::<u64>::new(), &input[..], Vec::new());
        assert!(matches!(outcome, Err(StreamError::Separator { byte: found }) if found == byte), "{outcome:?}");
    }
}

#[test]
fn any_order_of_groups_is_taken_when_asked_for() {
    let mut out = Vec::new();
    let streaming = Streaming::new("t", Vec::new()).any_order();
    streaming.combine::<str, _>(Sum::<i32>::new(), &b"b\t1\nb\t2\na\t1"[..], &mut out).unwrap();
    assert_eq!(out, b"b\t3\na\t1\n");
}

/// Gives out one byte at a time and is interrupted before each.
struct Trickle<'a>(&'a [u8], bool);

impl io::Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        io::Read::read(&mut self.0, &mut out[..1])
    }
}

/// A line fits with its end, whether it is there or not.
#[test]
fn the_longest_line_is_the_one_that_the_error_names() {
    let run = |len: usize, end: &str| {
        let input = format!("{}\t1{end}", "k".repeat(len - 2));
        let outcome = Streaming::new("t", Vec::new()).budget(64).combine::<str, _>(
            Sum::<i32>::new(),
            input.as_bytes(),
            &mut Vec::new(),
        );
        outcome.map_err(|error| error.to_string())
    };
    for end in ["", "\n"] {
        assert_eq!(run(31, end), Ok((1, 1)), "{end:?}");
        for len in [32, 33, 100] {
            let told = "line 1 has more than the 31 bytes that the budget allows";
            assert_eq!(run(len, end), Err(told.to_owned()), "{len} bytes, {end:?}");
        }
    }
}

#[test]
fn lines_do_not_depend_on_how_they_arrive() {
    let mut out = Vec::new();
    let input = Trickle(b"a\t1\na\t2\n\t5\n", false);
    let outcome = Streaming::new("t", Vec::new()).budget(64).combine::<str, _>(Sum::<i32>::new(), input, &mut out);
    assert!(matches!(outcome, Err(StreamError::Order { line: 3 })), "{outcome:?}");
    let input = Trickle(b"\t5\na\t1\na\t2", false);
    Streaming::new("t", Vec::new()).budget(64).combine::<str, _>(Sum::<i32>::new(), input, &mut out).unwrap();
    assert_eq!(out, b"\t5\na\t3\n");
}

#[test]
fn nothing_is_left_of_a_line_that_was_refused() {
    let mut out = Vec::new();
    let mut mapper =
        Streaming::new("t", Vec::new()).budget(8 << 10).mapper::<str, _, _>(Sum::<u64>::new(), &mut out).unwrap();
    // Too long for the table, so it is written at once.
    assert!(matches!(mapper.emit(&"x\t".repeat(4000), 1), Err(StreamError::Separator { byte: b'\t' })));
    mapper.emit("a", 1).unwrap();
    mapper.finish().unwrap();
    assert!(out == b"a\t1\n", "{} bytes", out.len());
}
