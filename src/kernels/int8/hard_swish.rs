//! Hard swish of eight-bit integers, `x · relu6(x + 3) / 6`, in steps of 16 bits.
//!
//! The input is rescaled to 1/128 of its scale, where it takes 16 bits. One branch rescales it to the output, the
//! other to 3/32768, where ±3 saturates; that is moved to 0 … 1 and the two are multiplied.
//!
//! Source: TensorFlow Lite, `reference_ops.h`, `HardSwish`.

use super::{Multiplier, ShapeError, check, output::clamp, table::Table};
use crate::simd::Level;

/// The integers of a hard swish.
///
/// ```
/// use kernlet::kernels::int8::hard_swish::HardSwish;
/// const HARD_SWISH: HardSwish = HardSwish::new([0.05, 0.05], [0, -10]);
/// assert_eq!(HARD_SWISH.zero_points, [0, -10]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct HardSwish {
    /// The zero points of input and output.
    pub zero_points: [i8; 2],
    // Mantissas of 15 bits and exponents.
    reluish: (i16, i32),
    output: (i16, i32),
}

impl HardSwish {
    /// For these scales and zero points of input and output.
    pub const fn new(scales: [f32; 2], zero_points: [i8; 2]) -> Self {
        const fn of_16_bits(real: f32) -> (i16, i32) {
            const HALF: i32 = 1 << 15;
            let multiplier = Multiplier::from_real(real as f64);
            let mantissa = multiplier.mantissa();
            let mantissa = if mantissa >= i32::MAX - HALF { i16::MAX } else { ((mantissa + HALF) >> 16) as i16 };
            (mantissa, multiplier.exponent())
        }
        // All in f32, as the source has it.
        let input_scale = (1.0_f32 / 128.0) * scales[0];
        let reluish_scale = 3.0_f32 / 32768.0;
        Self {
            zero_points,
            reluish: of_16_bits(input_scale / reluish_scale),
            output: of_16_bits(input_scale / scales[1]),
        }
    }

    /// From mantissas and exponents that were made before.
    pub(crate) const fn from_parts(zero_points: [i8; 2], parts: [i32; 4]) -> Self {
        let [mantissa, exponent, output, output_exponent] = parts;
        Self { zero_points, reluish: (mantissa as i16, exponent), output: (output as i16, output_exponent) }
    }

    /// Mantissas and exponents.
    pub(crate) const fn parts(&self) -> [i32; 4] {
        let ((mantissa, exponent), (output, output_exponent)) = (self.reluish, self.output);
        [mantissa as i32, exponent, output as i32, output_exponent]
    }

    #[inline(always)]
    fn of(&self, x: i8) -> i8 {
        let input = ((i32::from(x) - i32::from(self.zero_points[0])) << 7) as i16;
        let (mantissa, exponent) = self.output;
        let branch = doubled_high(input, mantissa);
        let shift = exponent;
        let (mantissa, exponent) = self.reluish;
        let mut reluish = input;
        if exponent > 0 {
            reluish = shift_left(reluish, (exponent - 1).cast_unsigned());
        }
        reluish = doubled_high(reluish, mantissa);
        if exponent > 0 {
            reluish = shift_left(reluish, 1);
        }
        if exponent < 0 {
            reluish = shift_right(reluish, exponent.unsigned_abs());
        }
        // From −1 … 1 to 0 … 1.
        let gate = (i32::from(reluish) + (1 << 15)) >> 1;
        // Doubled and truncated; both at −2¹⁵ would be 2¹⁵, but the gate is not negative.
        let product = ((gate * i32::from(branch)) / (1 << 15)) as i16;
        // An exponent above 0 is beyond what TensorFlow takes.
        let y = if shift <= 0 {
            shift_right(product, shift.unsigned_abs())
        } else {
            shift_left(product, shift.unsigned_abs())
        };
        clamp(i32::from(y) + i32::from(self.zero_points[1]), [i8::MIN, i8::MAX])
    }
}

/// The high half of `2ab`, rounded, halves away from zero as in C's division.
#[inline(always)]
fn doubled_high(a: i16, b: i16) -> i16 {
    let product = i32::from(a) * i32::from(b);
    let doubled = (product + (1 << 14)) >> 15;
    if doubled > i32::from(i16::MAX) { i16::MAX } else { doubled as i16 }
}

/// `x · 2^by`, saturated to 16 bits.
#[inline(always)]
fn shift_left(x: i16, by: u32) -> i16 {
    let shifted = i64::from(x) << by.min(31);
    shifted.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16
}

/// `x / 2^by`, rounded, halves away from zero.
#[inline(always)]
fn shift_right(x: i16, by: u32) -> i16 {
    super::rescale::shift_right(i32::from(x), by.min(31)) as i16
}

/// Overwrites each element with its hard swish.
///
/// ```
/// use kernlet::{kernels::int8::hard_swish::{self, HardSwish}, simd::Level};
/// let mut y = [-40, 0, 10, 40];
/// hard_swish::forward_in_place(Level::detect(), &HardSwish::new([0.1, 0.1], [0, 0]), &mut y);
/// assert_eq!(y, [0, 0, 7, 40]); // 1 · 4 / 6 is 0.67
/// ```
pub fn forward_in_place(level: Level, hard_swish: &HardSwish, y: &mut [i8]) {
    Table::apply(level, y, |x| hard_swish.of(x));
}

/// Overwrites `y` with the hard swish of `x`.
///
/// # Errors
/// If the slices are not equally long; nothing is written then.
///
/// ```
/// use kernlet::{kernels::int8::hard_swish::{self, HardSwish}, simd::Level};
/// let mut y = [99; 2];
/// hard_swish::forward_into(Level::detect(), &HardSwish::new([0.1, 0.1], [0, 0]), &[-40, 40], &mut y)?;
/// assert_eq!(y, [0, 40]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(level: Level, hard_swish: &HardSwish, x: &[i8], y: &mut [i8]) -> Result<(), ShapeError> {
    check("int8 hard_swish", "y", y, x.len())?;
    y.copy_from_slice(x);
    forward_in_place(level, hard_swish, y);
    Ok(())
}
