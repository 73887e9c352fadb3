//! A table of fixed capacity, for builds without an allocator.

use core::borrow::Borrow;
use core::convert::Infallible;
use core::fmt;
use core::marker::PhantomData;

use super::combiner::Combiner;
use super::error::{Error, Rejected};
use super::reducer::Reducer;
use crate::pairs::Key;
use crate::pairs::Plain;
use crate::pairs::chains::Chains;
use crate::pairs::hash::{HashSeed, prefix};
use crate::pairs::key::{ENCODED, encoded};
use crate::pairs::{Emitter, Mapper};

struct Entry<A, const L: usize> {
    /// Encoded: the order of the bytes is the order of the keys.
    key: heapless::Vec<u8, L, u16>,
    acc: A,
}

/// A pair that was not taken, and why.
pub type RejectedPair<K, V> = Rejected<(K, V), Error<Infallible>>;

/// One accumulator for each of at most `N` keys, of at most `L` encoded bytes each.
///
/// A job without an allocator: it takes what mappers emit, folds values with a
/// [`Combiner`], and gives keys in ascending order when asked. It lies where it is
/// declared, even in a `static`, and takes `size_of` bytes: for each entry the
/// accumulator, `L` bytes of key and 8 of bookkeeping. A full table gives a pair with
/// a new key back, but still updates the keys that it has.
///
/// The encoding of strings and bytes is as long as they are, that of integers as long
/// as their type: see [`Key`].
///
/// ```
/// use kernlet::mapreduce::{Emitter, FixedTable, Sum};
/// let mut counts = FixedTable::<str, Sum<u32>, 2, 8>::new(Sum::new());
/// for word in ["b", "a", "b"] {
///     counts.emit(word, 1).unwrap();
/// }
/// assert_eq!(counts.add("c", 7).unwrap_err().item, ("c", 7));
/// counts.emit("a", 1).unwrap();
/// counts.sort();
/// assert!(counts.iter().eq([("a", 2), ("b", 2)]));
/// ```
pub struct FixedTable<K: ?Sized, C: Combiner, const N: usize, const L: usize> {
    entries: heapless::Vec<Entry<C::Acc, L>, N, u16>,
    chains: Chains<N>,
    seed: HashSeed,
    combiner: C,
    key: PhantomData<fn(&K)>,
}

impl<K: Key + ?Sized, C: Combiner, const N: usize, const L: usize> FixedTable<K, C, N, L> {
    /// An empty table, whose hash has seed 0.
    ///
    /// ```
    /// use kernlet::mapreduce::{Count, FixedTable};
    /// type Table = FixedTable<u16, Count<u8>, 50, 2>;
    /// static EMPTY: Table = Table::new(Count::new());
    /// const { assert!(size_of::<Table>() <= 50 * (8 + 2 + 8) + 50 * 4 + 32) };
    /// assert_eq!(EMPTY.len(), 0);
    /// ```
    pub const fn new(combiner: C) -> Self {
        Self::with_seed(combiner, 0)
    }

    /// An empty table. A secret seed keeps others from choosing keys whose look-ups
    /// are slow; the result does not depend on it.
    ///
    /// ```
    /// use kernlet::mapreduce::{FixedTable, Sum};
    /// assert!(FixedTable::<u8, Sum<u8>, 4, 1>::with_seed(Sum::new(), 0x5eed).is_empty());
    /// ```
    pub const fn with_seed(combiner: C, seed: u64) -> Self {
        Self {
            entries: heapless::Vec::new(),
            chains: Chains::new(),
            seed: HashSeed::new(seed),
            combiner,
            key: PhantomData,
        }
    }

    fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        self.chains.find(hash, |place| self.entries[place].key == *key)
    }

    fn hash(&self, key: &[u8]) -> u64 {
        self.seed.hash(prefix(key), key)
    }

    fn full(&self) -> Error<Infallible> {
        Error::Full { entries: self.entries.len() }
    }

    fn too_long(key: usize) -> Error<Infallible> {
        Error::PairTooLong { key, value: C::Acc::SIZE, most: L + C::Acc::SIZE }
    }

    /// Folds into the accumulator of a key, or starts it.
    fn fold(
        &mut self,
        key: &[u8],
        start: impl FnOnce(&C) -> C::Acc,
        update: impl FnOnce(&C, &mut C::Acc),
    ) -> Result<(), Error<Infallible>> {
        let hash = self.hash(key);
        if let Some(place) = self.find(hash, key) {
            update(&self.combiner, &mut self.entries[place].acc);
            return Ok(());
        }
        let Ok(own) = heapless::Vec::from_slice(key) else {
            return Err(Self::too_long(key.len()));
        };
        if K::decode(key).is_none() {
            return Err(Error::Undecodable { key: key.len() });
        }
        let place = self.entries.len();
        self.entries.push(Entry { key: own, acc: start(&self.combiner) }).map_err(|_| self.full())?;
        self.chains.insert(hash, place);
        Ok(())
    }

    /// Takes one pair; as [`Emitter::emit`], but an error returns the pair.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] if the key is new and there are `N` already,
    /// [`Error::PairTooLong`] if its encoding takes more than `L` bytes.
    ///
    /// ```
    /// use kernlet::mapreduce::{Error, FixedTable, Sum};
    /// let mut sums = FixedTable::<str, Sum<u32>, 1, 4>::new(Sum::new());
    /// let rejected = sums.add("seven", 7).unwrap_err();
    /// assert_eq!(rejected.item, ("seven", 7));
    /// assert!(matches!(rejected.error, Error::PairTooLong { key: 5, value: 4, most: 8 }));
    /// ```
    pub fn add<'k, B: Borrow<C::Input>>(
        &mut self,
        key: K::Borrowed<'k>,
        value: B,
    ) -> Result<(), RejectedPair<K::Borrowed<'k>, B>> {
        self.take(&key, value.borrow()).map_err(|error| Rejected { item: (key, value), taken: 0, error })
    }

    fn take(&mut self, key: &K::Borrowed<'_>, value: &C::Input) -> Result<(), Error<Infallible>> {
        let taken = with_encoded::<K, L, _>(key, |key| {
            self.fold(key, |combiner| combiner.start(value), |combiner, acc| combiner.update(acc, value))
        });
        taken.unwrap_or_else(|len| Err(Self::too_long(len)))
    }

    /// Maps one item into the table.
    ///
    /// # Errors
    ///
    /// As [`Self::add`], with the item; its pairs before the error are in the table.
    ///
    /// ```
    /// use kernlet::mapreduce::{FixedTable, Sum, map_fn};
    /// let mut letters = FixedTable::<u8, Sum<u32>, 26, 1>::new(Sum::new());
    /// let mut mapper = map_fn::<&str, u8, u32, _>(|word, emit| word.bytes().for_each(|letter| emit(letter, &1)));
    /// letters.map(&mut mapper, "noon").unwrap();
    /// assert_eq!(letters.get(b'o'), Some(&2));
    /// ```
    pub fn map<I, M>(&mut self, mapper: &mut M, item: I) -> Result<(), Rejected<I, Error<Infallible>>>
    where
        M: Mapper<I, Key = K, Value = C::Input>,
    {
        let mut counting = Counting { table: self, taken: 0 };
        match mapper.map(&item, &mut counting) {
            Ok(()) => Ok(()),
            Err(error) => Err(Rejected { item, taken: counting.taken, error }),
        }
    }

    /// The accumulator of a key.
    ///
    /// ```
    /// use kernlet::mapreduce::{FixedTable, Max};
    /// let mut highest = FixedTable::<u8, Max<i16>, 4, 1>::new(Max::new());
    /// highest.add(3, -40).unwrap();
    /// assert_eq!((highest.get(3), highest.get(4)), (Some(&-40), None));
    /// ```
    pub fn get(&self, key: K::Borrowed<'_>) -> Option<&C::Acc> {
        let place = with_encoded::<K, L, _>(&key, |key| self.find(self.hash(key), key));
        Some(&self.entries[place.ok()??].acc)
    }

    /// Keys in the table.
    ///
    /// ```
    /// use kernlet::mapreduce::{FixedTable, Sum};
    /// assert_eq!(FixedTable::<u8, Sum<u8>, 4, 1>::new(Sum::new()).len(), 0);
    /// ```
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    ///
    /// ```
    /// use kernlet::mapreduce::{FixedTable, Sum};
    /// assert!(FixedTable::<u8, Sum<u8>, 4, 1>::new(Sum::new()).is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a new key would be given back.
    ///
    /// ```
    /// use kernlet::mapreduce::{FixedTable, Sum};
    /// let mut table = FixedTable::<u8, Sum<u8>, 1, 1>::new(Sum::new());
    /// table.add(0, 1).unwrap();
    /// assert!(table.is_full());
    /// ```
    pub fn is_full(&self) -> bool {
        self.entries.is_full()
    }

    /// Forgets every key.
    ///
    /// ```
    /// use kernlet::mapreduce::{FixedTable, Sum};
    /// let mut table = FixedTable::<u8, Sum<u8>, 1, 1>::new(Sum::new());
    /// table.add(0, 1).unwrap();
    /// table.clear();
    /// assert_eq!(table.get(0), None);
    /// ```
    pub fn clear(&mut self) {
        self.entries.clear();
        self.chains.clear();
    }

    /// Puts the keys into ascending order, in place; new keys come after them.
    ///
    /// ```
    /// use kernlet::mapreduce::{FixedTable, Sum};
    /// let mut table = FixedTable::<i8, Sum<u8>, 3, 1>::new(Sum::new());
    /// for key in [1, 2, -3] {
    ///     table.add(key, 1).unwrap();
    /// }
    /// table.sort();
    /// assert!(table.iter().map(|(key, _)| key).eq([-3, 1, 2]));
    /// ```
    pub fn sort(&mut self) {
        if self.entries.is_sorted_by(|a, b| a.key <= b.key) {
            return;
        }
        self.entries.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        self.index();
    }

    fn index(&mut self) {
        self.chains.clear();
        for (place, entry) in self.entries.iter().enumerate() {
            self.chains.insert(self.seed.hash(prefix(&entry.key), &entry.key), place);
        }
    }

    /// Keys and accumulators, in the order in which the keys came, or sorted after [`Self::sort`].
    ///
    /// ```
    /// use kernlet::mapreduce::{FixedTable, Sum};
    /// let mut table = FixedTable::<u8, Sum<u8>, 3, 1>::new(Sum::new());
    /// table.add(8, 1).unwrap();
    /// table.add(7, 2).unwrap();
    /// assert!(table.iter().eq([(8, 1), (7, 2)]));
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (K::View<'_>, C::Acc)> {
        self.entries.iter().filter_map(|entry| Some((view::<K, _, L>(entry)?, entry.acc)))
    }

    /// Sorts the table and lends it key by key; when the loan ends, the rest is
    /// forgotten and the table is empty.
    ///
    /// ```
    /// use kernlet::mapreduce::{FixedTable, Sum};
    /// let mut table = FixedTable::<u8, Sum<u8>, 3, 1>::new(Sum::new());
    /// table.add(8, 1).unwrap();
    /// table.add(7, 2).unwrap();
    /// let mut drained = table.drain();
    /// assert_eq!(drained.next(), Some((7, 2)));
    /// assert_eq!(drained.next(), Some((8, 1)));
    /// assert_eq!(drained.next(), None);
    /// drop(drained);
    /// assert!(table.is_empty());
    /// ```
    pub fn drain(&mut self) -> TableDrain<'_, K, C, N, L> {
        self.sort();
        TableDrain { table: self, at: 0 }
    }

    /// Hands every key in ascending order to a reducer, which emits to `out`, and empties the table.
    ///
    /// # Errors
    ///
    /// The emitter's error; the table is empty then too.
    ///
    /// ```
    /// use kernlet::mapreduce::{Count, Emitter, FixedTable, Reducer, Sum};
    /// /// Emits each count: how many words there are of it.
    /// struct PerCount(u32);
    /// impl Reducer<str, u32> for PerCount {
    ///     type OutKey = u32;
    ///     type OutValue = u8;
    ///     fn value(&mut self, _: &str, count: u32) {
    ///         self.0 = count;
    ///     }
    ///     fn finish<E: Emitter<u32, u8>>(&mut self, _: &str, out: &mut E) -> Result<(), E::Error> {
    ///         out.emit(self.0, 0)
    ///     }
    /// }
    /// let mut words = FixedTable::<str, Sum<u32>, 4, 8>::new(Sum::new());
    /// for word in ["b", "a", "b", "c"] {
    ///     words.emit(word, 1).unwrap();
    /// }
    /// let mut counts = FixedTable::<u32, Count<u8>, 4, 4>::new(Count::new());
    /// words.reduce(&mut PerCount(0), &mut counts).unwrap();
    /// assert!(counts.iter().eq([(1, 2), (2, 1)]) && words.is_empty());
    /// ```
    pub fn reduce<R, E>(&mut self, reducer: &mut R, out: &mut E) -> Result<(), E::Error>
    where
        R: Reducer<K, C::Acc>,
        E: Emitter<R::OutKey, R::OutValue>,
    {
        let drain = self.drain();
        drain.table.iter().zip(drain.table.iter()).try_for_each(|((key, acc), (last, _))| {
            reducer.value(key, acc);
            reducer.finish(last, out)
        })
    }

    /// Moves the keys of another table here, merging the accumulators of those that both have.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] if keys remain in `other`, because they are new here and
    /// there is no room: nothing is lost and nothing is in both.
    ///
    /// ```
    /// use kernlet::mapreduce::{FixedTable, Sum};
    /// let mut all = FixedTable::<u8, Sum<u32>, 2, 1>::new(Sum::new());
    /// let mut part = FixedTable::<u8, Sum<u32>, 3, 1>::new(Sum::new());
    /// all.add(1, 10).unwrap();
    /// for key in 0..3 {
    ///     part.add(key, 1).unwrap();
    /// }
    /// assert!(all.absorb(&mut part).is_err());
    /// assert_eq!((all.get(0), all.get(1), part.get(2)), (Some(&1), Some(&11), Some(&1)));
    /// assert_eq!(part.len(), 1);
    /// ```
    pub fn absorb<const M: usize>(&mut self, other: &mut FixedTable<K, C, M, L>) -> Result<(), Error<Infallible>> {
        let mut outcome = Ok(());
        other.entries.retain(|entry| {
            let taken = self.fold(&entry.key, |_| entry.acc, |combiner, acc| combiner.merge(acc, &entry.acc));
            outcome = outcome.and(taken);
            taken.is_err()
        });
        other.index();
        outcome
    }
}

