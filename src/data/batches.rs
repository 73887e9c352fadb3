//! The order in which an epoch shows its examples, and batches in that order.
//!
//! The order is a function of the seed and the epoch alone: an epoch that is
//! taken up in its middle goes on as if it had never been left.

use crate::kernels::{ShapeError, check};

/// Writes the order of `epoch`: a permutation of `0..order.len()`.
///
/// At most 2³² examples; those past them stay where they are.
///
/// ```
/// use kernlet::data::batches::epoch_order;
/// let (mut order, mut again) = ([0; 100], [0; 100]);
/// epoch_order(42, 3, &mut order);
/// epoch_order(42, 3, &mut again);
/// assert_eq!(order, again);
/// epoch_order(42, 4, &mut again);
/// assert_ne!(order, again);
/// order.sort();
/// assert!(order.into_iter().eq(0..100));
/// ```
pub fn epoch_order(seed: u64, epoch: u32, order: &mut [u32]) {
    for (place, index) in order.iter_mut().zip(0..) {
        *place = index;
    }
    super::stream(seed, *b"shuf", epoch).shuffle(order);
}

/// An order of `0..len` that takes no memory: each place is computed when it is asked for.
///
/// A permutation of the numbers below a power of four, of at least 64, by six rounds of a Feistel network (Luby,
/// Rackoff: *How to construct pseudorandom permutations from pseudorandom functions*, 1988) whose functions are words of
/// [`random::Stream`](crate::random::Stream); it is applied again until the number is below `len` (Black, Rogaway:
/// *Ciphers with arbitrary finite domains*, 2002, cycle walking).
///
/// ```
/// use kernlet::data::batches::Shuffle;
/// let order = Shuffle::new(42, 3, 100);
/// let mut seen: Vec<usize> = (0..100).map(|place| order.at(place)).collect();
/// assert_ne!(seen, (0..100).collect::<Vec<_>>());
/// seen.sort();
/// assert_eq!(seen, (0..100).collect::<Vec<_>>());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shuffle {
    stream: Option<crate::random::Stream>,
    len: usize,
    /// Bits of half a number.
    half: u32,
}

impl Shuffle {
    /// The order of `epoch` under `seed`.
    pub const fn new(seed: u64, epoch: u32, len: usize) -> Self {
        Self::of(super::stream(seed, *b"perm", epoch), len)
    }

    /// The order in which samples are held out under `seed`.
    pub const fn held_out(seed: u64, len: usize) -> Self {
        Self::of(super::stream(seed, *b"hold", 0), len)
    }

    /// `0..len` as it is.
    pub const fn none(len: usize) -> Self {
        Self { stream: None, len, half: 0 }
    }

    const fn of(stream: crate::random::Stream, len: usize) -> Self {
        // A few bits more than a short order needs, for there are few permutations of two bits by this rule.
        let mut half = 3;
        while half < usize::BITS / 2 && 1 << (2 * half) < len {
            half += 1;
        }
        Self { stream: Some(stream), len, half }
    }

    /// What is at `place`; `place` itself past the end.
    pub fn at(&self, place: usize) -> usize {
        let Some(stream) = self.stream else { return place };
        if place >= self.len {
            return place;
        }
        let mask = (1 << self.half) - 1;
        let mut number = place;
        // The permutation leads back to `place`, which is below `len`, so this ends.
        loop {
            let (mut left, mut right) = (number >> self.half, number & mask);
            for round in 0..6 {
                let word = stream.u32_at(round << 32 | right as u64) as usize;
                (left, right) = (right, left ^ word & mask);
            }
            number = left << self.half | right;
            if number < self.len {
                return number;
            }
        }
    }
}

/// Copies the rows that `indices` names, one after the other.
///
/// `source` has rows of `row_len` elements; `batch` has `indices.len()` of them.
///
/// # Errors
/// [`ShapeError`] if `batch` has another length, or an index is past the last row.
///
/// ```
/// use kernlet::data::batches::gather_into;
/// let mut batch = [0; 4];
/// gather_into(&[10, 11, 20, 21, 30, 31], 2, &[2, 0], &mut batch)?;
/// assert_eq!(batch, [30, 31, 10, 11]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn gather_into<T: Copy>(source: &[T], row_len: usize, indices: &[u32], batch: &mut [T]) -> Result<(), ShapeError> {
    check("gather", "batch", batch, indices.len().saturating_mul(row_len))?;
    let rows = source.len().checked_div(row_len).unwrap_or(usize::MAX);
    let row = |index: u32| usize::try_from(index).ok().filter(|&index| index < rows);
    if let Some(&outside) = indices.iter().find(|&&index| row(index).is_none()) {
        let found = usize::try_from(outside).unwrap_or(usize::MAX);
        return Err(ShapeError::new("gather", "indices", rows, found));
    }
    if row_len == 0 {
        return Ok(());
    }
    for (to, row) in batch.chunks_exact_mut(row_len).zip(indices.iter().filter_map(|&index| row(index))) {
        to.copy_from_slice(&source[row * row_len..(row + 1) * row_len]);
    }
    Ok(())
}
