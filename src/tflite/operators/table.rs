//! Functions of one `i8` that TensorFlow Lite Micro reads from a table: EXP, ELU; and ABS and RSQRT.

use super::{Emitter, Error, Found, How, Memory, Node, Type, Words, code, float, kind, quantized, roots};
use crate::kernels::int8::{Multiplier, Output, table::Table};

pub(super) const fn emit(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, y) = (tri!(node.input(0)), tri!(node.output(0)));
    if !matches!(node.operator.code(), code::EXP | code::ELU | code::ABS | code::RSQRT) {
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
    let real = match node.operator.code() {
        code::RSQRT => 1.0 / (root(from.scale as f64) * to.scale as f64),
        _ => from.scale as f64 / to.scale as f64,
    };
    out.multiplier(Multiplier::from_real(real));
    out.end();
    Ok(())
}

/// The square root of a positive number, as a `const fn`: Newton steps from above, until they no longer decrease.
const fn root(x: f64) -> f64 {
    let mut root = if x > 1.0 { x } else { 1.0 };
    loop {
        let next = 0.5 * (root + x / root);
        if next >= root {
            return root;
        }
        root = next;
    }
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
    } else if operation == code::RSQRT {
        let of = |x: i8| {
            let x = i32::from(x) - i32::from(zero_points[0]);
            roots::inverse_root_of(x, zero_points[1], multiplier, how.rescaling)
        };
        Table::from_fn(|x| of(x).unwrap_or_default())
    } else {
        Table::of_real(scales, zero_points, |x| float::function(operation, 0.0, x).unwrap_or_default())
    };
    super::unary::each(x, y, memory, |y| table.apply_in_place(how.level, y))
}
