//! Merging sorted runs with a tree of losers.
//!
//! The first eight bytes of every cursor's key are kept side by side as
//! numbers, so that most matches are one comparison of words in the first
//! cache; keys are compared whole only where those agree. Runs are given in
//! the order in which they were made and equal keys leave in that order.
//!
//! Tried, without gain: the numbers, with the keys' lengths, in the tree itself,
//! which makes ties rarer and every match longer.

use core::cmp::Ordering;

use super::counters::Counters;
use super::error::Error;
use super::run::{Buffers, CURSOR_WORDS, Cursor, EXHAUSTED, Extent};
use super::store::Store;
use super::table::Fold;

/// The sizes that the memory of a merge follows from, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) block: usize,
    /// Room for a key and for a value, both multiples of 8.
    pub(crate) key: usize,
    pub(crate) value: usize,
}

impl Sizes {
    /// Room for keys and values up to these lengths; a copy of 16 bytes may begin at a key's end.
    pub(crate) fn new(block: usize, longest_key: usize, longest_value: usize) -> Self {
        Self { block, key: longest_key.next_multiple_of(8) + 16, value: longest_value.next_multiple_of(8).max(8) }
    }

    const fn per_cursor(&self) -> usize {
        8 * (2 + CURSOR_WORDS) + self.block + self.key + self.value
    }

    const fn once(&self) -> usize {
        2 * self.key + self.value
    }

    /// Bytes that a merge of `fan` runs takes.
    pub(crate) const fn bytes(&self, fan: usize) -> usize {
        fan * self.per_cursor() + self.once()
    }

    /// How many runs can be merged at once in `bytes`.
    pub(crate) fn fan_in(&self, bytes: usize) -> usize {
        bytes.saturating_sub(self.once()) / self.per_cursor()
    }
}

/// A merge under way. Its tree, cursors and buffers lie in the region of words
/// that every method is given.
pub(crate) struct Merge {
    sizes: Sizes,
    fan: usize,
    fixed: Option<usize>,
    /// Which of the two key buffers has the last record's key.
    side: usize,
    keys: [usize; 2],
    value: usize,
}

/// A record that a merge has brought forth.
pub(crate) struct Merged<'a> {
    pub(crate) key: &'a [u8],
    /// The key of the record before.
    pub(crate) before: &'a [u8],
    pub(crate) value: &'a [u8],
}

struct Parts<'r> {
    /// `tree[0]` is the winner; the others are the losers of their matches.
    tree: &'r mut [u64],
    /// The first eight bytes of each cursor's key; the greatest number when exhausted.
    heads: &'r mut [u64],
    cursors: &'r mut [[u64; CURSOR_WORDS]],
    buffers: &'r mut [u8],
    keys: [&'r mut [u8]; 2],
    value: &'r mut [u8],
}

const NOBODY: u64 = u64::MAX;

/// The first eight bytes of a key in a buffer with at least eight, as a number
/// ordered as the bytes are.
#[inline(always)]
fn head(key: &[u8], len: usize) -> u64 {
    let word = key.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    if len >= 8 { word } else { word & !(u64::MAX >> (4 * len) >> (4 * len)) }
}

impl Merge {
    /// Begins to merge runs, at least one, in the order of their making.
    pub(crate) fn open<S: Store>(
        region: &mut [u64],
        store: &mut S,
        sizes: Sizes,
        fixed: Option<usize>,
        runs: impl ExactSizeIterator<Item = Extent>,
    ) -> Result<Self, Error<S::Error>> {
        let merge = Self { sizes, fan: runs.len(), fixed, side: 0, keys: [0; 2], value: 0 };
        let mut parts = merge.parts(region);
        parts.tree.fill(NOBODY);
        for (i, run) in runs.enumerate() {
            Cursor::new(run).save(&mut parts.cursors[i]);
            merge.advance(&mut parts, i, store)?;
        }
        for leaf in 0..merge.fan {
            merge.play(&mut parts, leaf);
        }
        Ok(merge)
    }

