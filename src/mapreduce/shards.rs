//! Jobs on threads: shards of the input, each with its part of the budget.
//!
//! Shards are mapped, sorted and merged to one run each on rayon's threads; the
//! runs are merged while the result is read. The number of shards is the caller's
//! choice and need not be that of threads; by the combiner's laws neither changes a
//! byte of the result.

use alloc::vec::Vec;
use core::marker::PhantomData;

use rayon::prelude::*;

use super::budget::Budget;
use super::combiner::Combiner;
use super::counters::Counters;
use super::error::Error;
use super::job::{Combined, Combining, Folding, Grouped, Grouping, Job, Keeping};
use super::spill::{Engine, Records};
use super::store::{NoStore, Store};
use super::table::Fold;
use crate::pairs::Key;
use crate::pairs::Value;

/// Describes a job in shards: their total budget, their number, and where each of
/// them spills.
///
/// ```
/// use kernlet::mapreduce::{Combining, Emitter, Error, Shards, Sum, TempFiles};
/// type Words<'b> = Combining<'b, str, Sum<u64>, TempFiles>;
/// let texts = ["a rose is", "a rose is", "a rose"];
/// let mut counts = Shards::new(96 << 10, texts.len())
///     .stores(|_| TempFiles::new())
///     .combine(Sum::<u64>::new(), |shard, words: &mut Words| -> Result<(), Error<_>> {
///         texts[shard].split(' ').try_for_each(|word| words.emit(word, 1))
///     })
///     .unwrap();
/// assert_eq!(counts.next().unwrap(), Some(("a", 3)));
/// assert_eq!(counts.next().unwrap(), Some(("is", 2)));
/// assert_eq!(counts.next().unwrap(), Some(("rose", 3)));
/// ```
pub struct Shards<F = fn(usize) -> NoStore> {
    budget: usize,
    shards: usize,
    seed: u64,
    stores: F,
}

fn no_store(_: usize) -> NoStore {
    NoStore
}

impl Shards {
    /// `shards` jobs, each with its part of `budget` bytes.
    pub fn new(budget: usize, shards: usize) -> Self {
        Self { budget, shards: shards.max(1), seed: 0, stores: no_store }
    }
}

impl<F> Shards<F> {
    /// Makes a store for each shard.
    pub fn stores<G: Fn(usize) -> S, S: Store>(self, stores: G) -> Shards<G> {
        Shards { budget: self.budget, shards: self.shards, seed: self.seed, stores }
    }

