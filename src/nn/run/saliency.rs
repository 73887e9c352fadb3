//! Which inputs mattered: the gradient of one output with respect to the input.

use super::{
    Batching, Call, Part, Regions,
    memory::{copy, parts},
    read, sample_count,
};
use crate::{
    nn::{
        Error, Model, Network,
        frozen::AllButLast,
        plan::{Ends, Planned, Sizes, mode},
    },
    shape::Shape,
    simd::Level,
};

const MODE: u8 = mode::TRAINING | mode::LOGITS | mode::INPUT_GRADIENT;

/// The plan of a pass to the input, with all layers frozen.
type ToInput<N> = <N as Network>::Plan<AllButLast<0>, MODE>;

/// How many floats of memory [`saliency`] needs.
///
/// ```
/// use kernlet::nn::saliency_len;
/// kernlet::network! { struct Tiny([2]) { out: dense(3), softmax } }
/// const { assert!(saliency_len::<Tiny>() <= 128) };
/// ```
pub const fn saliency_len<N: Network>() -> usize {
    Regions::of(&ToInput::<N>::SIZES, Batching::of(1)).end()
}

/// The gradient of output `class` (before a final softmax) with respect to every input of one sample
/// (Simonyan, Vedaldi, Zisserman: *Deep inside convolutional networks*, 2013).
///
/// # Errors
/// If `sample` is not one sample, `gradient` has another length, `class` is not an output, or `memory` is
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
    sample: &[f32],
    class: usize,
    memory: &mut [f32],
    gradient: &mut [f32],
) -> Result<(), Error> {
    sample_count::<N>(sample, 1)?;
    if class >= N::Output::LEN {
        return Err(Error::Class { classes: N::Output::LEN, found: class });
    }
    if gradient.len() != N::Input::LEN {
        return Err(Error::Gradient { expected: N::Input::LEN, found: gradient.len() });
    }
    let sizes: &Sizes = const { &ToInput::<N>::SIZES };
    let regions = Regions::of(sizes, Batching::of(1));
    if memory.len() < regions.end() {
        return Err(Error::Memory { expected: regions.end(), found: memory.len() });
    }
    let whole = Part { first: 0, count: 1 };
    let back = ToInput::<N>::BACK;
    let call = Call {
        steps: ToInput::<N>::STEPS,
        back,
        level,
        threads: 1,
        regions,
        inputs: read::<N, _>(sample),
        lengths: &[],
        carried: None,
        noise: None,
        share: 1.0,
        begin: 0,
        #[cfg(feature = "alloc")]
        grids: &[],
    };
    call.forward::<N>(model.parameters(), memory, 1, sizes)?;
    let last = sizes.active.checked_sub(1).and_then(|last| back.get(last)).ok_or(Error::Plan)?;
    let [dy] = parts(memory, [regions.range(last.gradient, N::Output::LEN, whole)])?;
    dy.fill(0.0);
    *dy.get_mut(class).ok_or(Error::Plan)? = 1.0;
    for index in (0..sizes.active).rev() {
        call.backward_layer::<N>(model.parameters(), memory, index, whole)?;
    }
    let Ends { input_gradient, .. } = const { ToInput::<N>::ENDS };
    if input_gradient.is_none() {
        gradient.fill(0.0);
        return Ok(());
    }
    let range = regions.range(input_gradient, N::Input::LEN, whole);
    copy(memory.get(range).ok_or(Error::Plan)?, gradient)
}
