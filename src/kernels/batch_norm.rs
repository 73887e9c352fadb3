//! Batch normalisation over rows: each channel, the last axis, by its mean and variance over all other axes
//! (Ioffe, Szegedy: *Batch Normalization*, ICML 2015).
//!
//! ```text
//! mean      m = Σ x / n,    variance v = Σ (x − m)² / n         over the n rows
//! forward:  y = γ x̂ + β,    x̂ = (x − m) r,   r = 1 / √(v + ε)
//! backward: dγ += Σ dy x̂,   dβ += Σ dy
//!           dx = γ r (dy − Σ dy / n − x̂ Σ dy x̂ / n)
//! moving:   moving ← moving · momentum + batch's · (1 − momentum)
//! ```
//!
//! `x`, `y` and their gradients are `[rows][channels]`: a batch of NHWC images has n · h · w rows.
//! In training `mean` and `variance` are [`statistics_into`]'s of the batch, and
//! [`moving_acc`] keeps their averages; in inference they are the averages. Both passes take ε, and the averages
//! their momentum; Keras' defaults are [`EPSILON`] and [`MOMENTUM`], PyTorch's 10⁻⁵ and 0.9 (its `momentum` is what is
//! left of 1: 0.1). The variance is the biased one, in the averages too, as in Keras; PyTorch's averages are those
//! of the unbiased one, `n / (n − 1)` times as large.
//!
//! # Numerics
//!
//! A sum over rows is cut into blocks of 256. In a block, row `i` belongs to chain `i % 8`, each from 0;
//! the chains are added as `c[j] + c[j + 4]`, then `+ 2`, `+ 1`, and the blocks in ascending order.
//! The mean is taken off before squaring, so a large mean costs no digits of the variance.
//! NaN or infinity makes the outputs and gradients of its own channel NaN, and no other. Mean and variance over no rows are 0.

use super::{ShapeError, check};
use crate::simd::{Kernel, Level, Simd};

const NAME: &str = "batch_norm";

/// Keras' default ε.
///
/// ```
/// assert_eq!(kernlet::kernels::batch_norm::EPSILON, 1e-3);
/// ```
pub const EPSILON: f32 = 1e-3;

/// Keras' default momentum of the moving averages.
///
/// ```
/// assert_eq!(kernlet::kernels::batch_norm::MOMENTUM, 0.99);
/// ```
pub const MOMENTUM: f64 = 0.99;

/// Rows of a block of a sum; as many stay in the cache while the channels are gone through.
const BLOCK: usize = 256;

/// Chains of a block: enough to hide the latency of an addition.
const CHAINS: usize = 8;

