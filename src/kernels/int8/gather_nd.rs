//! Rows of a tensor, each named by an index into its first axes. Values are copied, whatever their type.
//!
//! ```text
//! y[i][·] = x[indices[i][0]][indices[i][1]]…[·]
//! ```

use super::{MAX_RANK, ShapeError, check, check_batch, div, rem};

const NAME: &str = "gather_nd";

/// The axes that an index has a number for, and the rows after them.
///
/// ```
/// use kernlet::kernels::int8::gather_nd::GatherNd;
/// // Pixels of 3 channels of an image of 4 × 5.
/// let pixels = GatherNd::new(&[4, 5], 3)?;
/// assert_eq!((pixels.x_len(), pixels.axes()), (60, 2));
/// assert!(GatherNd::new(&[], 3).is_err());
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct GatherNd {
    sizes: [usize; MAX_RANK],
    axes: usize,
    inner: usize,
    x_len: usize,
}

impl GatherNd {
    /// For an input `[sizes…][inner]`.
    ///
    /// # Errors
    /// If there is no axis, there are more than [`MAX_RANK`], or the length overflows.
    pub const fn new(sizes: &[usize], inner: usize) -> Result<Self, ShapeError> {
        if sizes.is_empty() {
            return Err(ShapeError::at_least(NAME, "axes", 1, 0));
        }
        if sizes.len() > MAX_RANK {
            return Err(ShapeError::at_most(NAME, "axes", MAX_RANK, sizes.len()));
        }
        let mut shape = Self { sizes: [1; MAX_RANK], axes: sizes.len(), inner, x_len: inner };
        let mut axis = 0;
        while axis < sizes.len() {
            shape.sizes[axis] = sizes[axis];
            shape.x_len = match shape.x_len.checked_mul(sizes[axis]) {
                Some(len) => len,
                None => return Err(ShapeError::at_most(NAME, "x", isize::MAX as usize, usize::MAX)),
            };
            axis += 1;
        }
        Ok(shape)
    }

    /// The length of the input.
    pub const fn x_len(&self) -> usize {
        self.x_len
    }

    /// How many numbers an index has.
    pub const fn axes(&self) -> usize {
        self.axes
    }

    /// Which row an index names, if it exists.
    #[inline(always)]
    fn row(&self, index: &[[u8; 4]]) -> Option<usize> {
        index.iter().zip(&self.sizes).try_fold(0_usize, |row, (&at, &size)| {
            let at = usize::try_from(i32::from_le_bytes(at)).ok().filter(|&at| at < size)?;
            row.checked_mul(size)?.checked_add(at)
        })
    }
}

/// Overwrites `y`, `[n][inner]`, with the rows of `x` that `indices`, `[n][axes]`, name: integers of 32 bits,
/// little-endian. An index out of range gives zeros.
///
/// # Errors
/// If a slice has the wrong length; nothing is written then.
///
/// ```
/// use kernlet::kernels::int8::gather_nd::{self, GatherNd};
/// let indices = [1, 0, 0, 1, 0, 2].map(i32::to_le_bytes); // (1, 0), (0, 1) and one that there is not
/// let mut y = [99; 3];
/// gather_nd::gather_nd_into(&GatherNd::new(&[2, 2], 1)?, &[1, 2, 3, 4], &indices, &mut y)?;
/// assert_eq!(y, [3, 2, 0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn gather_nd_into<T: Copy + Default>(
    shape: &GatherNd,
    x: &[T],
    indices: &[[u8; 4]],
    y: &mut [T],
) -> Result<(), ShapeError> {
    let GatherNd { axes, inner, x_len, .. } = *shape;
    check(NAME, "x", x, x_len)?;
    if rem(indices.len(), axes) != 0 {
        return Err(ShapeError::multiple_of(NAME, "indices", axes, indices.len()));
    }
    check_batch(NAME, "y", y, div(indices.len(), axes), inner)?;
    for (index, y) in indices.chunks_exact(axes.max(1)).zip(y.chunks_exact_mut(inner.max(1))) {
        let row = shape.row(index).and_then(|row| x.get(row.checked_mul(inner)?..)?.get(..inner));
        match row {
            // Not `copy_from_slice`: firmware links no panic.
            Some(row) => y.iter_mut().zip(row).for_each(|(y, &x)| *y = x),
            None => y.fill(T::default()),
        }
    }
    Ok(())
}
