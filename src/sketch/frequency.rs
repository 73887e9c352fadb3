//! How often each key came.

use core::borrow::Borrow;
use core::fmt;
use core::marker::PhantomData;

use super::{Body, Error, KeyHash, Reader, Sketch, Writer};
use crate::pairs::{Emitter, Key};

/// Count-Min: how often each key came, never too low, in `D` rows of `W` counters.
///
/// Each row adds the weight of a key to the counter that the row's hash names;
/// the least of the key's counters is nearest to the truth (Cormode,
/// Muthukrishnan: *An improved data stream summary: the count-min sketch and its
/// applications*, Journal of Algorithms 55, 2005).
///
/// # Numerics
///
/// With a total weight `T` the estimate for a key is at least its count, and with
/// a probability of at least `1 − e⁻ᴰ` at most `e · T / W` more (theorem 1). For
/// an error of `ε T` with a probability of `1 − δ` take `W = e / ε`, `D = ln(1 / δ)`.
///
/// A merged summary is, to the bit, that of both streams together. Counts
/// stop at 2⁶⁴ − 1.
///
/// ```
/// use kernlet::sketch::CountMin;
/// let mut counts = CountMin::<str, 256, 4>::new(0);
/// for word in "to be or not to be".split(' ') {
///     counts.add(word, 1)?;
/// }
/// assert!(counts.estimate("be")? >= 2);
/// # Ok::<(), kernlet::sketch::Error>(())
/// ```
pub struct CountMin<K: ?Sized, const W: usize, const D: usize> {
    rows: [[u64; W]; D],
    total: u64,
    hash: KeyHash,
    key: PhantomData<fn(&K)>,
}

impl<K: ?Sized, const W: usize, const D: usize> CountMin<K, W, D> {
    /// An empty summary. Summaries to be merged must have the same seed; a secret one
    /// keeps others from choosing keys that collide in all rows.
    ///
    /// ```
    /// assert_eq!(kernlet::sketch::CountMin::<u8, 16, 2>::new(0).estimate(7), Ok(0));
    /// ```
    pub const fn new(seed: u64) -> Self {
        const { assert!(W > 0 && D > 0 && W as u64 <= 1 << 32, "Count-Min has rows of 1 to 2^32 counters") };
        Self { rows: [[0; W]; D], total: 0, hash: KeyHash::new(seed), key: PhantomData }
    }

    /// The weight of all keys together.
    ///
    /// ```
    /// let mut counts = kernlet::sketch::CountMin::<u8, 16, 2>::new(0);
    /// counts.add(7, 5).unwrap();
    /// assert_eq!(counts.total(), 5);
    /// ```
    pub fn total(&self) -> u64 {
        self.total
    }

    /// By how much an estimate may be too high, with a probability of `1 − e⁻ᴰ`: `e · total / W`.
    ///
    /// ```
    /// let mut counts = kernlet::sketch::CountMin::<u8, 100, 5>::new(0);
    /// counts.add(7, 1000).unwrap();
    /// assert!((counts.bound() - 27.18).abs() < 0.01);
    /// ```
    pub fn bound(&self) -> f64 {
        core::f64::consts::E * self.total as f64 / W as f64
    }
}

/// The counter of a hash in each of the rows: SplitMix64 from the hash on.
#[inline]
fn columns<const W: usize>(mut hash: u64) -> impl Iterator<Item = usize> {
    core::iter::repeat_with(move || {
        hash = hash.wrapping_add(0x9E37_79B9_7F4A_7C15);
        (((super::finish(hash) >> 32) * W as u64) >> 32) as usize
    })
}