/// Hands `key` encoded to `take`; its length instead if it has more than `L` bytes to be made.
fn with_encoded<K: Key + ?Sized, const L: usize, R>(
    key: &K::Borrowed<'_>,
    take: impl FnOnce(&[u8]) -> R,
) -> Result<R, usize> {
    if L <= ENCODED || K::as_encoded(key).is_some() {
        return encoded::<K, R>(key, take);
    }
    let len = K::encoded_len(key);
    let mut bytes = [0; L];
    let bytes = bytes.get_mut(..len).ok_or(len)?;
    K::encode(key, bytes);
    Ok(take(bytes))
}

/// A stored key, read. Every key was read once before it was stored.
fn view<K: Key + ?Sized, A, const L: usize>(entry: &Entry<A, L>) -> Option<K::View<'_>> {
    K::decode(&entry.key)
}

impl<K: Key + ?Sized, C: Combiner, const N: usize, const L: usize> Emitter<K, C::Input> for FixedTable<K, C, N, L> {
    type Error = Error<Infallible>;

    #[inline]
    fn emit<B: Borrow<C::Input>>(&mut self, key: K::Borrowed<'_>, value: B) -> Result<(), Self::Error> {
        self.take(&key, value.borrow())
    }
}

impl<K: ?Sized, C: Combiner, const N: usize, const L: usize> fmt::Debug for FixedTable<K, C, N, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FixedTable({} of {N} keys)", self.entries.len())
    }
}

