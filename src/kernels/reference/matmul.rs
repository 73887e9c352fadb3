//! The naive twin of [`kernels::matmul`](crate::kernels::matmul): the same bits.

use super::mul_add;
use crate::kernels::matmul::{Factors, Matmul, Transposed};
use crate::simd::Rounding;

/// [`matmul_into`](crate::kernels::matmul::matmul_into). Slices are indexed as they come: a wrong length panics.
///
/// ```
/// use kernlet::{kernels::{matmul::{Factors, Matmul}, reference::matmul::matmul}, simd::Rounding};
/// let mut c = [f32::NAN];
/// let factors = Factors { alpha: 2.0, a: &[1.0, 2.0], b: &[3.0, 4.0], beta: 0.0 };
/// matmul(Rounding::Strict, &Matmul::new(1, 2, 1), factors, &mut c);
/// assert_eq!(c, [22.0]);
/// ```
pub fn matmul(rounding: Rounding, matmul: &Matmul, factors: Factors<'_>, c: &mut [f32]) {
    let Factors { alpha, a, b, beta } = factors;
    let Matmul { rows, terms, columns, transposed } = *matmul;
    for row in 0..rows {
        for column in 0..columns {
            let mut sum = 0.0;
            for term in 0..terms {
                let a = if transposed == Transposed::A { a[term * rows + row] } else { a[row * terms + term] };
                let b = if transposed == Transposed::B { b[column * terms + term] } else { b[term * columns + column] };
                sum = mul_add(rounding, a, b, sum);
            }
            let c = &mut c[row * columns + column];
            *c = if beta == 0.0 { alpha * sum } else { mul_add(rounding, alpha, sum, beta * *c) };
        }
    }
}
