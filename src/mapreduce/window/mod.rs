//! Windows over streams: by event time or by count, by the pauses of a key, by a key's own count.
//!
//! The vocabulary is Flink's: a window is closed when the watermark, below which
//! no more events are expected, has passed its end by the allowed lateness. Flink gives a first
//! result at the end and another for each late event; here each window gives one result, with its
//! late events, when that lateness is over. What comes after that is late for good, and is counted.
//! A watermark of `i64::MAX` is the end of time and closes every window.
//!
//! A value is added once, to its *pane*: the times that are in the same windows (Li, Maier, Tufte,
//! Papadimos, Tucker: *No pane, no gain*, SIGMOD Record 34, 2005). A window that closes merges
//! its panes. So a value is taken whole or not at all, however many windows it is in, and after
//! an error may be emitted again.

mod counted;
mod panes;
mod records;
mod sessions;
mod windowing;

use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt;
use core::marker::PhantomData;

use super::combiner::Combiner;
use super::counters::Counters;
use super::error::Error;
use super::job::Job;
use super::merge::Merge;
use super::run::trimmed;
use super::spill::{Engine, Layout};
use super::store::{NoStore, Space, Store};
use super::table::Fold;
use crate::pairs::key::encoded;
use crate::pairs::{Key, Plain};

pub use counted::CountWindows;
use panes::{PANE, Panes};
pub use sessions::Sessions;
pub use windowing::{Watermark, Window, Windowing};

/// Bytes before the key in a run: the window's number, as a key that is an `i128`.
const NUMBER: usize = 16;

fn number_of(key: &[u8]) -> i128 {
    key.first_chunk::<NUMBER>().and_then(|bytes| i128::decode(bytes)).unwrap_or(i128::MAX)
}

/// A combiner seen as bytes, in runs that are read window by window.
struct InWindows<C>(C);

impl<C: Combiner> Fold for InWindows<C> {
    const COMBINES: bool = true;
    const FIXED: Option<usize> = Some(C::Acc::SIZE);
    const GROUP: usize = NUMBER;

    #[inline]
    fn merge(&self, acc: &mut [u8], other: &[u8]) {
        let mut merged = C::Acc::load(acc);
        self.0.merge(&mut merged, &C::Acc::load(other));
        merged.store(acc);
    }
}

/// A job that keeps an accumulator for each key of each open window.
///
/// The budget holds the keys of all open windows; what does not fit goes to the store. Without a store, [`Error::Full`]
/// says that no room is left: advance the watermark, and emit the value again.
///
/// Moving the watermark costs nothing while no window closes; the cost of closing one is in
/// proportion to what is in it. Windows in the store are read from where the last one ended.
///
/// ```
/// use kernlet::mapreduce::{Job, Sum, Window, Windowing};
/// let mut clicks = Job::new(8 << 10).windows::<str, Sum<u64>>(Windowing::tumbling(60), Sum::new()).unwrap();
/// for (time, page) in [(3, "home"), (59, "home"), (61, "home"), (40, "help")] {
///     clicks.emit_at(time, "all", 1).unwrap();
///     clicks.emit_at(time, page, 1).unwrap();
/// }
/// let mut closed = Vec::new();
/// clicks.advance(60, |window, page, count| closed.push((window, page.to_string(), count))).unwrap();
/// let first = Window { start: 0, end: 60 };
/// assert_eq!(closed, [(first, "all".into(), 3), (first, "help".into(), 1), (first, "home".into(), 2)]);
/// assert!(!clicks.emit_at(30, "home", 1).unwrap(), "too late");
/// ```
pub struct Windows<'b, K: ?Sized, C, S = NoStore> {
    engine: Engine<'b, S>,
    panes: Panes,
    /// The merge of all runs, while none is added.
    merge: Option<Merge>,
    fold: InWindows<C>,
    windowing: Windowing,
    watermark: i64,
    /// The first window that is not closed.
    next: i128,
    /// Where the watermark must be for the first window that holds something to close.
    due: i128,
    late: u64,
    outside: u64,
    /// Records of windows by count.
    count: i64,
    poisoned: bool,
    key: PhantomData<fn(&K)>,
}

