//! Embedding: rows of a table by their numbers.
//!
//! ```text
//! y[i] = w[ids[i]]          dw[ids[i]] += dy[i]
//! ```
//!
//! `ids` are of any length (`[n][steps]` of a batch), `w` is `[vocabulary][width]`, `y` is `[ids][width]`.
//!
//! # Numerics
//!
//! Forward copies. A gradient continues from what `dw` holds, in ascending order of `ids`; rows that did not
//! occur are neither read nor written, so that the cost does not depend on the vocabulary.

use core::{fmt, ops::Range};

use super::{ShapeError, check, check_batch};
use crate::simd::{Kernel, Level, Simd};

const NAME: &str = "embedding";

/// The shape of a table.
///
/// ```
/// use kernlet::kernels::embedding::Embedding;
/// assert_eq!(Embedding::new(1000, 16).w_len(), 16_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Embedding {
    /// How many rows there are; numbers count from 0.
    pub vocabulary: usize,
    /// Elements of a row.
    pub width: usize,
}

impl Embedding {
    /// A table of `vocabulary` rows of `width` elements.
    pub const fn new(vocabulary: usize, width: usize) -> Self {
        Self { vocabulary, width }
    }

    /// Whether both sizes are at least 1 and the table can be as long.
    ///
    /// # Errors
    /// The first size that is wrong.
    ///
    /// ```
    /// assert!(kernlet::kernels::embedding::Embedding::new(0, 16).validate().is_err());
    /// ```
    pub const fn validate(&self) -> Result<(), ShapeError> {
        const MOST: usize = isize::MAX as usize / size_of::<f32>();
        if self.vocabulary == 0 {
            return Err(ShapeError::at_least(NAME, "vocabulary", 1, 0));
        }
        if self.width == 0 {
            return Err(ShapeError::at_least(NAME, "width", 1, 0));
        }
        match self.vocabulary.checked_mul(self.width) {
            Some(len) if len <= MOST => Ok(()),
            _ => Err(ShapeError::at_most(NAME, "w", MOST, usize::MAX)),
        }
    }

    /// The length of `w`.
    pub const fn w_len(&self) -> usize {
        self.vocabulary * self.width
    }

    /// The door: every number names a row.
    fn check<I: Index>(&self, ids: &[I], y: (&'static str, &[f32])) -> Result<(), IndexError> {
        self.validate()?;
        check_batch(NAME, y.0, y.1, ids.len(), self.width)?;
        self.check_ids(ids)
    }

    fn check_ids<I: Index>(&self, ids: &[I]) -> Result<(), IndexError> {
        for (position, &id) in ids.iter().enumerate() {
            let index = id.into();
            if index as usize >= self.vocabulary {
                return Err(IndexError::Index { position, index, vocabulary: self.vocabulary });
            }
        }
        Ok(())
    }
}

/// A number of a row: `u8`, `u16` or `u32`.
///
/// ```
/// fn widest<I: kernlet::kernels::embedding::Index>(id: I) -> u32 {
///     id.into()
/// }
/// assert_eq!(widest(7_u8), widest(7_u32));
/// ```
pub trait Index: Copy + Into<u32> {}

impl Index for u8 {}
impl Index for u16 {}
impl Index for u32 {}

/// Why rows could not be looked up.
///
/// ```
/// use kernlet::kernels::embedding::{Embedding, IndexError, forward_into};
/// let error = forward_into(&Embedding::new(2, 1), &[0_u16, 2], &[5.0, 6.0], &mut [0.0; 2]).unwrap_err();
/// assert_eq!(error, IndexError::Index { position: 1, index: 2, vocabulary: 2 });
/// assert_eq!(error.to_string(), "embedding: index 2 at position 1 is not below the vocabulary, 2");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum IndexError {
    /// A slice has the wrong length.
    Shape(ShapeError),
    /// A number names no row.
    Index {
        /// Where it is in `ids`.
        position: usize,
        /// The number.
        index: u32,
        /// How many rows there are.
        vocabulary: usize,
    },
}

impl fmt::Display for IndexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(error) => error.fmt(f),
            Self::Index { position, index, vocabulary } => {
                write!(f, "{NAME}: index {index} at position {position} is not below the vocabulary, {vocabulary}")
            }
        }
    }
}

impl core::error::Error for IndexError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Shape(error) => Some(error),
            Self::Index { .. } => None,
        }
    }
}

impl From<ShapeError> for IndexError {
    fn from(error: ShapeError) -> Self {
        Self::Shape(error)
    }
}

