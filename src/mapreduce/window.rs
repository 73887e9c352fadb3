//! Windows over streams, by event time or by count.
//!
//! The vocabulary is Flink's: a window is closed when the watermark, below which
//! no more events are expected, has passed its end by the lateness allowed.
//! Flink gives a first result at the end and another for each late event; here
//! each window gives one result, with its late events, when lateness is over.
//! What is behind that is late for good, and counted.

use core::borrow::Borrow;

use super::combiner::Combiner;
use super::counters::Counters;
use super::error::Error;
use super::job::{Combining, Job};
use super::store::{NoStore, Store};
use crate::pairs::Key;
use crate::pairs::Plain;
use crate::pairs::key::ENCODED;

/// How long windows are, how far apart they begin, and how long they wait.
///
/// Units are the caller's: milliseconds, or records for windows by count. The
/// windows of a time `t` begin at the multiples of `slide` in `(t - size, t]`.
///
/// ```
/// use kernlet::mapreduce::Windowing;
/// let minutes = Windowing::sliding(60_000, 20_000).lateness(5_000);
/// assert_eq!(minutes.starts(65_000).collect::<Vec<_>>(), [20_000, 40_000, 60_000]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windowing {
    size: i64,
    slide: i64,
    lateness: i64,
}

impl Windowing {
    /// Windows of `size`, one after the other.
    ///
    /// # Panics
    ///
    /// If `size < 1`.
    ///
    /// ```
    /// use kernlet::mapreduce::Windowing;
    /// assert!(Windowing::tumbling(10).starts(-3).eq([-10]));
    /// ```
    pub const fn tumbling(size: i64) -> Self {
        Self::sliding(size, size)
    }

    /// Windows of `size`, one beginning every `slide`. With `slide > size` some
    /// times are in no window.
    ///
    /// # Panics
    ///
    /// If `size < 1` or `slide < 1`.
    ///
    /// ```
    /// use kernlet::mapreduce::Windowing;
    /// assert_eq!(Windowing::sliding(5, 10).starts(7).count(), 0);
    /// ```
    pub const fn sliding(size: i64, slide: i64) -> Self {
        assert!(size >= 1 && slide >= 1, "a window's size and slide are at least 1");
        Self { size, slide, lateness: 0 }
    }

    /// Keeps a window open until the watermark is `lateness` past its end.
    ///
    /// # Panics
    ///
    /// If `lateness < 0`.
    ///
    /// ```
    /// let _ = kernlet::mapreduce::Windowing::tumbling(10).lateness(3);
    /// ```
    pub const fn lateness(self, lateness: i64) -> Self {
        assert!(lateness >= 0, "lateness is not negative");
        Self { lateness, ..self }
    }

    /// The beginnings of the windows that hold `time`, ascending.
    ///
    /// ```
    /// use kernlet::mapreduce::Windowing;
    /// assert!(Windowing::sliding(4, 2).starts(5).eq([2, 4]));
    /// ```
    pub fn starts(&self, time: i64) -> impl Iterator<Item = i64> + use<> {
        let Self { size, slide, .. } = *self;
        let last = i128::from(time) - i128::from(time.rem_euclid(slide));
        let count = (i128::from(size) - 1 - (i128::from(time) - last)).div_euclid(slide.into()) + 1;
        (0..count).rev().filter_map(move |back| i64::try_from(last - back * i128::from(slide)).ok())
    }

    /// Whether the window that begins at `start` is closed at `watermark`.
    fn is_closed(&self, start: i64, watermark: i64) -> bool {
        i128::from(start) + i128::from(self.size) + i128::from(self.lateness) <= i128::from(watermark)
    }
}

/// One window of time or count: from `start`, which is in it, to `end`, which is not.
///
/// ```
/// let window = kernlet::mapreduce::Window { start: 0, end: 60 };
/// assert!(window.end > window.start);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// The first time in the window.
    pub start: i64,
    /// The first time behind it.
    pub end: i64,
}

/// A job that keeps an accumulator for each key of each open window.
///
/// The budget holds the keys of all open windows; what is more goes to the store.
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
    job: Combining<'b, K, C, S>,
    windowing: Windowing,
    watermark: i64,
    late: u64,
    /// Records of windows by count.
    count: i64,
}

/// Bytes of a window's start before the key.
const START: usize = 8;

fn start_of(key: &[u8]) -> i64 {
    key.first_chunk().and_then(|bytes: &[u8; START]| i64::decode(bytes)).unwrap_or(i64::MAX)
}

impl<'b, S: Store> Job<'b, S> {
    /// A job that folds the values of each key and window of time or count.
    ///
    /// # Errors
    ///
    /// [`Error::BudgetTooSmall`], with the least that would do.
    ///
    /// ```
    /// use kernlet::mapreduce::{Job, Sum, Windowing};
    /// let _ = Job::new(8 << 10).windows::<str, Sum<u64>>(Windowing::tumbling(60), Sum::new()).unwrap();
    /// ```
    pub fn windows<K: Key + ?Sized, C: Combiner>(
        self,
        windowing: Windowing,
        combiner: C,
    ) -> Result<Windows<'b, K, C, S>, Error<S::Error>> {
        Ok(Windows::new(self.combine(combiner)?, windowing))
    }
}

