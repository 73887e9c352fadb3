//! The twins of what acts on each element alone: [`add`](crate::kernels::int8::add),
//! [`mul`](crate::kernels::int8::mul), [`leaky_relu`](crate::kernels::int8::leaky_relu),
//! [`quantize`](crate::kernels::int8::quantize).

use super::{output, rescale};
use crate::kernels::int8::{Multiplier, Output, add::Sum, leaky_relu::LeakyRelu, mul::Product};

/// The place in an operand of each element of the result of joining shapes of the same rank.
///
/// ```
/// use kernlet::kernels::reference::int8::elementwise::places;
/// let (mut row, mut column) = ([9; 6], [9; 6]);
/// places(&[2, 3], &[1, 3], &mut row);
/// places(&[2, 3], &[2, 1], &mut column);
/// assert_eq!((row, column), ([0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 1, 1]));
/// ```
pub fn places(result: &[usize], operand: &[usize], places: &mut [usize]) {
    for (i, place) in places.iter_mut().enumerate() {
        let (mut rest, mut step) = (i, 1);
        *place = 0;
        for (&size, &own) in result.iter().zip(operand).rev() {
            *place += if own == 1 { 0 } else { rest % size * step };
            (rest, step) = (rest / size, step * own);
        }
    }
}

fn operand(sum: &Sum, which: usize, q: i8) -> i32 {
    let shifted = (i32::from(q) - i32::from(sum.zero_points[which])) * (1 << 20);
    rescale(shifted, sum.multipliers[which], sum.output.rescaling)
}

/// One element of [`int8::add::add_into`](crate::kernels::int8::add::add_into).
///
/// ```
/// use kernlet::kernels::{int8::{Output, add::Sum}, reference::int8::elementwise};
/// assert_eq!(elementwise::add(&Sum::new([1.0, 1.0], [0, 0], 1.0, Output::new(0)), 3, 4), 7);
/// ```
pub fn add(sum: &Sum, a: i8, b: i8) -> i8 {
    output(&sum.output, operand(sum, 0, a).wrapping_add(operand(sum, 1, b)), sum.multiplier)
}

/// One element of [`int8::add::sub_into`](crate::kernels::int8::add::sub_into).
///
/// ```
/// use kernlet::kernels::{int8::{Output, add::Sum}, reference::int8::elementwise};
/// assert_eq!(elementwise::sub(&Sum::new([1.0, 1.0], [0, 0], 1.0, Output::new(0)), 3, 4), -1);
/// ```
pub fn sub(difference: &Sum, a: i8, b: i8) -> i8 {
    let sum = operand(difference, 0, a).wrapping_sub(operand(difference, 1, b));
    output(&difference.output, sum, difference.multiplier)
}

/// One element of [`int8::mul::mul_into`](crate::kernels::int8::mul::mul_into).
///
/// ```
/// use kernlet::kernels::{int8::{Output, mul::Product}, reference::int8::elementwise};
/// assert_eq!(elementwise::mul(&Product::new([1.0, 1.0], [0, 0], 1.0, Output::new(0)), 3, 4), 12);
/// ```
pub fn mul(product: &Product, a: i8, b: i8) -> i8 {
    let [za, zb] = product.zero_points.map(i32::from);
    output(&product.output, (i32::from(a) - za) * (i32::from(b) - zb), product.multiplier)
}

/// One element of [`int8::quantize::requantize_into`](crate::kernels::int8::quantize::requantize_into), and of
/// [`int8::relu::relu_into`](crate::kernels::int8::relu::relu_into).
///
/// ```
/// use kernlet::kernels::{int8::{Multiplier, Output}, reference::int8::elementwise};
/// assert_eq!(elementwise::requantize(1, Multiplier::from_real(2.0), &Output::new(0), 4), 6);
/// ```
pub fn requantize(zero_point: i8, multiplier: Multiplier, to: &Output, x: i8) -> i8 {
    output(to, i32::from(x) - i32::from(zero_point), multiplier)
}

/// One element of [`int8::leaky_relu::forward_into`](crate::kernels::int8::leaky_relu::forward_into).
///
/// ```
/// use kernlet::kernels::{int8::{Output, leaky_relu::LeakyRelu}, reference::int8::elementwise};
/// assert_eq!(elementwise::leaky_relu(&LeakyRelu::new(1.0, 1.0, 0.5, Output::new(0)), -8), -4);
/// ```
pub fn leaky_relu(leaky: &LeakyRelu, x: i8) -> i8 {
    let multiplier = if x < leaky.input_zero_point { leaky.negative } else { leaky.positive };
    requantize(leaky.input_zero_point, multiplier, &leaky.output, x)
}

/// One element of [`int8::quantize::quantize_into`](crate::kernels::int8::quantize::quantize_into), for finite numbers.
///
/// ```
/// assert_eq!(kernlet::kernels::reference::int8::elementwise::quantize(0.5, 1, 1.25), 4);
/// ```
pub fn quantize(scale: f32, zero_point: i8, x: f32) -> i8 {
    let steps = libm::round(f64::from(x / scale)) + f64::from(zero_point);
    steps.clamp(-128.0, 127.0) as i8
}

/// One element of [`int8::quantize::dequantize_into`](crate::kernels::int8::quantize::dequantize_into).
///
/// ```
/// assert_eq!(kernlet::kernels::reference::int8::elementwise::dequantize(0.5, 1, 4), 1.5);
/// ```
pub fn dequantize(scale: f32, zero_point: i8, x: i8) -> f32 {
    (f64::from(scale) * (f64::from(x) - f64::from(zero_point))) as f32
}
