//! What can be wrong with a snapshot.

use core::fmt;

use super::{AttributeInfo, AttributeValue, ElementType, TensorInfo};
use crate::shape::Dims;

/// A short name that came from a file, cut off after 32 bytes.
///
/// ```
/// assert_eq!(kernlet::snapshot::Label::new("MnistCnn").to_string(), "MnistCnn");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Label {
    bytes: [u8; Self::LEN],
    len: u8,
}

impl Label {
    const LEN: usize = 32;

    /// The first bytes of `name`, up to a character's end.
    pub const fn new(name: &str) -> Self {
        Self { bytes: [0; Self::LEN], len: 0 }.then(name)
    }

    /// Followed by as much of `name` as fits.
    pub(crate) const fn then(mut self, name: &str) -> Self {
        let room = Self::LEN - self.len as usize;
        let mut len = if name.len() < room { name.len() } else { room };
        while !name.is_char_boundary(len) {
            len -= 1;
        }
        let mut i = 0;
        while i < len {
            self.bytes[self.len as usize] = name.as_bytes()[i];
            self.len += 1;
            i += 1;
        }
        self
    }

    /// The name.
    ///
    /// ```
    /// assert_eq!(kernlet::snapshot::Label::new("fc").as_str(), "fc");
    /// ```
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Why bytes are not a snapshot, or not one of this network.
///
/// ```
/// use kernlet::snapshot::Snapshot;
/// let error = Snapshot::parse(b"PK\x03\x04 an archive").unwrap_err();
/// assert_eq!(error.to_string(), "not a kernlet snapshot: it begins with 504b030420616e20");
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SnapshotError {
    /// The first eight bytes are not the magic number.
    Magic {
        /// These bytes, as a big-endian number.
        found: u64,
    },
    /// Another version of the format.
    Version {
        /// The version that this release reads.
        expected: u32,
        /// The version of the file.
        found: u32,
    },
    /// The file ends too early.
    Truncated {
        /// Bytes that there should be.
        expected: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// There are bytes after the end.
    Trailing {
        /// Bytes that there should be.
        expected: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// The header was damaged.
    HeaderChecksum {
        /// The CRC-32 in the file.
        expected: u32,
        /// The CRC-32 of the bytes.
        found: u32,
    },
    /// A section was damaged.
    PayloadChecksum {
        /// The CRC-32 in the file.
        expected: u32,
        /// The CRC-32 of the bytes.
        found: u32,
    },
    /// The header is whole but contradicts itself.
    Header {
        /// What is wrong in it.
        what: &'static str,
        /// Its value.
        found: u64,
    },
    /// The file is of another network.
    Network {
        /// The name of the network that is to be filled.
        expected: &'static str,
        /// Its identity.
        expected_id: u64,
        /// The name in the file.
        found: Label,
        /// The identity in the file.
        found_id: u64,
    },
    /// The file has another number of tensors.
    Tensors {
        /// Tensors of the network.
        expected: usize,
        /// Tensors in the file.
        found: usize,
    },
    /// A tensor has another name or shape.
    Tensor {
        /// The tensor of the network.
        expected: &'static TensorInfo<'static>,
        /// The layer and the name in the file, with a slash between.
        name: Label,
        /// The shape in the file.
        found: Dims,
    },
    /// A tensor has elements of another type.
    Element {
        /// The layer and the name in the file, with a slash between.
        name: Label,
        /// The type that is needed.
        expected: ElementType,
        /// The type in the file.
        found: ElementType,
    },
    /// A hyper-parameter that changes what is computed differs from the network's, or one of the two has none.
    Attribute {
        /// The network's attribute.
        expected: Option<&'static AttributeInfo<'static>>,
        /// The layer and the name in the file.
        name: Label,
        /// The value in the file.
        found: Option<AttributeValue<Label>>,
    },
    /// A section that must be understood is not.
    Section {
        /// Its name.
        name: Label,
    },
    /// A hyper-parameter of the optimizer differs from when training stopped.
    Hyperparameter {
        /// Its name.
        name: &'static str,
        /// The optimizer's value.
        expected: f64,
        /// The value in the file; `None` if it has none.
        found: Option<f64>,
    },
    /// The slice to be filled has another length.
    Length {
        /// Numbers in the file.
        expected: usize,
        /// Numbers in the slice.
        found: usize,
    },
    /// The numbers cannot be used where they lie: they are not aligned to 4 bytes,
    /// or the machine is big-endian.
    NotInPlace,
    /// There is no training state in the file.
    NoTraining,
    /// The training state is of another optimizer.
    Optimizer {
        /// The name in the file.
        found: Label,
    },
}

impl SnapshotError {
    /// The kind of error in a few words, for compile-time messages.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Magic { .. } => "not a kernlet snapshot",
            Self::Version { .. } => "the snapshot is of another version of the format",
            Self::Truncated { .. } => "the snapshot is cut off",
            Self::Trailing { .. } => "there are bytes after the snapshot",
            Self::HeaderChecksum { .. } => "the snapshot's header is damaged",
            Self::PayloadChecksum { .. } => "the snapshot's numbers are damaged",
            Self::Header { .. } => "the snapshot's header contradicts itself",
            Self::Network { .. } => "the snapshot is of another network",
            Self::Tensors { .. } => "the snapshot has another number of tensors",
            Self::Tensor { .. } => "a tensor in the snapshot has another name or shape",
            Self::Element { .. } => "a tensor in the snapshot has elements of another type",
            Self::Attribute { .. } => "a hyper-parameter in the snapshot is another",
            Self::Section { .. } => "the snapshot has a section that must be understood",
            Self::Hyperparameter { .. } => "the snapshot's training was with another hyper-parameter of the optimizer",
            Self::Length { .. } => "the slice has another length than the snapshot's numbers",
            Self::NotInPlace => "the snapshot's numbers cannot be used where they lie",
            Self::NoTraining => "the snapshot has no training state",
            Self::Optimizer { .. } => "the snapshot's training state is of another optimizer",
        }
    }
}

impl SnapshotError {
    const fn attribute_name(&self) -> Label {
        match self {
            Self::Attribute { name, .. } => *name,
            _ => Label::new(""),
        }
    }
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::Magic { found } => write!(f, "{kind}: it begins with {found:016x}"),
            Self::Version { expected, found } => write!(f, "{kind}: expected {expected}, found {found}"),
            Self::Truncated { expected, found } | Self::Trailing { expected, found } => {
                write!(f, "{kind}: expected {expected} bytes, found {found}")
            }
            Self::HeaderChecksum { expected, found } | Self::PayloadChecksum { expected, found } => {
                write!(f, "{kind}: expected CRC-32 {expected:08x}, found {found:08x}")
            }
            Self::Header { what, found } => write!(f, "{kind}: {what} is {found}"),
            Self::Network { expected, expected_id, found, found_id } => {
                write!(f, "{kind}: expected {expected} ({expected_id:016x}), found {found} ({found_id:016x})")
            }
            Self::Tensors { expected, found } => write!(f, "{kind}: expected {expected}, found {found}"),
            Self::Tensor { expected: TensorInfo { layer, name: tensor, dims, .. }, name, found } => {
                write!(f, "{kind}: expected {layer}/{tensor} of {dims}, found {name} of {found}")
            }
            Self::Length { expected, found } => write!(f, "{kind}: expected {expected}, found {found}"),
            Self::NotInPlace => write!(f, "{kind}: they must be aligned to 4 bytes, on a little-endian machine"),
            Self::Element { name, expected, found } => write!(f, "{kind}: {name}: expected {expected}, found {found}"),
            Self::Attribute { expected, name, found } => {
                write!(f, "{kind}: ")?;
                match (expected, found) {
                    (Some(AttributeInfo { owner, name, value }), Some(found)) => {
                        write!(f, "{owner}: {name}: expected {value}, found ")?;
                        // What was found may be of another name.
                        if *name_of(owner, name).as_str() != *self.attribute_name().as_str() {
                            write!(f, "{}: ", self.attribute_name())?;
                        }
                        write!(f, "{found}")
                    }
                    (Some(AttributeInfo { owner, name, value }), None) => {
                        write!(f, "{owner}: {name}: expected {value}, found none")
                    }
                    (None, Some(found)) => write!(f, "{name}: expected none, found {found}"),
                    (None, None) => write!(f, "{name}"),
                }
            }
            Self::Section { name } => write!(f, "{kind}: {name}"),
            Self::Hyperparameter { name, expected, found: Some(found) } => {
                write!(f, "{kind}: {name}: expected {expected}, found {found}")
            }
            Self::Hyperparameter { name, expected, found: None } => {
                write!(f, "{kind}: {name}: expected {expected}, found none")
            }
            Self::NoTraining => f.write_str(kind),
            Self::Optimizer { found } => write!(f, "{kind}: {found}"),
        }
    }
}

