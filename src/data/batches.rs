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