impl<'b, S: Store> Job<'b, S> {
    /// A job that folds the values of each key and window of time or count.
    ///
    /// # Errors
    ///
    /// [`Error::BudgetTooSmall`], with the least that would do; [`Error::OutOfMemory`].
    ///
    /// ```
    /// use kernlet::mapreduce::{Job, Max, Windowing};
    /// let mut highest = Job::new(8 << 10).windows::<u8, Max<i32>>(Windowing::sliding(10, 5), Max::new()).unwrap();
    /// assert!(highest.emit_at(12, 0, -3).unwrap());
    /// ```
    pub fn windows<K: Key + ?Sized, C: Combiner>(
        self,
        windowing: Windowing,
        combiner: C,
    ) -> Result<Windows<'b, K, C, S>, Error<S::Error>> {
        let least = 8 * records::Records::least_words(C::Acc::SIZE, PANE);
        let (budget, store, seed) = self.into_parts();
        let mut engine = Engine::new::<InWindows<C>>(budget, store, seed, Layout::Apart { least })?;
        let seed = engine.seed();
        let panes = Panes::new(engine.apart().table, C::Acc::SIZE, seed);
        Ok(Windows {
            engine,
            panes,
            merge: None,
            fold: InWindows(combiner),
            windowing,
            watermark: i64::MIN,
            next: i128::MIN,
            due: i128::MAX,
            late: 0,
            outside: 0,
            count: 0,
            poisoned: false,
            key: PhantomData,
        })
    }
}

impl<'b, K: Key + ?Sized, C: Combiner, S: Store> Windows<'b, K, C, S> {
    /// Adds a value to its key in every open window that holds `time`; false if
    /// it came too late for all of them, or is in none.
    ///
    /// # Errors
    ///
    /// As for a job's `emit`. No window has then taken the value, and it may be emitted again when the watermark has
    /// advanced: after [`Error::Full`], and after [`Error::StoreFull`] too, since closed windows leave room.
    ///
    /// ```
    /// use kernlet::mapreduce::{Error, Job, Sum, Windowing};
    /// let mut sums = Job::new(1 << 10).windows::<i64, Sum<u64>>(Windowing::sliding(4, 2), Sum::new()).unwrap();
    /// let mut total = 0;
    /// for time in 0..100 {
    ///     while let Err(Error::Full { .. }) = sums.emit_at(time, time, 1) {
    ///         sums.advance(time - 1, |_, _, sum| total += sum).unwrap();
    ///     }
    /// }
    /// sums.finish(|_, _, sum| total += sum).unwrap();
    /// assert_eq!(total, 2 * 100);
    /// ```
    pub fn emit_at<B: Borrow<C::Input>>(
        &mut self,
        time: i64,
        key: K::Borrowed<'_>,
        value: B,
    ) -> Result<bool, Error<S::Error>> {
        if self.poisoned {
            return Err(Error::Poisoned);
        }
        let n = self.windowing.last_of(time);
        let Some(pane) = self.windowing.pane(n, time) else {
            self.outside += 1;
            return Ok(false);
        };
        if n < self.next {
            self.late += 1;
            return Ok(false);
        }
        let value = value.borrow();
        match encoded::<K, _>(&key, |bytes| self.add(pane, bytes, value)) {
            Ok(outcome) => outcome?,
            Err(len) => self.add_long(pane, &key, len, value)?,
        }
        Ok(true)
    }

    #[inline]
    fn add(&mut self, pane: i64, key: &[u8], value: &C::Input) -> Result<(), Error<S::Error>> {
        let hash = self.panes.records.hash(pane, key);
        let region = self.engine.apart().table;
        if let Some(place) = self.panes.records.find_key(region, hash, pane, key) {
            self.update(place, value);
            return Ok(());
        }
        self.insert(pane, hash, key.len(), |out| out.copy_from_slice(key), value)
    }

    fn update(&mut self, place: usize, value: &C::Input) {
        let acc_bytes = self.panes.records.value_mut(self.engine.apart().table, place);
        let mut acc = C::Acc::load(acc_bytes);
        self.fold.0.update(&mut acc, value);
        acc.store(acc_bytes);
        self.engine.counters.emitted += 1;
        self.engine.counters.combined += 1;
    }

    /// A key whose encoding is too long for the stack: it is made in the free words.
    #[cold]
    fn add_long(
        &mut self,
        pane: i64,
        key: &K::Borrowed<'_>,
        len: usize,
        value: &C::Input,
    ) -> Result<(), Error<S::Error>> {
        self.admit(len)?;
        loop {
            let region = self.engine.apart().table;
            let free: &mut [u8] = bytemuck::cast_slice_mut(self.panes.records.free_words(region));
            if let Some(bytes) = free.get_mut(..len) {
                K::encode(key, bytes);
                let hash = self.panes.records.hash(pane, bytes);
                let at = 8 * self.panes.records.queue;
                let bytes = &bytemuck::cast_slice::<u64, u8>(region)[at..][..len];
                if let Some(place) = self.panes.records.find_key(region, hash, pane, bytes) {
                    self.update(place, value);
                    return Ok(());
                }
                return self.insert(pane, hash, len, |out| K::encode(key, out), value);
            }
            self.make_room(len)?;
        }
    }

