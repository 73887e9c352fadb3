//! What can go wrong in a job.

use core::fmt;

/// Why a job stopped, with the numbers.
///
/// `S` is the error of the job's store.
///
/// ```
/// # #[cfg(feature = "alloc")] {
/// use kernlet::mapreduce::{Error, Job, Sum};
/// let too_small = Job::new(64).combine::<str, Sum<u64>>(Sum::new()).err().unwrap();
/// assert!(matches!(too_small, Error::BudgetTooSmall { given: 64, least } if least < 2048));
/// # }
/// ```
///
/// Both `Display` and `Debug` give a message for people: `main` prints the latter.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error<S> {
    /// The budget is too small for a job of this kind.
    BudgetTooSmall {
        /// Bytes given.
        given: usize,
        /// The fewest bytes that would do.
        least: usize,
    },
    /// The allocator could not provide the budget.
    OutOfMemory {
        /// Bytes of the budget.
        bytes: usize,
    },
    /// A key with its value is too long to be sorted and merged in the budget. This does not depend
    /// on the pairs before it: a pair of at most `most` bytes always fits.
    PairTooLong {
        /// Bytes of the encoded key.
        key: usize,
        /// Bytes of the value.
        value: usize,
        /// The most bytes that both together may have in this budget.
        most: usize,
    },
    /// The table is full and there is no store to spill to. The pair was not
    /// taken; keys that are in the table can still be updated.
    Full {
        /// Pairs or keys that the table holds.
        entries: usize,
    },
    /// The store has no room for the next block.
    StoreFull {
        /// Bytes that the store can hold.
        capacity: u64,
        /// Bytes of it that hold runs still needed.
        used: u64,
    },
    /// The store failed.
    Store(S),
    /// A block read back is not the one that was written.
    Corrupt {
        /// Where in the store it begins.
        at: u64,
        /// The checksum that was written with it.
        expected: u32,
        /// The checksum of what was read.
        found: u32,
    },
    /// A record or key read back makes no sense, although its block's checksum is right.
    Undecodable {
        /// Bytes of the record's key.
        key: usize,
    },
    /// An earlier error left the job without its data.
    Poisoned,
}

impl<S> Error<S> {
    fn say(
        &self,
        f: &mut fmt::Formatter<'_>,
        store: impl FnOnce(&S, &mut fmt::Formatter<'_>) -> fmt::Result,
    ) -> fmt::Result {
        match self {
            Error::BudgetTooSmall { given, least } => {
                write!(f, "a budget of {given} bytes is too small: at least {least} are needed")
            }
            Error::OutOfMemory { bytes } => write!(f, "the machine does not have the {bytes} bytes of the budget"),
            Error::PairTooLong { key, value, most } => {
                write!(
                    f,
                    "a key of {key} bytes with a value of {value} does not fit: the budget allows {most} for both"
                )
            }
            Error::Full { entries } => write!(f, "the table is full at {entries} entries and there is no store"),
            Error::StoreFull { capacity, used } => {
                write!(f, "the store is full: {used} of {capacity} bytes hold runs still needed")
            }
            Error::Store(error) => {
                f.write_str("the store failed: ")?;
                store(error, f)
            }
            Error::Corrupt { at, expected, found } => {
                write!(f, "the block at byte {at} of the store is corrupt: checksum {found:08x}, not {expected:08x}")
            }
            Error::Undecodable { key } => write!(f, "a record with a key of {key} bytes cannot be decoded"),
            Error::Poisoned => write!(f, "an earlier error ended this job"),
        }
    }
}

impl<S: fmt::Display> fmt::Display for Error<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.say(f, S::fmt)
    }
}

impl<S: fmt::Debug> fmt::Debug for Error<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.say(f, S::fmt)
    }
}

impl<S: core::error::Error + 'static> core::error::Error for Error<S> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Error::Store(error) => Some(error),
            _ => None,
        }
    }
}

/// Why an item was not mapped completely: the item, and the error.
///
/// ```
/// # #[cfg(feature = "alloc")] {
/// use kernlet::mapreduce::{Job, Sum, map_fn};
/// let mut job = Job::new(4 << 10).combine::<[u8], Sum<u64>>(Sum::new()).unwrap();
/// let mut mapper = map_fn::<[u8; 4], [u8], u64, _>(|item, emit| emit(item, &1));
/// let rejected = (0u32..).find_map(|i| job.map(&mut mapper, i.to_le_bytes()).err()).unwrap();
/// assert_eq!(u32::from_le_bytes(rejected.item) as usize, job.len());
/// # }
/// ```
///
/// The item needs no `Debug`: it is not printed. Where only the error matters, `?` makes it a
/// plain [`Error`].
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Rejected<I, E> {
    /// The item.
    pub item: I,
    /// How many of its pairs were taken before the error.
    pub taken: u64,
    /// The error.
    pub error: E,
}

impl<I, E: fmt::Display> fmt::Display for Rejected<I, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "item rejected after {} of its pairs: {}", self.taken, self.error)
    }
}

impl<I, E: fmt::Debug> fmt::Debug for Rejected<I, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "item rejected after {} of its pairs: {:?}", self.taken, self.error)
    }
}

impl<I, E: core::error::Error + 'static> core::error::Error for Rejected<I, E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl<I, S> From<Rejected<I, Error<S>>> for Error<S> {
    fn from(rejected: Rejected<I, Error<S>>) -> Self {
        rejected.error
    }
}
