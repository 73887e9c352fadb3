//! Naive scalar twins of the kernels: what each computes, in the order it is computed.

use crate::simd::{Rounding, Scalar, Simd};

pub mod activation;
pub mod batch_norm;
pub mod conv2d;
pub mod conv2d_transpose;
pub mod dense;
pub mod dropout;
pub mod elementwise;
pub mod embedding;
#[cfg(feature = "int8")]
pub mod int8;
pub mod layer_norm;
pub mod layout;
pub mod loss;
pub mod matmul;
pub mod pool2d;
pub mod prelu;
pub mod recurrent;
pub mod softmax;
pub mod winograd;

/// `a · b + c`, rounded once or twice.
///
/// ```
/// use kernlet::{kernels::reference::mul_add, simd::Rounding};
/// assert_eq!(mul_add(Rounding::Fused, 2.0, 3.0, 4.0), 10.0);
/// ```
pub fn mul_add(rounding: Rounding, a: f32, b: f32, c: f32) -> f32 {
    match rounding {
        Rounding::Strict => Scalar::<false>::new().mul_add(a, b, c),
        Rounding::Fused => Scalar::<true>::new().mul_add(a, b, c),
    }
}
