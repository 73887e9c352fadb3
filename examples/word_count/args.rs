//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Counts words in a memory that you chose, as Hadoop's WordCount counts them.
///
/// A word is a run of bytes other than space, tab, newline, carriage return and
/// form feed: not Unicode's idea of space, and bytes that are not UTF-8 count as
/// they are. A byte order mark at the very start of a file is skipped. Words are
/// ordered by their bytes.
///
/// Files may be gzipped. With nothing given, a book is counted that comes with
/// the repository.
///
/// The budget is what the counting takes: tables, runs, merging. Blocks of 64 KiB
/// for each thread are read beside it, and words too long for a budget below half
/// a mebibyte a thread have 320 KiB. What does not fit is spilled to temporary
/// files (in TMPDIR). Where few words are distinct, a map without a bound is faster.
#[derive(Parser, Debug)]
#[command(name = "word_count", verbatim_doc_comment)]
pub struct Args {
    /// Files, plain or gzipped; - is standard input.
    pub files: Vec<PathBuf>,
    /// Memory of the job: bytes, or with a unit such as 8KiB, 64MiB, 1GB.
    #[arg(long, default_value = "8MiB", value_parser = bytes)]
    pub budget: usize,
    /// Writes `word⇥count` lines, byte for byte Hadoop's part-r-00000; - is standard output.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// How many of the most frequent words to show; these are held beside the budget.
    #[arg(long, value_name = "K", default_value_t = 20)]
    pub top: usize,
    /// Threads, each with its part of the budget, at least 8 KiB; results do not depend on it.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one)]
    pub threads: usize,
    /// Writes what was measured as JSON; - is standard output.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Counts only the most frequent words, in a summary of fixed size (up to half a mebibyte of
    /// the budget) and never on disk. A count may be too high by the bound that is shown.
    #[arg(long, conflicts_with_all = ["output", "threads"])]
    pub approximate: bool,
    /// Runs as a mapper of Hadoop Streaming: lines in, `word⇥count` out, combined in the budget.
    #[arg(long, conflicts_with_all = ALONE)]
    pub hadoop_mapper: bool,
    /// Runs as a reducer (or combiner) of Hadoop Streaming: sorted `word⇥count` in and out.
    /// Spark's pipe needs checkCode=True to see that either has failed.
    #[arg(long, conflicts_with_all = ALONE, conflicts_with = "hadoop_mapper")]
    pub hadoop_reducer: bool,
}

/// What a process of a stream does not take.
const ALONE: [&str; 6] = ["files", "output", "json", "top", "threads", "approximate"];

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1".into()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}

/// A number of bytes: `8192`, `8KiB`, `1.5 MB`.
fn bytes(text: &str) -> Result<usize, String> {
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        other => return Err(format!("the unit {other:?} is not one of B, KiB, MiB, GiB, KB, MB, GB")),
    };
    let number: f64 = number.parse().map_err(|_| format!("{number:?} is not a number"))?;
    let bytes = number * factor as f64;
    if bytes > isize::MAX as f64 {
        return Err(format!("more than {} bytes", isize::MAX));
    }
    Ok(bytes as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("8192"), Ok(8192));
        assert_eq!(bytes("8KiB"), Ok(8192));
        assert_eq!(bytes("1.5 MB"), Ok(1_500_000));
        assert_eq!(bytes("2g"), Ok(2 << 30));
        for wrong in ["", "KiB", "8 pages", "-1", "1e3", "9999999999GiB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }
}
