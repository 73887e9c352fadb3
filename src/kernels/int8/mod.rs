//! TensorFlow Lite's eight-bit integers: the same numbers as TensorFlow Lite Micro, to the bit.
//!
//! # Values
//!
//! An `i8` stands for a real number: `real = scale · (q − zero point)`. Activations each have a scale and a zero point
//! of their own; weights have zero point 0 and a scale for the layer or for each output channel; a bias is an `i32` of
//! the scale of the sums that it is added to. So a sum of products becomes an output through one real number, the scale
//! of the input times that of the weights over that of the output: a [`Multiplier`].
//!
//! # Conventions
//!
//! - Layouts are those of `.tflite` files, so that weights are used where they lie: activations
//!   `[n][h][w][c]`, convolution weights `[co][kh][kw][ci]` (OHWI), depthwise ones `[kh][kw][co]`, dense
//!   ones `[out][in]`. Biases are bytes, little-endian, at any address.
//! - A shape descriptor is that of the `f32` kernel where there is one. What else an operation needs,
//!   its multipliers and zero points, is a struct that a `const` can hold.
//! - Slices in, slices out: nothing allocates, nothing needs scratch but the LSTM. A kernel's own stack
//!   is at most a few kilobytes, and with vectors (on hosts, in browsers) up to 64 KB. A slice of the wrong length is a
//!   [`ShapeError`] before anything is written.
//! - Where an operation allows it, `…_in_place` overwrites its input.
//! - Padding has the value of the zero point, and so contributes nothing.
//!
//! # Numerics
//!
//! Sums of 32 bits wrap, so their order does not matter: a result depends on neither the level, nor the
//! target, nor how weights are packed. [`Rescaling`] is the one choice, and a part of the call.
//! [`reference::int8`](crate::kernels::reference::int8) has a naive twin of each kernel.

mod broadcast;
mod fixed;
mod lanes;
mod maxima;
mod output;
mod panels;
mod product;
mod rescale;
mod rows;
mod tiles;

pub mod add;
pub mod concat;
pub mod conv2d;
pub mod conv2d_transpose;
pub mod dense;
pub mod depthwise_conv2d;
pub mod div;
pub mod gather_nd;
pub mod hard_swish;
pub mod leaky_relu;
pub mod log_softmax;
pub mod logistic;
pub mod lstm;
pub mod mean;
pub mod minmax;
pub mod mul;
pub mod pad;
pub mod pool2d;
pub mod quantize;
pub mod relu;
pub mod slice;
pub mod softmax;
pub mod sums;
pub mod table;
pub mod tanh;

pub use broadcast::Broadcast;
pub use output::{Activation, Filter, Output};
pub use rescale::{Multiplier, Rescaling};

use super::{ShapeError, check, check_batch, div, div_ceil, rem};

/// The most axes that a shape of these kernels has.
pub const MAX_RANK: usize = 6;
