//! The residual connection: the sum with an earlier layer's output.

use super::{BackwardPass, ForwardPass, ShapeError, rows};
use crate::kernels::elementwise;

pub use super::no_weights as weights;

pub fn forward(mut pass: ForwardPass<'_>) -> Result<(), ShapeError> {
    let (level, skip, len) = (pass.level, pass.skip, pass.layer.input.len());
    super::forward_images(&mut pass, &|images, x, y| {
        super::copy(x, y)?;
        elementwise::add_acc(level, rows(skip, images, len)?, y)
    })
}

pub fn backward(_pass: BackwardPass<'_>) -> Result<(), ShapeError> {
    // The gradient passes on as it is, in place; the pass has copied it to the other summand.
    Ok(())
}
