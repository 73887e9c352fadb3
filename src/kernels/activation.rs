//! Activations: functions of single elements, each with its own kernel, so that only what is called is linked.
//!
//! | activation | formula | backward reads |
//! |---|---|---|
//! | `relu` | `max(x, 0)` | y |
//! | `leaky_relu` | `x` above 0, `slope · x` below; slope ≥ 0 | y |
//! | `relu6` | `min(max(x, 0), 6)` | y |
//! | `clip` | `min(max(x, low), high)` | y |
//! | `hard_sigmoid` | `min(max(x + 3, 0), 6) / 6` | y |
//! | `hard_swish` | `x · min(max(x + 3, 0), 6) / 6` (Howard *et al.* 2019) | x |
//! | `sigmoid` | `1 / (1 + e⁻ˣ)` | y |
//! | `tanh` | `tanh x` | y |
//! | `elu` | `x` above 0, `α (eˣ − 1)` below; α ≥ 0 (Clevert *et al.* 2016) | y |
//! | `selu` | `λ x` above 0, `λ α (eˣ − 1)` below, λ = 1.0507…, α = 1.6732… (Klambauer *et al.* 2017) | y |
//! | `celu` | `x` above 0, `α (e^(x / α) − 1)` below; α > 0 (Barron 2017) | y |
//! | `softplus` | `ln(1 + eˣ)` | x |
//! | `mish` | `x tanh(ln(1 + eˣ))` (Misra 2019) | x |
//! | `gelu` | `x Φ(x)`, Φ the normal distribution (Hendrycks, Gimpel 2016) | x |
//! | `gelu_tanh` | `x / (1 + e⁻²ᵘ)`, `u = √(2/π) (x + 0.044715 x³)`: GELU's approximation by tanh | x |
//! | `silu` | `x / (1 + e⁻ˣ)`, also called swish | x |
//!
//! [`prelu`](mod@super::prelu) has slopes that learn, and a file of its own.
//!
//! Each has four kernels: `_into` and `_in_place` forward; `_backward_into`, which
//! multiplies `dy` by the slope, and `_backward_in_place`, which overwrites `dy` with `dx`.
//! Backward reads what the table says was kept: the output, where the slope can be had
//! from it, so that the input may be overwritten.
//!
//! Forward computes its formula for any parameter. Where a slope or an α is out of the range in the table, the
//! output no longer tells the sign of the input: backward is then an error, and so is a layer of a network, which
//! always has a backward pass.
//!
//! # Numerics
//!
//! The piecewise linear ones are exact (but for a product with a constant); the error of the
//! others is that of [`math`] and a few roundings. NaN gives NaN, −0 stays −0, and the
//! slope at a corner is the lower one: 0 for `relu` at 0 and `relu6` at 6, as in TensorFlow.
//! A bound of `clip` that is NaN bounds nothing.

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

struct ForwardInto<'a, F>(F, &'a [f32], &'a mut [f32]);

impl<F: Function> Kernel for ForwardInto<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        map::into(s, self.1, self.2, Value(self.0));
    }
}

struct ForwardInPlace<'a, F>(F, &'a mut [f32]);

impl<F: Function> Kernel for ForwardInPlace<'_, F> {
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

/// The door of backward where it reads the output: a parameter that lets both signs of the input have the
/// same sign of the output is refused.
fn check_sign(operation: &'static str, fits: bool) -> Result<(), ShapeError> {
    if fits { Ok(()) } else { Err(ShapeError::new(operation, "sign of the parameter", 0, 1)) }
}

