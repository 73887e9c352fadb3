//! The gated recurrent unit, with the reset gate after or before the recurrent product.
#![allow(unsafe_code)]

use super::{
    Cell, Formula,
    run::{Lanes, Part},
    simple_rnn::{sigmoid_slope, tanh_slope},
};
use crate::{math, simd::Simd};

/// The gated recurrent unit (Cho et al. 2014) that resets after the product: Keras' default, `reset_after=True`. Gates
/// in Keras' order z, r, h; two biases.
///
/// ```text
/// z, r = σ(b + x · W + h · U + b′)     ĥ = tanh(b_h + x · W_h + r ∘ (b′_h + h · U_h))
/// h′ = z ∘ h + (1 − z) ∘ ĥ
/// ```
///
/// ```
/// use kernlet::kernels::recurrent::{Gru, Recurrent};
/// assert_eq!(Recurrent::<Gru>::new(10, 3, 20).bias_len(), 2 * 60);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Gru;

/// The gated recurrent unit that resets before the product: `reset_after=False`.
///
/// ```text
/// z, r = σ(b + x · W + h · U)     ĥ = tanh(b_h + x · W_h + (r ∘ h) · U_h)     h′ = z ∘ h + (1 − z) ∘ ĥ
/// ```
///
/// ```
/// use kernlet::kernels::recurrent::{GruResetBefore, Recurrent};
/// assert_eq!(Recurrent::<GruResetBefore>::new(10, 3, 20).bias_len(), 60);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct GruResetBefore;

/// `z ∘ h + (1 − z) ∘ ĥ`.
#[inline(always)]
fn next_state<S: Simd>(s: S, z: S::V, h: S::V, candidate: S::V) -> S::V {
    s.mul_add(z, h, s.mul(s.sub(s.splat(1.0), z), candidate))
}

/// What of `dh` goes to the sums of z and ĥ: writes z's and returns ĥ's. The direct part becomes the gradient of the
/// state before.
///
/// # Safety
/// The lanes' pointers are valid.
#[inline(always)]
unsafe fn through_state<S: Simd>(s: S, at: &Lanes, candidate: S::V) -> S::V {
    // SAFETY: the caller vouches for the lanes.
    unsafe {
        let (z, before, dh) = (at.slot(s, 0), at.before(s, 0), at.dh(s));
        at.set_slot(s, 0, sigmoid_slope(s, z, s.mul(dh, s.sub(before, candidate))));
        at.set_state(s, 0, s.mul(dh, z));
        tanh_slope(s, candidate, s.mul(dh, s.sub(s.splat(1.0), z)))
    }
}

impl Cell for Gru {
    const NAME: &'static str = "gru";
    const GATES: usize = 3;
    const STATES: usize = 1;
    const BIASES: usize = 2;
}

impl Formula for Gru {
    // z, r, the state's part of the candidate, and the input's part, later the candidate.
    const SLOTS: usize = 4;
    const INPUT: &'static [Part] = &[Part::new(0, 2, 0), Part::new(2, 1, 3)];
    const STAGES: &'static [Part] = &[Part::new(0, 3, 0)];
    const BIASED: Option<usize> = Some(2);

    #[inline(always)]
    unsafe fn forward<S: Simd>(s: S, _: usize, at: &Lanes) {
        // SAFETY: the caller vouches for the lanes.
        unsafe {
            let z = math::sigmoid(s, s.add(at.slot(s, 0), at.bias(s, 0)));
            let r = math::sigmoid(s, s.add(at.slot(s, 1), at.bias(s, 1)));
            let candidate = math::tanh(s, s.mul_add(r, at.slot(s, 2), at.slot(s, 3)));
            at.set_slot(s, 0, z);
            at.set_slot(s, 1, r);
            at.set_slot(s, 3, candidate);
            at.set_state(s, 0, next_state(s, z, at.state(s, 0), candidate));
        }
    }

    #[inline(always)]
    unsafe fn backward<S: Simd>(s: S, _: usize, at: &Lanes) {
        // SAFETY: the caller vouches for the lanes.
        unsafe {
            let [r, inner, candidate] = [at.slot(s, 1), at.slot(s, 2), at.slot(s, 3)];
            let sum = through_state(s, at, candidate);
            at.set_slot(s, 1, sigmoid_slope(s, r, s.mul(sum, inner)));
            at.set_slot(s, 2, s.mul(sum, r));
            at.set_slot(s, 3, sum);
        }
    }
}

impl Cell for GruResetBefore {
    const NAME: &'static str = "gru_reset_before";
    const GATES: usize = 3;
    const STATES: usize = 1;
    const BIASES: usize = 1;
}

impl Formula for GruResetBefore {
    // z, r, the candidate, and r ∘ h.
    const SLOTS: usize = 4;
    const INPUT: &'static [Part] = &[Part::new(0, 3, 0)];
    const STAGES: &'static [Part] = &[Part::new(0, 2, 0), Part::new(2, 1, 2).of_slot(3)];
    const BIASED: Option<usize> = None;

    #[inline(always)]
    unsafe fn forward<S: Simd>(s: S, stage: usize, at: &Lanes) {
        // SAFETY: the caller vouches for the lanes.
        unsafe {
            if stage == 0 {
                let r = math::sigmoid(s, at.slot(s, 1));
                at.set_slot(s, 0, math::sigmoid(s, at.slot(s, 0)));
                at.set_slot(s, 1, r);
                at.set_slot(s, 3, s.mul(r, at.state(s, 0)));
            } else {
                let candidate = math::tanh(s, at.slot(s, 2));
                at.set_slot(s, 2, candidate);
                at.set_state(s, 0, next_state(s, at.slot(s, 0), at.state(s, 0), candidate));
            }
        }
    }

    #[inline(always)]
    unsafe fn backward<S: Simd>(s: S, stage: usize, at: &Lanes) {
        // SAFETY: the caller vouches for the lanes.
        unsafe {
            if stage == 1 {
                let sum = through_state(s, at, at.slot(s, 2));
                at.set_slot(s, 2, sum);
                at.set_product(s, s.splat(0.0));
            } else {
                // The gradient of r ∘ h has come back.
                let (r, product) = (at.slot(s, 1), at.product(s));
                at.set_slot(s, 1, sigmoid_slope(s, r, s.mul(product, at.before(s, 0))));
                at.set_state(s, 0, s.mul_add(product, r, at.state(s, 0)));
            }
        }
    }
}
