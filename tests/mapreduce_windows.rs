//! Windows against a map of all windows, in memory and spilled.

#![cfg(all(feature = "std", feature = "counting"))]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kernlet::mapreduce::{
    Count, Error, Job, Max, MemoryStore, NoStore, OutOfStore, Space, Stack, Store, Sum, TempFiles, Watermark, Window,
    Windowing,
};
use proptest::prelude::*;

type Closed = Vec<(Window, String, u64)>;

/// Feeds events, the watermark `delay` behind the newest time; returns what is
/// closed in order, what is late, and the number of runs.
fn windows<S: Store<Error: std::fmt::Debug>>(
    events: &[(i64, u16)],
    windowing: Windowing,
    delay: i64,
    budget: usize,
    store: S,
) -> (Closed, u64, u64) {
    let mut job = Job::new(budget).store(store).windows::<str, Sum<u64>>(windowing, Sum::new()).unwrap();
    let mut closed = Closed::new();
    let mut newest = i64::MIN;
    for (time, key) in events {
        job.emit_at(*time, &key_of(*key), 1).unwrap();
        newest = newest.max(*time);
        if time % 3 == 0 {
            job.advance(newest - delay, |window, key, count| closed.push((window, key.to_string(), count))).unwrap();
        }
    }
    let late = job.late();
    let counters = job.finish(|window, key, count| closed.push((window, key.to_string(), count))).unwrap();
    (closed, late, counters.runs)
}

/// Some keys of more than eight bytes, and with its window's beginning one of no more.
fn key_of(key: u16) -> String {
    if key.is_multiple_of(20) {
        String::new()
    } else if key.is_multiple_of(3) {
        format!("long key number {key}")
    } else {
        key.to_string()
    }
}

fn oracle(events: &[(i64, u16)], [size, slide, lateness, offset]: [i64; 4], delay: i64) -> (Closed, u64) {
    let mut counts = BTreeMap::<(i64, String), u64>::new();
    let (mut newest, mut watermark, mut late) = (i64::MIN, i64::MIN, 0);
    for (time, key) in events {
        let starts: Vec<_> =
            (time - size + 1..=*time).filter(|start| (start - offset).rem_euclid(slide) == 0).collect();
        let open: Vec<_> = starts.iter().filter(|start| *start + size + lateness > watermark).collect();
        late += u64::from(!starts.is_empty() && open.is_empty());
        for start in open {
            *counts.entry((*start, key_of(*key))).or_default() += 1;
        }
        newest = newest.max(*time);
        if time % 3 == 0 {
            watermark = watermark.max(newest - delay);
        }
    }
    let window = |start| Window { start, end: start + size };
    (counts.into_iter().map(|((start, key), count)| (window(start), key, count)).collect(), late)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn windows_are_a_map_by_window(
        jitter in prop::collection::vec((0i64..40, 0u16..60), 0..1500),
        size in 1i64..40,
        slide in 1i64..40,
        lateness in 0i64..20,
        delay in 0i64..30,
        budget in 4000usize..20_000,
        offset in -100i64..100,
    ) {
        // Times ascend with a jitter, from below zero.
        let events: Vec<_> = jitter.iter().enumerate().map(|(i, (time, key))| (i as i64 / 7 + time - 50, *key)).collect();
        let windowing = Windowing::sliding(size, slide).lateness(lateness).offset(offset);
        let (expected, late) = oracle(&events, [size, slide, lateness, offset], delay);
        let spilled = windows(&events, windowing, delay, budget, MemoryStore::new(vec![0; 1 << 20]));
        prop_assert_eq!((&spilled.0, spilled.1), (&expected, late));
        let held = windows(&events, windowing, delay, 1 << 20, NoStore);
        prop_assert_eq!((held.0, held.1, held.2), (expected, late, 0));
    }
}

#[test]
fn windows_without_a_store_live_in_a_small_budget_for_ever() {
    let windowing = Windowing::tumbling(100);
    let mut job = Job::new(8 << 10).windows::<str, Sum<u64>>(windowing, Sum::new()).unwrap();
    let mut closed = 0;
    for time in 0..200_000i64 {
        // About fifty keys a window, new ones all the time.
        job.emit_at(time, &key_of((time / 2 % 60_000) as u16), 1).unwrap();
        job.advance(time, |_, _, count| closed += count).unwrap();
    }
    job.finish(|_, _, count| closed += count).unwrap();
    assert_eq!(closed, 200_000);
}

