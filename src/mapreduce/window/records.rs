//! Records that can be taken out again: what windows keep while they are open.
//!
//! One region of words: the owner's queue grows from its start, records grow down from the
//! index at its end. A record is
//!
//! | words | what |
//! |---|---|
//! | 1 | the next record of the owner's list, the key's length and whether the record is dead |
//! | 1 | the owner's tag |
//! | as many as they take | the value, the key |
//!
//! A *place* is a record's distance from the index, in words, so that it remains the same when
//! the index grows and everything below moves. Dead records are squeezed out when they make up an
//! eighth of the region: closing costs what is closed, and a fraction more.

use crate::pairs::hash::{HashSeed, prefix};

/// Words before the value.
const HEAD: usize = 2;
const DEAD: u64 = 1 << 31;
/// Slots of the index at the start.
const FEWEST_SLOTS: usize = 16;

pub(super) struct Records {
    seed: HashSeed,
    /// Bytes of every value.
    value: usize,
    /// Whether the tag is part of what a record is looked for by.
    tagged: bool,
    /// Words of the index: the high half of the hash, and the place; 0 if vacant.
    slots: usize,
    /// Words of records, and of those the dead ones'.
    used: usize,
    dead: usize,
    live: usize,
    /// Words of the owner's queue.
    pub(super) queue: usize,
}

impl Records {
    pub(super) fn new(region: &mut [u64], value: usize, tagged: bool, seed: HashSeed) -> Self {
        let mut records = Self { seed, value, tagged, slots: 0, used: 0, dead: 0, live: 0, queue: 0 };
        records.clear(region);
        records
    }

    /// The fewest words in which eight short records and their queue fit.
    pub(super) const fn least_words(value: usize, queue: usize) -> usize {
        FEWEST_SLOTS + 8 * (HEAD + value.div_ceil(8) + 2 + queue)
    }

    /// Forgets every record and the queue.
    pub(super) fn clear(&mut self, region: &mut [u64]) {
        (self.used, self.dead, self.live, self.queue) = (0, 0, 0, 0);
        self.slots = (region.len() / 64).clamp(FEWEST_SLOTS, u32::MAX as usize).min(region.len());
        let base = self.base(region);
        region[base..].fill(0);
    }

    pub(super) fn len(&self) -> usize {
        self.live
    }

    /// Bytes in use.
    pub(super) fn used_bytes(&self) -> usize {
        8 * (self.slots + self.used + self.queue)
    }

