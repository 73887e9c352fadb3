//! All axes as one: the same numbers in the same place.

use super::{BackwardPass, Context, Declared, ForwardPass, Kind, ShapeError, Spec, StepPass, copy, is_one_step};
use crate::{
    nn::declare::{InPlace, Streaming},
    shape::Dims,
};

/// All axes as one.
#[derive(Debug)]
pub struct Flatten;

impl Flatten {
    /// No arguments.
    pub const fn declare(context: Context<'_>) -> Declared {
        let context = context.expect("flatten", 0, &[]);
        let streaming = if is_one_step(&context.input()) { Streaming::EachStep } else { Streaming::No };
        Declared::new(&context, Dims::new(&[context.input().len()]), Spec { streaming, ..ALIAS })
    }
}

/// The output is the input.
pub(super) const ALIAS: Spec = Spec { in_place: InPlace::Alias, gradient_in_place: true, ..Spec::NEW };

impl Kind for Flatten {
    fn forward(_pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        Ok(())
    }

    fn backward(_pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        Ok(())
    }

    /// A step's output lies elsewhere.
    fn step(pass: StepPass<'_>) -> Result<bool, ShapeError> {
        copy(pass.x, pass.y).map(|()| true)
    }
}