#[test]
fn windows_by_count_close_when_they_are_full() {
    let mut job = Job::new(8 << 10).windows::<u16, Sum<u64>>(Windowing::sliding(10, 4), Sum::new()).unwrap();
    let mut closed = BTreeMap::new();
    for i in 0..100u16 {
        let before = closed.len();
        job.emit_counted(i % 3, 1, |window, key, count| {
            closed.insert((window.start, key), count);
        })
        .unwrap();
        let full = i >= 9 && (i - 9) % 4 == 0;
        // The windows that begin at -8 and -4 hold fewer records.
        assert_eq!(closed.len() > before, full || i == 1 || i == 5, "record {i}");
    }
    for start in (0..=90).step_by(4) {
        assert_eq!((0..3).filter_map(|key| closed.get(&(start, key))).sum::<u64>(), 10, "window {start}");
    }
}

#[test]
fn windows_by_count_wait_for_the_lateness() {
    let windowing = Windowing::tumbling(3).lateness(1);
    let mut job = Job::new(8 << 10).windows::<u8, Sum<u64>>(windowing, Sum::new()).unwrap();
    let mut closed = Vec::new();
    for i in 1..=8 {
        job.emit_counted(0, 1, |window, _, count| closed.push((i, window.start, count))).unwrap();
    }
    assert_eq!(closed, [(4, 0, 3), (7, 3, 3)]);
}

#[test]
fn the_last_window_ends_with_time() {
    let mut job = Job::new(8 << 10).windows::<u8, Sum<u64>>(Windowing::tumbling(60), Sum::new()).unwrap();
    assert!(job.emit_at(i64::MAX, 0, 1).unwrap());
    let mut last = None;
    job.finish(|window, _, _| last = Some(window)).unwrap();
    assert_eq!(last, Some(Window { start: i64::MAX - i64::MAX % 60, end: i64::MAX }));
}

#[test]
fn the_first_window_begins_with_time() {
    // "No timestamp", to some: it is counted like any other, or as late.
    for (time, size) in
        [(i64::MIN, 10), (i64::MIN + 7, 10), (i64::MIN + 8, 10), (i64::MIN, 86_400_000), (i64::MIN, i64::MAX)]
    {
        let mut job = Job::new(8 << 10).windows::<u8, Sum<u64>>(Windowing::tumbling(size), Sum::new()).unwrap();
        assert!(job.emit_at(time, 0, 5).unwrap());
        let mut all = Vec::new();
        job.finish(|window, _, sum| all.push((window, sum))).unwrap();
        let [(window, 5)] = all[..] else { panic!("{all:?}") };
        assert!(window.start <= time && time < window.end, "{time}: {window:?}");
    }
    // In several windows that begin before time does: each by its own end.
    let mut job = Job::new(8 << 10).windows::<u8, Sum<u64>>(Windowing::sliding(10, 3), Sum::new()).unwrap();
    job.emit_at(i64::MIN, 0, 1).unwrap();
    let mut all = Vec::new();
    job.finish(|window, _, _| all.push(window)).unwrap();
    assert_eq!(all, Windowing::sliding(10, 3).windows(i64::MIN).collect::<Vec<_>>());
    assert!(all.len() >= 3 && all.iter().all(|window| window.start == i64::MIN) && all.is_sorted());

    let mut job = Job::new(8 << 10).windows::<u8, Sum<u64>>(Windowing::tumbling(10), Sum::new()).unwrap();
    job.advance(0, |_, _, _| ()).unwrap();
    assert!(!job.emit_at(i64::MIN, 0, 1).unwrap() && !job.emit_at(-1, 0, 1).unwrap());
    assert_eq!((job.late(), job.outside()), (2, 0));
}

#[test]
fn the_last_watermark_closes_everything() {
    for windowing in
        [Windowing::tumbling(10), Windowing::tumbling(10).lateness(i64::MAX), Windowing::sliding(i64::MAX, 1 << 62)]
    {
        let mut job = Job::new(8 << 10).windows::<u8, Sum<u64>>(windowing, Sum::new()).unwrap();
        job.emit_at(3, 0, 1).unwrap();
        job.emit_at(i64::MAX, 0, 1).unwrap();
        let mut sum = 0;
        job.advance(i64::MAX, |_, _, one| sum += one).unwrap();
        let windows = windowing.windows(3).count() + windowing.windows(i64::MAX).count();
        assert_eq!(sum, windows as u64);
        assert!(!job.emit_at(i64::MAX, 0, 1).unwrap());
        job.finish(|_, _, _| panic!("all were closed")).unwrap();
    }
}

