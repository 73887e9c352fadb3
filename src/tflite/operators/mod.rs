//! Operators: what each expects of the file, the steps it becomes, and how a step runs.
//!
//! An `emit` checks an operator's tensors and options and writes its steps; it is a `const fn`. A `run`
//! reads a step's words and calls a kernel. Nothing else knows the layout of a step's words.

use super::{
    Error, Found, Program, Type,
    model::{Node, Tensor},
    operator::code,
    plan::Sharing,
    program::{Emitter, Memory, Place, Words, as_i8},
    variables,
};
use crate::{
    kernels::int8::{Activation, Output, Rescaling},
    simd::Level,
};

mod binary;
mod compare;
mod convolution;
mod dense;
mod float;
mod lstm;
mod matmul;
mod movement;
mod pool2d;
mod quantize;
mod reduce;
mod resize;
mod roots;
mod search;
mod softmax;
mod sums;
mod svdf;
mod table;
mod unary;
mod variable;

/// The kinds of steps; a program says which it has, with one bit each.
pub(super) mod kind {
    macro_rules! kinds {
        ($($name:ident),* $(,)?) => { kinds!(@ 0, $($name)*); };
        (@ $number:expr, $name:ident $($rest:ident)*) => {
            pub(in crate::tflite) const $name: u32 = $number;
            kinds!(@ $number + 1, $($rest)*);
        };
        (@ $number:expr,) => {};
    }
    kinds! {
        CONV2D, DEPTHWISE, TRANSPOSED, DENSE, AVERAGE_POOL, MAX_POOL, MEAN, SUM, EXTREME, ADD, MUL, MINMAX, SOFTMAX,
        LOGISTIC, TANH, RELU, LEAKY_RELU, HARD_SWISH, PRELU, TABLE, QUANTIZE, DEQUANTIZE, REQUANTIZE, MOVE, FILL, DATA,
        GATHER, ARGUMENT, NEAREST, BILINEAR, LSTM, SVDF, CAST, FLOAT_CONV2D, FLOAT_TRANSPOSED, FLOAT_DENSE, FLOAT_POOL,
        FLOAT_BINARY, FLOAT_UNARY, FLOAT_SOFTMAX, FLOAT_REDUCE, FLOAT_BILINEAR, FLOAT_PRELU, FLOAT_SVDF, COMPARE, SELECT,
        MATMUL, NORMALIZE, SQUARED_DIFFERENCE, REQUANTIZE_WIDE, QUANTIZE_WIDE, DEQUANTIZE_WIDE, LOG_SOFTMAX, SOFTMAX_WIDE,
        DIV, ADD_N, CUMSUM, GATHER_ND, FLOAT_LSTM,
    }
}

/// Writes the steps of an operator.
pub(super) const fn emit(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    match node.operator.code() {
        code::CONV_2D => convolution::emit(node, out),
        code::DEPTHWISE_CONV_2D => convolution::emit_depthwise(node, out),
        code::TRANSPOSE_CONV => convolution::emit_transposed(node, out),
        code::FULLY_CONNECTED => dense::emit(node, out),
        code::AVERAGE_POOL_2D | code::MAX_POOL_2D | code::L2_POOL_2D => pool2d::emit(node, out),
        code::MEAN | code::SUM | code::REDUCE_MAX | code::REDUCE_MIN => reduce::emit(node, out),
        code::ADD
        | code::SUB
        | code::MUL
        | code::DIV
        | code::MAXIMUM
        | code::MINIMUM
        | code::SQUARED_DIFFERENCE
        | code::FLOOR_DIV
        | code::FLOOR_MOD => binary::emit(node, out),
        code::ADD_N | code::CUMSUM => sums::emit(node, out),
        code::SOFTMAX | code::LOG_SOFTMAX => softmax::emit(node, out),
        code::QUANTIZE | code::DEQUANTIZE | code::CAST => quantize::emit(node, out),
        code::RESIZE_NEAREST_NEIGHBOR | code::RESIZE_BILINEAR => resize::emit(node, out),
        code::ARG_MAX | code::ARG_MIN | code::GATHER | code::GATHER_ND => search::emit(node, out),
        code::UNIDIRECTIONAL_SEQUENCE_LSTM => lstm::emit(node, out),
        code::SVDF => svdf::emit(node, out),
        code::BATCH_MATMUL => matmul::emit(node, out),
        code::L2_NORMALIZATION => roots::emit(node, out),
        code::VAR_HANDLE | code::CALL_ONCE | code::READ_VARIABLE | code::ASSIGN_VARIABLE => variable::emit(node, out),
        _ if unary::knows(node) => unary::emit(node, out),
        _ if compare::knows(node) => compare::emit(node, out),
        _ if movement::knows(node) => movement::emit(node, out),
        _ => Err(node.fail("an operator that is run", Found::Number(node.operator.code() as i64))),
    }
}

