//! Dividing outputs among threads; a chain of additions is never divided.
//!
//! Without the `rayon` feature, or with one thread, everything here is a plain
//! call. With it, ranges are halved and the halves given to `rayon::join`,
//! which allocates nothing. The thread whose half is done first waits awake, but
//! not for long: where a half takes much longer than the other, somebody else
//! needs its core. What follows is then done by one thread for a while, and so it
//! is where dividing takes longer than it saves.

use core::ops::Range;
#[cfg(feature = "rayon")]
use core::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
#[cfg(feature = "rayon")]
use std::sync::OnceLock;
#[cfg(feature = "rayon")]
use std::time::Instant;

/// Calls `f(rows, part)` for consecutive parts of `items`, which holds `rows` rows of equal
/// length, on at most `threads` threads, and returns the first error.
///
/// ```
/// use kernlet::parallel::for_rows;
/// let mut y = [0.0; 12];
/// for_rows(2, 4, &mut y, &|rows, part: &mut [f32]| {
///     for (row, part) in rows.zip(part.chunks_exact_mut(3)) {
///         part.fill(row as f32);
///     }
///     Ok::<(), ()>(())
/// })?;
/// assert_eq!(y, [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0]);
/// # Ok::<(), ()>(())
/// ```
#[inline]
pub fn for_rows<T: Send, E: Send>(
    threads: usize,
    rows: usize,
    items: &mut [T],
    f: &(impl Fn(Range<usize>, &mut [T]) -> Result<(), E> + Sync),
) -> Result<(), E> {
    for_rows2(threads, rows, items, &mut [], &|rows, part, _: &mut [()]| f(rows, part))
}

/// [`for_rows`] over two outputs with the same rows.
///
/// ```
/// use kernlet::parallel::for_rows2;
/// let (mut y, mut z) = ([0; 4], [0; 8]);
/// for_rows2(2, 4, &mut y, &mut z, &|rows, y, z| {
///     y.fill(rows.start);
///     z.fill(rows.end);
///     Ok::<(), ()>(())
/// })?;
/// assert_eq!(z[7], 4);
/// # Ok::<(), ()>(())
/// ```
#[inline]
pub fn for_rows2<T: Send, U: Send, E: Send>(
    threads: usize,
    rows: usize,
    first: &mut [T],
    second: &mut [U],
    f: &(impl Fn(Range<usize>, &mut [T], &mut [U]) -> Result<(), E> + Sync),
) -> Result<(), E> {
    #[cfg(feature = "rayon")]
    if threads > 1 && rows > 1 {
        return split(0..rows, threads, first, second, &|len, (rows, left), _| len / rows * left, f);
    }
    let _ = threads;
    f(0..rows, first, second)
}

/// [`for_rows`] with a scratch for each thread: `scratch` holds `threads` parts of equal length.
///
/// ```
/// use kernlet::parallel::for_rows_with_scratch;
/// let (mut y, mut scratch) = ([0; 4], [0; 6]);
/// for_rows_with_scratch(2, 4, &mut y, &mut scratch, &|_rows, y, scratch: &mut [i32]| {
///     y.fill(scratch.len());
///     Ok::<(), ()>(())
/// })?;
/// assert!(y[0] >= 3);
/// # Ok::<(), ()>(())
/// ```
#[inline]
pub fn for_rows_with_scratch<T: Send, U: Send, E: Send>(
    threads: usize,
    rows: usize,
    items: &mut [T],
    scratch: &mut [U],
    f: &(impl Fn(Range<usize>, &mut [T], &mut [U]) -> Result<(), E> + Sync),
) -> Result<(), E> {
    #[cfg(feature = "rayon")]
    if threads > 1 && rows > 1 {
        return split(0..rows, threads, items, scratch, &|len, _, (threads, left)| len / threads * left, f);
    }
    let _ = threads;
    f(0..rows, items, scratch)
}

/// [`for_rows2`] with a scratch for each thread: `scratch` holds `threads` parts of equal length.
///
/// ```
/// use kernlet::parallel::for_rows2_with_scratch;
/// let (mut y, mut z, mut scratch) = ([0; 4], [0; 8], [0; 6]);
/// for_rows2_with_scratch(2, 4, &mut y, &mut z, &mut scratch, &|rows, y, z, scratch: &mut [i32]| {
///     y.fill(scratch.len());
///     z.fill(rows.end);
///     Ok::<(), ()>(())
/// })?;
/// assert!(y[0] >= 3 && z[7] == 4);
/// # Ok::<(), ()>(())
/// ```
#[inline]
pub fn for_rows2_with_scratch<T: Send, U: Send, V: Send, E: Send>(
    threads: usize,
    rows: usize,
    first: &mut [T],
    second: &mut [U],
    scratch: &mut [V],
    f: &(impl Fn(Range<usize>, &mut [T], &mut [U], &mut [V]) -> Result<(), E> + Sync),
) -> Result<(), E> {
    #[cfg(feature = "rayon")]
    if threads > 1 && rows > 1 {
        return split_with_scratch(0..rows, threads, (first, second, scratch), f);
    }
    let _ = threads;
    f(0..rows, first, second, scratch)
}

