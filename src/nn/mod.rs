//! Networks: declared once, checked at compile time, run and trained without an allocation.
//!
//! [`network!`](crate::network) declares a [`Network`]: a type with its layers and their
//! shapes. A [`Model`] holds its parameters. [`infer`] runs it, a [`Training`] says how it is trained, both
//! in memory that the caller gives and whose size is a constant
//! ([`inference_len`], [`Training::memory_len`]).
//!
//! # How a batch is worked through
//!
//! 1. The leading layers without large parameters (convolution, pooling, activations) run piece
//!    by piece (8 images unless told otherwise), so that what passes between them stays in cache;
//!    dense layers and batch normalisation take the whole batch.
//! 2. A ReLU is applied by the convolution or dense layer before it, and undone by a max pooling
//!    after it, so the largest activation of a network is neither written twice nor kept.
//! 3. Values and gradients whose lifetimes do not overlap share memory; the compiler lays them out.
//!
//! # Numerics
//!
//! Every sum is one chain in the order its kernel states, over images, then pixels: results
//! depend on the rounding of the [`Level`](crate::simd::Level), not on pieces or threads.
//! The loss is the mean over the batch.

mod call;
mod describe;
mod error;
mod frozen;
#[cfg(feature = "rayon")]
mod halves;
mod infer;
mod init;
mod layer;
#[doc(hidden)]
pub mod layers;
mod loss;
mod macros;
mod memory;
mod message;
mod network;
mod pass;
mod plan;
mod saliency;
mod train;

pub use error::Error;
pub use frozen::{AllButLast, First, Freeze, Frozen, Nothing};
pub use infer::{Batching, infer, infer_in_place, inference_bytes, inference_len};
pub use layer::{Kind, Layer, LayerDef, Op};
pub use loss::{
    BinaryCrossEntropy, BinaryCrossEntropyFromLogits, HalfSquaredError, Loss, MeanSquaredError, Metrics,
    SoftmaxCrossEntropy, Takes, Targets,
};
#[cfg(feature = "alloc")]
pub use memory::HeapMemory;
pub use network::{Model, Network, Weights};
pub use plan::MAX_LAYERS;
pub use saliency::{saliency, saliency_len};
#[cfg(feature = "alloc")]
pub use train::OwnedTrainer;
pub use train::{Draw, Event, Fitted, Gradients, Held, HeldTrainer, Pairs, Samples, Stopped, Trainer, Training};

/// What the expansion of [`network!`](crate::network) names.
#[doc(hidden)]
pub mod __macro {
    pub use super::{
        describe::{tensor_count, tensors},
        layer::LayerDef,
        layers,
        network::{exact_plan, find},
        pass::{BackwardPass, ForwardPass, WeightPass},
        plan::{Plan, Step},
    };
    use crate::nn::Layer;

    /// The number of parameters of all layers.
    pub const fn parameters(layers: &[Layer]) -> usize {
        match layers {
            [] => 0,
            [.., last] => last.offset + last.parameters(),
        }
    }

    /// The number of outputs for one image.
    pub const fn output_len(layers: &[Layer]) -> usize {
        match layers {
            [] => 0,
            [.., last] => last.output.len(),
        }
    }
}
