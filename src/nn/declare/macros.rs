//! The `network!` macro: each layer's definition is handed to its kind, which derives its shapes; then a type
//! with constants is written out, and one call per layer, so that only kernels in use are linked.
//!
//! Nothing here recurses over the layers, so a network may have as many as it likes.

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
/// The input is `[height, width, channels]`, `[time, channels]` or `[features]`, of `f32`; `[u16; 40]` is a
/// list of 40 whole numbers. Every later shape is derived and checked; one that does not fit is a compile-time
/// error which names the layer and the sizes. A layer is `name: kind(arguments)`; the name may be left out.
///
/// | kind | arguments | options |
/// |---|---|---|
/// | `conv2d` | filters, window `3x3` | `stride: 2` or `2x1`, `padding: same`, `dilation: 2`, `groups: 4`, `bias: no`; `winograd` for 3 × 3 at stride 1: [another algorithm](crate::kernels::winograd), with other bits |
/// | `depthwise_conv2d` | window | `multiplier: 2`, stride, padding, dilation, bias |
/// | `dense` | units | bias |
/// | `max_pool2d`, `avg_pool2d` | window `2x2` | stride (the window's size unless given), padding, dilation; of `avg_pool2d` `count_include_pad: yes` |
/// | `global_avg_pool2d`, `global_max_pool2d`, `flatten` | | |
/// | `reshape` | `[4, 4, 8]` | |
/// | `relu`, `relu6`, `sigmoid`, `tanh`, `gelu`, `gelu_tanh`, `silu`, `hard_sigmoid`, `hard_swish`, `selu`, `softplus`, `mish` | | |
/// | `leaky_relu`, `elu`, `celu` | slope below 0, α, α | |
/// | `clip` | from, to | |
/// | `prelu` | a learnt slope for each channel | `slope: 0.25` at first (0 unless given), `elements`: one for each element |
/// | `softmax`, `log_softmax` | over the last axis | |
/// | `dropout` | rate | |
/// | `batch_norm` | over all axes but the last | `epsilon: 1e-3`, `momentum: 0.99` |
/// | `layer_norm`, `rms_norm` | over the last axis | `epsilon: 1e-3` (`1e-6`) |
/// | `conv1d` | filters, steps of the window | `stride: 2`, `padding: causal`, `dilation: 2`, `groups: 4`, `bias: no` |
/// | `depthwise_conv1d` | steps of the window | `multiplier: 2`, stride, padding, dilation, bias |
/// | `max_pool1d`, `avg_pool1d` | steps of the window | stride (the window's size unless given), padding |
/// | `global_avg_pool1d` | | |
/// | `simple_rnn`, `gru`, `gru_reset_before`, `lstm` | units | `sequences`, `bidirectional`, `backwards`, `bias: no` |
/// | `embedding` | rows of the vocabulary, width | |
/// | `add`, `multiply`, `concat` | the names of earlier layers, or `input` | |
///
/// `padding` is `valid`, `same` or `[top, bottom, left, right]`; over `[time, channels]`, `valid`, `same` or `causal`.
/// `dense` takes any shape as a flat list, in the order of memory.
///
/// A recurrent layer gives its last state, with `sequences` the state after each step. `bidirectional` runs a second one
/// from the end and puts its output beside the first's. An `embedding` begins a network whose input is a list of whole numbers.
///
/// ```
/// kernlet::network! {
///     /// Movements from 100 steps of six sensors.
///     pub struct Motion([100, 6]) {
///         first: conv1d(16, 5, padding: causal), relu, max_pool1d(2),
///         state: gru(20), out: dense(4), softmax,
///     }
/// }
/// kernlet::network! {
///     /// The topic of 40 words of a vocabulary of 1000.
///     pub struct Words([u16; 40]) {
///         words: embedding(1000, 16), both: lstm(8, bidirectional), out: dense(20), softmax,
///     }
/// }
/// const { assert!(Words::PARAMETERS == 1000 * 16 + 2 * (16 + 8 + 1) * 32 + 17 * 20) };
/// ```
///
/// # Graphs
///
/// A layer reads the one before it. With `from: name` it reads another one: that of this name which is declared last
/// before it, or the network's `input`. `add`, `multiply` and `concat` read the values that they name too.
///
/// ```
/// kernlet::network! {
///     /// A residual block whose shortcut has a convolution of its own, and a classifier.
///     pub struct Residual([16, 16, 3]) {
///         conv0: conv2d(8, 3x3, padding: same), entry: relu,
///         conv1: conv2d(16, 3x3, stride: 2, padding: same), relu,
///         body: conv2d(16, 3x3, padding: same),
///         shortcut: conv2d(16, 1x1, stride: 2, from: entry), add(body), relu,
///         global_avg_pool2d, out: dense(10), softmax,
///     }
/// }
/// ```
///
/// A wrong size does not compile:
///
/// ```compile_fail
/// // network `Wrong`, layer 0 `big`: a window of 5x5 does not fit its input 4x4x1
/// kernlet::network! { struct Wrong([4, 4, 1]) { big: conv2d(8, 5x5) } }
/// ```
#[macro_export]
macro_rules! network {
    ($(#[$meta:meta])* $vis:vis struct $name:ident ([$element:ident; $len:expr]) {
        $($first:ident $(: $kind:ident)? $(( $($arguments:tt)* ))?),* $(,)?
    }) => {
        $crate::__network! {
            { $(#[$meta])* } $vis $name [$element; $len] [$len]
            $({ $first $(: $kind)? ($($($arguments)*)?) })*
        }
    };
    ($(#[$meta:meta])* $vis:vis struct $name:ident ([$($dim:expr),+ $(,)?]) {
        $($first:ident $(: $kind:ident)? $(( $($arguments:tt)* ))?),* $(,)?
    }) => {
        $crate::__network! {
            { $(#[$meta])* } $vis $name [$($dim),+] [$($dim),+]
            $({ $first $(: $kind)? ($($($arguments)*)?) })*
        }
    };
}

/// The type of each kind of layer: the macro's table. A kind whose arguments have no name has a line in
/// [`__definition`] too.
#[doc(hidden)]
#[macro_export]
macro_rules! __kind {
    ($name:ident : $kind:ident $arguments:tt) => {
        $crate::__kind!($kind $arguments)
    };
    // An algorithm of its own is a type of its own, so that only what is used is linked.
    (conv2d ($($arguments:tt)*)) => {
        $crate::__kind!(@conv2d $($arguments)*)
    };
    ($kind:ident $arguments:tt) => {
        $crate::__kind!($kind)
    };
    (@conv2d winograd $($rest:tt)*) => {
        $crate::nn::__macro::layers::WinogradConv2d
    };
    (@conv2d $first:tt $($rest:tt)*) => {
        $crate::__kind!(@conv2d $($rest)*)
    };
    (@conv2d) => {
        $crate::nn::__macro::layers::Conv2d
    };
    (add) => {
        $crate::nn::__macro::layers::Add
    };
    (avg_pool1d) => {
        $crate::nn::__macro::layers::AvgPool1d
    };
    (avg_pool2d) => {
        $crate::nn::__macro::layers::AvgPool2d
    };
    (batch_norm) => {
        $crate::nn::__macro::layers::BatchNorm
    };
    (concat) => {
        $crate::nn::__macro::layers::Concat
    };
    (conv1d) => {
        $crate::nn::__macro::layers::Conv1d
    };
    (dense) => {
        $crate::nn::__macro::layers::Dense
    };
    (depthwise_conv1d) => {
        $crate::nn::__macro::layers::DepthwiseConv1d
    };
    (depthwise_conv2d) => {
        $crate::nn::__macro::layers::DepthwiseConv2d
    };
    (dropout) => {
        $crate::nn::__macro::layers::Dropout
    };
    (embedding) => {
        $crate::nn::__macro::layers::Embedding
    };
    (flatten) => {
        $crate::nn::__macro::layers::Flatten
    };
    (gelu) => {
        $crate::nn::__macro::layers::Gelu
    };
    (global_avg_pool1d) => {
        $crate::nn::__macro::layers::GlobalAvgPool1d
    };
    (global_avg_pool2d) => {
        $crate::nn::__macro::layers::GlobalAvgPool2d
    };
    (gelu_tanh) => {
        $crate::nn::__macro::layers::GeluTanh
    };
    (global_max_pool2d) => {
        $crate::nn::__macro::layers::GlobalMaxPool2d
    };
    (hard_sigmoid) => {
        $crate::nn::__macro::layers::HardSigmoid
    };
    (hard_swish) => {
        $crate::nn::__macro::layers::HardSwish
    };
    (elu) => {
        $crate::nn::__macro::layers::Elu
    };
    (selu) => {
        $crate::nn::__macro::layers::Selu
    };
    (softplus) => {
        $crate::nn::__macro::layers::Softplus
    };
    (clip) => {
        $crate::nn::__macro::layers::Clip
    };
    (celu) => {
        $crate::nn::__macro::layers::Celu
    };
    (prelu) => {
        $crate::nn::__macro::layers::Prelu
    };
    (mish) => {
        $crate::nn::__macro::layers::Mish
    };
    (gru) => {
        $crate::nn::__macro::layers::Gru
    };
    (gru_reset_before) => {
        $crate::nn::__macro::layers::GruResetBefore
    };
    (layer_norm) => {
        $crate::nn::__macro::layers::LayerNorm
    };
    (leaky_relu) => {
        $crate::nn::__macro::layers::LeakyRelu
    };
    (log_softmax) => {
        $crate::nn::__macro::layers::LogSoftmax
    };
    (lstm) => {
        $crate::nn::__macro::layers::Lstm
    };
    (max_pool1d) => {
        $crate::nn::__macro::layers::MaxPool1d
    };
    (max_pool2d) => {
        $crate::nn::__macro::layers::MaxPool2d
    };
    (multiply) => {
        $crate::nn::__macro::layers::Multiply
    };
    (relu) => {
        $crate::nn::__macro::layers::Relu
    };
    (relu6) => {
        $crate::nn::__macro::layers::Relu6
    };
    (reshape) => {
        $crate::nn::__macro::layers::Reshape
    };
    (rms_norm) => {
        $crate::nn::__macro::layers::RmsNorm
    };
    (sigmoid) => {
        $crate::nn::__macro::layers::Sigmoid
    };
    (silu) => {
        $crate::nn::__macro::layers::Silu
    };
    (simple_rnn) => {
        $crate::nn::__macro::layers::SimpleRnn
    };
    (softmax) => {
        $crate::nn::__macro::layers::Softmax
    };
    (tanh) => {
        $crate::nn::__macro::layers::Tanh
    };
    ($kind:ident) => {
        $crate::nn::__macro::layers::Unknown
    };
}

/// A layer's definition from its arguments: those by position first, then options.
#[doc(hidden)]
#[macro_export]
macro_rules! __definition {
    ($name:ident : $kind:ident $arguments:tt) => { $crate::__definition!(@ $name $kind $arguments) };
    ($kind:ident $arguments:tt) => { $crate::__definition!(@ $kind $kind $arguments) };

    // A number below zero is two tokens; the kind refuses it in its own words.
    (@ $name:ident conv2d ($filters:expr, - $window:literal $($options:tt)*)) => {
        $crate::__definition!(@emit $name conv2d [number $filters] [word - $window] ($($options)*))
    };
    (@ $name:ident depthwise_conv2d (- $window:literal $($options:tt)*)) => {
        $crate::__definition!(@emit $name depthwise_conv2d [word - $window] ($($options)*))
    };
    (@ $name:ident max_pool2d (- $window:literal $($options:tt)*)) => {
        $crate::__definition!(@emit $name max_pool2d [word - $window] ($($options)*))
    };
    (@ $name:ident avg_pool2d (- $window:literal $($options:tt)*)) => {
        $crate::__definition!(@emit $name avg_pool2d [word - $window] ($($options)*))
    };
    (@ $name:ident conv2d ($filters:expr, $window:tt $($options:tt)*)) => {
        $crate::__definition!(@emit $name conv2d [number $filters] [word $window] ($($options)*))
    };
    (@ $name:ident depthwise_conv2d ($window:tt $($options:tt)*)) => {
        $crate::__definition!(@emit $name depthwise_conv2d [word $window] ($($options)*))
    };
    (@ $name:ident conv1d ($filters:expr, $window:expr $(, $($options:tt)*)?)) => {
        $crate::__definition!(@emit $name conv1d [number $filters] [number $window] ($(, $($options)*)?))
    };
    (@ $name:ident depthwise_conv1d ($window:expr $(, $($options:tt)*)?)) => {
        $crate::__definition!(@emit $name depthwise_conv1d [number $window] ($(, $($options)*)?))
    };
    (@ $name:ident max_pool1d ($window:expr $(, $($options:tt)*)?)) => {
        $crate::__definition!(@emit $name max_pool1d [number $window] ($(, $($options)*)?))
    };
    (@ $name:ident avg_pool1d ($window:expr $(, $($options:tt)*)?)) => {
        $crate::__definition!(@emit $name avg_pool1d [number $window] ($(, $($options)*)?))
    };
    (@ $name:ident embedding ($vocabulary:expr, $width:expr $(, $($options:tt)*)?)) => {
        $crate::__definition!(@emit $name embedding [number $vocabulary] [number $width] ($(, $($options)*)?))
    };
    (@ $name:ident simple_rnn ($units:expr $(, $($options:tt)*)?)) => {
        $crate::__definition!(@emit $name simple_rnn [number $units] ($(, $($options)*)?))
    };
    (@ $name:ident gru ($units:expr $(, $($options:tt)*)?)) => {
        $crate::__definition!(@emit $name gru [number $units] ($(, $($options)*)?))
    };
    (@ $name:ident gru_reset_before ($units:expr $(, $($options:tt)*)?)) => {
        $crate::__definition!(@emit $name gru_reset_before [number $units] ($(, $($options)*)?))
    };
    (@ $name:ident lstm ($units:expr $(, $($options:tt)*)?)) => {
        $crate::__definition!(@emit $name lstm [number $units] ($(, $($options)*)?))
    };
    (@ $name:ident dense ($units:expr $(, $($options:tt)*)?)) => {
        $crate::__definition!(@emit $name dense [number $units] ($(, $($options)*)?))
    };
    (@ $name:ident max_pool2d ($window:tt $($options:tt)*)) => {
        $crate::__definition!(@emit $name max_pool2d [word $window] ($($options)*))
    };
    (@ $name:ident avg_pool2d ($window:tt $($options:tt)*)) => {
        $crate::__definition!(@emit $name avg_pool2d [word $window] ($($options)*))
    };
    (@ $name:ident leaky_relu ($slope:expr $(, $($options:tt)*)?)) => {
        $crate::__definition!(@emit $name leaky_relu [number $slope] ($(, $($options)*)?))
    };
    (@ $name:ident celu ($alpha:expr $(, $($options:tt)*)?)) => {
        $crate::__definition!(@emit $name celu [number $alpha] ($(, $($options)*)?))
    };
    (@ $name:ident clip ($low:expr, $high:expr $(, $($options:tt)*)?)) => {
        $crate::__definition!(@emit $name clip [number $low] [number $high] ($(, $($options)*)?))
    };
    (@ $name:ident prelu ($($option:ident $(: $value:tt $($rest:literal)?)?),+ $(,)?)) => {
        $crate::__definition!(@emit $name prelu (, $($option $(: $value $($rest)?)?),+))
    };
    (@ $name:ident elu ($slope:expr $(, $($options:tt)*)?)) => {
        $crate::__definition!(@emit $name elu [number $slope] ($(, $($options)*)?))
    };
    (@ $name:ident dropout ($rate:expr $(, $($options:tt)*)?)) => {
        $crate::__definition!(@emit $name dropout [number $rate] ($(, $($options)*)?))
    };
    (@ $name:ident reshape ([$($axis:expr),+ $(,)?] $($options:tt)*)) => {
        $crate::__definition!(@emit $name reshape [list $($axis),+] ($($options)*))
    };
    // Names of layers stand where others have options.
    (@ $name:ident add ($($other:ident $(: $value:tt)?),+ $(,)?)) => {
        $crate::__definition!(@emit $name add (, $($other $(: $value)?),+))
    };
    (@ $name:ident multiply ($($other:ident $(: $value:tt)?),+ $(,)?)) => {
        $crate::__definition!(@emit $name multiply (, $($other $(: $value)?),+))
    };
    (@ $name:ident concat ($($other:ident $(: $value:tt)?),+ $(,)?)) => {
        $crate::__definition!(@emit $name concat (, $($other $(: $value)?),+))
    };
    (@ $name:ident $kind:ident ()) => { $crate::__definition!(@emit $name $kind ()) };
    (@ $name:ident $kind:ident ($($option:ident : $value:tt $($rest:literal)?),+ $(,)?)) => {
        $crate::__definition!(@emit $name $kind (, $($option : $value $($rest)?),+))
    };
    (@ $name:ident $kind:ident ($($arguments:tt)*)) => {
        $crate::nn::__macro::Definition::wrong(
            stringify!($name),
            stringify!($kind),
            concat!(stringify!($kind), "(", stringify!($($arguments)*), ")"),
        )
    };

    (@emit $name:ident $kind:ident $([$form:ident $($value:tt)*])* (
        $(, $option:ident $(: $choice:tt $($rest:literal)?)?)* $(,)?
    )) => {
        $crate::nn::__macro::Definition::new(stringify!($name), stringify!($kind), &[
            $($crate::__argument!($form $($value)*),)*
            $($crate::__argument!(option $option $(: $choice $($rest)?)?)),*
        ])
    };
    (@emit $name:ident $kind:ident $([$($value:tt)*])* ($($options:tt)*)) => {
        $crate::nn::__macro::Definition::wrong(
            stringify!($name),
            stringify!($kind),
            concat!(stringify!($kind), "(…", stringify!($($options)*), ")"),
        )
    };
}

/// An argument or an option of a layer. A number below zero is two tokens.
#[doc(hidden)]
#[macro_export]
macro_rules! __argument {
    (number $value:expr) => {
        $crate::nn::__macro::Argument::number("", stringify!($value), $crate::nn::__macro::Given($value).number())
    };
    (word $($value:tt)+) => { $crate::nn::__macro::Argument::word("", stringify!($($value)+)) };
    (list $($value:expr),+) => {
        $crate::nn::__macro::Argument::list(
            "", stringify!([$($value),+]), &[$($crate::nn::__macro::Given($value).number()),+],
        )
    };

    (option padding: [$($side:expr),* $(,)?]) => {
        $crate::nn::__macro::Argument::list(
            "padding", stringify!([$($side),*]), &[$($crate::nn::__macro::Given($side).number()),*],
        )
    };
    (option groups: $($value:tt)+) => { $crate::__argument!(@ groups $($value)+) };
    (option multiplier: $($value:tt)+) => { $crate::__argument!(@ multiplier $($value)+) };
    (option epsilon: $($value:tt)+) => { $crate::__argument!(@ epsilon $($value)+) };
    (option slope: $($value:tt)+) => { $crate::__argument!(@ slope $($value)+) };
    (option momentum: $($value:tt)+) => { $crate::__argument!(@ momentum $($value)+) };
    (option $option:ident: $($word:tt)+) => {
        $crate::nn::__macro::Argument::word(stringify!($option), stringify!($($word)+))
    };
    (option $word:ident) => { $crate::nn::__macro::Argument::word("", stringify!($word)) };
    (@ $option:ident $value:expr) => {
        $crate::nn::__macro::Argument::number(
            stringify!($option), stringify!($value), $crate::nn::__macro::Given($value).number(),
        )
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __network {
    (
        { $(#[$meta:meta])* } $vis:vis $name:ident [$($input:tt)*] [$($dim:expr),+]
        $({ $layer:ident $(: $kind:ident)? ( $($arguments:tt)* ) })*
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        $vis struct $name;

        const _: () = {
            use $crate::nn::{self, __macro as m};

            const COUNT: usize = <[&str]>::len(&[$(stringify!($layer)),*]);
            const INPUT: $crate::shape::Dims = $crate::shape::Dims::new(&[$($dim),+]);
            #[allow(long_running_const_eval)]
            const DECLARED: [m::Declared; COUNT] = {
                let mut declaration = m::Declaration::<COUNT>::new(stringify!($name), INPUT);
                if !m::is_float::<$crate::__network!(@array $($input)*)>() {
                    declaration = declaration.of_indices();
                }
                $(
                    let definition = $crate::__definition!($layer $(: $kind)? ($($arguments)*));
                    let declared = <$crate::__kind!($layer $(: $kind)? ($($arguments)*))>::declare(declaration.context(&definition));
                    declaration.push(declared);
                )*
                declaration.finish()
            };
            const LAYERS: [nn::Layer; COUNT] = m::layers_of(&DECLARED);
            const NODES: [m::Node; COUNT] = m::nodes(&DECLARED, INPUT);

            /// Plans of all kinds.
            #[derive(Debug)]
            pub struct Planning<F, const MODE: u8>(core::marker::PhantomData<F>);

            impl<F: nn::Freeze, const MODE: u8> Planning<F, MODE> {
                #[allow(long_running_const_eval)]
                const PLAN: m::Plan<COUNT> = m::plan(stringify!($name), &DECLARED, &LAYERS, F::FROZEN, MODE);
                const STEPS: [m::Step; COUNT] = *Self::PLAN.steps();
                const BACK: [m::BackStep; COUNT] = *Self::PLAN.back();
            }

            impl<F: nn::Freeze, const MODE: u8> m::Planned for Planning<F, MODE> {
                const STEPS: &'static [m::Step] = &Self::STEPS;
                const BACK: &'static [m::BackStep] = &Self::BACK;
                const ENDS: m::Ends = Self::PLAN.ends();
                const SIZES: m::Sizes = Self::PLAN.sizes();
            }

            impl nn::Network for $name {
                type Input = $crate::__network!(@array $($input)*);
                type Output = $crate::__network!(@output LAYERS);
                type Parameters = [f32; m::parameters(&LAYERS)];
                type Plan<F: nn::Freeze, const MODE: u8> = Planning<F, MODE>;
                const NAME: &'static str = stringify!($name);
                const LAYERS: &'static [nn::Layer] = &LAYERS;
                const NODES: &'static [m::Node] = &NODES;
                const FILLS: &'static [m::Fill] = &m::fills::<{ m::tensor_count(&LAYERS) }>(&LAYERS);
                const PARAMETERS: usize = m::parameters(&LAYERS);
                const TENSORS: &'static [$crate::snapshot::TensorInfo<'static>] =
                    &m::tensors::<{ m::tensor_count(&LAYERS) }>(&LAYERS);
                const ATTRIBUTES: &'static [$crate::snapshot::AttributeInfo<'static>] =
                    &m::attributes::<{ m::attribute_count(&LAYERS) }>(&LAYERS);
                const FLATTENED: &'static [(&'static str, $crate::shape::Dims)] =
                    &m::flattened::<{ m::flattened_count(&LAYERS) }>(&LAYERS);
                const DEPTHWISE: &'static [&'static str] = &m::depthwise::<{ m::depthwise_count(&LAYERS) }>(&LAYERS);
                const RESHAPED: &'static [(&'static str, $crate::shape::Dims)] =
                    &m::reshaped::<{ m::reshaped_count(&LAYERS) }>(&LAYERS);
                const DROP_OUT: m::DropOut = m::drop_out(&DECLARED);
                const STREAM: m::StreamPlan = m::stream(stringify!($name), &DECLARED, INPUT);

                fn forward_layer(
                    index: usize,
                    pass: m::ForwardPass<'_>,
                ) -> Result<(), $crate::kernels::ShapeError> {
                    let mut at = 0;
                    $(
                        if at == index {
                            return <$crate::__kind!($layer $(: $kind)? ($($arguments)*)) as m::Kind>::forward(pass);
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
                            return <$crate::__kind!($layer $(: $kind)? ($($arguments)*)) as m::Kind>::backward(pass);
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
                            return <$crate::__kind!($layer $(: $kind)? ($($arguments)*)) as m::Kind>::weights(pass);
                        }
                        at += 1;
                    )*
                    let _ = at;
                    Ok(())
                }

                fn step_layer(
                    index: usize,
                    pass: m::StepPass<'_>,
                ) -> Result<bool, $crate::kernels::ShapeError> {
                    let mut at = 0;
                    $(
                        if at == index {
                            return <$crate::__kind!($layer $(: $kind)? ($($arguments)*)) as m::Kind>::step(pass);
                        }
                        at += 1;
                    )*
                    let _ = at;
                    Ok(false)
                }
            }

            impl $name {
                /// The number of parameters, moving averages included.
                #[allow(dead_code)]
                pub const PARAMETERS: usize = <Self as nn::Network>::PARAMETERS;
                $($crate::__network!(@access $layer $(: $kind)?);)*
            }
        };
    };

    (@array $element:ident ; $len:expr) => { [$element; $len] };
    (@array $last:expr) => { [f32; $last] };
    (@array $first:expr, $($rest:expr),+) => { [$crate::__network!(@array $($rest),+); $first] };
    (@output $layers:ident) => { [f32; m::output_len(&$layers)] };

    // Typed views of the layers that have a kernel and a name.
    (@access $layer:ident : conv2d) => { $crate::__network!(@access4 $layer); };
    (@access $layer:ident : depthwise_conv2d) => { $crate::__network!(@access4 $layer); };
    (@access $layer:ident : dense) => {
        /// The layer's parameters: kernel `[in][out]` and bias.
        #[allow(dead_code)]
        pub fn $layer(model: &nn::Model<Self>) -> nn::Weights<
            '_,
            [[f32; m::axis(&LAYERS, stringify!($layer), 1)]; m::axis(&LAYERS, stringify!($layer), 0)],
            [f32; m::bias(&LAYERS, stringify!($layer))],
        > {
            nn::Weights::of(model, const { m::find(&LAYERS, stringify!($layer)) })
        }
    };
    (@access $layer:ident $(: $kind:ident)?) => {};
    (@access4 $layer:ident) => {
        /// The layer's parameters: kernel `[kh][kw][ci][co]` and bias.
        #[allow(dead_code)]
        pub fn $layer(model: &nn::Model<Self>) -> nn::Weights<
            '_,
            [[[[f32; m::axis(&LAYERS, stringify!($layer), 3)];
                m::axis(&LAYERS, stringify!($layer), 2)];
                m::axis(&LAYERS, stringify!($layer), 1)];
                m::axis(&LAYERS, stringify!($layer), 0)],
            [f32; m::bias(&LAYERS, stringify!($layer))],
        > {
            nn::Weights::of(model, const { m::find(&LAYERS, stringify!($layer)) })
        }
    };
}