/// How the output of an operator may lie with respect to its inputs.
pub(super) const fn sharing(node: &Node<'_>) -> Sharing {
    match node.operator.code() {
        code::RESHAPE | code::SQUEEZE | code::EXPAND_DIMS => Sharing::Same,
        code::ADD | code::SUB | code::MUL | code::DIV | code::MAXIMUM | code::MINIMUM | code::SQUARED_DIFFERENCE => {
            if binary::is_elementwise(node) {
                Sharing::Over(2)
            } else {
                Sharing::Apart
            }
        }
        _ if unary::knows(node) => Sharing::Over(1),
        _ => Sharing::Apart,
    }
}

/// The bytes of memory that an operator needs while it works.
pub(super) const fn scratch(node: &Node<'_>) -> Result<usize, Error> {
    match node.operator.code() {
        code::UNIDIRECTIONAL_SEQUENCE_LSTM => lstm::scratch(node),
        code::SVDF => svdf::scratch(node),
        _ => Ok(0),
    }
}

/// How a step is to be run.
#[derive(Clone, Copy)]
pub(super) struct How {
    pub(super) level: Level,
    pub(super) rescaling: Rescaling,
}

/// Runs a step, if its kind is among the program's: kernels of other kinds are not linked.
#[inline(always)]
pub(super) fn run<P: Program>(kind: u32, how: How, words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    macro_rules! steps {
        ($($name:ident => $run:expr,)*) => {
            match kind {
                $(kind::$name => if const { P::KINDS & 1 << kind::$name != 0 } { $run } else { Err(Error::Program) },)*
                _ => Err(Error::Program),
            }
        };
    }
    steps! {
        CONV2D => convolution::run(how, words, memory),
        DEPTHWISE => convolution::run_depthwise(how, words, memory),
        TRANSPOSED => convolution::run_transposed(how, words, memory),
        DENSE => dense::run(how, words, memory),
        AVERAGE_POOL => pool2d::run_average(how, words, memory),
        MAX_POOL => pool2d::run_max(how, words, memory),
        MEAN => reduce::run_mean(how, words, memory),
        SUM => reduce::run_sum(how, words, memory),
        EXTREME => reduce::run_extreme(words, memory),
        ADD => binary::run_add(how, words, memory),
        MUL => binary::run_mul(how, words, memory),
        MINMAX => binary::run_minmax(how, words, memory),
        SOFTMAX => softmax::run(how, words, memory),
        LOGISTIC => unary::run_logistic(how, words, memory),
        TANH => unary::run_tanh(how, words, memory),
        RELU => unary::run_relu(how, words, memory),
        LEAKY_RELU => unary::run_leaky_relu(how, words, memory),
        HARD_SWISH => unary::run_hard_swish(how, words, memory),
        PRELU => unary::run_prelu(how, words, memory),
        TABLE => table::run(how, words, memory),
        QUANTIZE => quantize::run_quantize(how, words, memory),
        DEQUANTIZE => quantize::run_dequantize(how, words, memory),
        REQUANTIZE => quantize::run_requantize(how, words, memory),
        MOVE => movement::run(words, memory),
        FILL => movement::run_fill(words, memory),
        DATA => movement::run_data(words, memory),
        GATHER => search::run_gather(words, memory),
        ARGUMENT => search::run_argument(words, memory),
        NEAREST => resize::run_nearest(words, memory),
        BILINEAR => resize::run_bilinear(words, memory),
        LSTM => lstm::run(how, words, memory),
        SVDF => svdf::run(how, words, memory),
        CAST => quantize::run_cast(words, memory),
        FLOAT_CONV2D => float::run_conv2d(words, memory),
        FLOAT_TRANSPOSED => float::run_transposed(words, memory),
        FLOAT_DENSE => float::run_dense(words, memory),
        FLOAT_POOL => float::run_pool(words, memory),
        FLOAT_BINARY => binary::run_float(words, memory),
        FLOAT_UNARY => unary::run_float(words, memory),
        FLOAT_SOFTMAX => softmax::run_float(words, memory),
        FLOAT_REDUCE => reduce::run_float(words, memory),
        FLOAT_BILINEAR => resize::run_float_bilinear(words, memory),
        FLOAT_PRELU => unary::run_float_prelu(words, memory),
        FLOAT_SVDF => svdf::run_float(words, memory),
        COMPARE => compare::run(how, words, memory),
        SELECT => compare::run_select(words, memory),
        MATMUL => matmul::run(how, words, memory),
        NORMALIZE => roots::run(words, memory),
        SQUARED_DIFFERENCE => binary::run_squared_difference(how, words, memory),
        REQUANTIZE_WIDE => quantize::run_requantize_wide(how, words, memory),
        QUANTIZE_WIDE => quantize::run_quantize_wide(words, memory),
        DEQUANTIZE_WIDE => quantize::run_dequantize_wide(words, memory),
        LOG_SOFTMAX => softmax::run_log(how, words, memory),
        SOFTMAX_WIDE => softmax::run_wide(how, words, memory),
        DIV => binary::run_div(how, words, memory),
        ADD_N => sums::run_add_n(how, words, memory),
        CUMSUM => sums::run_cumsum(how, words, memory),
        GATHER_ND => search::run_gather_nd(words, memory),
        FLOAT_LSTM => lstm::run_float(words, memory),
    }
}

