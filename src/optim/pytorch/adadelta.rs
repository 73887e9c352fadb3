//! `torch.optim.Adadelta`.

use crate::kernels::ShapeError;
use crate::optim::{self, Optimizer, Step};
use crate::simd::Level;

/// Adadelta as `torch.optim.Adadelta`: [`optim::Adadelta`]'s formula after `g ← g + λ w`.
///
/// ```
/// use kernlet::optim::{Optimizer, pytorch::Adadelta};
/// const ADADELTA: Adadelta = Adadelta::new(1.0).with_rho(0.95).with_epsilon(1e-7).with_weight_decay(1e-4);
/// assert_eq!(ADADELTA.states(), 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Adadelta(optim::Adadelta);

impl Adadelta {
    /// Learning rate `lr` (PyTorch's default is 1), ρ = 0.9, ε = 10⁻⁶.
    pub const fn new(lr: f32) -> Self {
        Self(optim::Adadelta::new(lr).with_rho(0.9).with_epsilon(1e-6))
    }

    /// With another decay rate ρ.
    pub const fn with_rho(self, rho: f64) -> Self {
        Self(self.0.with_rho(rho))
    }

    /// With another ε.
    pub const fn with_epsilon(self, epsilon: f32) -> Self {
        Self(self.0.with_epsilon(epsilon))
    }

    /// With weight decay λ: `λ w` is added to the gradient.
    pub const fn with_weight_decay(self, weight_decay: f32) -> Self {
        Self(self.0.with_l2(weight_decay))
    }
}

impl Optimizer for Adadelta {
    const STATES: usize = <optim::Adadelta as Optimizer>::STATES;

    fn describe(&self, tell: &mut dyn FnMut(&'static str, f64)) -> &'static str {
        self.0.describe(tell);
        "pytorch-adadelta"
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
