//! Faults: memory too small, keys too long, stores that are full, short, corrupt
//! or broken. Never a wrong result.

#![cfg(all(feature = "std", feature = "counting"))]

use std::cell::Cell;
use std::collections::BTreeMap;

use kernlet::mapreduce::{
    Emitter, Error, Job, MemoryStore, NoStore, OutOfStore, Space, Stack, Store, Sum, TempFiles, Windowing,
};
use kernlet::random::Stream;

fn words(n: u64) -> impl Iterator<Item = Vec<u8>> {
    let stream = Stream::new(5, 0);
    (0..n).map(move |i| {
        let draw = stream.u32_at(2 * i) % (1 + stream.u32_at(2 * i + 1) % 5000);
        format!("{:0width$}", draw, width = 1 + draw as usize % 23).into_bytes()
    })
}

/// What each word counts, and how many runs were spilled.
type Counts = (BTreeMap<Vec<u8>, u64>, u64);

fn count<S: Store>(n: u64, budget: usize, store: S) -> Result<Counts, Error<S::Error>> {
    let mut job = Job::new(budget).store(store).combine::<[u8], Sum<u64>>(Sum::new())?;
    for word in words(n) {
        job.emit(&word, 1)?;
    }
    let mut counts = job.finish()?;
    let mut all = BTreeMap::new();
    while let Some((word, count)) = counts.next()? {
        assert!(all.last_key_value().is_none_or(|(last, _): (&Vec<u8>, _)| last[..] < *word), "ascending");
        all.insert(word.to_vec(), count);
    }
    Ok((all, counts.counters().spilled_bytes))
}

fn expected(n: u64) -> BTreeMap<Vec<u8>, u64> {
    let mut all = BTreeMap::new();
    words(n).for_each(|word| *all.entry(word).or_default() += 1);
    all
}

#[test]
fn results_do_not_depend_on_the_budget() {
    let expected = expected(50_000);
    for shift in 13..=26 {
        for budget in [1 << shift, (1 << shift) + 4097] {
            let (counts, _) = count(50_000, budget, TempFiles::new()).unwrap();
            assert!(counts == expected, "budget {budget}");
        }
    }
}

#[test]
fn the_least_budget_that_an_error_names_does() {
    fn check<S: Store<Error: std::fmt::Debug>>(store: impl Fn() -> S) {
        for given in [0, 1, 100, 1000] {
            let job = |budget| Job::new(budget).store(store()).combine::<[u8], Sum<u64>>(Sum::new());
            let Err(Error::BudgetTooSmall { given: told, least }) = job(given).map(|_| ()) else { continue };
            assert_eq!(told, given);
            let mut job = job(least).unwrap();
            for i in 0..3000u32 {
                match job.emit(format!("{}", i % 700).as_bytes(), 1) {
                    Ok(()) | Err(Error::Full { .. }) => {}
                    Err(error) => panic!("{least} bytes: {error:?}"),
                }
            }
            job.finish().unwrap();
        }
        let too_small = Job::new(8).store(store()).combine::<[u8], Sum<u64>>(Sum::new()).map(|_| ());
        assert!(matches!(too_small, Err(Error::BudgetTooSmall { .. })));
        assert!(Job::new(8 << 10).store(store()).combine::<[u8], Sum<u64>>(Sum::new()).is_ok());
    }
    check(|| NoStore);
    check(|| MemoryStore::new(vec![0; 1 << 20]));
    check(TempFiles::new);
}

#[test]
fn a_key_that_fits_no_table_is_an_error_by_name() {
    for len in [500, 1000, 1500, 2000, 5000, 9000, 100_000] {
        let mut job = Job::new(8 << 10).store(TempFiles::new()).combine::<[u8], Sum<u64>>(Sum::new()).unwrap();
        let long = vec![b'x'; len];
        let mut taken = 0;
        for word in words(20_000) {
            job.emit(&word, 1).unwrap();
            match job.emit(&long, 1) {
                Ok(()) => taken += 1,
                Err(Error::PairTooLong { key, most, .. }) => assert!(key == len && most < len, "{most}"),
                Err(error) => panic!("{error}"),
            }
        }
        assert!(taken == if len <= 1500 { 20_000 } else { 0 }, "{len} bytes: {taken} taken");
        let mut counts = job.finish().unwrap();
        let (mut sum, mut found) = (0, 0);
        while let Some((word, count)) = counts.next().unwrap() {
            sum += count;
            found += if word == long { count } else { 0 };
        }
        assert_eq!((sum, found), (20_000 + taken, taken), "{len} bytes");
    }
}

