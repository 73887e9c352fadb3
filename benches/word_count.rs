//! Counting words in a budget against a plain `hashbrown` map with `ahash` and
//! owned keys, which reads the text the same way.
//!
//! `ROUNDS=5 cargo bench --bench word_count -- TEXT…` takes the texts to count; without
//! one it makes 20 MB of words whose frequencies follow Zipf's law. Each text is
//! read into memory first. The job's result is ascending and the map's is not,
//! so the map is timed twice: counting only, and with its keys sorted.
//!
//! Every way of counting is checked against the map before it is timed. Times
//! are medians of runs taken in turn; what counts is their ratio. They are the
//! process' processor time, which is the wall's on an idle machine and says the
//! same on one that is not.
//!
//! With `--features rayon` two shards on two threads follow. What they take is
//! told twice: by the wall, which needs two idle cores, and as processor time
//! along the longer way: half of the threads', and the merge behind them.

use std::hint::black_box;
#[cfg(feature = "rayon")]
use std::time::Instant;

use cpu_time::ProcessTime;
#[cfg(feature = "rayon")]
use cpu_time::ThreadTime;
use kernlet::mapreduce::{Counters, Emitter, Job, Sum, TempFiles};
#[cfg(feature = "rayon")]
use kernlet::mapreduce::{Error, Shards};
use kernlet::random::Stream;

type Map = hashbrown::HashMap<Box<[u8]>, u64, ahash::RandomState>;

