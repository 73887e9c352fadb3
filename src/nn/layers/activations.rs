//! Activations: one kernel each, so that only those in use are linked.

use super::{BackwardPass, Context, Declared, ForwardPass, Kind, ShapeError, Spec, forward_samples, rows};
use crate::{
    kernels::{Epilogue, activation},
    nn::declare::{InPlace, Link, Settings, Streaming, Value},
    parallel,
};

/// An activation whose backward reads its output.
const BY_OUTPUT: Spec = Spec {
    in_place: InPlace::Yes,
    gradient_in_place: true,
    reads_output: true,
    streaming: Streaming::EachStep,
    ..Spec::NEW
};

/// An activation whose backward reads its output's sign.
const BY_SIGN: Spec = Spec { reads_output: false, reads_sign: true, ..BY_OUTPUT };

/// An activation whose backward reads its input, which it must not overwrite.
const BY_INPUT: Spec = Spec { gradient_in_place: true, reads_input: true, streaming: Streaming::EachStep, ..Spec::NEW };

macro_rules! activation {
    // `kept` is what backward reads: the output `y`, or the input `x`.
    (
        $(#[$meta:meta])* $kind:ident, $name:literal, $spec:expr,
        $into:ident, $in_place:ident, $backward:ident, $kept:ident $(, $value:ident)?
    ) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $kind;

        impl $kind {
            /// How it is declared.
            pub const fn declare(context: Context<'_>) -> Declared {
                declare(context, $name, $spec, 0 $(+ activation!(@one $value))?)
            }
        }

        impl Kind for $kind {
            fn forward(mut pass: ForwardPass<'_>) -> Result<(), ShapeError> {
                let level = pass.level;
                $(let $value = pass.node.settings.values[0];)?
                forward_samples(&mut pass, &|_, x, y| {
                    if x.is_empty() {
                        activation::$in_place(level, $($value,)? y);
                        Ok(())
                    } else {
                        activation::$into(level, $($value,)? x, y)
                    }
                })
            }

            fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
                let (level, kept, len) = (pass.level, pass.$kept, pass.node.output as usize);
                $(let $value = pass.node.settings.values[0];)?
                parallel::for_rows(pass.threads, pass.samples, pass.dy, &|samples, dy: &mut [f32]| {
                    activation::$backward(level, $($value,)? rows(kept, samples, len)?, dy)
                })
            }
        }
    };
    (@one $value:ident) => { 1 };
}

const fn declare(context: Context<'_>, usage: &'static str, spec: Spec, arguments: usize) -> Declared {
    let context = context.expect(usage, arguments, &[]);
    if arguments == 0 {
        return Declared::new(&context, context.input(), spec);
    }
    let slope = context.number(0, "slope");
    // Below 0 the sign of the output would not tell that of the input.
    if !(slope >= 0.0 && slope < f32::MAX as f64) {
        context.message().text("a slope is 0.0 or more").fail();
    }
    let spec = Spec { settings: Settings::value(slope as f32), ..spec };
    Declared::new(&context, context.input(), spec).attribute("slope", Value::Number(slope))
}

activation!(
    /// `max(x, 0)`.
    Relu, "relu", Spec { epilogue: Some(Epilogue::Relu), ..BY_SIGN },
    relu_into, relu_in_place, relu_backward_in_place, y
);
activation!(
    /// `x` where positive, else `slope · x`.
    LeakyRelu, "leaky_relu(0.1)", BY_SIGN,
    leaky_relu_into, leaky_relu_in_place, leaky_relu_backward_in_place, y, value
);
activation!(
    /// `min(max(x, 0), 6)`.
    Relu6, "relu6", Spec { epilogue: Some(Epilogue::RELU6), ..BY_OUTPUT },
    relu6_into, relu6_in_place, relu6_backward_in_place, y
);
activation!(
    /// The logistic function.
    Sigmoid, "sigmoid", Spec { link: Some(Link::Sigmoid), ..BY_OUTPUT },
    sigmoid_into, sigmoid_in_place, sigmoid_backward_in_place, y
);
activation!(
    /// The hyperbolic tangent.
    Tanh, "tanh", BY_OUTPUT,
    tanh_into, tanh_in_place, tanh_backward_in_place, y
);
activation!(
    /// `x · Φ(x)`.
    Gelu, "gelu", BY_INPUT,
    gelu_into, gelu_in_place, gelu_backward_in_place, x
);
activation!(
    /// `x · sigmoid(x)`.
    Silu, "silu", BY_INPUT,
    silu_into, silu_in_place, silu_backward_in_place, x
);
activation!(
    /// GELU's approximation by tanh.
    GeluTanh, "gelu_tanh", BY_INPUT,
    gelu_tanh_into, gelu_tanh_in_place, gelu_tanh_backward_in_place, x
);
activation!(
    /// `min(max(x + 3, 0), 6) / 6`.
    HardSigmoid, "hard_sigmoid", BY_OUTPUT,
    hard_sigmoid_into, hard_sigmoid_in_place, hard_sigmoid_backward_in_place, y
);
activation!(
    /// `x · min(max(x + 3, 0), 6) / 6`.
    HardSwish, "hard_swish", BY_INPUT,
    hard_swish_into, hard_swish_in_place, hard_swish_backward_in_place, x
);
activation!(
    /// `x` where positive, else `slope · (eˣ − 1)`.
    Elu, "elu(1.0)", BY_OUTPUT,
    elu_into, elu_in_place, elu_backward_in_place, y, value
);
activation!(
    /// ELU with the constants of self-normalising networks.
    Selu, "selu", BY_OUTPUT,
    selu_into, selu_in_place, selu_backward_in_place, y
);
activation!(
    /// `ln(1 + eˣ)`.
    Softplus, "softplus", BY_INPUT,
    softplus_into, softplus_in_place, softplus_backward_in_place, x
);
activation!(
    /// `x · tanh(softplus x)`.
    Mish, "mish", BY_INPUT,
    mish_into, mish_in_place, mish_backward_in_place, x
);
