//! Sorted runs: blocks with checksums, records with compressed keys.
//!
//! A run is a stream of records cut into blocks. A block is a header of eight
//! bytes (checksum, bytes used; little-endian `u32`) and its part of the stream;
//! all blocks of a job have one size, but a run's last may be shorter. A record is
//!
//! | field | bytes |
//! |---|---|
//! | `s`: leading bytes that the key shares with the previous record's | LEB128 |
//! | `n`: bytes of the key after those | LEB128 |
//! | `v`: bytes of the value; if values have a fixed size, without the zeros at its end | LEB128 |
//! | the key's last `n` bytes, the value's first `v` | `n + v` |
//!
//! so a merged run is never longer than the runs it came from.

use super::error::Error;
use super::store::{Space, Stack, Store};
use crate::pairs::hash::checksum;

pub(crate) const HEADER: usize = 8;

/// Where a run lies, in bytes of its stack's room.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) stack: Stack,
    pub(crate) start: u64,
    pub(crate) len: u64,
    /// Where in its first block the first record begins that is still to be read; 0 at the run's beginning.
    pub(crate) offset: usize,
    /// Makes the checksums of two runs at one place differ, in the topmost bits.
    pub(crate) serial: u64,
}

pub(crate) struct RunWriter {
    extent: Extent,
    /// Bytes that the run may have, and the store's capacity, for the error.
    room: u64,
    capacity: u64,
    /// Bytes that a write must be a multiple of.
    unit: usize,
    /// Bytes of the open block in use.
    fill: usize,
}

#[inline(always)]
fn leb128_len(value: usize) -> usize {
    if value < 128 { 1 } else { (usize::BITS - value.leading_zeros()).div_ceil(7) as usize }
}

fn leb128(mut value: usize, out: &mut [u8; 10]) -> &[u8] {
    let mut len = 0;
    loop {
        out[len] = (value & 127) as u8;
        value >>= 7;
        len += 1;
        if value == 0 {
            return &out[..len];
        }
        out[len - 1] |= 128;
    }
}

/// What keys are compared by first: as a number, the first seven bytes and, after them, the length
/// up to eight. `word` is the first eight bytes of a key of `len`, whatever comes after that.
#[inline(always)]
pub(crate) fn head_of(word: u64, len: usize) -> u64 {
    word & !(u64::MAX >> (8 * len.min(7))) | len.min(8) as u64
}

/// `value` without the zeros at its end.
#[inline(always)]
pub(crate) fn trimmed(value: &[u8]) -> &[u8] {
    if let Ok(word) = value.try_into() {
        return &value[..8 - u64::from_le_bytes(word).leading_zeros() as usize / 8];
    }
    &value[..value.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1)]
}

impl RunWriter {
    pub(crate) fn new(stack: Stack, start: u64, serial: u64, room: u64, space: Space) -> Self {
        let (capacity, unit) = match space {
            Space::Shared { bytes, write, .. } => (bytes, write.max(1) as usize),
            Space::None | Space::Apart => (u64::MAX, 1),
        };
        Self { extent: Extent { stack, start, len: 0, offset: 0, serial }, room, capacity, unit, fill: HEADER }
    }

    /// Writes a record whose key shares its first `shared` bytes with the one before.
    #[inline(always)]
    pub(crate) fn put<S: Store>(
        &mut self,
        block: &mut [u8],
        store: &mut S,
        shared: usize,
        suffix: &[u8],
        value: &[u8],
    ) -> Result<(), Error<S::Error>> {
        let header = leb128_len(shared) + leb128_len(suffix.len()) + leb128_len(value.len());
        let end = self.fill + header + suffix.len() + value.len();
        if header > 3 || end > block.len() {
            return self.put_slowly(block, store, shared, suffix, value);
        }
        let out = &mut block[self.fill..end];
        out[0] = shared as u8;
        out[1] = suffix.len() as u8;
        out[2] = value.len() as u8;
        let (key, rest) = out[3..].split_at_mut(suffix.len());
        key.copy_from_slice(suffix);
        rest.copy_from_slice(value);
        self.fill = end;
        Ok(())
    }

