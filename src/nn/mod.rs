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
//!
//! # Modules
//!
//! Listed top-down: a module imports only from those above it.
//!
//! | module | what is in it |
//! |---|---|
//! | `error` | what can go wrong in a pass |
//! | `declare` | the macro, layers as they are written, their shapes and specifications, messages |
//! | `frozen` | which layers stay as they are |
//! | `plan` | lifetimes, fusion, where each number lies in memory |
//! | `pass` | what a layer is handed for one call |
//! | `inputs` | what a network reads: floats or whole numbers |
//! | `layers` | a file for each kind of layer |
//! | `network` | what the macro implements, and the parameters |
//! | `lengths` | which networks can have sequences of unequal length |
//! | `decay` | which parameters weight decay acts on |
//! | `describe` | names and shapes of tensors, for snapshots |
//! | `init` | parameters from a seed |
//! | `run` | a pass over a batch, inference, streaming, saliency |
//! | `loss` | losses as a trainer sees them |
//! | `train` | training |

mod decay;
mod declare;
mod describe;
mod error;
mod frozen;
mod init;
mod inputs;
#[doc(hidden)]
pub mod layers;
mod lengths;
mod loss;
mod network;
mod pass;
mod plan;
mod run;
mod train;

pub use decay::{Decay, Decays, Kernels};
pub use declare::{Attribute, Init, Layer, LayerTensor, MAX_OPERANDS, Value};
pub use error::Error;
pub use frozen::{AllButLast, First, Freeze, Frozen, Nothing};
pub use inputs::Element;
pub use loss::{
    BinaryCrossEntropy, BinaryCrossEntropyFromLogits, CrossEntropy, Elementwise, HalfSquaredError, LabelledLoss, Loss,
    MeanSquaredError, Metrics, NegativeLogLikelihood, OutputLoss, SampleWeighted, SoftmaxCrossEntropy, Takes, Targets,
    WeightedLabel, weighted,
};
pub use network::{Model, Network, Weights};
pub use run::{
    Batching, Stream, infer, infer_in_place, infer_with_lengths, inference_bytes, inference_len, saliency,
    saliency_len, stream_len,
};
#[cfg(feature = "alloc")]
pub use run::{Grid, HeapMemory, Trace};
#[cfg(feature = "alloc")]
pub use train::OwnedTrainer;
pub use train::{
    Draw, Evaluation, Event, Fitted, Gradients, Held, HeldTrainer, Leaves, Pairs, Samples, Stopped, Trainer, Training,
};

/// What the expansion of [`network!`](crate::network) names.
#[doc(hidden)]
pub mod __macro {
    pub use super::{
        declare::{Argument, Declaration, Declared, Definition, Fill, Given, Node, fills, layers as layers_of, nodes},
        describe::{
            attribute_count, attributes, depthwise, depthwise_count, flattened, flattened_count, reshaped,
            reshaped_count, tensor_count, tensors,
        },
        layers,
        network::{axis, bias, find},
        pass::{BackwardPass, DropOut, ForwardPass, Kind, StepPass, WeightPass, drop_out},
        plan::{BackStep, Ends, Plan, Planned, Sizes, Step, StreamPlan, plan, stream},
    };
    use crate::{
        nn::{Element, Layer},
        shape::Shape,
    };

    /// Whether an input consists of floats.
    pub const fn is_float<S: Shape<Scalar: Element>>() -> bool {
        <S::Scalar as Element>::ELEMENT == <f32 as Element>::ELEMENT
    }

    /// The number of parameters of all layers.
    pub const fn parameters(layers: &[Layer]) -> usize {
        match layers {
            [] => 0,
            [.., last] => last.offset + last.parameters(),
        }
    }

    /// The number of outputs for one sample.
    pub const fn output_len(layers: &[Layer]) -> usize {
        match layers {
            [] => 0,
            [.., last] => last.output.len(),
        }
    }
}
