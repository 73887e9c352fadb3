//! Stochastic gradient descent, plain or with momentum.

use super::{Optimizer, Rule, Step, apply, decayed};
use crate::kernels::ShapeError;
use crate::simd::{Level, Simd};

/// Stochastic gradient descent.
///
/// Plain, without memory: `w ← w − α g`. With momentum μ (one state, v):
/// `v ← μ v − α g`, then `w ← w + v`, or Nesterov's `w ← w + μ v − α g`.
/// α is the learning rate. Weight decay λ takes `λ α w` off first.
///
/// ```
/// use kernlet::optim::{Optimizer, Sgd, Step};
/// use kernlet::simd::Level;
/// let mut w = [1.0, 2.0];
/// Sgd::new(0.5).update(Level::detect(), Step::first(), &mut w, &[1.0, -1.0], &mut [])?;
/// assert_eq!(w, [0.5, 2.5]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sgd<const MOMENTUM: bool = false> {
    lr: f32,
    momentum: f32,
    nesterov: bool,
    weight_decay: f32,
}

impl Sgd {
    /// Plain descent at learning rate `lr` (Keras' default is 0.01).
    ///
    /// See [`Sgd`] for an example.
    pub const fn new(lr: f32) -> Self {
        Self { lr, momentum: 0.0, nesterov: false, weight_decay: 0.0 }
    }

    /// With momentum, and one state for each parameter.
    ///
    /// ```
    /// use kernlet::optim::{Optimizer, Sgd};
    /// fn states<O: Optimizer>(_: O) -> usize { O::STATES }
    /// assert_eq!(states(Sgd::new(0.01).with_momentum(0.9)), 1);
    /// ```
    pub const fn with_momentum(self, momentum: f32) -> Sgd<true> {
        Sgd { lr: self.lr, momentum, nesterov: self.nesterov, weight_decay: self.weight_decay }
    }
}

impl Sgd<true> {
    /// With Nesterov's look ahead.
    ///
    /// ```
    /// let _ = kernlet::optim::Sgd::new(0.01).with_momentum(0.9).with_nesterov();
    /// ```
    pub const fn with_nesterov(self) -> Self {
        Self { nesterov: true, ..self }
    }
}

impl<const MOMENTUM: bool> Sgd<MOMENTUM> {
    /// With weight decay λ.
    ///
    /// ```
    /// let _ = kernlet::optim::Sgd::new(0.01).with_weight_decay(1e-4);
    /// ```
    pub const fn with_weight_decay(self, weight_decay: f32) -> Self {
        Self { weight_decay, ..self }
    }
}

#[derive(Clone, Copy)]
struct Plain {
    lr: f32,
    decay: f32,
}

impl Rule<0> for Plain {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, w: S::V, g: S::V, _: [S::V; 0]) -> (S::V, [S::V; 0]) {
        (s.mul_add(s.splat(-self.lr), g, decayed(s, w, self.decay)), [])
    }
}

#[derive(Clone, Copy)]
struct Momentum {
    lr: f32,
    decay: f32,
    momentum: f32,
    nesterov: bool,
}

impl Rule<1> for Momentum {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, w: S::V, g: S::V, [v]: [S::V; 1]) -> (S::V, [S::V; 1]) {
        let w = decayed(s, w, self.decay);
        let momentum = s.splat(self.momentum);
        let down = s.mul(s.splat(-self.lr), g);
        let v = s.mul_add(momentum, v, down);
        let change = if self.nesterov { s.mul_add(momentum, v, down) } else { v };
        (s.add(w, change), [v])
    }
}

impl Optimizer for Sgd<false> {
    const STATES: usize = 0;

    fn update(
        &self,
        level: Level,
        step: Step,
        w: &mut [f32],
        g: &[f32],
        states: &mut [&mut [f32]],
    ) -> Result<(), ShapeError> {
        let lr = self.lr * step.lr_scale;
        apply("sgd", level, step, Plain { lr, decay: self.weight_decay * lr }, w, g, states)
    }
}

impl Optimizer for Sgd<true> {
    const STATES: usize = 1;

    fn update(
        &self,
        level: Level,
        step: Step,
        w: &mut [f32],
        g: &[f32],
        states: &mut [&mut [f32]],
    ) -> Result<(), ShapeError> {
        let lr = self.lr * step.lr_scale;
        let rule = Momentum { lr, decay: self.weight_decay * lr, momentum: self.momentum, nesterov: self.nesterov };
        apply("sgd", level, step, rule, w, g, states)
    }
}
