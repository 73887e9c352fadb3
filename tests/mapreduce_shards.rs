//! Jobs in shards: the same result to the byte for any number of shards and threads.

#![cfg(all(feature = "rayon", feature = "counting"))]

use kernlet::mapreduce::{Combining, Emitter, Error, Grouping, NoStore, Shards, Sum, TempFiles};
use kernlet::random::Stream;

const WORDS: usize = 40_000;

fn word(i: usize) -> String {
    let stream = Stream::new(9, 0);
    let draw = stream.u32_at(2 * i as u64) % (1 + stream.u32_at(2 * i as u64 + 1) % 9000);
    if draw.is_multiple_of(5) { format!("a longer word {draw}") } else { draw.to_string() }
}

fn piece(shard: usize, shards: usize) -> std::ops::Range<usize> {
    WORDS * shard / shards..WORDS * (shard + 1) / shards
}

fn counted(budget: usize, shards: usize) -> String {
    type Words<'b> = Combining<'b, str, Sum<u64>, TempFiles>;
    let mut counts = Shards::new(budget, shards)
        .stores(|_| TempFiles::new())
        .combine(Sum::new(), |shard, job: &mut Words| -> Result<(), Error<std::io::Error>> {
            piece(shard, shards).try_for_each(|i| job.emit(&word(i), 1))
        })
        .unwrap();
    let mut out = String::new();
    while let Some((word, count)) = counts.next().unwrap() {
        out += &format!("{word}\t{count}\n");
    }
    assert_eq!(counts.counters().emitted, WORDS as u64);
    assert!(counts.counters().peak_bytes <= budget as u64);
    assert_eq!(counts.counters().combined, (WORDS - out.lines().count()) as u64);
    out
}

fn grouped(budget: usize, shards: usize) -> Vec<(String, u64)> {
    let mut pairs = Shards::new(budget, shards)
        .stores(|_| TempFiles::new())
        .group(|shard, job: &mut Grouping<'_, str, u64, TempFiles>| {
            piece(shard, shards).try_for_each(|i| job.emit(&word(i), i as u64))
        })
        .unwrap();
    let mut out = Vec::new();
    while let Some((word, i)) = pairs.next().unwrap() {
        out.push((word.to_string(), i));
    }
    out
}

fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn shards_and_threads_do_not_show() {
    let expected = on_threads(1, || counted(1 << 20, 1));
    let mut pairs: Vec<_> = (0..WORDS).map(|i| (word(i), i as u64)).collect();
    pairs.sort();
    for shards in [1, 2, 3, 7] {
        for threads in [1, 2, 4] {
            for budget in [16 << 10, 100_000, 4 << 20] {
                assert!(on_threads(threads, || counted(budget * shards, shards)) == expected, "{shards} {threads}");
            }
            assert!(on_threads(threads, || grouped(32_000 * shards, shards)) == pairs, "{shards} {threads}");
        }
    }
}

#[test]
fn the_first_shard_with_an_error_names_it() {
    let failing = |shard: usize, job: &mut Combining<'_, u64, Sum<u64>, NoStore>| {
        if shard < 2 { job.emit(1, 1) } else { (0..).try_for_each(|i| job.emit(i, 1)) }
    };
    let error = Shards::new(12 << 10, 4).combine(Sum::new(), failing).err().unwrap();
    assert!(matches!(error, Error::Full { entries } if entries > 20));
    assert!(matches!(
        Shards::new(100, 4).combine(Sum::new(), failing).err(),
        Some(Error::BudgetTooSmall { given: 25, .. })
    ));
}
