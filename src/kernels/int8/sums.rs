//! Sums of many terms of eight-bit integers: of tensors element by element, and running sums along an axis.
//!
//! All terms have one scale and zero point. With `h = rescale(· · 2²⁰, ½)`, which is exact:
//!
//! ```text
//! sum = h(−z) + Σ h(x − z)
//! y   = clamp(rescale(sum, 2s / (2²⁰ · s_y)) + z_y)
//! ```
//!
//! The sum begins with `h(−z)` instead of 0, as the source has it: it is less by a zero point.
//!
//! # Numerics
//! Sums of 32 bits wrap, so their order does not matter. Fifteen terms fit whatever they are; more do if they are not
//! all at one end of their range.
//!
//! Source: TensorFlow Lite's `reference/add_n.h` and `reference/cumsum.h`.

use super::{Multiplier, Output, ShapeError, check, check_batch};
use crate::simd::Level;

const ADD_N: &str = "int8 add_n";
const CUMSUM: &str = "int8 cumsum";

/// How far a term is shifted left: by 20 bits, one of which is lost again when it is halved.
const SHIFT: u32 = 19;

/// The integers of a sum of many terms.
///
/// ```
/// use kernlet::kernels::int8::{Output, sums::Terms};
/// const TERMS: Terms = Terms::new(0.5, 0, 1.0, Output::new(0));
/// assert_eq!(TERMS.multiplier.exponent(), -19);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Terms {
    /// The zero point of all terms.
    pub zero_point: i8,
    /// What the sum is rescaled by.
    pub multiplier: Multiplier,
    /// How sums become outputs.
    pub output: Output,
}

impl Terms {
    /// For terms of this scale and zero point.
    pub const fn new(scale: f32, zero_point: i8, output_scale: f32, output: Output) -> Self {
        let real = 2.0 * scale as f64 / ((2 << SHIFT) as f64 * output_scale as f64);
        Self { zero_point, multiplier: Multiplier::from_real(real), output }
    }

    /// The sum of nothing.
    #[inline(always)]
    fn start(&self) -> i32 {
        -i32::from(self.zero_point) << SHIFT
    }

    #[inline(always)]
    fn plus(&self, sum: i32, x: i8) -> i32 {
        sum.wrapping_add((i32::from(x) - i32::from(self.zero_point)) << SHIFT)
    }

    #[inline(always)]
    fn of(&self, sum: i32) -> i8 {
        self.output.of(sum, self.multiplier)
    }
}

/// How many sums are under way at a time.
const BLOCK: usize = 64;

/// `y` = the sum of all `x`, element by element.
///
/// # Errors
/// If one of `x` is not as long as `y`; nothing is written then.
///
/// ```
/// use kernlet::kernels::int8::{Output, sums::{self, Terms}};
/// use kernlet::simd::Level;
/// let terms = Terms::new(0.5, 0, 1.0, Output::new(-1));
/// let mut y = [99; 2];
/// sums::add_n_into(Level::detect(), &terms, [&[2, 4][..], &[10, 20], &[-4, 0]], &mut y)?;
/// assert_eq!(y, [3, 11]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn add_n_into<'a>(
    level: Level,
    terms: &Terms,
    x: impl IntoIterator<Item = &'a [i8], IntoIter: Clone>,
    y: &mut [i8],
) -> Result<(), ShapeError> {
    let x = x.into_iter();
    for x in x.clone() {
        check(ADD_N, "x", x, y.len())?;
    }
    let _ = level;
    for (block, y) in y.chunks_mut(BLOCK).enumerate() {
        let mut sums = [terms.start(); BLOCK];
        for x in x.clone() {
            let x = x.get(block * BLOCK..).unwrap_or_default();
            sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum = terms.plus(*sum, x));
        }
        y.iter_mut().zip(sums).for_each(|(y, sum)| *y = terms.of(sum));
    }
    Ok(())
}

