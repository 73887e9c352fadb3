//! The table that a job fills before it sorts it.
//!
//! One region of words: bytes that do not fit an entry grow from its start (the
//! arena), entries lie at its end. An entry is three words, so that a short key
//! and its count touch one cache line:
//!
//! | word | short key (8 bytes or fewer) | longer key |
//! |---|---|---|
//! | 0 | the key, then zeros | its first 8 bytes |
//! | 1 | length, sequence number | length, 1 + place of the whole key in the arena |
//! | 2 | the value, or place and length of it in the arena | the same |
//!
//! Entries are the slots of a hash table with linear probing, or, for jobs
//! without a combiner and where combining does not pay, a list in the order of
//! arrival. They are sorted in place.
//!
//! Tried without gain: slots filled to seven of eight (fewer runs, longer
//! searches); leaving in a spilled table the short keys that had come again (an
//! eighth to a fifth fewer records are spilled at 64 KiB, but in more and shorter
//! runs, and every hit writes one word more).

use super::combiner::Combiner;
use crate::pairs::hash::{HashSeed, prefix};
use crate::pairs::{Plain, Value};

pub(crate) const ENTRY: usize = 3;
type Entry = [u64; ENTRY];

/// Slots filled, of four, before a table counts as full.
const FULL: usize = 3;

/// How the values of a job lie in entries and runs, and how two of a key become one.
pub(crate) trait Fold {
    const COMBINES: bool;
    /// Bytes of every value, if they have one size.
    const FIXED: Option<usize>;
    const INLINE: bool = matches!(Self::FIXED, Some(0..=8));
    /// Bytes at the beginning of keys; where they change, a run has a whole key, at which reading can begin.
    const GROUP: usize = 0;
    fn merge(&self, acc: &mut [u8], other: &[u8]);
}

#[inline(always)]
fn to_word<T: Plain>(value: &T) -> u64 {
    let mut bytes = [0; 8];
    value.store(&mut bytes[..T::SIZE]);
    u64::from_le_bytes(bytes)
}

#[inline(always)]
fn from_word<T: Plain>(word: u64) -> T {
    T::load(&word.to_le_bytes())
}

#[inline(always)]
fn high(word: u64) -> usize {
    (word >> 32) as usize
}

#[inline(always)]
fn low(word: u64) -> usize {
    word as u32 as usize
}

#[inline(always)]
fn pair(high: usize, low: usize) -> u64 {
    (high as u64) << 32 | low as u64
}

pub(crate) struct Table {
    /// Slots of the hash table now, and when it has grown up; 0 in a list.
    slots: usize,
    most_slots: usize,
    entries: usize,
    limit: usize,
    /// Bytes of the arena in use.
    arena: usize,
    /// Entries are a list, not a hash table.
    list: bool,
    /// Where the entries begin once they are sorted, in words.
    sorted_at: usize,
    /// What the last filling says about the next: whether it had better be a
    /// list, and the mean of bytes that an entry has in the arena.
    pub(crate) next_is_list: bool,
    pub(crate) outside: usize,
}

/// The entries after sorting.
pub(crate) struct Sorted<'r> {
    entries: &'r [Entry],
    arena: &'r [u8],
    fixed: Option<usize>,
}

impl Table {
    pub(crate) const fn new() -> Self {
        Self {
            slots: 0,
            most_slots: 0,
            entries: 0,
            limit: 0,
            arena: 0,
            list: false,
            sorted_at: 0,
            next_is_list: false,
            outside: 0,
        }
    }

    /// Starts empty. `outside` is the mean of bytes that an entry is expected to
    /// have in the arena; a first table starts small, to stay dense in the cache.
    pub(crate) fn start(&mut self, region: &mut [u64], list: bool, outside: usize, first: bool) {
        self.list = list;
        self.entries = 0;
        self.arena = 0;
        self.slots = 0;
        if list {
            self.limit = u32::MAX as usize - 1;
            return;
        }
        let most = region.len() * 8 * 4 / (ENTRY * 8 * 4 + FULL * outside);
        self.most_slots = most.clamp(2, region.len() / ENTRY).min(u32::MAX as usize);
        self.resize(region, if first { (self.most_slots / 64).max(64) } else { self.most_slots });
    }

