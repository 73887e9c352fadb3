//! Windows against a map of all windows, in memory and spilled.

#![cfg(all(feature = "std", feature = "counting"))]

use std::collections::BTreeMap;

use kernlet::mapreduce::{Job, MemoryStore, NoStore, Store, Sum, Window, Windowing};
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

fn oracle(events: &[(i64, u16)], size: i64, slide: i64, lateness: i64, delay: i64) -> (Closed, u64) {
    let mut counts = BTreeMap::<(i64, String), u64>::new();
    let (mut newest, mut watermark, mut late) = (i64::MIN, i64::MIN, 0);
    for (time, key) in events {
        let starts: Vec<_> = (time - size + 1..=*time).filter(|start| start.rem_euclid(slide) == 0).collect();
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
        budget in 2000usize..20_000,
    ) {
        // Times ascend with a jitter, from below zero.
        let events: Vec<_> = jitter.iter().enumerate().map(|(i, (time, key))| (i as i64 / 7 + time - 50, *key)).collect();
        let windowing = Windowing::sliding(size, slide).lateness(lateness);
        let (expected, late) = oracle(&events, size, slide, lateness, delay);
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
    job.emit_at(i64::MAX - 1, 0, 1).unwrap();
    let mut last = None;
    job.finish(|window, _, _| last = Some(window)).unwrap();
    assert_eq!(last, Some(Window { start: i64::MAX - i64::MAX % 60, end: i64::MAX }));
}
