//! Activations: functions of single elements, each with its own kernel, so that only what is called is linked.
//!
//! | activation | formula | backward reads |
//! |---|---|---|
//! | `relu` | `max(x, 0)` | y |
//! | `leaky_relu` | `x` above 0, `slope · x` below; slope ≥ 0 | y |
//! | `relu6` | `min(max(x, 0), 6)` | y |
//! | `sigmoid` | `1 / (1 + e⁻ˣ)` | y |
//! | `tanh` | `tanh x` | y |
//! | `gelu` | `x Φ(x)`, Φ the normal distribution (Hendrycks, Gimpel 2016) | x |
//! | `gelu_tanh` | `x / (1 + e⁻²ᵘ)`, `u = √(2/π) (x + 0.044715 x³)`: GELU's approximation by tanh | x |
//! | `silu` | `x / (1 + e⁻ˣ)`, also called swish | x |
//!
//! Each has four kernels: `_into` and `_in_place` forward; `_backward_into`, which
//! multiplies `dy` by the slope, and `_backward_in_place`, which overwrites `dy` with `dx`.
//! Backward reads what the table says was kept: the output, where the slope can be had
//! from it, so that the input may be overwritten.
//!
//! # Numerics
//!
//! The piecewise linear ones are exact (but for the product with `slope`); the error of the
//! others is that of [`math`] and a few roundings. NaN gives NaN, −0 stays −0, and the
//! slope at a corner is the lower one: 0 for `relu` at 0 and `relu6` at 6, as in TensorFlow.

use super::{ShapeError, check, map};
use crate::math;
use crate::simd::{Kernel, Level, Simd};

/// An activation over vectors.
trait Function: Copy {
    fn forward<S: Simd>(self, s: S, x: S::V) -> S::V;

    /// `dy` times the slope, from what is kept.
    fn backward<S: Simd>(self, s: S, kept: S::V, dy: S::V) -> S::V;
}

#[derive(Clone, Copy)]
struct Value<F>(F);

impl<F: Function> map::Unary for Value<F> {
    #[inline(always)]
    fn at<S: Simd>(self, s: S, x: S::V) -> S::V {
        self.0.forward(s, x)
    }
}

#[derive(Clone, Copy)]
struct Slope<F>(F);

impl<F: Function> map::Binary for Slope<F> {
    #[inline(always)]
    fn at<S: Simd>(self, s: S, kept: S::V, dy: S::V) -> S::V {
        self.0.backward(s, kept, dy)
    }
}

struct Into<'a, F>(F, &'a [f32], &'a mut [f32]);

impl<F: Function> Kernel for Into<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        map::into(s, self.1, self.2, Value(self.0));
    }
}

struct InPlace<'a, F>(F, &'a mut [f32]);

impl<F: Function> Kernel for InPlace<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        map::in_place(s, self.1, Value(self.0));
    }
}

struct BackwardInto<'a, F>(F, &'a [f32], &'a [f32], &'a mut [f32]);

impl<F: Function> Kernel for BackwardInto<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        map::into2(s, self.1, self.2, self.3, Slope(self.0));
    }
}

struct BackwardInPlace<'a, F>(F, &'a [f32], &'a mut [f32]);

impl<F: Function> Kernel for BackwardInPlace<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        map::acc(s, self.1, self.2, Slope(self.0));
    }
}

