//! Optimizers with Keras' formulas and defaults, PyTorch's beside them by name, schedules, and clipping.
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
//! # Choosing
//!
//! | known when | type |
//! |---|---|
//! | the program is compiled | the optimizer itself: nothing else is linked |
//! | it runs, among those of this module | [`AnyOptimizer`], an enumeration |
//! | it runs, with some of your own | `&dyn` [`DynOptimizer`], which every optimizer is |
//!
//! An optimizer of your own implements [`Optimizer`]; [`apply_rule`] carries a [`Rule`], a formula over
//! vectors, to all elements.
//!
//! # Keras or PyTorch
//!
//! The types of this module have Keras' formulas and defaults, those of [`pytorch`] PyTorch's.
//! [`pytorch`] lists where the two differ.
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
mod any;
mod clip;
mod dynamic;
pub mod pytorch;
mod rmsprop;
mod schedule;
mod sgd;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::{Adam, AdamW};
pub use any::AnyOptimizer;
pub(crate) use clip::global_norm_of;
pub use clip::{clip_scale, global_norm};
pub use dynamic::DynOptimizer;
pub use rmsprop::RmsProp;
pub use schedule::{Constant, CosineDecay, Schedule, Scheduled, StepDecay};
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
/// assert_eq!((step.number, step.gradient_scale, step.decay_scale), (10, 1.0, 1.0));
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
    /// The weight decay is multiplied by it: 0 for parameters that do not decay, as biases often.
    pub decay_scale: f32,
}

impl Step {
    /// Step `number`, counted from 1, with all scales 1.
    ///
    /// ```
    /// assert_eq!(kernlet::optim::Step::new(3).lr_scale, 1.0);
    /// ```
    #[inline]
    pub const fn new(number: u32) -> Self {
        Self { number, lr_scale: 1.0, gradient_scale: 1.0, decay_scale: 1.0 }
    }

    /// Step 1 with all scales 1.
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
/// One of your own is as good as those of this module:
///
/// ```
/// use kernlet::{kernels::ShapeError, optim::*, simd::{Level, Simd}};
///
/// /// Moves every parameter by the same distance, against the sign of its gradient.
/// #[derive(Clone, Copy)]
/// struct SignDescent { lr: f32 }
///
/// impl Rule<0> for SignDescent {
///     #[inline(always)]
///     fn apply<S: Simd>(self, s: S, w: S::V, g: S::V, _: [S::V; 0]) -> (S::V, [S::V; 0]) {
///         let (zero, lr) = (s.splat(0.0), s.splat(self.lr));
///         let down = s.select_gt(g, zero, lr, zero);
///         (s.sub(w, s.select_gt(zero, g, s.neg(lr), down)), [])
///     }
/// }
///
/// impl Optimizer for SignDescent {
///     const STATES: usize = 0;
///     fn update(
///         &self, level: Level, step: Step, w: &mut [f32], g: &[f32], states: &mut [&mut [f32]],
///     ) -> Result<(), ShapeError> {
///         let rule = Self { lr: self.lr * step.lr_scale };
///         apply_rule("sign_descent", level, step, rule, w, g, states)
///     }
/// }
///
/// let mut w = [1.0, 2.0, 3.0];
/// SignDescent { lr: 0.5 }.update(Level::detect(), Step::first(), &mut w, &[7.0, -0.1, 0.0], &mut [])?;
/// assert_eq!(w, [0.5, 2.5, 3.0]);
/// # Ok::<(), ShapeError>(())
/// ```
pub trait Optimizer: Copy + Send + Sync {
    /// How many `f32` it keeps for each parameter, at most [`MAX_STATES`].
    const STATES: usize;

    /// How many of the [`STATES`](Self::STATES) this value uses: fewer only where the optimizer is
    /// chosen at run time.
    #[inline]
    fn states(&self) -> usize {
        Self::STATES
    }

    /// Tells the hyper-parameters by name, and returns the optimizer's own: what a file says of it, so that training
    /// is not taken up with another. An optimizer of your own should say both.
    ///
    /// ```
    /// use kernlet::optim::{Optimizer, Sgd};
    /// let mut told = Vec::new();
    /// let name = Sgd::new(0.5).describe(&mut |name, value| told.push((name, value)));
    /// assert_eq!((name, told[0]), ("sgd", ("lr", 0.5)));
    /// ```
    fn describe(&self, _tell: &mut dyn FnMut(&'static str, f64)) -> &'static str {
        "custom"
    }

    /// What state array `state` is filled with before the first step: 0 unless it says otherwise.
    #[inline]
    fn initial_state(&self, _state: usize) -> f32 {
        0.0
    }

    /// One step: moves `w` against `g` and renews `states`.
    ///
    /// `states` holds at least [`states`](Self::states) arrays as long as `w`; more arrays are left alone.
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
    for (i, state) in states.iter_mut().enumerate().take(optimizer.states()) {
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
///
/// `apply` must be `#[inline(always)]`, so that it is compiled with the instruction set in use.
/// [`Optimizer`] has an example.
pub trait Rule<const N: usize>: Copy {
    /// The new parameters and states, from the old ones and the gradient `g`.
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

/// Checks the lengths and applies a rule to all elements: what an [`Optimizer`]'s `update` consists of.
///
/// The gradient is multiplied by [`Step::gradient_scale`] on the way; learning rate and weight decay
/// are the rule's own matter. The first `N` arrays of `states` are the rule's.
///
/// # Errors
/// [`ShapeError`] with the name `operation` if `g` or a state is not as long as `w`, or there are
/// fewer than `N` states; nothing is written then.
///
/// ```
/// use kernlet::{optim::{Rule, Step, apply_rule}, simd::{Level, Simd}};
/// /// Descends by the sum of all gradients so far.
/// #[derive(Clone, Copy)]
/// struct Sum;
/// impl Rule<1> for Sum {
///     #[inline(always)]
///     fn apply<S: Simd>(self, s: S, w: S::V, g: S::V, [sum]: [S::V; 1]) -> (S::V, [S::V; 1]) {
///         let sum = s.add(sum, g);
///         (s.sub(w, sum), [sum])
///     }
/// }
/// let (mut w, mut sums) = ([10.0], [0.0]);
/// for number in 1..=3 {
///     apply_rule("sum", Level::detect(), Step::new(number), Sum, &mut w, &[1.0], &mut [&mut sums])?;
/// }
/// assert_eq!((w, sums), ([10.0 - 1.0 - 2.0 - 3.0], [3.0]));
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn apply_rule<R: Rule<N>, const N: usize>(
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

/// The gradient of the loss and of `½ λ w²`: weight decay as a penalty. Without one, `w` is not read.
#[inline(always)]
fn with_l2<S: Simd>(s: S, w: S::V, g: S::V, l2: f32) -> S::V {
    if l2 == 0.0 { g } else { s.mul_add(w, s.splat(l2), g) }
}

/// The moving average of `g` and the variance about it, from those before.
///
/// The variance `v − a²` of the averages v of g² and a of g is never taken as that difference, which of
/// two large numbers leaves nothing but their rounding, and a negative number half of the time. It has a
/// recurrence of its own, `c ← ρ (c + (1 − ρ)(g − a)²)` with the a before, whose terms are all positive.
#[inline(always)]
fn centred<S: Simd>(s: S, variance: S::V, mean: S::V, g: S::V, rate: Rate) -> (S::V, S::V) {
    let deviation = s.sub(g, mean);
    let square = s.mul(deviation, deviation);
    let variance = s.mul(s.splat(rate.rate), s.mul_add(s.splat(rate.rest), square, variance));
    (variance, averaged(s, mean, g, rate))
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
