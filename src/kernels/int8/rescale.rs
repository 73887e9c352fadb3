//! Rescaling: an integer times a real multiplier, in integers.
//!
//! A [`Multiplier`] is `mantissa · 2^(exponent − 31)` with a mantissa of 31 bits. Rescaling `x` by it
//! is rounded in one of two ways, a [`Rescaling`]; both round halves, and both give integers that
//! every target agrees on.
//!
//! Source: B. Jacob et al., *Quantization and Training of Neural Networks for Efficient
//! Integer-Arithmetic-Only Inference*, 2018, section 2.2; gemmlowp's fixed-point documentation.
#![allow(unsafe_code)]

use crate::simd::rescale::scaled;

/// How a rescaled integer is rounded.
///
/// ```
/// use kernlet::kernels::int8::{Multiplier, Rescaling};
/// // 6 · 2⁻² = 1.5 − ε: rounded to 31 bits first it is 2 · 2⁻¹, then up.
/// let quarter = Multiplier::from_real(0.249_999_999_9);
/// assert_eq!(quarter.rescale(6, Rescaling::Double), 2);
/// assert_eq!(quarter.rescale(6, Rescaling::Single), 1);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Rescaling {
    /// The high half of the product is rounded, half up; then it is shifted right and rounded again,
    /// halves away from zero. TensorFlow Lite Micro and CMSIS-NN do so unless told otherwise.
    #[default]
    Double,
    /// The product of 64 bits is shifted and rounded once, half up. `ruy` does so.
    Single,
}

/// A real number from 0 to 2³⁰ as an integer of 31 bits and a power of two.
///
/// ```
/// use kernlet::kernels::int8::{Multiplier, Rescaling};
/// const HALF: Multiplier = Multiplier::from_real(0.5);
/// assert_eq!((HALF.mantissa(), HALF.exponent()), (1 << 30, 0));
/// assert_eq!(HALF.rescale(-7, Rescaling::Double), -3); // −3.5, half up
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(C)]
pub struct Multiplier {
    // 0 ≤ mantissa, −31 ≤ exponent ≤ 30: no shift is too far. Words that say otherwise give other
    // numbers, and nothing worse.
    mantissa: i32,
    exponent: i32,
}

// SAFETY: two integers of four bytes, without padding.
unsafe impl bytemuck::Zeroable for Multiplier {}

// SAFETY: two integers of four bytes, without padding, for which any bits will do.
unsafe impl bytemuck::Pod for Multiplier {}

impl Multiplier {
    /// The multiplier nearest to `real`: its mantissa is rounded to 31 bits, halves away from zero.
    ///
    /// A number below 2⁻³², a negative one and NaN become 0, one above 2³⁰ the largest multiplier.
    ///
    /// ```
    /// use kernlet::kernels::int8::Multiplier;
    /// let third = Multiplier::from_real(1.0 / 3.0);
    /// assert_eq!((third.mantissa(), third.exponent()), (1_431_655_765, -1));
    /// assert_eq!(Multiplier::from_real(1e-10), Multiplier::default());
    /// ```
    pub const fn from_real(real: f64) -> Self {
        const ZERO: Multiplier = Multiplier { mantissa: 0, exponent: 0 };
        let bits = real.to_bits();
        // The sign and eleven bits of the exponent; a subnormal is far below 2⁻³².
        let biased = (bits >> 52) as i32;
        if real.is_nan() || real <= 0.0 || biased == 0 {
            return ZERO;
        }
        let significand = (bits & ((1 << 52) - 1)) | (1 << 52);
        let mut mantissa = (significand + (1 << 21)) >> 22;
        let mut exponent = biased - 1022;
        if mantissa == 1 << 31 {
            mantissa >>= 1;
            exponent += 1;
        }
        if exponent < -31 {
            ZERO
        } else if exponent > 30 {
            Self { mantissa: i32::MAX, exponent: 30 }
        } else {
            Self { mantissa: mantissa as i32, exponent }
        }
    }

