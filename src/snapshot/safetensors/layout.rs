//! Where a number of the network's tensor is in another framework's.

use alloc::{format, string::String, string::ToString, vec, vec::Vec};
use core::ops::Range;

use crate::{
    shape::Dims,
    snapshot::{AttributeValue, ModelInfo, TensorInfo},
};

/// A tensor of PyTorch's, and which parameters it holds.
pub(super) struct Piece {
    /// Its name after that of the module.
    pub(super) name: String,
    /// The network's parameters.
    pub(super) range: Range<usize>,
    pub(super) layout: Layout,
    /// It is added to what another tensor holds: the second of PyTorch's two biases where the network has one.
    pub(super) adds: bool,
}

/// The tensors that PyTorch has for one of the network's, if the two differ by the order of numbers alone. A recurrent
/// layer is number `depth` of its module.
pub(super) fn pytorch_pieces(tensor: &TensorInfo<'_>, info: &ModelInfo, depth: usize) -> Option<Vec<Piece>> {
    if let Some(gates) = Gates::of(tensor, info) {
        return gates.pieces(tensor, info, depth);
    }
    let layout = Layout::pytorch(tensor, info)?;
    Some(vec![Piece { name: pytorch_name(tensor.name).to_string(), range: tensor.range(), layout, adds: false }])
}

/// The gates of a recurrent layer, side by side in Keras, one below the other in PyTorch.
#[derive(Clone, Copy)]
pub(super) struct Gates {
    units: usize,
    count: usize,
}

impl Gates {
    /// Those of the tensor's layer, if it is recurrent.
    fn of(tensor: &TensorInfo<'_>, info: &ModelInfo) -> Option<Self> {
        let of_layer = info.tensors().iter().filter(|other| other.layer == tensor.layer);
        let recurrent = of_layer.into_iter().find(|other| other.name.ends_with("recurrent_kernel"))?;
        let &[units, columns] = recurrent.dims.as_slice() else { return None };
        Some(Self { units, count: columns.checked_div(units)? })
    }

    /// The place of a number of PyTorch's in a column of gates: Keras' GRU has z before r.
    fn place(&self, column: usize) -> usize {
        let (gate, unit) = (column / self.units, column % self.units);
        let gate = match (self.count, gate) {
            (3, 0) => 1,
            (3, 1) => 0,
            (_, gate) => gate,
        };
        gate * self.units + unit
    }

    fn pieces(self, tensor: &TensorInfo<'_>, info: &ModelInfo, depth: usize) -> Option<Vec<Piece>> {
        let says = |name: &str, word: &str| {
            let of_layer = info.attributes().iter().filter(|attribute| attribute.owner == tensor.layer);
            of_layer.into_iter().any(|a| a.name == name && a.value == AttributeValue::Word(word))
        };
        // PyTorch has no layer that resets before the product, and none that runs backwards alone.
        if says("reset", "before") || says("direction", "backwards") {
            return None;
        }
        let (name, suffix) = match tensor.name.strip_prefix("backward_") {
            Some(name) => (name, "_reverse"),
            None => (tensor.name.strip_prefix("forward_").unwrap_or(tensor.name), ""),
        };
        let piece =
            |name: &str, range, layout, adds| Piece { name: format!("{name}_l{depth}{suffix}"), range, layout, adds };
        let range = tensor.range();
        let (both, columns) = (["bias_ih", "bias_hh"], self.count * self.units);
        match (name, tensor.dims.as_slice()) {
            ("kernel", &[inputs, _]) => Some(vec![piece("weight_ih", range, Layout::Gates(self, inputs), false)]),
            ("recurrent_kernel", _) => Some(vec![piece("weight_hh", range, Layout::Gates(self, self.units), false)]),
            ("bias", [2, _]) => {
                let half = |at: usize| range.start + at * columns..range.start + (at + 1) * columns;
                let bias = |(at, name)| piece(name, half(at), Layout::GateBias(self), false);
                Some(both.into_iter().enumerate().map(bias).collect())
            }
            ("bias", [_]) => {
                let bias = |(at, name)| piece(name, range.clone(), Layout::GateBias(self), at > 0);
                Some(both.into_iter().enumerate().map(bias).collect())
            }
            _ => None,
        }
    }
}

/// PyTorch's name of a tensor.
pub(super) fn pytorch_name(name: &str) -> &str {
    match name {
        "kernel" | "gamma" | "scale" | "alpha" | "embeddings" => "weight",
        "beta" => "bias",
        "moving_mean" => "running_mean",
        "moving_variance" => "running_var",
        other => other,
    }
}

/// The order of the numbers in a file.
#[derive(Clone, Copy)]
pub(super) enum Layout {
    /// As in the network: its sizes, and how many.
    Same([usize; 4], usize),
    /// `[in][out]` from `[out][in]`; the rows are an image's numbers of this height, width and channels, and the
    /// columns another's.
    Dense { image: [usize; 3], made: [usize; 3] },
    /// `[kh][kw][ci][co]` from `[co][ci][kh][kw]`, or `[k][ci][co]` from `[co][ci][k]` with a height of 0.
    Convolution([usize; 4]),
    /// `[kh][kw][c][m]` from `[c · m][1][kh][kw]`, or `[k][c][m]` from `[c · m][1][k]` with a height of 0.
    Depthwise([usize; 4]),
    /// `[in][gates · units]` from `[gates · units][in]`.
    Gates(Gates, usize),
    /// `[gates · units]`.
    GateBias(Gates),
    /// A number for each element of an image, before or after a flattening, of this height, width and channels.
    Elements([usize; 3]),
}

