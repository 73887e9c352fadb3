//! Softmax of eight-bit integers over rows: the last axis.
//!
//! The output has scale 1/256 and zero point −128. In fixed point: differences from the largest in Q5.26,
//! `e^x` in Q0.31, their sum in Q12.19, its reciprocal by three Newton steps.
//!
//! Source: TensorFlow Lite's and gemmlowp's fixed-point softmax.

use super::{
    Multiplier, ShapeError, check,
    fixed::{exp, reciprocal},
    output::clamp,
    rem,
    rescale::{doubled_high, shift_right},
};
use crate::simd::Level;

const NAME: &str = "int8 softmax";

/// Integer bits of a difference.
const INTEGER_BITS: u32 = 5;

/// Integer bits of the sum.
const SUM_BITS: u32 = 12;

/// The integers of a softmax.
///
/// ```
/// use kernlet::kernels::int8::softmax::Softmax;
/// const SOFTMAX: Softmax = Softmax::new(10, 0.1, 1.0);
/// assert_eq!(SOFTMAX.classes, 10);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Softmax {
    /// The length of a row.
    pub classes: usize,
    multiplier: Multiplier,
    /// Differences below it have a probability of 0.
    least: i32,
}

impl Softmax {
    /// For rows of `classes` inputs of this scale, multiplied by `beta` first (1, unless a file says otherwise).
    pub const fn new(classes: usize, input_scale: f32, beta: f32) -> Self {
        const MOST: f64 = ((1_i64 << 31) - 1) as f64;
        let real = beta as f64 * input_scale as f64 * (1_u32 << (31 - INTEGER_BITS)) as f64;
        let multiplier = Multiplier::from_real(if real < MOST { real } else { MOST });
        Self::from_multiplier(classes, multiplier)
    }

    /// With a multiplier that was made before.
    pub(crate) const fn from_multiplier(classes: usize, multiplier: Multiplier) -> Self {
        Self { classes, multiplier, least: -input_radius(INTEGER_BITS, multiplier) }
    }

    /// What takes differences to fixed point.
    pub(crate) const fn multiplier(&self) -> Multiplier {
        self.multiplier
    }

    /// The door: whole rows of at least one class.
    fn check_rows<T>(&self, y: &[T]) -> Result<(), ShapeError> {
        if self.classes == 0 {
            return Err(ShapeError::at_least(NAME, "classes", 1, 0));
        }
        if rem(y.len(), self.classes) == 0 {
            Ok(())
        } else {
            Err(ShapeError::multiple_of(NAME, "y", self.classes, y.len()))
        }
    }

    /// A difference in Q5.26.
    #[inline(always)]
    fn scaled(&self, difference: i32) -> i32 {
        let left = self.multiplier.exponent().max(0);
        doubled_high(difference.wrapping_shl(left.cast_unsigned()), self.multiplier.mantissa())
    }
}

/// The largest input that `integer_bits` hold once it is scaled by `multiplier`.
pub(super) const fn input_radius(integer_bits: u32, multiplier: Multiplier) -> i32 {
    let exponent = multiplier.exponent();
    let radius = ((1_i64 << integer_bits) - 1) << (31 - integer_bits);
    let radius = if exponent >= 0 { radius >> exponent } else { radius << -exponent };
    if radius > i32::MAX as i64 { i32::MAX } else { radius as i32 }
}

/// Overwrites each row with its probabilities.
///
/// # Errors
/// If `y` is not whole rows, or `classes` is 0.
///
/// ```
/// use kernlet::{kernels::int8::softmax::{self, Softmax}, simd::Level};
/// let mut y = [10, 10, -128, -128];
/// softmax::forward_in_place(Level::detect(), &Softmax::new(4, 0.5, 1.0), &mut y)?;
/// assert_eq!(y, [0, 0, -128, -128]); // a half each
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_in_place(level: Level, softmax: &Softmax, y: &mut [i8]) -> Result<(), ShapeError> {
    softmax.check_rows(y)?;
    let _ = level;
    for row in y.chunks_exact_mut(softmax.classes.max(1)) {
        probabilities(softmax, row);
    }
    Ok(())
}

