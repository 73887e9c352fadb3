//! A dense layer: the kernels of [`crate::kernels::dense`].

use super::{
    BackwardPass, Context, Declared, ForwardPass, Kind, ShapeError, Spec, WeightPass, is_one_step, kernel_and_bias,
    rows,
};
use crate::{
    kernels::dense::{self, Forward},
    nn::declare::{Init, LayerTensor, Scratch, Settings, Streaming},
    parallel,
    shape::Dims,
};

/// A matrix product: every input with every output.
#[derive(Debug)]
pub struct Dense;

const USAGE: &str = "dense(units, bias: no)";

impl Dense {
    /// Units by position.
    pub const fn declare(context: Context<'_>) -> Declared {
        let context = context.expect(USAGE, 1, &["bias"]);
        let (inputs, units) = (context.input().len(), context.size(0, "units"));
        let shape = dense::Dense::new(inputs, units);
        context.check(shape.validate());
        let spec = Spec {
            settings: Settings::of(&[inputs, units]),
            reads_input: true,
            reads_list: true,
            by_piece: false,
            by_leaf: true,
            fuses: true,
            // Over several steps it would take them all at once.
            streaming: if is_one_step(&context.input()) { Streaming::EachStep } else { Streaming::No },
            scratch: Scratch { forward: 0, backward: dense::backward_input_scratch_len(&shape), weights: 0 },
            ..Spec::NEW
        };
        let bias = context.switch("bias", true);
        Declared::new(&context, Dims::new(&[units]), spec)
            .tensor(LayerTensor::new("kernel", &[inputs, units], Init::GlorotUniform).decays())
            .bias(units, bias)
            .macs(inputs * units)
    }
}

#[inline]
fn shape(pass: &Settings) -> dense::Dense {
    dense::Dense::new(pass.size::<0>(), pass.size::<1>())
}

impl Kind for Dense {
    fn forward(pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        let shape = shape(&pass.node.settings);
        let (w, b) = kernel_and_bias(shape.w_len(), pass.parameters)?;
        let epilogue = pass.step.epilogue;
        parallel::for_rows(pass.threads, pass.samples, pass.y, &|samples, y: &mut [f32]| {
            let x = rows(pass.x, samples.clone(), shape.x_len())?;
            dense::forward_into(pass.level, &shape, samples.len(), Forward { x, w, b, epilogue }, y)
        })
    }

    fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        let shape = shape(&pass.node.settings);
        let (w, _) = kernel_and_bias(shape.w_len(), pass.parameters)?;
        let need = dense::backward_input_scratch_len(&shape);
        let dy_all = &*pass.dy;
        parallel::for_rows_with_scratch(pass.threads, pass.samples, pass.dx, pass.scratch, &|samples, dx, scratch| {
            let dy = rows(dy_all, samples.clone(), shape.y_len())?;
            let found = scratch.len();
            let scratch = scratch.get_mut(..need).ok_or(ShapeError::new("dense", "scratch", need, found))?;
            dense::backward_input_into(pass.level, &shape, samples.len(), w, dy, dx, scratch)
        })
    }

    fn weights(pass: WeightPass<'_>) -> Result<(), ShapeError> {
        let shape = shape(&pass.node.settings);
        let (kernel_rows, row_len) = (shape.inputs, shape.outputs);
        let start = pass.rows.start;
        parallel::for_rows(pass.threads, pass.rows.len(), pass.gradient, &|part, gradient: &mut [f32]| {
            let (first, end) = (part.start + start, part.end + start);
            let kernel_end = end.min(kernel_rows);
            let of_kernel = kernel_end.saturating_sub(first);
            let found = gradient.len();
            let (dw, db) = gradient.split_at_mut_checked(of_kernel * row_len).ok_or(ShapeError::new(
                "dense",
                "dw",
                of_kernel * row_len,
                found,
            ))?;
            if of_kernel > 0 {
                let rows = first..kernel_end;
                if pass.is_first {
                    // Without reading what is there: the gradient of a large layer is in no cache.
                    dense::backward_weight_into(pass.level, &shape, pass.samples, pass.x, pass.dy, rows, dw)?;
                } else {
                    dense::backward_weight_acc(pass.level, &shape, pass.samples, pass.x, pass.dy, rows, dw)?;
                }
            }
            if end > kernel_rows {
                if pass.is_first {
                    db.fill(0.0);
                }
                dense::backward_bias_acc(pass.level, &shape, pass.samples, pass.dy, db)?;
            }
            Ok(())
        })
    }
}
