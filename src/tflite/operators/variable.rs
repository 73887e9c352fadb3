//! READ_VARIABLE and ASSIGN_VARIABLE copy; VAR_HANDLE and CALL_ONCE have no step.

use super::{Emitter, Error, Node, code, kind, variables};

pub(super) const fn emit(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    if node.operator.code() == code::CALL_ONCE {
        tri!(node.equal(node.inputs() + node.outputs(), 0, "no inputs and no outputs"));
        tri!(variables::once(node));
        return Ok(());
    }
    let handle = tri!(variables::handle(node));
    if node.operator.code() == code::VAR_HANDLE {
        return Ok(());
    }
    let value = tri!(variables::value(node));
    if value.bytes() == 0 {
        return Ok(());
    }
    let (variable, place) = (out.variable(&handle), tri!(out.place_of(&value)));
    out.begin(kind::MOVE, node.index);
    if node.operator.code() == code::READ_VARIABLE {
        out.place(variable);
        out.place(place);
    } else {
        out.place(place);
        out.place(variable);
    }
    // All bytes at once, from the first.
    out.sizes(&[value.bytes(), 0, 0]);
    out.end();
    Ok(())
}