    #[cold]
    fn put_slowly<S: Store>(
        &mut self,
        block: &mut [u8],
        store: &mut S,
        shared: usize,
        suffix: &[u8],
        value: &[u8],
    ) -> Result<(), Error<S::Error>> {
        for number in [shared, suffix.len(), value.len()] {
            self.push(block, store, leb128(number, &mut [0; 10]))?;
        }
        self.push(block, store, suffix)?;
        self.push(block, store, value)
    }

    /// As [`RunWriter::put`], for a key whose part after `shared` lies in two pieces.
    pub(crate) fn put_led<S: Store>(
        &mut self,
        block: &mut [u8],
        store: &mut S,
        shared: usize,
        (lead, suffix): (&[u8], &[u8]),
        value: &[u8],
    ) -> Result<(), Error<S::Error>> {
        if lead.is_empty() {
            return self.put(block, store, shared, suffix, value);
        }
        for number in [shared, lead.len() + suffix.len(), value.len()] {
            self.push(block, store, leb128(number, &mut [0; 10]))?;
        }
        [lead, suffix, value].into_iter().try_for_each(|bytes| self.push(block, store, bytes))
    }

    fn push<S: Store>(&mut self, block: &mut [u8], store: &mut S, mut bytes: &[u8]) -> Result<(), Error<S::Error>> {
        while !bytes.is_empty() {
            if self.fill == block.len() {
                self.flush(block, store)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(block.len() - self.fill));
            block[self.fill..][..now.len()].copy_from_slice(now);
            self.fill += now.len();
            bytes = later;
        }
        Ok(())
    }

    fn flush<S: Store>(&mut self, block: &mut [u8], store: &mut S) -> Result<(), Error<S::Error>> {
        let at = self.extent.start + self.extent.len;
        let len = self.fill.next_multiple_of(self.unit);
        if self.extent.len + len as u64 > self.room {
            return Err(Error::StoreFull { capacity: self.capacity, used: self.capacity.saturating_sub(self.room) });
        }
        block[self.fill..len].fill(0);
        let sum = checksum(at | self.extent.serial, &block[HEADER..self.fill]);
        block[..4].copy_from_slice(&sum.to_le_bytes());
        block[4..HEADER].copy_from_slice(&((self.fill - HEADER) as u32).to_le_bytes());
        store.write(self.extent.stack, at, &block[..len]).map_err(Error::Store)?;
        self.extent.len += len as u64;
        self.fill = HEADER;
        Ok(())
    }

    pub(crate) fn finish<S: Store>(mut self, block: &mut [u8], store: &mut S) -> Result<Extent, Error<S::Error>> {
        if self.fill > HEADER {
            self.flush(block, store)?;
        }
        Ok(self.extent)
    }
}

/// Reads a run record by record. Words, so that it can lie in the budget.
#[derive(Clone, Copy)]
pub(crate) struct RunReader {
    stack: Stack,
    /// The next byte to read from the store, and the run's end.
    next: u64,
    end: u64,
    serial: u64,
    /// The part of the block not decoded yet.
    from: usize,
    to: usize,
    /// Bytes of the record's key and value.
    pub(crate) key: usize,
    pub(crate) value: usize,
}

pub(crate) const READER_WORDS: usize = 5;

/// What [`RunReader::key`] is after the last record.
pub(crate) const EXHAUSTED: usize = u32::MAX as usize;

/// A reader's buffers: block, key, value. Values of varying size lie at the end of the key's, which has room for both.
pub(crate) struct Buffers<'a> {
    pub(crate) block: &'a mut [u8],
    pub(crate) key: &'a mut [u8],
    pub(crate) value: &'a mut [u8],
    /// Bytes of every value, if they have one size.
    pub(crate) fixed: Option<usize>,
}

impl RunReader {
    pub(crate) fn new(extent: Extent) -> Self {
        let Extent { stack, start, len, serial, .. } = extent;
        Self { stack, next: start, end: start + len, serial, from: 0, to: 0, key: 0, value: 0 }
    }