    /// The multiplier `mantissa · 2^(exponent − 31)`, or `None` if the mantissa is negative or the
    /// exponent is not from −31 to 30.
    ///
    /// ```
    /// use kernlet::kernels::int8::Multiplier;
    /// assert_eq!(Multiplier::from_parts(1 << 30, 1), Some(Multiplier::from_real(1.0)));
    /// assert_eq!(Multiplier::from_parts(1 << 30, 31), None);
    /// ```
    pub const fn from_parts(mantissa: i32, exponent: i32) -> Option<Self> {
        if mantissa >= 0 && exponent >= -31 && exponent <= 30 { Some(Self { mantissa, exponent }) } else { None }
    }

    /// The integer of 31 bits.
    ///
    /// ```
    /// assert_eq!(kernlet::kernels::int8::Multiplier::from_real(1.0).mantissa(), 1 << 30);
    /// ```
    pub const fn mantissa(self) -> i32 {
        self.mantissa
    }

    /// The power of two, so that the multiplier is `mantissa · 2^(exponent − 31)`.
    ///
    /// ```
    /// assert_eq!(kernlet::kernels::int8::Multiplier::from_real(1.0).exponent(), 1);
    /// ```
    pub const fn exponent(self) -> i32 {
        self.exponent
    }

    /// The multiplier over `count`, as a mean of that many numbers needs it: the mantissa keeps as
    /// many bits as the exponent allows, and the quotient is truncated.
    ///
    /// ```
    /// use kernlet::kernels::int8::{Multiplier, Rescaling};
    /// let tenth = Multiplier::from_real(1.0).over(10);
    /// assert_eq!(tenth.rescale(999, Rescaling::Double), 100);
    /// ```
    pub const fn over(self, count: usize) -> Self {
        let Some(log2) = count.checked_ilog2() else { return self };
        let most = 31 + self.exponent;
        let mut shift = if log2 < 32 { log2 as i32 } else { 32 };
        if shift > most {
            shift = most;
        }
        // `shift` is at least 0, since an exponent is at least −31.
        let mantissa = (((self.mantissa as i64) << shift) as u64).checked_div(count as u64);
        match mantissa {
            Some(mantissa) => Self { mantissa: mantissa as i32, exponent: self.exponent - shift },
            None => self,
        }
    }

    /// `x` times the multiplier.
    ///
    /// # Numerics
    /// `x` is shifted left by a positive exponent first, and wraps if it does not fit 32 bits then.
    /// The result is rounded as `rescaling` says, and fits 32 bits.
    ///
    /// ```
    /// use kernlet::kernels::int8::{Multiplier, Rescaling};
    /// let multiplier = Multiplier::from_real(0.001);
    /// assert_eq!(multiplier.rescale(12_345, Rescaling::Double), 12);
    /// ```
    #[inline(always)]
    pub const fn rescale(self, x: i32, rescaling: Rescaling) -> i32 {
        match rescaling {
            Rescaling::Double => {
                let left = if self.exponent > 0 { self.exponent } else { 0 };
                let right = if self.exponent < 0 { self.exponent.wrapping_neg() } else { 0 };
                scaled(x.wrapping_shl(left as u32), self.mantissa, right as u32)
            }
            Rescaling::Single => {
                let shift = 31_i32.wrapping_sub(self.exponent) as u32 & 63;
                let product = x as i64 * self.mantissa as i64;
                let half = 1_i64.wrapping_shl(shift.wrapping_sub(1));
                let result = product.wrapping_add(half).wrapping_shr(shift);
                if result > i32::MAX as i64 {
                    i32::MAX
                } else if result < i32::MIN as i64 {
                    i32::MIN
                } else {
                    result as i32
                }
            }
        }
    }
}

/// The high half of `2ab`, rounded half up; for the two smallest numbers, the largest.
#[inline(always)]
pub(super) const fn doubled_high(a: i32, b: i32) -> i32 {
    let doubled = (a as i64 * b as i64 + (1 << 30)) >> 31;
    if doubled > i32::MAX as i64 { i32::MAX } else { doubled as i32 }
}

/// `x / 2^by`, rounded, halves away from zero; `by` is at most 31.
#[inline(always)]
pub(super) const fn shift_right(x: i32, by: u32) -> i32 {
    let mask = 1_u32.wrapping_shl(by).wrapping_sub(1) as i32;
    let rest = x & mask;
    let threshold = (mask >> 1) + (x < 0) as i32;
    x.wrapping_shr(by) + (rest > threshold) as i32
}
