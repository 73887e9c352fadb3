//! Jobs: the builder, what takes pairs, and what gives them back in order.

use core::borrow::Borrow;
use core::convert::Infallible;
use core::marker::PhantomData;

use super::budget::{Budget, Memory};
use super::combiner::Combiner;
use super::counters::Counters;
use super::error::{Error, Rejected};
use super::reducer::{ReduceError, Reducer};
use super::spill::{Engine, Layout, Records};
use super::store::{NoStore, Store};
use super::table::Fold;
use crate::pairs::key::encoded;
use crate::pairs::{Emitter, Mapper};
use crate::pairs::{Key, KeyPart, Leading};
use crate::pairs::{Plain, Value};

/// Describes a job: its memory, its store, its seed.
///
/// ```
/// use kernlet::mapreduce::{Emitter, Job, Sum, TempFiles};
/// # #[cfg(feature = "std")] {
/// let job = Job::new(64 << 10).store(TempFiles::new()).seed(42);
/// let mut words = job.combine::<str, Sum<u64>>(Sum::new()).unwrap();
/// for word in "to be or not to be".split(' ') {
///     words.emit(word, 1).unwrap();
/// }
/// let mut counts = words.finish().unwrap();
/// assert_eq!(counts.next().unwrap(), Some(("be", 2)));
/// assert_eq!(counts.next().unwrap(), Some(("not", 1)));
/// # }
/// ```
pub struct Job<'b, S = NoStore> {
    budget: Budget<'b>,
    store: S,
    seed: u64,
}

impl<'b> Job<'b> {
    /// A job in `budget`: a number of bytes, or a `&mut [u8]`.
    pub fn new(budget: impl Into<Budget<'b>>) -> Self {
        Self { budget: budget.into(), store: NoStore, seed: 0 }
    }
}

impl<'b, S> Job<'b, S> {
    pub(super) fn into_parts(self) -> (Budget<'b>, S, u64) {
        (self.budget, self.store, self.seed)
    }
}

impl<'b> Job<'b> {
    /// The memory, of at least `least` bytes, and the seed, for what needs no store.
    pub(super) fn memory(self, least: usize) -> Result<(Memory<'b>, u64), Error<Infallible>> {
        let given = self.budget.bytes();
        let mut memory = self.budget.start().ok_or(Error::OutOfMemory { bytes: given })?;
        let bytes = 8 * memory.words().len();
        if bytes < least {
            return Err(Error::BudgetTooSmall { given, least: least + memory.unused(given) });
        }
        Ok((memory, self.seed))
    }
}

impl<'b, S: Store> Job<'b, S> {
    /// Spills to `store` when the table is full.
    pub fn store<T: Store>(self, store: T) -> Job<'b, T> {
        Job { budget: self.budget, store, seed: self.seed }
    }

    /// Seeds the hash of keys. A secret seed keeps others from slowing the job down
    /// with keys that collide; no result depends on it.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// A job that folds the values of each key with a combiner.
    ///
    /// # Errors
    ///
    /// [`Error::BudgetTooSmall`], with the least that would do.
    pub fn combine<K: Key + ?Sized, C: Combiner>(self, combiner: C) -> Result<Combining<'b, K, C, S>, Error<S::Error>> {
        let engine = Engine::new::<Folding<C>>(self.budget, self.store, self.seed, Layout::Shared)?;
        Ok(Combining { engine, fold: Folding(combiner), key: PhantomData })
    }

    /// A job that keeps every value for the reducer, in the order of arrival.
    ///
    /// # Errors
    ///
    /// [`Error::BudgetTooSmall`], with the least that would do.
    pub fn group<K: Key + ?Sized, V: Value + ?Sized>(self) -> Result<Grouping<'b, K, V, S>, Error<S::Error>> {
        let engine = Engine::new::<Keeping<V>>(self.budget, self.store, self.seed, Layout::Shared)?;
        Ok(Grouping { engine, key: PhantomData, value: PhantomData })
    }
}

/// A combiner seen as bytes.
pub(super) struct Folding<C>(pub(super) C);

impl<C: Combiner> Fold for Folding<C> {
    const COMBINES: bool = true;
    const FIXED: Option<usize> = Some(C::Acc::SIZE);

    #[inline]
    fn merge(&self, acc: &mut [u8], other: &[u8]) {
        let mut merged = C::Acc::load(acc);
        self.0.merge(&mut merged, &C::Acc::load(other));
        merged.store(acc);
    }
}

