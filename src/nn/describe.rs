//! What a network's snapshots hold: the names and shapes of its tensors, and its identity.

use super::{
    Network,
    layer::{Kind, Layer, Op},
};
use crate::{
    shape::Dims,
    snapshot::{Described, Hash64, ModelInfo, TensorInfo},
};

impl<N: Network> Described for N {
    const INFO: ModelInfo = ModelInfo::new(N::NAME, identity(N::LAYERS), N::TENSORS);
}

/// Keras' names of a layer's tensors: how many there are, and each.
const fn names(layer: &Layer) -> &'static [&'static str] {
    match layer.kind {
        _ if layer.rows == 0 => &[],
        Kind::BatchNorm => &["gamma", "beta", "moving_mean", "moving_variance"],
        _ => &["kernel", "bias"],
    }
}

/// The number of tensors of all layers.
pub const fn tensor_count(layers: &[Layer]) -> usize {
    let (mut count, mut i) = (0, 0);
    while i < layers.len() {
        count += names(&layers[i]).len();
        i += 1;
    }
    count
}

/// The tensors of all layers, in the order of the parameters.
pub const fn tensors<const COUNT: usize>(layers: &[Layer]) -> [TensorInfo<'static>; COUNT] {
    let mut tensors = [TensorInfo { layer: "", name: "", dims: Dims::new(&[]), offset: 0 }; COUNT];
    let (mut at, mut offset, mut i) = (0, 0, 0);
    while i < layers.len() {
        let (layer, names) = (&layers[i], names(&layers[i]));
        let mut n = 0;
        while n < names.len() {
            let is_kernel = n == 0 && layer.kernel.rank() > 0;
            let dims = if is_kernel { layer.kernel } else { Dims::new(&[layer.row_len]) };
            tensors[at] = TensorInfo { layer: layer.name, name: names[n], dims, offset };
            offset += dims.len();
            at += 1;
            n += 1;
        }
        i += 1;
    }
    tensors
}

/// A hash of all that makes the same parameters compute the same: not of names, nor of dropout,
/// which inference does not see.
const fn identity(layers: &[Layer]) -> u64 {
    let (mut hash, mut i) = (Hash64::new(), 0);
    while i < layers.len() {
        let layer = &layers[i];
        if !matches!(layer.kind, Kind::Dropout) {
            hash = hash.bytes(layer.kind.name().as_bytes());
            hash = sizes(sizes(sizes(hash, layer.input.as_slice()), layer.output.as_slice()), layer.kernel.as_slice());
            hash = match layer.op {
                Op::Conv2d(shape) => {
                    sizes(sizes(sizes(hash, &shape.stride), &shape.dilation), &shape.padding).word(shape.groups as u64)
                }
                Op::Pool2d(shape) => sizes(sizes(sizes(hash, &shape.kernel), &shape.stride), &shape.padding),
                Op::Value(value) => hash.word(value.to_bits() as u64),
                Op::Skip(source) => hash.word(source as u64),
                Op::Elementwise | Op::Dense(_) => hash,
            };
        }
        i += 1;
    }
    hash.finish()
}

/// A list's length, then its sizes, so that two lists cannot run into each other.
const fn sizes(hash: Hash64, sizes: &[usize]) -> Hash64 {
    let (mut hash, mut i) = (hash.word(sizes.len() as u64), 0);
    while i < sizes.len() {
        hash = hash.word(sizes[i] as u64);
        i += 1;
    }
    hash
}
