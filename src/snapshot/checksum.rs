//! CRC-32 for files, and a 64-bit hash that names networks and parameters.

/// The reversed polynomial of CRC-32 (ISO 3309, as in gzip and PNG).
const POLYNOMIAL: u32 = 0xEDB8_8320;

/// CRC-32 of every half byte: 64 bytes of flash instead of 1 KiB, at about half the speed.
const TABLE: [u32; 16] = {
    let mut table = [0; 16];
    let mut i = 0;
    while i < 16 {
        let mut crc = i as u32;
        let mut bit = 0;
        while bit < 4 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
};

/// Continues the CRC-32 `crc` with `bytes`; begin with 0.
///
/// ```
/// use kernlet::snapshot::crc32;
/// assert_eq!(crc32(0, b"123456789"), 0xCBF4_3926);
/// assert_eq!(crc32(crc32(0, b"1234"), b"56789"), 0xCBF4_3926);
/// ```
pub const fn crc32(crc: u32, bytes: &[u8]) -> u32 {
    let mut crc = !crc;
    let mut i = 0;
    while i < bytes.len() {
        crc ^= bytes[i] as u32;
        crc = (crc >> 4) ^ TABLE[(crc & 15) as usize];
        crc = (crc >> 4) ^ TABLE[(crc & 15) as usize];
        i += 1;
    }
    !crc
}

/// A 64-bit hash that can be computed in a `const`: FNV-1a.
///
/// It does not protect against people who want two inputs to collide.
///
/// ```
/// use kernlet::snapshot::Hash64;
/// const ID: u64 = Hash64::new().bytes(b"dense").word(128).finish();
/// assert_ne!(ID, Hash64::new().bytes(b"dense").word(64).finish());
/// assert_eq!(Hash64::new().bytes(b"a").finish(), 0xAF63_DC4C_8601_EC8C); // a known value of FNV-1a
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hash64(u64);

impl Default for Hash64 {
    fn default() -> Self {
        Self::new()
    }
}

impl Hash64 {
    /// The hash of nothing.
    pub const fn new() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }

    /// Followed by `bytes`.
    pub const fn bytes(mut self, bytes: &[u8]) -> Self {
        let mut i = 0;
        while i < bytes.len() {
            self.0 = (self.0 ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01B3);
            i += 1;
        }
        self
    }

    /// Followed by a number, as eight bytes.
    pub const fn word(self, word: u64) -> Self {
        self.bytes(&word.to_le_bytes())
    }

    /// The hash of what came so far.
    pub const fn finish(self) -> u64 {
        self.0
    }
}

/// A hash of all bits of `numbers`, the same on every target: the same for the same bits, and for others only by
/// chance.
///
/// ```
/// use kernlet::snapshot::fingerprint;
/// assert_eq!(fingerprint(&[]), 0xCBF2_9CE4_8422_2325);
/// assert_ne!(fingerprint(&[0.0]), fingerprint(&[-0.0]));
/// ```
pub const fn fingerprint(numbers: &[f32]) -> u64 {
    let mut hash = Hash64::new();
    let mut i = 0;
    while i < numbers.len() {
        hash = hash.bytes(&numbers[i].to_bits().to_le_bytes());
        i += 1;
    }
    hash.finish()
}
