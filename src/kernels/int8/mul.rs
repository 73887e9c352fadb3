//! Multiplication of eight-bit integers, element by element.
//!
//! ```text
//! y = clamp(rescale((a − z₁) · (b − z₂), s₁ · s₂ / s_y) + z_y)
//! ```

use super::{Broadcast, Multiplier, Output, ShapeError, check};
use crate::simd::Level;

const NAME: &str = "int8 mul";

/// The integers of a multiplication.
///
/// ```
/// use kernlet::kernels::int8::{Output, mul::Product};
/// const PRODUCT: Product = Product::new([0.5, 0.25], [0, 0], 1.0, Output::new(0));
/// assert_eq!(PRODUCT.multiplier.exponent(), -2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Product {
    /// The zero points of the operands.
    pub zero_points: [i8; 2],
    /// What products are rescaled by.
    pub multiplier: Multiplier,
    /// How products become outputs.
    pub output: Output,
}

impl Product {
    /// For operands of these scales and zero points.
    pub const fn new(scales: [f32; 2], zero_points: [i8; 2], output_scale: f32, output: Output) -> Self {
        let multiplier = Multiplier::from_real(scales[0] as f64 * scales[1] as f64 / output_scale as f64);
        Self { zero_points, multiplier, output }
    }

    #[inline(always)]
    fn of(&self, a: i8, b: i8) -> i8 {
        let a = i32::from(a) - i32::from(self.zero_points[0]);
        let b = i32::from(b) - i32::from(self.zero_points[1]);
        self.output.of(a * b, self.multiplier)
    }
}

/// `y = a · b`.
///
/// # Errors
/// If a slice has the wrong length; nothing is written then.
///
/// ```
/// use kernlet::kernels::int8::{Broadcast, Output, mul::{self, Product}};
/// use kernlet::simd::Level;
/// let product = Product::new([0.5, 0.5], [0, 1], 1.0, Output::new(0));
/// let mut y = [99; 3];
/// mul::mul_into(Level::detect(), &Broadcast::new(&[3], &[1]).unwrap(), &product, &[4, 8, -12], &[3], &mut y)?;
/// assert_eq!(y, [2, 4, -6]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn mul_into(
    level: Level,
    shape: &Broadcast,
    product: &Product,
    a: &[i8],
    b: &[i8],
    y: &mut [i8],
) -> Result<(), ShapeError> {
    check(NAME, "a", a, shape.a_len())?;
    check(NAME, "b", b, shape.b_len())?;
    check(NAME, "y", y, shape.y_len())?;
    let _ = level;
    shape.each_run(a, b, y, |a, b, y| match (a, b) {
        (_, &[b]) => y.iter_mut().zip(a).for_each(|(y, &a)| *y = product.of(a, b)),
        (&[a], _) => y.iter_mut().zip(b).for_each(|(y, &b)| *y = product.of(a, b)),
        _ => y.iter_mut().zip(a.iter().zip(b)).for_each(|(y, (&a, &b))| *y = product.of(a, b)),
    });
    Ok(())
}
