//! Rows of inputs times rows of weights, rescaled: what every convolution and dense layer is here.

use super::{Filter, panels, rows::Rows, tiles};
use crate::simd::{HAS_VECTORS, Level};

/// Some channels of a layer: their weights, and where their outputs go.
#[derive(Clone, Copy)]
pub(super) struct Layer<'a> {
    pub filter: &'a Filter<'a>,
    pub first_channel: usize,
    pub channels: usize,
    /// The length of a row of inputs and of a row of weights, of which there is one for each channel.
    pub terms: usize,
    /// The channels of an output pixel, of which these are a part.
    pub all_channels: usize,
}

/// Overwrites the outputs of the layer's channels in `pixels` pixels of `y`.
pub(super) fn product(level: Level, layer: &Layer<'_>, rows: &impl Rows, pixels: usize, y: &mut [i8]) {
    if HAS_VECTORS && panels::product(level, layer, rows, pixels, y) {
        return;
    }
    tiles::product(layer, rows, pixels, y);
}
