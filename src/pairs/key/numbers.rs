//! Keys of a fixed number of bytes: integers, floats, characters, arrays of bytes.

use super::{Key, KeyPart, Reversible};

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
