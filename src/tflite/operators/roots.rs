//! L2_NORMALIZATION, and RSQRT of integers: what divides by a square root.
//!
//! Source: gemmlowp's fixed point, with which TensorFlow Lite computes inverse square roots in five Newton steps.

use super::{Emitter, Error, Found, Memory, Node, Type, Words, kind, quantized};
use crate::kernels::int8::{Multiplier, Rescaling};

/// The high half of `2ab`, rounded; for the two smallest numbers, the largest.
fn times(a: i32, b: i32) -> i32 {
    let doubled = (i64::from(a) * i64::from(b) + (1 << 30)) >> 31;
    if doubled > i64::from(i32::MAX) { i32::MAX } else { doubled as i32 }
}

/// `x · 2^by`, saturated to 32 bits.
fn left(x: i32, by: u32) -> i32 {
    (i64::from(x) << by).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

/// `1 / √x` as a mantissa and the exponent that goes with it; for 0, as for 1.
pub(super) fn inverse_root(x: i32) -> (i32, i32) {
    /// √½ in Q0.31.
    const HALF_ROOT: i32 = 1_518_500_250;
    const THREE_HALVES: i32 = (1 << 28) + (1 << 27);
    if x <= 1 {
        return (i32::MAX, 0);
    }
    let (mut x, mut shift) = (x, 11);
    while x >= 1 << 29 {
        x /= 4;
        shift += 1;
    }
    // At least 2²⁷ then.
    let pairs = ((x.leading_zeros().saturating_sub(1)) / 2).saturating_sub(1);
    shift -= pairs as i32;
    x <<= 2 * pairs;
    // Q3.28.
    let x = x >> 1;
    let half = (x + 1) >> 1;
    let mut root = 1 << 28;
    for _ in 0..5 {
        let cube = left(times(times(root, root), root), 6);
        root = left(times(THREE_HALVES, root).wrapping_sub(times(half, cube)), 3);
    }
    let mantissa = times(root, HALF_ROOT);
    if shift < 0 { (mantissa << -shift, 0) } else { (mantissa, -shift) }
}

/// The least square root that is divided by.
const EPSILON: f32 = 1e-6;

pub(super) const fn emit(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, y) = (tri!(node.input(0)), tri!(node.output(0)));
    tri!(node.equal(y.dims.len(), x.dims.len(), "an output as long as the input"));
    tri!(node.equal(tri!(node.byte(0)) as usize, 0, "no activation"));
    let depth = match x.dims.as_slice() {
        [.., depth] if *depth > 0 => *depth,
        _ => return Err(node.fail("elements", Found::Number(0))),
    };
    let is_float = x.kind.is(Type::FLOAT32);
    let mut zero_point = 0;
    if is_float {
        tri!(node.expect(&y, Type::FLOAT32, "float32, as the input"));
    } else {
        let (from, to) = (tri!(quantized(node, &x)), tri!(quantized(node, &y)));
        if to.scale != 1.0 / 128.0 || to.zero_point != 0 {
            return Err(node.fail("an output of scale 1/128 and zero point 0", Found::Number(to.zero_point as i64)));
        }
        zero_point = from.zero_point;
    }
    out.begin(kind::NORMALIZE, node.index);
    tri!(out.tensor(&x));
    tri!(out.tensor(&y));
    out.size(depth);
    out.word(is_float as u32);
    out.int(zero_point as i32);
    out.end();
    Ok(())
}

pub(super) fn run(mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let (depth, is_float, zero_point) = (words.size()?, words.word()? != 0, words.byte()?);
    let (sources, y) = memory.output(y)?;
    if depth == 0 {
        return Err(Error::Program);
    }
    if is_float {
        for (x, y) in sources.words(x)?.chunks_exact(depth).zip(y.as_chunks_mut().0.chunks_exact_mut(depth)) {
            let numbers = x.iter().map(|&x| f32::from_le_bytes(x));
            let norm = libm::sqrtf(numbers.clone().fold(0.0, |sum, x| sum + x * x));
            let norm = if norm < EPSILON { EPSILON } else { norm };
            for (y, x) in y.iter_mut().zip(numbers) {
                *y = (x / norm).to_le_bytes();
            }
        }
        return Ok(());
    }
    for (x, y) in sources.i8(x)?.chunks_exact(depth).zip(y.chunks_exact_mut(depth)) {
        let numbers = x.iter().map(|&x| i32::from(x) - i32::from(zero_point));
        let (mantissa, exponent) = inverse_root(numbers.clone().fold(0, |sum: i32, x| sum.wrapping_add(x * x)));
        // Seven bits of the output's scale.
        let multiplier = Multiplier::from_parts(mantissa, exponent + 7).ok_or(Error::Program)?;
        for (y, x) in y.iter_mut().zip(numbers) {
            let q = multiplier.rescale(x, Rescaling::Double);
            *y = (q.clamp(i32::from(i8::MIN), i32::from(i8::MAX)) as i8).cast_unsigned();
        }
    }
    Ok(())
}

/// Fractional bits of an inverse root before it is rescaled.
const ROOT_BITS: i32 = 20;

/// RSQRT of an `i8` minus its zero point, rescaled; the largest `i8` for 0 and below, where there is no root.
pub(super) fn inverse_root_of(x: i32, zero_point: i8, multiplier: Multiplier, rescaling: Rescaling) -> Option<i8> {
    if x <= 0 {
        return Some(i8::MAX);
    }
    let (mantissa, exponent) = inverse_root(x);
    let data = Multiplier::from_parts(mantissa, exponent + ROOT_BITS)?.rescale(1, rescaling);
    let back = Multiplier::from_parts(multiplier.mantissa(), (multiplier.exponent() - ROOT_BITS).max(-31))?;
    let q = back.rescale(data, rescaling) + i32::from(zero_point);
    Some(q.clamp(i32::from(i8::MIN), i32::from(i8::MAX)) as i8)
}
