//! Keys in descending order.

use core::cmp::{Ordering, Reverse};
use core::fmt;

use super::{Key, KeyPart};

/// The other way round: the greatest key comes first.
///
/// It works for every key whose encoding shows where it ends, so for strings and tuples too. [`Reverse`] of a sized key
/// is the same.
///
/// ```
/// use kernlet::mapreduce::{Emitter, FixedTable, Sum};
/// use kernlet::pairs::Desc;
/// let mut table = FixedTable::<(Desc<&str>, u8), Sum<u32>, 4, 16>::new(Sum::new());
/// for name in ["a", "b", "ab"] {
///     table.emit((Desc(name), 0), 1).unwrap();
/// }
/// table.sort();
/// let names: Vec<_> = table.iter().map(|((name, _), _)| name.to_string()).collect();
/// assert_eq!(names, ["b", "ab", "a"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Desc<T: ?Sized>(pub T);

impl<T: PartialOrd + ?Sized> PartialOrd for Desc<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        other.0.partial_cmp(&self.0)
    }
}

impl<T: Ord + ?Sized> Ord for Desc<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.cmp(&self.0)
    }
}

impl<T: fmt::Display + ?Sized> fmt::Display for Desc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A part of a key that can be read when every bit of its encoding is flipped: what [`Desc`] needs.
///
/// ```
/// use kernlet::pairs::{KeyPart, Reversible};
/// let mut bytes = [0; 4];
/// str::encode_part(&"ab", &mut bytes);
/// let flipped = bytes.map(|byte| !byte);
/// assert!(str::decode_reversed(&flipped).unwrap() == "ab");
/// ```
pub trait Reversible: KeyPart {
    /// What the part is read back as.
    type Reversed<'a>;

    /// Splits a flipped encoding after its first part; `None` if it holds none.
    fn split_reversed(bytes: &[u8]) -> Option<(&[u8], &[u8])>;

    /// Reads a flipped part that takes exactly these bytes; `None` if they encode none.
    fn decode_reversed(bytes: &[u8]) -> Option<Self::Reversed<'_>>;
}

macro_rules! descending {
    ($($desc:ident $(, $sized:tt $maybe:ident)?;)*) => {$(
        impl<K: Reversible $(+ $sized $maybe)?> Key for $desc<K> {
            type Borrowed<'a> = $desc<K::Borrowed<'a>>;
            type View<'a> = $desc<K::Reversed<'a>>;
            #[inline]
            fn encoded_len(key: &Self::Borrowed<'_>) -> usize {
                K::part_len(&key.0)
            }
            #[inline]
            fn encode(key: &Self::Borrowed<'_>, out: &mut [u8]) {
                K::encode_part(&key.0, out);
                out.iter_mut().for_each(|byte| *byte = !*byte);
            }
            #[inline]
            fn decode(bytes: &[u8]) -> Option<Self::View<'_>> {
                let (part, rest) = K::split_reversed(bytes)?;
                if rest.is_empty() { K::decode_reversed(part).map($desc) } else { None }
            }
        }

        impl<K: Reversible $(+ $sized $maybe)?> KeyPart for $desc<K> {
            type Part<'a> = $desc<K::Reversed<'a>>;
            #[inline]
            fn part_len(key: &Self::Borrowed<'_>) -> usize {
                K::part_len(&key.0)
            }
            #[inline]
            fn encode_part(key: &Self::Borrowed<'_>, out: &mut [u8]) {
                Self::encode(key, out);
            }
            #[inline]
            fn split_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
                K::split_reversed(bytes)
            }
            #[inline]
            fn decode_part(bytes: &[u8]) -> Option<Self::Part<'_>> {
                K::decode_reversed(bytes).map($desc)
            }
        }

        impl<K: Reversible $(+ $sized $maybe)?> Reversible for $desc<K> {
            type Reversed<'a> = $desc<K::Part<'a>>;
            #[inline]
            fn split_reversed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
                K::split_part(bytes)
            }
            #[inline]
            fn decode_reversed(bytes: &[u8]) -> Option<Self::Reversed<'_>> {
                K::decode_part(bytes).map($desc)
            }
        }
    )*};
}
descending! { Desc, ?Sized; Reverse; }
