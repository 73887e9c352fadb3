//! Convolution, depthwise too: the kernels of [`crate::kernels::conv2d`].

use super::{BackwardPass, ForwardPass, ShapeError, WeightPass, conv2d_shape, kernel_and_bias, rows};
use crate::{
    kernels::conv2d::{self, Epilogue},
    parallel,
};

pub fn forward(pass: ForwardPass<'_>) -> Result<(), ShapeError> {
    let shape = conv2d_shape(pass.layer)?;
    let (w, b) = kernel_and_bias(pass.layer, pass.parameters)?;
    let epilogue = if pass.step.fused_relu { Epilogue::Relu } else { Epilogue::None };
    parallel::for_rows(pass.threads, pass.images, pass.y, &|images, y: &mut [f32]| {
        let x = rows(pass.x, images.clone(), shape.x_len())?;
        conv2d::forward_into(pass.level, shape, images.len(), conv2d::Forward { x, w, b: Some(b), epilogue }, y)
    })
}

pub fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
    let shape = conv2d_shape(pass.layer)?;
    let (w, _) = kernel_and_bias(pass.layer, pass.parameters)?;
    let need = conv2d::backward_input_scratch_len(shape);
    let dy_all = &*pass.dy;
    parallel::for_rows_with_scratch(pass.threads, pass.images, pass.dx, pass.scratch, &|images, dx, scratch| {
        let dy = rows(dy_all, images.clone(), shape.y_len())?;
        let found = scratch.len();
        let scratch = scratch.get_mut(..need).ok_or(ShapeError::new("conv2d", "scratch", need, found))?;
        conv2d::backward_input_into(pass.level, shape, images.len(), w, dy, dx, scratch)
    })
}

pub fn weights(pass: WeightPass<'_>) -> Result<(), ShapeError> {
    let shape = conv2d_shape(pass.layer)?;
    let kernel_rows = pass.layer.rows.saturating_sub(1);
    let (first, end, row_len) = (pass.rows.start, pass.rows.end, pass.layer.row_len);
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
        return conv2d::backward_weight_on(pass.level, pass.threads, shape, pass.images, operands, dw, db);
    }
    if of_kernel > 0 {
        conv2d::backward_weight_acc(pass.level, shape, pass.images, pass.x, pass.dy, first..kernel_end, dw)?;
    }
    if end > kernel_rows {
        conv2d::backward_bias_acc(pass.level, shape, pass.images, pass.dy, db)?;
    }
    Ok(())
}
