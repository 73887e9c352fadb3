//! The gradients where most of `dy` is zero, as it is below a ReLU, a max pooling or a dropout:
//! terms that are zero are passed over.
//!
//! Both turn the roles of the operands around, so that a term of `dy` is the one element that is
//! broadcast, and a term that is zero is simply not there:
//!
//! ```text
//! dx[·][kw, ci] += dy[pixel][co] · wᵀ[kh][co][kw, ci]       pixels descending, for one kh at a time
//! dwᵀ[co][kh][kw, ci] += dy[pixel][co] · x[·][kw, ci]       pixels ascending, for one co at a time
//! ```
//!
//! # Numerics
//!
//! The bits are those of all terms. A product with ±0 is ±0 where the other factor is finite, which
//! is looked at first, and adding ±0 changes nothing but −0 to +0. So a result can differ only if
//! it is −0 here, and then it is computed again with all terms.
#![allow(unsafe_code)]
// Registers are addressed by number; iterators hide which.
#![allow(clippy::needless_range_loop)]

use core::ops::Range;

use super::{Adjoint, Conv2d, backward::transpose};
use crate::{
    kernels::{div, rem},
    simd::{Kernel, Level, Simd},
};

/// Terms are passed over where fewer than this many of 16 sampled are not zero.
const FEW: usize = 6;

/// Pixels that are looked at to find how many terms are zero.
const SAMPLED: usize = 64;

/// The most channels of `dy` with a bit each.
const MOST_CHANNELS: usize = 512;
const WORDS: usize = MOST_CHANNELS / 64;

/// Whether few elements of `dy`, rows of `channels`, are not zero, judging by some of its rows.
#[inline(always)]
fn are_few<S: Simd>(s: S, dy: &[f32], channels: usize) -> bool {
    let rows = div(dy.len(), channels);
    // Odd, so that no column of the windows of a pooling is preferred.
    let step = div(rows, SAMPLED) | 1;
    let (mut nonzero, mut seen) = (0, 0);
    let mut row = 0;
    while row < rows {
        for part in dy[row * channels..(row + 1) * channels].chunks(S::LANES) {
            nonzero += s.nonzero_bits(s.load_first(part)).count_ones() as usize;
        }
        seen += channels;
        row += step;
    }
    nonzero * 16 < seen * FEW
}

/// Whether any element is one that `is` finds, asked of many at a time.
#[inline(always)]
fn any(x: &[f32], is: impl Fn(f32) -> bool) -> bool {
    x.chunks(256).any(|part| part.iter().fold(false, |found, &x| found | is(x)))
}

#[inline(always)]
fn is_not_finite(x: f32) -> bool {
    x.to_bits() & 0x7F80_0000 == 0x7F80_0000
}

#[inline(always)]
fn is_negative_zero(x: f32) -> bool {
    x.to_bits() == 0x8000_0000
}

/// Calls `$run::<N>` for pieces of `$count` vectors, with the first vector of each.
macro_rules! by_vectors {
    ($count:expr, |$first:ident, $N:ident| $run:expr) => {{
        let mut $first = 0;
        while $first < $count {
            macro_rules! piece {
                ($n:literal) => {{
                    const $N: usize = $n;
                    $run;
                    $first += $n;
                }};
            }
            // Sums wait for one another, so a few are kept together rather than one left over.
            match $count - $first {
                1 => piece!(1),
                2 | 5 => piece!(2),
                3 => piece!(3),
                4 | 7 => piece!(4),
                6 | 9 | 10 => piece!(6),
                8 | 11 => piece!(8),
                _ => piece!(12),
            }
        }
    }};
}

/// The gradient of the input. Returns whether it was computed.
pub(super) struct InputGradient<'a, 'b>(pub &'b mut Adjoint<'a>);

