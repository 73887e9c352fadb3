//! Merging sorted runs with a tree of losers.
//!
//! The first seven bytes of every reader's key and its length up to eight are kept
//! side by side as numbers, so that a match is one comparison of words in the
//! first-level cache: keys of up to seven bytes are equal if their numbers are, and
//! only longer ones are compared whole if the numbers agree. Runs are given in the
//! order in which they were made, and equal keys leave in that order.
//!
//! Tried without gain: keeping the numbers, with the keys' lengths, in the tree
//! itself, which makes ties rarer but every match longer.

use core::cmp::Ordering;

use super::counters::Counters;
use super::error::Error;
use super::run::{Buffers, EXHAUSTED, Extent, READER_WORDS, RunReader, trimmed};
use super::store::Store;
use super::table::Fold;

/// The sizes that the memory of a merge follows from, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct MergeSizes {
    pub(crate) block: usize,
    /// Room for a key and its value, a multiple of 8: the key at its beginning, the value at its end.
    pub(crate) pair: usize,
    /// The part of it that is the value's alone, if all values have one size.
    pub(crate) value: usize,
}

/// A copy of 16 bytes may begin at a key's end.
const BEHIND_KEY: usize = 16;

impl MergeSizes {
    /// Room for pairs up to `longest` bytes: of the key alone where the values have one size, otherwise
    /// of key and value together, so that it depends on no other pair whether one fits.
    pub(crate) fn new(block: usize, longest: usize, fixed: Option<usize>) -> Self {
        let value = fixed.map_or(0, |value| value.next_multiple_of(8).max(8));
        Self { block, pair: longest.next_multiple_of(8) + BEHIND_KEY + value, value }
    }

    const fn per_reader(&self) -> usize {
        8 * (2 + READER_WORDS) + self.block + self.pair
    }

    const fn once(&self) -> usize {
        2 * self.pair
    }

    /// Bytes that a merge of `fan` runs takes.
    pub(crate) const fn bytes(&self, fan: usize) -> usize {
        fan * self.per_reader() + self.once()
    }

    /// How many runs can be merged at once in `bytes`.
    pub(crate) fn fan_in(&self, bytes: usize) -> usize {
        bytes.saturating_sub(self.once()) / self.per_reader()
    }

    /// The most bytes of a pair (as [`MergeSizes::new`] counts them) that two runs can be merged with in `bytes`.
    pub(crate) fn longest(block: usize, fixed: Option<usize>, bytes: usize) -> usize {
        let none = Self::new(block, 0, fixed);
        bytes.saturating_sub(none.bytes(2)) / 4 / 8 * 8
    }
}

/// A merge under way. Its tree, readers and buffers lie in the region of words
/// that every method is given.
pub(crate) struct Merge {
    sizes: MergeSizes,
    fan: usize,
    fixed: Option<usize>,
    /// Which of the two key buffers has the last record's key.
    side: usize,
    keys: [usize; 2],
    value: usize,
}

