//! What can go wrong in a pass.

use core::fmt;

use crate::{kernels::ShapeError, kernels::loss::LossError};

/// Why a pass or a training step was not done.
///
/// ```
/// use kernlet::nn::Error;
/// let error = Error::Memory { expected: 100, found: 99 };
/// assert_eq!(error.to_string(), "memory: expected 100 floats or more, found 99");
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The memory is smaller than the pass needs.
    Memory {
        /// Floats needed.
        expected: usize,
        /// Floats given.
        found: usize,
    },
    /// The parameters are not the network's.
    Parameters {
        /// Parameters of the network.
        expected: usize,
        /// Parameters given.
        found: usize,
    },
    /// The images do not fill a whole number of inputs.
    Images {
        /// Floats of one image.
        image: usize,
        /// Floats given.
        found: usize,
    },
    /// More images than the batch has room for, or none.
    Batch {
        /// The most images.
        expected: usize,
        /// The images given.
        found: usize,
    },
    /// As many targets as images are needed.
    Targets {
        /// Targets needed.
        expected: usize,
        /// Targets given.
        found: usize,
    },
    /// The outputs have no room for those of all images.
    Outputs {
        /// Floats needed.
        expected: usize,
        /// Floats given.
        found: usize,
    },
    /// Gradients are applied as they appear only where the batch is one piece, and not clipped.
    Applied {
        /// Images of the batch.
        batch: usize,
        /// Images of a piece.
        piece: usize,
    },
    /// The loss refused a target.
    Loss(LossError),
    /// A kernel refused a slice.
    Shape(ShapeError),
    /// The plan of the pass does not fit its memory: a defect of this crate.
    Plan,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory { expected, found } => write!(f, "memory: expected {expected} floats or more, found {found}"),
            Self::Parameters { expected, found } => write!(f, "parameters: expected {expected}, found {found}"),
            Self::Images { image, found } => {
                write!(f, "images: expected a multiple of {image} floats, found {found}")
            }
            Self::Batch { expected, found } => write!(f, "batch: expected 1 to {expected} images, found {found}"),
            Self::Targets { expected, found } => write!(f, "targets: expected {expected}, found {found}"),
            Self::Outputs { expected, found } => write!(f, "outputs: expected {expected}, found {found}"),
            Self::Applied { batch, piece } => write!(
                f,
                "gradients applied as they appear need a batch of one piece and no clipping, found {batch} images in pieces of {piece}"
            ),
            Self::Loss(error) => write!(f, "{error}"),
            Self::Shape(error) => write!(f, "{error}"),
            Self::Plan => f.write_str("the plan of the pass does not fit its memory"),
        }
    }
}

impl core::error::Error for Error {}

impl From<ShapeError> for Error {
    fn from(error: ShapeError) -> Self {
        Self::Shape(error)
    }
}

impl From<LossError> for Error {
    fn from(error: LossError) -> Self {
        Self::Loss(error)
    }
}
