//! A random sample.

use core::cmp::Ordering;
use core::fmt;

use super::{Body, Error, Reader, Sketch, Writer};
use crate::pairs::Plain;
use crate::random::Stream;

#[derive(Clone, Copy)]
struct Drawn<T> {
    tag: u64,
    position: u64,
    item: T,
}

impl<T> Drawn<T> {
    fn order(&self, other: &Self) -> Ordering {
        (self.tag, self.position).cmp(&(other.tag, other.position))
    }
}

/// A reservoir: `N` items of a stream of any length, every set of `N` as likely as any other.
///
/// Sampling in one pass without knowing the length is Vitter's problem (*Random
/// sampling with a reservoir*, ACM TOMS 11, 1985). Here each item draws a random
/// tag, and the least `N` tags stay (Fan, Muller, Rezucha, JASA 57, 1962; Efraimidis,
/// Spirakis, IPL 97, 2006, with equal weights): unlike his algorithm R, this can be
/// merged, and merging is associative, commutative and exact.
///
/// The tag is a function of the seed and the item's position in the stream. Samples
/// of the parts of one stream, each started at its part's position
/// ([`Self::starting_at`]), merge into exactly the sample that one pass over the
/// whole would have drawn.
///
/// # Numerics
///
/// An item is in the sample of a stream of `n` with a probability of `N / n`. Tags
/// have 64 bits: two are the same with a probability below `n² / 2⁶⁵`, and then the
/// earlier item comes first.
///
/// ```
/// use kernlet::sketch::{Reservoir, Sketch};
/// let mut whole = Reservoir::<u32, 3>::new(42);
/// (0..1000).for_each(|item| whole.add(item));
///
/// let mut first = Reservoir::<u32, 3>::new(42);
/// (0..400).for_each(|item| first.add(item));
/// let mut second = Reservoir::<u32, 3>::starting_at(42, 400);
/// (400..1000).for_each(|item| second.add(item));
/// first.merge(&second)?;
/// first.sort();
/// whole.sort();
/// assert!(first.iter().eq(whole.iter()) && whole.len() == 3);
/// # Ok::<(), kernlet::sketch::Error>(())
/// ```
#[derive(Clone)]
pub struct Reservoir<T, const N: usize> {
    /// A heap: none is greater than the one at its half, the greatest is first.
    drawn: heapless::Vec<Drawn<T>, N>,
    seed: u64,
    position: u64,
    seen: u64,
}

impl<T, const N: usize> Reservoir<T, N> {
    /// An empty sample.
    ///
    /// ```
    /// assert!(kernlet::sketch::Reservoir::<u32, 8>::new(1).is_empty());
    /// ```
    pub const fn new(seed: u64) -> Self {
        Self::starting_at(seed, 0)
    }

    /// An empty sample of a part of a stream; the part's first item has this position.
    ///
    /// Samples that are to be merged must not share positions: if the lengths of
    /// earlier parts are not known, start the parts far apart, at `part << 40` say.
    /// After a merge the stream goes on after the last position of both.
    ///
    /// ```
    /// let mut sample = kernlet::sketch::Reservoir::<char, 8>::starting_at(1, 500);
    /// sample.add('a');
    /// assert_eq!(sample.iter().next(), Some((500, &'a')));
    /// ```
    pub const fn starting_at(seed: u64, position: u64) -> Self {
        Self { drawn: heapless::Vec::new(), seed, position, seen: 0 }
    }

    /// Adds the next item of the stream.
    ///
    /// ```
    /// let mut sample = kernlet::sketch::Reservoir::<&str, 8>::new(1);
    /// sample.add("a");
    /// assert_eq!(sample.len(), 1);
    /// ```
    #[inline]
    pub fn add(&mut self, item: T) {
        let position = self.position;
        let [low, high, ..] = Stream::new(self.seed, 0x7361_6d70).block_at(position);
        self.position = position.wrapping_add(1);
        self.seen = self.seen.saturating_add(1);
        self.keep(Drawn { tag: u64::from(high) << 32 | u64::from(low), position, item });
    }

    fn keep(&mut self, drawn: Drawn<T>) {
        if !self.drawn.is_full() {
            let at = self.drawn.len();
            // There is room.
            let _ = self.drawn.push(drawn);
            self.rise(at);
        } else if let Some(greatest) = self.drawn.first_mut()
            && drawn.order(greatest).is_lt()
        {
            *greatest = drawn;
            self.sink();
        }
    }

