//! The forward pass and the gradient of the input: each term that is not zero is scattered over
//! the outputs that its pixel contributes to.
#![allow(unsafe_code)]
// Registers are addressed by number; iterators hide which.
#![allow(clippy::needless_range_loop)]

use core::ops::Range;

use super::{any, are_few, is_negative_zero, is_not_finite, nonzero};
use crate::{
    kernels::{
        Epilogue,
        convolution::{Adjoint, Window},
        div,
        epilogue::Forward,
        transpose::transpose,
    },
    simd::{Kernel, Simd},
};

/// Zeros are passed over where fewer of 16 terms than this are not zero: what a term costs beside
/// its multiply-adds is the less, the more of these there are.
#[inline(always)]
const fn few(vectors: usize) -> usize {
    if vectors >= 12 { 7 } else { 6 }
}

/// Elements of images that stay in the second cache while all rows of taps go over them.
const RESIDENT: usize = 3 << 16;

/// Vectors of channels that are summed at a time, so that with three taps all stay in registers.
#[inline(always)]
const fn widest(vectors: usize) -> usize {
    match vectors {
        0 => 0,
        1 => 1,
        2 | 3 => 2,
        _ => 4,
    }
}

/// The forward pass. Returns whether it was computed.
pub(in crate::kernels::convolution) struct ForwardPass<'a> {
    pub conv: &'a Window,
    pub batch: usize,
    pub operands: Forward<'a>,
    pub y: &'a mut [f32],
}

impl Kernel for ForwardPass<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> bool {
        let Self { conv, batch, operands: Forward { x, w, b, epilogue }, y } = self;
        if S::LANES < 8 {
            return false;
        }
        let [ci, co] = [conv.in_channels, conv.out_channels];
        if conv.groups != 1
            || conv.stride[1] != 1
            || !co.is_multiple_of(S::LANES)
            // Sums wait for one another, so some are needed.
            || conv.kernel[1].min(3) * widest(co / S::LANES) < 4
            || ci < 8
            || batch == 0
            || !are_few(s, x, ci, few(conv.kernel[1].min(3) * widest(co / S::LANES)))
            || any(w, is_not_finite)
        {
            return false;
        }
        match b {
            Some(b) => y.chunks_exact_mut(co).for_each(|y| y.copy_from_slice(b)),
            None => y.fill(0.0),
        }
        let group = div(RESIDENT, conv.x_len() + conv.y_len()).max(1);
        let mut image = 0;
        while image < batch {
            let images = image..(image + group).min(batch);
            let mut column = 0;
            while column < co {
                let width = widest((co - column) / S::LANES);
                for tap in 0..conv.kernel[0] {
                    for image in images.clone() {
                        let terms = &x[image * conv.x_len()..][..conv.x_len()];
                        let sums = &mut y[image * conv.y_len()..][..conv.y_len()];
                        forward(s, conv, (terms, w), sums, tap, [column, width]);
                    }
                }
                column += width * S::LANES;
            }
            image = images.end;
        }
        if epilogue != Epilogue::None {
            // Rows of `co` are whole vectors.
            y.chunks_exact_mut(S::LANES).for_each(|y| s.store(epilogue.apply_to(s, s.load(y)), y));
        }
        !any(y, is_negative_zero)
    }
}

/// Adds the terms of one row of taps to some columns of one image: the first of them, and their vectors.
#[inline(always)]
fn forward<S: Simd>(s: S, conv: &Window, (x, w): (&[f32], &[f32]), y: &mut [f32], tap: usize, at: [usize; 2]) {
    let [column, width] = at;
    let [ci, co] = [conv.in_channels, conv.out_channels];
    let [kw, dilation] = [conv.kernel[1], conv.dilation[1]];
    let weights = w.as_ptr().wrapping_add(tap * kw * ci * co + column);
    let (first_line, lines) = conv.rows().outputs_of_tap(tap);
    for line in first_line..first_line + lines {
        let row = line * conv.stride[0] + tap * conv.dilation[0] - conv.before[0];
        let sums = y.as_mut_ptr().wrapping_add(line * conv.output[1] * co + column);
        // Ascending, so that each sum has its taps in ascending order.
        for pixel in 0..conv.input[1] {
            let inside = |tap: &usize| {
                (pixel + conv.before[1]).checked_sub(tap * dilation).is_some_and(|at| at < conv.output[1])
            };
            let at = Terms {
                terms: x.as_ptr().wrapping_add((row * conv.input[1] + pixel) * ci),
                count: ci,
                weights,
                row: co,
                tap: ci * co,
                sums: sums.wrapping_add((pixel + conv.before[1]).wrapping_mul(co)),
                step: (dilation.wrapping_mul(co) as isize).wrapping_neg(),
            };
            // SAFETY: the pixel is inside the image, the taps inside the row of outputs, the
            // columns inside the weights; `y` is borrowed alone.
            unsafe { at.add(s, taps(kw, inside), width) };
        }
    }
}