    pub(super) fn hash(&self, tag: i64, key: &[u8]) -> u32 {
        let tag = if self.tagged { tag } else { 0 };
        let hash = self.seed.hash(prefix(key), key) ^ (tag as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (hash.wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 32) as u32
    }

    fn base(&self, region: &[u64]) -> usize {
        region.len() - self.slots
    }

    /// Words that are free.
    pub(super) fn free(&self, region: &[u64]) -> usize {
        self.base(region) - self.used - self.queue
    }

    /// The free words.
    pub(super) fn free_words<'r>(&self, region: &'r mut [u64]) -> &'r mut [u64] {
        let end = self.base(region) - self.used;
        &mut region[self.queue..end]
    }

    fn words(&self, key: usize) -> usize {
        HEAD + self.value.div_ceil(8) + key.div_ceil(8)
    }

    /// The longest key that one record can have in the whole region, beside `queue` words.
    pub(super) fn longest_key(&self, region: &[u64], queue: usize) -> usize {
        let free = self.base(region).min(u32::MAX as usize).saturating_sub(queue + self.words(0));
        (8 * free).min(DEAD as usize - 1)
    }

    fn at(&self, region: &[u64], place: usize) -> usize {
        self.base(region) - place
    }

    pub(super) fn tag(&self, region: &[u64], place: usize) -> i64 {
        region[self.at(region, place) + 1] as i64
    }

    pub(super) fn set_tag(&self, region: &mut [u64], place: usize, tag: i64) {
        let at = self.at(region, place) + 1;
        region[at] = tag as u64;
    }

    pub(super) fn next(&self, region: &[u64], place: usize) -> usize {
        (region[self.at(region, place)] >> 32) as usize
    }

    pub(super) fn set_next(&self, region: &mut [u64], place: usize, next: usize) {
        let at = self.at(region, place);
        region[at] = region[at] & u64::from(u32::MAX) | (next as u64) << 32;
    }

    fn key_len(&self, word: u64) -> usize {
        (word & (DEAD - 1)) as usize
    }

    pub(super) fn key<'r>(&self, region: &'r [u64], place: usize) -> &'r [u8] {
        let at = self.at(region, place);
        let bytes: &[u8] = bytemuck::cast_slice(&region[at + self.words(0)..]);
        &bytes[..self.key_len(region[at])]
    }

    pub(super) fn key_mut<'r>(&self, region: &'r mut [u64], place: usize) -> &'r mut [u8] {
        let at = self.at(region, place);
        let len = self.key_len(region[at]);
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut region[at + self.words(0)..]);
        &mut bytes[..len]
    }

    pub(super) fn value<'r>(&self, region: &'r [u64], place: usize) -> &'r [u8] {
        let bytes: &[u8] = bytemuck::cast_slice(&region[self.at(region, place) + HEAD..]);
        &bytes[..self.value]
    }

    pub(super) fn value_mut<'r>(&self, region: &'r mut [u64], place: usize) -> &'r mut [u8] {
        let at = self.at(region, place);
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut region[at + HEAD..]);
        &mut bytes[..self.value]
    }

    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.slots as u64) >> 32) as usize
    }

    /// The first place that `same` accepts, of those whose hash this is.
    pub(super) fn find(&self, region: &[u64], hash: u32, mut same: impl FnMut(usize) -> bool) -> Option<usize> {
        let index = &region[self.base(region)..];
        let mut slot = self.home(hash);
        while index[slot] != 0 {
            let place = index[slot] as u32 as usize;
            if index[slot] >> 32 == u64::from(hash) && same(place) {
                return Some(place);
            }
            slot = if slot + 1 == self.slots { 0 } else { slot + 1 };
        }
        None
    }

    /// The place of a record with this tag and key.
    pub(super) fn find_key(&self, region: &[u64], hash: u32, tag: i64, key: &[u8]) -> Option<usize> {
        self.find(region, hash, |place| self.tag(region, place) == tag && self.key(region, place) == key)
    }

    /// Makes a record, whose key and value are still to be written. `None` if there is no room
    /// for it and `queue` more words of the queue.
    pub(super) fn reserve(
        &mut self,
        region: &mut [u64],
        hash: u32,
        (tag, key): (i64, usize),
        queue: usize,
    ) -> Option<usize> {
        let size = self.words(key);
        if (self.live + 1) * 4 > self.slots * 3 && !self.grow_index(region, size + queue) {
            return None;
        }
        if key >= DEAD as usize || self.free(region) < size + queue || self.used + size >= u32::MAX as usize {
            return None;
        }
        self.used += size;
        self.live += 1;
        let place = self.used;
        let at = self.at(region, place);
        region[at] = key as u64;
        region[at + 1] = tag as u64;
        region[at + HEAD..at + size].fill(0);
        self.enter(region, hash, place);
        Some(place)
    }

    fn enter(&self, region: &mut [u64], hash: u32, place: usize) {
        let base = self.base(region);
        let mut slot = self.home(hash);
        while region[base + slot] != 0 {
            slot = if slot + 1 == self.slots { 0 } else { slot + 1 };
        }
        region[base + slot] = u64::from(hash) << 32 | place as u64;
    }

    /// Takes a record out.
    pub(super) fn remove(&mut self, region: &mut [u64], place: usize) {
        let hash = self.hash_of(region, place);
        let base = self.base(region);
        let index = &mut region[base..];
        let after = |slot: usize| if slot + 1 == self.slots { 0 } else { slot + 1 };
        let mut hole = self.home(hash);
        while index[hole] as u32 as usize != place {
            hole = after(hole);
        }
        // What follows moves up, unless it would come before its home.
        let mut slot = hole;
        loop {
            slot = after(slot);
            let entry = index[slot];
            if entry == 0 {
                break;
            }
            let behind = |from: usize| (slot + self.slots - from) % self.slots;
            if behind(self.home((entry >> 32) as u32)) >= behind(hole) {
                index[hole] = entry;
                hole = slot;
            }
        }
        index[hole] = 0;
        let at = self.at(region, place);
        self.dead += self.words(self.key_len(region[at]));
        region[at] |= DEAD;
        self.live -= 1;
        if self.live == 0 {
            (self.used, self.dead) = (0, 0);
        }
    }

    fn hash_of(&self, region: &[u64], place: usize) -> u32 {
        self.hash(self.tag(region, place), self.key(region, place))
    }

    pub(super) fn is_dead(&self, region: &[u64], place: usize) -> bool {
        region[self.at(region, place)] & DEAD != 0
    }

    /// Whether squeezing out the dead is worth its time.
    pub(super) fn is_worth_compacting(&self, region: &[u64]) -> bool {
        self.dead * 8 >= region.len()
    }

    /// Squeezes out the dead. Places change, and the owner's lists and queue with them.
    pub(super) fn compact(&mut self, region: &mut [u64]) {
        let base = self.base(region);
        let start = base - self.used;
        let (mut from, mut to) = (start, start);
        while from < base {
            let size = self.words(self.key_len(region[from]));
            if region[from] & DEAD == 0 {
                region.copy_within(from..from + size, to);
                to += size;
            }
            from += size;
        }
        self.used = to - start;
        self.dead = 0;
        region.copy_within(start..to, base - self.used);
        self.index(region);
    }

    /// Every live place, one after the other: after `None` the first.
    pub(super) fn place_after(&self, region: &[u64], place: Option<usize>) -> Option<usize> {
        let base = self.base(region);
        let behind = |place: usize| place - self.words(self.key_len(region[base - place]));
        let mut next = place.map_or(self.used, behind);
        while next > 0 && self.is_dead(region, next) {
            next = behind(next);
        }
        (next > 0).then_some(next)
    }

    /// Sorts a list of records; returns its head. In place, by merging longer and longer lists.
    pub(super) fn sort_list(
        &self,
        region: &mut [u64],
        mut list: usize,
        before: impl Fn(&Self, &[u64], usize, usize) -> bool,
    ) -> usize {
        let mut sorted = [0; 33];
        while list != 0 {
            let next = self.next(region, list);
            self.set_next(region, list, 0);
            let mut power = 0;
            while sorted[power] != 0 && power < 32 {
                list = self.merge_lists(region, (sorted[power], list), &before);
                sorted[power] = 0;
                power += 1;
            }
            sorted[power] = list;
            list = next;
        }
        sorted
            .into_iter()
            .filter(|&list| list != 0)
            .fold(0, |all, list| if all == 0 { list } else { self.merge_lists(region, (all, list), &before) })
    }

    fn merge_lists(
        &self,
        region: &mut [u64],
        (mut a, mut b): (usize, usize),
        before: &impl Fn(&Self, &[u64], usize, usize) -> bool,
    ) -> usize {
        let (mut head, mut tail) = (0, 0);
        while a != 0 && b != 0 {
            let list = if before(self, region, b, a) { &mut b } else { &mut a };
            let first = *list;
            *list = self.next(region, first);
            if tail == 0 {
                head = first;
            } else {
                self.set_next(region, tail, first);
            }
            tail = first;
        }
        self.set_next(region, tail, a.max(b));
        head
    }

    /// Makes the index anew.
    fn index(&mut self, region: &mut [u64]) {
        let base = self.base(region);
        region[base..].fill(0);
        let mut at = base - self.used;
        while at < base {
            let size = self.words(self.key_len(region[at]));
            if region[at] & DEAD == 0 {
                let place = base - at;
                let hash = self.hash_of(region, place);
                self.enter(region, hash, place);
            }
            at += size;
        }
    }

    /// Gives the index twice the slots, or as many as there is room for beside `words`.
    fn grow_index(&mut self, region: &mut [u64], words: usize) -> bool {
        let more = self.slots.min(self.free(region).saturating_sub(words));
        if more < self.slots.div_ceil(4) {
            return false;
        }
        let base = self.base(region);
        region.copy_within(base - self.used..base, base - self.used - more);
        self.slots += more;
        self.index(region);
        true
    }
}
