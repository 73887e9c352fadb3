//! An optimizer that is chosen at run time.

use super::{Adadelta, Adagrad, Adam, AdamW, MAX_STATES, Optimizer, RmsProp, Sgd, Step, pytorch};
use crate::kernels::ShapeError;
use crate::simd::Level;

/// The enumeration, its conversions, and the choice in each method.
macro_rules! optimizers {
    ($($(#[$meta:meta])* $name:ident($type:ty),)*) => {
        /// Any optimizer of this module: one type, whose value says which.
        ///
        /// Every variant converts into it. Memory is that of the most states, [`MAX_STATES`];
        /// [`Optimizer::states`] says how many are used. All of them are linked; where flash is
        /// short, [`DynOptimizer`](super::DynOptimizer) links those that are named.
        ///
        /// ```
        /// use kernlet::optim::{AnyOptimizer, Adam, Optimizer, RmsProp, Sgd, pytorch};
        /// /// What a command line or a file of settings says.
        /// fn parse(name: &str, lr: f32) -> Option<AnyOptimizer> {
        ///     Some(match name {
        ///         "sgd" => Sgd::new(lr).into(),
        ///         "amsgrad" => Adam::new(lr).with_amsgrad().into(),
        ///         "rmsprop" => RmsProp::new(lr).with_momentum(0.9).with_centred().into(),
        ///         "torch-adam" => pytorch::Adam::new(lr).into(),
        ///         _ => return None,
        ///     })
        /// }
        /// let states = ["sgd", "amsgrad", "torch-adam"].map(|name| parse(name, 0.01).unwrap().states());
        /// assert_eq!(states, [0, 3, 2]);
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub enum AnyOptimizer {
            $($(#[$meta])* $name($type),)*
        }

        $(impl From<$type> for AnyOptimizer {
            fn from(optimizer: $type) -> Self {
                Self::$name(optimizer)
            }
        })*

        impl Optimizer for AnyOptimizer {
            const STATES: usize = MAX_STATES;

            fn describe(&self, tell: &mut dyn FnMut(&'static str, f64)) -> &'static str {
                match self {
                    $(Self::$name(optimizer) => optimizer.describe(tell),)*
                }
            }

            fn states(&self) -> usize {
                match self {
                    $(Self::$name(optimizer) => optimizer.states(),)*
                }
            }

            fn initial_state(&self, state: usize) -> f32 {
                match self {
                    $(Self::$name(optimizer) => optimizer.initial_state(state),)*
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
                match self {
                    $(Self::$name(optimizer) => optimizer.update(level, step, w, g, states),)*
                }
            }
        }
    };
}

optimizers! {
    /// Plain descent.
    Sgd(Sgd),
    /// Descent with momentum.
    SgdMomentum(Sgd<true>),
    /// Adadelta.
    Adadelta(Adadelta),
    /// Adagrad.
    Adagrad(Adagrad),
    /// Adam.
    Adam(Adam),
    /// Adam with AMSGrad.
    AdamAmsgrad(Adam<true>),
    /// AdamW.
    AdamW(AdamW),
    /// RMSprop.
    RmsProp(RmsProp),
    /// RMSprop with momentum.
    RmsPropMomentum(RmsProp<true, false>),
    /// RMSprop, centred.
    RmsPropCentred(RmsProp<false, true>),
    /// RMSprop, centred, with momentum.
    RmsPropMomentumCentred(RmsProp<true, true>),
    /// PyTorch's plain descent.
    PyTorchSgd(pytorch::Sgd),
    /// PyTorch's descent with momentum.
    PyTorchSgdMomentum(pytorch::Sgd<true>),
    /// PyTorch's Adadelta.
    PyTorchAdadelta(pytorch::Adadelta),
    /// PyTorch's Adagrad.
    PyTorchAdagrad(pytorch::Adagrad),
    /// PyTorch's Adam and AdamW.
    PyTorchAdam(pytorch::Adam),
    /// PyTorch's Adam and AdamW with AMSGrad.
    PyTorchAdamAmsgrad(pytorch::Adam<true>),
    /// PyTorch's RMSprop.
    PyTorchRmsProp(pytorch::RmsProp),
    /// PyTorch's RMSprop with momentum.
    PyTorchRmsPropMomentum(pytorch::RmsProp<true, false>),
    /// PyTorch's RMSprop, centred.
    PyTorchRmsPropCentred(pytorch::RmsProp<false, true>),
    /// PyTorch's RMSprop, centred, with momentum.
    PyTorchRmsPropMomentumCentred(pytorch::RmsProp<true, true>),
}
