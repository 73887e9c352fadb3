//! Combiners: how the values of one key become one accumulator.
//!
//! | wanted | use | accumulator |
//! |---|---|---|
//! | how many | [`Count`] | `u64` |
//! | the sum, modulo the type's range | [`Sum`] | the type |
//! | the sum, which stops at the greatest number | [`SaturatingSum`] of an unsigned type | the type |
//! | the sum, or `None` if it does not fit | [`CheckedSum`] of an unsigned type | `Option` of the type |
//! | the exact sum, of signed integers and floats too | [`ExactSum`] | `i128`, [`ExactFloat`] |
//! | the mean | [`Mean`] | [`Average`] |
//! | the least or the greatest; floats in their total order | [`Min`], [`Max`] | the type |
//! | several of them | a tuple of them | a tuple |

mod exact;
mod extremes;
mod sums;

use core::fmt;
use core::marker::PhantomData;

use crate::pairs::Plain;

pub use exact::ExactFloat;
pub use extremes::{Max, Min, TotalOrd};
pub use sums::{Average, CheckedSum, ExactSum, Mean, SaturatingSum, Sum};

/// Combiners that hold nothing and name a type of values.
macro_rules! typed_units {
    ($($name:ident)*) => {$(
        impl<T: ?Sized> $name<T> {
            /// The combiner; it holds nothing.
            pub const fn new() -> Self {
                Self(PhantomData)
            }
        }
        impl<T: ?Sized> Default for $name<T> {
            fn default() -> Self {
                Self::new()
            }
        }
        impl<T: ?Sized> Clone for $name<T> {
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<T: ?Sized> Copy for $name<T> {}
        impl<T: ?Sized> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}
typed_units!(Sum SaturatingSum CheckedSum ExactSum Mean Min Max Count);

/// Folds the values of a key into an accumulator of fixed size, before they are
/// sorted, stored or sent.
///
/// It sees values only, so it cannot invent keys. When and how often it runs
/// depends on the budget, so it must keep these laws, for all `a`, `b`, `c`:
///
/// - `merge` is **associative**: (`a` merged with `b`) merged with `c` is `a` merged
///   with (`b` merged with `c`);
/// - `merge` is **commutative**: `a` merged with `b` is `b` merged with `a`;
/// - `update(a, v)` is `merge(a, start(v))`.
///
/// A combiner that keeps them gives the same accumulator, to the bit, for every
/// budget, number of shards and number of threads. Floating-point addition is not
/// associative and does not keep them; [`ExactSum`] and [`Mean`] add floats exactly
/// and do. Another way is to sort the values first (`Job::group`).
///
/// ```
/// use kernlet::mapreduce::Combiner;
/// /// Counts values and adds them, for a mean.
/// struct CountAndSum;
/// impl Combiner for CountAndSum {
///     type Input = u32;
///     type Acc = (u64, u64);
///     fn start(&self, value: &u32) -> (u64, u64) {
///         (1, u64::from(*value))
///     }
///     fn merge(&self, acc: &mut (u64, u64), other: &(u64, u64)) {
///         *acc = (acc.0 + other.0, acc.1 + other.1);
///     }
/// }
/// let mut acc = CountAndSum.start(&4);
/// CountAndSum.update(&mut acc, &6);
/// assert_eq!(acc, (2, 10));
/// ```
#[diagnostic::on_unimplemented(
    note = "`Sum` is of integers, `SaturatingSum` and `CheckedSum` of unsigned integers and durations: sums of other numbers would depend on their order; `ExactSum` and `Mean` add floats, and integers of up to 64 bits, exactly"
)]
pub trait Combiner {
    /// What is emitted with a key.
    type Input: ?Sized;
    /// What the values of a key are folded into.
    type Acc: Plain;

    /// The accumulator of a single value.
    fn start(&self, value: &Self::Input) -> Self::Acc;

    /// Adds a value.
    #[inline]
    fn update(&self, acc: &mut Self::Acc, value: &Self::Input) {
        self.merge(acc, &self.start(value));
    }

    /// Adds what another accumulator of the same key holds.
    fn merge(&self, acc: &mut Self::Acc, other: &Self::Acc);
}

/// Counts values of any type.
///
/// ```
/// use kernlet::mapreduce::{Combiner, Count};
/// let mut acc = Count::<str>::new().start("x");
/// Count::<str>::new().update(&mut acc, "y");
/// assert_eq!(acc, 2);
/// ```
pub struct Count<V: ?Sized>(PhantomData<fn(&V)>);

impl<V: ?Sized> Combiner for Count<V> {
    type Input = V;
    type Acc = u64;
    #[inline]
    fn start(&self, _: &V) -> u64 {
        1
    }
    #[inline]
    fn merge(&self, acc: &mut u64, other: &u64) {
        *acc = acc.wrapping_add(*other);
    }
}

macro_rules! tuple_combiners {
    ($($name:ident $index:tt),*) => {
        /// Several combiners in one pass over the same values.
        impl<V: ?Sized, $($name: Combiner<Input = V>),*> Combiner for ($($name,)*) {
            type Input = V;
            type Acc = ($($name::Acc,)*);
            #[inline]
            fn start(&self, value: &V) -> Self::Acc {
                ($(self.$index.start(value),)*)
            }
            #[inline]
            fn update(&self, acc: &mut Self::Acc, value: &V) {
                $(self.$index.update(&mut acc.$index, value);)*
            }
            #[inline]
            fn merge(&self, acc: &mut Self::Acc, other: &Self::Acc) {
                $(self.$index.merge(&mut acc.$index, &other.$index);)*
            }
        }
    };
}
tuple_combiners!(A 0, B 1);
tuple_combiners!(A 0, B 1, C 2);
tuple_combiners!(A 0, B 1, C 2, D 3);
tuple_combiners!(A 0, B 1, C 2, D 3, E 4);
tuple_combiners!(A 0, B 1, C 2, D 3, E 4, F 5);

impl<C: Combiner> Combiner for &C {
    type Input = C::Input;
    type Acc = C::Acc;
    #[inline]
    fn start(&self, value: &C::Input) -> C::Acc {
        (**self).start(value)
    }
    #[inline]
    fn update(&self, acc: &mut C::Acc, value: &C::Input) {
        (**self).update(acc, value);
    }
    #[inline]
    fn merge(&self, acc: &mut C::Acc, other: &C::Acc) {
        (**self).merge(acc, other);
    }
}