#[test]
fn keys_longer_than_a_cached_table_are_taken() {
    let long = |i: usize| vec![b'a' + (i % 3) as u8; (i % 4 + 1) << 20];
    let mut expected = expected(2000);
    let mut job = Job::new(24 << 20).store(TempFiles::new()).combine::<[u8], Sum<u64>>(Sum::new()).unwrap();
    for (i, word) in words(2000).enumerate() {
        job.emit(&word, 1).unwrap();
        if i % 100 == 0 {
            job.emit(&long(i / 100), 1).unwrap();
            *expected.entry(long(i / 100)).or_default() += 1;
        }
    }
    let mut counts = job.finish().unwrap();
    for (word, count) in &expected {
        assert!(counts.next().unwrap() == Some((&word[..], *count)), "a word of {} bytes", word.len());
    }
    assert!(counts.next().unwrap().is_none());
    assert!(counts.counters().peak_bytes <= 24 << 20 && counts.counters().runs > 1, "{:?}", counts.counters());
}

#[test]
fn long_values_keep_their_order() {
    let mut job = Job::new(32 << 10).store(TempFiles::new()).group::<u8, [u8]>().unwrap();
    let value = |i: usize| vec![i as u8; (i * 7919) % 2500];
    for i in 0..3000 {
        job.emit((i % 5) as u8, &value(i)[..]).unwrap();
    }
    assert!(matches!(job.emit(0, &[0; 40_000][..]), Err(Error::PairTooLong { value: 40_000, .. })));
    let mut pairs = job.finish().unwrap();
    for key in 0..5u8 {
        for i in (usize::from(key)..3000).step_by(5) {
            assert!(pairs.next().unwrap() == Some((key, &value(i)[..])), "key {key}, value {i}");
        }
    }
    assert!(pairs.next().unwrap().is_none());
}

#[test]
fn a_store_of_twice_the_result_and_a_table_suffices() {
    for (n, budget) in [(60_000, 2 << 10), (120_000, 8 << 10)] {
        let (all, spilled) = count(n, budget, TempFiles::new()).unwrap();
        // Three bytes of lengths and eight of count, and the headers of blocks.
        let result: usize = all.keys().map(|word| word.len() + 11).sum();
        let bound = 2 * (result * 17 / 16 + budget);
        assert!(bound < spilled as usize, "{bound} bytes must be less than are spilled");
        let (bounded, _) = count(n, budget, MemoryStore::new(vec![0; bound])).unwrap();
        assert!(bounded == all);
        let (bounded, _) = count(n, budget, MemoryStore::new(vec![0; 2 * spilled as usize])).unwrap();
        assert!(bounded == all);
        let small = count(n, budget, MemoryStore::new(vec![0; budget / 4]));
        assert!(matches!(small, Err(Error::StoreFull { capacity, .. }) if capacity == budget as u64 / 4), "{budget}");
    }
}

/// What goes wrong with the `n`-th access.
#[derive(Clone, Copy, Debug)]
enum Fault {
    FailWrite,
    FailRead,
    FlipOnWrite,
    FlipOnRead,
    /// Bytes of an older block.
    Stale,
    /// The end of the block was not written.
    Short,
}

struct Faulty {
    store: MemoryStore<Vec<u8>>,
    fault: Fault,
    at: u64,
    seen: u64,
}

impl Store for Faulty {
    type Error = OutOfStore;
    fn space(&self) -> Space {
        self.store.space()
    }
    fn write(&mut self, stack: Stack, at: u64, bytes: &[u8]) -> Result<(), OutOfStore> {
        self.seen += 1;
        if self.seen == self.at {
            match self.fault {
                Fault::FailWrite => return self.store.write(stack, u64::MAX, bytes),
                Fault::FlipOnWrite => {
                    let mut bytes = bytes.to_vec();
                    let bit = at as usize % (8 * bytes.len());
                    bytes[bit / 8] ^= 1 << (bit % 8);
                    return self.store.write(stack, at, &bytes);
                }
                Fault::Stale => return Ok(()),
                Fault::Short => return self.store.write(stack, at, &bytes[..bytes.len() - 1]),
                Fault::FailRead | Fault::FlipOnRead => {}
            }
        }
        self.store.write(stack, at, bytes)
    }
    fn read(&mut self, stack: Stack, at: u64, out: &mut [u8]) -> Result<(), OutOfStore> {
        self.seen += 1;
        if self.seen == self.at && matches!(self.fault, Fault::FailRead) {
            return self.store.read(stack, u64::MAX, out);
        }
        self.store.read(stack, at, out)?;
        if self.seen == self.at && matches!(self.fault, Fault::FlipOnRead) {
            let bit = self.seen as usize % (8 * out.len());
            out[bit / 8] ^= 1 << (bit % 8);
        }
        Ok(())
    }
}

