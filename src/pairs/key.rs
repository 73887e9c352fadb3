//! Keys, encoded so that the order of the bytes is the order of the keys.
//!
//! | key | encoding |
//! |---|---|
//! | bytes, strings | themselves |
//! | unsigned integers | big-endian |
//! | signed integers | big-endian, sign bit flipped |
//! | [`Desc`] of an integer | the integer's, every bit flipped |
//! | tuples | the encodings one after the other; bytes and strings before the last place escape 0 as `00 FF` and end in `00 00` |

/// A type of key: its encoding's byte order is the key's own order.
///
/// The type only names the key: `str`, `u32`, `(i32, &str)`. What is emitted is
/// [`Key::Borrowed`] (`&str`, `u32`, `(i32, &str)` of any lifetime), what is read
/// back is [`Key::View`].
///
/// ```
/// use kernlet::pairs::Key;
/// let mut bytes = [[0; 5]; 2];
/// <(i32, &str)>::encode(&(-1, "b"), &mut bytes[0]);
/// <(i32, &str)>::encode(&(3, "a"), &mut bytes[1]);
/// assert!(bytes[0] < bytes[1]);
/// assert_eq!(<(i32, &str)>::decode(&bytes[0]), Some((-1, "b")));
/// ```
pub trait Key {
    /// What is emitted.
    type Borrowed<'a>;
    /// What a key is read back as.
    type View<'a>;

    /// The encoding, where the key already is its own.
    #[inline]
    fn as_encoded<'a>(key: &'a Self::Borrowed<'_>) -> Option<&'a [u8]> {
        let _ = key;
        None
    }

    /// Bytes of the encoding.
    fn encoded_len(key: &Self::Borrowed<'_>) -> usize;

    /// Writes the encoding.
    ///
    /// # Panics
    ///
    /// If `out.len() != encoded_len(key)`.
    fn encode(key: &Self::Borrowed<'_>, out: &mut [u8]);

    /// Reads a key back; `None` if the bytes encode none.
    fn decode(bytes: &[u8]) -> Option<Self::View<'_>>;
}

/// A key that can stand before others in a tuple: its encoding shows where it ends.
///
/// ```
/// use kernlet::pairs::KeyPart;
/// let mut bytes = [0; 4];
/// str::encode_part(&"ab", &mut bytes);
/// assert_eq!(bytes, *b"ab\0\0");
/// ```
pub trait KeyPart: Key {
    /// What the part is read back as.
    type Part<'a>;

    /// Bytes of the part's encoding.
    fn part_len(key: &Self::Borrowed<'_>) -> usize;

    /// Writes the part's encoding.
    ///
    /// # Panics
    ///
    /// If `out.len() != part_len(key)`.
    fn encode_part(key: &Self::Borrowed<'_>, out: &mut [u8]);

    /// Splits an encoding behind its first part; `None` if it holds none.
    fn split_part(bytes: &[u8]) -> Option<(&[u8], &[u8])>;

    /// Reads a part that takes exactly these bytes; `None` if they encode none.
    fn decode_part(bytes: &[u8]) -> Option<Self::Part<'_>>;
}

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
                escaped_end(bytes).map(|end| bytes.split_at(end))
            }
            fn decode_part(bytes: &[u8]) -> Option<Escaped<'_>> {
                Escaped::new(bytes)
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

/// Where an escaped part ends, behind its two closing zeros.
fn escaped_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| byte == 0)?;
        match bytes.get(at + 1)? {
            0 => return Some(at + 2),
            0xFF => at += 2,
            _ => return None,
        }
    }
}

/// Bytes or a string read back from a place before the last of a tuple.
///
/// ```
/// use kernlet::pairs::Key;
/// let mut bytes = [0; 7];
/// <(&str, u8)>::encode(&("a\0b", 7), &mut bytes);
/// let (name, seven) = <(&str, u8)>::decode(&bytes).unwrap();
/// assert!(name.bytes().eq(*b"a\0b") && seven == 7);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escaped<'a> {
    /// The part without its closing zeros.
    escaped: &'a [u8],
}

impl<'a> Escaped<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        (escaped_end(bytes)? == bytes.len()).then(|| Self { escaped: &bytes[..bytes.len() - 2] })
    }

    /// The bytes where they lie; `None` if a zero among them had to be escaped.
    ///
    /// ```
    /// use kernlet::pairs::KeyPart;
    /// assert_eq!(str::decode_part(b"ab\0\0").unwrap().as_slice(), Some(&b"ab"[..]));
    /// ```
    pub fn as_slice(&self) -> Option<&'a [u8]> {
        (!self.escaped.contains(&0)).then_some(self.escaped)
    }

    /// The bytes one by one.
    ///
    /// ```
    /// use kernlet::pairs::KeyPart;
    /// assert!(str::decode_part(b"a\0\xFFb\0\0").unwrap().bytes().eq(*b"a\0b"));
    /// ```
    pub fn bytes(&self) -> impl Iterator<Item = u8> + 'a {
        let mut rest = self.escaped.iter();
        core::iter::from_fn(move || {
            let byte = *rest.next()?;
            if byte == 0 {
                rest.next();
            }
            Some(byte)
        })
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

