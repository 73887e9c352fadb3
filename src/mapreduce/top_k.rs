//! The first `k` of any number of keys, in bytes that the caller owns.

use core::marker::PhantomData;

use crate::pairs::Key;
use crate::pairs::key::encoded;

/// Keeps the first `k`, in key order, of the keys offered; with [`Desc`](super::Desc) as their
/// first part, the `k` greatest. Ties are broken by the rest of the key, so the result does not
/// depend on the order in which keys are offered.
///
/// The memory holds eight bytes for each of the `k` keys, their encodings, and one
/// more encoding while a key is offered.
///
/// ```
/// use kernlet::mapreduce::{Desc, TopK};
/// let mut memory = [0; 256];
/// let mut top = TopK::<(Desc<u64>, &str)>::new(2, &mut memory).unwrap();
/// for (word, count) in [("a", 3), ("the", 9), ("of", 5), ("and", 5)] {
///     top.offer((Desc(count), word)).unwrap();
/// }
/// let mut top = top.finish();
/// assert_eq!(top.next(), Some((Desc(9), "the")));
/// assert_eq!(top.next(), Some((Desc(5), "and")));
/// assert_eq!(top.next(), None);
/// ```
pub struct TopK<'b, K: ?Sized> {
    /// Place and length of each kept key, a heap with the last of them on top.
    places: &'b mut [[u32; 2]],
    bytes: &'b mut [u8],
    kept: usize,
    used: usize,
    key: PhantomData<fn(&K)>,
}

/// The memory of a [`TopK`] is too small.
///
/// ```
/// use kernlet::mapreduce::TopK;
/// let error = TopK::<u64>::new(100, &mut [0; 80]).err().unwrap();
/// assert_eq!((error.given, error.least), (80, 808));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TopKFull {
    /// Bytes given.
    pub given: usize,
    /// The fewest bytes that would have been enough so far.
    pub least: usize,
}

impl core::fmt::Display for TopKFull {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} bytes do not hold the first keys: at least {} are needed", self.given, self.least)
    }
}

impl core::error::Error for TopKFull {}

impl<'b, K: Key + ?Sized> TopK<'b, K> {
    /// Keeps `k` keys in `memory`.
    ///
    /// # Errors
    ///
    /// If the memory has no room for the places of `k` keys.
    ///
    /// ```
    /// assert!(kernlet::mapreduce::TopK::<u8>::new(3, &mut [0; 64]).is_ok());
    /// ```
    pub fn new(k: usize, memory: &'b mut [u8]) -> Result<Self, TopKFull> {
        let given = memory.len();
        let (skipped, words, tail) = bytemuck::pod_align_to_mut::<u8, u64>(memory);
        let lost = skipped.len() + tail.len();
        if words.len() <= k {
            return Err(TopKFull { given, least: k.saturating_add(1).saturating_mul(8).saturating_add(lost) });
        }
        let (places, bytes) = words.split_at_mut(k);
        let bytes = bytemuck::cast_slice_mut(bytes);
        Ok(Self { places: bytemuck::cast_slice_mut(places), bytes, kept: 0, used: 0, key: PhantomData })
    }

    /// Offers a key; returns whether it is among the first for now.
    ///
    /// # Errors
    ///
    /// If the first keys do not fit in the memory; the key was not taken, and the
    /// others are still there.
    ///
    /// ```
    /// let mut memory = [0; 64];
    /// let mut least = kernlet::mapreduce::TopK::<i16>::new(1, &mut memory).unwrap();
    /// assert_eq!(least.offer(3), Ok(true));
    /// assert_eq!(least.offer(4), Ok(false));
    /// assert_eq!(least.offer(-4), Ok(true));
    /// ```
    pub fn offer(&mut self, key: K::Borrowed<'_>) -> Result<bool, TopKFull> {
        let len = K::encoded_len(&key);
        if self.places.is_empty() {
            return Ok(false);
        }
        if self.used + len > self.bytes.len() {
            self.compact();
        }
        if self.used + len > self.bytes.len() || self.used + len > u32::MAX as usize {
            // It may not be among the first, or drive out one that leaves room.
            if self.kept == self.places.len() {
                match encoded::<K, _>(&key, |key| key >= self.bytes_at(self.places[0])) {
                    Ok(true) => return Ok(false),
                    Ok(false) => self.drop_last(len),
                    Err(_) => {}
                }
            }
            if self.used + len > self.bytes.len() || self.used + len > u32::MAX as usize {
                let given = self.bytes.len() + 8 * self.places.len();
                return Err(TopKFull { given, least: 8 * self.places.len() + self.used + len });
            }
        }
        K::encode(&key, &mut self.bytes[self.used..][..len]);
        let place = [self.used as u32, len as u32];
        if self.kept < self.places.len() {
            self.places[self.kept] = place;
            self.kept += 1;
            self.rise(self.kept - 1);
        } else {
            if self.bytes_at(place) >= self.bytes_at(self.places[0]) {
                return Ok(false);
            }
            self.places[0] = place;
            self.sink(0, self.kept);
        }
        self.used += len;
        Ok(true)
    }

