//! The product for processors without vectors: tiles of four pixels, whose inputs share each row of weights.
//!
//! The tile, a piece of a row and the sums take 3.3 KB of stack, whatever the layer: longer rows come in pieces that
//! add to the same sums, more channels in one panel after the other.

use core::ops::Range;

use super::{Filter, Multiplier, Output, Rescaling, product::Layer, rows::Rows};
use crate::simd::{
    rescale::scaled,
    taps::Simple,
    tile::{
        LEAST_TERMS, ROWS, TERMS, TERMS_ALONE, Tile, four_outputs, four_rows, one_row, one_row_outputs, place_row,
        place_rows, place_simple_row,
    },
};

/// Channels whose sums are kept at a time.
const PANEL: usize = 32;

struct Memory<'a> {
    tile: Tile,
    line: [i8; TERMS],
    /// The channels, if all of them are simple.
    simple: Option<Simple<'a>>,
}

// The least is 0 where there is no assembly.
#[allow(clippy::absurd_extreme_comparisons)]
pub(super) fn product(layer: &Layer<'_>, rows: &impl Rows, pixels: usize, y: &mut [i8]) {
    if layer.terms < LEAST_TERMS {
        return few_terms(layer, rows, pixels, y);
    }
    let simple = layer.filter.simple(layer.first_channel, layer.channels, layer.terms);
    let mut memory = Memory { tile: Tile::new(), line: [0; TERMS], simple };
    // Those of a panel under way: they begin with the biases, and are not cleared for each tile.
    let mut sums = [[0; ROWS]; PANEL];
    let (mut left, mut place) = (pixels, rows.place(0));
    let mut y = y;
    while left > 0 {
        // A tile with an empty row is still faster than three rows alone.
        let count = if left >= ROWS - 1 { left.min(ROWS) } else { 1 };
        if count > 1 {
            memory.tile_of_rows(layer, rows, place, count, &mut sums, y);
        } else {
            memory.row_alone(layer, rows, place, sums.as_flattened_mut(), y);
        }
        left -= count;
        for _ in 0..count {
            place = rows.next(place);
        }
        y = y.get_mut(count * layer.all_channels..).unwrap_or_default();
    }
}

/// The next piece of a row: as long as fits without leaving one shorter than the least.
#[allow(clippy::absurd_extreme_comparisons)]
fn piece(left: usize, most: usize) -> usize {
    let len = left.min(most);
    if left > len && left - len < LEAST_TERMS { len - LEAST_TERMS } else { len }
}

impl Memory<'_> {
    /// Fills the tile with a piece of some rows.
    fn fill<R: Rows>(&mut self, rows: &R, place: R::Place, count: usize, piece: Range<usize>, zero_point: i8) {
        let Self { tile, line, .. } = self;
        let mut place = place;
        for row in 0..count {
            if let Some(terms) = rows.whole(place).and_then(|row| row.get(piece.clone())) {
                tile.fill(row, terms, zero_point);
            } else if let Some(line) = line.get_mut(..piece.len()) {
                rows.gather(place, piece.start, line);
                tile.fill(row, line, zero_point);
            }
            place = rows.next(place);
        }
    }

    fn tile_of_rows<R: Rows>(
        &mut self,
        layer: &Layer<'_>,
        rows: &R,
        place: R::Place,
        count: usize,
        sums: &mut [[i32; ROWS]],
        y: &mut [i8],
    ) {
        let Layer { filter, terms, .. } = *layer;
        if terms <= TERMS {
            // The tile of rows in one piece serves all channels.
            match rows.four(place) {
                Some(rows) if count == ROWS => self.tile.fill_rows(rows, terms, filter.input_zero_point),
                _ => self.fill(rows, place, count, 0..terms, filter.input_zero_point),
            }
            if let (Some(simple), ROWS) = (&self.simple, count) {
                let w = filter.w.get(layer.first_channel * terms..).unwrap_or_default();
                let y = y.get_mut(layer.first_channel..).unwrap_or_default();
                if four_outputs(&self.tile, terms, w, layer.channels, simple, y, layer.all_channels) {
                    return;
                }
            }
        }
        self.panels(layer, rows, place, count, sums, y);
    }

    /// Panel after panel of channels; the tile holds the rows already if they fit.
    #[inline(never)]
    fn panels<R: Rows>(
        &mut self,
        layer: &Layer<'_>,
        rows: &R,
        place: R::Place,
        count: usize,
        sums: &mut [[i32; ROWS]],
        y: &mut [i8],
    ) {
        let filter = layer.filter;
        let mut channel = 0;
        while channel < layer.channels {
            let first = layer.first_channel + channel;
            let sums = sums.get_mut(..PANEL.min(layer.channels - channel)).unwrap_or_default();
            biases(filter, first, sums, |bias| [bias; ROWS]);
            let w = filter.w.get(first * layer.terms..).unwrap_or_default();
            let mut from = 0;
            while from < layer.terms {
                let len = piece(layer.terms - from, TERMS);
                if len < layer.terms {
                    self.fill(rows, place, count, from..from + len, filter.input_zero_point);
                }
                four_rows(&self.tile, len, w.get(from..).unwrap_or_default(), layer.terms, sums);
                from += len;
            }
            let mut done = 0;
            if let (Some(placing), ROWS) = (filter.placing(), count) {
                let y = y.get_mut(first..).unwrap_or_default();
                done = place_rows(sums, filter.parts(first), placing, y, layer.all_channels);
            }
            for (c, sums) in sums.iter().enumerate().skip(done) {
                let scale = Scale::new(filter, first + c);
                let places = y.get_mut(first + c..).unwrap_or_default();
                let places = places.iter_mut().step_by(layer.all_channels.max(1));
                scale.place(places.zip(sums).take(count));
            }
            channel += sums.len();
        }
    }

    fn row_alone<R: Rows>(&mut self, layer: &Layer<'_>, rows: &R, at: R::Place, sums: &mut [i32], y: &mut [i8]) {
        let (filter, terms) = (layer.filter, layer.terms);
        let whole = rows.whole(at);
        if let (Some(simple), Some(row), ..=TERMS_ALONE) = (&self.simple, whole, terms) {
            self.tile.fill_alone(row, filter.input_zero_point);
            let w = filter.w.get(layer.first_channel * terms..).unwrap_or_default();
            let y = y.get_mut(layer.first_channel..).unwrap_or_default();
            if one_row_outputs(&self.tile, terms, w, layer.channels, simple, y) {
                return;
            }
        }
        self.sums_of_row(layer, rows, at, sums, y);
    }

    /// Panel after panel of channels.
    #[inline(never)]
    fn sums_of_row<R: Rows>(&mut self, layer: &Layer<'_>, rows: &R, at: R::Place, sums: &mut [i32], y: &mut [i8]) {
        let filter = layer.filter;
        let whole = rows.whole(at);
        let most = if whole.is_some() { TERMS_ALONE } else { TERMS };
        let mut channel = 0;
        while channel < layer.channels {
            let first = layer.first_channel + channel;
            let sums = sums.get_mut(..(ROWS * PANEL).min(layer.channels - channel)).unwrap_or_default();
            biases(filter, first, sums, |bias| bias);
            let w = filter.w.get(first * layer.terms..).unwrap_or_default();
            let mut from = 0;
            while from < layer.terms {
                let len = piece(layer.terms - from, most);
                if channel == 0 || len < layer.terms {
                    let Self { tile, line, .. } = self;
                    if let Some(terms) = whole.and_then(|row| row.get(from..from + len)) {
                        tile.fill_alone(terms, filter.input_zero_point);
                    } else if let Some(line) = line.get_mut(..len) {
                        rows.gather(at, from, line);
                        tile.fill_alone(line, filter.input_zero_point);
                    }
                }
                one_row(&self.tile, len, w.get(from..).unwrap_or_default(), layer.terms, sums);
                from += len;
            }
            let y = y.get_mut(first..).unwrap_or_default();
            let simple = self.simple.map(|simple| simple.from(channel));
            if !simple.is_some_and(|simple| place_simple_row(sums, &simple, y)) {
                place(filter, first, sums, y);
            }
            channel += sums.len();
        }
    }
}

