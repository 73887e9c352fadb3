//! The simple recurrent cell: `h′ = tanh(b + x · W + h · U)`.
#![allow(unsafe_code)]

use super::{
    Cell, Formula,
    run::{Lanes, Part},
};
use crate::{math, simd::Simd};

/// The simple recurrent cell (Elman 1990): `h′ = tanh(b + x · W + h · U)`.
///
/// ```
/// use kernlet::kernels::recurrent::{Recurrent, SimpleRnn};
/// assert_eq!(Recurrent::<SimpleRnn>::new(10, 3, 20).recurrent_len(), 20 * 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SimpleRnn;

impl Cell for SimpleRnn {
    const NAME: &'static str = "simple_rnn";
    const GATES: usize = 1;
    const STATES: usize = 1;
    const BIASES: usize = 1;
}

impl Formula for SimpleRnn {
    const SLOTS: usize = 1;
    const INPUT: &'static [Part] = &[Part::new(0, 1, 0)];
    const STAGES: &'static [Part] = &[Part::new(0, 1, 0)];
    const BIASED: Option<usize> = None;

    #[inline(always)]
    unsafe fn forward<S: Simd>(s: S, _: usize, at: &Lanes) {
        // SAFETY: the caller vouches for the lanes.
        unsafe {
            let h = math::tanh(s, at.slot(s, 0));
            at.set_slot(s, 0, h);
            at.set_state(s, 0, h);
        }
    }

    #[inline(always)]
    unsafe fn backward<S: Simd>(s: S, _: usize, at: &Lanes) {
        // SAFETY: the caller vouches for the lanes.
        unsafe {
            let h = at.slot(s, 0);
            at.set_slot(s, 0, tanh_slope(s, h, at.dh(s)));
            at.set_state(s, 0, s.splat(0.0));
        }
    }
}

/// The gradient before tanh, from its value and the gradient after it.
#[inline(always)]
pub(super) fn tanh_slope<S: Simd>(s: S, y: S::V, dy: S::V) -> S::V {
    let one = s.splat(1.0);
    s.mul(dy, s.mul(s.sub(one, y), s.add(one, y)))
}

/// The gradient before the logistic function, from its value and the gradient after it.
#[inline(always)]
pub(super) fn sigmoid_slope<S: Simd>(s: S, y: S::V, dy: S::V) -> S::V {
    s.mul(dy, s.mul(y, s.sub(s.splat(1.0), y)))
}