impl<'b, K: Key + ?Sized, C: Combiner, S: Store> Windows<'b, K, C, S> {
    pub(super) fn new(job: Combining<'b, K, C, S>, windowing: Windowing) -> Self {
        Self { job, windowing, watermark: i64::MIN, late: 0, count: 0 }
    }

    /// Adds a value to its key in every open window that holds `time`; false if
    /// it came too late for all of them.
    ///
    /// # Errors
    ///
    /// As a job's `emit`; of several windows the first may have taken the value.
    ///
    /// ```
    /// use kernlet::mapreduce::{Job, Max, Windowing};
    /// let mut highest = Job::new(8 << 10).windows::<u8, Max<i32>>(Windowing::sliding(10, 5), Max::new()).unwrap();
    /// assert!(highest.emit_at(12, 0, -3).unwrap());
    /// ```
    pub fn emit_at<B: Borrow<C::Input>>(
        &mut self,
        time: i64,
        key: K::Borrowed<'_>,
        value: B,
    ) -> Result<bool, Error<S::Error>> {
        let len = K::encoded_len(&key);
        let mut bytes = [0; START + ENCODED];
        let Some(bytes) = bytes.get_mut(..START.saturating_add(len)) else {
            return Err(Error::PairTooLong { key: len, value: C::Acc::SIZE, most: ENCODED });
        };
        K::encode(&key, &mut bytes[START..]);
        let (mut held, mut taken) = (false, false);
        for start in self.windowing.starts(time) {
            held = true;
            if !self.windowing.is_closed(start, self.watermark) {
                i64::encode(&start, &mut bytes[..START]);
                self.job.emit_bytes(bytes, value.borrow())?;
                taken = true;
            }
        }
        self.late += u64::from(held && !taken);
        Ok(taken)
    }

    /// Moves the watermark on: no event before it is expected any more. Hands the
    /// keys of each window that this closes to `each`: windows ascending, then
    /// keys. A watermark that lies back changes nothing.
    ///
    /// # Errors
    ///
    /// What happened on merging, or a key that does not decode.
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
        let windowing = self.windowing;
        self.close(|start| windowing.is_closed(start, watermark), each)
    }

    fn close(
        &mut self,
        closed: impl Fn(i64) -> bool,
        mut each: impl FnMut(Window, K::View<'_>, C::Acc),
    ) -> Result<(), Error<S::Error>> {
        let size = self.windowing.size;
        let mut undecodable = None;
        let give = |key: &[u8], value: &[u8]| {
            let start = start_of(key);
            match key.get(START..).and_then(K::decode) {
                Some(view) => each(Window { start, end: start.saturating_add(size) }, view, C::Acc::load(value)),
                None => undecodable = Some(key.len()),
            }
        };
        self.job.engine.drain(&self.job.fold, |key| closed(start_of(key)), give)?;
        undecodable.map_or(Ok(()), |key| Err(Error::Undecodable { key }))
    }

    /// Adds a value to its key in the windows by count: the time is the number
    /// of records so far, over all keys, and is its own watermark. Windows that
    /// this record completes go to `each`.
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
        let Windowing { size, slide, lateness } = self.windowing;
        // Only a window's end is worth going through the table for.
        let past = i128::from(self.count) - i128::from(size) - i128::from(lateness);
        if past.rem_euclid(slide.into()) == 0 { self.advance(self.count, each) } else { Ok(()) }
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
        self.close(|_| true, each)?;
        Ok(self.job.counters())
    }

    /// Values that came too late for all of their windows.
    ///
    /// ```
    /// use kernlet::mapreduce::{Job, Sum, Windowing};
    /// let mut sums = Job::new(8 << 10).windows::<u8, Sum<u64>>(Windowing::tumbling(4), Sum::new()).unwrap();
    /// sums.advance(8, |_, _, _| ()).unwrap();
    /// sums.emit_at(7, 0, 1).unwrap();
    /// assert_eq!(sums.late(), 1);
    /// ```
    pub fn late(&self) -> u64 {
        self.late
    }

    /// What the job has counted so far.
    ///
    /// ```
    /// use kernlet::mapreduce::{Job, Sum, Windowing};
    /// let sums = Job::new(8 << 10).windows::<u8, Sum<u64>>(Windowing::tumbling(4), Sum::new()).unwrap();
    /// assert_eq!(sums.counters().emitted, 0);
    /// ```
    pub fn counters(&self) -> Counters {
        self.job.counters()
    }
}

crate::pairs::debug::debug!([K: Key + ?Sized, C: Combiner, S: Store] Windows<'_, K, C, S>, "Windows", "windowing": |windows| windows.windowing, "watermark": |windows| windows.watermark);
