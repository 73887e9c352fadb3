//! Addition and subtraction of eight-bit integers.
//!
//! Both operands are shifted left by 20 bits and rescaled to twice the larger of their scales, where they are
//! added; the sum is rescaled to the output. With `s = 2 · max(s₁, s₂)`:
//!
//! ```text
//! sum = rescale((a − z₁) · 2²⁰, s₁ / s) ± rescale((b − z₂) · 2²⁰, s₂ / s)
//! y   = clamp(rescale(sum, s / (2²⁰ · s_y)) + z_y)
//! ```

use super::{Broadcast, Multiplier, Output, ShapeError, check};
use crate::simd::Level;

const NAME: &str = "int8 add";

/// The integers of an addition or a subtraction.
///
/// ```
/// use kernlet::kernels::int8::{Output, add::Sum};
/// const SUM: Sum = Sum::new([0.5, 0.25], [0, 0], 1.0, Output::new(0));
/// assert_eq!(SUM.zero_points, [0, 0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sum {
    /// The zero points of the operands.
    pub zero_points: [i8; 2],
    /// What the shifted operands are rescaled by.
    pub multipliers: [Multiplier; 2],
    /// What the sum is rescaled by.
    pub multiplier: Multiplier,
    /// How sums become outputs.
    pub output: Output,
}

/// How far the operands are shifted left: their sum stays below 2³⁰.
const SHIFT: u32 = 20;

impl Sum {
    /// For operands of these scales and zero points.
    pub const fn new(scales: [f32; 2], zero_points: [i8; 2], output_scale: f32, output: Output) -> Self {
        let [first, second] = [scales[0] as f64, scales[1] as f64];
        let twice = 2.0 * if first > second { first } else { second };
        Self {
            zero_points,
            multipliers: [Multiplier::from_real(first / twice), Multiplier::from_real(second / twice)],
            multiplier: Multiplier::from_real(twice / ((1 << SHIFT) as f64 * output_scale as f64)),
            output,
        }
    }

    #[inline(always)]
    fn operand<const WHICH: usize>(&self, q: i8) -> i32 {
        let real = i32::from(q) - i32::from(self.zero_points[WHICH]);
        self.multipliers[WHICH].rescale(real << SHIFT, self.output.rescaling)
    }
}

/// `y = a + b`.
///
/// # Errors
/// If a slice has the wrong length; nothing is written then.
///
/// ```
/// use kernlet::kernels::int8::{Broadcast, Output, add::{self, Sum}};
/// use kernlet::simd::Level;
/// let sum = Sum::new([0.5, 0.25], [0, 0], 0.5, Output::new(-1));
/// let mut y = [99; 4];
/// add::add_into(Level::detect(), &Broadcast::new(&[2, 2], &[2]).unwrap(), &sum, &[1, 2, 3, 4], &[20, 40], &mut y)?;
/// assert_eq!(y, [10, 21, 12, 23]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn add_into(
    level: Level,
    shape: &Broadcast,
    sum: &Sum,
    a: &[i8],
    b: &[i8],
    y: &mut [i8],
) -> Result<(), ShapeError> {
    joined(level, shape, sum, a, b, y, i32::wrapping_add)
}

/// `y = a − b`.
///
/// # Errors
/// If a slice has the wrong length; nothing is written then.
///
/// ```
/// use kernlet::kernels::int8::{Broadcast, Output, add::{self, Sum}};
/// use kernlet::simd::Level;
/// let difference = Sum::new([0.5, 0.25], [0, 0], 0.5, Output::new(-1));
/// let mut y = [99; 2];
/// add::sub_into(Level::detect(), &Broadcast::same(2), &difference, &[1, 2], &[20, 40], &mut y)?;
/// assert_eq!(y, [-10, -19]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn sub_into(
    level: Level,
    shape: &Broadcast,
    difference: &Sum,
    a: &[i8],
    b: &[i8],
    y: &mut [i8],
) -> Result<(), ShapeError> {
    joined(level, shape, difference, a, b, y, i32::wrapping_sub)
}

#[inline(always)]
fn joined(
    level: Level,
    shape: &Broadcast,
    sum: &Sum,
    a: &[i8],
    b: &[i8],
    y: &mut [i8],
    join: impl Fn(i32, i32) -> i32,
) -> Result<(), ShapeError> {
    check(NAME, "a", a, shape.a_len())?;
    check(NAME, "b", b, shape.b_len())?;
    check(NAME, "y", y, shape.y_len())?;
    let _ = level;
    let of = |a, b| sum.output.of(join(a, b), sum.multiplier);
    shape.each_run(a, b, y, |a, b, y| match (a, b) {
        (_, &[b]) => {
            let b = sum.operand::<1>(b);
            y.iter_mut().zip(a).for_each(|(y, &a)| *y = of(sum.operand::<0>(a), b));
        }
        (&[a], _) => {
            let a = sum.operand::<0>(a);
            y.iter_mut().zip(b).for_each(|(y, &b)| *y = of(a, sum.operand::<1>(b)));
        }
        _ => {
            let operands = a.iter().zip(b);
            y.iter_mut().zip(operands).for_each(|(y, (&a, &b))| *y = of(sum.operand::<0>(a), sum.operand::<1>(b)));
        }
    });
    Ok(())
}
