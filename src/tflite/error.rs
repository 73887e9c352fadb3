//! What can be wrong with a model, or with what it is run on.

use core::fmt;

use super::{Operator, Type};
use crate::kernels::ShapeError;

/// What an [`Error`] found where it expected something else.
///
/// ```
/// use kernlet::tflite::{Found, Type};
/// assert_eq!(Found::Type(Type::UINT8).to_string(), "UINT8");
/// assert_eq!(Found::Number(-3).to_string(), "-3");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Found {
    /// A number: a size, a count, an option.
    Number(i64),
    /// An element type.
    Type(Type),
    /// Something else, or nothing at all.
    Other,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Type(of) => write!(f, "{of}"),
            Self::Other => f.write_str("another"),
        }
    }
}

/// Why a file cannot be read or run.
///
/// ```
/// use kernlet::tflite::{Error, Model};
/// let error = Model::parse(b"PK\x03\x04 an archive").unwrap_err();
/// assert_eq!(error, Error::Identifier);
/// assert_eq!(error.to_string(), "no TensorFlow Lite file: bytes 4 to 7 are not \"TFL3\"");
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not a TensorFlow Lite file.
    Identifier,
    /// An offset leads out of the file, which is cut off or damaged.
    Offset {
        /// What should be there.
        what: &'static str,
        /// Where the reader was, in bytes.
        at: usize,
    },
    /// An index names something that does not exist.
    Index {
        /// What is missing.
        what: &'static str,
        /// Its index.
        index: usize,
        /// How many there are.
        len: usize,
    },
    /// A part of the model that belongs to no operator is not as it should be.
    Model {
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: Found,
    },
    /// A tensor is not as it should be.
    Tensor {
        /// Its index.
        index: usize,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: Found,
    },
    /// An operator that is unknown, or not supported with these types, shapes and options.
    Operator {
        /// The operator.
        operator: Operator,
        /// Its index: the first is 0.
        index: usize,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: Found,
    },
    /// The memory is smaller than the model needs.
    Arena {
        /// Bytes needed.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// An input or output that the model does not have.
    Port {
        /// The index asked for.
        index: usize,
        /// How many there are.
        len: usize,
    },
    /// An input or output has another length.
    Length {
        /// Elements that it has in the model.
        expected: usize,
        /// Elements given.
        found: usize,
    },
    /// An input or output has another type.
    Element {
        /// Its type in the model.
        expected: Type,
    },
    /// A kernel refused what it was given.
    Kernel(ShapeError),
    /// The program contradicts itself: a defect of this crate, or its words were changed.
    Program,
}

impl Error {
    /// The kind of error in a few words, for compile-time messages.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Identifier => "no TensorFlow Lite file: bytes 4 to 7 are not \"TFL3\"",
            Self::Offset { what, .. } | Self::Index { what, .. } => what,
            Self::Model { expected, .. } | Self::Tensor { expected, .. } | Self::Operator { expected, .. } => expected,
            Self::Arena { .. } => "the arena is too small",
            Self::Port { .. } => "there is no such input or output",
            Self::Length { .. } => "an input or output has another length",
            Self::Element { .. } => "an input or output has another type",
            Self::Kernel(error) => error.argument,
            Self::Program => "the program contradicts itself",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offset { what, at } => write!(f, "{what}, which byte {at} leads to, is not in the file"),
            Self::Index { what, index, len } => write!(f, "there is no {what} {index}: there are {len}"),
            Self::Model { expected, found } => write!(f, "expected {expected}, found {found}"),
            Self::Tensor { index, expected, found } => write!(f, "tensor {index}: expected {expected}, found {found}"),
            Self::Operator { operator, index, expected, found } => {
                write!(f, "operator {index}, {operator}: expected {expected}, found {found}")
            }
            Self::Arena { expected, found } => write!(f, "arena: expected {expected} bytes or more, found {found}"),
            Self::Port { index, len } => write!(f, "there is no input or output {index}: there are {len}"),
            Self::Length { expected, found } => write!(f, "expected {expected} elements, found {found}"),
            Self::Element { expected } => write!(f, "the elements are {expected}"),
            Self::Kernel(error) => write!(f, "{error}"),
            Self::Identifier | Self::Program => f.write_str(self.kind()),
        }
    }
}

impl core::error::Error for Error {}

impl From<ShapeError> for Error {
    fn from(error: ShapeError) -> Self {
        Self::Kernel(error)
    }
}
