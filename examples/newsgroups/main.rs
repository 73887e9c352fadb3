//! Learns in which newsgroup a post was written, from words that a MapReduce has counted in a small memory.

mod args;
#[path = "../word_count/bytes.rs"]
mod bytes;
mod cluster;
mod embedded;
mod features;
#[path = "../shared/files.rs"]
mod files;
mod learn;
mod network;
#[path = "../shared/numbers.rs"]
mod numbers;
#[path = "../shared/pool.rs"]
mod pool;
mod posts;

use std::{io::Write, path::Path, process::ExitCode, time::Instant};

use clap::Parser;
use kernlet::{
    data::metrics::Confusion,
    simd::Level,
    snapshot::{fingerprint, replace_file},
};
use serde_json::{Value, json};

use args::{Args, ModelName};
use features::{Vocabulary, rows};
use network::{LONGEST, MOST_GROUPS};
use posts::{Post, Posts, STEM};

fn main() -> ExitCode {
    let args = Args::parse();
    match pool::install(args.threads(), || run(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("newsgroups: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    if args.worker {
        return cluster::serve(args.budget);
    }
    // Before a minute of work, not after.
    files::check_places([&args.json, &args.features].into_iter().filter_map(|path| path.as_deref()))?;
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
    if let Some(path) = &args.features {
        let training_rows = rows(training, &vocabulary, training.len(), args.budget)?;
        let test_rows = rows(test, &vocabulary, training.len(), args.budget)?;
        return cluster::write_features(path, [&training_rows, &test_rows]);
    }
    let counted = start.elapsed();
    let counters = &vocabulary.counters;
    text += &format!(
        "{} distinct words of {} counted in {} bytes, {} runs spilled, {:.2} s\n",
        counters.emitted - counters.combined,
        counters.emitted,
        counters.peak_bytes,
        counters.runs,
        counted.as_secs_f64(),
    );
    print(&text)?;
    let learnt = match args.model {
        ModelName::Tfidf => weighed(args, &posts, &vocabulary),
        ModelName::Embedding => read_in_order(args, &posts, &vocabulary),
    }?;
    let (counting, seconds) = (counted.as_secs_f64() + learnt.counting, learnt.training);
    let mut confusion = Confusion::<MOST_GROUPS>::default();
    for (post, &guess) in test.iter().zip(&learnt.guesses) {
        confusion.add(post.group.into(), guess);
    }

    let mut text =
        format!("\n{:<26} {:>9}   {:<30} words that speak for it\n", "group", "accuracy", "most often taken for");
    let mut by_group = Vec::new();
    for (group, name) in posts.groups.iter().enumerate() {
        let scores = &learnt.scores[group];
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
    let fingerprint = learnt.fingerprint;
    let accuracy = confusion.accuracy();
    text += &format!("\nTrained for {seconds:.1} s on {}.\nTest accuracy: {accuracy:.4}\n", Level::detect());
    text += &format!("Parameters fingerprint: {fingerprint:016x}\n");
    print(&text)?;

    let Some(path) = &args.json else { return Ok(()) };
    let report = report(args, &posts, &vocabulary, &by_group, accuracy, fingerprint, [counting, seconds]);
    let text = format!("{report:#}\n");
    replace_file(path, |file| file.write_all(text.as_bytes())).map_err(|error| format!("{}: {error}", path.display()))
}

/// What a network has learnt of the posts.
struct Learnt {
    /// The group of each held-out post, as the network sees it.
    guesses: Vec<usize>,
    /// For each group how much each word speaks for it, above 0 if it does.
    scores: Vec<Vec<f32>>,
    fingerprint: u64,
    /// Seconds until posts were numbers, and of training.
    counting: f64,
    training: f64,
}

/// Prints each epoch; what went wrong with that comes out in the end.
fn tell<'a>(args: &Args, outcome: &'a mut Result<(), String>) -> impl FnMut(u32, f32) + use<'a> {
    let epochs = args.epochs;
    move |epoch, loss| {
        if outcome.is_ok() {
            *outcome = print(&format!("epoch {epoch:2}/{epochs}  loss {loss:.4}\n"));
        }
    }
}

/// Learns from the weights of the words of each post.
fn weighed(args: &Args, posts: &Posts, vocabulary: &Vocabulary) -> Result<Learnt, String> {
    let said = |error: kernlet::nn::Error| error.to_string();
    let (level, threads, start) = (Level::detect(), args.threads(), Instant::now());
    let training_rows = rows(&posts.training, vocabulary, posts.training.len(), args.budget)?;
    let test_rows = rows(&posts.test, vocabulary, posts.training.len(), args.budget)?;
    let counting = start.elapsed().as_secs_f64();
    let groups: Vec<u8> = posts.training.iter().map(|post| post.group).collect();
    let (start, mut outcome) = (Instant::now(), Ok(()));
    let each = tell(args, &mut outcome);
    let model = learn::train(level, &training_rows, &groups, args.epochs, args.seed, threads, each).map_err(said)?;
    outcome?;
    let training = start.elapsed().as_secs_f64();
    let guesses = learn::guess(level, &model, &test_rows, posts.groups.len(), threads).map_err(said)?;
    let scores = (0..posts.groups.len()).map(|group| {
        let own = groups.iter().zip(&training_rows).filter(|&(&of, _)| usize::from(of) == group);
        learn::telling(level, &model, &own.map(|(_, row)| row).collect::<Vec<_>>(), group).map_err(said)
    });
    let scores = scores.collect::<Result<_, _>>()?;
    Ok(Learnt { guesses, scores, fingerprint: fingerprint(model.parameters()), counting, training })
}

/// Learns from the words of each post in their order.
fn read_in_order(args: &Args, posts: &Posts, vocabulary: &Vocabulary) -> Result<Learnt, String> {
    let said = |error: kernlet::nn::Error| error.to_string();
    let (level, threads, start) = (Level::detect(), args.threads(), Instant::now());
    let words = |posts: &[Post]| posts.iter().map(|post| vocabulary.read(post, LONGEST)).collect::<Vec<_>>();
    let (training_words, test_words) = (words(&posts.training), words(&posts.test));
    let counting = start.elapsed().as_secs_f64();
    let groups: Vec<u8> = posts.training.iter().map(|post| post.group).collect();
    let texts = embedded::Texts { words: &training_words, groups: &groups };
    let (start, mut outcome) = (Instant::now(), Ok(()));
    let each = tell(args, &mut outcome);
    let model = embedded::train(level, &texts, args.epochs, args.seed, threads, each).map_err(said)?;
    outcome?;
    let training = start.elapsed().as_secs_f64();
    let guesses = embedded::guess(level, &model, &test_words, posts.groups.len(), threads).map_err(said)?;
    let of_words = embedded::telling(level, &model, vocabulary.words.len(), threads).map_err(said)?;
    let scores = (0..posts.groups.len()).map(|group| of_words.iter().map(|word| word[group]).collect()).collect();
    Ok(Learnt { guesses, scores, fingerprint: fingerprint(model.parameters()), counting, training })
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
        "model": args.model.name(),
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
