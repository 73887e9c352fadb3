//! Adadelta (Zeiler: *ADADELTA: An Adaptive Learning Rate Method*, 2012, algorithm 1).

use super::{Optimizer, Rate, Rule, Step, apply_rule, averaged, decayed, with_l2};
use crate::kernels::ShapeError;
use crate::simd::{Level, Simd};

/// Adadelta: steps in proportion to past steps over past gradients.
///
/// Two states, the moving averages a of g² and d of δ²:
/// `a ← ρ a + (1 − ρ) g²`, `δ = −g √((d + ε) / (a + ε))`,
/// `d ← ρ d + (1 − ρ) δ²`, `w ← w + α δ`.
///
/// The paper has α = 1. Keras 3's default of 0.001 makes steps a thousand times smaller.
///
/// ```
/// use kernlet::optim::{Adadelta, Optimizer};
/// const ADADELTA: Adadelta = Adadelta::new(1.0).with_rho(0.9).with_epsilon(1e-6).with_weight_decay(1e-4);
/// assert_eq!(ADADELTA.states(), 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Adadelta {
    lr: f32,
    rho: Rate,
    epsilon: f32,
    weight_decay: f32,
    l2: f32,
}

impl Adadelta {
    /// Learning rate `lr`, ρ = 0.95, ε = 10⁻⁷.
    pub const fn new(lr: f32) -> Self {
        Self { lr, rho: Rate::new(0.95), epsilon: 1e-7, weight_decay: 0.0, l2: 0.0 }
    }

    /// With another decay rate ρ.
    pub const fn with_rho(self, rho: f64) -> Self {
        Self { rho: Rate::new(rho), ..self }
    }

    /// With another ε.
    pub const fn with_epsilon(self, epsilon: f32) -> Self {
        Self { epsilon, ..self }
    }

    /// With weight decay λ as a penalty: `λ w` is added to the gradient.
    pub(super) const fn with_l2(self, l2: f32) -> Self {
        Self { l2, ..self }
    }

    /// With weight decay λ: `λ α w` is taken off first.
    pub const fn with_weight_decay(self, weight_decay: f32) -> Self {
        Self { weight_decay, ..self }
    }
}

impl Rule<2> for Adadelta {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, w: S::V, g: S::V, [squares, deltas]: [S::V; 2]) -> (S::V, [S::V; 2]) {
        let g = with_l2(s, w, g, self.l2);
        let epsilon = s.splat(self.epsilon);
        let squares = averaged(s, squares, s.mul(g, g), self.rho);
        // One root of a quotient for two: roots are the most expensive operation everywhere.
        let ratio = s.sqrt(s.div(s.add(deltas, epsilon), s.add(squares, epsilon)));
        let delta = s.mul(ratio, g);
        let deltas = averaged(s, deltas, s.mul(delta, delta), self.rho);
        let w = s.mul_add(s.splat(-self.lr), delta, decayed(s, w, self.weight_decay));
        (w, [squares, deltas])
    }
}

impl Optimizer for Adadelta {
    const STATES: usize = 2;

    fn describe(&self, tell: &mut dyn FnMut(&'static str, f64)) -> &'static str {
        tell("lr", self.lr.into());
        tell("rho", self.rho.exact);
        tell("epsilon", self.epsilon.into());
        tell("weight_decay", self.weight_decay.into());
        tell("l2", self.l2.into());
        "adadelta"
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
        let weight_decay = self.weight_decay * lr * step.decay_scale;
        let rule = Self { lr, weight_decay, l2: self.l2 * step.decay_scale, ..*self };
        apply_rule("adadelta", level, step, rule, w, g, states)
    }
}
