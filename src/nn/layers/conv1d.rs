//! A convolution over `[time, channels]`: a two-dimensional one of one row.

use super::{
    BackwardPass, Context, Conv2d, Declared, ForwardPass, Kind, ShapeError, StepPass, WeightPass, conv2d,
    kernel_and_bias, window,
};
use crate::{
    kernels::{
        Epilogue,
        conv1d::{self, Padding1d},
        conv2d as kernels,
    },
    nn::declare::{Streaming, Value},
    shape::{Dims, span},
};

/// 1-D convolution.
#[derive(Debug)]
pub struct Conv1d;

const USAGE: &str = "conv1d(filters, 5, stride: 2, padding: causal, dilation: 2, groups: 4, bias: no)";

impl Conv1d {
    /// Filters and window by position.
    pub const fn declare(context: Context<'_>) -> Declared {
        let context = context.expect(USAGE, 2, &["stride", "padding", "dilation", "groups", "bias"]);
        let (filters, groups) = (context.size(0, "filters"), context.option_size("groups", 1));
        let [steps, c] = context.sequence();
        if groups == 0 || !c.is_multiple_of(groups) || !filters.is_multiple_of(groups) {
            context
                .message()
                .number(groups)
                .text(" groups must divide ")
                .number(c)
                .text(" input channels and ")
                .number(filters)
                .text(" filters")
                .fail();
        }
        let kernel = context.size(1, "steps of the window");
        let shape = conv1d::Conv1d::new(steps, c, filters, kernel).with_groups(groups);
        declare(context, shape, &[kernel, c / groups, filters])
    }
}

/// A convolution with those groups; `dims` are those of its kernel.
pub(super) const fn declare(context: Context<'_>, shape: conv1d::Conv1d, dims: &[usize]) -> Declared {
    let stride = context.option_steps("stride", 1);
    let dilation = context.option_steps("dilation", 1);
    let (padding, word) = padding(&context);
    let shape = shape.with_stride(stride).with_dilation(dilation).with_padding(padding);
    fits(&context, shape.kernel, shape.out_steps());
    let image = shape.as_conv2d();
    context.check(image.validate());
    let mut declared = conv2d::declared(&context, Dims::new(&[shape.out_steps(), shape.out_channels]), &image, dims);
    declared.spec.streaming = match padding {
        Padding1d::Valid | Padding1d::Causal => window::state(span(shape.kernel, dilation), shape.in_channels),
        _ => Streaming::No,
    };
    // Steps before an end read none beyond it.
    declared.layer.ends = stride == 1 && (matches!(padding, Padding1d::Causal) || span(shape.kernel, dilation) == 1);
    declared
        .sizes("stride", &[stride])
        .attribute("padding", Value::Word(word))
        .sizes("dilation", &[dilation])
        .sizes("groups", &[shape.groups])
}

/// `padding: same`, `valid` or `causal`.
pub(super) const fn padding(context: &Context<'_>) -> (Padding1d, &'static str) {
    let word = match context.option_word("padding") {
        Some(word) => word,
        None => "valid",
    };
    let padding = match word.as_bytes() {
        b"valid" => Padding1d::Valid,
        b"same" => Padding1d::Same,
        b"causal" => Padding1d::Causal,
        _ => {
            context.message().text("padding: expected `valid`, `same` or `causal`, found `").text(word).text("`").fail()
        }
    };
    (padding, word)
}

/// Refuses a window that is longer than its padded input.
pub(super) const fn fits(context: &Context<'_>, window: usize, out_steps: usize) {
    if out_steps == 0 {
        context
            .message()
            .text("a window of ")
            .number(window)
            .text(" steps does not fit its input ")
            .dims(&context.input())
            .fail();
    }
}

/// An output from the steps that its window holds; those before the beginning are left out.
pub(super) fn step(pass: StepPass<'_>) -> Result<bool, ShapeError> {
    let whole = conv2d::shape(&pass.node.settings);
    let [_, _, before, _] = whole.padding;
    let span = span(whole.kernel[1], whole.dilation[1]);
    let Some(x) = window::advance(pass.state, pass.x, span, before, whole.stride[1])? else { return Ok(false) };
    let steps = crate::kernels::div(x.len(), whole.in_channels);
    let mut shape = kernels::Conv2d::new(1, steps, whole.in_channels, whole.out_channels, whole.kernel);
    shape.dilation = whole.dilation;
    shape.groups = whole.groups;
    shape.padding = [0, 0, span.saturating_sub(steps), 0];
    let (w, b) = kernel_and_bias(shape.w_len(), pass.parameters)?;
    let epilogue = Epilogue::None;
    kernels::forward_into(pass.level, &shape, 1, kernels::Forward { x, w, b, epilogue }, pass.y)?;
    Ok(true)
}

impl Kind for Conv1d {
    fn step(pass: StepPass<'_>) -> Result<bool, ShapeError> {
        step(pass)
    }

    fn forward(pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        Conv2d::forward(pass)
    }

    fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        Conv2d::backward(pass)
    }

    fn weights(pass: WeightPass<'_>) -> Result<(), ShapeError> {
        Conv2d::weights(pass)
    }
}
