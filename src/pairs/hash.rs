//! The seeded hash of keys, and the checksum of run blocks.
//!
//! Both fold 64-bit words with a widening multiplication, the step of wyhash
//! (Wang Yi, 2019) and of ahash's fallback. It is only as good as its secret: a
//! secret seed keeps others from choosing keys that collide. No result depends on it.

use crate::random::Stream;

/// The secret words of the hash.
#[derive(Clone, Copy)]
pub(crate) struct HashSeed {
    first: u64,
    second: u64,
}

#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[inline(always)]
fn word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[inline(always)]
fn half(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from(u32::from_le_bytes(*bytes)))
}

/// The first eight bytes of a key, little-endian, zeros after a shorter one.
#[inline(always)]
pub(crate) fn prefix(key: &[u8]) -> u64 {
    let len = key.len();
    if len >= 8 {
        word(key)
    } else if len >= 4 {
        // The two halves overlap in bytes that are the same in both.
        half(key) | half(&key[len - 4..]) << (8 * (len - 4))
    } else if len > 0 {
        let at = |i: usize| u64::from(key[i]) << (8 * i);
        at(0) | at(len / 2) | at(len - 1)
    } else {
        0
    }
}

impl HashSeed {
    pub(crate) const fn new(seed: u64) -> Self {
        let [a, b, c, d] = Stream::new(seed, 0x6b65_7973).block_at(0);
        // An odd factor of about half its bits set keeps the product from losing words.
        Self { first: (a as u64) << 32 | b as u64, second: (c as u64) << 32 | d as u64 | 1 << 63 | 1 }
    }

    /// The hash of a key whose [`prefix`] is known.
    #[inline(always)]
    pub(crate) fn hash(self, prefix: u64, key: &[u8]) -> u64 {
        let len = key.len();
        let start = fold(prefix ^ self.first, self.second ^ len as u64);
        if len <= 8 { start } else { self.hash_rest(start, key) }
    }

    #[inline(always)]
    fn hash_rest(self, mut hash: u64, key: &[u8]) -> u64 {
        let last = word(&key[key.len() - 8..]);
        let mut rest = &key[8..];
        while rest.len() > 8 {
            hash = fold(hash ^ word(rest), self.second);
            rest = &rest[8..];
        }
        fold(hash ^ last, self.second)
    }
}

/// The checksum of a block that lies at `place`.
pub(crate) fn checksum(place: u64, bytes: &[u8]) -> u32 {
    const FACTORS: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xD6E8_FEB8_6659_FD93];
    let mut sums = [place ^ FACTORS[1], (bytes.len() as u64) ^ FACTORS[0]];
    let (pairs, rest) = bytes.as_chunks::<16>();
    for pair in pairs {
        sums[0] = fold(sums[0] ^ word(pair), FACTORS[0]);
        sums[1] = fold(sums[1] ^ word(&pair[8..]), FACTORS[1]);
    }
    let mut tail = [0; 16];
    tail[..rest.len()].copy_from_slice(rest);
    // The sums are not multiplied with each other: where one of two factors is 0, the other is lost.
    let sum = fold(sums[0] ^ word(&tail), FACTORS[0]) ^ fold(sums[1] ^ word(&tail[8..]), FACTORS[1]);
    (sum ^ sum >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_is_the_padded_first_word() {
        let key = *b"abcdefghijk";
        for len in 0..=key.len() {
            let mut padded = [0; 8];
            let kept = len.min(8);
            padded[..kept].copy_from_slice(&key[..kept]);
            assert_eq!(prefix(&key[..len]), u64::from_le_bytes(padded), "{len} bytes");
        }
    }

    #[test]
    fn every_byte_and_the_length_count() {
        let seed = HashSeed::new(1);
        let hash = |key: &[u8]| seed.hash(prefix(key), key);
        for len in 0..70 {
            let key = [7u8; 70];
            assert_ne!(hash(&key[..len]), hash(&key[..len + usize::from(len < 69) - usize::from(len == 69)]), "{len}");
            for at in 0..len {
                let mut other = key;
                other[at] ^= 1;
                assert_ne!(hash(&key[..len]), hash(&other[..len]), "byte {at} of {len}");
                assert_ne!(checksum(0, &key[..len]), checksum(0, &other[..len]), "byte {at} of {len}");
            }
            assert_ne!(checksum(0, &key[..len]), checksum(1, &key[..len]));
        }
        // A short block that holds its own length made a factor of the sum 0.
        #[cfg(feature = "alloc")]
        for len in 9..16 {
            let mut block = [0; 16];
            block[8] = len as u8;
            let mut other = block;
            other[0] = 1;
            assert_ne!(checksum(0, &block[..len]), checksum(0, &other[..len]), "{len}");
            assert_ne!(checksum(0, &block[..len]), checksum(1, &block[..len]), "{len}");
        }
        assert_ne!(hash(b"word"), HashSeed::new(2).hash(prefix(b"word"), b"word"));
    }
}