impl Kernel for InputGradient<'_, '_> {
    type Output = bool;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> bool {
        if S::LANES < 8 {
            return false;
        }
        let of = self.0;
        let conv = of.conv;
        let vectors = conv.in_channels / S::LANES;
        let [kh, kw] = conv.kernel;
        let fits = conv.groups == 1
            && conv.in_channels.is_multiple_of(S::LANES)
            && conv.out_channels <= MOST_CHANNELS
            && of.bias.is_none()
            && !of.relu
            && of.batch > 0;
        // Vectors of channels for which the weights of a row of taps fit the panel.
        let width = (12 / kw).min(vectors).min(div(of.scratch.len(), conv.out_channels * kw * S::LANES));
        if !fits
            || width == 0
            || (width * kw < 3 && vectors * kw >= 3)
            || !are_few(s, of.dy, conv.out_channels)
            || any(of.w, is_not_finite)
        {
            return false;
        }
        of.dx.fill(0.0);
        // Images that stay in the second cache while all taps go over them.
        const ELEMENTS: usize = 3 << 16;
        let group = div(ELEMENTS, conv.x_len() + conv.y_len()).max(1);
        let mut image = 0;
        while image < of.batch {
            let images = image..(image + group).min(of.batch);
            let mut vector = 0;
            while vector < vectors {
                let panel = Panel { vector, width: width.min(vectors - vector) };
                for tap in 0..kh {
                    panel.fill(s, of, tap);
                    for image in images.clone() {
                        panel.add(s, of, image, tap);
                    }
                }
                vector += panel.width;
            }
            image = images.end;
        }
        !any(of.dx, is_negative_zero)
    }
}

/// The weights of one row of taps and some vectors of input channels, as `[co][kw][ci]`.
struct Panel {
    vector: usize,
    width: usize,
}

impl Panel {
    #[inline(always)]
    fn fill<S: Simd>(&self, s: S, of: &mut Adjoint<'_>, tap: usize) {
        let conv = of.conv;
        let [ci, co] = [conv.in_channels, conv.out_channels];
        let width = self.width * S::LANES;
        for kw in 0..conv.kernel[1] {
            let row = (tap * conv.kernel[1] + kw) * ci + self.vector * S::LANES;
            let from = of.w.as_ptr().wrapping_add(row * co);
            let to = of.scratch.as_mut_ptr().wrapping_add(kw * width);
            // SAFETY: the rows are inside the weights, and `co` rows of `kw · width` fit the panel.
            unsafe { transpose(s, from, co, width, co, to, conv.kernel[1] * width) };
        }
    }

    /// Adds the terms of one row of taps to one image.
    #[inline(always)]
    fn add<S: Simd>(&self, s: S, of: &mut Adjoint<'_>, image: usize, tap: usize) {
        let conv = of.conv;
        let kw = conv.kernel[1];
        let co = conv.out_channels;
        let mut offsets = [0_usize; 12];
        let pixel = conv.in_channels;
        for (i, offset) in offsets[..kw * self.width].iter_mut().enumerate() {
            *offset = i / self.width * conv.dilation[1] * pixel + (i % self.width + self.vector) * S::LANES;
        }
        let dy = of.dy.as_ptr().wrapping_add(image * conv.y_len());
        let dx = of.dx.as_mut_ptr().wrapping_add(image * conv.x_len());
        let (first_line, lines) = conv.rows().outputs_of_tap(tap);
        // Descending, so that each sum has its taps in ascending order.
        for line in (first_line..first_line + lines).rev() {
            let row = line * conv.stride[0] + tap * conv.dilation[0] - conv.padding[0];
            for column in (0..conv.out_width()).rev() {
                let left = column * conv.stride[1];
                let inside = |tap: &usize| {
                    (left + tap * conv.dilation[1]).checked_sub(conv.padding[2]).is_some_and(|at| at < conv.width)
                };
                let taps = if conv.padding[2] == 0 && conv.padding[3] == 0 {
                    0..kw
                } else {
                    let first = (0..kw).find(inside).unwrap_or(kw);
                    first..first + (first..kw).take_while(inside).count()
                };
                let terms = dy.wrapping_add((line * conv.out_width() + column) * co);
                // SAFETY: a pixel of `dy` has `co` elements.
                let (words, any) = unsafe { nonzero(s, terms, co) };
                if !any {
                    continue;
                }
                let at = (row * conv.width + left).wrapping_sub(conv.padding[2]).wrapping_mul(pixel);
                let to = dx.wrapping_add(at);
                let from = taps.start * self.width;
                by_vectors!(taps.len() * self.width, |first, N| {
                    let Some(offsets) = offsets[from + first..].first_chunk::<N>() else { return };
                    let panel = of.scratch.as_ptr().wrapping_add((from + first) * S::LANES);
                    // SAFETY: the taps are inside the image, the bits inside the pixel, and the
                    // panel has a row of `kw · width` vectors for each; `dx` is borrowed alone.
                    unsafe { scatter::<S, N>(s, terms, &words, panel, kw * self.width * S::LANES, to, offsets) };
                });
            }
        }
    }
}

