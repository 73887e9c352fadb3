//! What a network's snapshots hold: the names and shapes of its tensors, and its identity.

use super::{
    Network,
    declare::{Layer, Value},
};
use crate::{
    shape::Dims,
    snapshot::{AttributeInfo, AttributeValue, Described, Hash64, ModelInfo, TensorInfo},
};

impl<N: Network> Described for N {
    const INFO: ModelInfo = ModelInfo::new(N::NAME, identity(N::LAYERS), N::TENSORS)
        .with_attributes(N::ATTRIBUTES)
        .with_images(N::FLATTENED, N::DEPTHWISE)
        .with_reshaped(N::RESHAPED);
}

/// The number of tensors of all layers.
pub const fn tensor_count(layers: &[Layer]) -> usize {
    let (mut count, mut i) = (0, 0);
    while i < layers.len() {
        count += layers[i].tensors().len();
        i += 1;
    }
    count
}

/// The tensors of all layers, in the order of the parameters.
pub const fn tensors<const COUNT: usize>(layers: &[Layer]) -> [TensorInfo<'static>; COUNT] {
    let mut tensors = [TensorInfo { layer: "", name: "", dims: Dims::new(&[]), offset: 0 }; COUNT];
    let (mut at, mut offset, mut i) = (0, 0, 0);
    while i < layers.len() {
        let (layer, of_layer) = (&layers[i], layers[i].tensors());
        let mut n = 0;
        while n < of_layer.len() {
            let dims = of_layer[n].dims;
            tensors[at] = TensorInfo { layer: layer.name, name: of_layer[n].name, dims, offset };
            offset += dims.len();
            at += 1;
            n += 1;
        }
        i += 1;
    }
    tensors
}

/// The number of attributes of all layers but those that do nothing in inference.
pub const fn attribute_count(layers: &[Layer]) -> usize {
    let (mut count, mut i) = (0, 0);
    while i < layers.len() {
        if !layers[i].only_trains {
            count += layers[i].attributes().len();
        }
        i += 1;
    }
    count
}

/// The attributes of all layers but those that do nothing in inference, in the order of the layers.
pub const fn attributes<const COUNT: usize>(layers: &[Layer]) -> [AttributeInfo<'static>; COUNT] {
    let mut attributes = [AttributeInfo { owner: "", name: "", value: AttributeValue::Whole(0) }; COUNT];
    let (mut at, mut i) = (0, 0);
    while i < layers.len() {
        let of_layer = layers[i].attributes();
        let mut n = 0;
        while n < of_layer.len() && !layers[i].only_trains {
            let value = match of_layer[n].value {
                Value::Number(number) => AttributeValue::Number(number),
                Value::Sizes(all, count) => AttributeValue::Sizes(Dims::new(all.split_at(count).0)),
                Value::Word(word) => AttributeValue::Word(word),
            };
            attributes[at] = AttributeInfo { owner: layers[i].name, name: of_layer[n].name, value };
            at += 1;
            n += 1;
        }
        i += 1;
    }
    attributes
}

/// Whether a layer has numbers for each element of a list: a normalisation behind a flattening.
const fn is_per_element(layer: &Layer) -> bool {
    layer.rows > 0
        && !layer.reads_list
        && layer.input.rank() == 1
        && layer.output.rank() == 1
        && layer.input.len() == layer.output.len()
}

/// The image that layer `index` reads as a list, if it does.
const fn image_of(layers: &[Layer], index: usize) -> Option<Dims> {
    if !layers[index].reads_list && !is_per_element(&layers[index]) {
        return None;
    }
    let (mut at, mut dims) = (index, layers[index].input);
    loop {
        let value = layers[at].operands[0];
        match dims.rank() {
            1 => {}
            3 => return Some(dims),
            // A recurrent layer has its steps in the order of time everywhere.
            2 if is_of_channels(layers, value) => return Some(Dims::new(&[1, dims.axis(0), dims.axis(1)])),
            _ => return None,
        }
        if value == 0 {
            return None;
        }
        at = value - 1;
        // Layers that keep the order of the numbers: flattening, activations, dropout, normalisation.
        let layer = &layers[at];
        if layer.rows > 0 && !is_per_element(layer)
            || layer.operand_count != 1
            || layer.input.len() != layer.output.len()
        {
            return None;
        }
        dims = layer.input;
    }
}

/// Whether a value over time comes from a convolution, which other frameworks compute channel by channel.
const fn is_of_channels(layers: &[Layer], mut value: usize) -> bool {
    while value > 0 {
        let layer = &layers[value - 1];
        let tensors = layer.tensors();
        // Windows of steps have an axis more than matrices; what has neither keeps the layout of its input.
        if !tensors.is_empty() && tensors[0].dims.rank() > 1 {
            return tensors[0].dims.rank() > 2;
        }
        value = layer.operands[0];
    }
    false
}

/// How many layers read an image as a list.
pub const fn flattened_count(layers: &[Layer]) -> usize {
    let (mut count, mut i) = (0, 0);
    while i < layers.len() {
        count += image_of(layers, i).is_some() as usize;
        i += 1;
    }
    count
}

