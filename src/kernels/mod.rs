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
//! - A slice of the wrong length panics at the door, before anything is written.
//!   Outputs and scratch may hold anything, NaN too.
//! - Every output is one chain over its terms in the order its kernel states, so
//!   bits depend on the rounding of the [`Level`](crate::simd::Level) alone.
//! - [`reference`] has a naive scalar twin of each: specification and oracle.

pub mod reference;