/// A bit for each of `count` elements that is not zero, and whether there is any.
///
/// # Safety
/// `x` is valid for reading `count` elements, at most 512.
#[inline(always)]
unsafe fn nonzero<S: Simd>(s: S, x: *const f32, count: usize) -> ([u64; WORDS], bool) {
    let mut words = [0; WORDS];
    let mut at = 0;
    let mut any = 0;
    while at < count {
        // SAFETY: fewer than `count` elements lie before `at`.
        let v = unsafe {
            if count - at >= S::LANES { s.load_ptr(x.add(at)) } else { s.load_ptr_first(x.add(at), count - at) }
        };
        let bits = u64::from(s.nonzero_bits(v)) << (at % 64);
        words[at / 64] |= bits;
        any |= bits;
        at += S::LANES;
    }
    (words, any != 0)
}

/// Adds `terms[i] · panel[i]` for each bit `i` to `N` vectors.
///
/// # Safety
/// The terms and rows of the panel that bits name are readable, `to` at every offset writable.
#[inline(always)]
unsafe fn scatter<S: Simd, const N: usize>(
    s: S,
    terms: *const f32,
    words: &[u64; WORDS],
    panel: *const f32,
    stride: usize,
    to: *mut f32,
    offsets: &[usize; N],
) {
    // SAFETY: the caller vouches for all places.
    unsafe {
        let mut sums = [s.splat(0.0); N];
        for v in 0..N {
            sums[v] = s.load_ptr(to.wrapping_add(offsets[v]));
        }
        for (i, &word) in words.iter().enumerate() {
            let mut bits = word;
            while bits != 0 {
                let term = i * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let one = s.splat(*terms.add(term));
                let row = panel.add(term * stride);
                for v in 0..N {
                    sums[v] = s.mul_add(one, s.load_ptr(row.add(v * S::LANES)), sums[v]);
                }
            }
        }
        for v in 0..N {
            s.store_ptr(sums[v], to.wrapping_add(offsets[v]));
        }
    }
}

/// The most rows of weights that are transposed at a time: 32 KiB of stack.
const ROWS: usize = 512;
/// Output channels at a time.
const COLUMNS: usize = 16;
/// Pixels whose terms are listed at a time; their windows of `x` should stay in the first cache.
const PIXELS: usize = 128;

/// Adds the gradient of some rows of the weights, where the shape and the operands allow it.
/// `with_all` is what does it with all terms, for some columns. Returns whether it is done.
pub(super) fn weight_gradient(
    level: Level,
    conv: &Conv2d,
    batch: usize,
    x: &[f32],
    dy: &[f32],
    rows: Range<usize>,
    dw: &mut [f32],
    mut with_all: impl FnMut(Range<usize>, Range<usize>, &mut [f32]),
) -> bool {
    if batch == 0 || !level.dispatch(MayPass { conv, x, dy, rows: rows.clone() }) {
        return false;
    }
    let co = conv.out_channels;
    let window = conv.kernel[1] * conv.in_channels;
    let mut row = rows.start;
    while row < rows.end {
        // Whole rows of taps, if they are not longer than there is room.
        let most = if window > ROWS { ROWS } else { ROWS / window * window - row % window };
        let part = row..(row + most).min(rows.end);
        let dw = &mut dw[(part.start - rows.start) * co..(part.end - rows.start) * co];
        let mut column = 0;
        while column < co {
            let columns = column..(column + COLUMNS).min(co);
            let piece = Columns { conv, batch, x, dy, rows: part.clone(), columns: columns.clone(), dw };
            if !level.dispatch(piece) {
                with_all(part.clone(), columns.clone(), dw);
            }
            column = columns.end;
        }
        row = part.end;
    }
    true
}

