//! The command line.

use std::path::PathBuf;

use clap::{ArgGroup, Parser};

use crate::bytes::bytes;
use crate::numbers::{at_least, whole};
use crate::words::Text;

/// Counts words in a memory that you chose, as Hadoop's WordCount counts them.
///
/// A word is a run of bytes other than space, tab, newline, carriage return and
/// form feed: not Unicode's idea of space, and bytes that are not UTF-8 count as
/// they are, or with --text hadoop as Hadoop counts them. A byte order mark at the
/// very start of a file is skipped. Words are ordered by their bytes.
///
/// Files may be gzipped; what is compressed otherwise is refused. A folder stands
/// for the files in it, except those whose names begin with _ or . as for Hadoop.
/// With nothing given, a book is counted that comes with the repository.
///
/// The budget is what the counting takes: tables, runs, merging. Blocks of 64 KiB
/// for each thread are read beside it, and words too long for a budget below half
/// a mebibyte a thread have 320 KiB (960 with --text hadoop). What does not fit is spilled to temporary
/// files (in TMPDIR). Where few words are distinct, a map without a bound is faster.
#[derive(Parser, Debug)]
#[command(name = "word_count", verbatim_doc_comment, group = ArgGroup::new("written").multiple(true))]
pub struct Args {
    /// Files, plain or gzipped, or folders of such files; - is standard input.
    pub files: Vec<PathBuf>,
    /// Reads folders in folders too.
    #[arg(long)]
    pub recursive: bool,
    /// Memory of the job: bytes, or with a unit such as 8KiB, 64MiB, 1GB, 25% (of what there is).
    #[arg(long, default_value = "8MiB", value_parser = bytes)]
    pub budget: usize,
    /// What becomes of bytes that are not UTF-8.
    #[arg(long, value_enum, default_value_t = Text::Bytes)]
    pub text: Text,
    /// Writes `word⇥count` lines, byte for byte Hadoop's part-r-00000 (where the text is not UTF-8: with --text hadoop).
    /// Standard output is named by -. A file is written beside FILE and takes its place at the end; FILE stays as it was
    /// until then.
    #[arg(long, value_name = "FILE", group = "written")]
    pub output: Option<PathBuf>,
    /// Overwrites the files of --output and --json where they lie, for those with several names (hard links) or in a
    /// folder that must not change. One is half written if the program is interrupted.
    #[arg(long, requires = "written")]
    pub in_place: bool,
    /// How many of the most frequent words to show, 0 to 18446744073709551615; these are held beside the budget.
    #[arg(long, value_name = "K", default_value_t = 20, value_parser = at_least::<usize>(0))]
    pub top: usize,
    /// Threads, 1 to 65536, each with its part of the budget, at least 8 KiB; results do not depend on it.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<usize>(1..=65536))]
    pub threads: usize,
    /// Writes what was measured as JSON; - is standard output.
    #[arg(long, value_name = "FILE", group = "written")]
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
    #[arg(long, conflicts_with_all = ALONE, conflicts_with_all = ["hadoop_mapper", "text"])]
    pub hadoop_reducer: bool,
    /// Be a worker of an engine: make summaries of texts that come as frames, and merge them. See
    /// examples/spark.
    #[arg(long, conflicts_with_all = ALONE, conflicts_with_all = ["hadoop_mapper", "hadoop_reducer", "budget", "text"])]
    pub worker: bool,
}

/// What a process of a stream does not take.
const ALONE: [&str; 8] = ["files", "recursive", "output", "in_place", "json", "top", "threads", "approximate"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }
}
