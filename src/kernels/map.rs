//! Loops over elements: a function of vectors applied to whole slices, rests included.
//!
//! The lengths were compared at the kernel's door; where they differ all the
//! same, the shortest counts.
//!
//! Functions are types, not closures: a closure cannot be `#[inline(always)]`, and
//! one that is not inlined is compiled without the entry's instruction set, which
//! made an activation forty times slower.

use crate::simd::{
    Simd,
    reduce::{self, VIRTUAL_LANES, fold},
};

/// A function of one vector.
pub(super) trait Unary: Copy {
    fn at<S: Simd>(self, s: S, x: S::V) -> S::V;
}

/// A function of two vectors.
pub(super) trait Binary: Copy {
    fn at<S: Simd>(self, s: S, a: S::V, b: S::V) -> S::V;
}

/// Defines functions of vectors: `Name { constants }(s, x) = …` or `Name { constants }(s, a, b) = …`.
macro_rules! functions {
    ($($name:ident $({ $($field:ident),* })? ($s:ident, $a:ident $(, $b:ident)?) = $body:expr;)*) => {$(
        #[derive(Clone, Copy)]
        struct $name { $($($field: f32),*)? }
        $crate::kernels::map::functions!(@impl $name [$($($field)*)?] $s $a $($b)?, $body);
    )*};
    (@impl $name:ident [$($field:ident)*] $s:ident $a:ident, $body:expr) => {
        impl $crate::kernels::map::Unary for $name {
            #[inline(always)]
            fn at<S: Simd>(self, $s: S, $a: S::V) -> S::V {
                $(let $field = $s.splat(self.$field);)*
                $body
            }
        }
    };
    (@impl $name:ident [$($field:ident)*] $s:ident $a:ident $b:ident, $body:expr) => {
        impl $crate::kernels::map::Binary for $name {
            #[inline(always)]
            fn at<S: Simd>(self, $s: S, $a: S::V, $b: S::V) -> S::V {
                $(let $field = $s.splat(self.$field);)*
                $body
            }
        }
    };
}
pub(super) use functions;

/// `y[i] = f(y[i])`.
#[inline(always)]
pub(super) fn in_place<S: Simd>(s: S, y: &mut [f32], f: impl Unary) {
    let mut y = y.chunks_exact_mut(S::LANES);
    for y in &mut y {
        s.store(f.at(s, s.load(y)), y);
    }
    let y = y.into_remainder();
    if !y.is_empty() {
        s.store_first(f.at(s, s.load_first(y)), y);
    }
}

/// `y[i] = f(x[i])`.
#[inline(always)]
pub(super) fn into<S: Simd>(s: S, x: &[f32], y: &mut [f32], f: impl Unary) {
    let (mut x, mut y) = (x.chunks_exact(S::LANES), y.chunks_exact_mut(S::LANES));
    for (x, y) in x.by_ref().zip(y.by_ref()) {
        s.store(f.at(s, s.load(x)), y);
    }
    let (x, y) = (x.remainder(), y.into_remainder());
    if !y.is_empty() {
        s.store_first(f.at(s, s.load_first(x)), y);
    }
}

/// `y[i] = f(x[i], y[i])`.
#[inline(always)]
pub(super) fn acc<S: Simd>(s: S, x: &[f32], y: &mut [f32], f: impl Binary) {
    let (mut x, mut y) = (x.chunks_exact(S::LANES), y.chunks_exact_mut(S::LANES));
    for (x, y) in x.by_ref().zip(y.by_ref()) {
        s.store(f.at(s, s.load(x), s.load(y)), y);
    }
    let (x, y) = (x.remainder(), y.into_remainder());
    if !y.is_empty() {
        s.store_first(f.at(s, s.load_first(x), s.load_first(y)), y);
    }
}

/// `y[i] = f(a[i], b[i])`.
#[inline(always)]
pub(super) fn into2<S: Simd>(s: S, a: &[f32], b: &[f32], y: &mut [f32], f: impl Binary) {
    let (mut a, mut b) = (a.chunks_exact(S::LANES), b.chunks_exact(S::LANES));
    let mut y = y.chunks_exact_mut(S::LANES);
    for ((a, b), y) in a.by_ref().zip(b.by_ref()).zip(y.by_ref()) {
        s.store(f.at(s, s.load(a), s.load(b)), y);
    }
    let (a, b, y) = (a.remainder(), b.remainder(), y.into_remainder());
    if !y.is_empty() {
        s.store_first(f.at(s, s.load_first(a), s.load_first(b)), y);
    }
}

/// `Σ f(a[i], b[i])` in the 16 virtual lanes of [`reduce`], each a chain of additions from 0.
#[inline(always)]
pub(super) fn sum2<S: Simd>(s: S, a: &[f32], b: &[f32], f: impl Binary) -> f32 {
    let mut lanes = [0.0; VIRTUAL_LANES];
    let mut sums = [s.splat(0.0); VIRTUAL_LANES];
    let count = VIRTUAL_LANES / S::LANES;
    let (mut a, mut b) = (a.chunks_exact(VIRTUAL_LANES), b.chunks_exact(VIRTUAL_LANES));
    for (a, b) in a.by_ref().zip(b.by_ref()) {
        let parts = a.chunks_exact(S::LANES).zip(b.chunks_exact(S::LANES));
        for (sum, (a, b)) in sums[..count].iter_mut().zip(parts) {
            *sum = s.add(*sum, f.at(s, s.load(a), s.load(b)));
        }
    }
    for (sum, part) in sums.iter().zip(lanes.chunks_exact_mut(S::LANES)) {
        s.store(*sum, part);
    }
    let rest = a.remainder().chunks(S::LANES).zip(b.remainder().chunks(S::LANES));
    for ((a, b), lanes) in rest.zip(lanes.chunks_exact_mut(S::LANES)) {
        // Lanes past the end compute something; it is not added.
        let mut terms = [0.0; VIRTUAL_LANES];
        s.store_first(f.at(s, s.load_first(a), s.load_first(b)), &mut terms);
        for (lane, term) in lanes[..a.len()].iter_mut().zip(terms) {
            *lane += term;
        }
    }
    fold(lanes)
}

/// `Σ x[i]` in the 16 virtual lanes of [`reduce`].
#[inline(always)]
pub(super) fn sum<S: Simd>(s: S, x: &[f32]) -> f32 {
    reduce::fold_map(s, x, |sum, x| s.add(sum, x))
}

/// The largest element; −∞ for none. Where there is a NaN it may be NaN or not.
#[inline(always)]
pub(super) fn largest<S: Simd>(s: S, x: &[f32]) -> f32 {
    let mut chunks = x.chunks_exact(S::LANES);
    let mut largest = f32::NEG_INFINITY;
    if x.len() >= S::LANES {
        let mut vector = s.splat(f32::NEG_INFINITY);
        for chunk in &mut chunks {
            vector = s.max(s.load(chunk), vector);
        }
        let mut lanes = [f32::NEG_INFINITY; VIRTUAL_LANES];
        s.store(vector, &mut lanes);
        for lane in lanes {
            largest = if lane > largest { lane } else { largest };
        }
    }
    for &x in chunks.remainder() {
        largest = if x > largest { x } else { largest };
    }
    largest
}
