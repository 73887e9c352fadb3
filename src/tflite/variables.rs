//! Variables that operators read and assign by handles, and that survive an invocation.
//!
//! A handle is not a value. The name of a VAR_HANDLE says which variable is meant by the operators that have its output
//! as an input; handles of the same name are one variable. In the plan, a variable takes the value that is scratch
//! memory for other operators: that of the first VAR_HANDLE of its name.
//!
//! CALL_ONCE names a subgraph that assigns constants to variables. It runs before the first invocation, and again in
//! [`Runner::reset`](super::Runner::reset); without it a variable begins with the zero point of what is assigned to it
//! first, as in TensorFlow Lite Micro.

use super::{
    Error, Found, Model, Type,
    flatbuffer::Vector,
    model::{Node, Tensor},
    operator::code,
    plan::{Row, START, Table},
    program::{Emitter, Place},
};

/// This many VAR_HANDLEs are too many: each name is compared with all others.
const HANDLES: usize = 256;

/// The most bytes of a name.
const NAME: usize = 1024;

/// The most CALL_ONCEs of a model.
const CALLS: usize = 4;

/// The most operators of a subgraph of CALL_ONCE.
const ASSIGNMENTS: usize = 512;

/// What is known about a variable, in the row of offsets: the type of its elements, and whether it is read and
/// assigned.
const KIND: u32 = 0xFF;
const SEEN: u32 = 1 << 8;
const READ: u32 = 1 << 9;
const ASSIGNED: u32 = 1 << 10;

/// What a VAR_HANDLE is called.
struct Name<'a> {
    container: Option<Vector<'a>>,
    shared: Vector<'a>,
}

impl<'a> Name<'a> {
    const fn of(node: &Node<'a>) -> Result<Self, Error> {
        let Some(shared) = tri!(node.text(1)) else { return Err(node.fail("a name", Found::Other)) };
        let container = tri!(node.text(0));
        let longest = match container {
            Some(container) if container.len() > shared.len() => container.len(),
            _ => shared.len(),
        };
        if longest > NAME {
            return Err(node.fail("a name of at most 1024 bytes", Found::Number(longest as i64)));
        }
        Ok(Self { container, shared })
    }

    /// Whether both name the same variable. To save space, some files leave out containers.
    const fn is(&self, other: &Self) -> bool {
        let container = match (&self.container, &other.container) {
            (Some(a), Some(b)) => a.equals(b),
            _ => true,
        };
        container && self.shared.equals(&other.shared)
    }
}

/// The first VAR_HANDLE with a name, among the first `operators` of a model.
const fn find(model: &Model<'_>, operators: usize, name: &Name<'_>) -> Result<Option<usize>, Error> {
    let (mut handles, mut i) = (0, 0);
    while i < operators {
        let node = tri!(model.operator(i));
        if node.operator.code() == code::VAR_HANDLE {
            if tri!(Name::of(&node)).is(name) {
                return Ok(Some(i));
            }
            handles += 1;
            if handles == HANDLES {
                return Err(node.fail("less than 256 in a model", Found::Number(HANDLES as i64)));
            }
        }
        i += 1;
    }
    Ok(None)
}

/// The handle that VAR_HANDLE writes, or that READ_VARIABLE or ASSIGN_VARIABLE reads.
pub(super) const fn handle<'a>(node: &Node<'a>) -> Result<Tensor<'a>, Error> {
    let handle = if node.operator.code() == code::VAR_HANDLE {
        tri!(Name::of(node));
        tri!(node.output(0))
    } else {
        tri!(node.input(0))
    };
    tri!(node.expect(&handle, Type::RESOURCE, "a handle of type RESOURCE"));
    Ok(handle)
}

/// What READ_VARIABLE writes, or ASSIGN_VARIABLE reads.
pub(super) const fn value<'a>(node: &Node<'a>) -> Result<Tensor<'a>, Error> {
    let value = if node.operator.code() == code::READ_VARIABLE { tri!(node.output(0)) } else { tri!(node.input(1)) };
    match value.kind.size() {
        Some(_) => Ok(value),
        None => Err(node.fail("elements of whole bytes", Found::Type(value.kind))),
    }
}

