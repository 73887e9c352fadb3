//! Where a number of the network's tensor is in another framework's.

use alloc::{vec, vec::Vec};

use crate::snapshot::{ModelInfo, TensorInfo};

/// PyTorch's name of a tensor.
pub(super) fn pytorch_name(name: &str) -> &str {
    match name {
        "kernel" | "gamma" | "embeddings" => "weight",
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
    /// `[in][out]` from `[out][in]`; the rows are an image's numbers of this height, width and channels.
    Dense { image: [usize; 3], outputs: usize },
    /// `[kh][kw][ci][co]` from `[co][ci][kh][kw]`, or `[k][ci][co]` from `[co][ci][k]` with a height of 0.
    Convolution([usize; 4]),
    /// `[kh][kw][c][m]` from `[c · m][1][kh][kw]`.
    Depthwise([usize; 4]),
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
        match (tensor.name, tensor.dims.as_slice()) {
            ("kernel", &[inputs, outputs]) => {
                let image = info.flattened().iter().find(|(layer, _)| *layer == tensor.layer);
                let image = image.map_or([1, 1, inputs], |(_, image)| [image.axis(0), image.axis(1), image.axis(2)]);
                Some(Self::Dense { image, outputs })
            }
            ("kernel", &[k, ci, co]) => Some(Self::Convolution([0, k, ci, co])),
            ("kernel", &[kh, kw, ci, co]) => {
                let is_depthwise = info.is_depthwise(tensor.layer);
                Some(if is_depthwise { Self::Depthwise([kh, kw, ci, co]) } else { Self::Convolution([kh, kw, ci, co]) })
            }
            ("embeddings", [_, _]) | ("bias" | "gamma" | "beta" | "moving_mean" | "moving_variance", [_]) => {
                Some(Self::same(tensor))
            }
            _ => None,
        }
    }

    /// The shape in the file.
    pub(super) fn shape(&self) -> Vec<usize> {
        match *self {
            Self::Same(sizes, rank) => sizes.iter().take(rank).copied().collect(),
            Self::Dense { image: [h, w, c], outputs } => vec![outputs, h * w * c],
            Self::Convolution([0, k, ci, co]) => vec![co, ci, k],
            Self::Convolution([kh, kw, ci, co]) => vec![co, ci, kh, kw],
            Self::Depthwise([kh, kw, c, m]) => vec![c * m, 1, kh, kw],
        }
    }

    /// Where number `index` of the network's tensor is among those of the file's.
    pub(super) fn source(&self, index: usize) -> usize {
        match *self {
            Self::Same(..) => index,
            Self::Dense { image: [h, w, c], outputs } => {
                let (row, output) = (index / outputs, index % outputs);
                let (y, x, channel) = (row / (w * c), row / c % w, row % c);
                output * (h * w * c) + (channel * h + y) * w + x
            }
            Self::Convolution([kh, kw, ci, co]) => {
                let (o, i, x, y) = (index % co, index / co % ci, index / (co * ci) % kw, index / (co * ci * kw));
                ((o * ci + i) * kh.max(1) + y) * kw + x
            }
            Self::Depthwise([kh, kw, c, m]) => {
                let (j, channel, x, y) = (index % m, index / m % c, index / (m * c) % kw, index / (m * c * kw));
                ((channel * m + j) * kh + y) * kw + x
            }
        }
    }
}