/// The taps that are inside; they follow one another.
#[inline(always)]
fn taps(count: usize, inside: impl Fn(&usize) -> bool) -> Range<usize> {
    if count == 0 || (inside(&0) && inside(&(count - 1))) {
        return 0..count;
    }
    let first = (0..count).find(&inside).unwrap_or(count);
    first..first + (first..count).take_while(inside).count()
}

/// The gradient of the input. Returns whether it was computed.
pub(in crate::kernels::convolution) struct InputGradient<'a, 'b>(pub &'b mut Adjoint<'a>);

impl Kernel for InputGradient<'_, '_> {
    type Output = bool;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> bool {
        if S::LANES < 8 {
            return false;
        }
        let of = self.0;
        let conv = of.conv;
        let [ci, co] = [conv.in_channels, conv.out_channels];
        // Vectors of channels for which the weights of a row of taps fit the panel.
        let room = widest(div(of.scratch.len(), co * conv.kernel[1] * S::LANES));
        if conv.groups != 1
            || !ci.is_multiple_of(S::LANES)
            // A dense layer's weights are as many as its terms: they alone take their time.
            || conv.input[0] * conv.input[1] < 8
            || conv.kernel[1].min(3) * widest(ci / S::LANES).min(room) < 3
            || of.bias.is_some()
            || of.epilogue != Epilogue::None
            || of.batch == 0
            || !are_few(s, of.dy, co, few(conv.kernel[1].min(3) * widest(ci / S::LANES).min(room)))
            || any(of.w, is_not_finite)
        {
            return false;
        }
        of.dx.fill(0.0);
        let group = div(RESIDENT, conv.x_len() + conv.y_len()).max(1);
        let mut image = 0;
        while image < of.batch {
            let images = image..(image + group).min(of.batch);
            let mut channel = 0;
            while channel < ci {
                let width = widest((ci - channel) / S::LANES).min(room);
                for tap in 0..conv.kernel[0] {
                    fill_panel(s, of, tap, channel, width * S::LANES);
                    for image in images.clone() {
                        backward(s, of, image, tap, channel, width);
                    }
                }
                channel += width * S::LANES;
            }
            image = images.end;
        }
        !any(of.dx, is_negative_zero)
    }
}

/// Fills the panel with the weights of one row of taps and some input channels, as `[co][kw][ci]`.
#[inline(always)]
fn fill_panel<S: Simd>(s: S, of: &mut Adjoint<'_>, tap: usize, channel: usize, width: usize) {
    let [ci, co] = [of.conv.in_channels, of.conv.out_channels];
    let kw = of.conv.kernel[1];
    for k in 0..kw {
        let from = of.w.as_ptr().wrapping_add(((tap * kw + k) * ci + channel) * co);
        let to = of.scratch.as_mut_ptr().wrapping_add(k * width);
        // SAFETY: the rows are inside the weights, and `co` rows of `kw · width` fit the panel.
        unsafe { transpose(s, from, co, width, co, to, kw * width) };
    }
}

/// Adds the terms of one row of taps to some channels of one image.
#[inline(always)]
fn backward<S: Simd>(s: S, of: &mut Adjoint<'_>, image: usize, tap: usize, channel: usize, width: usize) {
    let conv = of.conv;
    let [ci, co] = [conv.in_channels, conv.out_channels];
    let [kw, dilation] = [conv.kernel[1], conv.dilation[1]];
    let dy = of.dy.as_ptr().wrapping_add(image * conv.y_len());
    let dx = of.dx.as_mut_ptr().wrapping_add(image * conv.x_len() + channel);
    let (first_line, lines) = conv.rows().outputs_of_tap(tap);
    // Descending, so that each sum has its taps in ascending order.
    for line in (first_line..first_line + lines).rev() {
        let row = line * conv.stride[0] + tap * conv.dilation[0] - conv.before[0];
        for column in (0..conv.output[1]).rev() {
            let left = column * conv.stride[1];
            let inside =
                |tap: &usize| (left + tap * dilation).checked_sub(conv.before[1]).is_some_and(|at| at < conv.input[1]);
            let at = Terms {
                terms: dy.wrapping_add((line * conv.output[1] + column) * co),
                count: co,
                weights: of.scratch.as_ptr(),
                row: kw * width * S::LANES,
                tap: width * S::LANES,
                sums: dx.wrapping_add((row * conv.input[1] + left).wrapping_sub(conv.before[1]).wrapping_mul(ci)),
                step: dilation.wrapping_mul(ci) as isize,
            };
            // SAFETY: the pixel is inside `dy`, the taps inside the image, and the panel has a row
            // of `kw · width` vectors for each term; `dx` is borrowed alone.
            unsafe { at.add(s, taps(kw, inside), width) };
        }
    }
}

