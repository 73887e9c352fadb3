//! Keys, encoded so that the order of the bytes is the order of the keys.
//!
//! | key | encoding |
//! |---|---|
//! | bytes, strings | themselves |
//! | unsigned integers, `char` | big-endian; `usize` has eight bytes on every machine |
//! | signed integers | big-endian, sign bit flipped |
//! | `f32`, `f64` | big-endian, sign bit flipped, or every bit of negative ones |
//! | `bool`, `()` | one byte, none |
//! | `NonZero`, [`Ordering`](core::cmp::Ordering) | as the number, one byte |
//! | [`Duration`](core::time::Duration) | seconds, then nanoseconds, big-endian |
//! | `Ipv4Addr`, `Ipv6Addr` | the octets |
//! | arrays of numbers, `char`, `bool` | the elements one after the other |
//! | [`Option`] | `00`, or `01` and the key's encoding |
//! | tuples | the encodings one after the other; bytes and strings before the last place escape 0 as `00 FF` and end in `00 00` |
//! | [`Desc`], [`Reverse`](core::cmp::Reverse) | as before the last place of a tuple, every bit flipped |

mod desc;
mod numbers;
mod text;
mod tuples;

pub use desc::{Desc, Reversible};
pub use text::Escaped;
pub use tuples::Leading;

/// A type of key: its encoding's byte order is the key's own order.
///
/// The type only names the key: `str`, `u32`, `(i32, &str)`. What is emitted is
/// [`Key::Borrowed`] (`&str`, `u32`, `(i32, &str)` of any lifetime), and what is read
/// back is [`Key::View`].
///
/// Floats are in their total order ([`f64::total_cmp`]): negative NaN, −∞, …, −0, 0, …, ∞, NaN.
///
/// A reference, `Box`, `Rc`, `Arc` or `Cow` of a key is that key.
///
/// ```
/// use kernlet::pairs::Key;
/// let mut bytes = [[0; 5]; 2];
/// <(i32, &str)>::encode(&(-1, "b"), &mut bytes[0]);
/// <(i32, &str)>::encode(&(3, "a"), &mut bytes[1]);
/// assert!(bytes[0] < bytes[1]);
/// assert_eq!(<(i32, &str)>::decode(&bytes[0]), Some((-1, "b")));
/// ```
#[diagnostic::on_unimplemented(
    note = "keys are numbers, strings, bytes, `Option`, arrays of numbers, and tuples of up to six of them; a type of your own is keyed by the tuple of its fields"
)]
pub trait Key {
    /// What is emitted.
    type Borrowed<'a>;
    /// What a key is read back as.
    type View<'a>;

