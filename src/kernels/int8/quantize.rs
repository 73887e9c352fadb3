//! Real numbers to eight-bit integers and back, and from one scale to another.

use super::{Multiplier, Output, ShapeError, check, output::clamp, table::Table};
use crate::simd::Level;

/// `y = round(x / scale) + zero_point`, clamped to −128 to 127.
///
/// # Errors
/// If the slices are not equally long; nothing is written then.
///
/// # Numerics
/// The quotient is rounded to `f32` and then to an integer, halves away from zero. NaN becomes the zero point.
///
/// ```
/// use kernlet::{kernels::int8::quantize, simd::Level};
/// let mut y = [99; 4];
/// quantize::quantize_into(Level::detect(), 0.5, -1, &[0.0, 1.25, -0.25, 1e9], &mut y)?;
/// assert_eq!(y, [-1, 2, -2, 127]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn quantize_into(level: Level, scale: f32, zero_point: i8, x: &[f32], y: &mut [i8]) -> Result<(), ShapeError> {
    check("int8 quantize", "y", y, x.len())?;
    let _ = level;
    for (y, &x) in y.iter_mut().zip(x) {
        let q = libm::roundf(x / scale) as i32;
        *y = clamp(q.saturating_add(i32::from(zero_point)), [i8::MIN, i8::MAX]);
    }
    Ok(())
}

/// `y = scale · (x − zero_point)`.
///
/// # Errors
/// If the slices are not equally long; nothing is written then.
///
/// # Numerics
/// Rounded once.
///
/// ```
/// use kernlet::{kernels::int8::quantize, simd::Level};
/// let mut y = [f32::NAN; 2];
/// quantize::dequantize_into(Level::detect(), 0.5, -1, &[-1, 2], &mut y)?;
/// assert_eq!(y, [0.0, 1.5]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn dequantize_into(level: Level, scale: f32, zero_point: i8, x: &[i8], y: &mut [f32]) -> Result<(), ShapeError> {
    check("int8 dequantize", "y", y, x.len())?;
    let _ = level;
    for (y, &x) in y.iter_mut().zip(x) {
        *y = scale * (i32::from(x) - i32::from(zero_point)) as f32;
    }
    Ok(())
}

/// Overwrites each element with its value at another scale; `multiplier` is the old scale over the new one.
///
/// ```
/// use kernlet::{kernels::int8::{Multiplier, Output, quantize}, simd::Level};
/// let mut y = [10, -10];
/// quantize::requantize_in_place(Level::detect(), 0, Multiplier::from_real(0.5), Output::new(3), &mut y);
/// assert_eq!(y, [8, -2]);
/// ```
pub fn requantize_in_place(level: Level, input_zero_point: i8, multiplier: Multiplier, output: Output, y: &mut [i8]) {
    Table::apply(level, y, |x| output.of(i32::from(x) - i32::from(input_zero_point), multiplier));
}

/// Overwrites `y` with the values of `x` at another scale.
///
/// # Errors
/// If the slices are not equally long; nothing is written then.
///
/// ```
/// use kernlet::{kernels::int8::{Multiplier, Output, quantize}, simd::Level};
/// let mut y = [99; 2];
/// quantize::requantize_into(Level::detect(), 0, Multiplier::from_real(2.0), Output::new(0), &[10, 100], &mut y)?;
/// assert_eq!(y, [20, 127]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn requantize_into(
    level: Level,
    input_zero_point: i8,
    multiplier: Multiplier,
    output: Output,
    x: &[i8],
    y: &mut [i8],
) -> Result<(), ShapeError> {
    check("int8 requantize", "y", y, x.len())?;
    y.copy_from_slice(x);
    requantize_in_place(level, input_zero_point, multiplier, output, y);
    Ok(())
}
