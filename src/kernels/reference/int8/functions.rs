//! The twins of [`softmax`](crate::kernels::int8::softmax), [`log_softmax`](crate::kernels::int8::log_softmax), [`logistic`](crate::kernels::int8::logistic),
//! [`tanh`](crate::kernels::int8::tanh) and [`hard_swish`](crate::kernels::int8::hard_swish), from the scales on; and of
//! [`div`](crate::kernels::int8::div).
//!
//! A number in fixed point is `Fixed`: its bits and how many of them are before the point, so that every step
//! says what it is a step of.

use super::{half_away, half_up, held, place, rescale};
use crate::kernels::int8::{Multiplier, Rescaling, div::Quotient};

/// `bits · 2^(integer_bits − 31)`.
#[derive(Clone, Copy)]
struct Fixed {
    bits: i32,
    integer_bits: i32,
}

impl Fixed {
    fn new(bits: i128, integer_bits: i32) -> Self {
        Self { bits: held(bits), integer_bits }
    }

    /// The nearest to a real number, at most the largest.
    fn real(real: f64, integer_bits: i32) -> Self {
        let scaled = real * libm::ldexp(1.0, 31 - integer_bits);
        Self::new(libm::round(scaled) as i128, integer_bits)
    }

    /// The product, whose integer bits are those of both.
    fn times(self, other: Self) -> Self {
        let product = i128::from(self.bits) * i128::from(other.bits);
        Self::new(half_up(product, 31), self.integer_bits + other.integer_bits)
    }

    fn plus(self, other: Self) -> Self {
        assert_eq!(self.integer_bits, other.integer_bits);
        Self { bits: self.bits.wrapping_add(other.bits), ..self }
    }

    fn minus(self, other: Self) -> Self {
        self.plus(Self { bits: other.bits.wrapping_neg(), ..other })
    }

    /// The same number with other integer bits: held if it does not fit, rounded if bits are lost.
    fn with_integer_bits(self, integer_bits: i32) -> Self {
        let by = integer_bits - self.integer_bits;
        let bits = i128::from(self.bits);
        Self::new(if by < 0 { bits << -by } else { half_away(bits, by.cast_unsigned()) }, integer_bits)
    }

    /// The same bits, the number being so many times two as large.
    fn doubled(self, times: i32) -> Self {
        Self { integer_bits: self.integer_bits + times, ..self }
    }

    /// `self / 2^by`, rounded.
    fn shifted(self, by: u32) -> Self {
        Self { bits: half_away(i128::from(self.bits), by) as i32, ..self }
    }
}

/// `e^x` for x up to 0: the part below a multiple of ¼ by a series about −⅛, the rest as a product of powers.
fn exp(x: Fixed) -> Fixed {
    if x.bits == 0 {
        return Fixed::new(i128::from(i32::MAX), 0);
    }
    let quarter = 1_i32 << (31 - x.integer_bits - 2);
    let below = x.bits.rem_euclid(quarter) - quarter;
    let t = Fixed { bits: below, ..x }.with_integer_bits(0).plus(Fixed::real(0.125, 0));
    let (t2, middle) = (t.times(t), Fixed::real(libm::exp(-0.125), 0));
    let (t3, t4) = (t2.times(t), t2.times(t2));
    // t⁴/24 + t³/6 + t²/2
    let tail = t4.shifted(2).plus(t3).times(Fixed::real(1.0 / 3.0, 0)).plus(t2).shifted(1);
    let mut result = middle.plus(middle.times(t.plus(tail)));
    let rest = (below - x.bits) / quarter;
    for (bit, power) in (0..x.integer_bits + 2).zip([-2, -1, 0, 1, 2, 3, 4]) {
        if rest >> bit & 1 == 1 {
            result = result.times(Fixed::real(libm::exp(-libm::ldexp(1.0, power)), 0));
        }
    }
    result
}

/// `2 / (1 + a)` for a from 0 to 1.
fn twice_reciprocal(a: Fixed) -> Fixed {
    let half = Fixed::new(half_up(i128::from(a.bits) + i128::from(i32::MAX), 1), 0);
    let mut x = Fixed::real(48.0 / 17.0, 2).plus(half.times(Fixed::real(-32.0 / 17.0, 2)));
    for _ in 0..3 {
        let rest = Fixed::real(1.0, 2).minus(half.times(x));
        x = x.plus(x.times(rest).with_integer_bits(2));
    }
    x
}

fn reciprocal(a: Fixed) -> Fixed {
    twice_reciprocal(a).doubled(-1).with_integer_bits(0)
}

