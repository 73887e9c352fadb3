//! Learning rates that change with the step.

use super::{Optimizer, Step, power};
use crate::{kernels::ShapeError, simd::Level};

/// A factor for the learning rate that depends on the step.
///
/// ```
/// use kernlet::optim::{Optimizer, Schedule, Sgd, Step, StepDecay};
/// let schedule = StepDecay::new(100, 0.5);
/// let step = Step { lr_scale: schedule.scale_at(250), ..Step::new(250) };
/// assert_eq!(step.lr_scale, 0.25);
/// ```
pub trait Schedule: Copy + Send + Sync {
    /// What the learning rate is multiplied by at step `number`, counted from 1.
    fn scale_at(&self, number: u32) -> f32;

    /// Tells a file of training what it is, name by name, so that another one is noticed when training goes on
    /// ([`resume`](crate::nn::HeldTrainer::resume)). A closure tells nothing, and is not noticed.
    fn describe(&self, _tell: &mut dyn FnMut(&'static str, f64)) {}
}

impl<F: Fn(u32) -> f32 + Copy + Send + Sync> Schedule for F {
    fn scale_at(&self, number: u32) -> f32 {
        self(number)
    }
}

/// An optimizer whose learning rate follows a schedule.
///
/// ```
/// use kernlet::{optim::{Optimizer, Scheduled, Sgd, Step, StepDecay}, simd::Level};
/// let optimizer = Scheduled::new(Sgd::new(1.0), StepDecay::new(10, 0.5));
/// let mut w = [0.0];
/// optimizer.update(Level::detect(), Step::new(10), &mut w, &[-1.0], &mut [])?;
/// assert_eq!(w, [1.0]);
/// optimizer.update(Level::detect(), Step::new(11), &mut w, &[-1.0], &mut [])?;
/// assert_eq!(w, [1.5]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Scheduled<O, S> {
    optimizer: O,
    schedule: S,
}

impl<O, S> Scheduled<O, S> {
    /// `optimizer`, its learning rate multiplied by what `schedule` says at each step.
    pub const fn new(optimizer: O, schedule: S) -> Self {
        Self { optimizer, schedule }
    }
}

impl<O: Optimizer, S: Schedule> Optimizer for Scheduled<O, S> {
    const STATES: usize = O::STATES;

    fn describe(&self, tell: &mut dyn FnMut(&'static str, f64)) -> &'static str {
        let name = self.optimizer.describe(tell);
        self.schedule.describe(tell);
        name
    }

    fn states(&self) -> usize {
        self.optimizer.states()
    }

    fn initial_state(&self, state: usize) -> f32 {
        self.optimizer.initial_state(state)
    }

    fn update(
        &self,
        level: Level,
        step: Step,
        w: &mut [f32],
        g: &[f32],
        states: &mut [&mut [f32]],
    ) -> Result<(), ShapeError> {
        let lr_scale = step.lr_scale * self.schedule.scale_at(step.number);
        self.optimizer.update(level, Step { lr_scale, ..step }, w, g, states)
    }
}

/// The learning rate as it is.
///
/// ```
/// use kernlet::optim::{Constant, Schedule};
/// assert_eq!(Constant.scale_at(1000), 1.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Constant;

impl Schedule for Constant {
    #[inline]
    fn scale_at(&self, _: u32) -> f32 {
        1.0
    }
}

/// Multiplied by a factor after every so many steps: `factor ^ ⌊(step − 1) / every⌋`.
///
/// Keras' `ExponentialDecay` with `staircase=True`.
///
/// ```
/// use kernlet::optim::{Schedule, StepDecay};
/// let schedule = StepDecay::new(10, 0.5);
/// assert_eq!([1, 10, 11, 21].map(|step| schedule.scale_at(step)), [1.0, 1.0, 0.5, 0.25]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StepDecay {
    every: u32,
    factor: f32,
}

impl StepDecay {
    /// Times `factor` after every `every` steps; 0 is taken as 1.
    pub const fn new(every: u32, factor: f32) -> Self {
        Self { every: if every == 0 { 1 } else { every }, factor }
    }
}

impl Schedule for StepDecay {
    fn scale_at(&self, number: u32) -> f32 {
        power(f64::from(self.factor), number.saturating_sub(1) / self.every) as f32
    }

    fn describe(&self, tell: &mut dyn FnMut(&'static str, f64)) {
        tell("step_decay_every", self.every.into());
        tell("step_decay_factor", self.factor.into());
    }
}

/// Half a period of a cosine from 1 down to a floor, after a linear warm-up
/// (Loshchilov, Hutter: *SGDR*, ICLR 2017, without restarts).
///
/// Keras' `CosineDecay`: with n steps done (the step's number − 1), u warm-up and d
/// decay steps and floor a, the factor is `s + (1 − s) n / u` while `n < u`, from the
/// start s, then `(1 − a) · ½ (1 + cos(π · min(n − u, d) / d)) + a`.
///
/// ```
/// use kernlet::optim::{CosineDecay, Schedule};
/// let schedule = CosineDecay::new(100).with_warmup(10, 0.0).with_floor(0.1);
/// assert_eq!([1, 6, 11, 111, 9999].map(|step| schedule.scale_at(step)), [0.0, 0.5, 1.0, 0.1, 0.1]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CosineDecay {
    decay: u32,
    warmup: u32,
    start: f32,
    floor: f32,
}

impl CosineDecay {
    /// From 1 to 0 over `steps` steps.
    pub const fn new(steps: u32) -> Self {
        Self { decay: steps, warmup: 0, start: 0.0, floor: 0.0 }
    }

    /// With `steps` steps before, in which the factor rises from `start` to 1.
    pub const fn with_warmup(self, steps: u32, start: f32) -> Self {
        Self { warmup: steps, start, ..self }
    }

    /// Down to `floor` instead of 0 (Keras' `alpha`).
    pub const fn with_floor(self, floor: f32) -> Self {
        Self { floor, ..self }
    }
}

impl Schedule for CosineDecay {
    fn scale_at(&self, number: u32) -> f32 {
        let done = number.saturating_sub(1);
        if done < self.warmup {
            return self.start + (1.0 - self.start) * (done as f32 / self.warmup as f32);
        }
        let done = done - self.warmup;
        if done >= self.decay {
            return self.floor;
        }
        let part = done as f32 / self.decay as f32;
        (1.0 - self.floor) * (0.5 * (1.0 + libm::cosf(core::f32::consts::PI * part))) + self.floor
    }

    fn describe(&self, tell: &mut dyn FnMut(&'static str, f64)) {
        tell("cosine_steps", self.decay.into());
        tell("cosine_warmup", self.warmup.into());
        tell("cosine_start", self.start.into());
        tell("cosine_floor", self.floor.into());
    }
}
