//! A network over sequences, one step at a time, in a memory that does not depend on how many there are.

use core::marker::PhantomData;

use super::{
    call::{parameters, read_checked},
    memory::parts,
};
use crate::{
    nn::{
        Element, Error, Network,
        pass::{Indices, StepPass},
        plan::StreamPlan,
    },
    simd::Level,
};

/// How many floats of memory a [`Stream`] needs.
///
/// ```
/// use kernlet::nn::stream_len;
/// kernlet::network! { struct Tiny([100, 6]) { gru(20), dense(4), softmax } }
/// const { assert!(stream_len::<Tiny>() <= 4096) };
/// ```
pub const fn stream_len<N: Network>() -> usize {
    N::STREAM.end()
}

/// Runs a network over `[time, channels]`, or over a list of whole numbers, one step at a time.
///
/// After every step the output has the bits that the network gives for all steps since the beginning: its last step, if
/// it has several. The declared time does not matter. Convolutions and pools keep the steps that their windows hold,
/// recurrent layers their state, and a global average its sum; a layer with a stride has an output only when one is due.
///
/// What needs later steps does not compile: `padding: same`, `bidirectional`, `backwards`, and layers that take all steps at
/// once (`flatten`, `dense` over several steps). Layers must follow each other, without branches.
///
/// ```
/// use kernlet::{nn::{Model, Stream, infer, inference_len, stream_len, Batching}, simd::Level};
/// kernlet::network! {
///     struct Motion([4, 3]) { conv1d(8, 2, padding: causal), tanh, gru(5), out: dense(2), softmax }
/// }
/// let mut model = Model::<Motion>::zeroed();
/// model.initialize(1);
/// let recording: [f32; 12] = core::array::from_fn(|i| (i as f32).sin());
/// let mut memory = [0.0; stream_len::<Motion>()];
/// let mut stream = Stream::<Motion>::new(Level::detect(), model.parameters(), &mut memory)?;
/// let mut last = [0.0; 2];
/// for step in recording.chunks(3) {
///     last.copy_from_slice(stream.step(step)?.expect("no layer has a stride"));
/// }
/// let (mut memory, mut whole) = ([0.0; inference_len::<Motion>(Batching::of(1))], [0.0; 2]);
/// infer(Level::detect(), Batching::of(1), &model, &recording, &mut memory, &mut whole)?;
/// assert_eq!(last, whole);
/// # Ok::<(), kernlet::nn::Error>(())
/// ```
///
/// ```compile_fail
/// // network `Late`, layer 0 `conv1d`: cannot run step by step …
/// kernlet::network! { struct Late([4, 3]) { conv1d(8, 3, padding: same) } }
/// const LEN: usize = kernlet::nn::stream_len::<Late>();
/// ```
#[derive(Debug)]
pub struct Stream<'a, N: Network> {
    level: Level,
    parameters: &'a [f32],
    memory: &'a mut [f32],
    network: PhantomData<N>,
}

impl<'a, N: Network> Stream<'a, N> {
    /// At the beginning. Parameters are used where they lie: a [`Model`](crate::nn::Model)'s, or those in flash.
    ///
    /// # Errors
    /// If there are not as many parameters as the network has, or `memory` is less than [`stream_len`].
    pub fn new(level: Level, parameters: &'a [f32], memory: &'a mut [f32]) -> Result<Self, Error> {
        if parameters.len() != N::PARAMETERS {
            return Err(Error::Parameters { expected: N::PARAMETERS, found: parameters.len() });
        }
        let expected = const { stream_len::<N>() };
        if memory.len() < expected {
            return Err(Error::Memory { expected, found: memory.len() });
        }
        let mut stream = Self { level, parameters, memory, network: PhantomData };
        stream.reset();
        Ok(stream)
    }

    /// Forgets all steps: the next one is the first.
    pub fn reset(&mut self) {
        let StreamPlan { state, .. } = const { N::STREAM };
        if let Some(states) = self.memory.get_mut(..state) {
            states.fill(0.0);
        }
    }

    /// Takes a step, and returns the output that is due after it, if one is.
    ///
    /// # Errors
    /// If `step` has not as many elements as the input has channels, one where it is of whole numbers; [`Error::Index`] if
    /// that is not below the vocabulary.
    pub fn step(&mut self, step: &[impl Element]) -> Result<Option<&[f32]>, Error> {
        let plan = const { N::STREAM };
        if step.len() != plan.input {
            return Err(Error::Inputs { input: plan.input, found: step.len() });
        }
        let inputs = read_checked::<N, _>(step)?;
        let (floats, indices) = (inputs.floats(0..plan.input)?, inputs.indices(0..plan.input)?);
        let mut state_at = 0;
        let mut from = None;
        for (index, node) in N::NODES.iter().enumerate() {
            let state_end = state_at + node.stream_state as usize;
            let to = usize::from(from == Some(0));
            let read = match from {
                Some(place) => plan.value(place, node.stream_input as usize),
                None => 0..0,
            };
            let ranges = [state_at..state_end, read, plan.value(to, node.stream_output as usize), plan.scratch()];
            let [state, x, y, scratch] = parts(self.memory, ranges)?;
            let pass = StepPass {
                node,
                level: self.level,
                parameters: parameters(self.parameters, node)?,
                x: if from.is_none() { floats } else { x },
                indices: if from.is_none() { indices } else { Indices::None },
                y,
                state,
                scratch,
            };
            if !N::step_layer(index, pass)? {
                return Ok(None);
            }
            (state_at, from) = (state_end, Some(to));
        }
        let output = N::NODES.last().map_or(0, |node| node.stream_output as usize);
        match from {
            Some(place) => Ok(self.memory.get(plan.value(place, output))),
            None => Err(Error::Plan),
        }
    }
}