/// Bit `i` is set where byte `i` of the word is a space, tab, newline, form feed or return.
fn spaces(word: u64) -> u64 {
    const LOW: u64 = u64::MAX / 255;
    let nonzero = |x: u64| ((x & (LOW * 0x7F)) + LOW * 0x7F) | x;
    let differs = |byte: u8| nonzero(word ^ (LOW * u64::from(byte)));
    let space = !(differs(b' ') & differs(b'\t') & differs(b'\n') & differs(0x0C) & differs(b'\r')) & (LOW << 7);
    (space >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// Calls `each` with every word of the text.
#[inline(always)]
fn for_each_word(text: &[u8], mut each: impl FnMut(&[u8])) {
    let (blocks, rest) = text.as_chunks::<64>();
    let mut start = 0;
    let mut word_until = |end: usize| {
        if start < end {
            each(&text[start..end]);
        }
        start = end + 1;
    };
    for (i, block) in blocks.iter().enumerate() {
        let mut mask = 0;
        for (j, word) in block.as_chunks::<8>().0.iter().enumerate() {
            mask |= spaces(u64::from_le_bytes(*word)) << (8 * j);
        }
        while mask != 0 {
            word_until(64 * i + mask.trailing_zeros() as usize);
            mask &= mask - 1;
        }
    }
    for (i, byte) in rest.iter().enumerate() {
        if matches!(byte, b' ' | b'\t' | b'\n' | 0x0C | b'\r') {
            word_until(64 * blocks.len() + i);
        }
    }
    word_until(text.len());
}

fn plain_map(text: &[u8]) -> Map {
    let mut map = Map::default();
    for_each_word(text, |word| {
        if let Some(count) = map.get_mut(word) {
            *count += 1;
        } else {
            map.insert(word.into(), 1);
        }
    });
    map
}

fn sorted_map(text: &[u8]) -> Vec<(Box<[u8]>, u64)> {
    let mut counts: Vec<_> = plain_map(text).into_iter().collect();
    counts.sort_unstable();
    counts
}

/// Counts in a budget and hands on every word with its count.
fn job(text: &[u8], budget: usize, mut each: impl FnMut(&[u8], u64)) -> Counters {
    let mut job = Job::new(budget).store(TempFiles::new()).combine::<[u8], Sum<u64>>(Sum::new()).unwrap();
    for_each_word(text, |word| job.emit(word, 1).unwrap());
    let mut counts = job.finish().unwrap();
    while let Some((word, count)) = counts.next().unwrap() {
        each(word, count);
    }
    counts.counters()
}

/// Counts in two shards on two threads; returns the seconds by the wall and
/// along the longer way.
#[cfg(feature = "rayon")]
fn two_shards(text: &[u8], budget: usize, pool: &rayon::ThreadPool, mut each: impl FnMut(&[u8], u64)) -> [f64; 2] {
    // As in `seconds`.
    black_box(vec![0u8; 16 << 20]);
    let middle = text.len() / 2;
    let middle = middle + text[middle..].iter().position(|&byte| byte == b' ').unwrap_or(0);
    let halves = [&text[..middle], &text[middle..]];
    let (wall, all, here) = (Instant::now(), ProcessTime::now(), ThreadTime::now());
    let shards = Shards::new(budget, 2).stores(|_| TempFiles::new());
    let mut counts = pool
        .install(|| {
            shards.combine::<[u8], _, _, Error<std::io::Error>>(Sum::<u64>::new(), |shard, job| {
                for_each_word(halves[shard], |word| job.emit(word, 1).unwrap());
                Ok(())
            })
        })
        .unwrap();
    while let Some((word, count)) = counts.next().unwrap() {
        each(word, count);
    }
    let (wall, all, here) = (wall.elapsed(), all.elapsed(), here.elapsed());
    [wall.as_secs_f64(), (all.saturating_sub(here) / 2 + here).as_secs_f64()]
}

fn zipf_text(bytes: usize) -> Vec<u8> {
    let stream = Stream::new(1, 0);
    let mut text = Vec::with_capacity(bytes + 16);
    let mut at = 0;
    while text.len() < bytes {
        // The inverse of the distribution function of 1/rank over a million ranks.
        let uniform = f64::from(stream.u32_at(at)) / f64::from(u32::MAX);
        let rank = 1e6f64.powf(uniform) as u64;
        text.extend_from_slice(format!("{:x} ", rank.wrapping_mul(0x9E37_79B9) & 0xFFFF_FFFF).as_bytes());
        at += 1;
    }
    text
}

fn seconds(work: impl FnOnce()) -> f64 {
    // The allocator puts in order what was freed when it is next asked for much: after
    // a map of five million keys that took 1.2 s, which are not the next one's.
    black_box(vec![0u8; 16 << 20]);
    let start = ProcessTime::now();
    work();
    start.elapsed().as_secs_f64()
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let rounds = std::env::var("ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(5);
    let paths: Vec<_> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let mut texts: Vec<_> = paths.iter().map(|path| (path.clone(), std::fs::read(path).expect("a text"))).collect();
    if texts.is_empty() {
        texts.push(("20 MB of Zipf's law".into(), zipf_text(20_000_000)));
    }
    let budgets = [8 << 20, 64 << 10];
    #[cfg(feature = "rayon")]
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("two threads");
    for (name, text) in &texts {
        println!("{name}: {} bytes", text.len());
        let expected = sorted_map(text);
        for budget in budgets {
            let mut expected = expected.iter();
            let counters = job(text, budget, |word, count| {
                assert_eq!(expected.next().map(|(word, count)| (&word[..], *count)), Some((word, count)));
            });
            assert!(expected.next().is_none(), "words are missing");
            println!(
                "  {:>5} KiB: {} words, {} combined, {} runs, {} merges, {} passes, {} bytes written",
                budget >> 10,
                counters.emitted,
                counters.combined,
                counters.runs,
                counters.merges,
                counters.passes,
                counters.spilled_bytes + counters.merged_bytes,
            );
        }
        let mut times = vec![Vec::new(); 2 + budgets.len()];
        for _ in 0..rounds {
            times[0].push(seconds(|| {
                black_box(plain_map(text));
            }));
            times[1].push(seconds(|| {
                black_box(sorted_map(text));
            }));
            for (i, budget) in budgets.into_iter().enumerate() {
                times[2 + i].push(seconds(|| {
                    let mut sum = 0;
                    job(text, budget, |word, count| sum += word.len() as u64 * count);
                    black_box(sum);
                }));
            }
        }
        let times: Vec<_> = times.into_iter().map(median).collect();
        println!("  map, counted {:.3} s; counted and sorted {:.3} s", times[0], times[1]);
        for (i, budget) in budgets.into_iter().enumerate() {
            let time = times[2 + i];
            println!(
                "  {:>5} KiB {time:.3} s: {:.2} times as fast as the map, {:.2} with its keys sorted",
                budget >> 10,
                times[0] / time,
                times[1] / time
            );
        }
        #[cfg(feature = "rayon")]
        {
            let mut expected = expected.iter();
            two_shards(text, 8 << 20, &pool, |word, count| {
                assert_eq!(expected.next().map(|(word, count)| (&word[..], *count)), Some((word, count)));
            });
            assert!(expected.next().is_none(), "words are missing");
            let mut times = [const { Vec::new() }; 4];
            for _ in 0..rounds {
                let mut sum = 0;
                let [wall, way] = two_shards(text, 8 << 20, &pool, |word, count| sum += word.len() as u64 * count);
                let mut one_wall = 0.0;
                let one = seconds(|| {
                    let start = Instant::now();
                    job(text, 8 << 20, |word, count| sum += word.len() as u64 * count);
                    one_wall = start.elapsed().as_secs_f64();
                });
                times[2].push(one_wall);
                times[3].push(one);
                times[0].push(wall);
                times[1].push(way);
                black_box(sum);
            }
            let [wall, way, one_wall, one] = times.map(median);
            println!(
                "   8192 KiB in two shards on two threads: {:.2} times as fast as one by the wall, {:.2} by processor time",
                one_wall / wall,
                one / way
            );
        }
    }
}
