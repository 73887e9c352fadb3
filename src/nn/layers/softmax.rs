//! Softmax over the last axis.

use super::{BackwardPass, ForwardPass, ShapeError, rows};
use crate::{kernels::softmax, nn::layer::last_axis, parallel};

pub use super::no_weights as weights;

pub fn forward(mut pass: ForwardPass<'_>) -> Result<(), ShapeError> {
    let (level, classes) = (pass.level, last_axis(&pass.layer.output));
    super::forward_images(&mut pass, &|_, x, y| softmax::softmax_into(level, classes, x, y))
}

pub fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
    let (level, classes, len) = (pass.level, last_axis(&pass.layer.output), pass.layer.output.len());
    let (y, dy) = (pass.y, &*pass.dy);
    parallel::for_rows(pass.threads, pass.images, pass.dx, &|images, dx: &mut [f32]| {
        softmax::softmax_backward_into(level, classes, rows(y, images.clone(), len)?, rows(dy, images, len)?, dx)
    })
}
