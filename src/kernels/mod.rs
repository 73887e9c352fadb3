//! Kernels over slices: a run-time shape descriptor and slices in, slices out.
//!
//! # Conventions
//!
//! - Layouts are Keras': activations `[n][h][w][c]` (NHWC), convolution weights
//!   `[kh][kw][ci][co]` (HWIO), dense weights `[in][out]`.
//! - `forward_into` overwrites its output. `backward_*_into` overwrites an input
//!   gradient; `backward_*_acc` adds to a weight or bias gradient, so that a
//!   batch can be worked through in pieces.
//! - Names: `x` input, `y` output, `w` weights, `b` bias; `dx`, `dy`, `dw`, `db` their gradients.
//! - A slice of the wrong length is a [`ShapeError`] at the door, before anything
//!   is written; no kernel panics. Outputs and scratch may hold anything, NaN too.
//! - Every output is one chain over its terms in the order its kernel states, so
//!   bits depend on the rounding of the [`Level`](crate::simd::Level) alone.
//! - A function takes, in this order: level, shape descriptor, batch, what it reads, what it writes,
//!   scratch. Up to seven arguments stand alone. Where they would be more, all that is read is one
//!   struct named after the pass (`Forward`, `Backward`), with public fields that have the names
//!   above, no constructor, passed by value: `Forward { x, w, b, epilogue }`. What is written stays
//!   an argument, so that a call shows it; above three such slices it becomes a struct, too
//!   (`Gradients { dx, dw, … }`).
//! - Every descriptor has `pub const fn validate(&self) -> Result<(), ShapeError>`: what it accepts runs.
//! - [`int8`] is a family of its own: TensorFlow Lite's eight-bit integers.
//! - A NaN comes through: whatever is compared, clipped or pooled with it is NaN.
//! - [`mod@reference`] has a naive scalar twin of each: specification and oracle.
//!
//! # Rooms
//!
//! Top-down: a module imports only from the rows above its own, so no operation imports another.
//!
//! | modules | what is in them |
//! |---|---|
//! | `error`, `transpose` | the error of a size; a matrix with its axes exchanged |
//! | `epilogue`, `map` | operands of a forward pass and what happens to its outputs; loops over slices |
//! | `tile` | the register tile: one contraction under every linear operation |
//! | `convolution` | the three loops of a convolution, its transpose and a dense layer |
//! | `softmax` | whose exponentials the losses take, too |
//! | `row_norm` | the loops of both normalisations of rows |
//! | `activation`, `batch_norm`, `concat`, `conv2d`, `conv2d_transpose`, `dense`, `dropout`, `elementwise`, `embedding`, `layer_norm`, `layout`, `loss`, `matmul`, `pad2d`, `pool2d`, `prelu`, `recurrent`, `rms_norm` | operations |
//! | `conv1d` | the shape of a convolution of sequences |
//! | `pool1d` | the shape of their pooling |
//! | `int8` | the same for TensorFlow Lite's eight-bit integers |
//! | `winograd` | `conv2d` by another algorithm, with other bits |
//! | `reference` | their twins |
//!
//! # Three dimensions
//!
//! Convolution and pooling have two. Volumes, `[n][depth][h][w][c]`, go through them by slices, at the same speed,
//! since their terms are the same ones:
//!
//! - **Convolution**: an output slice is a two-dimensional convolution of kd input slices with kd · c channels.
//!   [`concat`](mod@concat) puts the slices' channels side by side, and the weights `[kd][kh][kw][ci][co]` become
//!   `[kh][kw][kd · ci][co]` through [`layout`](mod@layout). Backward is [`conv2d`](mod@conv2d)'s, and
//!   [`concat::split_into`] takes its gradient apart.
//! - **Pooling**: pool every slice, then the slices of a window with [`elementwise::maximum_into`], or their sum over
//!   the window's depth. A stride along the depth takes some of the slices.
//!
//! ```
//! use kernlet::kernels::{Epilogue, concat, conv2d::{self, Conv2d}, layout::{Permutation, permute_into}};
//! use kernlet::simd::Level;
//! // A volume of 3 slices of 2 × 2 pixels, one channel; a window of 2 × 2 × 2, one output channel.
//! let x: [f32; 12] = core::array::from_fn(|i| i as f32);
//! let w: [f32; 8] = core::array::from_fn(|i| (i + 1) as f32); // [kd][kh][kw][1][1]
//! let mut hwio = [0.0; 8];
//! permute_into(&Permutation::new(&[2, 2, 2, 1, 1], &[1, 2, 0, 3, 4]), &w, &mut hwio)?;
//!
//! let conv = Conv2d::new(2, 2, 2, 1, [2, 2]);
//! let (mut slices, mut y) = ([0.0; 8], [0.0; 2]);
//! for (depth, y) in y.chunks_exact_mut(1).enumerate() {
//!     let (first, second) = (&x[4 * depth..][..4], &x[4 * (depth + 1)..][..4]);
//!     concat::concat_into(4, &[first, second], &mut slices)?;
//!     let operands = conv2d::Forward { x: &slices, w: &hwio, b: None, epilogue: Epilogue::None };
//!     conv2d::forward_into(Level::detect(), &conv, 1, operands, y)?;
//! }
//! let expected = |depth: usize| (0..8).map(|i| x[4 * depth + i] * w[i]).sum::<f32>();
//! assert_eq!(y, [expected(0), expected(1)]);
//! # Ok::<(), kernlet::kernels::ShapeError>(())
//! ```
//!
#![cfg_attr(feature = "int8", doc = "[`int8`]: int8")]
#![cfg_attr(not(feature = "int8"), doc = "[`int8`]: crate#features")]