impl core::error::Error for SnapshotError {}

const fn name_of(owner: &str, name: &str) -> Label {
    Label::new(owner).then(": ").then(name)
}

/// Why a snapshot could not be written.
///
/// ```
/// use kernlet::snapshot::{ModelInfo, WriteError, write};
/// let error = write(&ModelInfo::new("Empty", 0, &[]), &[1.0], None, &mut |_: &[u8]| Ok::<(), ()>(())).unwrap_err();
/// assert_eq!(error, WriteError::Length { expected: 0, found: 1 });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum WriteError<E> {
    /// The number of parameters is not the network's.
    Length {
        /// Parameters of the network.
        expected: usize,
        /// Parameters given.
        found: usize,
    },
    /// A name is empty or longer than 255 bytes, or an owner does not begin with `@`.
    Name {
        /// Whose name.
        what: &'static str,
        /// Its length in bytes.
        found: usize,
    },
    /// More sections of the caller's own than there is room for.
    Sections {
        /// The most there may be.
        most: usize,
        /// How many there are.
        found: usize,
    },
    /// A section of the caller's own has the name of another one, or of one that the format has itself.
    Repeated {
        /// Which of the caller's, from 0.
        index: usize,
    },
    /// The sink refused the bytes.
    Sink(E),
}

#[cfg(feature = "std")]
impl WriteError<std::io::Error> {
    /// The same as an error of the file system, the sink being a file.
    pub(crate) fn into_io(self) -> std::io::Error {
        match self {
            Self::Sink(error) => error,
            refused => {
                std::io::Error::new(std::io::ErrorKind::InvalidInput, std::string::ToString::to_string(&refused))
            }
        }
    }
}

impl<E: fmt::Display> fmt::Display for WriteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { expected, found } => write!(f, "the network has {expected} parameters, found {found}"),
            Self::Name { what, found } => write!(f, "the name of {what} has 1 to 255 bytes, found {found}"),
            Self::Sections { most, found } => write!(f, "at most {most} sections, found {found}"),
            Self::Repeated { index } => write!(f, "section {index} has the name of another one"),
            Self::Sink(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for WriteError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Sink(error) => Some(error),
            _ => None,
        }
    }
}
