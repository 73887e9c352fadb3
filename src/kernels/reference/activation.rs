//! The naive twins of [`kernels::activation`](crate::kernels::activation): values and slopes in `f64`,
//! through `libm`. A bound on the kernels' error is a bound on the distance from these.

use core::f64::consts::{FRAC_1_SQRT_2, PI};

/// An activation and its slope.
///
/// ```
/// use kernlet::kernels::reference::activation::Activation;
/// assert_eq!(Activation::Relu.value(-1.0), 0.0);
/// assert_eq!(Activation::LeakyRelu(0.2).slope(-1.0), 0.2);
/// assert_eq!(Activation::HardSwish.value(1.0), 4.0 / 6.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `x` above 0, the given slope times `x` below.
    LeakyRelu(f64),
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `min(max(x, low), high)`.
    Clip(f64, f64),
    /// `min(max(x + 3, 0), 6) / 6`.
    HardSigmoid,
    /// `x · min(max(x + 3, 0), 6) / 6`.
    HardSwish,
    /// `x` above 0, `α (eˣ − 1)` below.
    Elu(f64),
    /// ELU times λ, with the constants of Klambauer *et al.*
    Selu,
    /// `x` above 0, `α (e^(x / α) − 1)` below.
    Celu(f64),
    /// `ln(1 + eˣ)`.
    Softplus,
    /// `x tanh(ln(1 + eˣ))`.
    Mish,
    /// `1 / (1 + e⁻ˣ)`.
    Sigmoid,
    /// `tanh x`.
    Tanh,
    /// `x Φ(x)`.
    Gelu,
    /// GELU by tanh.
    GeluTanh,
    /// `x / (1 + e⁻ˣ)`.
    Silu,
}

/// λ and α of SELU.
const SELU: [f64; 2] = [1.050_700_987_355_480_5, 1.673_263_242_354_377_2];

fn softplus(x: f64) -> f64 {
    x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

impl Activation {
    /// The function's value.
    pub fn value(self, x: f64) -> f64 {
        match self {
            Self::Relu => x.max(0.0),
            Self::LeakyRelu(slope) => x * if x > 0.0 { 1.0 } else { slope },
            Self::Relu6 => x.clamp(0.0, 6.0),
            Self::Clip(low, high) => x.clamp(low, high),
            Self::HardSigmoid => (x + 3.0).clamp(0.0, 6.0) / 6.0,
            Self::HardSwish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
            Self::Elu(alpha) if x <= 0.0 => alpha * libm::expm1(x),
            Self::Celu(alpha) if x <= 0.0 => alpha * libm::expm1(x / alpha),
            Self::Elu(_) | Self::Celu(_) => x,
            Self::Selu => SELU[0] * if x > 0.0 { x } else { SELU[1] * libm::expm1(x) },
            Self::Softplus => softplus(x),
            Self::Mish => x * libm::tanh(softplus(x)),
            Self::Sigmoid => sigmoid(x),
            Self::Tanh => libm::tanh(x),
            Self::Gelu => x * 0.5 * libm::erfc(-x * FRAC_1_SQRT_2),
            Self::GeluTanh => x * sigmoid(2.0 * libm::sqrt(2.0 / PI) * (x + 0.044_715 * x * x * x)),
            Self::Silu => x * sigmoid(x),
        }
    }

    /// The slope at `x`.
    pub fn slope(self, x: f64) -> f64 {
        match self {
            Self::Relu => f64::from(x > 0.0),
            Self::LeakyRelu(slope) => {
                if x > 0.0 {
                    1.0
                } else {
                    slope
                }
            }
            Self::Relu6 => f64::from(x > 0.0 && x < 6.0),
            Self::Clip(low, high) => f64::from(x > low && x < high),
            Self::HardSigmoid => f64::from(x > -3.0 && x < 3.0) / 6.0,
            Self::HardSwish if x <= -3.0 => 0.0,
            Self::HardSwish if x < 3.0 => (2.0 * x + 3.0) / 6.0,
            Self::Elu(alpha) if x <= 0.0 => alpha * libm::exp(x),
            Self::Celu(alpha) if x <= 0.0 => libm::exp(x / alpha),
            Self::HardSwish | Self::Elu(_) | Self::Celu(_) => 1.0,
            Self::Selu => SELU[0] * if x > 0.0 { 1.0 } else { SELU[1] * libm::exp(x) },
            Self::Softplus => sigmoid(x),
            Self::Mish => {
                let t = libm::tanh(softplus(x));
                t + x * (1.0 - t) * (1.0 + t) * sigmoid(x)
            }
            Self::Sigmoid => sigmoid(x) * sigmoid(-x),
            Self::Tanh => 1.0 / (libm::cosh(x) * libm::cosh(x)),
            Self::Gelu => 0.5 * libm::erfc(-x * FRAC_1_SQRT_2) + x * libm::exp(-0.5 * x * x) / libm::sqrt(2.0 * PI),
            Self::GeluTanh => {
                let c = 2.0 * libm::sqrt(2.0 / PI);
                let u = c * (x + 0.044_715 * x * x * x);
                sigmoid(u) + x * sigmoid(u) * sigmoid(-u) * c * (1.0 + 3.0 * 0.044_715 * x * x)
            }
            Self::Silu => sigmoid(x) + x * sigmoid(x) * sigmoid(-x),
        }
    }
}
