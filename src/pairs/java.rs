//! Bytes as Java reads them: what is not UTF-8 becomes U+FFFD.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
#[cfg(feature = "alloc")]
use core::borrow::Borrow;
use core::str::from_utf8;

#[cfg(feature = "alloc")]
use super::Emitter;

/// The text that Java reads from bytes: what `new String(bytes, UTF_8)` holds, and Hadoop's `Text.toString()`.
///
/// It comes in pieces: UTF-8 as it is, and a U+FFFD for each part that is not UTF-8. Such a part is the beginning of a
/// character that was broken off (the maximal subpart of Unicode's chapter 3.9), otherwise one byte. A surrogate
/// (`ED A0` to `ED BF`, and a third byte if there is one) is one part, as in Java's decoder; `String::from_utf8_lossy`
/// makes a U+FFFD of each of its bytes.
///
/// ```
/// use kernlet::pairs::java_chunks;
/// let read = |bytes| java_chunks(bytes).collect::<Vec<_>>();
/// assert_eq!(read(b"na\xC3\xAFve"), ["naïve"]);
/// assert_eq!(read(b"na\xEFve"), ["na", "\u{FFFD}", "ve"]);
/// // Two bytes of an emoji's four; a surrogate.
/// assert_eq!(read(b"\xF0\x9F\xED\xA0\x80"), ["\u{FFFD}", "\u{FFFD}"]);
/// ```
pub fn java_chunks(bytes: &[u8]) -> JavaChunks<'_> {
    JavaChunks { rest: bytes }
}

/// What [`java_chunks`] returns.
#[derive(Clone, Debug)]
pub struct JavaChunks<'b> {
    rest: &'b [u8],
}

impl<'b> Iterator for JavaChunks<'b> {
    type Item = &'b str;

    fn next(&mut self) -> Option<&'b str> {
        if self.rest.is_empty() {
            return None;
        }
        let (chunk, len) = match from_utf8(self.rest) {
            Ok(all) => (all, all.len()),
            Err(error) => match from_utf8(&self.rest[..error.valid_up_to()]) {
                Ok(valid) if !valid.is_empty() => (valid, valid.len()),
                _ => ("\u{FFFD}", malformed(self.rest, error.error_len())),
            },
        };
        self.rest = &self.rest[len..];
        Some(chunk)
    }
}

/// Bytes of the part at the beginning that is not UTF-8.
fn malformed(bytes: &[u8], len: Option<usize>) -> usize {
    match bytes {
        [0xED, 0xA0..=0xBF, 0x80..=0xBF, ..] => 3,
        [0xED, 0xA0..=0xBF, ..] => 2,
        _ => len.unwrap_or(bytes.len()),
    }
}

/// Passes pairs on with keys as Java reads them ([`java_chunks`]), so that a word count has the same bytes as Hadoop's,
/// which goes through `String`. Keys that are UTF-8 are passed on as they are.
///
/// ```
/// use kernlet::mapreduce::{FixedTable, Sum};
/// use kernlet::pairs::{Emitter, JavaText};
/// let mut counts = FixedTable::<[u8], Sum<u64>, 8, 8>::new(Sum::new());
/// let mut words = JavaText::new(&mut counts);
/// for word in [&b"caf\xE9"[..], b"caf\xE8", "café".as_bytes()] {
///     words.emit(word, 1u64).unwrap();
/// }
/// // In Latin-1 the accents are bytes that Java does not tell apart.
/// assert_eq!(counts.get("caf\u{FFFD}".as_bytes()), Some(&2));
/// assert_eq!(counts.get("café".as_bytes()), Some(&1));
/// ```
#[cfg(feature = "alloc")]
#[derive(Debug)]
pub struct JavaText<'e, E> {
    out: &'e mut E,
    /// The last key that was not UTF-8, as it was passed on.
    room: Vec<u8>,
}

#[cfg(feature = "alloc")]
impl<'e, E> JavaText<'e, E> {
    /// Passes pairs on to `out`. Allocates when a key that is not UTF-8 is longer than all such keys before it.
    pub fn new(out: &'e mut E) -> Self {
        Self { out, room: Vec::new() }
    }

    #[cold]
    fn read(&mut self, key: &[u8]) {
        self.room.clear();
        java_chunks(key).for_each(|chunk| self.room.extend_from_slice(chunk.as_bytes()));
    }
}

#[cfg(feature = "alloc")]
impl<V: ?Sized, E: Emitter<[u8], V>> Emitter<[u8], V> for JavaText<'_, E> {
    type Error = E::Error;

    #[inline]
    fn emit<B: Borrow<V>>(&mut self, key: &[u8], value: B) -> Result<(), E::Error> {
        if from_utf8(key).is_ok() {
            return self.out.emit(key, value);
        }
        self.read(key);
        self.out.emit(&self.room, value)
    }
}