/// No combiner.
pub(super) struct Keeping<V: ?Sized>(PhantomData<fn(&V)>);

impl<V: ?Sized> Keeping<V> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<V: Value + ?Sized> Fold for Keeping<V> {
    const COMBINES: bool = false;
    const FIXED: Option<usize> = V::FIXED;

    fn merge(&self, _: &mut [u8], _: &[u8]) {}
}

/// A job with a combiner, taking pairs.
///
/// ```
/// use kernlet::mapreduce::{Emitter, Job, Sum};
/// let mut job = Job::new(8 << 10).combine::<(u8, &str), Sum<u64>>(Sum::new()).unwrap();
/// job.emit((1, "a"), 5).unwrap();
/// ```
pub struct Combining<'b, K: ?Sized, C, S = NoStore> {
    pub(super) engine: Engine<'b, S>,
    pub(super) fold: Folding<C>,
    key: PhantomData<fn(&K)>,
}

/// A job without a combiner, taking pairs.
///
/// ```
/// use kernlet::mapreduce::{Emitter, Job};
/// let mut job = Job::new(8 << 10).group::<str, str>().unwrap();
/// job.emit("key", "value").unwrap();
/// ```
pub struct Grouping<'b, K: ?Sized, V: ?Sized, S = NoStore> {
    engine: Engine<'b, S>,
    key: PhantomData<fn(&K)>,
    value: PhantomData<fn(&V)>,
}

impl<K: Key + ?Sized, C: Combiner, S: Store> Combining<'_, K, C, S> {
    #[inline(always)]
    pub(super) fn emit_bytes(&mut self, key: &[u8], value: &C::Input) -> Result<(), Error<S::Error>> {
        self.engine.admit::<Folding<C>>(key.len(), C::Acc::SIZE)?;
        if self.try_emit(key, value) { Ok(()) } else { self.emit_with_room(key, value) }
    }

    #[inline(always)]
    fn try_emit(&mut self, key: &[u8], value: &C::Input) -> bool {
        let seed = self.engine.seed();
        let (table, region) = self.engine.table();
        let Some(was_there) = table.combine(region, seed, key, value, &self.fold.0) else { return false };
        self.engine.counters.emitted += 1;
        self.engine.counters.combined += u64::from(was_there);
        true
    }

    /// Separate from the usual way, which is shorter without a loop around it.
    #[cold]
    #[inline(never)]
    fn emit_with_room(&mut self, key: &[u8], value: &C::Input) -> Result<(), Error<S::Error>> {
        loop {
            self.engine.make_room(&self.fold, key.len(), C::Acc::SIZE)?;
            if self.try_emit(key, value) {
                return Ok(());
            }
        }
    }

    /// A key whose encoding is too long for the stack.
    #[cold]
    #[inline(never)]
    pub(super) fn emit_long(
        &mut self,
        key: &K::Borrowed<'_>,
        len: usize,
        value: &C::Input,
    ) -> Result<(), Error<S::Error>> {
        self.engine.admit::<Folding<C>>(len, C::Acc::SIZE)?;
        loop {
            let seed = self.engine.seed();
            let (table, region) = self.engine.table();
            let encode = |out: &mut [u8]| K::encode(key, out);
            if let Some(was_there) = table.combine_long(region, seed, (len, encode), value, &self.fold.0) {
                self.engine.counters.emitted += 1;
                self.engine.counters.combined += u64::from(was_there);
                return Ok(());
            }
            self.engine.make_room(&self.fold, len, C::Acc::SIZE)?;
        }
    }
}

impl<K: Key + ?Sized, C: Combiner, S: Store> Emitter<K, C::Input> for Combining<'_, K, C, S> {
    type Error = Error<S::Error>;

    /// Adds a value to its key.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] without a store (a key in the table is still updated),
    /// [`Error::PairTooLong`], or an error while spilling.
    #[inline(always)]
    fn emit<B: Borrow<C::Input>>(&mut self, key: K::Borrowed<'_>, value: B) -> Result<(), Self::Error> {
        encoded::<K, _>(&key, |bytes| self.emit_bytes(bytes, value.borrow()))
            .unwrap_or_else(|len| self.emit_long(&key, len, value.borrow()))
    }
}

