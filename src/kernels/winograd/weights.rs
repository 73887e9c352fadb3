//! Weights to places, once for a call or once for many.
#![allow(unsafe_code)]
// Places are addressed by row and column; iterators hide which.
#![allow(clippy::needless_range_loop)]

use core::marker::PhantomData;

use super::{
    forms::{Form, MOST},
    place_stride,
};
use crate::{
    kernels::transpose::transpose,
    simd::{Kernel, Simd},
};

/// Transforms weights `[kh][kw][in][out]` to a matrix `[in][out]` for every place.
pub(super) struct Transform<'a, F> {
    channels: [usize; 2],
    w: &'a [f32],
    packed: &'a mut [f32],
    form: PhantomData<F>,
}

impl<'a, F: Form> Transform<'a, F> {
    /// `w` has nine matrices of these channels, `packed` one for every place.
    pub(super) fn new(channels: [usize; 2], w: &'a [f32], packed: &'a mut [f32]) -> Self {
        Self { channels, w, packed, form: PhantomData }
    }
}

impl<F: Form> Kernel for Transform<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let len = self.channels[0] * self.channels[1];
        let stride = place_stride(len);
        // What the door has checked, once more where it is relied on.
        if self.w.len() < 9 * len || self.packed.len() < F::IN * F::IN * stride {
            return;
        }
        let (w, packed) = (self.w.as_ptr(), self.packed.as_mut_ptr());
        let mut at = 0;
        while at < len {
            let left = len - at;
            // SAFETY: `left` elements of each matrix are left, on both sides.
            unsafe {
                if left >= S::LANES {
                    vector::<S, F, false>(s, w.wrapping_add(at), len, packed.wrapping_add(at), stride, left);
                } else {
                    vector::<S, F, true>(s, w.wrapping_add(at), len, packed.wrapping_add(at), stride, left);
                }
            }
            at += S::LANES;
        }
    }
}

/// One vector of weights.
///
/// # Safety
/// `w` has nine matrices `len` apart and `packed` one for every place, `stride` apart, with `left` elements
/// each, fewer than a vector only if `MASKED`.
#[inline(always)]
unsafe fn vector<S: Simd, F: Form, const MASKED: bool>(
    s: S,
    w: *const f32,
    len: usize,
    packed: *mut f32,
    stride: usize,
    left: usize,
) {
    let mut columns = [[s.splat(0.0); MOST]; 3];
    for j in 0..3 {
        let mut line = [s.splat(0.0); 3];
        for i in 0..3 {
            let w = w.wrapping_add((i * 3 + j) * len);
            // SAFETY: the caller vouches for the elements.
            line[i] = unsafe { if MASKED { s.load_ptr_first(w, left) } else { s.load_ptr(w) } };
        }
        columns[j] = F::weights(s, line);
    }
    for i in 0..F::IN {
        let row = F::weights(s, [columns[0][i], columns[1][i], columns[2][i]]);
        for j in 0..F::IN {
            let to = packed.wrapping_add((i * F::IN + j) * stride);
            // SAFETY: as above.
            unsafe { if MASKED { s.store_ptr_first(row[j], to, left) } else { s.store_ptr(row[j], to) } }
        }
    }
}

/// Exchanges input and output channels of weights.
pub(super) struct Transpose<'a> {
    /// Input channels.
    pub rows: usize,
    /// Output channels.
    pub columns: usize,
    pub w: &'a [f32],
    /// As long as `w`.
    pub to: &'a mut [f32],
}

impl Kernel for Transpose<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { rows, columns, w, to } = self;
        for (w, to) in w.chunks_exact((rows * columns).max(1)).zip(to.chunks_exact_mut((rows * columns).max(1))) {
            // SAFETY: both are whole matrices.
            unsafe { transpose(s, w.as_ptr(), columns, rows, columns, to.as_mut_ptr(), rows) };
        }
    }
}
