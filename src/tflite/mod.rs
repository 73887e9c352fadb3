//! TensorFlow Lite's files: read where they lie, planned, and run to the same bits as TensorFlow Lite Micro.
//!
//! A `.tflite` file holds a network whose weights are integers of eight bits. [`Model::parse`] checks every
//! byte that it looks at, and every operator; [`Model::runner`] plans the memory in an arena of the
//! caller's and runs it. [`tflite!`](crate::tflite!) does the same at compile time: the file becomes a type
//! whose arena, shapes and scales are constants, whose weights are used where they lie in flash, whose multipliers are
//! computed by the compiler, and which links the kernels of the operators it has and no others.
//!
//! # What is run
//!
//! | | operators |
//! |---|---|
//! | `i8` | CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV, FULLY_CONNECTED, AVERAGE_POOL_2D, MAX_POOL_2D, MEAN, SUM, REDUCE_MAX, REDUCE_MIN, ADD, ADD_N, SUB, MUL, DIV, CUMSUM, SQUARED_DIFFERENCE, MAXIMUM, MINIMUM, BATCH_MATMUL, L2_NORMALIZATION, EQUAL, NOT_EQUAL, GREATER, GREATER_EQUAL, LESS, LESS_EQUAL, SOFTMAX (to INT16, too), LOG_SOFTMAX, LOGISTIC, TANH, RELU, RELU6, RELU_N1_TO_1, LEAKY_RELU, PRELU, HARD_SWISH, ELU, EXP, ABS, RSQRT, QUANTIZE and DEQUANTIZE (of INT16 and INT32, too), RESIZE_BILINEAR, ARG_MAX, ARG_MIN, UNIDIRECTIONAL_SEQUENCE_LSTM, SVDF |
//! | `f32` | the same, and L2_POOL_2D, FLOOR_DIV, FLOOR_MOD, NEG, SQRT, SQUARE, LOG, SIN, COS, FLOOR, CEIL, ROUND, GELU |
//! | variables | VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE, CALL_ONCE |
//! | any | RESHAPE, SQUEEZE, EXPAND_DIMS, CONCATENATION, PACK, UNPACK, SPLIT, SPLIT_V, SLICE, STRIDED_SLICE, TRANSPOSE, REVERSE_V2, PAD, PADV2, MIRROR_PAD, BROADCAST_TO, FILL, ZEROS_LIKE, SHAPE, GATHER, GATHER_ND, SPACE_TO_DEPTH, DEPTH_TO_SPACE, SPACE_TO_BATCH_ND, BATCH_TO_SPACE_ND, RESIZE_NEAREST_NEIGHBOR, CAST, SELECT_V2, LOGICAL_AND, LOGICAL_OR, LOGICAL_NOT |
//!
//! Variables, as in streaming keyword models, keep their values from one invocation to the next and have memory of
//! their own in the arena. In the first invocation, and again after [`Runner::reset`], they have the constants that
//! CALL_ONCE assigns to them. A model has fewer than 256 VAR_HANDLEs, whose names and containers have at most 1024
//! bytes, and at most 4 CALL_ONCEs of 512 operators.
//!
//! Weights of 8 bits, activations of 8 bits, one subgraph besides those of CALL_ONCE, shapes that are known. Everything
//! else (`u8`, 16-bit activations, 4-bit weights, float activations with integer weights, custom operators) is an
//! [`Error`] that names the operator, its index and what was expected.
//!
//! # Numerics
//!
//! Integers match TensorFlow Lite Micro's to the bit, on every target and at every level. Floats are summed
//! in its order without fused operations; exp and the like come from `libm`.

/// `?` for a `const fn`.
macro_rules! tri {
    ($e:expr) => {
        match $e {
            Ok(value) => value,
            Err(error) => return Err(error),
        }
    };
}

mod embedded;
mod error;
mod flatbuffer;
mod model;
mod operator;
mod operators;
mod plan;
mod program;
mod run;
mod variables;

pub use embedded::{Arena, Compiled, Embedded, Sizes, embedded_runner, input_ports, output_ports};
pub use error::{Error, Found};
pub use model::{Model, Node, Tensor};
pub use operator::{Operator, Type};
pub use plan::{Plan, plan_len};
pub use program::Port;
pub use run::{Any, Program, Runner};
