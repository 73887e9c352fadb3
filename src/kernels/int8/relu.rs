//! ReLU and ReLU6 of eight-bit integers, as operators of their own.
//!
//! A ReLU may change the scale, so it rescales: `y = clamp(rescale(x − zₓ, sₓ / s_y) + z_y)` with the range of
//! [`Activation::Relu`](super::Activation::Relu). A ReLU6 keeps its input's scale and
//! zero point and only clamps it to their range.

use super::{Multiplier, Output, ShapeError, check, output::clamp};
use crate::simd::Level;

/// Overwrites each element with its rescaled value, clamped to the output's range.
///
/// ```
/// use kernlet::{kernels::int8::{Activation, Multiplier, Output, relu}, simd::Level};
/// let output = Output::new(-128).with_range(Activation::Relu.range(0.1, -128));
/// let mut y = [-10, 0, 10];
/// relu::relu_in_place(Level::detect(), 0, Multiplier::from_real(2.0), output, &mut y);
/// assert_eq!(y, [-128, -128, -108]);
/// ```
pub fn relu_in_place(level: Level, input_zero_point: i8, multiplier: Multiplier, output: Output, y: &mut [i8]) {
    let _ = level;
    for y in y {
        *y = output.of(i32::from(*y) - i32::from(input_zero_point), multiplier);
    }
}

/// Overwrites `y` with the rescaled values of `x`, clamped to the output's range.
///
/// # Errors
/// If the slices are not equally long; nothing is written then.
///
/// ```
/// use kernlet::{kernels::int8::{Multiplier, Output, relu}, simd::Level};
/// let mut y = [99; 2];
/// let output = Output::new(0).with_range([0, 127]);
/// relu::relu_into(Level::detect(), 3, Multiplier::from_real(1.0), output, &[5, 1], &mut y)?;
/// assert_eq!(y, [2, 0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn relu_into(
    level: Level,
    input_zero_point: i8,
    multiplier: Multiplier,
    output: Output,
    x: &[i8],
    y: &mut [i8],
) -> Result<(), ShapeError> {
    check("int8 relu", "y", y, x.len())?;
    y.copy_from_slice(x);
    relu_in_place(level, input_zero_point, multiplier, output, y);
    Ok(())
}

/// Clamps each element to a range: ReLU6 with that of [`Activation::Relu6`](super::Activation::Relu6).
///
/// ```
/// use kernlet::{kernels::int8::{Activation, relu}, simd::Level};
/// let mut y = [-10, 50, 100];
/// relu::clamp_in_place(Level::detect(), Activation::Relu6.range(0.1, 0), &mut y);
/// assert_eq!(y, [0, 50, 60]);
/// ```
pub fn clamp_in_place(level: Level, range: [i8; 2], y: &mut [i8]) {
    let _ = level;
    for y in y {
        *y = clamp(i32::from(*y), range);
    }
}

/// Overwrites `y` with `x`, clamped to a range.
///
/// # Errors
/// If the slices are not equally long; nothing is written then.
///
/// ```
/// use kernlet::{kernels::int8::relu, simd::Level};
/// let mut y = [99; 2];
/// relu::clamp_into(Level::detect(), [0, 60], &[-5, 100], &mut y)?;
/// assert_eq!(y, [0, 60]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn clamp_into(level: Level, range: [i8; 2], x: &[i8], y: &mut [i8]) -> Result<(), ShapeError> {
    check("int8 relu", "y", y, x.len())?;
    y.copy_from_slice(x);
    clamp_in_place(level, range, y);
    Ok(())
}
