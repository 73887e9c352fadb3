//! The naive twins of [`kernels::int8`](crate::kernels::int8): the same integers, from the definitions. Slices are
//! indexed as they come: a wrong length panics.

pub mod convolution;
pub mod copies;
pub mod elementwise;
pub mod functions;
pub mod lstm;
pub mod pool2d;
pub mod sums;

use crate::kernels::int8::{Filter, Multiplier, Output, Rescaling};

/// `⌊n / 2^by + ½⌋`.
fn half_up(n: i128, by: u32) -> i128 {
    (2 * n + (1 << by)).div_euclid(2 << by)
}

/// `n / 2^by` to the nearest, halves away from zero.
fn half_away(n: i128, by: u32) -> i128 {
    n.signum() * half_up(n.abs(), by)
}

fn held(n: i128) -> i32 {
    n.clamp(i128::from(i32::MIN), i128::from(i32::MAX)) as i32
}

/// See [`Multiplier::rescale`].
///
/// ```
/// use kernlet::kernels::{int8::{Multiplier, Rescaling}, reference::int8::rescale};
/// assert_eq!(rescale(7, Multiplier::from_real(0.5), Rescaling::Double), 4);
/// ```
pub fn rescale(x: i32, multiplier: Multiplier, rescaling: Rescaling) -> i32 {
    let (mantissa, exponent) = (i128::from(multiplier.mantissa()), multiplier.exponent());
    match rescaling {
        Rescaling::Double => {
            let shifted = (i128::from(x) << exponent.max(0)) as i32;
            let high = held(half_up(i128::from(shifted) * mantissa, 31));
            half_away(i128::from(high), (-exponent).max(0).cast_unsigned()) as i32
        }
        Rescaling::Single => held(half_up(i128::from(x) * mantissa, (31 - exponent).cast_unsigned())),
    }
}

/// See [`Output::of`].
///
/// ```
/// use kernlet::kernels::{int8::{Multiplier, Output}, reference::int8::output};
/// assert_eq!(output(&Output::new(-1), 7, Multiplier::from_real(0.5)), 3);
/// ```
pub fn output(output: &Output, sum: i32, multiplier: Multiplier) -> i8 {
    place(output, rescale(sum, multiplier, output.rescaling))
}

/// See [`Output::place`].
///
/// ```
/// use kernlet::kernels::{int8::Output, reference::int8::place};
/// assert_eq!(place(&Output::new(100), 50), 127);
/// ```
pub fn place(output: &Output, rescaled: i32) -> i8 {
    let placed = i64::from(rescaled) + i64::from(output.zero_point);
    placed.max(i64::from(output.range[0])).min(i64::from(output.range[1])) as i8
}

/// The output of channel `channel`, whose products with the weights are `terms`.
fn sum(filter: &Filter<'_>, channel: usize, terms: impl Iterator<Item = (i8, i8)>) -> i8 {
    let bias = filter.b.map_or(0, |b| i32::from_le_bytes(b[channel]));
    let products = terms.map(|(x, w)| (i64::from(x) - i64::from(filter.input_zero_point)) * i64::from(w));
    // Sums wrap at 32 bits.
    let sum = (i64::from(bias) + products.sum::<i64>()) as i32;
    let each = filter.multipliers.len() > 1;
    output(&filter.output, sum, filter.multipliers[if each { channel } else { 0 }])
}
