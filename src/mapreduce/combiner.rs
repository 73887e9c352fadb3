//! Combiners: how the values of one key become one accumulator.

use crate::pairs::Plain;

/// Folds the values of a key into an accumulator of fixed size, before they are
/// sorted, stored or sent.
///
/// It sees values only, so it cannot invent keys. When and how often it runs
/// depends on the budget, so it must keep these laws, for all `a`, `b`, `c`:
///
/// - `merge` is **associative**: merging `c` into `a` merged with `b` is `a`
///   merged with (`b` merged with `c`);
/// - `merge` is **commutative**: `a` merged with `b` is `b` merged with `a`;
/// - `update(a, v)` is `merge(a, start(v))`.
///
/// A combiner that keeps them gives the same accumulator to the bit for every
/// budget, number of shards and number of threads. Floating-point addition is
/// not associative and does not keep them: sum integers, fixed point, or sort
/// the values instead (`Job::group`).
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

/// Adds integers; on overflow it wraps, which is associative.
///
/// ```
/// use kernlet::mapreduce::{Combiner, Sum};
/// let mut acc = Sum::<u64>::new().start(&40);
/// Sum::<u64>::new().update(&mut acc, &2);
/// assert_eq!(acc, 42);
/// ```
pub struct Sum<T>(core::marker::PhantomData<T>);

/// Keeps the least value.
///
/// ```
/// use kernlet::mapreduce::{Combiner, Min};
/// let mut acc = Min::<i32>::new().start(&40);
/// Min::<i32>::new().update(&mut acc, &-2);
/// assert_eq!(acc, -2);
/// ```
pub struct Min<T>(core::marker::PhantomData<T>);

/// Keeps the greatest value.
///
/// ```
/// use kernlet::mapreduce::{Combiner, Max};
/// let mut acc = Max::<i32>::new().start(&40);
/// Max::<i32>::new().update(&mut acc, &-2);
/// assert_eq!(acc, 40);
/// ```
pub struct Max<T>(core::marker::PhantomData<T>);

macro_rules! typed_unit {
    ($($name:ident)*) => {$(
        impl<T> $name<T> {
            /// The combiner; it holds nothing.
            pub const fn new() -> Self {
                Self(core::marker::PhantomData)
            }
        }
        impl<T> Default for $name<T> {
            fn default() -> Self {
                Self::new()
            }
        }
        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<T> Copy for $name<T> {}
    )*};
}
typed_unit!(Sum Min Max);

macro_rules! integer_combiners {
    ($($t:ty)*) => {$(
        impl Combiner for Sum<$t> {
            type Input = $t;
            type Acc = $t;
            #[inline]
            fn start(&self, value: &$t) -> $t {
                *value
            }
            #[inline]
            fn merge(&self, acc: &mut $t, other: &$t) {
                *acc = acc.wrapping_add(*other);
            }
        }
        impl Combiner for Min<$t> {
            type Input = $t;
            type Acc = $t;
            #[inline]
            fn start(&self, value: &$t) -> $t {
                *value
            }
            #[inline]
            fn merge(&self, acc: &mut $t, other: &$t) {
                *acc = (*acc).min(*other);
            }
        }
        impl Combiner for Max<$t> {
            type Input = $t;
            type Acc = $t;
            #[inline]
            fn start(&self, value: &$t) -> $t {
                *value
            }
            #[inline]
            fn merge(&self, acc: &mut $t, other: &$t) {
                *acc = (*acc).max(*other);
            }
        }
    )*};
}
integer_combiners!(u8 u16 u32 u64 u128 i8 i16 i32 i64 i128);

/// Counts values of any type.
///
/// ```
/// use kernlet::mapreduce::{Combiner, Count};
/// let mut acc = Count::<str>::new().start("x");
/// Count::<str>::new().update(&mut acc, "y");
/// assert_eq!(acc, 2);
/// ```
pub struct Count<V: ?Sized>(core::marker::PhantomData<fn(&V)>);

impl<V: ?Sized> Count<V> {
    /// The combiner; it holds nothing.
    pub const fn new() -> Self {
        Self(core::marker::PhantomData)
    }
}

impl<V: ?Sized> Default for Count<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V: ?Sized> Clone for Count<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V: ?Sized> Copy for Count<V> {}

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

crate::pairs::debug::debug!([T] Sum<T>, "Sum");
crate::pairs::debug::debug!([T] Min<T>, "Min");
crate::pairs::debug::debug!([T] Max<T>, "Max");
crate::pairs::debug::debug!([V: ?Sized] Count<V>, "Count");
