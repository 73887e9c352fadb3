//! `torch.optim.RMSprop`.

use crate::kernels::ShapeError;
use crate::optim::{Optimizer, Rate, Rule, Step, apply_rule, averaged, centred, rmsprop::rms_prop, with_l2};
use crate::simd::{Level, Simd};

rms_prop! {
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
    "pytorch-rmsprop",
    "Learning rate `lr` (PyTorch's default is 0.01), ρ = 0.99 (PyTorch's `alpha`), ε = 10⁻⁸.",
    0.99,
    1e-8,
    "With weight decay λ: `λ w` is added to the gradient.",
    |optimizer, step| {
        let weight_decay = optimizer.weight_decay * step.decay_scale;
        Self { lr: optimizer.lr * step.lr_scale, weight_decay, ..optimizer }
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
