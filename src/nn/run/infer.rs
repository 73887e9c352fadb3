//! Inference: forward only, in a memory that holds what one layer hands to the next.

use super::{Call, Part, Regions, memory::copy, read_checked};
use crate::{
    nn::{
        Error, Model, Network,
        frozen::Nothing,
        inputs::Element,
        lengths::{self, Lengths},
        plan::{Ends, Planned, Sizes},
    },
    shape::Shape,
    simd::Level,
};

/// How a batch is cut: how many samples there may be, and how many of them each thread takes through
/// the leading layers at a time. Results do not depend on the pieces or threads.
///
/// ```
/// use kernlet::nn::Batching;
/// const ONE: Batching = Batching::of(1);
/// const MANY: Batching = Batching::of(128).pieces_of(16).threads(2);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Batching {
    pub(in crate::nn) batch: usize,
    /// Samples at a time for each thread.
    pub(in crate::nn) each: usize,
    pub(in crate::nn) threads: usize,
}

impl Batching {
    /// At most `batch` samples, in pieces of 8 for each thread, on one thread.
    pub const fn of(batch: usize) -> Self {
        Self { batch, each: 8, threads: 1 }
    }

    /// Pieces of `piece` samples for each thread, at least 1.
    pub const fn pieces_of(self, piece: usize) -> Self {
        Self { each: if piece == 0 { 1 } else { piece }, ..self }
    }

    /// That many threads, at least 1. Without the `rayon` feature one does all.
    ///
    /// Call from inside a rayon pool (`pool.install(|| …)`) of as many threads: then a step hands
    /// its parts over without a queue and allocates nothing.
    pub const fn threads(self, threads: usize) -> Self {
        Self { threads: if threads == 0 { 1 } else { threads }, ..self }
    }

    /// How many samples are in a piece, at most the batch.
    pub(in crate::nn) const fn piece(self) -> usize {
        let piece = self.each.saturating_mul(self.threads);
        if piece < self.batch { piece } else { self.batch }
    }

    /// The most samples.
    ///
    /// ```
    /// assert_eq!(kernlet::nn::Batching::of(128).batch(), 128);
    /// ```
    pub const fn batch(self) -> usize {
        self.batch
    }
}

/// The plan of an inference.
type Forward<N> = <N as Network>::Plan<Nothing, 0>;

/// How many floats of memory [`infer`] needs.
///
/// ```
/// use kernlet::nn::{Batching, inference_len};
/// kernlet::network! { struct Tiny([2]) { hidden: dense(8), tanh, out: dense(3), softmax } }
/// const LEN: usize = inference_len::<Tiny>(Batching::of(1));
/// const { assert!(LEN * size_of::<f32>() <= 192) };
/// ```
pub const fn inference_len<N: Network>(batching: Batching) -> usize {
    Regions::of(&Forward::<N>::SIZES, batching).end()
}

/// The bytes of the parameters and of the memory that [`infer`] needs.
///
/// ```
/// use kernlet::nn::{Batching, inference_bytes};
/// kernlet::network! { struct Tiny([2]) { hidden: dense(8), tanh, out: dense(3), softmax } }
/// const { assert!(inference_bytes::<Tiny>(Batching::of(1)) <= 1024) };
/// ```
pub const fn inference_bytes<N: Network>(batching: Batching) -> usize {
    inference_len::<N>(batching).saturating_add(N::PARAMETERS).saturating_mul(size_of::<f32>())
}

/// Runs a network on `inputs` (flat, one sample after the other) and writes its outputs to `outputs`.
///
/// Dropout does nothing here, and batch normalisation uses its moving averages.
///
/// # Errors
/// If `inputs` is not a whole number of samples, more than the batch or empty, if `outputs` has
/// another length, or `memory` less than [`inference_len`]. `memory` may hold anything before.
///
/// ```
/// use kernlet::{nn::{Batching, Model, infer, inference_len}, simd::Level};
/// kernlet::network! { struct Tiny([2]) { out: dense(3), softmax } }
/// const BATCHING: Batching = Batching::of(1);
/// let mut memory = [0.0; inference_len::<Tiny>(BATCHING)];
/// let mut outputs = [0.0; 3];
/// infer(Level::detect(), BATCHING, &Model::<Tiny>::zeroed(), &[0.5, 0.5], &mut memory, &mut outputs)?;
/// assert_eq!(outputs, [1.0 / 3.0; 3]);
/// # Ok::<(), kernlet::nn::Error>(())
/// ```
pub fn infer<N: Network>(
    level: Level,
    batching: Batching,
    model: &Model<N>,
    inputs: &[impl Element],
    memory: &mut [f32],
    outputs: &mut [f32],
) -> Result<(), Error> {
    infer_in_place::<N>(level, batching, model.parameters(), inputs, memory, outputs)
}

