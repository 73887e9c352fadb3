//! Activations: one kernel each, so that only those in use are linked.

use super::{BackwardPass, ForwardPass, ShapeError};

/// The module of an activation whose backward reads its output.
macro_rules! of_output {
    ($(#[$meta:meta])* $name:ident, $forward:path, $backward:path $(, $value:path)?) => {
        $(#[$meta])*
        pub mod $name {
            use super::{BackwardPass, ForwardPass, ShapeError};

            pub use super::super::no_weights as weights;

            pub fn forward(mut pass: ForwardPass<'_>) -> Result<(), ShapeError> {
                let level = pass.level;
                $(let value = $value(pass.layer)?;)?
                super::super::forward_images(&mut pass, &|_, x, y| {
                    if !x.is_empty() {
                        y.copy_from_slice(x);
                    }
                    $forward(level, y $(, { let _: fn(&_) -> _ = $value; value })?);
                    Ok(())
                })
            }

            pub fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
                $(let value = $value(pass.layer)?;)?
                $backward(pass.level, pass.y, pass.dy $(, { let _: fn(&_) -> _ = $value; value })?)
            }
        }
    };
}

of_output!(
    relu,
    crate::nn::provisional::activation::relu_in_place,
    crate::nn::provisional::activation::relu_backward_in_place
);
