//! Padding of any axes with a value: for integers the zero point. Values are copied, whatever their type.

use super::{MAX_RANK, ShapeError, check};

const NAME: &str = "pad";

/// The sizes of an input and how many elements go before and after each axis.
///
/// ```
/// use kernlet::kernels::int8::pad::Pad;
/// let pad = Pad::new(&[2, 3], &[[0, 0], [1, 2]])?;
/// assert_eq!((pad.x_len(), pad.y_len()), (6, 12));
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Pad {
    // The last axis comes last; axes before the first have one element.
    sizes: [usize; MAX_RANK],
    around: [[usize; 2]; MAX_RANK],
    x_len: usize,
    y_len: usize,
}

impl Pad {
    /// Elements before and after each axis.
    ///
    /// # Errors
    /// If there are more than [`MAX_RANK`] axes, not as many pairs as axes, or a length overflows.
    pub const fn new(sizes: &[usize], around: &[[usize; 2]]) -> Result<Self, ShapeError> {
        let rank = sizes.len();
        if rank > MAX_RANK {
            return Err(ShapeError::at_most(NAME, "axes", MAX_RANK, rank));
        }
        if around.len() != rank {
            return Err(ShapeError::new(NAME, "pairs", rank, around.len()));
        }
        let mut pad = Self { sizes: [1; MAX_RANK], around: [[0; 2]; MAX_RANK], x_len: 1, y_len: 1 };
        let mut axis = 0;
        while axis < rank {
            let to = MAX_RANK - rank + axis;
            pad.sizes[to] = sizes[axis];
            pad.around[to] = around[axis];
            let padded = around[axis][0].saturating_add(around[axis][1]).saturating_add(sizes[axis]);
            let (Some(x_len), Some(y_len)) = (pad.x_len.checked_mul(sizes[axis]), pad.y_len.checked_mul(padded)) else {
                return Err(ShapeError::at_most(NAME, "length", isize::MAX as usize, usize::MAX));
            };
            (pad.x_len, pad.y_len) = (x_len, y_len);
            axis += 1;
        }
        Ok(pad)
    }

    /// The length of the input.
    pub const fn x_len(&self) -> usize {
        self.x_len
    }

    /// The length of the output.
    pub const fn y_len(&self) -> usize {
        self.y_len
    }
}

/// Overwrites `y` with `value` around `x`.
///
/// # Errors
/// If a slice has the wrong length; nothing is written then.
///
/// ```
/// use kernlet::kernels::int8::pad::{self, Pad};
/// let mut y = [99; 8];
/// pad::pad_into(&Pad::new(&[2, 2], &[[0, 0], [1, 1]])?, -1, &[1, 2, 3, 4], &mut y)?;
/// assert_eq!(y, [-1, 1, 2, -1, -1, 3, 4, -1]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn pad_into<T: Copy>(pad: &Pad, value: T, x: &[T], y: &mut [T]) -> Result<(), ShapeError> {
    check(NAME, "x", x, pad.x_len)?;
    check(NAME, "y", y, pad.y_len)?;
    y.fill(value);
    let [outer @ .., columns] = pad.sizes;
    if pad.x_len == 0 {
        return Ok(());
    }
    let mut index = [0; MAX_RANK - 1];
    for x in x.chunks_exact(columns.max(1)) {
        let mut at = 0;
        for ((&size, &[before, after]), &index) in outer.iter().zip(&pad.around).zip(&index) {
            at = at * (before + size + after) + before + index;
        }
        let [.., [before, after]] = pad.around;
        at = at * (before + columns + after) + before;
        if let Some(y) = y.get_mut(at..at + columns) {
            y.copy_from_slice(x);
        }
        for (index, size) in index.iter_mut().zip(outer).rev() {
            *index += 1;
            if *index < size {
                break;
            }
            *index = 0;
        }
    }
    Ok(())
}