    fn resize(&mut self, region: &mut [u64], slots: usize) {
        self.slots = slots.min(self.most_slots);
        self.limit = (self.slots * FULL / 4).max(1);
        let base = self.base(region);
        region[base..].fill(0);
    }

    /// Makes room in the arena of an empty table for a pair that has a table's
    /// worth of bytes. False if that was done before.
    pub(crate) fn make_room(&mut self, region: &mut [u64]) -> bool {
        if self.list || self.most_slots <= 2 {
            return false;
        }
        self.most_slots = 2;
        self.resize(region, 2);
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.entries
    }

    pub(crate) fn is_list(&self) -> bool {
        self.list
    }

    pub(crate) fn arena_bytes(&self) -> usize {
        self.arena
    }

    /// Bytes of the region in use.
    pub(crate) fn used_bytes(&self) -> usize {
        self.arena + 8 * ENTRY * self.slots.max(self.entries)
    }

    #[inline(always)]
    fn base(&self, region: &[u64]) -> usize {
        region.len() - ENTRY * self.slots
    }

    /// Whether one more entry (a hash table has room for it) with `outside` bytes
    /// in the arena fits.
    #[inline(always)]
    fn fits(&self, region: &[u64], outside: usize) -> bool {
        let taken = ENTRY * if self.list { self.entries + 1 } else { self.slots };
        self.arena.saturating_add(outside) <= region.len().saturating_sub(taken).saturating_mul(8)
            && taken <= region.len()
    }

