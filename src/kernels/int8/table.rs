//! Any function of an eight-bit integer as a table of its 256 values.
//!
//! TensorFlow Lite Micro makes such a table for ELU: each input is dequantised, the function taken in `f32`,
//! and the result quantised.

use super::{ShapeError, check};
use crate::simd::Level;

/// The outputs for −128 to 127.
///
/// ```
/// use kernlet::{kernels::int8::table::Table, simd::Level};
/// let table = Table::from_fn(|x| x.saturating_neg());
/// let mut y = [1, 2, -128];
/// table.apply_in_place(Level::detect(), &mut y);
/// assert_eq!(y, [-1, -2, 127]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table([i8; 256]);

impl Table {
    /// The table of a function.
    #[inline]
    pub fn from_fn(f: impl Fn(i8) -> i8) -> Self {
        let mut table = [0; 256];
        for (x, y) in (i8::MIN..=i8::MAX).zip(&mut table) {
            *y = f(x);
        }
        Self(table)
    }

    /// The table of a function of real numbers, between these scales and zero points.
    ///
    /// # Numerics
    /// All in `f32`: `round(f(s · (x − z)) · (1 / s_y)) + z_y`, halves away from zero. NaN becomes the zero point.
    ///
    /// ```
    /// use kernlet::kernels::int8::table::Table;
    /// let half = Table::of_real([0.1, 0.1], [0, 0], |x| x / 2.0);
    /// assert_eq!(half.get(50), 25);
    /// ```
    #[inline]
    pub fn of_real(scales: [f32; 2], zero_points: [i8; 2], f: impl Fn(f32) -> f32) -> Self {
        let inverse = 1.0 / scales[1];
        Self::from_fn(|x| {
            let x = scales[0] * (i32::from(x) - i32::from(zero_points[0])) as f32;
            let y = libm::roundf(f(x) * inverse) as i32;
            super::output::clamp(y.saturating_add(i32::from(zero_points[1])), [i8::MIN, i8::MAX])
        })
    }

    /// The table of ELU: `x` where it is positive, `e^x − 1` elsewhere.
    ///
    /// ```
    /// use kernlet::kernels::int8::table::Table;
    /// let elu = Table::elu([0.1, 0.1], [0, 0]);
    /// assert_eq!((elu.get(50), elu.get(-50)), (50, -10));
    /// ```
    pub fn elu(scales: [f32; 2], zero_points: [i8; 2]) -> Self {
        Self::of_real(scales, zero_points, |x| if x < 0.0 { libm::expm1f(x) } else { x })
    }

    /// The output for an input.
    #[inline(always)]
    pub fn get(&self, x: i8) -> i8 {
        // 128 is added to the bits: −128 comes first.
        self.0[usize::from(x.cast_unsigned() ^ 0x80)]
    }

    /// Overwrites each element with its output.
    pub fn apply_in_place(&self, level: Level, y: &mut [i8]) {
        let _ = level;
        for y in y {
            *y = self.get(*y);
        }
    }

    /// Overwrites `y` with the outputs for `x`.
    ///
    /// # Errors
    /// If the slices are not equally long; nothing is written then.
    ///
    /// ```
    /// use kernlet::{kernels::int8::table::Table, simd::Level};
    /// let mut y = [99; 2];
    /// Table::from_fn(|x| x / 2).apply_into(Level::detect(), &[4, 6], &mut y)?;
    /// assert_eq!(y, [2, 3]);
    /// # Ok::<(), kernlet::kernels::ShapeError>(())
    /// ```
    pub fn apply_into(&self, level: Level, x: &[i8], y: &mut [i8]) -> Result<(), ShapeError> {
        check("int8 table", "y", y, x.len())?;
        y.copy_from_slice(x);
        self.apply_in_place(level, y);
        Ok(())
    }

    /// Overwrites each element with `f` of it, by a table where that is less work.
    #[inline(always)]
    pub(super) fn apply(level: Level, y: &mut [i8], f: impl Fn(i8) -> i8) {
        if y.len() > 256 {
            Self::from_fn(f).apply_in_place(level, y);
        } else {
            for y in y {
                *y = f(*y);
            }
        }
    }
}