/// As [`split`], with two slices cut by rows and one by threads.
#[cfg(feature = "rayon")]
fn split_with_scratch<T: Send, U: Send, V: Send, E: Send>(
    rows: Range<usize>,
    threads: usize,
    (first, second, scratch): (&mut [T], &mut [U], &mut [V]),
    f: &(impl Fn(Range<usize>, &mut [T], &mut [U], &mut [V]) -> Result<(), E> + Sync),
) -> Result<(), E> {
    let count = rows.len();
    if count == 0 {
        return Ok(());
    }
    if threads <= 1 || count == 1 {
        return f(rows, first, second, scratch);
    }
    let left = threads / 2;
    let middle = count * left / threads;
    let at = rows.start + middle;
    let (first_low, first_high) = first.split_at_mut(first.len() / count * middle);
    let (second_low, second_high) = second.split_at_mut(second.len() / count * middle);
    let (scratch_low, scratch_high) = scratch.split_at_mut(scratch.len() / threads * left);
    let (low, high) = join(
        || split_with_scratch(rows.start..at, left, (first_low, second_low, scratch_low), f),
        || split_with_scratch(at..rows.end, threads - left, (first_high, second_high, scratch_high), f),
    );
    low.and(high)
}

/// [`for_rows2_with_scratch`] with three slices that are cut by rows.
pub(crate) fn for_rows3_with_scratch<T: Send, E: Send>(
    threads: usize,
    rows: usize,
    slices: [&mut [T]; 3],
    scratch: &mut [T],
    f: &(impl Fn(Range<usize>, [&mut [T]; 3], &mut [T]) -> Result<(), E> + Sync),
) -> Result<(), E> {
    #[cfg(feature = "rayon")]
    if threads > 1 && rows > 1 {
        return split3_with_scratch(0..rows, threads, slices, scratch, f);
    }
    let _ = threads;
    f(0..rows, slices, scratch)
}

/// As [`split_with_scratch`], with three slices cut by rows; of at least one row.
#[cfg(feature = "rayon")]
fn split3_with_scratch<T: Send, E: Send>(
    rows: Range<usize>,
    threads: usize,
    slices: [&mut [T]; 3],
    scratch: &mut [T],
    f: &(impl Fn(Range<usize>, [&mut [T]; 3], &mut [T]) -> Result<(), E> + Sync),
) -> Result<(), E> {
    let count = rows.len();
    if threads <= 1 || count <= 1 {
        return f(rows, slices, scratch);
    }
    let left = threads / 2;
    let middle = count * left / threads;
    let at = rows.start + middle;
    let [first, second, third] = slices.map(|slice| {
        let middle = slice.len() / count * middle;
        slice.split_at_mut(middle)
    });
    let (scratch_low, scratch_high) = scratch.split_at_mut(scratch.len() / threads * left);
    let (low, high) = ([first.0, second.0, third.0], [first.1, second.1, third.1]);
    let (low, high) = join(
        || split3_with_scratch(rows.start..at, left, low, scratch_low, f),
        || split3_with_scratch(at..rows.end, threads - left, high, scratch_high, f),
    );
    low.and(high)
}

/// Calls `f` for consecutive ranges of `0..count`, cut at multiples of `unit`, on at most `threads` threads.
#[cfg(feature = "rayon")]
pub(crate) fn for_ranges(threads: usize, count: usize, unit: usize, f: &(impl Fn(Range<usize>) + Sync)) {
    fn halve(threads: usize, units: Range<usize>, f: &(impl Fn(Range<usize>) + Sync)) {
        if threads <= 1 || units.len() <= 1 {
            return f(units);
        }
        let left = threads / 2;
        let middle = units.start + units.len() * left / threads;
        join(|| halve(left, units.start..middle, f), || halve(threads - left, middle..units.end, f));
    }
    halve(threads, 0..count.div_ceil(unit), &|units: Range<usize>| {
        if !units.is_empty() {
            f(units.start * unit..count.min(units.end * unit));
        }
    });
}

