//! The panes of open windows, in the queue of their records, each with a list of its own.

use super::super::combiner::Combiner;
use super::records::Records;
use crate::pairs::Plain;
use crate::pairs::hash::HashSeed;

/// Words of a pane in the queue: its start; the head of its list and whether that is sorted;
/// a place in the heap of panes that are merged.
pub(super) const PANE: usize = 3;
const SORTED: u64 = 1 << 32;

pub(super) struct Panes {
    pub(super) records: Records,
    /// Panes before the first, which are closed, and panes.
    closed: usize,
    len: usize,
}

/// Panes being merged: a heap of the first records of their lists, in the panes' own words.
pub(super) struct Open {
    first: usize,
    len: usize,
}

impl Panes {
    pub(super) fn new(region: &mut [u64], value: usize, seed: HashSeed) -> Self {
        Self { records: Records::new(region, value, true, seed), closed: 0, len: 0 }
    }

    pub(super) fn clear(&mut self, region: &mut [u64]) {
        (self.closed, self.len) = (0, 0);
        self.records.clear(region);
    }

    fn at(&self, i: usize) -> usize {
        PANE * (self.closed + i)
    }

    pub(super) fn start(&self, region: &[u64], i: usize) -> i64 {
        region[self.at(i)] as i64
    }

    /// The start of the first pane.
    pub(super) fn first(&self, region: &[u64]) -> Option<i64> {
        (self.len > 0).then(|| self.start(region, 0))
    }

    /// The first pane whose start `is_there`, which no pane before it is.
    pub(super) fn first_after(&self, region: &[u64], is_there: impl Fn(i64) -> bool) -> Option<usize> {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low + (high - low) / 2;
            if is_there(self.start(region, middle)) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        (low < self.len).then_some(low)
    }

    /// The pane with this start, or where it would be. Usually it is the last.
    fn find(&self, region: &[u64], start: i64) -> Result<usize, usize> {
        match self.len.checked_sub(1) {
            None => return Err(0),
            Some(last) if self.start(region, last) == start => return Ok(last),
            Some(last) if self.start(region, last) < start => return Err(self.len),
            Some(_) => {}
        }
        let at = self.first_after(region, |own| own >= start).unwrap_or(self.len);
        if self.start(region, at) == start { Ok(at) } else { Err(at) }
    }

    fn head(&self, region: &[u64], i: usize) -> usize {
        region[self.at(i) + 1] as u32 as usize
    }

    fn set_head(&self, region: &mut [u64], i: usize, place: usize, sorted: u64) {
        let at = self.at(i) + 1;
        region[at] = place as u64 | sorted;
    }

    /// Makes a record in a pane, and the pane if need be. `None` if there is no room.
    pub(super) fn reserve(&mut self, region: &mut [u64], hash: u32, pane: i64, key: usize) -> Option<usize> {
        let found = self.find(region, pane);
        let place = self.records.reserve(region, hash, (pane, key), if found.is_ok() { 0 } else { PANE })?;
        let i = found.unwrap_or_else(|i| {
            let (from, to) = (self.at(i), self.at(self.len));
            region.copy_within(from..to, from + PANE);
            region[from..from + PANE].copy_from_slice(&[pane as u64, 0, 0]);
            self.len += 1;
            self.records.queue = self.at(self.len);
            i
        });
        self.link(region, i, place);
        Some(place)
    }

    fn link(&self, region: &mut [u64], i: usize, place: usize) {
        self.records.set_next(region, place, self.head(region, i));
        self.set_head(region, i, place, 0);
    }

    /// Squeezes out the dead, and links the living again.
    pub(super) fn compact(&mut self, region: &mut [u64]) {
        self.records.compact(region);
        (0..self.len).for_each(|i| self.set_head(region, i, 0, 0));
        let mut place = self.records.place_after(region, None);
        while let Some(own) = place {
            if let Ok(i) = self.find(region, self.records.tag(region, own)) {
                self.link(region, i, own);
            }
            place = self.records.place_after(region, Some(own));
        }
    }

