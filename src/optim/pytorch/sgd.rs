//! `torch.optim.SGD`.

use crate::kernels::ShapeError;
use crate::optim::{Optimizer, Rule, Step, apply_rule, with_l2};
use crate::simd::{Level, Simd};

/// Stochastic gradient descent as `torch.optim.SGD`: the rate stands outside the velocity.
///
/// `g ← g + λ w`; plain `w ← w − α g`. With momentum μ and dampening τ one state v:
/// `v ← μ v + (1 − τ) g`, at the first step `v ← g`; then `w ← w − α v`, or Nesterov's
/// `w ← w − α (g + μ v)`.
///
/// ```
/// use kernlet::optim::{Optimizer, pytorch::Sgd};
/// const PLAIN: Sgd = Sgd::new(0.001).with_weight_decay(1e-4);
/// const MOMENTUM: Sgd<true> = PLAIN.with_momentum(0.9).with_dampening(0.1);
/// const NESTEROV: Sgd<true> = PLAIN.with_momentum(0.9).with_nesterov();
/// assert_eq!([PLAIN.states(), MOMENTUM.states(), NESTEROV.states()], [0, 1, 1]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sgd<const MOMENTUM: bool = false> {
    lr: f32,
    momentum: f32,
    dampening: f32,
    nesterov: bool,
    weight_decay: f32,
}

impl Sgd {
    /// Plain descent at learning rate `lr` (PyTorch's default is 0.001).
    pub const fn new(lr: f32) -> Self {
        Self { lr, momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 }
    }

    /// With momentum μ, and one state for each parameter.
    pub const fn with_momentum(self, momentum: f32) -> Sgd<true> {
        let Self { lr, dampening, nesterov, weight_decay, .. } = self;
        Sgd { lr, momentum, dampening, nesterov, weight_decay }
    }
}

impl Sgd<true> {
    /// With dampening τ: from the second step on `1 − τ` of a gradient enters the velocity.
    pub const fn with_dampening(self, dampening: f32) -> Self {
        Self { dampening, ..self }
    }

    /// With Nesterov's look ahead. PyTorch allows it without dampening only.
    pub const fn with_nesterov(self) -> Self {
        Self { nesterov: true, ..self }
    }
}

impl<const MOMENTUM: bool> Sgd<MOMENTUM> {
    /// With weight decay λ: `λ w` is added to the gradient.
    pub const fn with_weight_decay(self, weight_decay: f32) -> Self {
        Self { weight_decay, ..self }
    }
}

impl Rule<0> for Sgd<false> {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, w: S::V, g: S::V, _: [S::V; 0]) -> (S::V, [S::V; 0]) {
        (s.mul_add(s.splat(-self.lr), with_l2(s, w, g, self.weight_decay), w), [])
    }
}

impl Rule<1> for Sgd<true> {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, w: S::V, g: S::V, [v]: [S::V; 1]) -> (S::V, [S::V; 1]) {
        let g = with_l2(s, w, g, self.weight_decay);
        let momentum = s.splat(self.momentum);
        let v = s.mul_add(momentum, v, s.mul(s.splat(1.0 - self.dampening), g));
        let down = if self.nesterov { s.mul_add(momentum, v, g) } else { v };
        (s.mul_add(s.splat(-self.lr), down, w), [v])
    }
}

macro_rules! optimizer {
    ($($momentum:literal $states:literal)*) => {$(
        impl Optimizer for Sgd<$momentum> {
            const STATES: usize = $states;

            fn describe(&self, tell: &mut dyn FnMut(&'static str, f64)) -> &'static str {
                tell("lr", self.lr.into());
                tell("momentum", self.momentum.into());
                tell("dampening", self.dampening.into());
                tell("nesterov", u8::from(self.nesterov).into());
                tell("weight_decay", self.weight_decay.into());
                if $momentum { "pytorch-sgd-momentum" } else { "pytorch-sgd" }
            }

            fn update(
                &self,
                level: Level,
                step: Step,
                w: &mut [f32],
                g: &[f32],
                states: &mut [&mut [f32]],
            ) -> Result<(), ShapeError> {
                let rule = Self {
                    lr: self.lr * step.lr_scale,
                    dampening: if step.number <= 1 { 0.0 } else { self.dampening },
                    weight_decay: self.weight_decay * step.decay_scale,
                    ..*self
                };
                apply_rule("sgd", level, step, rule, w, g, states)
            }
        }
    )*};
}

optimizer! {
    false 0
    true 1
}
