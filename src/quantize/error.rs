//! Why a network cannot be quantised.

use core::fmt;

use crate::{nn, tflite};

/// Why a network cannot be quantised.
///
/// ```
/// use kernlet::{nn::Model, quantize::Calibration, simd::Level};
/// kernlet::network! { struct Smooth([4]) { hidden: dense(8), act: gelu, out: dense(2) } }
/// let model = Model::<Smooth>::zeroed();
/// let error = Calibration::new(Level::detect(), &model).unwrap_err();
/// assert_eq!(error.to_string(), "layer `act`, gelu: has no integer kernel");
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// A layer that eight-bit operators cannot express.
    Layer {
        /// Its name.
        layer: &'static str,
        /// Its kind.
        kind: &'static str,
        /// What is in the way.
        reason: &'static str,
    },
    /// There was no sample to take ranges from.
    NoSamples,
    /// A value was 0 in all samples, or the samples are all one constant: there is no range to divide.
    Constant {
        /// The layer whose output it is, or `input`.
        layer: &'static str,
        /// The number that it always was.
        value: f32,
    },
    /// All samples are the same.
    Same {
        /// How many there were.
        samples: usize,
    },
    /// A value, or a parameter, is infinite or not a number.
    NotFinite {
        /// The layer.
        layer: &'static str,
    },
    /// A percentile outside 50 to 100.
    Percentile {
        /// The one that was asked for.
        found: f64,
    },
    /// Quantisation-aware training keeps its gradients until the whole batch is done.
    Applied,
    /// The network could not be run on a sample.
    Network(nn::Error),
    /// The quantised network could not be run.
    Model(tflite::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layer { layer, kind, reason } => write!(f, "layer `{layer}`, {kind}: {reason}"),
            Self::NoSamples => f.write_str("calibration: there was no sample; a few hundred are usual"),
            Self::Constant { layer, value } => write!(
                f,
                "calibration: `{layer}` was {value} in all samples, so that it has no range; other samples are needed, or other weights"
            ),
            Self::Same { samples } => write!(f, "calibration: all {samples} samples are the same"),
            Self::NotFinite { layer } => write!(f, "layer `{layer}`: a number is infinite or not a number"),
            Self::Percentile { found } => write!(f, "percentile: expected 50 to 100, found {found}"),
            Self::Applied => f.write_str("gradients applied as they appear would change weights that are rounded"),
            Self::Network(error) => write!(f, "{error}"),
            Self::Model(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Network(error) => Some(error),
            Self::Model(error) => Some(error),
            _ => None,
        }
    }
}

impl From<nn::Error> for Error {
    fn from(error: nn::Error) -> Self {
        Self::Network(error)
    }
}

impl From<tflite::Error> for Error {
    fn from(error: tflite::Error) -> Self {
        Self::Model(error)
    }
}
