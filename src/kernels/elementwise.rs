//! Functions of whole slices, element by element: sums, products, the larger of two, and those of [`math`].
//!
//! | family | of |
//! |---|---|
//! | `_into`, `_in_place` | [`exp_into`] `eˣ`, [`exp_m1_into`] `eˣ − 1`, [`ln_into`], [`ln_1p_into`] `ln(1 + x)` on `[0, 1]`, [`erf_into`], [`normal_cdf_into`], [`sqrt_into`], [`abs_into`] |
//! | `_into` | [`add_into`], [`subtract_into`], [`multiply_into`], [`divide_into`], [`minimum_into`], [`maximum_into`] |
//! | `_backward_into` | [`multiply_backward_into`], [`divide_backward_into`], [`minimum_backward_into`], [`maximum_backward_into`] |
//! | `_acc` | [`add_acc`], [`axpy_acc`], [`multiply_acc`] |
//!
//! The sigmoid, tanh and the other activations are in [`activation`](super::activation), with their
//! gradients. Backward of a sum is the gradient itself. Nothing is summed over elements here; see
//! [`reduce`](crate::simd::reduce) for that.
//!
//! ```
//! use kernlet::{kernels::elementwise, simd::Level};
//! let mut x = [0.0, 1.0, f32::NEG_INFINITY];
//! elementwise::exp_in_place(Level::detect(), &mut x);
//! assert_eq!(x, [1.0, core::f32::consts::E, 0.0]);
//! ```
//!
//! # Numerics
//!
//! The errors are those of [`math`]'s table; sums, products, quotients and roots are rounded once. A NaN
//! gives NaN in every function, the smaller and the larger of two included (NumPy's `minimum` and
//! `maximum`, not IEEE 754's `minNum`). Where two are equal, the gradient goes to `a`, as in TensorFlow.

use super::{ShapeError, check, map};
use crate::math;
use crate::simd::{Kernel, Level, Simd};

map::functions! {
    Plus(s, a, b) = s.add(a, b);
    Less(s, a, b) = s.sub(a, b);
    Product(s, a, b) = s.mul(a, b);
    Quotient(s, a, b) = s.div(a, b);
    // The second where it is beyond the first, or NaN; so the first where both are equal.
    Smaller(s, a, b) = s.select_nan(b, b, s.min(b, a));
    Larger(s, a, b) = s.select_nan(b, b, s.max(b, a));
    Times { a }(s, x) = s.mul(a, x);
    TimesPlus { a }(s, x, y) = s.mul_add(a, x, y);
    Exp(s, x) = math::exp(s, x);
    ExpM1(s, x) = math::exp_m1(s, x);
    Ln(s, x) = math::ln(s, x);
    Ln1p(s, x) = math::ln_1p(s, x);
    Erf(s, x) = math::erf(s, x);
    NormalCdf(s, x) = math::normal_cdf(s, x);
    Sqrt(s, x) = s.sqrt(x);
    Abs(s, x) = s.abs(x);
}

/// A function of one slice, as two kernels.
struct Into1<'a, F>(F, &'a [f32], &'a mut [f32]);

impl<F: map::Unary> Kernel for Into1<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        map::into(s, self.1, self.2, self.0);
    }
}

struct InPlace<'a, F>(F, &'a mut [f32]);

impl<F: map::Unary> Kernel for InPlace<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        map::in_place(s, self.1, self.0);
    }
}

/// The kernels of a function of one slice, with the value of an example.
macro_rules! unary {
    ($($function:ident $label:literal $formula:literal ($x:literal) = $y:literal: $into:ident $in_place:ident;)*) => {$(
        #[doc = concat!("`y = ", $formula, "`.")]
        ///
        /// # Errors
        /// [`ShapeError`] if `y` is not as long as `x`.
        ///
        /// ```
        /// use kernlet::{kernels::elementwise, simd::Level};
        /// let mut y = [f32::NAN; 2];
        #[doc = concat!("elementwise::", stringify!($into), "(Level::detect(), &[", stringify!($x), ", f32::NAN], &mut y)?;")]
        #[doc = concat!("assert!(y[0] == ", stringify!($y), " && y[1].is_nan());")]
        /// # Ok::<(), kernlet::kernels::ShapeError>(())
        /// ```
        pub fn $into(level: Level, x: &[f32], y: &mut [f32]) -> Result<(), ShapeError> {
            check($label, "y", y, x.len())?;
            level.dispatch(Into1($function {}, x, y));
            Ok(())
        }

        #[doc = concat!("`x = ", $formula, "`.")]
        ///
        /// ```
        /// use kernlet::{kernels::elementwise, simd::Level};
        #[doc = concat!("let mut x = [", stringify!($x), ", f32::NAN];")]
        #[doc = concat!("elementwise::", stringify!($in_place), "(Level::detect(), &mut x);")]
        #[doc = concat!("assert!(x[0] == ", stringify!($y), " && x[1].is_nan());")]
        /// ```
        pub fn $in_place(level: Level, x: &mut [f32]) {
            level.dispatch(InPlace($function {}, x));
        }
    )*};
}

