//! Functions of one `i8` that TensorFlow Lite Micro reads from a table: EXP, ELU; and ABS.

use super::{Emitter, Error, Found, How, Memory, Node, Type, Words, code, float, kind, quantized};
use crate::kernels::int8::{Multiplier, Output, table::Table};

pub(super) const fn emit(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, y) = (tri!(node.input(0)), tri!(node.output(0)));
    if !matches!(node.operator.code(), code::EXP | code::ELU | code::ABS) {
        return Err(node.fail("float32", Found::Type(Type::INT8)));
    }
    let (from, to) = (tri!(quantized(node, &x)), tri!(quantized(node, &y)));
    out.begin(kind::TABLE, node.index);
    tri!(out.tensor(&x));
    tri!(out.tensor(&y));
    out.word(node.operator.code());
    out.word(from.scale.to_bits());
    out.word(to.scale.to_bits());
    out.int(from.zero_point as i32);
    out.int(to.zero_point as i32);
    out.multiplier(Multiplier::from_real(from.scale as f64 / to.scale as f64));
    out.end();
    Ok(())
}

pub(super) fn run(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let operation = words.word()?;
    let scales = [words.float()?, words.float()?];
    let zero_points = [words.byte()?, words.byte()?];
    let multiplier = words.multiplier()?;
    let table = if operation == code::ABS {
        let output = Output::new(zero_points[1]).with_rescaling(how.rescaling);
        Table::from_fn(|x| output.of((i32::from(x) - i32::from(zero_points[0])).abs(), multiplier))
    } else {
        Table::of_real(scales, zero_points, |x| float::function(operation, 0.0, x).unwrap_or_default())
    };
    super::unary::each(x, y, memory, |y| table.apply_in_place(how.level, y))
}