/// The largest input whose scaled value has so many integer bits.
fn radius(integer_bits: i32, exponent: i32) -> i64 {
    let most = libm::ldexp(libm::ldexp(1.0, integer_bits) - 1.0, 31 - integer_bits - exponent);
    libm::floor(most) as i64
}

/// One row of [`int8::softmax::forward_into`](crate::kernels::int8::softmax::forward_into).
///
/// ```
/// let mut y = [0; 2];
/// kernlet::kernels::reference::int8::functions::softmax(0.1, 1.0, &[5, 5], &mut y);
/// assert_eq!(y, [0, 0]);
/// ```
pub fn softmax(scale: f32, beta: f32, x: &[i8], y: &mut [i8]) {
    let real = f64::from(beta) * f64::from(scale) * libm::ldexp(1.0, 26);
    let multiplier = Multiplier::from_real(real.min(f64::from(i32::MAX)));
    let largest = x.iter().copied().max().unwrap_or_default();
    let exponential = |x: i8| {
        let difference = i64::from(x) - i64::from(largest);
        let shifted = (difference << multiplier.exponent().max(0)) as i32;
        let scaled = Fixed::new(half_up(i128::from(shifted) * i128::from(multiplier.mantissa()), 31), 5);
        (difference >= -radius(5, multiplier.exponent())).then(|| exp(scaled))
    };
    let sum = x
        .iter()
        .filter_map(|&x| exponential(x))
        .fold(0_u32, |sum, e| sum.wrapping_add(e.with_integer_bits(12).bits.cast_unsigned()));
    let headroom = sum.leading_zeros();
    let fraction = (u64::from(sum) << headroom) as u32 - (1 << 31);
    let scale = reciprocal(Fixed::new(i128::from(fraction), 0));
    for (&x, y) in x.iter().zip(y) {
        let shift = 12 + 23 - headroom;
        *y = match exponential(x) {
            Some(e) if shift <= 31 => (half_away(i128::from(scale.times(e).bits), shift) - 128).clamp(-128, 127) as i8,
            _ => -128,
        };
    }
}

/// One row of [`int8::softmax::forward_wide_into`](crate::kernels::int8::softmax::forward_wide_into).
///
/// ```
/// let mut y = [99; 2];
/// kernlet::kernels::reference::int8::functions::softmax_wide(0.1, 1.0, &[5, 5], &mut y);
/// assert_eq!(y, [0, 0]);
/// ```
pub fn softmax_wide(scale: f32, beta: f32, x: &[i8], y: &mut [i16]) {
    let real = f64::from(beta) * f64::from(scale) * libm::ldexp(1.0, 26);
    let multiplier = Multiplier::from_real(real.min(f64::from(i32::MAX)));
    let (exponentials, sum) = exponentials(multiplier, x);
    let headroom = sum.leading_zeros();
    let fraction = (u64::from(sum) << headroom) as u32 - (1 << 31);
    let scale = reciprocal(Fixed::new(i128::from(fraction), 0));
    for (&x, y) in x.iter().zip(y) {
        *y = match exponentials(x) {
            Some(e) => (half_away(i128::from(scale.times(e).bits), 27 - headroom) - 32768).clamp(-32768, 32767) as i16,
            None => -32768,
        };
    }
}

/// `e^(x − largest)` of an input, if it is not negligible; and the sum of all in Q12.19.
fn exponentials(multiplier: Multiplier, x: &[i8]) -> (impl Fn(i8) -> Option<Fixed>, u32) {
    let largest = x.iter().copied().max().unwrap_or_default();
    let of = move |x: i8| {
        let difference = i64::from(x) - i64::from(largest);
        (difference >= -radius(5, multiplier.exponent())).then(|| exp(difference_in_fixed(multiplier, difference)))
    };
    let terms = x.iter().filter_map(|&x| of(x));
    (of, terms.fold(0_u32, |sum, e| sum.wrapping_add(e.with_integer_bits(12).bits.cast_unsigned())))
}

/// A difference of inputs in Q5.26.
fn difference_in_fixed(multiplier: Multiplier, difference: i64) -> Fixed {
    let shifted = (difference << multiplier.exponent().max(0)) as i32;
    Fixed::new(half_up(i128::from(shifted) * i128::from(multiplier.mantissa()), 31), 5)
}