/// The door: whole rows, and a number for each channel.
fn check_rows(
    channels: usize,
    rows: (&'static str, &[f32]),
    each: &[(&'static str, &[f32])],
) -> Result<(), ShapeError> {
    match rows.1.len().checked_rem(channels) {
        Some(0) => {}
        Some(_) => {
            return Err(ShapeError::multiple_of(NAME, rows.0, channels, rows.1.len()));
        }
        None => return Err(ShapeError::at_least(NAME, "channels", 1, 0)),
    }
    each.iter().try_for_each(|(argument, slice)| check(NAME, argument, slice, channels))
}

/// All or the first lanes.
#[inline(always)]
fn load<S: Simd>(s: S, x: &[f32]) -> S::V {
    if x.len() == S::LANES { s.load(x) } else { s.load_first(x) }
}

/// All or the first lanes.
#[inline(always)]
fn store<S: Simd>(s: S, v: S::V, x: &mut [f32]) {
    if x.len() == S::LANES { s.store(v, x) } else { s.store_first(v, x) }
}

/// What a row adds to a channel's sum.
trait Term: Copy {
    fn add<S: Simd>(self, s: S, sum: S::V, x: S::V, dy: S::V, mean: S::V) -> S::V;
}

#[derive(Clone, Copy)]
struct Itself;

impl Term for Itself {
    #[inline(always)]
    fn add<S: Simd>(self, s: S, sum: S::V, x: S::V, _: S::V, _: S::V) -> S::V {
        s.add(sum, x)
    }
}

#[derive(Clone, Copy)]
struct Squared;

impl Term for Squared {
    #[inline(always)]
    fn add<S: Simd>(self, s: S, sum: S::V, x: S::V, _: S::V, mean: S::V) -> S::V {
        let deviation = s.sub(x, mean);
        s.mul_add(deviation, deviation, sum)
    }
}

#[derive(Clone, Copy)]
struct WithGradient;

impl Term for WithGradient {
    #[inline(always)]
    fn add<S: Simd>(self, s: S, sum: S::V, x: S::V, dy: S::V, mean: S::V) -> S::V {
        s.mul_add(dy, s.sub(x, mean), sum)
    }
}

/// Overwrites `sums` with each channel's sum over rows.
#[inline(always)]
fn sum_rows<S: Simd>(s: S, x: &[f32], dy: &[f32], mean: &[f32], sums: &mut [f32], term: impl Term) {
    let channels = sums.len();
    let block = BLOCK.saturating_mul(channels);
    sums.fill(0.0);
    for (x, dy) in x.chunks(block).zip(dy.chunks(block)) {
        let mut at = 0;
        for (sums, mean) in sums.chunks_mut(S::LANES).zip(mean.chunks(S::LANES)) {
            let (n, mean) = (sums.len(), load(s, mean));
            let mut chains = [s.splat(0.0); CHAINS];
            let mut from = at;
            while from < x.len() {
                for chain in &mut chains {
                    // Past the last row there is nothing to add.
                    if let (Some(x), Some(dy)) = (x.get(from..from + n), dy.get(from..from + n)) {
                        *chain = term.add(s, *chain, load(s, x), load(s, dy), mean);
                    }
                    from += channels;
                }
            }
            let [a, b, c, d, e, f, g, h] = chains;
            let [a, b, c, d] = [s.add(a, e), s.add(b, f), s.add(c, g), s.add(d, h)];
            let sum = s.add(s.add(a, c), s.add(b, d));
            store(s, s.add(load(s, sums), sum), sums);
            at += n;
        }
    }
}

/// `values / count`, 0 over nothing.
#[inline(always)]
fn divide<S: Simd>(s: S, values: &mut [f32], count: usize) {
    let count = s.splat(if count == 0 { 1.0 } else { count as f32 });
    for values in values.chunks_mut(S::LANES) {
        store(s, s.div(load(s, values), count), values);
    }
}

struct Statistics<'a> {
    rows: usize,
    x: &'a [f32],
    mean: &'a mut [f32],
    variance: &'a mut [f32],
}

impl Kernel for Statistics<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { rows, x, mean, variance } = self;
        // The sum of the elements has no use for a mean; `variance` only lends its length.
        variance.fill(0.0);
        sum_rows(s, x, x, variance, mean, Itself);
        divide(s, mean, rows);
        sum_rows(s, x, x, mean, variance, Squared);
        divide(s, variance, rows);
    }
}

/// The mean and the biased variance of each channel over all rows of `x`.
///
/// # Errors
/// [`ShapeError`] if `channels` is 0, `x` is not whole rows, or `mean` or `variance` does not have
/// `channels` elements; nothing is written then.
///
/// ```
/// use kernlet::{kernels::batch_norm, simd::Level};
/// let (mut mean, mut variance) = ([f32::NAN; 2], [f32::NAN; 2]);
/// batch_norm::statistics_into(Level::detect(), 2, &[1.0, 5.0, 3.0, 5.0], &mut mean, &mut variance)?;
/// assert_eq!((mean, variance), ([2.0, 5.0], [1.0, 0.0]));
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn statistics_into(
    level: Level,
    channels: usize,
    x: &[f32],
    mean: &mut [f32],
    variance: &mut [f32],
) -> Result<(), ShapeError> {
    check_rows(channels, ("x", x), &[("mean", mean), ("variance", variance)])?;
    level.dispatch(Statistics { rows: super::div(x.len(), channels), x, mean, variance });
    Ok(())
}

struct Moving<'a>(f64, &'a [f32], &'a mut [f32]);

impl Kernel for Moving<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self(momentum, batch, moving) = self;
        let (old, new) = (s.splat(momentum as f32), s.splat((1.0 - momentum) as f32));
        for (batch, moving) in batch.chunks(S::LANES).zip(moving.chunks_mut(S::LANES)) {
            store(s, s.mul_add(load(s, moving), old, s.mul(load(s, batch), new)), moving);
        }
    }
}

