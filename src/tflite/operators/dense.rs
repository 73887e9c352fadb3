//! FULLY_CONNECTED.

use super::{
    Emitter, Error, Found, How, Memory, Node, Words, activation, as_i8, convolution,
    convolution::{Layer, filter},
    float, kind,
};
use crate::kernels::{dense::Dense, int8::dense};

pub(super) const fn emit(node: &Node<'_>, out: &mut Emitter<'_, '_>) -> Result<(), Error> {
    let layer = Layer {
        x: tri!(node.input(0)),
        w: tri!(node.input(1)),
        b: tri!(node.optional(2)),
        y: tri!(node.output(0)),
        activation: tri!(activation(node, 0)),
    };
    let Layer { x, w, y, .. } = &layer;
    if tri!(node.byte(1)) != 0 {
        return Err(node.fail("weights in the usual order", Found::Number(tri!(node.byte(1)) as i64)));
    }
    tri!(node.equal(w.dims.rank(), 2, "weights of two axes"));
    let dense = Dense::new(w.axis(1), w.axis(0));
    tri!(convolution::valid(node, dense.validate()));
    let batch = match (x.dims.len().checked_div(dense.inputs), y.dims.len().checked_div(dense.outputs)) {
        (Some(batch), Some(rows)) if batch * dense.inputs == x.dims.len() && batch == rows => {
            tri!(node.equal(y.dims.len(), rows * dense.outputs, "a row of outputs for each of inputs"));
            batch
        }
        _ => return Err(node.fail("as many inputs as the weights have columns", Found::Number(x.dims.len() as i64))),
    };
    out.add_macs(batch as u64 * dense.w_len() as u64);
    if layer.is_float() {
        out.begin(kind::FLOAT_DENSE, node.index);
        tri!(float::emit_layer(node, out, &layer, dense.w_len(), dense.outputs));
        out.sizes(&[batch, dense.inputs, dense.outputs]);
    } else {
        out.begin(kind::DENSE, node.index);
        tri!(layer.emit_places(out));
        out.sizes(&[batch, dense.inputs, dense.outputs]);
        tri!(layer.emit_filter(node, out, dense.outputs, 0));
    }
    out.end();
    Ok(())
}

pub(super) fn run(how: How, mut words: Words<'_>, memory: &mut Memory<'_>) -> Result<(), Error> {
    let [x, w, b, y] = [words.place()?, words.place()?, words.place()?, words.place()?];
    let [batch, inputs, outputs] = words.sizes()?;
    let (sources, y) = memory.output(y)?;
    let filter = filter(how, words, sources.i8(w)?, sources.bias(b)?)?;
    let dense = Dense::new(inputs, outputs);
    Ok(dense::forward_into(how.level, &dense, batch, sources.i8(x)?, &filter, as_i8(y))?)
}
