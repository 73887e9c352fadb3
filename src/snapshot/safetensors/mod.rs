//! Models as safetensors: Keras' names and layouts, or PyTorch's.
//!
//! | | Keras | PyTorch |
//! |---|---|---|
//! | names | `conv1/kernel`, `conv1/bias`, `bn1/gamma`, `bn1/moving_mean` … | `conv1.weight`, `conv1.bias`, `bn1.weight`, `bn1.running_mean` … |
//! | convolution | `[kh][kw][ci][co]` | `[co][ci][kh][kw]` |
//! | depthwise convolution | `[kh][kw][c][m]` | `[c · m][1][kh][kw]` |
//! | dense | `[in][out]` | `[out][in]` |
//! | dense on a flattened image | rows by height, width, channel | columns by channel, height, width |
//!
//! Networks here have Keras' layouts, so its numbers are not moved; PyTorch's are transposed, and a dense layer that
//! reads a flattened image has its rows put in order. `num_batches_tracked` is passed over.
//!
//! Numbers may be F32, F16, BF16 or F64, which is rounded. The format is described at
//! <https://github.com/huggingface/safetensors>.
//!
//! # What a file cannot say
//!
//! Weights without their ε compute something else. A file written here says its hyper-parameters in its metadata, and
//! they are compared. For a file that does not say ε, the caller must ([`Reader::epsilon`]): Keras' default is 10⁻³,
//! PyTorch's 10⁻⁵, and applications of either have others.
//!
//! # Keras' own files
//!
//! `tests/keras/safetensors_file.py` converts `.keras` and `.weights.h5` to safetensors, with their
//! hyper-parameters, and back.

mod error;
mod layout;
mod numbers;
mod reader;

use alloc::{
    borrow::Cow,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use ::safetensors::{Dtype, View};

use self::layout::Layout;
pub use self::{error::SafetensorsError, reader::Reader};
use super::{ModelInfo, TensorInfo};

/// Where the hyper-parameters are in a file's metadata: a line `layer.name=value` for each.
const HYPERPARAMETERS: &str = "hyperparameters";

fn keras_name(tensor: &TensorInfo<'_>) -> String {
    format!("{}/{}", tensor.layer, tensor.name)
}

/// One tensor on its way out.
struct Out<'a> {
    dims: Vec<usize>,
    numbers: Cow<'a, [f32]>,
}

impl View for Out<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.dims
    }

    fn data(&self) -> Cow<'_, [u8]> {
        if cfg!(target_endian = "little") {
            bytemuck::must_cast_slice(&self.numbers).into()
        } else {
            self.numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
        }
    }

    fn data_len(&self) -> usize {
        size_of_val(&*self.numbers)
    }
}

/// The file of a network with these parameters, with Keras' names and layouts.
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
/// safetensors::read_into(&file, &INFO, &mut parameters)?;
/// assert_eq!(parameters, [1.0, 2.0, 3.0]);
/// # Ok::<(), safetensors::SafetensorsError>(())
/// ```
pub fn to_bytes(info: &ModelInfo, parameters: &[f32]) -> Result<Vec<u8>, SafetensorsError> {
    write(info, parameters, |tensor, numbers| {
        Ok((keras_name(tensor), Out { dims: tensor.dims.as_slice().to_vec(), numbers: numbers.into() }))
    })
}

/// The file of a network with these parameters, with PyTorch's names and layouts: what `load_state_dict` takes.
///
/// # Errors
/// [`SafetensorsError::Length`] if `parameters` is not the network's, [`SafetensorsError::Unsupported`] for a layer
/// whose weights PyTorch orders in another way than by a transposition.
///
/// ```
/// use kernlet::{nn::Model, snapshot::{Described, safetensors::{Reader, to_pytorch_bytes}}};
/// kernlet::network! { struct Tiny([2]) { fc1: dense(3), relu, fc2: dense(2) } }
/// let mut model = Model::<Tiny>::zeroed();
/// model.initialize(1);
/// let file = to_pytorch_bytes(&Tiny::INFO, model.parameters())?;
/// let mut other = Model::<Tiny>::zeroed();
/// Reader::pytorch().read_into(&file, &Tiny::INFO, other.parameters_mut())?;
/// assert_eq!(model.parameters(), other.parameters());
/// # Ok::<(), kernlet::snapshot::safetensors::SafetensorsError>(())
/// ```
pub fn to_pytorch_bytes(info: &ModelInfo, parameters: &[f32]) -> Result<Vec<u8>, SafetensorsError> {
    write(info, parameters, |tensor, numbers| {
        let name = format!("{}.{}", tensor.layer, layout::pytorch_name(tensor.name));
        let layout =
            Layout::pytorch(tensor, info).ok_or_else(|| SafetensorsError::Unsupported { name: name.clone() })?;
        let mut moved = vec![0.0; numbers.len()];
        for (index, number) in numbers.iter().enumerate() {
            if let Some(slot) = moved.get_mut(layout.source(index)) {
                *slot = *number;
            }
        }
        Ok((name, Out { dims: layout.shape(), numbers: moved.into() }))
    })
}

fn write<'a>(
    info: &ModelInfo,
    parameters: &'a [f32],
    each: impl Fn(&'static TensorInfo<'static>, &'a [f32]) -> Result<(String, Out<'a>), SafetensorsError>,
) -> Result<Vec<u8>, SafetensorsError> {
    if parameters.len() != info.parameters() {
        return Err(SafetensorsError::Length { expected: info.parameters(), found: parameters.len() });
    }
    let tensors: Result<Vec<_>, _> =
        info.tensors().iter().map(|tensor| each(tensor, parameters.get(tensor.range()).unwrap_or(&[]))).collect();
    let lines: Vec<String> = info.attributes().iter().map(|a| format!("{}.{}={}", a.owner, a.name, a.value)).collect();
    // One entry: those of a map have no order.
    let metadata = (!lines.is_empty()).then(|| [(HYPERPARAMETERS.to_string(), lines.join("\n"))].into_iter().collect());
    Ok(::safetensors::serialize(tensors?, metadata)?)
}

/// Fills a network's parameters from a file with Keras' names; [`Reader`] has the choices.
///
/// # Errors
/// As for [`Reader::read_into`].
pub fn read_into(bytes: &[u8], info: &ModelInfo, parameters: &mut [f32]) -> Result<(), SafetensorsError> {
    Reader::keras().read_into(bytes, info, parameters)
}