    #[inline(always)]
    pub(crate) fn load(words: &[u64; READER_WORDS]) -> Self {
        let low = |word: u64| word as u32 as usize;
        let high = |word: u64| (word >> 32) as usize;
        Self {
            stack: if words[4] & 1 == 0 { Stack::Even } else { Stack::Odd },
            serial: words[4] & !1,
            next: words[2],
            end: words[3],
            from: low(words[0]),
            to: high(words[0]),
            key: low(words[1]),
            value: high(words[1]),
        }
    }

    #[inline(always)]
    pub(crate) fn save(&self, words: &mut [u64; READER_WORDS]) {
        let pair = |low: usize, high: usize| low as u64 | (high as u64) << 32;
        words[0] = pair(self.from, self.to);
        words[1] = pair(self.key, self.value);
        words[2] = self.next;
        words[3] = self.end;
        words[4] = self.serial | self.stack as u64;
    }

    /// Reads the first block and goes to the record at `offset` in it.
    pub(crate) fn resume<S: Store>(
        &mut self,
        block: &mut [u8],
        store: &mut S,
        offset: usize,
    ) -> Result<(), Error<S::Error>> {
        self.refill_block(block, store)?;
        if offset > self.to {
            return Err(Error::Undecodable { key: 0 });
        }
        self.from = offset;
        Ok(())
    }

    /// The part of a run that begins with the record decoded last, whose key was whole. Every
    /// block but the run's last is full.
    pub(crate) fn rest(&self, run: Extent, block: usize, value: usize) -> Extent {
        let payload = (block - HEADER) as u64;
        let blocks = (self.next - run.start - 1) / block as u64;
        let record = leb128_len(0) + leb128_len(self.key) + leb128_len(value) + self.key + value;
        let begin = blocks * payload + (self.from - HEADER) as u64 - record as u64;
        let start = run.start + begin / payload * block as u64;
        let offset = HEADER + (begin % payload) as usize;
        Extent { start, len: run.start + run.len - start, offset, ..run }
    }

