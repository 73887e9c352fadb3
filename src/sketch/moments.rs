//! Mean and variance.

use super::{Body, Error, Reader, Sketch, Writer};

/// Mean and variance of numbers, in one pass and 40 bytes.
///
/// The mean moves by its distance to each number (Welford: *Note on a method for
/// calculating corrected sums of squares and products*, Technometrics 4, 1962);
/// two summaries are merged by the distance of their means (Chan, Golub, LeVeque:
/// *Updating formulae and a pairwise algorithm for computing sample variances*, 1979).
/// Both are kept as the sum of two floats (Dekker: *A floating-point technique for
/// extending the available precision*, Numerische Mathematik 18, 1971), because the
/// mean of numbers near 10¹⁵ has to be known to better than the distance of two floats there.
///
/// # Numerics
///
/// For up to 2⁵³ numbers, with `ε = 2⁻⁵²` and `κ = √(1 + mean² / variance)`: the mean is off by at
/// most `ε |mean| + 4 n ε² max|x|`, and the variance, if `n κ ε² < 10⁻³`, by at most
/// `4 ε + 8 n κ ε²` of itself, however the numbers were divided and merged. (In plain floats the
/// formulas lose `n κ ε`, which for numbers near 10¹⁵ is everything.) NaN and infinities make both
/// NaN, and so do numbers whose squares overflow.
///
/// The same numbers added and merged in the same order give the same bits on
/// every machine; in another order they differ by rounding, within the bound.
///
/// ```
/// use kernlet::sketch::Moments;
/// let mut moments = Moments::new();
/// for x in [1e15 + 4.0, 1e15 + 7.0, 1e15 + 13.0, 1e15 + 16.0] {
///     moments.add(x);
/// }
/// assert_eq!((moments.mean(), moments.sample_variance()), (1e15 + 10.0, 30.0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Moments {
    count: u64,
    mean: Double,
    /// The sum of the squared distances to the mean.
    squares: Double,
}

/// The sum of two floats, the second less than half a unit of the first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Double {
    high: f64,
    low: f64,
}

/// `a + b` and what its rounding lost (Knuth, TAOCP 2, 4.2.2, theorem B).
#[inline]
fn two_sum(a: f64, b: f64) -> Double {
    let high = a + b;
    let other = high - a;
    Double { high, low: (a - (high - other)) + (b - other) }
}

/// As [`two_sum`], of a float that is not the lesser one.
#[inline]
fn fast_two_sum(a: f64, b: f64) -> Double {
    let high = a + b;
    Double { high, low: b - (high - a) }
}

/// `a · b` and what its rounding lost (Dekker, by Veltkamp's halves).
#[inline]
fn two_product(a: f64, b: f64) -> Double {
    let halves = |x: f64| {
        let far = x * 134_217_729.0;
        let high = far - (far - x);
        (high, x - high)
    };
    let high = a * b;
    let ((a1, a2), (b1, b2)) = (halves(a), halves(b));
    Double { high, low: ((a1 * b1 - high) + a1 * b2 + a2 * b1) + a2 * b2 }
}

impl Double {
    #[inline]
    fn plus(self, other: Self) -> Self {
        let high = two_sum(self.high, other.high);
        let low = two_sum(self.low, other.low);
        let sum = fast_two_sum(high.high, high.low + low.high);
        fast_two_sum(sum.high, sum.low + low.low)
    }

    #[inline]
    fn negated(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }

    #[inline]
    fn times(self, other: Self) -> Self {
        let product = two_product(self.high, other.high);
        fast_two_sum(product.high, product.low + (self.high * other.low + self.low * other.high))
    }

    #[inline]
    fn over(self, divisor: f64) -> Self {
        let first = self.high / divisor;
        let product = two_product(first, divisor);
        let rest = (self.high - product.high) - product.low + self.low;
        fast_two_sum(first, rest / divisor)
    }

    #[inline]
    fn value(self) -> f64 {
        self.high + self.low
    }
}

impl From<f64> for Double {
    #[inline]
    fn from(high: f64) -> Self {
        Self { high, low: 0.0 }
    }
}

