//! The most frequent keys.

use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt;
use core::marker::PhantomData;

use super::{Body, Error, KeyHash, Reader, Sketch, Writer, with_encoded};
use crate::pairs::chains::Chains;
use crate::pairs::{Emitter, Key};

#[derive(Clone)]
struct Counter<const L: usize> {
    key: heapless::Vec<u8, L, u16>,
    count: u64,
    error: u64,
}

impl<const L: usize> Counter<L> {
    /// By count, and of the same counts by key, the first last: a total order,
    /// so that what a merge keeps does not depend on which side it was on.
    fn rank(&self, count: u64, key: &[u8]) -> Ordering {
        self.count.cmp(&count).then_with(|| key.cmp(&self.key))
    }
}

/// Space-Saving: the most frequent keys, with `N` counters and at most `L` bytes
/// for an encoded key.
///
/// A key without a counter takes over the counter with the least count, and keeps
/// that count as its error (Metwally, Agrawal, El Abbadi: *Efficient computation of
/// frequent and top-k elements in data streams*, ICDT 2005).
///
/// # Numerics
///
/// With a total weight `W` of all keys, always and not only probably:
///
/// - the count of a key is at least its true one, and at most `error` more;
/// - no error, and no count of a key without a counter, is more than [`Self::bound`],
///   which is at most `W / N`: every key with more than that has a counter.
///
/// Both hold after merging too (mergeable: Agarwal et al., *Mergeable
/// summaries*, PODS 2012; how: Cafaro, Pulimeno, Tempesta, *A parallel
/// space-saving algorithm for frequent items*, 2016). Merging is commutative;
/// in a different order it may keep different keys near the bound. The seed changes
/// nothing. Counts stop at 2⁶⁴ − 1.
///
/// ```
/// use kernlet::sketch::SpaceSaving;
/// let mut frequent = SpaceSaving::<str, 4, 8>::new(0);
/// for word in "to be or not to be that is the question to be".split(' ') {
///     frequent.add(word, 1)?;
/// }
/// let be = frequent.get("be").unwrap();
/// assert!(be.count >= 3 && be.count - be.error <= 3);
/// assert!(be.error <= frequent.bound() && frequent.bound() <= 12 / 4);
/// # Ok::<(), kernlet::sketch::Error>(())
/// ```
pub struct SpaceSaving<K: ?Sized, const N: usize, const L: usize> {
    counters: heapless::Vec<Counter<L>, N, u16>,
    /// Places of counters; none before its half has a greater count: the least is first.
    heap: [u16; N],
    /// Where in the heap a counter is.
    at: [u16; N],
    chains: Chains<N>,
    hash: KeyHash,
    total: u64,
    key: PhantomData<fn(&K)>,
}

/// A key and what is known of its count.
///
/// ```
/// let mut frequent = kernlet::sketch::SpaceSaving::<u8, 4, 1>::new(0);
/// frequent.add(7, 3).unwrap();
/// let seven = frequent.iter().next().unwrap();
/// assert_eq!((seven.key, seven.count, seven.error), (7, 3, 0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct HeavyHitter<V> {
    /// The key.
    pub key: V,
    /// Its count is at most this.
    pub count: u64,
    /// `count` is too high by at most this.
    pub error: u64,
}

impl<K: Key + ?Sized, const N: usize, const L: usize> SpaceSaving<K, N, L> {
    /// An empty summary. A secret seed keeps others from choosing keys whose look-ups
    /// are slow.
    ///
    /// ```
    /// assert!(kernlet::sketch::SpaceSaving::<str, 8, 16>::new(0).is_empty());
    /// ```
    pub const fn new(seed: u64) -> Self {
        Self {
            counters: heapless::Vec::new(),
            heap: [0; N],
            at: [0; N],
            chains: Chains::new(),
            hash: KeyHash::new(seed),
            total: 0,
            key: PhantomData,
        }
    }

    fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        self.chains.find(hash, |place| self.counters[place].key == *key)
    }

    /// Counts a key `weight` times.
    ///
    /// # Errors
    ///
    /// [`Error::KeyTooLong`] if its encoding has more than `L` bytes, [`Error::Undecodable`]
    /// if it cannot be read back; nothing was counted.
    ///
    /// ```
    /// use kernlet::sketch::{Error, SpaceSaving};
    /// let mut frequent = SpaceSaving::<str, 8, 4>::new(0);
    /// assert_eq!(frequent.add("seven", 1), Err(Error::KeyTooLong { key: 5, most: 4 }));
    /// assert_eq!(frequent.total(), 0);
    /// ```
    #[inline]
    pub fn add(&mut self, key: K::Borrowed<'_>, weight: u64) -> Result<(), Error> {
        with_encoded::<K, _>(&key, |key| self.add_encoded(key, weight))?
    }

    fn add_encoded(&mut self, key: &[u8], weight: u64) -> Result<(), Error> {
        let hash = self.hash.bytes(key);
        if let Some(place) = self.find(hash, key) {
            let counter = &mut self.counters[place];
            counter.count = counter.count.saturating_add(weight);
            self.total = self.total.saturating_add(weight);
            self.sink(self.at[place] as usize, Self::by_count);
            return Ok(());
        }
        let Ok(own) = heapless::Vec::from_slice(key) else {
            return Err(Error::KeyTooLong { key: key.len(), most: L });
        };
        if K::decode(key).is_none() {
            return Err(Error::Undecodable { key: key.len() });
        }
        if weight == 0 {
            return Ok(());
        }
        self.total = self.total.saturating_add(weight);
        let place = if self.counters.is_full() {
            let least = self.heap[0] as usize;
            let Counter { count, .. } = self.counters[least];
            self.chains.remove(least);
            self.counters[least] = Counter { key: own, count: count.saturating_add(weight), error: count };
            self.sink(0, Self::by_count);
            least
        } else {
            self.push(Counter { key: own, count: weight, error: 0 }, Self::by_count)
        };
        self.chains.insert(hash, place);
        Ok(())
    }

    /// Appends a counter while there is room; returns its place, in no chain yet.
    fn push(&mut self, counter: Counter<L>, before: impl Fn(&Self, u16, u16) -> bool) -> usize {
        let place = self.counters.len();
        if self.counters.push(counter).is_ok() {
            self.set(place, place as u16);
            self.rise(place, before);
        }
        place
    }

    fn by_count(&self, a: u16, b: u16) -> bool {
        self.counters[a as usize].count < self.counters[b as usize].count
    }

    fn by_rank(&self, a: u16, b: u16) -> bool {
        let Counter { key, count, .. } = &self.counters[b as usize];
        self.counters[a as usize].rank(*count, key).is_lt()
    }

    #[inline]
    fn set(&mut self, at: usize, place: u16) {
        self.heap[at] = place;
        self.at[place as usize] = at as u16;
    }

    fn rise(&mut self, mut at: usize, before: impl Fn(&Self, u16, u16) -> bool) {
        let place = self.heap[at];
        while at > 0 {
            let above = self.heap[(at - 1) / 2];
            if !before(self, place, above) {
                break;
            }
            self.set(at, above);
            at = (at - 1) / 2;
        }
        self.set(at, place);
    }

    #[inline]
    fn sink(&mut self, mut at: usize, before: impl Fn(&Self, u16, u16) -> bool) {
        let place = self.heap[at];
        let end = self.counters.len();
        loop {
            let mut below = 2 * at + 1;
            if below >= end {
                break;
            }
            if below + 1 < end && before(self, self.heap[below + 1], self.heap[below]) {
                below += 1;
            }
            if !before(self, self.heap[below], place) {
                break;
            }
            self.set(at, self.heap[below]);
            at = below;
        }
        self.set(at, place);
    }

    /// Makes heap and chains for counters that were moved or changed.
    fn index(&mut self, before: impl Fn(&Self, u16, u16) -> bool + Copy) {
        self.chains.clear();
        for place in 0..self.counters.len() {
            self.chains.insert(self.hash.bytes(&self.counters[place].key), place);
            self.set(place, place as u16);
        }
        for at in (0..self.counters.len() / 2).rev() {
            self.sink(at, before);
        }
    }

    /// The greatest count that a key without a counter can have, and the greatest error.
    ///
    /// ```
    /// let mut frequent = kernlet::sketch::SpaceSaving::<u8, 2, 1>::new(0);
    /// for (key, bound) in [(1, 0), (2, 1), (3, 1)] {
    ///     frequent.add(key, 1).unwrap();
    ///     assert_eq!(frequent.bound(), bound);
    /// }
    /// ```
    pub fn bound(&self) -> u64 {
        if self.counters.is_full() { self.counters[self.heap[0] as usize].count } else { 0 }
    }

    /// The weight of all keys together.
    ///
    /// ```
    /// let mut frequent = kernlet::sketch::SpaceSaving::<u8, 2, 1>::new(0);
    /// frequent.add(1, 3).unwrap();
    /// frequent.add(2, 4).unwrap();
    /// assert_eq!(frequent.total(), 7);
    /// ```
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Keys that have a counter.
    ///
    /// ```
    /// assert_eq!(kernlet::sketch::SpaceSaving::<u8, 2, 1>::new(0).len(), 0);
    /// ```
    pub fn len(&self) -> usize {
        self.counters.len()
    }

    /// Whether nothing was counted.
    ///
    /// ```
    /// assert!(kernlet::sketch::SpaceSaving::<u8, 2, 1>::new(0).is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.counters.is_empty()
    }

    /// What is known of a key; `None` if it has no counter.
    ///
    /// ```
    /// let mut frequent = kernlet::sketch::SpaceSaving::<u8, 2, 1>::new(0);
    /// frequent.add(1, 3).unwrap();
    /// assert_eq!(frequent.get(1).map(|one| one.count), Some(3));
    /// assert_eq!(frequent.get(2), None);
    /// ```
    pub fn get(&self, key: K::Borrowed<'_>) -> Option<HeavyHitter<K::View<'_>>> {
        let place = with_encoded::<K, _>(&key, |key| self.find(self.hash.bytes(key), key)).ok()??;
        view::<K, L>(&self.counters[place])
    }

    /// Orders the keys by count, the greatest first, those of the same count by key.
    ///
    /// ```
    /// let mut frequent = kernlet::sketch::SpaceSaving::<u8, 4, 1>::new(0);
    /// for (key, count) in [(8, 2), (6, 3), (7, 2)] {
    ///     frequent.add(key, count).unwrap();
    /// }
    /// frequent.sort();
    /// assert!(frequent.iter().map(|hitter| hitter.key).eq([6, 7, 8]));
    /// ```
    pub fn sort(&mut self) {
        self.counters.sort_unstable_by(|a, b| b.rank(a.count, &a.key));
        self.index(Self::by_count);
    }

    /// The keys that have a counter, in the order of the last [`Self::sort`] if
    /// nothing was added since.
    ///
    /// ```
    /// assert_eq!(kernlet::sketch::SpaceSaving::<u8, 4, 1>::new(0).iter().next(), None);
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = HeavyHitter<K::View<'_>>> {
        self.counters.iter().filter_map(view::<K, L>)
    }
}