/// Overwrites `y` with the probabilities of the rows of `x`.
///
/// # Errors
/// If the slices are not equally long or not whole rows, or `classes` is 0; nothing is written then.
///
/// ```
/// use kernlet::{kernels::int8::softmax::{self, Softmax}, simd::Level};
/// let mut y = [99; 2];
/// softmax::forward_into(Level::detect(), &Softmax::new(2, 0.25, 1.0), &[0, 0], &mut y)?;
/// assert_eq!(y, [0, 0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(level: Level, softmax: &Softmax, x: &[i8], y: &mut [i8]) -> Result<(), ShapeError> {
    check(NAME, "y", y, x.len())?;
    softmax.check_rows(y)?;
    y.copy_from_slice(x);
    forward_in_place(level, softmax, y)
}

/// Overwrites `y` with the probabilities of the rows of `x` in 16 bits, little-endian: of scale 1/65536 and zero
/// point −32768.
///
/// # Errors
/// As [`forward_into`].
///
/// ```
/// use kernlet::{kernels::int8::softmax::{self, Softmax}, simd::Level};
/// let mut y = [[99; 2]; 2];
/// softmax::forward_wide_into(Level::detect(), &Softmax::new(2, 0.25, 1.0), &[0, 0], &mut y)?;
/// assert_eq!(y.map(i16::from_le_bytes), [0, 0]); // a half each
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_wide_into(level: Level, softmax: &Softmax, x: &[i8], y: &mut [[u8; 2]]) -> Result<(), ShapeError> {
    check(NAME, "y", y, x.len())?;
    softmax.check_rows(x)?;
    let _ = level;
    let classes = softmax.classes.max(1);
    for (x, y) in x.chunks_exact(classes).zip(y.chunks_exact_mut(classes)) {
        let row = Row::new(softmax, x);
        for (&x, y) in x.iter().zip(y) {
            // Bits that 16 have more than eight.
            let probability = row.probability(softmax, x, 8).map_or(i32::from(i16::MIN), |y| y - (1 << 15));
            *y = (probability.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16).to_le_bytes();
        }
    }
    Ok(())
}

/// What the probabilities of a row share.
struct Row {
    largest: i32,
    /// The reciprocal of the sum, from a half to 1, and how far it is to be shifted right for eight bits.
    scale: i32,
    shift: u32,
}

impl Row {
    #[inline(always)]
    fn new(softmax: &Softmax, row: &[i8]) -> Self {
        let largest = i32::from(row.iter().fold(i8::MIN, |largest, &x| largest.max(x)));
        let mut sum = 0_i32;
        for &x in row {
            let difference = i32::from(x) - largest;
            if difference >= softmax.least {
                sum = sum.wrapping_add(shift_right(exp::<INTEGER_BITS>(softmax.scaled(difference)), SUM_BITS));
            }
        }
        // The sum has bits before and behind the point of a number from 1 to 2.
        let headroom = sum.leading_zeros();
        let fraction = (sum.cast_unsigned().wrapping_shl(headroom)).wrapping_sub(1 << 31).cast_signed();
        let shift = SUM_BITS + 23 - headroom.min(SUM_BITS + 23);
        Self { largest, scale: reciprocal(fraction), shift }
    }

    /// The probability of an input in `2^-(8 + more)`, if it is not negligible.
    #[inline(always)]
    fn probability(&self, softmax: &Softmax, x: i8, more: u32) -> Option<i32> {
        let (difference, shift) = (i32::from(x) - self.largest, self.shift.wrapping_sub(more));
        // A shift beyond 31 leaves nothing.
        if difference >= softmax.least && shift <= 31 {
            let product = doubled_high(self.scale, exp::<INTEGER_BITS>(softmax.scaled(difference)));
            Some(shift_right(product, shift))
        } else {
            None
        }
    }
}

fn probabilities(softmax: &Softmax, row: &mut [i8]) {
    let shared = Row::new(softmax, row);
    for x in row {
        let probability = shared.probability(softmax, *x, 0);
        *x = probability.map_or(i8::MIN, |probability| clamp(probability - 128, [i8::MIN, i8::MAX]));
    }
}
