//! What is written in place of a kind and is none.

use super::{BackwardPass, Context, Declared, ForwardPass, KINDS, Kind, ShapeError};
use crate::nn::declare::Message;

/// A kind that does not exist.
#[derive(Debug)]
pub struct Unknown;

impl Unknown {
    /// Stops the compilation with the names of those that do.
    pub const fn declare(context: Context<'_>) -> Declared {
        let mut message = context.message().text("`").text(context.kind()).text("` is no kind of layer");
        if let Some(nearest) = Message::nearest(context.kind(), KINDS) {
            message = message.text("; did you mean `").text(nearest).text("`?");
        }
        message.text(" There are: ").names(KINDS).fail()
    }
}

impl Kind for Unknown {
    fn forward(_pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        Ok(())
    }

    fn backward(_pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        Ok(())
    }
}
