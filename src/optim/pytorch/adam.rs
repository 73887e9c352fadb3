//! `torch.optim.Adam` and `torch.optim.AdamW`.

use crate::kernels::ShapeError;
use crate::optim::adam::{Moments, corrections};
use crate::optim::{Optimizer, Rate, Step, apply_rule};
use crate::simd::Level;

/// Adam as `torch.optim.Adam`, and as `torch.optim.AdamW`: ε is added to the corrected root.
///
/// Two states, m and v, at step t: `g ← g + λ w`, `m ← β₁ m + (1 − β₁) g`,
/// `v ← β₂ v + (1 − β₂) g²`, `w ← w − α / (1 − β₁ᵗ) · m / (√(v / (1 − β₂ᵗ)) + ε)`.
/// AdamW takes λ off the parameter instead: `w ← w − α λ w`.
///
/// With AMSGrad a third state keeps the largest v, which divides in v's place.
///
/// ```
/// use kernlet::optim::{Optimizer, pytorch::Adam};
/// const ADAM: Adam = Adam::new(0.001).with_betas(0.9, 0.99).with_epsilon(1e-6).with_weight_decay(1e-4);
/// const ADAM_W: Adam = Adam::adamw(0.001).with_weight_decay(0.1);
/// assert_eq!((ADAM.states(), ADAM_W.with_amsgrad().states()), (2, 3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Adam<const AMSGRAD: bool = false> {
    lr: f32,
    beta1: Rate,
    beta2: Rate,
    epsilon: f32,
    weight_decay: f32,
    decoupled: bool,
}

impl Adam {
    /// Learning rate `lr` (PyTorch's default is 0.001), β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸.
    pub const fn new(lr: f32) -> Self {
        let (beta1, beta2) = (Rate::new(0.9), Rate::new(0.999));
        Self { lr, beta1, beta2, epsilon: 1e-8, weight_decay: 0.0, decoupled: false }
    }

    /// AdamW: as [`new`](Self::new), with the weight decay λ = 0.01 taken off the parameter.
    pub const fn adamw(lr: f32) -> Self {
        Self { weight_decay: 0.01, decoupled: true, ..Self::new(lr) }
    }

    /// With the largest v in v's place.
    pub const fn with_amsgrad(self) -> Adam<true> {
        let Self { lr, beta1, beta2, epsilon, weight_decay, decoupled } = self;
        Adam { lr, beta1, beta2, epsilon, weight_decay, decoupled }
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

    /// With weight decay λ: `λ w` is added to the gradient, or for AdamW `λ α w` taken off the parameter.
    pub const fn with_weight_decay(self, weight_decay: f32) -> Self {
        Self { weight_decay, ..self }
    }

    fn moments(self, step: Step) -> Moments {
        let lr = self.lr * step.lr_scale;
        let [unbiased_m, unbiased_v] = corrections(self.beta1, self.beta2, step);
        let weight_decay = self.weight_decay * step.decay_scale;
        // Numerator and denominator are multiplied by √(1 − β₂ᵗ).
        Moments {
            alpha: (f64::from(lr) * (unbiased_v / unbiased_m)) as f32,
            rest1: self.beta1.rest,
            rest2: self.beta2.rest,
            epsilon: (f64::from(self.epsilon) * unbiased_v) as f32,
            decay: if self.decoupled { weight_decay * lr } else { 0.0 },
            l2: if self.decoupled { 0.0 } else { weight_decay },
        }
    }
}

macro_rules! optimizer {
    ($($amsgrad:literal $states:literal)*) => {$(
        impl Optimizer for Adam<$amsgrad> {
            const STATES: usize = $states;

            fn describe(&self, tell: &mut dyn FnMut(&'static str, f64)) -> &'static str {
                tell("lr", self.lr.into());
                tell("beta1", self.beta1.exact);
                tell("beta2", self.beta2.exact);
                tell("epsilon", self.epsilon.into());
                tell("weight_decay", self.weight_decay.into());
                tell("decoupled", u8::from(self.decoupled).into());
                if $amsgrad { "pytorch-adam-amsgrad" } else { "pytorch-adam" }
            }

            fn update(
                &self,
                level: Level,
                step: Step,
                w: &mut [f32],
                g: &[f32],
                states: &mut [&mut [f32]],
            ) -> Result<(), ShapeError> {
                apply_rule::<_, $states>("adam", level, step, self.moments(step), w, g, states)
            }
        }
    )*};
}

optimizer! {
    false 2
    true 3
}
