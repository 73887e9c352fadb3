//! Sums of floats without rounding.

use core::fmt;
use core::marker::PhantomData;

use crate::pairs::Plain;

/// Words of an exact sum: the bits of the type's whole range, 64 for as many carries,
/// and a sign.
pub(super) const F32_WORDS: usize = 6;
pub(super) const F64_WORDS: usize = 34;

/// The exact sum of floats: an integer as wide as the type's whole range, in units of its least
/// positive float (Kulisch's long accumulator: *Computer arithmetic and validity*, 2008).
///
/// Addition of integers is associative, so the sum depends neither on the order nor on how
/// the numbers were divided, and it is rounded once, when [`Self::value`] is called. It takes 49
/// bytes for `f32`, 273 for `f64`.
///
/// # Numerics
///
/// The value is the float nearest to the true sum, or the even one of two equally near; infinite if
/// the sum is beyond the greatest float by half a unit. A NaN, or infinities of both signs, make it
/// NaN; otherwise an infinity stays. A sum of zeros is +0. Exact for up to 2⁶³ numbers.
///
/// ```
/// use kernlet::mapreduce::{Combiner, ExactSum};
/// let sum = ExactSum::<f32>::new();
/// let mut acc = sum.start(&16_777_216.0);
/// for _ in 0..3 {
///     sum.update(&mut acc, &0.5);
/// }
/// // 2²⁴ and three halves: the nearest float is 2²⁴ + 2.
/// assert_eq!(acc.value(), 16_777_218.0);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ExactFloat<T, const WORDS: usize> {
    /// Two's complement, the least first.
    words: [u64; WORDS],
    /// Whether there was a NaN, an infinity, a negative infinity.
    special: u8,
    float: PhantomData<T>,
}

const NAN: u8 = 1;
const INFINITE: u8 = 2;
const NEGATIVE: u8 = 4;

/// Adds `amount` at bit `shift`, or takes it away.
fn add_at<const WORDS: usize>(words: &mut [u64; WORDS], amount: u64, shift: usize, subtract: bool) {
    let wide = u128::from(amount) << (shift % 64);
    let mut carry = false;
    let parts = [wide as u64, (wide >> 64) as u64].into_iter().chain(core::iter::repeat(0));
    for (i, (word, part)) in words.iter_mut().skip(shift / 64).zip(parts).enumerate() {
        if i >= 2 && !carry {
            return;
        }
        let step =
            |word: u64, part: u64| if subtract { word.overflowing_sub(part) } else { word.overflowing_add(part) };
        let (once, first) = step(*word, part);
        let (twice, second) = step(once, u64::from(carry));
        (*word, carry) = (twice, first | second);
    }
}

/// The magnitude of an integer, rounded to `kept` significant bits, as the bits of a float
/// whose least unit the integer counts; and whether it is negative.
fn round<const WORDS: usize>(words: &[u64; WORDS], kept: u32) -> (u64, bool) {
    let negative = words[WORDS - 1] >> 63 == 1;
    let mut magnitude = *words;
    if negative {
        let mut carry = true;
        for word in &mut magnitude {
            (*word, carry) = (!*word).overflowing_add(u64::from(carry));
        }
    }
    let Some(top) = magnitude.iter().rposition(|&word| word != 0) else { return (0, false) };
    let len = 64 * top as u32 + 64 - magnitude[top].leading_zeros();
    if len <= kept {
        return (magnitude[0], negative);
    }
    let cut = len - kept;
    let (word, bit) = (cut as usize / 64, cut % 64);
    let low = magnitude[word] >> bit;
    let high = magnitude.get(word + 1).map_or(0, |high| if bit == 0 { 0 } else { high << (64 - bit) });
    let mantissa = (low | high) & (u64::MAX >> (64 - kept));
    // Rounded up if what was cut is more than a half, or a half and the mantissa odd.
    let half = (cut - 1) as usize;
    let has_half = magnitude[half / 64] >> (half % 64) & 1 == 1;
    let below =
        magnitude[half / 64] & !(u64::MAX << (half % 64)) != 0 || magnitude[..half / 64].iter().any(|&w| w != 0);
    let up = has_half && (below || mantissa & 1 == 1);
    // With the leading bit of the mantissa, the exponent is one more; a carry makes it two.
    ((u64::from(cut) << (kept - 1)) + mantissa + u64::from(up), negative)
}

impl<T, const WORDS: usize> ExactFloat<T, WORDS> {
    const fn new() -> Self {
        Self { words: [0; WORDS], special: 0, float: PhantomData }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        let mut carry = false;
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            let (once, first) = word.overflowing_add(*other);
            let (twice, second) = once.overflowing_add(u64::from(carry));
            (*word, carry) = (twice, first | second);
        }
        self.special |= other.special;
    }
}

macro_rules! exact_floats {
    ($($t:ident, $bits:ty, $words:ident;)*) => {$(
        impl ExactFloat<$t, $words> {
            pub(super) fn add(&mut self, value: $t) {
                const STORED: u32 = $t::MANTISSA_DIGITS - 1;
                let bits = value.to_bits();
                let negative = value.is_sign_negative();
                if !value.is_finite() {
                    self.special |= if value.is_nan() {
                        NAN
                    } else if negative {
                        NEGATIVE
                    } else {
                        INFINITE
                    };
                    return;
                }
                let exponent = bits << 1 >> (STORED + 1);
                let fraction = bits & !(<$bits>::MAX << STORED);
                let leading = <$bits>::from(exponent > 0) << STORED;
                let shift = exponent.max(1) - 1;
                add_at(&mut self.words, u64::from(fraction | leading), shift as usize, negative);
            }

            /// The sum, rounded to the nearest float.
            pub fn value(&self) -> $t {
                match self.special {
                    0 => {}
                    INFINITE => return $t::INFINITY,
                    NEGATIVE => return $t::NEG_INFINITY,
                    _ => return $t::NAN,
                }
                let (bits, negative) = round(&self.words, $t::MANTISSA_DIGITS);
                let bits = bits.min($t::INFINITY.to_bits().into());
                let magnitude = $t::from_bits(bits as $bits);
                if negative { -magnitude } else { magnitude }
            }
        }

        impl From<$t> for ExactFloat<$t, $words> {
            fn from(value: $t) -> Self {
                let mut sum = Self::new();
                sum.add(value);
                sum
            }
        }

        impl fmt::Debug for ExactFloat<$t, $words> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "ExactFloat({:?})", self.value())
            }
        }
    )*};
}
exact_floats!(f32, u32, F32_WORDS; f64, u64, F64_WORDS;);

impl<T: Copy, const WORDS: usize> Plain for ExactFloat<T, WORDS> {
    const SIZE: usize = 8 * WORDS + 1;
    fn store(&self, out: &mut [u8]) {
        self.special.store(out);
        self.words.store(&mut out[1..]);
    }
    fn load(bytes: &[u8]) -> Self {
        Self { words: Plain::load(&bytes[1..]), special: bytes[0], float: PhantomData }
    }
}