/// `ln x` of a number from 1 on: `n · ln 2` and a quotient of two series about the fourth root of a half.
fn ln(x: u32) -> Fixed {
    let root = libm::sqrt(libm::sqrt(2.0));
    let [half_root, fourth_root] = [Fixed::real(libm::sqrt(0.5), 0), Fixed::real(1.0 / root, 0)];
    let whole = Fixed { bits: x.cast_signed(), integer_bits: 0 };
    // Bits of a number that are left when the leading zeros are gone, as a power of two with six integer bits.
    let power = |zeros: u32| Fixed::real(12.0 - f64::from(zeros), 6);
    let scaled = |x: Fixed, by: u32| Fixed::new(i128::from(x.bits) << by, 0);
    let zeros = whole.bits.leading_zeros();
    let a = scaled(scaled(whole, zeros - 1).times(half_root), 1);
    let a_power = power(zeros).plus(Fixed::real(0.25, 6));
    let zeros = whole.times(half_root).bits.leading_zeros() - 1;
    let b = scaled(whole, zeros);
    let b_power = power(zeros).minus(Fixed::real(0.25, 6));
    let r = Fixed { bits: a.bits.min(b.bits), integer_bits: 0 };
    let n = Fixed { bits: a_power.bits.max(b_power.bits), integer_bits: 6 };
    let middle = Fixed::new(half_away(i128::from(r.bits) + i128::from(fourth_root.bits), 1), 0);
    let half = r.minus(fourth_root);
    let q = half.plus(half);
    let square = q.times(q);
    let top = q.times(r).plus(q.times(square).times(Fixed::real(11.0 / 240.0 * root, 0)));
    let inner = Fixed::real(2.0 / root - root, 0).plus(q).plus(Fixed::real(root / 20.0, 0).times(square));
    let bottom = middle.times(inner).plus(Fixed::real(root / 4.0, 0).times(q));
    let series = top.with_integer_bits(6).times(reciprocal(bottom));
    n.times(Fixed::real(libm::log(2.0), 0)).plus(series).with_integer_bits(5)
}

/// One row of [`int8::log_softmax::forward_into`](crate::kernels::int8::log_softmax::forward_into).
///
/// ```
/// let mut y = [0; 2];
/// kernlet::kernels::reference::int8::functions::log_softmax(0.1, &[5, 5], &mut y);
/// assert_eq!(y, [116, 116]);
/// ```
pub fn log_softmax(scale: f32, x: &[i8], y: &mut [i8]) {
    let real = (f64::from(scale) * libm::ldexp(1.0, 26)).min(f64::from(i32::MAX));
    let multiplier = Multiplier::from_real(real);
    let (_, sum) = exponentials(multiplier, x);
    let ln = ln(sum);
    let real = libm::ldexp(1.0, 31 - multiplier.exponent()) / f64::from(multiplier.mantissa());
    let least = rescale(ln.bits.wrapping_add(i32::MIN), Multiplier::from_real(real), Rescaling::Double);
    let least = i64::from(least).max(-radius(5, multiplier.exponent()) - 1);
    let largest = x.iter().copied().max().unwrap_or_default();
    for (&x, y) in x.iter().zip(y) {
        let difference = i64::from(x) - i64::from(largest);
        let logarithm = half_away(i128::from(difference_in_fixed(multiplier, difference).minus(ln).bits), 22) + 127;
        *y = if difference > least { logarithm.clamp(-128, 127) as i8 } else { -128 };
    }
}

/// What `f` makes of an input in Q4.27, with so many bits behind the point.
fn of(scale: f32, zero_point: i8, rescaling: Rescaling, x: i8, f: impl Fn(Fixed) -> Fixed, bits: u32) -> i128 {
    let multiplier = Multiplier::from_real(f64::from(scale) * libm::ldexp(1.0, 27));
    let x = i32::from(x) - i32::from(zero_point);
    if i64::from(x).abs() >= radius(4, multiplier.exponent()) {
        return if x <= 0 { -1000 } else { 1000 };
    }
    let y = f(Fixed { bits: rescale(x, multiplier, rescaling), integer_bits: 4 });
    half_away(i128::from(y.bits), 31 - bits)
}

/// One element of [`int8::logistic::forward_into`](crate::kernels::int8::logistic::forward_into).
///
/// ```
/// use kernlet::kernels::{int8::Rescaling, reference::int8::functions::logistic};
/// assert_eq!(logistic(0.1, 3, Rescaling::Double, 3), 0);
/// ```
pub fn logistic(scale: f32, zero_point: i8, rescaling: Rescaling, x: i8) -> i8 {
    let f = |x: Fixed| {
        let positive = reciprocal(exp(Fixed { bits: -x.bits.saturating_abs(), ..x }));
        match x.bits.signum() {
            0 => Fixed::real(0.5, 0),
            1 => positive,
            _ => Fixed::real(1.0, 0).minus(positive),
        }
    };
    (of(scale, zero_point, rescaling, x, f, 8) - 128).clamp(-128, 127) as i8
}