#[test]
fn a_faulty_store_is_an_error_and_never_a_wrong_count() {
    let expected = expected(20_000);
    let faults = [Fault::FailWrite, Fault::FailRead, Fault::FlipOnWrite, Fault::FlipOnRead, Fault::Stale, Fault::Short];
    for fault in faults {
        let mut seen_errors = 0;
        for at in (1..3000).step_by(37) {
            let store = Faulty { store: MemoryStore::new(vec![0; 1 << 20]), fault, at, seen: 0 };
            match count(20_000, 4 << 10, store) {
                // The access with the fault was of the other kind, or there was none.
                Ok((counts, _)) => assert!(counts == expected, "{fault:?} at {at}"),
                Err(Error::Store(_) | Error::Corrupt { .. }) => seen_errors += 1,
                Err(other) => panic!("{fault:?} at {at}: {other}"),
            }
        }
        assert!(seen_errors > 10, "{fault:?}: only {seen_errors} of the faults were met");
    }
}

/// Two files of which one write is lost.
struct Losing<'a> {
    files: [Vec<u8>; 2],
    lost: u64,
    seen: &'a Cell<u64>,
}

impl Store for Losing<'_> {
    type Error = OutOfStore;
    fn space(&self) -> Space {
        Space::Apart
    }
    fn write(&mut self, stack: Stack, at: u64, bytes: &[u8]) -> Result<(), OutOfStore> {
        self.seen.set(self.seen.get() + 1);
        let (file, at) = (&mut self.files[stack as usize], at as usize);
        file.resize(file.len().max(at + bytes.len()), 0);
        if self.seen.get() != self.lost {
            file[at..][..bytes.len()].copy_from_slice(bytes);
        }
        Ok(())
    }
    fn read(&mut self, stack: Stack, at: u64, out: &mut [u8]) -> Result<(), OutOfStore> {
        out.copy_from_slice(&self.files[stack as usize][at as usize..][..out.len()]);
        Ok(())
    }
}

/// Merges that follow one another write where others have, too.
#[test]
fn a_lost_write_of_any_merge_is_an_error_and_never_a_wrong_count() {
    let seen = Cell::new(0);
    let run = |lost| {
        seen.set(0);
        let store = Losing { files: [vec![], vec![]], lost, seen: &seen };
        let mut job = Job::new(2 << 10).store(store).windows::<[u8], Sum<u64>>(Windowing::tumbling(500), Sum::new())?;
        let mut all = BTreeMap::new();
        for (i, word) in (0..).zip(words(1500)) {
            job.emit_at(i, &word, 1)?;
            if i % 300 == 0 {
                job.advance(i, |window, word, count| {
                    assert_eq!(all.insert((window.start, word.to_vec()), count), None)
                })?;
            }
        }
        job.finish(|window, word, count| assert_eq!(all.insert((window.start, word.to_vec()), count), None))?;
        Ok(all)
    };
    let expected = run(0).unwrap();
    for lost in 1..=seen.get() {
        match run(lost) {
            Ok(counts) => assert!(counts == expected, "write {lost}"),
            Err(Error::Corrupt { .. }) => {}
            Err(other) => panic!("write {lost}: {other}"),
        }
    }
}

/// A disk with room for so many bytes written, whether it says when that is used up or not.
struct Filling {
    store: MemoryStore<Vec<u8>>,
    left: usize,
    silent: bool,
}

impl Store for Filling {
    type Error = OutOfStore;
    fn space(&self) -> Space {
        self.store.space()
    }
    fn write(&mut self, stack: Stack, at: u64, bytes: &[u8]) -> Result<(), OutOfStore> {
        let now = bytes.len().min(self.left);
        self.left -= now;
        self.store.write(stack, at, &bytes[..now])?;
        if now < bytes.len() && !self.silent { self.store.write(stack, u64::MAX, bytes) } else { Ok(()) }
    }
    fn read(&mut self, stack: Stack, at: u64, out: &mut [u8]) -> Result<(), OutOfStore> {
        self.store.read(stack, at, out)
    }
}