#[cfg(feature = "defmt")]
impl<K: ?Sized, C: Combiner, const N: usize, const L: usize> defmt::Format for FixedTable<K, C, N, L> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "FixedTable({=usize} of {=usize} keys)", self.entries.len(), N);
    }
}

/// Counts what an item's mapper has had taken.
struct Counting<'t, T> {
    table: &'t mut T,
    taken: u64,
}

impl<K: Key + ?Sized, V: ?Sized, T: Emitter<K, V>> Emitter<K, V> for Counting<'_, T> {
    type Error = T::Error;

    #[inline]
    fn emit<B: Borrow<V>>(&mut self, key: K::Borrowed<'_>, value: B) -> Result<(), T::Error> {
        self.table.emit(key, value)?;
        self.taken += 1;
        Ok(())
    }
}

/// The keys of a [`FixedTable`] that is being emptied: [`FixedTable::drain`].
///
/// ```
/// use kernlet::mapreduce::{FixedTable, Sum};
/// let mut table = FixedTable::<u8, Sum<u8>, 3, 1>::new(Sum::new());
/// assert_eq!(table.drain().next(), None);
/// ```
pub struct TableDrain<'t, K: Key + ?Sized, C: Combiner, const N: usize, const L: usize> {
    table: &'t mut FixedTable<K, C, N, L>,
    at: usize,
}

impl<K: Key + ?Sized, C: Combiner, const N: usize, const L: usize> TableDrain<'_, K, C, N, L> {
    /// The next key, in ascending order, with its accumulator. Each is lent until the next.
    ///
    /// ```
    /// use kernlet::mapreduce::{FixedTable, Sum};
    /// let mut table = FixedTable::<str, Sum<u8>, 3, 4>::new(Sum::new());
    /// table.add("a", 1).unwrap();
    /// assert_eq!(table.drain().next(), Some(("a", 1)));
    /// ```
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<(K::View<'_>, C::Acc)> {
        let entry = self.table.entries.get(self.at)?;
        self.at += 1;
        Some((view::<K, _, L>(entry)?, entry.acc))
    }
}

impl<K: Key + ?Sized, C: Combiner, const N: usize, const L: usize> Drop for TableDrain<'_, K, C, N, L> {
    fn drop(&mut self) {
        self.table.clear();
    }
}

crate::pairs::debug::debug!([K: Key + ?Sized, C: Combiner, const N: usize, const L: usize] TableDrain<'_, K, C, N, L>, "TableDrain");
