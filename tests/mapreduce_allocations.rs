//! A job allocates its budget when it is made, and nothing afterwards.

#![cfg(all(feature = "std", feature = "counting"))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use kernlet::mapreduce::{Emitter, Job, MemoryStore, Sum, TempFiles, Windowing};

thread_local! {
    /// Allocations of this thread, and bytes asked for.
    static ASKED: Cell<(u64, usize)> = const { Cell::new((0, 0)) };
}

struct Counting;

fn count(bytes: usize) {
    // The allocator also runs while a thread ends, when the cell is gone.
    let _ = ASKED.try_with(|asked| asked.set((asked.get().0 + 1, asked.get().1 + bytes)));
}

// SAFETY: every call goes to the system's allocator; counting does not allocate.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps `alloc_zeroed`'s contract.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: the caller keeps `realloc`'s contract.
        unsafe { System.realloc(at, layout, size) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn asked(work: impl FnOnce()) -> (u64, usize) {
    let before = ASKED.get();
    work();
    let after = ASKED.get();
    (after.0 - before.0, after.1 - before.1)
}

fn words() -> impl Iterator<Item = [u8; 12]> {
    (0u64..200_000).map(|i| {
        let mut word = *b"word-xxxxxxx";
        // Skewed towards few words.
        let mut n = (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) % (1 + i % 20_000);
        for place in &mut word[5..] {
            *place = b'a' + (n % 26) as u8;
            n /= 26;
        }
        word
    })
}

#[test]
fn a_job_allocates_its_budget_and_nothing_else() {
    let mut room = vec![0; 4 << 20];
    for budget in [8 << 10, 64 << 10, 1 << 20] {
        let (mut runs, mut merges) = (0, 0);
        let asked = asked(|| {
            let job = Job::new(budget).store(MemoryStore::new(&mut room[..]));
            let mut job = job.combine::<[u8; 12], Sum<u64>>(Sum::new()).unwrap();
            words().for_each(|word| job.emit(word, 1).unwrap());
            let mut counts = job.finish().unwrap();
            let mut sum = 0;
            while let Some((_, count)) = counts.next().unwrap() {
                sum += count;
            }
            assert_eq!(sum, 200_000);
            (runs, merges) = (counts.counters().runs, counts.counters().merges);
            assert!(counts.counters().peak_bytes <= budget as u64);
        });
        assert_eq!(asked, (1, budget), "budget {budget}");
        assert!(budget > 64 << 10 || runs > 10, "{runs} runs and {merges} merges in {budget} bytes");
    }
}

#[test]
fn a_job_in_borrowed_memory_allocates_nothing() {
    let (mut memory, mut room) = (vec![0; 16 << 10], vec![0; 8 << 20]);
    let asked = asked(|| {
        let job = Job::new(&mut memory[1..]).store(MemoryStore::new(&mut room[..]));
        let mut job = job.group::<[u8], [u8]>().unwrap();
        words().for_each(|word| job.emit(&word, &word[6..]).unwrap());
        let mut pairs = job.finish().unwrap();
        let mut n = 0;
        while let Some((key, value)) = pairs.next().unwrap() {
            assert_eq!(key[6..], *value);
            n += 1;
        }
        assert_eq!(n, 200_000);
    });
    assert_eq!(asked, (0, 0));
}

#[test]
fn windows_allocate_their_budget_and_nothing_else() {
    let asked = asked(|| {
        let mut job = Job::new(64 << 10).windows::<u64, Sum<u64>>(Windowing::tumbling(1000), Sum::new()).unwrap();
        let mut sum = 0;
        for time in 0..100_000 {
            job.emit_at(time, time as u64 % 37, 1).unwrap();
            job.advance(time, |_, _, count| sum += count).unwrap();
        }
        job.finish(|_, _, count| sum += count).unwrap();
        assert_eq!(sum, 100_000);
    });
    assert_eq!(asked, (1, 64 << 10));
}

#[test]
fn temporary_files_take_paths_and_nothing_that_grows() {
    let run = |items: usize| {
        asked(|| {
            let mut job = Job::new(8 << 10).store(TempFiles::new()).combine::<[u8; 12], Sum<u64>>(Sum::new()).unwrap();
            words().take(items).for_each(|word| job.emit(word, 1).unwrap());
            let mut counts = job.finish().unwrap();
            while counts.next().unwrap().is_some() {}
            assert!(counts.counters().merges > 0, "both files must be made");
        })
    };
    let (few, many) = (run(50_000), run(200_000));
    assert!(few.1 < (8 << 10) + 4096, "{few:?}");
    assert_eq!(few, many);
}
