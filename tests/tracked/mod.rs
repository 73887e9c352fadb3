//! `f64` values with a bound on how far an `f32` computation of them may be off.
//!
//! Each operation carries the errors of its operands over and adds half a unit
//! in the last place of its own result (Wilkinson's running error analysis), so
//! a formula written with these numbers yields the value and the bound at once.
//! A fused multiply-add rounds less often and stays inside.
#![allow(dead_code)]

use std::ops::{Add, Div, Mul, Neg, Sub};

/// The unit roundoff of `f32`.
pub const U: f64 = f64::EPSILON * (1u64 << 28) as f64;

/// Half the smallest subnormal: what an underflow may lose.
const TINY: f64 = 7.006_492_321_624_085e-46;

#[derive(Clone, Copy, Debug)]
pub struct Tracked {
    pub value: f64,
    pub error: f64,
}

impl Tracked {
    /// A number that the computation gets rounded to `f32`.
    pub fn input(value: f64) -> Self {
        Self { value, error: (value - f64::from(value as f32)).abs() }
    }

    fn rounded(value: f64, error: f64) -> Self {
        Self { value, error: error + U * (value.abs() + error) + TINY }
    }

    /// A sum in any order: each of n terms goes through n − 1 additions at most.
    pub fn sum(terms: impl IntoIterator<Item = Self>) -> Self {
        let (mut value, mut error, mut size, mut count) = (0.0, 0.0, 0.0, 0.0);
        for term in terms {
            value += term.value;
            error += term.error;
            size += term.value.abs() + term.error;
            count += 1.0;
        }
        let roundings = count * U;
        Self { value, error: error + roundings / (1.0 - roundings) * size + TINY }
    }

    pub fn sqrt(self) -> Self {
        let value = self.value.sqrt();
        let low = value - (self.value - self.error).max(0.0).sqrt();
        let high = (self.value + self.error).sqrt() - value;
        Self::rounded(value, low.max(high))
    }

    /// A function whose slope is at most `slope` near the value, computed to `ulps` units in the last place.
    pub fn map(self, f: impl Fn(f64) -> f64, slope: f64, ulps: f64) -> Self {
        let value = f(self.value);
        let carried = self.error * slope;
        Self { value, error: carried + 2.0 * U * ulps * (value.abs() + carried) + TINY }
    }

    pub fn max(self, other: Self) -> Self {
        Self { value: self.value.max(other.value), error: self.error.max(other.error) }
    }

    /// Fails unless `found` is within the bound.
    #[track_caller]
    pub fn assert_near(self, found: f32, what: impl Fn() -> String) {
        let off = (f64::from(found) - self.value).abs();
        assert!(
            off <= self.error,
            "{}: expected {:e}, found {found:e}, off by {off:e}, bound {:e}",
            what(),
            self.value,
            self.error
        );
    }
}

impl Add for Tracked {
    type Output = Self;
    fn add(self, b: Self) -> Self {
        Self::rounded(self.value + b.value, self.error + b.error)
    }
}

impl Sub for Tracked {
    type Output = Self;
    fn sub(self, b: Self) -> Self {
        Self::rounded(self.value - b.value, self.error + b.error)
    }
}

impl Neg for Tracked {
    type Output = Self;
    fn neg(self) -> Self {
        Self { value: -self.value, error: self.error }
    }
}

impl Mul for Tracked {
    type Output = Self;
    fn mul(self, b: Self) -> Self {
        let error = self.value.abs() * b.error + b.value.abs() * self.error + self.error * b.error;
        Self::rounded(self.value * b.value, error)
    }
}

impl Div for Tracked {
    type Output = Self;
    fn div(self, b: Self) -> Self {
        let value = self.value / b.value;
        let room = b.value.abs() - b.error;
        let error = if room > 0.0 { (self.error + value.abs() * b.error) / room } else { f64::INFINITY };
        Self::rounded(value, error)
    }
}
