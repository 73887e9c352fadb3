//! The least and the greatest value.

use core::cmp::{Ordering, Reverse};
use core::marker::PhantomData;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::num::NonZero;
use core::time::Duration;

use super::Combiner;
use crate::pairs::{Desc, Plain};

/// Plain data in a total order: what [`Min`] and [`Max`] compare by.
///
/// Floats are in their total order ([`f64::total_cmp`]): −NaN, −∞, …, −0, 0, …, ∞, NaN. So a
/// NaN among the values is what [`Max`] keeps, or [`Min`] if its sign bit is set: it is not lost.
/// Tuples compare by their first field, then by the second: so a value with its place gives the greatest value and
/// where it was found. Among equal values [`Max`] keeps the greatest place, or the least with `(f64, Desc<u64>)`
/// ([`Desc`]).
///
/// ```
/// use kernlet::mapreduce::{Combiner, Max, TotalOrd};
/// assert!((-0.0).total_order(&0.0).is_lt() && f64::NAN.total_order(&f64::INFINITY).is_gt());
/// let hottest = Max::<(f64, u16)>::new();
/// let mut acc = hottest.start(&(21.5, 1));
/// hottest.update(&mut acc, &(22.5, 2));
/// assert_eq!(acc, (22.5, 2));
/// ```
pub trait TotalOrd: Plain {
    /// How the value compares with another; `Equal` only for the same value, to the bit.
    fn total_order(&self, other: &Self) -> Ordering;
}

macro_rules! ordered {
    ($compare:ident: $($t:ty)*) => {$(
        impl TotalOrd for $t {
            #[inline]
            fn total_order(&self, other: &Self) -> Ordering {
                self.$compare(other)
            }
        }
    )*};
}
ordered!(cmp: u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize bool char);
ordered!(cmp: Duration Ordering Ipv4Addr Ipv6Addr);
ordered!(cmp: NonZero<u8> NonZero<u16> NonZero<u32> NonZero<u64> NonZero<u128> NonZero<usize>);
ordered!(cmp: NonZero<i8> NonZero<i16> NonZero<i32> NonZero<i64> NonZero<i128> NonZero<isize>);
ordered!(total_cmp: f32 f64);

macro_rules! reversed {
    ($($name:ident)*) => {$(
        impl<T: TotalOrd> TotalOrd for $name<T> {
            #[inline]
            fn total_order(&self, other: &Self) -> Ordering {
                other.0.total_order(&self.0)
            }
        }
    )*};
}
reversed!(Desc Reverse);

impl TotalOrd for () {
    #[inline]
    fn total_order(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}

/// `None` is the least.
impl<T: TotalOrd> TotalOrd for Option<T> {
    #[inline]
    fn total_order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Some(own), Some(other)) => own.total_order(other),
            _ => self.is_some().cmp(&other.is_some()),
        }
    }
}

impl<T: TotalOrd, const N: usize> TotalOrd for [T; N] {
    #[inline]
    fn total_order(&self, other: &Self) -> Ordering {
        let orders = self.iter().zip(other).map(|(own, other)| own.total_order(other));
        orders.fold(Ordering::Equal, Ordering::then)
    }
}

macro_rules! ordered_tuples {
    ($($name:ident $index:tt),*) => {
        impl<$($name: TotalOrd),*> TotalOrd for ($($name,)*) {
            #[inline]
            fn total_order(&self, other: &Self) -> Ordering {
                Ordering::Equal$(.then_with(|| self.$index.total_order(&other.$index)))*
            }
        }
    };
}
ordered_tuples!(A 0);
ordered_tuples!(A 0, B 1);
ordered_tuples!(A 0, B 1, C 2);
ordered_tuples!(A 0, B 1, C 2, D 3);
ordered_tuples!(A 0, B 1, C 2, D 3, E 4);
ordered_tuples!(A 0, B 1, C 2, D 3, E 4, F 5);

/// Keeps the least value of numbers, floats ([`TotalOrd`]), or tuples.
///
/// ```
/// use kernlet::mapreduce::{Combiner, Min};
/// let mut acc = Min::<i32>::new().start(&40);
/// Min::<i32>::new().update(&mut acc, &-2);
/// assert_eq!(acc, -2);
/// ```
pub struct Min<T: ?Sized>(pub(super) PhantomData<fn(&T)>);

/// Keeps the greatest value of numbers, floats ([`TotalOrd`]), or tuples.
///
/// ```
/// use kernlet::mapreduce::{Emitter, FixedTable, Max};
/// // The greatest temperature of each year.
/// let mut hottest = FixedTable::<u16, Max<f64>, 100, 2>::new(Max::new());
/// for (year, temperature) in [(1950, 0.0), (1950, 22.5), (1949, 11.1), (1950, -11.0)] {
///     hottest.emit(year, temperature).unwrap();
/// }
/// assert_eq!(hottest.get(1950), Some(&22.5));
/// ```
pub struct Max<T: ?Sized>(pub(super) PhantomData<fn(&T)>);

macro_rules! keeping {
    ($name:ident, $better:ident) => {
        impl<T: TotalOrd> Combiner for $name<T> {
            type Input = T;
            type Acc = T;
            #[inline]
            fn start(&self, value: &T) -> T {
                *value
            }
            #[inline]
            fn merge(&self, acc: &mut T, other: &T) {
                if other.total_order(acc).$better() {
                    *acc = *other;
                }
            }
        }
    };
}
keeping!(Min, is_lt);
keeping!(Max, is_gt);
