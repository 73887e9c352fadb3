//! Convolution where most of what is broadcast is zero, as activations are after a ReLU, and
//! gradients below a ReLU, a max pooling or a dropout: terms that are zero are passed over.
//!
//! Each pass is turned around, so that a term is one element that is broadcast, and one that is zero
//! is simply not there:
//!
//! ```text
//! y[·][kw, co]        += x[pixel][ci]  · w[kh][kw][ci][co]      pixels ascending, for one kh at a time
//! dx[·][kw, ci]       += dy[pixel][co] · wᵀ[kh][co][kw, ci]     pixels descending, for one kh at a time
//! dwᵀ[co][kh][kw, ci] += dy[pixel][co] · x[·][kw, ci]           pixels ascending, for one co at a time
//! ```
//!
//! # Numerics
//!
//! The bits are those of all terms. A product with ±0 is ±0 where the other factor is finite, which
//! is looked at first, and adding ±0 changes nothing but −0 to +0. So a result can differ only if
//! it is −0 here, and then it is computed again with all terms.
#![allow(unsafe_code)]

mod gather;
mod scatter;

pub(super) use gather::weight_gradient;
pub(super) use scatter::{ForwardPass, InputGradient};

use crate::{kernels::div, simd::Simd};

/// Pixels that are looked at to find how many terms are zero.
const SAMPLED: usize = 64;

/// Whether fewer than `few` of 16 elements of `x`, rows of `channels`, are not zero, judging by
/// some of its rows.
#[inline(always)]
fn are_few<S: Simd>(s: S, x: &[f32], channels: usize, few: usize) -> bool {
    let rows = div(x.len(), channels);
    // Odd, so that no column of the windows of a pooling is preferred.
    let step = div(rows, SAMPLED) | 1;
    let (mut nonzero, mut seen) = (0, 0);
    let mut row = 0;
    while row < rows {
        // SAFETY: the row is inside `x`.
        nonzero += unsafe { count(s, x.as_ptr().wrapping_add(row * channels), channels) };
        seen += channels;
        row += step;
    }
    nonzero * 16 < seen * few
}

/// How many of `len` elements are not zero.
///
/// # Safety
/// `x` is valid for reading `len` elements.
#[inline(always)]
unsafe fn count<S: Simd>(s: S, x: *const f32, len: usize) -> usize {
    let (mut count, mut at) = (0, 0);
    while at < len {
        // SAFETY: less than `len` lies before `at`.
        count += unsafe { nonzero(s, x.add(at), len - at) }.count_ones() as usize;
        at += 64;
    }
    count
}

/// A bit for each of the first 64 of `len` elements that is not zero.
///
/// # Safety
/// `x` is valid for reading `len` elements.
#[inline(always)]
unsafe fn nonzero<S: Simd>(s: S, x: *const f32, len: usize) -> u64 {
    let len = len.min(64);
    let (mut bits, mut at) = (0, 0);
    while at + S::LANES <= len {
        // SAFETY: a whole vector is left.
        bits |= u64::from(s.nonzero_bits(unsafe { s.load_ptr(x.add(at)) })) << at;
        at += S::LANES;
    }
    if at < len {
        // SAFETY: `len − at` elements are left, fewer than a vector.
        bits |= u64::from(s.nonzero_bits(unsafe { s.load_ptr_first(x.add(at), len - at) })) << at;
    }
    bits
}

/// Whether any element is one that `is` finds, asked of many at a time.
#[inline(always)]
fn any(x: &[f32], is: impl Fn(f32) -> bool) -> bool {
    x.chunks(256).any(|part| part.iter().fold(false, |found, &x| found | is(x)))
}

#[inline(always)]
fn is_not_finite(x: f32) -> bool {
    x.to_bits() & 0x7F80_0000 == 0x7F80_0000
}

#[inline(always)]
fn is_negative_zero(x: f32) -> bool {
    x.to_bits() == 0x8000_0000
}
