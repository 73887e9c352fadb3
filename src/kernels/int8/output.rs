//! What convolutions and dense layers share: their weights, and how sums become outputs.

use super::{Multiplier, Rescaling, ShapeError, check};
use crate::simd::{
    taps::{Placing, Simple},
    tile::HAS_SIMPLE,
};

/// The function that a layer applies to its output.
///
/// ```
/// use kernlet::kernels::int8::Activation;
/// // A scale of 0.05 and zero point −100: 6.0 is 120 steps above.
/// assert_eq!(Activation::Relu6.range(0.05, -100), [-100, 20]);
/// assert_eq!(Activation::None.range(0.05, -100), [-128, 127]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// From 0 up.
    Relu,
    /// From −1 to 1.
    ReluN1To1,
    /// From 0 to 6.
    Relu6,
}

impl Activation {
    /// The least and the greatest `i8` inside the function's range.
    pub const fn range(self, scale: f32, zero_point: i8) -> [i8; 2] {
        const fn at(real: f32, scale: f32, zero_point: i8) -> i8 {
            // Rounded to the nearest, halves away from zero; what is beyond 2²³ is whole already.
            let steps = real / scale;
            let whole = steps as i32;
            let rest = steps - whole as f32;
            let whole = if rest >= 0.5 {
                whole.saturating_add(1)
            } else if rest <= -0.5 {
                whole.saturating_sub(1)
            } else {
                whole
            };
            let q = whole.saturating_add(zero_point as i32);
            if q < -128 {
                -128
            } else if q > 127 {
                127
            } else {
                q as i8
            }
        }
        match self {
            Self::None => [i8::MIN, i8::MAX],
            Self::Relu => [zero_point, i8::MAX],
            Self::ReluN1To1 => [at(-1.0, scale, zero_point), at(1.0, scale, zero_point)],
            Self::Relu6 => [zero_point, at(6.0, scale, zero_point)],
        }
    }
}

/// How a rescaled sum becomes an output: the zero point is added, then it is clamped to the range.
///
/// ```
/// use kernlet::kernels::int8::{Activation, Multiplier, Output};
/// let output = Output::new(-128).with_range(Activation::Relu6.range(0.1, -128));
/// assert_eq!(output.of(1000, Multiplier::from_real(0.02)), -108);
/// assert_eq!(output.of(-1000, Multiplier::from_real(0.02)), -128);
/// assert_eq!(output.of(100_000, Multiplier::from_real(0.02)), -68);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Output {
    /// The integer that stands for 0.
    pub zero_point: i8,
    /// The least and the greatest output, as [`Activation::range`] gives them.
    pub range: [i8; 2],
    /// How sums are rounded as they are rescaled.
    pub rescaling: Rescaling,
}

impl Output {
    /// All 256 values, with double rounding.
    pub const fn new(zero_point: i8) -> Self {
        Self { zero_point, range: [i8::MIN, i8::MAX], rescaling: Rescaling::Double }
    }

    /// The same with another range.
    pub const fn with_range(self, range: [i8; 2]) -> Self {
        Self { range, ..self }
    }

    /// The same with another rounding.
    ///
    /// ```
    /// use kernlet::kernels::int8::{Output, Rescaling};
    /// assert_eq!(Output::new(3).with_rescaling(Rescaling::Single).rescaling, Rescaling::Single);
    /// ```
    pub const fn with_rescaling(self, rescaling: Rescaling) -> Self {
        Self { rescaling, ..self }
    }

    /// The output of a sum.
    #[inline(always)]
    pub const fn of(self, sum: i32, multiplier: Multiplier) -> i8 {
        self.place(multiplier.rescale(sum, self.rescaling))
    }

    /// The output of a sum that is rescaled already.
    ///
    /// ```
    /// assert_eq!(kernlet::kernels::int8::Output::new(-28).place(120), 92);
    /// ```
    #[inline(always)]
    pub const fn place(self, rescaled: i32) -> i8 {
        // Below 2³¹ less a zero point nothing is lost by adding it first.
        clamp(rescaled.saturating_add(self.zero_point as i32), self.range)
    }
}

/// `x`, at least the first and then at most the second of `range`, as TensorFlow does it.
#[inline(always)]
pub(super) const fn clamp(x: i32, range: [i8; 2]) -> i8 {
    let [least, most] = range;
    let x = if x < least as i32 { least as i32 } else { x };
    if x > most as i32 { most } else { x as i8 }
}

