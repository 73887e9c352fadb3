//! AVERAGE_POOL_2D and MAX_POOL_2D; L2_POOL_2D of floats.

use super::{
    Emitter, Error, Found, How, Memory, Node, Type, Words, activation, as_i8, code,
    convolution::{emit_float_range, image, padding, pair, valid},
    kind, quantized,
};
use crate::kernels::{int8::pool2d, pool2d::Pool2d};

pub(super) const fn emit(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let (x, y) = (tri!(node.input(0)), tri!(node.output(0)));
    tri!(image(node, &x));
    tri!(image(node, &y));
    let operation = node.operator.code();
    let pool = Pool2d::new(x.axis(1), x.axis(2), x.axis(3), tri!(pair(node, 4, 3, 0)))
        .with_stride(tri!(pair(node, 2, 1, 0)))
        .with_padding(tri!(padding(node)));
    tri!(valid(node, pool.validate()));
    let sizes = [x.axis(0), pool.out_height(), pool.out_width(), pool.channels];
    let mut i = 0;
    while i < 4 {
        tri!(node.equal(y.axis(i), sizes[i], "an output of the size that follows from the input's"));
        i += 1;
    }
    let activation = tri!(activation(node, 5));
    let float = x.kind.is(Type::FLOAT32);
    let step = if operation == code::AVERAGE_POOL_2D { kind::AVERAGE_POOL } else { kind::MAX_POOL };
    out.begin(if float { kind::FLOAT_POOL } else { step }, node.index);
    tri!(out.tensor(&x));
    tri!(out.tensor(&y));
    out.sizes(&[x.axis(0), pool.height, pool.width, pool.channels]);
    out.sizes(&pool.kernel);
    out.sizes(&pool.stride);
    out.sizes(&pool.padding);
    if float {
        tri!(node.expect(&y, Type::FLOAT32, "float32"));
        out.word(operation);
        emit_float_range(out, activation);
    } else {
        if operation == code::L2_POOL_2D {
            return Err(node.fail("float32", Found::Type(x.kind)));
        }
        tri!(quantized(node, &x));
        let of = tri!(quantized(node, &y));
        let [least, most] = activation.range(of.scale, of.zero_point);
        out.int(least as i32);
        out.int(most as i32);
    }
    out.end();
    Ok(())
}

/// The batch and the shape.
pub(super) fn sizes(words: &mut Words<'_>) -> Result<(usize, Pool2d), Error> {
    let [batch, height, width, channels] = words.sizes()?;
    let mut pool = Pool2d::new(height, width, channels, words.sizes()?);
    pool.stride = words.sizes()?;
    pool.padding = words.sizes()?;
    Ok((batch, pool))
}

pub(super) fn run_average(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let (batch, pool) = sizes(&mut words)?;
    let range = [words.byte()?, words.byte()?];
    let (sources, y) = memory.output(y)?;
    Ok(pool2d::average_forward_into(how.level, &pool, batch, range, sources.i8(x)?, as_i8(y))?)
}

pub(super) fn run_max(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, y] = [words.place()?, words.place()?];
    let (batch, pool) = sizes(&mut words)?;
    let range = [words.byte()?, words.byte()?];
    let (sources, y) = memory.output(y)?;
    Ok(pool2d::max_forward_into(how.level, &pool, batch, range, sources.i8(x)?, as_i8(y))?)
}