/// Where in a pair's room a value of `len` bytes begins.
#[inline(always)]
fn value_at(sizes: &MergeSizes, len: usize) -> usize {
    sizes.pair - if sizes.value > 0 { sizes.value } else { len }
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
    /// The head of each reader's key ([`head_of`]); the greatest number when exhausted.
    heads: &'r mut [u64],
    readers: &'r mut [[u64; READER_WORDS]],
    buffers: &'r mut [u8],
    /// The last record and the one before.
    pairs: [&'r mut [u8]; 2],
}

const NOBODY: u64 = u64::MAX;

/// The length in a head of keys that it does not hold whole.
const LONG: u64 = 8;

impl Merge {
    /// Begins to merge runs, at least one, in the order in which they were made.
    pub(crate) fn open<S: Store>(
        region: &mut [u64],
        store: &mut S,
        sizes: MergeSizes,
        fixed: Option<usize>,
        runs: impl ExactSizeIterator<Item = Extent>,
    ) -> Result<Self, Error<S::Error>> {
        let merge = Self { sizes, fan: runs.len(), fixed, side: 0, keys: [0; 2], value: 0 };
        let mut parts = merge.parts(region);
        parts.tree.fill(NOBODY);
        for (i, run) in runs.enumerate() {
            let mut reader = RunReader::new(run);
            if run.offset > 0 {
                reader.resume(merge.buffers(parts.buffers, i).block, store, run.offset)?;
            }
            reader.save(&mut parts.readers[i]);
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
        let (readers, rest) = rest.split_at_mut(self.fan * READER_WORDS);
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(rest);
        let (one, bytes) = bytes.split_at_mut(self.sizes.pair);
        let (two, buffers) = bytes.split_at_mut(self.sizes.pair);
        Parts { tree, heads, readers: readers.as_chunks_mut().0, buffers, pairs: [one, two] }
    }

    #[inline(always)]
    fn buffers<'a>(&self, buffers: &'a mut [u8], i: usize) -> Buffers<'a> {
        let MergeSizes { block, pair, value } = self.sizes;
        let own = &mut buffers[i * (block + pair)..][..block + pair];
        let (pair, block) = own.split_at_mut(pair);
        let (key, value) = pair.split_at_mut(pair.len() - value);
        Buffers { block, key, value, fixed: self.fixed }
    }

    #[inline(always)]
    fn advance<S: Store>(&self, parts: &mut Parts<'_>, i: usize, store: &mut S) -> Result<(), Error<S::Error>> {
        let mut buffers = self.buffers(parts.buffers, i);
        let mut reader = RunReader::load(&parts.readers[i]);
        reader.advance(&mut buffers, store, &mut parts.heads[i])?;
        reader.save(&mut parts.readers[i]);
        Ok(())
    }

    #[inline(always)]
    fn key_len(&self, parts: &Parts<'_>, i: usize) -> usize {
        RunReader::load(&parts.readers[i]).key
    }

    #[inline(always)]
    fn key<'a>(&self, parts: &'a Parts<'_>, i: usize, len: usize) -> &'a [u8] {
        let MergeSizes { block, pair, .. } = self.sizes;
        &parts.buffers[i * (block + pair)..][..len]
    }

    /// Whether `a` comes before `b`, of readers with long keys whose heads agree.
    #[cold]
    fn tie(&self, parts: &Parts<'_>, a: usize, b: usize) -> bool {
        let (a_key, b_key) = (self.key(parts, a, self.key_len(parts, a)), self.key(parts, b, self.key_len(parts, b)));
        // The first seven bytes are known to agree.
        a_key[7..].cmp(&b_key[7..]).then(a.cmp(&b)) == Ordering::Less
    }

    /// Lets a reader with a new key play its way up.
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
            // Keys that are the same leave in the order of their runs.
            let both = |head: u64, run: u64| u128::from(head) << 64 | u128::from(run);
            let lost = if other_head ^ head | (head & 0xFF) ^ LONG == 0 {
                self.tie(parts, other as usize, player as usize)
            } else {
                both(other_head, other) < both(head, player)
            };
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
        let first = RunReader::load(&parts.readers[winner]);
        if first.key == EXHAUSTED {
            return Ok(false);
        }
        self.side ^= 1;
        self.keys[self.side] = first.key;
        self.value = first.value;
        let room = winner * (self.sizes.block + self.sizes.pair);
        let at = value_at(&self.sizes, first.value);
        let pair = &parts.buffers[room..][..self.sizes.pair];
        copy(parts.pairs[self.side], pair, first.key);
        copy(&mut parts.pairs[self.side][at..], &pair[at..], first.value);
        let first_head = parts.heads[winner];
        loop {
            self.advance(&mut parts, winner, store)?;
            self.play(&mut parts, winner);
            if !F::COMBINES {
                return Ok(true);
            }
            winner = parts.tree[0] as usize;
            if parts.heads[winner] != first_head {
                return Ok(true);
            }
            let buffers = self.buffers(parts.buffers, winner);
            if first_head & 0xFF == LONG {
                let len = RunReader::load(&parts.readers[winner]).key;
                if len != first.key || buffers.key[7..len] != parts.pairs[self.side][7..len] {
                    return Ok(true);
                }
            }
            fold.merge(&mut parts.pairs[self.side][at..][..first.value], &buffers.value[..first.value]);
            counters.combined += 1;
        }
    }

    /// The key of the record that comes next.
    pub(crate) fn peek<'r>(&self, region: &'r [u64]) -> Option<&'r [u8]> {
        let winner = region[0] as usize;
        let words = region[2 * self.fan + winner * READER_WORDS..].first_chunk()?;
        let len = RunReader::load(words).key;
        let buffers: &[u8] = bytemuck::cast_slice(&region[self.fan * (2 + READER_WORDS)..]);
        let own = &buffers[2 * self.sizes.pair + winner * (self.sizes.block + self.sizes.pair)..];
        (len != EXHAUSTED).then(|| &own[..len])
    }

    /// What is left of run `i`, from the record on that comes next of it, which must be one
    /// with a whole key; `None` if nothing is.
    pub(crate) fn rest(&self, region: &[u64], i: usize, run: Extent) -> Option<Extent> {
        let reader = RunReader::load(region[2 * self.fan + i * READER_WORDS..].first_chunk()?);
        if reader.key == EXHAUSTED {
            return None;
        }
        let buffers: &[u8] = bytemuck::cast_slice(&region[self.fan * (2 + READER_WORDS)..]);
        let own = &buffers[2 * self.sizes.pair + i * (self.sizes.block + self.sizes.pair)..];
        let value = &own[value_at(&self.sizes, reader.value)..][..reader.value];
        Some(reader.rest(run, self.sizes.block, if self.fixed.is_some() { trimmed(value) } else { value }.len()))
    }

    /// The record that [`Merge::step`] brought forth.
    #[inline]
    pub(crate) fn record<'r>(&self, region: &'r [u64]) -> Merged<'r> {
        let bytes: &[u8] = bytemuck::cast_slice(&region[self.fan * (2 + READER_WORDS)..]);
        let (one, bytes) = bytes.split_at(self.sizes.pair);
        let two = &bytes[..self.sizes.pair];
        let (own, other) = if self.side == 0 { (one, two) } else { (two, one) };
        let value = &own[value_at(&self.sizes, self.value)..][..self.value];
        Merged { key: &own[..self.keys[self.side]], before: &other[..self.keys[self.side ^ 1]], value }
    }
}

/// Copies the first `len` bytes; up to 16 as 16, if there are that many.
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
