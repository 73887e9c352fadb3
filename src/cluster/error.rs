//! What can go wrong between a driver and its workers.

use alloc::string::String;
use core::fmt;
use std::io;

use super::Kind;
use crate::nn;

/// Why a worker or a driver ended, with what was expected.
///
/// ```
/// use kernlet::cluster::Error;
/// let error = Error::Cut { expected: 100, found: 99 };
/// assert_eq!(error.to_string(), "a frame was cut: expected 100 bytes, found 99");
/// ```
///
/// Both `Display` and `Debug` are meant for people to read: `main` prints the latter.
#[non_exhaustive]
pub enum Error {
    /// The stream of frames could not be read.
    Read(io::Error),
    /// A frame could not be written: the other end is gone, in most cases.
    Write(io::Error),
    /// These bytes do not begin a frame.
    NoFrame {
        /// The first four.
        found: [u8; 4],
    },
    /// The stream ended within a frame.
    Cut {
        /// Bytes of the header or of the payload.
        expected: u64,
        /// Bytes there were.
        found: u64,
    },
    /// A frame is longer than any that is expected.
    TooLong {
        /// Its kind.
        kind: Kind,
        /// The most bytes.
        most: u64,
        /// Bytes that its header announces.
        found: u64,
    },
    /// A frame was damaged on its way.
    Checksum {
        /// Its kind.
        kind: Kind,
        /// What its header says.
        expected: u32,
        /// The sum of what came.
        found: u32,
    },
    /// A frame of another kind was due.
    Kind {
        /// What was due.
        expected: &'static str,
        /// What came.
        found: Kind,
    },
    /// The other end stopped before it was done.
    Ended {
        /// What was due.
        expected: &'static str,
    },
    /// A payload does not hold what its kind requires.
    Payload {
        /// The frame's kind.
        kind: Kind,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The two ends do not fit each other.
    Differs {
        /// What differs.
        what: &'static str,
        /// What the driver has.
        driver: String,
        /// What the worker has.
        worker: String,
    },
    /// A partition does not fit the worker's budget.
    Budget {
        /// Bytes of its samples.
        bytes: u64,
        /// Bytes that the worker may hold.
        budget: u64,
    },
    /// A partition does not have the samples that it should have.
    Samples {
        /// The partition.
        partition: u64,
        /// Samples it should have.
        expected: u64,
        /// Samples it has.
        found: u64,
    },
    /// There is nothing to divide into that many partitions.
    Partitions {
        /// Partitions asked for.
        found: usize,
        /// The most for which each has something to do.
        most: usize,
    },
    /// An answer belongs to another question.
    Answer {
        /// What does not fit.
        what: &'static str,
        /// What was asked for.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// The network refused a part of a batch.
    Network(nn::Error),
    /// What the other end said.
    Remote(String),
    /// What the caller's own function said.
    Caller(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "frames could not be read: {error}"),
            Self::Write(error) => write!(f, "a frame could not be written: {error}"),
            Self::NoFrame { found } => {
                write!(f, "no frame begins with \"{}\", expected \"KNLF\"", found.escape_ascii())
            }
            Self::Cut { expected, found } => write!(f, "a frame was cut: expected {expected} bytes, found {found}"),
            Self::TooLong { kind, most, found } => {
                write!(f, "a frame `{kind}` of {found} bytes is too long, expected {most} at most")
            }
            Self::Checksum { kind, expected, found } => {
                write!(f, "a frame `{kind}` has changed: expected checksum {expected:08x}, found {found:08x}")
            }
            Self::Kind { expected, found } => write!(f, "expected {expected}, found a frame `{found}`"),
            Self::Ended { expected } => write!(f, "the stream ended, expected {expected}"),
            Self::Payload { kind, what } => write!(f, "a frame `{kind}` is not as it should be: {what}"),
            Self::Differs { what, driver, worker } => {
                write!(f, "the {what} of the driver is {driver}, of the worker {worker}")
            }
            Self::Budget { bytes, budget } => {
                write!(f, "a partition has {bytes} bytes of samples, more than the budget of {budget}")
            }
            Self::Samples { partition, expected, found } => {
                write!(f, "partition {partition} has {found} samples, expected {expected}")
            }
            Self::Partitions { found, most } => {
                write!(f, "{found} partitions: expected 1 to {most}, the leaves of a batch, or some have no samples")
            }
            Self::Answer { what, expected, found } => write!(f, "an answer has {what} {found}, expected {expected}"),
            Self::Network(error) => write!(f, "{error}"),
            Self::Remote(text) | Self::Caller(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Read(error) | Self::Write(error) => Some(error),
            Self::Network(error) => Some(error),
            _ => None,
        }
    }
}

impl From<nn::Error> for Error {
    fn from(error: nn::Error) -> Self {
        Self::Network(error)
    }
}