unary! {
    Exp "exp" "eˣ" (0.0) = 1.0: exp_into exp_in_place;
    ExpM1 "exp_m1" "eˣ − 1" (1e-20) = 1e-20: exp_m1_into exp_m1_in_place;
    Ln "ln" "ln x" (1.0) = 0.0: ln_into ln_in_place;
    Ln1p "ln_1p" "ln(1 + x)` for x in `[0, 1]" (1e-20) = 1e-20: ln_1p_into ln_1p_in_place;
    Erf "erf" "erf x" (0.0) = 0.0: erf_into erf_in_place;
    NormalCdf "normal_cdf" "Φ(x)" (0.0) = 0.5: normal_cdf_into normal_cdf_in_place;
    Sqrt "sqrt" "√x" (4.0) = 2.0: sqrt_into sqrt_in_place;
    Abs "abs" "|x|" (-4.0) = 4.0: abs_into abs_in_place;
}

struct Into2<'a, F>(F, &'a [f32], &'a [f32], &'a mut [f32]);

impl<F: map::Binary> Kernel for Into2<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        map::into2(s, self.1, self.2, self.3, self.0);
    }
}

/// The kernel of a function of two slices, with the values of an example.
macro_rules! binary {
    ($($function:ident $label:literal $formula:literal = $y:tt: $into:ident;)*) => {$(
        #[doc = concat!("`y = ", $formula, "`.")]
        ///
        /// # Errors
        /// [`ShapeError`] if the slices are not equally long.
        ///
        /// ```
        /// use kernlet::{kernels::elementwise, simd::Level};
        /// let mut y = [f32::NAN; 2];
        #[doc = concat!("elementwise::", stringify!($into), "(Level::detect(), &[1.0, 8.0], &[2.0, 4.0], &mut y)?;")]
        #[doc = concat!("assert_eq!(y, ", stringify!($y), ");")]
        /// # Ok::<(), kernlet::kernels::ShapeError>(())
        /// ```
        pub fn $into(level: Level, a: &[f32], b: &[f32], y: &mut [f32]) -> Result<(), ShapeError> {
            check($label, "b", b, a.len())?;
            check($label, "y", y, a.len())?;
            level.dispatch(Into2($function {}, a, b, y));
            Ok(())
        }
    )*};
}

binary! {
    Plus "add" "a + b" = [3.0, 12.0]: add_into;
    Less "subtract" "a − b" = [-1.0, 4.0]: subtract_into;
    Product "multiply" "a · b" = [2.0, 32.0]: multiply_into;
    Quotient "divide" "a / b" = [0.5, 2.0]: divide_into;
    Smaller "minimum" "min(a, b)" = [1.0, 4.0]: minimum_into;
    Larger "maximum" "max(a, b)" = [2.0, 8.0]: maximum_into;
}

/// The gradients of a function of two slices: from `a`, `b` and `dy` what `da` and `db` become.
trait Gradients: Copy {
    fn at<S: Simd>(self, s: S, a: S::V, b: S::V, dy: S::V) -> [S::V; 2];
}

macro_rules! gradients {
    ($($name:ident($s:ident, $a:ident, $b:ident, $dy:ident) = $body:expr;)*) => {$(
        #[derive(Clone, Copy)]
        struct $name;
        impl Gradients for $name {
            #[inline(always)]
            fn at<S: Simd>(self, $s: S, $a: S::V, $b: S::V, $dy: S::V) -> [S::V; 2] {
                $body
            }
        }
    )*};
}

gradients! {
    OfProduct(s, a, b, dy) = [s.mul(dy, b), s.mul(dy, a)];
    OfQuotient(s, a, b, dy) = {
        let da = s.div(dy, b);
        [da, s.neg(s.mul(da, s.div(a, b)))]
    };
    OfSmaller(s, a, b, dy) = {
        let zero = s.splat(0.0);
        [
            s.select_nan(b, zero, s.select_gt(a, b, zero, dy)),
            s.select_nan(b, dy, s.select_gt(a, b, dy, zero)),
        ]
    };
    OfLarger(s, a, b, dy) = {
        let zero = s.splat(0.0);
        [
            s.select_nan(b, zero, s.select_gt(b, a, zero, dy)),
            s.select_nan(b, dy, s.select_gt(b, a, dy, zero)),
        ]
    };
}

