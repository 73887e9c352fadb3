//! The `network!` macro: layers are collected one by one, then written out as a
//! type with constants and one call per layer, so that only kernels in use are linked.

/// Declares a network: a type with its shapes, sizes and layers.
///
/// ```
/// kernlet::network! {
///     /// The Keras MNIST network.
///     pub struct MnistCnn([28, 28, 1]) {
///         conv1: conv2d(32, 3x3), relu,
///         conv2: conv2d(64, 3x3), relu,
///         pool: max_pool2d(2x2), dropout(0.25),
///         fc1: dense(128), relu, dropout(0.5),
///         fc2: dense(10), softmax,
///     }
/// }
/// const { assert!(MnistCnn::PARAMETERS == 1_199_882) };
/// ```
///
/// The input is `[height, width, channels]` or `[features]`. Every later shape is
/// derived and checked; one that does not fit is a compile-time error which names
/// the layer and the sizes. A layer is `name: kind(arguments)`; the name may be
/// left out.
///
/// | kind | arguments | options |
/// |---|---|---|
/// | `conv2d` | filters, kernel `3x3` | `stride: 2` or `2x1`, `padding: same`, `dilation: 2`, `groups: 4` |
/// | `depthwise_conv2d` | kernel | `multiplier: 2`, stride, padding, dilation |
/// | `dense` | units | |
/// | `max_pool2d`, `avg_pool2d` | window `2x2` | stride (the window's size unless given), padding |
/// | `global_avg_pool2d`, `flatten` | | |
/// | `relu`, `relu6`, `sigmoid`, `tanh`, `gelu`, `silu` | | |
/// | `leaky_relu` | slope | |
/// | `softmax`, `log_softmax` | over the last axis | |
/// | `dropout` | rate | |
/// | `batch_norm` | over all axes but the last | |
/// | `add` | the name of an earlier layer, or `input`: the residual connection | |
///
/// `padding` is `valid`, `same` or `[top, bottom, left, right]`. `dense` takes any
/// shape as a flat list, in the order of memory.
///
/// ```
/// kernlet::network! {
///     /// A residual block and a classifier.
///     pub struct Residual([16, 16, 3]) {
///         entry: conv2d(8, 3x3, padding: same), relu,
///         first: conv2d(8, 3x3, padding: same), relu,
///         second: conv2d(8, 3x3, padding: same), add(entry), relu,
///         global_avg_pool2d, out: dense(10), softmax,
///     }
/// }
/// ```
///
/// A wrong size does not compile:
///
/// ```compile_fail
/// kernlet::network! { struct Wrong([4, 4, 1]) { big: conv2d(8, 5x5) } }
/// const _: usize = Wrong::PARAMETERS; // network `Wrong`, layer 0 `big`: a window of 5x5 does not fit its input 4x4x1
/// ```
#[macro_export]
macro_rules! network {
    ($(#[$meta:meta])* $vis:vis struct $name:ident ([$($dim:expr),+ $(,)?]) { $($layers:tt)* }) => {
        $crate::__network! { @collect { $(#[$meta])* $vis $name [$($dim),+] } [] $($layers)* , }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __network {
    // Collects layers as { name kind (arguments) }.
    (@collect $head:tt [$($done:tt)*] $layer:ident : $kind:ident ( $($args:tt)* ) , $($rest:tt)*) => {
        $crate::__network! { @collect $head [$($done)* { $layer $kind ($($args)*) }] $($rest)* }
    };
    (@collect $head:tt [$($done:tt)*] $layer:ident : $kind:ident , $($rest:tt)*) => {
        $crate::__network! { @collect $head [$($done)* { $layer $kind () }] $($rest)* }
    };
    (@collect $head:tt [$($done:tt)*] $kind:ident ( $($args:tt)* ) , $($rest:tt)*) => {
        $crate::__network! { @collect $head [$($done)* { _ $kind ($($args)*) }] $($rest)* }
    };
    (@collect $head:tt [$($done:tt)*] $kind:ident , $($rest:tt)*) => {
        $crate::__network! { @collect $head [$($done)* { _ $kind () }] $($rest)* }
    };
    (@collect $head:tt $done:tt , ) => { $crate::__network! { @emit $head $done } };
    (@collect $head:tt $done:tt) => { $crate::__network! { @emit $head $done } };

    (@emit { $(#[$meta:meta])* $vis:vis $name:ident [$($dim:expr),+] } [$({ $layer:tt $kind:ident $args:tt })*]) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        $vis struct $name;

        const _: () = {
            use $crate::nn::{self, __macro as m};

            const COUNT: usize = [$(stringify!($kind)),*].len();
            const LAYERS: [nn::Layer; COUNT] = nn::Layer::derive(
                stringify!($name),
                $crate::shape::Dims::new(&[$($dim),+]),
                [$($crate::__network!(@name $layer $crate::__network!(@def $kind $args))),*],
            );

            impl nn::Network for $name {
                type Input = $crate::__network!(@array $($dim),+);
                type Output = [f32; m::output_len(&LAYERS)];
                type Parameters = [f32; m::parameters(&LAYERS)];
                const NAME: &'static str = stringify!($name);
                const LAYERS: &'static [nn::Layer] = &LAYERS;
                const PARAMETERS: usize = m::parameters(&LAYERS);
                const TENSORS: &'static [$crate::snapshot::TensorInfo<'static>] =
                    &m::tensors::<{ m::tensor_count(&LAYERS) }>(&LAYERS);

                fn steps<F: nn::Freeze, const MODE: u8>() -> &'static [m::Step] {
                    struct Steps<F, const MODE: u8>(::core::marker::PhantomData<F>);
                    impl<F: nn::Freeze, const MODE: u8> Steps<F, MODE> {
                        const PLAN: m::Plan<COUNT> = m::exact_plan::<COUNT>(&LAYERS, F::FROZEN, MODE);
                        const STEPS: [m::Step; COUNT] = *Self::PLAN.steps();
                    }
                    &Steps::<F, MODE>::STEPS
                }

                fn forward_layer(
                    index: usize,
                    pass: m::ForwardPass<'_>,
                ) -> Result<(), $crate::kernels::ShapeError> {
                    let mut at = 0;
                    $(
                        if at == index {
                            return m::layers::$kind::forward(pass);
                        }
                        at += 1;
                    )*
                    let _ = at;
                    Ok(())
                }

                fn backward_layer(
                    index: usize,
                    pass: m::BackwardPass<'_>,
                ) -> Result<(), $crate::kernels::ShapeError> {
                    let mut at = 0;
                    $(
                        if at == index {
                            return m::layers::$kind::backward(pass);
                        }
                        at += 1;
                    )*
                    let _ = at;
                    Ok(())
                }

                fn weights_layer(
                    index: usize,
                    pass: m::WeightPass<'_>,
                ) -> Result<(), $crate::kernels::ShapeError> {
                    let mut at = 0;
                    $(
                        if at == index {
                            return m::layers::$kind::weights(pass);
                        }
                        at += 1;
                    )*
                    let _ = at;
                    Ok(())
                }
            }

            impl $name {
                /// The number of parameters, moving averages included.
                #[allow(dead_code)]
                pub const PARAMETERS: usize = <Self as nn::Network>::PARAMETERS;
                $($crate::__network!(@access $name $layer $kind);)*
            }
        };
    };

    (@name _ $def:expr) => { $def };
    (@name $layer:ident $def:expr) => { $def.name(stringify!($layer)) };

    (@array $last:expr) => { [f32; $last] };
    (@array $first:expr, $($rest:expr),+) => { [$crate::__network!(@array $($rest),+); $first] };

    // Typed views of the layers that have a kernel and a name.
    (@access $name:ident _ $kind:ident) => {};
    (@access $name:ident $layer:ident conv2d) => { $crate::__network!(@access4 $name $layer); };
    (@access $name:ident $layer:ident depthwise_conv2d) => { $crate::__network!(@access4 $name $layer); };
    (@access $name:ident $layer:ident dense) => {
        /// The layer's parameters: kernel `[in][out]` and bias.
        #[allow(dead_code)]
        pub fn $layer(model: &nn::Model<Self>) -> nn::Weights<
            '_,
            [[f32; m::find(&LAYERS, stringify!($layer)).kernel.axis(1)]; m::find(&LAYERS, stringify!($layer)).kernel.axis(0)],
            [f32; m::find(&LAYERS, stringify!($layer)).row_len],
        > {
            nn::Weights::of(model, const { m::find(&LAYERS, stringify!($layer)) })
        }
    };
    (@access $name:ident $layer:ident $kind:ident) => {};
    (@access4 $name:ident $layer:ident) => {
        /// The layer's parameters: kernel `[kh][kw][ci][co]` and bias.
        #[allow(dead_code)]
        pub fn $layer(model: &nn::Model<Self>) -> nn::Weights<
            '_,
            [[[[f32; m::find(&LAYERS, stringify!($layer)).kernel.axis(3)];
                m::find(&LAYERS, stringify!($layer)).kernel.axis(2)];
                m::find(&LAYERS, stringify!($layer)).kernel.axis(1)];
                m::find(&LAYERS, stringify!($layer)).kernel.axis(0)],
            [f32; m::find(&LAYERS, stringify!($layer)).row_len],
        > {
            nn::Weights::of(model, const { m::find(&LAYERS, stringify!($layer)) })
        }
    };

    // A layer's definition from its arguments.
    (@def conv2d ($filters:expr, $kernel:tt $($options:tt)*)) => {
        $crate::__network!(@options (m::LayerDef::new(nn::Kind::Conv2d).units($filters).kernel(stringify!($kernel))) $($options)*)
    };
    (@def depthwise_conv2d ($kernel:tt $($options:tt)*)) => {
        $crate::__network!(@options (m::LayerDef::new(nn::Kind::DepthwiseConv2d).units(1).kernel(stringify!($kernel))) $($options)*)
    };
    (@def dense ($units:expr)) => { m::LayerDef::new(nn::Kind::Dense).units($units) };
    (@def max_pool2d ($window:tt $($options:tt)*)) => {
        $crate::__network!(@options (m::LayerDef::new(nn::Kind::MaxPool2d).kernel(stringify!($window))) $($options)*)
    };
    (@def avg_pool2d ($window:tt $($options:tt)*)) => {
        $crate::__network!(@options (m::LayerDef::new(nn::Kind::AvgPool2d).kernel(stringify!($window))) $($options)*)
    };
    (@def global_avg_pool2d ()) => { m::LayerDef::new(nn::Kind::GlobalAvgPool2d) };
    (@def flatten ()) => { m::LayerDef::new(nn::Kind::Flatten) };
    (@def relu ()) => { m::LayerDef::new(nn::Kind::Relu) };
    (@def relu6 ()) => { m::LayerDef::new(nn::Kind::Relu6) };
    (@def leaky_relu ($slope:expr)) => { m::LayerDef::new(nn::Kind::LeakyRelu).value($slope) };
    (@def sigmoid ()) => { m::LayerDef::new(nn::Kind::Sigmoid) };
    (@def tanh ()) => { m::LayerDef::new(nn::Kind::Tanh) };
    (@def gelu ()) => { m::LayerDef::new(nn::Kind::Gelu) };
    (@def silu ()) => { m::LayerDef::new(nn::Kind::Silu) };
    (@def softmax ()) => { m::LayerDef::new(nn::Kind::Softmax) };
    (@def log_softmax ()) => { m::LayerDef::new(nn::Kind::LogSoftmax) };
    (@def batch_norm ()) => { m::LayerDef::new(nn::Kind::BatchNorm) };
    (@def dropout ($rate:expr)) => { m::LayerDef::new(nn::Kind::Dropout).value($rate) };
    (@def add ($other:ident)) => { m::LayerDef::new(nn::Kind::Add).other(stringify!($other)) };
    (@def $kind:ident ($($args:tt)*)) => {
        compile_error!(concat!("network!: `", stringify!($kind), "(", stringify!($($args)*), ")` is no layer, or its arguments are wrong; see the table in the documentation of `network!`"))
    };

    (@options ($def:expr) $(,)?) => { $def };
    (@options ($def:expr) , stride : $value:tt $($rest:tt)*) => { $crate::__network!(@options ($def.stride(stringify!($value))) $($rest)*) };
    (@options ($def:expr) , dilation : $value:tt $($rest:tt)*) => { $crate::__network!(@options ($def.dilation(stringify!($value))) $($rest)*) };
    (@options ($def:expr) , groups : $value:tt $($rest:tt)*) => { $crate::__network!(@options ($def.groups($value)) $($rest)*) };
    (@options ($def:expr) , multiplier : $value:tt $($rest:tt)*) => { $crate::__network!(@options ($def.units($value)) $($rest)*) };
    (@options ($def:expr) , padding : same $($rest:tt)*) => { $crate::__network!(@options ($def.padding($crate::shape::Padding::Same)) $($rest)*) };
    (@options ($def:expr) , padding : valid $($rest:tt)*) => { $crate::__network!(@options ($def.padding($crate::shape::Padding::Valid)) $($rest)*) };
    (@options ($def:expr) , padding : [$top:expr, $bottom:expr, $left:expr, $right:expr] $($rest:tt)*) => {
        $crate::__network!(@options ($def.padding($crate::shape::Padding::Explicit { top: $top, bottom: $bottom, left: $left, right: $right })) $($rest)*)
    };
    (@options ($def:expr) , $option:ident : $value:tt $($rest:tt)*) => {
        compile_error!(concat!("network!: `", stringify!($option), ": ", stringify!($value), "` is no option of this layer"))
    };
}