impl Layout {
    /// As it is in the network, if that has no more axes than tensors of Keras.
    pub(super) fn same(tensor: &TensorInfo<'_>) -> Self {
        let mut sizes = [1; 4];
        let dims = tensor.dims.as_slice();
        sizes.iter_mut().zip(dims).for_each(|(to, from)| *to = *from);
        Self::Same(sizes, dims.len().min(4))
    }

    /// PyTorch's, if it is that of the network but for a transposition.
    pub(super) fn pytorch(tensor: &TensorInfo<'_>, info: &ModelInfo) -> Option<Self> {
        let image_in = |all: &[(&str, Dims)]| {
            let image = all.iter().find(|(layer, _)| *layer == tensor.layer);
            image.map(|(_, image)| [image.axis(0), image.axis(1), image.axis(2)])
        };
        let (image, made) = (image_in(info.flattened()), image_in(info.reshaped()));
        match (tensor.name, tensor.dims.as_slice(), image.or(made)) {
            ("kernel", &[inputs, outputs], _) => {
                let (image, made) = (image.unwrap_or([1, 1, inputs]), made.unwrap_or([1, 1, outputs]));
                Some(Self::Dense { image, made })
            }
            ("bias", [_], _) if made.is_some() => made.map(Self::Elements),
            ("gamma" | "scale" | "beta" | "moving_mean" | "moving_variance" | "alpha", [_], Some(image)) => {
                Some(Self::Elements(image))
            }
            ("kernel", &([k, ci, co] | [_, k, ci, co]), _) => {
                let kh = if let [kh, _, _, _] = *tensor.dims.as_slice() { kh } else { 0 };
                let is_depthwise = info.is_depthwise(tensor.layer);
                Some(if is_depthwise { Self::Depthwise([kh, k, ci, co]) } else { Self::Convolution([kh, k, ci, co]) })
            }
            ("embeddings", [_, _], _)
            | ("bias" | "gamma" | "scale" | "beta" | "moving_mean" | "moving_variance", [_], _) => {
                Some(Self::same(tensor))
            }
            // PyTorch's have a slope for each channel, and no axes of size 1.
            ("alpha", [before @ .., channels], _) if before.iter().all(|&size| size == 1) => {
                Some(Self::Same([*channels, 1, 1, 1], 1))
            }
            _ => None,
        }
    }

    /// The shape in the file.
    pub(super) fn shape(&self) -> Vec<usize> {
        match *self {
            Self::Same(sizes, rank) => sizes.iter().take(rank).copied().collect(),
            Self::Dense { image, made } => vec![made.iter().product(), image.iter().product()],
            Self::Convolution([0, k, ci, co]) => vec![co, ci, k],
            Self::Convolution([kh, kw, ci, co]) => vec![co, ci, kh, kw],
            Self::Depthwise([0, k, c, m]) => vec![c * m, 1, k],
            Self::Depthwise([kh, kw, c, m]) => vec![c * m, 1, kh, kw],
            Self::Gates(gates, inputs) => vec![gates.count * gates.units, inputs],
            Self::GateBias(gates) => vec![gates.count * gates.units],
            Self::Elements([h, w, c]) => vec![h * w * c],
        }
    }

    /// Where number `index` of the network's tensor is in the file's.
    pub(super) fn source(&self, index: usize) -> usize {
        match *self {
            Self::Same(..) => index,
            Self::Dense { image, made } => {
                let [inputs, outputs] = [image, made].map(|image| image.iter().product::<usize>());
                by_channel(made, index % outputs) * inputs + by_channel(image, index / outputs)
            }
            Self::Convolution([kh, kw, ci, co]) => {
                let (o, i, x, y) = (index % co, index / co % ci, index / (co * ci) % kw, index / (co * ci * kw));
                ((o * ci + i) * kh.max(1) + y) * kw + x
            }
            Self::Gates(gates, inputs) => {
                let columns = gates.count * gates.units;
                gates.place(index % columns) * inputs + index / columns
            }
            Self::GateBias(gates) => gates.place(index),
            Self::Elements(image) => by_channel(image, index),
            Self::Depthwise([kh, kw, c, m]) => {
                let (j, channel, x, y) = (index % m, index / m % c, index / (m * c) % kw, index / (m * c * kw));
                ((channel * m + j) * kh.max(1) + y) * kw + x
            }
        }
    }
}

/// Where number `index` of an image `[h][w][c]` is in `[c][h][w]`.
fn by_channel([h, w, c]: [usize; 3], index: usize) -> usize {
    let (y, x, channel) = (index / (w * c), index / c % w, index % c);
    (channel * h + y) * w + x
}
