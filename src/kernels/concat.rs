//! Concatenation along an axis, and the way back: splitting.
//!
//! ```text
//! y[row] = x₀[row], x₁[row], …          dx₀[row], dx₁[row], … = dy[row]
//! ```
//!
//! An axis of an array is reached by counting all axes before it as rows: the channels of NHWC images
//! have n · h · w rows, and an input of c channels a row of c elements; whole images one after the other have one
//! row. Nothing is computed: any [`Copy`] element will do. Backward of a concatenation is [`split_into`], and the
//! other way around.

use super::{ShapeError, check};

const NAME: &str = "concat";

/// The length of a row of the output.
fn width(rows: usize, lens: impl Iterator<Item = usize>) -> Result<usize, ShapeError> {
    let mut width = 0_usize;
    for len in lens {
        match len.checked_rem(rows) {
            Some(0) => width = width.saturating_add(super::div(len, rows)),
            Some(_) => return Err(ShapeError::multiple_of(NAME, "input", rows, len)),
            None if len == 0 => {}
            None => return Err(ShapeError::new(NAME, "input", 0, len)),
        }
    }
    Ok(width)
}

/// Writes the rows of several inputs side by side.
///
/// # Errors
/// [`ShapeError`] if an input is not whole rows, or `y` is not as long as all together; nothing is written then.
///
/// ```
/// use kernlet::kernels::concat::concat_into;
/// // Two pixels, of two channels and of one.
/// let mut y = [0.0; 6];
/// concat_into(2, &[&[1.0, 2.0, 3.0, 4.0], &[10.0, 30.0]], &mut y)?;
/// assert_eq!(y, [1.0, 2.0, 10.0, 3.0, 4.0, 30.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn concat_into<T: Copy>(rows: usize, inputs: &[&[T]], y: &mut [T]) -> Result<(), ShapeError> {
    let width = width(rows, inputs.iter().map(|x| x.len()))?;
    check(NAME, "y", y, rows.saturating_mul(width))?;
    let mut at = 0;
    for x in inputs {
        at += place(rows, at..width, x, y);
    }
    Ok(())
}

/// Takes rows apart again: the gradients of [`concat_into`]'s inputs from the gradient of its output.
///
/// # Errors
/// [`ShapeError`] if an output is not whole rows, or `y` is not as long as all together; nothing is written then.
///
/// ```
/// use kernlet::kernels::concat::split_into;
/// let (mut first, mut second) = ([0.0; 4], [0.0; 2]);
/// split_into(2, &[1.0, 2.0, 10.0, 3.0, 4.0, 30.0], &mut [&mut first, &mut second])?;
/// assert_eq!((first, second), ([1.0, 2.0, 3.0, 4.0], [10.0, 30.0]));
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn split_into<T: Copy>(rows: usize, y: &[T], outputs: &mut [&mut [T]]) -> Result<(), ShapeError> {
    let width = width(rows, outputs.iter().map(|x| x.len()))?;
    check(NAME, "y", y, rows.saturating_mul(width))?;
    let mut at = 0;
    for x in outputs {
        let len = super::div(x.len(), rows);
        let copies = x.chunks_exact_mut(len.max(1)).zip(y.chunks_exact(width.max(1)));
        for (x, y) in copies {
            if let Some(y) = y.get(at..at + x.len()) {
                x.iter_mut().zip(y).for_each(|(x, &y)| *x = y);
            }
        }
        at += len;
    }
    Ok(())
}

/// Writes one input's rows from `columns.start` on in rows of `columns.end`; returns how long they are.
fn place<T: Copy>(rows: usize, columns: core::ops::Range<usize>, x: &[T], y: &mut [T]) -> usize {
    let len = super::div(x.len(), rows);
    for (x, y) in x.chunks_exact(len.max(1)).zip(y.chunks_exact_mut(columns.end.max(1))) {
        if let Some(y) = y.get_mut(columns.start..columns.start + len) {
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = x);
        }
    }
    len
}

/// Writes one of [`concat_into`]'s inputs where it belongs: the columns from `at` on of rows of `width`.
///
/// # Errors
/// [`ShapeError`] if `x` or `y` is not whole rows, or a row of `x` does not fit; nothing is written then.
///
/// ```
/// use kernlet::kernels::concat::place_into;
/// let mut y = [0.0; 6];
/// place_into(2, &[10.0, 30.0], 2..3, &mut y)?;
/// assert_eq!(y, [0.0, 0.0, 10.0, 0.0, 0.0, 30.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn place_into<T: Copy>(
    rows: usize,
    x: &[T],
    columns: core::ops::Range<usize>,
    y: &mut [T],
) -> Result<(), ShapeError> {
    let row = width(rows, [y.len()].into_iter())?;
    if columns.end > row {
        return Err(ShapeError::at_most(NAME, "columns", row, columns.end));
    }
    check(NAME, "x", x, rows.saturating_mul(columns.len()))?;
    place(rows, columns.start..row, x, y);
    Ok(())
}

/// Reads some columns of every row of `y`: one input's part of a gradient.
///
/// # Errors
/// [`ShapeError`] if `x` or `y` is not whole rows, or there are no such columns; nothing is written then.
///
/// ```
/// use kernlet::kernels::concat::take_into;
/// let mut x = [0.0; 2];
/// take_into(2, &[1.0, 2.0, 10.0, 3.0, 4.0, 30.0], 2..3, &mut x)?;
/// assert_eq!(x, [10.0, 30.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn take_into<T: Copy>(
    rows: usize,
    y: &[T],
    columns: core::ops::Range<usize>,
    x: &mut [T],
) -> Result<(), ShapeError> {
    let row = width(rows, [y.len()].into_iter())?;
    if columns.end > row {
        return Err(ShapeError::at_most(NAME, "columns", row, columns.end));
    }
    check(NAME, "x", x, rows.saturating_mul(columns.len()))?;
    for (x, y) in x.chunks_exact_mut(columns.len().max(1)).zip(y.chunks_exact(row.max(1))) {
        if let Some(y) = y.get(columns.clone()) {
            x.iter_mut().zip(y).for_each(|(x, &y)| *x = y);
        }
    }
    Ok(())
}
