//! Softmax and its logarithm over rows: the last axis.
//!
//! ```text
//! softmax:     y[j] = e^(x[j] − m) / s,        m = max x,  s = Σ e^(x[j] − m)
//! log-softmax: y[j] = (x[j] − m) − ln s
//! backward:    dx[j] = y[j] (dy[j] − Σ y dy)   and   dx[j] = dy[j] − e^y[j] Σ dy
//! ```
//!
//! Slices are `[rows][classes]`. Backward reads the output, so the input may be overwritten.
//!
//! # Numerics
//!
//! The largest element is taken off first: a row may be shifted by anything, and sums do not
//! overflow. Sums have the 16 virtual lanes of [`reduce`](crate::simd::reduce). A NaN or +∞, or
//! nothing but −∞, makes its row NaN and no other; −∞ beside finite elements is probability 0.

use super::{ShapeError, check, map};
use crate::math;
use crate::simd::{Kernel, Level, Simd};

/// A function of rows.
trait Rows: Copy {
    fn forward<S: Simd>(self, s: S, y: &mut [f32]);
    /// Overwrites `dy` with `dx`.
    fn backward<S: Simd>(self, s: S, y: &[f32], dy: &mut [f32]);
}

map::functions! {
    Exponential { largest }(s, x) = math::exp(s, s.sub(x, largest));
    FirstExponential { largest }(s, x, _y) = math::exp(s, s.sub(x, largest));
    Over { sum }(s, e) = s.div(e, sum);
    Product(s, a, b) = s.mul(a, b);
    SoftmaxSlope { dot }(s, y, dy) = s.mul(y, s.sub(dy, dot));
    Logarithm { largest, sum }(s, x) = s.sub(s.sub(x, largest), math::ln(s, sum));
    LogSoftmaxSlope { sum }(s, y, dy) = s.sub(dy, s.mul(math::exp(s, y), sum));
}

#[derive(Clone, Copy)]
struct Softmax;

/// Overwrites a row with `e^(x − m)` and returns the sum.
#[inline(always)]
pub(super) fn exponentials<S: Simd>(s: S, y: &mut [f32]) -> f32 {
    let largest = map::largest(s, y);
    map::in_place(s, y, Exponential { largest });
    map::sum(s, y)
}

impl Rows for Softmax {
    #[inline(always)]
    fn forward<S: Simd>(self, s: S, y: &mut [f32]) {
        let sum = exponentials(s, y);
        map::in_place(s, y, Over { sum });
    }
    #[inline(always)]
    fn backward<S: Simd>(self, s: S, y: &[f32], dy: &mut [f32]) {
        let dot = map::sum2(s, y, dy, Product {});
        map::acc(s, y, dy, SoftmaxSlope { dot });
    }
}

#[derive(Clone, Copy)]
struct LogSoftmax;

impl Rows for LogSoftmax {
    #[inline(always)]
    fn forward<S: Simd>(self, s: S, y: &mut [f32]) {
        let largest = map::largest(s, y);
        let sum = map::sum2(s, y, y, FirstExponential { largest });
        map::in_place(s, y, Logarithm { largest, sum });
    }
    #[inline(always)]
    fn backward<S: Simd>(self, s: S, y: &[f32], dy: &mut [f32]) {
        let sum = map::sum(s, dy);
        map::acc(s, y, dy, LogSoftmaxSlope { sum });
    }
}

struct Forward<'a, F>(F, usize, &'a mut [f32]);

impl<F: Rows> Kernel for Forward<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for row in self.2.chunks_exact_mut(self.1) {
            self.0.forward(s, row);
        }
    }
}

struct Backward<'a, F>(F, usize, &'a [f32], &'a mut [f32]);

impl<F: Rows> Kernel for Backward<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (y, dy) in self.2.chunks_exact(self.1).zip(self.3.chunks_exact_mut(self.1)) {
            self.0.backward(s, y, dy);
        }
    }
}

/// The door: whole rows of at least one class.
fn check_rows(operation: &'static str, classes: usize, y: &[f32]) -> Result<(), ShapeError> {
    match y.len().checked_rem(classes) {
        Some(0) => Ok(()),
        Some(_) => Err(ShapeError::multiple_of(operation, "y", classes, y.len())),
        None => Err(ShapeError::at_least(operation, "classes", 1, 0)),
    }
}

