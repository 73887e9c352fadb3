//! Sums over a slice with 16 virtual lanes and one fixed tree, whatever the real width.
//!
//! Element `i` belongs to virtual lane `i % 16`, each lane is a chain over
//! ascending `i` that starts at 0, and the lanes are added as
//! `l[j] + l[j + 8]`, then `+ 4`, `+ 2`, `+ 1`.

use super::{Kernel, Level, Simd};

/// The number of virtual lanes.
pub const VIRTUAL_LANES: usize = 16;

/// Adds the virtual lanes in the fixed tree.
///
/// ```
/// let mut lanes = [0.0; 16];
/// lanes[3] = 1.0;
/// lanes[12] = 2.0;
/// assert_eq!(kernlet::simd::reduce::fold(lanes), 3.0);
/// ```
#[inline(always)]
pub fn fold(mut lanes: [f32; VIRTUAL_LANES]) -> f32 {
    for half in [8, 4, 2, 1] {
        let (low, high) = lanes.split_at_mut(half);
        for (low, high) in low.iter_mut().zip(high) {
            *low += *high;
        }
    }
    lanes[0]
}

/// Runs `step` over `x` in virtual lanes: `lane = step(lane, x[i])`, then folds.
#[inline(always)]
pub(crate) fn fold_map<S: Simd>(s: S, x: &[f32], step: impl Fn(S::V, S::V) -> S::V) -> f32 {
    let mut lanes = [0.0; VIRTUAL_LANES];
    // 16 / LANES vectors stand for the virtual lanes; a narrower vector uses more of them.
    let mut sums = [s.splat(0.0); VIRTUAL_LANES];
    let count = VIRTUAL_LANES / S::LANES;
    let mut blocks = x.chunks_exact(VIRTUAL_LANES);
    for block in &mut blocks {
        for (sum, part) in sums[..count].iter_mut().zip(block.chunks_exact(S::LANES)) {
            *sum = step(*sum, s.load(part));
        }
    }
    for (sum, part) in sums.iter().zip(lanes.chunks_exact_mut(S::LANES)) {
        s.store(*sum, part);
    }
    let rest = blocks.remainder();
    let mut tail = [0.0; VIRTUAL_LANES];
    tail[..rest.len()].copy_from_slice(rest);
    let mut at = 0;
    while at < rest.len() {
        let n = (rest.len() - at).min(S::LANES);
        let v = step(s.load(&lanes[at..]), s.load(&tail[at..]));
        let mut out = [0.0; VIRTUAL_LANES];
        s.store(v, &mut out);
        lanes[at..at + n].copy_from_slice(&out[..n]);
        at += S::LANES;
    }
    fold(lanes)
}

struct Sum<'a>(&'a [f32]);

impl Kernel for Sum<'_> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        fold_map(s, self.0, |sum, x| s.add(sum, x))
    }
}

/// `Σ x[i]`; 0 for an empty slice.
///
/// ```
/// use kernlet::simd::{Level, reduce};
/// assert_eq!(reduce::sum(Level::detect(), &[1.0; 100]), 100.0);
/// ```
pub fn sum(level: Level, x: &[f32]) -> f32 {
    level.dispatch(Sum(x))
}

struct SumOfSquares<'a>(&'a [f32]);

impl Kernel for SumOfSquares<'_> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        fold_map(s, self.0, |sum, x| s.mul_add(x, x, sum))
    }
}

/// `Σ x[i]²`; 0 for an empty slice.
///
/// ```
/// use kernlet::simd::{Level, reduce};
/// assert_eq!(reduce::sum_of_squares(Level::detect(), &[2.0; 100]), 400.0);
/// ```
pub fn sum_of_squares(level: Level, x: &[f32]) -> f32 {
    level.dispatch(SumOfSquares(x))
}