/// The four kernels of an activation: their names, what they take beside slices, and an example's values.
macro_rules! kernels {
    ($(
        $label:literal, $function:expr, $kept:ident $kept_name:literal, ($($parameter:ident $value:literal),*) $(if { $fits:expr })?:
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
        #[doc = concat!("activation::", stringify!($into), "(Level::detect(), ", $(stringify!($value), ", ",)* "&[0.0, f32::NAN], &mut y)?;")]
        /// assert!(y[1].is_nan());
        /// # Ok::<(), kernlet::kernels::ShapeError>(())
        /// ```
        pub fn $into(level: Level, $($parameter: f32,)* x: &[f32], y: &mut [f32]) -> Result<(), ShapeError> {
            check($label, "y", y, x.len())?;
            level.dispatch(ForwardInto($function, x, y));
            Ok(())
        }

        #[doc = concat!("`y = ", $label, "(y)`.")]
        ///
        /// ```
        /// use kernlet::{kernels::activation, simd::Level};
        /// let mut y = [0.0, f32::NAN];
        #[doc = concat!("activation::", stringify!($in_place), "(Level::detect(), ", $(stringify!($value), ", ",)* "&mut y);")]
        /// assert!(y[1].is_nan());
        /// ```
        pub fn $in_place(level: Level, $($parameter: f32,)* y: &mut [f32]) {
            level.dispatch(ForwardInPlace($function, y));
        }

        #[doc = concat!("`dx = dy · ", $label, "′`, from the forward pass's `", $kept_name, "`.")]
        ///
        /// # Errors
        /// [`ShapeError`] if the slices are not equally long, or a parameter is out of its range.
        ///
        /// ```
        /// use kernlet::{kernels::activation, simd::Level};
        /// let mut dx = [f32::NAN; 2];
        #[doc = concat!("activation::", stringify!($backward_into), "(Level::detect(), ", $(stringify!($value), ", ",)* "&[0.5, 0.7], &[0.0, 1.0], &mut dx)?;")]
        /// assert!(dx[0] == 0.0 && dx[1] > 0.0);
        /// # Ok::<(), kernlet::kernels::ShapeError>(())
        /// ```
        pub fn $backward_into(
            level: Level,
            $($parameter: f32,)*
            $kept: &[f32],
            dy: &[f32],
            dx: &mut [f32],
        ) -> Result<(), ShapeError> {
            check($label, $kept_name, $kept, dy.len())?;
            $(check_sign($label, $fits)?;)?
            check($label, "dx", dx, dy.len())?;
            level.dispatch(BackwardInto($function, $kept, dy, dx));
            Ok(())
        }

        #[doc = concat!("`dy = dy · ", $label, "′`, from the forward pass's `", $kept_name, "`.")]
        ///
        /// # Errors
        /// [`ShapeError`] if the slices are not equally long, or a parameter is out of its range.
        ///
        /// ```
        /// use kernlet::{kernels::activation, simd::Level};
        /// let mut dy = [0.0, 1.0];
        #[doc = concat!("activation::", stringify!($backward_in_place), "(Level::detect(), ", $(stringify!($value), ", ",)* "&[0.5, 0.7], &mut dy)?;")]
        /// assert!(dy[0] == 0.0 && dy[1] > 0.0);
        /// # Ok::<(), kernlet::kernels::ShapeError>(())
        /// ```
        pub fn $backward_in_place(
            level: Level,
            $($parameter: f32,)*
            $kept: &[f32],
            dy: &mut [f32],
        ) -> Result<(), ShapeError> {
            check($label, $kept_name, $kept, dy.len())?;
            $(check_sign($label, $fits)?;)?
            level.dispatch(BackwardInPlace($function, $kept, dy));
            Ok(())
        }
    )*};
}