impl<K: Key + ?Sized, const W: usize, const D: usize> CountMin<K, W, D> {
    /// Counts a key `weight` times.
    ///
    /// # Errors
    ///
    /// [`Error::KeyTooLong`] if it is a tuple that is encoded in more than 1024 bytes.
    ///
    /// ```
    /// let mut counts = kernlet::sketch::CountMin::<(u8, &str), 16, 2>::new(0);
    /// counts.add((7, "a"), 5).unwrap();
    /// ```
    #[inline]
    pub fn add(&mut self, key: K::Borrowed<'_>, weight: u64) -> Result<(), Error> {
        let hash = self.hash.key::<K>(&key)?;
        for (row, column) in self.rows.iter_mut().zip(columns::<W>(hash)) {
            row[column] = row[column].saturating_add(weight);
        }
        self.total = self.total.saturating_add(weight);
        Ok(())
    }

    /// How often a key came, never too low.
    ///
    /// # Errors
    ///
    /// As [`Self::add`].
    ///
    /// ```
    /// let mut counts = kernlet::sketch::CountMin::<u8, 16, 2>::new(0);
    /// counts.add(7, 5).unwrap();
    /// assert_eq!(counts.estimate(7), Ok(5));
    /// ```
    pub fn estimate(&self, key: K::Borrowed<'_>) -> Result<u64, Error> {
        let hash = self.hash.key::<K>(&key)?;
        let counts = self.rows.iter().zip(columns::<W>(hash)).map(|(row, column)| row[column]);
        Ok(counts.min().unwrap_or(self.total))
    }
}

impl<K: Key + ?Sized, const W: usize, const D: usize> Emitter<K, u64> for CountMin<K, W, D> {
    type Error = Error;

    /// Counts the key as often as the value says.
    #[inline]
    fn emit<B: Borrow<u64>>(&mut self, key: K::Borrowed<'_>, weight: B) -> Result<(), Error> {
        self.add(key, *weight.borrow())
    }
}

impl<K: ?Sized, const W: usize, const D: usize> Body for CountMin<K, W, D> {
    const KIND: u16 = 3;
    const SIZES: [u32; 3] = [W as u32, D as u32, 0];
    const BODY: usize = 8 + 8 + 8 * W * D;

    fn write(&self, out: &mut Writer<'_>) {
        out.put(&self.hash.seed);
        out.put(&self.total);
        self.rows.iter().flatten().for_each(|count| out.put(count));
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let mut summary = Self::new(from.take()?);
        summary.total = from.take()?;
        for row in &mut summary.rows {
            let mut sum = 0u64;
            for count in row {
                *count = from.take()?;
                sum = sum.saturating_add(*count);
            }
            // Every row counts everything once. One that has reached its limit may hold more than the total.
            if sum != summary.total {
                return None;
            }
        }
        Some(summary)
    }
}

impl<K: ?Sized, const W: usize, const D: usize> Sketch for CountMin<K, W, D> {
    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        self.hash.agree(&other.hash)?;
        for (own, other) in self.rows.iter_mut().flatten().zip(other.rows.iter().flatten()) {
            *own = own.saturating_add(*other);
        }
        self.total = self.total.saturating_add(other.total);
        Ok(())
    }
}

impl<K: ?Sized, const W: usize, const D: usize> Clone for CountMin<K, W, D> {
    fn clone(&self) -> Self {
        Self { rows: self.rows, total: self.total, hash: self.hash, key: PhantomData }
    }
}

impl<K: ?Sized, const W: usize, const D: usize> PartialEq for CountMin<K, W, D> {
    fn eq(&self, other: &Self) -> bool {
        self.hash.seed == other.hash.seed && self.total == other.total && self.rows == other.rows
    }
}

impl<K: ?Sized, const W: usize, const D: usize> fmt::Debug for CountMin<K, W, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CountMin({D} rows of {W} counters, {} in all)", self.total)
    }
}

#[cfg(feature = "defmt")]
impl<K: ?Sized, const W: usize, const D: usize> defmt::Format for CountMin<K, W, D> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "CountMin({=usize} rows of {=usize} counters, {=u64} in all)", D, W, self.total);
    }
}
