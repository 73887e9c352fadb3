//! One module per kind of layer: `forward`, `backward` (to the input) and `weights`
//! (to the parameters). Each divides its images or rows among the threads that it is given and calls
//! its kernel; [`network!`](crate::network) calls these by name.

use core::ops::Range;

use super::{
    layer::{Layer, Op},
    pass::{BackwardPass, ForwardPass, WeightPass},
};
use crate::{
    kernels::{ShapeError, check, conv2d::Conv2d, dense::Dense, pool2d::Pool2d},
    parallel,
};

pub mod activations;
pub mod add;
pub mod avg_pool2d;
pub mod batch_norm;
pub mod conv2d;
pub mod dense;
pub mod dropout;
pub mod flatten;
pub mod global_avg_pool2d;
pub mod log_softmax;
pub mod max_pool2d;
pub mod softmax;

pub use activations::{gelu, leaky_relu, relu, relu6, sigmoid, silu, tanh};
pub use conv2d as depthwise_conv2d;

/// The error of a layer whose description is not of its kind: the macro never makes one.
const fn wrong(layer: &Layer) -> ShapeError {
    ShapeError::new(layer.kind.name(), "layer", 0, layer.rows)
}

fn conv2d_shape(layer: &Layer) -> Result<&Conv2d, ShapeError> {
    if let Op::Conv2d(shape) = &layer.op { Ok(shape) } else { Err(wrong(layer)) }
}

fn dense_shape(layer: &Layer) -> Result<&Dense, ShapeError> {
    if let Op::Dense(shape) = &layer.op { Ok(shape) } else { Err(wrong(layer)) }
}

fn pool2d_shape(layer: &Layer) -> Result<&Pool2d, ShapeError> {
    if let Op::Pool2d(shape) = &layer.op { Ok(shape) } else { Err(wrong(layer)) }
}

fn value(layer: &Layer) -> Result<f32, ShapeError> {
    if let Op::Value(value) = layer.op { Ok(value) } else { Err(wrong(layer)) }
}

/// The rows of a matrix of `len` columns.
fn rows(matrix: &[f32], rows: Range<usize>, len: usize) -> Result<&[f32], ShapeError> {
    let range = rows.start * len..rows.end * len;
    matrix.get(range).ok_or(ShapeError::new("rows", "matrix", rows.end * len, matrix.len()))
}

/// A layer's parameters as kernel and bias.
fn kernel_and_bias<'a>(layer: &Layer, parameters: &'a [f32]) -> Result<(&'a [f32], &'a [f32]), ShapeError> {
    let kernel = layer.rows.saturating_sub(1) * layer.row_len;
    parameters.split_at_checked(kernel).ok_or(ShapeError::new("parameters", "kernel", kernel, parameters.len()))
}

/// Backward of a layer to parameters that it does not have.
pub fn no_weights(_pass: WeightPass<'_>) -> Result<(), ShapeError> {
    Ok(())
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

/// Runs `f(images, x, y)` on parts of the images; in place where the pass has no input.
fn forward_images(
    pass: &mut ForwardPass<'_>,
    f: &(impl Fn(Range<usize>, &[f32], &mut [f32]) -> Result<(), ShapeError> + Sync),
) -> Result<(), ShapeError> {
    let (x, input) = (pass.x, pass.layer.input.len());
    parallel::for_rows(pass.threads, pass.images, pass.y, &|images, y: &mut [f32]| {
        let x = if x.is_empty() { x } else { rows(x, images.clone(), input)? };
        f(images, x, y)
    })
}