    /// Adds a value to its key's accumulator. `None` if there is no room;
    /// otherwise whether the key was there.
    #[inline(always)]
    pub(crate) fn combine<C: Combiner>(
        &mut self,
        region: &mut [u64],
        seed: HashSeed,
        key: &[u8],
        value: &C::Input,
        combiner: &C,
    ) -> Option<bool> {
        if self.list {
            return self.push(region, key, &combiner.start(value)).then_some(false);
        }
        let prefix = prefix(key);
        let hash = seed.hash(prefix, key);
        let base = self.base(region);
        let mut at = base + ENTRY * home(hash, self.slots);
        let update = |word: &mut u64| {
            let mut acc = from_word(*word);
            combiner.update(&mut acc, value);
            *word = to_word(&acc);
        };
        // Reaching the end of the region is reaching the end of the table.
        if key.len() <= 8 {
            let meta = pair(key.len(), 1);
            loop {
                let Some(slot) = region.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<ENTRY>()) else {
                    at = base;
                    continue;
                };
                if slot[0] == prefix && slot[1] == meta {
                    if C::Acc::SIZE <= 8 {
                        update(&mut slot[2]);
                    } else {
                        let place = high(slot[2]);
                        Self::update_outside(region, place, value, combiner);
                    }
                    return Some(true);
                }
                if slot[1] == 0 {
                    break;
                }
                at += ENTRY;
            }
        } else {
            loop {
                let Some(&mut [first, meta, word]) = region.get_mut(at..).and_then(|rest| rest.first_chunk_mut())
                else {
                    at = base;
                    continue;
                };
                if first == prefix && high(meta) == key.len() && same_rest(region, low(meta) - 1, key) {
                    if C::Acc::SIZE <= 8 {
                        update(&mut region[at + 2]);
                    } else {
                        Self::update_outside(region, high(word), value, combiner);
                    }
                    return Some(true);
                }
                if meta == 0 {
                    break;
                }
                at += ENTRY;
            }
        }
        self.insert(region, seed, at, prefix, hash, key, &combiner.start(value))
    }

    fn update_outside<C: Combiner>(region: &mut [u64], place: usize, value: &C::Input, combiner: &C) {
        let bytes = &mut bytemuck::cast_slice_mut::<u64, u8>(region)[place..][..C::Acc::SIZE];
        let mut acc = C::Acc::load(bytes);
        combiner.update(&mut acc, value);
        acc.store(bytes);
    }

    #[inline(never)]
    #[expect(clippy::too_many_arguments, reason = "a word each, in registers: the hot path")]
    fn insert<T: Plain>(
        &mut self,
        region: &mut [u64],
        seed: HashSeed,
        mut at: usize,
        prefix: u64,
        hash: u64,
        key: &[u8],
        acc: &T,
    ) -> Option<bool> {
        if self.entries == self.limit {
            if !self.grow(region, seed) {
                return None;
            }
            let base = self.base(region);
            at = vacant(region, base, base + ENTRY * home(hash, self.slots));
        }
        let entry = self.entry(region, prefix, key, acc, 1)?;
        region[at..at + ENTRY].copy_from_slice(&entry);
        self.entries += 1;
        Some(false)
    }

    /// Appends a pair to a list; false if there is no room.
    #[inline(always)]
    pub(crate) fn push<V: Value + ?Sized>(&mut self, region: &mut [u64], key: &[u8], value: &V) -> bool {
        if self.entries >= self.limit {
            return false;
        }
        let Some(entry) = self.entry(region, prefix(key), key, value, self.entries + 1) else { return false };
        self.entries += 1;
        let at = region.len() - ENTRY * self.entries;
        region[at..at + ENTRY].copy_from_slice(&entry);
        true
    }

    /// An entry, with what does not fit it written to the arena.
    #[inline(always)]
    fn entry<V: Value + ?Sized>(
        &mut self,
        region: &mut [u64],
        prefix: u64,
        key: &[u8],
        value: &V,
        sequence: usize,
    ) -> Option<Entry> {
        let inline = V::FIXED.is_some_and(|size| size <= 8);
        let outside = if key.len() > 8 { key.len() } else { 0 } + if inline { 0 } else { value.size() };
        if !self.fits(region, outside) || self.arena + outside >= u32::MAX as usize {
            return None;
        }
        let mut number = sequence;
        if key.len() > 8 {
            number = self.arena + 1;
            bytemuck::cast_slice_mut::<u64, u8>(region)[self.arena..][..key.len()].copy_from_slice(key);
            self.arena += key.len();
        }
        let word = self.word(region, value);
        Some([prefix, pair(key.len(), number), word])
    }

    /// The word of a value: itself, or where it lies in the arena, which has room for it.
    #[inline(always)]
    fn word<V: Value + ?Sized>(&mut self, region: &mut [u64], value: &V) -> u64 {
        if V::FIXED.is_some_and(|size| size <= 8) {
            let mut bytes = [0; 8];
            value.write(&mut bytes);
            u64::from_le_bytes(bytes)
        } else {
            let size = value.size();
            value.write(&mut bytemuck::cast_slice_mut::<u64, u8>(region)[self.arena..][..size]);
            self.arena += size;
            pair(self.arena - size, size)
        }
    }

    /// Whether a key of more than eight bytes and its value fit after the arena; the key is encoded there.
    fn stage<V: Value + ?Sized>(
        &mut self,
        region: &mut [u64],
        len: usize,
        encode: impl FnOnce(&mut [u8]),
        value: &V,
    ) -> bool {
        let outside = len.saturating_add(if V::FIXED.is_some_and(|size| size <= 8) { 0 } else { value.size() });
        if !self.fits(region, outside) || self.arena.saturating_add(outside) >= u32::MAX as usize {
            return false;
        }
        encode(&mut bytemuck::cast_slice_mut::<u64, u8>(region)[self.arena..][..len]);
        true
    }

    /// As [`Table::combine`], for a key whose encoding is too long to be made elsewhere: it is
    /// made where it would stay. `len` is more than eight.
    #[cold]
    pub(crate) fn combine_long<C: Combiner>(
        &mut self,
        region: &mut [u64],
        seed: HashSeed,
        (len, encode): (usize, impl FnOnce(&mut [u8])),
        value: &C::Input,
        combiner: &C,
    ) -> Option<bool> {
        let start = combiner.start(value);
        if self.list {
            return self.push_long(region, (len, encode), &start).then_some(false);
        }
        if !self.stage(region, len, encode, &start) {
            return None;
        }
        let place = self.arena;
        let own = &bytemuck::cast_slice::<u64, u8>(region)[place..][..len];
        let first = prefix(own);
        let hash = seed.hash(first, own);
        let base = self.base(region);
        let mut at = base + ENTRY * home(hash, self.slots);
        loop {
            if at == region.len() {
                at = base;
            }
            let (head, meta, word) = (region[at], region[at + 1], region[at + 2]);
            if meta == 0 {
                break;
            }
            let bytes = bytemuck::cast_slice::<u64, u8>(region);
            if head == first && high(meta) == len && bytes[low(meta) - 1..][..len] == bytes[place..][..len] {
                if C::Acc::SIZE <= 8 {
                    let mut acc = from_word(word);
                    combiner.update(&mut acc, value);
                    region[at + 2] = to_word(&acc);
                } else {
                    Self::update_outside(region, high(word), value, combiner);
                }
                return Some(true);
            }
            at += ENTRY;
        }
        // The key stays where it is while the table grows, which may leave no room for the value.
        self.arena += len;
        let grown = self.entries < self.limit || self.grow(region, seed);
        if !grown || !self.fits(region, if C::Acc::SIZE <= 8 { 0 } else { C::Acc::SIZE }) {
            self.arena = place;
            return None;
        }
        let base = self.base(region);
        let at = vacant(region, base, base + ENTRY * home(hash, self.slots));
        let word = self.word(region, &start);
        region[at..at + ENTRY].copy_from_slice(&[first, pair(len, place + 1), word]);
        self.entries += 1;
        Some(false)
    }

    /// As [`Table::push`], for a key whose encoding is too long to be made elsewhere.
    #[cold]
    pub(crate) fn push_long<V: Value + ?Sized>(
        &mut self,
        region: &mut [u64],
        (len, encode): (usize, impl FnOnce(&mut [u8])),
        value: &V,
    ) -> bool {
        if self.entries >= self.limit || !self.stage(region, len, encode, value) {
            return false;
        }
        let place = self.arena;
        let first = prefix(&bytemuck::cast_slice::<u64, u8>(region)[place..][..len]);
        self.arena += len;
        let word = self.word(region, value);
        self.entries += 1;
        let at = region.len() - ENTRY * self.entries;
        region[at..at + ENTRY].copy_from_slice(&[first, pair(len, place + 1), word]);
        true
    }

    /// Gives the table four times the slots, or as many as there is room for.
    #[cold]
    fn grow(&mut self, region: &mut [u64], seed: HashSeed) -> bool {
        // The entries wait between the arena and the new slots while they are placed again.
        let staged = ENTRY * self.entries;
        let room = (region.len() - self.arena.div_ceil(8)).saturating_sub(staged) / ENTRY;
        let slots = (self.slots * 4).min(self.most_slots).min(room);
        if slots * 4 < self.slots * 5 {
            return false;
        }
        let mut to = region.len() - ENTRY * slots - staged;
        let stage = to;
        for from in (self.base(region)..region.len()).step_by(ENTRY) {
            if region[from + 1] != 0 {
                region.copy_within(from..from + ENTRY, to);
                to += ENTRY;
            }
        }
        self.place_staged(region, seed, slots, stage);
        true
    }

    /// Makes a hash table of `slots` of the entries that lie just before it.
    fn place_staged(&mut self, region: &mut [u64], seed: HashSeed, slots: usize, stage: usize) {
        self.resize(region, slots);
        let base = self.base(region);
        for from in (stage..base).step_by(ENTRY) {
            let [prefix, meta, _] = region[from..from + ENTRY] else { continue };
            let hash = if high(meta) <= 8 {
                seed.hash(prefix, &[0; 8][..high(meta)])
            } else {
                let place = low(meta) - 1;
                seed.hash(prefix, &bytemuck::cast_slice(region)[place..][..high(meta)])
            };
            let at = vacant(region, base, base + ENTRY * home(hash, slots));
            region.copy_within(from..from + ENTRY, at);
            if high(meta) <= 8 {
                region[at + 1] = pair(high(meta), 1);
            }
        }
    }

    /// Sorts the entries by key, then by order of arrival, and combines what has
    /// the same key. Nothing can be added until the next start.
    pub(crate) fn sort<F: Fold>(&mut self, region: &mut [u64], fold: &F) {
        self.sorted_at = region.len() - ENTRY * self.entries;
        if !self.list {
            self.sorted_at = self.base(region);
            let mut to = self.sorted_at;
            for from in (to..region.len()).step_by(ENTRY) {
                if region[from + 1] != 0 {
                    region.copy_within(from..from + ENTRY, to);
                    to += ENTRY;
                }
            }
        }
        let (below, entries) = region.split_at_mut(self.sorted_at);
        let arena: &mut [u8] = bytemuck::cast_slice_mut(below);
        let (entries, _) = entries[..ENTRY * self.entries].as_chunks_mut::<ENTRY>();
        sort_entries(entries, arena);
        if F::COMBINES && self.list {
            self.entries = unite(entries, arena, fold);
        }
    }

    /// Makes a table again of what [`Table::sort`] left, without its first `gone`
    /// entries: a hash table if there is room to make one, else a list.
    pub(crate) fn keep_behind<F: Fold>(&mut self, region: &mut [u64], seed: HashSeed, gone: usize) {
        let kept = self.entries - gone;
        let (below, entries) = region.split_at_mut(self.sorted_at);
        let arena: &mut [u8] = bytemuck::cast_slice_mut(below);
        let (entries, _) = entries[ENTRY * gone..ENTRY * self.entries].as_chunks_mut::<ENTRY>();
        // What they have in the arena moves down in the order in which it lies there.
        let outside = |entry: &Entry| {
            let key = if high(entry[1]) > 8 { high(entry[1]) } else { 0 };
            let value = if F::INLINE { 0 } else { low(entry[2]) };
            let from = if key > 0 { low(entry[1]) - 1 } else { high(entry[2]) };
            (from, key, value)
        };
        entries.sort_unstable_by_key(|entry| {
            let (from, key, value) = outside(entry);
            if key + value > 0 { from } else { 0 }
        });
        self.arena = 0;
        for (i, entry) in entries.iter_mut().enumerate() {
            let (from, key, value) = outside(entry);
            arena.copy_within(from..from + key + value, self.arena);
            entry[0] = entry[0].swap_bytes();
            entry[1] = pair(high(entry[1]), 1 + if key > 0 { self.arena } else { i });
            if !F::INLINE {
                entry[2] = pair(self.arena + key, value);
            }
            self.arena += key + value;
        }
        let end = region.len();
        let at = self.sorted_at + ENTRY * gone;
        region.copy_within(at..at + ENTRY * kept, end - ENTRY * kept);
        self.entries = kept;
        self.list = true;
        self.slots = 0;
        self.limit = u32::MAX as usize - 1;
        if F::COMBINES {
            self.hash_list(region, seed);
        }
    }

    /// Makes a hash table of a list, if there is room beside it.
    fn hash_list(&mut self, region: &mut [u64], seed: HashSeed) {
        let staged = ENTRY * self.entries;
        let room = (region.len() - self.arena.div_ceil(8)).saturating_sub(staged) / ENTRY;
        let slots = self.most_slots.min(room);
        if slots * FULL / 4 < self.entries + self.entries / 4 + 1 {
            return;
        }
        let end = region.len();
        let stage = end - ENTRY * slots - staged;
        region.copy_within(end - staged.., stage);
        self.list = false;
        self.place_staged(region, seed, slots, stage);
    }

    /// What [`Table::sort`] left.
    #[inline]
    pub(crate) fn sorted<'r, F: Fold>(&self, region: &'r [u64]) -> Sorted<'r> {
        let (below, entries) = region.split_at(self.sorted_at);
        let (entries, _) = entries[..ENTRY * self.entries].as_chunks::<ENTRY>();
        Sorted { entries, arena: bytemuck::cast_slice(below), fixed: F::FIXED }
    }
}