    fn admit(&mut self, key: usize) -> Result<(), Error<S::Error>> {
        self.engine.admit::<InWindows<C>>(NUMBER.saturating_add(key), C::Acc::SIZE).map_err(|error| match error {
            Error::PairTooLong { value, most, .. } => {
                Error::PairTooLong { key, value, most: most.saturating_sub(NUMBER) }
            }
            error => error,
        })
    }

    /// Makes a record for a key that its pane does not have.
    #[inline(never)]
    fn insert(
        &mut self,
        pane: i64,
        hash: u32,
        len: usize,
        write: impl FnOnce(&mut [u8]),
        value: &C::Input,
    ) -> Result<(), Error<S::Error>> {
        self.admit(len)?;
        let place = loop {
            let region = self.engine.apart().table;
            if let Some(place) = self.panes.reserve(region, hash, pane, len) {
                break place;
            }
            self.make_room(len)?;
        };
        let region = self.engine.apart().table;
        write(self.panes.records.key_mut(region, place));
        self.fold.0.start(value).store(self.panes.records.value_mut(region, place));
        self.engine.counters.emitted += 1;
        self.due = self.due.min(self.windowing.due(self.windowing.first_of(pane).max(self.next)));
        Ok(())
    }

    /// Makes room for a record that did not fit.
    #[cold]
    fn make_room(&mut self, key: usize) -> Result<(), Error<S::Error>> {
        let region = self.engine.apart().table;
        if self.panes.records.is_worth_compacting(region) {
            self.panes.compact(region);
            return Ok(());
        }
        let entries = self.panes.records.len();
        if entries == 0 {
            self.panes.clear(region);
            let most = self.panes.records.longest_key(region, PANE);
            let value = C::Acc::SIZE;
            return if key > most { Err(Error::PairTooLong { key, value, most: most + value }) } else { Ok(()) };
        }
        if self.engine.space() == Space::None {
            return Err(Error::Full { entries });
        }
        self.engine.note_peak(self.panes.records.used_bytes());
        if let Some(merge) = self.merge.take() {
            self.engine.keep_rest(&merge);
        }
        match self.spill() {
            Err(Error::StoreFull { .. }) if self.engine.runs() > 0 => {
                // It may hold what was closed long ago.
                self.engine.reclaim(&self.fold)?;
                self.spill()?;
            }
            outcome => outcome?,
        }
        self.panes.clear(self.engine.apart().table);
        self.engine.tidy(&self.fold)
    }

    /// Writes every open window to a run, keys ascending. The table is as it was; if it fails,
    /// nothing of it is in the store.
    fn spill(&mut self) -> Result<(), Error<S::Error>> {
        let mut writer = self.engine.writer(0, 0)?;
        let mut records = 0;
        let mut n = self.next;
        loop {
            let parts = self.engine.apart();
            // The first pane that window n or a later one holds.
            let Some(first) = self.panes.first_after(parts.table, |start| self.windowing.last_of(start) >= n) else {
                break;
            };
            n = n.max(self.windowing.first_of(self.panes.start(parts.table, first)));
            let mut open = self.panes.open(parts.table, self.windowing.times(n));
            let mut lead = [0; NUMBER];
            i128::encode(&n, &mut lead);
            let scratch = &mut bytemuck::cast_slice_mut::<u64, u8>(parts.merge)[..C::Acc::SIZE];
            let mut before = None;
            while let Some((place, acc)) = self.panes.take(parts.table, &mut open, &self.fold.0) {
                acc.store(scratch);
                let key = self.panes.records.key(parts.table, place);
                // Each window begins with a whole key, so that reading can begin there.
                let same = before.map(|before| common(self.panes.records.key(parts.table, before), key));
                let (shared, lead) = same.map_or((0, &lead[..]), |same| (NUMBER + same, &[][..]));
                let suffix = &key[same.unwrap_or(0)..];
                writer.put_led(parts.block, parts.store, shared, (lead, suffix), trimmed(scratch))?;
                before = Some(place);
                records += 1;
            }
            n += 1;
        }
        self.engine.finish_run(writer, records)
    }

