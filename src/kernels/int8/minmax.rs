//! The smaller or the larger of two eight-bit integers of the same scale, element by element.

use super::{Broadcast, ShapeError, check};
use crate::simd::Level;

/// `y = min(a, b)`.
///
/// # Errors
/// If a slice has the wrong length; nothing is written then.
///
/// ```
/// use kernlet::{kernels::int8::{Broadcast, minmax}, simd::Level};
/// let mut y = [99; 3];
/// minmax::minimum_into(Level::detect(), &Broadcast::same(3), &[1, 2, 3], &[3, 2, 1], &mut y)?;
/// assert_eq!(y, [1, 2, 1]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn minimum_into(level: Level, shape: &Broadcast, a: &[i8], b: &[i8], y: &mut [i8]) -> Result<(), ShapeError> {
    joined("int8 minimum", level, shape, a, b, y, i8::min)
}

/// `y = max(a, b)`.
///
/// # Errors
/// If a slice has the wrong length; nothing is written then.
///
/// ```
/// use kernlet::{kernels::int8::{Broadcast, minmax}, simd::Level};
/// let mut y = [99; 3];
/// minmax::maximum_into(Level::detect(), &Broadcast::same(3), &[1, 2, 3], &[3, 2, 1], &mut y)?;
/// assert_eq!(y, [3, 2, 3]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn maximum_into(level: Level, shape: &Broadcast, a: &[i8], b: &[i8], y: &mut [i8]) -> Result<(), ShapeError> {
    joined("int8 maximum", level, shape, a, b, y, i8::max)
}

#[inline(always)]
fn joined(
    name: &'static str,
    level: Level,
    shape: &Broadcast,
    a: &[i8],
    b: &[i8],
    y: &mut [i8],
    of: impl Fn(i8, i8) -> i8,
) -> Result<(), ShapeError> {
    check(name, "a", a, shape.a_len())?;
    check(name, "b", b, shape.b_len())?;
    check(name, "y", y, shape.y_len())?;
    let _ = level;
    shape.each_run(a, b, y, |a, b, y| match (a, b) {
        (_, &[b]) => y.iter_mut().zip(a).for_each(|(y, &a)| *y = of(a, b)),
        (&[a], _) => y.iter_mut().zip(b).for_each(|(y, &b)| *y = of(a, b)),
        _ => y.iter_mut().zip(a.iter().zip(b)).for_each(|(y, (&a, &b))| *y = of(a, b)),
    });
    Ok(())
}
