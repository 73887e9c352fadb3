//! The mean over some axes of eight-bit integers, such as height and width.
//!
//! ```text
//! y[o][c] = clamp(rescale(Σ_k (x[o][k][c] − zₓ), m / count) + z_y)
//! ```
//!
//! The axes of the mean are neighbours, so that `x` is `[outer][count][inner]`; for a global average over an
//! image `outer` is the batch, `count` is height · width and `inner` the channels.

use super::{Multiplier, Output, ShapeError, check_batch};
use crate::simd::Level;

const NAME: &str = "int8 mean";

/// A mean: its shape and its integers.
///
/// ```
/// use kernlet::kernels::int8::{Multiplier, Output, mean::Mean};
/// let mean = Mean::new(25, 64, Multiplier::from_real(0.5), Output::new(3));
/// assert_eq!((mean.count, mean.inner), (25, 64));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Mean {
    /// How many elements are joined.
    pub count: usize,
    /// How many elements the axes after them have.
    pub inner: usize,
    /// The scale of the input over that of the output, over the count.
    pub multiplier: Multiplier,
    /// The zero point of the input.
    pub input_zero_point: i8,
    /// How sums become outputs.
    pub output: Output,
}

impl Mean {
    /// A mean over `count` elements, for inputs of zero point 0; `multiplier` is the scale of the input over
    /// that of the output.
    pub const fn new(count: usize, inner: usize, multiplier: Multiplier, output: Output) -> Self {
        Self { count, inner, multiplier: multiplier.over(count), input_zero_point: 0, output }
    }

    /// The same for inputs of another zero point.
    ///
    /// ```
    /// use kernlet::kernels::int8::{Multiplier, Output, mean::Mean};
    /// let mean = Mean::new(25, 64, Multiplier::from_real(0.5), Output::new(3)).with_input_zero_point(-8);
    /// assert_eq!(mean.input_zero_point, -8);
    /// ```
    pub const fn with_input_zero_point(self, input_zero_point: i8) -> Self {
        Self { input_zero_point, ..self }
    }

    /// Whether the sizes are at least 1, the sum fits 32 bits, and no length overflows.
    ///
    /// # Errors
    /// The first size that is wrong.
    ///
    /// ```
    /// use kernlet::kernels::int8::{Multiplier, Output, mean::Mean};
    /// assert!(Mean::new(0, 64, Multiplier::from_real(0.5), Output::new(3)).validate().is_err());
    /// ```
    pub const fn validate(&self) -> Result<(), ShapeError> {
        // 2³¹ / 255, so that no sum wraps.
        const MOST: usize = 8_421_504;
        if self.count == 0 {
            Err(ShapeError::at_least(NAME, "count", 1, 0))
        } else if self.inner == 0 {
            Err(ShapeError::at_least(NAME, "inner", 1, 0))
        } else if self.count > MOST {
            Err(ShapeError::at_most(NAME, "count", MOST, self.count))
        } else if self.count.checked_mul(self.inner).is_none() {
            Err(ShapeError::at_most(NAME, "x", isize::MAX as usize, usize::MAX))
        } else {
            Ok(())
        }
    }
}

/// Overwrites `y`, `[outer][inner]`, with the means of `x`.
///
/// # Errors
/// If the lengths do not fit, or `count` or `inner` is 0; nothing is written then.
///
/// ```
/// use kernlet::{kernels::int8::{Multiplier, Output, mean::{self, Mean}}, simd::Level};
/// let shape = Mean::new(3, 2, Multiplier::from_real(1.0), Output::new(0));
/// let mut y = [99; 2];
/// mean::forward_into(Level::detect(), &shape, 1, &[1, -1, 2, -2, 6, -6], &mut y)?;
/// assert_eq!(y, [3, -3]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(level: Level, mean: &Mean, outer: usize, x: &[i8], y: &mut [i8]) -> Result<(), ShapeError> {
    mean.validate()?;
    let Mean { count, inner, .. } = *mean;
    let image = count * inner;
    check_batch(NAME, "x", x, outer, image)?;
    check_batch(NAME, "y", y, outer, inner)?;
    let _ = level;
    for (x, y) in x.chunks_exact(image.max(1)).zip(y.chunks_exact_mut(inner.max(1))) {
        for (channel, y) in y.iter_mut().enumerate() {
            let column = x.get(channel..).unwrap_or_default().iter().step_by(inner);
            let offset = (count as i32).wrapping_mul(i32::from(mean.input_zero_point));
            let sum = column.fold(0_i32.wrapping_sub(offset), |sum, &x| sum.wrapping_add(i32::from(x)));
            *y = mean.output.of(sum, mean.multiplier);
        }
    }
    Ok(())
}