/// A counter, read. Every key was read once before it was kept.
fn view<K: Key + ?Sized, const L: usize>(counter: &Counter<L>) -> Option<HeavyHitter<K::View<'_>>> {
    Some(HeavyHitter { key: K::decode(&counter.key)?, count: counter.count, error: counter.error })
}

impl<K: Key + ?Sized, const N: usize, const L: usize> Emitter<K, u64> for SpaceSaving<K, N, L> {
    type Error = Error;

    /// Counts the key as often as the value says.
    #[inline]
    fn emit<B: Borrow<u64>>(&mut self, key: K::Borrowed<'_>, weight: B) -> Result<(), Error> {
        self.add(key, *weight.borrow())
    }
}

impl<K: Key + ?Sized, const N: usize, const L: usize> Body for SpaceSaving<K, N, L> {
    const KIND: u16 = 2;
    const SIZES: [u32; 3] = [N as u32, L as u32, 0];
    const BODY: usize = 8 + 8 + 2 + N * (2 + 8 + 8 + L);

    fn write(&self, out: &mut Writer<'_>) {
        out.put(&self.hash.seed);
        out.put(&self.total);
        out.put(&(self.counters.len() as u16));
        for counter in &self.counters {
            out.put(&(counter.key.len() as u16));
            out.put(&counter.count);
            out.put(&counter.error);
            out.bytes(&counter.key);
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let mut summary = Self::new(from.take()?);
        summary.total = from.take()?;
        let mut counted = 0u64;
        for _ in 0..from.take::<u16>()? {
            let len = from.take::<u16>()?;
            let (count, error) = (from.take()?, from.take()?);
            let key = from.bytes(len.into())?;
            K::decode(key)?;
            let hash = summary.hash.bytes(key);
            counted = counted.saturating_add(count);
            if error > count || count == 0 || counted > summary.total || summary.find(hash, key).is_some() {
                return None;
            }
            let place = summary.counters.len();
            summary.counters.push(Counter { key: heapless::Vec::from_slice(key).ok()?, count, error }).ok()?;
            summary.chains.insert(hash, place);
        }
        let bounded = summary.counters.is_full() || summary.counters.iter().all(|counter| counter.error == 0);
        summary.index(Self::by_count);
        bounded.then_some(summary)
    }
}

impl<K: Key + ?Sized, const N: usize, const L: usize> Sketch for SpaceSaving<K, N, L> {
    /// As the trait says, but summaries with different seeds can be merged.
    ///
    /// A key without a counter in one of them may have come there as often as that
    /// one's bound; the `N` greatest sums are kept.
    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        let (bound, other_bound) = (self.bound(), other.bound());
        for counter in &mut self.counters {
            let there = other.find(other.hash.bytes(&counter.key), &counter.key);
            let (count, error) = match there {
                Some(place) => (other.counters[place].count, other.counters[place].error),
                None => (other_bound, other_bound),
            };
            counter.count = counter.count.saturating_add(count);
            counter.error = counter.error.saturating_add(error);
        }
        self.total = self.total.saturating_add(other.total);
        self.index(Self::by_rank);
        for counter in &other.counters {
            // A key that was here and has made room already is not taken up again:
            // what comes without its own count is behind what made room.
            let hash = self.hash.bytes(&counter.key);
            if self.find(hash, &counter.key).is_some() {
                continue;
            }
            let counter = Counter {
                key: counter.key.clone(),
                count: counter.count.saturating_add(bound),
                error: counter.error.saturating_add(bound),
            };
            let place = if self.counters.is_full() {
                let least = self.heap[0] as usize;
                if self.counters[least].rank(counter.count, &counter.key).is_ge() {
                    continue;
                }
                self.chains.remove(least);
                self.counters[least] = counter;
                self.sink(0, Self::by_rank);
                least
            } else {
                self.push(counter, Self::by_rank)
            };
            self.chains.insert(hash, place);
        }
        Ok(())
    }
}

impl<K: ?Sized, const N: usize, const L: usize> Clone for SpaceSaving<K, N, L> {
    fn clone(&self) -> Self {
        Self {
            counters: self.counters.clone(),
            heap: self.heap,
            at: self.at,
            chains: self.chains.clone(),
            hash: self.hash,
            total: self.total,
            key: PhantomData,
        }
    }
}

impl<K: ?Sized, const N: usize, const L: usize> fmt::Debug for SpaceSaving<K, N, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpaceSaving({} of {N} counters, {} in all)", self.counters.len(), self.total)
    }
}

#[cfg(feature = "defmt")]
impl<K: ?Sized, const N: usize, const L: usize> defmt::Format for SpaceSaving<K, N, L> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(
            f,
            "SpaceSaving({=usize} of {=usize} counters, {=u64} in all)",
            self.counters.len(),
            N,
            self.total
        );
    }
}
