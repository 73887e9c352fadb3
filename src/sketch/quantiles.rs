//! Quantiles of numbers.

use core::fmt;

use super::{Body, Error, Reader, Sketch, Writer};

/// DDSketch: quantiles of numbers within a relative error, with `N` buckets for each sign.
///
/// Buckets are wider where numbers are greater, so that any two numbers in one are relatively near
/// (Masson, Rim, Lee: *DDSketch: a fast and fully-mergeable quantile sketch with relative-error
/// guarantees*, PVLDB 12, 2019). A bucket is named by the number's exponent and the first `BITS`
/// bits after it: the linear interpolation of the logarithm that the authors' own implementations
/// offer for speed. It needs integers only and gives the same bits on every machine.
///
/// # Numerics
///
/// With `α = 1 / (2^(BITS+1) + 1)`: [`Self::quantile`] is off by at most `α` of the
/// true quantile. `BITS = 5` gives 1.6 %, `BITS = 6` 0.8 %.
///
/// The `N` buckets of a sign reach `N / 2^BITS` powers of two down from the
/// greatest magnitude. Numbers nearer to zero fall into the last of them and still
/// count for the rank, but their own values are lost: the bound holds for quantiles
/// from [`Self::accurate_from`] on in magnitude (the paper's collapsing of the lowest
/// buckets). Subnormal numbers count as zero.
///
/// Neither order nor merging matters: a merged summary is, to the bit, that of both
/// streams together. Counts stop at 2⁶⁴ − 1.
///
/// ```
/// use kernlet::sketch::DdSketch;
/// let mut latencies = DdSketch::<512, 5>::new();
/// for n in 1..=1000 {
///     latencies.add(f64::from(n));
/// }
/// let p99 = latencies.quantile(0.99).unwrap();
/// assert!((p99 - 990.0).abs() <= 990.0 * latencies.relative_error());
/// assert_eq!(latencies.quantile(1.0), Some(1000.0));
/// ```
#[derive(Clone, PartialEq)]
pub struct DdSketch<const N: usize, const BITS: u32> {
    positive: Buckets<N>,
    negative: Buckets<N>,
    zeros: u64,
    least: f64,
    greatest: f64,
}

/// The `N` greatest buckets up to the greatest in use; what is below is in the last.
#[derive(Clone, PartialEq)]
struct Buckets<const N: usize> {
    /// Bucket `i` is at `i % N`.
    counts: [u64; N],
    total: u64,
    /// The greatest bucket that was ever in use, and the least that was asked for.
    top: u32,
    bottom: u32,
}

impl<const N: usize> Buckets<N> {
    const fn new() -> Self {
        const { assert!(N > 0 && N as u64 <= 1 << 31, "DDSketch has buckets") };
        Self { counts: [0; N], total: 0, top: 0, bottom: u32::MAX }
    }

    /// The last bucket that there is.
    fn low(&self) -> u32 {
        (self.top + 1).saturating_sub(N as u32)
    }

    fn at(&self, bucket: u32) -> u64 {
        self.counts[bucket as usize % N]
    }

    fn put(&mut self, bucket: u32, count: u64) {
        let counter = &mut self.counts[bucket as usize % N];
        *counter = counter.saturating_add(count);
    }

    #[inline]
    fn add(&mut self, bucket: u32, count: u64) {
        self.reach(bucket);
        self.bottom = self.bottom.min(bucket);
        self.put(bucket.max(self.low()), count);
        self.total = self.total.saturating_add(count);
    }

    /// Makes `top` the greatest bucket, if it is not below it.
    fn reach(&mut self, top: u32) {
        if top <= self.top {
            return;
        }
        let (before, low) = (self.low(), (top + 1).saturating_sub(N as u32));
        let mut moved = 0u64;
        for bucket in before..low.min(self.top + 1) {
            moved = moved.saturating_add(core::mem::take(&mut self.counts[bucket as usize % N]));
        }
        self.top = top;
        self.put(low, moved);
    }

    fn merge(&mut self, other: &Self) {
        if other.total == 0 {
            return;
        }
        self.reach(other.top);
        let low = self.low();
        for bucket in other.low()..=other.top {
            self.put(bucket.max(low), other.at(bucket));
        }
        self.bottom = self.bottom.min(other.bottom);
        self.total = self.total.saturating_add(other.total);
    }