/// Whether passing over zeros of `dy` gives the gradient of some rows of weights, sooner.
struct MayPass<'a> {
    conv: &'a Conv2d,
    x: &'a [f32],
    dy: &'a [f32],
    rows: Range<usize>,
}

impl Kernel for MayPass<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> bool {
        if S::LANES < 8 {
            return false;
        }
        let Self { conv, rows, .. } = self;
        let window = conv.kernel[1] * conv.in_channels;
        conv.groups == 1
            // Windows are contiguous and wide enough.
            && conv.padding == [0; 4]
            && (conv.dilation[1] == 1 || conv.kernel[1] == 1)
            && window.is_multiple_of(S::LANES)
            && window >= 3 * S::LANES
            && rows.start.is_multiple_of(S::LANES)
            && rows.end.is_multiple_of(S::LANES)
            && rows.end - rows.start >= 3 * S::LANES
            // Places are kept in 32 bits.
            && u32::try_from(conv.x_len()).is_ok()
            && are_few(s, self.dy, conv.out_channels)
            && !any(self.x, is_not_finite)
    }
}

/// Some rows and columns of the weights. Returns whether they were computed.
struct Columns<'a> {
    conv: &'a Conv2d,
    batch: usize,
    x: &'a [f32],
    dy: &'a [f32],
    rows: Range<usize>,
    columns: Range<usize>,
    /// The rows alone.
    dw: &'a mut [f32],
}

/// The transposed gradient, `[co][kh, kw, ci]`.
#[repr(align(64))]
struct Sums([f32; ROWS * COLUMNS]);

impl Kernel for Columns<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> bool {
        if S::LANES < 8 {
            return false;
        }
        let conv = self.conv;
        let co = conv.out_channels;
        let (rows, columns) = (self.rows.len(), self.columns.len());
        let mut sums = Sums([0.0; ROWS * COLUMNS]);
        let dw = self.dw.as_mut_ptr().wrapping_add(self.columns.start);
        // SAFETY: `dw` holds `rows` rows of `co`, and there is room for as many of these columns.
        unsafe { transpose(s, dw, co, rows, columns, sums.0.as_mut_ptr(), rows) };
        let pixels = conv.out_height() * conv.out_width();
        for image in 0..self.batch {
            let mut first = 0;
            while first < pixels {
                let count = PIXELS.min(pixels - first);
                self.pixels(s, image, first, count, &mut sums);
                first += count;
            }
        }
        if any(&sums.0[..rows * columns], is_negative_zero) {
            return false;
        }
        // SAFETY: as above.
        unsafe { transpose(s, sums.0.as_ptr(), rows, columns, rows, dw, co) };
        true
    }
}