/// [`infer`] with parameters where they lie: in flash, in a mapped file.
///
/// # Errors
/// As [`infer`], and if `parameters` are not as many as the network has.
///
/// ```
/// use kernlet::{nn::{Batching, infer_in_place, inference_len}, simd::Level};
/// kernlet::network! { struct Tiny([2]) { out: dense(2) } }
/// static PARAMETERS: [f32; 6] = [1.0, 0.0, 0.0, 1.0, 0.5, -0.5];
/// let mut memory = [0.0; inference_len::<Tiny>(Batching::of(1))];
/// let mut outputs = [0.0; 2];
/// infer_in_place::<Tiny>(Level::detect(), Batching::of(1), &PARAMETERS, &[3.0, 4.0], &mut memory, &mut outputs)?;
/// assert_eq!(outputs, [3.5, 3.5]);
/// # Ok::<(), kernlet::nn::Error>(())
/// ```
pub fn infer_in_place<N: Network>(
    level: Level,
    batching: Batching,
    parameters: &[f32],
    inputs: &[impl Element],
    memory: &mut [f32],
    outputs: &mut [f32],
) -> Result<(), Error> {
    run::<N>(level, batching, parameters, inputs, &[], memory, outputs)
}

/// [`infer_in_place`] on sequences of which each has so many steps, from 1 to all: as
/// [`step_with_lengths`](crate::nn::HeldTrainer::step_with_lengths) learns from them. Outputs of steps that there are not
/// mean nothing.
///
/// # Errors
/// As [`infer_in_place`], [`Error::Lengths`] if there is not one for each sample, and [`Error::Length`] for the first that is
/// 0 or above the number of steps.
///
/// ```
/// use kernlet::{nn::{Batching, Model, infer_with_lengths, inference_len}, simd::Level};
/// kernlet::network! { struct Mean([4, 1]) { global_avg_pool1d } }
/// let mut memory = [0.0; inference_len::<Mean>(Batching::of(2))];
/// let (mut outputs, inputs) = ([0.0; 2], [1.0, 3.0, 0.0, 0.0, 1.0, 2.0, 3.0, 6.0]);
/// infer_with_lengths::<Mean>(Level::detect(), Batching::of(2), &[], &inputs, &[2, 4], &mut memory, &mut outputs)?;
/// assert_eq!(outputs, [2.0, 3.0]);
/// # Ok::<(), kernlet::nn::Error>(())
/// ```
pub fn infer_with_lengths<N: Network>(
    level: Level,
    batching: Batching,
    parameters: &[f32],
    inputs: &[impl Element],
    lengths: &[u32],
    memory: &mut [f32],
    outputs: &mut [f32],
) -> Result<(), Error> {
    const { Lengths::<N>::CHECKED };
    lengths::check::<N>(lengths, inputs.len() / N::Input::LEN.max(1))?;
    run::<N>(level, batching, parameters, inputs, lengths, memory, outputs)
}

fn run<N: Network>(
    level: Level,
    batching: Batching,
    parameters: &[f32],
    inputs: &[impl Element],
    lengths: &[u32],
    memory: &mut [f32],
    outputs: &mut [f32],
) -> Result<(), Error> {
    let count = sample_count::<N>(inputs, batching.batch)?;
    if parameters.len() != N::PARAMETERS {
        return Err(Error::Parameters { expected: N::PARAMETERS, found: parameters.len() });
    }
    let sizes: &Sizes = const { &Forward::<N>::SIZES };
    let regions = Regions::of(sizes, batching);
    if memory.len() < regions.end() {
        return Err(Error::Memory { expected: regions.end(), found: memory.len() });
    }
    if outputs.len() != count * N::Output::LEN {
        return Err(Error::Outputs { expected: count * N::Output::LEN, found: outputs.len() });
    }
    let read = read_checked::<N, _>(inputs)?;
    let call = Call {
        steps: Forward::<N>::STEPS,
        back: &[],
        level,
        threads: batching.threads,
        regions,
        inputs: read,
        lengths,
        carried: None,
        noise: None,
        share: 1.0,
        begin: 0,
        #[cfg(feature = "alloc")]
        grids: &[],
    };
    call.forward::<N>(parameters, memory, count, sizes)?;
    let Ends { output, .. } = const { Forward::<N>::ENDS };
    let whole = Part { first: 0, count };
    if output.is_input() {
        return copy(read.floats(whole.range(N::Output::LEN))?, outputs);
    }
    copy(memory.get(regions.range(output, N::Output::LEN, whole)).ok_or(Error::Plan)?, outputs)
}

/// The number of samples in a flat slice, between 1 and `most`.
pub(in crate::nn) fn sample_count<N: Network>(inputs: &[impl Element], most: usize) -> Result<usize, Error> {
    let sample = N::Input::LEN;
    let count = match inputs.len().checked_div(sample) {
        Some(count) if count * sample == inputs.len() => count,
        _ => return Err(Error::Inputs { input: sample, found: inputs.len() }),
    };
    if count == 0 || count > most { Err(Error::Batch { expected: most, found: count }) } else { Ok(count) }
}
