//! A dense layer: the kernels of [`crate::kernels::dense`].

use super::{BackwardPass, ForwardPass, ShapeError, WeightPass, dense_shape, kernel_and_bias, rows};
use crate::{
    kernels::{conv2d::Epilogue, dense},
    parallel,
};

pub fn forward(pass: ForwardPass<'_>) -> Result<(), ShapeError> {
    let shape = dense_shape(pass.layer)?;
    let (w, b) = kernel_and_bias(pass.layer, pass.parameters)?;
    let epilogue = if pass.step.fused_relu { Epilogue::Relu } else { Epilogue::None };
    parallel::for_rows(pass.threads, pass.images, pass.y, &|images, y: &mut [f32]| {
        let x = rows(pass.x, images.clone(), shape.x_len())?;
        dense::forward_into(pass.level, shape, images.len(), dense::Forward { x, w, b: Some(b), epilogue }, y)
    })
}

pub fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
    let shape = dense_shape(pass.layer)?;
    let (w, _) = kernel_and_bias(pass.layer, pass.parameters)?;
    let need = dense::backward_input_scratch_len(shape);
    let dy_all = &*pass.dy;
    parallel::for_rows_with_scratch(pass.threads, pass.images, pass.dx, pass.scratch, &|images, dx, scratch| {
        let dy = rows(dy_all, images.clone(), shape.y_len())?;
        let found = scratch.len();
        let scratch = scratch.get_mut(..need).ok_or(ShapeError::new("dense", "scratch", need, found))?;
        dense::backward_input_into(pass.level, shape, images.len(), w, dy, dx, scratch)
    })
}

pub fn weights(pass: WeightPass<'_>) -> Result<(), ShapeError> {
    let shape = dense_shape(pass.layer)?;
    let kernel_rows = pass.layer.rows.saturating_sub(1);
    let (start, row_len) = (pass.rows.start, pass.layer.row_len);
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
                dense::backward_weight_into(pass.level, shape, pass.images, pass.x, pass.dy, rows, dw)?;
            } else {
                dense::backward_weight_acc(pass.level, shape, pass.images, pass.x, pass.dy, rows, dw)?;
            }
        }
        if end > kernel_rows {
            if pass.is_first {
                db.fill(0.0);
            }
            dense::backward_bias_acc(pass.level, shape, pass.images, pass.dy, db)?;
        }
        Ok(())
    })
}