pub mod activation;
pub mod batch_norm;
pub mod concat;
pub mod conv1d;
pub mod conv2d;
pub mod conv2d_transpose;
mod convolution;
pub mod dense;
pub mod dropout;
pub mod elementwise;
pub mod embedding;
mod epilogue;
mod error;
#[cfg(feature = "int8")]
pub mod int8;
pub mod layer_norm;
pub mod layout;
pub mod loss;
mod map;
pub mod matmul;
pub mod pad2d;
pub mod pool1d;
pub mod pool2d;
pub mod prelu;
pub mod recurrent;
pub mod reference;
pub mod rms_norm;
mod row_norm;
pub mod softmax;
mod tile;
mod transpose;
pub mod winograd;

pub use epilogue::Epilogue;
pub use error::{Relation, ShapeError};

/// The door of a kernel: `slice` must have `expected` elements.
#[inline(always)]
pub(crate) fn check<T>(
    operation: &'static str,
    argument: &'static str,
    slice: &[T],
    expected: usize,
) -> Result<(), ShapeError> {
    if slice.len() == expected { Ok(()) } else { Err(ShapeError::new(operation, argument, expected, slice.len())) }
}

/// The door: the slice must hold `batch` times `len` elements.
#[inline]
pub(crate) fn check_batch<T>(
    operation: &'static str,
    argument: &'static str,
    slice: &[T],
    batch: usize,
    len: usize,
) -> Result<(), ShapeError> {
    let overflow = ShapeError::at_most(operation, argument, slice.len(), usize::MAX);
    check(operation, argument, slice, batch.checked_mul(len).ok_or(overflow)?)
}

/// `⌊a / b⌋`, 0 where `b` is 0. Firmware links the kernels without any panic, so a divisor that
/// a descriptor's check keeps above 0 is not left to the optimizer to prove.
#[inline(always)]
pub(crate) const fn div(a: usize, b: usize) -> usize {
    match a.checked_div(b) {
        Some(quotient) => quotient,
        None => 0,
    }
}

/// `⌈a / b⌉`, 0 where `b` is 0. See [`div`].
#[inline(always)]
pub(crate) const fn div_ceil(a: usize, b: usize) -> usize {
    if b == 0 { 0 } else { a.div_ceil(b) }
}

/// `a mod b`, 0 where `b` is 0. See [`div`].
#[inline(always)]
pub(crate) const fn rem(a: usize, b: usize) -> usize {
    match a.checked_rem(b) {
        Some(rest) => rest,
        None => 0,
    }
}