    fn rise(&mut self, mut at: usize) {
        while at > 0 && self.drawn[at].order(&self.drawn[(at - 1) / 2]).is_gt() {
            self.drawn.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    fn sink(&mut self) {
        let mut at = 0;
        loop {
            let mut below = 2 * at + 1;
            if below >= self.drawn.len() {
                return;
            }
            if below + 1 < self.drawn.len() && self.drawn[below + 1].order(&self.drawn[below]).is_gt() {
                below += 1;
            }
            if self.drawn[below].order(&self.drawn[at]).is_le() {
                return;
            }
            self.drawn.swap(at, below);
            at = below;
        }
    }

    /// Items in the sample: `N`, or all if there were fewer.
    ///
    /// ```
    /// let mut sample = kernlet::sketch::Reservoir::<u8, 2>::new(1);
    /// (0..9).for_each(|item| sample.add(item));
    /// assert_eq!(sample.len(), 2);
    /// ```
    pub fn len(&self) -> usize {
        self.drawn.len()
    }

    /// Whether there are none.
    ///
    /// ```
    /// assert!(kernlet::sketch::Reservoir::<u8, 2>::new(1).is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.drawn.is_empty()
    }

    /// Items added, including those of merged samples.
    ///
    /// ```
    /// let mut sample = kernlet::sketch::Reservoir::<u8, 2>::new(1);
    /// (0..9).for_each(|item| sample.add(item));
    /// assert_eq!(sample.seen(), 9);
    /// ```
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Puts the items into a random order, which is the same however the sample came
    /// about: the last `k` of them are a sample of `k`.
    ///
    /// ```
    /// let mut sample = kernlet::sketch::Reservoir::<u8, 2>::new(1);
    /// sample.sort();
    /// ```
    pub fn sort(&mut self) {
        // The greatest first is a heap too.
        self.drawn.sort_unstable_by(|a, b| b.order(a));
    }

    /// The items with their positions in the stream, in no particular order unless after
    /// [`Self::sort`].
    ///
    /// ```
    /// assert_eq!(kernlet::sketch::Reservoir::<u8, 2>::new(1).iter().next(), None);
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.drawn.iter().map(|drawn| (drawn.position, &drawn.item))
    }
}

impl<T: Plain, const N: usize> Body for Reservoir<T, N> {
    const KIND: u16 = 5;
    const SIZES: [u32; 3] = [N as u32, T::SIZE as u32, 0];
    const BODY: usize = 8 + 8 + 8 + 4 + N * (8 + 8 + T::SIZE);

    fn write(&self, out: &mut Writer<'_>) {
        out.put(&(self.seed, self.position, self.seen, self.drawn.len() as u32));
        for drawn in &self.drawn {
            out.put(&(drawn.tag, drawn.position, drawn.item));
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let (seed, position, seen, len) = from.take::<(u64, u64, u64, u32)>()?;
        let mut summary = Self { drawn: heapless::Vec::new(), seed, position, seen };
        if u64::from(len) != seen.min(N as u64) {
            return None;
        }
        for _ in 0..len {
            let (tag, position, item) = from.take()?;
            summary.drawn.push(Drawn { tag, position, item }).ok()?;
        }
        let heap = (1..summary.drawn.len()).all(|at| summary.drawn[at].order(&summary.drawn[(at - 1) / 2]).is_le());
        heap.then_some(summary)
    }
}

impl<T: Plain, const N: usize> Sketch for Reservoir<T, N> {
    /// As the trait says; what is added afterwards comes after the last position of both, so that
    /// no two items share a tag.
    ///
    /// [`Error::Position`] if both have an item at the same position; nothing was changed.
    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if self.seed != other.seed {
            return Err(Error::Seed { own: self.seed, other: other.seed });
        }
        self.sort();
        for drawn in &other.drawn {
            if self.drawn.binary_search_by(|own| drawn.order(own)).is_ok() {
                return Err(Error::Position { both: drawn.position });
            }
        }
        other.drawn.iter().for_each(|drawn| self.keep(*drawn));
        self.seen = self.seen.saturating_add(other.seen);
        self.position = self.position.max(other.position);
        Ok(())
    }
}

impl<T, const N: usize> fmt::Debug for Reservoir<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reservoir({} of {} items)", self.drawn.len(), self.seen)
    }
}

#[cfg(feature = "defmt")]
impl<T, const N: usize> defmt::Format for Reservoir<T, N> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Reservoir({=usize} of {=u64} items)", self.drawn.len(), self.seen);
    }
}
