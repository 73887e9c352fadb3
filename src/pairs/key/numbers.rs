//! Keys of a fixed number of bytes: integers, floats, characters, times, addresses, arrays of them.

use core::cmp::Ordering;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::num::NonZero;
use core::time::Duration;

use super::{Key, KeyPart, Reversible};
use crate::pairs::Plain;

/// Keys that have `$size` bytes and are read back as they were emitted.
macro_rules! fixed_keys {
    ($([$($generics:tt)*] $t:ty, $size:expr, |$key:ident| $encode:expr, |$bytes:ident| $decode:expr;)*) => {$(
        impl<$($generics)*> Key for $t {
            type Borrowed<'a> = $t;
            type View<'a> = $t;
            #[inline]
            fn encoded_len(_: &$t) -> usize {
                $size
            }
            #[inline]
            fn encode($key: &$t, out: &mut [u8]) {
                out.copy_from_slice(&$encode);
            }
            #[inline]
            fn decode(bytes: &[u8]) -> Option<$t> {
                let $bytes: [u8; $size] = bytes.try_into().ok()?;
                $decode
            }
        }
        fixed_part!([$($generics)*] $t, $size);
    )*};
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
        impl<$($generics)*> Reversible for $t {
            type Reversed<'a> = $t;
            #[inline]
            fn split_reversed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
                bytes.split_at_checked($size)
            }
            #[inline]
            fn decode_reversed(bytes: &[u8]) -> Option<$t> {
                let mut own: [u8; $size] = bytes.try_into().ok()?;
                own.iter_mut().for_each(|byte| *byte = !*byte);
                Self::decode(&own)
            }
        }
    };
}

macro_rules! integer_keys {
    ($($t:ty, $flip:expr;)*) => {
        fixed_keys! {$(
            [] $t, size_of::<$t>(), |key| (*key ^ $flip).to_be_bytes(), |bytes| Some(<$t>::from_be_bytes(bytes) ^ $flip);
            [] NonZero<$t>, size_of::<$t>(), |key| (key.get() ^ $flip).to_be_bytes(), |bytes| {
                Self::new(<$t>::from_be_bytes(bytes) ^ $flip)
            };
        )*}
    };
}
integer_keys! {
    u8, 0; u16, 0; u32, 0; u64, 0; u128, 0;
    i8, i8::MIN; i16, i16::MIN; i32, i32::MIN; i64, i64::MIN; i128, i128::MIN;
}

fixed_keys! {
    [] usize, 8, |key| (*key as u64).to_be_bytes(), |bytes| usize::try_from(u64::from_be_bytes(bytes)).ok();
    [] isize, 8, |key| (*key as i64 ^ i64::MIN).to_be_bytes(), |bytes| {
        isize::try_from(i64::from_be_bytes(bytes) ^ i64::MIN).ok()
    };
    [] f32, 4, |key| ordered_f32(key.to_bits()).to_be_bytes(), |bytes| {
        Some(f32::from_bits(unordered_f32(u32::from_be_bytes(bytes))))
    };
    [] f64, 8, |key| ordered_f64(key.to_bits()).to_be_bytes(), |bytes| {
        Some(f64::from_bits(unordered_f64(u64::from_be_bytes(bytes))))
    };
    [] char, 4, |key| u32::from(*key).to_be_bytes(), |bytes| char::from_u32(u32::from_be_bytes(bytes));
    [] bool, 1, |key| [u8::from(*key)], |bytes| match bytes {
        [0] => Some(false),
        [1] => Some(true),
        _ => None,
    };
    [] (), 0, |_key| [], |_bytes| Some(());
    [] NonZero<usize>, 8, |key| (key.get() as u64).to_be_bytes(), |bytes| Self::new(usize::decode(&bytes)?);
    [] NonZero<isize>, 8, |key| (key.get() as i64 ^ i64::MIN).to_be_bytes(), |bytes| Self::new(isize::decode(&bytes)?);
    [] Ordering, 1, |key| [*key as u8 ^ 0x80], |bytes| match bytes {
        [0x7F] => Some(Ordering::Less),
        [0x80] => Some(Ordering::Equal),
        [0x81] => Some(Ordering::Greater),
        _ => None,
    };
    [] Duration, 12, |key| {
        // The seconds above the nanoseconds, in the last twelve bytes of sixteen.
        let both = (u128::from(key.as_secs()) << 32 | u128::from(key.subsec_nanos())).to_be_bytes();
        let [_, _, _, _, bytes @ ..] = both;
        bytes
    }, |bytes| {
        let [s0, s1, s2, s3, s4, s5, s6, s7, nanos @ ..] = bytes;
        let nanos = u32::from_be_bytes(nanos);
        (nanos < 1_000_000_000).then(|| Duration::new(u64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7]), nanos))
    };
    [] Ipv4Addr, 4, |key| key.octets(), |bytes| Some(bytes.into());
    [] Ipv6Addr, 16, |key| key.octets(), |bytes| Some(bytes.into());
}