    /// Takes out the last of the kept keys if `len` bytes fit then.
    fn drop_last(&mut self, len: usize) {
        let last = self.places[0][1] as usize;
        if self.used + len - last > self.bytes.len() {
            return;
        }
        self.kept -= 1;
        self.places.swap(0, self.kept);
        self.compact();
    }

    fn bytes_at(&self, [at, len]: [u32; 2]) -> &[u8] {
        &self.bytes[at as usize..][..len as usize]
    }

    fn after(&self, i: usize, j: usize) -> bool {
        self.bytes_at(self.places[i]) > self.bytes_at(self.places[j])
    }

    fn rise(&mut self, mut i: usize) {
        while i > 0 && self.after(i, (i - 1) / 2) {
            self.places.swap(i, (i - 1) / 2);
            i = (i - 1) / 2;
        }
    }

    fn sink(&mut self, mut i: usize, end: usize) {
        loop {
            let mut last = i;
            for child in [2 * i + 1, 2 * i + 2] {
                if child < end && self.after(child, last) {
                    last = child;
                }
            }
            if last == i {
                return;
            }
            self.places.swap(i, last);
            i = last;
        }
    }

    /// Moves the kept keys together.
    fn compact(&mut self) {
        let kept = self.kept;
        self.places[..kept].sort_unstable_by_key(|place| place[0]);
        self.used = 0;
        for place in &mut self.places[..kept] {
            let [at, len] = place.map(|number| number as usize);
            self.bytes.copy_within(at..at + len, self.used);
            place[0] = self.used as u32;
            self.used += len;
        }
        for i in (0..kept / 2).rev() {
            self.sink(i, kept);
        }
    }

    /// The kept keys in order.
    ///
    /// ```
    /// let mut memory = [0; 64];
    /// assert_eq!(kernlet::mapreduce::TopK::<u8>::new(1, &mut memory).unwrap().finish().next(), None);
    /// ```
    pub fn finish(mut self) -> Top<'b, K> {
        for end in (1..self.kept).rev() {
            self.places.swap(0, end);
            self.sink(0, end);
        }
        Top { places: &self.places[..self.kept], bytes: self.bytes, key: PhantomData }
    }
}

/// The first keys, in order.
///
/// ```
/// let mut memory = [0; 64];
/// let mut top = kernlet::mapreduce::TopK::<u8>::new(2, &mut memory).unwrap();
/// top.offer(9).unwrap();
/// assert!(top.finish().eq([9]));
/// ```
pub struct Top<'b, K: ?Sized> {
    places: &'b [[u32; 2]],
    bytes: &'b [u8],
    key: PhantomData<fn(&K)>,
}

impl<'b, K: Key + ?Sized> Iterator for Top<'b, K> {
    type Item = K::View<'b>;

    fn next(&mut self) -> Option<K::View<'b>> {
        let ([at, len], rest) = self.places.split_first()?;
        self.places = rest;
        K::decode(&self.bytes[*at as usize..][..*len as usize])
    }
}

crate::pairs::debug::debug!([K: ?Sized] TopK<'_, K>, "TopK", "kept": |top| top.kept);
crate::pairs::debug::debug!([K: ?Sized] Top<'_, K>, "Top", "left": |top| top.places.len());
