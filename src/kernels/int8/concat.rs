//! Concatenation along an axis: each input has a place of its own in every row of the output.
//!
//! With the axes before the joined one as rows, an input is `[rows][part]` and the output `[rows][whole]`, the
//! sizes from the joined axis on multiplied. Values are copied, whatever their type.

use super::{ShapeError, check_batch};

const NAME: &str = "concat";

/// Where an input goes: its elements in each row of the output.
///
/// ```
/// use kernlet::kernels::int8::concat::Part;
/// let part = Part { at: 2, len: 3, whole: 8 };
/// assert_eq!(part.at + part.len, 5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Part {
    /// The first element.
    pub at: usize,
    /// How many elements the input has in a row.
    pub len: usize,
    /// How many elements a row of the output has.
    pub whole: usize,
}

/// Writes one input, `[rows][len]`, to its place in the output, `[rows][whole]`; the rest of it stays as it is.
///
/// # Errors
/// If the part is not inside a row or a slice has the wrong length; nothing is written then.
///
/// ```
/// use kernlet::kernels::int8::concat::{self, Part};
/// let mut y = [0; 6];
/// concat::part_into(2, Part { at: 0, len: 1, whole: 3 }, &[1, 4], &mut y)?;
/// concat::part_into(2, Part { at: 1, len: 2, whole: 3 }, &[2, 3, 5, 6], &mut y)?;
/// assert_eq!(y, [1, 2, 3, 4, 5, 6]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn part_into<T: Copy>(rows: usize, part: Part, x: &[T], y: &mut [T]) -> Result<(), ShapeError> {
    let Part { at, len, whole } = part;
    check_batch(NAME, "x", x, rows, len)?;
    check_batch(NAME, "y", y, rows, whole)?;
    let end = at.saturating_add(len);
    if end > whole {
        return Err(ShapeError::at_most(NAME, "end of the part", whole, end));
    }
    if len > 0 {
        for (y, x) in y.chunks_exact_mut(whole.max(1)).zip(x.chunks_exact(len.max(1))) {
            if let Some(y) = y.get_mut(at..end) {
                y.copy_from_slice(x);
            }
        }
    }
    Ok(())
}
