//! Windows of the last records of each key.

use core::borrow::Borrow;
use core::convert::Infallible;
use core::fmt;
use core::marker::PhantomData;

use super::super::budget::Memory;
use super::super::combiner::Combiner;
use super::super::counters::Counters;
use super::super::error::Error;
use super::super::job::Job;
use super::Window;
use super::records::Records;
use crate::pairs::hash::HashSeed;
use crate::pairs::key::encoded;
use crate::pairs::{Key, Plain};

/// Bytes of a key's number of records before its accumulators.
const COUNT: usize = 8;

/// A job that folds the last `size` values of each key, after every `slide` of them.
///
/// A window holds a key's own records, which are numbered from 0. Until a key has `size` of them, windows that began
/// before its first hold fewer; their start is negative. The state of every key is in the budget, since its next record
/// may complete a window: `8` bytes, and an accumulator for every `g` records of a window, where `g` is the greatest
/// common divisor of `size` and `slide`. When the budget is full, [`Error::Full`] leaves the value of a new key with
/// the caller.
///
/// ```
/// use kernlet::mapreduce::{Job, Sum, Window};
/// let mut threes = Job::new(8 << 10).count_windows::<str, Sum<u64>>(3, 3, Sum::new()).unwrap();
/// let mut sums = Vec::new();
/// for (sensor, value) in [("a", 1), ("b", 10), ("a", 2), ("a", 3), ("b", 20), ("a", 4)] {
///     threes.emit(sensor, value, |window, sensor, sum| sums.push((window, sensor.to_string(), sum))).unwrap();
/// }
/// assert_eq!(sums, [(Window { start: 0, end: 3 }, "a".to_string(), 6)]);
/// ```
pub struct CountWindows<'b, K: ?Sized, C> {
    memory: Memory<'b>,
    records: Records,
    combiner: C,
    size: u32,
    slide: u32,
    /// Records per accumulator.
    pane: u32,
    counters: Counters,
    key: PhantomData<fn(&K)>,
}

const fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

impl<'b> Job<'b> {
    /// A job that folds the last `size` values of each key, after every `slide` of them.
    ///
    /// # Errors
    ///
    /// [`Error::BudgetTooSmall`], with the least that would do; [`Error::OutOfMemory`].
    ///
    /// # Panics
    ///
    /// If `size < 1` or `slide < 1`.
    ///
    /// ```
    /// use kernlet::mapreduce::{Job, Max};
    /// let mut highest = Job::new(8 << 10).count_windows::<u8, Max<i32>>(4, 1, Max::new()).unwrap();
    /// let mut last = None;
    /// for value in [9, 1, 2, 3, 4] {
    ///     highest.emit(0, value, |_, _, greatest| last = Some(greatest)).unwrap();
    /// }
    /// assert_eq!(last, Some(4));
    /// ```
    pub fn count_windows<K: Key + ?Sized, C: Combiner>(
        self,
        size: u32,
        slide: u32,
        combiner: C,
    ) -> Result<CountWindows<'b, K, C>, Error<Infallible>> {
        assert!(size >= 1 && slide >= 1, "a window's size and slide are at least 1");
        let pane = greatest_common_divisor(size, slide);
        let value = (size / pane) as usize;
        let value = value.saturating_mul(C::Acc::SIZE).saturating_add(COUNT).min(usize::MAX / 64);
        let (mut memory, seed) = self.memory(Records::least_words(value, 0).saturating_mul(8))?;
        let records = Records::new(memory.words(), value, false, HashSeed::new(seed));
        let counters = Counters::default();
        Ok(CountWindows { memory, records, combiner, size, slide, pane, counters, key: PhantomData })
    }
}