macro_rules! kernels {
    ($($label:literal, $function:expr, $in_place:ident $into:ident $backward_in_place:ident $backward_into:ident, $half:literal;)*) => {$(
        #[doc = concat!("`y = ", $label, "(y)` for each row of `classes` elements.")]
        ///
        /// # Errors
        /// [`ShapeError`] if `y` is not whole rows, or `classes` is 0.
        ///
        /// ```
        /// use kernlet::{kernels::softmax, simd::Level};
        /// let mut y = [1e30, 1e30];
        #[doc = concat!("softmax::", stringify!($in_place), "(Level::detect(), 2, &mut y)?;")]
        #[doc = concat!("assert_eq!(y, [", stringify!($half), "; 2]);")]
        /// # Ok::<(), kernlet::kernels::ShapeError>(())
        /// ```
        pub fn $in_place(level: Level, classes: usize, y: &mut [f32]) -> Result<(), ShapeError> {
            check_rows($label, classes, y)?;
            level.dispatch(Forward($function, classes, y));
            Ok(())
        }

        #[doc = concat!("`y = ", $label, "(x)` for each row of `classes` elements.")]
        ///
        /// # Errors
        /// [`ShapeError`] if `y` is not as long as `x` or not whole rows, or `classes` is 0.
        ///
        /// ```
        /// use kernlet::{kernels::softmax, simd::Level};
        /// let mut y = [f32::NAN; 2];
        #[doc = concat!("softmax::", stringify!($into), "(Level::detect(), 2, &[-7.0, -7.0], &mut y)?;")]
        #[doc = concat!("assert_eq!(y, [", stringify!($half), "; 2]);")]
        /// # Ok::<(), kernlet::kernels::ShapeError>(())
        /// ```
        pub fn $into(level: Level, classes: usize, x: &[f32], y: &mut [f32]) -> Result<(), ShapeError> {
            check($label, "y", y, x.len())?;
            check_rows($label, classes, y)?;
            y.copy_from_slice(x);
            level.dispatch(Forward($function, classes, y));
            Ok(())
        }

        #[doc = concat!("Overwrites `dy` with the gradient with respect to the input of ", $label, ", from its output `y`.")]
        ///
        /// # Errors
        /// [`ShapeError`] if `y` is not as long as `dy` or not whole rows, or `classes` is 0.
        ///
        /// ```
        /// use kernlet::{kernels::softmax, simd::Level};
        /// let mut dy = [0.0; 2];
        #[doc = concat!("softmax::", stringify!($backward_in_place), "(Level::detect(), 2, &[0.5, 0.5], &mut dy)?;")]
        /// assert_eq!(dy, [0.0; 2]);
        /// # Ok::<(), kernlet::kernels::ShapeError>(())
        /// ```
        pub fn $backward_in_place(level: Level, classes: usize, y: &[f32], dy: &mut [f32]) -> Result<(), ShapeError> {
            check($label, "y", y, dy.len())?;
            check_rows($label, classes, y)?;
            level.dispatch(Backward($function, classes, y, dy));
            Ok(())
        }

        #[doc = concat!("The gradient with respect to the input of ", $label, ", from its output `y` and the gradient `dy` with respect to it.")]
        ///
        /// # Errors
        /// [`ShapeError`] if the slices are not equally long or not whole rows, or `classes` is 0.
        ///
        /// ```
        /// use kernlet::{kernels::softmax, simd::Level};
        /// let mut dx = [f32::NAN; 2];
        #[doc = concat!("softmax::", stringify!($backward_into), "(Level::detect(), 2, &[0.5, 0.5], &[0.0; 2], &mut dx)?;")]
        /// assert_eq!(dx, [0.0; 2]);
        /// # Ok::<(), kernlet::kernels::ShapeError>(())
        /// ```
        pub fn $backward_into(
            level: Level,
            classes: usize,
            y: &[f32],
            dy: &[f32],
            dx: &mut [f32],
        ) -> Result<(), ShapeError> {
            check($label, "y", y, dy.len())?;
            check($label, "dx", dx, dy.len())?;
            check_rows($label, classes, y)?;
            dx.copy_from_slice(dy);
            level.dispatch(Backward($function, classes, y, dx));
            Ok(())
        }
    )*};
}

kernels! {
    "softmax", Softmax, softmax_in_place softmax_into softmax_backward_in_place softmax_backward_into, 0.5;
    "log_softmax", LogSoftmax,
        log_softmax_in_place log_softmax_into log_softmax_backward_in_place log_softmax_backward_into, -0.693_147_2;
}
