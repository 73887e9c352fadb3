//! Reducers: what becomes of the values of one key.

use core::fmt;

use crate::pairs::Emitter;
use crate::pairs::Key;
use crate::pairs::Value;

/// Sees the keys in ascending order, and the values of each key one by one.
///
/// Values come one at a time, so a group may be larger than the memory, and
/// several reducers (a tuple of them) can work in one pass. After a combiner there is
/// one value per key, its accumulator. Without a combiner the values of a key come in
/// the order in which they were emitted; under a grouping comparator, in the order of
/// their whole keys (secondary sort).
///
/// ```
/// use kernlet::mapreduce::{Emitter, Reducer};
/// /// Emits the first value of each key.
/// struct First(Option<u32>);
/// impl Reducer<str, u32> for First {
///     type OutKey = str;
///     type OutValue = u32;
///     fn value(&mut self, _: &str, value: u32) {
///         self.0.get_or_insert(value);
///     }
///     fn finish<E: Emitter<str, u32>>(&mut self, key: &str, out: &mut E) -> Result<(), E::Error> {
///         self.0.take().map_or(Ok(()), |first| out.emit(key, first))
///     }
/// }
/// ```
pub trait Reducer<K: Key + ?Sized, V: Value + ?Sized> {
    /// The key of what is emitted.
    type OutKey: Key + ?Sized;
    /// The value of what is emitted.
    type OutValue: ?Sized;

    /// Takes the next value of the group, with its whole key.
    fn value(&mut self, key: K::View<'_>, value: V::Ref<'_>);

    /// Ends the group whose last key was `key`: emits its result and makes the
    /// reducer ready for the next.
    ///
    /// # Errors
    ///
    /// The emitter's error.
    fn finish<E>(&mut self, key: K::View<'_>, out: &mut E) -> Result<(), E::Error>
    where
        E: Emitter<Self::OutKey, Self::OutValue>;
}

/// Why reducing stopped.
///
/// ```
/// use kernlet::mapreduce::ReduceError;
/// let error: ReduceError<u8, u8> = ReduceError::Emit(3);
/// assert_eq!(error.to_string(), "the output failed: 3");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ReduceError<R, E> {
    /// The job's own records could not be read.
    Read(R),
    /// The emitter that takes the results failed.
    Emit(E),
}

impl<R: fmt::Display, E: fmt::Display> fmt::Display for ReduceError<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReduceError::Read(error) => write!(f, "the job failed: {error}"),
            ReduceError::Emit(error) => write!(f, "the output failed: {error}"),
        }
    }
}

impl<R: fmt::Debug, E: fmt::Debug> fmt::Debug for ReduceError<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReduceError::Read(error) => write!(f, "the job failed: {error:?}"),
            ReduceError::Emit(error) => write!(f, "the output failed: {error:?}"),
        }
    }
}

impl<R, E> core::error::Error for ReduceError<R, E>
where
    R: core::error::Error + 'static,
    E: core::error::Error + 'static,
{
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            ReduceError::Read(error) => Some(error),
            ReduceError::Emit(error) => Some(error),
        }
    }
}

macro_rules! tuple_reducers {
    ($first:ident $zero:tt $(, $name:ident $index:tt)*) => {
        /// Several reducers in one pass; what they emit comes one after the other.
        impl<K, V, $first, $($name),*> Reducer<K, V> for ($first, $($name),*)
        where
            K: Key + ?Sized,
            V: Value + ?Sized,
            for<'a> K::View<'a>: Copy,
            for<'a> V::Ref<'a>: Copy,
            $first: Reducer<K, V>,
            $($name: Reducer<K, V, OutKey = $first::OutKey, OutValue = $first::OutValue>,)*
        {
            type OutKey = $first::OutKey;
            type OutValue = $first::OutValue;
            fn value(&mut self, key: K::View<'_>, value: V::Ref<'_>) {
                self.$zero.value(key, value);
                $(self.$index.value(key, value);)*
            }
            fn finish<Out>(&mut self, key: K::View<'_>, out: &mut Out) -> Result<(), Out::Error>
            where
                Out: Emitter<Self::OutKey, Self::OutValue>,
            {
                self.$zero.finish(key, out)?;
                $(self.$index.finish(key, out)?;)*
                Ok(())
            }
        }
    };
}
tuple_reducers!(A 0, B 1);
tuple_reducers!(A 0, B 1, C 2);
tuple_reducers!(A 0, B 1, C 2, D 3);
tuple_reducers!(A 0, B 1, C 2, D 3, E 4);
tuple_reducers!(A 0, B 1, C 2, D 3, E 4, F 5);
