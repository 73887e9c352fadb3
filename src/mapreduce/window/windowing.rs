//! Which windows a time is in, and how far time has come.

/// How long windows are, how far apart they begin, and how long they wait.
///
/// The unit is the caller's choice: milliseconds, or records for windows by count.
/// The windows of a time `t` begin at the multiples of `slide` in `(t - size, t]`,
/// moved by the offset. A window that would begin before `i64::MIN` or end after
/// `i64::MAX` is cut there, so that every time is in a window.
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
    offset: i64,
}

/// One window of time or count: from `start`, which is in it, to `end`, which is not
/// (unless it is `i64::MAX`, after which there is no time).
///
/// ```
/// use kernlet::mapreduce::{Window, Windowing};
/// assert!(Windowing::tumbling(60).windows(65).eq([Window { start: 60, end: 120 }]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// The first time in the window.
    pub start: i64,
    /// The first time after it.
    pub end: i64,
}

/// A number of 128 bits, or the end of time that is nearest to it.
pub(super) fn clamped(time: i128) -> i64 {
    time.clamp(i64::MIN.into(), i64::MAX.into()) as i64
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
        Self { size, slide, lateness: 0, offset: 0 }
    }

    /// Keeps a window open until the watermark is `lateness` past its end.
    ///
    /// # Panics
    ///
    /// If `lateness < 0`.
    ///
    /// ```
    /// use kernlet::mapreduce::{Job, Sum, Windowing};
    /// let windowing = Windowing::tumbling(10).lateness(3);
    /// let mut sums = Job::new(8 << 10).windows::<u8, Sum<u64>>(windowing, Sum::new()).unwrap();
    /// sums.advance(12, |_, _, _| ()).unwrap();
    /// assert!(sums.emit_at(9, 0, 1).unwrap(), "two behind the watermark");
    /// ```
    pub const fn lateness(self, lateness: i64) -> Self {
        assert!(lateness >= 0, "lateness is not negative");
        Self { lateness, ..self }
    }

    /// Moves where windows begin: days of a time zone that is an hour ahead begin an hour
    /// earlier. The offset may be any number, even negative or longer than the slide.
    ///
    /// ```
    /// use kernlet::mapreduce::Windowing;
    /// const HOUR: i64 = 3_600_000;
    /// let days_in_rome = Windowing::tumbling(24 * HOUR).offset(-HOUR);
    /// // 1970-01-01T23:30Z is in the second of January there.
    /// assert!(days_in_rome.starts(23 * HOUR + HOUR / 2).eq([23 * HOUR]));
    /// ```
    pub const fn offset(self, offset: i64) -> Self {
        Self { offset, ..self }
    }

    /// The beginnings of the windows that hold `time`, ascending, without those before `i64::MIN`.
    ///
    /// ```
    /// use kernlet::mapreduce::Windowing;
    /// assert!(Windowing::sliding(4, 2).starts(5).eq([2, 4]));
    /// ```
    pub fn starts(&self, time: i64) -> impl Iterator<Item = i64> + use<> {
        let own = *self;
        let all = self.first_of(time)..=self.last_of(time);
        all.map(move |n| own.start_of(n)).filter(|&start| start >= i64::MIN.into()).map(clamped)
    }

    /// The windows that hold `time`, in the order of their ends.
    ///
    /// ```
    /// use kernlet::mapreduce::{Window, Windowing};
    /// let mut windows = Windowing::sliding(4, 2).windows(i64::MIN);
    /// assert_eq!(windows.next(), Some(Window { start: i64::MIN, end: i64::MIN + 2 }));
    /// assert_eq!(windows.next(), Some(Window { start: i64::MIN, end: i64::MIN + 4 }));
    /// ```
    pub fn windows(&self, time: i64) -> impl Iterator<Item = Window> + use<> {
        let own = *self;
        (self.first_of(time)..=self.last_of(time)).map(move |n| own.window(n))
    }

    /// Where window number `n` begins.
    fn start_of(&self, n: i128) -> i128 {
        i128::from(self.offset) + n * i128::from(self.slide)
    }

    /// The number of the last window that begins at `time` or before.
    pub(super) fn last_of(&self, time: i64) -> i128 {
        match time.checked_sub(self.offset) {
            Some(time) => time.div_euclid(self.slide).into(),
            None => (i128::from(time) - i128::from(self.offset)).div_euclid(self.slide.into()),
        }
    }

    /// The number of the first window that ends after `time`.
    pub(super) fn first_of(&self, time: i64) -> i128 {
        let behind = i128::from(time) - i128::from(self.size) - i128::from(self.offset);
        behind.div_euclid(self.slide.into()) + 1
    }

    pub(super) fn window(&self, n: i128) -> Window {
        let start = self.start_of(n);
        Window { start: clamped(start), end: clamped(start + i128::from(self.size)) }
    }

    /// The times of window `n`, from the first on and up to one.
    pub(super) fn times(&self, n: i128) -> (i64, i128) {
        let start = self.start_of(n);
        (clamped(start), start + i128::from(self.size))
    }

    /// Where the watermark must be for window `n` to be closed. At the end of time, none is open.
    pub(super) fn due(&self, n: i128) -> i128 {
        let due = self.start_of(n) + i128::from(self.size) + i128::from(self.lateness);
        due.min(i64::MAX.into())
    }

    /// The first window that is open at `watermark`.
    pub(super) fn first_open(&self, watermark: i64) -> i128 {
        if watermark == i64::MAX {
            return i128::MAX;
        }
        let behind =
            i128::from(watermark) - i128::from(self.size) - i128::from(self.lateness) - i128::from(self.offset);
        match i64::try_from(behind) {
            Ok(behind) => i128::from(behind.div_euclid(self.slide)) + 1,
            Err(_) => behind.div_euclid(self.slide.into()) + 1,
        }
    }

    /// The pane of a time whose last window is number `n`: the first time of those that are in
    /// the same windows. `None` if it is in none.
    ///
    /// Panes begin where windows begin and where they end.
    pub(super) fn pane(&self, n: i128, time: i64) -> Option<i64> {
        let start = self.start_of(n);
        let within = i128::from(time) - start;
        let cut = i128::from(self.size % self.slide);
        if self.slide > self.size && within >= cut {
            return None;
        }
        Some(clamped(if cut > 0 && within >= cut { start + cut } else { start }))
    }
}

