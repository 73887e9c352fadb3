//! Mappers, and the emitters that they hand their pairs to.

use core::borrow::Borrow;
use core::marker::PhantomData;

use super::Key;

/// Takes key/value pairs, one at a time.
///
/// Jobs, tables, windows and partitioned outputs are emitters, and so is
/// whatever comes next in a chain of jobs.
///
/// ```
/// use kernlet::pairs::Emitter;
/// struct Longest(usize);
/// impl Emitter<str, u64> for Longest {
///     type Error = core::convert::Infallible;
///     fn emit<B: core::borrow::Borrow<u64>>(&mut self, key: &str, _: B) -> Result<(), Self::Error> {
///         self.0 = self.0.max(key.len());
///         Ok(())
///     }
/// }
/// let mut longest = Longest(0);
/// longest.emit("seven", 1).unwrap();
/// assert_eq!(longest.0, 5);
/// ```
pub trait Emitter<K: Key + ?Sized, V: ?Sized> {
    /// Why a pair was not taken.
    type Error;

    /// Takes one pair. Key and value are only borrowed: after an error the pair
    /// is still the caller's and no part of it was counted.
    ///
    /// # Errors
    ///
    /// Whatever the emitter's own documentation says; a mapper passes it on.
    fn emit<B: Borrow<V>>(&mut self, key: K::Borrowed<'_>, value: B) -> Result<(), Self::Error>;
}

/// Turns an item into any number of key/value pairs.
///
/// ```
/// use kernlet::pairs::{Emitter, Mapper};
/// struct Words;
/// impl Mapper<str> for Words {
///     type Key = str;
///     type Value = u64;
///     fn map<E: Emitter<str, u64>>(&mut self, line: &str, out: &mut E) -> Result<(), E::Error> {
///         line.split_whitespace().try_for_each(|word| out.emit(word, 1))
///     }
/// }
/// ```
pub trait Mapper<I: ?Sized> {
    /// What pairs are grouped by.
    type Key: Key + ?Sized;
    /// What is emitted with a key.
    type Value: ?Sized;

    /// Emits the pairs of `item`.
    ///
    /// # Errors
    ///
    /// The emitter's, as soon as it has one.
    fn map<E: Emitter<Self::Key, Self::Value>>(&mut self, item: &I, out: &mut E) -> Result<(), E::Error>;
}

/// A mapper from a closure: see [`map_fn`].
pub struct MapFn<K: ?Sized, V: ?Sized, F> {
    function: F,
    key: PhantomData<fn(&K)>,
    value: PhantomData<fn(&V)>,
}

/// Makes a mapper of a closure that is given an item and a function to emit with.
///
/// Emitting is an indirect call here; a type that implements [`Mapper`] is
/// inlined into the job. Pairs after a first error are dropped, and the error
/// is returned when the closure has ended.
///
/// ```
/// use kernlet::pairs::map_fn;
/// let words = map_fn::<str, u64, _>(|line: &str, emit: &mut dyn FnMut(&str, &u64)| {
///     line.split_whitespace().for_each(|word| emit(word, &1))
/// });
/// # let _ = words;
/// ```
pub fn map_fn<K: ?Sized, V: ?Sized, F>(function: F) -> MapFn<K, V, F> {
    MapFn { function, key: PhantomData, value: PhantomData }
}

impl<I: ?Sized, K, V: ?Sized, F> Mapper<I> for MapFn<K, V, F>
where
    K: Key + ?Sized,
    F: FnMut(&I, &mut dyn FnMut(K::Borrowed<'_>, &V)),
{
    type Key = K;
    type Value = V;

    fn map<E: Emitter<K, V>>(&mut self, item: &I, out: &mut E) -> Result<(), E::Error> {
        let mut outcome = Ok(());
        (self.function)(item, &mut |key, value| {
            if outcome.is_ok() {
                outcome = out.emit(key, value);
            }
        });
        outcome
    }
}

crate::pairs::debug::debug!([K: ?Sized, V: ?Sized, F] MapFn<K, V, F>, "MapFn");
