//! Optimizers with PyTorch's formulas and defaults.
//!
//! The names are those of the module above, whose types have Keras' formulas. Where the two differ
//! (α learning rate, μ momentum, λ weight decay, t the step's number):
//!
//! | optimizer | Keras, [`optim`](super) | PyTorch, here |
//! |---|---|---|
//! | all but AdamW | λ is taken off the parameter: `w ← w − α λ w` | λ is a penalty: `g ← g + λ w` before anything else |
//! | [`Sgd`] with momentum | rate in the velocity: `v ← μ v − α g`, `w ← w + v` | rate outside: `v ← μ v + (1 − τ) g`, `w ← w − α v`; τ is the dampening, 0 for the first step. They part when the rate changes |
//! | [`Adam`], AdamW | `√v + ε`, v not corrected; ε = 10⁻⁷ | `√(v / (1 − β₂ᵗ)) + ε`; ε = 10⁻⁸ |
//! | AdamW | λ = 0.004 | [`Adam::adamw`]: λ = 0.01 |
//! | [`RmsProp`] | `√(v + ε)`; ρ = 0.9, ε = 10⁻⁷; rate in the momentum's state | `√v + ε`; ρ = 0.99, ε = 10⁻⁸; rate outside |
//! | [`Adagrad`] | `√(a + ε)`; a starts at 0.1; ε = 10⁻⁷ | `√a + ε`; a starts at 0; ε = 10⁻¹⁰; `α / (1 + (t − 1) η)` with the rate's decay η |
//! | [`Adadelta`] | ρ = 0.95, ε = 10⁻⁷ | ρ = 0.9, ε = 10⁻⁶ |
//!
//! A centred RMSprop keeps its variance, and not the average of squares that PyTorch subtracts from;
//! [`optim::RmsProp`](super::RmsProp) says why.
//!
//! ```
//! use kernlet::optim::{self, Optimizer, Step, pytorch};
//! use kernlet::simd::Level;
//! let descend = |optimizer: optim::AnyOptimizer| {
//!     let (mut w, mut v) = ([1.0], [0.0]);
//!     for (number, lr_scale) in [(1, 1.0), (2, 0.1)] {
//!         let step = Step { lr_scale, ..Step::new(number) };
//!         optimizer.update(Level::detect(), step, &mut w, &[1.0], &mut [&mut v]).unwrap();
//!     }
//!     w[0]
//! };
//! // After a step at rate ½ the rate is a tenth: PyTorch's velocity slows down at once, Keras' does not.
//! assert!((descend(pytorch::Sgd::new(0.5).with_momentum(0.9).into()) - 0.405).abs() < 1e-6);
//! assert!((descend(optim::Sgd::new(0.5).with_momentum(0.9).into()) - 0.0).abs() < 1e-6);
//! ```

mod adadelta;
mod adagrad;
mod adam;
mod rmsprop;
mod sgd;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use rmsprop::RmsProp;
pub use sgd::Sgd;