    /// Decodes the next record and its [`head_of`], or sets `key` to [`EXHAUSTED`] and the head to
    /// the greatest number.
    #[inline(always)]
    pub(crate) fn advance<S: Store>(
        &mut self,
        buffers: &mut Buffers<'_>,
        store: &mut S,
        head: &mut u64,
    ) -> Result<(), Error<S::Error>> {
        // The usual record is short and lies whole in the block; 16 bytes at a
        // time are copied, since a copy of varying length costs more.
        if let Some(&[shared, suffix, value]) = buffers.block.get(self.from..).and_then(|rest| rest.first_chunk::<3>())
        {
            let (shared, suffix, value) = (shared as usize, suffix as usize, value as usize);
            let body = self.from + 3;
            let end = body + suffix + value;
            let limit = buffers.fixed.unwrap_or(0);
            if shared < 128 && shared <= self.key && suffix <= 16 && value <= limit && limit <= 8 && end <= self.to {
                let key = buffers.key.get_mut(shared..).and_then(|key| key.first_chunk_mut::<16>());
                let bytes = buffers.block.get(body..).and_then(|rest| rest.first_chunk::<16>());
                let word = buffers.block.get(body + suffix..).and_then(|rest| rest.first_chunk::<8>());
                if let (Some(key), Some(bytes), Some(word)) = (key, bytes, word)
                    && let Some(out) = buffers.value.first_chunk_mut::<8>()
                {
                    *key = *bytes;
                    // From what is in registers: what was just stored could not be loaded at once.
                    let shift = 8 * shared.min(7);
                    let suffix_word = bytes.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
                    let begin = *head & !(u64::MAX >> shift) | suffix_word >> shift;
                    *head = head_of(begin, shared + suffix);
                    // Two shifts, since a shift by 64 is none.
                    let kept = u64::from_le_bytes(*word) & !(u64::MAX << (4 * value) << (4 * value));
                    *out = kept.to_le_bytes();
                    self.key = shared + suffix;
                    self.value = limit;
                    self.from = end;
                    return Ok(());
                }
            }
        }
        self.advance_slowly(buffers, store)?;
        let word = buffers.key.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        *head = if self.key == EXHAUSTED { u64::MAX } else { head_of(word, self.key) };
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn advance_slowly<S: Store>(&mut self, buffers: &mut Buffers<'_>, store: &mut S) -> Result<(), Error<S::Error>> {
        if self.from == self.to {
            if self.next == self.end {
                self.key = EXHAUSTED;
                return Ok(());
            }
            self.refill(buffers, store)?;
        }
        let shared = self.number(buffers, store)?;
        let suffix = self.number(buffers, store)?;
        let value = self.number(buffers, store)?;
        let key = shared.saturating_add(suffix);
        let limit = buffers.fixed.unwrap_or(buffers.key.len().saturating_sub(key));
        let room = if buffers.fixed.is_some() { buffers.value.len() } else { limit };
        if shared > self.key || key > buffers.key.len() || value > limit || limit > room {
            return Err(Error::Undecodable { key });
        }
        let Buffers { block, key: key_out, value: value_out, fixed } = buffers;
        let key_room = key_out.len() - if fixed.is_some() { 0 } else { value };
        let (key_out, behind) = key_out.split_at_mut(key_room);
        self.take(block, &mut key_out[shared..key], store)?;
        self.take(block, if fixed.is_some() { &mut value_out[..value] } else { behind }, store)?;
        self.key = key;
        self.value = value;
        if let Some(fixed) = buffers.fixed {
            buffers.value[value..fixed].fill(0);
            self.value = fixed;
        }
        Ok(())
    }

    fn number<S: Store>(&mut self, buffers: &mut Buffers<'_>, store: &mut S) -> Result<usize, Error<S::Error>> {
        let mut number = 0;
        for shift in (0..35).step_by(7) {
            let mut byte = [0];
            self.take(buffers.block, &mut byte, store)?;
            number |= u64::from(byte[0] & 127) << shift;
            if byte[0] < 128 {
                return usize::try_from(number).map_err(|_| Error::Undecodable { key: self.key });
            }
        }
        Err(Error::Undecodable { key: self.key })
    }

    fn take<S: Store>(&mut self, block: &mut [u8], mut out: &mut [u8], store: &mut S) -> Result<(), Error<S::Error>> {
        while !out.is_empty() {
            if self.from == self.to {
                if self.next == self.end {
                    return Err(Error::Undecodable { key: self.key });
                }
                self.refill_block(block, store)?;
            }
            let now = out.len().min(self.to - self.from);
            let (head, rest) = out.split_at_mut(now);
            head.copy_from_slice(&block[self.from..][..now]);
            self.from += now;
            out = rest;
        }
        Ok(())
    }

    fn refill<S: Store>(&mut self, buffers: &mut Buffers<'_>, store: &mut S) -> Result<(), Error<S::Error>> {
        self.refill_block(buffers.block, store)
    }

    fn refill_block<S: Store>(&mut self, block: &mut [u8], store: &mut S) -> Result<(), Error<S::Error>> {
        let len = (self.end - self.next).min(block.len() as u64) as usize;
        store.read(self.stack, self.next, &mut block[..len]).map_err(Error::Store)?;
        let field = |at: usize| block.get(at..).and_then(|b| b.first_chunk()).map_or(0, |b| u32::from_le_bytes(*b));
        let (expected, used) = (field(0), field(4) as usize);
        // A length that cannot be is a fault of the block like any other.
        let bytes = block.get(HEADER..HEADER.saturating_add(used)).filter(|_| HEADER + used <= len && used > 0);
        let found = checksum(self.next | self.serial, bytes.unwrap_or(&[]));
        if found != expected || bytes.is_none() {
            return Err(Error::Corrupt { at: self.next, expected, found });
        }
        self.next += len as u64;
        self.from = HEADER;
        self.to = HEADER + used;
        Ok(())
    }
}
