//! A part of a tensor: along each axis a number of elements from a first one on, in steps that may go backwards.
//! Values are copied, whatever their type.

use super::{MAX_RANK, ShapeError, check};

const NAME: &str = "slice";

/// The sizes of an input and what is taken of each axis.
///
/// ```
/// use kernlet::kernels::int8::slice::Slice;
/// // Rows 1 and 2 of three, columns 3, 2 and 1 of four, in that order.
/// let slice = Slice::new(&[3, 4], &[1, 3], &[2, 3], &[1, -1])?;
/// assert_eq!((slice.x_len(), slice.y_len()), (12, 6));
/// assert!(Slice::new(&[3], &[1], &[3], &[1]).is_err());
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Slice {
    // The last axis comes last; axes before the first have one element.
    counts: [usize; MAX_RANK],
    /// How far a step goes in the input, modulo 2ⁿ.
    strides: [usize; MAX_RANK],
    first: usize,
    x_len: usize,
    y_len: usize,
}

impl Slice {
    /// From each axis, `count` elements from `begin` on, `step` apart.
    ///
    /// # Errors
    /// If there are more than [`MAX_RANK`] axes, the lists are not equally long, an element lies outside its axis,
    /// or a length overflows.
    pub const fn new(sizes: &[usize], begins: &[usize], counts: &[usize], steps: &[isize]) -> Result<Self, ShapeError> {
        let rank = sizes.len();
        if rank > MAX_RANK {
            return Err(ShapeError::at_most(NAME, "axes", MAX_RANK, rank));
        }
        if begins.len() != rank || counts.len() != rank || steps.len() != rank {
            return Err(ShapeError::new(NAME, "lists", rank, begins.len()));
        }
        let mut slice = Self { counts: [1; MAX_RANK], strides: [0; MAX_RANK], first: 0, x_len: 1, y_len: 1 };
        let mut axis = rank;
        while axis > 0 {
            axis -= 1;
            let (size, begin, count, step) = (sizes[axis], begins[axis], counts[axis], steps[axis]);
            if count > 0 {
                let Some(steps) = (count - 1).checked_mul(step.unsigned_abs()) else {
                    return Err(ShapeError::at_most(NAME, "count", size, count));
                };
                let last = if step < 0 { begin.checked_sub(steps) } else { begin.checked_add(steps) };
                let inside = match last {
                    Some(last) => last < size && begin < size,
                    None => false,
                };
                if !inside {
                    return Err(ShapeError::at_most(NAME, "end", size, begin.saturating_add(count)));
                }
            }
            let to = MAX_RANK - rank + axis;
            slice.counts[to] = count;
            slice.strides[to] = slice.x_len.wrapping_mul(step as usize);
            slice.first = slice.first.wrapping_add(slice.x_len.wrapping_mul(begin));
            let (Some(x_len), Some(y_len)) = (slice.x_len.checked_mul(size), slice.y_len.checked_mul(count)) else {
                return Err(ShapeError::at_most(NAME, "length", isize::MAX as usize, usize::MAX));
            };
            (slice.x_len, slice.y_len) = (x_len, y_len);
        }
        Ok(slice)
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

/// Overwrites `y` with the part of `x`.
///
/// # Errors
/// If a slice has the wrong length; nothing is written then.
///
/// ```
/// use kernlet::kernels::int8::slice::{self, Slice};
/// let mut y = [99; 2];
/// slice::slice_into(&Slice::new(&[2, 3], &[1, 2], &[1, 2], &[1, -2])?, &[1, 2, 3, 4, 5, 6], &mut y)?;
/// assert_eq!(y, [6, 4]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn slice_into<T: Copy>(slice: &Slice, x: &[T], y: &mut [T]) -> Result<(), ShapeError> {
    check(NAME, "x", x, slice.x_len)?;
    check(NAME, "y", y, slice.y_len)?;
    if slice.y_len == 0 {
        return Ok(());
    }
    let ([outer @ .., columns], [strides @ .., step]) = (slice.counts, slice.strides);
    let mut index = [0; MAX_RANK - 1];
    let mut row = slice.first;
    for y in y.chunks_exact_mut(columns.max(1)) {
        let whole = if step == 1 { x.get(row..row.saturating_add(columns)) } else { None };
        if let Some(x) = whole {
            y.copy_from_slice(x);
        } else {
            let mut at = row;
            for y in y {
                if let Some(&x) = x.get(at) {
                    *y = x;
                }
                at = at.wrapping_add(step);
            }
        }
        for ((index, size), stride) in index.iter_mut().zip(outer).zip(strides).rev() {
            *index += 1;
            row = row.wrapping_add(stride);
            if *index < size {
                break;
            }
            *index = 0;
            row = row.wrapping_sub(stride.wrapping_mul(size));
        }
    }
    Ok(())
}