    /// The bucket that has the number of this rank from the least on.
    fn rank(&self, rank: u64) -> u32 {
        let mut before = 0u64;
        let mut buckets = self.low()..=self.top;
        let found = buckets.find(|&bucket| {
            before = before.saturating_add(self.at(bucket));
            before > rank
        });
        found.unwrap_or(self.top)
    }

    fn write(&self, out: &mut Writer<'_>) {
        out.put(&(self.total, self.top, self.bottom));
        self.counts.iter().for_each(|count| out.put(count));
    }

    fn read(from: &mut Reader<'_>, buckets: u32) -> Option<Self> {
        let (total, top, bottom) = from.take()?;
        let mut counts = [0; N];
        let mut sum = 0u64;
        for count in &mut counts {
            *count = from.take()?;
            sum = sum.saturating_add(*count);
        }
        let own = Self { counts, total, top, bottom };
        let possible = match total {
            0 => own == Self::new(),
            _ => sum == total && bottom <= top && top < buckets && own.at(top) > 0 && own.at(bottom.max(own.low())) > 0,
        };
        // A window that begins below bucket 0 has counters of no bucket.
        let no_others = (top + 1..N as u32).all(|unused| own.counts[unused as usize] == 0);
        (possible && no_others).then_some(own)
    }
}

impl<const N: usize, const BITS: u32> DdSketch<N, BITS> {
    /// Bits of a number after those that name its bucket.
    const SHIFT: u32 = {
        assert!(BITS <= 16, "DDSketch has buckets of 0 to 16 bits");
        52 - BITS
    };

    /// A summary of no numbers.
    ///
    /// ```
    /// assert_eq!(kernlet::sketch::DdSketch::<64, 4>::new().quantile(0.5), None);
    /// ```
    pub const fn new() -> Self {
        Self {
            positive: Buckets::new(),
            negative: Buckets::new(),
            zeros: 0,
            least: f64::INFINITY,
            greatest: f64::NEG_INFINITY,
        }
    }

    /// Adds a number; false if it was not added because it is not finite.
    ///
    /// ```
    /// let mut numbers = kernlet::sketch::DdSketch::<64, 4>::new();
    /// assert!(numbers.add(-2.5) && !numbers.add(f64::NAN));
    /// assert_eq!(numbers.count(), 1);
    /// ```
    #[inline]
    pub fn add(&mut self, x: f64) -> bool {
        if !x.is_finite() {
            return false;
        }
        let bucket = (x.abs().to_bits() >> Self::SHIFT) as u32;
        if x.abs() < f64::MIN_POSITIVE {
            self.zeros = self.zeros.saturating_add(1);
        } else if x > 0.0 {
            self.positive.add(bucket, 1);
        } else {
            self.negative.add(bucket, 1);
        }
        // Adding makes 0 of −0, which of the two is less depends on the machine.
        self.least = self.least.min(x + 0.0);
        self.greatest = self.greatest.max(x + 0.0);
        true
    }

    /// How many numbers were added.
    ///
    /// ```
    /// assert_eq!(kernlet::sketch::DdSketch::<64, 4>::new().count(), 0);
    /// ```
    pub fn count(&self) -> u64 {
        self.negative.total.saturating_add(self.zeros).saturating_add(self.positive.total)
    }

    /// The least number added, exactly.
    ///
    /// ```
    /// let mut numbers = kernlet::sketch::DdSketch::<64, 4>::new();
    /// numbers.add(2.5);
    /// assert_eq!((numbers.min(), numbers.max()), (Some(2.5), Some(2.5)));
    /// ```
    pub fn min(&self) -> Option<f64> {
        (self.count() > 0).then_some(self.least)
    }

    /// The greatest number added, exactly.
    ///
    /// ```
    /// assert_eq!(kernlet::sketch::DdSketch::<64, 4>::new().max(), None);
    /// ```
    pub fn max(&self) -> Option<f64> {
        (self.count() > 0).then_some(self.greatest)
    }

    /// `α`: the relative error that a quantile may have.
    ///
    /// ```
    /// assert_eq!(kernlet::sketch::DdSketch::<64, 4>::new().relative_error(), 1.0 / 33.0);
    /// ```
    pub const fn relative_error(&self) -> f64 {
        1.0 / ((1u64 << (BITS + 1)) + 1) as f64
    }

