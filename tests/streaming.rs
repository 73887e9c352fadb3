//! Jobs as processes that an engine runs: through `sort`, and with input that is wrong.

#![cfg(all(feature = "std", feature = "counting"))]

mod example;

use std::io::{self, Write};
use std::process::Command;

use example::{complaint, run, unzipped, word_count};
use kernlet::mapreduce::{
    Emitter, Error, Escaped, Mapper, Max, Mean, ReadField, Reducer, StreamError, Streaming, Sum, WriteField, map_fn,
};

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

fn written(field: impl WriteField) -> String {
    let mut out = Vec::new();
    field.write_field(&mut out);
    String::from_utf8(out).unwrap()
}

/// What `Double.toString` and `Float.toString` give, from their documentation and JDK 19's tests.
#[test]
fn floats_are_written_and_read_as_java_does() {
    let doubles = [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (-22.5, "-22.5"),
        (0.001, "0.001"),
        (0.000_999, "9.99E-4"),
        (123_456.789, "123456.789"),
        (9_999_999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (12_345_678.0, "1.2345678E7"),
        (1e10, "1.0E10"),
        (2e23, "2.0E23"),
        (1.0 / 3.0, "0.3333333333333333"),
        (0.1 + 0.2, "0.30000000000000004"),
        (f64::MAX, "1.7976931348623157E308"),
        (f64::MIN_POSITIVE, "2.2250738585072014E-308"),
        (5e-324, "4.9E-324"),
        (9.9e-324, "9.9E-324"),
        (f64::INFINITY, "Infinity"),
        (f64::NEG_INFINITY, "-Infinity"),
        (f64::NAN, "NaN"),
        (100.0, "100.0"),
        (1_230_000.0, "1230000.0"),
    ];
    for (x, text) in doubles {
        assert_eq!(written(x), text);
        assert_eq!(f64::read_field(text.as_bytes()).unwrap().to_bits(), x.to_bits(), "{text}");
    }
    for (x, text) in
        [(1.1f32, "1.1"), (1.4e-45, "1.4E-45"), (f32::MAX, "3.4028235E38"), (3.4e10, "3.4E10"), (0.002, "0.002")]
    {
        assert_eq!(written(x), text);
        assert_eq!(f32::read_field(text.as_bytes()), Some(x));
    }
    for (text, x) in [
        (" 1.5 ", 1.5),
        ("1e3", 1000.0),
        ("2.5d", 2.5),
        ("2.5F", 2.5),
        ("+7", 7.0),
        (".5", 0.5),
        ("inf", f64::INFINITY),
    ] {
        assert_eq!(f64::read_field(text.as_bytes()), Some(x), "{text}");
    }
    for text in ["", "1,5", "d", "Infinityd", "0x10", "1.5\t2"] {
        assert!(f64::read_field(text.as_bytes()).is_none(), "{text}");
    }
    let mut out = Vec::new();
    let hot = Streaming::new("heat", Vec::new());
    hot.combine::<str, _>(Max::<f64>::new(), &b"a\t1.0E10\na\tInfinity\nb\t1e7\n"[..], &mut out).unwrap();
    assert_eq!(out, b"a\tInfinity\nb\t1.0E7\n");
}

#[test]
fn other_fields_come_back() {
    fn round<T: WriteField + for<'a> ReadField<'a> + PartialEq + std::fmt::Debug>(value: T, text: &str) {
        assert_eq!(written(&value), text);
        assert_eq!(T::read_field(text.as_bytes()), Some(value));
    }
    round(true, "true");
    round('é', "é");
    round(usize::MAX, &usize::MAX.to_string());
    round((), "");
    round((1u8, -2i64, (false, 'x')), "1\t-2\tfalse\tx");
    assert_eq!(<(u8, u8)>::read_field(b"1"), None);
    assert_eq!(<(u8, u8)>::read_field(b"1\t2\t3"), None);
    assert_eq!(<(u8, &str)>::read_field(b"1\t2\t3"), Some((1, "2\t3")));
}

/// The years of a city, as they came, in one word.
#[derive(Default)]
struct Years(String, f64);

impl Reducer<(&str, u32), f64> for Years {
    type OutKey = str;
    type OutValue = str;
    fn value(&mut self, (_, year): (Escaped, u32), heat: f64) {
        self.0 += &format!("{year},");
        self.1 = heat;
    }
    fn finish<E: Emitter<str, str>>(&mut self, (city, last): (Escaped, u32), out: &mut E) -> Result<(), E::Error> {
        let all = format!("{}{last}={}", std::mem::take(&mut self.0), self.1);
        out.emit(&city.to_string(), all.as_str())
    }
}

#[test]
fn keys_of_several_fields_are_sorted_by_the_second() {
    let mut mapped = Vec::new();
    let mut lines = map_fn::<[u8], (&str, u32), f64, _>(|line, emit| {
        if let Ok(line) = str::from_utf8(line)
            && let [city, year, heat] = line.split(' ').collect::<Vec<_>>()[..]
        {
            emit((city, year.parse().unwrap()), &heat.parse().unwrap());
        }
    });
    let text = &b"Rome 1950 22.5\nOslo 1951 -3\nRome 1949 11\r\nRome 1949 30\nOslo 1949 1\n"[..];
    Streaming::new("heat", Vec::new()).map(&mut lines, Max::<f64>::new(), text, &mut mapped).unwrap();
    assert_eq!(mapped, b"Oslo\t1949\t1.0\nOslo\t1951\t-3.0\nRome\t1949\t30.0\nRome\t1950\t22.5\n");
    let sorted = run(Command::new("sort").env("LC_ALL", "C"), &mapped).stdout;
    let mut reduced = Vec::new();
    let read = Streaming::new("heat", Vec::new()).reduce_by_first(&mut Years::default(), &sorted[..], &mut reduced);
    assert_eq!(read.unwrap(), (4, 2));
    assert_eq!(reduced, b"Oslo\t1949,1951,1951=-3\nRome\t1949,1950,1950=22.5\n");
    // A combiner between them, with the same keys; every key is a group of its own.
    let mut combined = Vec::new();
    let combining =
        Streaming::new("heat", Vec::new()).combine::<(&str, u32), _>(Max::<f64>::new(), &sorted[..], &mut combined);
    assert_eq!((combining.unwrap(), &combined), ((4, 4), &sorted));
    // A tab in a field would make another key of it, and so would a line with too few fields.
    let mut mapper =
        Streaming::new("x", Vec::new()).mapper::<(&str, u32), _, _>(Max::<f64>::new(), Vec::new()).unwrap();
    mapper.emit(("a\tb", 1), 1.0).unwrap();
    assert!(matches!(mapper.finish(), Err(StreamError::Separator { byte: b'\t' })));
    let short =
        Streaming::new("x", Vec::new()).combine::<(&str, u32, u8), _>(Sum::<u8>::new(), &b"a\n"[..], Vec::new());
    assert!(matches!(short, Err(StreamError::NoValue { line: 1 })));
}

/// How many values, and how many of them are empty.
struct Values(u64, u64);

impl Reducer<str, str> for Values {
    type OutKey = str;
    type OutValue = (u64, u64);
    fn value(&mut self, _: &str, value: &str) {
        self.0 += 1;
        self.1 += u64::from(value.is_empty());
    }
    fn finish<E: Emitter<str, (u64, u64)>>(&mut self, key: &str, out: &mut E) -> Result<(), E::Error> {
        out.emit(key, (std::mem::take(&mut self.0), std::mem::take(&mut self.1)))
    }
}

#[test]
fn lines_without_a_tab_and_lines_that_end_as_elsewhere() {
    let mut out = Vec::new();
    let lines = &b"\na\t1\r\na\r\na\t\nb\tx\ty\r\nb\r"[..];
    Streaming::new("values", Vec::new()).reduce(&mut Values(0, 0), lines, &mut out).unwrap();
    assert_eq!(out, b"\t1\t1\na\t3\t2\nb\t2\t1\n");
    // What is not read of an empty field is asked for.
    let wrong = Streaming::new("x", Vec::new()).combine::<str, _>(Sum::<u8>::new(), &b"a\t1\nb\n"[..], Vec::new());
    assert!(matches!(wrong, Err(StreamError::NoValue { line: 2 })));
    let mut mapped = Vec::new();
    let mut lines = map_fn::<[u8], [u8], u64, _>(|line, emit| emit(line, &1));
    Streaming::new("x", Vec::new()).map(&mut lines, Sum::<u64>::new(), &b"a\r\na\n\r\nb\r"[..], &mut mapped).unwrap();
    assert_eq!(mapped, b"\t1\na\t2\nb\t1\n");
    // A return that ends no line is part of it, and cannot be written.
    let mut mapper = Streaming::new("x", Vec::new()).mapper::<[u8], _, _>(Sum::<u64>::new(), Vec::new()).unwrap();
    mapper.map_lines(&mut lines, &b"a\rb\n"[..]).unwrap();
    assert!(matches!(mapper.finish(), Err(StreamError::Separator { byte: b'\r' })));
}

#[test]
fn lines_longer_than_the_default_have_a_way() {
    let long = [b"x".repeat(3 << 20), b"\n".to_vec(), b"short\n".to_vec()].concat();
    let mut lengths = map_fn::<[u8], u64, u64, _>(|line, emit| emit(line.len() as u64, &1));
    let mut map = |process: Streaming<Vec<u8>>| {
        let mut out = Vec::new();
        process.map(&mut lengths, Sum::<u64>::new(), &long[..], &mut out).map(|counters| (out, counters))
    };
    let error = map(Streaming::new("x", Vec::new())).unwrap_err();
    assert!(matches!(error, StreamError::LineTooLong { line: 1, most: 2_097_151 }));
    assert_eq!(format!("{error:?}"), "line 1 has more than the 2097151 bytes that the budget allows");
    let (out, _) = map(Streaming::new("x", Vec::new()).longest_line(3 << 20)).unwrap();
    assert_eq!(out, b"5\t1\n3145728\t1\n");
    let (out, counters) = map(Streaming::new("x", Vec::new()).skip_long_lines()).unwrap();
    assert_eq!((out, counters.records_in), (b"5\t1\n".to_vec(), 1));
    // To the byte, with either end, in a buffer that the input fills bit by bit.
    for (bytes, skip, expected) in [(8, true, 2), (9, true, 3)] {
        let mut log = Vec::new();
        let process = Streaming::new("x", &mut log).budget(8 << 10).longest_line(bytes);
        let process = if skip { process.skip_long_lines() } else { process };
        let text = b"a\nnine byte\r\nzz";
        let mut mapper = process.mapper::<[u8], _, _>(Sum::<u64>::new(), Vec::new()).unwrap();
        let mut lines = map_fn::<[u8], [u8], u64, _>(|line, emit| emit(line, &1));
        mapper
            .map_lines(
                &mut lines,
                text.iter()
                    .map(std::slice::from_ref)
                    .fold(Box::new(io::empty()) as Box<dyn io::Read>, |before, byte| {
                        Box::new(io::Read::chain(before, byte))
                    }),
            )
            .unwrap();
        assert_eq!(mapper.finish().unwrap().records_in, expected, "{bytes}");
    }
}

#[test]
fn budgets_of_processes_are_checked() {
    let error = |budget, line| {
        let process = Streaming::new("x", Vec::new()).budget(budget);
        let process = if let Some(line) = line { process.longest_line(line) } else { process };
        process.mapper::<str, _, _>(Sum::<u64>::new(), Vec::new()).err()
    };
    let Some(StreamError::Job(Error::BudgetTooSmall { given: 100, least })) = error(100, None) else { panic!() };
    assert!(error(least, None).is_none() && error(least - 8, None).is_some());
    let Some(StreamError::Job(Error::BudgetTooSmall { given: 5000, least })) = error(5000, Some(6000)) else {
        panic!()
    };
    assert!(error(least, Some(6000)).is_none());
    assert!(matches!(error(usize::MAX, None), Some(StreamError::Job(Error::OutOfMemory { .. }))));
    assert!(error(1 << 20, Some(usize::MAX)).is_some());
    let reducer =
        Streaming::new("x", Vec::new()).budget(usize::MAX).combine::<str, _>(Sum::<u8>::new(), &b""[..], Vec::new());
    assert!(matches!(reducer, Err(StreamError::Job(Error::OutOfMemory { .. }))));
    // As `main` prints it.
    let unsorted =
        Streaming::new("x", Vec::new()).combine::<str, _>(Sum::<u8>::new(), &b"b\t1\na\t1\n"[..], Vec::new());
    assert_eq!(
        format!("Error: {:?}", unsorted.unwrap_err()),
        "Error: the key in line 2 comes after a greater one: the input is not sorted by bytes"
    );
}

#[test]
fn means_go_through_lines() {
    let mut mapped = Vec::new();
    let mut lines = map_fn::<[u8], str, u64, _>(|line, emit| emit("all", &(line.len() as u64)));
    let mut mapper = Streaming::new("x", Vec::new()).mapper::<str, _, _>(Mean::<u64>::new(), &mut mapped).unwrap();
    mapper.map_lines(&mut lines, &b"a\nabc\n"[..]).unwrap();
    mapper.finish().unwrap();
    assert_eq!(mapped, b"all\t2\t4\n");
    let mut reduced = Vec::new();
    let both = [&mapped[..], b"all\t2\t5\n"].concat();
    Streaming::new("x", Vec::new()).combine::<str, _>(Mean::<u64>::new(), &both[..], &mut reduced).unwrap();
    assert_eq!(reduced, b"all\t4\t9\n");
}