/// Begins sums with their biases.
#[inline(always)]
pub(super) fn biases<T: Copy>(filter: &Filter<'_>, first: usize, sums: &mut [T], of: impl Fn(i32) -> T) {
    let Some(b) = filter.b else { return sums.fill(of(0)) };
    for (sum, &bias) in sums.iter_mut().zip(b.get(first..).unwrap_or_default()) {
        *sum = of(i32::from_le_bytes(bias));
    }
}

/// Writes the outputs of a row of sums, which are neighbours.
#[inline(always)]
pub(super) fn place(filter: &Filter<'_>, first: usize, sums: &[i32], y: &mut [i8]) {
    let mut done = 0;
    if let Some(placing) = filter.placing() {
        done = place_row(sums, filter.parts(first), placing, y);
    }
    for (c, (y, sum)) in y.iter_mut().zip(sums).enumerate().skip(done) {
        Scale::new(filter, first + c).place(core::iter::once((y, sum)));
    }
}

/// What a channel's sums are rescaled by, looked up once.
struct Scale {
    multiplier: Multiplier,
    output: Output,
}

impl Scale {
    #[inline(always)]
    fn new(filter: &Filter<'_>, channel: usize) -> Self {
        Self { multiplier: filter.multiplier(channel), output: filter.output }
    }

    /// Writes the outputs of sums.
    #[inline(always)]
    fn place<'a>(&self, sums: impl Iterator<Item = (&'a mut i8, &'a i32)>) {
        let Self { multiplier, output } = self;
        let (mantissa, exponent) = (multiplier.mantissa(), multiplier.exponent());
        // The usual case has a loop of its own, without branches.
        if output.rescaling == Rescaling::Double && exponent < 0 {
            let right = exponent.unsigned_abs();
            for (y, &sum) in sums {
                *y = output.place(scaled(sum, mantissa, right));
            }
        } else {
            for (y, &sum) in sums {
                *y = output.of(sum, *multiplier);
            }
        }
    }
}

/// Rows too short for a tile, one output after the other.
fn few_terms(layer: &Layer<'_>, rows: &impl Rows, pixels: usize, y: &mut [i8]) {
    let filter = layer.filter;
    let mut line = [0; LEAST_TERMS + 1];
    let Some(line) = line.get_mut(..layer.terms) else { return };
    let mut place = rows.place(0);
    for pixel in 0..pixels {
        rows.gather(place, 0, &mut *line);
        place = rows.next(place);
        let y = y.get_mut(pixel * layer.all_channels + layer.first_channel..).unwrap_or_default();
        for (c, y) in y.iter_mut().take(layer.channels).enumerate() {
            let channel = layer.first_channel + c;
            let w = filter.w.get(channel * layer.terms..).unwrap_or_default();
            let mut sum = filter.bias(channel);
            for (&x, &w) in line.iter().zip(w) {
                sum = sum.wrapping_add((i32::from(x) - i32::from(filter.input_zero_point)) * i32::from(w));
            }
            *y = filter.output.of(sum, filter.multiplier(channel));
        }
    }
}