/// The weights of a layer as they lie in a file, and everything else that its sums need.
///
/// ```
/// use kernlet::kernels::int8::{Filter, Multiplier, Output};
/// const MULTIPLIERS: [Multiplier; 1] = [Multiplier::from_real(0.125)];
/// let filter = Filter::new(&[1, 2, 3, 4, 5, 6], &MULTIPLIERS, Output::new(-1))
///     .with_bias(&[[8, 0, 0, 0], [0xF8, 0xFF, 0xFF, 0xFF]]) // 8 and −8
///     .with_input_zero_point(-1);
/// assert_eq!(filter.w.len(), 6);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Filter<'a> {
    /// The weights, in the layout that the operation states.
    pub w: &'a [i8],
    /// A bias for each output channel, little-endian; `None` for zeros.
    pub b: Option<&'a [[u8; 4]]>,
    /// One multiplier, or one for each output channel.
    pub multipliers: &'a [Multiplier],
    /// The zero point of the input.
    pub input_zero_point: i8,
    /// How sums become outputs.
    pub output: Output,
}

impl<'a> Filter<'a> {
    /// Weights without biases, for inputs of zero point 0.
    pub const fn new(w: &'a [i8], multipliers: &'a [Multiplier], output: Output) -> Self {
        Self { w, b: None, multipliers, input_zero_point: 0, output }
    }

    /// The same with biases.
    pub const fn with_bias(self, b: &'a [[u8; 4]]) -> Self {
        Self { b: Some(b), ..self }
    }

    /// The same for inputs of another zero point.
    pub const fn with_input_zero_point(self, input_zero_point: i8) -> Self {
        Self { input_zero_point, ..self }
    }

    /// The bias of a channel.
    #[inline(always)]
    pub(super) fn bias(&self, channel: usize) -> i32 {
        self.b.and_then(|b| b.get(channel)).map_or(0, |&b| i32::from_le_bytes(b))
    }

    /// The multiplier of a channel.
    #[inline(always)]
    pub(super) fn multiplier(&self, channel: usize) -> Multiplier {
        match self.multipliers {
            [one] => *one,
            each => each.get(channel).copied().unwrap_or_default(),
        }
    }

    /// The multipliers from a channel on as mantissas and exponents, or the only one.
    #[inline(always)]
    pub(super) fn parts(&self, first: usize) -> &[[i32; 2]] {
        let multipliers = match self.multipliers {
            [_] => self.multipliers,
            each => each.get(first..).unwrap_or_default(),
        };
        bytemuck::must_cast_slice(multipliers)
    }

    /// The channels from `first` on, if the simple way works for them.
    #[inline(always)]
    pub(super) fn simple(&self, first: usize, channels: usize, terms: usize) -> Option<Simple<'_>> {
        let Output { zero_point, range, rescaling } = self.output;
        let usual = rescaling == Rescaling::Double && range == [i8::MIN, i8::MAX] && terms <= Simple::TERMS;
        if !HAS_SIMPLE || !usual {
            return None;
        }
        let parts = self.parts(first);
        let multipliers = if parts.len() == 1 { parts } else { parts.get(..channels)? };
        let biases = match self.b {
            Some(b) => Some(b.get(first..)?.get(..channels)?),
            None => None,
        };
        let simple = Simple { zero_point, biases, multipliers };
        simple.fits().then_some(simple)
    }

    /// How outputs are placed, where sums are rounded twice.
    #[inline(always)]
    pub(super) fn placing(&self) -> Option<Placing> {
        let Output { zero_point, range, rescaling } = self.output;
        (rescaling == Rescaling::Double).then_some(Placing { zero_point, range })
    }

    /// The door: weights, biases and multipliers of `channels` channels.
    #[inline]
    pub(super) fn check(&self, operation: &'static str, w_len: usize, channels: usize) -> Result<(), ShapeError> {
        check(operation, "w", self.w, w_len)?;
        if let Some(b) = self.b {
            check(operation, "b", b, channels)?;
        }
        if self.multipliers.len() == 1 { Ok(()) } else { check(operation, "multipliers", self.multipliers, channels) }
    }
}
