//! What can be wrong with a safetensors file.

use alloc::{string::String, string::ToString, vec::Vec};
use core::fmt;

use ::safetensors::SafeTensorError;

/// Why a safetensors file does not fill a network, or could not be made.
///
/// ```
/// use kernlet::snapshot::{ModelInfo, safetensors};
/// let error = safetensors::read_into(b"{}", &ModelInfo::new("Empty", 0, &[]), &mut []).unwrap_err();
/// assert_eq!(error.to_string(), "not a safetensors file: header too small");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SafetensorsError {
    /// The file cannot be read as safetensors; the reason is the reader's.
    File(String),
    /// A tensor of the network is not in the file.
    Missing {
        /// Its name.
        name: String,
        /// Names of the tensors that are in the file.
        found: Vec<String>,
    },
    /// A tensor of the file is not in the network.
    Unexpected {
        /// Its name.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Names of the network's tensors.
        expected: Vec<String>,
    },
    /// A tensor is in the file under two names.
    Twice {
        /// The two names.
        names: [String; 2],
    },
    /// The network's tensors are in the file with several prefixes; [`Reader::prefix`](super::Reader::prefix) chooses.
    Prefixes {
        /// The prefixes.
        found: Vec<String>,
    },
    /// A tensor holds something other than floating-point numbers.
    Type {
        /// Its name.
        name: String,
        /// What it holds.
        found: String,
    },
    /// A tensor has another shape than in the network.
    Shape {
        /// Its name.
        name: String,
        /// The shape it should have in the file.
        expected: Vec<usize>,
        /// Its shape in the file.
        found: Vec<usize>,
    },
    /// The file does not state a hyper-parameter that changes what is computed, and neither did the caller.
    Unstated {
        /// The layer and the hyper-parameter.
        name: String,
        /// The network's value.
        expected: String,
    },
    /// The file, or the caller, states a value of a hyper-parameter that is not the network's.
    Hyperparameter {
        /// The layer and the hyper-parameter.
        name: String,
        /// The network's value.
        expected: String,
        /// The stated value.
        found: String,
    },
    /// PyTorch orders the numbers of this tensor in a way that is not a transposition.
    Unsupported {
        /// Its name.
        name: String,
    },
    /// The parameter slice does not have the network's length.
    Length {
        /// Parameters of the network.
        expected: usize,
        /// Length of the slice.
        found: usize,
    },
}

/// At most this many names of a list are printed.
const MOST: usize = 12;

fn list(f: &mut fmt::Formatter<'_>, names: &[String]) -> fmt::Result {
    for (i, name) in names.iter().take(MOST).enumerate() {
        write!(f, "{}{name}", if i == 0 { "" } else { ", " })?;
    }
    match names.len().saturating_sub(MOST) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}

impl fmt::Display for SafetensorsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(reason) => write!(f, "not a safetensors file: {reason}"),
            Self::Missing { name, found } => {
                write!(f, "tensor {name} is missing; the file has ")?;
                if found.is_empty() { f.write_str("none") } else { list(f, found) }
            }
            Self::Unexpected { name, shape, expected } => {
                write!(f, "tensor {name} of shape {shape:?} is not of this network, which has ")?;
                if expected.is_empty() { f.write_str("none") } else { list(f, expected) }
            }
            Self::Twice { names: [first, second] } => {
                write!(f, "tensors {first} and {second} are the same of the network")
            }
            Self::Prefixes { found } => {
                f.write_str("the network's tensors are there with several prefixes, choose one: ")?;
                list(f, found)
            }
            Self::Type { name, found } => write!(f, "tensor {name} holds {found}, expected F32, F16, BF16 or F64"),
            Self::Shape { name, expected, found } => {
                write!(f, "tensor {name} has shape {found:?}, expected {expected:?}")
            }
            Self::Unstated { name, expected } => write!(
                f,
                "the file does not say {name}, which the network has as {expected}: say what it was when the weights were trained"
            ),
            Self::Hyperparameter { name, expected, found } => {
                write!(f, "{name} is {found} for these weights, and {expected} in the network")
            }
            Self::Unsupported { name } => write!(f, "tensor {name}: the layouts of PyTorch and of this layer differ"),
            Self::Length { expected, found } => write!(f, "the network has {expected} parameters, found {found}"),
        }
    }
}

impl core::error::Error for SafetensorsError {}

#[cfg(feature = "defmt")]
impl defmt::Format for SafetensorsError {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{}", defmt::Display2Format(self));
    }
}

impl From<SafeTensorError> for SafetensorsError {
    fn from(error: SafeTensorError) -> Self {
        Self::File(error.to_string())
    }
}