/// `moving ← moving · momentum + batch · (1 − momentum)`: to be called for the mean and for the variance.
///
/// # Errors
/// [`ShapeError`] if `moving` is not as long as `batch`.
///
/// ```
/// use kernlet::{kernels::batch_norm, simd::Level};
/// let mut moving = [1.0];
/// batch_norm::moving_acc(Level::detect(), 0.75, &[5.0], &mut moving)?;
/// assert_eq!(moving, [2.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn moving_acc(level: Level, momentum: f64, batch: &[f32], moving: &mut [f32]) -> Result<(), ShapeError> {
    check(NAME, "moving", moving, batch.len())?;
    level.dispatch(Moving(momentum, batch, moving));
    Ok(())
}

/// What the forward pass reads beside its input: a number for each channel.
///
/// ```
/// use kernlet::{kernels::batch_norm::{self, Forward}, simd::Level};
/// let operands = Forward { mean: &[5.0], variance: &[4.0], gamma: &[10.0], beta: &[1.0], epsilon: 0.0 };
/// let mut y = [3.0, 7.0];
/// batch_norm::forward_in_place(Level::detect(), 1, operands, &mut y)?;
/// assert_eq!(y, [-9.0, 11.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Forward<'a> {
    /// The means.
    pub mean: &'a [f32],
    /// The variances.
    pub variance: &'a [f32],
    /// The scales γ.
    pub gamma: &'a [f32],
    /// The shifts β.
    pub beta: &'a [f32],
    /// What is added to each variance: [`EPSILON`] in Keras, 10⁻⁵ in PyTorch.
    pub epsilon: f32,
}

impl Forward<'_> {
    fn check(&self, channels: usize, rows: (&'static str, &[f32])) -> Result<(), ShapeError> {
        let Self { mean, variance, gamma, beta, .. } = *self;
        check_rows(channels, rows, &[("mean", mean), ("variance", variance), ("gamma", gamma), ("beta", beta)])
    }
}

struct Normalise<'a> {
    operands: Forward<'a>,
    y: &'a mut [f32],
}

impl Kernel for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { operands: Forward { mean, variance, gamma, beta, epsilon }, y } = self;
        let channels = mean.len();
        for y in y.chunks_mut(BLOCK.saturating_mul(channels)) {
            let mut at = 0;
            let statistics = mean.chunks(S::LANES).zip(variance.chunks(S::LANES));
            let weights = gamma.chunks(S::LANES).zip(beta.chunks(S::LANES));
            for ((mean, variance), (gamma, beta)) in statistics.zip(weights) {
                let n = mean.len();
                let (mean, beta) = (load(s, mean), load(s, beta));
                let scale = s.div(load(s, gamma), deviation(s, load(s, variance), epsilon));
                let mut from = at;
                while let Some(y) = y.get_mut(from..from + n) {
                    store(s, s.mul_add(s.sub(load(s, y), mean), scale, beta), y);
                    from += channels;
                }
                at += n;
            }
        }
    }
}

/// `√(v + ε)`.
#[inline(always)]
fn deviation<S: Simd>(s: S, variance: S::V, epsilon: f32) -> S::V {
    s.sqrt(s.add(variance, s.splat(epsilon)))
}

/// `y = γ (y − mean) / √(variance + ε) + β`, in place.
///
/// # Errors
/// [`ShapeError`] if `channels` is 0, `y` is not whole rows, or another slice does not have `channels`
/// elements; nothing is written then.
///
/// ```
/// use kernlet::{kernels::batch_norm::{self, Forward}, simd::Level};
/// // A batch by its own mean and variance.
/// let (mut y, mut mean, mut variance) = ([1.0, 3.0], [0.0], [0.0]);
/// batch_norm::statistics_into(Level::detect(), 1, &y, &mut mean, &mut variance)?;
/// let operands = Forward { mean: &mean, variance: &variance, gamma: &[1.0], beta: &[0.0], epsilon: 0.0 };
/// batch_norm::forward_in_place(Level::detect(), 1, operands, &mut y)?;
/// assert_eq!(y, [-1.0, 1.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_in_place(level: Level, channels: usize, operands: Forward<'_>, y: &mut [f32]) -> Result<(), ShapeError> {
    operands.check(channels, ("y", y))?;
    level.dispatch(Normalise { operands, y });
    Ok(())
}

