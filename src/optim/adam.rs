//! Adam (Kingma, Ba: *Adam: A Method for Stochastic Optimization*, ICLR 2015) and AdamW
//! (Loshchilov, Hutter: *Decoupled Weight Decay Regularization*, ICLR 2019).

use super::{Optimizer, Rate, Rule, Step, apply_rule, decayed, with_l2};
use crate::kernels::ShapeError;
use crate::simd::{Level, Simd};

/// Adam: a moving average of gradients over the root of one of their squares.
///
/// Two states, m and v, at step t:
/// `m ← m + (1 − β₁)(g − m)`, `v ← v + (1 − β₂)(g² − v)`,
/// `w ← w − α √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε)`.
/// ε is added to the root that is not corrected, as Keras does (the paper's ε̂).
///
/// With AMSGrad a third state keeps the largest v, which divides in v's place.
///
/// ```
/// use kernlet::optim::{Adam, Optimizer};
/// const ADAM: Adam = Adam::new(0.001).with_betas(0.9, 0.99).with_epsilon(1e-8).with_weight_decay(0.01);
/// const AMSGRAD: Adam<true> = ADAM.with_amsgrad();
/// assert_eq!((ADAM.states(), AMSGRAD.states()), (2, 3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Adam<const AMSGRAD: bool = false> {
    lr: f32,
    beta1: Rate,
    beta2: Rate,
    epsilon: f32,
    weight_decay: f32,
}

impl Adam {
    /// Learning rate `lr` (Keras' default is 0.001), β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁷.
    pub const fn new(lr: f32) -> Self {
        Self { lr, beta1: Rate::new(0.9), beta2: Rate::new(0.999), epsilon: 1e-7, weight_decay: 0.0 }
    }

    /// With the largest v in v's place.
    pub const fn with_amsgrad(self) -> Adam<true> {
        let Self { lr, beta1, beta2, epsilon, weight_decay } = self;
        Adam { lr, beta1, beta2, epsilon, weight_decay }
    }
}

impl<const AMSGRAD: bool> Adam<AMSGRAD> {
    /// With other decay rates β₁ and β₂.
    pub const fn with_betas(self, beta1: f64, beta2: f64) -> Self {
        Self { beta1: Rate::new(beta1), beta2: Rate::new(beta2), ..self }
    }

    /// With another ε.
    pub const fn with_epsilon(self, epsilon: f32) -> Self {
        Self { epsilon, ..self }
    }

    /// With weight decay λ: `λ α w` is taken off first, as AdamW does.
    pub const fn with_weight_decay(self, weight_decay: f32) -> Self {
        Self { weight_decay, ..self }
    }

    fn moments(self, step: Step) -> Moments {
        let lr = self.lr * step.lr_scale;
        let [unbiased_m, unbiased_v] = corrections(self.beta1, self.beta2, step);
        Moments {
            alpha: (f64::from(lr) * (unbiased_v / unbiased_m)) as f32,
            rest1: self.beta1.rest,
            rest2: self.beta2.rest,
            epsilon: self.epsilon,
            decay: self.weight_decay * lr * step.decay_scale,
            l2: 0.0,
        }
    }
}

/// `1 − β₁ᵗ` and `√(1 − β₂ᵗ)`.
pub(super) fn corrections(beta1: Rate, beta2: Rate, step: Step) -> [f64; 2] {
    let n = step.number.max(1);
    [beta1.unaveraged(n), libm::sqrt(beta2.unaveraged(n))]
}

/// Adam's formula, the corrections already in its numbers.
#[derive(Clone, Copy)]
pub(super) struct Moments {
    pub alpha: f32,
    pub rest1: f32,
    pub rest2: f32,
    pub epsilon: f32,
    /// Taken off the parameter, in proportion to it.
    pub decay: f32,
    /// Added to the gradient, in proportion to the parameter.
    pub l2: f32,
}

impl Moments {
    #[inline(always)]
    fn averages<S: Simd>(self, s: S, w: S::V, g: S::V, m: S::V, v: S::V) -> (S::V, S::V) {
        let g = with_l2(s, w, g, self.l2);
        let m = s.mul_add(s.sub(g, m), s.splat(self.rest1), m);
        let v = s.mul_add(s.sub(s.mul(g, g), v), s.splat(self.rest2), v);
        (m, v)
    }

