//! `torch.optim.Adagrad`.

use crate::kernels::ShapeError;
use crate::optim::{Optimizer, Rule, Step, apply_rule, with_l2};
use crate::simd::{Level, Simd};

/// Adagrad as `torch.optim.Adagrad`: ε stands outside the root, and the rate may decay.
///
/// One state, which starts at 0: `g ← g + λ w`, `a ← a + g²`,
/// `w ← w − α / (1 + (t − 1) η) · g / (√a + ε)` at step t.
///
/// ```
/// use kernlet::optim::{Optimizer, pytorch::Adagrad};
/// const ADAGRAD: Adagrad = Adagrad::new(0.01).with_lr_decay(1e-3).with_epsilon(1e-8).with_weight_decay(1e-4);
/// assert_eq!(ADAGRAD.initial_state(0), 0.0);
/// assert_eq!(ADAGRAD.with_initial(0.1).initial_state(0), 0.1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Adagrad {
    lr: f32,
    lr_decay: f32,
    initial: f32,
    epsilon: f32,
    weight_decay: f32,
}

impl Adagrad {
    /// Learning rate `lr` (PyTorch's default is 0.01), ε = 10⁻¹⁰.
    pub const fn new(lr: f32) -> Self {
        Self { lr, lr_decay: 0.0, initial: 0.0, epsilon: 1e-10, weight_decay: 0.0 }
    }

    /// With a decay η of the rate.
    pub const fn with_lr_decay(self, lr_decay: f32) -> Self {
        Self { lr_decay, ..self }
    }

    /// With another start of the sums (PyTorch's `initial_accumulator_value`).
    pub const fn with_initial(self, initial: f32) -> Self {
        Self { initial, ..self }
    }

    /// With another ε.
    pub const fn with_epsilon(self, epsilon: f32) -> Self {
        Self { epsilon, ..self }
    }

    /// With weight decay λ: `λ w` is added to the gradient.
    pub const fn with_weight_decay(self, weight_decay: f32) -> Self {
        Self { weight_decay, ..self }
    }
}

impl Rule<1> for Adagrad {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, w: S::V, g: S::V, [sums]: [S::V; 1]) -> (S::V, [S::V; 1]) {
        let g = with_l2(s, w, g, self.weight_decay);
        let sums = s.mul_add(g, g, sums);
        let root = s.add(s.sqrt(sums), s.splat(self.epsilon));
        (s.mul_add(s.splat(-self.lr), s.div(g, root), w), [sums])
    }
}

impl Optimizer for Adagrad {
    const STATES: usize = 1;

    fn describe(&self, tell: &mut dyn FnMut(&'static str, f64)) -> &'static str {
        tell("lr", self.lr.into());
        tell("lr_decay", self.lr_decay.into());
        tell("initial", self.initial.into());
        tell("epsilon", self.epsilon.into());
        tell("weight_decay", self.weight_decay.into());
        "pytorch-adagrad"
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
        let before = step.number.saturating_sub(1) as f32;
        let lr = self.lr * step.lr_scale / (1.0 + before * self.lr_decay);
        let rule = Self { lr, weight_decay: self.weight_decay * step.decay_scale, ..*self };
        apply_rule("adagrad", level, step, rule, w, g, states)
    }
}
