//! Counts words in a memory that you chose, as Hadoop's WordCount counts them.

mod approximate;
mod args;
mod batch;
mod bytes;
mod compressed;
mod count;
mod hadoop;
mod inputs;
mod interrupt;
#[path = "../shared/numbers.rs"]
mod numbers;
mod output;
mod source;
mod summaries;
mod table;
mod words;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use approximate::{Approximation, approximate};
use args::Args;
use count::{CountError, Plan, Totals, count};
use inputs::Inputs;
use output::{Frequent, Output, Place};
use source::Source;
use table::{escaped, grouped, shown, table};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The book that is counted when nothing is given.
const BOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/kjv.txt.gz");

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match &args {
        Args { hadoop_mapper: true, budget, text, .. } => hadoop::mapper(*budget, *text).map_err(Into::into),
        Args { hadoop_reducer: true, budget, .. } => hadoop::reducer(*budget).map_err(Into::into),
        Args { worker: true, .. } => summaries::serve().map_err(Into::into),
        Args { approximate: true, .. } => run_approximately(&args),
        _ => run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("word_count: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Where results go besides the terminal, checked before the work and not after.
struct Places {
    output: Option<Place>,
    json: Option<Place>,
    /// Standard output holds one of them.
    standard: bool,
}

impl Places {
    fn new(args: &Args, files: &[PathBuf]) -> Outcome<Self> {
        let place = |name: &str, path: &Option<PathBuf>| -> Outcome<Option<Place>> {
            let Some(path) = path else { return Ok(None) };
            let shown = escaped(path.as_os_str().as_encoded_bytes());
            let place = Place::new(path, args.in_place).map_err(|error| format!("{name} {shown}: {error}"))?;
            if files.iter().any(|file| place.is_input(file)) {
                return Err(format!("{name} {shown}: is one of the files to be read").into());
            }
            Ok(Some(place))
        };
        let (output, json) = (place("--output", &args.output)?, place("--json", &args.json)?);
        if output.as_ref().zip(json.as_ref()).is_some_and(|(output, json)| output.is(json)) {
            return Err("--output and --json are the same file".into());
        }
        let standard = [&output, &json].into_iter().flatten().any(Place::is_standard);
        Ok(Self { output, json, standard })
    }
}

/// An error of writing to `name`; a reader that has seen enough ends the program without a complaint.
fn unwritten(name: &str, error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::BrokenPipe {
        interrupt::closed_pipe();
    }
    format!("{name}: {error}")
}

fn run(args: &Args) -> Outcome<()> {
    interrupt::watch()?;
    let Inputs { files, size } = Inputs::new(&named(args), args.recursive)?;
    let mut places = Places::new(args, &files)?;
    let plan = Plan::new(args.budget, args.threads, args.text);
    let source = Source::new(files, plan.longest);
    let start = Instant::now();
    let (bar, meter) = (progress_bar(size), source.meter());
    let progress = || bar.set_position(meter.load(Relaxed));

    let mut frequent = Frequent::new(args.top);
    let mut lines = None;
    let totals = count(source, plan, &progress, |word, count| {
        frequent.offer(word, count);
        if let Some(place) = places.output.take() {
            lines = Some(place.create()?);
        }
        match &mut lines {
            Some(lines) => lines.put(word, count),
            None => Ok(()),
        }
    });
    bar.finish_and_clear();
    let totals = totals.inspect_err(|error| {
        if let CountError::Output(error) = error {
            unwritten("--output", error);
        }
    })?;
    // Nothing to count makes an empty file.
    let lines = lines.map(Ok).or_else(|| places.output.take().map(Place::create));
    if let (Some(lines), Some(path)) = (lines, &args.output) {
        let name = format!("--output {}", escaped(path.as_os_str().as_encoded_bytes()));
        lines.and_then(Output::commit).map_err(|error| unwritten(&name, &error))?;
    }
    let seconds = start.elapsed().as_secs_f64();

    let rows: Vec<_> = frequent.finish().into_iter().map(|(word, count)| (word, count, String::new())).collect();
    write_json(args, &mut places, || report(args, plan, &totals, seconds, &rows))?;
    show(&places, &format!("{}\n{}", table(&rows), summary(args, plan, &totals, seconds)))
}

/// Shows a result, on standard error where standard output holds the lines or the report.
fn show(places: &Places, text: &str) -> Outcome<()> {
    if places.standard {
        return Ok(io::stderr().write_all(text.as_bytes())?);
    }
    Ok(io::stdout().write_all(text.as_bytes()).map_err(|error| unwritten("standard output", &error))?)
}

fn run_approximately(args: &Args) -> Outcome<()> {
    interrupt::watch()?;
    let Inputs { files, size } = Inputs::new(&named(args), args.recursive)?;
    let mut places = Places::new(args, &files)?;
    let source = Source::new(files, source::BLOCK);
    let start = Instant::now();
    let (bar, meter) = (progress_bar(size), source.meter());
    let found = approximate(source, args.text, args.budget, args.top, &|| bar.set_position(meter.load(Relaxed)));
    bar.finish_and_clear();
    let least =
        || format!("a budget of {} bytes is too small: at least {} are needed", args.budget, approximate::LEAST);
    let found = found.ok_or_else(least)??;
    let seconds = start.elapsed().as_secs_f64();
    write_json(args, &mut places, || approximate_report(args, &found, seconds))?;
    let note = |error: u64| if error == 0 { String::new() } else { format!(" -{}", grouped(error)) };
    let rows: Vec<_> = found.words.iter().map(|(word, count, error)| (word.clone(), *count, note(*error))).collect();
    show(&places, &format!("{}\n{}", table(&rows), approximate_summary(&found, seconds)))
}

fn approximate_summary(found: &Approximation, seconds: f64) -> String {
    let mut text = format!(
        "{} words, about {} distinct (standard error {:.1} %), in {} bytes: {seconds:.3} s, {:.1} MB/s\n\
         a count is too high by at most the number behind its bar; every word that is there more than {} times is known\n\
         in a summary of {}{}\n",
        grouped(found.total),
        grouped(found.distinct),
        100.0 * found.distinct_error,
        grouped(found.text_bytes),
        found.text_bytes as f64 / 1e6 / seconds,
        grouped(found.bound),
        mebibytes(found.summary_bytes as u64),
        peak_resident().map_or(String::new(), |bytes| format!("; peak resident {}", mebibytes(bytes))),
    );
    if found.long_words > 0 {
        text += &format!("{} words were too long to be told apart\n", grouped(found.long_words));
    }
    text
}

fn approximate_report(args: &Args, found: &Approximation, seconds: f64) -> serde_json::Value {
    let top =
        found.words.iter().map(|(word, count, error)| json!({"word": shown(word), "count": count, "error": error}));
    json!({
        "approximate": true,
        "seconds": seconds,
        "bytes": found.text_bytes,
        "words": found.total,
        "distinct": found.distinct,
        "distinct_standard_error": found.distinct_error,
        "bound": found.bound,
        "budget_bytes": args.budget,
        "peak_job_bytes": found.summary_bytes,
        "peak_resident_bytes": peak_resident(),
        "runs_spilled": 0,
        "merge_passes": 0,
        "long_words": found.long_words,
        "top": top.collect::<Vec<_>>(),
    })
}

fn named(args: &Args) -> Vec<PathBuf> {
    if args.files.is_empty() { vec![PathBuf::from(BOOK)] } else { args.files.clone() }
}

/// A bar with MB/s on a terminal, else one that does nothing.
fn progress_bar(size: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match size {
        Some(size) => (ProgressBar::new(size), "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}"),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes} {bytes_per_sec}"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// The most memory that the process has had resident, in bytes, where the system tells.
fn peak_resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok().map(|kibibytes: u64| kibibytes << 10)
}

fn mebibytes(bytes: u64) -> String {
    if bytes < 1 << 20 {
        return format!("{:.1} KiB", bytes as f64 / f64::from(1 << 10));
    }
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

fn summary(args: &Args, plan: Plan, totals: &Totals, seconds: f64) -> String {
    let counters = &totals.counters;
    let words = counters.emitted + totals.long_words;
    let mut lines = vec![
        format!(
            "{} words, {} distinct, in {} bytes: {seconds:.3} s, {:.1} MB/s on {}",
            grouped(words),
            grouped(totals.distinct),
            grouped(totals.bytes),
            totals.bytes as f64 / 1e6 / seconds,
            if plan.threads == 1 { "one thread".into() } else { format!("{} threads", plan.threads) },
        ),
        format!(
            "{} combined, {} spilled in {} runs ({}), {} merges, {} passes",
            grouped(counters.combined),
            grouped(counters.spilled),
            grouped(counters.runs),
            mebibytes(counters.spilled_bytes),
            grouped(counters.merges),
            counters.passes,
        ),
        format!(
            "budget {}, of which the job used {}{}",
            mebibytes(args.budget as u64),
            mebibytes(counters.peak_bytes),
            peak_resident().map_or(String::new(), |bytes| format!("; peak resident {}", mebibytes(bytes))),
        ),
    ];
    if totals.long_words > 0 {
        lines.push(format!("{} words too long for the budget were counted beside it", grouped(totals.long_words)));
    }
    lines.join("\n") + "\n"
}

fn report(
    args: &Args,
    plan: Plan,
    totals: &Totals,
    seconds: f64,
    rows: &[(Vec<u8>, u64, String)],
) -> serde_json::Value {
    json!({
        "approximate": false,
        "seconds": seconds,
        "bytes": totals.bytes,
        "words": totals.counters.emitted + totals.long_words,
        "distinct": totals.distinct,
        "budget_bytes": args.budget,
        "peak_job_bytes": totals.counters.peak_bytes,
        "peak_resident_bytes": peak_resident(),
        "threads": plan.threads,
        "combined": totals.counters.combined,
        "spilled": totals.counters.spilled,
        "spilled_bytes": totals.counters.spilled_bytes,
        "runs_spilled": totals.counters.runs,
        "merges": totals.counters.merges,
        "merge_passes": totals.counters.passes,
        "long_words": totals.long_words,
        "top": rows.iter().map(|(word, count, _)| json!({"word": shown(word), "count": count})).collect::<Vec<_>>(),
    })
}

fn write_json(args: &Args, places: &mut Places, report: impl FnOnce() -> serde_json::Value) -> Outcome<()> {
    let (Some(place), Some(path)) = (places.json.take(), &args.json) else { return Ok(()) };
    let name = format!("--json {}", escaped(path.as_os_str().as_encoded_bytes()));
    let text = format!("{:#}\n", report());
    let written = place.create().and_then(|mut file| {
        file.write(&text)?;
        file.commit()
    });
    Ok(written.map_err(|error| unwritten(&name, &error))?)
}
