//! Sums and means.

use core::marker::PhantomData;
use core::time::Duration;

use super::exact::{F32_WORDS, F64_WORDS};
use super::{Combiner, ExactFloat};
use crate::pairs::Plain;

/// Adds integers; on overflow it wraps, which is associative.
///
/// Where that would be a surprise, use [`SaturatingSum`], [`CheckedSum`] or [`ExactSum`].
///
/// ```
/// use kernlet::mapreduce::{Combiner, Sum};
/// let mut acc = Sum::<u64>::new().start(&40);
/// Sum::<u64>::new().update(&mut acc, &2);
/// assert_eq!(acc, 42);
/// ```
pub struct Sum<T: ?Sized>(pub(super) PhantomData<fn(&T)>);

/// Adds unsigned integers, or durations; the sum stops at the greatest number.
///
/// For signed integers the result would depend on the order (a sum that stopped can
/// go down again): add them with [`ExactSum`] and clamp the result.
///
/// ```
/// use kernlet::mapreduce::{Combiner, SaturatingSum};
/// let sum = SaturatingSum::<u8>::new();
/// let mut acc = sum.start(&200);
/// sum.update(&mut acc, &100);
/// assert_eq!(acc, 255);
/// ```
pub struct SaturatingSum<T: ?Sized>(pub(super) PhantomData<fn(&T)>);

/// Adds unsigned integers, or durations; `None` if the sum does not fit.
///
/// For signed integers that would depend on the order: add them with [`ExactSum`] and
/// check whether the result fits (`i64::try_from`).
///
/// ```
/// use kernlet::mapreduce::{CheckedSum, Combiner};
/// let sum = CheckedSum::<u8>::new();
/// let mut acc = sum.start(&200);
/// sum.update(&mut acc, &55);
/// assert_eq!(acc, Some(255));
/// sum.update(&mut acc, &1);
/// assert_eq!(acc, None);
/// ```
pub struct CheckedSum<T: ?Sized>(pub(super) PhantomData<fn(&T)>);

/// Adds numbers exactly: integers of up to 64 bits in an `i128`, floats in an
/// [`ExactFloat`], which rounds once, when the sum is read.
///
/// ```
/// use kernlet::mapreduce::{Emitter, FixedTable, ExactSum};
/// let mut sums = FixedTable::<str, ExactSum<i64>, 4, 4>::new(ExactSum::new());
/// for value in [i64::MAX, i64::MAX, i64::MIN] {
///     sums.emit("all", value).unwrap();
/// }
/// let sum = *sums.get("all").unwrap();
/// assert_eq!(i64::try_from(sum), Ok(i64::MAX - 1));
///
/// let mut floats = FixedTable::<str, ExactSum<f64>, 4, 4>::new(ExactSum::new());
/// for value in [1e100, 1.0, -1e100] {
///     floats.emit("all", value).unwrap();
/// }
/// assert_eq!(floats.get("all").unwrap().value(), 1.0);
/// ```
pub struct ExactSum<T: ?Sized>(pub(super) PhantomData<fn(&T)>);

/// The mean of numbers: how many there are, and their exact sum.
///
/// ```
/// use kernlet::mapreduce::{Emitter, FixedTable, Mean};
/// let mut means = FixedTable::<u16, Mean<f64>, 4, 2>::new(Mean::new());
/// for (year, temperature) in [(1950, 22.5), (1950, -11.0), (1949, 11.25)] {
///     means.emit(year, temperature).unwrap();
/// }
/// assert_eq!(means.get(1950).map(|temperature| temperature.mean()), Some(5.75));
/// ```
pub struct Mean<T: ?Sized>(pub(super) PhantomData<fn(&T)>);

/// How many numbers there were, and their sum: the accumulator of a [`Mean`].
///
/// ```
/// use kernlet::mapreduce::{Combiner, Mean};
/// let grades = Mean::<u8>::new();
/// let mut acc = grades.start(&1);
/// grades.update(&mut acc, &2);
/// assert_eq!((acc.count, acc.sum, acc.mean()), (2, 3, 1.5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Average<S> {
    /// How many numbers there were.
    pub count: u64,
    /// Their sum.
    pub sum: S,
}

