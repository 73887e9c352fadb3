//! Models as safetensors: Keras' names and layouts, or PyTorch's.
//!
//! | | Keras | PyTorch |
//! |---|---|---|
//! | names | `conv1/kernel`, `conv1/bias`, `bn1/gamma`, `bn1/moving_mean` … | `conv1.weight`, `conv1.bias`, `bn1.weight`, `bn1.running_mean` … |
//! | convolution | `[kh][kw][ci][co]` | `[co][ci][kh][kw]` |
//! | depthwise convolution | `[kh][kw][c][m]` | `[c · m][1][kh][kw]` |
//! | dense | `[in][out]` | `[out][in]` |
//! | dense on a flattened image | rows by height, width, channel | columns by channel, height, width |
//! | dense on flattened steps of a `conv1d` | rows by step, channel | columns by channel, step |
//! | dense whose outputs a `reshape` makes an image | columns by height, width, channel | rows by channel, height, width |
//! | a normalisation of flattened numbers | as they lie | by channel, height, width |
//! | PReLU by channel | `alpha` `[1][1][c]` | `weight` `[c]` |
//! | GRU | `kernel` `[in][3u]`, gates z, r, h; `bias` `[2][3u]` | `weight_ih_l0` `[3u][in]`, gates r, z, n; `bias_ih_l0`, `bias_hh_l0` |
//! | LSTM, simple recurrent layer | `kernel` `[in][4u]`, `recurrent_kernel`, one `bias` | `weight_ih_l0` `[4u][in]`, `weight_hh_l0`, two biases that are added |
//! | `bidirectional` | `forward_kernel`, `backward_kernel` … | `weight_ih_l0`, `weight_ih_l0_reverse` … |
//!
//! Networks here have Keras' layouts, so its numbers are not moved; PyTorch's are transposed, and a dense layer that
//! reads a flattened image or makes one has its numbers reordered. `num_batches_tracked` is passed over. For an LSTM or
//! a simple recurrent layer the sum of the two biases is read; it is written as the first, with zeros as the second. A
//! module of several recurrent layers (`num_layers=2`) is several layers here, which [`Reader::layers`] gives the same
//! name: they are its `l0`, `l1` … in the order of the network. PyTorch has no `gru_reset_before` and no layer that
//! runs `backwards` alone; `proj_size` and the simple layer with `relu` do not exist here.
//!
//! Numbers may be F32, F16, BF16 or F64, which is rounded. The format is described at
//! <https://github.com/huggingface/safetensors>.
//!
//! # What a file cannot say
//!
//! Weights without their ε compute something else. A file written here states its hyper-parameters in its metadata, and
//! they are compared. For a file that does not state ε, the caller must ([`Reader::epsilon`]): Keras' default is 10⁻³,
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

use self::layout::Piece;
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
/// [`SafetensorsError::Length`] if `parameters` does not have the network's length.
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
    write(info, parameters, |tensor| {
        let numbers = parameters.get(tensor.range()).unwrap_or(&[]).into();
        Ok(vec![(keras_name(tensor), Out { dims: tensor.dims.as_slice().to_vec(), numbers })])
    })
}

/// The file of a network with these parameters, with PyTorch's names and layouts: what `load_state_dict` takes.
///
/// # Errors
/// [`SafetensorsError::Length`] if `parameters` does not have the network's length, [`SafetensorsError::Unsupported`]
/// for a layer whose weights PyTorch orders in a way that is not a transposition.
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
    write(info, parameters, |tensor| {
        let unsupported = || SafetensorsError::Unsupported {
            name: format!("{}.{}", tensor.layer, layout::pytorch_name(tensor.name)),
        };
        let pieces = layout::pytorch_pieces(tensor, info, 0).ok_or_else(unsupported)?;
        let out = pieces.into_iter().map(|Piece { name, range, layout, adds }| {
            let numbers = parameters.get(range).unwrap_or(&[]);
            let mut moved = vec![0.0; numbers.len()];
            // What is added is in the other tensor already.
            for (index, number) in numbers.iter().enumerate().filter(|_| !adds) {
                if let Some(slot) = moved.get_mut(layout.source(index)) {
                    *slot = *number;
                }
            }
            (format!("{}.{name}", tensor.layer), Out { dims: layout.shape(), numbers: moved.into() })
        });
        Ok(out.collect())
    })
}

/// A tensor of a file, and its name.
type Named<'a> = (String, Out<'a>);

fn write<'a>(
    info: &ModelInfo,
    parameters: &'a [f32],
    each: impl Fn(&'static TensorInfo<'static>) -> Result<Vec<Named<'a>>, SafetensorsError>,
) -> Result<Vec<u8>, SafetensorsError> {
    if parameters.len() != info.parameters() {
        return Err(SafetensorsError::Length { expected: info.parameters(), found: parameters.len() });
    }
    let tensors: Result<Vec<Vec<_>>, _> = info.tensors().iter().map(each).collect();
    let lines: Vec<String> = info.attributes().iter().map(|a| format!("{}.{}={}", a.owner, a.name, a.value)).collect();
    // One entry: those of a map have no order.
    let metadata = (!lines.is_empty()).then(|| [(HYPERPARAMETERS.to_string(), lines.join("\n"))].into_iter().collect());
    Ok(::safetensors::serialize(tensors?.into_iter().flatten(), metadata)?)
}

/// Fills a network's parameters from a file with Keras' names; [`Reader`] has the options.
///
/// # Errors
/// As for [`Reader::read_into`].
pub fn read_into(bytes: &[u8], info: &ModelInfo, parameters: &mut [f32]) -> Result<(), SafetensorsError> {
    Reader::keras().read_into(bytes, info, parameters)
}