    /// Forgets the first panes, with their records, while `is_over`.
    pub(super) fn drop_while(&mut self, region: &mut [u64], is_over: impl Fn(i64) -> bool) {
        while self.len > 0 && is_over(self.start(region, 0)) {
            let mut place = self.head(region, 0);
            while place != 0 {
                let next = self.records.next(region, place);
                self.records.remove(region, place);
                place = next;
            }
            self.closed += 1;
            self.len -= 1;
        }
        if self.closed > self.len {
            region.copy_within(self.at(0)..self.at(self.len), 0);
            self.closed = 0;
        }
        self.records.queue = self.at(self.len);
    }

    /// Begins to merge the panes whose starts are in these times.
    pub(super) fn open(&self, region: &mut [u64], (from, to): (i64, i128)) -> Open {
        let first = self.first_after(region, |start| start >= from).unwrap_or(self.len);
        let end = self.first_after(region, |start| i128::from(start) >= to).unwrap_or(self.len);
        let mut open = Open { first, len: 0 };
        for i in first..end {
            if region[self.at(i) + 1] & SORTED == 0 {
                let list = self.head(region, i);
                let by_key = |records: &Records, region: &[u64], a: usize, b: usize| {
                    records.key(region, a) < records.key(region, b)
                };
                let list = self.records.sort_list(region, list, by_key);
                self.set_head(region, i, list, SORTED);
            }
            let place = self.head(region, i);
            open.len += 1;
            self.rise(region, &open, place);
        }
        open
    }

    fn heap(&self, region: &[u64], open: &Open, i: usize) -> usize {
        region[self.at(open.first + i) + 2] as usize
    }

    fn set_heap(&self, region: &mut [u64], open: &Open, i: usize, place: usize) {
        let at = self.at(open.first + i) + 2;
        region[at] = place as u64;
    }

    /// Puts a record on the heap's last place, and where it belongs.
    fn rise(&self, region: &mut [u64], open: &Open, place: usize) {
        let mut at = open.len - 1;
        while at > 0 {
            let above = self.heap(region, open, (at - 1) / 2);
            if self.records.key(region, above) <= self.records.key(region, place) {
                break;
            }
            self.set_heap(region, open, at, above);
            at = (at - 1) / 2;
        }
        self.set_heap(region, open, at, place);
    }

    /// Puts a record on the heap's top, and where it belongs.
    fn sink(&self, region: &mut [u64], open: &Open, place: usize) {
        let mut at = 0;
        loop {
            let mut below = 2 * at + 1;
            if below >= open.len {
                break;
            }
            let key = |i: usize| self.records.key(region, self.heap(region, open, i));
            if below + 1 < open.len && key(below + 1) < key(below) {
                below += 1;
            }
            if self.records.key(region, place) <= key(below) {
                break;
            }
            let up = self.heap(region, open, below);
            self.set_heap(region, open, at, up);
            at = below;
        }
        self.set_heap(region, open, at, place);
    }

    fn pop(&self, region: &mut [u64], open: &mut Open) -> usize {
        let top = self.heap(region, open, 0);
        let mut next = self.records.next(region, top);
        if next == 0 {
            open.len -= 1;
            next = self.heap(region, open, open.len);
        }
        if open.len > 0 {
            self.sink(region, open, next);
        }
        top
    }

    /// The next key, by one of its records, with what all of them hold together.
    pub(super) fn take<C: Combiner>(
        &self,
        region: &mut [u64],
        open: &mut Open,
        combiner: &C,
    ) -> Option<(usize, C::Acc)> {
        if open.len == 0 {
            return None;
        }
        let place = self.pop(region, open);
        let mut acc = C::Acc::load(self.records.value(region, place));
        while open.len > 0 {
            let other = self.heap(region, open, 0);
            if self.records.key(region, other) != self.records.key(region, place) {
                break;
            }
            self.pop(region, open);
            combiner.merge(&mut acc, &C::Acc::load(self.records.value(region, other)));
        }
        Some((place, acc))
    }
}
