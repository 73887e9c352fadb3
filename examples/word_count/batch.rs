//! Counts on their way from the thread that sorted them to the one that merges.

/// Bytes of words and counts that a thread sends at once, and of how many batches it has: one it fills, one that is
/// merged, the others between the two. With fewer or smaller ones the threads wait for one another.
const LARGE: usize = 32 << 10;
/// The same where budgets are small, so that the batches of a few threads stay below half a megabyte.
const SMALL: usize = 8 << 10;
pub const BATCHES: usize = 6;

/// Bytes of a batch for a thread with so much of the budget.
pub fn size(part: usize) -> usize {
    if part >= 1 << 20 { LARGE } else { SMALL }
}

/// Before a word: its length and its count.
const HEADER: usize = 12;
/// Behind the last word, so that its first bytes can be read as a number.
const PADDING: usize = 8;

/// Words with their counts, in order.
#[derive(Default)]
pub struct Batch {
    bytes: Vec<u8>,
    /// Where the last record ends.
    end: usize,
}

/// A record of a batch.
#[derive(Clone, Copy, Default)]
pub struct Record {
    start: usize,
    len: usize,
    pub count: u64,
    /// The word's first eight bytes as a number ordered as they are, zeros behind a shorter word.
    pub head: u64,
}

impl Batch {
    pub fn clear(&mut self) {
        self.end = 0;
    }

    /// Appends a word; false if a batch of `size` bytes has no room for it. One that fits none is a batch alone.
    pub fn put(&mut self, size: usize, word: &[u8], count: u64) -> bool {
        let end = self.end + HEADER + word.len();
        if end + PADDING > self.bytes.len() {
            if end + PADDING > size && self.end > 0 {
                return false;
            }
            self.bytes.resize(size.max(end + PADDING), 0);
        }
        let (header, rest) = self.bytes[self.end..].split_at_mut(HEADER);
        header[..4].copy_from_slice(&(word.len() as u32).to_le_bytes());
        header[4..].copy_from_slice(&count.to_le_bytes());
        rest[..word.len()].copy_from_slice(word);
        self.end = end;
        true
    }

    /// The record after one, or the first; `None` behind the last.
    pub fn after(&self, record: Option<Record>) -> Option<Record> {
        let at = record.map_or(0, |record| record.start + record.len);
        if at >= self.end {
            return None;
        }
        let rest = &self.bytes[at..];
        let len = u32::from_le_bytes(*rest.first_chunk()?) as usize;
        let count = u64::from_le_bytes(*rest[4..].first_chunk()?);
        let word = u64::from_be_bytes(*rest[HEADER..].first_chunk()?);
        Some(Record { start: at + HEADER, len, count, head: head(word, len) })
    }

    pub fn word(&self, record: Record) -> &[u8] {
        &self.bytes[record.start..][..record.len]
    }
}

/// The first `len` of eight bytes, big-endian, zeros behind them.
pub fn head(word: u64, len: usize) -> u64 {
    if len >= 8 { word } else { word & !(u64::MAX >> (8 * len)) }
}
