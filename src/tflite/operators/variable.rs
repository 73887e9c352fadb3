//! Variables.

use super::{Emitter, Error, Found, Node};

pub(super) const fn emit(node: &Node<'_>, _: &mut Emitter<'_, '_>) -> Result<(), Error> {
    Err(node.fail("a state of variable tensors", Found::Other))
}