/// How far time has come, if events arrive out of order by at most a known delay.
///
/// The watermark is the greatest time seen, less the delay: no more events before it are expected.
/// One event from far in the future makes all others late: filter out impossible times before
/// observing them.
///
/// ```
/// use kernlet::mapreduce::{Job, Sum, Watermark, Windowing};
/// let mut clicks = Job::new(8 << 10).windows::<str, Sum<u64>>(Windowing::tumbling(60), Sum::new()).unwrap();
/// let mut watermark = Watermark::behind(10);
/// let mut closed = Vec::new();
/// for (time, page) in [(50, "a"), (65, "a"), (58, "a"), (71, "b")] {
///     clicks.emit_at(time, page, 1).unwrap();
///     clicks.advance(watermark.observe(time), |window, page, n| closed.push((window.start, page.to_string(), n))).unwrap();
/// }
/// assert_eq!(closed, [(0, "a".into(), 2)]);
/// assert_eq!(watermark.now(), 61);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermark {
    delay: i64,
    now: i64,
}

impl Watermark {
    /// A watermark that stays `delay` behind the greatest time observed.
    ///
    /// # Panics
    ///
    /// If `delay < 0`.
    pub const fn behind(delay: i64) -> Self {
        assert!(delay >= 0, "a watermark is behind the events, not before them");
        Self { delay, now: i64::MIN }
    }

    /// Takes the time of an event, in any order; returns where the watermark is now. It never goes back.
    pub const fn observe(&mut self, time: i64) -> i64 {
        let behind = time.saturating_sub(self.delay);
        if behind > self.now {
            self.now = behind;
        }
        self.now
    }

    /// Where the watermark is; `i64::MIN` before the first event.
    pub const fn now(&self) -> i64 {
        self.now
    }

    /// The watermark of several sources together: the least of theirs. An idle source holds it
    /// back; leave it out while it is idle.
    ///
    /// ```
    /// use kernlet::mapreduce::Watermark;
    /// let mut sources = [Watermark::behind(5), Watermark::behind(0)];
    /// sources[0].observe(100);
    /// sources[1].observe(80);
    /// assert_eq!(Watermark::of_all(&sources), 80);
    /// ```
    pub fn of_all(sources: &[Self]) -> i64 {
        sources.iter().map(Self::now).min().unwrap_or(i64::MIN)
    }
}