    #[inline(always)]
    fn parts<'r>(&self, region: &'r mut [u64]) -> Parts<'r> {
        let (tree, rest) = region.split_at_mut(self.fan);
        let (heads, rest) = rest.split_at_mut(self.fan);
        let (cursors, rest) = rest.split_at_mut(self.fan * CURSOR_WORDS);
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(rest);
        let (one, bytes) = bytes.split_at_mut(self.sizes.key);
        let (two, bytes) = bytes.split_at_mut(self.sizes.key);
        let (value, buffers) = bytes.split_at_mut(self.sizes.value);
        Parts { tree, heads, cursors: cursors.as_chunks_mut().0, buffers, keys: [one, two], value }
    }

    #[inline(always)]
    fn buffers<'a>(&self, buffers: &'a mut [u8], i: usize) -> Buffers<'a> {
        let Sizes { block, key, value } = self.sizes;
        let own = &mut buffers[i * (block + key + value)..][..block + key + value];
        let (key_out, own) = own.split_at_mut(key);
        let (value, block) = own.split_at_mut(value);
        Buffers { block, key: key_out, value, fixed: self.fixed }
    }

    #[inline(always)]
    fn advance<S: Store>(&self, parts: &mut Parts<'_>, i: usize, store: &mut S) -> Result<(), Error<S::Error>> {
        let mut buffers = self.buffers(parts.buffers, i);
        let mut cursor = Cursor::load(&parts.cursors[i]);
        cursor.advance(&mut buffers, store)?;
        parts.heads[i] = if cursor.key == EXHAUSTED { u64::MAX } else { head(buffers.key, cursor.key) };
        cursor.save(&mut parts.cursors[i]);
        Ok(())
    }

    #[inline(always)]
    fn key_len(&self, parts: &Parts<'_>, i: usize) -> usize {
        Cursor::load(&parts.cursors[i]).key
    }

    #[inline(always)]
    fn key<'a>(&self, parts: &'a Parts<'_>, i: usize, len: usize) -> &'a [u8] {
        let Sizes { block, key, value } = self.sizes;
        &parts.buffers[i * (block + key + value)..][..len]
    }

    /// Cursors whose heads agree.
    #[cold]
    fn tie(&self, parts: &Parts<'_>, a: usize, b: usize) -> bool {
        let (a_len, b_len) = (self.key_len(parts, a), self.key_len(parts, b));
        if a_len == EXHAUSTED || b_len == EXHAUSTED {
            return a_len != EXHAUSTED;
        }
        let order = if a_len <= 8 || b_len <= 8 {
            a_len.cmp(&b_len)
        } else {
            self.key(parts, a, a_len).cmp(self.key(parts, b, b_len))
        };
        order.then(a.cmp(&b)) == Ordering::Less
    }

    /// Lets a cursor with a new key play its way up.
    #[inline(always)]
    fn play(&self, parts: &mut Parts<'_>, leaf: usize) {
        let (mut player, mut head) = (leaf as u64, parts.heads[leaf]);
        let mut node = (leaf + self.fan) / 2;
        while node > 0 {
            let other = parts.tree[node];
            if other == NOBODY {
                parts.tree[node] = player;
                return;
            }
            let other_head = parts.heads[other as usize];
            let lost =
                if other_head == head { self.tie(parts, other as usize, player as usize) } else { other_head < head };
            parts.tree[node] = core::hint::select_unpredictable(lost, player, other);
            player = core::hint::select_unpredictable(lost, other, player);
            head = core::hint::select_unpredictable(lost, other_head, head);
            node /= 2;
        }
        parts.tree[0] = player;
    }

    /// Brings forth the next record; false at the end.
    #[inline]
    pub(crate) fn step<S: Store, F: Fold>(
        &mut self,
        region: &mut [u64],
        store: &mut S,
        fold: &F,
        counters: &mut Counters,
    ) -> Result<bool, Error<S::Error>> {
        let mut parts = self.parts(region);
        let mut winner = parts.tree[0] as usize;
        let first = Cursor::load(&parts.cursors[winner]);
        if first.key == EXHAUSTED {
            return Ok(false);
        }
        self.side ^= 1;
        self.keys[self.side] = first.key;
        self.value = first.value;
        let buffers = self.buffers(parts.buffers, winner);
        copy(parts.keys[self.side], buffers.key, first.key);
        copy(parts.value, buffers.value, first.value);
        let first_head = parts.heads[winner];
        loop {
            self.advance(&mut parts, winner, store)?;
            self.play(&mut parts, winner);
            if !F::COMBINES {
                return Ok(true);
            }
            winner = parts.tree[0] as usize;
            if parts.heads[winner] != first_head || self.key_len(&parts, winner) != first.key {
                return Ok(true);
            }
            let buffers = self.buffers(parts.buffers, winner);
            if first.key > 8 && buffers.key[8..first.key] != parts.keys[self.side][8..first.key] {
                return Ok(true);
            }
            fold.merge(&mut parts.value[..first.value], &buffers.value[..first.value]);
            counters.combined += 1;
        }
    }

    /// The record that [`Merge::step`] brought forth.
    #[inline]
    pub(crate) fn record<'r>(&self, region: &'r [u64]) -> Merged<'r> {
        let bytes: &[u8] = bytemuck::cast_slice(&region[self.fan * (2 + CURSOR_WORDS)..]);
        let (one, bytes) = bytes.split_at(self.sizes.key);
        let (two, bytes) = bytes.split_at(self.sizes.key);
        let (one, two) = (&one[..self.keys[0]], &two[..self.keys[1]]);
        let (key, before) = if self.side == 0 { (one, two) } else { (two, one) };
        Merged { key, before, value: &bytes[..self.value] }
    }
}

/// Copies the first `len` bytes; up to 16 as 16, where there are so many.
#[inline(always)]
fn copy(out: &mut [u8], from: &[u8], len: usize) {
    if len <= 16
        && let (Some(out), Some(from)) = (out.first_chunk_mut::<16>(), from.first_chunk::<16>())
    {
        *out = *from;
    } else {
        out[..len].copy_from_slice(&from[..len]);
    }
}