/// The terms of a pixel, their weights, and the sums that they are added to.
#[derive(Clone, Copy)]
struct Terms {
    terms: *const f32,
    count: usize,
    weights: *const f32,
    /// From the weights of a term to those of the next.
    row: usize,
    /// From the weights of a tap to those of the next.
    tap: usize,
    sums: *mut f32,
    /// From the sums of a tap to those of the next.
    step: isize,
}

impl Terms {
    /// Adds the terms to `width` vectors (1, 2 or 4) of each tap.
    ///
    /// # Safety
    /// The terms, `width` vectors of weights for each of them and each tap, and as many sums for
    /// each tap are there, and nothing else refers to the sums.
    #[inline(always)]
    unsafe fn add<S: Simd>(mut self, s: S, taps: Range<usize>, width: usize) {
        self.weights = self.weights.wrapping_add(taps.start * self.tap);
        self.sums = self.sums.wrapping_offset((taps.start as isize).wrapping_mul(self.step));
        let mut left = taps.end - taps.start;
        // SAFETY: the caller vouches for all places.
        unsafe {
            while left > 0 {
                let count = left.min(3);
                match (count, width) {
                    (1, 1) => self.each::<S, 1, 1>(s),
                    (1, 2) => self.each::<S, 1, 2>(s),
                    (1, _) => self.each::<S, 1, 4>(s),
                    (2, 1) => self.each::<S, 2, 1>(s),
                    (2, 2) => self.each::<S, 2, 2>(s),
                    (2, _) => self.each::<S, 2, 4>(s),
                    (_, 1) => self.each::<S, 3, 1>(s),
                    (_, 2) => self.each::<S, 3, 2>(s),
                    (_, _) => self.each::<S, 3, 4>(s),
                }
                self.weights = self.weights.wrapping_add(count * self.tap);
                self.sums = self.sums.wrapping_offset((count as isize).wrapping_mul(self.step));
                left -= count;
            }
        }
    }

    /// Adds the terms to `N` vectors of each of `T` taps.
    ///
    /// # Safety
    /// As [`add`](Self::add).
    #[inline(always)]
    unsafe fn each<S: Simd, const T: usize, const N: usize>(self, s: S) {
        let (mut weights, mut sums) = ([self.weights; T], [self.sums; T]);
        for t in 0..T {
            weights[t] = self.weights.wrapping_add(t * self.tap);
            sums[t] = self.sums.wrapping_offset((t as isize).wrapping_mul(self.step));
        }
        let mut first = 0;
        while first < self.count {
            // SAFETY: the caller vouches for all places.
            unsafe {
                let mut bits = nonzero(s, self.terms.add(first), self.count - first);
                if bits != 0 {
                    let mut acc = [[s.splat(0.0); N]; T];
                    for t in 0..T {
                        for v in 0..N {
                            acc[t][v] = s.load_ptr(sums[t].add(v * S::LANES));
                        }
                    }
                    while bits != 0 {
                        let term = first + bits.trailing_zeros() as usize;
                        bits &= bits - 1;
                        let one = s.splat(*self.terms.add(term));
                        for t in 0..T {
                            let row = weights[t].add(term * self.row);
                            for v in 0..N {
                                acc[t][v] = s.mul_add(one, s.load_ptr(row.add(v * S::LANES)), acc[t][v]);
                            }
                        }
                    }
                    for t in 0..T {
                        for v in 0..N {
                            s.store_ptr(acc[t][v], sums[t].add(v * S::LANES));
                        }
                    }
                }
            }
            first += 64;
        }
    }
}