/// Halves the threads, and the rows in proportion, so that three threads get a third each.
/// `cut(len, (rows, left rows), (threads, left threads))` is how much of the second slice goes left.
#[cfg(feature = "rayon")]
fn split<T: Send, U: Send, E: Send>(
    rows: Range<usize>,
    threads: usize,
    first: &mut [T],
    second: &mut [U],
    cut: &(impl Fn(usize, (usize, usize), (usize, usize)) -> usize + Sync),
    f: &(impl Fn(Range<usize>, &mut [T], &mut [U]) -> Result<(), E> + Sync),
) -> Result<(), E> {
    let count = rows.len();
    if count == 0 {
        return Ok(());
    }
    if threads <= 1 || count == 1 {
        return f(rows, first, second);
    }
    let left = threads / 2;
    let middle = count * left / threads;
    let at = rows.start + middle;
    let (first_low, first_high) = first.split_at_mut(first.len() / count * middle);
    let (second_low, second_high) = second.split_at_mut(cut(second.len(), (count, middle), (threads, left)));
    let (low, high) = join(
        || split(rows.start..at, left, first_low, second_low, cut, f),
        || split(at..rows.end, threads - left, first_high, second_high, cut, f),
    );
    low.and(high)
}

/// Nanoseconds that a thread whose part is done waits awake for the left part's, at the least: the next parts come soon.
#[cfg(feature = "rayon")]
const RIGHT_WAITS: u64 = 500_000;
/// Nanoseconds that the left part's thread waits awake, besides half of the time that its own part took.
#[cfg(feature = "rayon")]
const LEFT_WAITS: u64 = 100_000;
/// Nanoseconds in which a thread that is awake begins with a part.
#[cfg(feature = "rayon")]
const BEGINS: u64 = 50_000;
/// What one wait counts as lost, at the most: behind it may be work of somebody else that the thread took on.
#[cfg(feature = "rayon")]
const MOST_LOST: u64 = 10_000_000;
/// Nanoseconds that dividing may have cost altogether before it is left off, and how many of those that it saved are
/// remembered: what long parts save, short ones between them may cost.
#[cfg(feature = "rayon")]
const BALANCE: [i64; 2] = [20_000, -10_000_000];
/// How many times as long as was lost one thread works alone: at first, and where that keeps happening.
#[cfg(feature = "rayon")]
const ALONE: [u64; 2] = [4, 64];

/// Until when one thread works alone, how long that is, and the factor of it.
#[cfg(feature = "rayon")]
static GIVING_WAY: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// Nanoseconds that dividing has cost so far; below zero, that it has saved.
#[cfg(feature = "rayon")]
static COST: AtomicI64 = AtomicI64::new(0);

/// Nanoseconds since the first call.
#[cfg(feature = "rayon")]
fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Whether a core was missing a moment ago, so that dividing would wait for it again.
#[cfg(feature = "rayon")]
fn is_crowded(now: u64) -> bool {
    now < GIVING_WAY[0].load(Ordering::Relaxed)
}

/// Notes that so many nanoseconds went by while the other part's thread had no core. Threads that do so at once may
/// overwrite what the others noted, which is as good.
#[cfg(feature = "rayon")]
fn give_way(now: u64, lost: u64) {
    let [until, length, factor] = &GIVING_WAY;
    let soon = now < until.load(Ordering::Relaxed).saturating_add(8 * length.load(Ordering::Relaxed));
    let times = if soon { (2 * factor.load(Ordering::Relaxed)).clamp(ALONE[0], ALONE[1]) } else { ALONE[0] };
    let alone = times * lost.min(MOST_LOST);
    factor.store(times, Ordering::Relaxed);
    length.store(alone, Ordering::Relaxed);
    until.store(now + alone, Ordering::Relaxed);
}

/// Notes that parts which took `alone` nanoseconds, each by itself, took `divided` together.
#[cfg(feature = "rayon")]
fn account(now: u64, alone: u64, divided: u64) {
    let [most, least] = BALANCE;
    let cost = COST.load(Ordering::Relaxed) + divided.min(alone + MOST_LOST) as i64 - alone as i64;
    if cost > most {
        give_way(now, cost.unsigned_abs());
    }
    COST.store(if cost > most { 0 } else { cost.max(least) }, Ordering::Relaxed);
}

