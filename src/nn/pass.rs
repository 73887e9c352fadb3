//! What a layer is handed for one call: its sizes, its slices, the level.

use core::ops::Range;

use super::{
    declare::{Declared, MAX_OPERANDS, Node},
    plan::{BackStep, Step},
};
use crate::{
    kernels::{ShapeError, dropout},
    random::Stream,
    simd::Level,
};

/// A kind of layer: what its kernels are called with. The shape rule and the specification are the
/// kind's `declare`, which runs while a network compiles.
#[doc(hidden)]
pub trait Kind {
    /// The output from the operands.
    ///
    /// # Errors
    /// If a slice has another length than the layer's: a defect of this crate.
    fn forward(pass: ForwardPass<'_>) -> Result<(), ShapeError>;

    /// The gradient with respect to operand `pass.operand` from that with respect to the output.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError>;

    /// The gradient with respect to some rows of the parameters; nothing for a layer without parameters.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    #[inline(always)]
    fn weights(_pass: WeightPass<'_>) -> Result<(), ShapeError> {
        Ok(())
    }

    /// One step of a sequence; whether an output is due after it. By default the forward pass of one sample.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    #[inline(always)]
    fn step(pass: StepPass<'_>) -> Result<bool, ShapeError> {
        let StepPass { node, level, parameters, x, indices, y, scratch, .. } = pass;
        let mut operands = [0; MAX_OPERANDS];
        operands[0] = node.stream_input;
        let node = &Node { input: node.stream_input, output: node.stream_output, operands, ..*node };
        Self::forward(ForwardPass {
            node,
            step: &Step::ALONE,
            level,
            threads: 1,
            samples: 1,
            parameters,
            x,
            others: [&[]; MAX_OPERANDS - 1],
            indices,
            lengths: &[],
            y,
            auxiliary: &mut [],
            carried: &mut [],
            scratch,
            noise: None,
        })?;
        Ok(true)
    }
}

/// Which random numbers dropout draws: `(seed, step)` and the position of the first sample.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    pub(crate) seed: u64,
    pub(crate) stream: u64,
    /// The first element's index in the batch.
    pub(crate) first: u64,
    pub(crate) drop_out: DropOut,
}

/// [`dropout::in_place`](crate::kernels::dropout::in_place). It comes with the noise, so that a
/// program that only infers, or whose network has no dropout, does not link it.
#[doc(hidden)]
pub type DropOut = fn(Level, f32, Stream, u64, &mut [f32]);

/// What the noise of a network's training brings along.
#[doc(hidden)]
pub const fn drop_out(layers: &[Declared]) -> DropOut {
    let mut i = 0;
    while i < layers.len() {
        if layers[i].spec.is_noise {
            return dropout::in_place;
        }
        i += 1;
    }
    nothing
}

fn nothing(_: Level, _: f32, _: Stream, _: u64, _: &mut [f32]) {}

/// The network's input, where it is no list of `f32`.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Indices<'a> {
    /// The layer reads floats.
    None,
    /// One byte each.
    U8(&'a [u8]),
    /// Two bytes each.
    U16(&'a [u16]),
    /// Four bytes each.
    U32(&'a [u32]),
}

/// A layer's forward pass over some samples.
#[doc(hidden)]
#[derive(Debug)]
pub struct ForwardPass<'a> {
    pub(crate) node: &'a Node,
    pub(crate) step: &'static Step,
    pub(crate) level: Level,
    pub(crate) threads: usize,
    pub(crate) samples: usize,
    /// The layer's own parameters.
    pub(crate) parameters: &'a [f32],
    /// The first operand; empty where `y` holds it.
    pub(crate) x: &'a [f32],
    /// The other operands.
    pub(crate) others: [&'a [f32]; MAX_OPERANDS - 1],
    /// The first operand where it is the network's input and no list of `f32`.
    pub(crate) indices: Indices<'a>,
    /// How many steps each sample has, of the network's input; empty if all have all.
    pub(crate) lengths: &'a [u32],
    pub(crate) y: &'a mut [f32],
    pub(crate) auxiliary: &'a mut [f32],
    /// The state that each sequence goes on from, and that it ends with; empty where all begin with zeros.
    pub(crate) carried: &'a mut [f32],
    /// `threads` parts of equal length.
    pub(crate) scratch: &'a mut [f32],
    /// Present while training.
    pub(crate) noise: Option<Noise>,
}

/// One step of a sequence.
#[doc(hidden)]
#[derive(Debug)]
pub struct StepPass<'a> {
    pub(crate) node: &'a Node,
    pub(crate) level: Level,
    /// The layer's own parameters.
    pub(crate) parameters: &'a [f32],
    pub(crate) x: &'a [f32],
    /// The input where it is no list of `f32`.
    pub(crate) indices: Indices<'a>,
    pub(crate) y: &'a mut [f32],
    /// What lies between two steps; zeros before the first.
    pub(crate) state: &'a mut [f32],
    pub(crate) scratch: &'a mut [f32],
}

/// A layer's backward pass to one of its operands.
#[doc(hidden)]
#[derive(Debug)]
pub struct BackwardPass<'a> {
    pub(crate) node: &'static Node,
    pub(crate) back: &'static BackStep,
    pub(crate) level: Level,
    pub(crate) threads: usize,
    pub(crate) samples: usize,
    /// Which operand the gradient is with respect to.
    pub(crate) operand: usize,
    /// Whether `dx` is added to, where the kind says it can; else it is overwritten.
    pub(crate) adds: bool,
    pub(crate) parameters: &'a [f32],
    /// The first operand, where backward reads it.
    pub(crate) x: &'a [f32],
    /// The other operands, where backward reads them.
    pub(crate) others: [&'a [f32]; MAX_OPERANDS - 1],
    pub(crate) lengths: &'a [u32],
    /// The output, where backward reads it.
    pub(crate) y: &'a [f32],
    pub(crate) auxiliary: &'a mut [f32],
    /// The gradient with respect to the output; to the operand too where that is in place.
    pub(crate) dy: &'a mut [f32],
    /// The gradient with respect to the operand; empty where it takes the place of `dy`.
    pub(crate) dx: &'a mut [f32],
    /// `threads` parts of equal length.
    pub(crate) scratch: &'a mut [f32],
    pub(crate) noise: Option<Noise>,
}

/// The gradient with respect to some rows of a layer's parameters.
#[doc(hidden)]
#[derive(Debug)]
pub struct WeightPass<'a> {
    pub(crate) node: &'static Node,
    pub(crate) level: Level,
    pub(crate) threads: usize,
    pub(crate) samples: usize,
    pub(crate) parameters: &'a [f32],
    /// The samples' part of the batch over which gradients are a mean.
    pub(crate) share: f32,
    /// The first operand.
    pub(crate) x: &'a [f32],
    pub(crate) indices: Indices<'a>,
    pub(crate) lengths: &'a [u32],
    pub(crate) dy: &'a [f32],
    pub(crate) auxiliary: &'a [f32],
    pub(crate) rows: Range<usize>,
    /// Whether `gradient` may hold anything and is overwritten, else added to.
    pub(crate) is_first: bool,
    pub(crate) gradient: &'a mut [f32],
}
