//! One file for each kind of layer. A kind is a type with
//!
//! - `declare`, a `const fn`: what it may be given, its shape rule with the messages where a size does not fit, and its
//!   specification (`Spec`);
//! - [`Kind`]: `forward`, `backward` (to an operand) and `weights` (to the parameters). Each divides its samples or rows
//!   among the threads that it is given and calls its kernel.
//!
//! [`network!`](crate::network) calls these by name.

use core::ops::Range;

use super::{
    declare::{Context, Declared, Node, Spec, Streaming},
    pass::{BackwardPass, ForwardPass, Kind, StepPass, WeightPass},
};
use crate::{
    kernels::{ShapeError, check},
    parallel,
    shape::Dims,
};

mod activations;
mod add;
mod avg_pool2d;
mod batch_norm;
mod concat;
mod conv1d;
mod conv2d;
mod dense;
mod depthwise_conv1d;
mod depthwise_conv2d;
mod dropout;
mod embedding;
mod flatten;
mod global_avg_pool2d;
mod layer_norm;
mod log_softmax;
mod max_pool2d;
mod multiply;
mod pool1d;
mod prelu;
mod recurrent;
mod reshape;
mod softmax;
mod unknown;
mod window;
mod winograd_conv2d;

pub use activations::{
    Celu, Clip, Elu, Gelu, GeluTanh, HardSigmoid, HardSwish, LeakyRelu, Mish, Relu, Relu6, Selu, Sigmoid, Silu,
    Softplus, Tanh,
};
pub use add::Add;
pub use avg_pool2d::AvgPool2d;
pub use batch_norm::BatchNorm;
pub use concat::Concat;
pub use conv1d::Conv1d;
pub use conv2d::Conv2d;
pub use dense::Dense;
pub use depthwise_conv1d::DepthwiseConv1d;
pub use depthwise_conv2d::DepthwiseConv2d;
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use flatten::Flatten;
pub use global_avg_pool2d::GlobalAvgPool2d;
pub use layer_norm::{LayerNorm, RmsNorm};
pub use log_softmax::LogSoftmax;
pub use max_pool2d::{GlobalMaxPool2d, MaxPool2d};
pub use multiply::Multiply;
pub use pool1d::{AvgPool1d, GlobalAvgPool1d, MaxPool1d};
pub use prelu::Prelu;
pub use recurrent::{Gru, GruResetBefore, Lstm, SimpleRnn};
pub use reshape::Reshape;
pub use softmax::Softmax;
pub use unknown::Unknown;
pub use winograd_conv2d::WinogradConv2d;

/// Every kind, as it is written.
const KINDS: &[&str] = &[
    "conv2d",
    "depthwise_conv2d",
    "dense",
    "relu",
    "leaky_relu",
    "relu6",
    "sigmoid",
    "tanh",
    "gelu",
    "silu",
    "gelu_tanh",
    "hard_sigmoid",
    "hard_swish",
    "elu",
    "selu",
    "softplus",
    "mish",
    "clip",
    "celu",
    "prelu",
    "softmax",
    "log_softmax",
    "max_pool2d",
    "avg_pool2d",
    "global_avg_pool2d",
    "global_max_pool2d",
    "conv1d",
    "depthwise_conv1d",
    "max_pool1d",
    "avg_pool1d",
    "global_avg_pool1d",
    "simple_rnn",
    "gru",
    "gru_reset_before",
    "lstm",
    "embedding",
    "batch_norm",
    "layer_norm",
    "rms_norm",
    "dropout",
    "add",
    "multiply",
    "concat",
    "flatten",
    "reshape",
];

/// Whether a value over time has no more than one step.
const fn is_one_step(dims: &Dims) -> bool {
    dims.rank() == 1 || (dims.rank() == 2 && dims.axis(0) == 1)
}

/// The last axis, the channels.
const fn last_axis(dims: &Dims) -> usize {
    if dims.rank() == 0 { 1 } else { dims.axis(dims.rank() - 1) }
}

/// The error of a layer whose slices are not of its lengths: the macro never makes one.
const fn wrong(operation: &'static str, node: &Node) -> ShapeError {
    ShapeError::new(operation, "layer", node.rows as usize, node.input as usize)
}

/// The rows of a matrix of `len` columns.
fn rows(matrix: &[f32], rows: Range<usize>, len: usize) -> Result<&[f32], ShapeError> {
    let range = rows.start * len..rows.end * len;
    matrix.get(range).ok_or(ShapeError::new("rows", "matrix", rows.end * len, matrix.len()))
}

/// A layer's parameters as kernel and bias, if it has one.
fn kernel_and_bias(kernel: usize, parameters: &[f32]) -> Result<(&[f32], Option<&[f32]>), ShapeError> {
    let (w, b) =
        parameters.split_at_checked(kernel).ok_or(ShapeError::new("parameters", "kernel", kernel, parameters.len()))?;
    Ok((w, if b.is_empty() { None } else { Some(b) }))
}

/// Copies the input where it is not in place. Lengths are compared, since firmware links a layer
/// without the panic of `copy_from_slice`.
fn copy(x: &[f32], y: &mut [f32]) -> Result<(), ShapeError> {
    if !x.is_empty() {
        check("copy", "x", x, y.len())?;
        y.copy_from_slice(x);
    }
    Ok(())
}

/// Runs `f(samples, x, y)` on parts of the samples; in place where the pass has no input.
fn forward_samples(
    pass: &mut ForwardPass<'_>,
    f: &(impl Fn(Range<usize>, &[f32], &mut [f32]) -> Result<(), ShapeError> + Sync),
) -> Result<(), ShapeError> {
    let (x, input) = (pass.x, pass.node.input as usize);
    parallel::for_rows(pass.threads, pass.samples, pass.y, &|samples, y: &mut [f32]| {
        let x = if x.is_empty() { x } else { rows(x, samples.clone(), input)? };
        f(samples, x, y)
    })
}
