//! The mean of each channel over all pixels.

use super::{BackwardPass, ForwardPass, ShapeError, pool2d_shape, rows};
use crate::{kernels::pool2d, parallel};

pub use super::no_weights as weights;

pub fn forward(mut pass: ForwardPass<'_>) -> Result<(), ShapeError> {
    let (level, shape) = (pass.level, pool2d_shape(pass.layer)?);
    let (pixels, channels) = (shape.height * shape.width, shape.channels);
    super::forward_images(&mut pass, &|images, x, y| {
        pool2d::global_average_forward_into(level, pixels, channels, images.len(), x, y)
    })
}

pub fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
    let (level, shape) = (pass.level, pool2d_shape(pass.layer)?);
    let (pixels, channels) = (shape.height * shape.width, shape.channels);
    let dy = &*pass.dy;
    parallel::for_rows(pass.threads, pass.images, pass.dx, &|images, dx: &mut [f32]| {
        let dy = rows(dy, images.clone(), channels)?;
        pool2d::global_average_backward_into(level, pixels, channels, images.len(), dy, dx)
    })
}
