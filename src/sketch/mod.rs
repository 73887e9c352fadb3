//! Summaries of fixed size: what a stream of any length was like, in a few kilobytes
//! that need no allocator and can be sent and merged elsewhere.
//!
//! | wanted | use | error | merging |
//! |---|---|---|---|
//! | the most frequent keys | [`SpaceSaving`] | a count is at most `total / N` too high | keeps the bound |
//! | how many keys are distinct | [`HyperLogLog`] | standard error `1.04 / √M` | exact |
//! | how often each key came | [`CountMin`] | at most `e · total / W` too high, with probability `1 − e⁻ᴰ` | exact |
//! | quantiles of numbers | [`DdSketch`] | relative, `1 / (2^(BITS+1) + 1)` | exact |
//! | mean and variance | [`Moments`] | rounding | to rounding |
//! | a random sample | [`Reservoir`] | none: uniform | exact |
//!
//! A summary that counts keys is an [`Emitter`](crate::pairs::Emitter): the mapper of a MapReduce
//! job can count into it unchanged.
//!
//! ```
//! use kernlet::pairs::{Emitter, Mapper};
//! use kernlet::sketch::{HyperLogLog, Sketch, SpaceSaving};
//!
//! struct Words;
//! impl Mapper<str> for Words {
//!     type Key = str;
//!     type Value = u64;
//!     fn map<E: Emitter<str, u64>>(&mut self, line: &str, out: &mut E) -> Result<(), E::Error> {
//!         line.split_whitespace().try_for_each(|word| out.emit(word, 1))
//!     }
//! }
//!
//! let mut frequent = SpaceSaving::<str, 64, 16>::new(0);
//! let mut distinct = HyperLogLog::<str, 256>::new(0);
//! for line in ["in the beginning", "was the word"] {
//!     Words.map(line, &mut frequent)?;
//!     Words.map(line, &mut distinct)?;
//! }
//! frequent.sort();
//! assert_eq!(frequent.iter().next().map(|word| (word.key, word.count)), Some(("the", 2)));
//! assert_eq!(distinct.estimate().round(), 5.0);
//!
//! // Sent as bytes, and merged with what another machine saw.
//! let mut bytes = [0; HyperLogLog::<str, 256>::BYTES];
//! let len = distinct.to_bytes(&mut bytes)?;
//! let mut elsewhere = HyperLogLog::<str, 256>::new(0);
//! elsewhere.merge(&HyperLogLog::from_bytes(&bytes[..len])?)?;
//! assert_eq!(elsewhere.estimate(), distinct.estimate());
//! # Ok::<(), kernlet::sketch::Error>(())
//! ```
//!
//! # As bytes
//!
//! Numbers are little-endian on every machine. A header of 24 bytes says which
//! summary it is and of what size, and has a checksum; [`Sketch::from_bytes`] checks
//! it and everything that a summary promises about itself, so bytes that were damaged
//! or made up give an error or a summary, never a panic.

mod distinct;
mod frequency;
mod heavy_hitters;
mod moments;
mod quantiles;
mod reservoir;
mod wire;

use core::fmt;

use crate::pairs::Key;
use crate::pairs::hash::{HashSeed, prefix};
use crate::pairs::key::{ENCODED, encoded};

pub use distinct::HyperLogLog;
pub use frequency::CountMin;
pub use heavy_hitters::{HeavyHitter, SpaceSaving};
pub use moments::Moments;
pub use quantiles::DdSketch;
pub use reservoir::Reservoir;

use wire::{Body, HEADER, Reader, Writer};

/// What every summary can do: become bytes, come back from them, be merged.
///
/// ```
/// use kernlet::sketch::{HyperLogLog, Sketch};
/// /// The union of what several machines sent.
/// fn union<'a, S: Sketch>(sent: impl IntoIterator<Item = &'a [u8]>, mut all: S) -> Result<S, kernlet::sketch::Error> {
///     for bytes in sent {
///         all.merge(&S::from_bytes(bytes)?)?;
///     }
///     Ok(all)
/// }
///
/// type Visitors = HyperLogLog<u32, 1024>;
/// let (mut here, mut there) = (Visitors::new(7), Visitors::new(7));
/// here.add(1)?;
/// there.add(2)?;
/// let mut sent = [[0; Visitors::BYTES]; 2];
/// here.to_bytes(&mut sent[0])?;
/// there.to_bytes(&mut sent[1])?;
/// let all = union(sent.iter().map(|bytes| &bytes[..]), Visitors::new(7))?;
/// assert_eq!(all.estimate().round(), 2.0);
/// # Ok::<(), kernlet::sketch::Error>(())
/// ```
pub trait Sketch: Body {
    /// The most bytes that [`Self::to_bytes`] writes.
    const BYTES: usize = HEADER + Self::BODY;

    /// Adds what `other` has seen: the result summarises both streams.
    ///
    /// # Errors
    ///
    /// [`Error::Seed`] if the two were made with different seeds and what they hold
    /// depends on it. Nothing was changed.
    fn merge(&mut self, other: &Self) -> Result<(), Error>;