#[test]
fn closing_nothing_costs_nothing() {
    for budget in [64 << 10, 8 << 20, 64 << 20] {
        for keys in [1u64, 500] {
            let mut job = Job::new(budget).windows::<u64, Sum<u64>>(Windowing::tumbling(1 << 40), Sum::new()).unwrap();
            (0..keys).for_each(|key| assert!(job.emit_at(0, key, 1).unwrap()));
            // 0.35 to 5.5 milliseconds each would be minutes to an hour and a half.
            let start = Instant::now();
            for time in 0..1_000_000i64 {
                job.emit_at(time, time as u64 % keys, 1).unwrap();
                job.advance(time, |_, _, _| panic!("nothing ends")).unwrap();
            }
            assert!(start.elapsed() < Duration::from_secs(30), "{:?} in {budget} bytes", start.elapsed());
        }
    }
}

#[test]
fn closing_costs_what_is_closed() {
    // A window of a hundred records closes at each record: 570 µs were nearly a minute.
    let mut job = Job::new(1 << 20).windows::<u64, Sum<u64>>(Windowing::sliding(100, 1), Sum::new()).unwrap();
    let (start, mut sums) = (Instant::now(), 0u64);
    for i in 0..100_000u64 {
        job.emit_counted(i % 70, 1, |window, _, sum| sums += sum * u64::from(window.start >= 0)).unwrap();
    }
    assert_eq!(sums, 100 * (100_000 - 99));
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());

    // A hundred thousand keys stay open while small windows close.
    let mut job = Job::new(16 << 20).windows::<u64, Count<u64>>(Windowing::tumbling(10), Count::new()).unwrap();
    for key in 0..100_000 {
        job.emit_at(1 << 40, key, 1).unwrap();
    }
    let (start, mut closed) = (Instant::now(), 0);
    for time in 0..100_000i64 {
        job.emit_at(time, 7, 1).unwrap();
        job.advance(time, |_, _, count| closed += count).unwrap();
    }
    assert_eq!(closed, 99_990);
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

/// Counts bytes read.
struct Reads<'a>(MemoryStore<Vec<u8>>, &'a Cell<u64>);

impl Store for Reads<'_> {
    type Error = OutOfStore;
    fn space(&self) -> Space {
        self.0.space()
    }
    fn write(&mut self, stack: Stack, at: u64, bytes: &[u8]) -> Result<(), OutOfStore> {
        self.0.write(stack, at, bytes)
    }
    fn read(&mut self, stack: Stack, at: u64, out: &mut [u8]) -> Result<(), OutOfStore> {
        self.1.set(self.1.get() + out.len() as u64);
        self.0.read(stack, at, out)
    }
}

#[test]
fn closing_a_window_in_the_store_reads_on_where_the_last_ended() {
    let read = Cell::new(0);
    let store = Reads(MemoryStore::new(vec![0; 4 << 20]), &read);
    let mut job =
        Job::new(256 << 10).store(store).windows::<u64, Sum<u64>>(Windowing::tumbling(10), Sum::new()).unwrap();
    // Two hundred windows of a hundred keys, all open at once.
    for key in 0..100 {
        for window in 0..200 {
            job.emit_at(10 * window, key, 1).unwrap();
        }
    }
    let filled = job.counters();
    assert!(filled.runs > 3, "{filled:?}");
    for nothing in -1000..0 {
        job.advance(nothing, |_, _, _| panic!("nothing ends")).unwrap();
    }
    let before = read.get();
    let mut closed = Vec::new();
    for window in 0..200 {
        job.advance(10 * (window + 1), |window, key, sum| closed.push((window.start, key, sum))).unwrap();
        job.emit_at(10 * window + 2005, window as u64, 1).unwrap();
    }
    assert_eq!(job.counters().merged_bytes, filled.merged_bytes, "nothing was written again");
    // All windows together read every run once.
    assert!(read.get() - before < 2 * filled.spilled_bytes, "{} of {}", read.get() - before, filled.spilled_bytes);
    let expected = (0..200).flat_map(|window| (0..100).map(move |key| (10 * window, key, 1)));
    assert!(closed.iter().copied().eq(expected));
    job.finish(|window, _, sum| closed.push((window.start, 0, sum))).unwrap();
    assert_eq!(closed[20_000..].iter().map(|(_, _, sum)| sum).sum::<u64>(), 200);
}

