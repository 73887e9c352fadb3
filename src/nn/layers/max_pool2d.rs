//! Max pooling; after a ReLU it undoes that too.

use super::{BackwardPass, ForwardPass, ShapeError, pool2d_shape, rows};
use crate::{kernels::pool2d, parallel};

pub use super::no_weights as weights;

pub fn forward(pass: ForwardPass<'_>) -> Result<(), ShapeError> {
    let shape = pool2d_shape(pass.layer)?;
    let argmax: &mut [u8] = bytemuck::cast_slice_mut(pass.aux);
    // Places hold whole floats for each image; the indices stand side by side at their start.
    let len = if argmax.is_empty() { 0 } else { pass.images * shape.y_len() };
    let argmax = argmax.get_mut(..len).ok_or(super::wrong(pass.layer))?;
    parallel::for_rows2(pass.threads, pass.images, pass.y, argmax, &|images, y: &mut [f32], argmax: &mut [u8]| {
        let x = rows(pass.x, images.clone(), shape.x_len())?;
        pool2d::max_forward_into(
            pass.level,
            shape,
            images.len(),
            x,
            y,
            if argmax.is_empty() { None } else { Some(argmax) },
        )
    })
}

pub fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
    let shape = pool2d_shape(pass.layer)?;
    let argmax: &[u8] = bytemuck::cast_slice(pass.aux);
    let dy_all = &*pass.dy;
    parallel::for_rows(pass.threads, pass.images, pass.dx, &|images, dx: &mut [f32]| {
        let dy = rows(dy_all, images.clone(), shape.y_len())?;
        let y = if pass.step.relu_in_pool { Some(rows(pass.y, images.clone(), shape.y_len())?) } else { None };
        let chosen = images.start * shape.y_len()..images.end * shape.y_len();
        let argmax = argmax.get(chosen).ok_or(super::wrong(pass.layer))?;
        pool2d::max_backward_into(pass.level, shape, images.len(), argmax, dy, y, dx)
    })
}