fn sort_entries(entries: &mut [Entry], arena: &[u8]) {
    for entry in &mut *entries {
        // From little-endian to a number that is ordered as the bytes are.
        entry[0] = entry[0].swap_bytes();
    }
    entries.sort_unstable_by_key(|entry| u128::from(entry[0]) << 64 | u128::from(entry[1]));
    // That is the order, except among longer keys that agree in eight bytes.
    let mut from = 0;
    while from < entries.len() {
        let first = entries[from][0];
        let mut to = from + 1;
        while to < entries.len() && entries[to][0] == first {
            to += 1;
        }
        if to - from > 1 && high(entries[to - 1][1]) > 8 {
            let long = from + entries[from..to].partition_point(|entry| high(entry[1]) <= 8);
            let rest = |entry: &Entry| &arena[low(entry[1]) + 7..][..high(entry[1]) - 8];
            entries[long..to].sort_unstable_by(|a, b| rest(a).cmp(rest(b)).then(low(a[1]).cmp(&low(b[1]))));
        }
        from = to;
    }
}

/// Combines neighbours with the same key; returns how many entries remain.
fn unite<F: Fold>(entries: &mut [Entry], arena: &mut [u8], fold: &F) -> usize {
    let mut kept = 0;
    for from in 0..entries.len() {
        let entry = entries[from];
        if from > 0 && same_key(&entries[kept - 1], &entry, arena) {
            let acc = &mut entries[kept - 1];
            if F::INLINE {
                let size = F::FIXED.unwrap_or(0);
                let mut bytes = acc[2].to_le_bytes();
                fold.merge(&mut bytes[..size], &entry[2].to_le_bytes()[..size]);
                acc[2] = u64::from_le_bytes(bytes);
            } else {
                // Both lie in the arena, the accumulator's before the other's.
                let (head, tail) = arena.split_at_mut(high(entry[2]).max(high(acc[2])));
                let near = high(entry[2]).min(high(acc[2]));
                let (near, far) = (&mut head[near..][..low(acc[2])], &mut tail[..low(acc[2])]);
                if high(acc[2]) < high(entry[2]) { fold.merge(near, far) } else { fold.merge(far, near) }
            }
        } else {
            entries[kept] = entry;
            kept += 1;
        }
    }
    kept
}

