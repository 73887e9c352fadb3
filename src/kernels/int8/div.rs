//! Division of eight-bit integers, element by element.
//!
//! ```text
//! y = clamp(rescale((a − z₁) / (b − z₂), s₁ / (s₂ · s_y)) + z_y)
//! ```
//!
//! # Numerics
//! All in fixed point: the reciprocal of the divisor comes from three Newton steps, and the dividend, shifted left as
//! far as it goes, is multiplied by it and then by the multiplier's mantissa. Each product is rounded half up, and the
//! last shift to the nearest with halves away from zero; [`Output::rescaling`] is ignored. A divisor of 0 gives
//! whatever this arithmetic gives. Where more than 31 bits are to be shifted out, TensorFlow Lite's shift is undefined;
//! here it is taken modulo 32 and 1 is added to what is not negative, as on x86.
//!
//! Source: TensorFlow Lite's `reference/div.h` and gemmlowp's `fixedpoint.h`.

use super::{
    Broadcast, Multiplier, Output, ShapeError, check,
    fixed::{reciprocal, shift_left},
    rescale::{doubled_high, shift_right},
};
use crate::simd::Level;

const NAME: &str = "int8 div";

/// The integers of a division.
///
/// ```
/// use kernlet::kernels::int8::{Output, div::Quotient};
/// const QUOTIENT: Quotient = Quotient::new([0.5, 0.25], [0, 0], 1.0, Output::new(0));
/// assert_eq!(QUOTIENT.multiplier.exponent(), 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Quotient {
    /// The zero points of the operands.
    pub zero_points: [i8; 2],
    /// What quotients are rescaled by.
    pub multiplier: Multiplier,
    /// How quotients become outputs.
    pub output: Output,
}

impl Quotient {
    /// For operands of these scales and zero points.
    pub const fn new(scales: [f32; 2], zero_points: [i8; 2], output_scale: f32, output: Output) -> Self {
        let multiplier = Multiplier::from_real(scales[0] as f64 / (scales[1] as f64 * output_scale as f64));
        Self { zero_points, multiplier, output }
    }

    #[inline(always)]
    fn of(&self, a: i8, b: i8) -> i8 {
        let a = i32::from(a) - i32::from(self.zero_points[0]);
        let b = i32::from(b) - i32::from(self.zero_points[1]);
        self.output.place(rescaled(a, b, self.multiplier))
    }
}

/// `a / b` times the multiplier.
#[inline]
fn rescaled(a: i32, b: i32, multiplier: Multiplier) -> i32 {
    let (a, b) = if b < 0 { (a.wrapping_neg(), b.wrapping_neg()) } else { (a, b) };
    // b is (1 + fraction) · 2^(31 − headroom).
    let headroom = b.leading_zeros();
    let fraction = b.cast_unsigned().wrapping_shl(headroom).wrapping_sub(1 << 31);
    let inverse = reciprocal(fraction.cast_signed());
    // As far to the left as it goes without its sign.
    let left = (if a < 0 { !a } else { a }).leading_zeros().saturating_sub(1);
    let product = doubled_high(doubled_high(a.wrapping_shl(left), inverse), multiplier.mantissa());
    let right = left as i32 + 31 - headroom as i32 - multiplier.exponent();
    match right {
        ..0 => shift_left(product, right.unsigned_abs()),
        0..=31 => shift_right(product, right.cast_unsigned()),
        _ => product.wrapping_shr(right.cast_unsigned()).wrapping_add(i32::from(product >= 0)),
    }
}

/// `y = a / b`.
///
/// # Errors
/// If a slice has the wrong length; nothing is written then.
///
/// ```
/// use kernlet::kernels::int8::{Broadcast, Output, div::{self, Quotient}};
/// use kernlet::simd::Level;
/// let quotient = Quotient::new([0.5, 0.5], [0, 1], 0.25, Output::new(0));
/// let mut y = [99; 3];
/// div::div_into(Level::detect(), &Broadcast::new(&[3], &[1])?, &quotient, &[4, 8, -12], &[3], &mut y)?;
/// assert_eq!(y, [8, 16, -24]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn div_into(
    level: Level,
    shape: &Broadcast,
    quotient: &Quotient,
    a: &[i8],
    b: &[i8],
    y: &mut [i8],
) -> Result<(), ShapeError> {
    check(NAME, "a", a, shape.a_len())?;
    check(NAME, "b", b, shape.b_len())?;
    check(NAME, "y", y, shape.y_len())?;
    let _ = level;
    shape.each_run(a, b, y, |a, b, y| match (a, b) {
        (_, &[b]) => y.iter_mut().zip(a).for_each(|(y, &a)| *y = quotient.of(a, b)),
        (&[a], _) => y.iter_mut().zip(b).for_each(|(y, &b)| *y = quotient.of(a, b)),
        _ => y.iter_mut().zip(a.iter().zip(b)).for_each(|(y, (&a, &b))| *y = quotient.of(a, b)),
    });
    Ok(())
}