/// The scale and zero point of a tensor of `i8` that has one of each.
#[derive(Clone, Copy)]
struct Quantized {
    scale: f32,
    zero_point: i8,
}

/// A tensor's scale and zero point.
const fn quantized(node: &Node<'_>, tensor: &Tensor<'_>) -> Result<Quantized, Error> {
    tri!(node.expect(tensor, Type::INT8, "int8"));
    tri!(node.equal(tensor.scales.len(), 1, "one scale"));
    let (scale, zero_point) = (tensor.scale(), tensor.zero_point());
    if !(scale > 0.0 && scale < f32::INFINITY) {
        return Err(node.fail("a positive scale", Found::Other));
    }
    if zero_point < i8::MIN as i32 || zero_point > i8::MAX as i32 {
        return Err(node.fail("a zero point from -128 to 127", Found::Number(zero_point as i64)));
    }
    Ok(Quantized { scale, zero_point: zero_point as i8 })
}

/// The fused activation in option `id`.
const fn activation(node: &Node<'_>, id: usize) -> Result<Activation, Error> {
    Ok(match tri!(node.byte(id)) {
        0 => Activation::None,
        1 => Activation::Relu,
        2 => Activation::ReluN1To1,
        3 => Activation::Relu6,
        other => return Err(node.fail("no activation, or RELU, RELU_N1_TO_1, RELU6", Found::Number(other as i64))),
    })
}

/// The bounds of a fused activation of floats, or of none: the source holds results inside the finite floats.
const fn float_range(activation: Activation) -> [f32; 2] {
    match activation {
        Activation::Relu => [0.0, f32::MAX],
        Activation::ReluN1To1 => [-1.0, 1.0],
        Activation::Relu6 => [0.0, 6.0],
        _ => [f32::MIN, f32::MAX],
    }
}

/// Writes how sums become outputs.
const fn emit_output(out: &mut Emitter<'_, '_>, zero_point: i8, [least, most]: [i8; 2]) {
    out.int(zero_point as i32);
    out.int(least as i32);
    out.int(most as i32);
}

/// How sums become outputs.
fn output(how: How, words: &mut Words<'_>) -> Result<Output, Error> {
    let output = Output::new(words.byte()?).with_rescaling(how.rescaling);
    Ok(output.with_range([words.byte()?, words.byte()?]))
}

/// How many elements at a time go through a buffer where an output overwrites its input.
const PIECE: usize = 256;