/// `y = γ (x − mean) / √(variance + ε) + β`.
///
/// # Errors
/// [`ShapeError`] as [`forward_in_place`], or if `y` is not as long as `x`; nothing is written then.
///
/// ```
/// use kernlet::{kernels::batch_norm::{self, Forward}, simd::Level};
/// let operands = Forward { mean: &[5.0], variance: &[4.0], gamma: &[10.0], beta: &[1.0], epsilon: 0.0 };
/// let mut y = [f32::NAN; 2];
/// batch_norm::forward_into(Level::detect(), 1, operands, &[3.0, 7.0], &mut y)?;
/// assert_eq!(y, [-9.0, 11.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn forward_into(
    level: Level,
    channels: usize,
    operands: Forward<'_>,
    x: &[f32],
    y: &mut [f32],
) -> Result<(), ShapeError> {
    operands.check(channels, ("x", x))?;
    check(NAME, "y", y, x.len())?;
    y.copy_from_slice(x);
    level.dispatch(Normalise { operands, y });
    Ok(())
}

/// The length of the scratch of [`backward_into`]: the sums of `dy` and of `dy x̂`, `2 · channels`.
///
/// ```
/// assert_eq!(kernlet::kernels::batch_norm::backward_scratch_len(64), 128);
/// ```
pub const fn backward_scratch_len(channels: usize) -> usize {
    channels.saturating_mul(2)
}

/// What the backward pass reads: rows, and a number for each channel.
#[derive(Clone, Copy, Debug)]
pub struct Backward<'a> {
    /// The input.
    pub x: &'a [f32],
    /// The means of `x`.
    pub mean: &'a [f32],
    /// The variances of `x`.
    pub variance: &'a [f32],
    /// The scales γ.
    pub gamma: &'a [f32],
    /// What was added to each variance.
    pub epsilon: f32,
    /// The gradient with respect to the output.
    pub dy: &'a [f32],
}

struct Gradients<'a> {
    operands: Backward<'a>,
    rows: usize,
    dx: &'a mut [f32],
    dgamma: &'a mut [f32],
    dbeta: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl Kernel for Gradients<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { operands: Backward { x, mean, variance, gamma, epsilon, dy }, rows, dx, dgamma, dbeta, scratch } =
            self;
        let channels = mean.len();
        let Some((sums, with_x)) = scratch.split_at_mut_checked(channels) else { return };
        sum_rows(s, dy, dy, mean, sums, Itself);
        sum_rows(s, x, dy, mean, with_x, WithGradient);
        for (with_x, variance) in with_x.chunks_mut(S::LANES).zip(variance.chunks(S::LANES)) {
            let root = deviation(s, load(s, variance), epsilon);
            store(s, s.div(load(s, with_x), root), with_x);
        }
        super::map::acc(s, sums, dbeta, Plus {});
        super::map::acc(s, with_x, dgamma, Plus {});
        let block = BLOCK.saturating_mul(channels);
        let count = s.splat(rows as f32);
        for ((x, dy), dx) in x.chunks(block).zip(dy.chunks(block)).zip(dx.chunks_mut(block)) {
            let mut at = 0;
            let statistics = mean.chunks(S::LANES).zip(variance.chunks(S::LANES)).zip(gamma.chunks(S::LANES));
            let sums = sums.chunks(S::LANES).zip(with_x.chunks(S::LANES));
            for (((mean, variance), gamma), (sum, with_x)) in statistics.zip(sums) {
                let n = mean.len();
                let mean = load(s, mean);
                let root = deviation(s, load(s, variance), epsilon);
                let scale = s.div(load(s, gamma), root);
                let shift = s.div(load(s, sum), count);
                let slope = s.neg(s.div(s.div(load(s, with_x), root), count));
                let mut from = at;
                while let (Some(x), Some(dy), Some(dx)) =
                    (x.get(from..from + n), dy.get(from..from + n), dx.get_mut(from..from + n))
                {
                    let rest = s.mul_add(s.sub(load(s, x), mean), slope, s.sub(load(s, dy), shift));
                    store(s, s.mul(scale, rest), dx);
                    from += channels;
                }
                at += n;
            }
        }
    }
}