/// `y[i] = w[ids[i]]`.
///
/// # Errors
/// [`IndexError`] if a length does not fit or a number names no row; nothing is written then.
///
/// ```
/// use kernlet::kernels::embedding::{Embedding, forward_into};
/// let mut y = [f32::NAN; 4];
/// forward_into(&Embedding::new(3, 2), &[2_u8, 0], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], &mut y)?;
/// assert_eq!(y, [4.0, 5.0, 0.0, 1.0]);
/// # Ok::<(), kernlet::kernels::embedding::IndexError>(())
/// ```
pub fn forward_into<I: Index>(shape: &Embedding, ids: &[I], w: &[f32], y: &mut [f32]) -> Result<(), IndexError> {
    shape.check(ids, ("y", y))?;
    check(NAME, "w", w, shape.w_len())?;
    for (&id, y) in ids.iter().zip(y.chunks_exact_mut(shape.width.max(1))) {
        let at = id.into() as usize * shape.width;
        if let Some(row) = w.get(at..at + shape.width).filter(|row| row.len() == y.len()) {
            y.copy_from_slice(row);
        }
    }
    Ok(())
}

struct Acc<'a, I> {
    width: usize,
    first: usize,
    ids: &'a [I],
    dy: &'a [f32],
    dw: &'a mut [f32],
}

impl<I: Index> Kernel for Acc<'_, I> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (&id, dy) in self.ids.iter().zip(self.dy.chunks_exact(self.width.max(1))) {
            // Rows before the first wrap to places that no slice has.
            let at = (id.into() as usize).wrapping_sub(self.first).saturating_mul(self.width);
            let row = self.dw.get_mut(at..at.saturating_add(self.width)).unwrap_or_default();
            for (dy, row) in dy.chunks(S::LANES).zip(row.chunks_mut(S::LANES)) {
                s.store_first(s.add(s.load_first(row), s.load_first(dy)), row);
            }
        }
    }
}

/// `dw[ids[i]] += dy[i]`: adds to those of some rows that occurred.
///
/// `rows` are rows of the table, and `dw_rows` holds these rows alone.
///
/// # Errors
/// [`IndexError`] if a length does not fit, `rows` are not inside the table or a number names no row; nothing is written
/// then.
///
/// ```
/// use kernlet::{kernels::embedding::{Embedding, backward_acc}, simd::Level};
/// let mut dw = [0.0, f32::NAN, 1.0];
/// backward_acc(Level::detect(), &Embedding::new(3, 1), &[2_u8, 0, 2], &[1.0, 2.0, 4.0], 0..3, &mut dw)?;
/// assert!(dw[0] == 2.0 && dw[1].is_nan() && dw[2] == 6.0);
/// # Ok::<(), kernlet::kernels::embedding::IndexError>(())
/// ```
pub fn backward_acc<I: Index>(
    level: Level,
    shape: &Embedding,
    ids: &[I],
    dy: &[f32],
    rows: Range<usize>,
    dw_rows: &mut [f32],
) -> Result<(), IndexError> {
    shape.check(ids, ("dy", dy))?;
    if rows.end > shape.vocabulary || rows.start > rows.end {
        return Err(ShapeError::at_most(NAME, "rows", shape.vocabulary, rows.end.max(rows.start)).into());
    }
    check(NAME, "dw_rows", dw_rows, (rows.end - rows.start) * shape.width)?;
    level.dispatch(Acc { width: shape.width, first: rows.start, ids, dy, dw: dw_rows });
    Ok(())
}

/// `dw[ids[i]] = 0`: what must be 0 before [`backward_acc`], without touching the rest of a large table.
///
/// # Errors
/// [`IndexError`] if a length does not fit or a number names no row; nothing is written then.
///
/// ```
/// use kernlet::kernels::embedding::{Embedding, clear};
/// let mut dw = [1.0, 2.0, 3.0];
/// clear(&Embedding::new(3, 1), &[2_u8, 0], &mut dw)?;
/// assert_eq!(dw, [0.0, 2.0, 0.0]);
/// # Ok::<(), kernlet::kernels::embedding::IndexError>(())
/// ```
pub fn clear<I: Index>(shape: &Embedding, ids: &[I], dw: &mut [f32]) -> Result<(), IndexError> {
    shape.validate()?;
    check(NAME, "dw", dw, shape.w_len())?;
    shape.check_ids(ids)?;
    for &id in ids {
        let at = id.into() as usize * shape.width;
        dw.get_mut(at..at + shape.width).unwrap_or_default().fill(0.0);
    }
    Ok(())
}
