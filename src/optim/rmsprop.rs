//! RMSprop (Tieleman, Hinton: *Lecture 6.5: rmsprop*, 2012).

use super::{Optimizer, Rate, Rule, Step, apply_rule, averaged, centred, decayed};
use crate::kernels::ShapeError;
use crate::simd::{Level, Simd};

/// An RMSprop: Keras' and PyTorch's differ in their defaults, their formula ([`Rule`]), and in what learning rate and weight
/// decay become in a step.
macro_rules! rms_prop {
    (
        $(#[$meta:meta])*
        $name:literal, $new:literal, $rho:literal, $epsilon:literal, $decay:literal,
        |$optimizer:ident, $step:ident| $rule:expr
    ) => {
        $(#[$meta])*
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
            #[doc = $new]
            pub const fn new(lr: f32) -> Self {
                Self { lr, rho: Rate::new($rho), momentum: 0.0, epsilon: $epsilon, weight_decay: 0.0 }
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

            #[doc = $decay]
            pub const fn with_weight_decay(self, weight_decay: f32) -> Self {
                Self { weight_decay, ..self }
            }

            /// With learning rate and weight decay as they are in this step.
            fn at(self, $step: Step) -> Self {
                let $optimizer = self;
                $rule
            }
        }

        rms_prop!(@optimizer $name, false false 1, "");
        rms_prop!(@optimizer $name, true false 2, "-momentum");
        rms_prop!(@optimizer $name, false true 2, "-centred");
        rms_prop!(@optimizer $name, true true 3, "-momentum-centred");
    };
    (@optimizer $name:literal, $momentum:literal $centred:literal $states:literal, $with:literal) => {
        impl Optimizer for RmsProp<$momentum, $centred> {
            const STATES: usize = $states;

            fn describe(&self, tell: &mut dyn FnMut(&'static str, f64)) -> &'static str {
                tell("lr", self.lr.into());
                tell("rho", self.rho.exact);
                tell("momentum", self.momentum.into());
                tell("epsilon", self.epsilon.into());
                tell("weight_decay", self.weight_decay.into());
                concat!($name, $with)
            }

            fn update(
                &self,
                level: Level,
                step: Step,
                w: &mut [f32],
                g: &[f32],
                states: &mut [&mut [f32]],
            ) -> Result<(), ShapeError> {
                apply_rule::<_, $states>("rmsprop", level, step, self.at(step), w, g, states)
            }
        }
    };
}
pub(super) use rms_prop;

rms_prop! {
    /// RMSprop: a step divided by the root of a moving average of squared gradients.
    ///
    /// First state: `v ← ρ v + (1 − ρ) g²`, `w ← w − α g / √(v + ε)`.
    /// With momentum μ a state u more: `u ← μ u + α g / √(v + ε)`, `w ← w − u`.
    /// Centred, a last state a: `a ← ρ a + (1 − ρ) g`, and `v − a²` divides in v's place. The first state
    /// then holds that variance, which has the recurrence `c ← ρ (c + (1 − ρ)(g − a)²)` with the a before:
    /// the same number, but no difference of two large ones, so it is never negative.
    ///
    /// ```
    /// use kernlet::optim::{Optimizer, RmsProp};
    /// const PLAIN: RmsProp = RmsProp::new(0.001).with_rho(0.99).with_epsilon(1e-8).with_weight_decay(1e-4);
    /// assert_eq!(PLAIN.states(), 1);
    /// assert_eq!(PLAIN.with_momentum(0.9).with_centred().states(), 3);
    /// ```
    "rmsprop",
    "Learning rate `lr` (Keras' default is 0.001), ρ = 0.9, ε = 10⁻⁷.",
    0.9,
    1e-7,
    "With weight decay λ: `λ α w` is taken off first.",
    |optimizer, step| {
        let lr = optimizer.lr * step.lr_scale;
        Self { lr, weight_decay: optimizer.weight_decay * lr * step.decay_scale, ..optimizer }
    }
}

/// `N` is 1, and one more for momentum and for centring.
impl<const MOMENTUM: bool, const CENTRED: bool, const N: usize> Rule<N> for RmsProp<MOMENTUM, CENTRED> {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, w: S::V, g: S::V, mut states: [S::V; N]) -> (S::V, [S::V; N]) {
        let w = decayed(s, w, self.weight_decay);
        if CENTRED {
            (states[0], states[N - 1]) = centred(s, states[0], states[N - 1], g, self.rho);
        } else {
            states[0] = averaged(s, states[0], s.mul(g, g), self.rho);
        }
        let root = s.sqrt(s.add(states[0], s.splat(self.epsilon)));
        let mut change = s.div(s.mul(s.splat(self.lr), g), root);
        if MOMENTUM {
            change = s.mul_add(s.splat(self.momentum), states[1], change);
            states[1] = change;
        }
        (s.sub(w, change), states)
    }
}
