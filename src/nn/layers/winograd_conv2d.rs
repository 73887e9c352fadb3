//! A convolution by Winograd's algorithm, as a network declares it: the kernels of [`crate::kernels::winograd`].
//! The weights' gradient is the direct form's.

use super::{
    BackwardPass, Context, Conv2d, Declared, ForwardPass, Kind, ShapeError, Spec, WeightPass, conv2d, kernel_and_bias,
    rows,
};
use crate::{
    kernels::winograd::{self, Forward, Tile, Winograd},
    nn::declare::{Scratch, Settings, Value},
    parallel,
};

/// 2-D convolution with fewer multiplications.
#[derive(Debug)]
pub struct WinogradConv2d;

const USAGE: &str = "conv2d(filters, 3x3, winograd, padding: same, bias: no)` or `winograd: 2x2";

impl WinogradConv2d {
    /// Filters, window and `winograd` by position, or `winograd: 2x2` for smaller tiles.
    pub const fn declare(context: Context<'_>) -> Declared {
        let context = context.expect(USAGE, 2, &["winograd", "stride", "padding", "dilation", "groups", "bias"]);
        let tile = match context.option_pair("winograd", [4, 4]) {
            [4, 4] => Tile::F4,
            [2, 2] => Tile::F2,
            other => context.message().text("winograd: expected tiles of 4x4 or 2x2, found ").pair(other).fail(),
        };
        let direct = conv2d::describe(&context);
        let declared = conv2d::declare(context, direct, &[3, 3, direct.in_channels, direct.out_channels]);
        let conv = Winograd::new(conv2d::shape(&declared.spec.settings)).with_tile(tile);
        context.check(conv.validate());
        let settings = declared.spec.settings;
        let values = [if matches!(tile, Tile::F4) { 4.0 } else { 2.0 }, 0.0];
        let spec = Spec {
            settings: Settings { values, ..settings },
            scratch: Scratch {
                forward: winograd::forward_scratch_len(&conv),
                backward: winograd::backward_input_scratch_len(&conv),
                weights: 0,
            },
            ..declared.spec
        };
        let size = tile.outputs();
        Declared { spec, ..declared }.attribute("winograd", Value::Sizes([size, size, 0, 0], 2))
    }
}

#[inline]
fn shape(settings: &Settings) -> Winograd {
    let tile = if settings.values[0] == 4.0 { Tile::F4 } else { Tile::F2 };
    Winograd::new(conv2d::shape(settings)).with_tile(tile)
}

/// The beginning of a thread's scratch.
fn begin(scratch: &mut [f32], need: usize) -> Result<&mut [f32], ShapeError> {
    let found = scratch.len();
    scratch.get_mut(..need).ok_or(ShapeError::new("winograd", "scratch", need, found))
}

impl Kind for WinogradConv2d {
    fn forward(pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        let conv = shape(&pass.node.settings);
        let (w, b) = kernel_and_bias(conv.conv.w_len(), pass.parameters)?;
        let (x_all, epilogue, need) = (pass.x, pass.step.epilogue, winograd::forward_scratch_len(&conv));
        parallel::for_rows_with_scratch(pass.threads, pass.samples, pass.y, pass.scratch, &|samples, y, scratch| {
            let x = rows(x_all, samples.clone(), conv.conv.x_len())?;
            let operands = Forward { x, w, b, epilogue };
            winograd::forward_into(pass.level, &conv, samples.len(), operands, y, begin(scratch, need)?)
        })
    }

    fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        let conv = shape(&pass.node.settings);
        let (w, _) = kernel_and_bias(conv.conv.w_len(), pass.parameters)?;
        let (dy_all, need) = (&*pass.dy, winograd::backward_input_scratch_len(&conv));
        parallel::for_rows_with_scratch(pass.threads, pass.samples, pass.dx, pass.scratch, &|samples, dx, scratch| {
            let dy = rows(dy_all, samples.clone(), conv.conv.y_len())?;
            winograd::backward_input_into(pass.level, &conv, samples.len(), w, dy, dx, begin(scratch, need)?)
        })
    }

    fn weights(pass: WeightPass<'_>) -> Result<(), ShapeError> {
        Conv2d::weights(pass)
    }
}
