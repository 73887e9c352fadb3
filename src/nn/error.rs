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
    /// The numbers do not make a whole number of inputs.
    Inputs {
        /// Numbers of one input.
        input: usize,
        /// Numbers given.
        found: usize,
    },
    /// More samples than the batch has room for, or none.
    Batch {
        /// The most samples.
        expected: usize,
        /// The samples given.
        found: usize,
    },
    /// The gradient has no room for that of the whole input.
    Gradient {
        /// Floats needed.
        expected: usize,
        /// Floats given.
        found: usize,
    },
    /// The output asked about does not exist.
    Class {
        /// How many outputs there are.
        classes: usize,
        /// Which was asked about.
        found: usize,
    },
    /// Another number of targets than the samples have.
    Targets {
        /// Targets needed.
        expected: usize,
        /// Targets given.
        found: usize,
    },
    /// The outputs are not as many as those of all samples.
    Outputs {
        /// Floats needed.
        expected: usize,
        /// Floats given.
        found: usize,
    },
    /// Gradients are applied as they appear only where the batch is one piece, and not clipped.
    Applied {
        /// Samples of the batch.
        batch: usize,
        /// Samples of a piece.
        piece: usize,
    },
    /// A trained batch normalisation would take its mean over one number, which leaves nothing to learn from.
    OneRow {
        /// The layer.
        layer: &'static str,
    },
    /// There are no epochs to fit: [`Training::epochs`](super::Training::epochs) was not called.
    Epochs,
    /// There is no sample to learn from.
    NoSamples {
        /// Samples given.
        found: usize,
        /// How many of them are held out.
        held_out: usize,
    },
    /// Training was stopped further into an epoch than there are samples.
    Position {
        /// Samples of the epoch that were learnt from.
        position: u64,
        /// Samples there are now.
        samples: usize,
    },
    /// A number in the inputs is not one of the vocabulary.
    Index {
        /// Where it is, counted over all samples of the batch.
        position: usize,
        /// The number.
        index: u32,
        /// How many there are; they count from 0.
        vocabulary: u32,
    },
    /// Another number of lengths than there are samples.
    Lengths {
        /// Lengths needed.
        expected: usize,
        /// Lengths given.
        found: usize,
    },
    /// A sequence has no step, or more than there are.
    Length {
        /// Which sample of the batch.
        sample: usize,
        /// Its length.
        length: u32,
        /// How many steps there are.
        steps: usize,
    },
    /// Sequences have lengths, and a layer takes all steps.
    Unended {
        /// The layer.
        layer: &'static str,
    },
    /// Sequences have lengths, and the loss has weights behind its targets but no
    /// [`evaluate_ended`](super::Loss::evaluate_ended) of its own.
    WeightBehind,
    /// A stateful training has a layer that begins at a sequence's end, where no earlier batch leads.
    Backwards {
        /// The layer.
        layer: &'static str,
    },
    /// A stateful training goes on with the states of a whole batch, of which leaves are parts.
    StatefulLeaves,
    /// Room for the metrics of another number of leaves than the samples make.
    Leaves {
        /// The leaves of the samples.
        expected: usize,
        /// The metrics that there is room for.
        found: usize,
    },
    /// A stateful training takes sequences in their order, one piece after the other; `fit` would shuffle them.
    Shuffled,
    /// A sample could not be read.
    Sample {
        /// Which one.
        index: usize,
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
            Self::Inputs { input, found } => {
                write!(f, "inputs: expected a multiple of {input} numbers, found {found}")
            }
            Self::Batch { expected, found } => write!(f, "batch: expected 1 to {expected} samples, found {found}"),
            Self::Gradient { expected, found } => write!(f, "gradient: expected {expected} floats, found {found}"),
            Self::Class { classes, found } => write!(f, "class: expected less than {classes}, found {found}"),
            Self::Targets { expected, found } => write!(f, "targets: expected {expected}, found {found}"),
            Self::Outputs { expected, found } => write!(f, "outputs: expected {expected}, found {found}"),
            Self::Applied { batch, piece } => write!(
                f,
                "gradients applied as they appear need a batch of one piece and no clipping, found {batch} samples in pieces of {piece}"
            ),
            Self::OneRow { layer } => {
                write!(f, "batch: layer `{layer}` normalises over the batch and cannot learn from one sample")
            }
            Self::Epochs => f.write_str("epochs: none in the training's configuration"),
            Self::NoSamples { found, held_out } => {
                write!(f, "samples: none to learn from, found {found} of which {held_out} are held out")
            }
            Self::Position { position, samples } => {
                write!(f, "samples: found {samples}, but training stopped {position} samples into an epoch")
            }
            Self::Index { position, index, vocabulary } => {
                write!(f, "inputs: index {index} at position {position} is not below the vocabulary, {vocabulary}")
            }
            Self::Lengths { expected, found } => write!(f, "lengths: expected {expected}, found {found}"),
            Self::Length { sample, length, steps } => {
                write!(f, "lengths: sample {sample}: expected 1 to {steps} steps, found {length}")
            }
            Self::Unended { layer } => {
                write!(f, "lengths: layer `{layer}` takes all steps, whatever the lengths of sequences")
            }
            Self::WeightBehind => f.write_str(
                "lengths: the loss has a weight behind the targets of a sample, and no `evaluate_ended` of its own",
            ),
            Self::Backwards { layer } => {
                write!(f, "stateful: layer `{layer}` runs backwards and cannot go on from an earlier batch")
            }
            Self::StatefulLeaves => {
                f.write_str("stateful: states are those of a whole batch, and leaves are parts of it")
            }
            Self::Leaves { expected, found } => {
                write!(f, "leaves: expected room for {expected} metrics, found {found}")
            }
            Self::Shuffled => f.write_str("stateful: `fit` shuffles samples; take the steps one by one"),
            Self::Sample { index } => write!(f, "samples: sample {index} could not be read"),
            Self::Loss(error) => write!(f, "{error}"),
            Self::Shape(error) => write!(f, "{error}"),
            Self::Plan => f.write_str("the plan of the pass does not fit its memory"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Loss(error) => Some(error),
            Self::Shape(error) => Some(error),
            _ => None,
        }
    }
}

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
