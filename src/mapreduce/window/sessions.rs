//! Windows that end when a key pauses.

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

/// Words of the queue for each session: where it was due when it was entered, and its place.
const ENTRY: usize = 2;
/// Bytes of a session's end before its accumulator.
const END: usize = 8;

/// A job that folds the values of each key and session: events of a key that are at most `gap`
/// apart belong to one session, which goes from the first of them to `gap` after the last.
///
/// Events may come out of order: one that closes the gap between two sessions makes them one. A session is closed when
/// the watermark has passed its end by the allowed lateness. All open sessions are in the budget, without a store: when
/// it is full, [`Error::Full`] leaves the value with the caller, who may advance the watermark and emit it again. (A
/// session in a store would have to be looked up there at every event of its key, since it may go on.)
///
/// ```
/// use kernlet::mapreduce::{Job, Sum, Window};
/// let mut visits = Job::new(8 << 10).sessions::<str, Sum<u64>>(30, Sum::new()).unwrap();
/// for (time, user) in [(0, "ann"), (20, "ann"), (25, "bob"), (70, "ann")] {
///     visits.emit_at(time, user, 1).unwrap();
/// }
/// let mut closed = Vec::new();
/// visits.advance(60, |window, user, clicks| closed.push((window, user.to_string(), clicks))).unwrap();
/// let ann = (Window { start: 0, end: 50 }, "ann".to_string(), 2);
/// assert_eq!(closed, [ann, (Window { start: 25, end: 55 }, "bob".to_string(), 1)]);
/// ```
pub struct Sessions<'b, K: ?Sized, C> {
    memory: Memory<'b>,
    records: Records,
    combiner: C,
    gap: i64,
    lateness: i64,
    watermark: i64,
    late: u64,
    counters: Counters,
    key: PhantomData<fn(&K)>,
}

impl<'b> Job<'b> {
    /// A job that folds the values of each key and session, which ends `gap` after its last event.
    ///
    /// # Errors
    ///
    /// [`Error::BudgetTooSmall`], with the least that would do; [`Error::OutOfMemory`].
    ///
    /// # Panics
    ///
    /// If `gap < 1`.
    ///
    /// ```
    /// use kernlet::mapreduce::{Job, Max};
    /// let mut loudest = Job::new(8 << 10).sessions::<u8, Max<i32>>(10, Max::new()).unwrap().lateness(5);
    /// assert!(loudest.emit_at(12, 0, -3).unwrap());
    /// ```
    pub fn sessions<K: Key + ?Sized, C: Combiner>(
        self,
        gap: i64,
        combiner: C,
    ) -> Result<Sessions<'b, K, C>, Error<Infallible>> {
        assert!(gap >= 1, "a session's gap is at least 1");
        let value = END + C::Acc::SIZE;
        let (mut memory, seed) = self.memory(8 * Records::least_words(value, ENTRY))?;
        let records = Records::new(memory.words(), value, false, HashSeed::new(seed));
        let counters = Counters::default();
        Ok(Sessions {
            memory,
            records,
            combiner,
            gap,
            lateness: 0,
            watermark: i64::MIN,
            late: 0,
            counters,
            key: PhantomData,
        })
    }
}