#[test]
fn windows_in_files_go_on_for_ever_in_a_bounded_space() {
    struct Top<'a>(TempFiles, &'a Cell<u64>);
    impl Store for Top<'_> {
        type Error = std::io::Error;
        fn space(&self) -> Space {
            self.0.space()
        }
        fn write(&mut self, stack: Stack, at: u64, bytes: &[u8]) -> std::io::Result<()> {
            self.1.set(self.1.get().max(at + bytes.len() as u64));
            self.0.write(stack, at, bytes)
        }
        fn read(&mut self, stack: Stack, at: u64, out: &mut [u8]) -> std::io::Result<()> {
            self.0.read(stack, at, out)
        }
    }
    let top = Cell::new(0);
    let store = Top(TempFiles::new(), &top);
    let windowing = Windowing::sliding(2_000, 500);
    let mut job = Job::new(16 << 10).store(store).windows::<str, Sum<u64>>(windowing, Sum::new()).unwrap();
    let (mut sum, mut half) = (0, 0);
    for time in 0..200_000i64 {
        job.emit_at(time, &key_of((time % 1_777) as u16), 1).unwrap();
        job.advance(time - 100, |_, _, n| sum += n).unwrap();
        half = if time == 100_000 { top.get() } else { half };
    }
    let counters = job.finish(|_, _, n| sum += n).unwrap();
    assert_eq!(sum, 4 * 200_000);
    assert!(counters.runs > 200 && top.get() < 2 * half, "{} bytes after {half}", top.get());
}

/// Every value once in each of its windows, although the room was too small again and again.
#[test]
fn after_a_full_table_a_value_may_be_emitted_again() {
    fn run<S: Store<Error: std::fmt::Debug>>(budget: usize, store: S) -> (BTreeMap<(i64, u64), u64>, u64) {
        let windowing = Windowing::sliding(10, 5);
        let mut job = Job::new(budget).store(store).windows::<u64, Sum<u64>>(windowing, Sum::new()).unwrap();
        let (mut closed, mut full) = (BTreeMap::new(), 0);
        for time in 0..2_000i64 {
            for key in [time as u64, time as u64 % 7] {
                while let Err(error) = job.emit_at(time, key, 1) {
                    assert!(matches!(error, Error::Full { .. } | Error::StoreFull { .. }), "{error:?}");
                    full += 1;
                    assert!(full < 10_000, "advancing frees nothing");
                    job.advance(time - 4, |window, key, sum| assert_eq!(closed.insert((window.start, key), sum), None))
                        .unwrap();
                }
            }
            if time % 400 == 399 {
                job.advance(time - 4, |window, key, sum| assert_eq!(closed.insert((window.start, key), sum), None))
                    .unwrap();
            }
        }
        job.finish(|window, key, sum| assert_eq!(closed.insert((window.start, key), sum), None)).unwrap();
        (closed, full)
    }
    let mut expected = BTreeMap::new();
    for time in 0..2_000i64 {
        for start in Windowing::sliding(10, 5).starts(time) {
            *expected.entry((start, time as u64)).or_insert(0) += 1;
            *expected.entry((start, time as u64 % 7)).or_insert(0) += 1;
        }
    }
    let (held, full) = run(2 << 10, NoStore);
    assert!(full > 10 && held == expected, "{full}");
    let (stored, full) = run(4 << 10, MemoryStore::new(vec![0; 3_000]));
    assert!(full > 0 && stored == expected, "{full}");
}