    /// The encoding, if the key is its own encoding.
    #[inline]
    fn as_encoded<'a>(_key: &'a Self::Borrowed<'_>) -> Option<&'a [u8]> {
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

    /// Splits an encoding after its first part; `None` if it holds none.
    fn split_part(bytes: &[u8]) -> Option<(&[u8], &[u8])>;

    /// Reads a part that takes exactly these bytes; `None` if they encode none.
    fn decode_part(bytes: &[u8]) -> Option<Self::Part<'_>>;
}

/// Keys that are named in another way and lie as `$of`.
macro_rules! as_another {
    ([$($generics:tt)*] $t:ty, $of:ty, [$($key:tt)*], [$($part:tt)*], [$($reversible:tt)*]) => {
        impl<$($generics)* $($key)*> Key for $t {
            type Borrowed<'a> = <$of as Key>::Borrowed<'a>;
            type View<'a> = <$of as Key>::View<'a>;
            #[inline]
            fn as_encoded<'a>(key: &'a <$of as Key>::Borrowed<'_>) -> Option<&'a [u8]> {
                <$of>::as_encoded(key)
            }
            #[inline]
            fn encoded_len(key: &<$of as Key>::Borrowed<'_>) -> usize {
                <$of>::encoded_len(key)
            }
            #[inline]
            fn encode(key: &<$of as Key>::Borrowed<'_>, out: &mut [u8]) {
                <$of>::encode(key, out);
            }
            #[inline]
            fn decode(bytes: &[u8]) -> Option<Self::View<'_>> {
                <$of>::decode(bytes)
            }
        }
        impl<$($generics)* $($part)*> KeyPart for $t {
            type Part<'a> = <$of as KeyPart>::Part<'a>;
            #[inline]
            fn part_len(key: &<$of as Key>::Borrowed<'_>) -> usize {
                <$of>::part_len(key)
            }
            #[inline]
            fn encode_part(key: &<$of as Key>::Borrowed<'_>, out: &mut [u8]) {
                <$of>::encode_part(key, out);
            }
            #[inline]
            fn split_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
                <$of>::split_part(bytes)
            }
            #[inline]
            fn decode_part(bytes: &[u8]) -> Option<Self::Part<'_>> {
                <$of>::decode_part(bytes)
            }
        }
        impl<$($generics)* $($reversible)*> Reversible for $t {
            type Reversed<'a> = <$of as Reversible>::Reversed<'a>;
            #[inline]
            fn split_reversed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
                <$of>::split_reversed(bytes)
            }
            #[inline]
            fn decode_reversed(bytes: &[u8]) -> Option<Self::Reversed<'_>> {
                <$of>::decode_reversed(bytes)
            }
        }
    };
}
as_another!([] &K, K, [K: Key + ?Sized], [K: KeyPart + ?Sized], [K: Reversible + ?Sized]);
#[cfg(feature = "alloc")]
as_another!([] alloc::string::String, str, [], [], []);
#[cfg(feature = "alloc")]
as_another!([] alloc::vec::Vec<u8>, [u8], [], [], []);
#[cfg(feature = "alloc")]
as_another!([] alloc::boxed::Box<K>, K, [K: Key + ?Sized], [K: KeyPart + ?Sized], [K: Reversible + ?Sized]);
#[cfg(feature = "alloc")]
as_another!([] alloc::rc::Rc<K>, K, [K: Key + ?Sized], [K: KeyPart + ?Sized], [K: Reversible + ?Sized]);
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
as_another!([] alloc::sync::Arc<K>, K, [K: Key + ?Sized], [K: KeyPart + ?Sized], [K: Reversible + ?Sized]);
#[cfg(feature = "alloc")]
as_another!(
    ['c,] alloc::borrow::Cow<'c, K>, K, [K: Key + alloc::borrow::ToOwned + ?Sized],
    [K: KeyPart + alloc::borrow::ToOwned + ?Sized], [K: Reversible + alloc::borrow::ToOwned + ?Sized]
);

/// A key that may be absent; `None` comes before all others.
impl<K: Key> Key for Option<K> {
    type Borrowed<'a> = Option<K::Borrowed<'a>>;
    type View<'a> = Option<K::View<'a>>;
    #[inline]
    fn encoded_len(key: &Self::Borrowed<'_>) -> usize {
        1 + key.as_ref().map_or(0, K::encoded_len)
    }
    #[inline]
    fn encode(key: &Self::Borrowed<'_>, out: &mut [u8]) {
        out[0] = u8::from(key.is_some());
        if let Some(key) = key {
            K::encode(key, &mut out[1..]);
        }
    }
    #[inline]
    fn decode(bytes: &[u8]) -> Option<Self::View<'_>> {
        match bytes.split_first()? {
            (0, []) => Some(None),
            (1, key) => K::decode(key).map(Some),
            _ => None,
        }
    }
}

impl<K: KeyPart> KeyPart for Option<K> {
    type Part<'a> = Option<K::Part<'a>>;
    #[inline]
    fn part_len(key: &Self::Borrowed<'_>) -> usize {
        1 + key.as_ref().map_or(0, K::part_len)
    }
    #[inline]
    fn encode_part(key: &Self::Borrowed<'_>, out: &mut [u8]) {
        out[0] = u8::from(key.is_some());
        if let Some(key) = key {
            K::encode_part(key, &mut out[1..]);
        }
    }
    #[inline]
    fn split_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
        let rest = match bytes.split_first()? {
            (0, rest) => rest,
            (1, rest) => K::split_part(rest)?.1,
            _ => return None,
        };
        Some(bytes.split_at(bytes.len() - rest.len()))
    }
    #[inline]
    fn decode_part(bytes: &[u8]) -> Option<Self::Part<'_>> {
        match bytes.split_first()? {
            (0, []) => Some(None),
            (1, key) => K::decode_part(key).map(Some),
            _ => None,
        }
    }
}

impl<K: Reversible> Reversible for Option<K> {
    type Reversed<'a> = Option<K::Reversed<'a>>;
    #[inline]
    fn split_reversed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
        let rest = match bytes.split_first()? {
            (0xFF, rest) => rest,
            (0xFE, rest) => K::split_reversed(rest)?.1,
            _ => return None,
        };
        Some(bytes.split_at(bytes.len() - rest.len()))
    }
    #[inline]
    fn decode_reversed(bytes: &[u8]) -> Option<Self::Reversed<'_>> {
        match bytes.split_first()? {
            (0xFF, []) => Some(None),
            (0xFE, key) => K::decode_reversed(key).map(Some),
            _ => None,
        }
    }
}

/// The most bytes of an encoding that is made on the stack. Jobs make longer ones
/// in their budget, and tables of fixed capacity where the key will lie; keys that
/// are their own encoding have no such bound.
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
