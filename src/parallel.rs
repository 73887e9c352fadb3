//! Dividing outputs among threads; a chain of additions is never divided.
//!
//! Without the `rayon` feature, or with one thread, everything here is a plain
//! call. With it, ranges are halved and the halves given to `rayon::join`,
//! which allocates nothing. The thread whose half is done first waits awake.

use core::ops::Range;
#[cfg(feature = "rayon")]
use core::sync::atomic::{AtomicBool, Ordering};

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

/// [`rayon::join`] for parts that take about as long as each other: the thread that is done first stays awake for
/// the next ones.
///
/// Rayon's threads go to sleep some microseconds after their part, and waking takes as long as many of these parts.
#[cfg(feature = "rayon")]
pub(crate) fn join<A: Send, B: Send>(left: impl FnOnce() -> A + Send, right: impl FnOnce() -> B + Send) -> (A, B) {
    let [begun, left_done, right_done] = [const { AtomicBool::new(false) }; 3];
    rayon::join(
        || {
            let result = left();
            left_done.store(true, Ordering::Relaxed);
            // Otherwise this thread has the right part to do.
            if begun.load(Ordering::Relaxed) {
                wait_for(&right_done);
            }
            result
        },
        || {
            begun.store(true, Ordering::Relaxed);
            let result = right();
            right_done.store(true, Ordering::Relaxed);
            wait_for(&left_done);
            result
        },
    )
}

/// Runs `f` on the thread that had the right part of the last [`join`], where its numbers lie in the cache.
#[cfg(feature = "rayon")]
pub(crate) fn on_the_right<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    if rayon::current_num_threads() < 2 {
        return f();
    }
    let begun = AtomicBool::new(false);
    let right = || {
        begun.store(true, Ordering::Relaxed);
        f()
    };
    join(|| wait_for(&begun), right).1
}

/// Waits awake, but only for a while: the other part's thread may have taken on what waits for this one's.
#[cfg(feature = "rayon")]
fn wait_for(flag: &AtomicBool) {
    for i in 1..1 << 13 {
        if flag.load(Ordering::Relaxed) {
            break;
        }
        // Where there are more threads than cores, the other part's may be waiting for this one's core.
        if i % 512 == 0 { std::thread::yield_now() } else { core::hint::spin_loop() }
    }
}