kernels! {
    "relu", Relu, y "y", (): relu_into relu_in_place relu_backward_into relu_backward_in_place;
    "leaky_relu", LeakyRelu(slope), y "y", (slope 0.2) if { slope >= 0.0 }:
        leaky_relu_into leaky_relu_in_place leaky_relu_backward_into leaky_relu_backward_in_place;
    "relu6", Relu6, y "y", (): relu6_into relu6_in_place relu6_backward_into relu6_backward_in_place;
    "clip", Clip { low, high }, y "y", (low -1.0, high 1.0):
        clip_into clip_in_place clip_backward_into clip_backward_in_place;
    "hard_sigmoid", HardSigmoid, y "y", ():
        hard_sigmoid_into hard_sigmoid_in_place hard_sigmoid_backward_into hard_sigmoid_backward_in_place;
    "hard_swish", HardSwish, x "x", ():
        hard_swish_into hard_swish_in_place hard_swish_backward_into hard_swish_backward_in_place;
    "sigmoid", Sigmoid, y "y", (): sigmoid_into sigmoid_in_place sigmoid_backward_into sigmoid_backward_in_place;
    "tanh", Tanh, y "y", (): tanh_into tanh_in_place tanh_backward_into tanh_backward_in_place;
    "elu", Elu(alpha), y "y", (alpha 1.0) if { alpha >= 0.0 }:
        elu_into elu_in_place elu_backward_into elu_backward_in_place;
    "selu", Selu, y "y", (): selu_into selu_in_place selu_backward_into selu_backward_in_place;
    "celu", Celu(alpha), y "y", (alpha 1.0) if { alpha > 0.0 }:
        celu_into celu_in_place celu_backward_into celu_backward_in_place;
    "softplus", Softplus, x "x", ():
        softplus_into softplus_in_place softplus_backward_into softplus_backward_in_place;
    "mish", Mish, x "x", (): mish_into mish_in_place mish_backward_into mish_backward_in_place;
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
struct Clip {
    low: f32,
    high: f32,
}

impl Function for Clip {
    #[inline(always)]
    fn forward<S: Simd>(self, s: S, x: S::V) -> S::V {
        s.min(s.splat(self.high), s.max(s.splat(self.low), x))
    }
    #[inline(always)]
    fn backward<S: Simd>(self, s: S, y: S::V, dy: S::V) -> S::V {
        // Not `y > low`, which a NaN bound would never let be true.
        let dx = s.select_gt(y, s.splat(self.low), dy, s.select_nan(s.splat(self.low), dy, s.splat(0.0)));
        s.select_gt(s.splat(self.high), y, dx, s.select_nan(s.splat(self.high), dx, s.splat(0.0)))
    }
}

/// `min(max(x + 3, 0), 6)`.
#[inline(always)]
fn shifted_relu6<S: Simd>(s: S, x: S::V) -> S::V {
    Relu6.forward(s, s.add(x, s.splat(3.0)))
}

#[derive(Clone, Copy)]
struct HardSigmoid;

impl Function for HardSigmoid {
    #[inline(always)]
    fn forward<S: Simd>(self, s: S, x: S::V) -> S::V {
        s.div(shifted_relu6(s, x), s.splat(6.0))
    }
    #[inline(always)]
    fn backward<S: Simd>(self, s: S, y: S::V, dy: S::V) -> S::V {
        Clip { low: 0.0, high: 1.0 }.backward(s, y, s.div(dy, s.splat(6.0)))
    }
}

#[derive(Clone, Copy)]
struct HardSwish;

impl Function for HardSwish {
    #[inline(always)]
    fn forward<S: Simd>(self, s: S, x: S::V) -> S::V {
        // At −∞ the second factor is 0, and so is the product.
        s.div(s.mul(not_below(s, x), shifted_relu6(s, x)), s.splat(6.0))
    }
    #[inline(always)]
    fn backward<S: Simd>(self, s: S, x: S::V, dy: S::V) -> S::V {
        let three = s.splat(3.0);
        let inside = s.div(s.mul(dy, s.add(s.add(x, x), three)), s.splat(6.0));
        let dx = s.select_gt(x, s.neg(three), inside, s.select_nan(x, inside, s.splat(0.0)));
        s.select_gt(three, x, dx, s.select_nan(x, dx, dy))
    }
}

#[derive(Clone, Copy)]
struct Elu(f32);

impl Function for Elu {
    #[inline(always)]
    fn forward<S: Simd>(self, s: S, x: S::V) -> S::V {
        s.select_gt(x, s.splat(0.0), x, s.mul(s.splat(self.0), math::exp_m1(s, x)))
    }
    #[inline(always)]
    fn backward<S: Simd>(self, s: S, y: S::V, dy: S::V) -> S::V {
        // α eˣ is y + α.
        s.select_gt(y, s.splat(0.0), dy, s.mul(dy, s.add(y, s.splat(self.0))))
    }
}

#[derive(Clone, Copy)]
struct Selu;

/// SELU's λ, and its product with α.
const SELU: [f32; 2] = [1.050_701, 1.758_099_3];

impl Function for Selu {
    #[inline(always)]
    fn forward<S: Simd>(self, s: S, x: S::V) -> S::V {
        let [lambda, with_alpha] = SELU;
        let below = s.mul(s.splat(with_alpha), math::exp_m1(s, x));
        s.select_gt(x, s.splat(0.0), s.mul(s.splat(lambda), x), below)
    }
    #[inline(always)]
    fn backward<S: Simd>(self, s: S, y: S::V, dy: S::V) -> S::V {
        let [lambda, with_alpha] = SELU;
        let slope = s.select_gt(y, s.splat(0.0), s.splat(lambda), s.add(y, s.splat(with_alpha)));
        s.mul(dy, slope)
    }
}

#[derive(Clone, Copy)]
struct Celu(f32);

impl Function for Celu {
    #[inline(always)]
    fn forward<S: Simd>(self, s: S, x: S::V) -> S::V {
        let alpha = s.splat(self.0);
        s.select_gt(x, s.splat(0.0), x, s.mul(alpha, math::exp_m1(s, s.div(x, alpha))))
    }
    #[inline(always)]
    fn backward<S: Simd>(self, s: S, y: S::V, dy: S::V) -> S::V {
        // e^(x / α) is y / α + 1.
        let slope = s.add(s.div(y, s.splat(self.0)), s.splat(1.0));
        s.select_gt(y, s.splat(0.0), dy, s.mul(dy, slope))
    }
}

#[derive(Clone, Copy)]
struct Softplus;

impl Function for Softplus {
    #[inline(always)]
    fn forward<S: Simd>(self, s: S, x: S::V) -> S::V {
        math::softplus(s, x)
    }
    #[inline(always)]
    fn backward<S: Simd>(self, s: S, x: S::V, dy: S::V) -> S::V {
        s.mul(dy, math::sigmoid(s, x))
    }
}

#[derive(Clone, Copy)]
struct Mish;

/// With n = eˣ, tanh(ln(1 + n)) is (n² + 2n) / (n² + 2n + 2), and its slope 4n (1 + n) / (n² + 2n + 2)².
/// Above 0 both are divided through by n² and n⁴, so that nothing overflows.
#[inline(always)]
fn tanh_softplus<S: Simd>(s: S, x: S::V) -> (S::V, S::V) {
    let (zero, one, two) = (s.splat(0.0), s.splat(1.0), s.splat(2.0));
    let e = math::exp(s, s.neg(s.abs(x)));
    let double = s.add(e, e);
    // Below: e (e + 2). Above: 1 + 2e, and the denominator 1 + 2e + 2e².
    let numerator = s.select_gt(x, zero, s.add(one, double), s.mul(e, s.add(e, two)));
    let denominator = s.select_gt(x, zero, s.mul_add(double, e, numerator), s.add(numerator, two));
    let factor = s.select_gt(x, zero, s.mul(double, double), s.add(double, double));
    let slope = s.div(s.mul(factor, s.add(one, e)), s.mul(denominator, denominator));
    (s.div(numerator, denominator), slope)
}

impl Function for Mish {
    #[inline(always)]
    fn forward<S: Simd>(self, s: S, x: S::V) -> S::V {
        let x = not_below(s, x);
        s.mul(x, tanh_softplus(s, x).0)
    }
    #[inline(always)]
    fn backward<S: Simd>(self, s: S, x: S::V, dy: S::V) -> S::V {
        let x = bounded(s, x);
        let (value, slope) = tanh_softplus(s, x);
        s.mul(dy, s.mul_add(x, slope, value))
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