impl<K: Key + ?Sized, C: Combiner> CountWindows<'_, K, C> {
    /// Adds a value to its key. The window that it completes, if any, goes to `each`.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] or [`Error::PairTooLong`], and then the value was not taken; or a key that does not decode.
    pub fn emit<B: Borrow<C::Input>>(
        &mut self,
        key: K::Borrowed<'_>,
        value: B,
        each: impl FnMut(Window, K::View<'_>, C::Acc),
    ) -> Result<(), Error<Infallible>> {
        let value = value.borrow();
        let place = match encoded::<K, _>(&key, |bytes| self.add(bytes, value)) {
            Ok(place) => place,
            Err(len) => {
                let mut bytes = alloc::vec![0; len];
                K::encode(&key, &mut bytes);
                self.add(&bytes, value)
            }
        }?;
        let count = self.count(place);
        let size = u64::from(self.size);
        // The first windows end before the key has as many records as they are long.
        let due = (count % u64::from(self.slide)) == size % u64::from(self.slide);
        if due { self.give(place, count as i64 - size as i64, each) } else { Ok(()) }
    }

    fn count(&mut self, place: usize) -> u64 {
        u64::load(self.records.value(self.memory.words(), place))
    }

    fn add(&mut self, key: &[u8], value: &C::Input) -> Result<usize, Error<Infallible>> {
        let hash = self.records.hash(0, key);
        let place = match self.records.find_key(self.memory.words(), hash, 0, key) {
            Some(place) => place,
            None => self.start(hash, key)?,
        };
        let count = self.count(place);
        let slot = (count / u64::from(self.pane)) % u64::from(self.size / self.pane);
        let bytes = self.records.value_mut(self.memory.words(), place);
        (count + 1).store(bytes);
        let slot = &mut bytes[COUNT + slot as usize * C::Acc::SIZE..];
        let acc = if count.is_multiple_of(self.pane.into()) {
            self.combiner.start(value)
        } else {
            let mut acc = C::Acc::load(slot);
            self.combiner.update(&mut acc, value);
            acc
        };
        acc.store(slot);
        self.counters.emitted += 1;
        self.counters.combined += u64::from(count > 0);
        Ok(place)
    }

    fn start(&mut self, hash: u32, key: &[u8]) -> Result<usize, Error<Infallible>> {
        let region = self.memory.words();
        let Some(place) = self.records.reserve(region, hash, (0, key.len()), 0) else {
            let entries = self.records.len();
            let (most, value) = (self.records.longest_key(region, 0), C::Acc::SIZE);
            return Err(if entries == 0 && key.len() > most {
                Error::PairTooLong { key: key.len(), value, most: most + value }
            } else {
                Error::Full { entries }
            });
        };
        self.records.key_mut(region, place).copy_from_slice(key);
        Ok(place)
    }

    /// Hands out the window that begins at record `start` of a key.
    fn give(
        &mut self,
        place: usize,
        start: i64,
        mut each: impl FnMut(Window, K::View<'_>, C::Acc),
    ) -> Result<(), Error<Infallible>> {
        let region = &*self.memory.words();
        let value = self.records.value(region, place);
        let (pane, panes) = (u64::from(self.pane), u64::from(self.size / self.pane));
        let window = Window { start, end: start + i64::from(self.size) };
        let count = u64::load(value).min(window.end as u64);
        let slots = (start.max(0) as u64 / pane)..count.div_ceil(pane);
        let accs = slots.map(|slot| C::Acc::load(&value[COUNT + (slot % panes) as usize * C::Acc::SIZE..]));
        let all = accs.reduce(|mut all, acc| {
            self.combiner.merge(&mut all, &acc);
            all
        });
        let key = self.records.key(region, place);
        if let Some(all) = all {
            each(window, K::decode(key).ok_or(Error::Undecodable { key: key.len() })?, all);
        }
        Ok(())
    }

    /// Ends the stream: every incomplete window goes to `each`, by key, then ascending.
    ///
    /// # Errors
    ///
    /// A key that does not decode.
    pub fn finish(mut self, mut each: impl FnMut(Window, K::View<'_>, C::Acc)) -> Result<Counters, Error<Infallible>> {
        let region = self.memory.words();
        let (mut list, mut place) = (0, self.records.place_after(region, None));
        while let Some(own) = place {
            self.records.set_next(region, own, list);
            list = own;
            place = self.records.place_after(region, Some(own));
        }
        list = self
            .records
            .sort_list(region, list, |records, region, a, b| records.key(region, a) < records.key(region, b));
        let (size, slide) = (i64::from(self.size), i64::from(self.slide));
        while list != 0 {
            let count = self.count(list) as i64;
            // Windows begin at multiples of the slide, the first of these at or before `count - size` is complete.
            let mut start = ((count - size).div_euclid(slide) + 1) * slide;
            while start < count {
                self.give(list, start, &mut each)?;
                start += slide;
            }
            list = self.records.next(self.memory.words(), list);
        }
        Ok(self.counters)
    }

    /// How many keys have a state.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the job has counted so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }
}

impl<K: ?Sized, C> fmt::Debug for CountWindows<'_, K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountWindows")
            .field("size", &self.size)
            .field("slide", &self.slide)
            .field("keys", &self.records.len())
            .finish_non_exhaustive()
    }
}
