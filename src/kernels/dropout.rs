//! Inverted dropout (Srivastava et al.: *Dropout*, JMLR 2014), from a counter-based generator.
//!
//! An element falls out, or is divided by the probability of staying. Which ones fall out is a
//! function of the stream and the element's index alone: a batch may be cut anywhere,
//! nothing is stored, and backward is the same kernel on `dy` with the same stream.
//!
//! # Numerics
//!
//! An element has 16 random bits, so the rate is rounded to a multiple of 2⁻¹⁶, and the
//! factor is that of the rounded rate. Element `128 g + 64 h + 16 w + j` reads half `h` (the
//! low one is 0) of word `w` of block `16 g + j` of the stream: sixteen blocks are made side by side,
//! and each of their words decides over sixteen neighbours. What falls out is 0, also of ∞ and NaN.

use super::{ShapeError, check};
use crate::random::Stream;
use crate::simd::{Kernel, Level, Simd};

/// Blocks that are made at once.
const LANES: usize = 16;
/// Elements that these decide over.
const GROUP: usize = LANES * 8;

struct Dropout<'a> {
    /// An element stays if its bits are at least this.
    threshold: u32,
    factor: f32,
    stream: Stream,
    first: u64,
    y: &'a mut [f32],
}

impl Kernel for Dropout<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { threshold, factor, stream, first, y } = self;
        let keep = |x: f32, bits: u32| if bits >= threshold { x * factor } else { 0.0 };
        let skipped = (first % GROUP as u64) as usize;
        let mut group = first / GROUP as u64;
        let head = if skipped == 0 { 0 } else { y.len().min(GROUP - skipped) };
        let (head, body) = y.split_at_mut(head);
        if !head.is_empty() {
            let mask = bits(stream, group);
            for (x, &bits) in head.iter_mut().zip(&mask[skipped..]) {
                *x = keep(*x, bits);
            }
            group = group.wrapping_add(1);
        }
        let (groups, tail) = body.as_chunks_mut::<GROUP>();
        for chunk in groups {
            let mask = bits(stream, group);
            for (x, &bits) in chunk.iter_mut().zip(&mask) {
                *x = keep(*x, bits);
            }
            group = group.wrapping_add(1);
        }
        if !tail.is_empty() {
            for (x, &bits) in tail.iter_mut().zip(&bits(stream, group)) {
                *x = keep(*x, bits);
            }
        }
    }
}

/// The random bits of the elements of a group.
#[inline(always)]
fn bits(stream: Stream, group: u64) -> [u32; GROUP] {
    let words = stream.blocks_at::<LANES>(group.wrapping_mul(LANES as u64));
    let mut bits = [0; GROUP];
    let (low, high) = bits.split_at_mut(GROUP / 2);
    for (word, (low, high)) in words.iter().zip(low.chunks_exact_mut(LANES).zip(high.chunks_exact_mut(LANES))) {
        for (&word, (low, high)) in word.iter().zip(low.iter_mut().zip(high)) {
            *low = word & 0xFFFF;
            *high = word >> 16;
        }
    }
    bits
}

/// Drops elements `first .. first + y.len()` of a batch at `rate`, in place.
///
/// `rate` is between 0 (all stay, also for NaN or less) and 1 (none).
///
/// ```
/// use kernlet::{kernels::dropout, random::Stream, simd::Level};
/// let (level, stream) = (Level::detect(), Stream::new(1, 2));
/// let mut y = [1.0; 1000];
/// dropout::in_place(level, 0.5, stream, 0, &mut y);
/// assert!(y.iter().all(|&y| y == 0.0 || y == 2.0));
/// let mut part = [1.0; 10];
/// dropout::in_place(level, 0.5, stream, 70, &mut part);
/// assert_eq!(part, y[70..80]);
/// ```
pub fn in_place(level: Level, rate: f32, stream: Stream, first: u64, y: &mut [f32]) {
    // A cast of NaN is 0, and of too large a number the largest.
    let threshold = (rate * 65536.0 + 0.5) as u32;
    if threshold == 0 {
        return;
    }
    if threshold > 0xFFFF {
        return y.fill(0.0);
    }
    let factor = 65536.0 / (65536 - threshold) as f32;
    level.dispatch(Dropout { threshold, factor, stream, first, y });
}

/// Drops elements of `x` as [`in_place`] does, into `y`.
///
/// # Errors
/// [`ShapeError`] if `y` is not as long as `x`.
///
/// ```
/// use kernlet::{kernels::dropout, random::Stream, simd::Level};
/// let mut y = [f32::NAN; 4];
/// dropout::into(Level::detect(), 0.0, Stream::new(1, 2), 0, &[1.0, 2.0, 3.0, 4.0], &mut y)?;
/// assert_eq!(y, [1.0, 2.0, 3.0, 4.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn into(level: Level, rate: f32, stream: Stream, first: u64, x: &[f32], y: &mut [f32]) -> Result<(), ShapeError> {
    check("dropout", "y", y, x.len())?;
    y.copy_from_slice(x);
    in_place(level, rate, stream, first, y);
    Ok(())
}