/// Sums along an axis of `[outer][count][inner]`.
///
/// ```
/// use kernlet::kernels::int8::sums::Cumsum;
/// const ROWS: Cumsum = Cumsum::new(3, 2).with_exclusive(true);
/// assert_eq!((ROWS.count, ROWS.inner, ROWS.exclusive, ROWS.reversed), (3, 2, true, false));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Cumsum {
    /// How many elements the axis has.
    pub count: usize,
    /// How many elements the axes after it have.
    pub inner: usize,
    /// Whether an element is not part of its own sum.
    pub exclusive: bool,
    /// Whether sums begin with the last element.
    pub reversed: bool,
}

impl Cumsum {
    /// Sums of each element and all before it.
    pub const fn new(count: usize, inner: usize) -> Self {
        Self { count, inner, exclusive: false, reversed: false }
    }

    /// The same with or without the element itself.
    pub const fn with_exclusive(self, exclusive: bool) -> Self {
        Self { exclusive, ..self }
    }

    /// The same from the last element or from the first.
    ///
    /// ```
    /// assert!(kernlet::kernels::int8::sums::Cumsum::new(3, 2).with_reversed(true).reversed);
    /// ```
    pub const fn with_reversed(self, reversed: bool) -> Self {
        Self { reversed, ..self }
    }

    /// Whether no length overflows.
    ///
    /// # Errors
    /// If one does.
    ///
    /// ```
    /// use kernlet::kernels::int8::sums::Cumsum;
    /// assert!(Cumsum::new(3, 2).validate().is_ok());
    /// assert!(Cumsum::new(usize::MAX, 2).validate().is_err());
    /// ```
    pub const fn validate(&self) -> Result<(), ShapeError> {
        match self.count.checked_mul(self.inner) {
            Some(_) => Ok(()),
            None => Err(ShapeError::at_most(CUMSUM, "x", isize::MAX as usize, usize::MAX)),
        }
    }
}

/// Overwrites `y` with the sums of `x` along an axis; both are `[outer][count][inner]`.
///
/// # Errors
/// If a slice has the wrong length or a length overflows; nothing is written then.
///
/// ```
/// use kernlet::kernels::int8::{Output, sums::{self, Cumsum, Terms}};
/// use kernlet::simd::Level;
/// let terms = Terms::new(1.0, 0, 1.0, Output::new(0));
/// let mut y = [99; 6];
/// sums::cumsum_into(Level::detect(), &Cumsum::new(3, 2), 1, &terms, &[1, 10, 2, 20, 3, 30], &mut y)?;
/// assert_eq!(y, [1, 10, 3, 30, 6, 60]);
/// let reversed = Cumsum::new(3, 2).with_reversed(true).with_exclusive(true);
/// sums::cumsum_into(Level::detect(), &reversed, 1, &terms, &[1, 10, 2, 20, 3, 30], &mut y)?;
/// assert_eq!(y, [5, 50, 3, 30, 0, 0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn cumsum_into(
    level: Level,
    shape: &Cumsum,
    outer: usize,
    terms: &Terms,
    x: &[i8],
    y: &mut [i8],
) -> Result<(), ShapeError> {
    shape.validate()?;
    let Cumsum { count, inner, exclusive, reversed } = *shape;
    let block = count * inner;
    check_batch(CUMSUM, "x", x, outer, block)?;
    check_batch(CUMSUM, "y", y, outer, block)?;
    let _ = level;
    for (x, y) in x.chunks_exact(block.max(1)).zip(y.chunks_exact_mut(block.max(1))) {
        for column in 0..inner {
            let mut sum = terms.start();
            for i in 0..count {
                let at = column + inner * if reversed { count - 1 - i } else { i };
                let (Some(&x), Some(y)) = (x.get(at), y.get_mut(at)) else { continue };
                let next = terms.plus(sum, x);
                *y = terms.of(if exclusive { sum } else { next });
                sum = next;
            }
        }
    }
    Ok(())
}
