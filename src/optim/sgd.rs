//! Stochastic gradient descent, plain or with momentum.

use super::{Optimizer, Rule, Step, apply_rule, decayed};
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
/// const PLAIN: Sgd = Sgd::new(0.5);
/// PLAIN.update(Level::detect(), Step::first(), &mut w, &[1.0, -1.0], &mut [])?;
/// assert_eq!(w, [0.5, 2.5]);
///
/// const NESTEROV: Sgd<true> = Sgd::new(0.5).with_momentum(0.9).with_nesterov().with_weight_decay(1e-4);
/// assert_eq!((PLAIN.states(), NESTEROV.states()), (0, 1));
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
    pub const fn new(lr: f32) -> Self {
        Self { lr, momentum: 0.0, nesterov: false, weight_decay: 0.0 }
    }

    /// With momentum, and one state for each parameter.
    pub const fn with_momentum(self, momentum: f32) -> Sgd<true> {
        Sgd { lr: self.lr, momentum, nesterov: self.nesterov, weight_decay: self.weight_decay }
    }
}

impl Sgd<true> {
    /// With Nesterov's look ahead.
    pub const fn with_nesterov(self) -> Self {
        Self { nesterov: true, ..self }
    }
}

impl<const MOMENTUM: bool> Sgd<MOMENTUM> {
    /// With weight decay λ.
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

    fn describe(&self, tell: &mut dyn FnMut(&'static str, f64)) -> &'static str {
        tell("lr", self.lr.into());
        tell("weight_decay", self.weight_decay.into());
        "sgd"
    }

    fn update(
        &self,
        level: Level,
        step: Step,
        w: &mut [f32],
        g: &[f32],
        states: &mut [&mut [f32]],
    ) -> Result<(), ShapeError> {
        let lr = self.lr * step.lr_scale;
        apply_rule("sgd", level, step, Plain { lr, decay: self.weight_decay * lr * step.decay_scale }, w, g, states)
    }
}

impl Optimizer for Sgd<true> {
    const STATES: usize = 1;

    fn describe(&self, tell: &mut dyn FnMut(&'static str, f64)) -> &'static str {
        tell("lr", self.lr.into());
        tell("momentum", self.momentum.into());
        tell("nesterov", u8::from(self.nesterov).into());
        tell("weight_decay", self.weight_decay.into());
        "sgd-momentum"
    }

    fn update(
        &self,
        level: Level,
        step: Step,
        w: &mut [f32],
        g: &[f32],
        states: &mut [&mut [f32]],
    ) -> Result<(), ShapeError> {
        let lr = self.lr * step.lr_scale;
        let rule = Momentum {
            lr,
            decay: self.weight_decay * lr * step.decay_scale,
            momentum: self.momentum,
            nesterov: self.nesterov,
        };
        apply_rule("sgd", level, step, rule, w, g, states)
    }
}