fn same_key(a: &Entry, b: &Entry, arena: &[u8]) -> bool {
    a[0] == b[0]
        && high(a[1]) == high(b[1])
        && (high(a[1]) <= 8 || arena[low(a[1]) - 1..][..high(a[1])] == arena[low(b[1]) - 1..][..high(b[1])])
}

/// Whether the key at `place` of the arena, as long as `key` and with its first
/// eight bytes, is `key`.
#[inline(always)]
fn same_rest(region: &[u64], place: usize, key: &[u8]) -> bool {
    let stored = &bytemuck::cast_slice::<u64, u8>(region)[place..][..key.len()];
    if key.len() <= 16 {
        // The last eight bytes overlap the first, which are known to agree.
        stored.last_chunk::<8>() == key.last_chunk::<8>()
    } else {
        stored[8..] == key[8..]
    }
}

impl<'r> Sorted<'r> {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The first eight bytes of a key as a number, and its length.
    #[inline(always)]
    pub(crate) fn head(&self, i: usize) -> (u64, usize) {
        (self.entries[i][0], high(self.entries[i][1]))
    }

    /// The key of entry `i`, a short one by way of `short`.
    #[inline(always)]
    pub(crate) fn key<'a>(&self, i: usize, short: &'a mut [u8; 8]) -> &'a [u8]
    where
        'r: 'a,
    {
        *short = self.entries[i][0].to_be_bytes();
        self.key_from(i, short)
    }

    /// The key of entry `i`; a short one is already in `short`.
    #[inline(always)]
    pub(crate) fn key_from<'a>(&self, i: usize, short: &'a [u8; 8]) -> &'a [u8]
    where
        'r: 'a,
    {
        let len = high(self.entries[i][1]);
        if len <= 8 { &short[..len] } else { self.long_key(i) }
    }

    /// The key of entry `i`, which has more than eight bytes.
    #[inline(always)]
    pub(crate) fn long_key(&self, i: usize) -> &'r [u8] {
        let meta = self.entries[i][1];
        &self.arena[low(meta) - 1..][..high(meta)]
    }

    /// The value of entry `i`, a small one by way of `small`.
    #[inline(always)]
    pub(crate) fn value<'a>(&self, i: usize, small: &'a mut [u8; 8]) -> &'a [u8]
    where
        'r: 'a,
    {
        *small = self.entries[i][2].to_le_bytes();
        self.value_from(i, small)
    }

    /// The value of entry `i`; a small one is already in `small`.
    #[inline(always)]
    pub(crate) fn value_from<'a>(&self, i: usize, small: &'a [u8; 8]) -> &'a [u8]
    where
        'r: 'a,
    {
        match self.fixed {
            Some(size @ 0..=8) => &small[..size],
            _ => {
                let word = self.entries[i][2];
                &self.arena[high(word)..][..low(word)]
            }
        }
    }
}

#[inline(always)]
fn home(hash: u64, slots: usize) -> usize {
    (((hash >> 32) * slots as u64) >> 32) as usize
}

fn vacant(region: &[u64], base: usize, mut at: usize) -> usize {
    loop {
        if at == region.len() {
            at = base;
        }
        if region[at + 1] == 0 {
            return at;
        }
        at += ENTRY;
    }
}
