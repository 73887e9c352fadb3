//! Adagrad (Duchi, Hazan, Singer: *Adaptive Subgradient Methods*, JMLR 2011).

use super::{Optimizer, Rule, Step, apply_rule, decayed};
use crate::kernels::ShapeError;
use crate::simd::{Level, Simd};

/// Adagrad: a step divided by the root of the sum of all squared gradients.
///
/// One state, which starts at 0.1: `a ← a + g²`, `w ← w − α g / √(a + ε)`.
///
/// ```
/// use kernlet::optim::{Adagrad, Optimizer};
/// const ADAGRAD: Adagrad = Adagrad::new(0.001).with_epsilon(1e-6).with_weight_decay(1e-4);
/// assert_eq!(ADAGRAD.initial_state(0), 0.1);
/// assert_eq!(ADAGRAD.with_initial(0.0).initial_state(0), 0.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Adagrad {
    lr: f32,
    initial: f32,
    epsilon: f32,
    weight_decay: f32,
}

impl Adagrad {
    /// Learning rate `lr` (Keras' default is 0.001), ε = 10⁻⁷.
    pub const fn new(lr: f32) -> Self {
        Self { lr, initial: 0.1, epsilon: 1e-7, weight_decay: 0.0 }
    }

    /// With another start of the sums.
    pub const fn with_initial(self, initial: f32) -> Self {
        Self { initial, ..self }
    }

    /// With another ε.
    pub const fn with_epsilon(self, epsilon: f32) -> Self {
        Self { epsilon, ..self }
    }

    /// With weight decay λ: `λ α w` is taken off first.
    pub const fn with_weight_decay(self, weight_decay: f32) -> Self {
        Self { weight_decay, ..self }
    }
}

impl Rule<1> for Adagrad {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, w: S::V, g: S::V, [sums]: [S::V; 1]) -> (S::V, [S::V; 1]) {
        let sums = s.mul_add(g, g, sums);
        let root = s.sqrt(s.add(sums, s.splat(self.epsilon)));
        let change = s.div(s.mul(s.splat(self.lr), g), root);
        (s.sub(decayed(s, w, self.weight_decay), change), [sums])
    }
}

impl Optimizer for Adagrad {
    const STATES: usize = 1;

    fn describe(&self, tell: &mut dyn FnMut(&'static str, f64)) -> &'static str {
        tell("lr", self.lr.into());
        tell("initial", self.initial.into());
        tell("epsilon", self.epsilon.into());
        tell("weight_decay", self.weight_decay.into());
        "adagrad"
    }

    #[inline]
    fn initial_state(&self, _: usize) -> f32 {
        self.initial
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
        apply_rule(
            "adagrad",
            level,
            step,
            Self { lr, weight_decay: self.weight_decay * lr * step.decay_scale, ..*self },
            w,
            g,
            states,
        )
    }
}
