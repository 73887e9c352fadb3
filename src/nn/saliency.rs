//! Which inputs mattered: the gradient of one output with respect to the input.

use super::{
    Batching, Error, Model, Network,
    call::{Call, Ends},
    frozen::{AllButLast, Frozen},
    infer::image_count,
    memory::{Images, Regions, copy, parts},
    plan::{MAX_LAYERS, Plan, Region, mode, plan},
};
use crate::{shape::Shape, simd::Level};

const MODE: u8 = mode::TRAINING | mode::LOGITS | mode::INPUT_GRADIENT;

struct Saliency<N>(core::marker::PhantomData<N>);

impl<N: Network> Saliency<N> {
    const PLAN: Plan<MAX_LAYERS> = plan(N::LAYERS, Frozen::AllBut(0), MODE);
    const SIZES: super::plan::Sizes = Self::PLAN.sizes;
    const INPUT_GRADIENT: super::plan::Place = Self::PLAN.input_gradient;
    const REGIONS: Regions = Regions {
        batch_at: 0,
        batch: 1,
        piece_at: Self::SIZES.batch,
        piece: 1,
        fixed_at: Self::SIZES.batch + Self::SIZES.piece,
    };
    const SCRATCH: usize = Self::REGIONS.fixed_at + Self::SIZES.fixed;
}

/// How many floats of memory [`saliency`] needs.
///
/// See [`saliency`] for an example.
pub const fn saliency_len<N: Network>() -> usize {
    Saliency::<N>::SCRATCH + Saliency::<N>::SIZES.scratch
}

/// The gradient of output `class` (before a final softmax) by every input of one image
/// (Simonyan, Vedaldi, Zisserman: *Deep inside convolutional networks*, 2013).
///
/// # Errors
/// If `image` is not one image, `gradient` has another length, `class` is not an output, or `memory` is
/// less than [`saliency_len`].
///
/// ```
/// use kernlet::{nn::{Model, saliency, saliency_len}, simd::Level};
/// kernlet::network! { struct Tiny([2]) { out: dense(3), softmax } }
/// let mut model = Model::<Tiny>::zeroed();
/// model.parameters_mut()[1] = 5.0; // from input 0 to output 1
/// let (mut memory, mut gradient) = ([0.0; saliency_len::<Tiny>()], [0.0; 2]);
/// saliency(Level::detect(), &model, &[1.0, 1.0], 1, &mut memory, &mut gradient)?;
/// assert_eq!(gradient, [5.0, 0.0]);
/// # Ok::<(), kernlet::nn::Error>(())
/// ```
pub fn saliency<N: Network>(
    level: Level,
    model: &Model<N>,
    image: &[f32],
    class: usize,
    memory: &mut [f32],
    gradient: &mut [f32],
) -> Result<(), Error> {
    image_count::<N>(image, Batching::of(1).batch())?;
    if class >= N::Output::LEN {
        return Err(Error::Targets { expected: N::Output::LEN, found: class });
    }
    if gradient.len() != N::Input::LEN {
        return Err(Error::Inputs { input: N::Input::LEN, found: gradient.len() });
    }
    let expected = saliency_len::<N>();
    if memory.len() < expected {
        return Err(Error::Memory { expected, found: memory.len() });
    }
    let steps = N::steps::<AllButLast<0>, MODE>();
    let regions = Saliency::<N>::REGIONS;
    let whole = Images { first: 0, count: 1 };
    let call = Call { steps, level, threads: 1, regions, images: image, noise: None, share: 1.0 };
    call.forward::<N>(model.parameters(), memory, 1, const { Saliency::<N>::SIZES.by_piece })?;
    let last = steps.iter().rfind(|step| step.active).ok_or(Error::Plan)?;
    let [dy] = parts(memory, [regions.range(last.gradient, N::Output::LEN, whole)])?;
    dy.fill(0.0);
    *dy.get_mut(class).ok_or(Error::Plan)? = 1.0;
    let ends = Ends {
        input_gradient: const { Saliency::<N>::INPUT_GRADIENT },
        scratch: (const { Saliency::<N>::SCRATCH }, const { Saliency::<N>::SIZES.scratch }),
    };
    for index in (0..N::LAYERS.len()).rev() {
        call.backward_layer::<N>(model.parameters(), memory, index, whole, ends)?;
    }
    if ends.input_gradient.region == Region::None {
        gradient.fill(0.0);
        return Ok(());
    }
    let range = regions.range(ends.input_gradient, N::Input::LEN, whole);
    copy(memory.get(range).ok_or(Error::Plan)?, gradient)
}
