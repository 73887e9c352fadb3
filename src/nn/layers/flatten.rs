//! All axes as one: the same numbers in the same place.

use super::{BackwardPass, Context, Declared, ForwardPass, Kind, ShapeError, Spec};
use crate::{nn::declare::InPlace, shape::Dims};

/// All axes as one.
#[derive(Debug)]
pub struct Flatten;

impl Flatten {
    /// No arguments.
    pub const fn declare(context: Context<'_>) -> Declared {
        let context = context.expect("flatten", 0, &[]);
        Declared::new(&context, Dims::new(&[context.input().len()]), ALIAS)
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
}