/// One element of [`int8::tanh::forward_into`](crate::kernels::int8::tanh::forward_into).
///
/// ```
/// use kernlet::kernels::{int8::Rescaling, reference::int8::functions::tanh};
/// assert_eq!(tanh(0.1, 3, Rescaling::Double, 3), 0);
/// ```
pub fn tanh(scale: f32, zero_point: i8, rescaling: Rescaling, x: i8) -> i8 {
    let f = |x: Fixed| {
        let e = exp(Fixed { bits: -x.bits.saturating_abs(), ..x }.doubled(1));
        let positive = twice_reciprocal(e).minus(Fixed::real(1.0, 2)).with_integer_bits(0);
        Fixed { bits: x.bits.signum() * positive.bits, ..positive }
    };
    of(scale, zero_point, rescaling, x, f, 7).clamp(-128, 127) as i8
}

/// One element of [`int8::hard_swish::forward_into`](crate::kernels::int8::hard_swish::forward_into).
///
/// ```
/// use kernlet::kernels::reference::int8::functions::hard_swish;
/// assert_eq!(hard_swish([0.1, 0.1], [0, 0], 40), 40);
/// ```
pub fn hard_swish(scales: [f32; 2], zero_points: [i8; 2], x: i8) -> i8 {
    let held = |x: i64| x.clamp(-32768, 32767);
    let short = |real: f32| {
        let multiplier = Multiplier::from_real(f64::from(real));
        (((i64::from(multiplier.mantissa()) + (1 << 15)) >> 16).min(32767), multiplier.exponent())
    };
    let doubled_high = |a: i64, b: i64| held(half_up(i128::from(a * b), 15) as i64);
    let input = (i64::from(x) - i64::from(zero_points[0])) * 128;
    let scale = (1.0_f32 / 128.0) * scales[0];
    let (mantissa, exponent) = short(scale / (3.0_f32 / 32768.0));
    let mut gate = input;
    if exponent > 0 {
        gate = held(gate << (exponent - 1));
    }
    gate = doubled_high(gate, mantissa);
    if exponent > 0 {
        gate = held(gate * 2);
    } else {
        gate = half_away(i128::from(gate), exponent.unsigned_abs()) as i64;
    }
    let (mantissa, exponent) = short(scale / scales[1]);
    let product = ((gate + 32768) >> 1) * doubled_high(input, mantissa) / 32768;
    let y = if exponent > 0 {
        held(product << exponent)
    } else {
        half_away(i128::from(product), exponent.unsigned_abs()) as i64
    };
    (y + i64::from(zero_points[1])).clamp(-128, 127) as i8
}

/// One element of [`int8::div::div_into`](crate::kernels::int8::div::div_into).
///
/// ```
/// use kernlet::kernels::{int8::{Output, div::Quotient}, reference::int8::functions::div};
/// assert_eq!(div(&Quotient::new([1.0, 1.0], [0, 0], 0.25, Output::new(0)), 3, -2), -6);
/// ```
pub fn div(quotient: &Quotient, a: i8, b: i8) -> i8 {
    let [a, b] =
        [(a, quotient.zero_points[0]), (b, quotient.zero_points[1])].map(|(q, z)| i128::from(q) - i128::from(z));
    let sign = if b < 0 { -1 } else { 1 };
    let (a, b) = (sign * a, sign * b);
    // (1 + fraction) · 2^(31 − headroom), and the dividend over 2^(31 − left).
    let headroom = (b as u32).leading_zeros();
    let fraction = Fixed::new((b << headroom) - (1 << 31), 0);
    let left = (0..32).rev().find(|&left| i32::try_from(a << left).is_ok()).unwrap_or(0);
    let mantissa = Fixed::new(i128::from(quotient.multiplier.mantissa()), 0);
    let product = i128::from(Fixed::new(a << left, 0).times(reciprocal(fraction)).times(mantissa).bits);
    let right = left + 31 - headroom.cast_signed() - quotient.multiplier.exponent();
    let rescaled = match right {
        ..0 => held(product << -right),
        0..=31 => half_away(product, right.cast_unsigned()) as i32,
        _ => ((product >> (right % 32)) + i128::from(product >= 0)) as i32,
    };
    place(&quotient.output, rescaled)
}