/// The four kernels of an activation: their names, what they take beside slices, and an example's values.
macro_rules! kernels {
    ($(
        $label:literal, $function:expr, $kept:ident $kept_name:literal, ($($parameter:ident $value:literal)?):
        $into:ident $in_place:ident $backward_into:ident $backward_in_place:ident;
    )*) => {$(
        #[doc = concat!("`y = ", $label, "(x)`.")]
        ///
        /// # Errors
        /// [`ShapeError`] if `y` is not as long as `x`.
        ///
        /// ```
        /// use kernlet::{kernels::activation, simd::Level};
        /// let mut y = [f32::NAN; 2];
        #[doc = concat!("activation::", stringify!($into), "(Level::detect(), ", $(stringify!($value), ", ",)? "&[0.0, f32::NAN], &mut y)?;")]
        /// assert!(y[1].is_nan());
        /// # Ok::<(), kernlet::kernels::ShapeError>(())
        /// ```
        pub fn $into(level: Level, $($parameter: f32,)? x: &[f32], y: &mut [f32]) -> Result<(), ShapeError> {
            check($label, "y", y, x.len())?;
            level.dispatch(Into($function, x, y));
            Ok(())
        }

        #[doc = concat!("`y = ", $label, "(y)`.")]
        ///
        /// ```
        /// use kernlet::{kernels::activation, simd::Level};
        /// let mut y = [0.0, f32::NAN];
        #[doc = concat!("activation::", stringify!($in_place), "(Level::detect(), ", $(stringify!($value), ", ",)? "&mut y);")]
        /// assert!(y[1].is_nan());
        /// ```
        pub fn $in_place(level: Level, $($parameter: f32,)? y: &mut [f32]) {
            level.dispatch(InPlace($function, y));
        }

        #[doc = concat!("`dx = dy · ", $label, "′`, from the forward pass's `", $kept_name, "`.")]
        ///
        /// # Errors
        /// [`ShapeError`] if the slices are not equally long.
        ///
        /// ```
        /// use kernlet::{kernels::activation, simd::Level};
        /// let mut dx = [f32::NAN; 2];
        #[doc = concat!("activation::", stringify!($backward_into), "(Level::detect(), ", $(stringify!($value), ", ",)? "&[0.5, 0.7], &[0.0, 1.0], &mut dx)?;")]
        /// assert!(dx[0] == 0.0 && dx[1] > 0.0);
        /// # Ok::<(), kernlet::kernels::ShapeError>(())
        /// ```
        pub fn $backward_into(
            level: Level,
            $($parameter: f32,)?
            $kept: &[f32],
            dy: &[f32],
            dx: &mut [f32],
        ) -> Result<(), ShapeError> {
            check($label, $kept_name, $kept, dy.len())?;
            check($label, "dx", dx, dy.len())?;
            level.dispatch(BackwardInto($function, $kept, dy, dx));
            Ok(())
        }

        #[doc = concat!("`dy = dy · ", $label, "′`, from the forward pass's `", $kept_name, "`.")]
        ///
        /// # Errors
        /// [`ShapeError`] if the slices are not equally long.
        ///
        /// ```
        /// use kernlet::{kernels::activation, simd::Level};
        /// let mut dy = [0.0, 1.0];
        #[doc = concat!("activation::", stringify!($backward_in_place), "(Level::detect(), ", $(stringify!($value), ", ",)? "&[0.5, 0.7], &mut dy)?;")]
        /// assert!(dy[0] == 0.0 && dy[1] > 0.0);
        /// # Ok::<(), kernlet::kernels::ShapeError>(())
        /// ```
        pub fn $backward_in_place(
            level: Level,
            $($parameter: f32,)?
            $kept: &[f32],
            dy: &mut [f32],
        ) -> Result<(), ShapeError> {
            check($label, $kept_name, $kept, dy.len())?;
            level.dispatch(BackwardInPlace($function, $kept, dy));
            Ok(())
        }
    )*};
}

kernels! {
    "relu", Relu, y "y", (): relu_into relu_in_place relu_backward_into relu_backward_in_place;
    "leaky_relu", LeakyRelu(slope), y "y", (slope 0.2):
        leaky_relu_into leaky_relu_in_place leaky_relu_backward_into leaky_relu_backward_in_place;
    "relu6", Relu6, y "y", (): relu6_into relu6_in_place relu6_backward_into relu6_backward_in_place;
    "sigmoid", Sigmoid, y "y", (): sigmoid_into sigmoid_in_place sigmoid_backward_into sigmoid_backward_in_place;
    "tanh", Tanh, y "y", (): tanh_into tanh_in_place tanh_backward_into tanh_backward_in_place;
    "gelu", Gelu, x "x", (): gelu_into gelu_in_place gelu_backward_into gelu_backward_in_place;
    "gelu_tanh", GeluTanh, x "x", ():
        gelu_tanh_into gelu_tanh_in_place gelu_tanh_backward_into gelu_tanh_backward_in_place;
    "silu", Silu, x "x", (): silu_into silu_in_place silu_backward_into silu_backward_in_place;
}

#[derive(Clone, Copy)]
struct Relu;

impl Function for Relu {
    #[inline(always)]
    fn forward<S: Simd>(self, s: S, x: S::V) -> S::V {
        s.max(s.splat(0.0), x)
    }
    #[inline(always)]
    fn backward<S: Simd>(self, s: S, y: S::V, dy: S::V) -> S::V {
        s.select_gt(y, s.splat(0.0), dy, s.splat(0.0))
    }
}

#[derive(Clone, Copy)]
struct LeakyRelu(f32);

impl Function for LeakyRelu {
    #[inline(always)]
    fn forward<S: Simd>(self, s: S, x: S::V) -> S::V {
        s.select_gt(x, s.splat(0.0), x, s.mul(x, s.splat(self.0)))
    }
    #[inline(always)]
    fn backward<S: Simd>(self, s: S, y: S::V, dy: S::V) -> S::V {
        s.select_gt(y, s.splat(0.0), dy, s.mul(dy, s.splat(self.0)))
    }
}

