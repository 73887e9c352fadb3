//! Sequences of unequal length: which networks can have them.

use super::{
    declare::{Layer, Message},
    error::Error,
    inputs::Element,
    network::Network,
};
use crate::shape::Shape;

/// What a network makes of sequences that end before the last step.
pub(super) struct Lengths<N>(core::marker::PhantomData<N>);

impl<N: Network> Lengths<N> {
    /// The steps of an input.
    pub(super) const STEPS: usize = match N::LAYERS {
        [first, ..] if first.input.rank() > 0 => first.input.axis(0),
        _ => 0,
    };
    const STARTS: bool = <N::Input as Shape>::RANK == 2 || !is_float::<N>();
    /// The first layer that takes all steps, whatever the lengths.
    pub(super) const UNENDED: Option<&'static str> = unended(N::LAYERS, Self::STEPS, Self::STARTS);
    /// The outputs are those of each step.
    pub(super) const EACH_STEP: bool = is_sequence(N::LAYERS, N::LAYERS.len(), Self::STEPS, Self::STARTS);
    /// Stops the compilation where there is such a layer.
    pub(super) const CHECKED: () = {
        if let Some(layer) = Self::UNENDED {
            Message::of_network(N::NAME)
                .text("sequences of unequal length: layer `")
                .text(layer)
                .text("` takes all steps, whatever their lengths")
                .fail();
        }
    };
}

const fn is_float<N: Network>() -> bool {
    <<N::Input as Shape>::Scalar as Element>::ELEMENT == <f32 as Element>::ELEMENT
}

/// Whether a value, 0 being the input, has the input's steps.
const fn is_sequence(layers: &[Layer], mut value: usize, steps: usize, starts: bool) -> bool {
    while value > 0 {
        let layer = &layers[value - 1];
        if layer.output.rank() != 2 || layer.output.axis(0) != steps {
            return false;
        }
        // Several operands have the same steps.
        value = layer.operands[0];
    }
    starts
}

const fn unended(layers: &'static [Layer], steps: usize, starts: bool) -> Option<&'static str> {
    let mut i = 0;
    while i < layers.len() {
        let layer = &layers[i];
        if !layer.ends && (i == 0 || is_sequence(layers, layer.operands[0], steps, starts)) {
            return Some(layer.name);
        }
        i += 1;
    }
    if starts || layers.is_empty() { None } else { Some(layers[0].name) }
}

/// Whether there is a length for each of `count` sequences, from 1 to the number of steps.
pub(super) fn check<N: Network>(lengths: &[u32], count: usize) -> Result<(), Error> {
    if lengths.len() != count {
        return Err(Error::Lengths { expected: count, found: lengths.len() });
    }
    let steps = Lengths::<N>::STEPS;
    match lengths.iter().position(|&length| length == 0 || length as usize > steps) {
        Some(sample) => Err(Error::Length { sample, length: lengths.get(sample).copied().unwrap_or_default(), steps }),
        None => Ok(()),
    }
}
