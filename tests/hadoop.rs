//! `word_count` as mapper, combiner and reducer, driven as Hadoop Streaming drives them: splits of a file, spills that are
//! sorted by bytes, partitions by Hadoop's hash, a combiner that is called any number of times, merges, reducers.
#![cfg(all(feature = "std", feature = "counting"))]

mod example;

use std::process::{Command, Output};

use example::{run, unzipped, word_count};

/// A line's key, and the line.
type Line = (Vec<u8>, Vec<u8>);

fn lines(bytes: &[u8]) -> Vec<Line> {
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if body.is_empty() {
        return Vec::new();
    }
    let key = |line: &[u8]| line[..line.iter().position(|&byte| byte == b'\t').unwrap_or(line.len())].to_vec();
    body.split(|&byte| byte == b'\n').map(|line| (key(line), line.to_vec())).collect()
}

fn text(lines: &[Line]) -> Vec<u8> {
    lines.iter().flat_map(|(_, line)| [line, &b"\n"[..]].concat()).collect()
}

fn process(role: &str, budget: &str, input: &[u8]) -> Output {
    run(Command::new(word_count()).args([role, "--budget", budget]), input)
}

fn succeed(role: &str, budget: &str, input: &[u8]) -> Vec<u8> {
    let output = process(role, budget, input);
    assert!(output.status.success(), "{role}: {}", String::from_utf8_lossy(&output.stderr));
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.lines().all(|line| line.starts_with("reporter:")), "{log}");
    output.stdout
}

/// The lines of a file as Hadoop's `TextInputFormat` hands them to `count` mappers: a split has the lines that begin in it
/// (the first one's with the file), and so ends within the next.
fn splits(text: &[u8], count: usize) -> Vec<&[u8]> {
    // A mark at the very start is the record reader's.
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let begin = |split: usize| match text.len() * split / count {
        0 => 0,
        at if split == count => at,
        at => text[at..].iter().position(|&byte| byte == b'\n').map_or(text.len(), |newline| at + newline + 1),
    };
    (0..count).map(|split| &text[begin(split)..begin(split + 1).max(begin(split))]).collect()
}

/// `HashPartitioner` of a `Text`: `WritableComparator.hashBytes`, without its sign.
fn partition(key: &[u8], reducers: usize) -> usize {
    let hash = key.iter().fold(1_i32, |hash, &byte| hash.wrapping_mul(31).wrapping_add(i32::from(byte as i8)));
    (hash & i32::MAX) as usize % reducers
}

struct Plan {
    mappers: usize,
    reducers: usize,
    /// Pieces of a map's output that are sorted and combined by themselves, as they spill.
    spills: usize,
    /// How often the combiner runs over what it has combined, on the way.
    combined: usize,
    budget: &'static str,
}

/// What the reducers of a job write, in the order of their numbers.
fn job(input: &[u8], plan: &Plan) -> Vec<Vec<u8>> {
    let mut shuffled = vec![Vec::new(); plan.reducers];
    for split in splits(input, plan.mappers) {
        let mapped = lines(&succeed("--hadoop-mapper", plan.budget, split));
        let mut merged = vec![Vec::new(); plan.reducers];
        for spill in mapped.chunks(mapped.len().div_ceil(plan.spills).max(1)) {
            for (reducer, merged) in merged.iter_mut().enumerate() {
                let own = spill.iter().filter(|(key, _)| partition(key, plan.reducers) == reducer).cloned();
                merged.extend(combine(own.collect(), plan.combined.min(1), plan.budget));
            }
        }
        for (shuffled, merged) in shuffled.iter_mut().zip(merged) {
            shuffled.extend(combine(merged, plan.combined.saturating_sub(1), plan.budget));
        }
    }
    let reduced =
        shuffled.into_iter().map(|own| succeed("--hadoop-reducer", plan.budget, &text(&combine(own, 0, "1MiB"))));
    reduced.collect()
}

/// Sorts by the bytes of keys, and combines so many times.
fn combine(mut own: Vec<Line>, times: usize, budget: &str) -> Vec<Line> {
    own.sort_by(|(a, _), (b, _)| a.cmp(b));
    (0..times).fold(own, |own, _| lines(&succeed("--hadoop-reducer", budget, &text(&own))))
}

#[test]
fn every_plan_of_a_job_gives_hadoops_bytes() {
    let plan = |mappers, reducers, spills, combined, budget| Plan { mappers, reducers, spills, combined, budget };
    let plans = [
        plan(1, 1, 1, 0, "8MiB"),
        plan(2, 1, 1, 1, "256KiB"),
        plan(3, 1, 4, 0, "64KiB"),
        plan(5, 3, 2, 3, "512KiB"),
        plan(4, 7, 3, 1, "256KiB"),
    ];
    for name in ["kjv", "tricky"] {
        let path = if name == "kjv" { "examples/data/kjv.txt.gz" } else { "tests/data/wordcount/tricky.txt.gz" };
        let (input, expected) = (unzipped(path), unzipped(&format!("tests/data/wordcount/{name}.hadoop.tsv.gz")));
        for (index, plan) in plans.iter().enumerate() {
            let outputs = job(&input, plan);
            // Each reducer's output is sorted, and has no word of another's.
            for (reducer, output) in outputs.iter().enumerate() {
                let own = lines(output);
                assert!(own.is_sorted_by(|(a, _), (b, _)| a < b), "{name}: plan {index}: reducer {reducer}");
                assert!(own.iter().all(|(key, _)| partition(key, plan.reducers) == reducer));
            }
            let mut all = lines(&outputs.concat());
            all.sort();
            assert!(text(&all) == expected, "{name}: plan {index}: not Hadoop's bytes");
        }
    }
}

#[test]
fn parts_are_hadoops() {
    // From `new Text(word).hashCode()`.
    assert_eq!(partition(b"", 1000), 1);
    assert_eq!(partition(b"a", 1000), 31 + 97);
    assert_eq!(partition("é".as_bytes(), 1 << 20), (((31 - 61) * 31 - 87) & i32::MAX) as usize % (1 << 20));
    assert_eq!(splits(b"ab\ncd\nef\n", 3).concat(), b"ab\ncd\nef\n");
}

#[test]
fn a_task_that_fails_fails_the_job() {
    let unsorted = process("--hadoop-reducer", "64KiB", b"b\t1\na\t1\n");
    assert!(example::complaint(&unsorted).contains("line 2"));
    let no_count = process("--hadoop-reducer", "64KiB", b"a\tmany\n");
    assert!(example::complaint(&no_count).contains("line 1"));
}