impl Average<i128> {
    /// The mean: the sum rounded to a float, divided by the count rounded to a float.
    ///
    /// ```
    /// use kernlet::mapreduce::Average;
    /// assert_eq!(Average { count: 4, sum: -6i128 }.mean(), -1.5);
    /// ```
    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.count as f64
    }
}

macro_rules! float_means {
    ($($t:ty, $words:ident;)*) => {$(
        impl Average<ExactFloat<$t, $words>> {
            /// The mean: the exact sum rounded once, divided by the count. A sum
            /// above the greatest float has an infinite mean.
            pub fn mean(&self) -> $t {
                self.sum.value() / self.count as $t
            }
        }
    )*};
}
float_means!(f32, F32_WORDS; f64, F64_WORDS;);

impl<S: Plain> Plain for Average<S> {
    const SIZE: usize = 8 + S::SIZE;
    #[inline]
    fn store(&self, out: &mut [u8]) {
        self.count.store(out);
        self.sum.store(&mut out[8..]);
    }
    #[inline]
    fn load(bytes: &[u8]) -> Self {
        Self { count: u64::load(bytes), sum: S::load(&bytes[8..]) }
    }
}

/// How one kind of sum begins and goes on.
macro_rules! sums {
    ($name:ident: $($t:ty)*, $acc:ty, |$value:ident| $start:expr, |$own:ident, $other:ident| $merge:expr) => {$(
        impl Combiner for $name<$t> {
            type Input = $t;
            type Acc = $acc;
            #[inline]
            fn start(&self, $value: &$t) -> Self::Acc {
                $start
            }
            #[inline]
            fn merge(&self, $own: &mut Self::Acc, $other: &Self::Acc) {
                *$own = $merge;
            }
        }
    )*};
}

macro_rules! integer_sums {
    ($($t:ty)*) => {$(
        sums!(Sum: $t, $t, |value| *value, |own, other| own.wrapping_add(*other));
    )*};
}
integer_sums!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

macro_rules! unsigned_sums {
    ($($t:ty)*) => {$(
        sums!(SaturatingSum: $t, $t, |value| *value, |own, other| own.saturating_add(*other));
        sums!(CheckedSum: $t, Option<$t>, |value| Some(*value), |own, other| {
            own.zip(*other).and_then(|(own, other)| own.checked_add(other))
        });
    )*};
}
unsigned_sums!(u8 u16 u32 u64 u128 usize Duration);

// 2⁶⁴ numbers of 64 bits and a sign have a sum of less than 128.
sums!(ExactSum: u8 u16 u32 u64 usize i8 i16 i32 i64 isize, i128, |value| *value as i128, |own, other| {
    own.wrapping_add(*other)
});
sums!(Mean: u8 u16 u32 u64 usize i8 i16 i32 i64 isize, Average<i128>,
    |value| Average { count: 1, sum: *value as i128 },
    |own, other| Average { count: own.count.wrapping_add(other.count), sum: own.sum.wrapping_add(other.sum) });

macro_rules! float_sums {
    ($($t:ty, $words:ident;)*) => {$(
        impl Combiner for ExactSum<$t> {
            type Input = $t;
            type Acc = ExactFloat<$t, $words>;
            #[inline]
            fn start(&self, value: &$t) -> Self::Acc {
                ExactFloat::from(*value)
            }
            #[inline]
            fn update(&self, acc: &mut Self::Acc, value: &$t) {
                acc.add(*value);
            }
            #[inline]
            fn merge(&self, acc: &mut Self::Acc, other: &Self::Acc) {
                acc.merge(other);
            }
        }
        impl Combiner for Mean<$t> {
            type Input = $t;
            type Acc = Average<ExactFloat<$t, $words>>;
            #[inline]
            fn start(&self, value: &$t) -> Self::Acc {
                Average { count: 1, sum: ExactFloat::from(*value) }
            }
            #[inline]
            fn update(&self, acc: &mut Self::Acc, value: &$t) {
                acc.count = acc.count.wrapping_add(1);
                acc.sum.add(*value);
            }
            #[inline]
            fn merge(&self, acc: &mut Self::Acc, other: &Self::Acc) {
                acc.count = acc.count.wrapping_add(other.count);
                acc.sum.merge(&other.sum);
            }
        }
    )*};
}
float_sums!(f32, F32_WORDS; f64, F64_WORDS;);