#[derive(Clone, Copy)]
struct Relu6;

impl Function for Relu6 {
    #[inline(always)]
    fn forward<S: Simd>(self, s: S, x: S::V) -> S::V {
        s.min(s.splat(6.0), s.max(s.splat(0.0), x))
    }
    #[inline(always)]
    fn backward<S: Simd>(self, s: S, y: S::V, dy: S::V) -> S::V {
        let zero = s.splat(0.0);
        let dx = s.select_gt(y, zero, dy, zero);
        s.select_gt(s.splat(6.0), y, dx, zero)
    }
}

#[derive(Clone, Copy)]
struct Sigmoid;

impl Function for Sigmoid {
    #[inline(always)]
    fn forward<S: Simd>(self, s: S, x: S::V) -> S::V {
        math::sigmoid(s, x)
    }
    #[inline(always)]
    fn backward<S: Simd>(self, s: S, y: S::V, dy: S::V) -> S::V {
        s.mul(dy, s.mul(y, s.sub(s.splat(1.0), y)))
    }
}

#[derive(Clone, Copy)]
struct Tanh;

impl Function for Tanh {
    #[inline(always)]
    fn forward<S: Simd>(self, s: S, x: S::V) -> S::V {
        math::tanh(s, x)
    }
    #[inline(always)]
    fn backward<S: Simd>(self, s: S, y: S::V, dy: S::V) -> S::V {
        // (1 − y)(1 + y) keeps digits near ±1 that 1 − y² has lost.
        let one = s.splat(1.0);
        s.mul(dy, s.mul(s.sub(one, y), s.add(one, y)))
    }
}

/// Beyond ±200 the functions below are x or 0 exactly; inside, `∞ · 0` does not come up. NaN passes.
#[inline(always)]
fn bounded<S: Simd>(s: S, x: S::V) -> S::V {
    s.min(s.splat(200.0), not_below(s, x))
}

#[inline(always)]
fn not_below<S: Simd>(s: S, x: S::V) -> S::V {
    s.max(s.splat(-200.0), x)
}

#[derive(Clone, Copy)]
struct Gelu;

impl Function for Gelu {
    #[inline(always)]
    fn forward<S: Simd>(self, s: S, x: S::V) -> S::V {
        let x = not_below(s, x);
        s.mul(x, math::normal_cdf(s, x))
    }
    #[inline(always)]
    fn backward<S: Simd>(self, s: S, x: S::V, dy: S::V) -> S::V {
        let x = bounded(s, x);
        let (cdf, density) = math::normal_cdf_and_density(s, x);
        s.mul(dy, s.mul_add(x, density, cdf))
    }
}

#[derive(Clone, Copy)]
struct GeluTanh;

/// `2 √(2/π)` and its product with 0.044715.
const TWICE_U: [f32; 2] = [1.595_769_2, 0.071_354_82];

impl Function for GeluTanh {
    #[inline(always)]
    fn forward<S: Simd>(self, s: S, x: S::V) -> S::V {
        let bounded = bounded(s, x);
        let slope = s.mul_add(s.mul(bounded, bounded), s.splat(TWICE_U[1]), s.splat(TWICE_U[0]));
        // ½ (1 + tanh u) is the sigmoid of 2u.
        s.mul(not_below(s, x), math::sigmoid(s, s.mul(bounded, slope)))
    }
    #[inline(always)]
    fn backward<S: Simd>(self, s: S, x: S::V, dy: S::V) -> S::V {
        let x = bounded(s, x);
        let square = s.mul(x, x);
        let [a, b] = TWICE_U;
        let y = math::sigmoid(s, s.mul(x, s.mul_add(square, s.splat(b), s.splat(a))));
        let slope = s.mul_add(square, s.splat(3.0 * b), s.splat(a));
        let rest = s.mul(s.mul(y, s.sub(s.splat(1.0), y)), slope);
        s.mul(dy, s.mul_add(x, rest, y))
    }
}

#[derive(Clone, Copy)]
struct Silu;

impl Function for Silu {
    #[inline(always)]
    fn forward<S: Simd>(self, s: S, x: S::V) -> S::V {
        let x = not_below(s, x);
        s.mul(x, math::sigmoid(s, x))
    }
    #[inline(always)]
    fn backward<S: Simd>(self, s: S, x: S::V, dy: S::V) -> S::V {
        let x = bounded(s, x);
        let y = math::sigmoid(s, x);
        let rest = s.mul(y, s.sub(s.splat(1.0), y));
        s.mul(dy, s.mul_add(x, rest, y))
    }
}
