//! What the normalisations of rows have in common: by mean and variance, or by the mean square alone.
//!
//! Sums over a row have the 16 virtual lanes of [`reduce`](crate::simd::reduce), each term rounded before it is added.
//! Sums over rows are chains in ascending order.

use super::ShapeError;
use crate::simd::{
    Kernel, Simd,
    reduce::{VIRTUAL_LANES, fold},
};

/// The door: whole rows of at least one channel; returns how many.
pub(super) fn check_rows(name: &'static str, x: &[f32], channels: usize) -> Result<usize, ShapeError> {
    match (x.len().checked_div(channels), x.len().checked_rem(channels)) {
        (Some(rows), Some(0)) => Ok(rows),
        (Some(_), _) => Err(ShapeError::multiple_of(name, "x", channels, x.len())),
        _ => Err(ShapeError::at_least(name, "channels", 1, 0)),
    }
}

/// Numbers of a row, or numbers for each channel, 16 at a time; past the end `rest`.
#[inline(always)]
fn block(x: &[f32], at: usize, rest: f32) -> [f32; VIRTUAL_LANES] {
    match x.get(at..at + VIRTUAL_LANES) {
        Some(x) => core::array::from_fn(|i| x.get(i).copied().unwrap_or(rest)),
        None => {
            let mut block = [rest; VIRTUAL_LANES];
            block.iter_mut().zip(x.get(at..).unwrap_or_default()).for_each(|(to, x)| *to = *x);
            block
        }
    }
}

/// A term of a sum over a row, from the input less `mean`, the output's gradient and γ.
trait Term {
    fn at<S: Simd>(s: S, deviation: S::V, g: S::V, scale: S::V) -> S::V;
}

/// The input.
struct Itself;

impl Term for Itself {
    #[inline(always)]
    fn at<S: Simd>(_: S, deviation: S::V, _: S::V, _: S::V) -> S::V {
        deviation
    }
}

/// `(x − m)²`.
struct Squared;

impl Term for Squared {
    #[inline(always)]
    fn at<S: Simd>(s: S, deviation: S::V, _: S::V, _: S::V) -> S::V {
        s.mul(deviation, deviation)
    }
}

/// `γ dy`.
struct Gradient;

impl Term for Gradient {
    #[inline(always)]
    fn at<S: Simd>(_: S, _: S::V, g: S::V, _: S::V) -> S::V {
        g
    }
}

/// `γ dy x̂`.
struct WithInput;

impl Term for WithInput {
    #[inline(always)]
    fn at<S: Simd>(s: S, deviation: S::V, g: S::V, scale: S::V) -> S::V {
        s.mul(g, s.mul(deviation, scale))
    }
}

/// A row and what its sums are made of.
#[derive(Clone, Copy)]
struct Row<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    gamma: &'a [f32],
    mean: f32,
    scale: f32,
}

impl Row<'_> {
    /// The mean of a term over the row.
    #[inline(always)]
    fn mean_of<S: Simd, T: Term>(&self, s: S) -> f32 {
        let mut sums = [0.0; VIRTUAL_LANES];
        let (mean, scale) = (s.splat(self.mean), s.splat(self.scale));
        let mut at = 0;
        while at < self.x.len() {
            let (x, dy, gamma) = (block(self.x, at, self.mean), block(self.dy, at, 0.0), block(self.gamma, at, 0.0));
            let parts = x.chunks_exact(S::LANES).zip(dy.chunks_exact(S::LANES)).zip(gamma.chunks_exact(S::LANES));
            let mut left = self.x.len() - at;
            for (((x, dy), gamma), sum) in parts.zip(sums.chunks_exact_mut(S::LANES)) {
                let g = s.mul(s.load(dy), s.load(gamma));
                let term = T::at(s, s.sub(s.load(x), mean), g, scale);
                if left >= S::LANES {
                    s.store(s.add(s.load(sum), term), sum);
                } else {
                    // Past the end nothing is added: no term is 0 there where the mean or the scale is infinite.
                    let mut terms = [0.0; VIRTUAL_LANES];
                    s.store_first(term, &mut terms);
                    sum.iter_mut().zip(terms).take(left).for_each(|(sum, term)| *sum += term);
                }
                left = left.saturating_sub(S::LANES);
            }
            at += VIRTUAL_LANES;
        }
        fold(sums) / self.x.len() as f32
    }
}

/// `1 / √(v + ε)`.
#[inline(always)]
fn reciprocal_root<S: Simd>(s: S, v: f32, epsilon: f32) -> f32 {
    let mut root = [0.0];
    s.store_first(s.div(s.splat(1.0), s.sqrt(s.splat(v + epsilon))), &mut root);
    root[0]
}

/// The forward pass; `beta` may be empty. With a mean, `statistics` has two numbers for each row, else one.
pub(super) struct Forward<'a, const CENTRED: bool> {
    pub channels: usize,
    pub epsilon: f32,
    pub x: &'a [f32],
    pub gamma: &'a [f32],
    pub beta: &'a [f32],
    pub y: &'a mut [f32],
    pub statistics: &'a mut [f32],
}