    /// The magnitude from which quantiles are as near as promised: 0 while no number
    /// has been too near to zero for the buckets.
    ///
    /// ```
    /// let mut numbers = kernlet::sketch::DdSketch::<64, 4>::new();
    /// numbers.add(1.0);
    /// assert_eq!(numbers.accurate_from(), 0.0);
    /// numbers.add(1e6);
    /// // 64 buckets of 4 bits are four powers of two.
    /// assert!(numbers.accurate_from() < 1e6 / 8.0);
    /// ```
    pub fn accurate_from(&self) -> f64 {
        let of = |buckets: &Buckets<N>| {
            if buckets.total > 0 && buckets.bottom < buckets.low() { Self::start(buckets.low() + 1) } else { 0.0 }
        };
        of(&self.positive).max(of(&self.negative))
    }

    /// The least number of a bucket.
    fn start(bucket: u32) -> f64 {
        f64::from_bits(u64::from(bucket) << Self::SHIFT)
    }

    /// The number that is as far from a bucket's least as from its greatest, each in proportion.
    fn middle(bucket: u32) -> f64 {
        let (start, end) = (Self::start(bucket), Self::start(bucket + 1));
        // 2 · start · end / (start + end), where the last bucket ends at infinity.
        start * (2.0 / (1.0 + start / end))
    }

    /// The number that has a fraction `q` of the others before it: of `n` numbers in
    /// order, counted from 0, about the `⌊q (n − 1)⌋`-th; the first and the last are
    /// exact. `None` if there are no numbers, or `q` is NaN.
    ///
    /// ```
    /// let mut numbers = kernlet::sketch::DdSketch::<64, 5>::new();
    /// for x in [-8.0, 0.0, 1.0, 1e3] {
    ///     numbers.add(x);
    /// }
    /// assert_eq!(numbers.quantile(0.0), Some(-8.0));
    /// assert_eq!(numbers.quantile(0.5), Some(0.0));
    /// assert_eq!(numbers.quantile(1.0), Some(1e3));
    /// ```
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let last = self.count().checked_sub(1)?;
        if q.is_nan() {
            return None;
        }
        let rank = ((q.clamp(0.0, 1.0) * last as f64) as u64).min(last);
        let (negative, zeros) = (self.negative.total, self.zeros);
        let found = if rank == 0 {
            self.least
        } else if rank == last {
            self.greatest
        } else if rank < negative {
            -Self::middle(self.negative.rank(negative - 1 - rank))
        } else if rank - negative < zeros {
            0.0
        } else {
            Self::middle(self.positive.rank(rank - negative - zeros))
        };
        Some(found.clamp(self.least, self.greatest))
    }
}

impl<const N: usize, const BITS: u32> Default for DdSketch<N, BITS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize, const BITS: u32> Body for DdSketch<N, BITS> {
    const KIND: u16 = 6;
    const SIZES: [u32; 3] = [N as u32, BITS, 0];
    const BODY: usize = 2 * (8 + 4 + 4 + 8 * N) + 8 + 8 + 8;

    fn write(&self, out: &mut Writer<'_>) {
        self.positive.write(out);
        self.negative.write(out);
        out.put(&(self.zeros, self.least, self.greatest));
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        // Infinity and NaN have no bucket.
        let buckets = (f64::INFINITY.to_bits() >> Self::SHIFT) as u32;
        let (positive, negative) = (Buckets::read(from, buckets)?, Buckets::read(from, buckets)?);
        let (zeros, least, greatest) = from.take()?;
        let own = Self { positive, negative, zeros, least, greatest };
        let possible = match own.count() {
            0 => own == Self::new(),
            _ => least <= greatest && least.is_finite() && greatest.is_finite(),
        };
        possible.then_some(own)
    }
}

impl<const N: usize, const BITS: u32> Sketch for DdSketch<N, BITS> {
    /// As the trait says; it never fails.
    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        self.positive.merge(&other.positive);
        self.negative.merge(&other.negative);
        self.zeros = self.zeros.saturating_add(other.zeros);
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        Ok(())
    }
}

impl<const N: usize, const BITS: u32> fmt::Debug for DdSketch<N, BITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DdSketch({} numbers from {} to {})", self.count(), self.least, self.greatest)
    }
}

#[cfg(feature = "defmt")]
impl<const N: usize, const BITS: u32> defmt::Format for DdSketch<N, BITS> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "DdSketch({=u64} numbers from {=f64} to {=f64})", self.count(), self.least, self.greatest);
    }
}
