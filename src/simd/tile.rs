//! Sums of eight-bit products without vectors: what is assembly on a Cortex-M4, in plain Rust, for
//! processors that have no instruction for it.
//!
//! Four rows of inputs share each weight, so that two loads, of a weight and of four inputs, go with four products. An
//! ARMv6-M has its loops in assembly.

#[cfg(kernlet_arm = "v6m")]
mod thumb;

use super::taps::{Placing, Simple, Taps};

/// Rows of inputs that share each row of weights.
pub(crate) const ROWS: usize = 4;

/// An input, widened: to what is loaded at once for four rows.
#[cfg(kernlet_arm = "v6m")]
type Term = i32;
#[cfg(not(kernlet_arm = "v6m"))]
type Term = i16;

/// The most terms of each of four rows in a tile, of 2.5 or 2 KB.
pub(crate) const TERMS: usize = if cfg!(kernlet_arm = "v6m") { 160 } else { 256 };

/// The most terms of a row that has a tile for itself.
pub(crate) const TERMS_ALONE: usize = ROWS * TERMS;

/// The fewest terms that a row may have.
pub(crate) const LEAST_TERMS: usize = 0;

/// Whether there is a way for simple channels.
pub(crate) const HAS_SIMPLE: bool = false;

/// Inputs, widened: `[term][row]`, or the terms of a row alone.
pub(crate) struct Tile([Term; TERMS_ALONE]);

impl Tile {
    pub(crate) const fn new() -> Self {
        Self([0; TERMS_ALONE])
    }

    /// Fills one of the four rows with terms, less their zero point. More terms than fit are left out.
    #[inline(always)]
    pub(crate) fn fill(&mut self, row: usize, terms: &[i8], zero_point: i8) {
        let (places, _) = self.0.as_chunks_mut::<ROWS>();
        let row = row.min(ROWS - 1);
        for (place, &term) in places.iter_mut().zip(terms) {
            place[row] = Term::from(term) - Term::from(zero_point);
        }
    }

    /// Fills all four rows, which follow one another.
    #[inline(always)]
    pub(crate) fn fill_rows(&mut self, rows: &[i8], terms: usize, zero_point: i8) {
        for (row, terms) in rows.chunks_exact(terms.max(1)).take(ROWS).enumerate() {
            self.fill(row, terms, zero_point);
        }
    }

    /// Fills the tile with one row.
    #[inline(always)]
    pub(crate) fn fill_alone(&mut self, terms: &[i8], zero_point: i8) {
        for (place, &term) in self.0.iter_mut().zip(terms) {
            *place = Term::from(term) - Term::from(zero_point);
        }
    }
}

/// Adds to `sums` the products of the four rows of a tile with a row of weights for each channel: the `terms` bytes from
/// `channel * stride` on, as far as they are there.
#[inline(always)]
pub(crate) fn four_rows(tile: &Tile, terms: usize, w: &[i8], stride: usize, sums: &mut [[i32; ROWS]]) {
    let (x, _) = tile.0.as_chunks::<ROWS>();
    #[cfg(kernlet_arm = "v6m")]
    return thumb::four_rows(x, terms, w, stride, sums);
    #[cfg(not(kernlet_arm = "v6m"))]
    four_rows_of(x, terms, w, stride, sums);
}

#[cfg(not(kernlet_arm = "v6m"))]
#[inline(always)]
fn four_rows_of(x: &[[Term; ROWS]], terms: usize, w: &[i8], stride: usize, sums: &mut [[i32; ROWS]]) {
    let mut row = 0;
    for sums in sums {
        let w = w.get(row..).unwrap_or_default();
        let [mut a, mut b, mut c, mut d] = *sums;
        for (x, &w) in x.iter().zip(w).take(terms) {
            let w = i32::from(w);
            a = a.wrapping_add(i32::from(x[0]) * w);
            b = b.wrapping_add(i32::from(x[1]) * w);
            c = c.wrapping_add(i32::from(x[2]) * w);
            d = d.wrapping_add(i32::from(x[3]) * w);
        }
        *sums = [a, b, c, d];
        row += stride;
    }
}

