//! The long short-term memory.
#![allow(unsafe_code)]

use super::{
    Cell, Formula,
    run::{Lanes, Part},
    simple_rnn::{sigmoid_slope, tanh_slope},
};
use crate::{math, simd::Simd};

/// The long short-term memory (Hochreiter, Schmidhuber 1997, with the forget gate of Gers 2000), gates in Keras' order
/// i, f, c, o.
///
/// ```text
/// i, f, o = σ(b + x · W + h · U)     g = tanh(b_c + x · W_c + h · U_c)
/// c′ = f ∘ c + i ∘ g                 h′ = o ∘ tanh c′
/// ```
///
/// ```
/// use kernlet::kernels::recurrent::{Lstm, Recurrent};
/// assert_eq!(Recurrent::<Lstm>::new(10, 3, 20).bias_len(), 80);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Lstm;

/// `f ∘ c + i ∘ g`.
#[inline(always)]
fn next_cell<S: Simd>(s: S, [i, f, g, c]: [S::V; 4]) -> S::V {
    s.mul_add(f, c, s.mul(i, g))
}

impl Cell for Lstm {
    const NAME: &'static str = "lstm";
    const GATES: usize = 4;
    const STATES: usize = 2;
    const BIASES: usize = 1;
}

impl Formula for Lstm {
    const SLOTS: usize = 4;
    const INPUT: &'static [Part] = &[Part::new(0, 4, 0)];
    const STAGES: &'static [Part] = &[Part::new(0, 4, 0)];
    const BIASED: Option<usize> = None;

    #[inline(always)]
    unsafe fn forward<S: Simd>(s: S, _: usize, at: &Lanes) {
        // SAFETY: the caller vouches for the lanes.
        unsafe {
            let i = math::sigmoid(s, at.slot(s, 0));
            let f = math::sigmoid(s, at.slot(s, 1));
            let g = math::tanh(s, at.slot(s, 2));
            let o = math::sigmoid(s, at.slot(s, 3));
            let c = next_cell(s, [i, f, g, at.state(s, 1)]);
            for (slot, gate) in [i, f, g, o].into_iter().enumerate() {
                at.set_slot(s, slot, gate);
            }
            at.set_state(s, 0, s.mul(o, math::tanh(s, c)));
            at.set_state(s, 1, c);
        }
    }

    #[inline(always)]
    unsafe fn backward<S: Simd>(s: S, _: usize, at: &Lanes) {
        // SAFETY: the caller vouches for the lanes.
        unsafe {
            let [i, f, g, o] = [at.slot(s, 0), at.slot(s, 1), at.slot(s, 2), at.slot(s, 3)];
            let (before, dh) = (at.before(s, 1), at.dh(s));
            // Computed again: kept, it would be a sixth of what a step keeps.
            let t = math::tanh(s, next_cell(s, [i, f, g, before]));
            let dc = s.add(at.state(s, 1), tanh_slope(s, t, s.mul(dh, o)));
            at.set_slot(s, 0, sigmoid_slope(s, i, s.mul(dc, g)));
            at.set_slot(s, 1, sigmoid_slope(s, f, s.mul(dc, before)));
            at.set_slot(s, 2, tanh_slope(s, g, s.mul(dc, i)));
            at.set_slot(s, 3, sigmoid_slope(s, o, s.mul(dh, t)));
            at.set_state(s, 0, s.splat(0.0));
            at.set_state(s, 1, s.mul(dc, f));
        }
    }
}