impl Columns<'_> {
    /// Adds the terms of some pixels of an image.
    #[inline(always)]
    fn pixels<S: Simd>(&self, s: S, image: usize, first: usize, count: usize, sums: &mut Sums) {
        let conv = self.conv;
        let co = conv.out_channels;
        let (rows, columns) = (self.rows.len(), self.columns.len());
        let dy = self.dy.as_ptr().wrapping_add((image * conv.out_height() * conv.out_width() + first) * co);
        let dy = dy.wrapping_add(self.columns.start);
        let x = self.x.as_ptr().wrapping_add(image * conv.x_len());
        let line = conv.width * conv.in_channels;

        let mut places = [0_u32; PIXELS];
        let mut masks = [[0_u8; PIXELS]; COLUMNS / 8];
        let width = conv.out_width();
        let (mut row, mut column) = (div(first, width), rem(first, width));
        for (pixel, place) in places[..count].iter_mut().enumerate() {
            *place = (row * conv.stride[0] * line + column * conv.stride[1] * conv.in_channels) as u32;
            column += 1;
            if column == width {
                (row, column) = (row + 1, 0);
            }
            // SAFETY: a pixel of `dy` has these columns.
            let ([word, ..], _) = unsafe { nonzero(s, dy.wrapping_add(pixel * co), columns) };
            masks[0][pixel] = word as u8;
            masks[1][pixel] = (word >> 8) as u8;
        }

        // From a bit for each column of a pixel to a bit for each pixel of a column.
        let mut bits = [[0_u8; PIXELS / 8]; COLUMNS];
        for (mask, bits) in masks.iter().zip(bits.as_chunks_mut::<8>().0) {
            for (i, block) in mask.as_chunks::<8>().0.iter().enumerate() {
                for (bits, byte) in bits.iter_mut().zip(transpose_bits(u64::from_le_bytes(*block)).to_le_bytes()) {
                    bits[i] = byte;
                }
            }
        }

        for column in 0..columns {
            let mut list = [(0_u32, 0.0_f32); PIXELS];
            let mut listed = 0;
            for (i, word) in bits[column].as_chunks::<8>().0.iter().enumerate() {
                let mut word = u64::from_le_bytes(*word);
                while word != 0 {
                    let pixel = i * 64 + word.trailing_zeros() as usize;
                    word &= word - 1;
                    // SAFETY: a bit names a pixel below `count`, and this column of it; no more
                    // are listed than there are pixels.
                    unsafe {
                        let term = *dy.add(pixel * co + column);
                        *list.get_unchecked_mut(listed) = (*places.get_unchecked(pixel), term);
                    }
                    listed += 1;
                }
            }
            let list = &list[..listed];
            if list.is_empty() {
                continue;
            }
            let window = conv.kernel[1] * conv.in_channels;
            let mut row = self.rows.start;
            while row < self.rows.end {
                let (kh, at) = (div(row, window), rem(row, window));
                let len = (window - at).min(self.rows.end - row);
                let x = x.wrapping_add(kh * conv.dilation[0] * line + at);
                let sums = sums.0.as_mut_ptr().wrapping_add(column * rows + row - self.rows.start);
                by_vectors!(len / S::LANES, |first, N| {
                    let first = first * S::LANES;
                    // SAFETY: the window of each pixel is inside the image, the rows inside the sums.
                    unsafe { gather::<S, N>(s, list, x.wrapping_add(first), sums.wrapping_add(first)) };
                });
                row += len;
            }
        }
    }
}

/// Adds `term · x[place..]` for each of the list to `N` vectors.
///
/// # Safety
/// `sums` are `N` vectors, writable, and so many are readable at each place of `x`.
#[inline(always)]
unsafe fn gather<S: Simd, const N: usize>(s: S, list: &[(u32, f32)], x: *const f32, to: *mut f32) {
    // SAFETY: the caller vouches for all places.
    unsafe {
        let mut sums = [s.splat(0.0); N];
        for v in 0..N {
            sums[v] = s.load_ptr(to.add(v * S::LANES));
        }
        for &(place, term) in list {
            let one = s.splat(term);
            let x = x.add(place as usize);
            for v in 0..N {
                sums[v] = s.mul_add(s.load_ptr(x.add(v * S::LANES)), one, sums[v]);
            }
        }
        for v in 0..N {
            s.store_ptr(sums[v], to.add(v * S::LANES));
        }
    }
}

/// Bit `j` of byte `i` becomes bit `i` of byte `j` (Warren, Hacker's Delight, 7–3).
#[inline(always)]
const fn transpose_bits(x: u64) -> u64 {
    let t = (x ^ (x >> 7)) & 0x00AA_00AA_00AA_00AA;
    let x = x ^ t ^ (t << 7);
    let t = (x ^ (x >> 14)) & 0x0000_CCCC_0000_CCCC;
    let x = x ^ t ^ (t << 14);
    let t = (x ^ (x >> 28)) & 0x0000_0000_F0F0_F0F0;
    x ^ t ^ (t << 28)
}