    #[inline(always)]
    fn moved<S: Simd>(self, s: S, w: S::V, m: S::V, v: S::V) -> S::V {
        let root = s.add(s.sqrt(v), s.splat(self.epsilon));
        s.sub(decayed(s, w, self.decay), s.div(s.mul(m, s.splat(self.alpha)), root))
    }
}

impl Rule<2> for Moments {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, w: S::V, g: S::V, [m, v]: [S::V; 2]) -> (S::V, [S::V; 2]) {
        let (m, v) = self.averages(s, w, g, m, v);
        (self.moved(s, w, m, v), [m, v])
    }
}

impl Rule<3> for Moments {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, w: S::V, g: S::V, [m, v, largest]: [S::V; 3]) -> (S::V, [S::V; 3]) {
        let (m, v) = self.averages(s, w, g, m, v);
        let largest = s.max(largest, v);
        (self.moved(s, w, m, largest), [m, v, largest])
    }
}

impl Optimizer for Adam<false> {
    const STATES: usize = 2;

    fn describe(&self, tell: &mut dyn FnMut(&'static str, f64)) -> &'static str {
        tell("lr", self.lr.into());
        tell("beta1", self.beta1.exact);
        tell("beta2", self.beta2.exact);
        tell("epsilon", self.epsilon.into());
        tell("weight_decay", self.weight_decay.into());
        "adam"
    }

    fn update(
        &self,
        level: Level,
        step: Step,
        w: &mut [f32],
        g: &[f32],
        states: &mut [&mut [f32]],
    ) -> Result<(), ShapeError> {
        apply_rule::<_, 2>("adam", level, step, self.moments(step), w, g, states)
    }
}

impl Optimizer for Adam<true> {
    const STATES: usize = 3;

    fn describe(&self, tell: &mut dyn FnMut(&'static str, f64)) -> &'static str {
        tell("lr", self.lr.into());
        tell("beta1", self.beta1.exact);
        tell("beta2", self.beta2.exact);
        tell("epsilon", self.epsilon.into());
        tell("weight_decay", self.weight_decay.into());
        "adam-amsgrad"
    }

    fn update(
        &self,
        level: Level,
        step: Step,
        w: &mut [f32],
        g: &[f32],
        states: &mut [&mut [f32]],
    ) -> Result<(), ShapeError> {
        apply_rule::<_, 3>("adam", level, step, self.moments(step), w, g, states)
    }
}

/// Adam with weight decay λ, 0.004 by default as in Keras: `λ α w` is taken off first.
///
/// ```
/// use kernlet::optim::{AdamW, Optimizer};
/// const ADAM_W: AdamW = AdamW::new(0.001).with_weight_decay(0.01);
/// assert_eq!(AdamW::STATES, 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AdamW(Adam);

impl AdamW {
    /// Learning rate `lr` (Keras' default is 0.001), λ = 0.004, the rest as [`Adam::new`].
    pub const fn new(lr: f32) -> Self {
        Self(Adam::new(lr).with_weight_decay(0.004))
    }

    /// With other decay rates β₁ and β₂.
    pub const fn with_betas(self, beta1: f64, beta2: f64) -> Self {
        Self(self.0.with_betas(beta1, beta2))
    }

    /// With another ε.
    pub const fn with_epsilon(self, epsilon: f32) -> Self {
        Self(self.0.with_epsilon(epsilon))
    }

    /// With another weight decay λ.
    pub const fn with_weight_decay(self, weight_decay: f32) -> Self {
        Self(self.0.with_weight_decay(weight_decay))
    }
}

impl Optimizer for AdamW {
    const STATES: usize = Adam::<false>::STATES;

    fn describe(&self, tell: &mut dyn FnMut(&'static str, f64)) -> &'static str {
        self.0.describe(tell);
        "adamw"
    }

    fn update(
        &self,
        level: Level,
        step: Step,
        w: &mut [f32],
        g: &[f32],
        states: &mut [&mut [f32]],
    ) -> Result<(), ShapeError> {
        self.0.update(level, step, w, g, states)
    }
}
