//! Clipping by the global norm (Pascanu, Mikolov, Bengio: *On the difficulty of training
//! recurrent neural networks*, ICML 2013).

use crate::simd::{Level, reduce};

/// The L2 norm of all gradients together, `√(Σ g²)`; 0 for none.
///
/// # Numerics
/// Each slice is summed by [`reduce::sum_of_squares`], the sums are added in the
/// order of the slices. Where that overflows though every gradient is finite, the gradients are
/// summed again as multiples of 2⁶⁴, so that large ones are clipped and not lost.
///
/// ```
/// use kernlet::{optim::global_norm, simd::Level};
/// assert_eq!(global_norm(Level::detect(), &[&[3.0], &[0.0, 4.0]]), 5.0);
/// assert_eq!(global_norm(Level::detect(), &[&[3e30], &[0.0, 4e30]]), 5e30);
/// assert_eq!(global_norm(Level::detect(), &[&[f32::INFINITY]]), f32::INFINITY);
/// ```
pub fn global_norm(level: Level, gradients: &[&[f32]]) -> f32 {
    global_norm_of(level, gradients.iter().copied())
}

/// [`global_norm`] of slices that come one after the other.
pub(crate) fn global_norm_of<'a>(level: Level, gradients: impl Iterator<Item = &'a [f32]> + Clone) -> f32 {
    let sum = gradients.clone().map(|g| reduce::sum_of_squares(level, g)).fold(0.0, |sum, x| sum + x);
    if sum == f32::INFINITY {
        return large_norm(gradients);
    }
    libm::sqrtf(sum)
}

/// The norm of gradients whose squares overflow: a chain, since this is rare.
#[cold]
fn large_norm<'a>(gradients: impl Iterator<Item = &'a [f32]>) -> f32 {
    const UNIT: f32 = (1_u64 << 32) as f32 * (1_u64 << 32) as f32;
    let sum = gradients.flatten().fold(0.0, |sum, g| {
        let g = g / UNIT;
        sum + g * g
    });
    libm::sqrtf(sum) * UNIT
}

/// What gradients of norm `norm` are multiplied by, so that the norm is `max_norm` at most.
///
/// 1 while the norm is not above `max_norm`; NaN where it is infinite or NaN, as in
/// Keras, so that a broken step is seen. To be passed as
/// [`Step::gradient_scale`](super::Step::gradient_scale).
///
/// ```
/// use kernlet::optim::clip_scale;
/// assert_eq!(clip_scale(5.0, 1.0), 0.2);
/// assert_eq!(clip_scale(0.5, 1.0), 1.0);
/// assert!(clip_scale(f32::INFINITY, 1.0).is_nan());
/// ```
pub fn clip_scale(norm: f32, max_norm: f32) -> f32 {
    if !norm.is_finite() {
        f32::NAN
    } else if norm > max_norm {
        max_norm / norm
    } else {
        1.0
    }
}
