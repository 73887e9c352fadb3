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
    // `kept` is what backward reads: the output `y`, or the input `x`. Arguments are the settings' values.
    (
        $(#[$meta:meta])* $kind:ident, $name:literal, $spec:expr,
        $into:ident, $in_place:ident, $backward:ident, $kept:ident $(, $declare:ident: $($value:ident)*)?
    ) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $kind;

        impl $kind {
            /// How it is declared.
            pub const fn declare(context: Context<'_>) -> Declared {
                activation!(@declare $($declare)?)(context, $name, $spec)
            }
        }

        impl Kind for $kind {
            fn forward(mut pass: ForwardPass<'_>) -> Result<(), ShapeError> {
                let level = pass.level;
                $(let [$($value,)* ..] = pass.node.settings.values;)?
                forward_samples(&mut pass, &|_, x, y| {
                    if x.is_empty() {
                        activation::$in_place(level, $($($value,)*)? y);
                        Ok(())
                    } else {
                        activation::$into(level, $($($value,)*)? x, y)
                    }
                })
            }

            fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
                let (level, kept, len) = (pass.level, pass.$kept, pass.node.output as usize);
                $(let [$($value,)* ..] = pass.node.settings.values;)?
                parallel::for_rows(pass.threads, pass.samples, pass.dy, &|samples, dy: &mut [f32]| {
                    activation::$backward(level, $($($value,)*)? rows(kept, samples, len)?, dy)
                })
            }
        }
    };
    (@declare) => { plain };
    (@declare $declare:ident) => { $declare };
}

const fn plain(context: Context<'_>, usage: &'static str, spec: Spec) -> Declared {
    let context = context.expect(usage, 0, &[]);
    Declared::new(&context, context.input(), spec)
}

const fn sloped(context: Context<'_>, usage: &'static str, spec: Spec) -> Declared {
    let context = context.expect(usage, 1, &[]);
    let slope = context.number(0, "slope");
    // Below 0 the sign of the output would not tell that of the input.
    if !(slope >= 0.0 && slope < f32::MAX as f64) {
        context.message().text("a slope is 0.0 or more").fail();
    }
    let spec = Spec { settings: Settings::value(slope as f32), ..spec };
    Declared::new(&context, context.input(), spec).attribute("slope", Value::Number(slope))
}

/// It divides by α.
const fn scaled(context: Context<'_>, usage: &'static str, spec: Spec) -> Declared {
    let context = context.expect(usage, 1, &[]);
    let alpha = context.number(0, "alpha");
    if !(alpha as f32 >= f32::MIN_POSITIVE && alpha < f32::MAX as f64) {
        context.message().text("alpha: expected more than 0.0").fail();
    }
    let spec = Spec { settings: Settings::value(alpha as f32), ..spec };
    Declared::new(&context, context.input(), spec).attribute("alpha", Value::Number(alpha))
}

const fn bounded(context: Context<'_>, usage: &'static str, spec: Spec) -> Declared {
    let context = context.expect(usage, 2, &[]);
    let bounds = [context.number(0, "low"), context.number(1, "high")];
    let [low, high] = [bounds[0] as f32, bounds[1] as f32];
    if low >= high || low.is_nan() || high.is_nan() {
        context.message().text("a range to clip to goes from a number to a larger one").fail();
    }
    let epilogue = Some(Epilogue::Clamp { low, high });
    let spec = Spec { settings: Settings::NONE.with_values([low, high]), epilogue, ..spec };
    Declared::new(&context, context.input(), spec)
        .attribute("low", Value::Number(bounds[0]))
        .attribute("high", Value::Number(bounds[1]))
}

activation!(
    /// `max(x, 0)`.
    Relu, "relu", Spec { epilogue: Some(Epilogue::Relu), ..BY_SIGN },
    relu_into, relu_in_place, relu_backward_in_place, y
);
activation!(
    /// `x` where positive, else `slope · x`.
    LeakyRelu, "leaky_relu(0.1)", BY_SIGN,
    leaky_relu_into, leaky_relu_in_place, leaky_relu_backward_in_place, y, sloped: slope
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
    elu_into, elu_in_place, elu_backward_in_place, y, sloped: alpha
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
activation!(
    /// `min(max(x, low), high)`.
    Clip, "clip(-1.0, 1.0)", BY_OUTPUT,
    clip_into, clip_in_place, clip_backward_in_place, y, bounded: low high
);
activation!(
    /// `x` above 0, `α (e^(x / α) − 1)` below.
    Celu, "celu(1.0)", BY_OUTPUT,
    celu_into, celu_in_place, celu_backward_in_place, y, scaled: alpha
);
