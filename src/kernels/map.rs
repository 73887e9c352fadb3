//! Loops over elements: a function of vectors applied to whole slices, rests included.
//!
//! The lengths were compared at the kernel's door; where they differ all the
//! same, the shortest counts.

use crate::simd::Simd;

/// `y[i] = f(y[i])`.
#[inline(always)]
pub(super) fn in_place<S: Simd>(s: S, y: &mut [f32], f: impl Fn(S::V) -> S::V) {
    let mut y = y.chunks_exact_mut(S::LANES);
    for y in &mut y {
        s.store(f(s.load(y)), y);
    }
    let y = y.into_remainder();
    if !y.is_empty() {
        s.store_first(f(s.load_first(y)), y);
    }
}

/// `y[i] = f(x[i])`.
#[inline(always)]
pub(super) fn into<S: Simd>(s: S, x: &[f32], y: &mut [f32], f: impl Fn(S::V) -> S::V) {
    let (mut x, mut y) = (x.chunks_exact(S::LANES), y.chunks_exact_mut(S::LANES));
    for (x, y) in x.by_ref().zip(y.by_ref()) {
        s.store(f(s.load(x)), y);
    }
    let (x, y) = (x.remainder(), y.into_remainder());
    if !y.is_empty() {
        s.store_first(f(s.load_first(x)), y);
    }
}

/// `y[i] = f(x[i], y[i])`.
#[inline(always)]
pub(super) fn acc<S: Simd>(s: S, x: &[f32], y: &mut [f32], f: impl Fn(S::V, S::V) -> S::V) {
    let (mut x, mut y) = (x.chunks_exact(S::LANES), y.chunks_exact_mut(S::LANES));
    for (x, y) in x.by_ref().zip(y.by_ref()) {
        s.store(f(s.load(x), s.load(y)), y);
    }
    let (x, y) = (x.remainder(), y.into_remainder());
    if !y.is_empty() {
        s.store_first(f(s.load_first(x), s.load_first(y)), y);
    }
}

/// `y[i] = f(a[i], b[i])`.
#[inline(always)]
pub(super) fn into2<S: Simd>(s: S, a: &[f32], b: &[f32], y: &mut [f32], f: impl Fn(S::V, S::V) -> S::V) {
    let (mut a, mut b) = (a.chunks_exact(S::LANES), b.chunks_exact(S::LANES));
    let mut y = y.chunks_exact_mut(S::LANES);
    for ((a, b), y) in a.by_ref().zip(b.by_ref()).zip(y.by_ref()) {
        s.store(f(s.load(a), s.load(b)), y);
    }
    let (a, b, y) = (a.remainder(), b.remainder(), y.into_remainder());
    if !y.is_empty() {
        s.store_first(f(s.load_first(a), s.load_first(b)), y);
    }
}
