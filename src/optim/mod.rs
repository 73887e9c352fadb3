//! Optimizers with Keras' formulas and defaults, schedules, and clipping.
//!
//! An [`Optimizer`] is plain data: hyperparameters, no memory. Its memory is
//! [`Optimizer::STATES`] arrays as long as the parameters, which the caller owns.
//! Every update is element by element, so it may be applied to any part of the
//! parameters at a time: by several threads, or as each layer's gradient appears.
//!
//! ```
//! use kernlet::optim::{Adadelta, Optimizer, Step, fill_initial};
//! use kernlet::simd::Level;
//!
//! let optimizer = Adadelta::new(1.0);
//! let (mut w, g) = ([0.5; 3], [1.0, 0.0, -1.0]);
//! let (mut squares, mut deltas) = ([f32::NAN; 3], [f32::NAN; 3]);
//! let mut states = [&mut squares[..], &mut deltas[..]];
//! fill_initial(&optimizer, &mut states);
//! optimizer.update(Level::detect(), Step::first(), &mut w, &g, &mut states)?;
//! assert!(w[0] < 0.5 && w[1] == 0.5 && w[2] > 0.5);
//! # Ok::<(), kernlet::kernels::ShapeError>(())
//! ```
//!
//! # Numerics
//!
//! Decay rates are given in `f64`, since `1 − β` of an `f32` β near 1 has few
//! digits left. Elements are computed in `f32`. A NaN gradient makes its own
//! parameter NaN and no other.

use crate::kernels::{ShapeError, check};
use crate::simd::{Kernel, Level, Simd};

mod adadelta;
mod adagrad;
mod adam;
mod clip;
mod rmsprop;
mod schedule;
mod sgd;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::{Adam, AdamW};
pub use clip::{clip_scale, global_norm};
pub use rmsprop::RmsProp;
pub use schedule::{Constant, CosineDecay, Schedule, StepDecay};
pub use sgd::Sgd;

/// The most state arrays that an optimizer here has.
///
/// ```
/// use kernlet::optim::{Adam, MAX_STATES, Optimizer};
/// assert!(Adam::<true>::STATES <= MAX_STATES);
/// ```
pub const MAX_STATES: usize = 3;

/// Which step an update belongs to, and what scales it.
///
/// ```
/// use kernlet::optim::Step;
/// let step = Step { lr_scale: 0.5, ..Step::new(10) };
/// assert_eq!((step.number, step.gradient_scale), (10, 1.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Step {
    /// The number of the step, from 1. 0 is taken as 1.
    pub number: u32,
    /// The learning rate is multiplied by it: the value of a [`Schedule`].
    pub lr_scale: f32,
    /// The gradient is multiplied by it: what [`clip_scale`] returns, or 1 / batch.
    pub gradient_scale: f32,
}

impl Step {
    /// Step `number`, counted from 1, with both scales 1.
    ///
    /// ```
    /// assert_eq!(kernlet::optim::Step::new(3).lr_scale, 1.0);
    /// ```
    #[inline]
    pub const fn new(number: u32) -> Self {
        Self { number, lr_scale: 1.0, gradient_scale: 1.0 }
    }

    /// Step 1 with both scales 1.
    ///
    /// ```
    /// assert_eq!(kernlet::optim::Step::first().number, 1);
    /// ```
    #[inline]
    pub const fn first() -> Self {
        Self::new(1)
    }
}

/// A rule that moves parameters against their gradient.
///
/// See the [module](self) for an example.
pub trait Optimizer: Copy + Send + Sync {
    /// How many `f32` it keeps for each parameter.
    const STATES: usize;

    /// What state array `state` is filled with before the first step: 0 unless it says otherwise.
    #[inline]
    fn initial_state(&self, state: usize) -> f32 {
        let _ = state;
        0.0
    }

    /// One step: moves `w` against `g` and renews `states`.
    ///
    /// `states` holds [`Self::STATES`] arrays as long as `w`; more arrays are left alone.
    ///
    /// # Errors
    /// [`ShapeError`] if `g` or a state is not as long as `w`, or there are too few
    /// states; nothing is written then.
    fn update(
        &self,
        level: Level,
        step: Step,
        w: &mut [f32],
        g: &[f32],
        states: &mut [&mut [f32]],
    ) -> Result<(), ShapeError>;
}

/// Fills each state array with what it holds before the first step.
///
/// ```
/// use kernlet::optim::{Adagrad, fill_initial};
/// let mut sums = [f32::NAN; 4];
/// fill_initial(&Adagrad::new(0.01), &mut [&mut sums]);
/// assert_eq!(sums, [0.1; 4]);
/// ```
pub fn fill_initial<O: Optimizer>(optimizer: &O, states: &mut [&mut [f32]]) {
    for (i, state) in states.iter_mut().enumerate().take(O::STATES) {
        state.fill(optimizer.initial_state(i));
    }
}