macro_rules! ordered_floats {
    ($ordered:ident, $unordered:ident, $bits:ty, $signed:ty) => {
        /// Bits that ascend with the float: the sign bit flipped, and of a negative float every bit.
        #[inline]
        fn $ordered(bits: $bits) -> $bits {
            bits ^ ((bits as $signed >> (<$bits>::BITS - 1)) as $bits | 1 << (<$bits>::BITS - 1))
        }
        #[inline]
        fn $unordered(bits: $bits) -> $bits {
            bits ^ ((!bits as $signed >> (<$bits>::BITS - 1)) as $bits | 1 << (<$bits>::BITS - 1))
        }
    };
}
ordered_floats!(ordered_f32, unordered_f32, u32, i32);
ordered_floats!(ordered_f64, unordered_f64, u64, i64);

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

/// Arrays of what has a fixed number of bytes; bytes are their own encoding, and have lines of their own above.
macro_rules! array_keys {
    ($($t:ty, $zero:expr;)*) => {$(
        impl<const N: usize> Key for [$t; N] {
            type Borrowed<'a> = [$t; N];
            type View<'a> = [$t; N];
            #[inline]
            fn encoded_len(_: &[$t; N]) -> usize {
                N * <$t as Plain>::SIZE
            }
            #[inline]
            fn encode(key: &[$t; N], out: &mut [u8]) {
                key.iter().zip(out.chunks_exact_mut(<$t as Plain>::SIZE)).for_each(|(key, out)| <$t>::encode(key, out));
            }
            #[inline]
            fn decode(bytes: &[u8]) -> Option<[$t; N]> {
                elements(bytes, <$t as Plain>::SIZE, $zero, <$t>::decode)
            }
        }
        impl<const N: usize> KeyPart for [$t; N] {
            type Part<'a> = [$t; N];
            #[inline]
            fn part_len(key: &[$t; N]) -> usize {
                Self::encoded_len(key)
            }
            #[inline]
            fn encode_part(key: &[$t; N], out: &mut [u8]) {
                Self::encode(key, out);
            }
            #[inline]
            fn split_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
                bytes.split_at_checked(N * <$t as Plain>::SIZE)
            }
            #[inline]
            fn decode_part(bytes: &[u8]) -> Option<[$t; N]> {
                Self::decode(bytes)
            }
        }
        impl<const N: usize> Reversible for [$t; N] {
            type Reversed<'a> = [$t; N];
            #[inline]
            fn split_reversed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
                Self::split_part(bytes)
            }
            #[inline]
            fn decode_reversed(bytes: &[u8]) -> Option<[$t; N]> {
                elements(bytes, <$t as Plain>::SIZE, $zero, <$t>::decode_reversed)
            }
        }
    )*};
}
array_keys! {
    u16, 0; u32, 0; u64, 0; u128, 0; usize, 0; i8, 0; i16, 0; i32, 0; i64, 0; i128, 0; isize, 0;
    f32, 0.0; f64, 0.0; char, '\0'; bool, false;
}

/// The elements of an array, of `size` bytes each.
fn elements<T: Copy, const N: usize>(
    bytes: &[u8],
    size: usize,
    zero: T,
    decode: impl Fn(&[u8]) -> Option<T>,
) -> Option<[T; N]> {
    let mut elements = [zero; N];
    if bytes.len() != N * size {
        return None;
    }
    for (element, bytes) in elements.iter_mut().zip(bytes.chunks_exact(size)) {
        *element = decode(bytes)?;
    }
    Some(elements)
}
