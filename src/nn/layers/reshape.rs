//! Other axes for the same numbers in the same place.

use super::{BackwardPass, Context, Declared, ForwardPass, Kind, ShapeError, flatten::ALIAS};

/// Other axes.
#[derive(Debug)]
pub struct Reshape;

impl Reshape {
    /// The sizes of the axes, in brackets.
    pub const fn declare(context: Context<'_>) -> Declared {
        let context = context.expect("reshape([4, 4, 8])", 1, &[]);
        let (input, output) = (context.input(), context.axes(0, "axes"));
        if input.len() != output.len() {
            context.message().dims(&input).text(" cannot be read as ").dims(&output).fail();
        }
        Declared::new(&context, output, ALIAS)
    }
}

impl Kind for Reshape {
    fn forward(_pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        Ok(())
    }

    fn backward(_pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        Ok(())
    }
}
