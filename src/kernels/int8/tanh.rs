//! The hyperbolic tangent of eight-bit integers; the output has scale 1/128 and zero point 0.
//!
//! In fixed point: the input in Q4.27, the tangent in Q0.31. Inputs beyond four integer bits saturate.
//! Source: TensorFlow Lite's and gemmlowp's fixed-point tanh.

use super::{ShapeError, check, fixed, logistic::Input, table::Table};
use crate::simd::Level;

#[inline(always)]
fn of(input: &Input, x: i8) -> i8 {
    input.apply(x, fixed::tanh, 7, 0)
}

/// Overwrites each element with its hyperbolic tangent.
///
/// ```
/// use kernlet::{kernels::int8::{logistic::Input, tanh}, simd::Level};
/// let mut y = [0, 127, -128];
/// tanh::forward_in_place(Level::detect(), &Input::new(0.1, 0), &mut y);
/// assert_eq!(y, [0, 127, -128]);
/// ```
pub fn forward_in_place(level: Level, input: &Input, y: &mut [i8]) {
    Table::apply(level, y, |x| of(input, x));
}

/// Overwrites `y` with the hyperbolic tangent of `x`.
///
/// # Errors
/// If the slices are not equally long; nothing is written then.
///
/// ```
/// use kernlet::{kernels::int8::{logistic::Input, tanh}, simd::Level};
/// let mut y = [99; 2];
/// tanh::forward_into(Level::detect(), &Input::new(0.1, 0), &[0, 10], &mut y)?;
/// assert_eq!(y, [0, 97]); // 0 and 0.762
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(level: Level, input: &Input, x: &[i8], y: &mut [i8]) -> Result<(), ShapeError> {
    check("int8 tanh", "y", y, x.len())?;
    y.copy_from_slice(x);
    forward_in_place(level, input, y);
    Ok(())
}
