//! Which parameters weight decay acts on.

use super::{
    declare::{Layer, Message, same},
    network::Network,
};
use crate::snapshot::crc32;

/// A set of tensors that weight decay acts on, in any network. The others learn without it.
///
/// It begins as [`EVERYTHING`](Self::EVERYTHING) or [`KERNELS`](Self::KERNELS), and each method leaves out some more.
/// A name is that of a layer, `fc1`, or of one tensor of it, `fc1/bias`.
///
/// ```
/// use kernlet::nn::{Decay, Network};
/// kernlet::network! { struct Tiny([2]) { hidden: dense(8), tanh, batch_norm, out: dense(3), softmax } }
/// let decaying = |decay: Decay| {
///     let mut names = Vec::new();
///     for (index, layer) in Tiny::LAYERS.iter().enumerate() {
///         for (tensor, LayerTensor { name, .. }) in layer.tensors().iter().enumerate() {
///             if decay.contains(Tiny::LAYERS, index, tensor) {
///                 names.push(format!("{}/{name}", layer.name));
///             }
///         }
///     }
///     names
/// };
/// # use kernlet::nn::LayerTensor;
/// assert_eq!(decaying(Decay::KERNELS), ["hidden/kernel", "out/kernel"]);
/// assert_eq!(decaying(Decay::KERNELS.but(&["out"])), ["hidden/kernel"]);
/// assert_eq!(decaying(Decay::EVERYTHING.only(&["out", "hidden/bias"])), ["hidden/bias", "out/kernel", "out/bias"]);
/// assert_eq!(decaying(Decay::EVERYTHING.last(1)), ["out/kernel", "out/bias"]);
/// assert_eq!(decaying(Decay::KERNELS.first(2)), ["hidden/kernel"]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decay {
    kernels: bool,
    only: Option<&'static [&'static str]>,
    but: &'static [&'static str],
    first: usize,
    last: usize,
}

impl Decay {
    /// Every parameter that learns, as where nothing is said: Keras' and PyTorch's own default.
    pub const EVERYTHING: Self = Self { kernels: false, only: None, but: &[], first: usize::MAX, last: usize::MAX };

    /// What inputs are multiplied by: kernels, recurrent kernels and embeddings. Not biases, and not the scales,
    /// shifts and slopes of normalisations and activations; that is how AdamW is mostly used.
    pub const KERNELS: Self = Self { kernels: true, ..Self::EVERYTHING };

    /// Of these, only what has one of these names.
    pub const fn only(self, names: &'static [&'static str]) -> Self {
        Self { only: Some(names), ..self }
    }

    /// Of these, not what has one of these names.
    pub const fn but(self, names: &'static [&'static str]) -> Self {
        Self { but: names, ..self }
    }

    /// Of these, only those of the first so many layers that have parameters.
    pub const fn first(self, layers: usize) -> Self {
        Self { first: layers, ..self }
    }

    /// Of these, only those of the last so many layers that have parameters.
    pub const fn last(self, layers: usize) -> Self {
        Self { last: layers, ..self }
    }

    /// Whether tensor `tensor` of layer `index` is one of them; no moving average is.
    pub const fn contains(&self, layers: &[Layer], index: usize, tensor: usize) -> bool {
        if index >= layers.len() || tensor >= layers[index].tensors().len() {
            return false;
        }
        let (layer, tensor) = (&layers[index], &layers[index].tensors()[tensor]);
        if !tensor.learns || self.kernels && !tensor.decays {
            return false;
        }
        let (mut before, mut after, mut i) = (0, 0, 0);
        while i < layers.len() {
            if layers[i].rows > 0 {
                if i < index {
                    before += 1;
                } else if i > index {
                    after += 1;
                }
            }
            i += 1;
        }
        let named = match self.only {
            Some(names) => is_among(names, layer.name, tensor.name),
            None => true,
        };
        named && before < self.first && after < self.last && !is_among(self.but, layer.name, tensor.name)
    }

    /// Stops the compilation if a name is that of nothing that learns, or there are fewer layers than are counted.
    pub(crate) const fn check(&self, network: &str, layers: &[Layer]) {
        let (mut with_parameters, mut i) = (0, 0);
        while i < layers.len() {
            if layers[i].rows > 0 {
                with_parameters += 1;
            }
            i += 1;
        }
        let counts = [self.first, self.last];
        let mut c = 0;
        while c < counts.len() {
            if counts[c] != usize::MAX && counts[c] > with_parameters {
                Message::of_network(network)
                    .number(counts[c])
                    .text(" layers are counted where weights decay, ")
                    .number(with_parameters)
                    .text(" have parameters")
                    .fail()
            }
            c += 1;
        }
        check_names(network, layers, self.but);
        if let Some(names) = self.only {
            check_names(network, layers, names);
        }
    }
}

