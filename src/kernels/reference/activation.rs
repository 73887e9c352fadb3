//! The naive twins of [`kernels::activation`](crate::kernels::activation): values and slopes in `f64`,
//! through `libm`. A bound on the kernels' error is a bound on the distance from these.

use core::f64::consts::{FRAC_1_SQRT_2, PI};

/// An activation and its slope.
///
/// ```
/// use kernlet::kernels::reference::activation::Activation;
/// assert_eq!(Activation::Relu.value(-1.0), 0.0);
/// assert_eq!(Activation::LeakyRelu(0.2).slope(-1.0), 0.2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `x` above 0, the given slope times `x` below.
    LeakyRelu(f64),
    /// `min(max(x, 0), 6)`.
    Relu6,
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