super::map::functions! {
    Plus(s, a, b) = s.add(a, b);
}

/// The gradients with respect to the input, γ and β, where `mean` and `variance` are those of `x`: training.
///
/// `dx` is overwritten, and can be left out; `dgamma` and `dbeta` are added to. `scratch` may hold
/// anything and has [`backward_scratch_len`] elements.
///
/// # Errors
/// [`ShapeError`] if `channels` is 0 or a slice has the wrong length; nothing is written then.
///
/// ```
/// use kernlet::{kernels::batch_norm::{self, Backward}, simd::Level};
/// let (x, dy) = ([-1.0, 1.0], [0.0, 6.0]);
/// let operands = Backward { x: &x, mean: &[0.0], variance: &[1.0], gamma: &[1.0], epsilon: 0.0, dy: &dy };
/// let (mut dx, mut dgamma, mut dbeta, mut scratch) = ([f32::NAN; 2], [0.0], [0.0], [f32::NAN; 2]);
/// let level = Level::detect();
/// batch_norm::backward_into(level, 1, operands, Some(&mut dx), &mut dgamma, &mut dbeta, &mut scratch)?;
/// assert_eq!((dx, dgamma, dbeta), ([0.0, 0.0], [6.0], [6.0]));
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_into(
    level: Level,
    channels: usize,
    operands: Backward<'_>,
    dx: Option<&mut [f32]>,
    dgamma: &mut [f32],
    dbeta: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), ShapeError> {
    let Backward { x, mean, variance, gamma, dy, .. } = operands;
    let each = [("mean", mean), ("variance", variance), ("gamma", gamma), ("dgamma", dgamma), ("dbeta", dbeta)];
    check_rows(channels, ("x", x), &each)?;
    check(NAME, "dy", dy, x.len())?;
    if let Some(dx) = &dx {
        check(NAME, "dx", dx, x.len())?;
    }
    check(NAME, "scratch", scratch, backward_scratch_len(channels))?;
    let rows = super::div(x.len(), channels);
    let dx = dx.unwrap_or_default();
    level.dispatch(Gradients { operands, rows, dx, dgamma, dbeta, scratch });
    Ok(())
}

struct Frozen<'a>(f32, &'a [f32], &'a [f32], &'a mut [f32]);

impl Kernel for Frozen<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self(epsilon, variance, gamma, dy) = self;
        let channels = variance.len();
        for dy in dy.chunks_mut(BLOCK.saturating_mul(channels)) {
            let mut at = 0;
            for (variance, gamma) in variance.chunks(S::LANES).zip(gamma.chunks(S::LANES)) {
                let n = variance.len();
                let scale = s.div(load(s, gamma), deviation(s, load(s, variance), epsilon));
                let mut from = at;
                while let Some(dy) = dy.get_mut(from..from + n) {
                    store(s, s.mul(scale, load(s, dy)), dy);
                    from += channels;
                }
                at += n;
            }
        }
    }
}

/// `dy = γ dy / √(variance + ε)`: the gradient with respect to the input where mean and variance are constants, as in
/// inference and in a layer that is frozen.
///
/// # Errors
/// [`ShapeError`] if `channels` is 0, `dy` is not whole rows, or another slice does not have `channels`
/// elements; nothing is written then.
///
/// ```
/// use kernlet::{kernels::batch_norm, simd::Level};
/// let mut dy = [1.0, 2.0];
/// batch_norm::backward_frozen_in_place(Level::detect(), 1, 0.0, &[4.0], &[10.0], &mut dy)?;
/// assert_eq!(dy, [5.0, 10.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn backward_frozen_in_place(
    level: Level,
    channels: usize,
    epsilon: f32,
    variance: &[f32],
    gamma: &[f32],
    dy: &mut [f32],
) -> Result<(), ShapeError> {
    check_rows(channels, ("dy", dy), &[("variance", variance), ("gamma", gamma)])?;
    level.dispatch(Frozen(epsilon, variance, gamma, dy));
    Ok(())
}
