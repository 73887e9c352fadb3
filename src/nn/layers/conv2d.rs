//! A convolution: the kernels of [`crate::kernels::conv2d`].

use super::{BackwardPass, Context, Declared, ForwardPass, Kind, ShapeError, Spec, WeightPass, kernel_and_bias, rows};
use crate::{
    kernels::conv2d::{self, Forward},
    nn::declare::{Init, LayerTensor, Scratch, Settings},
    parallel,
    shape::Dims,
};

/// 2-D convolution.
#[derive(Debug)]
pub struct Conv2d;

const USAGE: &str = "conv2d(filters, 3x3, stride: 2, padding: same, dilation: 2, groups: 4, bias: no)";

impl Conv2d {
    /// Filters and window by position.
    pub const fn declare(context: Context<'_>) -> Declared {
        let context = context.expect(USAGE, 2, &["stride", "padding", "dilation", "groups", "bias"]);
        let shape = describe(&context);
        let kernel = [shape.kernel[0], shape.kernel[1], shape.in_channels / shape.groups, shape.out_channels];
        declare(context, shape, &kernel)
    }
}

/// Filters, window and groups of a convolution.
pub(super) const fn describe(context: &Context<'_>) -> conv2d::Conv2d {
    let (filters, groups) = (context.size(0, "filters"), context.option_size("groups", 1));
    let [h, w, c] = context.image();
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
    conv2d::Conv2d::new(h, w, c, filters, context.pair(1, "window")).with_groups(groups)
}

/// A convolution with those groups; `dims` are those of its kernel.
pub(super) const fn declare(context: Context<'_>, shape: conv2d::Conv2d, dims: &[usize]) -> Declared {
    let shape = shape
        .with_stride(context.option_pair("stride", [1, 1]))
        .with_dilation(context.option_pair("dilation", [1, 1]))
        .with_padding(context.padding());
    fits(&context, shape.kernel, shape.out_height(), shape.out_width());
    context.check(shape.validate());
    let output = Dims::new(&[shape.out_height(), shape.out_width(), shape.out_channels]);
    declared(&context, output, &shape, dims)
        .sizes("stride", &shape.stride)
        .sizes("padding", &shape.padding)
        .sizes("dilation", &shape.dilation)
        .sizes("groups", &[shape.groups])
}

/// A convolution of that shape, whatever its output's axes; `dims` are those of its kernel.
pub(super) const fn declared(context: &Context<'_>, output: Dims, shape: &conv2d::Conv2d, dims: &[usize]) -> Declared {
    let spec = Spec {
        settings: settings(shape),
        reads_input: true,
        fuses: true,
        halves: true,
        // The last two axes, of a sequence's kernel too.
        by_channel: shape.groups == shape.in_channels
            && dims[dims.len() - 2] == shape.in_channels
            && dims[dims.len() - 1] < shape.out_channels,
        scratch: Scratch { forward: 0, backward: conv2d::backward_input_scratch_len(shape), weights: 0 },
        ..Spec::NEW
    };
    let bias = context.switch("bias", true);
    let macs = output.len() * shape.kernel[0] * shape.kernel[1] * (shape.in_channels / shape.groups);
    Declared::new(context, output, spec)
        .tensor(LayerTensor::new("kernel", dims, Init::GlorotUniform).decays())
        .rows_of(shape.out_channels)
        .bias(shape.out_channels, bias)
        .macs(macs)
}

/// Refuses a window that is larger than its padded input.
pub(super) const fn fits(context: &Context<'_>, window: [usize; 2], height: usize, width: usize) {
    if height == 0 || width == 0 {
        context
            .message()
            .text("a window of ")
            .pair(window)
            .text(" does not fit its input ")
            .dims(&context.input())
            .fail();
    }
}

const fn settings(shape: &conv2d::Conv2d) -> Settings {
    let [top, bottom, left, right] = shape.padding;
    Settings::of(&[
        shape.height,
        shape.width,
        shape.in_channels,
        shape.out_channels,
        shape.kernel[0],
        shape.kernel[1],
        shape.stride[0],
        shape.stride[1],
        shape.dilation[0],
        shape.dilation[1],
        top,
        bottom,
        left,
        right,
        shape.groups,
    ])
}

// Once in a program, and not in each pass.
#[inline(never)]
pub(super) const fn shape(settings: &Settings) -> conv2d::Conv2d {
    let s = settings;
    let kernel = [s.size::<4>(), s.size::<5>()];
    let mut shape = conv2d::Conv2d::new(s.size::<0>(), s.size::<1>(), s.size::<2>(), s.size::<3>(), kernel);
    // Fields, not builders, which would resolve the padding again: 300 bytes of flash in each pass.
    shape.stride = [s.size::<6>(), s.size::<7>()];
    shape.dilation = [s.size::<8>(), s.size::<9>()];
    shape.groups = s.size::<14>();
    shape.padding = [s.size::<10>(), s.size::<11>(), s.size::<12>(), s.size::<13>()];
    shape
}

impl Kind for Conv2d {
    fn forward(pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        let shape = shape(&pass.node.settings);
        let (w, b) = kernel_and_bias(shape.w_len(), pass.parameters)?;
        let epilogue = pass.step.epilogue;
        parallel::for_rows(pass.threads, pass.samples, pass.y, &|samples, y: &mut [f32]| {
            let x = rows(pass.x, samples.clone(), shape.x_len())?;
            conv2d::forward_into(pass.level, &shape, samples.len(), Forward { x, w, b, epilogue }, y)
        })
    }

    fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        let shape = shape(&pass.node.settings);
        let (w, _) = kernel_and_bias(shape.w_len(), pass.parameters)?;
        let need = conv2d::backward_input_scratch_len(&shape);
        let dy_all = &*pass.dy;
        parallel::for_rows_with_scratch(pass.threads, pass.samples, pass.dx, pass.scratch, &|samples, dx, scratch| {
            let dy = rows(dy_all, samples.clone(), shape.y_len())?;
            let found = scratch.len();
            let scratch = scratch.get_mut(..need).ok_or(ShapeError::new("conv2d", "scratch", need, found))?;
            conv2d::backward_input_into(pass.level, &shape, samples.len(), w, dy, dx, scratch)
        })
    }

    fn weights(pass: WeightPass<'_>) -> Result<(), ShapeError> {
        let shape = shape(&pass.node.settings);
        let row_len = shape.out_channels;
        let kernel_rows = shape.w_len() / row_len.max(1);
        let (first, end) = (pass.rows.start, pass.rows.end);
        let (kernel_end, found) = (end.min(kernel_rows), pass.gradient.len());
        let of_kernel = kernel_end.saturating_sub(first);
        let wrong = ShapeError::new("conv2d", "dw", of_kernel * row_len, found);
        if pass.is_first {
            pass.gradient.fill(0.0);
        }
        let (dw, db) = pass.gradient.split_at_mut_checked(of_kernel * row_len).ok_or(wrong)?;
        #[cfg(feature = "rayon")]
        if pass.threads > 1 && first == 0 && end > kernel_rows {
            let operands = conv2d::Backward { x: pass.x, dy: pass.dy };
            return conv2d::backward_weight_on(pass.level, pass.threads, &shape, pass.samples, operands, dw, db);
        }
        if of_kernel > 0 {
            conv2d::backward_weight_acc(pass.level, &shape, pass.samples, pass.x, pass.dy, first..kernel_end, dw)?;
        }
        if end > kernel_rows {
            conv2d::backward_bias_acc(pass.level, &shape, pass.samples, pass.dy, db)?;
        }
        Ok(())
    }
}
