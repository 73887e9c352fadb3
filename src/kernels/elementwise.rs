//! Sums and products of whole slices, element by element.
//!
//! Nothing is summed over elements here; see [`reduce`](crate::simd::reduce) for that.

use super::{ShapeError, check, map};
use crate::simd::{Kernel, Level, Simd};

map::functions! {
    Plus(s, a, b) = s.add(a, b);
    Times { a }(s, x) = s.mul(a, x);
    TimesPlus { a }(s, x, y) = s.mul_add(a, x, y);
}

struct AddAcc<'a>(&'a [f32], &'a mut [f32]);

impl Kernel for AddAcc<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        map::acc(s, self.0, self.1, Plus {});
    }
}

/// `y += x`: the residual connection.
///
/// # Errors
/// [`ShapeError`] if `y` is not as long as `x`.
///
/// ```
/// use kernlet::{kernels::elementwise, simd::Level};
/// let mut y = [1.0, 2.0];
/// elementwise::add_acc(Level::detect(), &[3.0, 4.0], &mut y)?;
/// assert_eq!(y, [4.0, 6.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn add_acc(level: Level, x: &[f32], y: &mut [f32]) -> Result<(), ShapeError> {
    check("add", "y", y, x.len())?;
    level.dispatch(AddAcc(x, y));
    Ok(())
}

struct AddInto<'a>(&'a [f32], &'a [f32], &'a mut [f32]);

impl Kernel for AddInto<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        map::into2(s, self.0, self.1, self.2, Plus {});
    }
}

/// `y = a + b`.
///
/// # Errors
/// [`ShapeError`] if the slices are not equally long.
///
/// ```
/// use kernlet::{kernels::elementwise, simd::Level};
/// let mut y = [f32::NAN; 2];
/// elementwise::add_into(Level::detect(), &[1.0, 2.0], &[3.0, 4.0], &mut y)?;
/// assert_eq!(y, [4.0, 6.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn add_into(level: Level, a: &[f32], b: &[f32], y: &mut [f32]) -> Result<(), ShapeError> {
    check("add", "b", b, a.len())?;
    check("add", "y", y, a.len())?;
    level.dispatch(AddInto(a, b, y));
    Ok(())
}

struct AxpyAcc<'a>(f32, &'a [f32], &'a mut [f32]);

impl Kernel for AxpyAcc<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        map::acc(s, self.1, self.2, TimesPlus { a: self.0 });
    }
}

/// `y += a · x`, rounded as the level says.
///
/// # Errors
/// [`ShapeError`] if `y` is not as long as `x`.
///
/// ```
/// use kernlet::{kernels::elementwise, simd::Level};
/// let mut y = [1.0, 2.0];
/// elementwise::axpy_acc(Level::detect(), 10.0, &[3.0, 4.0], &mut y)?;
/// assert_eq!(y, [31.0, 42.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn axpy_acc(level: Level, a: f32, x: &[f32], y: &mut [f32]) -> Result<(), ShapeError> {
    check("axpy", "y", y, x.len())?;
    level.dispatch(AxpyAcc(a, x, y));
    Ok(())
}

struct Scale<'a>(f32, &'a mut [f32]);

impl Kernel for Scale<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        map::in_place(s, self.1, Times { a: self.0 });
    }
}

/// `y *= a`.
///
/// ```
/// use kernlet::{kernels::elementwise, simd::Level};
/// let mut y = [1.0, 2.0];
/// elementwise::scale(Level::detect(), 10.0, &mut y);
/// assert_eq!(y, [10.0, 20.0]);
/// ```
pub fn scale(level: Level, a: f32, y: &mut [f32]) {
    level.dispatch(Scale(a, y));
}
