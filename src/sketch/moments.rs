//! Mean and variance.

use super::{Body, Error, Reader, Sketch, Writer};

/// Mean and variance of numbers, in one pass and 24 bytes.
///
/// The mean moves by its distance to each number (Welford: *Note on a method for
/// calculating corrected sums of squares and products*, Technometrics 4, 1962);
/// two summaries are merged by the distance of their means (Chan, Golub, LeVeque:
/// *Updating formulae and a pairwise algorithm for computing sample variances*, 1979).
///
/// # Numerics
///
/// Of `n` numbers, with `u = 2⁻⁵³`: the mean is at most `(n + 4) u max|x|` off, the
/// variance at most `n κ ε` of itself, where `ε = 2⁻⁵²` and `κ = √(1 + mean² / variance)`
/// (Chan, Golub, LeVeque: *Algorithms for computing the sample variance*, The
/// American Statistician 37, 1983). The sum of squares would lose `n κ² ε`.
/// NaN and infinities make NaN of both, and so do numbers whose squares overflow.
///
/// The same numbers added and merged in the same order give the same bits on
/// every machine; in another order they differ by rounding, within the bound.
///
/// ```
/// use kernlet::sketch::Moments;
/// let mut moments = Moments::new();
/// for x in [1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0] {
///     moments.add(x);
/// }
/// assert_eq!((moments.mean(), moments.sample_variance()), (1e9 + 10.0, 30.0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Moments {
    count: u64,
    mean: f64,
    /// The sum of the squared distances to the mean.
    squares: f64,
}

impl Moments {
    /// A summary of no numbers.
    ///
    /// ```
    /// assert_eq!(kernlet::sketch::Moments::new().count(), 0);
    /// ```
    pub const fn new() -> Self {
        Self { count: 0, mean: 0.0, squares: 0.0 }
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
        let distance = x - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (x - self.mean);
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
        if self.count == 0 { f64::NAN } else { self.mean }
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
        self.squares / self.count as f64
    }

    /// The variance of what these numbers are a sample of, unbiased; NaN for fewer than two.
    ///
    /// ```
    /// let mut moments = kernlet::sketch::Moments::new();
    /// moments.add(1.0);
    /// moments.add(3.0);
    /// assert_eq!(moments.sample_variance(), 2.0);
    /// ```
    pub fn sample_variance(&self) -> f64 {
        if self.count < 2 { f64::NAN } else { self.squares / (self.count - 1) as f64 }
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
    const KIND: u16 = 4;
    const SIZES: [u32; 3] = [0; 3];
    const BODY: usize = 24;

    fn write(&self, out: &mut Writer<'_>) {
        out.put(&(self.count, self.mean, self.squares));
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let (count, mean, squares): (u64, f64, f64) = from.take()?;
        let possible = if count == 0 { (mean, squares) == (0.0, 0.0) } else { squares >= 0.0 || squares.is_nan() };
        possible.then_some(Self { count, mean, squares })
    }
}

impl Sketch for Moments {
    /// As the trait says; there is no error.
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
        let distance = other.mean - self.mean;
        self.count = self.count.saturating_add(other.count);
        self.mean += distance * (others / all);
        self.squares += other.squares + distance * distance * (own * (others / all));
        Ok(())
    }
}