    /// Seeds the hash of keys, as [`Job::seed`].
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    fn run<S, T, E>(self, shard: impl Fn(usize, Job<'static, S>) -> Result<T, E> + Sync) -> Result<Vec<T>, E>
    where
        F: Fn(usize) -> S + Sync,
        S: Store,
        T: Send,
        E: Send,
    {
        let part = self.budget / self.shards;
        let work = |i| shard(i, Job::new(Budget::from(part)).store((self.stores)(i)).seed(self.seed));
        // Of shards without a byte, the first says how many they would need.
        let shards = if part == 0 { 1 } else { self.shards };
        let outcomes: Vec<_> = (0..shards).into_par_iter().map(work).collect();
        // The first shard's error, whichever came first.
        outcomes.into_iter().collect()
    }

    /// Runs `feed` for each shard, on threads; it emits the shard's pairs.
    ///
    /// # Errors
    ///
    /// The error of the lowest-numbered shard that has one.
    ///
    /// ```
    /// use kernlet::mapreduce::{Combining, Emitter, Error, Shards, Sum};
    /// let squares = Shards::new(64 << 10, 4).combine(Sum::<u64>::new(), |shard, job: &mut Combining<'_, u64, _>| {
    ///     (0..10).try_for_each(|i| job.emit(i * i, shard as u64))
    /// });
    /// assert_eq!(squares.unwrap().next().unwrap(), Some((0, 6)));
    /// ```
    pub fn combine<K, C, S, E>(
        self,
        combiner: C,
        feed: impl Fn(usize, &mut Combining<'static, K, C, S>) -> Result<(), E> + Sync,
    ) -> Result<ShardsCombined<K, C, S>, E>
    where
        K: Key + ?Sized,
        C: Combiner + Clone + Send + Sync,
        F: Fn(usize) -> S + Sync,
        S: Store + Send,
        E: From<Error<S::Error>> + Send,
    {
        let one = combiner.clone();
        let parts = self.run(|i, job| {
            let mut job = job.combine(combiner.clone())?;
            feed(i, &mut job)?;
            let Combined { engine, records, .. } = job.settle()?;
            Ok::<_, E>(Part { engine, records, state: State::Behind })
        })?;
        Ok(ShardsCombined { parts, fold: Folding(one), key: PhantomData })
    }

    /// As [`Self::combine`], but without a combiner. The values of a key come in the
    /// order of shards, then of arrival: shards that are consecutive pieces of the
    /// input keep its order.
    ///
    /// # Errors
    ///
    /// The error of the lowest-numbered shard that has one.
    ///
    /// ```
    /// use kernlet::mapreduce::{Emitter, Grouping, Shards};
    /// let mut pairs = Shards::new(64 << 10, 2)
    ///     .group(|shard, job: &mut Grouping<'_, str, u64, _>| job.emit("key", shard as u64))
    ///     .unwrap();
    /// assert_eq!(pairs.next().unwrap(), Some(("key", 0)));
    /// assert_eq!(pairs.next().unwrap(), Some(("key", 1)));
    /// ```
    pub fn group<K, V, S, E>(
        self,
        feed: impl Fn(usize, &mut Grouping<'static, K, V, S>) -> Result<(), E> + Sync,
    ) -> Result<ShardsGrouped<K, V, S>, E>
    where
        K: Key + ?Sized,
        V: Value + ?Sized,
        F: Fn(usize) -> S + Sync,
        S: Store + Send,
        E: From<Error<S::Error>> + Send,
    {
        let parts = self.run(|i, job| {
            let mut job = job.group()?;
            feed(i, &mut job)?;
            let Grouped { engine, records, .. } = job.settle()?;
            Ok::<_, E>(Part { engine, records, state: State::Behind })
        })?;
        Ok(ShardsGrouped { parts, fold: Keeping::new(), key: PhantomData })
    }
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// The record was given out; the next must be fetched.
    Behind,
    /// The record waits.
    Waiting,
    Exhausted,
}

struct Part<S> {
    engine: Engine<'static, S>,
    records: Records,
    state: State,
}

/// Fetches what is missing, and finds the part with the least key, the first of
/// several.
fn least<S: Store, F: Fold>(parts: &mut [Part<S>], fold: &F) -> Result<Option<usize>, Error<S::Error>> {
    let mut least: Option<usize> = None;
    for i in 0..parts.len() {
        let (before, rest) = parts.split_at_mut(i);
        let part = &mut rest[0];
        if part.state == State::Behind {
            let more = part.engine.step(&mut part.records, fold)?;
            part.state = if more { State::Waiting } else { State::Exhausted };
        }
        if part.state == State::Waiting {
            let below = match least {
                None => true,
                Some(other) => {
                    let other = &mut before[other];
                    part.engine.record::<F>(&part.records).key < other.engine.record::<F>(&other.records).key
                }
            };
            if below {
                least = Some(i);
            }
        }
    }
    Ok(least)
}

fn counters<S>(parts: &[Part<S>]) -> Counters {
    let mut sum = Counters::default();
    parts.iter().for_each(|part| sum.add(&part.engine.counters));
    sum
}

/// The keys of all shards, ascending, each with its accumulator.
///
/// ```
/// use kernlet::mapreduce::{Combining, Emitter, Shards, Sum};
/// let mut all = Shards::new(64 << 10, 2)
///     .combine(Sum::<u64>::new(), |_, job: &mut Combining<'_, str, _, _>| job.emit("one", 1))
///     .unwrap();
/// assert_eq!(all.next().unwrap(), Some(("one", 2)));
/// ```
pub struct ShardsCombined<K: ?Sized, C, S> {
    parts: Vec<Part<S>>,
    fold: Folding<C>,
    key: PhantomData<fn(&K)>,
}

impl<K: Key + ?Sized, C: Combiner, S: Store> ShardsCombined<K, C, S> {
    /// The next key with its accumulator; `None` at the end.
    ///
    /// # Errors
    ///
    /// A store that failed, a corrupt block, or a key that does not decode.
    ///
    /// ```
    /// use kernlet::mapreduce::{Combining, Error, Shards, Sum};
    /// let none = |_, _: &mut Combining<'_, u8, Sum<u64>, _>| Ok::<_, Error<core::convert::Infallible>>(());
    /// assert_eq!(Shards::new(64 << 10, 2).combine(Sum::new(), none).unwrap().next().unwrap(), None);
    /// ```
    #[expect(clippy::should_implement_trait, clippy::type_complexity, reason = "it lends, and it can fail")]
    pub fn next(&mut self) -> Result<Option<(K::View<'_>, C::Acc)>, Error<S::Error>> {
        let Some(winner) = least(&mut self.parts, &self.fold)? else { return Ok(None) };
        let (before, rest) = self.parts.split_at_mut(winner);
        let [part, others @ ..] = rest else { return Ok(None) };
        debug_assert!(before.iter().all(|part| part.state != State::Behind));
        part.state = State::Behind;
        let record = part.engine.record::<Folding<C>>(&part.records);
        let undecodable = Error::Undecodable { key: record.key.len() };
        let Some(mut acc) = C::Acc::read(record.value) else { return Err(undecodable) };
        for other in others.iter_mut().filter(|other| other.state == State::Waiting) {
            let same = other.engine.record::<Folding<C>>(&other.records);
            if same.key == record.key {
                let Some(more) = C::Acc::read(same.value) else { return Err(undecodable) };
                self.fold.0.merge(&mut acc, &more);
                other.engine.counters.combined += 1;
                other.state = State::Behind;
            }
        }
        K::decode(record.key).map(|key| Some((key, acc))).ok_or(undecodable)
    }

    /// The sum of what the shards have counted.
    ///
    /// ```
    /// use kernlet::mapreduce::{Combining, Emitter, Shards, Sum};
    /// let each = |_, job: &mut Combining<'_, u8, Sum<u64>, _>| job.emit(1, 1);
    /// assert_eq!(Shards::new(64 << 10, 3).combine(Sum::new(), each).unwrap().counters().emitted, 3);
    /// ```
    pub fn counters(&self) -> Counters {
        counters(&self.parts)
    }
}

/// The pairs of all shards, keys ascending.
///
/// ```
/// use kernlet::mapreduce::{Emitter, Grouping, Shards};
/// let each = |shard, job: &mut Grouping<'_, str, u64, _>| job.emit("key", shard as u64);
/// assert_eq!(Shards::new(64 << 10, 2).group(each).unwrap().next().unwrap(), Some(("key", 0)));
/// ```
pub struct ShardsGrouped<K: ?Sized, V: ?Sized, S> {
    parts: Vec<Part<S>>,
    fold: Keeping<V>,
    key: PhantomData<fn(&K)>,
}

impl<K: Key + ?Sized, V: Value + ?Sized, S: Store> ShardsGrouped<K, V, S> {
    /// The next pair; `None` at the end.
    ///
    /// # Errors
    ///
    /// A store that failed, a corrupt block, or a pair that does not decode.
    ///
    /// ```
    /// use kernlet::mapreduce::{Error, Grouping, Shards};
    /// let none = |_, _: &mut Grouping<'_, u8, u8, _>| Ok::<_, Error<core::convert::Infallible>>(());
    /// assert_eq!(Shards::new(64 << 10, 2).group(none).unwrap().next().unwrap(), None);
    /// ```
    #[expect(clippy::should_implement_trait, clippy::type_complexity, reason = "it lends, and it can fail")]
    pub fn next(&mut self) -> Result<Option<(K::View<'_>, V::Ref<'_>)>, Error<S::Error>> {
        let Some(winner) = least(&mut self.parts, &self.fold)? else { return Ok(None) };
        let part = &mut self.parts[winner];
        part.state = State::Behind;
        let record = part.engine.record::<Keeping<V>>(&part.records);
        let undecodable = Error::Undecodable { key: record.key.len() };
        match (K::decode(record.key), V::read(record.value)) {
            (Some(key), Some(value)) => Ok(Some((key, value))),
            _ => Err(undecodable),
        }
    }

    /// The sum of what the shards have counted.
    ///
    /// ```
    /// use kernlet::mapreduce::{Emitter, Grouping, Shards};
    /// let each = |_, job: &mut Grouping<'_, u8, u8, _>| job.emit(1, 1);
    /// assert_eq!(Shards::new(64 << 10, 3).group(each).unwrap().counters().emitted, 3);
    /// ```
    pub fn counters(&self) -> Counters {
        counters(&self.parts)
    }
}

crate::pairs::debug::debug!([F] Shards<F>, "Shards", "budget": |shards| shards.budget, "shards": |shards| shards.shards, "seed": |shards| shards.seed);
crate::pairs::debug::debug!([K: ?Sized, C, S] ShardsCombined<K, C, S>, "ShardsCombined", "shards": |shards| shards.parts.len());
crate::pairs::debug::debug!([K: ?Sized, V: ?Sized, S] ShardsGrouped<K, V, S>, "ShardsGrouped", "shards": |shards| shards.parts.len());