macro_rules! fixed_part {
    ([$($generics:tt)*] $t:ty, $size:expr) => {
        impl<$($generics)*> KeyPart for $t {
            type Part<'a> = $t;
            #[inline]
            fn part_len(_: &$t) -> usize {
                $size
            }
            #[inline]
            fn encode_part(key: &$t, out: &mut [u8]) {
                Self::encode(key, out);
            }
            #[inline]
            fn split_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
                bytes.split_at_checked($size)
            }
            #[inline]
            fn decode_part(bytes: &[u8]) -> Option<$t> {
                Self::decode(bytes)
            }
        }
    };
}

/// The other way round: the greatest key comes first.
///
/// ```
/// use kernlet::pairs::{Desc, Key};
/// let mut bytes = [[0; 2]; 2];
/// Desc::<u16>::encode(&Desc(9), &mut bytes[0]);
/// Desc::<u16>::encode(&Desc(4), &mut bytes[1]);
/// assert!(bytes[0] < bytes[1]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Desc<T>(pub T);

macro_rules! integer_keys {
    ($($t:ty, $flip:expr;)*) => {$(
        impl Key for $t {
            type Borrowed<'a> = $t;
            type View<'a> = $t;
            #[inline]
            fn encoded_len(_: &$t) -> usize {
                size_of::<$t>()
            }
            #[inline]
            fn encode(key: &$t, out: &mut [u8]) {
                out.copy_from_slice(&(*key ^ $flip).to_be_bytes());
            }
            #[inline]
            fn decode(bytes: &[u8]) -> Option<$t> {
                Some(<$t>::from_be_bytes(bytes.try_into().ok()?) ^ $flip)
            }
        }
        fixed_part!([] $t, size_of::<$t>());
        impl Key for Desc<$t> {
            type Borrowed<'a> = Desc<$t>;
            type View<'a> = Desc<$t>;
            #[inline]
            fn encoded_len(_: &Desc<$t>) -> usize {
                size_of::<$t>()
            }
            #[inline]
            fn encode(key: &Desc<$t>, out: &mut [u8]) {
                <$t>::encode(&!key.0, out);
            }
            #[inline]
            fn decode(bytes: &[u8]) -> Option<Desc<$t>> {
                <$t>::decode(bytes).map(|value| Desc(!value))
            }
        }
        fixed_part!([] Desc<$t>, size_of::<$t>());
    )*};
}
integer_keys! {
    u8, 0; u16, 0; u32, 0; u64, 0; u128, 0;
    i8, i8::MIN; i16, i16::MIN; i32, i32::MIN; i64, i64::MIN; i128, i128::MIN;
}

impl<const N: usize> Key for [u8; N] {
    type Borrowed<'a> = [u8; N];
    type View<'a> = [u8; N];
    #[inline]
    fn as_encoded(key: &[u8; N]) -> Option<&[u8]> {
        Some(key)
    }
    #[inline]
    fn encoded_len(_: &[u8; N]) -> usize {
        N
    }
    #[inline]
    fn encode(key: &[u8; N], out: &mut [u8]) {
        out.copy_from_slice(key);
    }
    #[inline]
    fn decode(bytes: &[u8]) -> Option<[u8; N]> {
        bytes.try_into().ok()
    }
}
fixed_part!([const N: usize] [u8; N], N);

impl<K: Key + ?Sized> Key for &K {
    type Borrowed<'a> = K::Borrowed<'a>;
    type View<'a> = K::View<'a>;
    #[inline]
    fn as_encoded<'a>(key: &'a K::Borrowed<'_>) -> Option<&'a [u8]> {
        K::as_encoded(key)
    }
    #[inline]
    fn encoded_len(key: &K::Borrowed<'_>) -> usize {
        K::encoded_len(key)
    }
    #[inline]
    fn encode(key: &K::Borrowed<'_>, out: &mut [u8]) {
        K::encode(key, out);
    }
    #[inline]
    fn decode(bytes: &[u8]) -> Option<K::View<'_>> {
        K::decode(bytes)
    }
}

impl<K: KeyPart + ?Sized> KeyPart for &K {
    type Part<'a> = K::Part<'a>;
    #[inline]
    fn part_len(key: &K::Borrowed<'_>) -> usize {
        K::part_len(key)
    }
    #[inline]
    fn encode_part(key: &K::Borrowed<'_>, out: &mut [u8]) {
        K::encode_part(key, out);
    }
    #[inline]
    fn split_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
        K::split_part(bytes)
    }
    #[inline]
    fn decode_part(bytes: &[u8]) -> Option<K::Part<'_>> {
        K::decode_part(bytes)
    }
}

