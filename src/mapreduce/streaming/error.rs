//! What can go wrong in a streaming process.

use core::convert::Infallible;
use core::fmt;
use std::io;

use super::super::error::Error;

/// Why a streaming process must not report success.
///
/// ```
/// use kernlet::mapreduce::{StreamError, Streaming, Sum};
/// let unsorted = &b"b\t1\na\t1\n"[..];
/// let outcome = Streaming::new("words", Vec::new()).combine::<str, _>(Sum::<u64>::new(), unsorted, Vec::new());
/// assert!(matches!(outcome, Err(StreamError::Order { line: 2 })));
/// ```
///
/// Both `Display` and `Debug` give a message for people: `main` prints the latter.
#[non_exhaustive]
pub enum StreamError {
    /// This line could not be read.
    Read {
        /// Counted from 1.
        line: u64,
        /// What happened.
        error: io::Error,
    },
    /// Writing failed, to the next process or to the engine's log.
    Write(io::Error),
    /// The job that combines in the mapper failed.
    Job(Error<Infallible>),
    /// A line is too long for the budget: give more of it to lines (`Streaming::longest_line`), or skip such lines
    /// (`Streaming::skip_long_lines`).
    LineTooLong {
        /// Counted from 1.
        line: u64,
        /// The most bytes that the budget allows.
        most: usize,
    },
    /// A reducer's line has no value although its type needs one, or has fewer fields than the key.
    NoValue {
        /// Counted from 1.
        line: u64,
    },
    /// A key or a value is not of the reducer's type.
    Field {
        /// Counted from 1.
        line: u64,
    },
    /// A key comes after a greater one, in the order of bytes: the input was not sorted.
    Order {
        /// Counted from 1.
        line: u64,
    },
    /// A field to be written contains a byte that separates fields or lines.
    Separator {
        /// The byte.
        byte: u8,
    },
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { line, error } => write!(f, "reading line {line} failed: {error}"),
            Self::Write(error) => write!(f, "writing failed: {error}"),
            Self::Job(error) => error.fmt(f),
            Self::LineTooLong { line, most } => {
                write!(f, "line {line} has more than the {most} bytes that the budget allows")
            }
            Self::NoValue { line } => write!(f, "line {line} has no tab between a key and a value"),
            Self::Field { line } => write!(f, "the key or the value in line {line} is not of the expected type"),
            Self::Order { line } => {
                write!(f, "the key in line {line} comes after a greater one: the input is not sorted by bytes")
            }
            Self::Separator { byte } => write!(f, "a field has the byte {byte:#04x}, which separates fields or lines"),
        }
    }
}

impl fmt::Debug for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for StreamError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Read { error, .. } | Self::Write(error) => Some(error),
            Self::Job(error) => Some(error),
            _ => None,
        }
    }
}