/// Layers that read an image, or steps of a convolution over time, as a list: dense ones, and those that have a number for
/// each element. With the image; steps are its columns.
pub const fn flattened<const COUNT: usize>(layers: &[Layer]) -> [(&'static str, Dims); COUNT] {
    let mut flattened = [("", Dims::new(&[])); COUNT];
    let (mut at, mut i) = (0, 0);
    while i < layers.len() {
        if let Some(image) = image_of(layers, i) {
            flattened[at] = (layers[i].name, image);
            at += 1;
        }
        i += 1;
    }
    flattened
}

/// The image that the list of layer `index` is read as, if it is.
const fn image_from(layers: &[Layer], index: usize) -> Option<Dims> {
    if layers[index].rows == 0 || layers[index].output.rank() != 1 {
        return None;
    }
    let (mut value, mut at) = (index + 1, index + 1);
    while at < layers.len() {
        let layer = &layers[at];
        at += 1;
        if layer.operand_count != 1 || layer.operands[0] != value || layer.input.len() != layer.output.len() {
            continue;
        }
        match layer.output.rank() {
            // Activations, dropout, normalisation of a list.
            1 if layer.rows == 0 || is_per_element(layer) => value = at,
            3 if layer.rows == 0 => return Some(layer.output),
            2 if layer.rows == 0 && are_convolved(layers, at) => {
                return Some(Dims::new(&[1, layer.output.axis(0), layer.output.axis(1)]));
            }
            _ => {}
        }
    }
    None
}

/// Whether the first layer with windows or matrices that reads value `value` over time is a convolution.
const fn are_convolved(layers: &[Layer], mut value: usize) -> bool {
    let mut at = value;
    while at < layers.len() {
        let layer = &layers[at];
        at += 1;
        if layer.operands[0] == value {
            let tensors = layer.tensors();
            if !tensors.is_empty() && tensors[0].dims.rank() > 1 {
                return tensors[0].dims.rank() > 2;
            }
            value = at;
        }
    }
    false
}

/// How many layers' lists are read as images.
pub const fn reshaped_count(layers: &[Layer]) -> usize {
    let (mut count, mut i) = (0, 0);
    while i < layers.len() {
        count += image_from(layers, i).is_some() as usize;
        i += 1;
    }
    count
}

/// Layers whose list is read as an image, or as steps of a convolution over time, with that image.
pub const fn reshaped<const COUNT: usize>(layers: &[Layer]) -> [(&'static str, Dims); COUNT] {
    let mut reshaped = [("", Dims::new(&[])); COUNT];
    let (mut at, mut i) = (0, 0);
    while i < layers.len() {
        if let Some(image) = image_from(layers, i) {
            reshaped[at] = (layers[i].name, image);
            at += 1;
        }
        i += 1;
    }
    reshaped
}

/// How many layers are depthwise convolutions.
pub const fn depthwise_count(layers: &[Layer]) -> usize {
    let (mut count, mut i) = (0, 0);
    while i < layers.len() {
        count += layers[i].by_channel as usize;
        i += 1;
    }
    count
}

/// The names of depthwise convolutions.
pub const fn depthwise<const COUNT: usize>(layers: &[Layer]) -> [&'static str; COUNT] {
    let mut depthwise = [""; COUNT];
    let (mut at, mut i) = (0, 0);
    while i < layers.len() {
        if layers[i].by_channel {
            depthwise[at] = layers[i].name;
            at += 1;
        }
        i += 1;
    }
    depthwise
}

/// A hash of all that makes the same parameters compute the same: not of names, nor of layers that do
/// nothing in inference.
const fn identity(layers: &[Layer]) -> u64 {
    let (mut hash, mut i) = (Hash64::new(), 0);
    while i < layers.len() {
        let layer = &layers[i];
        if !layer.only_trains {
            hash = hash.bytes(layer.kind.as_bytes());
            hash = sizes(sizes(hash, layer.input.as_slice()), layer.output.as_slice());
            let mut n = 0;
            while n < layer.tensor_count {
                hash = sizes(hash.bytes(layer.tensors[n].name.as_bytes()), layer.tensors[n].dims.as_slice());
                n += 1;
            }
            let mut n = 0;
            while n < layer.attribute_count {
                hash = hash.bytes(layer.attributes[n].name.as_bytes());
                hash = match layer.attributes[n].value {
                    Value::Number(number) => hash.word(number.to_bits()),
                    Value::Sizes(all, count) => sizes(hash, all.split_at(count).0),
                    Value::Word(word) => hash.bytes(word.as_bytes()),
                };
                n += 1;
            }
            // What it reads, where that is not the layer before.
            let mut k = 0;
            while k < layer.operand_count {
                if k > 0 || layer.operands[0] != i {
                    hash = hash.word(source(layers, layer.operands[k]) as u64);
                }
                k += 1;
            }
        }
        i += 1;
    }
    hash.finish()
}

/// The value from which `value` comes without a computation.
const fn source(layers: &[Layer], value: usize) -> usize {
    let mut value = value;
    while value > 0 && layers[value - 1].only_trains {
        value = layers[value - 1].operands[0];
    }
    let (mut number, mut i) = (0, 0);
    while i < value {
        number += !layers[i].only_trains as usize;
        i += 1;
    }
    number
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
