//! Learns in which newsgroup a post was written, from words that a MapReduce has counted in a small memory.

mod args;
#[path = "../word_count/bytes.rs"]
mod bytes;
mod cluster;
mod features;
mod learn;
mod network;
mod posts;

use std::{io::Write, path::Path, process::ExitCode, time::Instant};

use clap::Parser;
use kernlet::{
    data::metrics::Confusion,
    simd::Level,
    snapshot::{fingerprint, replace_file},
};
use serde_json::{Value, json};

use args::Args;
use features::{Vocabulary, rows};
use network::MOST_GROUPS;
use posts::{Posts, STEM};

fn main() -> ExitCode {
    let args = Args::parse();
    match in_pool(args.threads(), || run(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("newsgroups: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Calls `f` from inside a pool of threads: work that is handed in from outside, step by step, passes through a queue.
#[cfg(feature = "rayon")]
fn in_pool(threads: usize, f: impl FnOnce() -> Result<(), String> + Send) -> Result<(), String> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|error| format!("{threads} threads: {error}"))?.install(f)
}

/// Calls `f`: there is one thread.
#[cfg(not(feature = "rayon"))]
fn in_pool(_threads: usize, f: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    f()
}

fn run(args: &Args) -> Result<(), String> {
    if args.worker {
        return cluster::serve(args.budget);
    }
    // Before a minute of work, not after.
    for path in [&args.json, &args.features].into_iter().flatten() {
        check_place(path)?;
    }
    let data = args.data.as_deref().unwrap_or(Path::new("."));
    let posts = Posts::read(data, MOST_GROUPS)?;
    let (training, test) = (&posts.training, &posts.test);
    let mut text =
        format!("{} groups, {} posts to learn from, {} held out\n", posts.groups.len(), training.len(), test.len());

    let start = Instant::now();
    let vocabulary = Vocabulary::count(training, args.vocabulary as usize, args.budget)?;
    if vocabulary.words.is_empty() {
        return Err(format!("{}: the posts to learn from have no words", data.display()));
    }
    let training_rows = rows(training, &vocabulary, training.len(), args.budget)?;
    let test_rows = rows(test, &vocabulary, training.len(), args.budget)?;
    if let Some(path) = &args.features {
        return cluster::write_features(path, [&training_rows, &test_rows]);
    }
    let counting = start.elapsed().as_secs_f64();
    let counters = &vocabulary.counters;
    text += &format!(
        "{} distinct words of {} counted in {} bytes, {} runs spilled, {counting:.2} s\n",
        counters.emitted - counters.combined,
        counters.emitted,
        counters.peak_bytes,
        counters.runs,
    );
    print(&text)?;

    let (level, threads) = (Level::detect(), args.threads());
    let groups: Vec<u8> = training.iter().map(|post| post.group).collect();
    let start = Instant::now();
    let mut outcome = Ok(());
    let model = learn::train(level, &training_rows, &groups, args.epochs, args.seed, threads, |epoch, loss| {
        if outcome.is_ok() {
            outcome = print(&format!("epoch {epoch:2}/{}  loss {loss:.4}\n", args.epochs));
        }
    })
    .map_err(|error| error.to_string())?;
    outcome?;
    let seconds = start.elapsed().as_secs_f64();

    let guesses =
        learn::guess(level, &model, &test_rows, posts.groups.len(), threads).map_err(|error| error.to_string())?;
    let mut confusion = Confusion::<MOST_GROUPS>::default();
    for (post, &guess) in test.iter().zip(&guesses) {
        confusion.add(post.group.into(), guess);
    }

    let mut text =
        format!("\n{:<26} {:>9}   {:<30} words that speak for it\n", "group", "accuracy", "most often taken for");
    let mut by_group = Vec::new();
    for (group, name) in posts.groups.iter().enumerate() {
        let own: Vec<_> = training
            .iter()
            .zip(&training_rows)
            .filter(|(post, _)| usize::from(post.group) == group)
            .map(|(_, row)| row)
            .collect();
        let scores = learn::telling(level, &model, &own, group).map_err(|error| error.to_string())?;
        let mut order: Vec<usize> = (0..vocabulary.words.len()).filter(|&word| scores[word] > 0.0).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let words: Vec<String> =
            order.iter().take(args.words).map(|&word| shown(&vocabulary.words[word].bytes)).collect();
        let accuracy = confusion.recall(group);
        let taken_for = mistaken(&confusion, group).map(|(other, times)| (&posts.groups[other], times));
        let mistake = taken_for.map_or("–".into(), |(other, times)| format!("{other} {times}×"));
        text += &format!("{name:<26} {:>7.1} %   {mistake:<30} {}\n", 100.0 * accuracy, words.join(" "));
        by_group.push(json!({
            "group": name,
            "accuracy": accuracy,
            "taken_for": taken_for.map(|(other, times)| json!({ "group": other, "times": times })),
            "words": words,
        }));
    }
    let fingerprint = fingerprint(model.parameters());
    let accuracy = confusion.accuracy();
    text += &format!("\nTrained for {seconds:.1} s on {level}.\nTest accuracy: {accuracy:.4}\n");
    text += &format!("Parameters fingerprint: {fingerprint:016x}\n");
    print(&text)?;

    let Some(path) = &args.json else { return Ok(()) };
    let report = report(args, &posts, &vocabulary, &by_group, accuracy, fingerprint, [counting, seconds]);
    let text = format!("{report:#}\n");
    replace_file(path, |file| file.write_all(text.as_bytes())).map_err(|error| format!("{}: {error}", path.display()))
}

/// Whether a file can lie at `path`, as far as its folder says.
fn check_place(path: &Path) -> Result<(), String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() {
        return Err(format!("{}: is a folder", path.display()));
    }
    if !folder.is_dir() {
        return Err(format!("{}: there is no such folder", folder.display()));
    }
    Ok(())
}

/// The other group that a group's posts were most often taken for, and how often.
fn mistaken(confusion: &Confusion<MOST_GROUPS>, group: usize) -> Option<(usize, u32)> {
    let others = confusion.counts()[group].iter().copied().enumerate().filter(|&(other, _)| other != group);
    // Of those with the same number the first.
    others.rev().max_by_key(|&(_, times)| times).filter(|&(_, times)| times > 0)
}

fn report(
    args: &Args,
    posts: &Posts,
    vocabulary: &Vocabulary,
    by_group: &[Value],
    accuracy: f64,
    fingerprint: u64,
    [counting, training]: [f64; 2],
) -> Value {
    json!({
        "test_accuracy": accuracy,
        "groups": by_group,
        "training_posts": posts.training.len(),
        "test_posts": posts.test.len(),
        "vocabulary": vocabulary.words.len(),
        "budget_bytes": args.budget,
        "peak_job_bytes": vocabulary.counters.peak_bytes,
        "runs_spilled": vocabulary.counters.runs,
        "counting_seconds": counting,
        "training_seconds": training,
        "epochs": args.epochs,
        "seed": args.seed,
        "threads": args.threads(),
        "fingerprint": format!("{fingerprint:016x}"),
    })
}

/// A word; a dot stands for what was cut off.
fn shown(word: &[u8]) -> String {
    let cut = if word.len() == STEM { "." } else { "" };
    format!("{}{cut}", String::from_utf8_lossy(word))
}

/// Writes to standard output; a reader that has seen enough, like `head`, ends the program without a complaint.
fn print(text: &str) -> Result<(), String> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        outcome => outcome.map_err(|error| format!("standard output: {error}")),
    }
}