/// The subgraph that CALL_ONCE runs: VAR_HANDLE and ASSIGN_VARIABLE of constants, nothing else.
pub(super) const fn once<'a>(node: &Node<'a>) -> Result<Model<'a>, Error> {
    let graph = tri!(node.model.graph(tri!(node.int(0, 0)) as u32 as usize));
    if graph.operators() > ASSIGNMENTS {
        let expected = "a subgraph of at most 512 operators";
        return Err(node.fail(expected, Found::Number(graph.operators() as i64)));
    }
    let mut i = 0;
    while i < graph.operators() {
        let node = tri!(graph.operator(i));
        tri!(match node.operator.code() {
            code::VAR_HANDLE => handle(&node),
            code::ASSIGN_VARIABLE => {
                tri!(handle(&node));
                let value = tri!(value(&node));
                match value.data {
                    Some(_) => Ok(value),
                    None => Err(node.fail("a constant in CALL_ONCE's subgraph", Found::Number(value.index as i64))),
                }
            }
            other => {
                let expected = "VAR_HANDLE or ASSIGN_VARIABLE in CALL_ONCE's subgraph";
                Err(node.fail(expected, Found::Number(other as i64)))
            }
        });
        i += 1;
    }
    Ok(graph)
}

/// The model's VAR_HANDLE of the variable that an operator of CALL_ONCE's subgraph assigns to, if there is one.
const fn assigned(model: &Model<'_>, assignment: &Node<'_>) -> Result<Option<usize>, Error> {
    let (graph, handle) = (&assignment.model, tri!(handle(assignment)));
    let mut i = 0;
    while i < assignment.index {
        let node = tri!(graph.operator(i));
        if node.operator.code() == code::VAR_HANDLE && tri!(node.output(0)).index == handle.index {
            return find(model, model.operators(), &tri!(Name::of(&node)));
        }
        i += 1;
    }
    Err(assignment.fail("a handle that VAR_HANDLE wrote before", Found::Number(handle.index as i64)))
}

/// Fails where a variable has elements of another type or number.
const fn agree(node: &Node<'_>, value: &Tensor<'_>, table: &Table<'_>, variable: usize) -> Result<(), Error> {
    let kind = Type::new((table.get(Row::At, variable) & KIND) as u8);
    tri!(node.expect(value, kind, "the variable's type"));
    node.equal(value.bytes(), table.get(Row::Size, variable) as usize, "as many bytes as the variable has")
}

