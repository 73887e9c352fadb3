//! Models as safetensors, with Keras' names and layouts: `conv1/kernel`, `conv1/bias` …
//!
//! Convolution kernels are `[kh][kw][ci][co]` and dense ones `[in][out]` on both
//! sides, so no number is moved. The format is described at
//! <https://github.com/huggingface/safetensors>.

use alloc::{
    borrow::Cow,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use ::safetensors::{Dtype, SafeTensorError, SafeTensors, View};

use super::{ModelInfo, TensorInfo};
use crate::shape::Dims;

/// Why a safetensors file does not fill a network, or could not be made.
///
/// ```
/// use kernlet::snapshot::{ModelInfo, safetensors};
/// let error = safetensors::read_into(b"{}", "", &ModelInfo::new("Empty", 0, &[]), &mut []).unwrap_err();
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
    },
    /// A tensor of the file is not in the network.
    Unexpected {
        /// Its name.
        name: String,
    },
    /// A tensor does not hold `f32`.
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
        /// Its shape in the network.
        expected: Dims,
        /// Its shape in the file.
        found: Vec<usize>,
    },
    /// The parameter slice is not the network's.
    Length {
        /// Parameters of the network.
        expected: usize,
        /// Length of the slice.
        found: usize,
    },
}

impl fmt::Display for SafetensorsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(reason) => write!(f, "not a safetensors file: {reason}"),
            Self::Missing { name } => write!(f, "tensor {name} is missing"),
            Self::Unexpected { name } => write!(f, "tensor {name} is not of this network"),
            Self::Type { name, found } => write!(f, "tensor {name} holds {found}, expected F32"),
            Self::Shape { name, expected, found } => {
                write!(f, "tensor {name} has shape {found:?}, expected {:?}", expected.as_slice())
            }
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

fn full_name(tensor: &TensorInfo<'_>) -> String {
    format!("{}/{}", tensor.layer, tensor.name)
}

/// One tensor on its way out.
struct Out<'a> {
    dims: &'a [usize],
    numbers: &'a [f32],
}

impl View for Out<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        self.dims
    }

    fn data(&self) -> Cow<'_, [u8]> {
        if cfg!(target_endian = "little") {
            bytemuck::must_cast_slice(self.numbers).into()
        } else {
            self.numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
        }
    }

    fn data_len(&self) -> usize {
        size_of_val(self.numbers)
    }
}

/// The file of a network with these parameters.
///
/// # Errors
/// [`SafetensorsError::Length`] if `parameters` is not the network's.
///
/// ```
/// use kernlet::{shape::Dims, snapshot::{ModelInfo, TensorInfo, safetensors}};
/// const INFO: ModelInfo = ModelInfo::new("Tiny", 1, &[
///     TensorInfo { layer: "fc", name: "kernel", dims: Dims::new(&[2, 1]), offset: 0 },
///     TensorInfo { layer: "fc", name: "bias", dims: Dims::new(&[1]), offset: 2 },
/// ]);
/// let file = safetensors::to_bytes(&INFO, &[1.0, 2.0, 3.0])?;
/// let mut parameters = [0.0; 3];
/// safetensors::read_into(&file, "", &INFO, &mut parameters)?;
/// assert_eq!(parameters, [1.0, 2.0, 3.0]);
/// # Ok::<(), safetensors::SafetensorsError>(())
/// ```
pub fn to_bytes(info: &ModelInfo, parameters: &[f32]) -> Result<Vec<u8>, SafetensorsError> {
    if parameters.len() != info.parameters() {
        return Err(SafetensorsError::Length { expected: info.parameters(), found: parameters.len() });
    }
    let tensors = info
        .tensors()
        .iter()
        .map(|tensor| (full_name(tensor), Out { dims: tensor.dims.as_slice(), numbers: &parameters[tensor.range()] }));
    Ok(::safetensors::serialize(tensors, None)?)
}

/// Fills a network's parameters from the tensors whose names begin with `prefix` (`""` for all).
///
/// # Errors
/// [`SafetensorsError`] if the file is broken or its tensors are not exactly the network's;
/// `parameters` is then as it was.
pub fn read_into(bytes: &[u8], prefix: &str, info: &ModelInfo, parameters: &mut [f32]) -> Result<(), SafetensorsError> {
    if parameters.len() != info.parameters() {
        return Err(SafetensorsError::Length { expected: info.parameters(), found: parameters.len() });
    }
    let file = SafeTensors::deserialize(bytes)?;
    let mut found = Vec::with_capacity(info.tensors().len());
    for tensor in info.tensors() {
        let name = format!("{prefix}{}", full_name(tensor));
        let Ok(view) = file.tensor(&name) else { return Err(SafetensorsError::Missing { name }) };
        if view.dtype() != Dtype::F32 {
            return Err(SafetensorsError::Type { name, found: format!("{:?}", view.dtype()) });
        }
        if view.shape() != tensor.dims.as_slice() {
            return Err(SafetensorsError::Shape { name, expected: tensor.dims, found: view.shape().to_vec() });
        }
        found.push((name, view.data()));
    }
    let unexpected = |name: &&str| name.starts_with(prefix) && !found.iter().any(|(known, _)| known == name);
    // The first by name: the reader's own order changes from run to run.
    if let Some(name) = file.names().into_iter().filter(unexpected).min() {
        return Err(SafetensorsError::Unexpected { name: name.to_string() });
    }
    for (tensor, (_, data)) in info.tensors().iter().zip(found) {
        for (number, bytes) in parameters[tensor.range()].iter_mut().zip(data.as_chunks::<4>().0) {
            *number = f32::from_le_bytes(*bytes);
        }
    }
    Ok(())
}