impl<K: Key + ?Sized, V: Value + ?Sized, S: Store> Emitter<K, V> for Grouping<'_, K, V, S> {
    type Error = Error<S::Error>;

    /// Keeps a pair.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] without a store, [`Error::PairTooLong`], or an error while
    /// spilling.
    #[inline]
    fn emit<B: Borrow<V>>(&mut self, key: K::Borrowed<'_>, value: B) -> Result<(), Self::Error> {
        let value = value.borrow();
        let size = value.size();
        encoded::<K, _>(&key, |bytes| {
            self.engine.admit::<Keeping<V>>(bytes.len(), size)?;
            loop {
                let (table, region) = self.engine.table();
                if table.push(region, bytes, value) {
                    self.engine.counters.emitted += 1;
                    return Ok(());
                }
                self.engine.make_room(&Keeping::<V>::new(), bytes.len(), size)?;
            }
        })
        .unwrap_or_else(|len| self.emit_long(&key, len, value))
    }
}

impl<K: Key + ?Sized, V: Value + ?Sized, S: Store> Grouping<'_, K, V, S> {
    /// A key whose encoding is too long for the stack.
    #[cold]
    #[inline(never)]
    pub(super) fn emit_long(&mut self, key: &K::Borrowed<'_>, len: usize, value: &V) -> Result<(), Error<S::Error>> {
        let size = value.size();
        self.engine.admit::<Keeping<V>>(len, size)?;
        loop {
            let (table, region) = self.engine.table();
            if table.push_long(region, (len, |out: &mut [u8]| K::encode(key, out)), value) {
                self.engine.counters.emitted += 1;
                return Ok(());
            }
            self.engine.make_room(&Keeping::<V>::new(), len, size)?;
        }
    }
}

macro_rules! taking_pairs {
    ([$($generics:tt)*] $job:ty, $value:ty) => {
        impl<'b, $($generics)*> $job {
            /// Maps an item into the job.
            ///
            /// # Errors
            ///
            /// The item, how many of its pairs were taken, and why the rest were not.
            ///
            /// ```
            /// use kernlet::mapreduce::{Job, Sum, map_fn};
            /// let mut job = Job::new(8 << 10).combine::<str, Sum<u64>>(Sum::new()).unwrap();
            /// let mut words = map_fn::<String, str, u64, _>(|line, emit| line.split(' ').for_each(|word| emit(word, &1)));
            /// job.map(&mut words, "a b a".to_string()).unwrap();
            /// assert_eq!(job.len(), 2);
            /// ```
            pub fn map<I, M: Mapper<I, Key = K, Value = $value>>(
                &mut self,
                mapper: &mut M,
                item: I,
            ) -> Result<(), Rejected<I, Error<S::Error>>> {
                let before = self.engine.counters.emitted;
                match mapper.map(&item, self) {
                    Ok(()) => {
                        self.engine.counters.records_in += 1;
                        Ok(())
                    }
                    Err(error) => Err(Rejected { item, taken: self.engine.counters.emitted - before, error }),
                }
            }

            /// Maps every item of an iterator into the job.
            ///
            /// # Errors
            ///
            /// As [`Self::map`]; the items before the one returned are mapped.
            ///
            /// ```
            /// use kernlet::mapreduce::{Job, Sum, map_fn};
            /// let mut job = Job::new(8 << 10).combine::<u32, Sum<u64>>(Sum::new()).unwrap();
            /// job.map_all(&mut map_fn::<u32, u32, u64, _>(|n, emit| emit(n % 3, &1)), 0..9).unwrap();
            /// assert_eq!(job.finish().unwrap().next().unwrap(), Some((0, 3)));
            /// ```
            pub fn map_all<I, M: Mapper<I, Key = K, Value = $value>>(
                &mut self,
                mapper: &mut M,
                items: impl IntoIterator<Item = I>,
            ) -> Result<(), Rejected<I, Error<S::Error>>> {
                items.into_iter().try_for_each(|item| self.map(mapper, item))
            }

            /// Hands every item of an iterator to a closure, which emits its pairs into the job.
            ///
            /// # Errors
            ///
            /// The job's first error, which ends the mapping.
            ///
            /// ```
            /// use kernlet::mapreduce::{Emitter, Job, Sum};
            /// let mut counts = Job::new(8 << 10).combine::<str, Sum<u64>>(Sum::new()).unwrap();
            /// let lines = ["to be", "or not to be"];
            /// counts.map_each(lines, |line, job| line.split(' ').try_for_each(|word| job.emit(word, 1))).unwrap();
            /// assert_eq!(counts.finish().unwrap().next().unwrap(), Some(("be", 2)));
            /// ```
            pub fn map_each<I>(
                &mut self,
                items: impl IntoIterator<Item = I>,
                mut each: impl FnMut(I, &mut Self) -> Result<(), Error<S::Error>>,
            ) -> Result<(), Error<S::Error>> {
                items.into_iter().try_for_each(|item| {
                    each(item, self)?;
                    self.engine.counters.records_in += 1;
                    Ok(())
                })
            }

            /// How many entries the table has now.
            ///
            /// ```
            /// assert_eq!(kernlet::mapreduce::Job::new(8 << 10).group::<str, u64>().unwrap().len(), 0);
            /// ```
            pub fn len(&self) -> usize {
                self.engine.table.len()
            }

            /// Whether the table is empty.
            ///
            /// ```
            /// assert!(kernlet::mapreduce::Job::new(8 << 10).group::<str, u64>().unwrap().is_empty());
            /// ```
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// What the job has counted so far.
            ///
            /// ```
            /// assert_eq!(kernlet::mapreduce::Job::new(8 << 10).group::<str, u64>().unwrap().counters().emitted, 0);
            /// ```
            pub fn counters(&self) -> Counters {
                self.engine.counters
            }
        }
    };
}
taking_pairs!([K: Key + ?Sized, C: Combiner, S: Store] Combining<'b, K, C, S>, C::Input);
taking_pairs!([K: Key + ?Sized, V: Value + ?Sized, S: Store] Grouping<'b, K, V, S>, V);

impl<'b, K: Key + ?Sized, C: Combiner, S: Store> Combining<'b, K, C, S> {
    /// Ends the input; the result gives each key with its accumulator.
    ///
    /// # Errors
    ///
    /// An error while spilling or merging.
    ///
    /// ```
    /// use kernlet::mapreduce::{Job, Sum};
    /// let job = Job::new(8 << 10).combine::<str, Sum<u64>>(Sum::new()).unwrap();
    /// assert_eq!(job.finish().unwrap().next().unwrap(), None);
    /// ```
    pub fn finish(mut self) -> Result<Combined<'b, K, C, S>, Error<S::Error>> {
        let records = self.engine.finish(&self.fold)?;
        Ok(Combined { engine: self.engine, records, fold: self.fold, key: PhantomData })
    }

    /// As [`Self::finish`], but merges everything to one run first, so that reading the result is cheap.
    #[cfg(feature = "rayon")]
    pub(super) fn settle(mut self) -> Result<Combined<'b, K, C, S>, Error<S::Error>> {
        let records = self.engine.settle(&self.fold)?;
        Ok(Combined { engine: self.engine, records, fold: self.fold, key: PhantomData })
    }
}