#[test]
fn writing_that_ends_at_any_byte_is_an_error_and_never_a_wrong_count() {
    const N: u64 = 400;
    let expected = expected(N);
    let run = |left, silent| count(N, 2 << 10, Filling { store: MemoryStore::new(vec![0; 1 << 16]), left, silent });
    let mut whole = 0;
    for left in 0.. {
        match run(left, false) {
            Err(Error::Store(_)) => {}
            outcome => {
                let (counts, spilled) = outcome.unwrap();
                assert!(counts == expected);
                whole = left;
                assert!(left as u64 >= spilled && spilled > 2000, "{left} bytes suffice, {spilled} were spilled");
                break;
            }
        }
    }
    let mut corrupt = 0;
    for left in 0..whole {
        match run(left, true) {
            // A block whose last bytes are zeros may have lost those, and other bytes none.
            Ok((counts, _)) => assert!(counts == expected, "ended at {left}"),
            Err(Error::Corrupt { .. }) => corrupt += 1,
            Err(other) => panic!("ended at {left}: {other}"),
        }
    }
    assert!(corrupt * 10 > whole * 9, "{corrupt} of {whole} found");
}

#[test]
fn a_job_whose_store_failed_stays_failed() {
    let store = Faulty { store: MemoryStore::new(vec![0; 1 << 20]), fault: Fault::FailWrite, at: 1, seen: 0 };
    let mut job = Job::new(4 << 10).store(store).combine::<[u8], Sum<u64>>(Sum::new()).unwrap();
    let error = words(20_000).find_map(|word| job.emit(&word, 1).err()).unwrap();
    assert!(matches!(error, Error::Store(_)));
    assert_eq!(job.emit(b"a key that was never there", 1), Err(Error::Poisoned));
    assert!(matches!(job.finish().map(|_| ()), Err(Error::Poisoned)));

    let store = Faulty { store: MemoryStore::new(vec![0; 1 << 20]), fault: Fault::FailWrite, at: 1, seen: 0 };
    let mut job = Job::new(4 << 10).store(store).windows::<[u8], Sum<u64>>(Windowing::tumbling(9), Sum::new()).unwrap();
    // Windows whose store failed still have everything: the value that was refused may come again.
    let (mut taken, mut refused) = (0, 0);
    for word in words(20_000) {
        while let Err(error) = job.emit_at(0, &word, 1) {
            assert!(matches!(error, Error::Store(_)));
            refused += 1;
        }
        taken += 1;
    }
    let mut sum = 0;
    job.advance(100, |_, _, count| sum += count).unwrap();
    assert_eq!((sum, refused), (taken, 1));
}

#[test]
fn temporary_files_are_gone_after_a_panic() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    let outcome = std::panic::catch_unwind(|| {
        let job = Job::new(8 << 10).store(TempFiles::within(&path));
        let mut job = job.combine::<[u8], Sum<u64>>(Sum::new()).unwrap();
        words(20_000).for_each(|word| job.emit(&word, 1).unwrap());
        assert!(job.counters().runs > 0);
        panic!("on purpose");
    });
    assert!(outcome.is_err());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    let missing = count(20_000, 8 << 10, TempFiles::within(path.join("missing")));
    assert!(matches!(missing, Err(Error::Store(_))));
}

/// The first eight bytes of a key that are all ones are those of a run that has ended.
#[test]
fn the_greatest_key_outlives_runs_that_have_ended() {
    let store = MemoryStore::new(vec![0; 1 << 20]);
    let mut job = Job::new(4 << 10).store(store).combine::<u64, Sum<u64>>(Sum::new()).unwrap();
    let mut expected = BTreeMap::new();
    for i in 0..20_000u64 {
        // In the last runs only.
        let key = if i > 15_000 && i % 50 == 0 { u64::MAX } else { i % 3001 };
        job.emit(key, 1).unwrap();
        *expected.entry(key).or_insert(0u64) += 1;
    }
    let mut counts = job.finish().unwrap();
    for (key, count) in expected {
        assert_eq!(counts.next().unwrap(), Some((key, count)));
    }
    assert_eq!(counts.next().unwrap(), None);
    assert!(counts.counters().runs > 10);
}

/// Lengths around those that take another byte.
#[test]
fn keys_that_share_many_bytes() {
    for shared in [126, 127, 128, 129, 130, 255, 256, 257, 384] {
        let store = MemoryStore::new(vec![0; 1 << 20]);
        let mut job = Job::new(16 << 10).store(store).combine::<[u8], Sum<u64>>(Sum::new()).unwrap();
        let mut key = vec![b'x'; shared + 1];
        for i in 0..1000usize {
            key[shared] = (i % 250) as u8;
            job.emit(&key, 1).unwrap();
        }
        let mut counts = job.finish().unwrap();
        for last in 0..250 {
            key[shared] = last;
            assert_eq!(counts.next().unwrap(), Some((&key[..], 4)), "{shared} bytes, then {last}");
        }
        assert_eq!(counts.next().unwrap(), None);
        assert!(counts.counters().runs > 0);
    }
}
