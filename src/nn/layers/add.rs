//! The residual connection: the sum with earlier layers' outputs, in the order in which they are named.

use super::{BackwardPass, Context, Declared, ForwardPass, Kind, ShapeError, Spec, copy, forward_samples, rows};
use crate::{kernels::elementwise, nn::declare::InPlace, parallel};

/// The sum with earlier layers' outputs.
#[derive(Debug)]
pub struct Add;

impl Add {
    /// The names of the other summands.
    pub const fn declare(context: Context<'_>) -> Declared {
        let context = context.expect("add(name)", 3, &[]).read_named();
        same_shapes(&context, "adds `");
        let spec = Spec { in_place: InPlace::Yes, gradient_in_place: true, accumulates: true, ends: true, ..Spec::NEW };
        Declared::new(&context, context.input(), spec)
    }
}

/// Refuses operands of other shapes than the first one's.
pub(super) const fn same_shapes(context: &Context<'_>, verb: &str) {
    let (operands, count) = context.operands();
    let input = context.input();
    let mut k = 1;
    while k < count {
        let other = context.dims(operands[k]);
        let mut equal = other.rank() == input.rank();
        let mut axis = 0;
        while axis < input.rank() {
            equal = equal && input.axis(axis) == other.axis(axis);
            axis += 1;
        }
        if !equal {
            let name = match context.producer(operands[k]) {
                Some(layer) => layer.name,
                None => "input",
            };
            context
                .message()
                .text(verb)
                .text(name)
                .text("` of shape ")
                .dims(&other)
                .text(" to an input of shape ")
                .dims(&input)
                .fail();
        }
        k += 1;
    }
}

impl Kind for Add {
    fn forward(mut pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        let (level, others, len) = (pass.level, pass.others, pass.node.input as usize);
        forward_samples(&mut pass, &|samples, x, y| {
            copy(x, y)?;
            for other in others.iter().filter(|other| !other.is_empty()) {
                elementwise::add_acc(level, rows(other, samples.clone(), len)?, y)?;
            }
            Ok(())
        })
    }

    fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        // The gradient passes on as it is, to the first summand in place.
        if pass.dx.is_empty() {
            return Ok(());
        }
        let (level, adds, len, dy) = (pass.level, pass.adds, pass.node.output as usize, &*pass.dy);
        parallel::for_rows(pass.threads, pass.samples, pass.dx, &|samples, dx: &mut [f32]| {
            let dy = rows(dy, samples, len)?;
            if adds { elementwise::add_acc(level, dy, dx) } else { copy(dy, dx) }
        })
    }
}