#[test]
fn long_keys_have_windows_too() {
    let long = |i: i64| format!("{i}{}", "x".repeat(1500));
    for budget in [32 << 10, 1 << 20] {
        let windowing = Windowing::sliding(4, 2);
        let store = || TempFiles::new();
        let mut texts = Job::new(budget).store(store()).windows::<str, Sum<u64>>(windowing, Sum::new()).unwrap();
        let mut pairs = Job::new(budget).store(store()).windows::<(&str, u8), Sum<u64>>(windowing, Sum::new()).unwrap();
        for time in 0..40 {
            texts.emit_at(time / 2, &long(time % 3), 1).unwrap();
            pairs.emit_at(time / 2, (&long(time % 3), 1), 1).unwrap();
        }
        let (mut sum, mut other) = (0, 0);
        texts.finish(|_, key, n| sum += n * u64::from(key.len() == 1501)).unwrap();
        pairs.finish(|_, (key, one), n| other += n * u64::from(one == 1 && key.bytes().count() == 1501)).unwrap();
        assert_eq!((sum, other), (80, 80));
    }
    let mut job =
        Job::new(8 << 10).store(TempFiles::new()).windows::<str, Sum<u64>>(Windowing::tumbling(1), Sum::new()).unwrap();
    let refused = job.emit_at(0, &"x".repeat(8000), 1).unwrap_err();
    let Error::PairTooLong { key: 8000, value: 8, most } = refused else { panic!("{refused}") };
    job.emit_at(0, &"x".repeat(most - 8), 1).unwrap();
    assert!(job.emit_at(0, &"x".repeat(most - 7), 1).is_err());
}

#[test]
fn days_of_a_time_zone() {
    const HOUR: i64 = 3_600_000;
    let days = Windowing::tumbling(24 * HOUR);
    for (offset, start) in [(0, 0), (-HOUR, -HOUR), (23 * HOUR, -HOUR), (5 * HOUR, -19 * HOUR), (29 * HOUR, -19 * HOUR)]
    {
        assert!(days.offset(offset).starts(2 * HOUR).eq([start]), "{offset}");
    }
    // The order of the builder's calls does not matter.
    assert_eq!(days.lateness(5).offset(7), days.offset(7).lateness(5));
    assert_eq!(days.offset(i64::MIN).starts(i64::MAX).count(), 1);
    assert_eq!(days.offset(i64::MAX).windows(i64::MIN).count(), 1);
}

#[test]
fn watermarks_stay_behind_and_never_go_back() {
    let mut watermark = Watermark::behind(10);
    assert_eq!(watermark.now(), i64::MIN);
    let seen: Vec<_> = [5, 100, 95, 101, i64::MIN].map(|time| watermark.observe(time)).to_vec();
    assert_eq!(seen, [-5, 90, 90, 91, 91]);
    assert_eq!(Watermark::behind(1).observe(i64::MIN), i64::MIN);
    assert_eq!(Watermark::of_all(&[watermark, Watermark::behind(0)]), i64::MIN);
    assert_eq!(Watermark::of_all(&[]), i64::MIN);
}

type Session = (Window, u8, i64);

