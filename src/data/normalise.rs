//! From bytes to numbers that a network learns from.

use crate::kernels::{ShapeError, check};

/// `y = x / 255`: a byte becomes a number in `[0, 1]`.
///
/// # Errors
/// [`ShapeError`] if `x` and `y` differ in length.
///
/// # Numerics
/// One correctly rounded division, as Keras programs write it.
///
/// ```
/// let mut y = [f32::NAN; 3];
/// kernlet::data::normalise::unit_into(&[0, 51, 255], &mut y)?;
/// assert_eq!(y, [0.0, 0.2, 1.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn unit_into(x: &[u8], y: &mut [f32]) -> Result<(), ShapeError> {
    check("unit", "y", y, x.len())?;
    for (y, &x) in y.iter_mut().zip(x) {
        *y = f32::from(x) / 255.0;
    }
    Ok(())
}

/// `y = (x / 255 − mean) / deviation` per channel, the last axis.
///
/// # Errors
/// [`ShapeError`] if `x` and `y` differ in length, or are not a multiple of the number of channels
/// (`mean.len()`), or `deviation` has another length than `mean`.
///
/// ```
/// let mut y = [f32::NAN; 4];
/// kernlet::data::normalise::standardise_into(&[0, 255, 255, 0], &[0.5, 0.0], &[0.5, 1.0], &mut y)?;
/// assert_eq!(y, [-1.0, 1.0, 1.0, 0.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn standardise_into(x: &[u8], mean: &[f32], deviation: &[f32], y: &mut [f32]) -> Result<(), ShapeError> {
    check("standardise", "y", y, x.len())?;
    check("standardise", "deviation", deviation, mean.len())?;
    let channels = mean.len().max(1);
    check("standardise", "x", x, x.len() / channels * mean.len())?;
    for (y, x) in y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
        for (((y, &x), &mean), &deviation) in y.iter_mut().zip(x).zip(mean).zip(deviation) {
            *y = (f32::from(x) / 255.0 - mean) / deviation;
        }
    }
    Ok(())
}