impl Moments {
    /// A summary of no numbers.
    ///
    /// ```
    /// assert_eq!(kernlet::sketch::Moments::new().count(), 0);
    /// ```
    pub const fn new() -> Self {
        const ZERO: Double = Double { high: 0.0, low: 0.0 };
        Self { count: 0, mean: ZERO, squares: ZERO }
    }

    /// Adds a number.
    ///
    /// ```
    /// let mut moments = kernlet::sketch::Moments::new();
    /// moments.add(2.5);
    /// assert_eq!((moments.mean(), moments.variance()), (2.5, 0.0));
    /// ```
    #[inline]
    pub fn add(&mut self, x: f64) {
        self.count = self.count.saturating_add(1);
        let x = Double::from(x);
        let distance = x.plus(self.mean.negated());
        self.mean = self.mean.plus(distance.over(self.count as f64));
        self.squares = self.squares.plus(distance.times(x.plus(self.mean.negated())));
    }

    /// How many numbers there were.
    ///
    /// ```
    /// let mut moments = kernlet::sketch::Moments::new();
    /// moments.add(2.5);
    /// assert_eq!(moments.count(), 1);
    /// ```
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; NaN if there are none.
    ///
    /// ```
    /// assert!(kernlet::sketch::Moments::new().mean().is_nan());
    /// ```
    pub fn mean(&self) -> f64 {
        if self.count == 0 { f64::NAN } else { self.mean.value() }
    }

    /// The squares, which rounding may have left a trifle below zero where all numbers are the same.
    fn squares(&self) -> Double {
        if self.squares.high < 0.0 { Double::from(0.0) } else { self.squares }
    }

    /// The variance of these numbers: the mean squared distance to their mean; NaN if there are none.
    ///
    /// ```
    /// let mut moments = kernlet::sketch::Moments::new();
    /// moments.add(1.0);
    /// moments.add(3.0);
    /// assert_eq!(moments.variance(), 1.0);
    /// ```
    pub fn variance(&self) -> f64 {
        self.squares().over(self.count as f64).value()
    }

    /// An unbiased estimate of the variance of what these numbers are a sample of; NaN for fewer
    /// than two.
    ///
    /// ```
    /// let mut moments = kernlet::sketch::Moments::new();
    /// moments.add(1.0);
    /// moments.add(3.0);
    /// assert_eq!(moments.sample_variance(), 2.0);
    /// ```
    pub fn sample_variance(&self) -> f64 {
        if self.count < 2 { f64::NAN } else { self.squares().over((self.count - 1) as f64).value() }
    }

    /// The square root of [`Self::variance`].
    ///
    /// ```
    /// let mut moments = kernlet::sketch::Moments::new();
    /// moments.add(1.0);
    /// moments.add(5.0);
    /// assert_eq!(moments.standard_deviation(), 2.0);
    /// ```
    pub fn standard_deviation(&self) -> f64 {
        libm::sqrt(self.variance())
    }
}

impl Body for Moments {
    const KIND: u16 = 7;
    const SIZES: [u32; 3] = [0; 3];
    const BODY: usize = 40;

    fn write(&self, out: &mut Writer<'_>) {
        out.put(&(self.count, self.mean.high, self.mean.low, self.squares.high, self.squares.low));
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let (count, mean, mean_low, squares, squares_low): (u64, f64, f64, f64, f64) = from.take()?;
        let mean = Double { high: mean, low: mean_low };
        let squares = Double { high: squares, low: squares_low };
        let possible = if count == 0 { (mean, squares) == Default::default() } else { true };
        possible.then_some(Self { count, mean, squares })
    }
}

impl Sketch for Moments {
    /// As the trait says; it never fails.
    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if other.count == 0 {
            return Ok(());
        }
        if self.count == 0 {
            *self = *other;
            return Ok(());
        }
        let (own, others) = (self.count as f64, other.count as f64);
        let all = own + others;
        let distance = other.mean.plus(self.mean.negated());
        let step = distance.times(Double::from(others).over(all));
        self.count = self.count.saturating_add(other.count);
        self.mean = self.mean.plus(step);
        // The squared distance, as often as the harmonic part of both: d · (d · others / all) · own.
        self.squares = self.squares.plus(other.squares).plus(distance.times(step).times(Double::from(own)));
        Ok(())
    }
}