/// Resolves handles to variables; one that is read or assigned lives from the start to the end.
pub(super) const fn uses(node: &Node<'_>, table: &mut Table<'_>) -> Result<(), Error> {
    let (tensors, end) = (table.tensors, node.model.operators() as u32 + 1);
    match node.operator.code() {
        code::VAR_HANDLE => {
            let first = match tri!(find(&node.model, node.index, &tri!(Name::of(node)))) {
                Some(first) => first,
                None => node.index,
            };
            table.set(Row::Root, tri!(handle(node)).index, (tensors + first) as u32);
        }
        code::READ_VARIABLE | code::ASSIGN_VARIABLE => {
            let (handle, value) = (tri!(handle(node)), tri!(value(node)));
            let variable = table.get(Row::Root, handle.index) as usize;
            if variable < tensors {
                return Err(node.fail("a handle that VAR_HANDLE wrote before", Found::Number(handle.index as i64)));
            }
            if table.get(Row::At, variable) == 0 {
                table.set(Row::At, variable, value.kind.code() as u32 | SEEN);
                table.set(Row::Size, variable, value.bytes() as u32);
                table.lives(variable, START);
                table.lives(variable, end);
            }
            tri!(agree(node, &value, table, variable));
            let how = if node.operator.code() == code::READ_VARIABLE { READ } else { ASSIGNED };
            table.set(Row::At, variable, table.get(Row::At, variable) | how);
        }
        code::CALL_ONCE => {
            // In TensorFlow Lite Micro it runs in its place in the first invocation.
            let mut variable = tensors;
            while variable < table.values {
                if table.get(Row::At, variable) != 0 {
                    return Err(
                        node.fail("READ_VARIABLE and ASSIGN_VARIABLE behind it", Found::Number(node.index as i64))
                    );
                }
                variable += 1;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Checks what is known only after the last operator: that there are not too many handles, that what CALL_ONCE assigns
/// fits, that what is read is assigned, and not by an operator after the last.
pub(super) const fn check(model: &Model<'_>, table: &mut Table<'_>) -> Result<(), Error> {
    let (mut handles, mut calls, mut i) = (0, 0, 0);
    while i < model.operators() {
        let node = tri!(model.operator(i));
        handles += (node.operator.code() == code::VAR_HANDLE) as usize;
        if node.operator.code() == code::CALL_ONCE {
            calls += 1;
            if calls > CALLS {
                return Err(node.fail("at most 4 in a model", Found::Number(calls as i64)));
            }
            let (graph, mut k) = (tri!(once(&node)), 0);
            while k < graph.operators() {
                let node = tri!(graph.operator(k));
                if node.operator.code() == code::ASSIGN_VARIABLE
                    && let Some(operator) = tri!(assigned(model, &node))
                {
                    let variable = table.tensors + operator;
                    let known = table.get(Row::At, variable);
                    if known != 0 {
                        tri!(agree(&node, &tri!(value(&node)), table, variable));
                        table.set(Row::At, variable, known | ASSIGNED);
                    }
                }
                k += 1;
            }
        }
        i += 1;
    }
    let mut i = 0;
    while handles > 0 && i < model.operators() {
        if table.get(Row::At, table.tensors + i) & (READ | ASSIGNED) == READ {
            return Err(tri!(model.operator(i)).fail("an ASSIGN_VARIABLE of what is read", Found::Number(0)));
        }
        i += 1;
    }
    let whole = model.whole();
    while handles > 0 && i < whole.operators() {
        let node = tri!(whole.operator(i));
        if node.operator.code() == code::VAR_HANDLE {
            let first = match tri!(find(model, model.operators(), &tri!(Name::of(&node)))) {
                Some(first) => first + table.tensors,
                None => 0,
            };
            table.set(Row::Root, tri!(handle(&node)).index, first as u32);
        } else if node.operator.code() == code::ASSIGN_VARIABLE {
            let variable = table.get(Row::Root, tri!(handle(&node)).index) as usize;
            if variable >= table.tensors && table.get(Row::At, variable) & READ != 0 {
                let expected = "a model that ends behind it, as its variable is read";
                return Err(node.fail(expected, Found::Number(model.operators() as i64 - 1)));
            }
        }
        i += 1;
    }
    Ok(())
}

/// Writes the first values of variables.
pub(super) const fn emit(out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let model = out.model;
    let mut i = 0;
    while i < model.operators() {
        let node = tri!(model.operator(i));
        if node.operator.code() == code::VAR_HANDLE {
            tri!(emit_fill(&node, out));
        }
        i += 1;
    }
    let mut i = 0;
    while i < model.operators() {
        let node = tri!(model.operator(i));
        if node.operator.code() == code::CALL_ONCE {
            tri!(emit_copies(&tri!(once(&node)), out));
        }
        i += 1;
    }
    Ok(())
}

/// Writes the zero point of what is assigned to a variable first.
const fn emit_fill(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (model, place) = (out.model, out.variable_of_operator(node.index));
    let (mut byte, mut i) = (0, 0);
    while place.len() > 0 && i < model.operators() {
        let node = tri!(model.operator(i));
        if node.operator.code() == code::ASSIGN_VARIABLE && out.variable(&tri!(handle(&node))).is(place) {
            let value = tri!(value(&node));
            byte = if value.scales.len() > 0 { value.zero_point() as u8 } else { 0 };
            break;
        }
        i += 1;
    }
    out.fill(place, byte);
    Ok(())
}

/// Writes copies of the constants that CALL_ONCE's subgraph assigns.
const fn emit_copies(graph: &Model<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let mut i = 0;
    while i < graph.operators() {
        let node = tri!(graph.operator(i));
        if node.operator.code() == code::ASSIGN_VARIABLE {
            let mut to = Place::arena(0, 0);
            if out.is_planned()
                && let Some(operator) = tri!(assigned(&out.model, &node))
            {
                to = out.variable_of_operator(operator);
            }
            // Nothing where nothing reads it.
            let from = if to.len() > 0 { tri!(out.place_of(&tri!(value(&node)))) } else { to };
            out.copy(from, to);
        }
        i += 1;
    }
    Ok(())
}