    /// Writes the summary to the beginning of `out`; returns how many bytes it takes.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if `out` is too short, and then its contents mean nothing.
    /// [`Self::BYTES`] are always enough.
    fn to_bytes(&self, out: &mut [u8]) -> Result<usize, Error> {
        wire::write(self, out)
    }

    /// Reads a summary from exactly the bytes that were written.
    ///
    /// # Errors
    ///
    /// What is wrong with the bytes.
    fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        wire::read(bytes)
    }
}

/// Why a summary did not take a key, or cannot be merged, written or read.
///
/// ```
/// use kernlet::sketch::{Error, HyperLogLog, Sketch};
/// let error = HyperLogLog::<u8, 16>::from_bytes(b"none").err();
/// assert_eq!(error, Some(Error::Length { given: 4, needed: 24 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// A key whose encoding is too long to be kept or made. It was not counted.
    KeyTooLong {
        /// Bytes of the encoded key.
        key: usize,
        /// The most that it may have.
        most: usize,
    },
    /// A key that its own type cannot read back. It was not counted.
    Undecodable {
        /// Bytes of the encoded key.
        key: usize,
    },
    /// Summaries that hash differently have nothing in common to merge.
    Seed {
        /// The seed of the one that was to be merged into.
        own: u64,
        /// The seed of the other.
        other: u64,
    },
    /// Samples of parts of a stream that share positions are not independent.
    Position {
        /// Where both have an item.
        both: u64,
    },
    /// Too few bytes to write to or read from, or too many to be what was written.
    Length {
        /// Bytes given.
        given: usize,
        /// Bytes needed.
        needed: usize,
    },
    /// The bytes do not begin as a summary of this version does.
    Foreign {
        /// The first eight of them.
        found: [u8; 8],
        /// What they should have been.
        expected: [u8; 8],
    },
    /// A summary of another size.
    Size {
        /// Its sizes, in the order of the type's parameters.
        found: [u32; 3],
        /// The sizes of the type that is read.
        expected: [u32; 3],
    },
    /// The bytes are not those that were written.
    Checksum {
        /// The checksum that is written in them.
        expected: u32,
        /// The checksum computed from them.
        found: u32,
    },
    /// The checksum holds, but no summary has these contents.
    Contents {
        /// The byte before which reading stopped.
        at: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::KeyTooLong { key, most } => write!(f, "a key of {key} bytes is too long: {most} are allowed"),
            Error::Undecodable { key } => write!(f, "a key of {key} bytes cannot be decoded"),
            Error::Seed { own, other } => {
                write!(f, "summaries with seeds {own:#x} and {other:#x} cannot be merged: the seeds must be the same")
            }
            Error::Position { both } => write!(f, "both samples have an item at position {both}: they overlap"),
            Error::Length { given, needed } => write!(f, "{given} bytes for a summary that needs {needed}"),
            Error::Foreign { found, expected } => {
                write!(f, "no summary of this kind and version begins with {found:02x?}, but with {expected:02x?}")
            }
            Error::Size { found, expected } => write!(f, "a summary of size {found:?} where {expected:?} is expected"),
            Error::Checksum { expected, found } => {
                write!(f, "the summary is corrupt: checksum {found:08x}, not {expected:08x}")
            }
            Error::Contents { at } => write!(f, "the contents before byte {at} are those of no summary"),
        }
    }
}

impl core::error::Error for Error {}

/// The finishing step of SplitMix64 (Steele, Lea, Flood: *Fast splittable pseudorandom
/// number generators*, OOPSLA 2014): every bit depends on every other.
#[inline]
fn finish(mut hash: u64) -> u64 {
    hash = (hash ^ hash >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ hash >> 31
}

/// A seed, and the hash that it makes.
#[derive(Clone, Copy)]
struct KeyHash {
    seed: u64,
    keys: HashSeed,
}

impl KeyHash {
    const fn new(seed: u64) -> Self {
        Self { seed, keys: HashSeed::new(seed) }
    }

    /// The hash of encoded bytes. Every bit of it is as good as the others: the
    /// step of the tables, finished.
    #[inline]
    fn bytes(&self, key: &[u8]) -> u64 {
        finish(self.keys.hash(prefix(key), key))
    }

    #[inline]
    fn key<K: Key + ?Sized>(&self, key: &K::Borrowed<'_>) -> Result<u64, Error> {
        with_encoded::<K, _>(key, |key| self.bytes(key))
    }

    fn agree(&self, other: &Self) -> Result<(), Error> {
        if self.seed == other.seed { Ok(()) } else { Err(Error::Seed { own: self.seed, other: other.seed }) }
    }
}

#[inline]
fn with_encoded<K: Key + ?Sized, R>(key: &K::Borrowed<'_>, take: impl FnOnce(&[u8]) -> R) -> Result<R, Error> {
    encoded::<K, R>(key, take).map_err(|key| Error::KeyTooLong { key, most: ENCODED })
}
