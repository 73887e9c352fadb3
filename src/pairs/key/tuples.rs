//! Keys of several fields.

use super::{Key, KeyPart, Reversible};

macro_rules! tuple_keys {
    ($($name:ident $index:tt),*; $last:ident $end:tt) => {
        impl<$($name: KeyPart,)* $last: Key> Key for ($($name,)* $last,) {
            type Borrowed<'a> = ($($name::Borrowed<'a>,)* $last::Borrowed<'a>,);
            type View<'a> = ($($name::Part<'a>,)* $last::View<'a>,);
            #[inline]
            fn encoded_len(key: &Self::Borrowed<'_>) -> usize {
                $($name::part_len(&key.$index) +)* $last::encoded_len(&key.$end)
            }
            #[inline]
            fn encode(key: &Self::Borrowed<'_>, out: &mut [u8]) {
                $(let (part, out) = out.split_at_mut($name::part_len(&key.$index));
                $name::encode_part(&key.$index, part);)*
                $last::encode(&key.$end, out);
            }
            #[inline]
            fn decode(bytes: &[u8]) -> Option<Self::View<'_>> {
                let rest = bytes;
                $(#[allow(non_snake_case)]
                let ($name, rest) = $name::split_part(rest)?;)*
                Some(($($name::decode_part($name)?,)* $last::decode(rest)?,))
            }
        }
        impl<$($name: KeyPart,)* $last: KeyPart> KeyPart for ($($name,)* $last,) {
            type Part<'a> = ($($name::Part<'a>,)* $last::Part<'a>,);
            #[inline]
            fn part_len(key: &Self::Borrowed<'_>) -> usize {
                $($name::part_len(&key.$index) +)* $last::part_len(&key.$end)
            }
            #[inline]
            fn encode_part(key: &Self::Borrowed<'_>, out: &mut [u8]) {
                $(let (part, out) = out.split_at_mut($name::part_len(&key.$index));
                $name::encode_part(&key.$index, part);)*
                $last::encode_part(&key.$end, out);
            }
            #[inline]
            fn split_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
                let rest = bytes;
                $(let rest = $name::split_part(rest)?.1;)*
                let rest = $last::split_part(rest)?.1;
                Some(bytes.split_at(bytes.len() - rest.len()))
            }
            #[inline]
            fn decode_part(bytes: &[u8]) -> Option<Self::Part<'_>> {
                let rest = bytes;
                $(#[allow(non_snake_case)]
                let ($name, rest) = $name::split_part(rest)?;)*
                Some(($($name::decode_part($name)?,)* $last::decode_part(rest)?,))
            }
        }
        impl<$($name: Reversible,)* $last: Reversible> Reversible for ($($name,)* $last,) {
            type Reversed<'a> = ($($name::Reversed<'a>,)* $last::Reversed<'a>,);
            #[inline]
            fn split_reversed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
                let rest = bytes;
                $(let rest = $name::split_reversed(rest)?.1;)*
                let rest = $last::split_reversed(rest)?.1;
                Some(bytes.split_at(bytes.len() - rest.len()))
            }
            #[inline]
            fn decode_reversed(bytes: &[u8]) -> Option<Self::Reversed<'_>> {
                let rest = bytes;
                $(#[allow(non_snake_case)]
                let ($name, rest) = $name::split_reversed(rest)?;)*
                Some(($($name::decode_reversed($name)?,)* $last::decode_reversed(rest)?,))
            }
        }
    };
}
tuple_keys!(; A 0);
tuple_keys!(A 0; B 1);
tuple_keys!(A 0, B 1; C 2);
tuple_keys!(A 0, B 1, C 2; D 3);
tuple_keys!(A 0, B 1, C 2, D 3; E 4);
tuple_keys!(A 0, B 1, C 2, D 3, E 4; F 5);

/// A tuple whose first part can be found in its encoding.
///
/// ```
/// use kernlet::pairs::{Key, Leading, KeyPart};
/// /// The bytes of a key by which it is grouped.
/// fn group<K: Leading>(encoded: &[u8]) -> Option<&[u8]> {
///     K::First::split_part(encoded).map(|(first, _)| first)
/// }
/// assert_eq!(group::<(u16, &str)>(b"\x01\x02name"), Some(&b"\x01\x02"[..]));
/// ```
pub trait Leading: Key {
    /// The first part.
    type First: KeyPart;
}

macro_rules! leading {
    ($first:ident $(, $name:ident)*; $last:ident) => {
        impl<$first: KeyPart, $($name: KeyPart,)* $last: Key> Leading for ($first, $($name,)* $last) {
            type First = $first;
        }
    };
}
leading!(A; B);
leading!(A, B; C);
leading!(A, B, C; D);
leading!(A, B, C, D; E);
leading!(A, B, C, D, E; F);