struct Backward<'a, F>(F, [&'a [f32]; 3], &'a mut [f32], &'a mut [f32]);

impl<F: Gradients> Kernel for Backward<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self(f, [a, b, dy], da, db) = self;
        let operands = a.chunks(S::LANES).zip(b.chunks(S::LANES)).zip(dy.chunks(S::LANES));
        let outputs = da.chunks_mut(S::LANES).zip(db.chunks_mut(S::LANES));
        for (((a, b), dy), (da, db)) in operands.zip(outputs) {
            if a.len() == S::LANES {
                let [first, second] = f.at(s, s.load(a), s.load(b), s.load(dy));
                s.store(first, da);
                s.store(second, db);
            } else {
                let [first, second] = f.at(s, s.load_first(a), s.load_first(b), s.load_first(dy));
                s.store_first(first, da);
                s.store_first(second, db);
            }
        }
    }
}

/// The gradients of a function of two slices, with the values of an example.
macro_rules! backward {
    ($($gradients:ident $label:literal $formula:literal = $da:tt $db:tt: $backward:ident;)*) => {$(
        #[doc = concat!("The gradients of `y = ", $formula, "` with respect to `a` and `b`: ", "overwrites `da` and `db`.")]
        ///
        /// # Errors
        /// [`ShapeError`] if the slices are not equally long; nothing is written then.
        ///
        /// ```
        /// use kernlet::{kernels::elementwise, simd::Level};
        /// let (a, b, dy) = ([1.0, 8.0], [2.0, 4.0], [10.0, 20.0]);
        /// let (mut da, mut db) = ([f32::NAN; 2], [f32::NAN; 2]);
        #[doc = concat!("elementwise::", stringify!($backward), "(Level::detect(), &a, &b, &dy, &mut da, &mut db)?;")]
        #[doc = concat!("assert_eq!((da, db), (", stringify!($da), ", ", stringify!($db), "));")]
        /// # Ok::<(), kernlet::kernels::ShapeError>(())
        /// ```
        pub fn $backward(
            level: Level,
            a: &[f32],
            b: &[f32],
            dy: &[f32],
            da: &mut [f32],
            db: &mut [f32],
        ) -> Result<(), ShapeError> {
            check($label, "a", a, dy.len())?;
            check($label, "b", b, dy.len())?;
            check($label, "da", da, dy.len())?;
            check($label, "db", db, dy.len())?;
            level.dispatch(Backward($gradients, [a, b, dy], da, db));
            Ok(())
        }
    )*};
}

backward! {
    OfProduct "multiply" "a · b" = [20.0, 80.0] [10.0, 160.0]: multiply_backward_into;
    OfQuotient "divide" "a / b" = [5.0, 5.0] [-2.5, -10.0]: divide_backward_into;
    OfSmaller "minimum" "min(a, b)" = [10.0, 0.0] [0.0, 20.0]: minimum_backward_into;
    OfLarger "maximum" "max(a, b)" = [0.0, 20.0] [10.0, 0.0]: maximum_backward_into;
}

struct MultiplyAcc<'a>(&'a [f32], &'a [f32], &'a mut [f32]);

impl Kernel for MultiplyAcc<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self(a, b, y) = self;
        let operands = a.chunks(S::LANES).zip(b.chunks(S::LANES));
        for ((a, b), y) in operands.zip(y.chunks_mut(S::LANES)) {
            if y.len() == S::LANES {
                s.store(s.mul_add(s.load(a), s.load(b), s.load(y)), y);
            } else {
                s.store_first(s.mul_add(s.load_first(a), s.load_first(b), s.load_first(y)), y);
            }
        }
    }
}

/// `y += a · b`, rounded as the level says.
///
/// # Errors
/// [`ShapeError`] if the slices are not equally long.
///
/// ```
/// use kernlet::{kernels::elementwise, simd::Level};
/// let mut y = [1.0, 2.0];
/// elementwise::multiply_acc(Level::detect(), &[3.0, 4.0], &[10.0, 20.0], &mut y)?;
/// assert_eq!(y, [31.0, 82.0]);
/// # Ok::<(), kernlet::kernels::ShapeError>(())
/// ```
pub fn multiply_acc(level: Level, a: &[f32], b: &[f32], y: &mut [f32]) -> Result<(), ShapeError> {
    check("multiply", "a", a, y.len())?;
    check("multiply", "b", b, y.len())?;
    level.dispatch(MultiplyAcc(a, b, y));
    Ok(())
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
