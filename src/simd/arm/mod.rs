//! Sums of eight-bit products on a Cortex-M with the DSP extension, in assembly: stable Rust has no intrinsic for
//! `SMLAD`, which adds two products of 16 bits to a sum, nor for `SXTB16`, which widens two bytes of four.
//!
//! How it goes fast:
//! 1. Inputs are widened once, less their zero point, into a tile; weights, which are read once per tile, as they come.
//!    A word of weights is split into its even and odd bytes, so the tile has its inputs in that order.
//! 2. Four pixels share each word of weights: three instructions for it, two loads of four words, eight products of
//!    two: 13 instructions for 16 products. Where there is but one row, four channels share its inputs: 21 for 16.
//! 3. A row of weights begins anywhere and has any length. Words are loaded unaligned, which these cores can, and
//!    the first word of a length that is not a multiple of 4 overlaps the second: its surplus meets zeros.
//!
//! Loops are written out in `naked` functions, since `asm!` keeps r6 and r7 for itself, and one `asm!` for each
//! instruction came to 24 instructions for 16 products.
#![allow(unsafe_code)]

/// Tells the assembler of ARMv8-M that the processor has the DSP extension.
#[cfg(kernlet_arm = "v8m")]
macro_rules! processor {
    () => {
        ".cpu cortex-m33"
    };
}

#[cfg(not(kernlet_arm = "v8m"))]
macro_rules! processor {
    () => {
        ""
    };
}

mod depthwise;
mod inputs;
mod outputs;
mod place;
mod products;

pub(crate) use depthwise::{depthwise, depthwise_outputs};
pub(crate) use inputs::Tile;
pub(crate) use outputs::{four_outputs, one_row_outputs};
pub(crate) use place::{place_row, place_rows, place_simple_row};
pub(crate) use products::{four_rows, one_row};

/// Rows of inputs that share each row of weights.
pub(crate) const ROWS: usize = 4;

/// The most terms of each of four rows in a tile.
pub(crate) const TERMS: usize = 256;

/// The most terms of a row that has a tile for itself.
pub(crate) const TERMS_ALONE: usize = 4 * TERMS;

/// The fewest terms that a row may have.
pub(crate) const LEAST_TERMS: usize = 4;

/// Whether there is a way for simple channels.
pub(crate) const HAS_SIMPLE: bool = true;
