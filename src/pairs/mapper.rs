//! Mappers, and the emitters that they hand their pairs to.

use core::borrow::Borrow;
use core::fmt;
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
    /// The emitter's error, as soon as there is one.
    fn map<E: Emitter<Self::Key, Self::Value>>(&mut self, item: &I, out: &mut E) -> Result<(), E::Error>;
}

/// A mapper from a closure: what [`map_fn`] makes.
pub struct MapFn<I: ?Sized, K: ?Sized, V: ?Sized, F> {
    function: F,
    kinds: Kinds<I, K, V>,
}

type Kinds<I, K, V> = PhantomData<(fn(&I), fn(&K), fn(&V))>;

impl<I: ?Sized, K: ?Sized, V: ?Sized, F> fmt::Debug for MapFn<I, K, V, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MapFn")
    }
}

/// Makes a mapper of a closure that is given an item and a function to emit with.
///
/// The types are named once, in the order item, key, value; the closure needs none.
/// Emitting is an indirect call here; a type that implements [`Mapper`] is inlined into
/// the job, and so is a closure that is given the job (`map_each`). Pairs after a first
/// error are dropped, and the error is returned when the closure has ended.
///
/// ```
/// use kernlet::mapreduce::{FixedTable, Sum};
/// use kernlet::pairs::{Mapper, map_fn};
/// let mut words = map_fn::<str, str, u64, _>(|line, emit| line.split_whitespace().for_each(|word| emit(word, &1)));
/// let mut counts = FixedTable::<str, Sum<u64>, 4, 4>::new(Sum::new());
/// words.map("to be or not to be", &mut counts).unwrap();
/// assert_eq!(counts.get("be"), Some(&2));
/// ```
pub fn map_fn<I: ?Sized, K: Key + ?Sized, V: ?Sized, F>(function: F) -> MapFn<I, K, V, F>
where
    F: FnMut(&I, &mut dyn FnMut(K::Borrowed<'_>, &V)),
{
    MapFn { function, kinds: PhantomData }
}

impl<I: ?Sized, K, V: ?Sized, F> Mapper<I> for MapFn<I, K, V, F>
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
