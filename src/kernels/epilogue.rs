//! What linear operations have in common at their doors: the operands of a forward pass, and what
//! happens to an output as it is written.

use crate::simd::Simd;

/// What happens to an output as it is written, before anything else reads it.
///
/// ```
/// use kernlet::kernels::Epilogue;
/// assert_eq!(Epilogue::default(), Epilogue::None);
/// assert_eq!(Epilogue::RELU6, Epilogue::Clamp { low: 0.0, high: 6.0 });
/// assert_eq!(Epilogue::RELU6.apply(7.5), 6.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Epilogue {
    /// Nothing.
    #[default]
    None,
    /// `max(y, 0)`, where −0 and NaN stay as they are.
    Relu,
    /// `min(max(y, low), high)`, where NaN stays as it is, and so does a zero beside a bound of the other sign.
    /// A bound that is NaN bounds nothing; where `low` is above `high`, every number becomes `high`.
    Clamp {
        /// The least output.
        low: f32,
        /// The largest output.
        high: f32,
    },
}

impl Epilogue {
    /// `min(max(y, 0), 6)`.
    pub const RELU6: Self = Self::Clamp { low: 0.0, high: 6.0 };

    /// The epilogue of one output: the specification of what the kernels do.
    ///
    /// ```
    /// use kernlet::kernels::Epilogue;
    /// assert_eq!(Epilogue::Relu.apply(-2.0), 0.0);
    /// assert!(Epilogue::Relu.apply(f32::NAN).is_nan());
    /// ```
    pub const fn apply(self, y: f32) -> f32 {
        match self {
            Self::None => y,
            Self::Relu => {
                if y < 0.0 {
                    0.0
                } else {
                    y
                }
            }
            Self::Clamp { low, high } => {
                let y = if y < low { low } else { y };
                if y > high { high } else { y }
            }
        }
    }
}

impl Epilogue {
    /// What it clamps to, which is the same computation for ReLU: nothing is above infinity.
    #[inline(always)]
    pub(super) fn bounds(self) -> Option<[f32; 2]> {
        match self {
            Self::None => None,
            Self::Relu => Some([0.0, f32::INFINITY]),
            Self::Clamp { low, high } => Some([low, high]),
        }
    }

    /// [`apply`](Self::apply) to every lane.
    #[inline(always)]
    pub(super) fn apply_to<S: Simd>(self, s: S, y: S::V) -> S::V {
        // In this order of operands a NaN stays NaN.
        match self {
            Self::None => y,
            Self::Relu => s.max(s.splat(0.0), y),
            Self::Clamp { low, high } => s.min(s.splat(high), s.max(s.splat(low), y)),
        }
    }
}

/// What the forward pass of a linear operation reads: `epilogue(x · w + b)`.
///
/// [`conv2d`](super::conv2d), [`conv2d_transpose`](super::conv2d_transpose) and
/// [`dense`](super::dense) take the same operands, each with the layouts of its own documentation.
///
/// ```
/// use kernlet::{kernels::{Epilogue, dense::{self, Dense, Forward}}, simd::Level};
/// let (x, w, b) = ([1.0, 1.0, 2.0], [1.0, 4.0, 2.0, 5.0, 3.0, 6.0], [0.0, -30.0]);
/// let mut y = [f32::NAN; 2];
/// let operands = Forward { x: &x, w: &w, b: Some(&b), epilogue: Epilogue::Relu };
/// dense::forward_into(Level::detect(), &Dense::new(3, 2), 1, operands, &mut y)?;
/// assert_eq!(y, [9.0, 0.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Forward<'a> {
    /// The input.
    pub x: &'a [f32],
    /// The weights.
    pub w: &'a [f32],
    /// The bias, from which every chain starts; 0 without one.
    pub b: Option<&'a [f32]>,
    /// What happens to each output as it is written.
    pub epilogue: Epilogue,
}

/// What the gradient of a linear operation's weights reads.
#[cfg(feature = "rayon")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backward<'a> {
    /// The input.
    pub x: &'a [f32],
    /// The gradient of the output.
    pub dy: &'a [f32],
}
