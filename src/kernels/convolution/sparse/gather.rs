//! The gradient of the weights: for each output channel the pixels whose term is not zero are
//! listed, and their windows of the input gathered.
#![allow(unsafe_code)]
// Registers are addressed by number; iterators hide which.
#![allow(clippy::needless_range_loop)]

use core::ops::Range;

use super::{any, are_few, is_negative_zero, is_not_finite, nonzero};
use crate::{
    kernels::{
        convolution::weight_gradient::{Block, Gradient},
        div, rem,
        transpose::transpose,
    },
    simd::{Kernel, Level, Simd},
};

/// Zeros are passed over where fewer than this many of 16 terms are not zero.
const FEW: usize = 7;

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

/// The most rows of weights that are transposed at a time: 32 KiB of stack.
const ROWS: usize = 512;
/// Output channels at a time.
const COLUMNS: usize = 16;
/// Pixels whose terms are listed at a time; their windows of `x` should stay in the first cache.
const PIXELS: usize = 128;

/// Adds the gradient of a block of weights, where the shape and the operands allow it; `with_all` is
/// what does it with all terms. Returns whether it is done.
///
/// # Safety
/// The rows are valid for reading and writing these columns.
pub(in crate::kernels::convolution) unsafe fn weight_gradient(
    level: Level,
    of: Gradient<'_>,
    block: Block,
    mut with_all: impl FnMut(Block),
) -> bool {
    let Block { rows, columns, dw } = block;
    let conv = of.conv;
    if of.batch == 0 || !level.dispatch(MayPass { of, rows: rows.clone() }) {
        return false;
    }
    let co = conv.out_channels;
    let window = conv.kernel[1] * conv.in_channels;
    let mut row = rows.start;
    while row < rows.end {
        // Whole rows of taps, if they are not longer than there is room.
        let most = if window > ROWS { ROWS } else { ROWS / window * window - row % window };
        let part = row..(row + most).min(rows.end);
        let dw = dw.wrapping_add((part.start - rows.start) * co);
        let mut column = columns.start;
        while column < columns.end {
            let columns = column..(column + COLUMNS).min(columns.end);
            let block = Block { rows: part.clone(), columns: columns.clone(), dw };
            if !level.dispatch(Columns { of, block: block.clone() }) {
                with_all(block);
            }
            column = columns.end;
        }
        row = part.end;
    }
    true
}

/// Whether passing over zeros of `dy` gives the gradient of some rows of weights, sooner.
struct MayPass<'a> {
    of: Gradient<'a>,
    rows: Range<usize>,
}

impl Kernel for MayPass<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> bool {
        if S::LANES < 8 {
            return false;
        }
        let Self { of, rows } = self;
        let conv = of.conv;
        let window = conv.kernel[1] * conv.in_channels;
        conv.groups == 1
            // Windows are contiguous and wide enough.
            && conv.is_inside()
            && (conv.dilation[1] == 1 || conv.kernel[1] == 1)
            && window.is_multiple_of(S::LANES)
            && window >= 3 * S::LANES
            && rows.start.is_multiple_of(S::LANES)
            && rows.end.is_multiple_of(S::LANES)
            && rows.end - rows.start >= 3 * S::LANES
            // Places are kept in 32 bits.
            && u32::try_from(conv.x_len()).is_ok()
            && are_few(s, of.dy, conv.out_channels, FEW)
            && !any(of.x, is_not_finite)
    }
}

/// Some rows and columns of the weights. Returns whether they were computed.
struct Columns<'a> {
    of: Gradient<'a>,
    /// The maker vouches for all of it.
    block: Block,
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
        let conv = self.of.conv;
        let co = conv.out_channels;
        let (rows, columns) = (self.block.rows.len(), self.block.columns.len());
        let mut sums = Sums([0.0; ROWS * COLUMNS]);
        let dw = self.block.dw.wrapping_add(self.block.columns.start);
        // SAFETY: the maker vouches for these columns of `rows` rows, and there is room for as many.
        unsafe { transpose(s, dw, co, rows, columns, sums.0.as_mut_ptr(), rows) };
        let pixels = conv.output[0] * conv.output[1];
        for image in 0..self.of.batch {
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
        let conv = self.of.conv;
        let co = conv.out_channels;
        let (rows, columns) = (self.block.rows.len(), self.block.columns.len());
        let dy = self.of.dy.as_ptr().wrapping_add((image * conv.output[0] * conv.output[1] + first) * co);
        let dy = dy.wrapping_add(self.block.columns.start);
        let x = self.of.x.as_ptr().wrapping_add(image * conv.x_len());
        let line = conv.input[1] * conv.in_channels;

        let mut places = [0_u32; PIXELS];
        let mut masks = [[0_u8; PIXELS]; COLUMNS / 8];
        let width = conv.output[1];
        let (mut row, mut column) = (div(first, width), rem(first, width));
        for (pixel, place) in places[..count].iter_mut().enumerate() {
            *place = (row * conv.stride[0] * line + column * conv.stride[1] * conv.in_channels) as u32;
            column += 1;
            if column == width {
                (row, column) = (row + 1, 0);
            }
            // SAFETY: a pixel of `dy` has these columns.
            let word = unsafe { nonzero(s, dy.wrapping_add(pixel * co), columns) };
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

        let mut list = [(0_u32, 0.0_f32); PIXELS];
        for column in 0..columns {
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
            let mut row = self.block.rows.start;
            while row < self.block.rows.end {
                let (kh, at) = (div(row, window), rem(row, window));
                let len = (window - at).min(self.block.rows.end - row);
                let x = x.wrapping_add(kh * conv.dilation[0] * line + at);
                let sums = sums.0.as_mut_ptr().wrapping_add(column * rows + row - self.block.rows.start);
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
