//! `torch.optim.RMSprop`.

use crate::kernels::ShapeError;
use crate::optim::{Optimizer, Rate, Rule, Step, apply_rule, averaged, centred, with_l2};
use crate::simd::{Level, Simd};

/// RMSprop as `torch.optim.RMSprop`: ε stands outside the root, the rate outside the momentum.
///
/// `g ← g + λ w`. First state: `v ← ρ v + (1 − ρ) g²`, `w ← w − α g / (√v + ε)`.
/// With momentum μ a state u more: `u ← μ u + g / (√v + ε)`, `w ← w − α u`.
/// Centred, a last state a: `a ← ρ a + (1 − ρ) g`, and the variance `v − a²`, which the first state then
/// holds, divides in v's place.
///
/// ```
/// use kernlet::optim::{Optimizer, pytorch::RmsProp};
/// const PLAIN: RmsProp = RmsProp::new(0.01).with_rho(0.9).with_epsilon(1e-6).with_weight_decay(1e-4);
/// assert_eq!(PLAIN.states(), 1);
/// assert_eq!(PLAIN.with_momentum(0.9).with_centred().states(), 3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RmsProp<const MOMENTUM: bool = false, const CENTRED: bool = false> {
    lr: f32,
    rho: Rate,
    momentum: f32,
    epsilon: f32,
    weight_decay: f32,
}

impl RmsProp {
    /// Learning rate `lr` (PyTorch's default is 0.01), ρ = 0.99 (PyTorch's `alpha`), ε = 10⁻⁸.
    pub const fn new(lr: f32) -> Self {
        Self { lr, rho: Rate::new(0.99), momentum: 0.0, epsilon: 1e-8, weight_decay: 0.0 }
    }
}

impl<const CENTRED: bool> RmsProp<false, CENTRED> {
    /// With momentum μ, and one state more.
    pub const fn with_momentum(self, momentum: f32) -> RmsProp<true, CENTRED> {
        let Self { lr, rho, epsilon, weight_decay, .. } = self;
        RmsProp { lr, rho, momentum, epsilon, weight_decay }
    }
}

impl<const MOMENTUM: bool> RmsProp<MOMENTUM, false> {
    /// Divided by the root of the variance, and one state more.
    pub const fn with_centred(self) -> RmsProp<MOMENTUM, true> {
        let Self { lr, rho, momentum, epsilon, weight_decay } = self;
        RmsProp { lr, rho, momentum, epsilon, weight_decay }
    }
}

impl<const MOMENTUM: bool, const CENTRED: bool> RmsProp<MOMENTUM, CENTRED> {
    /// With another decay rate ρ.
    pub const fn with_rho(self, rho: f64) -> Self {
        Self { rho: Rate::new(rho), ..self }
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

/// `N` is 1, and one more for momentum and for centring.
impl<const MOMENTUM: bool, const CENTRED: bool, const N: usize> Rule<N> for RmsProp<MOMENTUM, CENTRED> {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, w: S::V, g: S::V, mut states: [S::V; N]) -> (S::V, [S::V; N]) {
        let g = with_l2(s, w, g, self.weight_decay);
        if CENTRED {
            (states[0], states[N - 1]) = centred(s, states[0], states[N - 1], g, self.rho);
        } else {
            states[0] = averaged(s, states[0], s.mul(g, g), self.rho);
        }
        let mut change = s.div(g, s.add(s.sqrt(states[0]), s.splat(self.epsilon)));
        if MOMENTUM {
            change = s.mul_add(s.splat(self.momentum), states[1], change);
            states[1] = change;
        }
        (s.mul_add(s.splat(-self.lr), change, w), states)
    }
}

macro_rules! optimizer {
    ($($momentum:literal $centred:literal $states:literal)*) => {$(
        impl Optimizer for RmsProp<$momentum, $centred> {
            const STATES: usize = $states;

            fn describe(&self, tell: &mut dyn FnMut(&'static str, f64)) -> &'static str {
                tell("lr", self.lr.into());
                tell("rho", self.rho.exact);
                tell("momentum", self.momentum.into());
                tell("epsilon", self.epsilon.into());
                tell("weight_decay", self.weight_decay.into());
                match ($momentum, $centred) {
                    (false, false) => "pytorch-rmsprop",
                    (true, false) => "pytorch-rmsprop-momentum",
                    (false, true) => "pytorch-rmsprop-centred",
                    (true, true) => "pytorch-rmsprop-momentum-centred",
                }
            }

            fn update(
                &self,
                level: Level,
                step: Step,
                w: &mut [f32],
                g: &[f32],
                states: &mut [&mut [f32]],
            ) -> Result<(), ShapeError> {
                let weight_decay = self.weight_decay * step.decay_scale;
                let rule = Self { lr: self.lr * step.lr_scale, weight_decay, ..*self };
                apply_rule::<_, $states>("rmsprop", level, step, rule, w, g, states)
            }
        }
    )*};
}

optimizer! {
    false false 1
    true false 2
    false true 2
    true true 3
}