impl<'b, K: Key + ?Sized, V: Value + ?Sized, S: Store> Grouping<'b, K, V, S> {
    /// Ends the input; the result gives each pair, keys ascending, the values of a
    /// key in the order of arrival.
    ///
    /// # Errors
    ///
    /// An error while spilling or merging.
    ///
    /// ```
    /// use kernlet::mapreduce::{Emitter, Job};
    /// let mut job = Job::new(8 << 10).group::<str, u64>().unwrap();
    /// job.emit("b", 1).unwrap();
    /// job.emit("a", 2).unwrap();
    /// assert_eq!(job.finish().unwrap().next().unwrap(), Some(("a", 2)));
    /// ```
    pub fn finish(mut self) -> Result<Grouped<'b, K, V, S>, Error<S::Error>> {
        let fold = Keeping::new();
        let records = self.engine.finish(&fold)?;
        Ok(Grouped { engine: self.engine, records, fold, key: PhantomData })
    }

    /// As [`Self::finish`], but merges everything to one run first, so that reading the result is cheap.
    #[cfg(feature = "rayon")]
    pub(super) fn settle(mut self) -> Result<Grouped<'b, K, V, S>, Error<S::Error>> {
        let fold = Keeping::new();
        let records = self.engine.settle(&fold)?;
        Ok(Grouped { engine: self.engine, records, fold, key: PhantomData })
    }
}

/// The keys of a job with a combiner, ascending, each with its accumulator.
///
/// A lending iterator: a key stays in the budget until the next is asked for.
///
/// ```
/// use kernlet::mapreduce::{Emitter, Job, Sum};
/// let mut job = Job::new(8 << 10).combine::<u8, Sum<i32>>(Sum::new()).unwrap();
/// job.emit(7, -3).unwrap();
/// assert_eq!(job.finish().unwrap().next().unwrap(), Some((7, -3)));
/// ```
pub struct Combined<'b, K: ?Sized, C, S = NoStore> {
    pub(super) engine: Engine<'b, S>,
    pub(super) records: Records,
    pub(super) fold: Folding<C>,
    key: PhantomData<fn(&K)>,
}

