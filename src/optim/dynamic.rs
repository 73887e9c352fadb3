//! Optimizers behind a pointer.

use super::{MAX_STATES, Optimizer, Step};
use crate::kernels::ShapeError;
use crate::simd::Level;

/// An [`Optimizer`] without its type: every optimizer is one, and `&dyn DynOptimizer` is an
/// [`Optimizer`] again, so that one can be chosen at run time.
///
/// Only the optimizers that are named are linked. Memory is that of the most states,
/// [`MAX_STATES`]; [`Optimizer::states`] says how many are used.
///
/// ```
/// use kernlet::optim::{Adam, DynOptimizer, Optimizer, Sgd};
/// let (name, lr) = ("adam", 0.01);
/// let optimizer: &dyn DynOptimizer = match name {
///     "adam" => &Adam::new(lr),
///     "momentum" => &Sgd::new(lr).with_momentum(0.9),
///     _ => &Sgd::new(lr),
/// };
/// assert_eq!(optimizer.states(), 2);
/// ```
pub trait DynOptimizer: Send + Sync {
    /// [`Optimizer::states`].
    fn dyn_states(&self) -> usize;

    /// [`Optimizer::describe`].
    fn dyn_describe(&self, tell: &mut dyn FnMut(&'static str, f64)) -> &'static str;

    /// [`Optimizer::initial_state`].
    fn dyn_initial_state(&self, state: usize) -> f32;

    /// [`Optimizer::update`].
    ///
    /// # Errors
    /// As [`Optimizer::update`].
    fn dyn_update(
        &self,
        level: Level,
        step: Step,
        w: &mut [f32],
        g: &[f32],
        states: &mut [&mut [f32]],
    ) -> Result<(), ShapeError>;
}

impl<O: Optimizer> DynOptimizer for O {
    fn dyn_states(&self) -> usize {
        self.states()
    }

    fn dyn_describe(&self, tell: &mut dyn FnMut(&'static str, f64)) -> &'static str {
        self.describe(tell)
    }

    fn dyn_initial_state(&self, state: usize) -> f32 {
        self.initial_state(state)
    }

    fn dyn_update(
        &self,
        level: Level,
        step: Step,
        w: &mut [f32],
        g: &[f32],
        states: &mut [&mut [f32]],
    ) -> Result<(), ShapeError> {
        self.update(level, step, w, g, states)
    }
}

impl Optimizer for &dyn DynOptimizer {
    const STATES: usize = MAX_STATES;

    fn describe(&self, tell: &mut dyn FnMut(&'static str, f64)) -> &'static str {
        (**self).dyn_describe(tell)
    }

    fn states(&self) -> usize {
        (**self).dyn_states()
    }

    fn initial_state(&self, state: usize) -> f32 {
        (**self).dyn_initial_state(state)
    }

    fn update(
        &self,
        level: Level,
        step: Step,
        w: &mut [f32],
        g: &[f32],
        states: &mut [&mut [f32]],
    ) -> Result<(), ShapeError> {
        (**self).dyn_update(level, step, w, g, states)
    }
}