/// Sessions by merging whatever touches, again and again.
fn sessions(events: &[(i64, u8)], gap: i64) -> Vec<Session> {
    let mut all: Vec<Session> = Vec::new();
    for (time, key) in events {
        let mut new = (Window { start: *time, end: time + gap }, *key, 1);
        while let Some(at) = all.iter().position(|(w, k, _)| k == key && w.start <= new.0.end && w.end >= new.0.start) {
            let (window, _, count) = all.swap_remove(at);
            new.0 = Window { start: new.0.start.min(window.start), end: new.0.end.max(window.end) };
            new.2 += count;
        }
        all.push(new);
    }
    all.sort();
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sessions_are_what_touches(jitter in prop::collection::vec((0i64..60, 0u8..6), 0..800), gap in 1i64..30, every in 1usize..50) {
        let events: Vec<_> = jitter.iter().enumerate().map(|(i, (time, key))| (i as i64 / 3 + time, *key)).collect();
        let mut job = Job::new(32 << 10).sessions::<u8, Sum<i64>>(gap, Sum::new()).unwrap();
        let mut watermark = Watermark::behind(60);
        let mut closed: Vec<Session> = Vec::new();
        for (i, (time, key)) in events.iter().enumerate() {
            let now = watermark.observe(*time);
            prop_assert!(job.emit_at(*time, *key, 1).unwrap());
            if i % every == 0 {
                let before = closed.len();
                job.advance(now, |window, key, count| closed.push((window, key, count))).unwrap();
                prop_assert!(closed[before..].is_sorted() && closed[before..].iter().all(|(w, _, _)| w.end <= now));
            }
        }
        prop_assert_eq!(job.late(), 0);
        let counters = job.finish(|window, key, count| closed.push((window, key, count))).unwrap();
        prop_assert_eq!(counters.emitted, events.len() as u64);
        closed.sort();
        prop_assert_eq!(closed, sessions(&events, gap));
    }

    #[test]
    fn counted_windows_are_of_each_key(keys in prop::collection::vec(0u8..5, 0..400), size in 1u32..12, slide in 1u32..12) {
        let mut job = Job::new(8 << 10).count_windows::<u8, Sum<u64>>(size, slide, Sum::new()).unwrap();
        let (mut values, mut found, mut expected) = (vec![Vec::new(); 5], Vec::new(), Vec::new());
        let fold = |values: &[u64], start: i64| {
            let end = (start + i64::from(size)).min(values.len() as i64);
            values[start.max(0) as usize..end.max(0) as usize].iter().sum::<u64>()
        };
        let of = |start| Window { start, end: start + i64::from(size) };
        for (i, key) in keys.iter().enumerate() {
            let own = &mut values[usize::from(*key)];
            own.push(i as u64 + 1);
            let start = own.len() as i64 - i64::from(size);
            if start.rem_euclid(slide.into()) == 0 {
                expected.push((of(start), *key, fold(own, start)));
            }
            job.emit(*key, i as u64 + 1, |window, key, sum| found.push((window, key, sum))).unwrap();
        }
        for (key, own) in values.iter().enumerate() {
            let open = (-i64::from(size)..own.len() as i64).filter(|start| {
                start.rem_euclid(slide.into()) == 0 && start + i64::from(size) > own.len() as i64
            });
            expected.extend(open.map(|start| (of(start), key as u8, fold(own, start))).filter(|(_, _, sum)| *sum > 0));
        }
        job.finish(|window, key, sum| found.push((window, key, sum))).unwrap();
        // With a slide longer than the size, a window may be complete before it is open.
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn late_events_extend_open_sessions_only() {
    let mut job = Job::new(8 << 10).sessions::<str, Count<str>>(10, Count::new()).unwrap().lateness(5);
    job.emit_at(0, "a", "x").unwrap();
    job.advance(14, |_, _, _| panic!("still open")).unwrap();
    // Its own session would be over, but it touches one that is open.
    assert!(job.emit_at(-6, "a", "x").unwrap());
    assert!(!job.emit_at(-6, "b", "x").unwrap());
    let mut closed = Vec::new();
    job.advance(15, |window, key, count| closed.push((window, key.to_string(), count))).unwrap();
    assert_eq!(closed, [(Window { start: -6, end: 10 }, "a".to_string(), 2)]);
    assert!(!job.emit_at(0, "a", "x").unwrap());
    assert_eq!((job.late(), job.len()), (2, 0));
}

#[test]
fn sessions_of_many_keys_are_quick_and_full_in_time() {
    let mut job = Job::new(64 << 10).sessions::<u64, Max<i64>>(10, Max::new()).unwrap();
    let (mut full, mut closed, start) = (0, 0, Instant::now());
    for time in 0..300_000i64 {
        while let Err(error) = job.emit_at(time / 10, time as u64 % 20_011, time) {
            assert!(matches!(error, Error::Full { .. }));
            full += 1;
            assert!(full < 1_000_000, "advancing frees nothing");
            job.advance(time / 10 - 50, |_, _, _| closed += 1).unwrap();
        }
        job.advance(time / 10 - 100, |_, _, _| closed += 1).unwrap();
    }
    job.finish(|_, _, _| closed += 1).unwrap();
    assert_eq!(closed, 300_000);
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    let mut small = Job::new(1 << 10).count_windows::<u64, Sum<u64>>(2, 1, Sum::new()).unwrap();
    let taken = (0..).take_while(|key| small.emit(*key, 1, |_, _, _| ()).is_ok()).count();
    assert!(taken > 5 && taken == small.len());
    small.emit(0, 1, |_, _, sum| assert_eq!(sum, 2)).unwrap();
    assert!(Job::new(1 << 10).count_windows::<u64, Sum<u64>>(u32::MAX, 1, Sum::new()).is_err());
}
