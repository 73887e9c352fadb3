//! Activations: one kernel each, so that only those in use are linked.

macro_rules! activation {
    // `kept` is what backward reads: the output `y`, or the input `x`.
    ($(#[$meta:meta])* $name:ident, $into:ident, $in_place:ident, $backward:ident, $kept:ident $(, $value:ident)?) => {
        $(#[$meta])*
        pub mod $name {
            $(use super::super::$value;)?
            use super::super::{BackwardPass, ForwardPass, ShapeError, forward_images, rows};
            use crate::{kernels::activation, parallel};

            pub use super::super::no_weights as weights;

            pub fn forward(mut pass: ForwardPass<'_>) -> Result<(), ShapeError> {
                let level = pass.level;
                $(let $value = $value(pass.layer)?;)?
                forward_images(&mut pass, &|_, x, y| {
                    if x.is_empty() {
                        activation::$in_place(level, $($value,)? y);
                        Ok(())
                    } else {
                        activation::$into(level, $($value,)? x, y)
                    }
                })
            }

            pub fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
                let (level, kept, len) = (pass.level, pass.$kept, pass.layer.output.len());
                $(let $value = $value(pass.layer)?;)?
                parallel::for_rows(pass.threads, pass.images, pass.dy, &|images, dy: &mut [f32]| {
                    activation::$backward(level, $($value,)? rows(kept, images, len)?, dy)
                })
            }
        }
    };
}

activation!(
    /// `max(x, 0)`.
    relu, relu_into, relu_in_place, relu_backward_in_place, y
);
activation!(
    /// `x` where positive, else `slope · x`.
    leaky_relu, leaky_relu_into, leaky_relu_in_place, leaky_relu_backward_in_place, y, value
);
activation!(
    /// `min(max(x, 0), 6)`.
    relu6, relu6_into, relu6_in_place, relu6_backward_in_place, y
);
activation!(
    /// The logistic function.
    sigmoid, sigmoid_into, sigmoid_in_place, sigmoid_backward_in_place, y
);
activation!(
    /// The hyperbolic tangent.
    tanh, tanh_into, tanh_in_place, tanh_backward_in_place, y
);
activation!(
    /// `x · Φ(x)`.
    gelu, gelu_into, gelu_in_place, gelu_backward_in_place, x
);
activation!(
    /// `x · sigmoid(x)`.
    silu, silu_into, silu_in_place, silu_backward_in_place, x
);