/// [`rayon::join`] for parts that take about as long as each other: the thread that is done first stays awake for
/// the next ones.
///
/// Rayon's threads go to sleep some microseconds after their part, and waking takes as long as many of these parts.
/// But where the other part's thread has no core, because another process or another pool's thread has it, what waits
/// awake may be in its way, and each part begun there is waited for as long as the scheduler lets others run: some
/// milliseconds. So a wait that takes too long ends in sleep, and the next parts are done one after the other.
#[cfg(feature = "rayon")]
pub(crate) fn join<A: Send, B: Send>(left: impl FnOnce() -> A + Send, right: impl FnOnce() -> B + Send) -> (A, B) {
    let start = now();
    if is_crowded(start) {
        return (left(), right());
    }
    let [begun, left_done, right_done] = [const { AtomicBool::new(false) }; 3];
    let [waited_from, took] = [const { AtomicU64::new(0) }; 2];
    let results = rayon::join(
        || {
            let start = now();
            let result = left();
            left_done.store(true, Ordering::Relaxed);
            let end = now();
            // Otherwise this thread has the right part to do.
            if begun.load(Ordering::Relaxed) && !wait_for(&right_done, LEFT_WAITS + (end - start) / 2) {
                waited_from.store(end, Ordering::Relaxed);
            }
            took.fetch_add(end - start, Ordering::Relaxed);
            result
        },
        || {
            begun.store(true, Ordering::Relaxed);
            let start = now();
            let result = right();
            right_done.store(true, Ordering::Relaxed);
            let length = now() - start;
            took.fetch_add(length, Ordering::Relaxed);
            wait_for(&left_done, RIGHT_WAITS.max(length / 2));
            result
        },
    );
    let (end, from) = (now(), waited_from.load(Ordering::Relaxed));
    if from > 0 {
        give_way(end, end - from);
    } else {
        account(end, took.load(Ordering::Relaxed), end - start);
    }
    results
}

/// Runs `f` on the thread that had the right part of the last [`join`], where its numbers lie in the cache, if that
/// thread is still awake.
#[cfg(feature = "rayon")]
pub(crate) fn on_the_right<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    if rayon::current_num_threads() < 2 || is_crowded(now()) {
        return f();
    }
    let [begun, done] = [const { AtomicBool::new(false) }; 2];
    let left = || {
        // Otherwise this thread does it.
        if wait_for(&begun, BEGINS) {
            wait_for(&done, RIGHT_WAITS);
        } else {
            account(now(), 0, BEGINS);
        }
    };
    let right = || {
        begun.store(true, Ordering::Relaxed);
        let result = f();
        done.store(true, Ordering::Relaxed);
        result
    };
    rayon::join(left, right).1
}

/// Waits awake for so many nanoseconds at the most; whether what it waited for came.
#[cfg(feature = "rayon")]
fn wait_for(flag: &AtomicBool, most: u64) -> bool {
    let mut until = None;
    loop {
        for _ in 0..64 {
            if flag.load(Ordering::Relaxed) {
                return true;
            }
            core::hint::spin_loop();
        }
        let now = now();
        if now > *until.get_or_insert(now + most) {
            return false;
        }
    }
}

#[cfg(all(test, feature = "rayon"))]
mod tests {
    use super::*;

    /// Numbers rows on two levels of threads, and checks that each was done once.
    fn number_rows() {
        let (mut y, mut z) = ([0; 64], [0; 128]);
        for_rows2(5, 64, &mut y, &mut z, &|rows, y, z| {
            for ((row, y), z) in rows.zip(y).zip(z.chunks_exact_mut(2)) {
                *y += row;
                on_the_right(|| z.fill(row));
            }
            Ok::<(), ()>(())
        })
        .unwrap();
        assert!(y.iter().enumerate().all(|(row, &y)| y == row));
        assert!(z.iter().enumerate().all(|(i, &z)| z == i / 2));
    }

    #[test]
    fn what_costs_more_than_it_saves_is_left_off_for_a_while() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
        pool.install(|| {
            for _ in 0..20 {
                number_rows();
                let now = now();
                account(now, 0, MOST_LOST + BALANCE[0].unsigned_abs() + 1);
                // What long parts saved before is used up, or this was enough.
                account(now, 0, MOST_LOST);
                assert!(is_crowded(now), "twenty milliseconds were lost");
                number_rows();
            }
            rayon::scope(|scope| (0..8).for_each(|_| scope.spawn(|_| (0..20).for_each(|_| number_rows()))));
        });
    }

    #[test]
    fn a_wait_ends() {
        let start = now();
        assert!(wait_for(&AtomicBool::new(true), 0));
        assert!(!wait_for(&AtomicBool::new(false), 1_000));
        assert!(now() >= start + 1_000);
    }
}
