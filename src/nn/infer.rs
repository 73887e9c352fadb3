//! Inference: forward only, in a memory that holds what one layer hands to the next.

use super::{
    Error, Model, Network,
    call::Call,
    frozen::{Frozen, Nothing},
    memory::{Images, Regions, copy},
    network::sizes,
    plan::{Region, Sizes},
};
use crate::{shape::Shape, simd::Level};

/// How a batch is cut: how many images there may be, and how many of them each thread takes through
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
    pub(super) batch: usize,
    /// Images at a time for each thread.
    pub(super) each: usize,
    pub(super) threads: usize,
}

impl Batching {
    /// At most `batch` images, in pieces of 8 for each thread, on one thread.
    ///
    /// See [`Batching`] for an example.
    pub const fn of(batch: usize) -> Self {
        Self { batch, each: 8, threads: 1 }
    }

    /// Pieces of `piece` images for each thread, at least 1.
    ///
    /// See [`Batching`] for an example.
    pub const fn pieces_of(self, piece: usize) -> Self {
        Self { each: if piece == 0 { 1 } else { piece }, ..self }
    }

    /// That many threads, at least 1. Without the `rayon` feature one does all.
    ///
    /// Call from inside a rayon pool (`pool.install(|| …)`) of as many threads: then a step hands
    /// its parts over without a queue and allocates nothing.
    ///
    /// See [`Batching`] for an example.
    pub const fn threads(self, threads: usize) -> Self {
        Self { threads: if threads == 0 { 1 } else { threads }, ..self }
    }

    /// How many images are in a piece, at most the batch.
    pub(super) const fn piece(self) -> usize {
        let piece = self.each.saturating_mul(self.threads);
        if piece < self.batch { piece } else { self.batch }
    }

    /// The most images.
    ///
    /// ```
    /// assert_eq!(kernlet::nn::Batching::of(128).batch(), 128);
    /// ```
    pub const fn batch(self) -> usize {
        self.batch
    }
}

/// Where the regions of an inference lie, and its whole length.
const fn regions(sizes: &Sizes, batching: Batching) -> (Regions, usize) {
    let batch_at = 0;
    let piece_at = sizes.batch * batching.batch;
    let fixed_at = piece_at + sizes.piece * batching.piece();
    let regions = Regions { batch_at, batch: batching.batch, piece_at, piece: batching.piece(), fixed_at };
    (regions, fixed_at + sizes.fixed)
}

/// How many floats of memory [`infer`] needs.
///
/// ```
/// use kernlet::nn::{Batching, inference_len};
/// kernlet::network! { struct Tiny([2]) { hidden: dense(8), tanh, out: dense(3), softmax } }
/// const LEN: usize = inference_len::<Tiny>(Batching::of(1));
/// const { assert!(LEN * size_of::<f32>() <= 192) };
/// ```
pub const fn inference_len<N: Network>(batching: Batching) -> usize {
    regions(&sizes::<N>(Frozen::Nothing, 0), batching).1
}

/// The bytes of the parameters and of the memory that [`infer`] needs.
///
/// ```
/// use kernlet::nn::{Batching, inference_bytes};
/// kernlet::network! { struct Tiny([2]) { hidden: dense(8), tanh, out: dense(3), softmax } }
/// const { assert!(inference_bytes::<Tiny>(Batching::of(1)) <= 1024) };
/// ```
pub const fn inference_bytes<N: Network>(batching: Batching) -> usize {
    (N::PARAMETERS + inference_len::<N>(batching)) * size_of::<f32>()
}

/// Runs a network on `images` (flat, one after the other) and writes its outputs to `outputs`.
///
/// Dropout does nothing here, and batch normalisation uses its moving averages.
///
/// # Errors
/// If `images` is not a whole number of inputs, is more than the batch or is empty, if `outputs` has
/// another length, or `memory` less than [`inference_len`]. `memory` may hold anything before.
///
/// ```
/// use kernlet::{nn::{Batching, Model, infer, inference_len}, simd::Level};
/// kernlet::network! { struct Tiny([2]) { hidden: dense(8), tanh, out: dense(3), softmax } }
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
    images: &[f32],
    memory: &mut [f32],
    outputs: &mut [f32],
) -> Result<(), Error> {
    infer_in_place::<N>(level, batching, model.parameters(), images, memory, outputs)
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
    images: &[f32],
    memory: &mut [f32],
    outputs: &mut [f32],
) -> Result<(), Error> {
    let count = image_count::<N>(images, batching.batch)?;
    if parameters.len() != N::PARAMETERS {
        return Err(Error::Parameters { expected: N::PARAMETERS, found: parameters.len() });
    }
    let (regions, len) = const_regions::<N>(batching);
    if memory.len() < len {
        return Err(Error::Memory { expected: len, found: memory.len() });
    }
    if outputs.len() != count * N::Output::LEN {
        return Err(Error::Outputs { expected: count * N::Output::LEN, found: outputs.len() });
    }
    let steps = N::steps::<Nothing, 0>();
    let call = Call { steps, level, threads: batching.threads, regions, images, noise: None, share: 1.0 };
    call.forward::<N>(parameters, memory, count, const { sizes::<N>(Frozen::Nothing, 0).by_piece })?;
    let source = match steps.last() {
        Some(step) if step.value.region != Region::Input => {
            memory.get(regions.range(step.value, N::Output::LEN, Images { first: 0, count })).ok_or(Error::Plan)?
        }
        _ => images,
    };
    copy(source, outputs)
}

#[inline]
fn const_regions<N: Network>(batching: Batching) -> (Regions, usize) {
    regions(const { &sizes::<N>(Frozen::Nothing, 0) }, batching)
}

/// The number of images in a flat slice, between 1 and `most`.
pub(super) fn image_count<N: Network>(images: &[f32], most: usize) -> Result<usize, Error> {
    let image = const {
        assert!(N::Input::LEN > 0, "a network has an input");
        N::Input::LEN
    };
    if !images.len().is_multiple_of(image) {
        return Err(Error::Inputs { input: image, found: images.len() });
    }
    let count = images.len() / image;
    if count == 0 || count > most { Err(Error::Batch { expected: most, found: count }) } else { Ok(count) }
}