    /// Moves the watermark on: no more events before it are expected. Hands the keys of each window
    /// that this closes to `each`: windows ascending, then keys. An earlier watermark changes
    /// nothing; `i64::MAX` closes every window.
    ///
    /// # Errors
    ///
    /// An error while merging, or a key that does not decode.
    ///
    /// ```
    /// use kernlet::mapreduce::{Job, Sum, Windowing};
    /// let mut sums = Job::new(8 << 10).windows::<u8, Sum<i64>>(Windowing::tumbling(10).lateness(2), Sum::new()).unwrap();
    /// sums.emit_at(9, 0, 5).unwrap();
    /// sums.advance(11, |_, _, _| panic!("may still be late")).unwrap();
    /// sums.emit_at(8, 0, 6).unwrap();
    /// let mut total = 0;
    /// sums.advance(12, |_, _, sum| total = sum).unwrap();
    /// assert_eq!(total, 11);
    /// ```
    pub fn advance(
        &mut self,
        watermark: i64,
        each: impl FnMut(Window, K::View<'_>, C::Acc),
    ) -> Result<(), Error<S::Error>> {
        if watermark <= self.watermark {
            return Ok(());
        }
        self.watermark = watermark;
        let until = self.windowing.first_open(watermark);
        if self.due > watermark.into() {
            self.next = self.next.max(until);
            return Ok(());
        }
        self.close(until, each)
    }

    /// Closes every window before number `until`.
    fn close(&mut self, until: i128, each: impl FnMut(Window, K::View<'_>, C::Acc)) -> Result<(), Error<S::Error>> {
        if self.poisoned {
            return Err(Error::Poisoned);
        }
        self.engine.note_peak(self.panes.records.used_bytes());
        // Until all is handed out.
        self.poisoned = true;
        self.close_all(until, each)?;
        self.poisoned = false;
        Ok(())
    }

    fn close_all(
        &mut self,
        until: i128,
        mut each: impl FnMut(Window, K::View<'_>, C::Acc),
    ) -> Result<(), Error<S::Error>> {
        if self.merge.is_none() {
            self.merge = self.engine.open_all(&self.fold)?;
        }
        let mut undecodable = None;
        loop {
            let parts = self.engine.apart();
            let held = self.panes.first(parts.table).map(|start| self.windowing.first_of(start).max(self.next));
            let stored = self.merge.as_ref().and_then(|merge| merge.peek(parts.merge)).map(number_of);
            let n = held.unwrap_or(i128::MAX).min(stored.unwrap_or(i128::MAX));
            if n >= until || held.is_none() && stored.is_none() {
                self.due = if held.or(stored).is_some() { self.windowing.due(n) } else { i128::MAX };
                break;
            }
            let window = self.windowing.window(n);
            self.close_window(n, |key, acc| match K::decode(key) {
                Some(view) => each(window, view, acc),
                None => undecodable = Some(key.len()),
            })?;
            self.next = n + 1;
            self.drop_panes();
        }
        self.next = self.next.max(until);
        self.drop_panes();
        undecodable.map_or(Ok(()), |key| Err(Error::Undecodable { key }))
    }

    /// Forgets the panes whose last window is closed.
    fn drop_panes(&mut self) {
        let (windowing, next) = (self.windowing, self.next);
        self.panes.drop_while(self.engine.apart().table, |start| windowing.last_of(start) < next);
    }

    /// Merges what the table and the runs have of window `n`.
    fn close_window(&mut self, n: i128, mut give: impl FnMut(&[u8], C::Acc)) -> Result<(), Error<S::Error>> {
        let Self { engine, panes, merge, fold, windowing, .. } = self;
        let parts = engine.apart();
        let mut open = panes.open(parts.table, windowing.times(n));
        let mut held = panes.take(parts.table, &mut open, &fold.0);
        let mut stored = false;
        loop {
            if let Some(merge) = merge
                && !stored
                && merge.peek(parts.merge).is_some_and(|key| number_of(key) == n)
            {
                stored = merge.step(parts.merge, parts.store, fold, parts.counters)?;
            }
            let record = match merge {
                Some(merge) if stored => Some(merge.record(parts.merge)),
                _ => None,
            };
            let record = record.as_ref().map(|record| (&record.key[NUMBER..], C::Acc::load(record.value)));
            let own = held.map(|(place, acc)| (panes.records.key(parts.table, place), acc));
            let order = match (&own, &record) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((own, _)), Some((other, _))) => own.cmp(other),
            };
            if let (Ordering::Equal, Some((key, mut acc)), Some((_, other))) = (order, own, record) {
                fold.0.merge(&mut acc, &other);
                give(key, acc);
            } else if let Some((key, acc)) = if order.is_lt() { own } else { record } {
                give(key, acc);
            }
            if order.is_le() {
                held = panes.take(parts.table, &mut open, &fold.0);
            }
            stored &= order.is_lt();
        }
    }

    /// Adds a value to its key in the windows by count: the time is the number
    /// of records so far, over all keys, and is its own watermark. Windows that
    /// this record completes go to `each`. For windows of each key's own records
    /// see [`CountWindows`].
    ///
    /// # Errors
    ///
    /// As [`Self::emit_at`] and [`Self::advance`].
    ///
    /// ```
    /// use kernlet::mapreduce::{Job, Sum, Windowing};
    /// let mut threes = Job::new(8 << 10).windows::<str, Sum<u64>>(Windowing::tumbling(3), Sum::new()).unwrap();
    /// let mut closed = Vec::new();
    /// for word in ["a", "b", "a", "c"] {
    ///     threes.emit_counted(word, 1, |window, word, count| closed.push((window.start, word.to_string(), count))).unwrap();
    /// }
    /// assert_eq!(closed, [(0, "a".into(), 2), (0, "b".into(), 1)]);
    /// ```
    pub fn emit_counted<B: Borrow<C::Input>>(
        &mut self,
        key: K::Borrowed<'_>,
        value: B,
        each: impl FnMut(Window, K::View<'_>, C::Acc),
    ) -> Result<(), Error<S::Error>> {
        self.emit_at(self.count, key, value)?;
        self.count += 1;
        self.advance(self.count, each)
    }

    /// Ends the stream: every window that is open goes to `each`.
    ///
    /// # Errors
    ///
    /// As [`Self::advance`].
    ///
    /// ```
    /// use kernlet::mapreduce::{Job, Sum, Windowing};
    /// let mut sums = Job::new(8 << 10).windows::<u8, Sum<u64>>(Windowing::sliding(4, 2), Sum::new()).unwrap();
    /// sums.emit_at(5, 7, 1).unwrap();
    /// let mut starts = Vec::new();
    /// sums.finish(|window, _, _| starts.push(window.start)).unwrap();
    /// assert_eq!(starts, [2, 4]);
    /// ```
    pub fn finish(mut self, each: impl FnMut(Window, K::View<'_>, C::Acc)) -> Result<Counters, Error<S::Error>> {
        self.close(i128::MAX, each)?;
        Ok(self.engine.counters)
    }

    /// Values that came too late for all of their windows.
    ///
    /// ```
    /// use kernlet::mapreduce::{Job, Sum, Windowing};
    /// let mut sums = Job::new(8 << 10).windows::<u8, Sum<u64>>(Windowing::tumbling(4), Sum::new()).unwrap();
    /// sums.advance(8, |_, _, _| ()).unwrap();
    /// sums.emit_at(7, 0, 1).unwrap();
    /// sums.emit_at(i64::MIN, 0, 1).unwrap();
    /// assert_eq!(sums.late(), 2);
    /// ```
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Values whose time is in no window, because windows begin farther apart than they are long.
    ///
    /// ```
    /// use kernlet::mapreduce::{Job, Sum, Windowing};
    /// let mut sums = Job::new(8 << 10).windows::<u8, Sum<u64>>(Windowing::sliding(1, 10), Sum::new()).unwrap();
    /// assert!(sums.emit_at(20, 0, 1).unwrap() && !sums.emit_at(21, 0, 1).unwrap());
    /// assert_eq!((sums.outside(), sums.late()), (1, 0));
    /// ```
    pub fn outside(&self) -> u64 {
        self.outside
    }

    /// What the job has counted so far. Spilled records are counted once for each window that they are in.
    pub fn counters(&self) -> Counters {
        self.engine.counters
    }
}

impl<K: ?Sized, C, S> fmt::Debug for Windows<'_, K, C, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Windows")
            .field("windowing", &self.windowing)
            .field("watermark", &self.watermark)
            .field("entries", &self.panes.records.len())
            .field("late", &self.late)
            .finish_non_exhaustive()
    }
}

/// How many bytes at the beginning of two slices are the same.
fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