impl<K: Key + ?Sized, C: Combiner> Sessions<'_, K, C> {
    /// Keeps a session open until the watermark is `lateness` past its end.
    ///
    /// # Panics
    ///
    /// If `lateness < 0`.
    pub fn lateness(self, lateness: i64) -> Self {
        assert!(lateness >= 0, "lateness is not negative");
        Self { lateness, ..self }
    }

    /// Adds a value to the session of its key; false if it came too late for any.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] or [`Error::PairTooLong`]; the value was not taken.
    pub fn emit_at<B: Borrow<C::Input>>(
        &mut self,
        time: i64,
        key: K::Borrowed<'_>,
        value: B,
    ) -> Result<bool, Error<Infallible>> {
        let value = value.borrow();
        match encoded::<K, _>(&key, |bytes| self.add(time, bytes, value)) {
            Ok(outcome) => outcome,
            Err(len) => {
                let mut bytes = alloc::vec![0; len];
                K::encode(&key, &mut bytes);
                self.add(time, &bytes, value)
            }
        }
    }

    fn due(&self, end: i64) -> i64 {
        end.saturating_add(self.lateness)
    }

    /// A session of the key that touches these times, other than `but`.
    fn touching(&mut self, hash: u32, key: &[u8], times: Window, but: usize) -> Option<usize> {
        let region = &*self.memory.words();
        let records = &self.records;
        records.find(region, hash, |place| {
            place != but
                && records.tag(region, place) <= times.end
                && i64::load(records.value(region, place)) >= times.start
                && records.key(region, place) == key
        })
    }

    fn add(&mut self, time: i64, key: &[u8], value: &C::Input) -> Result<bool, Error<Infallible>> {
        let hash = self.records.hash(0, key);
        let times = Window { start: time, end: time.saturating_add(self.gap) };
        let Some(place) = self.touching(hash, key, times, 0) else { return self.start(times, hash, key, value) };
        let region = self.memory.words();
        let bytes = self.records.value_mut(region, place);
        let mut acc = C::Acc::load(&bytes[END..]);
        self.combiner.update(&mut acc, value);
        acc.store(&mut bytes[END..]);
        self.stretch(place, times);
        self.counters.emitted += 1;
        self.counters.combined += 1;
        self.unite(place, hash, key);
        Ok(true)
    }

    fn times(&mut self, place: usize) -> Window {
        let region = &*self.memory.words();
        Window { start: self.records.tag(region, place), end: i64::load(self.records.value(region, place)) }
    }

    /// Makes a session hold these times too.
    fn stretch(&mut self, place: usize, times: Window) {
        let region = self.memory.words();
        let start = self.records.tag(region, place).min(times.start);
        self.records.set_tag(region, place, start);
        let bytes = self.records.value_mut(region, place);
        i64::load(bytes).max(times.end).store(bytes);
    }

    /// Merges what a session has come to touch into it.
    fn unite(&mut self, place: usize, hash: u32, key: &[u8]) {
        loop {
            let own = self.times(place);
            let Some(other) = self.touching(hash, key, own, place) else { return };
            let times = self.times(other);
            let region = &*self.memory.words();
            let more = C::Acc::load(&self.records.value(region, other)[END..]);
            self.stretch(place, times);
            let region = self.memory.words();
            let bytes = self.records.value_mut(region, place);
            let mut acc = C::Acc::load(&bytes[END..]);
            self.combiner.merge(&mut acc, &more);
            acc.store(&mut bytes[END..]);
            self.records.remove(region, other);
        }
    }

    fn start(&mut self, times: Window, hash: u32, key: &[u8], value: &C::Input) -> Result<bool, Error<Infallible>> {
        if self.due(times.end) <= self.watermark {
            self.late += 1;
            return Ok(false);
        }
        let place = loop {
            let region = self.memory.words();
            if let Some(place) = self.records.reserve(region, hash, (times.start, key.len()), ENTRY) {
                break place;
            }
            self.make_room(key.len())?;
        };
        let region = self.memory.words();
        self.records.key_mut(region, place).copy_from_slice(key);
        let bytes = self.records.value_mut(region, place);
        times.end.store(bytes);
        self.combiner.start(value).store(&mut bytes[END..]);
        self.enter(times.end, place);
        self.counters.emitted += 1;
        Ok(true)
    }

    #[cold]
    fn make_room(&mut self, key: usize) -> Result<(), Error<Infallible>> {
        let region = self.memory.words();
        if self.records.is_worth_compacting(region) {
            self.records.compact(region);
            self.records.queue = 0;
            let mut place = None;
            loop {
                let region = &*self.memory.words();
                place = self.records.place_after(region, place);
                let Some(place) = place else { return Ok(()) };
                let end = i64::load(self.records.value(region, place));
                self.enter(end, place);
            }
        }
        let entries = self.records.len();
        if entries > 0 {
            return Err(Error::Full { entries });
        }
        self.records.clear(region);
        let (most, value) = (self.records.longest_key(region, ENTRY), C::Acc::SIZE);
        if key > most { Err(Error::PairTooLong { key, value, most: most + value }) } else { Ok(()) }
    }

    /// Puts a session on the heap of those that will close, the first on top.
    fn enter(&mut self, end: i64, place: usize) {
        let mut at = self.records.queue / ENTRY;
        self.records.queue += ENTRY;
        let region = self.memory.words();
        while at > 0 && region[ENTRY * ((at - 1) / 2)] as i64 > end {
            let above = ENTRY * ((at - 1) / 2);
            region.copy_within(above..above + ENTRY, ENTRY * at);
            at = (at - 1) / 2;
        }
        region[ENTRY * at..][..ENTRY].copy_from_slice(&[end as u64, place as u64]);
    }

    /// Takes the top of the heap away.
    fn leave(&mut self) {
        self.records.queue -= ENTRY;
        let len = self.records.queue / ENTRY;
        let region = self.memory.words();
        let last = [region[ENTRY * len], region[ENTRY * len + 1]];
        let mut at = 0;
        loop {
            let mut below = 2 * at + 1;
            if below >= len {
                break;
            }
            if below + 1 < len && (region[ENTRY * (below + 1)] as i64) < region[ENTRY * below] as i64 {
                below += 1;
            }
            if last[0] as i64 <= region[ENTRY * below] as i64 {
                break;
            }
            region.copy_within(ENTRY * below..ENTRY * below + ENTRY, ENTRY * at);
            at = below;
        }
        if len > 0 {
            region[ENTRY * at..][..ENTRY].copy_from_slice(&last);
        }
    }

    /// Moves the watermark on: no more events before it are expected. Hands each session that this
    /// closes to `each`: ascending by window, then by key. An earlier watermark changes nothing;
    /// `i64::MAX` closes every session.
    ///
    /// # Errors
    ///
    /// A key that does not decode.
    pub fn advance(
        &mut self,
        watermark: i64,
        each: impl FnMut(Window, K::View<'_>, C::Acc),
    ) -> Result<(), Error<Infallible>> {
        if watermark <= self.watermark {
            return Ok(());
        }
        self.watermark = watermark;
        self.close(watermark, each)
    }

    fn close(
        &mut self,
        watermark: i64,
        mut each: impl FnMut(Window, K::View<'_>, C::Acc),
    ) -> Result<(), Error<Infallible>> {
        let mut list = 0;
        while self.records.queue > 0 {
            let region = self.memory.words();
            let (end, place) = (region[0] as i64, region[1] as usize);
            if end.saturating_add(self.lateness) > watermark {
                break;
            }
            if self.records.is_dead(region, place) {
                self.leave();
                continue;
            }
            // It may have gone on since it was entered.
            let now = i64::load(self.records.value(region, place));
            if now.saturating_add(self.lateness) <= watermark {
                self.records.set_next(region, place, list);
                list = place;
                self.leave();
            } else {
                self.leave();
                self.enter(now, place);
            }
        }
        let region = self.memory.words();
        list = self.records.sort_list(region, list, |records, region, a, b| {
            let order = |place: usize| {
                (records.tag(region, place), i64::load(records.value(region, place)), records.key(region, place))
            };
            order(a) < order(b)
        });
        let mut undecodable = None;
        while list != 0 {
            let value = self.records.value(region, list);
            let window = Window { start: self.records.tag(region, list), end: i64::load(value) };
            let key = self.records.key(region, list);
            match K::decode(key) {
                Some(view) => each(window, view, C::Acc::load(&value[END..])),
                None => undecodable = Some(key.len()),
            }
            let next = self.records.next(region, list);
            self.records.remove(region, list);
            list = next;
        }
        if self.records.len() == 0 {
            self.records.queue = 0;
        }
        undecodable.map_or(Ok(()), |key| Err(Error::Undecodable { key }))
    }

    /// Ends the stream: every open session goes to `each`.
    ///
    /// # Errors
    ///
    /// As [`Self::advance`].
    pub fn finish(mut self, each: impl FnMut(Window, K::View<'_>, C::Acc)) -> Result<Counters, Error<Infallible>> {
        self.close(i64::MAX, each)?;
        Ok(self.counters)
    }

    /// Values that came too late for any session.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Open sessions.
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

impl<K: ?Sized, C> fmt::Debug for Sessions<'_, K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("gap", &self.gap)
            .field("watermark", &self.watermark)
            .field("open", &self.records.len())
            .field("late", &self.late)
            .finish_non_exhaustive()
    }
}
