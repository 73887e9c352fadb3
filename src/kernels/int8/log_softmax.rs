//! Logarithms of the softmax of eight-bit integers over rows: the last axis.
//!
//! The output has scale 1/16 and zero point 127: from −15.9375 to 0. In fixed point: differences from the largest in
//! Q5.26, the sum of their `e^x` in Q12.19, its logarithm in Q5.26.
//!
//! Source: TensorFlow Lite's fixed-point log-softmax.

use super::{
    Multiplier, Rescaling, ShapeError, check,
    fixed::{exp, log},
    output::clamp,
    rem,
    rescale::{doubled_high, shift_right},
    softmax::input_radius,
};
use crate::simd::Level;

const NAME: &str = "int8 log-softmax";

/// Integer bits of a difference.
const INTEGER_BITS: u32 = 5;

/// Integer bits of the sum.
const SUM_BITS: u32 = 12;

/// How many more fractional bits a difference has than an output.
const SHIFT: u32 = 31 - INTEGER_BITS - 4;

/// The integers of a log-softmax.
///
/// ```
/// use kernlet::kernels::int8::log_softmax::LogSoftmax;
/// const SOFTMAX: LogSoftmax = LogSoftmax::new(10, 0.1);
/// assert_eq!(SOFTMAX.classes, 10);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LogSoftmax {
    /// The length of a row.
    pub classes: usize,
    multiplier: Multiplier,
    /// What takes fixed point to differences.
    reverse: Multiplier,
    /// Differences below it add nothing to the sum.
    least: i32,
}

impl LogSoftmax {
    /// For rows of `classes` inputs of this scale.
    pub const fn new(classes: usize, input_scale: f32) -> Self {
        const MOST: f64 = ((1_i64 << 31) - 1) as f64;
        let real = input_scale as f64 * (1_u32 << (31 - INTEGER_BITS)) as f64;
        Self::from_multiplier(classes, Multiplier::from_real(if real < MOST { real } else { MOST }))
    }

    /// With a multiplier that was made before.
    pub(crate) const fn from_multiplier(classes: usize, multiplier: Multiplier) -> Self {
        let exponent = multiplier.exponent();
        let power = (1_u64 << (31 - if exponent > 0 { exponent } else { 0 })) as f64;
        let reverse = Multiplier::from_real(power / multiplier.mantissa() as f64);
        Self { classes, multiplier, reverse, least: -input_radius(INTEGER_BITS, multiplier) }
    }

    /// What takes differences to fixed point.
    pub(crate) const fn multiplier(&self) -> Multiplier {
        self.multiplier
    }

    /// A difference in Q5.26.
    #[inline(always)]
    fn scaled(&self, difference: i32) -> i32 {
        let left = self.multiplier.exponent().max(0);
        doubled_high(difference.wrapping_shl(left.cast_unsigned()), self.multiplier.mantissa())
    }
}

/// Overwrites `y` with the logarithms of the probabilities of the rows of `x`.
///
/// # Errors
/// If the slices are not equally long or not whole rows, or `classes` is 0; nothing is written then.
///
/// ```
/// use kernlet::{kernels::int8::log_softmax::{self, LogSoftmax}, simd::Level};
/// let mut y = [99; 2];
/// log_softmax::forward_into(Level::detect(), &LogSoftmax::new(2, 0.25), &[0, 0], &mut y)?;
/// assert_eq!(y, [116, 116]); // ln ½ is −11.09 sixteenths
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(level: Level, softmax: &LogSoftmax, x: &[i8], y: &mut [i8]) -> Result<(), ShapeError> {
    check(NAME, "y", y, x.len())?;
    if softmax.classes == 0 {
        return Err(ShapeError::at_least(NAME, "classes", 1, 0));
    }
    if rem(x.len(), softmax.classes) != 0 {
        return Err(ShapeError::multiple_of(NAME, "y", softmax.classes, x.len()));
    }
    let _ = level;
    for (x, y) in x.chunks_exact(softmax.classes).zip(y.chunks_exact_mut(softmax.classes)) {
        logarithms(softmax, x, y);
    }
    Ok(())
}

fn logarithms(softmax: &LogSoftmax, x: &[i8], y: &mut [i8]) {
    let largest = i32::from(x.iter().fold(i8::MIN, |largest, &x| largest.max(x)));
    let differences = x.iter().map(|&x| i32::from(x) - largest);
    let sum = differences.clone().filter(|&difference| difference >= softmax.least).fold(0_i32, |sum, difference| {
        sum.wrapping_add(shift_right(exp::<INTEGER_BITS>(softmax.scaled(difference)), SUM_BITS))
    });
    let sum = log(sum);
    // The difference with which the smallest number in Q5.26 is reached.
    let least = softmax.reverse.rescale(sum.wrapping_add(i32::MIN), Rescaling::Double).max(softmax.least - 1);
    for (difference, y) in differences.zip(y) {
        *y = if difference > least {
            let logarithm = shift_right(softmax.scaled(difference).wrapping_sub(sum), SHIFT);
            clamp(logarithm + i32::from(i8::MAX), [i8::MIN, i8::MAX])
        } else {
            i8::MIN
        };
    }
}
