//! Leaky ReLU of eight-bit integers: one multiplier from 0 up, another below.

use super::{Multiplier, Output, ShapeError, check, table::Table};
use crate::simd::Level;

/// The integers of a leaky ReLU.
///
/// ```
/// use kernlet::kernels::int8::{Output, leaky_relu::LeakyRelu};
/// const LEAKY: LeakyRelu = LeakyRelu::new(0.1, 0.1, 0.3, Output::new(0));
/// assert_eq!(LEAKY.positive.exponent(), 1); // 1 is 2¹ · ½
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LeakyRelu {
    /// The zero point of the input.
    pub input_zero_point: i8,
    /// From 0 up: the scale of the input over that of the output.
    pub positive: Multiplier,
    /// Below 0: the same times the slope.
    pub negative: Multiplier,
    /// How rescaled values become outputs.
    pub output: Output,
}

impl LeakyRelu {
    /// A leaky ReLU of this slope, for inputs of zero point 0.
    pub const fn new(input_scale: f32, output_scale: f32, slope: f32, output: Output) -> Self {
        let positive = Multiplier::from_real(input_scale as f64 / output_scale as f64);
        let negative = Multiplier::from_real(input_scale as f64 * slope as f64 / output_scale as f64);
        Self { input_zero_point: 0, positive, negative, output }
    }

    /// The same for inputs of another zero point.
    ///
    /// ```
    /// use kernlet::kernels::int8::{Output, leaky_relu::LeakyRelu};
    /// assert_eq!(LeakyRelu::new(0.1, 0.1, 0.3, Output::new(0)).with_input_zero_point(5).input_zero_point, 5);
    /// ```
    pub const fn with_input_zero_point(self, input_zero_point: i8) -> Self {
        Self { input_zero_point, ..self }
    }

    #[inline(always)]
    fn of(&self, x: i8) -> i8 {
        let x = i32::from(x) - i32::from(self.input_zero_point);
        self.output.of(x, if x >= 0 { self.positive } else { self.negative })
    }
}

/// Overwrites each element with its leaky ReLU.
///
/// ```
/// use kernlet::{kernels::int8::{Output, leaky_relu::{self, LeakyRelu}}, simd::Level};
/// let mut y = [-40, 40];
/// leaky_relu::forward_in_place(Level::detect(), &LeakyRelu::new(0.1, 0.1, 0.25, Output::new(0)), &mut y);
/// assert_eq!(y, [-10, 40]);
/// ```
pub fn forward_in_place(level: Level, leaky: &LeakyRelu, y: &mut [i8]) {
    Table::apply(level, y, |x| leaky.of(x));
}

/// Overwrites `y` with the leaky ReLU of `x`.
///
/// # Errors
/// If the slices are not equally long; nothing is written then.
///
/// ```
/// use kernlet::{kernels::int8::{Output, leaky_relu::{self, LeakyRelu}}, simd::Level};
/// let mut y = [99; 2];
/// leaky_relu::forward_into(Level::detect(), &LeakyRelu::new(0.2, 0.1, 0.25, Output::new(1)), &[-40, 40], &mut y)?;
/// assert_eq!(y, [-19, 81]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(level: Level, leaky: &LeakyRelu, x: &[i8], y: &mut [i8]) -> Result<(), ShapeError> {
    check("int8 leaky_relu", "y", y, x.len())?;
    y.copy_from_slice(x);
    forward_in_place(level, leaky, y);
    Ok(())
}