/// The part `at .. at + len` of each state, where `states` holds whole arrays of `parameters`
/// elements one after the other; empty slices past the last array or element.
///
/// ```
/// let mut states = [0, 1, 2, 3, 10, 11, 12, 13].map(|x| x as f32);
/// let [first, second, third] = kernlet::optim::split_states(&mut states, 4, 1, 2);
/// assert_eq!((first, second, third), (&mut [1.0, 2.0][..], &mut [11.0, 12.0][..], &mut [][..]));
/// ```
pub fn split_states(states: &mut [f32], parameters: usize, at: usize, len: usize) -> [&mut [f32]; MAX_STATES] {
    let mut parts: [&mut [f32]; MAX_STATES] = Default::default();
    for (part, state) in parts.iter_mut().zip(states.chunks_exact_mut(parameters.max(1))) {
        *part = state.get_mut(at..).and_then(|rest| rest.get_mut(..len)).unwrap_or_default();
    }
    parts
}

/// What an optimizer does to one vector of parameters with `N` states.
trait Rule<const N: usize>: Copy {
    /// The new parameters and states.
    fn apply<S: Simd>(self, s: S, w: S::V, g: S::V, states: [S::V; N]) -> (S::V, [S::V; N]);
}

struct Update<'a, R, const N: usize> {
    rule: R,
    gradient_scale: f32,
    w: &'a mut [f32],
    g: &'a [f32],
    states: [&'a mut [f32]; N],
}

impl<R: Rule<N>, const N: usize> Kernel for Update<'_, R, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let scale = s.splat(self.gradient_scale);
        let len = self.w.len();
        // Lengths that the compiler can see are equal take the checks out of the loop.
        let (w, g) = (&mut self.w[..len], &self.g[..len]);
        let mut states = self.states.map(|state| &mut state[..len]);
        let mut at = 0;
        while at + S::LANES <= len {
            let end = at + S::LANES;
            let mut old = [scale; N];
            for (old, state) in old.iter_mut().zip(&states) {
                *old = s.load(&state[at..end]);
            }
            let g = s.mul(s.load(&g[at..end]), scale);
            let (new_w, new) = self.rule.apply(s, s.load(&w[at..end]), g, old);
            s.store(new_w, &mut w[at..end]);
            for (new, state) in new.into_iter().zip(&mut states) {
                s.store(new, &mut state[at..end]);
            }
            at = end;
        }
        if at < len {
            let mut old = [scale; N];
            for (old, state) in old.iter_mut().zip(&states) {
                *old = s.load_first(&state[at..]);
            }
            let g = s.mul(s.load_first(&g[at..]), scale);
            let (new_w, new) = self.rule.apply(s, s.load_first(&w[at..]), g, old);
            s.store_first(new_w, &mut w[at..]);
            for (new, state) in new.into_iter().zip(&mut states) {
                s.store_first(new, &mut state[at..]);
            }
        }
    }
}

/// Checks the lengths and applies the rule to all elements.
fn apply<R: Rule<N>, const N: usize>(
    operation: &'static str,
    level: Level,
    step: Step,
    rule: R,
    w: &mut [f32],
    g: &[f32],
    states: &mut [&mut [f32]],
) -> Result<(), ShapeError> {
    check(operation, "g", g, w.len())?;
    let given = states.len();
    let Some(states) = states.first_chunk_mut::<N>() else {
        return Err(ShapeError::new(operation, "number of states", N, given));
    };
    for state in states.iter() {
        check(operation, "state", state, w.len())?;
    }
    let states = states.each_mut().map(|state| &mut **state);
    level.dispatch(Update { rule, gradient_scale: step.gradient_scale, w, g, states });
    Ok(())
}

/// `w − w · decay`, where `decay` is weight decay times learning rate.
#[inline(always)]
fn decayed<S: Simd>(s: S, w: S::V, decay: f32) -> S::V {
    s.mul_add(w, s.splat(-decay), w)
}

/// `old · rate + new · one_minus_rate`: a moving average.
#[inline(always)]
fn averaged<S: Simd>(s: S, old: S::V, new: S::V, rate: Rate) -> S::V {
    s.mul_add(s.splat(rate.rate), old, s.mul(s.splat(rate.rest), new))
}

/// A decay rate β with `1 − β` as exact as an `f32` can be.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Rate {
    exact: f64,
    rate: f32,
    rest: f32,
}

impl Rate {
    const fn new(rate: f64) -> Self {
        Self { exact: rate, rate: rate as f32, rest: (1.0 - rate) as f32 }
    }

    /// `1 − βⁿ` in `f64`.
    fn unaveraged(self, n: u32) -> f64 {
        1.0 - power(self.exact, n)
    }
}

/// `xⁿ` by squaring: multiplications only, so the same bits everywhere.
const fn power(mut x: f64, mut n: u32) -> f64 {
    let mut product = 1.0;
    while n > 0 {
        if n & 1 == 1 {
            product *= x;
        }
        x *= x;
        n >>= 1;
    }
    product
}