impl<const CENTRED: bool> Kernel for Forward<'_, CENTRED> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { channels, epsilon, x, gamma, beta, y, statistics } = self;
        let channels = channels.max(1);
        let statistics = statistics.chunks_exact_mut(if CENTRED { 2 } else { 1 });
        for ((x, y), statistics) in x.chunks_exact(channels).zip(y.chunks_exact_mut(channels)).zip(statistics) {
            let mut row = Row { x, dy: &[], gamma: &[], mean: 0.0, scale: 0.0 };
            if CENTRED {
                row.mean = row.mean_of::<S, Itself>(s);
            }
            row.scale = reciprocal_root(s, row.mean_of::<S, Squared>(s), epsilon);
            match statistics {
                [scale] => *scale = row.scale,
                [mean, scale] => (*mean, *scale) = (row.mean, row.scale),
                _ => {}
            }
            let (mean, scale) = (s.splat(row.mean), s.splat(row.scale));
            let mut beta = beta.chunks(S::LANES);
            for ((x, gamma), y) in x.chunks(S::LANES).zip(gamma.chunks(S::LANES)).zip(y.chunks_mut(S::LANES)) {
                let normal = s.mul(s.sub(s.load_first(x), mean), scale);
                let gamma = s.load_first(gamma);
                let v = match beta.next() {
                    Some(beta) => s.mul_add(normal, gamma, s.load_first(beta)),
                    None => s.mul(normal, gamma),
                };
                s.store_first(v, y);
            }
        }
    }
}

/// What the backward pass reads, with what forward wrote about each row.
#[derive(Clone, Copy)]
pub(super) struct Backward<'a> {
    pub channels: usize,
    pub x: &'a [f32],
    pub statistics: &'a [f32],
    pub gamma: &'a [f32],
    pub dy: &'a [f32],
}

impl<'a> Backward<'a> {
    /// Each row's input and gradient, with the mean and the scale of the input.
    #[inline(always)]
    fn rows<const CENTRED: bool>(self) -> impl Iterator<Item = (&'a [f32], &'a [f32], f32, f32)> {
        let channels = self.channels.max(1);
        let rows = self.x.chunks_exact(channels).zip(self.dy.chunks_exact(channels));
        rows.zip(self.statistics.chunks_exact(if CENTRED { 2 } else { 1 })).map(
            |((x, dy), statistics)| match statistics {
                [mean, scale] => (x, dy, *mean, *scale),
                [scale] => (x, dy, 0.0, *scale),
                _ => (x, dy, 0.0, 0.0),
            },
        )
    }
}

/// The gradient with respect to the input.
pub(super) struct InputGradient<'a, const CENTRED: bool>(pub Backward<'a>, pub &'a mut [f32]);

impl<const CENTRED: bool> Kernel for InputGradient<'_, CENTRED> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self(of, dx) = self;
        for ((x, dy, mean, scale), dx) in of.rows::<CENTRED>().zip(dx.chunks_exact_mut(of.channels.max(1))) {
            let row = Row { x, dy, gamma: of.gamma, mean, scale };
            let of_gradient = s.splat(if CENTRED { row.mean_of::<S, Gradient>(s) } else { 0.0 });
            let with_input = s.splat(row.mean_of::<S, WithInput>(s));
            let (mean, scale) = (s.splat(mean), s.splat(scale));
            let parts = x.chunks(S::LANES).zip(dy.chunks(S::LANES)).zip(of.gamma.chunks(S::LANES));
            for (((x, dy), gamma), dx) in parts.zip(dx.chunks_mut(S::LANES)) {
                let normal = s.mul(s.sub(s.load_first(x), mean), scale);
                let mut g = s.mul(s.load_first(dy), s.load_first(gamma));
                if CENTRED {
                    g = s.sub(g, of_gradient);
                }
                s.store_first(s.mul(scale, s.sub(g, s.mul(normal, with_input))), dx);
            }
        }
    }
}

/// The gradients of γ and β, of which either may be empty.
pub(super) struct WeightGradient<'a, const CENTRED: bool> {
    pub of: Backward<'a>,
    pub dgamma: &'a mut [f32],
    pub dbeta: &'a mut [f32],
}

impl<const CENTRED: bool> Kernel for WeightGradient<'_, CENTRED> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { of, dgamma, dbeta } = self;
        for (x, dy, mean, scale) in of.rows::<CENTRED>() {
            let (mean, scale) = (s.splat(mean), s.splat(scale));
            let parts = x.chunks(S::LANES).zip(dy.chunks(S::LANES));
            for ((x, dy), dgamma) in parts.zip(dgamma.chunks_mut(S::LANES)) {
                let normal = s.mul(s.sub(s.load_first(x), mean), scale);
                s.store_first(s.mul_add(s.load_first(dy), normal, s.load_first(dgamma)), dgamma);
            }
            for (dy, dbeta) in dy.chunks(S::LANES).zip(dbeta.chunks_mut(S::LANES)) {
                s.store_first(s.add(s.load_first(dbeta), s.load_first(dy)), dbeta);
            }
        }
    }
}
