//! All axes as one: the same numbers in the same place.

use super::{BackwardPass, ForwardPass, ShapeError};

pub use super::no_weights as weights;

pub fn forward(_pass: ForwardPass<'_>) -> Result<(), ShapeError> {
    Ok(())
}

pub fn backward(_pass: BackwardPass<'_>) -> Result<(), ShapeError> {
    Ok(())
}
