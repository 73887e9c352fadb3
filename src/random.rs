//! A counter-based random generator: the n-th number of a stream is a function
//! of the seed, the stream and n, so nothing needs to be stored or replayed.
//!
//! The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw: *Parallel random
//! numbers: as easy as 1, 2, 3*, SC 2011). Integers only: the same numbers on
//! every target.

/// The multipliers and Weyl increments of Philox4x32 (the paper's table 2).
const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Ten rounds of Philox4x32: four random words for a counter and a key.
///
/// ```
/// // A known-answer vector published with the generator (Random123, kat_vectors).
/// assert_eq!(kernlet::random::philox4x32([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
/// ```
#[inline]
pub const fn philox4x32(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    let mut round = 0;
    while round < 10 {
        let a = counter[0] as u64 * MULTIPLIERS[0] as u64;
        let b = counter[2] as u64 * MULTIPLIERS[1] as u64;
        counter = [(b >> 32) as u32 ^ counter[1] ^ key[0], b as u32, (a >> 32) as u32 ^ counter[3] ^ key[1], a as u32];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        round += 1;
    }
    counter
}

/// A stream of random numbers that can be read at any position.
///
/// A seed names a family of streams; what uses random numbers takes a stream of
/// its own (initialisation, shuffling, each dropout layer at each step), so that
/// adding a layer does not change what the others draw.
///
/// ```
/// use kernlet::random::Stream;
/// let stream = Stream::new(42, 0);
/// assert_eq!(stream.u32_at(7), Stream::new(42, 0).u32_at(7));
/// assert_ne!(stream.u32_at(7), Stream::new(42, 1).u32_at(7));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 2],
    stream: [u32; 2],
}

impl Stream {
    /// Stream number `stream` of the family that `seed` names.
    #[inline]
    pub const fn new(seed: u64, stream: u64) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32], stream: [stream as u32, (stream >> 32) as u32] }
    }

    /// Words `4 * block` to `4 * block + 3` of the stream.
    ///
    /// ```
    /// use kernlet::random::Stream;
    /// let stream = Stream::new(1, 2);
    /// assert_eq!(stream.block_at(3)[1], stream.u32_at(13));
    /// ```
    #[inline]
    pub const fn block_at(self, block: u64) -> [u32; 4] {
        philox4x32([block as u32, (block >> 32) as u32, self.stream[0], self.stream[1]], self.key)
    }

    /// Blocks `first .. first + N` side by side: element `[w][j]` is word `w` of block `first + j`.
    ///
    /// Written in arrays, so that a caller with vectors has it compiled to vectors.
    ///
    /// ```
    /// use kernlet::random::Stream;
    /// let stream = Stream::new(1, 2);
    /// assert_eq!(stream.blocks_at::<4>(8)[3][1], stream.block_at(9)[3]);
    /// ```
    #[inline(always)]
    pub fn blocks_at<const N: usize>(self, first: u64) -> [[u32; N]; 4] {
        let mut counter = [[0; N], [0; N], [self.stream[0]; N], [self.stream[1]; N]];
        let [low, high, ..] = &mut counter;
        for (j, (low, high)) in low.iter_mut().zip(high).enumerate() {
            let block = first.wrapping_add(j as u64);
            (*low, *high) = (block as u32, (block >> 32) as u32);
        }
        let mut key = self.key;
        for _ in 0..10 {
            let [c0, c1, c2, c3] = &mut counter;
            for j in 0..N {
                let a = u64::from(c0[j]) * u64::from(MULTIPLIERS[0]);
                let b = u64::from(c2[j]) * u64::from(MULTIPLIERS[1]);
                c0[j] = (b >> 32) as u32 ^ c1[j] ^ key[0];
                c1[j] = b as u32;
                c2[j] = (a >> 32) as u32 ^ c3[j] ^ key[1];
                c3[j] = a as u32;
            }
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        counter
    }

    /// Word `index` of the stream, uniform over all of `u32`.
    ///
    /// ```
    /// let _: u32 = kernlet::random::Stream::new(1, 2).u32_at(0);
    /// ```
    #[inline]
    pub const fn u32_at(self, index: u64) -> u32 {
        self.block_at(index / 4)[(index % 4) as usize]
    }

    /// Number `index` of the stream as a float, uniform in `[0, 1)`, a multiple of 2⁻²⁴.
    ///
    /// ```
    /// let u = kernlet::random::Stream::new(1, 2).f32_at(0);
    /// assert!((0.0..1.0).contains(&u));
    /// ```
    #[inline]
    pub const fn f32_at(self, index: u64) -> f32 {
        unit_f32(self.u32_at(index))
    }

    /// Number `index` of the stream as an integer in `0..bound`, by the high word of
    /// a product: the bias is below `bound / 2³²`. 0 if `bound` is 0.
    ///
    /// ```
    /// assert!(kernlet::random::Stream::new(1, 2).below_at(0, 6) < 6);
    /// ```
    #[inline]
    pub const fn below_at(self, index: u64, bound: u32) -> u32 {
        ((self.u32_at(index) as u64 * bound as u64) >> 32) as u32
    }

    /// Shuffles `items` in place (Fisher–Yates), drawing word `i` of the stream for position `i`.
    ///
    /// ```
    /// let mut order = [0u32, 1, 2, 3, 4, 5, 6, 7];
    /// kernlet::random::Stream::new(1, 2).shuffle(&mut order);
    /// order.sort();
    /// assert_eq!(order, [0, 1, 2, 3, 4, 5, 6, 7]);
    /// ```
    pub fn shuffle<T>(self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let bound = u32::try_from(i + 1).unwrap_or(u32::MAX);
            let j = self.below_at(i as u64, bound) as usize;
            items.swap(i, j);
        }
    }
}

/// The upper 24 bits of a random word as a float in `[0, 1)`.
///
/// ```
/// assert_eq!(kernlet::random::unit_f32(0), 0.0);
/// assert_eq!(kernlet::random::unit_f32(1 << 31), 0.5);
/// ```
#[inline]
pub const fn unit_f32(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / (1u32 << 24) as f32)
}
