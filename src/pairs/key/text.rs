//! Bytes and strings.

use core::cmp::Ordering;
use core::fmt::{self, Write};
use core::hash::{Hash, Hasher};

use super::{Key, KeyPart, Reversible};

macro_rules! byte_keys {
    ($($t:ty, |$bytes:ident| $decode:expr, |$key:ident| $as_bytes:expr;)*) => {$(
        impl Key for $t {
            type Borrowed<'a> = &'a $t;
            type View<'a> = &'a $t;
            #[inline]
            fn as_encoded<'a>($key: &'a &$t) -> Option<&'a [u8]> {
                Some($as_bytes)
            }
            #[inline]
            fn encoded_len(key: &&$t) -> usize {
                key.len()
            }
            #[inline]
            fn encode($key: &&$t, out: &mut [u8]) {
                out.copy_from_slice($as_bytes);
            }
            #[inline]
            fn decode($bytes: &[u8]) -> Option<&$t> {
                $decode
            }
        }
        impl KeyPart for $t {
            type Part<'a> = Escaped<'a>;
            fn part_len($key: &&$t) -> usize {
                escaped_len($as_bytes)
            }
            fn encode_part($key: &&$t, out: &mut [u8]) {
                escape($as_bytes, out);
            }
            fn split_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
                escaped_end(bytes, Form::Escaped).map(|end| bytes.split_at(end))
            }
            fn decode_part(bytes: &[u8]) -> Option<Escaped<'_>> {
                Escaped::new(bytes, Form::Escaped)
            }
        }
        impl Reversible for $t {
            type Reversed<'a> = Escaped<'a>;
            fn split_reversed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
                escaped_end(bytes, Form::Reversed).map(|end| bytes.split_at(end))
            }
            fn decode_reversed(bytes: &[u8]) -> Option<Escaped<'_>> {
                Escaped::new(bytes, Form::Reversed)
            }
        }
    )*};
}
byte_keys! {
    [u8], |bytes| Some(bytes), |key| key;
    str, |bytes| core::str::from_utf8(bytes).ok(), |key| key.as_bytes();
}

fn escaped_len(bytes: &[u8]) -> usize {
    bytes.len() + bytes.iter().filter(|&&byte| byte == 0).count() + 2
}

fn escape(bytes: &[u8], out: &mut [u8]) {
    let mut at = 0;
    for &byte in bytes {
        out[at] = byte;
        at += 1;
        if byte == 0 {
            out[at] = 0xFF;
            at += 1;
        }
    }
    out[at..].copy_from_slice(&[0, 0]);
}

/// How the bytes of a part lie.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As they are.
    Plain,
    /// A zero has a byte `FF` after it.
    Escaped,
    /// The same, every bit flipped.
    Reversed,
}

impl Form {
    const fn flip(self) -> u8 {
        if matches!(self, Form::Reversed) { 0xFF } else { 0 }
    }
}

/// Where an escaped part ends, after its two closing zeros.
fn escaped_end(bytes: &[u8], form: Form) -> Option<usize> {
    let flip = form.flip();
    let mut at = 0;
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| byte == flip)?;
        match bytes.get(at + 1)? ^ flip {
            0 => return Some(at + 2),
            0xFF => at += 2,
            _ => return None,
        }
    }
}

/// Bytes or a string read back from where they are not stored as they are: before the
/// last place of a tuple, or in a descending key.
///
/// It compares as its bytes do, and displays as text (bytes that are not UTF-8 as `U+FFFD`).
///
/// ```
/// use kernlet::pairs::Key;
/// let mut bytes = [0; 7];
/// <(&str, u8)>::encode(&("a\0b", 7), &mut bytes);
/// let (name, seven) = <(&str, u8)>::decode(&bytes).unwrap();
/// assert!(name == "a\0b" && name.to_string() == "a\0b" && seven == 7);
/// ```
#[derive(Clone, Copy)]
pub struct Escaped<'a> {
    /// The part without its closing zeros.
    part: &'a [u8],
    form: Form,
}

impl<'a> Escaped<'a> {
    fn new(bytes: &'a [u8], form: Form) -> Option<Self> {
        let end = escaped_end(bytes, form)?;
        (end == bytes.len()).then(|| Self { part: &bytes[..end - 2], form })
    }

    /// Bytes that are stored as they are.
    ///
    /// ```
    /// use kernlet::pairs::Escaped;
    /// assert!(Escaped::plain(b"a\0b") == "a\0b");
    /// ```
    pub const fn plain(bytes: &'a [u8]) -> Self {
        Self { part: bytes, form: Form::Plain }
    }

    /// The bytes in place; `None` if they are not stored as they are.
    ///
    /// ```
    /// use kernlet::pairs::KeyPart;
    /// assert_eq!(str::decode_part(b"ab\0\0").unwrap().as_slice(), Some(&b"ab"[..]));
    /// assert_eq!(str::decode_part(b"a\0\xFFb\0\0").unwrap().as_slice(), None);
    /// ```
    pub fn as_slice(&self) -> Option<&'a [u8]> {
        match self.form {
            Form::Plain => Some(self.part),
            Form::Escaped => (!self.part.contains(&0)).then_some(self.part),
            Form::Reversed => None,
        }
    }

    /// The bytes one by one.
    ///
    /// ```
    /// use kernlet::pairs::KeyPart;
    /// assert!(str::decode_part(b"a\0\xFFb\0\0").unwrap().bytes().eq(*b"a\0b"));
    /// ```
    pub fn bytes(&self) -> impl Iterator<Item = u8> + 'a {
        let (flip, plain) = (self.form.flip(), self.form == Form::Plain);
        let mut rest = self.part.iter();
        core::iter::from_fn(move || {
            let byte = *rest.next()? ^ flip;
            if byte == 0 && !plain {
                rest.next();
            }
            Some(byte)
        })
    }
}

impl PartialEq for Escaped<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes().eq(other.bytes())
    }
}

impl Eq for Escaped<'_> {}

impl PartialOrd for Escaped<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Escaped<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes().cmp(other.bytes())
    }
}

impl Hash for Escaped<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes().for_each(|byte| state.write_u8(byte));
        state.write_u8(0xFF);
    }
}

impl PartialEq<[u8]> for Escaped<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        self.bytes().eq(other.iter().copied())
    }
}

impl PartialEq<str> for Escaped<'_> {
    fn eq(&self, other: &str) -> bool {
        *self == *other.as_bytes()
    }
}

impl PartialEq<&str> for Escaped<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == *other.as_bytes()
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.bytes().peekable();
        while let Some(first) = bytes.next() {
            let len = match first {
                0xC2..=0xDF => 2,
                0xE0..=0xEF => 3,
                0xF0..=0xF4 => 4,
                _ => 1,
            };
            let (mut character, mut taken) = ([first, 0, 0, 0], 1);
            while taken < len
                && let Some(next) = bytes.next_if(|byte| byte & 0xC0 == 0x80)
            {
                character[taken] = next;
                taken += 1;
            }
            match core::str::from_utf8(&character[..taken]) {
                Ok(character) => f.write_str(character)?,
                Err(_) => f.write_char(char::REPLACEMENT_CHARACTER)?,
            }
        }
        Ok(())
    }
}

/// As a string in quotes.
impl fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for byte in self.bytes() {
            // Bytes above 127 are parts of characters: only what is ASCII is escaped.
            if byte.is_ascii() {
                write!(f, "{}", byte.escape_ascii())?;
            } else {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        f.write_char('"')
    }
}