/// Adds to `sums` the products of a row alone with a row of weights for each channel, which are as in [`four_rows`].
#[inline(always)]
pub(crate) fn one_row(tile: &Tile, terms: usize, w: &[i8], stride: usize, sums: &mut [i32]) {
    #[cfg(kernlet_arm = "v6m")]
    return thumb::one_row(&tile.0, terms, w, stride, sums);
    #[cfg(not(kernlet_arm = "v6m"))]
    one_row_of(&tile.0, terms, w, stride, sums);
}

#[cfg(not(kernlet_arm = "v6m"))]
#[inline(always)]
fn one_row_of(x: &[Term], terms: usize, w: &[i8], stride: usize, sums: &mut [i32]) {
    let mut row = 0;
    for sum in sums {
        let w = w.get(row..).unwrap_or_default();
        for (&x, &w) in x.iter().zip(w).take(terms) {
            *sum = sum.wrapping_add(i32::from(x) * i32::from(w));
        }
        row += stride;
    }
}

/// Adds to `sums`, one for each channel, the products of each tap's inputs, less their zero point, with its weights, and returns
/// how many channels that were.
#[inline(always)]
pub(crate) fn depthwise(x: &[i8], w: &[i8], taps: &Taps, zero_point: i8, sums: &mut [i32]) -> usize {
    #[cfg(kernlet_arm = "v6m")]
    return thumb::depthwise(x, w, taps, zero_point, sums);
    #[cfg(not(kernlet_arm = "v6m"))]
    depthwise_of(x, w, taps, zero_point, sums)
}

#[cfg(not(kernlet_arm = "v6m"))]
#[inline(always)]
fn depthwise_of(x: &[i8], w: &[i8], taps: &Taps, zero_point: i8, sums: &mut [i32]) -> usize {
    let zero_point = i32::from(zero_point);
    for tap in taps.list.iter().take(taps.count) {
        let (x, w) = (x.get(tap.x..).unwrap_or_default(), w.get(tap.w..).unwrap_or_default());
        for (sum, (&x, &w)) in sums.iter_mut().zip(x.iter().zip(w)) {
            *sum = sum.wrapping_add((i32::from(x) - zero_point) * i32::from(w));
        }
    }
    sums.len()
}

/// Rescales sums of four rows where there is assembly for it, and returns how many channels are done.
#[inline(always)]
pub(crate) fn place_rows(
    sums: &[[i32; ROWS]],
    multipliers: &[[i32; 2]],
    placing: Placing,
    y: &mut [i8],
    stride: usize,
) -> usize {
    #[cfg(kernlet_arm = "v6m")]
    return thumb::place_rows(sums, multipliers, placing, y, stride);
    #[cfg(not(kernlet_arm = "v6m"))]
    {
        let _ = (sums, multipliers, placing, y, stride);
        0
    }
}

/// Rescales sums of a row where there is assembly for it, and returns how many channels are done.
#[inline(always)]
pub(crate) fn place_row(sums: &[i32], multipliers: &[[i32; 2]], placing: Placing, y: &mut [i8]) -> usize {
    #[cfg(kernlet_arm = "v6m")]
    return thumb::place_row(sums, multipliers, placing, y);
    #[cfg(not(kernlet_arm = "v6m"))]
    {
        let _ = (sums, multipliers, placing, y);
        0
    }
}

/// The outputs of four rows of simple channels, where the processor has instructions for it: not done.
#[inline(always)]
pub(crate) fn four_outputs(_: &Tile, _: usize, _: &[i8], _: usize, _: &Simple<'_>, _: &mut [i8], _: usize) -> bool {
    false
}

/// The outputs of a row of simple channels, where the processor has instructions for it: not done.
#[inline(always)]
pub(crate) fn one_row_outputs(_: &Tile, _: usize, _: &[i8], _: usize, _: &Simple<'_>, _: &mut [i8]) -> bool {
    false
}

/// The outputs of pixels of a depthwise convolution, where the processor has instructions for it: not done.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the signature of the loop in assembly, inlined into its one caller")]
pub(crate) fn depthwise_outputs(
    _: &[i8],
    _: usize,
    _: &[i8],
    _: &Taps,
    _: i8,
    _: &Simple<'_>,
    _: usize,
    _: &mut [i8],
) -> bool {
    false
}

/// The outputs of a row of sums of simple channels, where the processor has instructions for it: not done.
#[inline(always)]
pub(crate) fn place_simple_row(_: &[i32], _: &Simple<'_>, _: &mut [i8]) -> bool {
    false
}