macro_rules! tuple_keys {
    ($($name:ident $index:tt),+; $last:ident $end:tt) => {
        impl<$($name: KeyPart,)+ $last: Key> Key for ($($name,)+ $last,) {
            type Borrowed<'a> = ($($name::Borrowed<'a>,)+ $last::Borrowed<'a>,);
            type View<'a> = ($($name::Part<'a>,)+ $last::View<'a>,);
            #[inline]
            fn encoded_len(key: &Self::Borrowed<'_>) -> usize {
                $($name::part_len(&key.$index) +)+ $last::encoded_len(&key.$end)
            }
            #[inline]
            fn encode(key: &Self::Borrowed<'_>, out: &mut [u8]) {
                $(let (part, out) = out.split_at_mut($name::part_len(&key.$index));
                $name::encode_part(&key.$index, part);)+
                $last::encode(&key.$end, out);
            }
            #[inline]
            fn decode(bytes: &[u8]) -> Option<Self::View<'_>> {
                let mut rest = bytes;
                Some(($({
                    let (part, behind) = $name::split_part(rest)?;
                    rest = behind;
                    $name::decode_part(part)?
                },)+ $last::decode(rest)?,))
            }
        }
        impl<$($name: KeyPart,)+ $last: KeyPart> KeyPart for ($($name,)+ $last,) {
            type Part<'a> = ($($name::Part<'a>,)+ $last::Part<'a>,);
            #[inline]
            fn part_len(key: &Self::Borrowed<'_>) -> usize {
                $($name::part_len(&key.$index) +)+ $last::part_len(&key.$end)
            }
            #[inline]
            fn encode_part(key: &Self::Borrowed<'_>, out: &mut [u8]) {
                $(let (part, out) = out.split_at_mut($name::part_len(&key.$index));
                $name::encode_part(&key.$index, part);)+
                $last::encode_part(&key.$end, out);
            }
            #[inline]
            fn split_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
                let mut rest = bytes;
                $(rest = $name::split_part(rest)?.1;)+
                rest = $last::split_part(rest)?.1;
                Some(bytes.split_at(bytes.len() - rest.len()))
            }
            #[inline]
            fn decode_part(bytes: &[u8]) -> Option<Self::Part<'_>> {
                let mut rest = bytes;
                Some(($({
                    let (part, behind) = $name::split_part(rest)?;
                    rest = behind;
                    $name::decode_part(part)?
                },)+ $last::decode_part(rest)?,))
            }
        }
    };
}
tuple_keys!(A 0; B 1);
tuple_keys!(A 0, B 1; C 2);
tuple_keys!(A 0, B 1, C 2; D 3);

/// A tuple whose first part can be told from its encoding.
///
/// ```
/// fn first_of<K: kernlet::pairs::Leading>() {}
/// first_of::<(u32, &str)>();
/// ```
pub trait Leading: Key {
    /// The first part.
    type First: KeyPart;
}

impl<A: KeyPart, B: Key> Leading for (A, B) {
    type First = A;
}

impl<A: KeyPart, B: KeyPart, C: Key> Leading for (A, B, C) {
    type First = A;
}

impl<A: KeyPart, B: KeyPart, C: KeyPart, D: Key> Leading for (A, B, C, D) {
    type First = A;
}

/// The most bytes of an encoding that has to be made (integers, tuples), on the
/// stack; keys that are their own encoding have no such bound.
pub(crate) const ENCODED: usize = 1024;

/// Hands `key` encoded to `take`; its length instead if an encoding would have
/// to be made that is longer than [`ENCODED`].
#[inline(always)]
pub(crate) fn encoded<K: Key + ?Sized, R>(key: &K::Borrowed<'_>, take: impl FnOnce(&[u8]) -> R) -> Result<R, usize> {
    if let Some(bytes) = K::as_encoded(key) {
        return Ok(take(bytes));
    }
    let len = K::encoded_len(key);
    let mut bytes = [0; 32];
    match bytes.get_mut(..len) {
        Some(bytes) => {
            K::encode(key, bytes);
            Ok(take(bytes))
        }
        None => encoded_long::<K, R>(key, len, take),
    }
}

#[cold]
fn encoded_long<K: Key + ?Sized, R>(
    key: &K::Borrowed<'_>,
    len: usize,
    take: impl FnOnce(&[u8]) -> R,
) -> Result<R, usize> {
    let mut bytes = [0; ENCODED];
    let bytes = bytes.get_mut(..len).ok_or(len)?;
    K::encode(key, bytes);
    Ok(take(bytes))
}
