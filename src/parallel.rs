//! Dividing outputs among threads; a chain of additions is never divided.
//!
//! Without the `rayon` feature, or with one thread, everything here is a plain
//! call. With it, ranges are halved and the halves given to `rayon::join`,
//! which allocates nothing.

use core::ops::Range;

/// Calls `f(rows, part)` for consecutive parts of `items`, which holds `rows` rows of equal
/// length, on at most `threads` threads, and returns the first error.
///
/// `f` gets the thread's number too (below `threads`), to choose its scratch.
///
/// ```
/// use kernlet::parallel::for_rows;
/// let mut y = [0.0; 12];
/// for_rows(2, 4, &mut y, &|rows, part: &mut [f32], _thread| {
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
    f: &(impl Fn(Range<usize>, &mut [T], usize) -> Result<(), E> + Sync),
) -> Result<(), E> {
    for_rows2(threads, rows, items, &mut [], &|rows, part, _: &mut [()], thread| f(rows, part, thread))
}

/// [`for_rows`] over two outputs with the same rows.
///
/// ```
/// use kernlet::parallel::for_rows2;
/// let (mut y, mut z) = ([0; 4], [0; 8]);
/// for_rows2(2, 4, &mut y, &mut z, &|rows, y, z, _thread| {
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
    f: &(impl Fn(Range<usize>, &mut [T], &mut [U], usize) -> Result<(), E> + Sync),
) -> Result<(), E> {
    #[cfg(feature = "rayon")]
    if threads > 1 && rows > 1 {
        return split(0..rows, 0..threads, first, second, f);
    }
    let _ = threads;
    f(0..rows, first, second, 0)
}

#[cfg(feature = "rayon")]
fn split<T: Send, U: Send, E: Send>(
    rows: Range<usize>,
    threads: Range<usize>,
    first: &mut [T],
    second: &mut [U],
    f: &(impl Fn(Range<usize>, &mut [T], &mut [U], usize) -> Result<(), E> + Sync),
) -> Result<(), E> {
    let count = rows.len();
    if threads.len() <= 1 || count <= 1 {
        return f(rows, first, second, threads.start);
    }
    // Rows in proportion to the threads on each side, so that three threads get a third each.
    let left = threads.len() / 2;
    let middle = count * left / threads.len();
    let (at, thread) = (rows.start + middle, threads.start + left);
    let (first_low, first_high) = first.split_at_mut(first.len() / count * middle);
    let (second_low, second_high) = second.split_at_mut(second.len() / count * middle);
    let (low, high) = rayon::join(
        || split(rows.start..at, threads.start..thread, first_low, second_low, f),
        || split(at..rows.end, thread..threads.end, first_high, second_high, f),
    );
    low.and(high)
}
