//! The logistic function of eight-bit integers; the output has scale 1/256 and zero point −128.
//!
//! In fixed point: the input in Q4.27, `1 / (1 + e^−x)` in Q0.31. Inputs beyond four integer bits saturate.
//! Source: TensorFlow Lite's and gemmlowp's fixed-point logistic.

use super::{
    Multiplier, Rescaling, ShapeError, check, fixed, output::clamp, rescale::shift_right, softmax::input_radius,
    table::Table,
};
use crate::simd::Level;

/// Integer bits of an input.
pub(super) const INTEGER_BITS: u32 = 4;

/// How an input becomes Q4.27: what the logistic function and the hyperbolic tangent share.
///
/// ```
/// use kernlet::kernels::int8::logistic::Input;
/// const INPUT: Input = Input::new(0.1, 3);
/// assert_eq!(INPUT.zero_point, 3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Input {
    /// The zero point of the input.
    pub zero_point: i8,
    /// How the input is rounded.
    pub rescaling: Rescaling,
    multiplier: Multiplier,
    radius: i32,
}

impl Input {
    /// Inputs of this scale and zero point, with double rounding.
    pub const fn new(scale: f32, zero_point: i8) -> Self {
        let multiplier = Multiplier::from_real(scale as f64 * (1 << (31 - INTEGER_BITS)) as f64);
        Self::from_multiplier(zero_point, multiplier)
    }

    /// With a multiplier that was made before.
    pub(crate) const fn from_multiplier(zero_point: i8, multiplier: Multiplier) -> Self {
        Self { zero_point, rescaling: Rescaling::Double, multiplier, radius: input_radius(INTEGER_BITS, multiplier) }
    }

    /// What takes inputs to fixed point.
    pub(crate) const fn multiplier(&self) -> Multiplier {
        self.multiplier
    }

    /// The same with another rounding.
    ///
    /// ```
    /// use kernlet::kernels::int8::{Rescaling, logistic::Input};
    /// assert_eq!(Input::new(0.1, 3).with_rescaling(Rescaling::Single).rescaling, Rescaling::Single);
    /// ```
    pub const fn with_rescaling(self, rescaling: Rescaling) -> Self {
        Self { rescaling, ..self }
    }

    /// Applies `f`, from Q4.27 to Q0.31, to an input; the result has `bits` fractional bits and saturates beyond the
    /// radius.
    #[inline(always)]
    pub(super) fn apply(&self, x: i8, f: impl Fn(i32) -> i32, bits: u32, zero_point: i32) -> i8 {
        let x = i32::from(x) - i32::from(self.zero_point);
        if x <= -self.radius {
            i8::MIN
        } else if x >= self.radius {
            i8::MAX
        } else {
            let y = shift_right(f(self.multiplier.rescale(x, self.rescaling)), 31 - bits);
            clamp(y + zero_point, [i8::MIN, i8::MAX])
        }
    }
}

#[inline(always)]
fn of(input: &Input, x: i8) -> i8 {
    input.apply(x, fixed::logistic, 8, -128)
}

/// Overwrites each element with its logistic function.
///
/// ```
/// use kernlet::{kernels::int8::logistic::{self, Input}, simd::Level};
/// let mut y = [0, 127, -128];
/// logistic::forward_in_place(Level::detect(), &Input::new(0.1, 0), &mut y);
/// assert_eq!(y, [0, 127, -128]); // 0.5, almost 1 and 0
/// ```
pub fn forward_in_place(level: Level, input: &Input, y: &mut [i8]) {
    Table::apply(level, y, |x| of(input, x));
}

/// Overwrites `y` with the logistic function of `x`.
///
/// # Errors
/// If the slices are not equally long; nothing is written then.
///
/// ```
/// use kernlet::{kernels::int8::logistic::{self, Input}, simd::Level};
/// let mut y = [99; 2];
/// logistic::forward_into(Level::detect(), &Input::new(0.1, 0), &[0, 10], &mut y)?;
/// assert_eq!(y, [0, 59]); // 0.5 and 0.731
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(level: Level, input: &Input, x: &[i8], y: &mut [i8]) -> Result<(), ShapeError> {
    check("int8 logistic", "y", y, x.len())?;
    y.copy_from_slice(x);
    forward_in_place(level, input, y);
    Ok(())
}
