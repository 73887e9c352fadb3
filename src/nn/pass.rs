//! What a layer is handed for one call: its shapes, its slices, the level.

use core::ops::Range;

use super::{layer::Layer, plan::Step};
use crate::{random::Stream, simd::Level};

/// Which random numbers dropout draws: `(seed, step)` and the position of the first image.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    pub(crate) seed: u64,
    pub(crate) stream: u64,
    /// The first element's index in the batch.
    pub(crate) first: u64,
    pub(crate) drop: Drop,
}

/// [`dropout::in_place`](crate::kernels::dropout::in_place). It comes with the noise, so that a
/// program that only infers, or whose network has no dropout, does not link it.
pub(crate) type Drop = fn(Level, f32, Stream, u64, &mut [f32]);

/// A layer's forward pass over some images.
#[doc(hidden)]
#[derive(Debug)]
pub struct ForwardPass<'a> {
    pub(crate) layer: &'static Layer,
    pub(crate) step: &'static Step,
    pub(crate) level: Level,
    pub(crate) threads: usize,
    pub(crate) images: usize,
    /// The layer's own parameters.
    pub(crate) parameters: &'a [f32],
    /// The input; empty where `y` holds it.
    pub(crate) x: &'a [f32],
    pub(crate) y: &'a mut [f32],
    /// What `add` adds.
    pub(crate) skip: &'a [f32],
    pub(crate) aux: &'a mut [f32],
    /// Present while training.
    pub(crate) noise: Option<Noise>,
}

/// A layer's backward pass to its input.
#[doc(hidden)]
#[derive(Debug)]
pub struct BackwardPass<'a> {
    pub(crate) layer: &'static Layer,
    pub(crate) step: &'static Step,
    pub(crate) level: Level,
    pub(crate) threads: usize,
    pub(crate) images: usize,
    pub(crate) parameters: &'a [f32],
    /// The input, where the layer needs it.
    pub(crate) x: &'a [f32],
    /// The output, where the layer needs it.
    pub(crate) y: &'a [f32],
    pub(crate) aux: &'a mut [f32],
    /// The gradient of the output; of the input too where that is in place.
    pub(crate) dy: &'a mut [f32],
    /// The gradient of the input; empty where it takes the place of `dy`.
    pub(crate) dx: &'a mut [f32],
    /// `threads` parts of equal length.
    pub(crate) scratch: &'a mut [f32],
    pub(crate) noise: Option<Noise>,
}

/// The gradient of some rows of a layer's parameters.
#[doc(hidden)]
#[derive(Debug)]
pub struct WeightPass<'a> {
    pub(crate) layer: &'static Layer,
    pub(crate) level: Level,
    pub(crate) threads: usize,
    pub(crate) images: usize,
    pub(crate) parameters: &'a [f32],
    /// The images' part of the batch over which gradients are a mean.
    pub(crate) share: f32,
    pub(crate) x: &'a [f32],
    pub(crate) dy: &'a [f32],
    pub(crate) aux: &'a [f32],
    pub(crate) rows: Range<usize>,
    /// Whether `gradient` may hold anything and is overwritten, else added to.
    pub(crate) is_first: bool,
    pub(crate) gradient: &'a mut [f32],
}