const fn check_names(network: &str, layers: &[Layer], names: &[&str]) {
    let mut n = 0;
    while n < names.len() {
        let (mut found, mut i) = (false, 0);
        while i < layers.len() {
            let tensors = layers[i].tensors();
            let mut t = 0;
            while t < tensors.len() {
                found |= tensors[t].learns && is(names[n], layers[i].name, tensors[t].name);
                t += 1;
            }
            i += 1;
        }
        if !found {
            Message::of_network(network)
                .text("`")
                .text(names[n])
                .text("` is named where weights decay, and no layer or tensor that learns has this name")
                .fail()
        }
        n += 1;
    }
}

const fn is_among(names: &[&str], layer: &str, tensor: &str) -> bool {
    let mut i = 0;
    while i < names.len() {
        if is(names[i], layer, tensor) {
            return true;
        }
        i += 1;
    }
    false
}

/// Whether a name is the layer's, or `layer/tensor`.
const fn is(name: &str, layer: &str, tensor: &str) -> bool {
    if same(name, layer) {
        return true;
    }
    let (name, layer, tensor) = (name.as_bytes(), layer.as_bytes(), tensor.as_bytes());
    if name.len() != layer.len() + 1 + tensor.len() || name[layer.len()] != b'/' {
        return false;
    }
    let mut i = 0;
    while i < name.len() {
        let wanted = match i {
            _ if i < layer.len() => layer[i],
            _ if i == layer.len() => b'/',
            _ => tensor[i - layer.len() - 1],
        };
        if name[i] != wanted {
            return false;
        }
        i += 1;
    }
    true
}

/// A type that says which parameters weight decay acts on, for [`Training::decay`](super::Training::decay).
///
/// [`Kernels`] is such a type; [`decay!`](crate::decay) makes one from a [`Decay`]. A name that nothing in the network
/// has does not compile.
///
/// ```
/// use kernlet::nn::{Decay, Decays};
/// kernlet::decay! {
///     /// Words that are rare must not fade.
///     pub struct NotWords = Decay::KERNELS.but(&["words"]);
/// }
/// assert_eq!(NotWords::DECAY, Decay::KERNELS.but(&["words"]));
/// ```
pub trait Decays: Copy + Send + Sync + 'static {
    /// The parameters.
    const DECAY: Decay;
}

/// Weight decay acts on [`Decay::KERNELS`]: not on biases and normalisation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Kernels;

impl Decays for Kernels {
    const DECAY: Decay = Decay::KERNELS;
}

/// Whether the parameter `at` of a layer decays, and up to where those behind it do alike.
pub(crate) type Run = fn(layer: usize, at: usize) -> (bool, usize);

/// The [`Run`] of a network's parameters. A function, so that names of layers are linked only where it is asked for.
pub(crate) fn run<N: Network, D: Decays>(layer: usize, at: usize) -> (bool, usize) {
    let tensors = N::LAYERS.get(layer).map_or(&[][..], Layer::tensors);
    let mut end = 0;
    for (index, tensor) in tensors.iter().enumerate() {
        end += tensor.dims.len();
        if at < end {
            return (D::DECAY.contains(N::LAYERS, layer, index), end);
        }
    }
    (false, usize::MAX)
}

/// How many parameters of a network decay, and a checksum of which: what a file says of it. Nothing where all do.
pub(crate) fn told<N: Network>(run: Option<Run>) -> Option<(usize, u32)> {
    let run = run?;
    let (mut count, mut crc, mut all) = (0, 0, true);
    for (index, node) in N::NODES.iter().enumerate() {
        let (mut at, trainable) = (0, node.trainable as usize);
        while at < trainable {
            let (decays, end) = run(index, at);
            let end = end.min(trainable);
            count += if decays { end - at } else { 0 };
            crc = crc32(crc, &[decays.into()]);
            all &= decays;
            at = end;
        }
    }
    if all { None } else { Some((count, crc)) }
}

/// Declares a type for [`Decays`](crate::nn::Decays): weight decay acts on these parameters.
///
/// ```
/// use kernlet::{nn::{Decay, Training}, optim::AdamW};
/// kernlet::network! { struct Tiny([2]) { hidden: dense(8), batch_norm, tanh, out: dense(3), softmax } }
/// kernlet::decay! { struct Hidden = Decay::KERNELS.only(&["hidden"]); }
/// const TRAINING: Training<Tiny, AdamW> = Training::new(AdamW::new(0.01)).decay::<Hidden>();
/// # assert!(TRAINING.memory_len() > 0);
/// ```
#[macro_export]
macro_rules! decay {
    ($(#[$meta:meta])* $vis:vis struct $name:ident = $decay:expr $(;)?) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        $vis struct $name;

        impl $crate::nn::Decays for $name {
            const DECAY: $crate::nn::Decay = $decay;
        }
    };
}