/// The pairs of a job without a combiner, keys ascending.
///
/// A lending iterator: a pair stays in the budget until the next is asked for.
///
/// ```
/// use kernlet::mapreduce::{Emitter, Job};
/// let mut job = Job::new(8 << 10).group::<str, [u8]>().unwrap();
/// job.emit("a", &b"x"[..]).unwrap();
/// assert_eq!(job.finish().unwrap().next().unwrap(), Some(("a", &b"x"[..])));
/// ```
pub struct Grouped<'b, K: ?Sized, V: ?Sized, S = NoStore> {
    pub(super) engine: Engine<'b, S>,
    pub(super) records: Records,
    pub(super) fold: Keeping<V>,
    key: PhantomData<fn(&K)>,
}

macro_rules! giving_pairs {
    ([$($generics:tt)*] $job:ty, $value:ty, $fold:ty) => {
        impl<'b, $($generics)*> $job {
            /// The next key with a value; `None` at the end.
            ///
            /// # Errors
            ///
            /// A store that failed, a corrupt block, or a key that does not decode.
            ///
            /// ```
            /// use kernlet::mapreduce::Job;
            /// let mut pairs = Job::new(8 << 10).group::<str, u64>().unwrap().finish().unwrap();
            /// assert_eq!(pairs.next().unwrap(), None);
            /// ```
            #[expect(clippy::should_implement_trait, reason = "it lends, and it can fail")]
            #[inline]
            pub fn next(
                &mut self,
            ) -> Result<Option<(K::View<'_>, <$value as Value>::Ref<'_>)>, Error<S::Error>> {
                if !self.engine.step(&mut self.records, &self.fold)? {
                    return Ok(None);
                }
                let record = self.engine.record::<$fold>(&self.records);
                let undecodable = Error::Undecodable { key: record.key.len() };
                match (K::decode(record.key), <$value>::read(record.value)) {
                    (Some(key), Some(value)) => Ok(Some((key, value))),
                    _ => Err(undecodable),
                }
            }

            /// Reduces each key and hands the result to `out`.
            ///
            /// # Errors
            ///
            /// If the pairs cannot be read, or `out` fails.
            ///
            /// ```
            /// use kernlet::mapreduce::{Emitter, Job, Reducer, Sum};
            /// /// Emits each count with a one: how many words there are of it.
            /// struct PerCount(u64);
            /// impl Reducer<str, u64> for PerCount {
            ///     type OutKey = u64;
            ///     type OutValue = u64;
            ///     fn value(&mut self, _: &str, count: u64) {
            ///         self.0 = count;
            ///     }
            ///     fn finish<E: Emitter<u64, u64>>(&mut self, _: &str, out: &mut E) -> Result<(), E::Error> {
            ///         out.emit(self.0, 1)
            ///     }
            /// }
            /// let mut words = Job::new(8 << 10).combine::<str, Sum<u64>>(Sum::new()).unwrap();
            /// for word in ["a", "b", "c", "a"] {
            ///     words.emit(word, 1).unwrap();
            /// }
            /// // A chain: a second job takes what the first reduces to.
            /// let mut counts = Job::new(8 << 10).combine::<u64, Sum<u64>>(Sum::new()).unwrap();
            /// words.finish().unwrap().reduce(&mut PerCount(0), &mut counts).unwrap();
            /// let mut counts = counts.finish().unwrap();
            /// assert_eq!(counts.next().unwrap(), Some((1, 2)));
            /// assert_eq!(counts.next().unwrap(), Some((2, 1)));
            /// ```
            pub fn reduce<R, E>(&mut self, reducer: &mut R, out: &mut E) -> Result<(), ReduceError<Error<S::Error>, E::Error>>
            where
                R: Reducer<K, $value>,
                E: Emitter<R::OutKey, R::OutValue>,
            {
                self.reduce_by(|bytes| bytes, reducer, out)
            }

            /// As [`Self::reduce`], but all keys with the same first part form one
            /// group: keys `(day, time)` give one group a day, whose values come in
            /// the order of time (a secondary sort).
            ///
            /// # Errors
            ///
            /// As [`Self::reduce`].
            ///
            /// ```
            /// use kernlet::mapreduce::{Emitter, Escaped, Job, Reducer};
            /// /// Emits the last value of each day with its time.
            /// struct Last(u64);
            /// impl Reducer<(&str, u32), u64> for Last {
            ///     type OutKey = u32;
            ///     type OutValue = u64;
            ///     fn value(&mut self, _: (Escaped, u32), value: u64) {
            ///         self.0 = value;
            ///     }
            ///     fn finish<E: Emitter<u32, u64>>(&mut self, (_, time): (Escaped, u32), out: &mut E) -> Result<(), E::Error> {
            ///         out.emit(time, self.0)
            ///     }
            /// }
            /// let mut job = Job::new(8 << 10).group::<(&str, u32), u64>().unwrap();
            /// for (day, time, value) in [("mon", 9, 1), ("tue", 8, 2), ("mon", 7, 3)] {
            ///     job.emit((day, time), value).unwrap();
            /// }
            /// let mut latest = Job::new(8 << 10).group::<u32, u64>().unwrap();
            /// job.finish().unwrap().reduce_by_first(&mut Last(0), &mut latest).unwrap();
            /// let mut latest = latest.finish().unwrap();
            /// assert_eq!(latest.next().unwrap(), Some((8, 2)));
            /// assert_eq!(latest.next().unwrap(), Some((9, 1)));
            /// ```
            pub fn reduce_by_first<R, E>(
                &mut self,
                reducer: &mut R,
                out: &mut E,
            ) -> Result<(), ReduceError<Error<S::Error>, E::Error>>
            where
                K: Leading,
                R: Reducer<K, $value>,
                E: Emitter<R::OutKey, R::OutValue>,
            {
                self.reduce_by(|bytes| K::First::split_part(bytes).map_or(bytes, |(first, _)| first), reducer, out)
            }

            fn reduce_by<R, E>(
                &mut self,
                group: impl Fn(&[u8]) -> &[u8],
                reducer: &mut R,
                out: &mut E,
            ) -> Result<(), ReduceError<Error<S::Error>, E::Error>>
            where
                R: Reducer<K, $value>,
                E: Emitter<R::OutKey, R::OutValue>,
            {
                let undecodable = |key: &[u8]| ReduceError::Read(Error::Undecodable { key: key.len() });
                let mut open = false;
                while self.engine.step(&mut self.records, &self.fold).map_err(ReduceError::Read)? {
                    let record = self.engine.record::<$fold>(&self.records);
                    if open && group(record.key) != group(record.before) {
                        let key = K::decode(record.before).ok_or_else(|| undecodable(record.before))?;
                        reducer.finish(key, out).map_err(ReduceError::Emit)?;
                    }
                    open = true;
                    let key = K::decode(record.key).ok_or_else(|| undecodable(record.key))?;
                    let value = <$value>::read(record.value).ok_or_else(|| undecodable(record.key))?;
                    reducer.value(key, value);
                }
                if open {
                    let record = self.engine.record::<$fold>(&self.records);
                    let key = K::decode(record.key).ok_or_else(|| undecodable(record.key))?;
                    reducer.finish(key, out).map_err(ReduceError::Emit)?;
                }
                Ok(())
            }

            /// What the job has counted so far.
            ///
            /// ```
            /// use kernlet::mapreduce::Job;
            /// let pairs = Job::new(8 << 10).group::<str, u64>().unwrap().finish().unwrap();
            /// assert_eq!(pairs.counters().passes, 0);
            /// ```
            pub fn counters(&self) -> Counters {
                self.engine.counters
            }
        }
    };
}
giving_pairs!([K: Key + ?Sized, C: Combiner, S: Store] Combined<'b, K, C, S>, C::Acc, Folding<C>);
giving_pairs!([K: Key + ?Sized, V: Value + ?Sized, S: Store] Grouped<'b, K, V, S>, V, Keeping<V>);

crate::pairs::debug::debug!([S] Job<'_, S>, "Job", "budget": |job| job.budget.bytes(), "seed": |job| job.seed);
crate::pairs::debug::debug!([K: Key + ?Sized, C: Combiner, S: Store] Combining<'_, K, C, S>, "Combining", "counters": |job| job.counters());
crate::pairs::debug::debug!([K: Key + ?Sized, V: Value + ?Sized, S: Store] Grouping<'_, K, V, S>, "Grouping", "counters": |job| job.counters());
crate::pairs::debug::debug!([K: Key + ?Sized, C: Combiner, S: Store] Combined<'_, K, C, S>, "Combined", "counters": |job| job.counters());
crate::pairs::debug::debug!([K: Key + ?Sized, V: Value + ?Sized, S: Store] Grouped<'_, K, V, S>, "Grouped", "counters": |job| job.counters());
